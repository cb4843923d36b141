"""Pixels of more than 8 bits, as microscopes, X-ray machines and raw converters save them, into 8 bits by their real range.

Pillow keeps them where they are grey. Of 16-bit colours it keeps the upper byte alone, so that dim ones turn black, and other
kinds of TIFF it doesn't know: these are read here.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

# Pillow's way to take the upper byte of each pair → the one to take the lower byte.
_NATIVE, _OTHER = ("L", "B") if sys.byteorder == "little" else ("B", "L")
_LOWER = {
    f"{mode};16{upper}": f"{mode};16{lower}"
    for mode in ("RGB", "RGBA", "RGBX")
    for upper, lower in (("B", "L"), ("L", "B"), ("N", _OTHER))
}
# Width, height and what white is, over 255, between white space and comments (netpbm's "PPM format specification").
_DEEP_PPM = re.compile(
    rb"P6(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(25[6-9]|2[6-9]\d|[3-9]\d\d|\d{4,5})\s"
)
_GREY_ALPHA = "LA;16B"  # a PNG's, which Pillow makes RGBA


def is_deep(image: Image.Image) -> bool:
    """Whether the pixels in its file, not read yet, have more than 8 bits: 16, whole numbers of 32, floating-point numbers."""
    return image.mode == "F" or image.mode.startswith("I") or "values" in image.info or bool(_way(image))


def is_in_planes(image: Image.Image) -> bool:
    """Whether it is a TIFF of deep colours, one after the other: of these Pillow reads some bytes of one for all."""
    tags: Any = getattr(image, "tag_v2", {})
    return image.format == "TIFF" and tags.get(284) == 2 and max(tags.get(258, (8,))) > 8


def is_grey(image: Image.Image) -> bool:
    """Whether a deep image has no colours."""
    values = image.info.get("values")
    return values.ndim == 2 if values is not None else _way(image) in ("", _GREY_ALPHA)


def in_8_bits(image: Image.Image, black_white: tuple[float, float] | None = None) -> Image.Image:
    """A deep image as L, RGB or RGBA; ``black_white``: as `span` says of a whole set, None: of this image alone."""
    pixels, alpha = _values(image)
    image = Image.fromarray(scaled(pixels, black_white or span(_some(pixels, 4096))))
    if alpha is not None:
        image = image.convert("RGB")
        image.putalpha(alpha)
    return image


def sample(image: Image.Image, most: int) -> np.ndarray:
    """Up to so many of the values of a deep image, (n,), evenly spaced, for `span`."""
    return _some(_values(image)[0], most)


def span(values: np.ndarray) -> tuple[float, float]:
    """What is black and what is white, of samples of more than 8 bits.

    The usual range, 0 to 1, 255 or 65,535, where over half of it is used. Else from the 0.1st to the 99.9th percentile: medical
    and microscope images use a small part, and one hot pixel is not to make the rest black.
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, (0.1, 99.9)))
    if low == high:
        low, high = float(values.min()), float(values.max())
    for white in (1.0, 255.0, 65_535.0):
        if values.min() >= 0 and values.max() <= white and high - low >= white / 2:
            return 0.0, white
    return (low, high) if high > low else (low, low + 1)


