"""A ModelSpec's blocks, without torch: shapes, parameters, multiply-adds and activation bytes of every block.

`models.build` makes its modules from the same list, so what is said here is what is trained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from resnet_viz.spec import ModelSpec, stage_lengths


@dataclass(frozen=True)
class Conv:
    """A convolution (or, with ``kernel`` 0, a linear layer) and the norm behind or before it, if any."""

    name: str
    cin: int
    cout: int
    kernel: int
    stride: int
    size_out: int
    bias: bool
    norm: str = ""  # parameter name of its norm
    norm_channels: int = 0

    @property
    def parameters(self) -> int:
        weights = self.cin * self.cout * max(1, self.kernel) ** 2 + self.bias * self.cout
        return weights + 2 * self.norm_channels

    @property
    def multiply_adds(self) -> int:
        """Per picture; a norm's are not counted."""
        return self.cin * self.cout * max(1, self.kernel) ** 2 * self.size_out**2

    @property
    def activations(self) -> int:
        """Numbers kept for the backward pass, per picture: its output, and its norm's."""
        return self.cout * self.size_out**2 * (2 if self.norm else 1)


@dataclass(frozen=True)
class Block:
    """One residual (or plain) block. ``shortcut`` is what this very block has: "none" in a plain net or where switched off."""

    number: int  # from 1
    name: str
    stage: int
    cin: int
    cout: int
    stride: int
    size_in: int
    size_out: int
    order: str
    norm: str
    shortcut: str
    init: str
    keep: float  # probability that the branch is kept in a step (stochastic depth)
    gate_bias: float
    convs: tuple[Conv, ...]
    side: Conv | None  # the shortcut's own convolution: projection, gate or joint

    @property
    def has_skip(self) -> bool:
        return self.shortcut != "none"

    @property
    def parameters(self) -> int:
        scale = self.init in ("skipinit", "fixup")
        # The article's block has a second norm, after the addition.
        after = 2 * self.cout * (self.order == "article" and self.norm != "none")
        return sum(c.parameters for c in self.layers) + scale + after

    @property
    def layers(self) -> tuple[Conv, ...]:
        return (*self.convs, self.side) if self.side else self.convs

    @property
    def multiply_adds(self) -> int:
        return sum(c.multiply_adds for c in self.layers)

    @property
    def activations(self) -> int:
        return sum(c.activations for c in self.layers)


def _channels(spec: ModelSpec) -> tuple[int, ...]:
    base = {"cifar": (16, 32, 64), "imagenet": (64, 128, 256, 512), "article": (16,)}[spec.family]
    return tuple(max(1, round(c * spec.width)) for c in base)


def _halved(size: int, stride: int) -> int:
    return math.ceil(size / stride)


def stem(spec: ModelSpec) -> Conv:
    """The first convolution (7x7, stride 2, and a max-pool behind it in the ImageNet family)."""
    imagenet = spec.family == "imagenet"
    channels, stride = _channels(spec)[0], 2 if imagenet else 1
    normed = spec.norm != "none" and spec.order == "original"
    return Conv(
        "conv1", spec.channels, channels, 7 if imagenet else 3, stride, _halved(spec.size, stride),
        bias=spec.norm == "none", norm="bn1" if normed else "", norm_channels=channels * normed,
    )  # fmt: skip


def _branch(spec: ModelSpec, name: str, cin: int, planes: int, cout: int, stride: int, size: int) -> tuple[Conv, ...]:
    """The convolutions of F(x), each with the norm that its order puts behind (original) or before it."""
    bottleneck = spec.family == "imagenet" and spec.depth >= 50
    if spec.order == "article":
        shapes = [(cin, cout, 1, stride)]
    elif bottleneck:  # torchvision strides in the 3x3 convolution
        shapes = [(cin, planes, 1, 1), (planes, planes, 3, stride), (planes, cout, 1, 1)]
    else:
        shapes = [(cin, planes, 3, stride), (planes, cout, 3, 1)]
    convs, bias, normed = [], spec.norm == "none", spec.norm != "none"
    for number, (a, b, kernel, step) in enumerate(shapes, 1):
        size = _halved(size, step)
        channels = b if spec.order == "original" else a
        convs.append(
            Conv(
                f"{name}.conv{number}",
                a,
                b,
                kernel,
                step,
                size,
                bias,
                f"{name}.bn{number}" if normed else "",
                channels * normed,
            )
        )
    return tuple(convs)


