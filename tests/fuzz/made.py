"""Whole files of every kind that is brought, small: what the fuzz damages."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile
import torch
from PIL import Image
from safetensors.torch import save

from resnet_viz.nets import models
from resnet_viz.nets.inferring import infer
from resnet_viz.nets.refs import Source, describe
from resnet_viz.spec.model import ModelSpec

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (16, 8, 8, 3), np.uint8), np.arange(16) % 2
LARGE = np.kron(X[0], np.ones((4, 4, 1), np.uint8))


def encoded(kind: str, **options) -> bytes:
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    file = io.BytesIO()
    Image.fromarray(options.pop("pixels", LARGE)).save(file, kind, **options)
    return file.getvalue()


def deep_tiff() -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, LARGE.astype(np.float32), photometric="rgb")
    return file.getvalue()


def arrays(**held: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **held)
    return file.getvalue()


def folders(packed: str, sheet: bool = False) -> bytes:
    """Class folders below train and test, or images beside a CSV."""
    names = [f"{split}/{'ab'[n % 2]}/{n}.png" for split in ("train", "test") for n in range(8)]
    files = {name: encoded("PNG") for name in names}
    if sheet:
        files = {f"images/{n}.png": encoded("PNG") for n in range(16)}
        files["labels.csv"] = "\n".join(["file,label", *(f"{n}.png,{'ab'[n % 2]}" for n in range(16))]).encode()
    file = io.BytesIO()
    if packed == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=file, mode=packed) as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def parquet() -> bytes:
    features = {"info": {"features": {"label": {"names": ["a", "b"]}}}}
    table = pa.table({"image": [{"bytes": encoded("PNG"), "path": f"{n}.png"} for n in range(16)], "label": Y})
    file = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), file)
    return file.getvalue()


def weights(kind: str) -> bytes:
    spec = ModelSpec(depth=8, width=0.25)
    state = models.build(spec, 0).state_dict()
    if kind == "plain safetensors":
        return save(state)
    if kind == "safetensors":
        source = Source("file:x", "mine", replace(infer(state), size=32), None, None)
        return save(state, describe(source, [1.0, 2.0, 3.0], [1.0, 1.0, 1.0], [str(n) for n in range(10)]))
    file = io.BytesIO()
    held = {"epoch": 3, "best": np.float64(0.9), "state_dict": state}
    torch.save(held, file, _use_new_zipfile_serialization=kind == "zip")
    return file.getvalue()


GREY = X[..., 0].astype(np.uint16) * 4
KINDS: dict[str, dict[str, Callable[[], bytes]]] = {
    "archive": {
        "zip": lambda: folders("zip"),
        "tar.gz": lambda: folders("w:gz"),
        "tar": lambda: folders("w"),
        "zip with a CSV": lambda: folders("zip", sheet=True),
        "Parquet": parquet,
    },
    "arrays": {
        "plain": lambda: arrays(x=X, y=Y),
        "splits and names": lambda: arrays(x=X, y=Y, x_test=X[:4], y_test=Y[:4], classes=np.array(["a", "b"])),
        "floats, one-hot": lambda: arrays(x=X.transpose(0, 3, 1, 2) / 255, y=np.eye(2)[Y]),
        "16 bits, texts": lambda: arrays(train_images=GREY, train_labels=np.array(["a", "b"])[Y]),
    },
    "image": {
        **{
            kind: lambda kind=kind: encoded(kind)
            for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF", "HEIF")
        },
        "progressive JPEG": lambda: encoded("JPEG", progressive=True),
        "16-bit PNG": lambda: encoded("PNG", pixels=np.kron(GREY[0], np.ones((4, 4), np.uint16))),
        "packed TIFF": lambda: encoded("TIFF", compression="tiff_lzw"),
        "TIFF of floats": deep_tiff,
    },
    "checkpoint": {
        kind: lambda kind=kind: weights(kind) for kind in ("zip", "legacy", "plain safetensors", "safetensors")
    },
}  # fmt: skip
