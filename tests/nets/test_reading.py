"""Files that are not to be trusted: harmless baggage is left aside, nothing runs, and what can't be read is said."""

import argparse
import datetime
import io
import pickle
import warnings
import zipfile
from collections import Counter, defaultdict, deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from resnet_viz.nets import models, weights
from resnet_viz.nets.bring import NeedsMoments, import_checkpoint
from resnet_viz.nets.refs import NetworkError
from tests.nets.files import HALF, SMALL, expected, logits, saved, state

pytestmark = pytest.mark.usefixtures("one_thread")


class Sneaky:
    """An object of a class of one's own, which a checkpoint of a whole training holds."""

    def __init__(self) -> None:
        self.path = "/data"


class Settings(dict):
    """A dictionary of one's own, as Lightning keeps hyperparameters in."""


BAGGAGE = {
    "numpy scalar": {"best": np.float64(0.9), "loss": np.float32(1.5)},
    "numpy array": {"history": np.arange(4.0)},
    "arguments": {"args": argparse.Namespace(lr=0.1, device="cuda")},
    "an object": {"config": Sneaky()},
    "a dictionary of one's own": {"hyper_parameters": Settings(lr=0.1)},
    "a defaultdict, a deque, a counter": {
        "log": defaultdict(list, loss=[1.0]),
        "last": deque([1, 2]),
        "seen": Counter("ab"),
    },
    "slice, set, date, path": {
        "cut": slice(1, 2),
        "set": {1, 2},
        "date": datetime.date(2020, 1, 1),
        "path": Path("/data"),
    },
    "a whole scheduler": {"scheduler": torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.zeros(1)], 0.1), 3)},
    "a function": {"collate": saved},
    "optimizer": {"optimizer": torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1).state_dict()},
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("baggage", BAGGAGE.values(), ids=BAGGAGE)
def test_harmless_baggage_does_not_stand_before_the_weights(baggage, legacy) -> None:
    """It is read as inert: its classes are neither imported nor called."""
    content = saved({"epoch": 3, **baggage, "state_dict": state()}, _use_new_zipfile_serialization=not legacy)
    network = weights.load(import_checkpoint("a.pth", content, **HALF))
    assert torch.equal(logits(network), expected(SMALL))


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("/tmp/resnet-viz-was-here"),)


@pytest.mark.parametrize("legacy", [False, True])
def test_nothing_of_a_files_own_is_called(legacy) -> None:
    """Weights beside a call of builtins are refused, as nobody keeps one there who means well; it is not run."""
    content = saved({"evil": Evil(), "state_dict": state()}, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(NetworkError, match="could run code"):
        import_checkpoint("a.pth", content, **HALF)
    assert not Path("/tmp/resnet-viz-was-here").exists()


def test_of_raw_and_averaged_weights_one_chooses_and_the_other_is_named() -> None:
    averaged = {f"module.{n}": t for n, t in state(seed=7).items()} | {"n_averaged": torch.tensor(5)}
    content = saved({"ema_state_dict": averaged, "state_dict": state()})
    with pytest.raises(NeedsMoments) as caught:
        import_checkpoint("a.pth", content)
    raw, other = caught.value.copies
    assert (raw, other) == ("state_dict", "ema_state_dict.module")
    source = import_checkpoint("a.pth", content, **HALF)
    assert torch.equal(logits(weights.load(source)), expected(SMALL))
    assert "'state_dict' was taken, not 'ema_state_dict.module'" in source.about
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        theirs = models.build(SMALL, 7).eval()(x)
    assert torch.equal(weights.load(import_checkpoint("a.pth", content, **HALF, copy=other)).model(x), theirs)
    assert torch.equal(
        weights.load(import_checkpoint("a.pth", saved({"ema_model": averaged}), **HALF)).model(x), theirs
    )
    with pytest.raises(NetworkError, match="no network called 'swa'; choose one of state_dict, ema_state_dict"):
        import_checkpoint("a.pth", content, **HALF, copy="swa")


def vgg() -> dict[str, Tensor]:
    return {"features.0.weight": torch.zeros(64, 3, 3, 3), "classifier.weight": torch.zeros(10, 64)}


def packed_bomb() -> bytes:
    """A checkpoint whose tensors were packed: 40 MB of zeros in a few kB."""
    file = io.BytesIO()
    old = zipfile.ZipFile(io.BytesIO(saved({"conv1.weight": torch.zeros(10**7)})))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
    return file.getvalue()


def scripted() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, that it will go
        traced = torch.jit.trace(nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 8, 8))
        file = io.BytesIO()
        torch.jit.save(traced, file)
    return file.getvalue()


