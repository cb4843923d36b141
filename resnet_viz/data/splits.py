"""A data set's images, read and split. Without torch."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resnet_viz.data.catalogue import BUILT_IN, DataError, facts, home, lost, own_file, split_sizes
from resnet_viz.data.download import FILES, Progress, quiet, torchvision_sets
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.train import seed_from


@dataclass(frozen=True)
class Splits:
    """Images (N, H, W, C) uint8 and labels (N,) int64 of each split, "train", "validation" and "test"."""

    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    classes: tuple[str, ...]


def load_splits(spec: DataSpec, progress: Progress = quiet) -> Splits:
    """The images of a spec, split. Downloads what is not there yet. Raises DataError."""
    x, y, test_x, test_y = _read(spec, progress)
    meta = facts(spec)
    train, validation, test = split_sizes(spec)
    order = np.random.default_rng(seed_from(spec.split_seed, "split", spec.name, spec.hash)).permutation(len(x))
    if not meta.test:
        chosen, order = order[:test], order[test:]
        test_x, test_y = x[chosen], y[chosen]
    parts = {"validation": order[:validation], "train": order[validation : validation + train]}
    return Splits(
        {name: x[rows] for name, rows in parts.items()} | {"test": test_x},
        {name: y[rows] for name, rows in parts.items()} | {"test": test_y},
        meta.classes,
    )


def _read(spec: DataSpec, progress: Progress) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All images (N, H, W, C) uint8 and labels, and those of the data set's own test split (empty where it has none)."""
    if spec.name == "own":
        path = own_file(spec, ".npz")
        try:
            with np.load(path, allow_pickle=False) as file:
                return file["x"], file["y"], file["x_test"], file["y_test"]
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise lost(spec) from error
    if spec.name == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        # Values 0 to 16, to the full range of a byte.
        x = (x * (255 / 16)).round().astype(np.uint8).reshape(-1, 8, 8, 1)
        return x, y.astype(np.int64), x[:0], y[:0].astype(np.int64)
    if (home() / spec.name / "test.npz").exists():
        return _from_parts(home() / spec.name, BUILT_IN[spec.name].label)
    if spec.name not in FILES:
        label = BUILT_IN[spec.name].label
        raise DataError(f"{label} is not on this machine; put train.npz and test.npz (x, y) into {home() / spec.name}.")
    both = []
    for data in torchvision_sets(spec.name, progress):
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
    """The test split alone: images (N, H, W, C) uint8 and labels (N,). Raises DataError.

    Where it lies in a file of its own, the rest is not read: CIFAR-10's is a sixth of it.
    """
    alone_in = home() / spec.name / "test.npz"
    if spec.name in BUILT_IN and alone_in.exists():
        return _joined([alone_in], BUILT_IN[spec.name].label)
    splits = load_splits(spec)
    return splits.images["test"], splits.labels["test"]
