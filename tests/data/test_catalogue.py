"""What pages may know of data sets without torch: facts, and a run filled in from them."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from resnet_viz.data import catalogue
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.run import RunSpec, SpecError
from resnet_viz.spec.train import TrainSpec


@pytest.mark.parametrize(
    ("limit", "batch", "steps"), [(0, 128, 11), (0, 1350, 1), (129, 128, 1), (130, 128, 2), (128, 128, 1), (1, 2, 0)]
)
def test_a_last_batch_of_one_image_is_left_out(limit, batch, steps) -> None:
    assert catalogue.steps_per_epoch(RunSpec(data=DataSpec(limit=limit), train=TrainSpec(batch_size=batch))) == steps


def test_a_run_is_filled_from_its_data() -> None:
    spec = catalogue.fill(RunSpec(data=DataSpec("cifar100", label="left over")))
    assert (spec.model.channels, spec.model.classes, spec.model.size) == (3, 100, 32)
    assert (spec.data.augment, spec.data.label) == (("flip", "crop"), "")
    assert catalogue.fill(spec) == spec
    assert catalogue.fill(replace(spec, data=DataSpec("cifar10", augment=()))).data.augment == ()
    assert catalogue.total_steps(replace(spec, train=TrainSpec(steps=7))) == 7


def test_a_batch_larger_than_the_data_is_refused_with_both_numbers() -> None:
    with pytest.raises(SpecError, match=r"2,000 .* 1,350"):
        catalogue.fill(RunSpec(train=TrainSpec(batch_size=2000)))
    with pytest.raises(SpecError, match="-1 is outside 0"):
        catalogue.fill(RunSpec(data=DataSpec(limit=-1)))


def test_facts_say_what_is_loaded() -> None:
    for name, about in catalogue.BUILT_IN.items():
        assert len(set(about.classes)) == len(about.classes) == (100 if name == "cifar100" else 10)
    assert list(catalogue.BUILT_IN["cifar100"].classes) == sorted(catalogue.BUILT_IN["cifar100"].classes)


def test_pages_can_ask_for_facts_without_heavy_imports() -> None:
    code = (
        "import sys; from resnet_viz.data import catalogue, download; from resnet_viz.spec.run import RunSpec;"
        "catalogue.fill(RunSpec()); download.available('mnist'); catalogue.own_data();"
        "print([m for m in ('torch', 'torchvision', 'sklearn') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    answer = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
