"""What is said of networks before their first step: norms, shattering, paths."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from resnet_viz.spec.laws import BN_GROWTH
from resnet_viz.spec.model import INITS, NORMS, ModelSpec


def conditions(spec: ModelSpec, seed: int, images: str, inputs: int, when: str = "now") -> str:
    """Under which conditions the figures hold: ``inputs`` images, "noise" or "digits", of 8×8 pixels, measured ``when``."""
    norm = NORMS[spec.norm] if spec.norm != "none" else "no norm"
    start = "started from He" if spec.init == "he" else f"plain from He, residual from {INITS[spec.init]}"
    what = "random images" if images == "noise" else "digits"
    return f"Measured {when}, before any training: {inputs} {what} of 8×8, {norm}, {start}, seed {seed}."


def says_fan(depth: int, sizes: Mapping[str, str]) -> str:
    """How large the gradient is at block 1 against the last one, of each net: label → such as "×12, too large"."""
    how = {"residual": "with skips", "plain": "without"}
    said = []
    for label, ratio in sizes.items():
        factor = ratio.rpartition(",")[0] or ratio
        said.append(f"{factor} {how.get(label, 'with ' + label.partition(', ')[2])}")
    return f"{depth} layers before the first step: gradient at block 1, against the last block: {', '.join(said)}."


def says_norms(growth: Mapping[str, float], norm: str) -> str:
    """By what factor a layer multiplies the gradient of each net (label → factor), and batch norm's law."""
    factors = ", ".join(f"×{factor:.3f} {label}" for label, factor in growth.items())
    law = f" BatchNorm's law for wide plain layers: ×{BN_GROWTH:.3f}." if norm == "batch" else ""
    return f"Toward the image, a layer multiplies the gradient by {factors}.{law}"


def says_shattering(correlations: Mapping[str, tuple[tuple[int, ...], np.ndarray]]) -> str:
    """How far gradients agree (kind of net → depths, (nets, depths)) at 8 layers, and in the residual net at its deepest."""

    def at(kind: str, depth: int) -> str:
        depths, values = correlations[kind]
        return f"{float(f'{100 * values.mean(0)[depths.index(depth)]:.2g}'):g}\u00a0%"

    last = correlations["residual_bn"][0][-1]
    return (
        f"Gradients of two inputs agree to {at('plain', 8)} after 8 plain layers, {at('residual_bn', 8)} after 8 residual "
        f"ones with BatchNorm, {at('residual_bn', last)} after {last}."
    )


def says_conv_shattering(residual: float, plain: float, depth: int) -> str:
    """How far gradients of two random images agree in this app's nets of so many layers, of 1."""
    return (
        f"In this app's nets gradients of two random images agree to {100 * residual:.1f}\u00a0% with skips and to "
        f"{100 * plain:.1f}\u00a0% without, at {depth} layers."
    )


def says_paths(blocks: int, carrying: tuple[int, int, float]) -> str:
    """Which paths carry the gradient: the fewest and the most of ``blocks`` branches they pass, and their share of all paths."""
    first, last, share = carrying
    if first == last:
        return f"A plain net has one path, through all of its {blocks} blocks: it carries the whole gradient."
    lengths = f"{first} to {last} of {blocks} branches"
    return f"95 % of the gradient comes by paths through {lengths}; they are {_percent(share)} of all paths."


def _percent(share: float) -> str:
    return f"{float(f'{100 * share:.2g}'):g}\u00a0%" if share < 0.995 else f"{100 * share:.1f}\u00a0%"
