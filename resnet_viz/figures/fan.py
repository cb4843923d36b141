"""Chart A: the nets' pictures, and under them how loud the gradient is at every block."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from resnet_viz import arch
from resnet_viz.figures.numbers import log_ratio, loudness, superscript
from resnet_viz.figures.style import BAND, GRID, QUIET, SCALE, Drawing, Net, faint, nets
from resnet_viz.record import Record
from resnet_viz.spec import block_count

SPAN = 5  # decades on either side of 1


def span(found: Sequence[Net]) -> int:
    """Decades that the axis shows on either side of 1: SPAN, more only where a run leaves it (at most 12)."""
    most = [
        np.nanmax(np.abs(r), initial=0)
        for net in found
        for r in [log_ratio(net.first, kept=True)[1]]
        if np.isfinite(r).any()
    ]
    return int(min(12, max([SPAN, *np.ceil(most)])))


def fan(records: Sequence[Record], lecture: bool = False) -> Drawing:
    """The nets' pictures and the gradient fan at the latest step.

    x: blocks 1 to B. Fan y: log10 of ‖∂L/∂h_b‖ over the last block's (0 there); boxes are filled with the same value.
    Traces that follow the scrubber carry ``meta`` {"role": "line" or "box", "net": n}.
    """
    found = nets(records)
    hint = "It enters at the loss and travels left. Boxes: green is louder, purple fainter."
    drawing = Drawing("Gradient at each block, against the last block", hint, lecture)
    count, limit = max((block_count(net.first.spec.model) for net in found), default=1), span(found)
    rows = max(1, len(found))
    split = 1 - min(0.5, 0.06 + 0.15 * rows)  # the fan below, the pictures above
    ticks = _ticks(found, count)
    drawing.axis(
        "xaxis", range=[0.5 - 0.15 * count, 0.5 + 1.12 * count], showgrid=False, anchor="y", tickvals=ticks,
        ticktext=[f"{'block ' if t == 1 else ''}{t}" for t in ticks],
    )  # fmt: skip
    words = [f"×10{superscript(-limit)}", "×1", f"×10{superscript(limit)}"]
    drawing.axis("yaxis", range=[-limit, limit], domain=[0, split - 0.03], tickvals=[-limit, 0, limit], ticktext=words)
    drawing.axis("yaxis2", range=[0.45 - rows, 0.75], domain=[split, 1], visible=False, fixedrange=True, anchor="x")
    drawing.layout["barmode"] = "overlay"
    band = {"fillcolor": BAND, "line": {"width": 0}, "layer": "below"}
    drawing.shape(type="rect", xref="x domain", x0=0, x1=1, y0=-1, y1=1, **band)
    drawing.note("arrives<br>intact", name="band", x=1, xref="x domain", y=0, xanchor="right")
    for boundary in _boundaries(found):
        line = {"color": GRID, "width": 1, "dash": "dot"}
        drawing.shape(type="line", x0=boundary, x1=boundary, yref="paper", y0=0, y1=1, line=line, layer="below")
    for number, net in enumerate(found):
        _picture(drawing, net, number)
    recorded = [_fan(drawing, net, number, limit) for number, net in enumerate(found)]
    if found and not any(recorded):
        drawing.note("waiting for the first step", name="waiting", x=(1 + count) / 2, y=limit / 2)
    return drawing


def _fan(drawing: Drawing, net: Net, number: int, limit: int) -> bool:
    """The net's line, its thin ghost at the first step, and its label; False where nothing is recorded yet."""
    steps, ratios = log_ratio(net.first, kept=True)
    blocks = np.arange(1, block_count(net.first.spec.model) + 1, dtype=np.int16)
    if len(steps) > 1:
        drawing.trace(
            x=blocks, y=np.clip(ratios[0], -limit, limit).astype(np.float32), mode="lines", hoverinfo="skip",
            line={"color": faint(net.colour, 0.45), "width": 1.2}, meta={"role": "first", "net": number},
        )  # fmt: skip
    now = ratios[-1] if len(steps) else np.full(len(blocks), np.nan)
    size = drawing.size / 2 if len(blocks) <= 60 else 3
    drawing.trace(
        x=blocks, y=np.clip(now, -limit, limit).astype(np.float32), mode="lines+markers", name=net.label,
        line={"color": net.colour, "width": drawing.line, "dash": net.dash},
        marker={"symbol": net.symbol, "size": size, "color": net.colour, "line": {"width": 1.5, "color": net.colour}},
        meta={"role": "line", "net": number}, customdata=now.astype(np.float32),
        hovertemplate="block %{x}: 10^%{customdata:.2f}<extra>" + net.label + "</extra>",
    )  # fmt: skip
    if not len(steps):
        return False
    y = float(np.clip(now[0], -limit, limit)) if np.isfinite(now[0]) else limit
    drawing.end_label(net, number, 1, y, f"<b>{net.label}</b><br>{loudness(now[0])}", side="right")
    return True


