"""torchvision's pretrained networks: their weights downloaded once, their classes by name."""

from __future__ import annotations

import hashlib
import http.client
from pathlib import Path
from typing import Any

import torch

from resnet_viz.data import download
from resnet_viz.nets import bring, refs
from resnet_viz.nets.refs import NetworkError, Source


def _weights(depth: int) -> Any:
    """IMAGENET1K_V1: the one version that there is for every depth, from the recipe of the paper, cut 224 from 256 pixels."""
    from torchvision.models import get_model_weights

    return get_model_weights(f"resnet{depth}").IMAGENET1K_V1


def fetch_torchvision(depth: int, progress: download.Progress | None = None) -> Source:
    """torchvision's pretrained network of a depth, downloaded unless it is there: once, whole or not at all, checked by its hash.

    A file of that name which the user has put into `networks.weights_home` is taken instead. Raises NetworkError.
    """
    source, told = refs.torchvision(depth), progress or (lambda text, done, total: None)
    if source.path:
        return source
    weights = _weights(depth)
    path = refs.torchvision_path(depth)
    file = path.with_name(weights.url.rpartition("/")[2])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with download.alone(path.with_suffix(".lock"), lambda: told(f"Waiting for {source.label}", 0, 0)):
            if not path.exists():
                _get(weights.url, file, source.label, told)
                told(f"Unpacking {source.label}", 0, 0)
                _convert(file, source, weights, path)
                file.unlink()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise NetworkError(
            f"The weights of {source.label} are not on this machine and could not be downloaded ({reason}); the networks that "
            f"ship and your own need no network, or put {file.name} into {path.parent}."
        ) from error
    return refs.torchvision(depth)


def _get(url: str, file: Path, label: str, progress: download.Progress) -> None:
    """Have the file there, its content checked by the hash in its name. Raises OSError."""
    part = file.with_suffix(".part")
    if not file.exists():
        download.download([url], part, label, progress)
    with (file if file.exists() else part).open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if not digest.startswith(file.stem.rpartition("-")[2]):
        part.unlink(missing_ok=True)
        raise OSError(f"{file.name} is damaged")
    if not file.exists():
        part.replace(file)


def _convert(file: Path, source: Source, weights: Any, path: Path) -> None:
    state = torch.load(file, map_location="cpu", weights_only=True)
    model = bring.fitted(file.name, source.spec, state, file.stat().st_size)
    preset = weights.transforms()
    mean, std = (255 * torch.tensor(values) for values in (preset.mean, preset.std))
    weights.save(path, weights.Network(source, model, mean, std, tuple(weights.meta["categories"])))
