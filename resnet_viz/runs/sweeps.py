"""Sweeps: a grid of training runs that answers one question, and the sentence that says what it measured.

A sweep is a group of runs in the store and nothing more. Which question it answers follows from what varies among its specs, so a
half-finished one, one of yesterday and the recorded ones are all read the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resnet_viz.language import N_
from resnet_viz.runs.record import Record
from resnet_viz.spec.model import SHORTCUTS
from resnet_viz.spec.run import RunSpec

QUESTIONS = {"depth": N_("Depth"), "shortcut": N_("Shortcuts"), "overfitting": N_("Overfitting")}


# Remedies against overfitting: how each is called, and where it is from.
REMEDIES = {
    "twice": (N_("twice the images"), N_("more data; as many steps as without")),
    "four": (N_("four times the images"), N_("more data; as many steps as without")),
    "augment": (
        N_("augmentation"),
        N_("shifted images, mirrored too where the data set's own recipe says so (He 2015, section 4.2)"),
    ),
    "decay": (N_("weight decay 0.005"), N_("Krogh & Hertz 1991")),
    "smoothing": (N_("label smoothing 0.1"), N_("Szegedy et al. 2016")),
    "mixup": (N_("mixup, α = 1"), N_("Zhang et al. 2018, their value for CIFAR")),
    "stochastic_depth": (N_("stochastic depth 0.5"), N_("Huang et al. 2016, p_L = 0.5")),
}


# More data: how many times the images.
MORE = {"twice": 2, "four": 4}


def remedy(spec: RunSpec, least: int) -> str:
    """Which remedy of REMEDIES a run has, "" for none; ``least`` is the smallest limit on images in its sweep."""
    train, data = spec.train, spec.data
    has = {
        **{name: data.limit == times * least for name, times in MORE.items()},
        "augment": bool(data.augment),
        "decay": train.weight_decay > 0,
        "smoothing": train.label_smoothing > 0,
        "mixup": train.mixup > 0,
        "stochastic_depth": spec.model.stochastic_depth > 0,
    }
    return next((name for name, true in has.items() if true), "")


def question(specs: Sequence[RunSpec]) -> str:
    """Which of QUESTIONS these runs answer together; "lr" where they differ in that alone; "" where they are no sweep."""
    if any(spec.lab or spec.own for spec in specs):
        return ""
    settled = [spec.settled() for spec in specs]
    if len({s.train.lr for s in settled}) > 1 and len({replace(s, train=replace(s.train, lr=1)) for s in settled}) == 1:
        return "lr"
    if len(specs) < 3:
        return ""
    models = {replace(s.model, shortcut="none", stochastic_depth=0.0, init="he", no_skip=(), depth=8) for s in settled}
    if len({(s.data, s.train) for s in settled}) == 1 and len(models) == 1:
        depths = {s.model.depth for s in settled}
        shortcuts = {s.model.shortcut for s in settled}
        return "depth" if len(depths) > 1 else "shortcut" if len(shortcuts) > 1 else ""
    bare = {
        replace(
            s,
            model=replace(s.model, stochastic_depth=0.0),
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
        values = [r.result.get(name) for r in self.records if r.status == "finished"]
        return np.array([v for v in values if v is not None], float)

    @property
    def validation(self) -> np.ndarray:
        """Accuracy on the validation images after the last epoch, for each run that has finished (N,)."""
        accuracies = [r.last("val_accuracy") for r in self.records if r.status == "finished"]
        return np.array([a for a in accuracies if a is not None], float)

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
    for record in sorted(records, key=lambda r: r.spec.train.lr):
        model = record.spec.model
        if kind == "lr":
            key = f"{record.spec.train.lr:g}", model.depth
        else:
            key = (remedy(record.spec, least), 0) if kind == "overfitting" else (model.shortcut, model.depth)
        groups.setdefault(key, []).append(record)
    order = {"overfitting": ["", *REMEDIES], "lr": [key for key, _ in groups]}.get(kind, list(SHORTCUTS))
    return [Cell(key, tuple(groups[key])) for key in sorted(groups, key=lambda k: (order.index(k[0]), k[1]))]
