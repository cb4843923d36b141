"""Chart D and what stands around it: the net to click in, channels as a mosaic, x + F(x) of one channel, kernels, guesses.

Values are coloured by `overlay.SCALES`, symmetric about zero, every cell a square of its own.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from resnet_viz import arch
from resnet_viz.figures.overlay import SCALES, coloured, rgb
from resnet_viz.figures.strip import about, box_width, draw_boundaries, strip, ticks
from resnet_viz.figures.style import PLAIN, QUIET, RESIDUAL, Drawing, faint
from resnet_viz.spec import ModelSpec
from resnet_viz.verdict import percent

CLEAR = "rgba(0,0,0,0)"
# Streamlit fades what was not clicked; here a click only says where to go.
STAY = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}}}
COLUMNS = 16
# Shortcuts that add, and what stands over the sum of the others.
ADDED = ("identity", "projection", "maxpool")
JOINED = {
    "scaling": "0.5·x + 0.5·F(x)",
    "gate_exclusive": "(1−g)·x + g·F(x)",
    "gate_shortcut": "(1−g)·x + F(x)",
    "concat": "[x, F(x)], 1×1",
}


def colour(spec: ModelSpec) -> str:
    """A net's colour: residual blue, plain vermilion."""
    return RESIDUAL if spec.residual else PLAIN


def network(spec: ModelSpec, shares: np.ndarray, chosen: int, guess: str, lecture: bool = False) -> Drawing:
    """The net, its stem at 0, and ‖F(x)‖ ÷ ‖x‖ (blocks,) as a bar under each block; a click's customdata is the number.

    ``chosen``: the block to mark, 0 for the stem. ``guess``: what stands behind the last block.
    """
    blocks, tint = arch.blocks(spec), colour(spec)
    count = len(blocks)
    drawing = Drawing("The network", "Click a block to look into it. Bars: branch share ‖F(x)‖ ÷ ‖x‖.", lecture)
    named = ticks(spec)
    drawing.axis(
        "xaxis", range=[-0.5 - 0.09 * count, 0.6 + 1.14 * count], showgrid=False, anchor="y", fixedrange=True,
        tickvals=[0, *named], ticktext=["stem", *(f"{'block ' if t == 1 else ''}{t}" for t in named)],
    )  # fmt: skip
    drawing.axis("yaxis2", range=[-0.45, 0.75], domain=[0.56, 1], visible=False, fixedrange=True, anchor="x")
    drawing.layout |= {"barmode": "overlay", "margin": {"l": 44, "r": 8, "t": 4, "b": 34}}
    draw_boundaries(drawing, spec)
    fills = [faint(tint, 0.85) if n == chosen else "rgba(128,128,128,0.25)" for n in range(count + 1)]
    words = {"hovertext": [about(b) for b in blocks], "hovertemplate": "%{hovertext}<extra></extra>"}
    strip(
        drawing, spec, tint, fill={"color": fills[1:]}, meta={}, customdata=[b.number for b in blocks], **STAY, **words
    )  # fmt: skip
    drawing.trace(
        "bar", x=[0], y=[0.44], base=-0.22, width=box_width(count), yaxis="y2", customdata=[0], meta={"role": "box"},
        marker={"color": fills[:1], "line": {"color": tint, "width": 1.4}, "cornerradius": 2},
        hovertemplate=f"stem: {arch.stem(spec).cout} channels<extra></extra>", **STAY,
    )  # fmt: skip
    drawing.note("picture", x=-0.35, xanchor="right", xshift=-4, y=0, yref="y2")
    drawing.note(f"<b>{guess}</b>", x=count + 0.65, xanchor="left", xshift=4, y=0, yref="y2", font={"color": tint})
    _shares(drawing, spec, shares, chosen)
    return drawing


