"""What is said of networks without some of their blocks."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from resnet_viz.language import tr
from resnet_viz.words.numbers import percent, spread


def lesions(nets: Sequence[tuple[str, float, Sequence[float]]], images: int) -> str:
    """What is left of networks without one of their blocks.

    Of each net its name, its accuracy undisturbed, and those without each block measured so far. Names their range and median.
    """
    said = []
    for name, undisturbed, without in nets:
        if not without:
            said.append(tr("{name} {accuracy} undisturbed", name=name, accuracy=percent(undisturbed)))
            continue
        middle = statistics.median(without)
        said.append(
            tr(
                "{name} {range} right (median {middle}, undisturbed {undisturbed})",
                name=name,
                range=spread(without, percent),
                middle=percent(middle),
                undisturbed=percent(undisturbed),
            )
        )
    if not any(without for _, _, without in nets):
        return tr("No block dropped yet: {said}.", said=tr(", ").join(said))
    return tr("With one block dropped: {said}. {images:,} test images.", said=tr("; ").join(said), images=images)


def random_lesions(nets: Sequence[tuple[str, int, np.ndarray]], images: int) -> str:
    """The median accuracy without about half of the blocks: of each net name, blocks, and (draws, 2) dropped, accuracy."""
    said = []
    for name, count, draws in nets:
        sizes = np.unique(draws[:, 0])
        half = sizes[np.abs(sizes - count / 2).argmin()]
        correct = draws[draws[:, 0] == half, 1]
        said.append(
            tr(
                "{name} {median} right ({half:.0f} of {count}, {draws} draws)",
                name=name,
                median=percent(float(np.median(correct))),
                half=half,
                count=count,
                draws=len(correct),
            )
        )
    return tr(
        "With half of the blocks dropped at random: {said}. {images:,} test images.",
        said=tr(", ").join(said),
        images=images,
    )


def shuffled_blocks(nets: Sequence[tuple[str, np.ndarray]], images: int) -> str:
    """The median accuracy after one swap and after the most: of each net label and (draws, 3) swaps, Kendall's τ, accuracy."""
    said = []
    for name, draws in nets:
        few, most = draws[:, 0].min(), draws[:, 0].max()
        correct = [percent(float(np.median(draws[draws[:, 0] == swaps, 2]))) for swaps in (few, most)]
        said.append(
            tr(
                "{name} {first} right after one swap, {last} after {most:.0f}",
                name=name,
                first=correct[0],
                last=correct[1],
                most=most,
            )
        )
    return tr(
        "Two blocks of a stage change places: {said} (medians). {images:,} test images.",
        said=tr("; ").join(said),
        images=images,
    )


def refinement(nets: Sequence[tuple[str, np.ndarray, np.ndarray]], images: int) -> str:
    """How near a stage's first block is to its end: of each net name, cosines (blocks,) and stages (blocks,)."""
    said = []
    for name, cosines, stages in nets:
        first = np.array([cosines[stages == stage][0] for stage in np.unique(stages)])
        said.append(f"{name} {float(np.nanmean(first)):.2f}")
    return tr(
        "Cosine of a stage's first block with its last, mean over stages: {said}. {images:,} test images.",
        said=tr(", ").join(said),
        images=images,
    )
