"""What ships is what the command makes: the recorded curves' specs, and the accuracies stated beside the weights."""

from dataclasses import replace

import pytest

from resnet_viz.cli import reference
from resnet_viz.data import catalogue
from resnet_viz.nets import refs
from resnet_viz.runs import record
from resnet_viz.spec.train import TrainSpec


@pytest.mark.parametrize("what", reference.SETS)
def test_what_ships_was_made_by_the_command(what) -> None:
    records = record.load(reference.ASSETS / f"{what}.npz")
    wanted = [catalogue.fill(spec) for spec in reference.specs(what)]
    # What is decided for a machine when a run starts may differ.
    free = {name: getattr(TrainSpec(), name) for name in ("device", "dtype", "threads")}
    assert [replace(r.spec, train=replace(r.spec.train, **free)) for r in records] == wanted
    for made in records:
        assert made.status == "finished"
        assert made.step == made.steps == catalogue.total_steps(made.spec)
        assert made.info["created"] > 0
        assert {"torch", "machine", "device"} <= set(made.info)


@pytest.mark.parametrize("source", refs.shipped(), ids=lambda s: s.label)
def test_the_accuracy_beside_the_weights_is_the_recorded_one(source) -> None:
    pair = record.load(reference.ASSETS / f"{source.data.name}-{source.spec.depth}.npz")
    mine = next(r for r in pair if r.spec.model == source.spec)
    assert f"{100 * mine.result['test_accuracy']:.1f} % test accuracy" in source.about
    assert f"{mine.spec.train.epochs} epochs" in source.about
    assert source.step == mine.steps
    assert source.data == mine.spec.data
