"""torchvision's pretrained networks: their weights downloaded once, their classes by name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from resnet_viz.data import download
from resnet_viz.nets import bring, refs, weights
from resnet_viz.nets.refs import NetworkError, Source


def _weights(depth: int) -> Any:
    """IMAGENET1K_V1: the one version that there is for every depth, from the recipe of the paper, cut 224 from 256 pixels."""
    from torchvision.models import get_model_weights

    return get_model_weights(f"resnet{depth}").IMAGENET1K_V1


def fetch_torchvision(depth: int, progress: download.Progress = download.quiet) -> Source:
    """torchvision's pretrained network of a depth, downloaded unless it is there: once, whole or not at all, checked by its hash.

    A file of that name which the user has put into `refs.weights_home` is taken instead. Raises NetworkError.
    """
    source = refs.torchvision(depth)
    if source.path:
        return source
    published = _weights(depth)
    path = refs.torchvision_path(depth)
    file = path.with_name(published.url.rpartition("/")[2])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with download.alone(path.with_suffix(".lock"), lambda: progress(f"Waiting for {source.label}", 0, 0)):
            if not path.exists():
                _get(published.url, file, source.label, progress)
                progress(f"Unpacking {source.label}", 0, 0)
                _convert(file, source, published, path)
                file.unlink()
    except OSError as error:
        raise NetworkError(
            f"The weights of {source.label} are not on this machine and could not be downloaded ({download.reason(error)}); the "
            f"networks that ship and your own need no network, or put {file.name} into {path.parent}."
        ) from error
    return refs.torchvision(depth)


def _get(url: str, file: Path, label: str, progress: download.Progress) -> None:
    """Have the file there, its content checked by the eight digits of its SHA-256 in its name. Raises OSError."""
    brought = file.exists()
    if not brought:
        download.download([url], file, None, label, progress)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if not digest.startswith(file.stem.rpartition("-")[2]):
        if not brought:  # the user's own file stays
            file.unlink()
        raise OSError(f"{file.name} is damaged")


def _convert(file: Path, source: Source, published: Any, path: Path) -> None:
    """Write torchvision's file anew in the format that ships, with mean, std and the names of the classes beside the weights."""
    state = torch.load(file, map_location="cpu", weights_only=True)
    model = bring.fitted(file.name, source.spec, state, file.stat().st_size)
    preset = published.transforms()
    mean, std = (255 * torch.tensor(values) for values in (preset.mean, preset.std))  # (C,), grey levels
    weights.save(path, weights.Network(source, model, mean, std, tuple(published.meta["categories"])))
