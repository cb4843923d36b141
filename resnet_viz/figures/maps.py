"""Feature maps and other small images as mosaics: channels, one of them enlarged, a map over training, kernels, photos.

Values are coloured by `overlay.SCALES`, symmetric about zero, every cell a square of its own.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from resnet_viz.figures.overlay import SCALES, coloured, rgb
from resnet_viz.figures.style import QUIET, RESIDUAL, Drawing, literal
from resnet_viz.language import tr

CLEAR = "rgba(0,0,0,0)"
# Streamlit fades what was not clicked; here a click only says where to go.
STAY: dict[str, Any] = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}}}
COLUMNS = 16


def limit(values: np.ndarray) -> float:
    """Where a symmetric scale ends: the largest |value| that is finite, never 0."""
    sizes = np.abs(values[np.isfinite(values)])
    return float(sizes.max(initial=0)) or 1.0


def _uri(pixels: np.ndarray) -> str:
    """(H, W, 4) uint8 → a PNG as a data URI."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _mosaic(
    drawing: Drawing, tiles: np.ndarray, columns: int, gap: int, under: int, least: int
) -> list[tuple[int, int]]:
    """Tiles (N, H, W, 3) uint8 as one image, ``gap`` pixels between columns, ``under`` below rows; returns top left corners.

    ``least``: the pixels of the screen that a column's caption needs.
    """
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
    drawing.keep_shape(pixels.shape[0] / pixels.shape[1], least * columns)
    return corners


def _caption(drawing: Drawing, caption: str, middle: float, under: float) -> None:
    """Small text, plain, below a tile whose middle and lower edge these pixels are."""
    small = {"size": 11, "color": QUIET}
    drawing.note(literal(caption), x=middle - 0.5, y=under - 0.5, yanchor="top", font=small)


def outline(drawing: Drawing, top: float, left: float, height: float, width: float, line: dict[str, Any]) -> None:
    """Add a frame around ``height`` × ``width`` cells, the first of them at row ``top`` and column ``left``."""
    drawing.shape(type="rect", x0=left - 0.5, x1=left + width - 0.5, y0=top - 0.5, y1=top + height - 0.5, line=line)


