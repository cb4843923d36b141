"""Which data sets there are, how large they are, and how they are split: without torch, for pages need it.

Built in: scikit-learn's digits. By download, found again offline: MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100, read by
torchvision. The user's own: kept by `own.import_own`, found here, read by `splits`.

To add one: a row in BUILT_IN, its name in `spec.data.DATASETS`, and its images as `train*.npz` and `test.npz` (x: uint8
(N, H, W, C), y: (N,)) in a folder of its name below `home()`. Where torchvision has it, a row in `download.FILES` fetches it
instead. The controls, the command line and every page take it from there.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from resnet_viz.errors import UserError
from resnet_viz.files import cache as home
from resnet_viz.language import N_
from resnet_viz.spec.checks import quote
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.run import RunSpec, SpecError


class DataError(UserError):
    """What is wrong with some data, in one sentence a user can act on."""


@dataclass(frozen=True)
class Facts:
    """What a data set is. ``train`` counts what its own test split leaves; ``test`` 0: it has none, one is split off.

    Of the user's own: ``notes`` say what was left out or changed, ``counts`` are (training, test) images of each class.
    """

    label: str
    channels: int
    size: int
    classes: tuple[str, ...]
    train: int
    test: int = 0
    augment: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    counts: tuple[tuple[int, int], ...] = ()


_TEN = tuple("0123456789")


_FASHION = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


_CIFAR100 = tuple(
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle "  # noqa: SIM905
    "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant "
    "flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man "
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree "
    "plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper "
    "snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train "
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm".split()
)


BUILT_IN = {
    "digits": Facts(N_("Digits 8×8"), 1, 8, _TEN, 1797),
    "mnist": Facts("MNIST", 1, 28, _TEN, 60_000, 10_000, ("crop",)),
    "fashion": Facts("Fashion-MNIST", 1, 28, _FASHION, 60_000, 10_000, ("flip", "crop")),
    "cifar10": Facts("CIFAR-10", 3, 32, _CIFAR10, 50_000, 10_000, ("flip", "crop")),
    "cifar100": Facts("CIFAR-100", 3, 32, _CIFAR100, 50_000, 10_000, ("flip", "crop")),
}


def facts(spec: DataSpec) -> Facts:
    """What the data set of a spec is. Raises DataError where the user's own data is no longer there."""
    if spec.name != "own":
        return BUILT_IN[spec.name]
    path = own_file(spec, ".json")
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in read.items()}
        return Facts(**values | {"counts": tuple((int(train), int(test)) for train, test in read.get("counts", ()))})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise lost(spec) from error


def own_file(spec: DataSpec, suffix: str) -> Path:
    """Where the user's own data is kept: its images (".npz": x, y, x_test, y_test) and its Facts (".json")."""
    if not re.fullmatch("[0-9a-f]{64}", spec.hash):  # it may come from a URL, and becomes a file name
        raise DataError(f"{quote(spec.hash)} is not the hash of a data set; choose one from the list.")
    return home() / "own" / f"{spec.hash}{suffix}"


def own_data() -> list[DataSpec]:
    """The data sets that users have brought to this machine, newest first."""
    specs = []
    for path in sorted((home() / "own").glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True):
        with contextlib.suppress(DataError):  # another file, or a damaged one
            spec = DataSpec("own", hash=path.stem)
            specs.append(replace(spec, label=facts(spec).label))
    return specs


def lost(spec: DataSpec) -> DataError:
    """What to say where the files of a user's data set are gone or damaged."""
    name = spec.label or spec.hash[:8]
    return DataError(
        f"Your data set {quote(name)} is no longer whole in {home() / 'own'}; bring its file or folder again."
    )


def split_sizes(spec: DataSpec) -> tuple[int, int, int]:
    """Images in the training, validation and test split.

    Without a test split of its own a data set gives 16.5 % for it (297 of the 1,797 digits); ``validation`` is
    a share of what is left.
    """
    meta = facts(spec)
    test = meta.test or round(meta.train * 0.165)
    rest = meta.train if meta.test else meta.train - test
    validation = max(1, round(rest * spec.validation))
    train = rest - validation
    return min(train, spec.limit) if spec.limit else train, validation, test


def steps_per_epoch(spec: RunSpec) -> int:
    """Steps in which every training image is seen once; a last batch of one image is left out, BatchNorm can't take it."""
    train = split_sizes(spec.data)[0]
    return train // spec.train.batch_size + (train % spec.train.batch_size > 1)


def total_steps(spec: RunSpec) -> int:
    """Steps of the whole run."""
    return spec.train.steps or spec.train.epochs * steps_per_epoch(spec)


def fill(spec: RunSpec) -> RunSpec:
    """The run with channels, classes and size taken from its data, and validated. Raises SpecError or DataError."""
    spec.data.validate()
    meta = facts(spec.data)
    augment = meta.augment if spec.data.augment is None else spec.data.augment
    spec = replace(
        spec,
        model=replace(spec.model, channels=meta.channels, classes=len(meta.classes), size=meta.size),
        data=replace(spec.data, augment=augment, label=meta.label if spec.data.name == "own" else ""),
    )
    spec.validate()
    train = split_sizes(spec.data)[0]
    if spec.train.batch_size > train:
        raise SpecError(
            f"A batch of {spec.train.batch_size:,} is larger than the {train:,} training images; set it to {train:,} or less."
        )
    return spec
