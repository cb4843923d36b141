"""The sentence over the chart: what was measured, computed from the runs by rules, with its conditions named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from resnet_viz.runs.record import LIVE, Record
from resnet_viz.spec.run import RunSpec
from resnet_viz.words.numbers import loss, percent, spread


def called(spec: RunSpec) -> str:
    """How a net is called in a sentence and at the end of its line."""
    return "residual" if spec.model.residual else "plain"


def in_common(a: RunSpec, b: RunSpec) -> str:
    """What two runs share, as the sentence says it; empty where they differ in more than their shortcuts."""
    if a.data != b.data:
        return ""
    if replace(a.train, threads=0) != replace(b.train, threads=0):
        return "Same data."
    bare: dict[str, Any] = {"shortcut": "none", "init": "he", "stochastic_depth": 0.0, "no_skip": ()}
    if replace(a.model, **bare) != replace(b.model, **bare):
        return "Same data and seed."
    # Identity shortcuts have no parameters of their own, so every weight is shared at the start.
    same = {"none", "identity", "scaling", "maxpool"} >= {a.model.shortcut, b.model.shortcut}
    return "Same data, seed and weights." if same and a.model.init == b.model.init else "Same data and seed."


def conditions(record: Record) -> str:
    """Under which conditions the figures hold: length of the run, and rate."""
    train = record.spec.train
    length = f"{train.steps} steps" if train.steps else f"{train.epochs} epoch{'s' * (train.epochs != 1)}"
    return f"{length} at learning rate {train.lr:g}"


def _losses(records: Sequence[Record]) -> str:
    """The training loss of some runs that have not diverged: at their end, else now."""
    values = [v for r in records if (v := r.result.get("train_loss", r.last("loss"))) is not None and math.isfinite(v)]
    return spread(values, loss) if values else "nothing yet"


def _diverged(records: Sequence[Record], name: str) -> str:
    """Which nets left the finite numbers, and when."""
    diverged = [r for r in records if r.status == "diverged"]
    if not diverged:
        return ""
    if len(records) > 1:
        return f"The {name} net diverged in {len(diverged)} of {len(records)} seeds."
    return f"The {name} net diverged at step {diverged[0].step:,}, at learning rate {diverged[0].spec.train.lr:g}."


def _when(records: Sequence[Record]) -> str:
    """Up to where the figures go: the whole run and its conditions, or a step."""
    first = records[0]
    if all(r.status == "finished" for r in records):
        return conditions(first)
    if any(r.status in LIVE for r in records):
        return f"Step {max(r.step for r in records):,} of {first.steps:,} at learning rate {first.spec.train.lr:g}"
    ends = " and ".join(dict.fromkeys(r.status for r in records if r.status != "finished"))
    step = max(r.step for r in records if r.status != "finished")
    return f"{ends.capitalize()} at step {step:,}, at learning rate {first.spec.train.lr:g}"


def verdict(records: Sequence[Record]) -> str:
    """What the runs measured, in a few plain sentences.

    Leads with training loss (He 2015, section 4.1: degradation is not overfitting), then test accuracy, residual first. Says how
    far a run is while it is not finished, which net diverged, and over how many seeds the figures range.
    """
    if not records:
        return "Nothing trained yet."
    groups = [([r for r in records if called(r.spec) == name], name) for name in ("residual", "plain")]
    groups = [(members, name) for members, name in groups if members]
    sentences = [in_common(groups[0][0][0].spec, groups[1][0][0].spec)] if len(groups) == 2 else []
    if not any(len(r.get("loss")[1]) for r in records):
        return " ".join([*filter(None, sentences), "Waiting for the first step."])

    sentences += [_diverged(members, name) for members, name in groups]
    sound = [([r for r in members if r.status != "diverged"], name) for members, name in groups]
    sound = [(members, name) for members, name in sound if members]
    if sound:
        how = {"residual": "with skips", "plain": "without" if len(groups) == 2 else "without skips"}
        losses = ", ".join(f"{_losses(members)} {how[name]}" for members, name in sound)
        sentences.append(f"{_when([r for members, _ in sound for r in members])}: training loss {losses}.")
    tests = [[v for r in members if (v := r.result.get("test_accuracy")) is not None] for members, _ in sound]
    if sound and all(tests):
        sentences.append(f"Test accuracy {' / '.join(spread(t, percent) for t in tests)}.")
    seeds = {r.spec.train.seed for r in records}
    sentences.append(f"{len(seeds)} seeds." if len(seeds) > 1 else "")
    return " ".join(filter(None, sentences))
