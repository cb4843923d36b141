"""Loss landscapes (Li et al. 2018): contours, surface and profile of networks on one grid and one logarithmic scale of losses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from resnet_viz.figures.numbers import superscript
from resnet_viz.figures.style import GRID, OTHERS, PLAIN, QUIET, RESIDUAL, SCALE, Drawing, literal
from resnet_viz.runs.record import Record
from resnet_viz.spec.lab import LandscapeSpec

# Green is better than guessing, white as good, purple worse.
LOSSES = [[place, colour] for (place, _), (_, colour) in zip(SCALE, reversed(SCALE), strict=True)]
# Losses are drawn within so many decades of guessing; what is beyond has the last colour.
DECADES = 6.0
LINES = {"show": True, "color": "rgba(90,90,90,0.6)", "width": 1, "size": 0.5}  # on surfaces, every half decade
INK = "#333333"  # on the scale's own colours, whatever the page's theme


@dataclass(frozen=True)
class Landscape:
    """One network's landscape, as far as it is measured.

    ``x``, ``y``: the grid's coordinates, (W,) and (H,), in 1-D y is (1,). ``loss``: (H, W) mean losses in nats; not a number
    where not measured yet, infinite past all numbers. ``path``: (P, 2) moments of its training on the plane, at steps ``moments``
    (P,); ``share``: of the path's variance along both axes together, of 1.
    """

    label: str
    colour: str
    dash: str
    symbol: str
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


def marks(lab: LandscapeSpec) -> list[int]:
    """Numbers of points at which a live chart is drawn anew: whole grids, and eighths of the way to the next finer one."""
    sides = [size for size in lab.SIZES if size <= lab.size]
    whole = [side**lab.dimensions for side in sides]
    between = [a + (b - a) * k // 8 for a, b in pairwise(whole) for k in range(1, 8)]
    return sorted({1, *whole, *between})


def read(record: Record, names: Sequence[str]) -> list[Landscape]:
    """The landscapes of a lab's record up to the last of `marks`, in the order of its networks; none before the first point."""
    lab = record.spec.lab
    assert isinstance(lab, LandscapeSpec)
    axes = record.get("axes")[1].reshape(-1)
    if not len(axes):
        return []
    ticks = [np.linspace(axes[i], axes[i + 1], lab.size) for i in (0, 2)[: lab.dimensions]]
    x, y = ticks[0], ticks[1] if lab.dimensions == 2 else np.zeros(1)
    found: list[Landscape] = []
    spare = iter(OTHERS)
    for place, name in enumerate(names):
        once = {m: record.get(f"{place}.{m}")[1].reshape(-1) for m in ("skips", "path", "moments", "share")}
        skips = bool(once["skips"].any())
        usual = (RESIDUAL, "circle") if skips else (PLAIN, "square-open")
        colour, symbol = usual if all(f.colour != usual[0] for f in found) else next(spare)
        found.append(
            Landscape(
                literal(name),
                colour,
                "solid" if skips else "dash",
                symbol,
                x,
                y,
                _grid(record, place, x, y),
                once["path"].reshape(-1, 2),
                once["moments"],
                float(once["share"].sum()),
            )
        )
    return found


