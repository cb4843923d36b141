"""The sentence over the chart: what was measured, computed from the runs by rules, with its conditions named."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from resnet_viz.data.catalogue import BUILT_IN
from resnet_viz.language import N_, tr, trn
from resnet_viz.runs.record import LIVE, Record
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.words.numbers import LAST_EPOCH, SMOOTHED, guessing, loss, percent, smoothed_over, spread


def called(spec: RunSpec) -> str:
    """How a net is called in a sentence and at the end of its line."""
    return N_("residual") if spec.model.residual else N_("plain")


def in_common(a: RunSpec, b: RunSpec) -> str:
    """What two runs share, as the small print says it; empty where they differ in more than their shortcuts, or nobody knows."""
    if a.data != b.data or a.watched or a.own != b.own:
        return ""
    if replace(a.train, threads=0) != replace(b.train, threads=0):
        return tr("Same data.")
    bare: dict[str, Any] = {"shortcut": "none", "init": "he", "stochastic_depth": 0.0, "no_skip": ()}
    if replace(a.model, **bare) != replace(b.model, **bare):
        return tr("Same data and seed.")
    # Identity shortcuts have no parameters of their own, so every weight is shared at the start.
    same = {"none", "identity", "scaling", "maxpool"} >= {a.model.shortcut, b.model.shortcut}
    return (
        tr("Same data, seed and starting weights.")
        if same and a.model.init == b.model.init
        else tr("Same data and seed.")
    )


def data_label(data: DataSpec) -> str:
    """What a data set is called: the user's name for it, or the built-in one's."""
    return data.label or (tr(BUILT_IN[data.name].label) if data.name in BUILT_IN else data.name)


def subject(records: Sequence[Record]) -> str:
    """Which nets on which data: "56 layers on Digits 8×8"."""
    models = [record.spec.model for record in records]
    depths = {model.depth for model in models}
    if len(depths) == 1 and {model.family for model in models} == {"cifar"}:
        nets = tr("{depth} layers", depth=models[0].depth)
    else:
        nets = tr(" and ").join(dict.fromkeys(model.called for model in models))
    return tr(
        "{nets} on {data}",
        nets=nets,
        data=tr(", ").join(dict.fromkeys(data_label(record.spec.data) for record in records)),
    )


def conditions(record: Record) -> str:
    """Under which conditions the figures hold: length of the run, and rate."""
    train = record.spec.train
    length = tr("{steps} steps", steps=train.steps) if train.steps else trn("{n} epoch", "{n} epochs", train.epochs)
    return tr("{length} at learning rate {lr:g}", length=length, lr=train.lr)


def have_ended(records: Sequence[Record]) -> bool:
    """Whether every run that has not diverged has a loss of its last epoch, so that this is the one to say."""
    return bool(records) and all("train_loss" in r.result for r in records if r.status != "diverged")


def losses(records: Sequence[Record], ended: bool) -> list[float]:
    """The training losses of runs that have not diverged: of the last epoch where all in sight have ``ended``, else smoothed."""
    values = [r.result["train_loss"] if ended else smoothed(r) for r in records if r.status != "diverged"]
    return [value for value in values if value is not None and math.isfinite(value)]


def smoothed(record: Record) -> float | None:
    """A run's smoothed training loss at its latest step, as at the end of its line; None before its first."""
    latest = record.get("loss")[1][-smoothed_over(record.steps) :]
    return float(np.mean(latest, dtype=np.float64)) if len(latest) else None


def _broken(records: Sequence[Record], name: str) -> str:
    """Which nets came out worse than guessing by far, though they kept to finite numbers."""
    worse = [r for r in records if (r.result.get("train_loss") or 0) > 2 * guessing(r.spec)]
    if not worse:
        return ""
    guess = tr("guessing would give {loss:.1f}", loss=guessing(worse[0].spec))
    which = (
        tr("in {n} of {seeds} seeds", n=len(worse), seeds=len(records))
        if len(records) > 1
        else tr("at this learning rate")
    )
    return tr("The {name} net broke {which}: {guess}.", name=tr(name), which=which, guess=guess)