def _shares(drawing: Drawing, spec: ModelSpec, shares: np.ndarray, chosen: int) -> None:
    """The bars, a mark at 1, and a clear bar over the whole height of each column to click on."""
    tint, number = colour(spec), np.arange(1, len(shares) + 1)
    known = np.where(np.isfinite(shares), shares, 0)
    top = max(1.15, 1.2 * float(known.max(initial=0)))
    drawing.axis("yaxis", range=[0, top], domain=[0, 0.5], nticks=3, fixedrange=True)
    wide = box_width(len(shares))
    shade = [tint if n == chosen else faint(tint, 0.45) for n in number]
    drawing.trace(
        "bar", x=number, y=known, width=wide, marker={"color": shade}, hoverinfo="skip", meta={"role": "share"}
    )
    words = [
        f"block {n}: ‖F(x)‖ ÷ ‖x‖ = {s:.2f}" if np.isfinite(s) else f"block {n}: no skip"
        for n, s in enumerate(shares, 1)
    ]
    drawing.trace(
        "bar", x=np.append(0, number), y=np.full(len(shares) + 1, top), width=1, marker={"color": CLEAR}, meta={"role": "click"},
        customdata=np.append(0, number), hovertext=["stem", *words], hovertemplate="%{hovertext}<extra></extra>", **STAY,
    )  # fmt: skip
    if spec.residual:
        line = {"color": QUIET, "width": 1, "dash": "dot"}
        drawing.shape(type="line", x0=0.5, x1=len(shares) + 0.5, y0=1, y1=1, line=line)
        drawing.note("as large as x", x=len(shares) + 0.65, xanchor="left", xshift=4, y=1)
        if chosen and np.isfinite(shares[chosen - 1]):
            drawing.note(
                f"<b>{shares[chosen - 1]:.2f}</b>",
                x=chosen,
                y=known[chosen - 1],
                yanchor="bottom",
                font={"color": tint},
            )
    else:
        drawing.note("no skips, no branch shares: all that leaves a block is F(x)", x=(1 + len(shares)) / 2, y=top / 2)


def limit(values: np.ndarray) -> float:
    """Where a symmetric scale ends: the largest |value| that is finite, never 0."""
    sizes = np.abs(values[np.isfinite(values)])
    return float(sizes.max(initial=0)) or 1.0


def _uri(pixels: np.ndarray) -> str:
    """(H, W, 4) uint8 → a PNG as a data URI."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _mosaic(drawing: Drawing, tiles: np.ndarray, columns: int, gap: int, under: int) -> list[tuple[int, int]]:
    """Tiles (N, H, W, 3) uint8 as one picture, ``gap`` pixels between columns, ``under`` below rows; returns top left corners."""
    count, height, width, _ = tiles.shape
    rows = -(-count // columns)
    pixels = np.zeros((rows * (height + under), columns * (width + gap) - gap, 4), np.uint8)
    corners = []
    for number, tile in enumerate(tiles):
        top, left = number // columns * (height + under), number % columns * (width + gap)
        pixels[top : top + height, left : left + width, :3] = tile
        pixels[top : top + height, left : left + width, 3] = 255
        corners.append((top, left))
    drawing.trace("image", source=_uri(pixels), hoverinfo="skip", meta={"role": "mosaic"})
    quiet: dict[str, Any] = {"visible": False, "fixedrange": True}
    drawing.axis("xaxis", range=[-0.6, pixels.shape[1] - 0.4], constrain="domain", constraintoward="left", **quiet)
    drawing.axis(
        "yaxis", range=[pixels.shape[0] - 0.4, -0.6], scaleanchor="x", constrain="domain", constraintoward="top", **quiet
    )  # fmt: skip
    drawing.layout |= {"barmode": "overlay", "margin": {"l": 0, "r": 0, "t": 2, "b": 2}}
    return corners


def _outline(drawing: Drawing, top: float, left: float, height: float, width: float, line: dict[str, Any]) -> None:
    drawing.shape(type="rect", x0=left - 0.5, x1=left + width - 0.5, y0=top - 0.5, y1=top + height - 0.5, line=line)


def channels(
    maps: np.ndarray,
    order: Sequence[int],
    strengths: np.ndarray,
    chosen: int | None = None,
    scale: str = next(iter(SCALES)),
    own: bool = False,
    columns: int = COLUMNS,
    title: str = "",
) -> Drawing:
    """Channels of a layer's maps (C, H, W) in ``order``, numbered below; a click's customdata is the channel.

    One scale for the whole layer; ``own``: one for each channel. ``strengths`` (C,): mean |a|, for the hover.
    """
    tiles, height, width = maps[list(order)], *maps.shape[1:]
    ends = np.array([limit(tile) for tile in tiles]) if own else np.full(len(tiles), limit(maps))
    hint = f"Strongest first. {'Each on its own scale' if own else f'One scale, ±{limit(maps):.2g}'}. Click one to enlarge it."
    drawing = Drawing(title, hint)
    gap, under = max(1, width // 8), max(2, round(width / 3.2))
    drawn = coloured(tiles / ends[:, None, None], scale).astype(np.uint8)
    corners = _mosaic(drawing, drawn, columns, gap, under)
    for channel, (top, left) in zip(order, corners, strict=True):
        drawing.note(
            str(channel),
            x=left + width / 2 - 0.5,
            y=top + height - 0.5,
            yanchor="top",
            font={"size": 11, "color": QUIET},
        )
        if channel == chosen:
            _outline(drawing, top, left, height, width, {"color": RESIDUAL, "width": 3})
    words = [f"channel {c}: mean |a| {strengths[c]:.3g}" for c in order]
    drawing.trace(
        "bar", x=[left + (width - 1) / 2 for _, left in corners], y=[height] * len(corners), base=[t - 0.5 for t, _ in corners],
        width=width, marker={"color": CLEAR, "line": {"width": 0}}, customdata=list(order), hovertext=words,
        hovertemplate="%{hovertext}<extra></extra>", meta={"role": "click"}, **STAY,
    )  # fmt: skip
    return drawing


def _pane(drawing: Drawing, values: np.ndarray, left: float, end: float, scale: str, **hover: Any) -> None:
    """One map (H, W) as a heatmap whose first column stands at x = ``left``."""
    drawing.trace(
        "heatmap", z=values.astype(np.float32), x0=left, dx=1, y0=0, dy=1, zmin=-end, zmax=end, colorscale=SCALES[scale],
        showscale=False, **hover,
    )  # fmt: skip


def _square(drawing: Drawing, width: float, height: float, above: float = 0) -> None:
    """Axes on which a cell is a square, row 0 at the top."""
    hidden: dict[str, Any] = {"visible": False, "fixedrange": True, "constrain": "domain"}
    drawing.axis("xaxis", range=[-0.5, width - 0.5], constraintoward="left", **hidden)
    drawing.axis("yaxis", range=[height - 0.5, -0.5 - above], scaleanchor="x", constraintoward="top", **hidden)
    drawing.layout["margin"] = {"l": 0, "r": 0, "t": 0, "b": 0}


def enlarged(values: np.ndarray, title: str, scale: str = next(iter(SCALES))) -> Drawing:
    """One channel's map (H, W), its values on hover, on its own symmetric scale."""
    end = limit(values)
    drawing = Drawing(title, f"±{end:.2g}")
    _pane(drawing, values, 0, end, scale, hovertemplate="row %{y}, column %{x}: %{z:.3f}<extra></extra>")
    _square(drawing, values.shape[1], values.shape[0])
    return drawing


