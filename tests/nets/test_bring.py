"""Bringing checkpoints: what is asked and said beside the weights, and that what is kept is what was brought."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from resnet_viz.data import catalogue
from resnet_viz.nets import bring, refs, weights
from resnet_viz.nets.bring import NeedsMoments, import_checkpoint
from resnet_viz.nets.refs import NetworkError
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train.job import run
from tests.nets.files import HALF, SMALL, SMALL_50, expected, logits, saved, state

pytestmark = pytest.mark.usefixtures("one_thread")


def test_one_logit_is_two_classes_by_its_sigmoid() -> None:
    theirs = state() | {"fc.weight": state()["fc.weight"][:1], "fc.bias": state()["fc.bias"][:1]}
    source = import_checkpoint("binary.pth", saved(theirs), **HALF)
    z = expected(SMALL)[:, 0]
    torch.testing.assert_close(logits(weights.load(source)).softmax(1)[:, 1], z.sigmoid())
    assert "single logit" in source.about


def test_what_no_tensor_tells_is_said_or_given() -> None:
    """The size of the images, and where a ResNet-50 strides."""
    content = saved(state(SMALL_50))
    source = import_checkpoint("a.pth", content, **HALF)
    assert "images of 224×224; stride in the 3×3 convolution (v1.5" in source.about
    assert import_checkpoint("a.pth", content, **HALF, size=299).spec.size == 299
    assert "Assumed" not in import_checkpoint("b.pth", saved(state()), **HALF).about


def test_one_file_as_two_networks_is_two_networks() -> None:
    content = saved(state())
    names = {
        import_checkpoint("a.pth", content, **HALF).ref,
        import_checkpoint("other name.pth", content, **HALF).ref,
        import_checkpoint("a.pth", content, mean=[0.4] * 3, std=[0.25] * 3).ref,
        import_checkpoint("a.pth", content, **HALF, data=DataSpec("cifar10")).ref,
        import_checkpoint("a.pth", content, **HALF, classes="abcdefghij").ref,
    }
    assert len(names) == 4


def test_what_it_was_trained_on_names_its_classes() -> None:
    source = import_checkpoint("a.pth", saved(state()), **HALF, data=DataSpec("cifar10"))
    assert weights.load(source).classes == catalogue.BUILT_IN["cifar10"].classes
    assert refs.find(source.ref, Store()).data == DataSpec("cifar10")
    with pytest.raises(NetworkError, match="10 classes apart, but 2 names"):
        import_checkpoint("a.pth", saved(state()), **HALF, classes=("cat", "dog"))


def test_without_mean_and_std_both_are_asked_for() -> None:
    content = saved(state(replace(SMALL, channels=1)))
    with pytest.raises(NeedsMoments, match=r"'a.pth' is a residual-8 net .* mean and std") as caught:
        import_checkpoint("a.pth", content)
    assert caught.value.spec.channels == 1
    assert weights.load(import_checkpoint("a.pth", content, mean=[0.1307], std=[0.3081])).mean.shape == (1,)


@pytest.mark.parametrize(
    ("mean", "std", "words"),
    [
        ([123.7, 116.3, 103.5], [0.2] * 3, "123.7, 116.3, 103.5 is not 3 numbers from 0 to 1"),
        ([0.5] * 2, [0.2] * 3, "not 3 numbers"),
        ([0.5] * 3, [0.2, float("nan"), 0.2], "nan"),
        ([0.5] * 3, [0.2, 0.0, 0.2], "std of 0 can't be divided by"),
    ],
)
def test_bad_moments_are_said(mean, std, words) -> None:
    with pytest.raises(NetworkError, match=words.replace(".", r"\.")):
        import_checkpoint("a.pth", saved(state()), mean=mean, std=std)


def test_a_runs_checkpoint_and_what_ships_need_no_questions(tmp_path) -> None:
    spec = RunSpec(
        ModelSpec(depth=8, width=0.25, channels=1, size=8), train=TrainSpec(steps=2, threads=1, dtype="float32")
    )
    spec = catalogue.fill(spec)
    job = run(spec)
    next(job)
    checkpoint = None
    for event in job:
        checkpoint = event if type(event).__name__ == "Checkpoint" else checkpoint
    assert checkpoint
    source = import_checkpoint("step.pt", checkpoint.data)
    assert (source.spec, source.data, source.step) == (spec.model, spec.data, 2)
    network = weights.load(source)
    assert 20 < float(network.mean) < 120  # grey levels of the digits
    weights.save(tmp_path / "a.safetensors", network)
    again = import_checkpoint("a.safetensors", (tmp_path / "a.safetensors").read_bytes())
    assert (again.spec, again.data, again.step, again.label) == (source.spec, source.data, 2, source.label)
    x = torch.randn(1, 1, 8, 8)
    assert torch.equal(weights.load(again).model(x), network.model(x))


def test_a_home_that_cannot_be_written_is_said(own_home) -> None:
    (own_home / "data").write_text("a file where the folder should be")
    with pytest.raises(NetworkError, match="disk space"):
        import_checkpoint("a.pth", saved(state()), **HALF)


@pytest.mark.slow
def test_a_public_checkpoint_scores_what_its_authors_say(shared) -> None:
    content = (shared / "checkpoints" / "resnet20-12fca82f.th").read_bytes()
    with pytest.raises(NeedsMoments):
        import_checkpoint("resnet20-12fca82f.th", content)
    mean, std = bring.MOMENTS["ImageNet"]
    source = import_checkpoint("resnet20-12fca82f.th", content, mean=mean, std=std, data=DataSpec("cifar10"))
    assert source.spec == ModelSpec(depth=20)
    network = weights.load(source)
    with np.load(shared / "cifar10" / "test.npz") as file:
        x, y = file["x"], file["y"]
    right = sum(
        int((network.model(network.prepare(x[i : i + 500])).argmax(1).numpy() == y[i : i + 500]).sum())
        for i in range(0, len(x), 500)
    )
    assert right / len(y) == pytest.approx(0.9173, abs=1e-9)
