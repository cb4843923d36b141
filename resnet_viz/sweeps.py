"""Sweeps: a grid of training runs that answers one question, and the sentence that says what it measured.

A sweep is a group of runs in the store and nothing more. Which question it answers follows from what varies among its specs, so a
half-finished one, one of yesterday and the recorded ones are all read the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resnet_viz import datasets
from resnet_viz.record import LIVE, Record
from resnet_viz.spec import SHORTCUTS, RunSpec, SpecError
from resnet_viz.verdict import conditions

# A sweep of more runs than this is refused: it would hold the queue for hours.
CAP = 60

QUESTIONS = {"depth": "Depth", "shortcut": "Shortcuts", "overfitting": "Overfitting"}

# Remedies against overfitting: how each is called, and where it is from.
REMEDIES = {
    "twice": ("twice the pictures", "more data; as many steps as without"),
    "four": ("four times the pictures", "more data; as many steps as without"),
    "augment": (
        "augmentation",
        "shifted pictures, mirrored too where the data set's own recipe says so (He 2015, section 4.2)",
    ),
    "decay": ("weight decay 0.005", "Krogh & Hertz 1991"),
    "smoothing": ("label smoothing 0.1", "Szegedy et al. 2016"),
    "mixup": ("mixup, α = 1", "Zhang et al. 2018, their value for CIFAR"),
    "drop": ("stochastic depth 0.5", "Huang et al. 2016, p_L = 0.5"),
}

# More data: how many times the pictures.
MORE = {"twice": 2, "four": 4}

# Test error in % on CIFAR-10. He et al. 2015, table 6; Li et al. 2018, table 1, without skips (as secondary notes give it).
HE_2015 = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43, 1202: 7.93}
LI_2018_PLAIN = {20: 8.18, 56: 13.31, 110: 16.44}
# He et al. 2016, table 1: ResNet-110 on CIFAR-10; gates at their best bias, −6. Without a shortcut it fails (over 20 %).
HE_2016 = {
    "identity": 6.61, "scaling": 12.35, "gate_exclusive": 8.70, "gate_shortcut": 6.91, "projection_all": 12.22, "none": 20.0,
}  # fmt: skip


def depth_grid(base: RunSpec, depths: Sequence[int], shortcuts: Sequence[str], seeds: int) -> list[RunSpec]:
    """Runs of every depth with every shortcut (of `spec.SHORTCUTS`), for seeds 0 to ``seeds`` − 1; all else is the base's.

    Seed by seed, so that a half-finished sweep has every depth; deepest first within a seed, so that the last runs are short
    and no worker idles at the end. Raises SpecError where that makes no run.
    """
    if not depths or not shortcuts or seeds < 1:
        raise SpecError("A sweep needs at least one depth, one shortcut and one seed.")
    runs = []
    for seed in range(seeds):
        for depth in sorted(set(depths), reverse=True):
            for shortcut in dict.fromkeys(shortcuts):
                model = replace(base.model, depth=depth)
                model = model.twin() if shortcut == "none" else replace(model, shortcut=shortcut)
                runs.append(replace(base, model=model, train=replace(base.train, seed=seed)))
    return runs


def remedy_grid(base: RunSpec, remedies: Sequence[str], seeds: int) -> list[RunSpec]:
    """The base without any remedy, and with each of these alone (of REMEDIES), for seeds 0 to ``seeds`` − 1.

    Raises SpecError where the base has no limit on its pictures, for then there are no more of them to add.
    """
    if seeds < 1:
        raise SpecError("A sweep needs at least one seed.")
    limit = base.data.limit
    most = limit * max([MORE.get(name, 1) for name in remedies], default=1)
    if not limit or split_limit(base) < most:
        raise SpecError(
            f"With {most or 'all'} of the {split_limit(base):,} training pictures there are no more to add: start from fewer."
        )
    bare = replace(
        base,
        model=replace(base.model, drop=0.0),
        data=replace(base.data, augment=()),
        train=replace(base.train, weight_decay=0.0, label_smoothing=0.0, mixup=0.0, steps=datasets.total_steps(base)),
    )
    usual = datasets.facts(base.data).augment or ("crop",)
    changed = {
        "augment": replace(bare, data=replace(bare.data, augment=usual)),
        "decay": replace(bare, train=replace(bare.train, weight_decay=5e-3)),
        "smoothing": replace(bare, train=replace(bare.train, label_smoothing=0.1)),
        "mixup": replace(bare, train=replace(bare.train, mixup=1.0)),
        "drop": replace(bare, model=replace(bare.model, drop=0.5)),
        **{name: replace(bare, data=replace(bare.data, limit=limit * times)) for name, times in MORE.items()},
    }
    cells = [bare, *(changed[name] for name in dict.fromkeys(remedies))]
    return [replace(spec, train=replace(spec.train, seed=seed)) for seed in range(seeds) for spec in cells]


def split_limit(spec: RunSpec) -> int:
    """Training pictures that there are, whatever the spec's limit."""
    return datasets.split_sizes(replace(spec.data, limit=0))[0]


def check(specs: Sequence[RunSpec], duration: str = "") -> None:
    """Raise SpecError for a sweep of more runs than CAP, or for a run that can't be; ``duration`` is said where it is known."""
    if len(specs) > CAP:
        time = f" and would take {duration}" if duration else ""
        raise SpecError(
            f"This sweep has {len(specs)} runs{time}; at most {CAP} go at once: take fewer depths, shortcuts, remedies or seeds."
        )
    for spec in specs:
        datasets.fill(spec)


