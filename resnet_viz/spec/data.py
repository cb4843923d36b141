"""Which images, how many of them, and how they are varied."""

from __future__ import annotations

from dataclasses import dataclass

from resnet_viz.spec.checks import choice as _choice
from resnet_viz.spec.checks import require as _require

DATASETS = ("digits", "mnist", "fashion", "cifar10", "cifar100", "own")


AUGMENTATIONS = ("flip", "crop", "cutout")


@dataclass(frozen=True)
class DataSpec:
    """Which images, how many of them, and how they are varied.

    ``hash`` names the content of the user's own data (name "own"); ``label`` is what the user calls it.
    ``limit``: at most so many training images (0: all), drawn by ``split_seed``. ``augment``: see AUGMENTATIONS;
    None asks for the data set's own default.
    """

    name: str = "digits"
    hash: str = ""
    label: str = ""
    limit: int = 0
    validation: float = 0.1
    split_seed: int = 0
    augment: tuple[str, ...] | None = None

    def validate(self) -> None:
        _choice(self.name, DATASETS, "Data set")
        _require(self.name != "own" or bool(self.hash), "Your own data needs its hash: import the file first.")
        _require(self.limit >= 0, f"A limit of {self.limit} training images is below 0 (0 means all).")
        _require(0 < self.validation <= 0.5, f"A validation share of {self.validation} is outside 0 to 0.5.")
        for name in self.augment or ():
            _choice(name, AUGMENTATIONS, "Augmentation")
