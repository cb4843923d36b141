"""The learning-rate range test (Smith 2017, section 3.3): train a net while the rate rises; where does its loss fall fastest?

The rate rises exponentially, step by step, as in fast.ai's and torch-lr-finder's version of the test. Same net, same start and
same batches as a training of the spec: its own step (`train.trainer.Trainer.advance`) is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from resnet_viz.nets import weights
from resnet_viz.runs.events import Event, Point, Result
from resnet_viz.runs.store import Store
from resnet_viz.spec.lab import RangeSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.train import job
from resnet_viz.train.trainer import Trainer
from resnet_viz.words.rates import range_test

# Share of a new loss in the smoothed one; how many times the best smoothed loss counts as diverged; and how many steps at either
# end are not looked at for the steepest descent. The first and the last are torch-lr-finder's.
SMOOTH, DIVERGED, SKIP_START, SKIP_END = 0.05, 4.0, 10, 5
MOVES = 0.05  # the share of its first value by which the loss moves at least, unless all rates are too small


def steps(spec: RunSpec, nets: Sequence[weights.Network]) -> int:
    """Steps of the test, if it is not stopped before."""
    assert isinstance(spec.lab, RangeSpec)
    return spec.lab.num_steps


def lr_at(lab: RangeSpec, step: int) -> float:
    """The learning rate of a step (from 1): ``min_lr`` at the first, ``max_lr`` at the last, each the same factor above."""
    return lab.min_lr * (lab.max_lr / lab.min_lr) ** ((step - 1) / (lab.num_steps - 1))


def suggestion(rates: np.ndarray, smoothed: np.ndarray) -> float | None:
    """The one of the learning rates (N,) at which the smoothed loss (N,) falls fastest per step, and so per factor of the rate.

    None where it falls nowhere, or where too few steps are left once both ends are cut.
    """
    middle = slice(SKIP_START, len(rates) - SKIP_END)
    if len(rates[middle]) < 2:
        return None
    slope = np.gradient(smoothed[middle])
    at = int(np.argmin(slope))
    return float(rates[middle][at]) if slope[at] < 0 else None


def _hardly_moves(losses: Sequence[float], smoothed: Sequence[float]) -> bool:
    """Whether the loss neither fell nor rose: smoothed, which lags in a short test, and in its last quarter against its first."""
    quarter = max(1, len(losses) // 4)
    moved = float(abs(np.mean(losses[-quarter:]) - np.mean(losses[:quarter])))
    return bool(max(smoothed[0] - min(smoothed), moved) < MOVES * smoothed[0])


def run(spec: RunSpec, nets: Sequence[weights.Network], store: Store) -> Iterator[Event]:
    """The test of the spec's own net: the job of the lab "lr_range". It names no trained networks, so ``nets`` is empty.

    Yields a Point a step: "lr", "loss" and "smoothed_loss" (nats). Ends early where the smoothed loss exceeds DIVERGED times its
    best, or is no longer finite. The Result's values: "lr" (the suggestion, or None), "best_loss" (smoothed), "stopped_at" (the
    last learning rate with a finite loss). Raises DataError where the images are not there.
    """
    lab = spec.lab
    assert isinstance(lab, RangeSpec)
    trainer = Trainer(spec, (yield from job.load(spec)))
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    for step in range(1, lab.num_steps + 1):
        lr = lr_at(lab, step)
        loss = float(trainer.advance(record=False, lr=lr).values["loss"])
        smooth = SMOOTH * loss + (1 - SMOOTH) * smoothed[-1] if smoothed else loss
        if not math.isfinite(smooth):
            break
        rates.append(lr)
        losses.append(loss)
        smoothed.append(smooth)
        yield Point(step, {"lr": lr, "loss": loss, "smoothed_loss": smooth})
        if smooth > DIVERGED * min(smoothed):
            break
    best = suggestion(np.array(rates), np.array(smoothed))
    last = rates[-1] if rates else None
    too_small = len(rates) == lab.num_steps and _hardly_moves(losses, smoothed)
    if too_small:
        best = None
    sentence = range_test(spec.model.called, best, last, too_small)
    values = {"lr": best, "best_loss": min(smoothed, default=None), "stopped_at": last, "sentence": sentence}
    yield Result("finished", values)
