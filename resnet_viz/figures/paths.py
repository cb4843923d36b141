"""Paths through a residual network by how many branches they pass: how many there are, and what they carry."""

from __future__ import annotations

import numpy as np

from resnet_viz.figures.style import BAND, QUIET, RESIDUAL, Drawing, faint
from resnet_viz.language import tr
from resnet_viz.spec import laws


def paths(count: np.ndarray, share: np.ndarray) -> Drawing:
    """Paths by the number of branches they pass, 0 to B, in % (Veit et al. 2016, figure 6).

    ``count`` (B + 1,): share of all paths, the grey area. ``share`` (B + 1,): share of the gradient that they carry, blue bars.
    """
    blocks = len(count) - 1
    hint = tr("Grey: how many there are. Blue: the gradient that they carry.")
    drawing = Drawing(tr("Paths by how many branches they pass"), hint)
    drawing.layout["margin"] = {"l": 52, "r": 24, "t": 14, "b": 40}
    lengths = np.arange(blocks + 1, dtype=np.int16)
    top = 100 * max(float(count.max()), float(share.max())) * 1.2
    drawing.axis("xaxis", tr("branches passed"), range=[-0.7, blocks + 0.7], showgrid=False, nticks=12)
    drawing.layout["xaxis"]["title"]["standoff"] = 14
    drawing.axis("yaxis", range=[min(0.0, 110 * float(share.min())), top], ticksuffix=" %", nticks=6)
    if blocks == laws.VEIT_BLOCKS:
        low, high = laws.VEIT_PATHS
        drawing.shape(
            type="rect", x0=low - 0.5, x1=high + 0.5, yref="paper", y0=0, y1=1, fillcolor=BAND, line={"width": 0},
            layer="below",
        )  # fmt: skip
        source = f"Veit 2016: nearly all gradient<br>of a trained net, {low} to {high}"
        drawing.note(
            source, name="veit", x=high + 0.5, y=1, yref="paper", xanchor="left", yanchor="top", align="left", xshift=6
        )
    drawing.trace(
        x=lengths, y=100 * count, mode="lines", fill="tozeroy", line={"color": QUIET, "width": 2, "shape": "spline"},
        fillcolor="rgba(128,128,128,0.25)", meta={"role": "count"},
        hovertemplate="%{y:.3g} % of all paths pass %{x} branches<extra></extra>",
    )  # fmt: skip
    drawing.trace(
        "bar", x=lengths, y=100 * share, meta={"role": "share"},
        marker={"color": faint(RESIDUAL, 0.75), "line": {"color": RESIDUAL, "width": 1}},
        hovertemplate="paths of %{x} branches carry %{y:.3g} % of the gradient<extra></extra>",
    )  # fmt: skip
    for values, name, colour in ((count, tr("how many paths"), QUIET), (share, tr("gradient carried"), RESIDUAL)):
        place = int(values.argmax())
        drawing.note(
            f"<b>{name}</b>", x=place, y=100 * float(values[place]), yanchor="bottom", yshift=4, font={"color": colour}
        )
    return drawing
