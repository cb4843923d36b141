"""What is said of a sweep: the sentence, and under which conditions it holds."""

from __future__ import annotations

from collections.abc import Sequence

from resnet_viz.data import catalogue
from resnet_viz.language import N_, tr, trn
from resnet_viz.runs.record import LIVE, Record
from resnet_viz.runs.sweeps import MORE, REMEDIES, Cell, cells, question
from resnet_viz.spec.model import SHORTCUTS
from resnet_viz.words.twins import conditions

_NAMES = {
    "none": N_("plain"), "identity": N_("residual"), "projection": N_("projection where needed"), 
    "projection_all": N_("1×1 convolutions"),
    "scaling": N_("scaling by half"), "gate_exclusive": N_("exclusive gate"), "gate_shortcut": N_("shortcut-only gate"),
    "concat": N_("concatenation"),
}  # fmt: skip


def shortcut_name(shortcut: str) -> str:
    """How a shortcut is called in a sentence and in a chart."""
    return tr(_NAMES.get(shortcut, shortcut))


def remedy_label(remedy: str) -> str:
    """How a remedy of REMEDIES is called; "" is none."""
    return tr(REMEDIES[remedy][0]) if remedy else tr("no remedy")


def number(value: float) -> str:
    """Per cents with as many digits as they carry: 0.67, 3.4, 71."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def verdict(records: Sequence[Record]) -> str:
    """What a sweep measured so far, in a few plain sentences: means over the seeds that have finished."""
    if not records:
        return tr("No sweep yet.")
    done = [r for r in records if r.status == "finished"]
    live = any(r.status in LIVE for r in records)
    ended = sum(r.status not in LIVE for r in records)
    head = tr("{ended} of {runs} runs done. ", ended=ended, runs=len(records)) if live else ""
    if not done:
        return head + (tr("Waiting for the first run to finish.") if live else tr("No run of this sweep has finished."))
    say = {"depth": _depth, "shortcut": _shortcut, "overfitting": _overfitting, "lr": _rate}
    found = [cell for cell in cells(records) if cell.diverged or len(cell.errors)]
    diverged = sum(cell.diverged for cell in found)
    missing = sum(r.status not in (*LIVE, "finished", "diverged") for r in records)
    tail = trn(" {n} run diverged.", " {n} runs diverged.", diverged) if diverged else ""
    tail += tr(" {missing} did not finish.", missing=missing) if missing and not live else ""
    kind = question([r.spec for r in records]) or "shortcut"
    return head + say[kind]([cell for cell in found if len(cell.errors)], done[0]) + tail


def aside(records: Sequence[Record]) -> str:
    """Under which conditions a sweep's figures hold, for the small print beside the sentence."""
    first = records[0].spec
    seeds = len({r.spec.train.seed for r in records})
    data = first.data.label or tr(catalogue.facts(first.data).label)
    which = conditions(records[0])
    if first.train.steps and (images := min(r.spec.data.limit for r in records)):
        steps = tr("{steps} steps", steps=first.train.steps)
        of = tr(" ({epochs} epochs of {images:,} images)", epochs=first.train.epochs, images=images)
        which = which.replace(steps, steps + of)
    over = trn("{n} seed", "means over {n} seeds", seeds)
    return tr("{data}, {conditions}; {seeds}.", data=data, conditions=which, seeds=over)


def _depth(found: Sequence[Cell], first: Record) -> str:
    parts = []
    for shortcut in sorted(
        {cell.key[0] for cell in found}, key=lambda name: (name == "none", list(SHORTCUTS).index(name))
    ):
        line = [cell for cell in found if cell.key[0] == shortcut]
        low, high = line[0], line[-1]
        name = shortcut_name(shortcut)
        if low is high:
            parts.append(
                tr(
                    "{name} {error} % at {depth} layers",
                    name=name,
                    error=number(low.errors.mean()),
                    depth=low.key[1],
                )
            )
        else:
            ends = tr(
                "{low} % at {shallow} layers to {high} % at {deep}",
                low=number(low.errors.mean()),
                shallow=low.key[1],
                high=number(high.errors.mean()),
                deep=high.key[1],
            )
            parts.append(tr("{name} from {ends}", name=name, ends=ends))
    return tr("Test error with growing depth: {parts}.", parts=tr(", ").join(parts))


def _shortcut(found: Sequence[Cell], first: Record) -> str:
    ranked = sorted(found, key=lambda cell: cell.errors.mean())
    best, worst = ranked[0], ranked[-1]
    sentence = tr(
        "At {depth} layers, {name} has a test error of {error} %",
        depth=best.key[1],
        name=shortcut_name(best.key[0]),
        error=number(best.errors.mean()),
    )
    if worst is best:
        return tr("{said}.", said=sentence)
    return tr(
        "{sentence}, the lowest; {name} {error} %, the highest.",
        sentence=sentence,
        name=shortcut_name(worst.key[0]),
        error=number(worst.errors.mean()),
    )


def _rate(found: Sequence[Cell], first: Record) -> str:
    ranked = sorted(found, key=lambda cell: cell.errors.mean())
    name = f"{shortcut_name(first.spec.model.shortcut)}-{first.spec.model.depth}"
    best = tr(
        "{name} tests best at learning rate {lr}: {error} % wrong",
        name=name,
        lr=ranked[0].key[0],
        error=number(ranked[0].errors.mean()),
    )
    rest = [tr(", {error} % at {lr}", error=number(cell.errors.mean()), lr=cell.key[0]) for cell in ranked[1:]]
    return tr("{said}.", said=best + "".join(rest))


def gap(cell: Cell) -> float:
    """Points between accuracy on training and on validation images, both not varied and in evaluation mode; mean over seeds."""
    return 100 * float(cell.values("fit_accuracy").mean() - cell.validation.mean())


def _overfitting(found: Sequence[Cell], first: Record) -> str:
    found = [cell for cell in found if len(cell.values("fit_accuracy"))]
    base = [cell for cell in found if not cell.key[0]]
    others = [cell for cell in found if cell.key[0]]
    sentences = []
    if base:
        fit, held = 100 * base[0].values("fit_accuracy").mean(), 100 * base[0].validation.mean()
        images = base[0].records[0].spec.data.limit
        sentences.append(
            tr(
                "Trained on {images:,} images without any remedy: {fit} right on them, {held} on new ones.",
                images=images,
                fit=f"{number(fit)} %",
                held=f"{number(held)} %",
            )
        )
    for which, word in (
        (others, N_("Best")),
        ([c for c in others if c.key[0] not in MORE], N_("Best without more data")),
    ):
        if which and (word == "Best" or len(which) < len(others)):
            best = max(which, key=lambda cell: cell.validation.mean())
            sentences.append(
                tr(
                    "{best}: {remedy}, {accuracy} %.",
                    best=tr(word),
                    remedy=remedy_label(best.key[0]),
                    accuracy=number(100 * best.validation.mean()),
                )
            )
    return tr(" ").join(sentences) or tr("Nothing measured yet.")
