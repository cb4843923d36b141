"""Bringing one's own images: an .npz, a folder of .npz, a .zip of class folders, or a local folder of class folders.

What is brought is untrusted: nothing is unpickled or unpacked to disk, sizes are checked before anything is read, and what
is wrong is said in one sentence. `datasets` finds and reads what is kept here.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import stat
import struct
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

import numpy as np

from resnet_viz.data.catalogue import DataError, Facts, own_file
from resnet_viz.data.download import Progress
from resnet_viz.data.folders import Item, Pile, read_class_folders
from resnet_viz.spec.data import DataSpec

ENTRIES = 200_000  # files in one archive or folder
UNPACKED = 2 << 30  # bytes that an archive may hold


def import_own(
    source: Path | tuple[str, bytes | BinaryIO], label: str = "", progress: Progress | None = None
) -> DataSpec:
    """Bring images from a path, or from (name, content) of an upload, and keep them under the hash of their content.

    An .npz holds x, uint8 (N, H, W) or (N, H, W, 1 or 3), and y, N whole numbers, and may hold classes (names), x_test and
    y_test. A folder of .npz: all ``train*`` are joined, all ``test*`` are the test split. Class folders may lie below ``train``
    and ``test``. What had to be changed is said in the notes of `datasets.facts`. Raises DataError.
    """
    told = progress or (lambda text, done, total: None)
    if isinstance(source, Path):
        source = source.expanduser().resolve()
        if not source.exists():
            raise DataError(f"There is no file or folder {str(source)!r}; check how it is spelled.")
    name = source.name if isinstance(source, Path) else source[0]
    try:
        if isinstance(source, Path) and source.is_dir():
            pile = _folder(source, told)
        else:
            with _opened(source) as file:
                pile = _file(name, file, told)
        told("Checking the images", 0, 0)
        return _keep(
            _checked(pile, name), label or (name if isinstance(source, Path) and source.is_dir() else Path(name).stem)
        )
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


def _file(name: str, file: BinaryIO, progress: Progress) -> Pile:
    suffix = Path(name).suffix.lower()
    if suffix == ".npz":
        return _npz(name, file)
    if suffix != ".zip":
        raise DataError(f"{name!r} is neither an .npz nor a .zip; bring one of these, or name a folder.")
    with _archive(name, file) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        items = [Item(PurePosixPath(i.filename).parts, i.file_size, partial(archive.open, i)) for i in infos]
        return read_class_folders(name, items, progress)


def _folder(folder: Path, progress: Progress) -> Pile:
    arrays = sorted(folder.glob("*.npz"))
    if not arrays:
        files = [Item(p.relative_to(folder).parts, p.stat().st_size, partial(p.open, "rb")) for p in _walk(folder)]
        return read_class_folders(folder.name, files, progress)
    piles: list[tuple[bool, Pile]] = []
    for number, path in enumerate(arrays):
        progress(f"Reading {path.name}", number, len(arrays))
        if path.name.lower().startswith(("train", "test")):
            with path.open("rb") as file:
                piles.append((path.name.lower().startswith("test"), _npz(path.name, file)))
        if sum(pile.x.nbytes for _, pile in piles) > UNPACKED:
            raise DataError(f"The .npz files in {folder.name!r} hold over {UNPACKED >> 30} GiB of images; bring fewer.")
    train, test = ([pile for is_test, pile in piles if is_test == wanted] for wanted in (False, True))
    if not train:
        raise DataError(
            f"{folder.name!r} holds .npz files, but none named train*; name them train_1.npz ... and test.npz."
        )
    shapes = sorted({pile.x.shape[1:] for _, pile in piles})
    if len(shapes) > 1:
        raise DataError(
            f"The .npz files in {folder.name!r} hold images of different shapes: {shapes[0]} and {shapes[1]}."
        )
    first = train[0]
    return Pile(
        np.concatenate([pile.x for pile in train]),
        np.concatenate([pile.y for pile in train]),
        np.concatenate([pile.x for pile in test] or [first.x_test]),
        np.concatenate([pile.y for pile in test] or [first.y_test]),
        first.classes,
    )


def _walk(folder: Path) -> Iterator[Path]:
    count = 0
    for place, _, names in os.walk(folder):  # does not follow links to folders, which may go in circles
        count += len(names)
        if count > ENTRIES:
            raise DataError(f"{folder.name!r} holds more than {ENTRIES:,} files; name the folder of the images alone.")
        yield from (path for name in names if (path := Path(place, name)).is_file())


# --- archives --------------------------------------------------------------------------------------------------------


def _archive(name: str, file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip (an .npz is one too) after checking all that its directory says. Raises DataError."""
    try:
        if _entries(file) > ENTRIES:  # before zipfile makes an object of each entry
            raise DataError(f"{name!r} lists more than {ENTRIES:,} files; bring a smaller archive.")
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{name!r} is not a {Path(name).suffix} file, or was cut short ({error}); make it again."
        ) from error
    infos = archive.infolist()
    if len(infos) > ENTRIES:
        raise DataError(f"{name!r} lists {len(infos):,} files, more than {ENTRIES:,}; bring a smaller archive.")
    for info in infos:
        path = PureWindowsPath(info.filename)  # knows / and \, drives and roots
        if path.anchor or ".." in path.parts:
            raise DataError(
                f"{name!r} holds the path {info.filename!r}, which leads out of it; make the archive again without it."
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise DataError(
                f"{name!r} holds {info.filename!r}, a link; make the archive again with the files themselves."
            )
        if info.flag_bits & 1:
            raise DataError(f"{name!r} is encrypted; make the archive again without a password.")
    total = sum(info.file_size for info in infos)  # zipfile never unpacks more of an entry than this
    if total > UNPACKED:
        raise DataError(
            f"{name!r} would unpack to {total / 2**30:,.1f} GiB, more than {UNPACKED >> 30}; bring fewer or smaller images."
        )
    return archive


def _entries(file: BinaryIO) -> int:
    """How many entries a zip's end record (or zip64's) states, or its directory's size suggests; 0 where there is none."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 65_536 - 98))
    tail = file.read()
    file.seek(0)
    end, end64 = tail.rfind(b"PK\5\6"), tail.rfind(b"PK\6\6")
    if end < 0:
        return 0
    count, directory = struct.unpack_from("<HI", tail, end + 10)
    if end64 >= 0 and (count == 0xFFFF or directory == 0xFFFFFFFF):
        count, directory = struct.unpack_from("<QQ", tail, end64 + 32)
    return max(count, directory // 256)  # zipfile goes by the size, and few entries take more than 256 bytes


# --- arrays ----------------------------------------------------------------------------------------------------------


def _npz(name: str, file: BinaryIO) -> Pile:
    with _archive(name, file) as archive:
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
    return Pile(x, y, *test, classes)


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


# --- checking and keeping --------------------------------------------------------------------------------------------


def _checked(pile: Pile, name: str) -> Pile:
    """The pile with square images and labels from 0 without gaps. Raises DataError."""
    used, y = np.unique(pile.y, return_inverse=True)
    counts = np.bincount(y, minlength=len(used))
    names, notes = tuple(map(str, used.tolist())), pile.notes
    if pile.classes is not None and len(used):
        out = [label for label in used.tolist() if not 0 <= label < len(pile.classes)]
        if out:
            raise DataError(
                f"{name!r}: label {out[0]} has no name among its {len(pile.classes)} classes; name every class."
            )
        names = tuple(pile.classes[label] for label in used.tolist())
    if len(used) < 2:
        found = f"only one class, {names[0]!r}" if names else "no training images"
        raise DataError(f"{name!r} holds {found}; a classifier needs images of 2 classes or more.")
    if counts.min() < 3:
        rare, few = names[counts.argmin()], counts.min()
        raise DataError(
            f"{name!r}: class {rare!r} has too few training images, {few}; each needs 3, to train, validate and test."
        )
    if len(strange := np.setdiff1d(pile.y_test, used)):
        what = pile.classes[strange[0]] if pile.classes and 0 <= strange[0] < len(pile.classes) else strange[0]
        raise DataError(f"{name!r}: the test split has class {str(what)!r}, of which there is no training image.")
    if used[0] != 0 or used[-1] != len(used) - 1:
        notes += (
            f"labels {used[0]} to {used[-1]}, which don't count from 0 without gaps, became 0 to {len(used) - 1}",
        )
    height, width = pile.x.shape[1:3]
    x, x_test = pile.x, pile.x_test
    if height != width:
        side = max(height, width)
        top, left = (side - height) // 2, (side - width) // 2
        around = ((0, 0), (top, side - height - top), (left, side - width - left), (0, 0))
        x, x_test = np.pad(x, around), np.pad(x_test, around)
        notes += (f"images of {width}×{height} pixels got a black border to {side}×{side}",)
    return replace(
        pile,
        x=x,
        y=y.astype(np.int64),
        x_test=x_test,
        y_test=np.searchsorted(used, pile.y_test),
        classes=names,
        notes=notes,
    )


def _keep(pile: Pile, label: str) -> DataSpec:
    """Write the pile under the hash of its content: first the images, then the facts that say they are whole."""
    arrays = {k: np.ascontiguousarray(getattr(pile, k)) for k in ("x", "y", "x_test", "y_test")}
    classes = pile.classes or ()
    content = hashlib.sha256(json.dumps([[a.shape for a in arrays.values()], classes]).encode())
    for array in arrays.values():
        content.update(array.data if array.size else b"")
    spec = DataSpec("own", hash=content.hexdigest(), label=label[:60])
    facts = Facts(
        spec.label, arrays["x"].shape[3], arrays["x"].shape[1], classes, len(pile.y), len(pile.y_test), notes=pile.notes
    )
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
