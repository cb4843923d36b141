"""A lesion lab's record as arrays, a network each, as far as they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resnet_viz.figures.style import Mark, marks
from resnet_viz.runs.layout import Layout
from resnet_viz.runs.record import Record
from resnet_viz.words import lesions as words


@dataclass(frozen=True)
class Lesions(Mark):
    """One network's lesions, as far as they are measured: ``undisturbed`` is not a number and the rest empty before that.

    Accuracies are shares; K, R, S grow while the lab runs.
    ``single``: (K, 2) block and accuracy without it. ``random``: (R, 2) how many dropped, accuracy. ``shuffled``: (S, 3) swaps,
    Kendall's correlation, accuracy. ``cosine``, ``stage``, ``skip``: (blocks,). ``guess``: (K + 1, shown), undisturbed first;
    ``truth``: (shown,).
    """

    undisturbed: float
    single: np.ndarray
    random: np.ndarray
    shuffled: np.ndarray
    cosine: np.ndarray
    stage: np.ndarray
    skip: np.ndarray
    shown: np.ndarray
    truth: np.ndarray
    guess: np.ndarray

    @property
    def measured(self) -> bool:
        """Whether anything of it is measured."""
        return bool(np.isfinite(self.undisturbed))

    @property
    def count(self) -> int:
        """How many blocks the network has."""
        return len(self.stage)

    def without(self, block: int) -> float | None:
        """Accuracy without a block (0: undisturbed); None where it is not measured yet."""
        if block == 0:
            return self.undisturbed if self.measured else None
        accuracies = self.single[self.single[:, 0] == block, 1]
        return float(accuracies[0]) if len(accuracies) else None


# What a record keeps of the network at place n, as "n.drop"; see `labs.lesion.run`.
METRICS = ("drop", "random", "shuffle", "cosine", "shown", "truth", "guess")


def read(record: Record | None, nets: Sequence[tuple[str, Layout]]) -> list[Lesions]:
    """The networks of a lab's record, each name and layout of ``nets``, in its order; of None, nothing is measured."""
    lesions = []
    for place, (mark, (_, layout)) in enumerate(zip(marks([(n, s.residual) for n, s in nets]), nets, strict=True)):
        values = {m: record.get(f"{place}.{m}")[1] if record else np.zeros(0) for m in METRICS}
        drop = values["drop"].reshape(-1, 2)
        cosine, shown, truth = (values[m].reshape(-1)[: values[m].shape[-1]] for m in ("cosine", "shown", "truth"))
        lesions.append(
            Lesions(
                **vars(mark),
                undisturbed=float(drop[0, 1]) if len(drop) else np.nan,
                single=drop[1:],
                random=values["random"].reshape(-1, 2),
                shuffled=values["shuffle"].reshape(-1, 3),
                cosine=cosine,
                shown=shown,
                truth=truth,
                guess=values["guess"].astype(int),
                stage=np.array([block.stage for block in layout.blocks]),
                skip=np.array([block.has_skip for block in layout.blocks]),
            )
        )
    return lesions


def says_single(nets: Sequence[Lesions], images: int) -> str:
    """What is left of each network without one of its blocks, in a sentence, over so many test images."""
    return words.lesions([(n.label, n.undisturbed, n.single[:, 1].tolist()) for n in nets], images)


def says_random(nets: Sequence[Lesions], images: int) -> str:
    """The same without several blocks at random."""
    return words.random_lesions([(n.label, n.count, n.random) for n in nets], images)


def says_shuffled(nets: Sequence[Lesions], images: int) -> str:
    """The same with blocks shuffled."""
    return words.shuffled_blocks([(n.label, n.shuffled) for n in nets], images)
