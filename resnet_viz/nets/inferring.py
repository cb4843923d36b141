"""Which network a state dict is of, told by its names and shapes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from resnet_viz.nets.reading import FEW
from resnet_viz.nets.refs import NetworkError
from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec, is_bottleneck, stage_lengths
from resnet_viz.spec.run import SpecError

STEMS = {3: "cifar", 7: "imagenet"}  # pixels a side of the first convolution's kernel → family


def infer(state: Mapping[str, Tensor], name: str = "the file", shortcut: str = "identity") -> ModelSpec:
    """The network that names and shapes of a state dict, in torchvision's names, tell.

    ``shortcut``: that of nets whose shortcuts have no tensors. Raises NetworkError where it is of no family here.
    """
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    convs = {key: shapes.get(key, ()) for key in ("conv1.weight", *(f"layer1.0.conv{n}.weight" for n in (1, 2, 3)))}
    for number, (key, shape) in enumerate(convs.items()):
        if len(shape) != 4 and (number < 2 or key in shapes):
            raise NetworkError(
                f"{name!r} is no residual network: its {key} has shape {shape}, not that of a convolution."
            )
    stem = convs["conv1.weight"]
    heads = [shapes[key] for key in head_weights(shapes)]
    _check_head(name, shapes, heads)
    if stem[2] not in STEMS:
        raise NetworkError(
            f"{name!r} has a stem of {stem[2]}×{stem[3]}; the nets here have one of 3×3 (CIFAR) or 7×7 (ImageNet)."
        )
    stages: dict[int, set[int]] = {}
    for key in shapes:
        if found := re.match(r"layer(\d+)\.(\d+)\.", key):
            stages.setdefault(int(found[1]), set()).add(int(found[2]))
    lengths = tuple(len(stages[stage]) for stage in sorted(stages))
    count, projected = sum(lengths), sum(key.endswith("downsample.0.weight") for key in shapes)
    kind = "batch" if "layer1.0.bn1.running_mean" in shapes else "group" if "layer1.0.bn1.weight" in shapes else "none"
    family, bottleneck = STEMS[stem[2]], "layer1.0.conv3.weight" in shapes
    groups, width_per_group = _groups(shapes) if bottleneck else (1, 64)
    last = shapes.get(f"layer1.0.conv{3 if bottleneck else 2}.weight", stem)
    planes = last[0] // 4 if bottleneck else last[0]
    spec = ModelSpec(
        family,
        depth=2 + (3 if bottleneck else 2) * count,
        shortcut="projection" if projected else "concat" if "layer1.0.joint.weight" in shapes else shortcut,
        order="preact" if _is_preact(shapes) else "original",
        norm=kind,
        norm_groups=32 if kind == "group" and stem[0] % 32 == 0 else 8,  # the usual number (Wu 2018); no tensor tells it
        width=planes / (64 if family == "imagenet" else 16),
        stem_channels=0 if stem[0] == planes else stem[0],
        channels=stem[1],
        classes=heads[-1][0],
        size=224 if family == "imagenet" else 32,
        stages=lengths,
        hidden=tuple(shape[0] for shape in heads[:-1]),
        groups=groups,
        width_per_group=width_per_group,
    )  # fmt: skip
    try:
        spec.validate()
        needed = sum(block.shortcut == "projection" for block in arch.blocks(spec))
        spec = replace(spec, shortcut="projection_all") if needed < projected == count else spec
        usual = replace(spec, stages=())
        with contextlib.suppress(SpecError):  # where the depth alone says it, nothing else does
            usual.validate()
            spec = usual if stage_lengths(usual) == lengths and is_bottleneck(usual) == bottleneck else spec
    except SpecError as error:
        raise NetworkError(f"{name!r} is of no network here: {error}") from error
    return spec


def head_weights(keys: Iterable[str]) -> list[str]:
    """The weights of the head's linear layers, in torchvision's names, in forward order."""
    return sorted((key for key in keys if re.fullmatch(r"fc\.(\d+\.)?weight", key)), key=lambda key: (len(key), key))


def _check_head(name: str, shapes: Mapping[str, tuple[int, ...]], heads: Sequence[tuple[int, ...]]) -> None:
    """Raise NetworkError where there is no head of linear layers."""
    others = [f"{key} {shape}" for key, shape in shapes.items() if len(shape) == 2]
    if any(len(shape) != 2 for shape in heads) or (not heads and others):
        raise NetworkError(
            f"{name!r} has no head that is read here, but {', '.join(others[:FEW])}: linear layers alone are, with or without "
            "dropout, each taking what the one before gives."
        )
    if not heads:
        raise NetworkError(
            f"{name!r} has no linear layer behind its blocks; it is a backbone without a head: bring the whole net."
        )


def _is_preact(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a block's first norm is of what comes in, told where a block changes the number of channels."""
    for key, shape in shapes.items():
        if re.fullmatch(r"layer\d+\.0\.conv1\.weight", key) and len(shape) == 4 and shape[0] != shape[1]:
            return shapes.get(key.replace("conv1", "bn1")) == shape[1:2]
    return False


def _groups(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
    """``groups`` and ``width_per_group`` of the first block, a bottleneck; a fraction is cut, and then its shapes don't fit."""
    inner, of_group = shapes.get("layer1.0.conv2.weight", ())[:2] or (1, 1)
    planes = shapes["layer1.0.conv3.weight"][0] // 4
    return max(1, inner // max(1, of_group)), 64 * of_group // max(1, planes)
