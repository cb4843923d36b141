"""Which network a state dict is of, told by its names and shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from resnet_viz.nets.reading import FEW
from resnet_viz.nets.refs import NetworkError
from resnet_viz.spec.model import IMAGENET_DEPTHS, ModelSpec, stage_lengths
from resnet_viz.spec.run import SpecError


def infer(state: Mapping[str, Tensor], name: str = "the file", shortcut: str = "identity") -> ModelSpec:
    """The network that names and shapes of a state dict tell. ``shortcut``: that of nets whose shortcuts have no tensors.

    Raises NetworkError where it is of no family here.
    """
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    stem, head = shapes.get("conv1.weight", ()), shapes.get("fc.weight", ())
    stages: dict[int, set[int]] = {}
    for key in shapes:
        if found := re.match(r"layer(\d+)\.(\d+)\.", key):
            stages.setdefault(int(found[1]), set()).add(int(found[2]))
    lengths = tuple(len(stages[stage]) for stage in sorted(stages))
    others = [f"{key} {shape}" for key, shape in shapes.items() if len(shape) == 2]
    if len(stem) == 4 and lengths and len(head) != 2 and others:
        raise NetworkError(
            f"{name!r} has no single linear layer as its head, but {', '.join(others[:FEW])}; only a linear layer, with or "
            "without dropout before it, is read: train one in place of them."
        )
    if len(stem) != 4 or len(head) != 2 or not lengths:
        first = ", ".join(f"{key} {shape}" for key, shape in list(shapes.items())[:FEW])
        raise NetworkError(
            f"{name!r} is no residual network in torchvision's or the CIFAR nets' names: it has {first} ..., and not all of "
            "conv1.weight, layer1.0.conv1.weight and fc.weight."
        )
    imagenet = stem[2] == 7
    depths = IMAGENET_DEPTHS if imagenet else (6 * lengths[0] + 2,)
    bottleneck = "layer1.0.conv3.weight" in shapes
    fits = [
        d for d in depths if stage_lengths(_bare(imagenet, d)) == lengths and (not imagenet or (d >= 50) == bottleneck)
    ]
    if not fits or (bottleneck and not imagenet):
        blocks = "bottleneck" if bottleneck else "basic"
        raise NetworkError(
            f"{name!r} has a stem of {stem[2]}×{stem[3]} and stages of {', '.join(map(str, lengths))} {blocks} blocks; the nets "
            "here have 3×3 and three equal stages of basic blocks (CIFAR), or 7×7 and those of ResNet-18, 34, 50, 101 or 152."
        )
    count, projected = sum(lengths), sum(key.endswith("downsample.0.weight") for key in shapes)
    preact = shapes.get("layer2.0.bn1.weight", ())[:1] == shapes["layer2.0.conv1.weight"][1:2]
    kind = "batch" if "layer1.0.bn1.running_mean" in shapes else "group" if "layer1.0.bn1.weight" in shapes else "none"
    spec = replace(
        _bare(imagenet, fits[0]),
        shortcut=("projection_all" if projected == count else "projection") if projected
        else "concat" if "layer1.0.joint.weight" in shapes else shortcut,
        order="preact" if preact else "original",
        norm=kind,
        width=stem[0] / (64 if imagenet else 16),
        channels=stem[1],
        classes=head[0],
        size=224 if imagenet else 32,
    )  # fmt: skip
    try:
        spec.validate()
    except SpecError as error:
        raise NetworkError(f"{name!r} is of no network here: {error}") from error
    return spec


def _bare(imagenet: bool, depth: int) -> ModelSpec:
    return ModelSpec("imagenet" if imagenet else "cifar", depth)
