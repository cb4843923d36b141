"""A CSV beside images that names the class of each, as competitions have it: which image a row means, which column is what."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from resnet_viz.data import codepages
from resnet_viz.data.archives import ENTRIES, ImageFile
from resnet_viz.data.layout import Placed, few, in_order, meaning, two_splits
from resnet_viz.spec.checks import quote

UNREAD = (".xlsx", ".xls", ".ods", ".numbers")  # tables that are not read
BYTES = 64 << 20  # of one CSV
LONG = 100  # letters of a class's name: what is longer is a description
SAMPLED = 200  # rows that tell which column names images
# Columns of classes, the first that is there is taken; and of splits.
LABEL_COLUMNS = (
    "label", "labels", "class", "class_name", "classname", "label_name", "target", "category", "fine_label", "species", "breed",
    "variety", "diagnosis", "dx", "emotion", "class_id", "classid", "label_id", "y",
)  # fmt: skip
_SPLIT_COLUMNS = ("split", "set", "subset", "partition", "data set", "dataset", "phase", "usage")


@dataclass(frozen=True)
class _Sheet:
    """A CSV that names images: the rows of those that are there, how many others, its split ("" for none) and its column."""

    path: str
    rows: list[tuple[ImageFile, str, str]]
    lacking: int
    split: str
    column: str


def placed_by(files: Sequence[ImageFile], images: Sequence[ImageFile]) -> tuple[list[Placed], list[str]] | None:
    """Each image that a CSV among the files names, with its class and split; and notes. None: no CSV does.

    An image is named by its path, seen from the CSV or the top, by its name alone or that without its ending. The split is a
    column's, or what the CSV's name or the image's folders say. One-hot columns are read as well.
    """
    found = [f for f in files if f.parts[-1].lower().endswith((".csv", ".tsv")) and f.bytes <= BYTES]
    found = [f for f in found if "submission" not in f.parts[-1].lower()]  # an example of answers, not the answers
    if not found:
        return None
    index = _index(images)
    sheets = [sheet for file in found if (sheet := _sheet(file, index))]
    if any(sheet.split == "train" for sheet in sheets):
        taken = [sheet for sheet in sheets if sheet.split]
    else:
        taken = sorted(sheets, key=lambda sheet: len(sheet.rows))[-1:]
    classes: dict[tuple[str, ...], Placed] = {}
    notes, differing = [], 0
    for sheet in taken:
        notes.append(f"classes are those in the column {quote(sheet.column)} of {quote(sheet.path)}")
        if sheet.lacking:
            notes.append(
                f"rows of {quote(sheet.path)} whose image is not there or that name no class: {sheet.lacking:,}"
            )
        for file, label, split in sheet.rows:
            one = Placed(split or sheet.split or _by_folders(file), label, file)
            differing += classes.setdefault(file.parts, one).label != label
    if not classes:
        return None
    if differing:
        notes.append(f"rows that name an image again, of another class, were left out: {differing:,}")
    if other := [sheet.path for sheet in sheets if sheet not in taken]:
        notes.append(f"files that name images too were left out: {few(other)}")
    if unnamed := len(images) - len(classes):
        notes.append(f"images that no row names were left out: {unnamed:,}")
    placed, said = two_splits(list(classes.values()))
    return in_order(placed), notes + said


def _index(images: Sequence[ImageFile]) -> dict[str, list[ImageFile]]:
    index: dict[str, list[ImageFile]] = {}
    for image in images:
        path = PurePosixPath(*image.parts)
        for key in {str(path), str(path.with_suffix("")), path.name, path.stem}:
            index.setdefault(key, []).append(image)
    return index


def _sheet(file: ImageFile, index: dict[str, list[ImageFile]]) -> _Sheet | None:
    """What a CSV says of images; None where less than half of its rows name one, or no column is one of classes."""
    try:
        with file.open() as opened:
            content = opened.read(BYTES + 1)
        text = content.decode(_encoding(content), "replace")
        first = text.split("\n", 1)[0]
        reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
        head = [name.strip() for name in next(reader)]
        rows = [row for row in reader if len(row) == len(head)]
    except Exception:  # no CSV, or a damaged archive's
        return None
    if not rows or len(rows) > ENTRIES or len(head) < 2:
        return None
    some = rows[:: max(1, len(rows) // SAMPLED)]
    hits = [sum(_named(row[place], file, index) is not None for row in some) for place in range(len(head))]
    which = hits.index(max(hits))
    if 2 * hits[which] < len(some):
        return None
    names = [name.lower() for name in head]
    split = next((names.index(name) for name in _SPLIT_COLUMNS if name in names and names.index(name) != which), -1)
    others = [place for place in range(len(head)) if place not in (which, split)]
    labels = [names.index(name) for name in LABEL_COLUMNS if name in names and names.index(name) in others]
    column = (labels or others)[0] if labels or len(others) == 1 else None
    if column is None and not all(sorted(_number(row[place]) for place in others)[-2:] == [0, 1] for row in some):
        return None
    kept, lacking = [], 0
    for row in rows:
        image = _named(row[which], file, index)
        ones = (
            [head[place] for place in others if _number(row[place]) == 1] if column is None else [row[column].strip()]
        )
        if image is None or len(ones) != 1 or not 0 < len(ones[0]) <= LONG:
            lacking += 1
        else:
            kept.append((image, ones[0], meaning(row[split])[0] if split >= 0 else ""))
    own = meaning(PurePosixPath(file.parts[-1]).stem)[0] or _by_folders(file, "")
    return _Sheet("/".join(file.parts), kept, lacking, own, "one-hot" if column is None else head[column])


def _encoding(content: bytes) -> str:
    """UTF-16 by its mark (Excel's "Unicode text"), UTF-8 where it is that, else the code page of Chinese or western Windows."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    with contextlib.suppress(UnicodeDecodeError):
        content.decode("utf-8")
        return "utf-8-sig"
    words = [word for word in re.split(rb"[\x00-\x7f]+", content) if word]
    return "gbk" if codepages.guess(words) == "gbk" else "cp1252"


def _number(text: str) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return -1


def _named(value: str, sheet: ImageFile, index: dict[str, list[ImageFile]]) -> ImageFile | None:
    """The image that a field means; None where it means none, or several."""
    path = PurePosixPath(value.strip().replace("\\", "/"))
    if not path.name:
        return None
    for key in (str(PurePosixPath(*sheet.parts[:-1], path)), str(path), path.name):
        found = index.get(key, [])
        beside = [image for image in found if image.parts[: len(sheet.parts) - 1] == sheet.parts[:-1]]
        if len(one := found if len(found) == 1 else beside) == 1:
            return one[0]
    return None


def _by_folders(file: ImageFile, unsaid: str = "train") -> str:
    return next((split for split, rest in map(meaning, file.parts[:-1]) if split and not rest), unsaid)
