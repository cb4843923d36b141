"""Bringing one's own images: an .npz, a folder of .npz, a .zip or .tar of class folders, or a local folder of class folders.

What is brought is untrusted: nothing is unpickled or unpacked to disk, sizes are checked before anything is read, and what
is wrong is said in one sentence. `catalogue` finds and `splits` reads what is kept here.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import uuid
from dataclasses import asdict, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from resnet_viz.data import archives
from resnet_viz.data.arrays import LabelledImages, read_folder, read_npz
from resnet_viz.data.catalogue import DataError, Facts, own_file
from resnet_viz.data.download import Progress, quiet
from resnet_viz.data.folders import read_class_folders
from resnet_viz.spec.data import DataSpec


def import_own(source: Path | tuple[str, bytes | BinaryIO], label: str = "", progress: Progress = quiet) -> DataSpec:
    """Bring images from a path, or from (name, content) of an upload, and keep them under the hash of their content.

    An .npz holds x, uint8 (N, H, W) or (N, H, W, 1 or 3), and y, N whole numbers, and may hold classes (names), x_test and
    y_test. A folder of .npz: all ``train*`` are joined, all ``test*`` are the test split. Class folders may lie below ``train``
    and ``test``. What had to be changed is said in the notes of `catalogue.facts`. Raises DataError.
    """
    if isinstance(source, Path):
        source = source.expanduser().resolve()
        if not source.exists():
            raise DataError(f"There is no file or folder {str(source)!r}; check how it is spelled.")
    name = source.name if isinstance(source, Path) else source[0]
    is_folder = isinstance(source, Path) and source.is_dir()
    try:
        if isinstance(source, Path) and is_folder:
            read = _folder(source, progress)
        else:
            with _opened(source) as file:
                read = _file(name, file, progress)
        progress("Checking the images", 0, 0)
        return _keep(_checked(read, name), label or (name if is_folder else Path(name).stem.removesuffix(".tar")))
    except OSError as error:
        raise DataError(
            f"{name!r} could not be read or kept ({error}); look at its rights and at the free disk space."
        ) from error
    except MemoryError as error:
        raise DataError(f"{name!r} does not fit into this machine's memory; bring fewer or smaller images.") from error


def _opened(source: Path | tuple[str, bytes | BinaryIO]) -> contextlib.AbstractContextManager[BinaryIO]:
    if isinstance(source, Path):
        return source.open("rb")
    content = source[1]
    return io.BytesIO(content) if isinstance(content, bytes) else contextlib.nullcontext(content)


def _file(name: str, file: BinaryIO, progress: Progress) -> LabelledImages:
    if Path(name).suffix.lower() == ".npz":
        return read_npz(name, file)
    with archives.opened(name, file) as ((files, folders), notes):
        read = read_class_folders(name, files, folders, progress)
        return replace(read, notes=(*notes, *read.notes))


def _folder(folder: Path, progress: Progress) -> LabelledImages:
    if any(folder.glob("*.npz")):
        return read_folder(folder, progress)
    return read_class_folders(folder.name, *archives.in_folder(folder), progress)


# --- checking and keeping --------------------------------------------------------------------------------------------


def _checked(read: LabelledImages, name: str) -> LabelledImages:
    """The same with square images and labels from 0 without gaps. Raises DataError."""
    used, y = np.unique(read.y, return_inverse=True)
    counts = np.bincount(y, minlength=len(used))
    names, notes = tuple(map(str, used.tolist())), read.notes
    if read.classes is not None and len(used):
        out = [label for label in used.tolist() if not 0 <= label < len(read.classes)]
        if out:
            raise DataError(
                f"{name!r}: label {out[0]} has no name among its {len(read.classes)} classes; name every class."
            )
        names = tuple(read.classes[label] for label in used.tolist())
    if len(used) < 2:
        found = f"only one class, {names[0]!r}" if names else "no training images"
        raise DataError(f"{name!r} holds {found}; a classifier needs images of 2 classes or more.")
    if counts.min() < 3:
        rare, few = names[counts.argmin()], counts.min()
        raise DataError(
            f"{name!r}: class {rare!r} has too few training images, {few}; each needs 3, to train, validate and test."
        )
    if len(strange := np.setdiff1d(read.y_test, used)):
        what = read.classes[strange[0]] if read.classes and 0 <= strange[0] < len(read.classes) else strange[0]
        raise DataError(f"{name!r}: the test split has class {str(what)!r}, of which there is no training image.")
    if used[0] != 0 or used[-1] != len(used) - 1:
        notes += (
            f"labels {used[0]} to {used[-1]}, which don't count from 0 without gaps, became 0 to {len(used) - 1}",
        )
    height, width = read.x.shape[1:3]
    x, x_test = read.x, read.x_test
    if height != width:
        side = max(height, width)
        top, left = (side - height) // 2, (side - width) // 2
        around = ((0, 0), (top, side - height - top), (left, side - width - left), (0, 0))
        x, x_test = np.pad(x, around), np.pad(x_test, around)
        notes += (f"images of {width}×{height} pixels got a black border to {side}×{side}",)
    return replace(
        read,
        x=x,
        y=y.astype(np.int64),
        x_test=x_test,
        y_test=np.searchsorted(used, read.y_test),
        classes=names,
        notes=notes,
    )


def _keep(read: LabelledImages, label: str) -> DataSpec:
    """Write images and labels under the hash of its content: first the images, then the facts that say they are whole."""
    arrays = {k: np.ascontiguousarray(getattr(read, k)) for k in ("x", "y", "x_test", "y_test")}
    classes = read.classes or ()
    content = hashlib.sha256(json.dumps([[a.shape for a in arrays.values()], classes]).encode())
    for array in arrays.values():
        content.update(array.data if array.size else b"")
    spec = DataSpec("own", hash=content.hexdigest(), label=label[:60])
    _, side, _, channels = read.x.shape
    counts = _counts(read)
    facts = Facts(spec.label, channels, side, classes, len(read.y), len(read.y_test), notes=read.notes, counts=counts)
    own_file(spec, "").parent.mkdir(parents=True, exist_ok=True)
    part = own_file(spec, f".{uuid.uuid4().hex}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        part.replace(own_file(spec, ".npz"))
        part.write_text(json.dumps(asdict(facts), ensure_ascii=False), encoding="utf-8")
        part.replace(own_file(spec, ".json"))
    finally:
        part.unlink(missing_ok=True)
    return spec


def _counts(read: LabelledImages) -> tuple[tuple[int, int], ...]:
    """(training, test) images of each class."""
    both = [np.bincount(y, minlength=len(read.classes or ())).tolist() for y in (read.y, read.y_test)]
    return tuple(zip(*both, strict=True))
