"""Which images, how many of them, and how they are varied."""

from __future__ import annotations

from dataclasses import dataclass

from resnet_viz.language import N_
from resnet_viz.spec.checks import require
from resnet_viz.spec.fields import WHOLE, check, row

DATASETS = ("digits", "mnist", "fashion", "cifar10", "cifar100", "own")
AUGMENTATIONS = ("flip", "crop", "cutout")


@dataclass(frozen=True)
class DataSpec:
    """Which images, how many of them, and how they are varied.

    ``hash`` names the content of the user's own data (name "own"); ``label`` is what the user calls it.
    ``limit``: at most so many training images (0: all), drawn by ``split_seed``. ``augment``: see AUGMENTATIONS;
    None asks for the data set's own default.
    """

    name: str = row("digits", N_("Data"), N_("↓: downloaded when first used."), choices=dict.fromkeys(DATASETS, ""))
    hash: str = row("", N_("Hash of your own data"))
    label: str = row("", N_("Name of your own data"))
    limit: int = row(0, N_("Training images at most"), N_("0: all."), low=0, high=10**9, step=500, tab="data")
    validation: float = row(
        0.1, N_("Validation share"), N_("Of the training images, held back."), above=0, high=0.5, step=0.05, tab="data"
    )
    split_seed: int = row(0, N_("Seed of the split"), low=0, high=WHOLE, tab="data")
    augment: tuple[str, ...] | None = row(
        None, N_("Augmentation"), choices=dict(zip(AUGMENTATIONS, AUGMENTATIONS, strict=True)), separator="+", empty="none",
        usual="flip+crop", tab="data",
    )  # fmt: skip

    def validate(self) -> None:
        """Raise SpecError with one sentence for the first thing that is wrong."""
        check(self)
        require(self.name != "own" or bool(self.hash), N_("Your own data needs its hash: import the file first."))
