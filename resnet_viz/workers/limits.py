"""What one visitor may ask of a machine that others use too, and what nobody can: each refusal is a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from resnet_viz import settings
from resnet_viz.data import catalogue
from resnet_viz.errors import UserError
from resnet_viz.runs.store import Store
from resnet_viz.spec import arch
from resnet_viz.spec.run import RunSpec


class LimitError(UserError):
    """What is over a limit, and what to do."""


@dataclass(frozen=True)
class Limits:
    """Runs under way (those that wait too) of a visitor and of all; multiply-adds of one training's passes; bytes of an upload.

    A ResNet-20 makes 2.8e13 in five epochs of CIFAR-10, nine minutes of one core, and 2e11 in twelve of the digits.
    """

    own: int
    all: int
    work: float = math.inf
    upload: float = math.inf


LIMITS = {
    "local": Limits(own=2000, all=2000),
    "class": Limits(own=24, all=500, work=3e15, upload=512e6),
    "demo": Limits(own=4, all=40, work=4e12, upload=50e6),
}


def of(store: Store) -> Limits:
    """The limits of who asks."""
    return LIMITS[store.visitor.mode if store.visitor else "local"]


def check(store: Store, specs: Sequence[RunSpec]) -> None:
    """Raise LimitError where these runs, filled in, are over a limit of who asks or of the machine."""
    limits, name = of(store), store.visitor.name if store.visitor else None
    if (mine := store.under_way(name)) + len(specs) > limits.own:
        raise LimitError(
            f"{mine} runs of yours wait or go on, and {len(specs)} more would be over the {limits.own} that one person may have; "
            "stop some, or wait until they are done."
        )
    if (everyones := store.under_way()) + len(specs) > limits.all:
        raise LimitError(
            f"{everyones} runs wait or go on here, and {len(specs)} more would be over the {limits.all} of this server; "
            "try again in some minutes."
        )
    for spec in specs:
        if spec.lab is None and spec.own is None:  # of a network that isn't ours nobody knows what it needs
            _check_training(spec, limits)


def _check_training(spec: RunSpec, limits: Limits) -> None:
    needs, has = arch.training_bytes(spec.model, spec.train.batch_size), settings.memory()
    if spec.train.device in ("auto", "cpu") and needs > has:
        raise LimitError(
            f"A network so large needs about {needs / 1e9:,.0f} GB, and this machine has {has / 1e9:,.0f}; choose a smaller "
            "depth, width or batch."
        )
    images = catalogue.total_steps(spec) * spec.train.batch_size
    # The backward pass costs twice the forward one.
    if (work := 3 * arch.multiply_adds(spec.model) * images) > limits.work:
        raise LimitError(
            f"This training is {work / limits.work:,.1f} times as long as this server allows; choose fewer epochs, or a smaller "
            "depth or width."
        )
