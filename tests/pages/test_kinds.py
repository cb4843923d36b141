"""Networks of other kinds than the shipped ones, brought or trained, on the pages and in the labs that look into blocks."""

from collections.abc import Iterator

import numpy as np
import pytest

from resnet_viz import labs
from resnet_viz.data import catalogue
from resnet_viz.nets.bring import import_checkpoint
from resnet_viz.nets.refs import Source
from resnet_viz.runs.events import Point, Result
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.lab import LandscapeSpec, LesionSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train.job import run
from tests.apps import headline, unrun
from tests.nets.files import saved, state

pytestmark = pytest.mark.usefixtures("one_thread")

GREY = {"channels": 1, "size": 8}
KINDS = {
    "CIFAR ResNet-18": ModelSpec(depth=18, stages=(2, 2, 2, 2), shortcut="projection", width=0.25, **GREY),
    "grouped bottlenecks": ModelSpec(
        depth=14,
        stages=(1, 2, 1),
        groups=2,
        width_per_group=32,
        stride_in_1x1=True,
        hidden=(12,),
        shortcut="projection",
        **GREY,
    ),
    "Wide ResNet-10-2": ModelSpec(depth=8, width=2.0, stem_channels=16, order="preact", shortcut="projection", **GREY),
}


@pytest.fixture(params=KINDS)
def brought(request) -> Iterator[Source]:
    spec = KINDS[request.param]
    told = {"stride_in_1x1": spec.stride_in_1x1, "data": DataSpec("digits")}
    source = import_checkpoint("theirs.pth", saved(state(spec)), mean=[0.3], std=[0.3], **told)
    assert source.spec == spec
    return source


def test_inside_explain_and_the_labs_take_it(brought) -> None:
    for name, chosen in {
        "inside": {"net": brought.ref},
        "explain": {"net": brought.ref, "methods": ["gradcam", "guided_backprop"]},
        "lesions": {"lesion_net": brought.ref},
        "landscape": {"landscape_net": brought.ref},
    }.items():
        at = unrun(name, **chosen).run()
        assert not at.exception, name
        assert not at.error, name
        assert at.selectbox(key=next(iter(chosen))).value == brought.ref
        assert headline(at)


def test_lesions_and_landscape_are_measured(brought) -> None:
    for lab in (LesionSpec((brought.ref,), images=20, repeats=1), LandscapeSpec((brought.ref,), size=5, images=16)):
        spec = labs.run_of(lab, Store(), TrainSpec(threads=1, device="cpu", dtype="float32"))
        steps, events = labs.begin(spec, Store())
        points = [event for event in events if isinstance(event, Point)]
        assert len(points) == steps


@pytest.mark.parametrize("kind", KINDS)
def test_it_trains_beside_its_plain_twin(kind) -> None:
    """Twins share every tensor they have in common, and both reach a loss."""
    spec = catalogue.fill(RunSpec(KINDS[kind], train=TrainSpec(steps=3, threads=1, device="cpu", dtype="float32")))
    for one in (spec, spec.twin()):
        one.validate()
        *_, last = (event for event in run(one) if isinstance(event, Result))
        assert np.isfinite(last.values["train_loss"])
    ours, theirs = state(spec.model), state(spec.model.twin())
    assert set(theirs) == {name for name in ours if "downsample" not in name}
    assert all(ours[name].equal(value) for name, value in theirs.items())
