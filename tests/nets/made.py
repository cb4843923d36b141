"""What tests of networks share: one small net of each kind in all its variants, and images for them."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from resnet_viz.spec.model import IMAGENET_DEPTHS, INITS, NORMS, ORDERS, SHORTCUTS, ModelSpec
from resnet_viz.spec.run import SpecError

# One small net of each kind; block 2 of the last two has its skip switched off.
BASES = [
    ModelSpec(depth=8, width=0.5, size=9, channels=1, classes=4),
    ModelSpec(family="imagenet", depth=18, width=0.125, size=32, classes=5),
    ModelSpec(family="imagenet", depth=50, width=0.125, size=33, classes=5, stochastic_depth=0.3),
    ModelSpec(family="article", depth=5, size=7, channels=2, classes=3),
    ModelSpec(depth=14, width=0.25, size=8, stochastic_depth=0.5, no_skip=(2,)),
    ModelSpec(
        depth=14, stages=(1, 2, 1), groups=2, width_per_group=32, stride_in_1x1=True, hidden=(6,), size=9, classes=4
    ),
    ModelSpec(depth=8, width=2.0, stem_channels=16, order="preact", raw_projection=True, norm_groups=4, size=8),
]

_IMAGENET = ModelSpec("imagenet", 50, "projection", classes=1000, size=224)
# torchvision's networks, by their names there.
TORCHVISION = {
    **{f"resnet{depth}": replace(_IMAGENET, depth=depth) for depth in IMAGENET_DEPTHS},
    "resnext50_32x4d": replace(_IMAGENET, groups=32, width_per_group=4),
    "resnext101_32x8d": replace(_IMAGENET, depth=101, groups=32, width_per_group=8),
    "resnext101_64x4d": replace(_IMAGENET, depth=101, groups=64, width_per_group=4),
    "wide_resnet50_2": replace(_IMAGENET, width_per_group=128),
    "wide_resnet101_2": replace(_IMAGENET, depth=101, width_per_group=128),
}


def valid(base: ModelSpec) -> Iterator[ModelSpec]:
    """All variants of a net that mean something."""
    for shortcut, order, norm, init in product(SHORTCUTS, ORDERS, NORMS, INITS):
        plain = {"stochastic_depth": 0.0, "no_skip": ()} if shortcut == "none" else {}
        spec = replace(base, shortcut=shortcut, order=order, norm=norm, init=init, **plain)
        if shortcut == "concat":
            spec = replace(spec, stochastic_depth=0.0)
        try:
            spec.validate()
        except SpecError:
            continue
        yield spec


def images(spec: ModelSpec, count: int = 2, seed: int = 0) -> Tensor:
    """Random images as a net takes them, (count, C, S, S)."""
    return torch.randn(count, spec.channels, spec.size, spec.size, generator=torch.Generator().manual_seed(seed))


def strided(x: Tensor) -> Tensor:
    """Option A, said another way: every second pixel, and as many channels of zeros on either side as it takes."""
    zeros = torch.zeros(len(x), x.shape[1] // 2, -(-x.shape[2] // 2), -(-x.shape[3] // 2))
    return torch.cat([zeros, x[:, :, ::2, ::2], zeros], 1)
