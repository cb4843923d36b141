"""What is said of the loss around networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from resnet_viz.spec.lab import LandscapeSpec
from resnet_viz.words.numbers import high, loss, percent


def landscape(
    nets: Sequence[tuple[str, Sequence[float]]], classes: int, lab: LandscapeSpec, shares: Sequence[float] = ()
) -> str:
    """How the loss rises around networks: of each its name and the losses measured on the grid, the first at its own weights.

    Names the highest loss, and the share of the last whole grid that is better than guessing (ln classes); in the planes of paths
    instead the ``shares`` of the paths' variance that these planes hold.
    """
    where = f"Within ±{lab.reach:g} filter-normalised unit{'s' * (lab.reach != 1)}"
    if lab.directions == "path":
        where = "In that plane" if lab.dimensions == 2 else "Along the first"
    elif lab.dimensions == 1:
        where += " along one direction"
    rises, better = [], []
    for name, losses in nets:
        rises.append(f"from {loss(losses[0])} to {high(max(losses))} around {name}")
        # Of the last whole grid: half a pass would count one side of it twice as much as the other.
        grids = [size**lab.dimensions for size in lab.SIZES if size**lab.dimensions <= len(losses)]
        grid = losses[: max(grids, default=1)]
        better.append(percent(sum(v < math.log(classes) for v in grid) / len(grid)))
    if lab.directions == "path":
        held = " / ".join(map(percent, shares))
        return f"Two axes hold {held} of the training path's variance. {where} the loss rises {', '.join(rises)}."
    return f"{where} the loss rises {', '.join(rises)}. Better than guessing: {' / '.join(better)} of the points."


def landscape_conditions(lab: LandscapeSpec, points: int, images: int) -> str:
    """On what a landscape was measured."""
    kind = {"train": "training"}.get(lab.split, lab.split)
    draws = "" if lab.directions == "path" else f", 1 draw of directions (seed {lab.seed})"
    return f"{points:,} points, {images:,} {kind} images{draws}."
