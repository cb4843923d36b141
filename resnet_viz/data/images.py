"""Images that people bring, and the few that ship: untrusted files into upright 8-bit RGB arrays, or one sentence why not.

What a file holds decides, not what it is called. A image's size is checked before its pixels are read, and a large one is
made smaller on the way, so that reading one takes less than 300 MB whatever was sent.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from resnet_viz.errors import UserError
from resnet_viz.files import IMAGES

FILE = 32 << 20  # bytes of one image's file
PIXELS = 24_000_000  # of one image, before it is made smaller
WEBP = 12_500_000  # the same for WebP, whose decoder keeps three copies
SIDE = 1024  # pixels of the long side that `read` keeps: more than any network or screen column here shows
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".gif": "GIF", ".webp": "WEBP", ".ppm": "PPM"}

_HERE = IMAGES
# Images that ship, credited in assets/README.md.
SAMPLES = {name: _HERE / f"{name}.jpg" for name in ("cat", "temple", "flower")}

# What else people send, by how it begins (after a few bytes, for what comes in ISO boxes).
_KNOWN = {
    b"%PDF": "a PDF",
    b"<svg": "an SVG drawing, which has no pixels",
    b"<?xml": "an SVG drawing or other XML, which has no pixels",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"ftyphei": "a HEIC photo",
    b"ftypmif1": "a HEIC photo",
    b"ftypavif": "an AVIF image",
    b"ftyp": "a video",
    b"PK\3\4": "a zip archive",
}


class ImageError(UserError):
    """Why a image can't be used, in one sentence for the user."""


@contextlib.contextmanager
def opened(file: BinaryIO, size: int) -> Iterator[Image.Image]:
    """A image of ``size`` bytes, its pixels not yet read.

    Raises ValueError where it is too large, and whatever Pillow makes of a broken one: see `reason`.
    """
    if size > FILE:
        raise ValueError(f"its file is over {FILE >> 20} MiB")
    with Image.open(file, formats=sorted(set(FORMATS.values()))) as image:
        most = WEBP if image.format == "WEBP" else PIXELS
        if image.width * image.height > most:
            raise ValueError(f"{image.width:,}×{image.height:,} pixels are more than {most / 1e6:g} million")
        yield image


def decode(image: Image.Image, enough: int) -> Image.Image:
    """A image's first frame as 8-bit RGB, upright as its EXIF says, on white where it lets through.

    Made smaller by a whole factor where both sides stay at ``enough`` pixels or more.
    """
    image.draft(None, (enough, enough))  # a JPEG decodes at a fraction of its size
    turned = image.getexif().get(0x0112, 1)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, of which nobody says what is white")
    if image.mode.startswith("I"):  # 16 bits
        levels = np.asarray(image)
        image = Image.fromarray((levels >> 8).clip(0, 255).astype(np.uint8))
    elif image.mode not in ("L", "RGB", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if (factor := min(image.size) // enough) > 1:
        image = image.reduce(factor)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image.getexif()[0x0112] = turned  # conversion may have lost it
    return ImageOps.exif_transpose(image).convert("RGB")


def reason(error: Exception) -> str:
    """In a few words, why a image could not be read."""
    if isinstance(error, UnidentifiedImageError):
        return "not a image"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):  # `opened` never saw its size
        counts = re.findall(r"\d+", str(error))
        many = f"{int(counts[0]) / 1e6:,.0f} million" if counts else "its"
        return f"{many} pixels are more than {PIXELS / 1e6:g} million"
    if isinstance(error, MemoryError):
        return "it does not fit into this machine's memory"
    words = " ".join(str(error).split())
    return "its file is damaged or was cut short" if isinstance(error, OSError) or not words else words


def read(content: bytes, name: str) -> np.ndarray:
    """The image in a file: (H, W, 3) uint8, upright, its long side at most SIDE pixels.

    Of an animation the first frame; on white where it lets through; 16-bit grey by its upper byte. Raises ImageError.
    """
    try:
        with opened(io.BytesIO(content), len(content)) as image:
            small = decode(image, SIDE)
        small.thumbnail((SIDE, SIDE))
        return np.array(small)
    except UnidentifiedImageError as error:
        what = next((what for begin, what in _KNOWN.items() if begin in content[:16].lstrip()), "not a image")
        what = what if content else "empty"
        raise ImageError(f"{name!r} is {what}; bring a PNG, JPEG, WebP, GIF or BMP.") from error
    except Exception as error:  # Pillow raises of every kind for a broken file
        raise ImageError(f"{name!r} can't be read: {reason(error)}; save it again, smaller or as a PNG.") from error


def fit(pixels: np.ndarray, size: int, channels: int, resize: int = 0) -> np.ndarray:
    """What a network sees of a image (H, W, 3 or 1) uint8: its middle, antialiased, (size, size, channels) uint8.

    The middle square; or, with ``resize``, what torchvision's transforms for ImageNet leave: the short side is brought to
    that many pixels and ``size`` of them are cut from the middle (256 and 224). Raises ImageError.
    """
    if channels not in (1, 3):
        raise ImageError(f"This network takes {channels} channels; a image has 1 or 3.")
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image = image.convert("L" if channels == 1 else "RGB")
    short = min(image.size)
    if resize:
        width, height = (int(resize * side / short) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        image = _middle(image, size)
    else:
        image = _middle(image, short).resize((size, size), Image.Resampling.BICUBIC)
    return np.array(image).reshape(size, size, channels)


def _middle(image: Image.Image, side: int) -> Image.Image:
    left, top = (round((n - side) / 2) for n in image.size)
    return image.crop((left, top, left + side, top + side))
