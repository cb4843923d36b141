"""Pixels of more than 8 bits in colour and in TIFFs that Pillow doesn't know, each held against the numbers that were written."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from resnet_viz.data import catalogue, deep, images
from resnet_viz.data.images import ImageError, read
from resnet_viz.data.own import import_own
from tests.data.brought import archive, in_order, kept

RNG = np.random.default_rng(0)
DIM = RNG.integers(0, 1000, (40, 50, 3)).astype(np.uint16)  # of 65,535: its upper bytes are 0 to 3


def png16(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits, (H, W, 2: grey and alpha, 3 or 4), written by the standard: big-endian rows, filter "Up"."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")

    height, width, channels = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = np.frombuffer(pixels.astype(">u2").tobytes(), np.uint8).reshape(height, -1)
    ups = np.concatenate([rows[:1], rows[1:] - rows[:-1]])
    body = b"".join(b"\2" + row.tobytes() for row in ups)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def tiff(pixels: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric=options.pop("photometric", "rgb"), **options)
    return file.getvalue()


COLOURS = {
    "PPM": b"P6\n# of a raw converter\n50 40\n65535\n" + DIM.astype(">u2").tobytes(),
    "PNG": png16(DIM),
    "TIFF": tiff(DIM),
    "TIFF, big-endian": tiff(DIM, byteorder=">"),
    "TIFF, packed": tiff(DIM, compression="zlib"),
    "TIFF, planes": tiff(DIM.transpose(2, 0, 1), planarconfig="separate"),
    "TIFF of float32": tiff(DIM.astype(np.float32)),
    "TIFF of float64": tiff(DIM.astype(np.float64)),
    "TIFF of uint32": tiff(DIM.astype(np.uint32)),
}


@pytest.mark.parametrize("content", COLOURS.values(), ids=COLOURS)
def test_dim_colours_of_16_bits_use_black_to_white_together(content) -> None:
    """By one range for the three channels, from what is really there: no black square, and no other hue."""
    expected = deep.scaled(DIM, deep.span(DIM.reshape(-1).astype(float)))
    found = read(content, "dim")
    assert np.abs(found.astype(int) - expected).max() <= 1  # the range is told from samples
    assert found.max() == 255


@pytest.mark.parametrize("kind", ["float16", "float64", "int16", "uint32"])
def test_grey_tiffs_of_any_type_use_black_to_white(kind) -> None:
    found = read(tiff((DIM[..., 0] - 500.0 * (kind == "int16")).astype(kind), photometric="minisblack"), "scan.tif")
    expected = deep.scaled(DIM[..., 0], (0, 999))
    assert np.abs(found[..., 0].astype(int) - expected).max() <= 1


def test_bright_colours_of_16_bits_keep_their_upper_byte() -> None:
    bright = RNG.integers(0, 65_536, (40, 50, 3)).astype(np.uint16)
    assert np.abs(read(png16(bright), "a.png").astype(int) - bright // 256).max() <= 1


@pytest.mark.parametrize("channels", [2, 4])
def test_what_lets_through_stands_on_white_at_16_bits_too(channels) -> None:
    pixels = np.dstack([DIM[..., : channels - 1], np.where(np.arange(50) < 25, 65_535, 0) + np.zeros((40, 1))]).astype(
        int
    )
    found = read(png16(pixels), "a.png")
    assert (found[:, 25:] == 255).all()
    expected = deep.scaled(DIM[:, :25, : channels - 1], (0, 999))
    assert np.abs(found[:, :25].astype(int) - expected).max() <= 1


def test_a_set_of_dim_colours_is_scaled_by_one_range_and_says_it() -> None:
    """Cats are twice as bright as dogs, and stay so."""
    shots = {f"{'cat' if i % 2 else 'dog'}/{i}.png": png16(DIM[i : i + 8, :8] // (1 + (i + 1) % 2)) for i in range(12)}
    spec = import_own(("deep.zip", archive(shots)))
    facts = catalogue.facts(spec)
    assert facts.channels == 3
    assert "pixels of more than 8 bits: " in facts.notes[0]
    x, y, x_test, y_test = kept(spec)
    x, y = in_order(np.concatenate([x, x_test]), np.concatenate([y, y_test]))
    assert x[y == 0].mean() / x[y == 1].mean() == pytest.approx(2, rel=0.1)


def test_numbers_of_any_size_become_pixels() -> None:
    """The largest there are: none overflows into another colour."""
    values = np.array([[-1e308, 0, 1e308, np.inf, np.nan]])
    assert deep.scaled(values, (-1e300, 1e300)).tolist() == [[0, 128, 255, 255, 0]]
    assert deep.scaled(np.array([2**62, 2**63 - 1]), (2.0**62, 2.0**63)).tolist() == [0, 255]


def test_white_is_zero_is_turned() -> None:
    found = read(tiff(DIM[..., 0].astype(np.float64), photometric="miniswhite"), "a.tif")
    expected = deep.scaled(DIM.max() - DIM[..., 0], (0, 999))
    assert np.abs(found[..., 0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tiff(np.zeros((4, 4, 2), np.float32), photometric="minisblack", planarconfig="contig"), "2 values a pixel"),
        (COLOURS["TIFF of float64"][:9000], "'scan.tif'"),
    ],
)
def test_other_tiffs_are_refused_in_one_sentence(content, words) -> None:
    with pytest.raises(ImageError, match=words):
        read(content, "scan.tif")


def test_a_large_tiff_is_refused_before_its_pixels_are_read(monkeypatch) -> None:
    monkeypatch.setattr(images, "HEAVY", 1000)
    with pytest.raises(ImageError, match="50×40 pixels are more than"):
        read(COLOURS["TIFF of float64"], "scan.tif")


def test_a_deep_image_is_still_turned_as_its_exif_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(DIM[..., 0]).save(file, "PNG", exif=exif)
    assert read(file.getvalue(), "a.png").shape == (50, 40, 3)
