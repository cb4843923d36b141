"""What can be said about a lab: one frozen dataclass a kind, the part ``lab`` of a `spec.RunSpec`.

A kind is carried out by the module of its name in `labs/`. ``networks`` are refs as `networks.find` takes them. A new kind:
its dataclass here, in LABS, and `labs/KIND.py` with ``steps(spec, nets)`` and ``run(spec, nets)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from resnet_viz.spec.checks import choice, require


@dataclass(frozen=True)
class LesionSpec:
    """Lesions of trained networks (Veit 2016): each block dropped alone, some dropped at random, blocks shuffled.

    ``images``: the first so many of the test split (0: all). ``repeats``: random draws for each number of dropped or swapped
    blocks, drawn from ``seed``.
    """

    networks: tuple[str, ...] = ()
    images: int = 1000
    repeats: int = 10
    seed: int = 0
    kind: str = field(default="lesion", init=False)
    title: ClassVar[str] = "lesions"

    def validate(self) -> None:
        require(1 <= len(self.networks) <= 4, f"Lesions compare 1 to 4 networks, not {len(self.networks)}.")
        require(self.images >= 0, f"{self.images} images are below 0 (0 means all of the test split).")
        require(1 <= self.repeats <= 50, f"{self.repeats} random draws are outside 1 to 50; 10 are usual.")
        require(0 <= self.seed < 2**63, f"Seed {self.seed} is not a whole number from 0 up.")


@dataclass(frozen=True)
class LandscapeSpec:
    """The loss around trained networks (Li et al. 2018), on a grid of ``size`` points a side along 1 or 2 directions.

    ``directions``: "random", filter-normalised and drawn from ``seed``, up to ``reach`` on each side; or "path", the principal
    axes of each network's training path, as far as that goes. ``images``: the first so many of ``split`` (0: all).
    """

    networks: tuple[str, ...] = ()
    directions: str = "random"
    dimensions: int = 2
    size: int = 17
    reach: float = 1.0
    images: int = 512
    split: str = "train"
    seed: int = 0
    kind: str = field(default="landscape", init=False)
    title: ClassVar[str] = "loss landscape"

    # Each halves the distance between the points of the one before.
    SIZES: ClassVar[tuple[int, ...]] = (5, 9, 17, 33, 65, 129)
    DIRECTIONS: ClassVar[dict[str, str]] = {"random": "random, filter-normalised", "path": "of the training path"}

    def validate(self) -> None:
        require(1 <= len(self.networks) <= 4, f"Landscapes compare 1 to 4 networks, not {len(self.networks)}.")
        choice(self.directions, self.DIRECTIONS, "Direction")
        require(self.dimensions in (1, 2), f"A landscape has 1 or 2 dimensions, not {self.dimensions}.")
        require(
            self.size in self.SIZES,
            f"A grid of {self.size:,} points a side, {self.size**self.dimensions:,} in all, is too fine, or not one that can be "
            f"refined; choose one of {', '.join(map(str, self.SIZES))}.",
        )
        require(0 < self.reach <= 10, f"A reach of {self.reach:g} is outside 0 to 10; 1 is usual.")
        require(self.images >= 0, f"{self.images} images are below 0 (0 means all).")
        choice(self.split, ("train", "validation", "test"), "Split")
        require(0 <= self.seed < 2**63, f"Seed {self.seed} is not a whole number from 0 up.")


@dataclass(frozen=True)
class RangeSpec:
    """A learning-rate range test (Smith 2017): the run's own net, trained afresh at rising rates from ``min_lr`` to ``max_lr``.

    ``num_steps``: so many, one a step, each the same factor above the one before.
    """

    networks: tuple[str, ...] = ()
    min_lr: float = 1e-5
    max_lr: float = 10.0
    num_steps: int = 100
    kind: str = field(default="lr_range", init=False)
    title: ClassVar[str] = "learning-rate range test"

    def validate(self) -> None:
        require(not self.networks, "A range test trains the run's own network from its start: name no trained one.")
        require(
            0 < self.min_lr < self.max_lr, f"Rates from {self.min_lr:g} to {self.max_lr:g} do not rise from above 0."
        )
        require(20 <= self.num_steps <= 10_000, f"{self.num_steps} rates are outside 20 to 10,000; 100 are usual.")


LabSpec = LesionSpec | LandscapeSpec | RangeSpec
LABS: dict[str, type[LabSpec]] = {"lesion": LesionSpec, "landscape": LandscapeSpec, "lr_range": RangeSpec}
