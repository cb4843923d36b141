"""What people bring, made small: arrays, images, archives, folders; and how a test reads or refuses it."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_viz.data import catalogue
from resnet_viz.data.catalogue import DataError
from resnet_viz.data.own import import_own
from resnet_viz.data.splits import Splits, load_splits
from resnet_viz.spec.data import DataSpec

RNG = np.random.default_rng(0)


X = RNG.integers(0, 256, (20, 8, 8, 3), np.uint8)


Y = np.arange(20) % 2


def npz(**arrays) -> bytes:
    """An .npz of these arrays."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def image(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """An image file of pixels (H, W[, C])."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    """A zip of files by name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return file.getvalue()


def folders(top: str = "") -> dict[str, bytes]:
    """X as files in a folder a class, cat and dog, under ``top``."""
    return {
        f"{top}{'cat' if y == 0 else 'dog'}/{i:02}.png": image(x) for i, (x, y) in enumerate(zip(X, Y, strict=True))
    }


def kept(spec: DataSpec) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All images and labels of training and validation, and of the test split, each in the order of the images' bytes."""
    splits = load_splits(spec)
    answer = []
    for names in (("train", "validation"), ("test",)):
        x = np.concatenate([splits.images[n] for n in names])
        y = np.concatenate([splits.labels[n] for n in names])
        order = sorted(range(len(x)), key=lambda i: x[i].tobytes())
        answer += [x[order], y[order]]
    return tuple(answer)


def in_order(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels in the order of the images' bytes."""
    order = sorted(range(len(x)), key=lambda i: x[i].tobytes())
    return x[order], y[order]


def refused(source, word: str, home: Path) -> None:
    """Check that importing it ends in one sentence with this word, and leaves nothing behind in ``home``."""
    with pytest.raises(DataError) as caught:
        import_own(source)
    sentence = str(caught.value)
    assert word in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert not list(home.rglob("*"))
    assert catalogue.own_data() == []


def whole(splits: Splits, *names: str) -> list[bytes]:
    """Every image with its label in these splits, as bytes, in order."""
    return sorted(
        x.tobytes() + bytes([y]) for n in names for x, y in zip(splits.images[n], splits.labels[n], strict=True)
    )
