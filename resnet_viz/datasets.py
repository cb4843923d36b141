"""Which data sets there are, how large they are, and how they are split: without torch, for pages need it.

Built in: scikit-learn's digits. By download, found again offline: MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100, read by
torchvision. The user's own: kept by `own_data.import_own`, found and read here.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import re
import shutil
import tarfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
    "digits": Facts("Digits 8×8", 1, 8, _TEN, 1797),
    "mnist": Facts("MNIST", 1, 28, _TEN, 60_000, 10_000, ("crop",)),
    "fashion": Facts("Fashion-MNIST", 1, 28, _FASHION, 60_000, 10_000, ("flip", "crop")),
    "cifar10": Facts("CIFAR-10", 3, 32, _CIFAR10, 50_000, 10_000, ("flip", "crop")),
    "cifar100": Facts("CIFAR-100", 3, 32, _CIFAR100, 50_000, 10_000, ("flip", "crop")),
}


def home() -> Path:
    """Where data sets and weights are kept: RESNET_VIZ_DATA, else ~/.cache/resnet_viz."""
    return Path(os.environ.get("RESNET_VIZ_DATA") or Path.home() / ".cache" / "resnet_viz")


def facts(spec: DataSpec) -> Facts:
    """What the data set of a spec is. Raises DataError where the user's own data is no longer there."""
    if spec.name != "own":
        return BUILT_IN[spec.name]
    path = own_file(spec, ".json")
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in read.items()}
        return Facts(**values)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _lost(spec) from error


def own_file(spec: DataSpec, suffix: str) -> Path:
    """Where the user's own data is kept: its pictures (".npz": x, y, x_test, y_test) and its Facts (".json")."""
    if not re.fullmatch("[0-9a-f]{64}", spec.hash):  # it may come from a URL, and becomes a file name
        raise DataError(f"{spec.hash!r} is not the hash of a data set; choose one from the list.")
    return home() / "own" / f"{spec.hash}{suffix}"


def own_data() -> list[DataSpec]:
    """The data sets that users have brought to this machine, newest first."""
    specs = []
    for path in sorted((home() / "own").glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True):
        with contextlib.suppress(DataError):  # another file, or a damaged one
            spec = DataSpec("own", hash=path.stem)
            specs.append(replace(spec, label=facts(spec).label))
    return specs


def _lost(spec: DataSpec) -> DataError:
    name = spec.label or spec.hash[:8]
    return DataError(f"Your data set {name!r} is no longer whole in {home() / 'own'}; bring its file or folder again.")


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
        path = own_file(spec, ".npz")
        try:
            with np.load(path, allow_pickle=False) as file:
                return file["x"], file["y"], file["x_test"], file["y_test"]
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise _lost(spec) from error
    if spec.name == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        # Values 0 to 16, to the full range of a byte.
        x = (x * (255 / 16)).round().astype(np.uint8).reshape(-1, 8, 8, 1)
        return x, y.astype(np.int64), x[:0], y[:0].astype(np.int64)
    if (home() / spec.name / "test.npz").exists():
        return _from_parts(home() / spec.name, BUILT_IN[spec.name].label)
    both = []
    for data in _torchvision(spec.name, progress):
        x = np.asarray(data.data)
        both += [x if x.ndim == 4 else x[..., None], np.asarray(data.targets, np.int64)]
    return both[0], both[1], both[2], both[3]


