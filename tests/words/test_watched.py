"""What is said of networks in a user's own loop: rules on records."""

import re
from dataclasses import replace

import numpy as np
import pytest

from resnet_viz.runs.layout import Block, Layout
from resnet_viz.runs.record import Record
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.own import OwnSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.words import watched

STEPS = np.arange(1, 33)
SPEC = RunSpec(
    ModelSpec(depth=21, classes=1), train=TrainSpec(lr=0.02, batch_size=16), own=OwnSpec("mine", "ResNet", "SGD")
)
BLOCKS = tuple(Block(f"layer1.{n}", 1, True, 4, 8) for n in range(3))


def run(**series) -> Record:
    """A watched run of three blocks and two layers at its 32nd step; each vector the same at every step."""
    healthy = {
        "loss": 0.5,
        "lr": 0.02,
        "grad_block": [2.0, 1.5, 1.0],
        "update_ratio": [1e-3, 2e-3],
        "branch_share": [0.3, 0.2, 0.1],
    }
    values = {name: np.repeat(np.array([value], np.float32), 32, 0) for name, value in (healthy | series).items()}
    layout = Layout(BLOCKS, ("a.weight", "b.weight"), True)
    return Record(
        "1", SPEC, "running", "mine", 32, 128, series={n: (STEPS, v) for n, v in values.items()}, own_layout=layout
    )


def test_a_healthy_net_gets_no_advice_and_one_that_has_just_begun_neither() -> None:
    assert watched.advice(run()) == []
    assert watched.advice(replace(run(update_ratio=[1.0, 1.0]), step=15)) == []
    assert watched.advice(replace(run(), series={})) == []


@pytest.mark.parametrize(
    ("series", "says"),
    [
        ({"branch_share": [0.3, 9e-4, 0.1]}, "Block layer1.1: the branch adds under 0.1 %"),
        ({"branch_share": [1e-5, 9e-4, np.nan]}, "Blocks layer1.0, layer1.1: the branch"),
        ({"grad_block": [2600, 10, 1]}, "The gradient at the first block is 2,600 times the last block's: it explodes"),
        ({"grad_block": [1, 10, 2600]}, "The gradient at the last block is 2,600 times the first block's: it vanishes"),
        (
            {"update_ratio": [0.05, 0.07]},
            "A step moves the weights by 0.06 of their size .* smaller learning rate, such as 0.002",
        ),
        ({"update_ratio": [np.nan, 1e-5]}, "A step moves the weights by 1e-05 of .* larger learning rate, such as 0.2"),
    ],
)
def test_each_trouble_is_one_sentence_with_what_to_try(series, says) -> None:
    (sentence,) = watched.advice(run(**series))
    assert re.match(says, sentence)


@pytest.mark.parametrize(
    "series", [{"grad_block": [99, 1, 1]}, {"update_ratio": [0.02, 0.02]}, {"branch_share": [1.1e-3] * 3}]
)
def test_what_is_within_its_limits_is_left_alone(series) -> None:
    assert watched.advice(run(**series)) == []


def test_the_verdict_names_each_net_its_loss_and_how_it_ended() -> None:
    lost = replace(run(loss=np.nan), name="other", status="lost")
    assert watched.verdict([run(), lost]) == (
        "mine: training loss 0.50, step 32; other: training loss not a finite number, step 32, lost."
    )
    assert watched.aside([run()]) == (
        "Trained by your own loop: ResNet, 21 layers with weights, learning rate 0.02, batch 16. "
        "Training loss: smoothed, as in the chart."
    )
