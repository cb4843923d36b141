"""The learning-rate range test (Smith 2017, section 3.3): train a net while the rate rises; where does its loss fall fastest?

The rate rises exponentially, step by step, as in fast.ai's and torch-lr-finder's version of the test. Same net, same start and
same batches as a training of the spec: its own step (`train.Trainer.advance`) is used.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

import numpy as np

from resnet_viz.nets import weights
from resnet_viz.runs.events import Event, Point, Result
from resnet_viz.spec.lab import RangeSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.train import job
from resnet_viz.train.trainer import Trainer

# Share of a new loss in the smoothed one; how many times the best smoothed loss counts as diverged; and how many steps at either
# end are not looked at for the steepest descent. The first and the last are torch-lr-finder's.
SMOOTH, DIVERGED, SKIP_START, SKIP_END = 0.05, 4.0, 10, 5


def steps(spec: RunSpec, nets: Sequence[weights.Network]) -> int:
    """Steps of the test, if it is not stopped before."""
    assert isinstance(spec.lab, RangeSpec)
    return spec.lab.num_steps


def lr_at(lab: RangeSpec, step: int) -> float:
    """The rate of a step (from 1): ``min_lr`` at the first, ``max_lr`` at the last, each the same factor above the one before."""
    return lab.min_lr * (lab.max_lr / lab.min_lr) ** ((step - 1) / (lab.num_steps - 1))


def suggestion(rates: np.ndarray, smoothed: np.ndarray) -> float | None:
    """The rate (of rates (N,)) at which the smoothed loss (N,) falls fastest, per step and so per factor of the rate.

    None where it falls nowhere, or where too few steps are left once both ends are cut.
    """
    middle = slice(SKIP_START, len(rates) - SKIP_END)
    if len(rates[middle]) < 2:
        return None
    slope = np.gradient(smoothed[middle])
    at = int(np.argmin(slope))
    return float(rates[middle][at]) if slope[at] < 0 else None


def run(spec: RunSpec, nets: Sequence[weights.Network]) -> Generator[Event, str | None, None]:
    """The test of the spec's own net, for ``spec.lab``, a RangeSpec; ``nets`` is empty.

    Yields a Point a step: rate, loss, and smoothed_loss. Ends early where the smoothed loss exceeds DIVERGED times its best, or
    is no longer finite. The Result's values: rate (the suggestion, or None), best_loss, stopped_at (the rate).
    """
    lab = spec.lab
    assert isinstance(lab, RangeSpec)
    trainer = Trainer(spec, (yield from job.load(spec)))
    rates: list[float] = []
    smoothed: list[float] = []
    for step in range(1, lab.num_steps + 1):
        rate = lr_at(lab, step)
        loss = float(trainer.advance(record=False, lr=rate).values["loss"])
        smooth = SMOOTH * loss + (1 - SMOOTH) * smoothed[-1] if smoothed else loss
        if not math.isfinite(smooth):
            break
        rates.append(rate)
        smoothed.append(smooth)
        yield Point(step, {"lr": rate, "loss": loss, "smoothed_loss": smooth})
        if smooth > DIVERGED * min(smoothed):
            break
    found = suggestion(np.array(rates), np.array(smoothed))
    yield Result(
        "finished",
        {
            "lr": found,
            "best_loss": min(smoothed, default=None),
            "stopped_at": rates[-1] if rates else None,
            "sentence": _sentence(spec, found, rates),
        },
    )


def _sentence(spec: RunSpec, found: float | None, rates: Sequence[float]) -> str:
    name = spec.model.called
    if found is None:
        last = f"{rates[-1]:.2g}" if rates else "the first rate"
        return f"The loss of {name} falls at no rate up to {last}: no rate to suggest."
    return f"The loss of {name} falls fastest at a learning rate of {found:.2g}."
