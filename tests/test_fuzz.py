"""Damaged files through every way in: they are taken, or refused in one sentence, in little time; nothing else comes out."""

import io
import tarfile
import time
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from resnet_viz.data import images
from resnet_viz.data.own import import_own
from resnet_viz.errors import UserError
from resnet_viz.nets import models
from resnet_viz.nets.bring import import_checkpoint
from resnet_viz.spec.model import ModelSpec

COUNT, SECONDS = 2000, 10
RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (16, 8, 8, 3), np.uint8), np.arange(16) % 2


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.kron(X[0], np.ones((4, 4, 1), np.uint8))).save(file, kind)
    return file.getvalue()


def arrays(**more: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, x=X, y=Y, **more)
    return file.getvalue()


def folders(packed: str) -> bytes:
    file, names = io.BytesIO(), [f"{split}/{'ab'[n % 2]}/{n}.png" for split in ("train", "test") for n in range(8)]
    if packed == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(name, encoded("PNG"))
    else:
        with tarfile.open(fileobj=file, mode="w:gz") as tar:
            for name in names:
                info, content = tarfile.TarInfo(name), encoded("PNG")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def weights(kind: str) -> bytes:
    state = models.build(ModelSpec(depth=8, width=0.25), 0).state_dict()
    if kind == "safetensors":
        return save(state)
    file = io.BytesIO()
    held = {"epoch": 3, "best": np.float64(0.9), "state_dict": state}
    torch.save(held, file, _use_new_zipfile_serialization=kind == "zip")
    return file.getvalue()


WAYS: dict[str, tuple[Callable[[bytes], object], list[Callable[[], bytes]]]] = {
    "image": (
        lambda content: images.read(content, "it"),
        [
            lambda kind=kind: encoded(kind)
            for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF")
        ],
    ),
    "arrays": (
        lambda content: import_own(("it.npz", content)),
        [arrays, lambda: arrays(x_test=X[:4], y_test=Y[:4], classes=np.array(["a", "b"]))],
    ),
    "class folders": (
        lambda content: import_own(("it.zip", content)),
        [lambda: folders("zip"), lambda: folders("tar")],
    ),
    "checkpoint": (
        lambda content: import_checkpoint("it.pth", content, mean=[0.5] * 3, std=[0.25] * 3),
        [lambda: weights("zip"), lambda: weights("legacy"), lambda: weights("safetensors")],
    ),
}


def damaged(content: bytes, draw: np.random.Generator) -> bytes:
    """The file cut, with bytes changed at the head, the tail or anywhere, a part left out, doubled or blanked."""
    data, kind = bytearray(content), draw.integers(6)
    at, length = int(draw.integers(len(data))), int(draw.integers(1, 200))
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        for place in draw.integers(0, len(data), draw.integers(1, 20)):
            data[place] = draw.integers(256)
    elif kind == 2:
        data[at : at + length] = bytes(min(length, len(data) - at))
    elif kind == 3:
        del data[at : at + length]
    elif kind == 4:
        data[at:at] = data[at : at + length]
    else:
        near = int(draw.integers(min(300, len(data)))) * (1 if draw.random() < 0.5 else -1)
        data[near] = draw.integers(256)
    return bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow's, of metadata
def test_damaged_files_are_taken_or_refused_in_a_sentence(way) -> None:
    take, makers = WAYS[way]
    whole = [maker() for maker in makers]
    draw, refused = np.random.default_rng(1), 0
    for number in range(COUNT):
        content = damaged(whole[number % len(whole)], draw)
        started = time.monotonic()
        try:
            take(content)
        except UserError as error:
            refused += 1
            sentence = str(error)
            assert sentence.endswith("."), sentence
            assert "\n" not in sentence
            assert len(sentence) < 600, sentence
        assert time.monotonic() - started < SECONDS
    assert COUNT / 10 < refused < COUNT
