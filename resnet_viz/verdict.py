"""The sentence over the picture: what was measured, computed from the runs by rules, with its conditions named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from resnet_viz.record import Record
from resnet_viz.spec import RunSpec

ENDED = ("finished", "diverged", "stopped", "failed", "lost")


def _loss(value: float) -> str:
    return "<0.01" if value < 0.005 else f"{value:.2f}" if value < 0.995 else f"{value:.1f}"


def percent(share: float) -> str:
    """Whole per cents, but 100 % is said of all alone."""
    return f"{100 * share:.1f} %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _spread(values: Sequence[float], show: object) -> str:
    """One value, or the range over seeds."""
    texts = [show(v) for v in (min(values), max(values))]  # type: ignore[operator]
    return texts[0] if texts[0] == texts[1] else f"{texts[0].removesuffix(' %')}–{texts[1]}"


def called(spec: RunSpec) -> str:
    """How a net is called in a sentence and at the end of its line."""
    return "residual" if spec.model.residual else "plain"


def in_common(a: RunSpec, b: RunSpec) -> str:
    """What two runs share, as the sentence says it; empty where they differ in more than their shortcuts."""
    if a.data != b.data:
        return ""
    if replace(a.train, threads=0) != replace(b.train, threads=0):
        return "Same data."
    bare: dict[str, Any] = {"shortcut": "none", "init": "he", "drop": 0.0, "no_skip": ()}
    if replace(a.model, **bare) != replace(b.model, **bare):
        return "Same data and seed."
    # Identity shortcuts have no parameters of their own, so every weight is shared at the start.
    same = {"none", "identity", "scaling", "maxpool"} >= {a.model.shortcut, b.model.shortcut}
    return "Same data, seed and weights." if same and a.model.init == b.model.init else "Same data and seed."


def conditions(record: Record) -> str:
    """Under which conditions the figures hold: length of the run, and rate."""
    train = record.spec.train
    length = f"{train.steps} steps" if train.steps else f"{train.epochs} epoch{'s' * (train.epochs != 1)}"
    return f"{length} at rate {train.rate:g}"


def _ended(records: Sequence[Record], how: str) -> str:
    diverged = [r for r in records if r.status == "diverged"]
    if diverged:
        return f"{how} diverged at step {diverged[0].step:,}" + (
            f" ({len(diverged)} of {len(records)} seeds)" if len(records) > 1 else ""
        )
    losses = [v for r in records if (v := r.result.get("train_loss", r.last("loss"))) is not None and math.isfinite(v)]
    return f"{_spread(losses, _loss)} {how}" if losses else f"nothing yet {how}"


def verdict(records: Sequence[Record]) -> str:
    """What the runs measured, in one or two plain sentences.

    Leads with training loss (He 2015, section 4.1: degradation is not overfitting), then test accuracy, residual first.
    Says how far a run is while it is not finished, and over how many seeds the figures range.
    """
    residual = [r for r in records if r.spec.model.residual]
    plain = [r for r in records if not r.spec.model.residual]
    if not records:
        return "Nothing trained yet."
    groups = [(g, how) for g, how in ((residual, "with skips"), (plain, "without")) if g]
    same = in_common(residual[0].spec, plain[0].spec) if residual and plain else ""
    if not any(len(r.get("loss")[1]) for r in records):
        return " ".join(filter(None, (same, "Waiting for the first step.")))
    first = records[0]
    if all(r.status == "finished" for r in records):
        head = f"{conditions(first)[0].upper()}{conditions(first)[1:]}"
    elif any(r.status not in ENDED for r in records):
        step = max(r.step for r in records)
        head = f"Step {step:,} of {first.steps:,} at rate {first.spec.train.rate:g}"
    else:
        head = (
            f"{' and '.join(dict.fromkeys(r.status for r in records)).capitalize()} at rate {first.spec.train.rate:g}"
        )
    middle = ", ".join(_ended(g, how) for g, how in groups)
    sentence = " ".join(filter(None, (same, f"{head}: training loss {middle}.")))

    tests = [[v for r in g if (v := r.result.get("test_accuracy")) is not None] for g, _ in groups]
    if all(tests):
        sentence += f" Test accuracy {' / '.join(_spread(t, percent) for t in tests)}."
    seeds = {r.spec.train.seed for r in records}
    return sentence + (f" {len(seeds)} seeds." if len(seeds) > 1 else "")
