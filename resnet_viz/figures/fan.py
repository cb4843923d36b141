"""Chart A: the nets' pictures, and under them how loud the gradient is at every block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from resnet_viz import arch
from resnet_viz.figures.numbers import log_ratio, loudness, superscript
from resnet_viz.figures.style import BAND, GRID, QUIET, SCALE, Net, end_label, faint, frame, nets, width
from resnet_viz.record import Record
from resnet_viz.spec import block_count

SPAN = 5  # decades on either side of 1


def span(found: Sequence[Net]) -> int:
    """Decades that the axis shows on either side of 1: SPAN, more only where a run leaves it (at most 12)."""
    most = [np.nanmax(np.abs(r), initial=0) for net in found for r in [log_ratio(net.first)[1]] if np.isfinite(r).any()]
    return int(min(12, max([SPAN, *np.ceil(most)])))


def fan(records: Sequence[Record], lecture: bool = False) -> go.Figure:
    """The nets' pictures and the gradient fan at the latest step (LOOK: chart A).

    x: blocks 1 to B. Fan y: log10 of ‖∂L/∂h_b‖ over the last block's (0 there); boxes are filled with the same value.
    Traces that follow the scrubber carry ``meta`` {"role": "line" or "box", "net": n}.
    """
    found = nets(records)
    figure = frame(
        "Gradient at each block, against the last block",
        "It enters at the loss and travels left. Boxes: green is louder, purple fainter.",
        lecture,
    )
    count, limit = max((block_count(net.first.spec.model) for net in found), default=1), span(found)
    rows = max(1, len(found))
    split = 1 - min(0.5, 0.06 + 0.15 * rows)
    figure.update_layout(
        barmode="overlay",
        xaxis={"range": [1 - 0.15 * count - 0.5, count + 0.12 * count + 0.5], "showgrid": False, "anchor": "y",
               "tickvals": _ticks(found, count), "ticktext": [f"{'block ' if t == 1 else ''}{t}" for t in _ticks(found, count)]},
        yaxis={"range": [-limit, limit], "domain": [0, split - 0.03], "tickvals": [-limit, 0, limit],
               "ticktext": [f"×10{superscript(-limit)}", "×1", f"×10{superscript(limit)}"]},
        yaxis2={"range": [-rows + 0.45, 0.75], "domain": [split, 1], "visible": False, "fixedrange": True, "anchor": "x"},
    )  # fmt: skip
    figure.add_shape(type="rect", xref="x domain", x0=0, x1=1, y0=-1, y1=1, fillcolor=BAND, line_width=0, layer="below")
    figure.add_annotation(
        name="band",
        x=1,
        xref="x domain",
        y=0,
        text="arrives<br>intact",
        showarrow=False,
        xanchor="right",
        font_color=QUIET,
    )
    for boundary in _boundaries(found):
        figure.add_shape(
            type="line", x0=boundary, x1=boundary, yref="paper", y0=0, y1=1, line={"color": GRID, "width": 1, "dash": "dot"},
            layer="below",
        )  # fmt: skip
    for number, net in enumerate(found):
        _picture(figure, net, number, limit)
    waiting = True
    for number, net in enumerate(found):
        waiting &= not _fan(figure, net, number, limit, lecture)
    if waiting and found:
        figure.add_annotation(
            name="waiting",
            x=(1 + count) / 2,
            y=limit / 2,
            text="waiting for the first step",
            showarrow=False,
            font_color=QUIET,
        )
    return figure


def _fan(figure: go.Figure, net: Net, number: int, limit: int, lecture: bool) -> bool:
    """The net's line, its thin ghost at the first step, and its label; False where nothing is recorded yet."""
    steps, ratios = log_ratio(net.first)
    blocks = np.arange(1, block_count(net.first.spec.model) + 1, dtype=np.int16)
    common = {"x": blocks, "hoverinfo": "skip"}
    if len(steps) > 1:
        ghost = np.clip(ratios[0], -limit, limit).astype(np.float32)
        line = {"color": faint(net.colour, 0.45), "width": 1.2}
        figure.add_scatter(**common, y=ghost, mode="lines", line=line, meta={"role": "first", "net": number})
    now = ratios[-1] if len(steps) else np.full(len(blocks), np.nan)
    size = (9 if lecture else 6) if len(blocks) <= 60 else 3
    figure.add_scatter(
        x=blocks, y=np.clip(now, -limit, limit).astype(np.float32), mode="lines+markers", name=net.label,
        line={"color": net.colour, "width": width(lecture), "dash": net.dash},
        marker={"symbol": net.symbol, "size": size, "color": net.colour, "line": {"width": 1.5, "color": net.colour}},
        meta={"role": "line", "net": number},
        hovertemplate="block %{x}: ×%{customdata:.3g}<extra>" + net.label + "</extra>",
        customdata=10.0 ** now.astype(np.float32),
    )  # fmt: skip
    if len(steps):
        y = float(np.clip(now[0], -limit, limit)) if np.isfinite(now[0]) else limit
        end_label(figure, net, number, 1, y, f"<b>{net.label}</b><br>{loudness(now[0])}", side="right")
    return len(steps) > 0


