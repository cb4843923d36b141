"""What is said of networks without some of their blocks."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from resnet_viz.words.numbers import percent, spread


def lesions(nets: Sequence[tuple[str, float, Sequence[float]]], images: int) -> str:
    """What is left of networks without one of their blocks.

    Of each net its name, its accuracy undisturbed, and those without each block measured so far. Names their range and median.
    """
    said = []
    for name, undisturbed, without in nets:
        if not without:
            said.append(f"{name} {percent(undisturbed)} undisturbed")
            continue
        middle = statistics.median(without)
        said.append(
            f"{name} {spread(without, percent)} right (median {percent(middle)}, undisturbed {percent(undisturbed)})"
        )
    if not any(without for _, _, without in nets):
        return f"No block dropped yet: {', '.join(said)}."
    return f"With one block dropped: {'; '.join(said)}. {images:,} test images."


def random_lesions(nets: Sequence[tuple[str, int, np.ndarray]], images: int) -> str:
    """The median accuracy without about half of the blocks: of each net name, blocks, and (draws, 2) dropped, accuracy."""
    said = []
    for name, count, draws in nets:
        sizes = np.unique(draws[:, 0])
        half = sizes[np.abs(sizes - count / 2).argmin()]
        correct = draws[draws[:, 0] == half, 1]
        said.append(f"{name} {percent(float(np.median(correct)))} right ({half:.0f} of {count}, {len(correct)} draws)")
    return f"With half of the blocks dropped at random: {', '.join(said)}. {images:,} test images."


def shuffled_blocks(nets: Sequence[tuple[str, np.ndarray]], images: int) -> str:
    """The median accuracy after one swap and after the most: of each net label and (draws, 3) swaps, Kendall's τ, accuracy."""
    said = []
    for name, draws in nets:
        few, most = draws[:, 0].min(), draws[:, 0].max()
        correct = [percent(float(np.median(draws[draws[:, 0] == swaps, 2]))) for swaps in (few, most)]
        said.append(f"{name} {correct[0]} right after one swap, {correct[1]} after {most:.0f}")
    return f"Two blocks of a stage change places: {'; '.join(said)} (medians). {images:,} test images."


def refinement(nets: Sequence[tuple[str, np.ndarray, np.ndarray]], images: int) -> str:
    """How near a stage's first block is to its end: of each net name, cosines (blocks,) and stages (blocks,)."""
    said = []
    for name, cosines, stages in nets:
        first = np.array([cosines[stages == stage][0] for stage in np.unique(stages)])
        said.append(f"{name} {float(np.nanmean(first)):.2f}")
    return (
        f"Cosine of a stage's first block with its last, mean over stages: {', '.join(said)}. {images:,} test images."
    )
