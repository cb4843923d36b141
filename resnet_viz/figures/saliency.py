"""Chart G, twin Grad-CAM, and its kin: maps over images in rows, and the curves that say whether to trust them."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from resnet_viz.figures.overlay import SCALES, Look, difference, rgb, scaled
from resnet_viz.figures.style import GRID, PLAIN, QUIET, RESIDUAL, Drawing, literal
from resnet_viz.language import tr
from resnet_viz.words.numbers import signed

GAP = 0.02  # of the chart's width, between panels
BETWEEN = 0.38  # of a row's height, for the texts between two rows
BORDER = 0.03  # of a panel's side: the hatched border of a wrong guess


@dataclass(frozen=True)
class Panel:
    """One map and what is written around it, plain text: "\n" in the title starts a new line.

    ``raw``: (h, w), signed and unscaled; None draws the image alone. ``residual``: whose colour and mark the title has; None
    is nobody's. ``wrong``: the net's guess is wrong. ``words``: why there is no map to see, "" where there is one.
    """

    title: str
    raw: np.ndarray | None = None
    beneath: tuple[str, ...] = ()
    residual: bool | None = None
    wrong: bool = False
    words: str = ""
    image: np.ndarray | None = None  # (H, W, 1 or 3) uint8, where it is not the row's own


def twin_maps(image: np.ndarray, panels: Sequence[Panel], look: Look, title: str, hint: str = "") -> Drawing:
    """Chart G: the net's own input (H, W, C) uint8 | a map for each net | with two nets, their difference."""
    shown = [
        Panel(
            tr("what the net sees"),
            beneath=(tr("{width}×{height} pixels", width=image.shape[1], height=image.shape[0]),),
        ),
        *panels,
    ]
    drawing = maps(image, shown, look, title, hint, columns=len(panels) + 1 + (len(panels) == 2))
    there = [p.raw for p in panels if p.raw is not None and not p.words]
    if len(panels) == 2 and len(there) == 2:
        apart = difference(there[0], there[1], look.view)
        scale = tr("half of it; each −1 to 1") if look.view == "signed" else tr("−1 to 1")
        names = f"{panels[0].title} − {panels[1].title}"
        _panel(drawing, 4, (3, 0, 4, 1), image, Panel(tr("difference"), beneath=(names, scale)), apart, look)
    return drawing


def beneath(said: str, asked: str, raw: np.ndarray) -> tuple[str, ...]:
    """What stands beneath a net's map: what it ``said``, such as "cat 83 %", what is ``asked`` about where that is another, and
    the raw map's maximum.
    """
    return (tr("says {guess}", guess=said), *([asked] if asked != said else []), raw_maximum(raw))


def raw_maximum(raw: np.ndarray) -> str:
    """The largest number of a raw map, in words."""
    return tr("raw maximum {value}", value=signed(float(raw.max()), ".2g"))


