"""Chart F: do gradients at two inputs agree? df/dx of a scalar input, and correlation against depth with its laws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from resnet_viz.figures.numbers import superscript
from resnet_viz.figures.style import BAND, PLAIN, QUIET, RESIDUAL, Drawing, faint
from resnet_viz.language import N_, tr
from resnet_viz.spec import laws

# How each kind of net is called and drawn.
KINDS = {
    "residual_bn": (N_("residual, BatchNorm"), RESIDUAL, "solid", "circle"),
    "residual": (N_("residual, no norm"), "#56B4E9", "solid", "star"),
    "plain": ("plain", PLAIN, "dash", "square-open"),
}
FLOOR = -4  # log10 of the smallest correlation drawn


def curves(measured: Mapping[tuple[str, int], tuple[np.ndarray, np.ndarray, float]]) -> Drawing:
    """df/dx ÷ its std over a scalar input, ±3: a row a kind of KINDS, a column a depth (Balduzzi et al. 2017, figure 1).

    ``measured``: kind and depth → inputs (P,), gradients (P,) and the correlation r of neighbours.
    """
    depths = sorted({depth for _, depth in measured})
    title = tr("df/dx of fully connected nets at a scalar input, by layers")
    drawing = Drawing(title, tr("r: how far neighbours agree."))
    drawing.layout["margin"] = {"l": 8, "r": 8, "t": 4, "b": 8}
    rows = [kind for kind in KINDS if any(k == kind for k, _ in measured)]
    for row, kind in enumerate(rows):
        label, colour, _, _ = KINDS[kind]
        for column, depth in enumerate(depths):
            x, gradient, r = measured[kind, depth]
            number = row * len(depths) + column + 1
            name = "" if number == 1 else str(number)
            wide, high = 1 / len(depths), 1 / len(rows)
            left, top = column * wide, 1 - row * high
            drawing.axis(
                f"xaxis{name}", domain=[left, left + 0.94 * wide], anchor=f"y{name}", range=[-2, 2], visible=False,
            )  # fmt: skip
            drawing.axis(
                f"yaxis{name}", domain=[top - 0.8 * high, top], anchor=f"x{name}", range=[-3.2, 3.2], tickvals=[0],
                showticklabels=False,
            )  # fmt: skip
            drawing.trace(
                x=x.astype(np.float32), y=np.clip(gradient / gradient.std(), -3.2, 3.2).astype(np.float32), mode="lines",
                line={"color": colour, "width": 1.6}, xaxis=f"x{name}", yaxis=f"y{name}", hoverinfo="skip",
                meta={"role": "curve", "kind": kind, "depth": depth},
            )  # fmt: skip
            corner = {"xref": "paper", "yref": "paper", "x": left, "xanchor": "left", "y": top - 0.82 * high}
            value = f"{depth}: r = {r:.2f}".replace("-", "−")
            drawing.note(f"<b>{label.split(',')[0]}</b> {value}", font={"color": colour}, yanchor="top", **corner)
    return drawing


def correlation(
    measured: Mapping[str, tuple[Sequence[int], np.ndarray]], noise: float, with_laws: bool = True
) -> Drawing:
    """Correlation of gradients between inputs against depth, log-log: means with 95 % bands, laws dotted, noise shaded.

    ``measured``: kind → depths (L,) and correlations (nets, L). A mean below ``noise`` cannot be told from 0; what the axis does
    not reach is drawn at its bottom. Laws: `laws.shattering` (Balduzzi et al. 2017).
    """
    hint = tr("95 % bands over nets") + (tr("; dotted: laws.") if with_laws else ".")
    drawing = Drawing(tr("Correlation of gradients between two inputs, by depth"), hint)
    drawing.layout["margin"] = {"l": 52, "r": 190, "t": 8, "b": 34}
    deepest = max((max(depths) for depths, _ in measured.values()), default=50)
    first = min((min(depths) for depths, _ in measured.values()), default=1)
    end = math.log10(deepest)
    low = min(FLOOR, math.floor(math.log10(noise)))
    ticks = sorted({d for depths, _ in measured.values() for d in depths})
    drawing.axis(
        "xaxis", tr("layers"), range=[math.log10(first) - 0.06, end + 0.03], showgrid=False,
        tickvals=[math.log10(t) for t in ticks], ticktext=[f"{t}" for t in ticks],
    )  # fmt: skip
    drawing.layout["xaxis"]["title"]["standoff"] = 14
    drawing.axis(
        "yaxis", range=[low, 0.1], tickvals=list(range(low, 1)),
        ticktext=[f"10{superscript(t)}" if t else "1" for t in range(low, 1)],
    )  # fmt: skip
    edge = math.log10(noise)
    band = {"fillcolor": BAND, "line": {"width": 0}, "layer": "below"}
    drawing.shape(type="rect", xref="x domain", x0=0, x1=1, y0=low, y1=edge, **band)
    drawing.note(
        tr("sampling noise"), name="noise", x=0, xref="x domain", xanchor="left", xshift=6, y=edge, yanchor="top"
    )
    for kind in measured:
        if with_laws:
            _law(drawing, kind, low, end)
    placed: list[float] = []
    for kind, (depths, values) in measured.items():
        _dots(drawing, kind, np.asarray(depths), values, low, placed)
    return drawing


def _dots(drawing: Drawing, kind: str, depths: np.ndarray, values: np.ndarray, low: int, placed: list[float]) -> None:
    """Means with their 95 % bands (Student's t over the nets), and the label at the end."""
    from scipy.stats import t

    label, colour, dash, symbol = KINDS[kind]
    nets = len(values)
    mean = values.mean(0)
    half = t.ppf(0.975, nets - 1) * values.std(0, ddof=1) / math.sqrt(nets)
    x, at = np.log10(depths), _log(mean, low)
    band = np.concatenate([_log(mean + half, low), _log(mean - half, low)[::-1]])
    drawing.trace(
        x=np.concatenate([x, x[::-1]]), y=band, mode="lines", fill="toself", line={"width": 0}, hoverinfo="skip",
        fillcolor=faint(colour, 0.18), meta={"role": "band", "kind": kind},
    )  # fmt: skip
    drawing.trace(
        x=x, y=at, mode="lines+markers", name=label, customdata=np.stack([depths, mean, half], 1),
        line={"color": colour, "width": drawing.line - 1, "dash": dash},
        marker={"symbol": symbol, "size": 9, "color": colour, "line": {"width": 1.5, "color": colour}},
        hovertemplate="%{customdata[0]} layers: %{customdata[1]:.4f} ± %{customdata[2]:.4f}<extra>" + label + "</extra>",
        meta={"role": "mean", "kind": kind}, cliponaxis=False,
    )  # fmt: skip
    y = float(at[-1])
    while any(abs(y - other) < 0.3 for other in placed):
        y += 0.1
    placed.append(y)
    drawing.note(
        f"<b>{label}</b>", x=float(x[-1]), y=y, xanchor="left", xshift=9, font={"color": colour}, name=f"end-{kind}"
    )


def _law(drawing: Drawing, kind: str, low: int, end: float) -> None:
    """A law's dotted line down to the axis, named where it leaves the chart."""
    depths = np.arange(1, round(10**end) + 1)
    y = np.log10(laws.shattering(kind, depths))
    inside = y >= low
    drawing.trace(
        x=np.log10(depths[inside]), y=y[inside], mode="lines", line={"color": QUIET, "width": 2, "dash": "dot"},
        hovertemplate=f"law: {laws.SHATTERING[kind]}<extra></extra>", meta={"role": "law", "kind": kind},
    )  # fmt: skip
    place = int(inside.sum() * 0.55)
    drawing.note(
        tr("law: {law}", law=laws.SHATTERING[kind]), name="law",
        x=float(np.log10(depths[place])), y=float(y[place]), xanchor="left",
        yanchor="bottom", xshift=4, yshift=2,
    )  # fmt: skip


def _log(values: np.ndarray, low: int) -> np.ndarray:
    """log10, not below the axis's end; so for values that are not above 0."""
    return np.log10(np.maximum(values, 10.0**low)).astype(np.float32)