def triptych(
    x: np.ndarray | None,
    branch: np.ndarray,
    total: np.ndarray,
    out: np.ndarray,
    *,
    alpha: float = 1.0,
    kind: str = "identity",
    note: str = "",
    last: str = "ReLU",
    scale: str = next(iter(SCALES)),
    title: str = "",
) -> Drawing:
    """Chart D for one channel, each (H, W): [x] + [F(x)] = [sum] → ReLU → [out], one symmetric scale, the sum spelt out on hover.

    ``kind``: the block's shortcut. Without one x is crossed out (None where its shape does not fit), and the sum is F(x).
    ``note`` stands under x. ``last``: what comes behind the sum, "" for nothing.
    """
    panes = [x, branch, total, out]
    end = limit(np.concatenate([p.ravel() for p in panes if p is not None]))
    drawing = Drawing(
        title, f"One channel, one scale, ±{end:.2g}: purple below zero, green above. Point at a cell for its sum."
    )
    height, width = branch.shape
    step = 1.42 * width
    skip, added = kind != "none", kind in ADDED
    factor = "" if alpha == 1 else f"{alpha:g}·"
    joined = f"x + {factor}F(x)" if added else JOINED.get(kind, f"{factor}F(x)")
    names = ["x" if skip else "no skip", "F(x)", joined, "out"]
    known = np.zeros_like(branch) if x is None else x
    sums = np.stack([known, branch, total, out], -1).astype(np.float32)  # (H, W, 4)
    minus = f"{alpha:g} × " if alpha != 1 else ""
    says = f"{minus}(%{{customdata[1]:.2f}}) = %{{customdata[2]:.2f}}"
    if skip:
        says = (
            f"%{{customdata[0]:.2f}} + {says}"
            if added
            else "x %{customdata[0]:.2f}, F(x) %{customdata[1]:.2f}: %{customdata[2]:.2f}"
        )
    says += "<br>leaves as %{customdata[3]:.2f}<extra></extra>"
    for number, (pane, name) in enumerate(zip(panes, names, strict=True)):
        if pane is not None:
            _pane(drawing, pane, number * step, end, scale, customdata=sums, hovertemplate=says, meta={"role": name})
        middle = number * step + (width - 1) / 2
        drawing.note(f"<b>{name}</b>", x=middle, y=-0.5, yanchor="bottom", font={"size": drawing.size + 1})
    signs = [
        f"+ {factor}" if added else "," if skip else factor,
        "=" if added or not skip else "→",
        f"→<br>{last}" if last else "=",
    ]
    for number, sign in enumerate(signs):
        at = (number + 1) * step - 0.21 * width - 0.5
        drawing.note(sign, x=at, y=(height - 1) / 2, font={"size": 20 if "<" not in sign else 15})
    if not skip:
        for a, b in ((0, height - 1), (height - 1, 0)):
            drawing.shape(type="line", x0=0, x1=width - 1, y0=a, y1=b, line={"color": PLAIN, "width": 3})
        if x is None:
            _outline(drawing, 0, 0, height, width, {"color": QUIET, "width": 1, "dash": "dot"})
    if note:
        drawing.note(note, x=(width - 1) / 2, y=height - 0.5, yanchor="top", font={"size": 12, "color": QUIET})
    _square(drawing, 3 * step + width, height * (1.13 if note else 1.0), above=0.16 * height)
    return drawing


