"""Class folders of images, in an archive or on disk, into arrays of one size.

The files are untrusted: an image's size is checked before its pixels are read, and one that is broken is left out and counted.
"""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from resnet_viz.data import images
from resnet_viz.data.archives import ImageFile
from resnet_viz.data.arrays import LabelledImages
from resnet_viz.data.catalogue import DataError
from resnet_viz.data.download import Progress
from resnet_viz.data.images import FORMATS

KEPT = 1 << 30  # bytes of images kept: larger sets of images are made smaller
SIDE = 224  # pixels; images in folders are made no larger than what ImageNet's networks see
SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
SPLITS |= {"val": "val", "valid": "val", "validation": "val"}


def read_class_folders(name: str, items: list[ImageFile], progress: Progress) -> LabelledImages:
    """The images of all class folders, square, of one size and of one or three channels; ``name`` is what errors call it.

    Their order, and so the content's hash, depends on their paths below the class folders alone. Raises DataError.
    """
    items = [i for i in items if Path(i.parts[-1]).suffix.lower() in FORMATS and not _hidden(i.parts)]
    if not items:
        raise DataError(
            f"{name!r} holds no images ({', '.join(sorted(FORMATS))}); put them into one folder for each class."
        )
    found, loose, notes = _placed(items)
    if not found:
        raise DataError(
            f"{name!r} holds {len(items):,} images but no class folders; put them into one folder for each class."
        )
    if loose:
        notes.append(f"images outside the class folders were left out: {loose:,}")
    classes = tuple(sorted({label for _, label, _ in found}, key=lambda c: c.zfill(20) if c.isdecimal() else c))
    number = {label: i for i, label in enumerate(classes)}

    bad: list[str] = []  # the images left out, and why
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on metadata and on sizes that image() refuses itself
        # First the headers alone: the size and the colours that suit all.
        headers = []
        for i, (split, label, item) in enumerate(found):
            if i % 64 == 0:
                progress("Looking at the images", i, len(found))
            try:
                with item.image() as image:
                    headers.append((split, number[label], item, image.size, image.mode))
            except Exception as error:  # Pillow raises of every kind for a broken file
                bad.append(f"{'/'.join(item.parts)!r}: {images.reason(error)}")
        if not headers:
            raise DataError(f"None of the {len(found):,} images in {name!r} can be read (such as {bad[0]}).")
        sizes = Counter(size for *_, size, _ in headers)
        channels = 1 if all(mode in ("1", "L") or mode.startswith("I") for *_, mode in headers) else 3
        side = _side(sizes, channels)
        x = np.empty((len(headers), side, side, channels), np.uint8)
        kept: list[tuple[bool, int]] = []
        for i, (split, label_number, item, _, _) in enumerate(headers):
            if i % 64 == 0:
                progress("Reading the images", i, len(headers))
            try:
                with item.image() as image:
                    x[len(kept)] = images.fit(np.asarray(images.decode(image, side)), side, channels)
                kept.append((split == "test", label_number))
            except Exception as error:
                bad.append(f"{'/'.join(item.parts)!r}: {images.reason(error)}")
    if not kept:
        raise DataError(f"None of the {len(found):,} images in {name!r} can be read (such as {bad[0]}).")
    if bad:
        notes.append(f"{len(bad):,} of {len(found):,} images were left out as they can't be read, such as {bad[0]}")
    if set(sizes) != {(side, side)}:
        was = f"{len(sizes):,} sizes" if len(sizes) > 1 else "{}×{} pixels".format(*next(iter(sizes)))
        notes.append(f"images of {was} were cut to their middle square and resized to {side}×{side}")
    if channels == 3 and any(mode in ("1", "L") for *_, mode in headers):
        notes.append("grey images were turned into RGB, as others have colours")
    test, labels = np.array([t for t, _ in kept]), np.array([label for _, label in kept], np.int64)
    x = x[: len(kept)]
    if not test.any():
        return LabelledImages(x, labels, x[:0], labels[:0], classes, tuple(notes))
    return LabelledImages(x[~test], labels[~test], x[test], labels[test], classes, tuple(notes))


def _hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in parts)


def _placed(items: list[ImageFile]) -> tuple[list[tuple[str, str, ImageFile]], int, list[str]]:
    """(split, class, item) of each image in a class folder, in the order of their paths; how many are in none; notes."""
    places = [(item.parts, item) for item in sorted(items, key=lambda item: item.parts)]
    # Folders that hold all the rest are wrapping, as long as folders are left below them.
    while len({parts[0] for parts, _ in places}) == 1 and any(len(parts) > 2 for parts, _ in places):
        places = [(parts[1:], item) for parts, item in places]
    tops = {parts[0].lower() for parts, _ in places if len(parts) > 1}
    notes: list[str] = []
    if not tops <= set(SPLITS) or not any(len(parts) > 2 for parts, _ in places):
        found = [("train", parts[0], item) for parts, item in places if len(parts) > 1]
    else:
        found = [(SPLITS[parts[0].lower()], parts[1], item) for parts, item in places if len(parts) > 2]
        splits = {split for split, _, _ in found}
        if "val" in splits and splits != {"val"}:
            taken = "train" if "test" in splits else "test"
            notes.append(
                f"the validation folder was taken as {'training data' if taken == 'train' else 'the test split'}"
            )
            found = [(taken if split == "val" else split, label, item) for split, label, item in found]
    return found, len(places) - len(found), notes


def _side(sizes: Counter[tuple[int, int]], channels: int) -> int:
    """The side that images get: that of most, else the median; no more than SIDE, nor than what fits into KEPT bytes."""
    sides: Counter[int] = Counter()
    for size, count in sizes.items():
        sides[min(size)] += count
    side, count = sides.most_common(1)[0]
    if count * 2 <= sides.total():
        side = int(np.median(list(sides.elements())))
    return max(4, min(side, SIDE, int((KEPT / channels / sides.total()) ** 0.5)))
