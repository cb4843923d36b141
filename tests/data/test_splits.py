"""How data sets are split: the digits are scikit-learn's; a split follows from its seed and nothing else."""

from dataclasses import replace

import numpy as np
from sklearn.datasets import load_digits

from resnet_viz.data import catalogue
from resnet_viz.data.splits import load_splits
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.run import RunSpec
from tests.data.brought import whole


def test_the_digits_are_scikit_learns_each_in_one_split() -> None:
    splits = load_splits(DataSpec())
    x, y = load_digits(return_X_y=True)
    expected = sorted(np.rint(a * 255 / 16).astype(np.uint8).tobytes() + bytes([b]) for a, b in zip(x, y, strict=True))
    assert whole(splits, "train", "validation", "test") == expected
    assert {k: v.shape for k, v in splits.images.items()} == {
        "train": (1350, 8, 8, 1),
        "validation": (150, 8, 8, 1),
        "test": (297, 8, 8, 1),
    }
    assert all(v.dtype == np.uint8 for v in splits.images.values())
    assert all(v.dtype == np.int64 for v in splits.labels.values())
    assert catalogue.total_steps(catalogue.fill(RunSpec())) == 132  # 12 epochs of 11 steps


def test_splits_follow_from_their_seed_and_the_test_split_from_nothing_else() -> None:
    first, again = (load_splits(DataSpec(split_seed=3)) for _ in range(2))
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(first.images[name], again.images[name])
    assert whole(load_splits(DataSpec(split_seed=4)), "test") != whole(first, "test")
    small = DataSpec(split_seed=3, validation=0.4, limit=100)
    assert catalogue.split_sizes(small) == (100, 600, 297)
    assert whole(load_splits(small), "test") == whole(first, "test")
    half = load_splits(replace(small, limit=50))
    np.testing.assert_array_equal(half.images["train"], load_splits(small).images["train"][:50])
