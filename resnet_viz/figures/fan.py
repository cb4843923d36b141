"""Chart A: the nets' drawings, and under them how large the gradient is at every block."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from resnet_viz.figures.numbers import arrivals, factor, log_ratio, superscript
from resnet_viz.figures.strip import MANY, block_text, draw_boundaries, strip, ticks
from resnet_viz.figures.style import BAND, SCALE, Drawing, Net, faint, nets
from resnet_viz.language import tr, trn
from resnet_viz.runs.record import Record
from resnet_viz.words.why import FAN

SPAN = 5  # decades on either side of 1


def span(drawn: Sequence[Net]) -> int:
    """Decades that the axis shows on either side of 1: SPAN, more only where a run leaves it (at most 12)."""
    most = [
        np.nanmax(np.abs(r), initial=0)
        for net in drawn
        for r in [log_ratio(net.first, kept=True)[1]]
        if np.isfinite(r).any()
    ]
    return int(min(12, max([SPAN, *np.ceil(most)])))


def fan(records: Sequence[Record], lecture: bool = False, pending: Collection[int] = (), click: bool = True) -> Drawing:
    """Chart A: the nets' drawings, a row each, and the gradient fan at the latest step.

    ``pending``: blocks whose skips the next net is to lack, marked in the first net that has them and named.

    x: blocks 1 to B. Fan y: log10 of ‖∂L/∂h_b‖ over the last block's (0 there); boxes are filled with the same value.
    ``click``: say of a block that a click switches its skip.
    Traces that follow the scrubber carry ``meta`` {"role": "line" or "box", "net": n}.
    """
    drawn = nets(records)
    drawn_off = {n for net in drawn for n, block in enumerate(net.layout.blocks, 1) if net.skips and not block.has_skip}
    new = [block for block in sorted(pending) if block not in drawn_off]
    hint = tr("It enters at the loss and travels left. Boxes: green is larger, purple smaller.")
    if new:
        hint = trn(
            "Next net: without skip {skips}.",
            "Next net: without skips {skips}.",
            len(new),
            skips=", ".join(map(str, new)),
        )
    drawing = Drawing(tr(FAN), hint, lecture)
    count, limit = max((len(net.layout.blocks) for net in drawn), default=1), span(drawn)
    rows = max(1, len(drawn))
    split = 1 - min(0.5, 0.06 + 0.15 * rows)  # the fan below, the drawings above
    named = ticks(drawn[0].layout) if drawn else [1]
    drawing.axis(
        "xaxis", range=[0.5 - 0.15 * count, 0.5 + 1.12 * count], showgrid=False, anchor="y", tickvals=named,
        ticktext=[tr("block 1") if t == 1 else str(t) for t in named],
    )  # fmt: skip
    # The band's own limits stand at the axis, for "intact" and "too large" part there.
    factors = [f"×10{superscript(-limit)}", "×0.1", "×10", f"×10{superscript(limit)}"]
    drawing.axis(
        "yaxis", range=[-limit, limit], domain=[0, split - 0.03], tickvals=[-limit, -1, 1, limit], ticktext=factors
    )
    drawing.axis("yaxis2", range=[0.45 - rows, 0.75], domain=[split, 1], visible=False, fixedrange=True, anchor="x")
    drawing.layout["barmode"] = "overlay"
    band = {"fillcolor": BAND, "line": {"width": 0}, "layer": "below"}
    drawing.shape(type="rect", xref="x domain", x0=0, x1=1, y0=-1, y1=1, **band)
    drawing.note(tr("arrives<br>intact"), name="band", x=1, xref="x domain", y=0, xanchor="right")
    if drawn:
        draw_boundaries(drawing, drawn[0].layout)
    first = next((number for number, net in enumerate(drawn) if net.skips), -1)
    for number, net in enumerate(drawn):
        _strip_row(drawing, net, number, new if number == first else (), click)
    recorded = [_fan(drawing, net, number, limit) for number, net in enumerate(drawn)]
    if drawn and not any(recorded):
        drawing.note(tr("waiting for the first step"), name="waiting", x=(1 + count) / 2, y=limit / 2)
    return drawing


def _fan(drawing: Drawing, net: Net, number: int, limit: int) -> bool:
    """Add the net's line, its thin ghost at the first step, and its label; False where nothing is recorded yet."""
    steps, ratios = log_ratio(net.first, kept=True)
    blocks = np.arange(1, len(net.layout.blocks) + 1, dtype=np.int16)
    if len(steps) > 1:
        drawing.trace(
            x=blocks, y=np.clip(ratios[0], -limit, limit).astype(np.float32), mode="lines", hoverinfo="skip",
            line={"color": faint(net.colour, 0.45), "width": 1.2}, meta={"role": "first", "net": number},
        )  # fmt: skip
        if np.isfinite(ratios[0, 0]) and abs(ratios[0, 0]) > 1.5:  # out of the way of the labels at the band
            where = {"x": 1, "xanchor": "left", "yanchor": "bottom", "font": {"color": net.colour}}
            drawing.note(
                tr("step {step:,}", step=steps[0]),
                name=f"first-{number}",
                y=float(np.clip(ratios[0, 0], -limit, limit)),
                **where,
            )
    now = ratios[-1] if len(steps) else np.full(len(blocks), np.nan)
    size = drawing.size / 2 if len(blocks) <= 60 else 3
    drawing.trace(
        x=blocks, y=np.clip(now, -limit, limit).astype(np.float32), mode="lines+markers", name=net.text,
        line={"color": net.colour, "width": drawing.line, "dash": net.dash},
        marker={"symbol": net.symbol, "size": size, "color": net.colour, "line": {"width": 1.5, "color": net.colour}},
        meta={"role": "line", "net": number}, customdata=[factor(value) for value in now.tolist()],
        hovertemplate="block %{x}: %{customdata}<extra>" + net.text + "</extra>",
    )  # fmt: skip
    if not len(steps):
        return False
    y = float(np.clip(now[0], -limit, limit)) if np.isfinite(now[0]) else limit
    drawing.end_label(net, number, 1, y, f"<b>{net.short}</b><br>{arrivals(net.first, kept=True)[-1]}", side="right")
    return True