def maps(
    image: np.ndarray, panels: Sequence[Panel], look: Look, title: str, hint: str = "", columns: int = 4
) -> Drawing:
    """Panels in rows of ``columns``, every map scaled by its own maximum (see `overlay.scaled`), its cells visible."""
    drawing = Drawing(title, hint)
    rows = max(1, -(-len(panels) // columns))
    deepest = max((len(p.beneath) for p in panels), default=0)
    tallest = max((p.title.count("\n") for p in panels), default=0)
    drawing.layout["margin"] = {"l": 4, "r": 48, "t": 26 + 19 * tallest, "b": 8 + 19 * deepest}
    # The bar is as high as the maps, for the plot keeps its shape.
    bar = {"thickness": 10, "outlinewidth": 0, "tickvals": [-1, 0, 1], "x": 1.0, "len": 1, "ypad": 0}
    letters = max((len(line) for p in panels for line in (*p.title.split("\n"), *p.beneath)), default=0)
    least = columns * max(84, 7 * letters + 10) + 52
    drawing.keep_shape((1 / columns - GAP) * rows / (1 - (BETWEEN if rows > 1 else 0)), least)
    drawing.layout["coloraxis"] = {"colorscale": SCALES[look.scale], "cmin": -1, "cmax": 1, "colorbar": bar}
    for number, panel in enumerate(panels):
        values = None if panel.raw is None else scaled(panel.raw, look.view)
        place = (number % columns, number // columns, columns, rows)
        own = image if panel.image is None else panel.image
        _panel(drawing, number + 1, place, own, panel, values, look)
    return drawing


def _panel(
    drawing: Drawing, number: int, place: tuple[int, int, int, int], image: np.ndarray, panel: Panel,
    values: np.ndarray | None, look: Look,
) -> None:  # fmt: skip
    """One image with its map, in the unit square, at (column, row) of (columns, rows)."""
    column, row, columns, rows = place
    axis = "" if number == 1 else str(number)
    between = BETWEEN if rows > 1 else 0.0
    left, high = column / columns, 1 - row / rows
    flat: dict[str, Any] = {"visible": False, "fixedrange": True, "constrain": "domain"}
    drawing.axis(f"xaxis{axis}", range=[0, 1], domain=[left, left + 1 / columns - GAP], anchor=f"y{axis}", **flat)
    drawing.axis(
        f"yaxis{axis}", range=[1, 0], domain=[high - (1 - between) / rows, high], anchor=f"x{axis}",
        scaleanchor=f"x{axis}", constraintoward="top", **flat,
    )  # fmt: skip
    on = {"xaxis": f"x{axis}", "yaxis": f"y{axis}"}
    height, width = image.shape[:2]
    drawing.trace(
        "image", source=_png(image), x0=0.5 / width, dx=1 / width, y0=0.5 / height, dy=1 / height, hoverinfo="skip",
        meta={"role": "image"}, **on,
    )  # fmt: skip
    if values is not None and not panel.words:
        h, w = values.shape
        drawing.trace(
            "heatmap", z=values.astype(np.float32), x0=0.5 / w, dx=1 / w, y0=0.5 / h, dy=1 / h, opacity=look.opacity,
            coloraxis="coloraxis", hovertemplate="%{z:.2f}<extra></extra>", name=literal(panel.title.replace("\n", " ")),
            meta={"role": "map"}, **on,
        )  # fmt: skip
    if panel.wrong:
        _hatched(drawing, on)
    colour = QUIET if panel.residual is None else RESIDUAL if panel.residual else PLAIN
    mark = "" if panel.residual is None else "● " if panel.residual else "□ "
    at = {"xref": f"x{axis} domain", "yref": f"y{axis} domain", "x": 0, "xanchor": "left", "align": "left"}
    drawing.note(
        f"<b>{mark}{literal(panel.title)}</b>", name="title", y=1, yanchor="bottom", yshift=2, font={"color": colour}, **at
    )  # fmt: skip
    if panel.beneath:
        drawing.note(literal("\n".join(panel.beneath)), name="beneath", y=0, yanchor="top", yshift=-2, **at)
    if panel.words:
        middle = at | {"x": 0.5, "xanchor": "center", "align": "center"}
        box = {"bgcolor": "rgba(20,24,29,0.75)", "font": {"color": "#ffffff", "size": drawing.size - 2}}
        drawing.note(literal(_wrapped(panel.words, 26)), name="words", y=0.5, yanchor="middle", **middle, **box)


def _hatched(drawing: Drawing, on: dict[str, str]) -> None:
    """The border of a wrong guess: four hatched bars along the panel's sides."""
    b, c = BORDER, 1 - BORDER
    x, y = [], []
    for x0, y0, x1, y1 in ((0, 0, 1, b), (0, c, 1, 1), (0, b, b, c), (c, b, 1, c)):
        x += [x0, x1, x1, x0, x0, None]
        y += [y0, y0, y1, y1, y0, None]
    pattern = {"shape": "/", "size": 7, "solidity": 0.5, "fgcolor": "#111111", "bgcolor": "#ffffff"}
    drawing.trace(
        x=x, y=y, mode="lines", fill="toself", fillpattern=pattern, fillcolor="#111111", hoverinfo="skip",
        line={"width": 0}, meta={"role": "wrong"}, **on,
    )  # fmt: skip


def _png(image: np.ndarray) -> str:
    """An image (H, W, 1 or 3) uint8 as a data URI: far shorter than its numbers in JSON."""
    buffer = io.BytesIO()
    Image.fromarray(rgb(image)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _wrapped(text: str, width: int) -> str:
    """A text in lines of at most ``width`` letters, a longer word on a line of its own."""
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


@dataclass(frozen=True)
class Line:
    """One net's line of a chart: x (N,), y (N,), and what stands below its title at its end, plain text."""

    title: str
    residual: bool
    x: np.ndarray
    y: np.ndarray
    end: str = ""


def lines(
    charts: Sequence[tuple[str, Sequence[Line]]], title: str, hint: str, x: str, x_range: tuple[float, float],
    y_range: tuple[float, float], percent: bool = False, ticks: Sequence[str] = (),
) -> Drawing:  # fmt: skip
    """Charts side by side, one for each (heading, lines), on the same axes: x from ``x_range``, y from ``y_range``.

    ``percent``: both axes are shares, written as %. ``ticks``: what stands at x = 0, 1, 2 ... instead of numbers.
    """
    drawing = Drawing(title, hint)
    drawing.layout["margin"] = {"l": 44, "r": 8, "t": 30, "b": 70 if ticks else 44}
    count = max(1, len(charts))
    labels = 0.17 / count**0.5  # room behind each chart for what stands at its lines' ends
    for number, (heading, members) in enumerate(charts):
        axis = "" if number == 0 else str(number + 1)
        wide = 1 / count
        shares = {"tickformat": ".0%"} if percent else {}
        texts = [literal(tick) for tick in ticks]
        named = {"tickvals": list(range(len(ticks))), "ticktext": texts, "tickangle": 60} if ticks else {}
        drawing.axis(
            f"xaxis{axis}", x, domain=[number * wide, (number + 1) * wide - labels], range=list(x_range),
            anchor=f"y{axis}", showgrid=False, **(named or shares),
        )  # fmt: skip
        drawing.axis(f"yaxis{axis}", range=list(y_range), anchor=f"x{axis}", nticks=5, **shares)
        on = {"xaxis": f"x{axis}", "yaxis": f"y{axis}"}
        at = {"xref": f"x{axis} domain", "yref": f"y{axis} domain", "x": 0, "y": 1, "xanchor": "left"}
        drawing.note(f"<b>{literal(heading)}</b>", name="heading", yanchor="bottom", yshift=4, **at)
        if y_range[0] < 0:
            zero = {"color": GRID, "width": 1.5}
            drawing.shape(
                type="line", xref=f"x{axis}", yref=f"y{axis}", x0=x_range[0], x1=x_range[1], y0=0, y1=0, line=zero
            )
        ends = _apart([line.y[-1] for line in members], y_range)
        for line, end in zip(members, ends, strict=True):
            colour = RESIDUAL if line.residual else PLAIN
            drawing.trace(
                x=line.x, y=line.y.astype(np.float32), mode="lines+markers" if ticks else "lines", name=literal(line.title),
                line={"color": colour, "width": drawing.line, "dash": "solid" if line.residual else "dash"},
                marker={"symbol": "circle" if line.residual else "square-open", "size": 8, "color": colour},
                meta={"role": "line"}, hovertemplate="%{y:.2f}<extra>" + literal(line.title) + "</extra>", **on,
            )  # fmt: skip
            where = {"x": 1, "xref": f"x{axis} domain", "y": end, "yref": f"y{axis}", "xanchor": "left", "xshift": 6}
            below = f"<br>{literal(line.end)}" if line.end else ""
            drawing.note(
                f"<b>{literal(line.title)}</b>{below}", name="end", font={"color": colour}, align="left", **where
            )
    return drawing


def _apart(ends: Sequence[float], y_range: tuple[float, float]) -> list[float]:
    """Where labels of lines that end at these heights are written, at least a sixth of the axis apart."""
    room, placed = (y_range[1] - y_range[0]) / 6, [0.0] * len(ends)
    below = -np.inf
    for number in np.argsort(ends):
        below = max(float(ends[number]), below + room)
        placed[number] = below
    over = max(0.0, max(placed, default=0.0) - y_range[1])
    return [p - over for p in placed]