def _from_parts(folder: Path, label: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same of a built-in set that lies as ``train*.npz`` and ``test.npz`` (x, y), in the original order. Raises DataError."""
    return (*_joined(sorted(folder.glob("train*.npz")), label), *_joined([folder / "test.npz"], label))


def _joined(paths: list[Path], label: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        parts = [np.load(path, allow_pickle=False) for path in paths]
        return np.concatenate([p["x"] for p in parts]), np.concatenate([p["y"] for p in parts]).astype(np.int64)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"The files of {label} in {home()} are damaged; delete them and start again.") from error


def load_test(spec: DataSpec) -> tuple[np.ndarray, np.ndarray]:
    """The test split alone: pictures (N, H, W, C) uint8 and labels (N,). Raises DataError.

    Where it lies in a file of its own, the rest is not read: CIFAR-10's is a sixth of it.
    """
    alone_in = home() / spec.name / "test.npz"
    if spec.name in _FILES and alone_in.exists():
        return _joined([alone_in], BUILT_IN[spec.name].label)
    splits = load(spec)
    return splits.pictures["test"], splits.labels["test"]


# What says that a data set is there, below home(): torchvision's files, or the archive they come in.
_FILES = {
    "mnist": ("MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-images-idx3-ubyte.gz"),
    "fashion": ("FashionMNIST/raw/train-images-idx3-ubyte", "FashionMNIST/raw/train-images-idx3-ubyte.gz"),
    "cifar10": ("cifar-10-batches-py/data_batch_1", "cifar-10-python.tar.gz"),
    "cifar100": ("cifar-100-python/train", "cifar-100-python.tar.gz"),
}


def available(name: str) -> bool:
    """Whether a data set can be used without a network, as far as a look at its files can tell."""
    return name not in _FILES or any((home() / file).exists() for file in (*_FILES[name], f"{name}/test.npz"))


def _torchvision(name: str, progress: Progress) -> list[Any]:
    """torchvision's training and test set, from disk, or downloaded first. Raises DataError."""
    import torchvision

    kind = getattr(torchvision.datasets, {"mnist": "MNIST", "fashion": "FashionMNIST"}.get(name, name.upper()))
    label, root = BUILT_IN[name].label, home()

    def read() -> list[Any]:
        return [kind(str(root), train=train) for train in (True, False)]

    not_there = contextlib.suppress(RuntimeError)  # which is how torchvision says it, also of files that are not whole
    try:
        with not_there:
            return read()
        root.mkdir(parents=True, exist_ok=True)
        with alone(root / f".{name}.lock", lambda: progress(f"Waiting for {label}, which another run fetches", 0, 0)):
            with not_there:
                return read()
            _fetch(kind, label, progress)
            return read()
    except (gzip.BadGzipFile, zlib.error, tarfile.TarError, EOFError, AssertionError, ValueError) as error:
        # What unpackers and torchvision's readers make of a file that was cut short.
        raise DataError(f"The files of {label} in {root} are damaged; delete them and start again.") from error
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DataError(
            f"{label} is not on this machine and could not be downloaded ({reason}); train on the built-in digits or your own "
            f".npz, which need no network, or put its archives, such as {_FILES[name][1]}, into {root}."
        ) from error


@contextlib.contextmanager
def alone(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock between processes, for twins ask for the same data at the same time; ``wait`` is called each second."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=1)
        except Timeout:
            wait()
    try:
        yield
    finally:
        lock.release()


def _fetch(kind: Any, label: str, progress: Progress) -> None:
    """Fetch the archives of one of torchvision's data sets to where it looks for them, and unpack them there."""
    from torchvision.datasets.utils import check_integrity, extract_archive

    if hasattr(kind, "mirrors"):
        folder = home() / kind.__name__ / "raw"
        files = [(name, md5, [mirror + name for mirror in kind.mirrors]) for name, md5 in kind.resources]
    else:
        folder, files = home(), [(kind.filename, kind.tgz_md5, [kind.url])]
    folder.mkdir(parents=True, exist_ok=True)
    for name, md5, addresses in files:
        target = folder / name
        if not target.exists():  # else it was checked below, or the user put it there
            part = target.with_name(f"{name}.part")
            download(addresses, part, label, progress)
            if not check_integrity(part, md5):
                part.unlink()
                raise OSError(f"{name} arrived damaged")
            part.replace(target)  # whole or not at all
        progress(f"Unpacking {label}", 0, 0)
        if name.endswith(".tar.gz"):
            extract_archive(target, folder)  # torchvision checks the files inside by their md5 when it reads them
        else:
            part = target.with_suffix(".part")
            with gzip.open(target) as packed, part.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
            part.replace(target.with_suffix(""))


def download(addresses: list[str], part: Path, label: str, progress: Progress) -> None:
    """Fetch a file from the first of its addresses that answers. Raises OSError, the last one's."""
    for number, address in enumerate(addresses, 1):
        try:
            with urllib.request.urlopen(address, timeout=15) as source, part.open("wb") as sink:
                total = int(source.headers.get("Content-Length") or 0)
                while chunk := source.read(1 << 18):
                    sink.write(chunk)
                    progress(f"Downloading {label}", sink.tell(), total)
            return
        except (OSError, http.client.HTTPException):
            if number == len(addresses):
                raise
