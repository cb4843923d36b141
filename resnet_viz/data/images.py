"""Images that people bring, and the few that ship: untrusted files into upright 8-bit RGB arrays, or one sentence why not.

What a file holds decides, not what it is called. An image's size is checked before its pixels are read, and a large one is
made smaller on the way, so that reading one takes less than 300 MB whatever was sent.
"""

from __future__ import annotations

import contextlib
import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from resnet_viz.data import deep
from resnet_viz.errors import UserError
from resnet_viz.files import IMAGES
from resnet_viz.spec.checks import quote, short

FILE = 32 << 20  # bytes of one image's file
PIXELS = 24_000_000  # of one image, before it is made smaller
HEAVY = 12_500_000  # the same for decoders that keep several copies, and for pixels of more than 8 bits
LONG = 65_535  # pixels of a side, JPEG's most: Pillow takes 50 bytes for each row, however short
SCANS = 100  # of a progressive JPEG, which has 10 as a rule: each passes over all pixels. libtiff's limit too
SIDE = 1024  # pixels of the long side that `read` keeps: more than any network or screen column here shows
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".gif": "GIF", ".webp": "WEBP", ".ppm": "PPM"}
FORMATS |= {".tif": "TIFF", ".tiff": "TIFF", ".jp2": "JPEG2000", ".avif": "AVIF", ".heic": "HEIF", ".heif": "HEIF"}
# What else images' files are called: taken where their content is one of FORMATS, named as left out where it is not.
ENDINGS = FORMATS.keys() | {
    ".jpe",
    ".jfif",
    ".mpo",
    ".pgm",
    ".pbm",
    ".j2k",
    ".heic",
    ".heif",
    ".svg",
    ".dcm",
    ".dicom",
    ".ico",
}
ENDINGS |= {".tga", ".psd", ".raw", ".cr2", ".nef", ".dng", ".exr", ".hdr", ".jxl", ".eps", ".pdf"}

# Images that ship, credited in assets/README.md.
SAMPLES = {name: IMAGES / f"{name}.jpg" for name in ("cat", "temple", "flower")}

