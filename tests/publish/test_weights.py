"""Weights to take along: the lines that load a file are run, and must give the run's own logits."""

import contextlib
import io
import os

import numpy as np
import pytest
import torch

from resnet_viz.cli import main
from resnet_viz.nets import bring, refs, weights
from resnet_viz.publish.weights import file_name, lines
from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from tests.carried import carried_out

pytestmark = pytest.mark.usefixtures("one_thread")

TRAIN = TrainSpec(steps=3, batch_size=16, dtype="float32", device="cpu", threads=1)
CIFAR = ModelSpec(depth=8, width=0.25, no_skip=(2,))
TORCHVISIONS = ModelSpec("imagenet", 18, "projection", channels=3, classes=4, size=32)


def run_lines(code: str, folder, images: np.ndarray) -> torch.Tensor:
    """Logits that the lines give, run in the file's folder as a user would."""
    assert len(code.splitlines()) == 5
    known = {"images": torch.from_numpy(images).permute(0, 3, 1, 2).float()}
    with contextlib.chdir(folder), torch.no_grad():
        exec(code, known)
    return known["logits"]


def logits(source: refs.Source, images: np.ndarray) -> torch.Tensor:
    network = weights.load(source)
    with torch.no_grad():
        return network.model(network.prepare(images))


@pytest.mark.parametrize("kind", [".safetensors", ".pth"])
def test_five_lines_load_an_exported_run_and_give_its_own_logits(kind, tmp_path, capsys) -> None:
    run = carried_out(Store(), RunSpec(CIFAR, train=TRAIN))
    path = tmp_path / f"net{kind}"
    assert main.main(["export", run, "--weights", str(path)]) == 0
    code = capsys.readouterr().out.partition("\n")[2].rstrip("\n")
    source = refs.find(f"run:{run}", Store())
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
    assert torch.equal(run_lines(code, tmp_path, images), logits(source, images))
    again = bring.import_checkpoint(path.name, path.read_bytes())
    assert again.spec == source.spec
    assert torch.equal(logits(again, images), logits(source, images))


@pytest.mark.parametrize("kind", [".safetensors", ".pth"])
def test_a_net_of_torchvisions_needs_no_line_of_this_package(kind, tmp_path) -> None:
    model = weights.models.build(TORCHVISIONS, 3).eval()
    source = refs.Source("run:x", "x", TORCHVISIONS, None, None, 7)
    mean, std = torch.tensor([125.306915, 122.950142, 113.865992]), torch.tensor([62.9932, 62.0887, 66.7049])
    network = weights.Network(source, model, mean, std, tuple("abcd"))
    name = file_name(TORCHVISIONS, 7, kind)
    (tmp_path / name).write_bytes(weights.packed(network, kind, RunSpec(TORCHVISIONS)))
    code = lines(TORCHVISIONS, name, mean.tolist(), std.tolist())
    assert "resnet_viz" not in code
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    with torch.no_grad():
        own = model(network.prepare(images))
    torch.testing.assert_close(run_lines(code, tmp_path, images), own, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec("imagenet", 18, "projection", channels=1),
        ModelSpec("imagenet", 18, "projection", width=2.0),
        ModelSpec("imagenet", 18, "projection", init="skipinit"),
        ModelSpec("imagenet", 18, "projection", norm="group"),
        ModelSpec("imagenet", 18, "projection", stochastic_depth=0.5),
        ModelSpec("imagenet", 18, "none"),
    ],
    ids=str,
)
def test_other_nets_are_not_taken_for_torchvisions(spec) -> None:
    assert "resnet_viz.build" in lines(spec, "net.pth", [0.0], [1.0])


def test_an_earlier_checkpoint_is_written_where_its_step_is_named(tmp_path) -> None:
    run = carried_out(Store(), RunSpec(CIFAR, train=TrainSpec(epochs=2, batch_size=512, device="cpu", threads=1)))
    first = refs.checkpoints(refs.find(f"run:{run}", Store()), Store())[0]
    path = tmp_path / "first.safetensors"
    assert main.main(["export", run, "--weights", str(path), "--step", str(first.step)]) == 0
    assert refs.head(path).step == first.step != 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["RUN", "--weights", "net.bin"], "let it end in .safetensors or .pth"),
        (["RUN", "RUN", "--weights", "net.pth"], "the weights of one run"),
        (["RUN", "--weights", "net.pth"], "left no weights"),
    ],
)
def test_what_can_not_be_exported_is_one_sentence(arguments, words, tmp_path, capsys) -> None:
    (run,) = Store().create([(RunSpec(), 1)])
    with contextlib.chdir(tmp_path):
        assert main.main(["export", *(run if word == "RUN" else word for word in arguments)]) == 2
        assert [name for name in os.listdir() if name.startswith("net")] == []
    assert words in capsys.readouterr().err


def test_a_pth_holds_no_objects() -> None:
    model = weights.models.build(CIFAR)
    network = weights.Network(
        refs.Source("run:x", "x", CIFAR, None, None), model, torch.zeros(1), torch.ones(1), tuple("0123456789")
    )
    held = torch.load(io.BytesIO(weights.packed(network, ".pth", RunSpec(CIFAR))), weights_only=True)
    assert set(held) == {"spec", "step", "mean", "std", "classes", "model"}