def _picture(drawing: Drawing, net: Net, number: int) -> None:
    """One row: picture, a box for each block, arcs where a block has its skip, loss."""
    blocks = arch.blocks(net.first.spec.model)
    count = len(blocks)
    x = np.arange(1, count + 1, dtype=np.int16)
    wide = 0.6 * min(1, (count + 4) / 16)
    between = np.arange(0.5, count + 1)  # a line from box to box
    dashes = np.stack([between - 0.5 + wide / 2, between + 0.5 - wide / 2, np.full(count + 1, np.nan)], 1)
    dashes[0, 0], dashes[-1, 1] = 0.35, count + 0.65
    strip = {"yaxis": "y2", "mode": "lines", "hoverinfo": "skip"}
    level = np.full(dashes.size, -number, np.int16)
    drawing.trace(x=dashes.ravel().astype(np.float32), y=level, line={"color": net.colour, "width": 1.5}, **strip)
    for on in (True, False):
        mine = [b.number for b in blocks if b.has_skip == on]
        if net.skips and mine:
            style = {"color": net.colour, "width": 1.8} if on else {"color": QUIET, "width": 1, "dash": "dot"}
            arcs = _arcs(mine, -number, 9 if count <= 60 else 3)
            drawing.trace(x=arcs[0], y=arcs[1], line=style, meta={"role": "arcs", "net": number, "on": on}, **strip)
    steps, ratios = log_ratio(net.first, kept=True)
    if len(steps) and np.isfinite(ratios[-1]).any():
        fill = {"color": ratios[-1].astype(np.float32), "colorscale": SCALE, "cmin": -SPAN, "cmax": SPAN}
    else:
        fill = {"color": "rgba(128,128,128,0.25)"}
    words = {"hovertext": [_about(b) for b in blocks], "hovertemplate": "%{hovertext}<extra></extra>"}
    if net.skips:
        words["hovertemplate"] = "%{hovertext}<br>click: skip on or off<extra></extra>"
    drawing.trace(
        "bar", x=x, y=np.full(count, 0.44, np.float32), base=-number - 0.22, width=wide, yaxis="y2", name=net.label,
        marker={**fill, "line": {"color": net.colour, "width": 1.4 if count <= 60 else 0.5}, "cornerradius": 2},
        meta={"role": "box", "net": number, "skips": net.skips}, **(words if count <= 60 else {}),
    )  # fmt: skip
    if net.skips:  # a generous place to click: the room under the arc
        drawing.trace(
            x=x, y=np.full(count, 0.42 - number, np.float32), mode="markers", yaxis="y2",
            marker={"size": 14, "opacity": 0}, meta={"role": "arc", "net": number, "skips": True},
            hovertemplate="block %{x}<br>click: skip on or off<extra></extra>",
        )  # fmt: skip
    row = {"y": -number, "yref": "y2"}
    drawing.note("picture", name="strip-right", x=0.35, xanchor="right", xshift=-4, **row)
    loss, font = f"loss  <b>{net.label}</b>", {"color": net.colour}
    drawing.note(loss, name="strip-left", x=count + 0.65, xanchor="left", xshift=4, font=font, **row)


def _arcs(numbers: Sequence[int], base: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Half ellipses over the boxes of these blocks, one after the other, with gaps (NaN) between them."""
    turn = np.linspace(np.pi, 0, points)
    x = np.concatenate([np.append(n + 0.46 * np.cos(turn), np.nan) for n in numbers])
    y = np.concatenate([np.append(base + 0.5 * np.sin(turn), np.nan) for _ in numbers])
    return x.astype(np.float32), y.astype(np.float32)


def _about(block: arch.Block) -> str:
    return f"block {block.number}: {block.cout} channels, {block.size_out}×{block.size_out}"


def _boundaries(found: Sequence[Net]) -> list[float]:
    """Where a stage ends and the next begins, between two blocks."""
    blocks = arch.blocks(found[0].first.spec.model) if found else ()
    return [b.number - 0.5 for a, b in pairwise(blocks) if a.stage != b.stage]


def _ticks(found: Sequence[Net], count: int) -> list[int]:
    """The first block of every stage, and the last block."""
    starts = [1, *(round(b + 0.5) for b in _boundaries(found))]
    return sorted({*(s for s in starts if s == 1 or count - s >= count / 20), count})
