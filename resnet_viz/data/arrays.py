"""Images and labels as NumPy arrays that people bring, in an .npz or a folder of them: untrusted, nothing is unpickled."""

from __future__ import annotations

import contextlib
import math
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from resnet_viz.data import deep
from resnet_viz.data.archives import KEPT, open_zip
from resnet_viz.data.catalogue import DataError
from resnet_viz.data.layout import SPLIT_WORDS, few
from resnet_viz.data.stored import Stored, readable, stored
from resnet_viz.spec.checks import quote, short

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


@dataclass(frozen=True)
class _Part:
    """Images and labels that belong together: their split, what the images' and labels' arrays are called."""

    split: str
    key: str
    y_key: str
    x: Stored
    y: np.ndarray


def read_folder(folder: Path, paths: Sequence[Path]) -> LabelledImages:
    """The arrays of a folder's .npz: all ``train*`` joined, all ``test*`` joined as the test split. Raises DataError."""
    parts: list[_Part] = []
    classes, notes = None, []
    with contextlib.ExitStack() as stack:
        for path in paths:
            way = next((way for way in ("train", "test") if path.name.lower().startswith(way)), "")
            if not way:
                notes.append(f"the file {quote(path.name)}, named neither train* nor test*, was left out")
                continue
            archive = stack.enter_context(open_zip(path.name, stack.enter_context(path.open("rb"))))
            found, named, said = _parts(path.name, _arrays_in(archive))
            notes += said
            classes = classes or named
            parts += found if way == "train" else [replace(part, split="test") for part in found]
        if not any(part.split == "train" for part in parts):
            raise DataError(
                f"{quote(folder.name)} holds .npz files, but none named train*; name them train_1.npz ... and test.npz."
            )
        return _read(folder.name, parts, classes, notes)


def read_npz(name: str, file: BinaryIO) -> LabelledImages:
    """The images and labels in an .npz, under any usual names; what had to be changed is noted. Raises DataError."""
    with open_zip(name, file) as archive:
        return read_arrays(name, _arrays_in(archive))


def read_arrays(name: str, arrays: Mapping[str, Callable[[], Any]]) -> LabelledImages:
    """The same of .npy files by their names without that ending. Raises DataError."""
    parts, classes, notes = _parts(name, arrays)
    return _read(name, parts, classes, notes)


def _arrays_in(archive: zipfile.ZipFile) -> dict[str, Callable[[], Any]]:
    return {info.removesuffix(".npy"): partial(archive.open, info) for info in archive.namelist()}


def _parts(name: str, arrays: Mapping[str, Callable[[], Any]]) -> tuple[list[_Part], tuple[str, ...] | None, list[str]]:
    """What belongs together in one file, the classes' names where it has them, and notes."""
    pairs = _pairs(name, list(arrays))
    names_key = next((key for key in arrays if key.lower() in CLASS_NAMES), "")
    used = {key for pair in pairs.values() for key in pair} | {names_key} - {""}
    with readable(name):
        held = {key: stored(arrays[key]) for key in used}
        if any(array.dtype.hasobject for array in held.values()):
            raise DataError(
                f"{quote(name)} holds Python objects, which are not opened as they could run code; save plain arrays of numbers."
            )
        parts = [_Part(split, x, y, held[x], np.atleast_1d(held[y].whole())) for split, (x, y) in pairs.items()]
        classes = tuple(str(c) for c in held[names_key].whole().ravel().tolist()) if names_key else None
    unused = sorted(set(arrays) - used)
    return parts, classes, [f"arrays left out: {few(unused)}"] if unused else []


