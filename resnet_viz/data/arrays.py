"""Images and labels as NumPy arrays that people bring, in an .npz or a folder of them: untrusted, nothing is unpickled."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from resnet_viz.data.archives import UNPACKED, open_zip
from resnet_viz.data.catalogue import DataError
from resnet_viz.data.download import Progress


@dataclass(frozen=True)
class LabelledImages:
    """Images (N, H, W, C) uint8 and labels (N,), as they are in what was brought; the test split may be empty."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def read_folder(folder: Path, progress: Progress) -> LabelledImages:
    """The arrays of a folder of .npz: all ``train*`` joined, all ``test*`` joined as the test split. Raises DataError."""
    paths = sorted(folder.glob("*.npz"))
    parts: list[tuple[bool, LabelledImages]] = []  # whether it is of the test split
    for number, path in enumerate(paths):
        progress(f"Reading {path.name}", number, len(paths))
        if path.name.lower().startswith(("train", "test")):
            with path.open("rb") as file:
                parts.append((path.name.lower().startswith("test"), read_npz(path.name, file)))
        if sum(part.x.nbytes for _, part in parts) > UNPACKED:
            raise DataError(f"The .npz files in {folder.name!r} hold over {UNPACKED >> 30} GiB of images; bring fewer.")
    train, test = ([part for is_test, part in parts if is_test == wanted] for wanted in (False, True))
    if not train:
        raise DataError(
            f"{folder.name!r} holds .npz files, but none named train*; name them train_1.npz ... and test.npz."
        )
    shapes = sorted({part.x.shape[1:] for _, part in parts})
    if len(shapes) > 1:
        raise DataError(
            f"The .npz files in {folder.name!r} hold images of different shapes: {shapes[0]} and {shapes[1]}."
        )
    first = train[0]
    return LabelledImages(
        np.concatenate([part.x for part in train]),
        np.concatenate([part.y for part in train]),
        np.concatenate([part.x for part in test] or [first.x_test]),
        np.concatenate([part.y for part in test] or [first.y_test]),
        first.classes,
    )


def read_npz(name: str, file: BinaryIO) -> LabelledImages:
    with open_zip(name, file) as archive:
        there = {info.removesuffix(".npy") for info in archive.namelist()}
    if missing := [key for key in ("x", "y") if key not in there]:
        held = ", ".join(sorted(there)[:8]) or "nothing"
        raise DataError(
            f"{name!r} has no array {missing[0]!r}, only {held}; save it with np.savez(file, x=images, y=labels)."
        )
    file.seek(0)
    try:
        with np.load(file, allow_pickle=False) as npz:
            arrays = {key: npz[key] for key in ("x", "y", "x_test", "y_test", "classes") if key in there}
    except (ValueError, EOFError, KeyError, OSError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        if "allow_pickle" in str(error):
            raise DataError(
                f"{name!r} holds Python objects, which are not opened as they could run code; save plain arrays of numbers."
            ) from error
        raise DataError(f"{name!r} is damaged or was cut short ({error}); save it again with np.savez.") from error
    x, y = _pair(name, "x", arrays["x"], "y", arrays["y"])
    test = x[:0], y[:0]
    if "x_test" in arrays or "y_test" in arrays:
        if not ("x_test" in arrays and "y_test" in arrays):
            raise DataError(f"{name!r} has one of x_test and y_test without the other; save both or none.")
        test = _pair(name, "x_test", arrays["x_test"], "y_test", arrays["y_test"])
        if test[0].shape[1:] != x.shape[1:]:
            raise DataError(
                f"{name!r}: images of x_test have shape {test[0].shape[1:]}, those of x {x.shape[1:]}; make them equal."
            )
    classes = tuple(str(c) for c in arrays["classes"].ravel().tolist()) if "classes" in arrays else None
    return LabelledImages(x, y, *test, classes)


def _pair(name: str, x_name: str, x: np.ndarray, y_name: str, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, H, W, C) and labels (N,) int64, or DataError."""
    if x.dtype != np.uint8:
        advice = (
            f"({x_name} * 255).round().astype('uint8') if they go to 1" if x.dtype.kind == "f" else "astype('uint8')"
        )
        raise DataError(
            f"{name!r}: {x_name} holds {x.dtype}, images are uint8 from 0 to 255; convert it with {advice}."
        )
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or x.shape[3] not in (1, 3):
        first = x.ndim == 4 and x.shape[1] in (1, 3)
        advice = f"{x_name}.transpose(0, 2, 3, 1) puts channels last" if first else "save (N, H, W) or (N, H, W, 3)"
        raise DataError(f"{name!r}: {x_name} has shape {x.shape}, which is not images of 1 or 3 channels; {advice}.")
    if y.dtype.kind not in "iub":
        raise DataError(
            f"{name!r}: {y_name} holds {y.dtype}, labels are whole numbers; convert it with {y_name}.astype(int)."
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise DataError(
            f"{name!r}: {y_name} has shape {y.shape}, but each image has one label; try {y_name}.argmax(1)."
        )
    if len(x) != len(y):
        raise DataError(
            f"{name!r}: {x_name} holds {len(x):,} images, but {y_name} {len(y):,} labels; they belong in pairs."
        )
    if not 4 <= max(x.shape[1:3]) <= 1024:
        raise DataError(
            f"{name!r}: images of {x.shape[2]}×{x.shape[1]} pixels are outside 4 to 1,024 a side; resize them first."
        )
    return x, y.astype(np.int64)
