"""Which data sets there are, how large they are, and how they are split: without torch, for pages need it.

Built in: scikit-learn's digits. By download, found again offline: MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100, read by
torchvision. The user's own: see `own_data`.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from resnet_viz.spec import DataSpec, RunSpec, SpecError, seed_from

# Called as progress(text, done, total) while data is fetched; total 0 means unknown.
Progress = Callable[[str, int, int], None]


class DataError(ValueError):
    """What is wrong with some data, in one sentence a user can act on."""


@dataclass(frozen=True)
class Facts:
    """What a data set is. ``train`` counts what its own test split leaves; ``test`` 0: it has none, one is split off."""

    label: str
    channels: int
    size: int
    classes: tuple[str, ...]
    train: int
    test: int = 0
    augment: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


_TEN = tuple("0123456789")
_FASHION = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

BUILT_IN = {
    "digits": Facts("Digits (8×8, built in)", 1, 8, _TEN, 1797),
    "mnist": Facts("MNIST", 1, 28, _TEN, 60_000, 10_000, ("crop",)),
    "fashion": Facts("Fashion-MNIST", 1, 28, _FASHION, 60_000, 10_000, ("flip", "crop")),
    "cifar10": Facts("CIFAR-10", 3, 32, _CIFAR10, 50_000, 10_000, ("flip", "crop")),
    "cifar100": Facts("CIFAR-100", 3, 32, tuple(map(str, range(100))), 50_000, 10_000, ("flip", "crop")),
}


def home() -> Path:
    """Where data sets and weights are kept: RESNET_VIZ_DATA, else ~/.cache/resnet_viz."""
    return Path(os.environ.get("RESNET_VIZ_DATA") or Path.home() / ".cache" / "resnet_viz")


def facts(spec: DataSpec) -> Facts:
    """What the data set of a spec is. Raises DataError where the user's own data is no longer there."""
    if spec.name == "own":
        from resnet_viz import own_data

        return own_data.facts(spec)
    return BUILT_IN[spec.name]


def own_data() -> list[DataSpec]:
    """The data sets that users have brought to this machine, newest first."""
    from resnet_viz import own_data

    return own_data.listed()


def split_sizes(spec: DataSpec) -> tuple[int, int, int]:
    """Pictures in the training, validation and test split.

    Without a test split of its own a data set gives 16.5 % for it (297 of the 1,797 digits); ``validation`` is
    a share of what is left.
    """
    about = facts(spec)
    test = about.test or round(about.train * 0.165)
    rest = about.train if about.test else about.train - test
    validation = max(1, round(rest * spec.validation))
    train = rest - validation
    return min(train, spec.limit) if spec.limit else train, validation, test


def steps_per_epoch(spec: RunSpec) -> int:
    """Steps in which every training picture is seen once; a last batch of one picture is left out, BatchNorm can't take it."""
    train = split_sizes(spec.data)[0]
    return train // spec.train.batch + (train % spec.train.batch > 1)


def total_steps(spec: RunSpec) -> int:
    """Steps of the whole run."""
    return spec.train.steps or spec.train.epochs * steps_per_epoch(spec)


def fill(spec: RunSpec) -> RunSpec:
    """The run with channels, classes and size taken from its data, and validated. Raises SpecError or DataError."""
    spec.data.validate()
    about = facts(spec.data)
    augment = about.augment if spec.data.augment is None else spec.data.augment
    spec = replace(
        spec,
        model=replace(spec.model, channels=about.channels, classes=len(about.classes), size=about.size),
        data=replace(spec.data, augment=augment, label=about.label if spec.data.name == "own" else ""),
    )
    spec.validate()
    train = split_sizes(spec.data)[0]
    if spec.train.batch > train:
        raise SpecError(
            f"A batch of {spec.train.batch:,} is larger than the {train:,} training pictures; set it to {train:,} or less."
        )
    return spec


@dataclass(frozen=True)
class Splits:
    """Pictures (N, H, W, C) uint8 and labels (N,) int64 of each split, "train", "validation" and "test"."""

    pictures: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    classes: tuple[str, ...]


