"""What is said of a sweep: the sentence, and under which conditions it holds."""

from __future__ import annotations

from collections.abc import Sequence

from resnet_viz.data import catalogue
from resnet_viz.runs.record import LIVE, Record
from resnet_viz.runs.sweeps import MORE, REMEDIES, Cell, cells, question
from resnet_viz.spec.model import SHORTCUTS
from resnet_viz.words.twins import conditions

_NAMES = {
    "none": "plain", "identity": "residual", "projection": "projection where needed", "projection_all": "1×1 convolutions",
    "scaling": "scaling by half", "gate_exclusive": "exclusive gate", "gate_shortcut": "shortcut-only gate",
    "concat": "concatenation",
}  # fmt: skip


def shortcut_name(shortcut: str) -> str:
    """How a shortcut is called in a sentence and in a chart."""
    return _NAMES.get(shortcut, shortcut)


def remedy_label(remedy: str) -> str:
    """How a remedy of REMEDIES is called; "" is none."""
    return REMEDIES[remedy][0] if remedy else "no remedy"


def number(value: float) -> str:
    """Per cents with as many digits as they carry: 0.67, 3.4, 71."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def verdict(records: Sequence[Record]) -> str:
    """What a sweep measured so far, in a few plain sentences: means over the seeds that have finished."""
    if not records:
        return "No sweep yet."
    done = [r for r in records if r.status == "finished"]
    live = any(r.status in LIVE for r in records)
    ended = sum(r.status not in LIVE for r in records)
    head = f"{ended} of {len(records)} runs done. " if live else ""
    if not done:
        return head + ("Waiting for the first run to finish." if live else "No run of this sweep has finished.")
    say = {"depth": _depth, "shortcut": _shortcut, "overfitting": _overfitting, "lr": _rate}
    found = [cell for cell in cells(records) if cell.diverged or len(cell.errors)]
    diverged = sum(cell.diverged for cell in found)
    missing = sum(r.status not in (*LIVE, "finished", "diverged") for r in records)
    tail = f" {diverged} run{'s' * (diverged > 1)} diverged." if diverged else ""
    tail += f" {missing} did not finish." if missing and not live else ""
    kind = question([r.spec for r in records]) or "shortcut"
    return head + say[kind]([cell for cell in found if len(cell.errors)], done[0]) + tail


def aside(records: Sequence[Record]) -> str:
    """Under which conditions a sweep's figures hold, for the small print beside the sentence."""
    first = records[0].spec
    seeds = len({r.spec.train.seed for r in records})
    data = first.data.label or catalogue.facts(first.data).label
    which = conditions(records[0])
    if first.train.steps and (images := min(r.spec.data.limit for r in records)):
        which = which.replace(" steps", f" steps ({first.train.epochs} epochs of {images:,} images)")
    return f"{data}, {which}; {'means over ' if seeds > 1 else ''}{seeds} seed{'s' * (seeds > 1)}."


def _depth(found: Sequence[Cell], first: Record) -> str:
    parts = []
    for shortcut in sorted(
        {cell.key[0] for cell in found}, key=lambda name: (name == "none", list(SHORTCUTS).index(name))
    ):
        line = [cell for cell in found if cell.key[0] == shortcut]
        low, high = line[0], line[-1]
        name = shortcut_name(shortcut)
        if low is high:
            parts.append(f"{name} {number(low.errors.mean())} % at {low.key[1]} layers")
        else:
            ends = f"{number(low.errors.mean())} % at {low.key[1]} layers to {number(high.errors.mean())} % at {high.key[1]}"
            parts.append(f"{name} from {ends}")
    return f"Test error with growing depth: {', '.join(parts)}."


def _shortcut(found: Sequence[Cell], first: Record) -> str:
    ranked = sorted(found, key=lambda cell: cell.errors.mean())
    best, worst = ranked[0], ranked[-1]
    sentence = (
        f"At {best.key[1]} layers, {shortcut_name(best.key[0])} has a test error of {number(best.errors.mean())} %"
    )
    if worst is best:
        return sentence + "."
    return f"{sentence}, the lowest; {shortcut_name(worst.key[0])} {number(worst.errors.mean())} %, the highest."


def _rate(found: Sequence[Cell], first: Record) -> str:
    ranked = sorted(found, key=lambda cell: cell.errors.mean())
    name = f"{shortcut_name(first.spec.model.shortcut)}-{first.spec.model.depth}"
    best = f"{name} tests best at learning rate {ranked[0].key[0]}: {number(ranked[0].errors.mean())} % wrong"
    return best + "".join(f", {number(cell.errors.mean())} % at {cell.key[0]}" for cell in ranked[1:]) + "."


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
            f"Trained on {images:,} images without any remedy: {number(fit)} % right on them, {number(held)} % on new ones."
        )
    for which, word in ((others, "Best"), ([c for c in others if c.key[0] not in MORE], "Best without more data")):
        if which and (word == "Best" or len(which) < len(others)):
            best = max(which, key=lambda cell: cell.validation.mean())
            sentences.append(f"{word}: {remedy_label(best.key[0])}, {number(100 * best.validation.mean())} %.")
    return " ".join(sentences) or "Nothing measured yet."