_HEIC = "a HEIC photo"
# What people send, by how it begins: where, which bytes, what it is. First what is read, then images that are not.
_READ = (
    (0, b"\x89PNG", "a PNG"),
    (0, b"\xff\xd8\xff", "a JPEG"),
    (0, b"GIF8", "a GIF"),
    (8, b"WEBP", "a WebP"),
    (0, b"II*\0", "a TIFF"),
    (0, b"MM\0*", "a TIFF"),
    (4, b"jP  ", "a JPEG 2000"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyphei", _HEIC),
    (4, b"ftypmif1", _HEIC),
)
_NOT_READ = (
    (128, b"DICM", "a DICOM image"),
    (0, b"8BPS", "a Photoshop file"),
)
_BEGINNINGS = (
    *_READ,
    (4, b"ftyp", "a video"),
    *_NOT_READ,
    (0, b"%PDF", "a PDF"),
    (0, b"<svg", "an SVG drawing, which has no pixels"),
    (0, b"<?xml", "an SVG drawing or other XML, which has no pixels"),
    (0, b"<!DOCTYPE", "a saved web page"),
    (0, b"<html", "a saved web page"),
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the file itself"),
    (0, b"PK\3\4", "a zip archive"),
)
HEAD = 132  # bytes that `kind` looks at
_TAKEN = {what for _, _, what in _READ}
IMAGE_KINDS = {what for _, _, what in _READ + _NOT_READ}


class ImageError(UserError):
    """Why an image can't be used, in one sentence for the user."""


def kind(head: bytes) -> str:
    """What a file is, by its first HEAD bytes; "" where they are no known ones."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((what for at, begin, what in _BEGINNINGS if (head if at else text)[at:].startswith(begin)), "")


@contextlib.contextmanager
def opened(file: BinaryIO, size: int) -> Iterator[Image.Image]:
    """An image of ``size`` bytes, its pixels not yet read.

    Raises ValueError where it is too large, and whatever Pillow makes of a broken one: see `reason`.
    """
    if size > FILE:
        raise ValueError(f"its file is over {FILE >> 20} MiB")
    what, formats = kind(file.read(HEAD)), set(FORMATS.values()) - {"HEIF"}
    file.seek(0)
    if what == "a PNG":
        file = io.BytesIO(_bare_png(file.read()))
    if what == _HEIC:
        import pillow_heif  # a decoder of 6 MB: for those who need it

        pillow_heif.register_heif_opener(thumbnails=False)
        formats = {"HEIF"}
    image: Image.Image
    try:
        image = Image.open(file, formats=sorted(formats))
        unknown = deep.is_in_planes(image)
    except UnidentifiedImageError:
        unknown = what == "a TIFF"
        if not unknown:
            raise
    if unknown:
        file.seek(0)
        image = deep.tiff(file, HEAVY)
    if image.format == "PPM":
        file.seek(0)
        deep.ppm(file, image)
    with image:
        heavy = image.format in ("WEBP", "JPEG2000", "AVIF", "HEIF") or deep.is_deep(image)
        most = HEAVY if heavy else PIXELS
        if image.width * image.height > most or max(image.size) > LONG:
            limit = f"{most / 1e6:g} million" if image.width * image.height > most else f"{LONG:,} a side"
            raise ValueError(f"{image.width:,}×{image.height:,} pixels are more than {limit}")
        if what == "a JPEG":
            file.seek(0)
            if (scans := file.read().count(b"\xff\xda")) > SCANS:
                raise ValueError(f"its pixels are stored in {scans:,} passes, more than {SCANS}")
        yield image


def _bare_png(content: bytes) -> bytes:
    """A PNG without what is no pixel: profiles and texts, which may be broken or huge; EXIF, which turns it, only if whole."""
    parts, at = [content[:8]], 8
    while at + 8 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + length + 12
        whole = (
            end <= len(content)
            and zlib.crc32(content[at + 4 : end - 4]) == struct.unpack_from(">I", content, end - 4)[0]
        )
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND") or (name == b"eXIf" and whole):
            parts.append(content[at:end])
        at = end
    return b"".join(parts)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(image: Image.Image, enough: int, black_white: tuple[float, float] | None = None) -> Image.Image:
    """An image's first frame as 8-bit RGB, upright as its EXIF says, on white where it lets through.

    Made smaller by a whole factor where both sides stay at ``enough`` pixels or more. ``black_white``: of pixels of more than 8
    bits, what `deep.span` says of a whole set; None: of this image alone.
    """
    image.draft(None, (enough, enough))  # a JPEG decodes at a fraction of its size
    whole = image
    if deep.is_deep(image):
        image = deep.in_8_bits(image, black_white)
    elif image.mode not in ("L", "RGB", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if (factor := min(image.size) // enough) > 1:
        image = image.reduce(factor)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    try:
        turned = whole.getexif().get(0x0112, 1)
    except Exception:  # broken metadata, of every kind, says nothing of the pixels
        turned = 1
    return image.transpose(_TURNS[turned]) if turned in _TURNS else image


def reason(error: Exception) -> str:
    """In a few words, why an image could not be read."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):  # `opened` never saw its size
        counts = re.findall(r"\d+", str(error))
        many = f"{int(counts[0]) / 1e6:,.0f} million" if counts else "its"
        return f"{many} pixels are more than {PIXELS / 1e6:g} million"
    if isinstance(error, MemoryError):
        return "it does not fit into this machine's memory"
    words = short(error, 120)
    return "its file is damaged or was cut short" if isinstance(error, OSError) or not words else words


def read(content: bytes, name: str) -> np.ndarray:
    """The image in a file: (H, W, 3) uint8, upright, its long side at most SIDE pixels.

    Of an animation the first frame; on white where it lets through;
    pixels of more than 8 bits by their own range. Raises ImageError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, on metadata
            with opened(io.BytesIO(content), len(content)) as image:
                small = decode(image, SIDE)
        small.thumbnail((SIDE, SIDE))
        return np.array(small)
    except UnidentifiedImageError as error:
        what = (kind(content[:HEAD]) or "not an image") if content else "empty"
        if what in _TAKEN:
            raise ImageError(
                f"{quote(name)} is {what}, but damaged or of a rare sort; bring it as a PNG or JPEG."
            ) from error
        raise ImageError(f"{quote(name)} is {what}; bring a PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC.") from error
    except Exception as error:  # Pillow raises of every kind for a broken file
        raise ImageError(
            f"{quote(name)} can't be read: {reason(error)}; save it again, smaller or as a PNG."
        ) from error


def fit(pixels: np.ndarray, size: int, channels: int, resize: int = 0, place: float = 0.5) -> np.ndarray:
    """What a network sees of an image (H, W, 3 or 1) uint8: a square of it, antialiased, (size, size, channels) uint8.

    The largest square; or, with ``resize``, what torchvision's transforms for ImageNet leave: the short side is brought to
    that many pixels and ``size`` of them are cut (256 and 224). ``place``: where along the longer side, 0 for its beginning, 1
    for its end; its middle is what networks are usually shown. Raises ImageError.
    """
    if channels not in (1, 3):
        raise ImageError(f"This network takes {channels} channels; an image has 1 or 3.")
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image = image.convert("L" if channels == 1 else "RGB")
    short = min(image.size)
    if resize:
        width, height = (int(resize * side / short) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        image = _square(image, size, place)
    else:
        image = _square(image, short, place).resize((size, size), Image.Resampling.BICUBIC)
    return np.array(image).reshape(size, size, channels)


def window(width: int, height: int, size: int, resize: int = 0, place: float = 0.5) -> tuple[float, float, float]:
    """Left, top and side, in the image's own pixels, of the square that `fit` cuts from it."""
    side = min(width, height) * (size / resize if resize else 1)
    left, top = ((n - side) * share for n, share in zip((width, height), _shares(width, height, place), strict=True))
    return left, top, side


def _shares(width: int, height: int, place: float) -> tuple[float, float]:
    """How much of what is cut off lies left of the square, and above it."""
    return place if width > height else 0.5, place if height > width else 0.5


def _square(image: Image.Image, side: int, place: float) -> Image.Image:
    shares = _shares(*image.size, place)
    left, top = (round((n - side) * share) for n, share in zip(image.size, shares, strict=True))
    return image.crop((left, top, left + side, top + side))
