"""What is said of saliency maps: who says which class, whether two nets' maps agree, why one is empty, and of strange images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from resnet_viz.language import N_, tr
from resnet_viz.words.numbers import percent, signed

# From which rank correlation on two maps are said to do so.
AGREEMENT = {0.7: N_("agree"), 0.3: N_("agree in part"), -0.3: N_("have little in common")}


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
    return tr(
        "{net} says {guess}; its {method} map is for {target}.",
        net=guess.net[0].upper() + guess.net[1:],
        guess=guess,
        method=method,
        target=target,
    )


def two_maps(first: Guess, second: Guess, method: str, target: str, correlation: float) -> str:
    """Of two nets: what they say, and how their maps by ``method`` agree.

    ``target``: what the maps are for, "" where that is what both say. ``correlation``: `agreement` of the maps.
    """
    if first.name == second.name:
        guesses = tr(
            "Both say {name}, {one} and {other}",
            name=first.name,
            one=percent(first.probability),
            other=percent(second.probability),
        )
    else:
        one, two = (tr("residual") if guess.residual else tr("plain") for guess in (first, second))
        guesses = tr("The {one} net says {first}, the {two} one {second}", one=one, first=first, two=two, second=second)
    which = (
        tr("{method} maps for {target}", method=method, target=target) if target else tr("{method} maps", method=method)
    )
    if not math.isfinite(correlation):
        return tr("{guesses}; their {maps} can't be compared.", guesses=guesses, maps=which)
    return tr(
        "{guesses}; their {maps} {agree}: rank correlation {correlation}.",
        guesses=guesses,
        maps=which,
        agree=agree(correlation),
        correlation=signed(correlation),
    )


def agree(correlation: float) -> str:
    """A rank correlation, −1 to 1, in words: see AGREEMENT."""
    contrary = N_("contradict each other")
    return tr(next((said for limit, said in AGREEMENT.items() if correlation >= limit), contrary))


def trusted(method: str, edges: Mapping[str, float], left: Mapping[str, float] | None = None) -> str:
    """Whether anything speaks against maps by ``method``, in a sentence: which follow edges, and which stay as a net forgets.

    Of each net ``edges``: the map's rank correlation with the image's edges; ``left``: that with the map of the net made random,
    None before it is measured (Adebayo 2018). From 0.7 on maps count as alike, see AGREEMENT.
    """
    alike = max(AGREEMENT)
    tests = [(N_("{net}'s follows the image's edges ({correlation})"), edges)]
    if left is not None:
        tests.append((N_("{net}'s stays though the net has forgotten all ({correlation})"), left))
    doubts = [
        tr(what, net=n, correlation=signed(r)) for what, found in tests for n, r in found.items() if abs(r) >= alike
    ]
    if doubts:
        return tr("Doubtful: of the {method} maps {doubts}.", method=method, doubts=tr("; ").join(doubts))
    said = tr("no {method} map merely follows edges (rank correlation {edges})", method=method, edges=_listed(edges))
    if left is None:
        return tr("Nothing against it so far: {said}; the tests below are not measured yet.", said=said)
    return tr(
        "Nothing found against it: {said}, and none stays when the net forgets ({left}).", said=said, left=_listed(left)
    )


def _listed(found: Mapping[str, float]) -> str:
    return tr(" and ").join(signed(r) if math.isfinite(r) else tr("not defined") for r in found.values())


def unlike(net: str, strange: float, limit: float) -> str:
    """That an image is unlike the training data: ``strange`` standard deviations away, where under ``limit`` is usual."""
    return tr(
        "This image is unlike the training data: inside {net} its answers lie {strange:.2f} standard "
        "deviations from those that BatchNorm remembers, on average (usual: under {limit:.2f}). A net says a "
        "class all the same; don't lean on it.",
        net=net,
        strange=strange,
        limit=limit,
    )


def nothing_to_show(cells: np.ndarray, what: str = "", where: str = "") -> str:
    """Why a raw Grad-CAM (h, w) shows nothing, in one sentence; "" for a map that shows something.

    ``what``: the class, or "cat less dog"; ``where``: the block. Normalised, such a map would be an image of noise.
    """
    what, where = what or tr("the class"), where or tr("this block")
    low, high, count = float(cells.min()), float(cells.max()), cells.size
    if not np.isfinite(cells).all():
        return tr(
            "The map is not a number: in {where} the network's values are not finite, as after a training that "
            "diverged.",
            where=where,
        )
    if not cells.any():
        return tr(
            "The map is empty: no gradient of {what} reaches {where}, so all its {count} cells are exactly 0.",
            what=what,
            where=where,
            count=count,
        )
    if count == 1:
        return tr(
            "There is nowhere to point: {where} has a single cell for the whole image; choose a block with more cells.",
            where=where,
        )
    if high - low < 1e-5 * max(abs(low), abs(high)):
        return tr(
            "The map is the same everywhere ({high:.3g}): {where} tells no part of the image from another for {what}.",
            high=high,
            where=where,
            what=what,
        )
    if high <= 0:
        return tr(
            "Nothing in {where} speaks for {what}: all {count} cells are negative ({low:.3g} to "
            "{high:.3g}), and Grad-CAM shows positive ones; the signed map shows what speaks against it.",
            where=where,
            what=what,
            count=count,
            low=low,
            high=high,
        )
    return ""
