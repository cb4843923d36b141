"""Loss landscapes (Li et al. 2018): contours, surface and profile of networks on one grid and one logarithmic scale of losses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from resnet_viz.figures.landscape_record import Landscape, filled
from resnet_viz.figures.numbers import superscript
from resnet_viz.figures.style import GRID, QUIET, SCALE, Drawing
from resnet_viz.language import tr
from resnet_viz.spec.lab import LandscapeSpec

# Green is better than guessing, white as good, purple worse.
LOSSES: list[list[Any]] = [[place, colour] for (place, _), (_, colour) in zip(SCALE, reversed(SCALE), strict=True)]
# The same for surfaces, which have no frame: grey as good as guessing, for white is not seen on a white page.
ON_WHITE = [[place, {0.4: "#c3d3c0", 0.5: "#b9bec6", 0.6: "#cdbfd3"}.get(place, colour)] for place, colour in LOSSES]
# Losses are drawn within so many decades of guessing; what is beyond has the last colour.
DECADES = 6.0
LINES = {"show": True, "color": "rgba(90,90,90,0.6)", "width": 1, "size": 0.5}  # on surfaces, every half decade
INK = "#333333"  # on the scale's own colours, whatever the page's theme


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
            "tickvals": ticks, "ticktext": [_tick(t) for t in ticks], "title": {"text": tr("loss, nats")}, "thickness": 14,
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
        return tr("past all numbers")
    if loss >= 1e5 or 0 < loss < 1e-3:
        power = math.floor(math.log10(loss))
        return f"{loss / 10**power:.1f}·10{superscript(power)}"
    return f"{float(f'{loss:.2g}'):,g}"


def _texts(net: Landscape) -> list[list[str]]:
    """What is said of each point when it is pointed at."""
    return [
        [tr("not measured yet") if np.isnan(v) else tr("loss {value}", value=say(v)) for v in row] for row in net.loss
    ]


def _titles(lab: LandscapeSpec) -> tuple[str, str]:
    if lab.directions == "path":
        return tr("first principal axis of the path"), tr("second")
    return tr("first direction"), tr("second")


def contours(nets: Sequence[Landscape], lab: LandscapeSpec, classes: int) -> Drawing:
    """A panel a network: filled contours of log10 loss, guessing as a line, the trained weights, and the path if any."""
    hint = tr("one log scale: green is better than guessing, purple worse; the line is guessing; + the trained weights")
    drawing = Drawing(tr("Loss around the trained weights (Li et al. 2018)"), hint)
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
        frame: dict[str, Any] = {
            "showline": True,
            "mirror": True,
            "linecolor": GRID,
        }  # white is as good as guessing, and may reach the edge
        drawing.axis(
            f"xaxis{number}", xtitle, domain=[left, left + 1.07 / count - 0.07], anchor=f"y{number}",
            range=[net.x[0], net.x[-1]], nticks=5, showgrid=False, constrain="domain", **frame,
        )  # fmt: skip
        drawing.axis(
            f"yaxis{number}", "" if place else ytitle, anchor=f"x{number}", range=[net.y[0], net.y[-1]], nticks=5, showgrid=False,
            constrain="domain", showticklabels=not place, **frame,
            **({"scaleanchor": f"x{number}"} if lab.directions == "random" else {}),
        )  # fmt: skip
        z = filled(logs(net.loss, classes))
        drawing.trace(
            "contour", x=net.x, y=net.y, z=z, coloraxis="coloraxis", connectgaps=False, text=_texts(net),
            contours={"start": guess - most, "end": guess + most, "size": step},
            line={"width": 0.6, "color": "rgba(60,60,60,0.35)"},
            hovertemplate="%{x:.2f}, %{y:.2f}: %{text}<extra>" + net.text + "</extra>", **axis,
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
        share = ""
        if len(net.path):
            share = "<br>" + tr("{share} of the path's variance", share=f"{100 * net.share:.0f} %")
        drawing.note(
            f"<b>{sign} {net.text}</b>{share}", x=net.x.mean(), y=1, xref=axis["xaxis"], yref=f"y{number} domain",
            yanchor="bottom", yshift=3, font={"color": net.colour},
        )  # fmt: skip
    drawing.layout["margin"] = {"l": 52, "r": 80, "t": 48 if any(len(net.path) for net in nets) else 30, "b": 48}
    if lab.directions == "random":
        drawing.keep_shape(1.07 / count - 0.07, 544)
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
            x=net.path[:, 0], y=net.path[:, 1], mode="lines+markers", customdata=net.moments, name=net.text,
            line={"color": net.colour, "width": drawing.line, "dash": net.dash},
            marker={"symbol": net.symbol, "size": 7, "color": net.colour, "line": {"width": 1.5, "color": net.colour}},
            hovertemplate="weights after step %{customdata:,}<extra>" + net.text + "</extra>", **axis,
        )  # fmt: skip


def surface(nets: Sequence[Landscape], lab: LandscapeSpec, classes: int) -> Drawing:
    """The same as surfaces, a scene a network, all with one height: log10 loss."""
    drawing = Drawing(
        tr("Loss around the trained weights (Li et al. 2018)"),
        tr("height and colour: log of the loss, one scale; drag to turn"),
    )
    drawing.layout["coloraxis"] = scale = _scale(nets, classes) | {"colorscale": ON_WHITE}
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
            hovertemplate="%{x:.2f}, %{y:.2f}: %{text}<extra>" + net.text + "</extra>",
            contours={"z": LINES | {"start": math.floor(low), "end": high}},
            lighting={"ambient": 0.75, "diffuse": 0.5, "specular": 0.05},
        )  # fmt: skip
        drawing.note(
            f"<b>{net.text}</b>", x=left + 0.5 / len(nets), y=1, xref="paper", yref="paper", font={"color": net.colour}
        )
    scale["colorbar"]["x"] = 1.0
    drawing.layout["margin"] = {"l": 4, "r": 80, "t": 24, "b": 4}
    return drawing


def profile(nets: Sequence[Landscape], lab: LandscapeSpec, classes: int) -> Drawing:
    """Along the first direction through the trained weights: loss, on a log axis, all networks in one chart."""
    title, _ = _titles(lab)
    drawing = Drawing(tr("Loss along one direction"), tr("through the trained weights, log axis; dotted: guessing"))
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
            x=x, y=y, mode="lines+markers", name=net.text, marker=marker,
            line={"color": net.colour, "width": drawing.line, "dash": net.dash},
            hovertemplate="%{x:.2f}: loss %{y:.3g}<extra>" + net.text + "</extra>", cliponaxis=False,
        )  # fmt: skip
        drawing.note(
            f"<b>{net.text}</b> {say(float(y[-1]))}", x=float(x[-1]), y=math.log10(y[-1]), xanchor="left", yanchor="middle",
            xshift=9, font={"color": net.colour},
        )  # fmt: skip
    left, right = (float(nets[0].x[0]), float(nets[0].x[-1])) if nets else (-1.0, 1.0)
    low, high = math.log10(min(bottom, guess) / 1.5), math.log10(max(top, guess) * 1.5)
    ticks = _ticks(low, high)
    drawing.trace(
        x=[left, right], y=[guess, guess], mode="lines", line={"color": QUIET, "width": 1.5, "dash": "dot"}, hoverinfo="skip"
    )  # fmt: skip
    drawing.note(tr("guessing {loss:.2f}", loss=guess), x=left, y=math.log10(guess), xanchor="left", yanchor="bottom")
    drawing.axis("xaxis", title, range=[left, right], showgrid=False, nticks=9)
    drawing.axis(
        "yaxis", "", type="log", range=[low, high], tickvals=[10**t for t in ticks], ticktext=[_tick(t) for t in ticks]
    )  # fmt: skip
    drawing.layout["margin"] = {"l": 60, "r": 150, "t": 8, "b": 48}
    return drawing
