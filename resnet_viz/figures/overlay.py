"""A saliency map in numbers and pixels: scaled, coloured, laid over its image, and the sheet that is downloaded."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from resnet_viz.language import N_

# How a signed map is read. The positive part is Grad-CAM's own ReLU (Selvaraju 2017, eq. 2).
VIEWS = {"positive": N_("positive part"), "signed": N_("signed"), "absolute": N_("absolute")}

# Every scale runs from −1 to 1 and is mid-grey at zero; maps from 0 to 1 use its upper half.
SCALES: dict[str, list[list[Any]]] = {
    N_("purple–green"): [[0.0, "#8b2fc9"], [0.5, "#808080"], [1.0, "#2fe06a"]],
    N_("black–white"): [[0.0, "#000000"], [0.5, "#808080"], [1.0, "#ffffff"]],
    N_("violet–yellow"): [[0.0, "#6a3df0"], [0.5, "#808080"], [1.0, "#ffe600"]],
}

TILE, MARGIN, TEXT = 256, 16, 15  # px of the downloaded sheet
COLUMNS = 4


@dataclass(frozen=True)
class Look:
    """How maps are laid over an image: a key of VIEWS, a key of SCALES, and the map's opacity from 0 to 1."""

    view: str = "positive"
    scale: str = "purple–green"
    opacity: float = 0.5


def scaled(raw: np.ndarray, view: str) -> np.ndarray:
    """A raw map (h, w) divided by its largest value: −1 to 1 where ``view`` is "signed", else 0 to 1.

    All zero where there is nothing to show: a map that is constant, not finite, or without the part that the view asks for.
    Such a map would turn into noise, or into a full screen, if it were normalised.
    """
    if not np.isfinite(raw).all() or np.ptp(raw) == 0:
        return np.zeros_like(raw, dtype=np.float32)
    values = {"positive": np.maximum(raw, 0), "signed": raw, "absolute": np.abs(raw)}[view]
    top = np.abs(values).max()
    return (values / top if top > 0 else np.zeros_like(values)).astype(np.float32)


def difference(a: np.ndarray, b: np.ndarray, view: str) -> np.ndarray:
    """Scaled map a (h, w) less scaled map b, −1 to 1: of signed maps half of it, for they may be 2 apart.

    Square maps of different numbers of cells are compared on the finer of both grids.
    """
    a, b = scaled(a, view), scaled(b, view)
    size = max(len(a), len(b))
    apart = enlarged(a, size) - enlarged(b, size)
    return apart / 2 if view == "signed" else apart


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two raw maps, cell by cell; not a number where one is constant or their grids differ."""
    from scipy.stats import spearmanr

    if a.shape != b.shape or min(np.ptp(a), np.ptp(b)) == 0:
        return float("nan")
    return float(spearmanr(a.ravel(), b.ravel()).statistic)


def enlarged(values: np.ndarray, size: int) -> np.ndarray:
    """(h, w, ...) → (size, size, ...), each the nearest value: cells and pixels stay visible."""
    rows, columns = (np.arange(size) * n // size for n in values.shape[:2])
    return values[rows][:, columns]


def rgb(image: np.ndarray) -> np.ndarray:
    """A grey or coloured image, (H, W, 1) or (H, W, 3) uint8 → (H, W, 3) uint8."""
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))


def framed(image: np.ndarray, left: float, top: float, side: float) -> np.ndarray:
    """An image (H, W, 3) uint8, pale outside of a square and with a line around it, black on white; places in its pixels."""
    height, width = image.shape[:2]
    first, last = (round(left), round(top)), (round(left + side), round(top + side))
    out = (0.35 * image + 0.65 * 255).astype(np.uint8)
    for line, colour in ((max(2, max(height, width) // 100), 255), (max(1, max(height, width) // 200), 0)):
        out[max(0, first[1] - line) : last[1] + line, max(0, first[0] - line) : last[0] + line] = colour
    out[first[1] : last[1], first[0] : last[0]] = image[first[1] : last[1], first[0] : last[0]]
    return out


def coloured(values: np.ndarray, scale: str) -> np.ndarray:
    """Values (h, w) from −1 to 1 → their colours (h, w, 3) float64 from 0 to 255; ``scale``: a key of SCALES."""
    places = [2 * place - 1 for place, _ in SCALES[scale]]
    stops = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for _, colour in SCALES[scale]])
    return np.stack([np.interp(values, places, channel) for channel in stops.T], -1)


def blend(image: np.ndarray, values: np.ndarray, look: Look, size: int = TILE) -> np.ndarray:
    """Scaled values (h, w) over an image (H, W, 1 or 3) uint8, both enlarged to (size, size, 3) uint8."""
    below, above = enlarged(rgb(image), size), coloured(enlarged(values, size), look.scale)
    return np.round((1 - look.opacity) * below + look.opacity * above).astype(np.uint8)


def sheet(tiles: Sequence[tuple[np.ndarray, Sequence[str]]], facts: Mapping[str, str]) -> bytes:
    """Images (TILE, TILE, 3) uint8, each with its lines beneath, as one PNG, COLUMNS a row; ``facts`` become its text chunks."""
    columns, lines = min(COLUMNS, len(tiles)), max(len(texts) for _, texts in tiles)
    rows = -(-len(tiles) // columns)
    wide, high = TILE + MARGIN, TILE + MARGIN + lines * (TEXT + 5)
    image = Image.new("RGB", (columns * wide + MARGIN, rows * high + MARGIN), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(TEXT)
    for number, (tile, texts) in enumerate(tiles):
        x, y = MARGIN + number % columns * wide, MARGIN + number // columns * high
        image.paste(Image.fromarray(tile), (x, y))
        for line, text in enumerate(texts):
            draw.text((x, y + TILE + 4 + line * (TEXT + 5)), _cut(text, font), "#1f2630", font)
    info = PngImagePlugin.PngInfo()
    for name, text in facts.items():
        info.add_itxt(name, text)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """A text, shortened to a tile's width."""
    if font.getlength(text) <= TILE:
        return text
    while font.getlength(text + "…") > TILE:
        text = text[:-1]
    return text + "…"


def archive(arrays: Mapping[str, np.ndarray], facts: Any) -> bytes:
    """Arrays as a compressed .npz, and beside them "about": ``facts`` as JSON, what they are. Nothing in it is pickled."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, about=np.array(json.dumps(facts, ensure_ascii=False)), **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