def _picture(figure: go.Figure, net: Net, number: int, limit: int) -> None:
    """One row: picture, a box for each block, arcs where a block has its skip, loss."""
    blocks = arch.blocks(net.first.spec.model)
    count = len(blocks)
    x = np.array([b.number for b in blocks], np.int16)
    strip = {"yaxis": "y2", "hoverinfo": "skip"}
    wide = 0.6 * min(1, (count + 4) / 16)
    between = np.arange(0.5, count + 1)  # a line from box to box
    dashes = np.stack([between - 0.5 + wide / 2, between + 0.5 - wide / 2, np.full(count + 1, np.nan)], 1)
    dashes[0, 0], dashes[-1, 1] = 0.35, count + 0.65
    figure.add_scatter(
        x=dashes.ravel().astype(np.float32), y=np.full(3 * count + 3, -number, np.float32), mode="lines",
        line={"color": net.colour, "width": 1.5}, **strip,
    )  # fmt: skip
    for on in (True, False):
        mine = [b.number for b in blocks if b.has_skip == on]
        if net.skips and mine:
            style = {"color": net.colour, "width": 1.8} if on else {"color": QUIET, "width": 1, "dash": "dot"}
            arcs = _arcs(mine, -number, 9 if count <= 60 else 5)
            figure.add_scatter(x=arcs[0], y=arcs[1], mode="lines", line=style, meta={"role": "arcs"}, **strip)
    steps, ratios = log_ratio(net.first)
    if len(steps) and np.isfinite(ratios[-1]).any():
        marker = {"color": ratios[-1].astype(np.float32), "colorscale": SCALE, "cmin": -SPAN, "cmax": SPAN}
    else:
        marker = {"color": "rgba(128,128,128,0.25)"}
    figure.add_bar(
        x=x, y=[0.44] * count, base=-number - 0.22, width=wide,
        marker={**marker, "line": {"color": net.colour, "width": 1.4 if count <= 60 else 0.5}, "cornerradius": 2},
        yaxis="y2", meta={"role": "box", "net": number, "skips": net.skips}, customdata=x, name=net.label,
        hovertext=[_about(b, net.skips) for b in blocks] if count <= 200 else None, hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    if net.skips:  # a generous place to click: the room under the arc
        figure.add_scatter(
            x=x, y=[-number + 0.42] * count, mode="markers", marker={"size": 14, "opacity": 0, "color": net.colour}, yaxis="y2",
            meta={"role": "arc", "net": number, "skips": True}, customdata=x,
            hovertemplate="click: skip of block %{x} on or off<extra></extra>",
        )  # fmt: skip
    for at, anchor, shift, text in ((1, "right", -1, "picture"), (count, "left", 1, f"loss  <b>{net.label}</b>")):
        figure.add_annotation(
            name=f"strip-{anchor}", x=at - 0.65 if shift < 0 else at + 0.65, y=-number, yref="y2", xanchor=anchor, text=text,
            showarrow=False, xshift=4 * shift, font_color=net.colour if shift > 0 else QUIET,
        )  # fmt: skip


def _arcs(numbers: Sequence[int], base: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Half ellipses over the boxes of these blocks, one after the other, with gaps (NaN) between them."""
    turn = np.linspace(np.pi, 0, points)
    x = np.concatenate([np.append(n + 0.46 * np.cos(turn), np.nan) for n in numbers])
    y = np.concatenate([np.append(base + 0.5 * np.sin(turn), np.nan) for _ in numbers])
    return x.astype(np.float32), y.astype(np.float32)


def _about(block: arch.Block, skips: bool) -> str:
    shape = f"{block.cout} channels, {block.size_out}×{block.size_out}"
    return f"block {block.number}, stage {block.stage}: {shape}" + (
        f"<br>skip: {block.shortcut}. Click to switch it." if skips else ""
    )


def _boundaries(found: Sequence[Net]) -> list[float]:
    """Where a stage ends and the next begins, between two blocks."""
    blocks = arch.blocks(found[0].first.spec.model) if found else ()
    return [b.number - 0.5 for a, b in zip(blocks, blocks[1:], strict=False) if a.stage != b.stage]


def _ticks(found: Sequence[Net], count: int) -> list[int]:
    """The first block of every stage, and the last block."""
    starts = [1, *(round(b + 0.5) for b in _boundaries(found))]
    return sorted({*(s for s in starts if s == 1 or count - s >= count / 20), count})
