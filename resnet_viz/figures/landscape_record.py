"""A landscape lab's record as grids of losses, (H, W) a network, as far as they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from resnet_viz.figures.style import Mark, marks
from resnet_viz.runs.record import Record
from resnet_viz.spec.lab import LandscapeSpec


@dataclass(frozen=True)
class Landscape(Mark):
    """One network's landscape, as far as it is measured.

    ``x``, ``y``: the grid's coordinates, (W,) and (H,), in 1-D y is (1,). ``loss``: (H, W) mean losses in nats; not a number
    where not measured yet, infinite past all numbers. ``path``: (P, 2), the checkpoints of its training on the plane, at steps
    ``moments`` (P,); ``share``: of the path's variance along both axes together, of 1.
    """

    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    path: np.ndarray
    moments: np.ndarray
    share: float

    @property
    def measured(self) -> int:
        """Points of the grid that are measured."""
        return int((~np.isnan(self.loss)).sum())


def metrics(networks: int) -> list[str]:
    """What `read` needs of a record."""
    names = ("loss", "skips", "path", "moments", "share")
    return ["axes", "images", "x", "y", *(f"{place}.{name}" for place in range(networks) for name in names)]


def redraws(lab: LandscapeSpec) -> list[int]:
    """Numbers of points at which a live chart is drawn anew: whole grids, and eighths of the way to the next finer one."""
    sides = [size for size in lab.SIZES if size <= lab.size]
    whole = [side**lab.dimensions for side in sides]
    between = [a + (b - a) * k // 8 for a, b in pairwise(whole) for k in range(1, 8)]
    return sorted({1, *whole, *between})


def read(record: Record, names: Sequence[str]) -> list[Landscape]:
    """The landscapes of a lab's record up to the last of `redraws`, a network each; none before it has points."""
    lab = record.spec.lab
    assert isinstance(lab, LandscapeSpec)
    axes = record.get("axes")[1].reshape(-1)
    if not len(axes):
        return []
    ticks = [np.linspace(axes[i], axes[i + 1], lab.size) for i in (0, 2)[: lab.dimensions]]
    x, y = ticks[0], ticks[1] if lab.dimensions == 2 else np.zeros(1)
    once = [
        {m: record.get(f"{n}.{m}")[1].reshape(-1) for m in ("skips", "path", "moments", "share")}
        for n in range(len(names))
    ]
    drawn = marks([(name, bool(own["skips"].any())) for name, own in zip(names, once, strict=True)])
    return [
        Landscape(
            **vars(mark),
            x=x,
            y=y,
            loss=_grid(record, n, x, y),
            path=own["path"].reshape(-1, 2),
            moments=own["moments"],
            share=float(own["share"].sum()),
        )
        for n, (mark, own) in enumerate(zip(drawn, once, strict=True))
    ]


def _grid(record: Record, place: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Losses (H, W) of the network at a place, up to the last of `redraws`."""
    values = [record.get(name)[1] for name in ("x", "y", f"{place}.loss")]
    if len(y) == 1:
        values[1] = np.zeros_like(values[0])
    known = min(map(len, values))  # the last point may have come while the metrics were read
    assert isinstance(record.spec.lab, LandscapeSpec)
    count = max((count for count in redraws(record.spec.lab) if count <= known), default=0)
    column, row = (
        np.rint((v[:count] - t[0]) / max(t[-1] - t[0], 1e-12) * (len(t) - 1)).astype(int)
        for v, t in zip(values, (x, y), strict=False)
    )
    loss = np.full((len(y), len(x)), np.nan)
    loss[row, column] = values[2][:count]
    return loss


def filled(values: np.ndarray) -> np.ndarray:
    """The same grid (H, W) without gaps: where a point is not measured yet, between its neighbours on the next coarser grid.

    Not a number where not even the coarsest, of 5 a side, is known.
    """
    height, width = values.shape
    stride = max(1, (width - 1) // 4)
    known = values[:: min(stride, height), ::stride]
    while stride > 1:
        stride //= 2
        down = min(stride, height)
        finer = values[::down, ::stride]
        between = _between(known.T).T if height > 1 else known
        between = _between(between)
        known = np.where(np.isnan(finer), between, finer)
    return known


def _between(values: np.ndarray) -> np.ndarray:
    """(H, W) → (H, 2W − 1), the mean between each two neighbours in a row."""
    wider = np.empty((values.shape[0], 2 * values.shape[1] - 1))
    wider[:, ::2], wider[:, 1::2] = values, (values[:, 1:] + values[:, :-1]) / 2
    return wider
