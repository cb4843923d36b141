"""Charts of the page Learn that no other page has."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from resnet_viz.figures.numbers import smooth, thin
from resnet_viz.figures.style import PLAIN, QUIET, RESIDUAL, Drawing
from resnet_viz.language import tr
from resnet_viz.runs.record import Record
from resnet_viz.words.numbers import percent


def errors(records: Sequence[Record]) -> tuple[int, dict[tuple[bool, int], float]]:
    """The last step that all runs have, and there each net's smoothed training error (1 − accuracy), by (skips, depth)."""
    last = min(int(r.get("accuracy")[0][-1]) for r in records)
    found = {}
    for record in records:
        steps, accuracy = record.get("accuracy")
        at = int(np.searchsorted(steps, last, "right")) - 1
        found[record.spec.model.residual, record.spec.model.depth] = 1 - float(smooth(accuracy, record.steps)[at])
    return last, found


def training_errors(records: Sequence[Record]) -> Drawing:
    """Training error against the step, plain nets beside residual ones, deep ones thick (He 2015, figures 1 and 6)."""
    last, found = errors(records)
    drawing = Drawing(tr("Training error, plain beside residual"), tr("smoothed; thick: the deeper net"))
    drawing.layout["margin"] = {"l": 44, "r": 74, "t": 22, "b": 40}
    deepest = max(depth for _, depth in found)
    percents = [0, 0.25, 0.5, 0.75, 1]
    for place, (skips, name, colour, dash) in enumerate(
        ((False, "plain", PLAIN, "dash"), (True, "residual", RESIDUAL, "solid"))
    ):
        axis = "" if place == 0 else "2"
        drawing.axis(
            f"xaxis{axis}",
            tr("step"),
            range=[0, last],
            domain=[0.62 * place, 0.36 + 0.64 * place],
            anchor=f"y{axis}",
            nticks=4,
        )
        drawing.axis(
            f"yaxis{axis}", range=[0, 1], anchor=f"x{axis}", tickvals=percents,
            ticktext=[percent(p) for p in percents] if place == 0 else [""] * len(percents),
        )  # fmt: skip
        at = {"xref": f"x{axis}", "yref": f"y{axis}"}
        drawing.note(f"<b>{tr(name)}</b>", x=last / 2, y=1, yanchor="bottom", font={"color": colour}, **at)
        mine = sorted((r for r in records if r.spec.model.residual == skips), key=lambda r: r.spec.model.depth)
        ends = [found[skips, r.spec.model.depth] for r in mine]
        for record, end in zip(mine, ends, strict=True):
            steps, accuracy = record.get("accuracy")
            depth, keep = record.spec.model.depth, steps <= last
            x, y = thin(steps[keep], 1 - smooth(accuracy, record.steps)[keep])
            line = {"color": colour, "width": 3.5 if depth == deepest else 1.5, "dash": dash}
            drawing.trace(
                x=x,
                y=y,
                mode="lines",
                line=line,
                xaxis=f"x{axis}",
                yaxis=f"y{axis}",
                hoverinfo="skip",
                meta={"depth": depth},
            )
            apart = 0.0 if max(ends) - min(ends) > 0.12 else 0.06 * (1 if end == max(ends) else -1)
            drawing.note(
                f"{depth}: {percent(end)}",
                x=last,
                y=end + apart,
                xanchor="left",
                xshift=6,
                font={"color": colour},
                **at,
            )
    return drawing


def descent(rates: Sequence[float], after: Sequence[float], before: float, chosen: int) -> Drawing:
    """The loss of one image after one step at each learning rate, on logarithmic axes; dotted, the loss before."""
    drawing = Drawing(tr("Loss after one step"), tr("dotted: before it"))
    drawing.layout["margin"] = {"l": 60, "r": 12, "t": 8, "b": 44}
    finite = [v if math.isfinite(v) else math.nan for v in after]
    y = np.log10(np.maximum(finite, 1e-6))
    levels = np.append(y[np.isfinite(y)], math.log10(max(before, 1e-6)))
    low, high = math.floor(levels.min()), math.ceil(levels.max())
    x = np.log10(rates)
    drawing.axis(
        "xaxis",
        tr("learning rate η"),
        range=[x[0] - 0.2, x[-1] + 0.2],
        tickvals=list(x),
        ticktext=[f"{r:g}" for r in rates],
    )
    ticks = list(range(low, max(high, low + 1) + 1))
    drawing.axis(
        "yaxis", tr("loss, nats"), range=[ticks[0], ticks[-1]], tickvals=ticks, ticktext=[f"{10.0**t:g}" for t in ticks]
    )
    line = {"color": QUIET, "width": 2, "dash": "dot"}
    drawing.shape(
        type="line",
        x0=x[0] - 0.2,
        x1=x[-1] + 0.2,
        y0=math.log10(max(before, 1e-6)),
        y1=math.log10(max(before, 1e-6)),
        line=line,
    )
    sizes = [15 if n == chosen else 8 for n in range(len(x))]
    drawing.trace(
        x=x, y=y, mode="lines+markers", line={"color": RESIDUAL, "width": 2}, marker={"size": sizes, "color": RESIDUAL},
        customdata=np.array(finite), hovertemplate="%{customdata:.3g}<extra></extra>",
    )  # fmt: skip
    return drawing


def reach(changes: Sequence[float], block: int) -> Drawing:
    """By how much each block's output changes, ‖change‖ ÷ ‖output‖, when one block's addition is taken away."""
    drawing = Drawing(tr("Change of each block's output"), tr("‖change‖ ÷ ‖output‖"))
    drawing.layout["margin"] = {"l": 52, "r": 12, "t": 16, "b": 44}
    numbers = list(range(1, len(changes) + 1))
    drawing.axis("xaxis", tr("block"), range=[0.4, len(changes) + 0.6], tickvals=numbers, showgrid=False)
    drawing.axis("yaxis", range=[0, 1.15 * max(changes)], tickformat=".0%")
    fills = [PLAIN if n == block else RESIDUAL for n in numbers]
    drawing.trace("bar", x=numbers, y=list(changes), marker={"color": fills}, hovertemplate="%{y:.1%}<extra></extra>")
    for number, change in zip(numbers, changes, strict=True):
        drawing.note(percent(change), x=number, y=change, yanchor="bottom")
    return drawing