def _read(name: str, parts: Sequence[_Part], classes: tuple[str, ...] | None, notes: list[str]) -> LabelledImages:
    """All parts as two splits, square, of 8 bits. Sizes are looked at before any image is read."""
    shapes = [_shape(name, part, notes) for part in parts]
    for part, shape in zip(parts, shapes, strict=True):
        if part.x.shape[0] != len(part.y):
            raise DataError(
                f"{quote(name)}: {part.key} holds {part.x.shape[0]:,} images, but {part.y_key} {len(part.y):,} labels; they "
                "belong in pairs."
            )
        if shape != shapes[0]:
            raise DataError(
                f"{quote(name)}: images of {quote(part.key)} have shape {shape}, those of {quote(parts[0].key)} {shapes[0]}, "
                "different shapes; make them equal."
            )
    with readable(name):  # texts may be of no code points
        labels, classes = _numbered(name, parts, classes, notes)
    splits = {part.split for part in parts}
    if "val" in splits:
        taken = "train" if "test" in splits else "test"
        parts = [replace(part, split=taken) if part.split == "val" else part for part in parts]
        notes.append(f"the validation arrays were taken as {'training data' if taken == 'train' else 'the test split'}")
    height, width, channels = shapes[0]
    side = max(height, width)
    if (total := sum(len(part.y) for part in parts) * side * side * channels) > KEPT:
        raise DataError(
            f"{quote(name)} would hold {total / 2**20:,.0f} MiB of images of {side}×{side}, more than {KEPT >> 20}; bring "
            "fewer or smaller ones."
        )
    if height != width:
        notes.append(f"images of {width}×{height} pixels got a black border to {side}×{side}")
    with readable(name):
        black_white = _range(name, parts, notes)
        x = {
            split: _pixels([p for p in parts if p.split == split], shapes[0], black_white)
            for split in ("train", "test")
        }
    none = np.empty(0, np.int64)
    y = {
        split: np.concatenate([none, *(own for part, own in zip(parts, labels, strict=True) if part.split == split)])
        for split in ("train", "test")
    }
    return LabelledImages(x["train"], y["train"], x["test"], y["test"], classes, tuple(dict.fromkeys(notes)))


