"""Which class and which split an image belongs to, told by the folders it lies in."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from resnet_viz.data.archives import ImageFile
from resnet_viz.data.catalogue import DataError
from resnet_viz.spec.checks import quote, short

Parts = tuple[str, ...]

# What a folder's name says of a split, and words that say nothing beside it ("training_set", "seg_test1", "val-images").
SPLIT_WORDS = {"train": "train", "training": "train", "trn": "train", "trainval": "train"}
SPLIT_WORDS |= {"test": "test", "testing": "test", "tst": "test", "holdout": "test"}
SPLIT_WORDS |= {"val": "val", "valid": "val", "validation": "val", "eval": "val", "evaluation": "val", "dev": "val"}
SPLIT_WORDS |= {"训练": "train", "訓練": "train", "学習": "train", "测试": "test", "測試": "test", "テスト": "test"}
SPLIT_WORDS |= {"验证": "val", "驗證": "val", "検証": "val"}
FILLERS = set(
    "set data dataset images image imgs img pictures photos split samples files folder seg full new final small resized "  # noqa: SIM905
    "cropped original my the all".split()
)

# What sets are cut into that are neither splits nor classes.
PARTS = re.compile(r"(fold|part|batch|split|set|chunk|shard)[ _-]?\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Placed:
    """An image's file, its split ("train" or "test") and the name of its class."""

    split: str
    label: str
    file: ImageFile


def place(name: str, files: Sequence[ImageFile], folders: Collection[Parts]) -> tuple[list[Placed], list[str]]:
    """Each image that lies in a class folder, in the order of paths; and what was left out, a note for each reason.

    A folder that means a split is never a class. ``folders``: all there are, those without images too. ``name``: what errors call
    the whole. Raises DataError where images lie in no class folder.
    """
    tree = _tree(files, folders)
    root, notes, aside = _root(tree)
    counts = root.counts()
    splits = split_folders(counts)
    if "train" not in splits.values() and (same := _same_classes(root)):
        splits |= dict.fromkeys(same, "train")
        notes.append(f"the folders {few(same)}, which hold the same class folders, were taken together")
    others = {top: count for top, count in counts.items() if top not in splits}
    if splits:
        parts = _below_splits(root, splits)
        placed = [Placed(splits[top], label, file) for top, part in parts.items() for label, file in part.classes()]
        for top, count in others.items():
            again = split_folders(root.folders[top].inner().counts())
            where = "which holds the splits once more" if again else "which stands beside the splits"
            notes.append(f"the folder {quote(top)}, {where}, was left out: {_many(count)}")
        for top, part in parts.items():
            if part.files:
                notes.append(f"images of {quote(top)} in no class folder were left out: {len(part.files):,}")
    else:
        repeats = [top for top in others if _repeats(root.folders[top], top, others)][:1]
        for top in repeats:
            notes.append(
                f"the folder {quote(top)}, which holds the class folders once more, was left out: {_many(others[top])}"
            )
        parts = {"": root}
        pairs = [(label, file) for label, file in root.classes() if label not in repeats]
        inside = [_inside(file.parts[len(root.path) + 1 : -1]) for _, file in pairs]  # cat/train/1.png, cat/test/2.png
        ways = inside if all(inside) else ["train"] * len(pairs)
        placed = [Placed(split, label, file) for split, (label, file) in zip(ways, pairs, strict=True)]
    if not placed:
        raise DataError(_no_classes(name, len(files), sorted(splits, key=lambda top: splits[top] != "train")))
    placed, taken = two_splits(placed)
    if not any(one.split == "train" for one in placed):
        raise DataError(_no_classes(name, len(files), [top for top, split in splits.items() if split == "train"]))
    notes += taken
    if loose := tree.count - root.count - aside + len(root.files):
        notes.append(f"images outside the class folders were left out: {loose:,}")
    known = {one.label for one in placed} | set(counts)
    if empty := sorted({folder for part in parts.values() for folder in part.folders if folder not in known}):
        notes.append(f"folders without images were left out: {few(empty)}")
    return sorted(placed, key=lambda one: one.file.parts), notes


def split_folders(names: Collection[str]) -> dict[str, str]:
    """folder → its split, of those folders whose name is a split's, or differs from another's by the split alone."""
    meant = {name: meaning(name) for name in names}
    ways: dict[Parts, set[str]] = {}  # what else the name says → the splits it is said of
    for split, rest in meant.values():
        if split:
            ways.setdefault(rest, set()).add(split)
    splits = {}
    for name, (split, rest) in meant.items():
        if split and (not rest or len(ways[rest]) > 1):
            splits[name] = split
    return splits


