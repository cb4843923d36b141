"""What reading an image takes of memory, each kind in a process of its own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.test_deep import png16
from tests.data.test_images import RNG, bomb_png, saved

MEMORY = """
import re, sys
from pathlib import Path
from resnet_viz.data import images

def memory(what):
    return int(re.search(what + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

content = Path(sys.argv[1]).read_bytes()
images.read(images.SAMPLES["cat"].read_bytes(), "cat")  # what importing and a first image take is not counted
before = memory("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
try:
    images.read(content, "it")
except images.ImageError:
    pass
print(memory("VmHWM") - before, memory("VmRSS") - before)
"""


def _large(kind: str) -> bytes:
    """Images as large as are taken, in the kinds that take most memory to decode."""
    if kind == "bomb":
        return bomb_png(20_000, 20_000)
    size = (6000, 4000) if kind in ("PNG", "JPEG") else (4080, 3060)
    noise = RNG.integers(0, 256, (size[1] // 8, size[0] // 8, 4), np.uint8)
    image = Image.fromarray(noise).resize(size, Image.Resampling.NEAREST)
    if kind == "WEBP":
        return saved(image, "WEBP", save_all=True, append_images=[image.rotate(180)], method=0, quality=50)
    if kind == "16-bit colours":
        return png16(np.kron(RNG.integers(0, 3000, (306, 408, 4)), np.ones((10, 10, 1))).astype(np.uint16))
    if kind == "TIFF":
        counts = np.kron(RNG.integers(0, 3000, (612, 816)), np.ones((5, 5))).astype(np.uint16)
        return saved(counts, "TIFF", compression="tiff_deflate")
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
        return saved(image.convert("RGB"), kind, quality=50)
    if kind in ("JPEG2000", "AVIF"):
        options = {"quality_mode": "rates", "quality_layers": [20]} if kind == "JPEG2000" else {"speed": 10}
        return saved(image.convert("RGB"), kind, **options)
    if kind == "JPEG":
        return saved(image.convert("CMYK"), "JPEG", progressive=True, subsampling=0)
    return saved(image, "PNG", compress_level=1)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux to tell a process's memory")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "JPEG2000", "AVIF", "HEIF", "bomb", "16-bit colours"])
def test_reading_takes_less_than_300_mb_and_gives_it_back(kind, tmp_path) -> None:
    path = tmp_path / "large"
    path.write_bytes(_large(kind))
    command = [sys.executable, "-c", MEMORY, str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    peak, after = map(float, answer.stdout.split())
    assert peak < (290 if kind == "16-bit colours" else 250)  # MB; the upload itself takes up to 32
    assert after < 60
