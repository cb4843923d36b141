"""What is said of saliency maps: who says which class, whether two nets' maps agree, why one is empty, and of strange images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from resnet_viz.words.numbers import percent, signed

# From which rank correlation on two maps are said to do so.
AGREEMENT = {0.7: "agree", 0.3: "agree in part", -0.3: "have little in common"}


@dataclass(frozen=True)
class Guess:
    """A net (its name, whether it has skips), the class it finds likeliest, and that class's probability, 0 to 1."""

    net: str
    residual: bool
    name: str
    probability: float

    def __str__(self) -> str:
        return f"{self.name} ({percent(self.probability)})"


def one_map(guess: Guess, method: str, target: str) -> str:
    """Of a net alone: what it says, and what its map by ``method`` is for."""
    return f"{guess.net[0].upper()}{guess.net[1:]} says {guess}; its {method} map is for {target}."


def two_maps(first: Guess, second: Guess, method: str, target: str, correlation: float) -> str:
    """Of two nets: what they say, and how their maps by ``method`` agree.

    ``target``: what the maps are for, "" where that is what both say. ``correlation``: `agreement` of the maps.
    """
    if first.name == second.name:
        guesses = f"Both say {first.name}, {percent(first.probability)} and {percent(second.probability)}"
    else:
        one, two = ("residual" if guess.residual else "plain" for guess in (first, second))
        guesses = f"The {one} net says {first}, the {two} one {second}"
    which = f"{method} maps{f' for {target}' if target else ''}"
    if not math.isfinite(correlation):
        return f"{guesses}; their {which} can't be compared."
    return f"{guesses}; their {which} {agree(correlation)}: rank correlation {signed(correlation)}."


def agree(correlation: float) -> str:
    """A rank correlation, −1 to 1, in words: see AGREEMENT."""
    return next((said for limit, said in AGREEMENT.items() if correlation >= limit), "contradict each other")


def trusted(method: str, edges: Mapping[str, float], left: Mapping[str, float] | None = None) -> str:
    """Whether anything speaks against maps by ``method``, in a sentence: which follow edges, and which stay as a net forgets.

    Of each net ``edges``: the map's rank correlation with the image's edges; ``left``: that with the map of the net made random,
    None before it is measured (Adebayo 2018). From 0.7 on maps count as alike, see AGREEMENT.
    """
    alike = max(AGREEMENT)
    tests = [("follows the image's edges", edges)]
    if left is not None:
        tests.append(("stays though the net has forgotten all", left))
    doubts = [f"{n}'s {what} ({signed(r)})" for what, found in tests for n, r in found.items() if abs(r) >= alike]
    if doubts:
        return f"Doubtful: of the {method} maps {'; '.join(doubts)}."
    said = f"no {method} map merely follows edges (rank correlation {_listed(edges)})"
    if left is None:
        return f"Nothing against it so far: {said}; the tests below are not measured yet."
    return f"Nothing found against it: {said}, and none stays when the net forgets ({_listed(left)})."


def _listed(found: Mapping[str, float]) -> str:
    return " and ".join(signed(r) if math.isfinite(r) else "not defined" for r in found.values())


def unlike(net: str, strange: float, limit: float) -> str:
    """That an image is unlike the training data: ``strange`` standard deviations away, where under ``limit`` is usual."""
    return (
        f"This image is unlike the training data: inside {net} its answers lie {strange:.2f} standard deviations from those that "
        f"BatchNorm remembers, on average (usual: under {limit:.2f}). A net says a class all the same; don't lean on it."
    )


def nothing_to_show(cells: np.ndarray, what: str = "the class", where: str = "this block") -> str:
    """Why a raw Grad-CAM (h, w) shows nothing, in one sentence; "" for a map that shows something.

    ``what``: the class, or "cat less dog"; ``where``: the block. Normalised, such a map would be an image of noise.
    """
    low, high, count = float(cells.min()), float(cells.max()), cells.size
    if not np.isfinite(cells).all():
        return f"The map is not a number: in {where} the network's values are not finite, as after a training that diverged."
    if not cells.any():
        return f"The map is empty: no gradient of {what} reaches {where}, so all its {count} cells are exactly 0."
    if count == 1:
        return (
            f"There is nowhere to point: {where} has a single cell for the whole image; choose a block with more cells."
        )
    if high - low < 1e-5 * max(abs(low), abs(high)):
        return (
            f"The map is the same everywhere ({high:.3g}): {where} tells no part of the image from another for {what}."
        )
    if high <= 0:
        return (
            f"Nothing in {where} speaks for {what}: all {count} cells are negative ({low:.3g} to {high:.3g}), "
            "and Grad-CAM shows positive ones; the signed map shows what speaks against it."
        )
    return ""
