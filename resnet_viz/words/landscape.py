"""What is said of the loss around networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from resnet_viz.spec.lab import LandscapeSpec
from resnet_viz.words.numbers import FIT, high, loss, percent


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
    rises = [f"from {loss(losses[0])} to {high(max(losses))} around {name}" for name, losses in nets]
    if lab.directions == "path":
        held = " / ".join(map(percent, shares))
        differ = " These planes differ: heights can't be compared." if len(nets) > 1 else ""
        return (
            f"Two axes hold {held} of the training path's variance. {where} the loss rises {', '.join(rises)}.{differ}"
        )
    said = f"{where} the loss rises {', '.join(rises)}."
    # Of the last whole grid: half a pass would count one side of it twice as much as the other.
    known = min(len(losses) for _, losses in nets)
    grids = [size**lab.dimensions for size in lab.SIZES if size**lab.dimensions <= known]
    if not grids:
        return f"{said} Its first grid is not whole yet."
    better = [sum(v < math.log(classes) for v in losses[: grids[-1]]) / grids[-1] for _, losses in nets]
    return f"{_compared([name for name, _ in nets], better)} {said}"


def _compared(names: Sequence[str], better: Sequence[float]) -> str:
    """The answer: around which network more of the points are better than guessing, and their shares."""
    shares = sorted(zip(better, names, strict=True), key=lambda pair: -pair[0])
    if len(shares) != 2:
        figures = ", ".join(f"{percent(share)} around {name}" for share, name in shares)
        return f"Of the points are better than guessing: {figures}."
    (most, more), (least, less) = shares
    if most - least < 0.01:
        return f"As much around both nets is better than guessing: {percent(most)} of the points."
    return f"More around {more} than around {less} is better than guessing: {percent(most)} and {percent(least)} of the points."


def landscape_conditions(lab: LandscapeSpec, points: int, images: int) -> str:
    """On what a landscape was measured, and which loss it is: at the trained weights, on training images, the fit."""
    kind = {"train": "training"}.get(lab.split, lab.split)
    draws = "" if lab.directions == "path" else f", 1 draw of directions (seed {lab.seed})"
    which = f" {FIT}" if lab.split == "train" else ""
    return f"{points:,} points, {images:,} {kind} images{draws}.{which}"
