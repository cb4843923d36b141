"""What can be said about a lab: one frozen dataclass a kind, the part ``lab`` of a `spec.RunSpec`.

A kind is carried out by the module of its name in `labs/`. ``networks`` are refs as `nets.refs.find` takes them. A new kind: its
dataclass here, in LabSpec, and `labs/KIND.py` with ``steps`` and ``run``, as `labs/__init__.py` says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, get_args

from resnet_viz.language import N_
from resnet_viz.spec.checks import require
from resnet_viz.spec.fields import WHOLE, check, row


@dataclass(frozen=True)
class LesionSpec:
    """Lesions of trained networks (Veit 2016): each block dropped alone, some dropped at random, blocks shuffled.

    ``images``: the first so many of the test split (0: all). ``repeats``: random draws for each number of dropped or swapped
    blocks, drawn from ``seed``.
    """

    networks: tuple[str, ...] = row((), N_("Networks"))
    images: int = row(1000, N_("Test images"), N_("0: all of them."), low=0, high=10**9, step=100)
    repeats: int = row(10, N_("Random tries"), N_("Random choices for each number of blocks."), low=1, high=50)
    seed: int = row(0, N_("Seed"), N_("Of the draws."), low=0, high=WHOLE)
    kind: str = field(default="lesion", init=False)
    title: ClassVar[str] = "lesions"

    def validate(self) -> None:
        """Raise SpecError with one sentence for the first thing that is wrong."""
        check(self)
        require(
            1 <= len(self.networks) <= 4,
            N_("Lesions compare 1 to 4 networks, not {n}."),
            n=len(self.networks),
        )


@dataclass(frozen=True)
class LandscapeSpec:
    """The loss around trained networks (Li et al. 2018), on a grid of ``size`` points a side along 1 or 2 directions.

    ``directions``: "random", filter-normalised and drawn from ``seed``, up to ``reach`` on each side; or "path", the principal
    axes of each network's training path, as far as that goes. ``images``: the first so many of ``split`` (0: all).
    """

    # Each halves the distance between the points of the one before.
    SIZES: ClassVar[tuple[int, ...]] = (5, 9, 17, 33, 65, 129)
    DIRECTIONS: ClassVar[dict[str, str]] = {
        "random": N_("random, filter-normalised"),
        "path": N_("of the training path"),
    }
    SPLITS: ClassVar[dict[str, str]] = {"train": N_("training"), "validation": N_("validation"), "test": N_("test")}

    networks: tuple[str, ...] = row((), N_("Networks"))
    directions: str = row("random", N_("Directions"), choices=DIRECTIONS)
    dimensions: int = row(2, N_("Dimensions"), choices={1: N_("a line"), 2: N_("a plane")})
    size: int = row(17, N_("Points a side"), choices={size: str(size) for size in (5, 9, 17, 33, 65, 129)})
    reach: float = row(1.0, N_("Reach on each side"), N_("In filter-normalised units."), above=0, high=10, step=0.25)
    images: int = row(512, N_("Images"), N_("0: all of them."), low=0, high=10**9, step=128)
    split: str = row("train", N_("Split"), choices=SPLITS)
    seed: int = row(0, N_("Seed of the directions"), low=0, high=WHOLE)
    kind: str = field(default="landscape", init=False)
    title: ClassVar[str] = "loss landscape"

    def validate(self) -> None:
        """Raise SpecError with one sentence for the first thing that is wrong."""
        check(self)
        require(
            1 <= len(self.networks) <= 4,
            N_("Landscapes compare 1 to 4 networks, not {n}."),
            n=len(self.networks),
        )


@dataclass(frozen=True)
class RangeSpec:
    """A learning-rate range test (Smith 2017): the run's own net, trained afresh at rising rates from ``min_lr`` to ``max_lr``.

    ``num_steps``: so many, one a step, each the same factor above the one before.
    """

    networks: tuple[str, ...] = row((), N_("Networks"))
    min_lr: float = row(1e-5, N_("First learning rate"), above=0)
    max_lr: float = row(10.0, N_("Last learning rate"), above=0)
    num_steps: int = row(100, N_("Steps"), N_("A learning rate each."), low=20, high=10_000)
    kind: str = field(default="lr_range", init=False)
    title: ClassVar[str] = "learning-rate range test"

    def validate(self) -> None:
        """Raise SpecError with one sentence for the first thing that is wrong."""
        check(self)
        require(not self.networks, N_("A range test trains the run's own network from its start: name no trained one."))
        require(
            self.min_lr < self.max_lr,
            N_("Learning rates from {min_lr:g} to {max_lr:g} do not rise from above 0."),
            min_lr=self.min_lr,
            max_lr=self.max_lr,
        )


LabSpec = LesionSpec | LandscapeSpec | RangeSpec
LABS: dict[str, type[LabSpec]] = {cls.kind: cls for cls in get_args(LabSpec)}
