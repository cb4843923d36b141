"""What ships is what the command makes: the recorded curves' specs, and the accuracies stated beside the weights."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from resnet_viz import labs
from resnet_viz.cli import reference
from resnet_viz.data import catalogue
from resnet_viz.data.splits import load_test
from resnet_viz.files import LABS
from resnet_viz.nets import refs, weights
from resnet_viz.runs import record
from resnet_viz.runs.store import Store
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


def _accuracy(about: str) -> str:
    return about.partition(" % test accuracy")[0].rpartition(" ")[2]


@pytest.mark.parametrize("path", sorted(LABS.glob("l*.npz")), ids=lambda path: path.stem)
def test_a_recorded_lab_is_of_nets_that_ship(path) -> None:
    """One training under one name, by which the page finds it."""
    (made,) = record.load(path)
    shipped = {source.label: source for source in refs.shipped()}
    for ref, net in zip(made.spec.lab.networks, made.result["nets"], strict=True):
        source = shipped[net["label"]]
        assert net["network"] == ref == source.ref
        if "about" in net:
            assert _accuracy(net["about"]) == _accuracy(source.about)


@pytest.mark.parametrize("name", ["digits-20-path", "digits-56"])
def test_in_the_middle_of_a_recorded_landscape_is_the_loss_of_the_weights_that_ship(name, one_thread) -> None:
    (made,) = record.load(LABS / f"landscape-{name}.npz")
    ref = {source.label: source.ref for source in refs.shipped()}
    networks = tuple(ref[net["label"]] for net in made.result["nets"])
    lab = replace(made.spec.lab, networks=networks, directions="random", dimensions=1, size=5)
    _, events = labs.begin(replace(made.spec, train=TrainSpec(device="cpu", threads=1), lab=lab), Store())
    *_, measured = events
    for here, recorded in zip(measured.values["nets"], made.result["nets"], strict=True):
        assert here["loss"] == pytest.approx(recorded["loss"], rel=0.01)


@pytest.mark.parametrize("what", ["digits-20", "digits-56"])
def test_the_weights_that_ship_are_those_of_the_recorded_curves(what, one_thread) -> None:
    """The loss over the test images, in half precision and float32 here, is the recorded one's."""
    for made in record.load(reference.ASSETS / f"{what}.npz")[:2]:
        network = weights.load(refs.find(f"shipped:digits-{made.spec.model.called}", Store()))
        x, y = load_test(made.spec.data)
        with torch.no_grad():
            loss = F.cross_entropy(network.model(network.prepare(x)), torch.from_numpy(y)).item()
        assert loss == pytest.approx(made.result["test_loss"], abs=0.003)