def load(spec: DataSpec, progress: Progress | None = None) -> Splits:
    """The pictures of a spec, split. Downloads what is not there yet. Raises DataError."""
    progress = progress or (lambda text, done, total: None)
    x, y, test_x, test_y = _read(spec, progress)
    about = facts(spec)
    train, validation, test = split_sizes(spec)
    order = np.random.default_rng(seed_from(spec.split_seed, "split", spec.name, spec.hash)).permutation(len(x))
    if not about.test:
        chosen, order = order[:test], order[test:]
        test_x, test_y = x[chosen], y[chosen]
    parts = {"validation": order[:validation], "train": order[validation : validation + train]}
    return Splits(
        {name: x[rows] for name, rows in parts.items()} | {"test": test_x},
        {name: y[rows] for name, rows in parts.items()} | {"test": test_y},
        about.classes,
    )


def _read(spec: DataSpec, progress: Progress) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All pictures (N, H, W, C) uint8 and labels, and those of the data set's own test split (empty where it has none)."""
    if spec.name == "own":
        from resnet_viz import own_data

        return own_data.read(spec)
    if spec.name == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        # Values 0 to 16, to the full range of a byte.
        x = (x * (255 / 16)).round().astype(np.uint8).reshape(-1, 8, 8, 1)
        return x, y.astype(np.int64), x[:0], y[:0].astype(np.int64)
    both = []
    for train in (True, False):
        data = _torchvision(spec.name, train, progress)
        x = np.asarray(data.data)
        both += [x if x.ndim == 4 else x[..., None], np.asarray(data.targets, np.int64)]
    return both[0], both[1], both[2], both[3]


_CLASSES = {"mnist": "MNIST", "fashion": "FashionMNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100"}
# What says that a data set is there, below home().
_FILES = {
    "mnist": "MNIST/raw/train-images-idx3-ubyte",
    "fashion": "FashionMNIST/raw/train-images-idx3-ubyte",
    "cifar10": "cifar-10-batches-py/data_batch_1",
    "cifar100": "cifar-100-python/train",
}


def available(name: str) -> bool:
    """Whether a data set can be used without a network."""
    return name not in _FILES or (home() / _FILES[name]).exists()


def _torchvision(name: str, train: bool, progress: Progress):
    """torchvision's data set, from disk, or downloaded first."""
    import torchvision

    kind = getattr(torchvision.datasets, _CLASSES[name])
    label = BUILT_IN[name].label
    try:
        return kind(str(home()), train=train)
    except RuntimeError:
        pass  # not there, or not whole
    try:
        _fetch(kind, label, progress)
        return kind(str(home()), train=train, download=True)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{label} is not on this machine and could not be downloaded ({error}); "
            f"train on the built-in digits or your own data, or put its files into {home()}."
        ) from error


def _fetch(kind: type, label: str, progress: Progress) -> None:
    """Fetch a data set's archives to where torchvision looks for them; it checks their md5 and unpacks."""
    if hasattr(kind, "mirrors"):
        folder = home() / kind.__name__ / "raw"
        files = [(name, [mirror + name for mirror in kind.mirrors]) for name, _ in kind.resources]
    else:
        folder, files = home(), [(kind.filename, [kind.url])]
    folder.mkdir(parents=True, exist_ok=True)
    for name, addresses in files:
        if (folder / name).exists():
            continue
        failure: Exception | None = None
        for address in addresses:
            try:
                _download(address, folder / name, label, progress)
                break
            except OSError as error:
                failure = error
        else:
            reason = getattr(failure, "reason", failure)
            raise OSError(f"no network: {reason}")


def _download(address: str, target: Path, label: str, progress: Progress) -> None:
    part = target.with_name(target.name + ".part")
    with urllib.request.urlopen(address, timeout=15) as source, part.open("wb") as sink:
        total = int(source.headers.get("Content-Length") or 0)
        while chunk := source.read(1 << 18):
            sink.write(chunk)
            progress(f"Downloading {label}", sink.tell(), total)
    if total and part.stat().st_size != total:
        part.unlink()
        raise urllib.error.URLError(f"{address} broke off")
    part.replace(target)  # whole or not at all
