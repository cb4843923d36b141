"""`lab gradients`, `lab shattering`, `lab paths`: the quick labs on networks before their first step."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from resnet_viz.runs.events import Event, Result
from resnet_viz.spec.model import GREY, INITS, NORMS, ModelSpec
from resnet_viz.words.gradients import says_norms, says_paths, says_shattering


def network_options(parser: argparse.ArgumentParser) -> None:
    """Which network."""
    parser.add_argument("--depth", type=int, default=56, help="6n+2; default: %(default)s")
    parser.add_argument("--norm", choices=NORMS, default="batch", help="default: batch")
    parser.add_argument("--init", choices=INITS, default="he", help="of residual branches; default: he")
    parser.add_argument("--images", choices=("noise", "digits"), default="noise", help="default: noise")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")


def seed_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--seed``, which labs that draw at random have in common."""
    parser.add_argument("--seed", type=int, default=0, help="default: 0")


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
    records = {label: lab.at_start(spec, options.seed, options.images) for label, spec in nets.items()}
    growth = {label: lab.growth(record) for label, record in records.items()}
    series = {label: {m: v[1][0] for m, v in record.series.items()} for label, record in records.items()}
    yield from _result(says_norms(growth, model.norm), growth=growth, **series)


def shattering(options: argparse.Namespace) -> Iterator[Event]:
    """Correlation of gradients in fully connected nets, beside the laws."""
    from resnet_viz.labs import shattering as lab
    from resnet_viz.spec import laws

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

    found = lab.at_start(_model(options), options.seed, options.images)
    yield from _result(
        says_paths(len(found.count) - 1, found.carrying),
        count=found.count,
        share=found.share,
        norm=found.norm,
        rest=found.rest,
    )
