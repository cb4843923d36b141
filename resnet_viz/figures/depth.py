"""The tabs beside the first chart: every block at every step, and what an engineer looks at."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from resnet_viz.figures.numbers import amount, factor, log_ratio, log_values, superscript
from resnet_viz.figures.style import SCALE, Drawing, Net, literal, nets
from resnet_viz.language import N_, tr
from resnet_viz.runs.events import METRICS
from resnet_viz.runs.record import Record

DECADES = 4  # of the history's colours, on either side of 1

# The engineer's vectors, and what to look for in each.
ENGINEER = {
    "grad_weight": N_("weight gradient ‖∂L/∂w‖: small in a net that has converged"),
    "update_ratio": N_("update ÷ weight: about 10⁻³ is healthy, near 1 breaks"),
    "activation_std": N_("std of responses before ReLU (He 2015, figure 7)"),
    "branch_share": N_("branch share ‖F(x)‖ ÷ ‖x‖"),
}
ENGINEER_MOMENTS = 40


def edges(steps: np.ndarray) -> np.ndarray:
    """Edges (N + 1,) float32 of the cells that steps (N,) take on a logarithmic axis."""
    middle = np.sqrt(steps[:-1] * steps[1:].astype(np.float64))
    return np.concatenate([steps[:1] * 0.9, middle, steps[-1:] * 1.02]).astype(np.float32)


def history(records: Sequence[Record], lecture: bool = False) -> Drawing:
    """Two heatmaps (one a net), one over the other: y block, x step on a log axis, colour log10 ratio over ±4 decades."""
    drawn = [(n, net) for n, net in enumerate(nets(records)) if len(net.first.get("grad_block")[0])]
    title = tr("The whole run at once: gradient at each block, against the last block")
    drawing = Drawing(title, tr("Click a moment to go there."), lecture)
    rows = max(1, len(drawn))
    for row, (number, net) in enumerate(drawn):
        steps, ratios = log_ratio(net.first, kept=True)
        count = ratios.shape[1]
        axis, high = "" if row == 0 else str(row + 1), 1 - row / rows
        drawing.trace(
            "heatmap", x=edges(steps), y=np.arange(1, count + 1, dtype=np.int16), z=ratios.T.astype(np.float32),
            text=[[factor(value) for value in row] for row in ratios.T.tolist()],
            coloraxis="coloraxis", yaxis=f"y{axis}", meta={"role": "heat", "net": number}, name=net.text,
            hovertemplate=tr("step %{x:.0f}, block %{y}: %{text}") + "<extra>" + net.text + "</extra>",
        )  # fmt: skip
        low = high - 1 / rows + (0.06 if row < rows - 1 else 0)
        drawing.axis(
            f"yaxis{axis}", f"<b>{net.text}</b>" + tr(", block"), net.colour, domain=[low, high], showgrid=False, anchor="x",
            range=[0.5, count + 0.5], tickvals=[1, count],
        )  # fmt: skip
    last = max((r.steps for r in records), default=2)
    drawing.axis(
        "xaxis", tr("step"), type="log", range=[math.log10(0.9), math.log10(max(2, last) * 1.02)], showgrid=False,
        dtick=1 if last > 5000 else "D2", anchor=f"y{rows if rows > 1 else ''}",
    )  # fmt: skip
    drawing.layout["margin"] = {"l": 62, "r": 96, "t": 8, "b": 40}
    names = [f"×10{superscript(-DECADES)}", "÷10", "×1", "×10", f"×10{superscript(DECADES)}"]
    bar = {"thickness": 12, "outlinewidth": 0, "tickvals": [-DECADES, -1, 0, 1, DECADES], "ticktext": names, "x": 1.01}
    drawing.layout["coloraxis"] = {"colorscale": SCALE, "cmin": -DECADES, "cmax": DECADES, "colorbar": bar}
    return drawing


def engineer(records: Sequence[Record], lecture: bool = False) -> Drawing:
    """Four charts of vectors at the latest step, log10, over layers or blocks: the keys of ENGINEER."""
    hint = tr("Every layer, at the slider's step. Solid: with skips; dashed: plain.")
    drawing = Drawing(tr("What an engineer looks at"), hint, lecture)
    drawing.layout["margin"] = {"l": 52, "r": 12, "t": 34, "b": 40}
    for place, (metric, advice) in enumerate(ENGINEER.items()):
        axis = "" if place == 0 else str(place + 1)
        left, top = 0.545 * (place % 2), 1 - 0.57 * (place // 2)
        seen, length = [np.zeros(1)], 1
        for number, net in enumerate(nets(records)):
            steps, logs = log_values(net.first, metric, ENGINEER_MOMENTS)
            if not len(steps):
                continue
            drawing.trace(
                x=np.arange(1, logs.shape[1] + 1, dtype=np.int16), y=logs[-1].astype(np.float32), mode="lines",
                line={"color": net.colour, "width": drawing.line - 1, "dash": net.dash}, name=net.text,
                xaxis=f"x{axis}", yaxis=f"y{axis}", meta={"role": "vector", "net": number, "metric": metric},
                hovertext=_places(net, logs.shape[1]),
                customdata=[amount(value) for value in logs[-1].tolist()],
                hovertemplate="%{hovertext}: %{customdata}<extra>" + net.text + "</extra>",
            )  # fmt: skip
            seen.append(logs[np.isfinite(logs) & (logs > -9)])
            length = max(length, logs.shape[1])
        every = np.clip(np.concatenate(seen), -9, 9)
        low = math.floor(every.min())
        high = max(math.ceil(every.max()), low + 1)
        ticks = list(range(high, low - 1, -max(1, (high - low) // 3)))
        drawing.axis(
            f"xaxis{axis}", tr(str(METRICS[metric].axis)), domain=[left, left + 0.455], anchor=f"y{axis}", showgrid=False,
            range=[0.5, length + 0.5],
        )  # fmt: skip
        drawing.axis(
            f"yaxis{axis}", domain=[top - 0.43, top], anchor=f"x{axis}", range=[low - 0.05, high + 0.05], tickvals=ticks,
            ticktext=[f"10{superscript(t)}" for t in ticks],
        )  # fmt: skip
        corner = {"x": left, "y": top, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        drawing.note(tr(advice), yshift=6, **corner)
    return drawing


def _places(net: Net, length: int) -> list[str]:
    """What a vector's places are called: layers, or blocks, by the names that the run kept; by number where it has neither."""
    names = next((n for n in (net.layout.layers, [b.name for b in net.layout.blocks]) if len(n) == length), ())
    return [literal(name.removesuffix(".weight")) for name in names] or [str(n) for n in range(1, length + 1)]