def scaled(values: np.ndarray, black_white: tuple[float, float]) -> np.ndarray:
    """Values of any type as uint8, black to white in 256 equal steps; what is outside is cut off, what is no number is black."""
    black, white = black_white
    out = np.empty(values.shape, np.uint8)
    rows = max(1, 1_000_000 // max(1, values[:1].size))  # a part at a time, for what is scaled has 32 bits or more
    kind = np.result_type(values.dtype, np.float32)  # float64 keeps what float32 can't hold
    with np.errstate(over="ignore", invalid="ignore"):
        for at in range(0, len(values), rows):
            inside = np.nan_to_num(values[at : at + rows], nan=black, posinf=white, neginf=black).astype(kind)
            steps = (inside.clip(black, white) - kind.type(black)) * kind.type(256 / (white - black))
            out[at : at + rows] = np.nan_to_num(steps).clip(0, 255).astype(np.uint8)
    return out


def tiff(file: BinaryIO, most: int) -> Image.Image:
    """The first page of a TIFF that Pillow doesn't know, such as of floating-point colours: its values in ``info``.

    Raises ValueError where it has more than ``most`` pixels, and whatever tifffile does of a broken one.
    """
    import tifffile  # for the few who need it

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is wrong is raised too
    with tifffile.TiffFile(file) as held:
        page: Any = held.pages[0]
        if page.imagewidth * page.imagelength > most or page.nbytes > 16 * most:
            raise ValueError(f"{page.imagewidth:,}×{page.imagelength:,} pixels are more than {most / 1e6:g} million")
        if page.axes not in ("YX", "YXS", "SYX") or page.samplesperpixel not in (1, 3, 4):
            raise ValueError(f"a TIFF of {page.samplesperpixel} values a pixel is not read")
        values = page.asarray()
        if page.axes == "SYX":
            values = values.transpose(1, 2, 0)
        if values.ndim == 3:
            values = values[..., :3]
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            values = values.max() - values
    image = Image.new("L", (page.imagewidth, page.imagelength))
    image.info["values"] = values  # (H, W) or (H, W, 3)
    return image


def ppm(file: BinaryIO, image: Image.Image) -> None:
    """Put the values of a PPM of 16-bit colours, of which Pillow keeps 8, into its ``info``. Raises ValueError if cut short."""
    if image.mode != "RGB" or not (head := _DEEP_PPM.match(file.read(1024))):
        return
    width, height, white = map(int, head.groups())
    file.seek(head.end())
    values = np.frombuffer(file.read(6 * width * height), ">u2")
    if len(values) < 3 * width * height:
        raise ValueError("its file is damaged or was cut short")
    image.info["values"] = values.reshape(height, width, 3) * np.float32(65_535 / white)


def _values(image: Image.Image) -> tuple[np.ndarray, Image.Image | None]:
    """All of a deep image's values, (H, W) or (H, W, 3); and how far each pixel lets through, where the file says it."""
    way, tiles, file = _way(image), list(getattr(image, "tile", ())), getattr(image, "fp", None)
    if "values" in image.info:
        return image.info["values"], None
    if not way:
        return np.asarray(image), None
    if way == _GREY_ALPHA:  # as four bytes: grey's upper and lower, alpha's upper and lower
        image.tile = [tile._replace(args="RGBA") for tile in tiles]  # type: ignore[attr-defined]
        pairs = np.asarray(image)
        return pairs[..., 0] * np.uint16(256) + pairs[..., 1], Image.fromarray(pairs[..., 2])
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    values = np.asarray(image)[..., :3].astype(np.uint16)
    values <<= 8
    assert file is not None
    file.seek(0)
    with Image.open(file, formats=[str(image.format)]) as again:
        again.tile = [_replaced(tile) for tile in tiles]  # type: ignore[attr-defined]
        values |= np.asarray(again)[..., :3]
    return values, alpha


def _way(image: Image.Image) -> str:
    """How Pillow is about to read 16-bit colours, by its name for that; "" where there are none."""
    ways = {_args(tile)[0] for tile in getattr(image, "tile", ())}
    return next((way for way in ways if way in _LOWER or way == _GREY_ALPHA), "")


def _args(tile: Any) -> tuple[Any, ...]:
    return tile.args if isinstance(tile.args, tuple) else (tile.args,)


def _replaced(tile: Any) -> Any:
    way, *rest = _args(tile)
    return tile._replace(args=(_LOWER[way], *rest) if rest else _LOWER[way])


def _some(values: np.ndarray, most: int) -> np.ndarray:
    flat = values.reshape(-1)
    return flat[:: max(1, len(flat) // most)].astype(np.float64)