def _pixels(parts: Sequence[_Part], shape: tuple[int, int, int], black_white: tuple[float, float] | None) -> np.ndarray:
    """The images of a split (N, side, side, C) uint8, what is not square on black."""
    height, width, channels = shape
    side = max(height, width)
    x = np.zeros((sum(len(part.y) for part in parts), side, side, channels), np.uint8)
    inside = x[:, (side - height) // 2 :, (side - width) // 2 :][:, :height, :width]
    at = 0
    for part in parts:
        for rows in part.x.parts():
            if rows.ndim == 3:
                rows = rows[..., None]
            if rows.shape[3] != channels or rows.shape[1:3] != (height, width):
                rows = rows.transpose(0, 2, 3, 1)  # (N, C, H, W)
            inside[at : at + len(rows)] = rows if black_white is None else deep.scaled(rows, black_white)
            at += len(rows)
    return x


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
            held = ", ".join(map(short, sorted(keys)[:8])) or "nothing"
            raise DataError(
                f"{quote(name)} has no array {usual_name!r}, only {held}; save it with np.savez(file, x=images, y=labels)."
            )
    for split in ("val", "test"):
        if ((split, "x") in known) != ((split, "y") in known):
            raise DataError(f"{quote(name)} has one of x_{split} and y_{split} without the other; save both or none.")
    return {s: (known[s, "x"][1], known[s, "y"][1]) for s in ("train", "val", "test") if (s, "x") in known}


def _shape(name: str, part: _Part, notes: list[str]) -> tuple[int, int, int]:
    """Height, width and channels, 1 or 3, of a part's images, or DataError."""
    shape = given = part.x.shape
    if len(shape) == 3:
        shape = (*shape, 1)
    if len(shape) == 4 and shape[3] not in (1, 3) and shape[1] in (1, 3):
        notes.append(f"{quote(part.key)} of shape {given} was read as channels first")
        shape = (shape[0], *shape[2:], shape[1])
    if len(shape) != 4 or shape[3] not in (1, 3):
        advice, key = "save (N, H, W) or (N, H, W, 3)", short(part.key)
        if len(shape) == 4 and 4 in (shape[1], shape[3]):
            advice = f"leave the fourth out with {key}[{'..., :3' if shape[3] == 4 else ':, :3'}]"
        if len(shape) == 2 and (side := math.isqrt(shape[1])) ** 2 == shape[1]:
            advice = f"try {key}.reshape(-1, {side}, {side})"
        elif len(shape) == 2 and shape[1] % 3 == 0 and (side := math.isqrt(shape[1] // 3)) ** 2 * 3 == shape[1]:
            advice = f"try {key}.reshape(-1, 3, {side}, {side}), or ({side}, {side}, 3) where colours come last"
        raise DataError(f"{quote(name)}: {key} has shape {given}, which is not images of 1 or 3 channels; {advice}.")
    if not 4 <= max(shape[1:3]) <= 1024 or not min(shape[1:3]):
        raise DataError(
            f"{quote(name)}: images of {shape[2]}×{shape[1]} pixels are outside 4 to 1,024 a side; resize them first."
        )
    return shape[1], shape[2], shape[3]


def _range(name: str, parts: Sequence[_Part], notes: list[str]) -> tuple[float, float] | None:
    """What is black and what is white in all parts; None where they are of 8 bits. Raises DataError where they are no numbers."""
    kinds, key = {part.x.dtype for part in parts}, quote(parts[0].key)
    kind = "/".join(sorted(map(str, kinds)))
    if kinds == {np.dtype(np.uint8)} or not any(part.x.shape[0] for part in parts):
        return None
    if any(dtype.kind not in "iufb" for dtype in kinds):
        raise DataError(
            f"{quote(name)}: {key} holds {short(kind)}, images are numbers, such as uint8 from 0 to 255; save them so."
        )
    low, high, samples = math.inf, -math.inf, []
    for part in parts:
        for rows in part.x.parts():
            if rows.size:
                low, high = min(low, float(rows.min())), max(high, float(rows.max()))
                flat = rows.reshape(-1) if part.split == "train" else rows[:0].reshape(-1)
                samples.append(flat[:: max(1, len(flat) // 20_000)].astype(np.float64))
            if not math.isfinite(low) or not math.isfinite(high):
                raise DataError(
                    f"{quote(name)}: {key} holds values that are not finite; replace them, such as with np.nan_to_num."
                )
    whole = all(dtype.kind in "iu" for dtype in kinds)
    if kinds == {np.dtype(bool)}:
        black, white = 0.0, 1.0
    elif low >= 0 and high <= 255 and (whole or high > 1):
        black, white = 0.0, 255.0
    elif not whole and low >= -1 and 1 / 16 < high <= 1:
        black, white = (0.0 if low >= 0 else -1.0), 1.0
    else:
        black, white = deep.span(np.concatenate(samples))
    notes.append(f"{key} holds {kind} from {low:,.6g} to {high:,.6g}: {black:,.6g} became black, {white:,.6g} white")
    return black, white


def _numbered(
    name: str, parts: Sequence[_Part], classes: tuple[str, ...] | None, notes: list[str]
) -> tuple[list[np.ndarray], tuple[str, ...] | None]:
    """Labels (N,) int64 of all parts, and the names of the classes: those given; the labels where these are text."""
    y = [_one_each(name, part.y_key, part.y, notes) for part in parts]
    if all(labels.dtype.kind in "US" for labels in y):
        texts = [np.char.decode(v, "utf-8", "replace") if v.dtype.kind == "S" else v for v in y]
        known = np.unique(np.concatenate(texts))
        return [np.searchsorted(known, v).astype(np.int64) for v in texts], tuple(map(str, known.tolist()))
    for part, labels in zip(parts, y, strict=True):
        whole = labels.dtype.kind in "iub"
        if labels.dtype.kind == "f":
            whole = bool(((labels == np.rint(labels)) & (abs(labels) < 2**53)).all())
        if not whole:
            held = "texts and numbers" if labels.dtype.kind in "US" else f"{short(labels.dtype)} that are not whole"
            raise DataError(
                f"{quote(name)}: {short(part.y_key)} holds {held}; labels are whole numbers, one for each image."
            )
    return [labels.astype(np.int64) for labels in y], classes


def _one_each(name: str, key: str, y: np.ndarray, notes: list[str]) -> np.ndarray:
    """Labels (N,), of any type; one-hot rows become the place of their one. Raises DataError."""
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "iufb":
        if bool(((y == 0) | (y == 1)).all()) and bool((y.sum(1) == 1).all()):
            notes.append(f"{quote(key)} of shape {y.shape} is one-hot: the place of the one became the label")
            return y.argmax(1)
        raise DataError(
            f"{quote(name)}: {short(key)} has shape {y.shape}, but each image has one label; try "
            f"{short(key)}.argmax(1) if these are scores."
        )
    if y.ndim != 1:
        raise DataError(
            f"{quote(name)}: {short(key)} has shape {y.shape}, but each image has one label; save N of them."
        )
    return y