def _groups(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """ "residual" and "plain" with the records of each, those without any left out."""
    groups = [(name, [r for r in records if called(r.spec) == name]) for name in ("residual", "plain")]
    return [(name, members) for name, members in groups if members]


def _diverged(records: Sequence[Record], name: str) -> str:
    """Which nets left the finite numbers, and when."""
    diverged = [r for r in records if r.status == "diverged"]
    if not diverged:
        return ""
    if len(records) > 1:
        return tr(
            "The {name} net diverged in {n} of {seeds} seeds.",
            name=tr(name),
            n=len(diverged),
            seeds=len(records),
        )
    return tr(
        "The {name} net diverged at step {step:,}, at learning rate {lr:g}.",
        name=tr(name),
        step=diverged[0].step,
        lr=diverged[0].spec.train.lr,
    )


def _when(records: Sequence[Record]) -> str:
    """Up to where the figures go: the whole run and its conditions, or a step; of nets that were stopped each its own."""
    first = records[0]
    if all(r.status == "finished" for r in records):
        return conditions(first)
    rate = tr("at learning rate {lr:g}", lr=first.spec.train.lr)
    if any(r.status in LIVE for r in records):
        return tr("step {step:,} of {steps:,} {rate}", step=max(r.step for r in records), steps=first.steps, rate=rate)
    ends = tr(" and ").join(dict.fromkeys(tr(r.status) for r in records if r.status != "finished"))
    steps = list(dict.fromkeys(r.step for r in records))
    return (
        tr("{ends} at step {step:,} {rate}", ends=ends, step=steps[0], rate=rate)
        if len(steps) == 1
        else tr("{ends}, {rate}", ends=ends, rate=rate)
    )


def verdict(records: Sequence[Record]) -> str:
    """What the runs measured, in a few plain sentences: which nets on which data, under which conditions.

    Leads with training loss (He 2015, section 4.1: degradation is not overfitting), then test accuracy, residual first. Says how
    far a run is while it is not finished, and which net diverged.
    """
    if not records:
        return tr("Nothing trained yet.")
    if not any(len(r.get("loss")[1]) for r in records):
        return tr("{subject}: waiting for the first step.", subject=_begun(subject(records)))
    groups = _groups(records)
    sentences = [_diverged(members, name) for name, members in groups]
    sound = [(name, [r for r in members if r.status != "diverged"]) for name, members in groups]
    sound = [(name, members) for name, members in sound if members]
    if not sound:
        return tr("{subject}. {said}", subject=_begun(subject(records)), said=tr(" ").join(filter(None, sentences)))
    how = {"residual": tr("with skips"), "plain": tr("without") if len(sound) == 2 else tr("without skips")}
    rest = [r for _, members in sound for r in members]
    own = {name: "" for name, _ in sound}
    if not any(r.status in LIVE for r in rest) and len({r.step for r in rest}) > 1:
        own = {name: tr(" (step {steps})", steps=", ".join(f"{r.step:,}" for r in members)) for name, members in sound}
    found = [losses(members, have_ended(records)) for _, members in sound]
    texts = [spread(values, loss) if values else tr("nothing yet") for values in found]
    said = tr(", ").join(
        tr("{loss} {how}{step}", loss=text, how=how[name], step=own[name])
        for text, (name, _) in zip(texts, sound, strict=True)
    )
    head = tr(
        "{subject}, {when}: training loss {losses}.", subject=_begun(subject(records)), when=_when(rest), losses=said
    )
    tests = [[v for r in members if (v := r.result.get("test_accuracy")) is not None] for _, members in sound]
    tail = (
        tr("Test accuracy {accuracies}.", accuracies=tr(" and ").join(spread(t, percent) for t in tests))
        if all(tests)
        else ""
    )
    return tr(" ").join(filter(None, [head, tail, *sentences, *(_broken(members, name) for name, members in sound)]))


# Of guessing's loss, ln(classes), at most so much is left of a net that learns, and of one that hardly does.
LEARNS, HARDLY = 0.5, 0.95


def learns(record: Record) -> str:
    """What a run that is over came to, by its training loss: "learns", "hardly learns", "does not learn" or "diverges"."""
    if record.status == "diverged":
        return N_("diverges")
    left = record.result["train_loss"] / math.log(record.spec.model.classes)
    return N_("learns") if left <= LEARNS else N_("hardly learns") if left < HARDLY else N_("does not learn")


def claim(records: Sequence[Record]) -> str:
    """What the figures of `verdict` come to, in a few words: whether the nets learn; "" before their runs are over.

    Where runs of one kind differ, it says in how many of them; of two kinds that both learn, which got to a lower loss.
    """
    if not all(r.status == "diverged" or (r.status == "finished" and "train_loss" in r.result) for r in records):
        return ""
    said = {}
    for name, members in _groups(records):
        (verb, count), *others = Counter(map(learns, members)).most_common()
        said[name] = (
            tr("{verb} in {n} of {runs} runs", verb=tr(verb), n=count, runs=len(members)) if others else tr(verb)
        )
    if len(said) < 2:
        return tr(" ").join(
            tr("With skips it {verb}.", verb=verb) if name == "residual" else tr("Without skips it {verb}.", verb=verb)
            for name, verb in said.items()
        )
    if said["residual"] != said["plain"]:
        return tr("With skips it {residual}, without them it {plain}.", **said)
    if said["residual"] != tr("learns"):
        return tr("With skips and without, it {verb}.", verb=said["residual"])
    skips, plain = ([r.result["train_loss"] for r in members] for _, members in _groups(records))
    lower = tr(", with skips to a lower loss") * (max(skips) < min(plain)) + tr(", without skips to a lower loss") * (
        max(plain) < min(skips)
    )
    return tr("Both learn{lower}.", lower=lower)


def announced(records: Sequence[Record]) -> str:
    """What is replayed or bet on, without what it comes to: the net, the data and the conditions."""
    return tr(
        "{subject}, {conditions}: what it comes to is said at the last step.",
        subject=_begun(subject(records)),
        conditions=conditions(records[0]),
    )


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]


def aside(records: Sequence[Record], concealed: bool = False) -> str:
    """The small print of `verdict`: what the nets share, over which seeds the figures range, and which loss it is.

    ``concealed``: the end is held back, as `announced` does, so the only loss in sight is the chart's.
    """
    groups = _groups(records)
    shared = in_common(groups[0][1][0].spec, groups[1][1][0].spec) if len(groups) == 2 else ""
    seeds = sorted({r.spec.train.seed for r in records})
    if len(seeds) > 1:
        what = tr("pairs") if len(groups) == 2 else tr("runs")
        counted = tr(
            "{n} {what}, seeds {seeds}; figures are the range over them.",
            n=len(seeds),
            what=what,
            seeds=", ".join(map(str, seeds)),
        )
    else:
        counted = tr("Seed {seed}.", seed=seeds[0]) if seeds else ""
    which = tr(LAST_EPOCH if have_ended(records) and not concealed else SMOOTHED)
    return tr(" ").join(filter(None, (shared, counted, which if any(len(r.get("loss")[1]) for r in records) else "")))