def _switches(net: Net) -> bool:
    """Whether a click switches a skip off in the form: not in a network that isn't ours."""
    return net.skips and not net.first.spec.own


def _strip_row(drawing: Drawing, net: Net, number: int, pending: Collection[int], click: bool) -> None:
    """Add one row: image, a box for each block, arcs where a block has its skip, loss."""
    count = len(net.layout.blocks)
    steps, ratios = log_ratio(net.first, kept=True)
    fill: dict[str, Any] = {"color": "rgba(128,128,128,0.25)"}
    if len(steps) and np.isfinite(ratios[-1]).any():
        fill = {"color": ratios[-1].astype(np.float32), "colorscale": SCALE, "cmin": -SPAN, "cmax": SPAN}
    hover: dict[str, Any] = {
        "hovertext": [block_text(n, block) for n, block in enumerate(net.layout.blocks, 1)],
        "hovertemplate": "%{hovertext}"
        + tr("<br>click: skip on or off") * (_switches(net) and click)
        + "<extra></extra>",
    }
    strip(
        drawing, net.layout, net.colour, number, fill=fill, meta={"net": number}, name=net.text, pending=pending,
        **(hover if count <= MANY else {}),
    )  # fmt: skip
    if _switches(net) and click:  # a generous place to click: the room under the arc
        drawing.trace(
            x=np.arange(1, count + 1, dtype=np.int16), y=np.full(count, 0.42 - number, np.float32), mode="markers", yaxis="y2",
            marker={"size": 14, "opacity": 0}, meta={"role": "arc", "net": number, "skips": True},
            hovertemplate=tr("block %{x}<br>click: skip on or off") + "<extra></extra>",
        )  # fmt: skip
    row = {"y": -number, "yref": "y2"}
    drawing.note(tr("image"), name="strip-right", x=0.35, xanchor="right", xshift=-4, **row)
    end, font = tr("loss") + f"  <b>{net.short}</b>", {"color": net.colour}
    drawing.note(end, name="strip-left", x=count + 0.65, xanchor="left", xshift=4, font=font, **row)
