"""The tabs beside the first picture: every block at every step, and what an engineer looks at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from resnet_viz.events import METRICS
from resnet_viz.figures.numbers import log_ratio, log_values, moments, superscript
from resnet_viz.figures.style import GRID, QUIET, SCALE, end_label, frame, nets, width
from resnet_viz.record import Record

DECADES = 4  # of the history's colours, on either side of 1

# The engineer's vectors, and what to look for in each.
ENGINEER = {
    "grad_weight": "weight gradient ‖∂L/∂w‖: small in a net that has converged",
    "update_ratio": "update ÷ weight: about 10⁻³ is healthy, near 1 breaks",
    "activation_std": "std of responses before ReLU (He 2015, figure 7)",
    "branch_share": "branch share ‖F(x)‖ ÷ ‖x‖",
}
ENGINEER_MOMENTS = 60


def edges(steps: np.ndarray) -> np.ndarray:
    """Edges (N + 1,) of the cells of N steps on a logarithmic axis."""
    middle = np.sqrt(steps[:-1] * steps[1:].astype(np.float64))
    return np.concatenate([steps[:1] * 0.9, middle, steps[-1:] * 1.02]).astype(np.float32)


def history(records: Sequence[Record], lecture: bool = False) -> go.Figure:
    """Two heatmaps (one a net), one over the other: y block, x step on a log axis, colour log10 ratio over ±4 decades."""
    found = [net for net in nets(records) if len(net.first.get("grad_block")[0])]
    figure = frame(
        "The whole run at once: gradient at each block, against the last block", "Click a moment to go there.", lecture
    )
    rows = max(1, len(found))
    for number, net in enumerate(nets(records)):
        if net not in found:
            continue
        row = found.index(net)
        steps, ratios = log_ratio(net.first)
        keep = moments(len(steps))
        axis = "" if row == 0 else str(row + 1)
        high = 1 - row / rows
        figure.add_heatmap(
            x=edges(steps[keep]), y=np.arange(1, ratios.shape[1] + 1, dtype=np.int16), z=ratios[keep].T.astype(np.float32),
            coloraxis="coloraxis", yaxis=f"y{axis}", meta={"role": "heat", "net": number}, name=net.label,
            hovertemplate="step %{x:.0f}, block %{y}: 10^%{z:.1f}<extra>" + net.label + "</extra>",
        )  # fmt: skip
        figure.update_layout(
            {f"yaxis{axis}": {"domain": [high - 1 / rows + 0.05, high], "showgrid": False, "anchor": "x",
                              "range": [0.5, ratios.shape[1] + 0.5], "tickvals": [1, ratios.shape[1]],
                              "title": {"text": f"<b>{net.label}</b>, block", "font": {"color": net.colour}}}}
        )  # fmt: skip
    last = max((r.steps for r in records), default=1)
    figure.update_layout(
        xaxis={"type": "log", "range": [np.log10(0.9), np.log10(max(2, last) * 1.02)], "showgrid": False, "title": {"text": "step"},
               "dtick": 1 if last > 5000 else "D2", "anchor": f"y{rows if rows > 1 else ''}"},
        margin={"l": 62, "r": 96, "t": 8, "b": 40},
        coloraxis={"colorscale": SCALE, "cmin": -DECADES, "cmax": DECADES, "colorbar": {
            "thickness": 12, "outlinewidth": 0, "tickvals": [-DECADES, -1, 0, 1, DECADES], "x": 1.01,
            "ticktext": [f"×10{superscript(-DECADES)}", "÷10", "×1", "×10", f"×10{superscript(DECADES)}"]}},
    )  # fmt: skip
    return figure


def engineer(records: Sequence[Record], lecture: bool = False) -> go.Figure:
    """Four charts of vectors at the latest step, log10, over layers or blocks: the keys of ENGINEER."""
    figure = make_subplots(2, 2, subplot_titles=list(ENGINEER.values()), vertical_spacing=0.2, horizontal_spacing=0.09)
    figure.update_layout(frame("What an engineer looks at", "Each layer, at the step of the slider.", lecture).layout)
    figure.update_layout(margin={"l": 52, "r": 20, "t": 34, "b": 40})
    for annotation in figure.layout.annotations:
        annotation.update(font={"size": 16 if lecture else 12, "color": QUIET}, x=annotation.x - 0.225, xanchor="left")
    for place, metric in enumerate(ENGINEER):
        where = {"row": place // 2 + 1, "col": place % 2 + 1}
        low, high, length = 0.0, 0.0, 1
        for number, net in enumerate(nets(records)):
            steps, logs = log_values(net.first, metric)
            if not len(steps):
                continue
            figure.add_scatter(
                x=np.arange(1, logs.shape[1] + 1, dtype=np.int16), y=logs[-1].astype(np.float32), mode="lines",
                line={"color": net.colour, "width": max(1.5, width(lecture) - 1), "dash": net.dash}, name=net.label,
                meta={"role": "vector", "net": number, "metric": metric}, **where,
                hovertemplate="%{x}: 10^%{y:.2f}<extra>" + net.label + "</extra>",
            )  # fmt: skip
            real = logs[np.isfinite(logs) & (logs > -29)]
            low, high = (
                min([low, *np.floor(real[:1]), np.floor(real.min(initial=0))]),
                max([high, np.ceil(real.max(initial=0))]),
            )
            length = max(length, logs.shape[1])
        low, high = max(low, -9), min(max(high, low + 1), 9)
        ticks = np.arange(low, high + 1, max(1, (high - low) // 3))
        figure.update_xaxes(
            range=[0.5, length + 0.5],
            showgrid=False,
            title={"text": METRICS[metric].axis, "standoff": 2},
            zeroline=False,
            **where,
        )
        figure.update_yaxes(
            range=[low, high], tickvals=ticks, ticktext=[f"10{superscript(int(t))}" for t in ticks], gridcolor=GRID,
            zeroline=False, **where,
        )  # fmt: skip
    return figure
