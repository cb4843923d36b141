"""What is said of networks before their first step: norms, shattering, paths."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from resnet_viz.language import N_, tr
from resnet_viz.spec.laws import BN_GROWTH
from resnet_viz.spec.model import INITS, NORMS, ModelSpec


def conditions(spec: ModelSpec, seed: int, images: str, inputs: int, when: str = N_("now")) -> str:
    """Under which conditions the figures hold: ``inputs`` images, "noise" or "digits", of 8×8 pixels, measured ``when``."""
    norm = tr(NORMS[spec.norm]) if spec.norm != "none" else tr("no norm")
    start = (
        tr("started from He")
        if spec.init == "he"
        else tr("plain from He, residual from {start}", start=INITS[spec.init])
    )
    what = tr("random images") if images == "noise" else tr("digits")
    return tr(
        "Measured {when}, before any training: {inputs} {what} of 8×8, {norm}, {start}, seed {seed}.",
        when=tr(when),
        inputs=inputs,
        what=what,
        norm=norm,
        start=start,
        seed=seed,
    )


def says_fan(depth: int, sizes: Mapping[str, str]) -> str:
    """How large the gradient is at block 1 against the last one, of each net: label → such as "×12"."""
    how = {"residual": tr("with skips"), "plain": tr("without")}
    said = []
    for label, factor in sizes.items():
        said.append(
            tr("{factor} {how}", factor=factor, how=how.get(label) or tr("with {what}", what=label.partition(", ")[2]))
        )
    return tr(
        "{depth} layers before the first step: gradient at block 1, against the last block: {said}.",
        depth=depth,
        said=tr(", ").join(said),
    )


def says_norms(growth: Mapping[str, float], norm: str) -> str:
    """By what factor a layer multiplies the gradient of each net (label → factor), and batch norm's law."""
    factors = tr(", ").join(f"×{factor:.3f} {tr(label)}" for label, factor in growth.items())
    law = tr(" BatchNorm's law for wide plain layers: ×{factor:.3f}.", factor=BN_GROWTH) if norm == "batch" else ""
    return tr("Toward the image, a layer multiplies the gradient by {factors}.{law}", factors=factors, law=law)


def says_shattering(correlations: Mapping[str, tuple[tuple[int, ...], np.ndarray]]) -> str:
    """How far gradients agree (kind of net → depths, (nets, depths)) at 8 layers, and in the residual net at its deepest."""

    def at(kind: str, depth: int) -> str:
        depths, values = correlations[kind]
        return f"{float(f'{100 * values.mean(0)[depths.index(depth)]:.2g}'):g}\u00a0%"

    last = correlations["residual_bn"][0][-1]
    return tr(
        "Gradients of two inputs agree to {plain} after 8 plain layers, {residual} after 8 residual ones with "
        "BatchNorm, {deepest} after {last}.",
        plain=at("plain", 8),
        residual=at("residual_bn", 8),
        deepest=at("residual_bn", last),
        last=last,
    )


def shattering_conditions(nets: int, inputs: int, seed: int) -> str:
    """Of how many fully connected nets and inputs `says_shattering` speaks."""
    said = tr(
        "{nets} fully connected nets a dot, {inputs} Gaussian inputs, seed {seed}.", nets=nets, inputs=inputs, seed=seed
    )
    return f"{said} Balduzzi 2017."


def conv_conditions(nets: int, inputs: int, seed: int) -> str:
    """Of how many of this app's nets and images `says_conv_shattering` speaks."""
    return tr(
        "Measured now: {nets} nets a dot, {inputs} images of 8×8, seed {seed}.", nets=nets, inputs=inputs, seed=seed
    )


def says_conv_shattering(residual: float, plain: float, depth: int) -> str:
    """How far gradients of two random images agree in this app's nets of so many layers, of 1."""
    return tr(
        "In this app's nets gradients of two random images agree to {residual:.1f}\u00a0% with skips and to "
        "{plain:.1f}\u00a0% without, at {depth} layers.",
        residual=100 * residual,
        plain=100 * plain,
        depth=depth,
    )


def says_paths(blocks: int, carrying: tuple[int, int, float]) -> str:
    """Which paths carry the gradient: the fewest and the most of ``blocks`` branches they pass, and their share of all paths."""
    first, last, share = carrying
    if first == last:
        return tr(
            "A plain net has one path, through all of its {blocks} blocks: it carries the whole gradient.",
            blocks=blocks,
        )
    lengths = tr("{first} to {last} of {blocks} branches", first=first, last=last, blocks=blocks)
    return tr(
        "{most} of the gradient comes by paths through {lengths}; they are {share} of all paths.",
        most="95 %",
        lengths=lengths,
        share=_percent(share),
    )


def _percent(share: float) -> str:
    return f"{float(f'{100 * share:.2g}'):g}\u00a0%" if share < 0.995 else f"{100 * share:.1f}\u00a0%"