def endless() -> dict:
    """A dictionary whose 300 entries are all itself."""
    held: dict = {}
    held |= dict.fromkeys(map(str, range(300)), held)
    return held


def thin(shape: tuple[int, ...]) -> Tensor:
    """A tensor that takes four bytes in a file, whatever its shape."""
    return torch.zeros(1).expand(shape)


WIDER = state(replace(SMALL, width=0.5)) | {"conv1.weight": torch.zeros(4, 3, 3, 3)}
LONG = state() | {"layer1.1.conv1.weight": torch.zeros(4, 4, 3, 3)}
FOUR = state() | {"layer4.0.conv1.weight": torch.zeros(4, 4, 3, 3)}
EXTRA = state() | {"layer1.0.attention.weight": torch.zeros(3)}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 46830571\n"
BAD = {
    "empty": (b"", "cut short"),
    "text": (b"hello, world", "cut short"),
    "truncated": (saved(state())[:4000], "cut short"),
    "truncated legacy": (saved(state(), _use_new_zipfile_serialization=False)[:-4000], "cut short"),
    "truncated safetensors": (save(state())[:-50], "cut short"),
    "code": (pickle.dumps({"state_dict": Evil()}), "could run code"),
    "code in torch's file": (saved({"conv1.weight": Evil()}), "could run code"),
    "a whole module": (saved(nn.Linear(2, 2)), "holds more than weights (torch.nn"),
    "another architecture": (saved(vgg()), "features.0.weight (64, 3, 3, 3), classifier.weight (10, 64)"),
    "no weights": (saved({"epoch": 3}), "holds no weights (epoch)"),
    "a list": (saved([1, 2]), "holds no weights (list)"),
    "part of a block": (saved(LONG), "layer1.1.bn1.weight (4,) is missing"),
    "part of a stage": (saved(FOUR), "layer4.0.conv1.weight is (4, 4, 3, 3) and should be (32, 16, 3, 3)"),
    "shapes": (saved(WIDER), "bn1.weight is (8,) and should be (4,); bn1.bias is (8,) and should be (4,);"),
    "too much": (saved(EXTRA), "layer1.0.attention.weight (3,) is not of it"),
    "Git LFS": (POINTER, "a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`"),
    "web page": (b"\n\n<!DOCTYPE html>\n<html></html>", "a saved web page"),
    "TorchScript": (scripted(), "a TorchScript program"),
    "holds itself": (saved(endless()), "holds no weights"),
    "missing": (saved({n: t for n, t in state().items() if n != "fc.bias"}), "fc.bias (10,) is missing"),
    "diverged": (saved(state() | {"fc.bias": torch.full((10,), torch.nan)}), "not finite"),
    "packed": (packed_bomb(), "would unpack to 40 MB"),
    "expanded": (
        saved(state() | {"conv1.weight": thin((256, 3, 3, 3)), "fc.weight": thin((10_000, 1024))}),
        "too short for its weights",
    ),
    "absurd classes": (saved(state() | {"fc.weight": thin((10**6, 16))}), "1,000,000"),
    "no 4-d kernel": (saved(state() | {"conv1.weight": torch.zeros(4)}), "conv1.weight has shape (4,)"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_bad_files_are_refused_in_one_sentence(content, words, own_home) -> None:
    with pytest.raises(NetworkError) as caught:
        import_checkpoint("mine.pth", content, **HALF)
    sentence = str(caught.value)
    assert words in sentence
    assert "'mine.pth'" in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 420
    assert not list((own_home / "data").rglob("*.safetensors"))
    assert not Path("/tmp/resnet-viz-was-here").exists()
