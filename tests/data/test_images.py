"""Images that people bring: each gets the right pixels or one sentence, and memory stays small."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_viz.data import images
from resnet_viz.data.images import ImageError, fit, read

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 9, 3), np.uint8)


def saved(image: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("BMP", {}), ("PPM", {}), ("WEBP", {"lossless": True})])
@pytest.mark.parametrize("name", ["a.png", "renamed.jpg", "no suffix"])
def test_what_the_file_holds_decides_not_its_name(kind, options, name) -> None:
    np.testing.assert_array_equal(read(saved(PIXELS, kind, **options), name), PIXELS)


def test_a_photo_keeps_its_colours_through_jpeg_and_cmyk() -> None:
    smooth = np.asarray(Image.open(images.SAMPLES["flower"]).convert("RGB"))
    for content in (
        saved(smooth, "JPEG", quality=95),
        saved(Image.fromarray(smooth).convert("CMYK"), "JPEG", quality=95),
    ):
        assert np.abs(read(content, "a.jpg").astype(int) - smooth).mean() < 2


def test_grey_palette_and_one_bit_images_become_rgb() -> None:
    grey = PIXELS[..., 0]
    np.testing.assert_array_equal(read(saved(grey), "g.png"), np.repeat(grey[..., None], 3, 2))
    palette = Image.fromarray(PIXELS).quantize(256)
    np.testing.assert_array_equal(read(saved(palette), "p.png"), np.asarray(palette.convert("RGB")))
    bits = Image.fromarray(grey > 99)
    np.testing.assert_array_equal(read(saved(bits), "b.png")[..., 0], np.where(grey > 99, 255, 0))


@pytest.mark.parametrize("kind", ["PNG", "PPM"])
def test_sixteen_bits_go_to_eight_by_a_factor_of_257(kind) -> None:
    grey = PIXELS[..., 0]
    np.testing.assert_array_equal(read(saved(grey.astype(np.uint16) * 257, kind), "s")[..., 0], grey)


def test_what_lets_through_stands_on_white() -> None:
    alpha = np.array([[0, 255, 51]], np.uint8)  # 51 / 255 = 0.2
    rgba = np.dstack([np.full((1, 3), v, np.uint8) for v in (100, 0, 200)] + [alpha])
    expected = [[[255, 255, 255], [100, 0, 200], [224, 204, 244]]]
    np.testing.assert_array_equal(read(saved(rgba), "a.png"), expected)
    np.testing.assert_array_equal(read(saved(rgba, "WEBP", lossless=True, exact=True), "a.webp"), expected)
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    np.testing.assert_array_equal(read(saved(palette, transparency=0), "a.png"), [[[255, 255, 255], [40, 50, 60]]])
    grey = np.dstack([np.full((1, 3), 100, np.uint8), alpha])
    np.testing.assert_array_equal(read(saved(Image.fromarray(grey, "LA")), "a.png")[..., 0], [[255, 100, 224]])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_every_exif_orientation_is_set_upright(kind, turned) -> None:
    # Dark above left, brighter to the right, brightest below: rows of 40 and columns of 20.
    upright = np.kron(np.array([[0, 80], [160, 240]], np.uint8), np.ones((48, 96), np.uint8))
    # What the camera stored, by the EXIF standard's table: which way row 0 and column 0 face.
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: np.rot90(upright), 7: upright.T[::-1, ::-1], 8: np.rot90(upright, -1),
    }[turned]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = turned
    found = read(saved(np.ascontiguousarray(stored), kind, exif=exif), "photo")
    assert np.abs(found[..., 1].astype(int) - upright).mean() < 3


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(kind) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    assert np.abs(read(content, "a").astype(int) - [255, 0, 0]).max() < 5


def test_one_pixel_is_an_image_and_a_large_one_is_made_smaller() -> None:
    assert read(saved(PIXELS[:1, :1]), "a.png").shape == (1, 1, 3)
    assert fit(read(saved(PIXELS[:1, :1]), "a.png"), 32, 3).shape == (32, 32, 3)
    assert read(saved(Image.new("RGB", (4000, 2000))), "a.png").shape == (512, 1024, 3)
    assert read(saved(Image.new("L", (3000, 1))), "a.png").shape == (1, 1024, 3)


def test_reducing_keeps_the_mean() -> None:
    stripes = np.zeros((2000, 3000, 3), np.uint8)
    stripes[:, ::2] = 200
    found = read(saved(stripes), "a.png")
    assert abs(found.mean() - 100) < 1
    assert found.std() < 5  # no moiré: the stripes' own is 100


def bomb_png(width: int, height: int) -> bytes:
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    body = chunk(b"IDAT", zlib.compress(bytes(10**6)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def bomb_gif() -> bytes:
    """A screen of one pixel, and a frame of 65,535 squared in it."""
    content = bytearray(saved(Image.new("P", (1, 1)), "GIF"))
    at = content.index(b",")
    content[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    return bytes(content)


def bomb_text() -> bytes:
    """100 MB of text in 100 kB."""
    packed = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8)))
    content = saved(PIXELS)
    return content[:33] + packed + content[33:]


def many_scans() -> bytes:
    """A progressive JPEG, its last scan 100 times more: each passes over all pixels and takes 60 bytes."""
    content = saved(Image.new("RGB", (64, 64)), "JPEG", progressive=True)
    scan = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + 100 * scan + content[-2:]


PHOTO = images.SAMPLES["cat"].read_bytes()
BAD = {
    "empty": (b"", "is empty"),
    "text": (b"hello, world", "not an image"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG"),
    "svg with head": (b'\xef\xbb\xbf<?xml version="1.0"?><svg/>', "an SVG"),
    "pdf": (b"%PDF-1.7\n", "a PDF"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
    "truncated jpeg": (PHOTO[: len(PHOTO) // 2], "cut short"),
    "truncated png": (saved(RNG.integers(0, 256, (60, 60, 3), np.uint8))[:5000], "cut short"),
    "only a head": (saved(PIXELS)[:20], "'my photo'"),
    "20,000 a side": (bomb_png(20_000, 20_000), "400 million pixels are more than 24 million"),
    "12,000 a side": (bomb_png(12_000, 12_000), "12,000×12,000 pixels are more than 24 million"),
    "6,000 a side": (bomb_png(6_000, 6_000), "6,000×6,000 pixels are more than 24 million"),
    "24,000,000 high": (bomb_png(1, 24_000_000), "1×24,000,000 pixels are more than 65,535 a side"),
    "passes": (many_scans(), "stored in 110 passes, more than 100"),
    "webp": (saved(Image.new("RGB", (5000, 4000)), "WEBP", quality=1, method=0), "5,000×4,000 pixels are more than 12.5"),
    "gif frame": (bomb_gif(), "more than 24 million"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_bad_images_get_one_sentence(content, words) -> None:
    with pytest.raises(ImageError) as caught:
        read(content, "my photo")
    sentence = str(caught.value)
    assert words in sentence
    assert sentence.startswith("'my photo'")
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_broken_or_huge_metadata_does_not_stand_before_good_pixels() -> None:
    """A profile, texts and EXIF have nothing to do with the pixels; what packs 100 MB of text is never unpacked."""
    content, junk = saved(PIXELS), zlib.compress(bytes(10**7))
    profile = chunk(b"iCCP", b"icc\0\0" + junk)
    broken = chunk(b"eXIf", b"MM\0*\0\0\0\x08\xff\xff")[:-4] + b"none"  # its checksum is wrong
    for more in (profile, chunk(b"zTXt", b"a\0\0" + junk), chunk(b"iTXt", b"a\0\1\0\0\0" + junk), broken):
        np.testing.assert_array_equal(read(content[:33] + more + content[33:], "a.png"), PIXELS)
    np.testing.assert_array_equal(read(bomb_text(), "a.png"), PIXELS)
    jpeg = saved(Image.new("RGB", (9, 6), "red"), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05" + b"\x01\x12\xff" * 9)
    assert read(jpeg, "a.jpg").shape == (6, 9, 3)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG2000", "AVIF"])
def test_what_microscopes_and_phones_save_is_read(kind) -> None:
    """The first page of several, where the file has pages."""
    flat = Image.new("RGB", (40, 30), (200, 30, 90))
    options = {"save_all": True, "append_images": [Image.new("RGB", (40, 30))]} if kind == "TIFF" else {}
    found = read(saved(flat, kind, **options), "scan.dat")
    assert found.shape == (30, 40, 3)
    assert np.abs(found.astype(int) - (200, 30, 90)).max() <= 4


DEEP = {
    "counts": (np.linspace(0, 1176, 4096).astype(np.uint16), 0, 255),
    "a hot pixel": (np.append(np.linspace(0, 1000, 9999), 65_535).astype(np.uint16), 0, 250),
    "all of 16 bits": (np.linspace(0, 65_535, 4096).astype(np.uint16), 0, 255),
    "dark half": (np.array([0, 40_000] * 2048, np.uint16), 0, 155),
    "Hounsfield": (np.linspace(-1000, 400, 4096).astype(np.int32), 0, 255),
    "floats to 1": (np.linspace(0, 1, 4096).astype(np.float32), 0, 255),
    "no numbers": (np.array([np.nan, 0, np.inf, 1] * 64, np.float32), 0, 255),
    "all alike": (np.full(256, 7, np.uint16), 0, 0),
}


@pytest.mark.parametrize(("values", "least", "most"), DEEP.values(), ids=DEEP)
def test_pixels_of_more_than_8_bits_use_black_to_white(values, least, most) -> None:
    """Neither a black square nor a white one: what an image really holds, or the range of its type where it uses that."""
    side = int(len(values) ** 0.5)
    found = read(saved(values[: side * side].reshape(side, side), "TIFF"), "scan.tif")
    assert (found.min(), abs(int(found.max()) - most) <= 6) == (least, True)


def test_a_phones_heic_is_read_upright() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6  # a phone held upright
    lying = np.zeros((64, 96, 3), np.uint8)
    lying[:, :48] = (200, 30, 90)  # left: above, once it is turned
    found = read(saved(Image.fromarray(lying), "HEIF", quality=95, exif=exif.tobytes()), "IMG_0001.HEIC")
    assert found.shape == (96, 64, 3)
    assert np.abs(found[:40].astype(int) - (200, 30, 90)).mean() < 5
    assert found[56:].mean() < 5


def test_a_file_of_too_many_bytes_is_not_opened(monkeypatch) -> None:
    monkeypatch.setattr(images, "FILE", 100)
    with pytest.raises(ImageError, match="is over"):
        read(saved(PIXELS) + bytes(100), "a.png")


def test_fit_takes_the_middle_square() -> None:
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = (10, 200, 90)
    assert (fit(wide, 20, 3) == (10, 200, 90)).all()
    tall = np.ascontiguousarray(wide.transpose(1, 0, 2))
    assert (fit(tall, 20, 3) == (10, 200, 90)).all()


def test_fit_leaves_a_image_of_the_right_size_as_it_is() -> None:
    square = RNG.integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(fit(square, 32, 3), square)


def test_fit_to_one_channel_weighs_the_colours_as_rec_601_does() -> None:
    flat = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    grey = fit(flat, 8, 1)
    assert grey.shape == (8, 8, 1)
    assert abs(float(grey[0, 0, 0]) - (0.299 * 200 + 0.587 * 100 + 0.114 * 50)) < 1
    np.testing.assert_array_equal(fit(grey, 8, 1), grey)  # grey images of a data set


@pytest.mark.slow  # importing torch
@pytest.mark.parametrize("name", images.SAMPLES)
def test_fit_for_imagenet_is_torchvisions_own_transform(name) -> None:
    from torchvision.models import ResNet50_Weights

    weights = ResNet50_Weights.IMAGENET1K_V1
    preset = weights.transforms()
    photo = Image.open(images.SAMPLES[name]).convert("RGB")
    ours = fit(np.asarray(photo), preset.crop_size[0], 3, resize=preset.resize_size[0])
    mean, std = np.array(preset.mean), np.array(preset.std)
    np.testing.assert_allclose(preset(photo).permute(1, 2, 0).numpy(), (ours / 255 - mean) / std, atol=1e-5)


@pytest.mark.parametrize("resize", [0, 256])
@pytest.mark.parametrize("shape", [(300, 500), (500, 300), (400, 400)])
@pytest.mark.parametrize("place", [0.0, 0.35, 0.5, 1.0])
def test_what_fit_cuts_is_what_window_says(shape, resize, place) -> None:
    """Each pixel holds its own place: the corners of what is cut say where it was cut."""
    rows, columns = np.meshgrid(*(np.linspace(0, 255, n) for n in shape), indexing="ij")
    image = np.stack([rows, columns, rows], 2).round().astype(np.uint8)
    seen = images.fit(image, 224, 3, resize, place).astype(float)
    left, top, side = images.window(shape[1], shape[0], 224, resize, place)
    assert 0 <= left <= left + side <= shape[1]
    assert 0 <= top <= top + side <= shape[0]
    for corner, across, down in (((0, 0), left, top), ((-1, -1), left + side, top + side)):
        expected = 255 * down / shape[0], 255 * across / shape[1]
        np.testing.assert_allclose(seen[corner][:2], expected, atol=2.5)


@pytest.mark.parametrize(("shape", "axis"), [((300, 500), 1), ((500, 300), 0)])
def test_a_square_moves_along_the_longer_side_from_end_to_end(shape, axis) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    for place, part in ((0.0, slice(0, 300)), (1.0, slice(200, 500))):
        square = image[part] if axis == 0 else image[:, part]
        np.testing.assert_array_equal(images.fit(image, 300, 3, place=place), square)


def test_fit_says_how_many_channels_a_image_has() -> None:
    with pytest.raises(ImageError, match="takes 5 channels"):
        fit(PIXELS, 8, 5)


def test_the_samples_ship_small_and_credited() -> None:
    credits = (Path(__file__).parents[2] / "assets" / "README.md").read_text()
    for name, path in images.SAMPLES.items():
        assert path.stat().st_size < 60_000
        assert min(read(path.read_bytes(), name).shape[:2]) >= 256
        assert f"images/{path.name}" in credits
