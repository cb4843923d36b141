"""Class folders of images, in an archive or on disk, into arrays of one size.

The files are untrusted: an image's size is checked before its pixels are read, and one that is broken is left out and counted.
"""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import UnidentifiedImageError

from resnet_viz.data import archives, deep, images, sheets
from resnet_viz.data.archives import KEPT, ImageFile
from resnet_viz.data.arrays import LabelledImages
from resnet_viz.data.catalogue import DataError
from resnet_viz.data.download import Progress
from resnet_viz.data.images import FORMATS
from resnet_viz.data.layout import Placed, few, place
from resnet_viz.spec.checks import quote

FEW = 3  # files that a note names
SAMPLED = 500  # images of more than 8 bits whose values tell the range of all
SIDE = 224  # pixels; images in folders are made no larger than what ImageNet's networks see


class _Header(NamedTuple):
    """What an image's file says before its pixels are read."""

    file: ImageFile
    is_test: bool
    label: int
    size: tuple[int, int]
    is_grey: bool
    is_deep: bool


def read_class_folders(
    name: str, files: Sequence[ImageFile], folders: Collection[tuple[str, ...]], progress: Progress
) -> LabelledImages:
    """The images of all class folders, square, of one size and of one or three channels; ``name`` is what errors call it.

    ``folders``: all there are, those without images too. The images' order, and so the content's hash, depends on their paths
    below the class folders alone. Raises DataError.
    """
    files = [file for file in files if not hidden(file.parts)]
    seen = [file for file in files if _is_image(file)]
    if not seen:
        if inner := [file.parts[-1] for file in files if file.parts[-1].lower().endswith(archives.ENDINGS)]:
            raise DataError(
                f"{quote(name)} holds no images, but the archive {quote(inner[0])}; unpack it once and bring that."
            )
        raise DataError(
            f"{quote(name)} holds no images ({', '.join(sorted(FORMATS))}); put them into one folder for each class."
        )
    named = sheets.placed_by(files, seen)
    tables = [file.parts[-1] for file in files if file.parts[-1].lower().endswith(sheets.UNREAD)]
    try:
        placed, notes = place(name, seen, [folder for folder in folders if not hidden(folder)])
        if not named and tables and len({one.label for one in placed}) == 1:
            raise DataError(f"{quote(name)} holds only one class folder, {quote(placed[0].label)}.")
    except DataError as error:
        if named is None:
            if tables:
                raise DataError(f"{error} If {quote(tables[0])} tells the classes, save it as CSV.") from None
            raise
        placed, notes = named
    if named and 2 * len(named[0]) >= len(placed):  # of class folders too: HAM10000's are parts, and no classes
        placed, notes = named
    return read_placed(name, placed, notes, progress)


