"""What is said of networks that a loop of the user's trains: what they came to, and what looks unhealthy in them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from resnet_viz.language import tr, trn
from resnet_viz.runs.naming import first_name
from resnet_viz.runs.record import Record
from resnet_viz.words.numbers import SMOOTHED, high, loss
from resnet_viz.words.twins import smoothed

# A branch share below it is that of a dead block; a gradient that differs by more from block to block explodes or vanishes.
DEAD, APART = 1e-3, 100.0
# A healthy update ÷ weight, and by what factor it may be missed on either side.
UPDATE, FAR = 1e-3, 30.0
# Steps after which advice is given: the first ones are no habit yet.
AFTER, OVER = 16, 8
# What `advice` and the charts of such networks read beside what those of ours do.
MEASURES = ("lr", "accuracy", "grad_block", "update_ratio", "branch_share")
# Names that a sentence lists.
MOST = 3


def are(records: Sequence[Record]) -> bool:
    """Whether any of these runs is of a loop of the user's own."""
    return any(record.spec.watched for record in records)


def _called(record: Record) -> str:
    return record.name or first_name(record.spec)


def verdict(records: Sequence[Record]) -> str:
    """The training loss of each, at which step, and what did not end as planned."""
    said = []
    for record in records:
        value = smoothed(record)
        shown = tr("not a finite number") if value is not None and not math.isfinite(value) else loss(value or 0)
        said.append(
            tr("{name}: training loss {loss}", name=_called(record), loss=shown)
            if value is not None
            else tr("{name}: no step yet", name=_called(record))
        )
        ended = record.status in ("running", "finished")
        said[-1] += tr(", step {step:,}", step=record.step) + ("" if ended else tr(", ") + tr(record.status))
    return tr("{said}.", said=tr("; ").join(said))


def aside(records: Sequence[Record]) -> str:
    """The small print of `verdict`: what the networks are, and how they are trained, as seen at the first step."""
    parts = []
    for record in records:
        spec = record.spec
        of = spec.own.network + tr(", ") if spec.own else ""
        batch = tr(", batch {batch_size}", batch_size=spec.train.batch_size) if spec.train.batch_size else ""
        parts.append(
            tr(
                "{of}{depth} layers with weights, learning rate {lr:g}{batch}",
                of=of,
                depth=spec.model.depth,
                lr=spec.train.lr,
                batch=batch,
            )
        )
    return tr(
        "Trained by your own loop: {nets}. {smoothed}",
        nets=tr("; ").join(dict.fromkeys(parts)),
        smoothed=tr(SMOOTHED),
    )


def advice(record: Record) -> list[str]:
    """What looks unhealthy in a network at its latest steps, a sentence each with what to try; empty where nothing does."""
    if record.step < AFTER:
        return []
    return [sentence for rule in (_dead, _fan, _updates) if (sentence := rule(record))]


def _dead(record: Record) -> str:
    """Blocks whose branch adds next to nothing."""
    shares = record.get("branch_share")[1]
    if not len(shares):
        return ""
    dead = [block.name for block, share in zip(record.layout.blocks, shares[-1].tolist(), strict=True) if share < DEAD]
    if not dead:
        return ""
    more = tr(" and {more} more", more=len(dead) - MOST) if len(dead) > MOST else ""
    which = trn("Block {blocks}", "Blocks {blocks}", len(dead), blocks=tr(", ").join(dead[:MOST]) + more)
    return tr(
        "{which}: the branch adds under {least} of what goes around it. Start it less near zero, or leave it out.",
        which=which,
        least="0.1 %",
    )


def _fan(record: Record) -> str:
    """A gradient that explodes or vanishes on its way from the last block to the first."""
    gradients = record.get("grad_block")[1]
    first, last = np.median(gradients[-OVER:][:, [0, -1]], 0).tolist() if len(gradients) else (0.0, 0.0)
    if not (first > 0 and last > 0 and math.isfinite(first / last)):
        return ""
    if first / last > APART:
        return tr(
            "The gradient at the first block is {high} times the last block's: it explodes. Try a norm, skips.",
            high=high(first / last),
        )
    if last / first > APART:
        return tr(
            "The gradient at the last block is {high} times the first block's: it vanishes on its way. Try "
            "skips, a norm, or a larger start of the weights.",
            high=high(last / first),
        )
    return ""


def _updates(record: Record) -> str:
    """Steps far larger or smaller than a thousandth of the weights."""
    ratios = record.get("update_ratio")[1][-OVER:]
    ratios = ratios[np.isfinite(ratios) & (ratios > 0)]
    middle = float(np.median(ratios)) if len(ratios) else UPDATE
    if UPDATE / FAR <= middle <= UPDATE * FAR:
        return ""
    lr, large = record.last("lr") or 0.0, middle > UPDATE
    tried = tr(", such as {lr:.2g}", lr=lr / 10 if large else lr * 10) if lr else ""
    return tr(
        "A step moves the weights by {middle:.2g} of their size (median of layers; about 0.001 is "
        "healthy): try a {size} learning rate{tried}.",
        middle=middle,
        size=tr("smaller") if large else tr("larger"),
        tried=tried,
    )