def remedy(spec: RunSpec, least: int) -> str:
    """Which remedy of REMEDIES a run has, "" for none; ``least`` is the smallest limit on pictures in its sweep."""
    train, data = spec.train, spec.data
    has = {
        **{name: data.limit == times * least for name, times in MORE.items()},
        "augment": bool(data.augment),
        "decay": train.weight_decay > 0,
        "smoothing": train.label_smoothing > 0,
        "mixup": train.mixup > 0,
        "drop": spec.model.drop > 0,
    }
    return next((name for name, true in has.items() if true), "")


def _settled(spec: RunSpec) -> RunSpec:
    """Without the seed, and without what a machine decides for itself."""
    return replace(spec, train=replace(spec.train, seed=0, threads=0, device="auto", precision="auto"))


def question(specs: Sequence[RunSpec]) -> str:
    """Which of QUESTIONS these runs answer together; "rate" where they differ in that alone; "" where they are no sweep."""
    if any(spec.lab for spec in specs):
        return ""
    settled = [_settled(spec) for spec in specs]
    if (
        len({s.train.rate for s in settled}) > 1
        and len({replace(s, train=replace(s.train, rate=1)) for s in settled}) == 1
    ):
        return "rate"
    if len(specs) < 3:
        return ""
    models = {replace(s.model, shortcut="none", drop=0.0, init="he", no_skip=(), depth=8) for s in settled}
    if len({(s.data, s.train) for s in settled}) == 1 and len(models) == 1:
        depths = {s.model.depth for s in settled}
        shortcuts = {s.model.shortcut for s in settled}
        return "depth" if len(depths) > 1 else "shortcut" if len(shortcuts) > 1 else ""
    bare = {
        replace(
            s,
            model=replace(s.model, drop=0.0),
            data=replace(s.data, augment=(), limit=0),
            train=replace(s.train, weight_decay=0.0, label_smoothing=0.0, mixup=0.0),
        )
        for s in settled
    }
    return "overfitting" if len(bare) == 1 else ""


@dataclass(frozen=True)
class Cell:
    """The runs of a sweep that differ in their seed alone. ``key``: (shortcut, depth), (remedy, 0) or (rate, depth)."""

    key: tuple[str, int]
    records: tuple[Record, ...]

    def values(self, name: str) -> np.ndarray:
        """A value of the results, for each run that has finished (N,)."""
        found = [r.result.get(name) for r in self.records if r.status == "finished"]
        return np.array([v for v in found if v is not None], float)

    @property
    def validation(self) -> np.ndarray:
        """Accuracy on the validation pictures after the last epoch, for each run that has finished (N,)."""
        found = [r.last("val_accuracy") for r in self.records if r.status == "finished"]
        return np.array([v for v in found if v is not None], float)

    @property
    def errors(self) -> np.ndarray:
        """Test error in %, for each run that has finished (N,)."""
        return 100 * (1 - self.values("test_accuracy"))

    @property
    def diverged(self) -> int:
        """How many of the runs left the finite numbers."""
        return sum(r.status == "diverged" for r in self.records)


def cells(records: Sequence[Record]) -> list[Cell]:
    """The records of a sweep, put together by what they vary; in rising depth, or in the order of REMEDIES."""
    kind = question([r.spec for r in records])
    least = min((r.spec.data.limit for r in records), default=0)
    groups: dict[tuple[str, int], list[Record]] = {}
    for record in sorted(records, key=lambda r: r.spec.train.rate):
        model = record.spec.model
        if kind == "rate":
            key = f"{record.spec.train.rate:g}", model.depth
        else:
            key = (remedy(record.spec, least), 0) if kind == "overfitting" else (model.shortcut, model.depth)
        groups.setdefault(key, []).append(record)
    order = {"overfitting": ["", *REMEDIES], "rate": [key for key, _ in groups]}.get(kind, list(SHORTCUTS))
    return [Cell(key, tuple(groups[key])) for key in sorted(groups, key=lambda k: (order.index(k[0]), k[1]))]


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
    say = {"depth": _depth, "shortcut": _shortcut, "overfitting": _overfitting, "rate": _rate}
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
    data = first.data.label or datasets.facts(first.data).label
    return f"{data}, {conditions(records[0])}; {'means over ' if seeds > 1 else ''}{seeds} seed{'s' * (seeds > 1)}."


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
    best = f"{name} tests best at rate {ranked[0].key[0]}: {number(ranked[0].errors.mean())} % wrong"
    return best + "".join(f", {number(cell.errors.mean())} % at {cell.key[0]}" for cell in ranked[1:]) + "."


def gap(cell: Cell) -> float:
    """Points between accuracy on training and on validation pictures, both not varied and in evaluation mode; mean over seeds."""
    return 100 * float(cell.values("fit_accuracy").mean() - cell.validation.mean())


def _overfitting(found: Sequence[Cell], first: Record) -> str:
    found = [cell for cell in found if len(cell.values("fit_accuracy"))]
    base = [cell for cell in found if not cell.key[0]]
    others = [cell for cell in found if cell.key[0]]
    sentences = []
    if base:
        fit, held = 100 * base[0].values("fit_accuracy").mean(), 100 * base[0].validation.mean()
        pictures = base[0].records[0].spec.data.limit
        sentences.append(
            f"Trained on {pictures:,} pictures without any remedy: {number(fit)} % right on them, {number(held)} % on new ones."
        )
    for which, word in ((others, "Best"), ([c for c in others if c.key[0] not in MORE], "Best without more data")):
        if which and (word == "Best" or len(which) < len(others)):
            best = max(which, key=lambda cell: cell.validation.mean())
            sentences.append(f"{word}: {remedy_label(best.key[0])}, {number(100 * best.validation.mean())} %.")
    return " ".join(sentences) or "Nothing measured yet."
