"""Why the twins part: what each chart of Twins means, with the figures of the runs it shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from resnet_viz.language import N_, tr
from resnet_viz.runs.record import LIVE, Record
from resnet_viz.spec.laws import BN_GROWTH
from resnet_viz.words import twins

# The titles of the charts.
FAN, LOSS, ACCURACY = N_("Gradient at each block, against the last block"), N_("Training loss"), N_("Accuracy")

RATE = N_(
    "Partly. Measured on Digits 8×8 with 56 layers (seed 0): at learning rate 0.003 the plain net came to "
    "38 % test accuracy in 12 epochs, at 0.01 in 30 epochs to 71 %; the residual net to 95 % and 98 %. So "
    "each sentence over the charts names its learning rate and its length."
)


def why(records: Sequence[Record], arrivals: Mapping[str, tuple[str, str]]) -> str:
    """Markdown on the runs shown. ``arrivals``: of each net the factor at block 1 at its first and latest step, as text."""
    first = records[0].spec
    plain = [r for r in records if not r.spec.model.residual]
    batch_norm = first.model.norm == "batch"
    sections = {
        tr("What the two nets are"): _nets(records),
        tr("{chart}: does the gradient arrive?", chart=tr(FAN)): _fan(arrivals, batch_norm and bool(plain)),
        tr("{chart}, not test loss", chart=tr(LOSS)): _loss(records, plain),
        tr(ACCURACY): tr(
            "Marks: of the validation images, after each epoch. ★: of the test images, which were never "
            "trained on, at the end."
        ),
        tr("Is it just the learning rate?"): tr(RATE),
    }
    if batch_norm and first.train.reestimate_bn:
        sections[tr("BatchNorm's statistics")] = tr(
            "They are estimated again over training images before each evaluation. Running averages lag "
            "behind, and would make a deep plain net look worse than it is (*More → Machine* switches this "
            "off)."
        )
    sections[tr("What was not checked")] = _unchecked(records)
    return "\n\n".join(f"{_heading(title)} {text}" for title, text in sections.items())


def _heading(title: str) -> str:
    return f"**{title}**" if title[-1] in "?？" else tr("**{title}.**", title=title)


def _nets(records: Sequence[Record]) -> str:
    pair = {r.spec.model.residual: r.spec for r in records}
    text = tr(
        "In a residual net every block adds its input to its output: *x + F(x)*. In a plain one *F(x)* is all "
        "that leaves."
    )
    if len(pair) < 2:
        return text
    return f"{text} {twins.in_common(pair[True], pair[False])}".strip()


def _fan(arrivals: Mapping[str, tuple[str, str]], batch_norm: bool) -> str:
    said = tr("; ").join(
        tr("{name} {first} at the first step, {latest} at the latest", name=tr(name), first=first, latest=latest)
        for name, (first, latest) in arrivals.items()
    )
    law = tr(
        " At the start BatchNorm makes a plain net's gradient grow by about {factor:.2f} a layer (√(π/(π−1))).",
        factor=BN_GROWTH,
    )
    return tr(
        "‖∂L/∂h‖, the size of the gradient at each block's output, divided by that at the last block. Read "
        "it from the loss, on the right, to the image, on the left. Here, at block 1: {arrivals}.{law} *A "
        "gradient that arrives does not prove that a net learns* (He et al. 2015, section 4.1).",
        arrivals=said or tr("nothing yet"),
        law=law * batch_norm,
    )


def _loss(records: Sequence[Record], plain: Sequence[Record]) -> str:
    guess = tr(
        "The dotted line is ln(classes), what guessing costs: {loss:.2f}.", loss=math.log(records[0].spec.model.classes)
    )
    claim = twins.claim(records)
    if any(r.status in LIVE for r in records):
        return tr("Of the images it learns from. {guess} These runs are not over yet.", guess=guess)
    stuck = (
        plain and all("train_loss" in r.result for r in plain) and not any(twins.learns(r) == "learns" for r in plain)
    )
    degraded = tr(
        " The plain net does not even fit its training images: no overfitting; He et al. call it *degradation*."
    )
    return f"{claim} {guess}{degraded * bool(stuck)}".strip()


def _unchecked(records: Sequence[Record]) -> str:
    seeds = len({r.spec.train.seed for r in records})
    dtype = records[0].spec.train.dtype
    once = (
        tr("One seed: another would give other figures.")
        if seeds == 1
        else tr("{seeds} seeds; the bands span them.", seeds=seeds)
    )
    return tr(
        "{once} One setting of one net{dtype}: others are on you to try.",
        once=once,
        dtype=tr(", in {dtype}", dtype=dtype) * (dtype != "auto"),
    )