def channels(
    maps: np.ndarray,
    order: Sequence[int],
    strengths: np.ndarray,
    chosen: int | None = None,
    scale: str = next(iter(SCALES)),
    own: bool = False,
    title: str = "",
    columns: int = COLUMNS,
    click: bool = False,
) -> Drawing:
    """Channels of a layer's maps (C, H, W) in ``order``, numbered below; a click's customdata is the channel.

    One scale for the whole layer; ``own``: one for each channel. ``strengths`` (C,): mean |a|, for the hover. ``click``: say
    that a click enlarges one.
    """
    tiles, height, width = maps[list(order)], *maps.shape[1:]
    ends = np.array([limit(tile) for tile in tiles]) if own else np.full(len(tiles), limit(maps))
    hint = tr("Strongest first, ") + (
        tr("each on its own scale.") if own else tr("one scale, ±{limit:.2g}.", limit=limit(maps))
    )
    hint += tr(" Click one to enlarge it.") * click
    drawing = Drawing(title, hint)
    gap, under = max(1, width // 8), max(2, round(width / 2))
    drawn = coloured(tiles / ends[:, None, None], scale).astype(np.uint8)
    corners = _mosaic(drawing, drawn, columns, gap, under, 30)
    for channel, (top, left) in zip(order, corners, strict=True):
        _caption(drawing, str(channel), left + width / 2, top + height)
        if channel == chosen:
            outline(drawing, top, left, height, width, {"color": RESIDUAL, "width": 3})
    hovers = [tr("channel {channel}: mean |a| {mean:.3g}", channel=c, mean=strengths[c]) for c in order]
    drawing.trace(
        "bar", x=[left + (width - 1) / 2 for _, left in corners], y=[height] * len(corners), base=[t - 0.5 for t, _ in corners],
        width=width, marker={"color": CLEAR, "line": {"width": 0}}, customdata=list(order), hovertext=hovers,
        hovertemplate="%{hovertext}<extra></extra>", meta={"role": "click"}, **STAY,
    )  # fmt: skip
    return drawing


def pane(drawing: Drawing, values: np.ndarray, left: float, end: float, scale: str, **hover: Any) -> None:
    """Add one map (H, W) as a heatmap on the scale ±``end``; its first column stands at x = ``left``."""
    drawing.trace(
        "heatmap", z=values.astype(np.float32), x0=left, dx=1, y0=0, dy=1, zmin=-end, zmax=end, colorscale=SCALES[scale],
        showscale=False, **hover,
    )  # fmt: skip


def square(drawing: Drawing, width: float, height: float, least: int = 0) -> None:
    """Set axes of ``width`` × ``height`` cells on which a cell is a square, row 0 at the top; ``least``: see `keep_shape`."""
    hidden: dict[str, Any] = {"visible": False, "fixedrange": True, "constrain": "domain"}
    drawing.axis("xaxis", range=[-0.5, width - 0.5], constraintoward="left", **hidden)
    drawing.axis("yaxis", range=[height - 0.5, -0.5], scaleanchor="x", constraintoward="top", **hidden)
    drawing.layout["margin"] = {"l": 0, "r": 0, "t": 0, "b": 0}
    drawing.keep_shape(height / width, least)


def enlarged(values: np.ndarray, title: str, scale: str = next(iter(SCALES))) -> Drawing:
    """One channel's map (H, W), its values on hover, on its own symmetric scale."""
    end = limit(values)
    drawing = Drawing(title, f"±{end:.2g}")
    pane(drawing, values, 0, end, scale, hovertemplate="row %{y}, column %{x}: %{z:.3f}<extra></extra>")
    square(drawing, values.shape[1], values.shape[0])
    return drawing


def row(maps: Sequence[np.ndarray], captions: Sequence[str], title: str, scale: str = next(iter(SCALES))) -> Drawing:
    """Maps (H, W) of one channel side by side, each on its own scale, a caption below each: a map at several moments."""
    drawing = Drawing(title, tr("Each on its own scale."))
    height, width = maps[0].shape
    tiles = np.stack([coloured(m / limit(m), scale).astype(np.uint8) for m in maps])
    corners = _mosaic(drawing, tiles, max(9, len(tiles)), max(1, width // 8), max(2, width // 2), 68)
    for caption, (top, left) in zip(captions, corners, strict=True):
        _caption(drawing, caption, left + width / 2, top + height)
    return drawing


def kernels(weights: np.ndarray, scale: str = next(iter(SCALES))) -> Drawing:
    """The first convolution's kernels (Cout, C, k, k): three input channels as colours, grey being zero; else the first one."""
    end = limit(weights)
    in_colour = weights.shape[1] == 3
    key = tr("red, green and blue as they weigh, grey is zero") if in_colour else tr("purple below zero, green above")
    drawing = Drawing(tr("The {n} kernels of the first convolution", n=len(weights)), f"{key}; ±{end:.2g}")
    if in_colour:
        tiles = np.round(127.5 + 127.5 * weights.transpose(0, 2, 3, 1) / end).astype(np.uint8)
    else:
        tiles = coloured(weights[:, 0] / end, scale).astype(np.uint8)
    _mosaic(drawing, tiles, COLUMNS if len(tiles) > 32 else max(8, len(tiles) // 2), 1, 1, 0)
    return drawing


def images(
    pixels: np.ndarray,
    captions: Sequence[str],
    cells: Sequence[tuple[int, int]],
    size: tuple[int, int],
    title: str,
    hint: str,
) -> Drawing:
    """Images (k, S, S, C) uint8 with a caption below each, and a frame around a cell (row, column) of maps of ``size`` cells."""
    drawing = Drawing(title, hint)
    side = pixels.shape[1]
    tiles = np.stack([rgb(p) for p in pixels])
    corners = _mosaic(drawing, tiles, max(9, len(tiles)), max(1, side // 10), max(3, side // 4), 86)
    high, wide = side / size[0], side / size[1]
    for (top, left), caption, (down, across) in zip(corners, captions, cells, strict=True):
        _caption(drawing, caption, left + side / 2, top + side)
        outline(drawing, top + down * high, left + across * wide, high, wide, {"color": "#e6007e", "width": 2})
    return drawing