def row(maps: Sequence[np.ndarray], words: Sequence[str], title: str, scale: str = next(iter(SCALES))) -> Drawing:
    """Maps (H, W) of one channel side by side, each on its own scale, with words below: a map at several moments."""
    drawing = Drawing(title, "Each on its own scale.")
    height, width = maps[0].shape
    tiles = np.stack([coloured(m / limit(m), scale).astype(np.uint8) for m in maps])
    corners = _mosaic(drawing, tiles, max(9, len(tiles)), max(1, width // 8), max(2, width // 2))
    for text, (top, left) in zip(words, corners, strict=True):
        drawing.note(
            text, x=left + width / 2 - 0.5, y=top + height - 0.5, yanchor="top", font={"size": 11, "color": QUIET}
        )
    return drawing


def kernels(weights: np.ndarray, scale: str = next(iter(SCALES))) -> Drawing:
    """The first convolution's kernels (Cout, C, k, k): three input channels as colours, grey being zero; else the first one."""
    end = limit(weights)
    in_colour = weights.shape[1] == 3
    what = "red, green and blue as they weigh, grey is zero" if in_colour else "purple below zero, green above"
    drawing = Drawing(f"The {len(weights)} kernels of the first convolution", f"{what}; ±{end:.2g}")
    if in_colour:
        tiles = np.round(127.5 + 127.5 * weights.transpose(0, 2, 3, 1) / end).astype(np.uint8)
    else:
        tiles = coloured(weights[:, 0] / end, scale).astype(np.uint8)
    _mosaic(drawing, tiles, COLUMNS, 1, 1)
    return drawing


def pictures(
    found: np.ndarray,
    words: Sequence[str],
    cells: Sequence[tuple[int, int]],
    size: tuple[int, int],
    title: str,
    hint: str,
) -> Drawing:
    """Pictures (k, S, S, C) uint8 with words below, and a frame in each around a cell (row, column) of maps of ``size`` cells."""
    drawing = Drawing(title, hint)
    side = found.shape[1]
    corners = _mosaic(
        drawing, np.stack([rgb(p) for p in found]), max(9, len(found)), max(1, side // 10), max(3, side // 4)
    )
    high, wide = side / size[0], side / size[1]
    for (top, left), text, (down, across) in zip(corners, words, cells, strict=True):
        drawing.note(
            text, x=left + side / 2 - 0.5, y=top + side - 0.5, yanchor="top", font={"size": 11, "color": QUIET}
        )
        _outline(drawing, top + down * high, left + across * wide, high, wide, {"color": "#e6007e", "width": 2})
    return drawing


def guesses(now: Sequence[tuple[str, float]], untouched: Sequence[float], tint: str) -> Drawing:
    """The likeliest classes and their probabilities, and a thin mark where each was in the untouched net."""
    drawing = Drawing("Guesses", "")
    places = np.arange(len(now))
    drawing.trace(
        "bar", x=[p for _, p in now], y=places, orientation="h", width=0.62, marker={"color": faint(tint, 0.8)}, hoverinfo="skip"
    )  # fmt: skip
    for place, ((name, p), before) in enumerate(zip(now, untouched, strict=True)):
        drawing.note(f"{name} <b>{percent(p)}</b>", x=0, xanchor="left", xshift=4, y=place, font={})
        if abs(p - before) > 0.005:
            drawing.shape(
                type="line", x0=before, x1=before, y0=place - 0.42, y1=place + 0.42, line={"color": QUIET, "width": 2}
            )
    drawing.axis("xaxis", range=[0, 1], visible=False, fixedrange=True)
    drawing.axis("yaxis", range=[len(now) - 0.5, -0.5], visible=False, fixedrange=True)
    drawing.layout["margin"] = {"l": 0, "r": 0, "t": 0, "b": 0}
    return drawing