def _side(spec: ModelSpec, kind: str, name: str, cin: int, cout: int, stride: int, size_out: int) -> Conv | None:
    """The shortcut's own 1x1 convolution, if its kind has one."""
    if kind == "projection":
        normed = spec.norm != "none"
        return Conv(
            f"{name}.downsample.0", cin, cout, 1, stride, size_out, not normed,
            f"{name}.downsample.1" if normed else "", cout * normed,
        )  # fmt: skip
    if kind.startswith("gate"):
        return Conv(f"{name}.gate", cin, cout, 1, stride, size_out, bias=True)
    if kind == "concat":
        return Conv(f"{name}.joint", cin + cout, cout, 1, 1, size_out, bias=False)
    return None


def blocks(spec: ModelSpec) -> tuple[Block, ...]:
    """The network's blocks in order (He 2015, section 3.3, 4.2 and table 1; the article's network)."""
    expansion = 4 if spec.family == "imagenet" and spec.depth >= 50 else 1
    size = stem(spec).size_out
    if spec.family == "imagenet":
        size = _halved(size, 2)  # max-pool 3x3, stride 2, padding 1
    cin = _channels(spec)[0]
    lengths = stage_lengths(spec)
    total = sum(lengths)
    found: list[Block] = []
    for stage, (length, planes) in enumerate(zip(lengths, _channels(spec), strict=True), 1):
        for place in range(length):
            number, name = len(found) + 1, f"layer{stage}.{place}"
            # The article strides in its second block; the others in the first of each stage but the first.
            strided = (place == 1 and size > 1) if spec.family == "article" else (place == 0 and stage > 1)
            stride = 2 if strided else 1
            cout, size_out = planes * expansion, _halved(size, stride)
            kind = "none" if number in spec.no_skip else spec.shortcut
            if kind in ("projection", "projection_all"):
                changes = stride != 1 or cin != cout
                kind = "projection" if changes or kind == "projection_all" else "identity"
            found.append(
                Block(
                    number, name, stage, cin, cout, stride, size, size_out, spec.order, spec.norm, kind,
                    init=spec.init if kind != "none" else "he",
                    keep=1 - number / total * spec.drop if kind != "none" else 1.0,
                    gate_bias=spec.gate_bias,
                    convs=_branch(spec, name, cin, planes, cout, stride, size),
                    side=_side(spec, kind, name, cin, cout, stride, size_out),
                )
            )  # fmt: skip
            cin, size = cout, size_out
    return tuple(found)


def head(spec: ModelSpec) -> Conv:
    """The classifier; in the article's network over all cells, else over their mean. Named after its norm in pre-activation."""
    last = blocks(spec)[-1]
    features = last.cout * (last.size_out**2 if spec.family == "article" else 1)
    normed = spec.order == "preact" and spec.norm != "none"
    return Conv("fc", features, spec.classes, 0, 1, 1, True, "bn1" if normed else "", last.cout * normed)


def convs(spec: ModelSpec) -> tuple[Conv, ...]:
    """Every convolution and the classifier, in forward order, a block's shortcut after its branch."""
    return (stem(spec), *(conv for block in blocks(spec) for conv in block.layers), head(spec))


def layers(spec: ModelSpec) -> tuple[str, ...]:
    """Parameter names of all convolution and linear weights, in forward order."""
    return tuple(f"{conv.name}.weight" for conv in convs(spec))


def _sum(spec: ModelSpec, what: str) -> int:
    return sum(getattr(part, what) for part in (stem(spec), *blocks(spec), head(spec)))


def parameters(spec: ModelSpec) -> int:
    """Trainable parameters; a 56-layer CIFAR net with option A has 853,018."""
    return _sum(spec, "parameters")


def multiply_adds(spec: ModelSpec) -> int:
    """Multiply-adds of one picture's forward pass, convolutions and classifier."""
    return _sum(spec, "multiply_adds")


def activation_bytes(spec: ModelSpec, itemsize: int = 4) -> int:
    """Bytes kept for the backward pass of one picture: the outputs of convolutions and of norms."""
    return _sum(spec, "activations") * itemsize
