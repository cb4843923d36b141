from dataclasses import replace

import pytest

from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.spec.values import DEFAULTS, residual_spec, values_of
from resnet_viz.ui.controls import PRESETS, chosen


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_pair_of_valid_runs(preset) -> None:
    residual, plain = chosen(DEFAULTS | PRESETS[preset][1])
    assert residual.model.residual
    assert plain.model == residual.model.twin()
    assert plain.train == residual.train
    assert plain.data == residual.data


@pytest.mark.parametrize(
    "spec",
    [
        RunSpec(),
        RunSpec(
            ModelSpec(
                depth=20, shortcut="projection", init="zero_gamma", stochastic_depth=0.5, width=2.0, no_skip=(3, 9)
            ),
            DataSpec("own", hash="abc", limit=500, augment=("flip", "crop")),
            TrainSpec(optimizer="adamw", lr=0.001, schedule="cosine", seed=7, mixup=0.2, reestimate_bn=False),
        ),
        RunSpec(data=DataSpec(augment=())),
    ],
)
def test_controls_describe_a_run_and_back(spec) -> None:
    again = residual_spec(values_of(spec))
    assert again == replace(spec, data=replace(spec.data, label=again.data.label))


def test_nets_chosen() -> None:
    assert [s.model.residual for s in chosen(DEFAULTS)] == [True, False]
    assert [s.model.residual for s in chosen(DEFAULTS | {"nets": "plain"})] == [False]


def test_a_plain_run_is_started_again_as_it_was() -> None:
    plain = chosen(DEFAULTS)[1]
    assert chosen(values_of(plain)) == [plain]