def few(names: Sequence[str], most: int = 3) -> str:
    """The first few of many names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(quote, names[:most])) + more


@dataclass
class _Folder:
    """A folder: its path, the images right in it, its folders, and how many images it holds at any depth."""

    path: Parts = ()
    files: list[ImageFile] = field(default_factory=list)
    folders: dict[str, _Folder] = field(default_factory=dict)
    count: int = 0

    def counts(self) -> dict[str, int]:
        """Its folders that hold images at any depth, and how many."""
        return {name: folder.count for name, folder in sorted(self.folders.items()) if folder.count}

    def inner(self, classes: Collection[str] = ()) -> _Folder:
        """Itself, or the one folder that wraps all of its folders, at any depth, unless that is one of ``classes``."""
        folder = self
        while len(counts := folder.counts()) == 1:
            (only,) = counts
            if only in classes or not folder.folders[only].counts():
                break
            folder = folder.folders[only]
        return folder

    def classes(self) -> list[tuple[str, ImageFile]]:
        """(class, image) of all images below its folders, each of which is a class."""
        pairs = []
        for name in self.counts():
            waiting = [self.folders[name]]
            while waiting:
                folder = waiting.pop()
                pairs += [(name, file) for file in folder.files]
                waiting += folder.folders.values()
        return pairs


def _tree(files: Sequence[ImageFile], folders: Collection[Parts]) -> _Folder:
    root = _Folder()

    def go(parts: Parts, count: int) -> _Folder:
        folder = root
        folder.count += count
        for part in parts:
            if part not in folder.folders:
                folder.folders[part] = _Folder((*folder.path, part))
            folder = folder.folders[part]
            folder.count += count
        return folder

    for parts in folders:
        go(parts, 0)
    for file in files:
        go(file.parts[:-1], 1).files.append(file)
    return root


def _root(tree: _Folder) -> tuple[_Folder, list[str], int]:
    """The folder that holds the splits or the classes; notes on the folders beside it, and how many images these hold."""
    root = tree.inner()
    counts = root.counts()
    if not any(root.folders[split].inner().counts().keys() - {split} for split in split_folders(counts)):
        inside = {top: root.folders[top].inner() for top in counts}
        whole = [top for top in counts if len(set(split_folders(inside[top].counts()).values())) > 1]
        if len(whole) == 1 < len(counts):
            notes = [
                f"the folder {quote(top)}, which stands beside {quote(whole[0])}, was left out: {_many(count)}"
                for top, count in counts.items()
                if top != whole[0]
            ]
            return inside[whole[0]], notes, root.count - len(root.files) - counts[whole[0]]
    return root, [], 0


def _below_splits(root: _Folder, splits: Collection[str]) -> dict[str, _Folder]:
    """The folder of each split that holds its class folders."""
    tops = {split: root.folders[split].counts() for split in splits}
    inner = {}
    for split in splits:
        classes = {label for other in splits if other != split and len(tops[other]) > 1 for label in tops[other]}
        inner[split] = root.folders[split].inner(classes)
    return inner


def meaning(name: str) -> tuple[str, Parts]:
    """The split that a name speaks of ("" for none), and what else it says."""
    words = [w.lower() for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_A-Za-z]+", name)]
    stems = [re.sub(r"(set|数据集|數據集|数据|集)$", "", w) for w in words]
    words = [stem if stem in SPLIT_WORDS else w for stem, w in zip(stems, words, strict=True)]
    splits = {SPLIT_WORDS[w] for w in words if w in SPLIT_WORDS}
    rest = tuple(w for w in words if w not in SPLIT_WORDS and w not in FILLERS)
    return (splits.pop() if len(splits) == 1 else ""), rest


def _same_classes(root: _Folder) -> list[str]:
    """The folders of a set in numbered parts, two or more, each of which holds the same class folders, two or more."""
    parts = [top for top in root.counts() if PARTS.fullmatch(top)]
    classes = {tuple(root.folders[part].counts()) for part in parts}
    return parts if len(parts) > 1 and len(classes) == 1 and len(classes.pop()) > 1 else []


def _repeats(folder: _Folder, name: str, others: Mapping[str, int]) -> bool:
    """Whether a folder holds all the other class folders, two or more, once more."""
    inner = folder.inner().counts()
    return 1 < len(others) - 1 <= len(inner) and others.keys() - {name} <= inner.keys()


def _inside(below: Parts) -> str:
    """The split of an image by the folders below its class, as in cat/train/1.png; "" where they speak of none."""
    split, rest = meaning(below[0]) if below else ("", ())
    return "" if rest else split


def in_order(placed: Sequence[Placed]) -> list[Placed]:
    """By class, then by path: the order of class folders, so that the same images make the same data set however they came."""
    return sorted(placed, key=lambda one: (one.label, one.file.parts))


def two_splits(placed: list[Placed]) -> tuple[list[Placed], list[str]]:
    """Validation images as those of the split that is lacking: the test split, else as training data; and a note that says so."""
    splits = {one.split for one in placed}
    if "val" not in splits:
        return placed, []
    taken = "test" if splits == {"val", "train"} else "train"
    note = f"the validation images were taken as {'training data' if taken == 'train' else 'the test split'}"
    return [replace(one, split=taken) if one.split == "val" else one for one in placed], [note] * (len(splits) > 1)


def _no_classes(name: str, count: int, splits: list[str]) -> str:
    if splits:
        where = " and ".join(map(quote, splits[:2]))
        return (
            f"{quote(name)} holds images in {where}, which {'is a split' if len(splits) == 1 else 'are splits'} and no class, "
            f"but no class folders below; put them into one folder for each class, such as {short(splits[0])}/cat and "
            f"{short(splits[0])}/dog."
        )
    return f"{quote(name)} holds {count:,} images but no class folders; put them into one folder for each class."


def _many(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"
