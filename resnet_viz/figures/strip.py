"""The drawing of a net: a box for each block on a wire, and an arc over it where it has its skip. Block b stands at x = b."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from resnet_viz.figures.style import GRID, QUIET, Drawing, literal
from resnet_viz.language import tr
from resnet_viz.runs.layout import Block, Layout

# How the arc of a skip is drawn.
ARCS: dict[str, dict[str, Any]] = {
    "on": {"width": 1.8},
    "pending": {"width": 1.8, "dash": "4px,3px"},
    "off": {"color": QUIET, "width": 1, "dash": "dot"},
}
MANY = 60  # past so many blocks arcs are coarser and edges thinner


def box_width(count: int) -> float:
    """Width of a box, in x units, where ``count`` blocks stand 1 apart."""
    return 0.6 * min(1, (count + 4) / 16)


def strip(
    drawing: Drawing,
    layout: Layout,
    colour: str,
    row: int = 0,
    *,
    fill: Mapping[str, Any],
    meta: Mapping[str, Any],
    yaxis: str = "y2",
    pending: Collection[int] = (),
    **boxes: Any,
) -> None:
    """Draw one net at y = −``row``, block b at x = b: the wire, arcs and boxes.

    Arcs are dotted where a skip is switched off, dashed over the ``pending`` blocks, whose skips the next net is to lack.
    ``fill``: the boxes' marker colour (and scale); ``meta``: what else their traces carry beside {"role"}; ``boxes``: more
    properties of the boxes' trace.
    """
    count = len(layout.blocks)
    wide = box_width(count)
    between = np.arange(0.5, count + 1)  # a line from box to box
    dashes = np.stack([between - 0.5 + wide / 2, between + 0.5 - wide / 2, np.full(count + 1, np.nan)], 1)
    dashes[0, 0], dashes[-1, 1] = 0.35, count + 0.65
    line = {"yaxis": yaxis, "mode": "lines", "hoverinfo": "skip"}
    level = np.full(dashes.size, -row, np.int16)
    drawing.trace(x=dashes.ravel().astype(np.float32), y=level, line={"color": colour, "width": 1.5}, **line)
    states = [
        "off" if not block.has_skip else "pending" if n in pending else "on" for n, block in enumerate(layout.blocks, 1)
    ]
    for state, style in ARCS.items():
        members = [n for n, found in enumerate(states, 1) if found == state]
        if layout.residual and members:
            arcs = _arcs(members, -row, 9 if count <= MANY else 3)
            meta_of = {"role": "arcs", **meta, "state": state}
            drawing.trace(x=arcs[0], y=arcs[1], line={"color": colour, **style}, meta=meta_of, **line)
    drawing.trace(
        "bar", x=np.arange(1, count + 1, dtype=np.int16), y=np.full(count, 0.44, np.float32), base=-row - 0.22, width=wide,
        yaxis=yaxis, marker={**fill, "line": {"color": colour, "width": 1.4 if count <= MANY else 0.5}, "cornerradius": 2},
        meta={"role": "box", **meta, "skips": layout.residual}, **boxes,
    )  # fmt: skip


def _arcs(numbers: Sequence[int], base: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y (N,) of half ellipses over the boxes of these blocks, one after the other, with gaps (NaN) between them."""
    turn = np.linspace(np.pi, 0, points)
    x = np.concatenate([np.append(n + 0.46 * np.cos(turn), np.nan) for n in numbers])
    y = np.concatenate([np.append(base + 0.5 * np.sin(turn), np.nan) for _ in numbers])
    return x.astype(np.float32), y.astype(np.float32)


def block_text(number: int, block: Block) -> str:
    """What one reads when pointing at a block: its number, channels and size in cells."""
    return literal(
        tr(
            "block {number}: {channels} channels, {size}×{size}",
            number=number,
            channels=block.channels,
            size=block.size,
        )
    )


def boundaries(layout: Layout) -> list[float]:
    """The x between two blocks where a stage ends and the next begins."""
    return [n + 0.5 for n, (a, b) in enumerate(pairwise(layout.blocks), 1) if a.stage != b.stage]


def draw_boundaries(drawing: Drawing, layout: Layout) -> None:
    """Dotted lines between the stages, from top to bottom."""
    for boundary in boundaries(layout):
        line = {"color": GRID, "width": 1, "dash": "dot"}
        drawing.shape(type="line", x0=boundary, x1=boundary, yref="paper", y0=0, y1=1, line=line, layer="below")


def ticks(layout: Layout) -> list[int]:
    """The blocks that an axis names: the first of every stage, and the last."""
    count = len(layout.blocks)
    starts = [1, *(round(b + 0.5) for b in boundaries(layout))]
    return sorted({*(s for s in starts if s == 1 or count - s >= count / 20), count})
