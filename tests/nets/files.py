"""What tests of brought checkpoints share: small networks, files of them, and their logits."""

import io
from dataclasses import replace

import torch
from torch import Tensor

from resnet_viz.nets import models, weights
from resnet_viz.spec.model import ModelSpec

SMALL = ModelSpec(depth=8, width=0.25)
SMALL_50 = ModelSpec("imagenet", 50, "projection", width=0.125, size=224)
SMALL_MLP = replace(SMALL, hidden=(12, 6))
HALF = {"mean": [0.5] * 3, "std": [0.25] * 3}


def state(spec: ModelSpec = SMALL, seed: int = 3) -> dict[str, Tensor]:
    return models.build(spec, seed).state_dict()


def saved(held: object, **options) -> bytes:
    file = io.BytesIO()
    torch.save(held, file, **options)
    return file.getvalue()


def images(channels: int = 3, size: int = 32) -> Tensor:
    """Two images of noise, (2, C, S, S), the same ones at every call."""
    return torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(0))


def logits(network: weights.Network) -> Tensor:
    return network.model(images(network.spec.channels))


def expected(spec: ModelSpec, seed: int = 3) -> Tensor:
    """The logits of the net whose weights `state` gives."""
    with torch.no_grad():
        return models.build(spec, seed).eval()(images(spec.channels))
