"""Images and labels as NumPy arrays that people bring, in an .npz or a folder of them: untrusted, nothing is unpickled."""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from resnet_viz.data import images
from resnet_viz.data.archives import UNPACKED, open_zip
from resnet_viz.data.catalogue import DataError
from resnet_viz.data.download import Progress
from resnet_viz.data.layout import SPLIT_WORDS, few

# What arrays are called, a split's word before or behind or none; the first that is there is taken.
IMAGE_NAMES = ("x", "images", "image", "imgs", "img", "data", "pictures", "inputs", "features")
LABEL_NAMES = ("y", "labels", "label", "targets", "target")
CLASS_NAMES = ("classes", "class_names", "label_names", "target_names", "names")


@dataclass(frozen=True)
class LabelledImages:
    """Images (N, H, W, C) uint8 and labels (N,) int64 as they were brought; the test split may be empty."""

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
        tuple(dict.fromkeys(note for part in (*train, *test) for note in part.notes)),
    )


def read_npz(name: str, file: BinaryIO) -> LabelledImages:
    """The images and labels in an .npz, under any usual names; what had to be changed is noted. Raises DataError."""
    with open_zip(name, file) as archive:
        keys = [info.removesuffix(".npy") for info in archive.namelist()]
    pairs = _pairs(name, keys)
    names_key = next((key for key in keys if key.lower() in CLASS_NAMES), "")
    file.seek(0)
    try:
        with np.load(file, allow_pickle=False) as npz:
            x = {split: npz[x_key] for split, (x_key, _) in pairs.items()}
            y = {split: npz[y_key] for split, (_, y_key) in pairs.items()}
            classes = tuple(str(c) for c in npz[names_key].ravel().tolist()) if names_key else None
    except (ValueError, EOFError, KeyError, OSError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        if "allow_pickle" in str(error):
            raise DataError(
                f"{name!r} holds Python objects, which are not opened as they could run code; save plain arrays of numbers."
            ) from error
        raise DataError(f"{name!r} is damaged or was cut short ({error}); save it again with np.savez.") from error
    notes: list[str] = []
    for split, (x_key, y_key) in pairs.items():
        x[split] = _channels_last(name, x_key, x[split], notes)
        if len(x[split]) != len(y[split]):
            raise DataError(
                f"{name!r}: {x_key} holds {len(x[split]):,} images, but {y_key} {len(y[split]):,} labels; they belong in pairs."
            )
        if x[split].shape[1:] != x["train"].shape[1:]:
            shapes = x[split].shape[1:], x["train"].shape[1:]
            raise DataError(
                f"{name!r}: images of {x_key} have shape {shapes[0]}, those of {pairs['train'][0]} {shapes[1]}; make them equal."
            )
    x = _bytes(name, x, pairs["train"][0], notes)
    y, classes = _numbered(name, y, {split: y_key for split, (_, y_key) in pairs.items()}, classes, notes)
    if "val" in pairs:
        taken = "train" if "test" in pairs else "test"
        x[taken], y[taken] = (np.concatenate([a[s] for s in (taken, "val") if s in pairs]) for a in (x, y))
        notes.append(f"the validation arrays were taken as {'training data' if taken == 'train' else 'the test split'}")
    if unused := sorted(set(keys) - {key for pair in pairs.values() for key in pair} - {names_key}):
        notes.append(f"arrays left out: {few(unused)}")
    none = x["train"][:0], y["train"][:0]
    return LabelledImages(x["train"], y["train"], x.get("test", none[0]), y.get("test", none[1]), classes, tuple(notes))


def _pairs(name: str, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Split → the names of its images and its labels, training first. Raises DataError where one lacks the other."""
    known: dict[tuple[str, str], tuple[int, str]] = {}
    for key in keys:
        words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", key)]
        splits = [SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS]
        rest = [word for word in words if word not in SPLIT_WORDS]
        for role, usual in (("x", IMAGE_NAMES), ("y", LABEL_NAMES)):
            if len(rest) == 1 and len(splits) < 2 and rest[0] in usual:
                place = (splits or ["train"])[0], role
                rank = 2 * usual.index(rest[0]) + (not splits)
                known[place] = min(known.get(place, (rank, key)), (rank, key))
    for role, usual_name in (("x", "x"), ("y", "y")):
        if ("train", role) not in known:
            held = ", ".join(sorted(keys)[:8]) or "nothing"
            raise DataError(
                f"{name!r} has no array {usual_name!r}, only {held}; save it with np.savez(file, x=images, y=labels)."
            )
    for split in ("val", "test"):
        if ((split, "x") in known) != ((split, "y") in known):
            raise DataError(f"{name!r} has one of x_{split} and y_{split} without the other; save both or none.")
    return {s: (known[s, "x"][1], known[s, "y"][1]) for s in ("train", "val", "test") if (s, "x") in known}


def _channels_last(name: str, key: str, x: np.ndarray, notes: list[str]) -> np.ndarray:
    """Images (N, H, W, C) of 1 or 3 channels, or DataError."""
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim == 4 and x.shape[3] not in (1, 3) and x.shape[1] in (1, 3):
        notes.append(f"{key} of shape {x.shape} was read as channels first")
        x = x.transpose(0, 2, 3, 1)
    if x.ndim != 4 or x.shape[3] not in (1, 3):
        advice = "save (N, H, W) or (N, H, W, 3)"
        if x.ndim == 4 and 4 in (x.shape[1], x.shape[3]):
            advice = f"leave the fourth out with {key}[{'..., :3' if x.shape[3] == 4 else ':, :3'}]"
        if x.ndim == 2 and (side := math.isqrt(x.shape[1])) ** 2 == x.shape[1]:
            advice = f"try {key}.reshape(-1, {side}, {side})"
        raise DataError(f"{name!r}: {key} has shape {x.shape}, which is not images of 1 or 3 channels; {advice}.")
    if not 4 <= max(x.shape[1:3]) <= 1024:
        raise DataError(
            f"{name!r}: images of {x.shape[2]}×{x.shape[1]} pixels are outside 4 to 1,024 a side; resize them first."
        )
    return x


def _bytes(name: str, x: dict[str, np.ndarray], key: str, notes: list[str]) -> dict[str, np.ndarray]:
    """The images of all splits as uint8, black and white the same in all. Raises DataError where they are no numbers."""
    kinds = {part.dtype for part in x.values()}
    kind = "/".join(sorted(map(str, kinds)))
    if kinds == {np.dtype(np.uint8)} or not len(x["train"]):
        return x
    if any(dtype.kind not in "iufb" for dtype in kinds):
        raise DataError(f"{name!r}: {key} holds {kind}, images are numbers, such as uint8 from 0 to 255; save them so.")
    low = min(float(part.min()) for part in x.values() if part.size)
    high = max(float(part.max()) for part in x.values() if part.size)
    if not math.isfinite(low) or not math.isfinite(high):
        raise DataError(f"{name!r}: {key} holds values that are not finite; replace them, such as with np.nan_to_num.")
    whole = all(dtype.kind in "iu" for dtype in kinds)
    if kinds == {np.dtype(bool)}:
        black_white = 0.0, 1.0
    elif low >= 0 and high <= 255 and (whole or high > 1):
        black_white = 0.0, 255.0
    elif not whole and low >= -1 and 1 / 16 < high <= 1:
        black_white = (0.0 if low >= 0 else -1.0), 1.0
    else:
        values = x["train"].reshape(-1)
        black_white = images.span(values[:: max(1, len(values) // 1_000_000)].astype(np.float64))
    black, white = black_white
    notes.append(f"{key} holds {kind} from {low:,.6g} to {high:,.6g}: {black:,.6g} became black, {white:,.6g} white")
    return {split: images.scaled(part, black_white) for split, part in x.items()}  # (N, H, W, C)


def _numbered(
    name: str, y: dict[str, np.ndarray], keys: Mapping[str, str], classes: tuple[str, ...] | None, notes: list[str]
) -> tuple[dict[str, np.ndarray], tuple[str, ...] | None]:
    """Labels (N,) int64 of all splits, and the names of the classes: those given; the labels where these are text."""
    y = {split: _one_each(name, keys[split], labels, notes) for split, labels in y.items()}
    if all(labels.dtype.kind in "US" for labels in y.values()):
        texts = {s: np.char.decode(v, "utf-8", "replace") if v.dtype.kind == "S" else v for s, v in y.items()}
        known = np.unique(np.concatenate(list(texts.values())))
        return {s: np.searchsorted(known, v).astype(np.int64) for s, v in texts.items()}, tuple(
            map(str, known.tolist())
        )
    for split, labels in y.items():
        whole = labels.dtype.kind in "iub" or (labels.dtype.kind == "f" and bool((labels == np.rint(labels)).all()))
        if not whole:
            held = "texts and numbers" if labels.dtype.kind in "US" else f"{labels.dtype} that are not whole"
            raise DataError(f"{name!r}: {keys[split]} holds {held}; labels are whole numbers, one for each image.")
    return {split: labels.astype(np.int64) for split, labels in y.items()}, classes


def _one_each(name: str, key: str, y: np.ndarray, notes: list[str]) -> np.ndarray:
    """Labels (N,), of any type; one-hot rows become the place of their one. Raises DataError."""
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "iufb":
        if bool(((y == 0) | (y == 1)).all()) and bool((y.sum(1) == 1).all()):
            notes.append(f"{key} of shape {y.shape} is one-hot: the place of the one became the label")
            return y.argmax(1)
        raise DataError(
            f"{name!r}: {key} has shape {y.shape}, but each image has one label; try {key}.argmax(1) if these are scores."
        )
    if y.ndim != 1:
        raise DataError(f"{name!r}: {key} has shape {y.shape}, but each image has one label; save N of them.")
    return y
