"""The quick labs on networks before their first step: a sentence for each, and the command line. Torch comes when they run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from resnet_viz.events import Event, Result
from resnet_viz.laws import BN_GROWTH
from resnet_viz.spec import INITS, NORMS, ModelSpec

if TYPE_CHECKING:
    from resnet_viz.labs.paths import Paths

GREY: dict[str, Any] = {"channels": 1, "size": 8}  # the size of the digits


def says_norms(growth: Mapping[str, float], norm: str) -> str:
    """By what factor a layer multiplies the gradient of each net (label → factor), and batch norm's law."""
    words = ", ".join(f"×{factor:.3f} {label}" for label, factor in growth.items())
    law = f" BatchNorm's law for wide plain layers: ×{BN_GROWTH:.3f}." if norm == "batch" else ""
    return f"Toward the picture, a layer multiplies the gradient by {words}.{law}"


def says_shattering(found: Mapping[str, tuple[tuple[int, ...], np.ndarray]]) -> str:
    """How far gradients agree (kind of net → depths, (nets, depths)) at 8 layers, and in the residual net at its deepest."""

    def at(kind: str, depth: int) -> str:
        depths, values = found[kind]
        return f"{float(f'{100 * values.mean(0)[depths.index(depth)]:.2g}'):g}\u00a0%"

    last = found["residual_bn"][0][-1]
    return (
        f"Gradients of two inputs agree to {at('plain', 8)} after 8 plain layers, {at('residual_bn', 8)} after 8 residual "
        f"ones with BatchNorm, {at('residual_bn', last)} after {last}."
    )


def says_paths(found: Paths) -> str:
    """Which paths carry the gradient."""
    blocks = len(found.count) - 1
    first, last, share = found.carrying
    if first == last:
        return f"A plain net has one path, through all of its {blocks} blocks: it carries the whole gradient."
    lengths = f"{first} to {last} of {blocks} branches"
    return f"95 % of the gradient comes by paths through {lengths}; they are {_percent(share)} of all paths."


def _percent(share: float) -> str:
    return f"{float(f'{100 * share:.2g}'):g}\u00a0%" if share < 0.995 else f"{100 * share:.1f}\u00a0%"


# ---- command line -------------------------------------------------------------------------------------------------


def network_options(parser: argparse.ArgumentParser) -> None:
    """Which network."""
    parser.add_argument("--depth", type=int, default=56, help="6n+2; default: %(default)s")
    parser.add_argument("--norm", choices=NORMS, default="batch")
    parser.add_argument("--init", choices=INITS, default="he")
    parser.add_argument("--pictures", choices=("noise", "digits"), default="noise")
    parser.add_argument("--seed", type=int, default=0)


def seed_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0)


def _model(options: argparse.Namespace) -> ModelSpec:
    model = ModelSpec(depth=options.depth, norm=options.norm, init=options.init, **GREY)
    model.validate()
    return model


def _result(sentence: str, **values: Any) -> Iterator[Event]:
    yield Result("finished", {"sentence": sentence, **values})


def gradients(options: argparse.Namespace) -> Iterator[Event]:
    """Norms of the residual net and its plain twin."""
    from resnet_viz.labs import gradients as lab

    model = _model(options)
    nets = {"residual": model, "plain": model.twin()}
    records = {label: lab.at_start(spec, options.seed, options.pictures) for label, spec in nets.items()}
    growth = {label: lab.growth(record) for label, record in records.items()}
    series = {label: {m: v[1][0] for m, v in record.series.items()} for label, record in records.items()}
    yield from _result(says_norms(growth, model.norm), growth=growth, **series)


def shattering(options: argparse.Namespace) -> Iterator[Event]:
    """Correlation of gradients in fully connected nets, beside the laws."""
    from resnet_viz import laws
    from resnet_viz.labs import shattering as lab

    found = {
        kind: (lab.depths(kind), lab.correlations(kind, lab.depths(kind), seed=options.seed)) for kind in lab.DEEPEST
    }
    values = {
        kind: {
            "depths": list(depths),
            "mean": c.mean(0),
            "std": c.std(0, ddof=1),
            "law": laws.shattering(kind, np.array(depths)),
        }
        for kind, (depths, c) in found.items()
    }
    yield from _result(says_shattering(found), nets=lab.NETS, noise=lab.noise(), **values)


def paths(options: argparse.Namespace) -> Iterator[Event]:
    """The gradient that paths of each length carry."""
    from resnet_viz.labs import paths as lab

    found = lab.at_start(_model(options), options.seed, options.pictures)
    yield from _result(says_paths(found), count=found.count, share=found.share, norm=found.norm, rest=found.rest)