def read_placed(name: str, placed: Sequence[Placed], notes: Sequence[str], progress: Progress) -> LabelledImages:
    """Images whose class and split are known, square, of one size and of one or three channels. Raises DataError."""
    notes = list(notes)
    classes = tuple(sorted({one.label for one in placed}, key=lambda c: c.zfill(20) if c.isdecimal() else c))
    number = {label: i for i, label in enumerate(classes)}

    bad: list[str] = []  # the images left out, and why
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on metadata and on sizes that image() refuses itself
        # First the headers alone: the size and the colours that suit all.
        headers = []
        for i, one in enumerate(placed):
            if i % 64 == 0:
                progress("Looking at the images", i, len(placed))
            try:
                with one.file.image() as image:
                    is_deep = deep.is_deep(image)
                    is_grey = deep.is_grey(image) if is_deep else image.mode in ("1", "L")
                    is_test, label = one.split == "test", number[one.label]
                    headers.append(_Header(one.file, is_test, label, image.size, is_grey, is_deep))
            except Exception as error:  # Pillow raises of every kind for a broken file
                bad.append(_why(one.file, error))
        if not headers:
            raise DataError(f"None of the {len(placed):,} images in {quote(name)} can be read (such as {bad[0]}).")
        headers.sort(key=lambda header: header.is_test)  # each split lies in one piece of memory, no copy of it is made
        sizes = Counter(header.size for header in headers)
        channels = 1 if all(header.is_grey for header in headers) else 3
        black_white = _range(headers, notes)
        side = _side(sizes, channels)
        x = np.empty((len(headers), side, side, channels), np.uint8)
        kept: list[tuple[bool, int]] = []
        for i, header in enumerate(headers):
            if i % 64 == 0:
                progress("Reading the images", i, len(headers))
            try:
                with header.file.image() as image:
                    x[len(kept)] = images.fit(np.asarray(images.decode(image, side, black_white)), side, channels)
                kept.append((header.is_test, header.label))
            except Exception as error:
                bad.append(_why(header.file, error))
    if not kept:
        raise DataError(f"None of the {len(placed):,} images in {quote(name)} can be read (such as {bad[0]}).")
    if bad:
        such = "; ".join(bad[:FEW])
        notes.append(f"{len(bad):,} of {len(placed):,} images were left out as they can't be read, such as {such}")
    if lost := [label for label in classes if number[label] not in {label for _, label in kept}]:
        notes.append(f"classes of which no image can be read were left out: {few(lost)}")
    if set(sizes) != {(side, side)}:
        was = f"{len(sizes):,} sizes" if len(sizes) > 1 else "{}×{} pixels".format(*next(iter(sizes)))
        notes.append(f"images of {was} were cut to their middle square and resized to {side}×{side}")
    if channels == 3 and any(header.is_grey for header in headers):
        notes.append("grey images were turned into RGB, as others have colours")
    train, labels = sum(not is_test for is_test, _ in kept), np.array([label for _, label in kept], np.int64)
    x = x[: len(kept)]
    return LabelledImages(x[:train], labels[:train], x[train:], labels[train:], classes, tuple(notes))


def hidden(parts: tuple[str, ...]) -> bool:
    """Whether a path is of what systems leave beside files, such as a Mac's shadows."""
    return any(part.startswith((".", "__MACOSX")) for part in parts)


def _is_image(file: ImageFile) -> bool:
    """Whether a file looks like an image, by its ending, or else by how it begins."""
    if Path(file.parts[-1]).suffix.lower() in images.ENDINGS:
        return True
    try:
        with file.open() as opened:
            return images.kind(opened.read(images.HEAD)) in images.IMAGE_KINDS
    except Exception:  # whatever a damaged archive makes of it: no image
        return False


def _why(file: ImageFile, error: Exception) -> str:
    """Which image could not be read, and why."""
    reason = images.reason(error)
    if isinstance(error, UnidentifiedImageError):
        with contextlib.suppress(Exception), file.open() as opened:
            reason = images.kind(opened.read(images.HEAD)) or reason
    return f"{quote('/'.join(file.parts))}: {reason}"


def _range(headers: list[_Header], notes: list[str]) -> tuple[float, float] | None:
    """What is black and white in those of a set's images that have more than 8 bits; None where none has. Said, unless usual."""
    files = [header.file for header in headers if header.is_deep]
    values = []
    for file in files[:: max(1, len(files) // SAMPLED)]:
        with contextlib.suppress(Exception), file.image() as image:  # what can't be read is left out, and said, below
            values.append(deep.sample(image, 1024))
    if not values:
        return None
    black, white = deep.span(np.concatenate(values))
    if (black, white) not in ((0, 255), (0, 65_535)):
        notes.append(
            f"pixels of more than 8 bits: {black:,.6g} became black and {white:,.6g} white, the range of this set"
        )
    return black, white


def _side(sizes: Counter[tuple[int, int]], channels: int) -> int:
    """The side that images get: that of most, else the median; no more than SIDE, nor than what fits into KEPT bytes."""
    sides: Counter[int] = Counter()
    for size, count in sizes.items():
        sides[min(size)] += count
    side, count = sides.most_common(1)[0]
    if count * 2 <= sides.total():
        side = int(np.median(list(sides.elements())))
    return max(4, min(side, SIDE, int((KEPT / channels / sides.total()) ** 0.5)))