def _grid(record: Record, place: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    values = [record.get(name)[1] for name in ("x", "y", f"{place}.loss")]
    if len(y) == 1:
        values[1] = np.zeros_like(values[0])
    known = min(map(len, values))  # the last point may have come while the metrics were read
    assert isinstance(record.spec.lab, LandscapeSpec)
    count = max((mark for mark in marks(record.spec.lab) if mark <= known), default=0)
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


def logs(loss: np.ndarray, classes: int) -> np.ndarray:
    """log10 of losses, within DECADES of guessing; not a number stays so."""
    middle = math.log10(math.log(classes))
    with np.errstate(divide="ignore"):
        return np.clip(np.log10(loss), middle - DECADES, middle + DECADES)


def _scale(nets: Sequence[Landscape], classes: int) -> dict[str, Any]:
    """The colour axis that all networks share, guessing in its middle."""
    middle = math.log10(math.log(classes))
    every = np.concatenate([logs(net.loss, classes).ravel() for net in nets])
    reach = max(0.5, float(np.nanmax(np.abs(every - middle), initial=0.0)))
    ticks = _ticks(middle - reach, middle + reach)
    return {
        "colorscale": LOSSES, "cmin": middle - reach, "cmax": middle + reach,
        "colorbar": {
            "tickvals": ticks, "ticktext": [_tick(t) for t in ticks], "title": {"text": "loss, nats"}, "thickness": 14,
            "outlinewidth": 0, "len": 0.95, "tickfont": {"color": QUIET}, "x": 1.01,
        },
    }  # fmt: skip


def _ticks(low: float, high: float) -> list[float]:
    """Round values for a logarithmic axis: decades, or 1-2-5 where there are few of them."""
    steps = (1, 2, 5) if high - low < 3.5 else (1,)
    every = [math.log10(m) + k for k in range(math.floor(low), math.ceil(high) + 1) for m in steps]
    inside = [t for t in every if low <= t <= high]
    return inside[:: math.ceil(len(inside) / 7)]


def _tick(log10: float) -> str:
    """A round loss, its logarithm given: "0.01", "1,000", "10⁶"."""
    return f"10{superscript(round(log10))}" if abs(log10) > 3.5 else f"{float(f'{10**log10:.1g}'):,g}"


def say(loss: float) -> str:
    """A loss in two digits."""
    if not math.isfinite(loss):
        return "past all numbers"
    if loss >= 1e5 or 0 < loss < 1e-3:
        power = math.floor(math.log10(loss))
        return f"{loss / 10**power:.1f}·10{superscript(power)}"
    return f"{float(f'{loss:.2g}'):,g}"


def _texts(net: Landscape) -> list[list[str]]:
    """What is said of each point when it is pointed at."""
    return [["not measured yet" if np.isnan(v) else f"loss {say(v)}" for v in row] for row in net.loss]


def _titles(lab: LandscapeSpec) -> tuple[str, str]:
    if lab.directions == "path":
        return "first principal axis of the path", "second"
    return "first direction", "second"


def contours(nets: Sequence[Landscape], lab: LandscapeSpec, classes: int) -> Drawing:
    """A panel a network: filled contours of log10 loss, guessing as a line, the trained weights, and the path if any."""
    hint = "one log scale: green is better than guessing, purple worse; the line is guessing; + the trained weights"
    drawing = Drawing("Loss around the trained weights (Li et al. 2018)", hint)
    drawing.layout["coloraxis"] = _scale(nets, classes)
    guess, count = math.log10(math.log(classes)), len(nets)
    reach = guess - drawing.layout["coloraxis"]["cmin"]
    step = 0.5 if reach > 1.5 else 0.125  # decades between two lines
    most = step * math.ceil(reach / step)
    xtitle, ytitle = _titles(lab)
    for place, net in enumerate(nets):
        number = str(place + 1) if place else ""
        axis = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        left = place * (1.07 / count)
        drawing.axis(
            f"xaxis{number}", xtitle, domain=[left, left + 1.07 / count - 0.07], anchor=f"y{number}",
            range=[net.x[0], net.x[-1]], nticks=5, showgrid=False, constrain="domain",
        )  # fmt: skip
        drawing.axis(
            f"yaxis{number}", "" if place else ytitle, anchor=f"x{number}", range=[net.y[0], net.y[-1]], nticks=5, showgrid=False,
            constrain="domain", showticklabels=not place, **({"scaleanchor": f"x{number}"} if lab.directions == "random" else {}),
        )  # fmt: skip
        z = filled(logs(net.loss, classes))
        drawing.trace(
            "contour", x=net.x, y=net.y, z=z, coloraxis="coloraxis", connectgaps=False, text=_texts(net),
            contours={"start": guess - most, "end": guess + most, "size": step},
            line={"width": 0.6, "color": "rgba(60,60,60,0.35)"},
            hovertemplate="%{x:.2f}, %{y:.2f}: %{text}<extra>" + net.label + "</extra>", **axis,
        )  # fmt: skip
        drawing.trace(
            "contour", x=net.x, y=net.y, z=z, showscale=False, hoverinfo="skip", colorscale=[[0, INK], [1, INK]],
            contours={"start": guess, "end": guess, "size": 1, "coloring": "lines"}, line={"width": 2}, **axis,
        )  # fmt: skip
        _dots(drawing, net, axis)
        _path(drawing, net, axis)
        marker = {"symbol": "cross-thin", "size": 12, "line": {"width": 2.5, "color": INK}}
        drawing.trace(x=[0], y=[0], mode="markers", marker=marker, hoverinfo="skip", **axis)
        sign = "●" if net.symbol == "circle" else "□" if net.symbol == "square-open" else "◆"
        share = f" {100 * net.share:.0f} % of the path's variance in this plane" if len(net.path) else ""
        drawing.note(
            f"<b>{sign} {net.label}</b> {share}", x=net.x.mean(), y=1, xref=axis["xaxis"], yref=f"y{number} domain",
            yanchor="bottom", yshift=3, font={"color": net.colour},
        )  # fmt: skip
    drawing.layout["margin"] = {"l": 52, "r": 80, "t": 30, "b": 48}
    return drawing


def _dots(drawing: Drawing, net: Landscape, axis: dict[str, str]) -> None:
    """Where it is measured, as long as that is not everywhere."""
    row, column = np.nonzero(~np.isnan(net.loss))
    if len(row) < net.loss.size:
        marker = {"size": 2.5, "color": "rgba(60,60,60,0.6)"}
        drawing.trace(x=net.x[column], y=net.y[row], mode="markers", marker=marker, hoverinfo="skip", **axis)


def _path(drawing: Drawing, net: Landscape, axis: dict[str, str]) -> None:
    """The training on its way to the trained weights."""
    if len(net.path):
        drawing.trace(
            x=net.path[:, 0], y=net.path[:, 1], mode="lines+markers", customdata=net.moments, name=net.label,
            line={"color": net.colour, "width": drawing.line, "dash": net.dash},
            marker={"symbol": net.symbol, "size": 7, "color": net.colour, "line": {"width": 1.5, "color": net.colour}},
            hovertemplate="weights after step %{customdata:,}<extra>" + net.label + "</extra>", **axis,
        )  # fmt: skip


def surface(nets: Sequence[Landscape], lab: LandscapeSpec, classes: int) -> Drawing:
    """The same as surfaces, a scene a network, all with one height: log10 loss."""
    drawing = Drawing(
        "Loss around the trained weights (Li et al. 2018)",
        "height and colour: log of the loss, one scale; drag to turn",
    )
    drawing.layout["coloraxis"] = scale = _scale(nets, classes)
    every = np.concatenate([logs(net.loss, classes).ravel() for net in nets])
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    ticks = _ticks(low, high)
    quiet = {"color": QUIET, "gridcolor": GRID, "showbackground": False, "zeroline": False}
    for place, net in enumerate(nets):
        scene, left = f"scene{place + 1 if place else ''}", place / len(nets)
        drawing.layout[scene] = {
            "domain": {"x": [left, left + 1 / len(nets)], "y": [0, 0.94]}, "aspectratio": {"x": 1, "y": 1, "z": 0.7},
            "camera": {"eye": {"x": 1.35, "y": -1.35, "z": 0.8}, "center": {"x": 0, "y": 0, "z": -0.12}},
            "xaxis": quiet | {"title": {"text": ""}, "nticks": 3}, "yaxis": quiet | {"title": {"text": ""}, "nticks": 3},
            "zaxis": quiet | {
                "title": {"text": ""}, "range": [low - 0.05, high + 0.05], "tickvals": ticks,
                "ticktext": [_tick(t) for t in ticks],
            },
        }  # fmt: skip
        z = filled(logs(net.loss, classes))
        drawing.trace(
            "surface", x=net.x, y=net.y, z=z, coloraxis="coloraxis", scene=scene, text=_texts(net),
            hovertemplate="%{x:.2f}, %{y:.2f}: %{text}<extra>" + net.label + "</extra>",
            contours={"z": LINES | {"start": math.floor(low), "end": high}},
            lighting={"ambient": 0.75, "diffuse": 0.5, "specular": 0.05},
        )  # fmt: skip
        drawing.note(
            f"<b>{net.label}</b>", x=left + 0.5 / len(nets), y=1, xref="paper", yref="paper", font={"color": net.colour}
        )
    scale["colorbar"]["x"] = 1.0
    drawing.layout["margin"] = {"l": 4, "r": 80, "t": 24, "b": 4}
    return drawing


def profile(nets: Sequence[Landscape], lab: LandscapeSpec, classes: int) -> Drawing:
    """Along the first direction through the trained weights: loss, on a log axis, all networks in one chart."""
    title, _ = _titles(lab)
    drawing = Drawing("Loss along one direction", "through the trained weights, log axis; dotted: guessing")
    guess, bottom, top = math.log(classes), math.inf, 0.0
    for net in nets:
        row = net.loss[int(np.abs(net.y).argmin())]
        known = np.isfinite(row) & (row > 0)
        if not known.any():
            continue
        x, y = net.x[known], row[known]
        bottom, top = min(bottom, float(y.min())), max(top, float(y.max()))
        marker = {"symbol": net.symbol, "size": 6, "color": net.colour, "line": {"width": 1.5, "color": net.colour}}
        drawing.trace(
            x=x, y=y, mode="lines+markers", name=net.label, marker=marker,
            line={"color": net.colour, "width": drawing.line, "dash": net.dash},
            hovertemplate="%{x:.2f}: loss %{y:.3g}<extra>" + net.label + "</extra>", cliponaxis=False,
        )  # fmt: skip
        drawing.note(
            f"<b>{net.label}</b> {say(float(y[-1]))}", x=float(x[-1]), y=math.log10(y[-1]), xanchor="left", yanchor="middle",
            xshift=9, font={"color": net.colour},
        )  # fmt: skip
    left, right = (float(nets[0].x[0]), float(nets[0].x[-1])) if nets else (-1.0, 1.0)
    low, high = math.log10(min(bottom, guess) / 1.5), math.log10(max(top, guess) * 1.5)
    ticks = _ticks(low, high)
    drawing.trace(
        x=[left, right], y=[guess, guess], mode="lines", line={"color": QUIET, "width": 1.5, "dash": "dot"}, hoverinfo="skip"
    )  # fmt: skip
    drawing.note(f"guessing {guess:.2f}", x=left, y=math.log10(guess), xanchor="left", yanchor="bottom")
    drawing.axis("xaxis", title, range=[left, right], showgrid=False, nticks=9)
    drawing.axis(
        "yaxis", "", type="log", range=[low, high], tickvals=[10**t for t in ticks], ticktext=[_tick(t) for t in ticks]
    )  # fmt: skip
    drawing.layout["margin"] = {"l": 60, "r": 150, "t": 8, "b": 48}
    return drawing
