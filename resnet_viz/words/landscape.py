"""What is said of the loss around networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from resnet_viz.language import tr, trn
from resnet_viz.spec.lab import LandscapeSpec
from resnet_viz.words.numbers import FIT, high, loss, percent


def landscape(
    nets: Sequence[tuple[str, Sequence[float]]], classes: int, lab: LandscapeSpec, shares: Sequence[float] = ()
) -> str:
    """How the loss rises around networks: of each its name and the losses measured on the grid, the first at its own weights.

    Names the highest loss, and the share of the last whole grid that is better than guessing (ln classes); in the planes of paths
    instead the ``shares`` of the paths' variance that these planes hold.
    """
    where = trn(
        "Within ±{reach:g} filter-normalised unit",
        "Within ±{reach:g} filter-normalised units",
        1 if lab.reach == 1 else 2,
        reach=lab.reach,
    )
    if lab.directions == "path":
        where = tr("In that plane") if lab.dimensions == 2 else tr("Along the first")
    elif lab.dimensions == 1:
        where += tr(" along one direction")
    rises = [
        tr("from {low} to {high} around {name}", low=loss(losses[0]), high=high(max(losses)), name=name)
        for name, losses in nets
    ]
    if lab.directions == "path":
        held = " / ".join(map(percent, shares))
        differ = tr(" These planes differ: heights can't be compared.") if len(nets) > 1 else ""
        return tr(
            "Two axes hold {held} of the training path's variance. {where} the loss rises {rises}.{differ}",
            held=held,
            where=where,
            rises=tr(", ").join(rises),
            differ=differ,
        )
    said = tr("{where} the loss rises {rises}.", where=where, rises=tr(", ").join(rises))
    # Of the last whole grid: half a pass would count one side of it twice as much as the other.
    known = min(len(losses) for _, losses in nets)
    grids = [size**lab.dimensions for size in lab.SIZES if size**lab.dimensions <= known]
    if not grids:
        return tr("{said} Its first grid is not whole yet.", said=said)
    better = [sum(v < math.log(classes) for v in losses[: grids[-1]]) / grids[-1] for _, losses in nets]
    return tr(" ").join((_compared([name for name, _ in nets], better), said))


def _compared(names: Sequence[str], better: Sequence[float]) -> str:
    """The answer: around which network more of the points are better than guessing, and their shares."""
    shares = sorted(zip(better, names, strict=True), key=lambda pair: -pair[0])
    if len(shares) != 2:
        figures = tr(", ").join(tr("{share} around {name}", share=percent(share), name=name) for share, name in shares)
        return tr("Of the points are better than guessing: {figures}.", figures=figures)
    (most, more), (least, less) = shares
    if most - least < 0.01:
        return tr("As much around both nets is better than guessing: {most} of the points.", most=percent(most))
    return tr(
        "More around {more} than around {less} is better than guessing: {most} and {least} of the points.",
        more=more,
        less=less,
        most=percent(most),
        least=percent(least),
    )


def landscape_conditions(lab: LandscapeSpec, points: int, images: int) -> str:
    """On what a landscape was measured, and which loss it is: at the trained weights, on training images, the fit."""
    kind = tr(lab.SPLITS[lab.split])
    draws = "" if lab.directions == "path" else tr(", 1 draw of directions (seed {seed})", seed=lab.seed)
    which = tr(" ") + tr(FIT) if lab.split == "train" else ""
    return tr(
        "{points:,} points, {images:,} {kind} images{draws}.{which}",
        points=points,
        images=images,
        kind=kind,
        draws=draws,
        which=which,
    )
