"""Bringing one's own images: arrays (.npz, .npy), Parquet files, images in class folders or beside a CSV of their classes.

What is brought is untrusted: nothing is unpickled or unpacked to disk, sizes are checked before anything is read, and what
is wrong is said in one sentence. `catalogue` finds and `splits` reads what is kept here.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from resnet_viz import settings
from resnet_viz.data import archives, parquet
from resnet_viz.data.archives import ImageFile, legible
from resnet_viz.data.arrays import LabelledImages, read_arrays, read_folder, read_npz
from resnet_viz.data.catalogue import DataError, Facts, own_file
from resnet_viz.data.download import Progress, quiet
from resnet_viz.data.folders import hidden, read_class_folders, read_placed
from resnet_viz.data.images import ENDINGS
from resnet_viz.files import taken
from resnet_viz.spec.checks import quote, short
from resnet_viz.spec.data import DataSpec


def import_own(source: Path | tuple[str, bytes | BinaryIO], label: str = "", progress: Progress = quiet) -> DataSpec:
    """Bring images from a path, or from (name, content) of an upload, and keep them under the hash of their content.

    An .npz holds x, uint8 (N, H, W) or (N, H, W, 1 or 3), and y, N whole numbers, and may hold classes (names), x_test and
    y_test. A folder of .npz: all ``train*`` are joined, all ``test*`` are the test split. Class folders may lie below ``train``
    and ``test``; `sheets` and `parquet` say what these take. What had to be changed is said in the notes of
    `catalogue.facts`. Raises DataError.
    """
    if isinstance(source, Path):
        source = _found(source)
    name = source.name if isinstance(source, Path) else source[0]
    is_folder = isinstance(source, Path) and source.is_dir()
    try:
        if isinstance(source, Path) and is_folder:
            read = _folder(source, progress)
        else:
            with _opened(source) as file:
                read = _file(name, file, progress)
        progress("Checking the images", 0, 0)
        return _keep(
            _checked(read, name), legible(label or (name if is_folder else Path(name).stem.removesuffix(".tar")))
        )
    except OSError as error:
        raise DataError(
            f"{quote(name)} could not be read or kept ({short(error)}); look at its rights and at the free disk space."
        ) from error
    except MemoryError as error:
        raise DataError(
            f"{quote(name)} does not fit into this machine's memory; bring fewer or smaller images."
        ) from error


def _found(path: Path) -> Path:
    """A file or folder by what was typed. Raises DataError."""
    try:
        path = path.expanduser().resolve()
        there, usable = path.exists(), path.is_file() or path.is_dir()
    except (OSError, ValueError, RuntimeError):  # too long, links in a circle, no text that a path can be
        there = usable = False
    if there and not usable:
        raise DataError(
            f"{quote(path.name)} is neither a file nor a folder, but a pipe or a device; name a file or a folder."
        )
    if not there:
        raise DataError(f"There is no file or folder {quote(str(path)[-50:])}; check how it is spelled.")
    return path


def _opened(source: Path | tuple[str, bytes | BinaryIO]) -> contextlib.AbstractContextManager[BinaryIO]:
    if isinstance(source, Path):
        return source.open("rb")
    content = source[1]
    return io.BytesIO(content) if isinstance(content, bytes) else contextlib.nullcontext(content)


def _file(name: str, file: BinaryIO, progress: Progress) -> LabelledImages:
    if Path(name).suffix.lower() == ".npz":
        return read_npz(name, file)
    if file.read(4) == b"PAR1":
        size = file.seek(0, io.SEEK_END)
        return _parquet(name, [ImageFile((name,), size, lambda: contextlib.nullcontext(file))], progress)
    file.seek(0)
    with archives.opened(name, file) as (listing, notes):
        read = _listed(name, listing, progress)
        return replace(read, notes=(*notes, *read.notes))


def _folder(folder: Path, progress: Progress) -> LabelledImages:
    if paths := sorted(path for path in folder.glob("*.npz") if path.is_file()):
        return read_folder(folder, paths)
    return _listed(folder.name, archives.in_folder(folder), progress)


def _listed(name: str, listing: archives.Listing, progress: Progress) -> LabelledImages:
    """What an archive or a folder holds: images, or files of images: Parquet, or arrays by .npy."""
    kinds: dict[str, list[ImageFile]] = {}
    for file in listing[0]:
        if not hidden(file.parts):
            kinds.setdefault(Path(file.parts[-1]).suffix.lower(), []).append(file)
    if not kinds.keys() & ENDINGS:  # a table or an array beside images is not what is meant
        if ".parquet" in kinds:
            return _parquet(name, kinds[".parquet"], progress)
        if ".npy" in kinds:
            return read_arrays(name, {Path(f.parts[-1]).stem: f.open for f in kinds[".npy"]})
    return read_class_folders(name, *listing, progress)


def _parquet(name: str, files: Sequence[ImageFile], progress: Progress) -> LabelledImages:
    with parquet.opened(name, files, progress) as (placed, notes):
        return read_placed(name, placed, notes, progress)


# --- checking and keeping --------------------------------------------------------------------------------------------


def _checked(read: LabelledImages, name: str) -> LabelledImages:
    """The same with labels from 0 without gaps. Raises DataError."""
    used, y = np.unique(read.y, return_inverse=True)
    counts = np.bincount(y, minlength=len(used))
    names, notes = tuple(map(str, used.tolist())), read.notes
    if read.classes is not None and len(used):
        out = [label for label in used.tolist() if not 0 <= label < len(read.classes)]
        if out:
            raise DataError(
                f"{quote(name)}: label {out[0]} has no name among its {len(read.classes)} classes; name every class."
            )
        names = tuple(legible(read.classes[label]) for label in used.tolist())
    if len(used) < 2:
        found = f"only one class, {quote(names[0])}" if names else "no training images"
        raise DataError(f"{quote(name)} holds {found}; a classifier needs images of 2 classes or more.")
    if counts.min() < 3:
        rare, few = names[counts.argmin()], counts.min()
        raise DataError(
            f"{quote(name)}: class {quote(rare)} has too few training images, {few}; each needs 3, to train, validate and test."
        )
    if len(strange := np.setdiff1d(read.y_test, used)):
        what = read.classes[strange[0]] if read.classes and 0 <= strange[0] < len(read.classes) else strange[0]
        raise DataError(
            f"{quote(name)}: the test split has class {quote(str(what))}, of which there is no training image."
        )
    if used[0] != 0 or used[-1] != len(used) - 1:
        notes += (
            f"labels {used[0]} to {used[-1]}, which don't count from 0 without gaps, became 0 to {len(used) - 1}",
        )
    return replace(
        read,
        y=y.astype(np.int64),
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
    folder = own_file(spec, "").parent
    if taken(folder) + sum(array.nbytes for array in arrays.values()) > settings.own_cap():
        raise DataError(
            f"The images that were brought here would take more than {settings.own_cap() / 1e9:g} GB; delete some in {folder} or "
            "set RESNET_VIZ_OWN_GB higher."
        )
    folder.mkdir(parents=True, exist_ok=True)
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
