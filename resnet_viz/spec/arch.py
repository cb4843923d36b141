"""A ModelSpec's blocks, without torch: shapes, parameters, multiply-adds and activation bytes of every block.

`models.build` makes its modules from the same list, so what is said here is what is trained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from resnet_viz.spec.model import ModelSpec, is_bottleneck, stage_channels, stage_lengths


@dataclass(frozen=True)
class Conv:
    """A convolution (or, with ``kernel`` 0, a linear layer) and the norm behind or before it, if any.

    ``size_out``: rows (= columns) of its output, in pixels. ``name`` is that of its parameters, such as "layer1.0.conv1".
    """

    name: str
    cin: int
    cout: int
    kernel: int
    stride: int
    size_out: int
    bias: bool
    norm: str = ""  # parameter name of its norm
    norm_channels: int = 0
    groups: int = 1

    @property
    def parameters(self) -> int:
        """Trainable ones, its norm's scale and shift included."""
        weights = self.cin // self.groups * self.cout * max(1, self.kernel) ** 2 + self.bias * self.cout
        return weights + 2 * self.norm_channels

    @property
    def multiply_adds(self) -> int:
        """Per image; a norm's are not counted."""
        return self.cin // self.groups * self.cout * max(1, self.kernel) ** 2 * self.size_out**2


@dataclass(frozen=True)
class Block:
    """One residual (or plain) block: ``cin`` channels of ``size_in``² pixels in, ``cout`` of ``size_out``² out.

    ``shortcut`` and ``init`` are what this very block has: "none" and "he" in a plain net or where the skip is switched off,
    "identity" where nothing changes shape and so needs no projection or pooling.
    """

    number: int  # from 1
    name: str  # of its module, such as "layer1.0"
    stage: int  # from 1
    cin: int
    cout: int
    stride: int
    size_in: int
    size_out: int
    order: str
    norm: str
    norm_groups: int  # of GroupNorm, at most
    shortcut: str
    init: str
    keep: float  # probability that the branch is kept in a step (stochastic depth)
    gate_bias: float
    convs: tuple[Conv, ...]
    side: Conv | None  # the shortcut's own convolution: projection, gate or joint
    raw: bool  # whether a projection gets x as it is; in pre-activation, else what the branch's first convolution gets

    @property
    def has_skip(self) -> bool:
        """Whether anything bypasses the branch."""
        return self.shortcut != "none"

    @property
    def layers(self) -> tuple[Conv, ...]:
        """The branch's convolutions, then the shortcut's own."""
        return (*self.convs, self.side) if self.side else self.convs

    @property
    def scaled(self) -> bool:
        """Whether the branch ends in a trainable scalar (SkipInit, Fixup)."""
        return self.init in ("skipinit", "fixup")

    @property
    def parameters(self) -> int:
        """Trainable ones."""
        # The article's block has a second norm, after the addition.
        after = 2 * self.cout * (self.order == "article" and self.norm != "none")
        return sum(c.parameters for c in self.layers) + self.scaled + after

    @property
    def multiply_adds(self) -> int:
        """Per image, convolutions alone."""
        return sum(c.multiply_adds for c in self.layers)

    @property
    def activations(self) -> int:
        """Numbers kept for the backward pass, per image: what norms, ReLUs and joins remember, each tensor once."""
        x, out, pair = self.cin * self.size_in**2, self.cout * self.size_out**2, 1 + (self.norm != "none")
        if self.order == "original":  # what the norm gets and what its ReLU gives, behind each convolution
            kept = pair * sum(c.cout * c.size_out**2 for c in self.convs)
        elif self.order == "preact":  # the same, before each convolution
            kept = pair * (x + sum(c.cout * c.size_out**2 for c in self.convs[:-1]))
        else:  # ReLU before the convolution; norm and ReLU behind the addition
            kept = x + pair * out
        kept += self.scaled * out
        if self.shortcut == "projection":
            kept += out * (self.side is not None and bool(self.side.norm))
            kept += x * (self.raw and self.order == "preact" and self.norm == "none")
        elif self.shortcut == "concat":
            kept += (self.cin + self.cout) * self.size_out**2
        elif self.shortcut.startswith("gate"):  # g, 1 − g, x where padded (or in no one else's keeping), F where gated
            kept += out * (2 + (self.shortcut == "gate_exclusive") + (self.cin != self.cout))
            kept += x * (self.order == "preact" and self.norm == "none")
        return kept


def _halved(size: int, stride: int) -> int:
    return math.ceil(size / stride)


def stem(spec: ModelSpec) -> Conv:
    """The first convolution (7x7, stride 2, and a max-pool behind it in the ImageNet family)."""
    imagenet = spec.family == "imagenet"
    channels, stride = spec.stem_channels or stage_channels(spec)[0], 2 if imagenet else 1
    normed = spec.norm != "none" and spec.order == "original"
    return Conv(
        "conv1", spec.channels, channels, 7 if imagenet else 3, stride, _halved(spec.size, stride),
        bias=spec.norm == "none", norm="bn1" if normed else "", norm_channels=channels * normed,
    )  # fmt: skip


def _branch(spec: ModelSpec, name: str, cin: int, planes: int, cout: int, stride: int, size: int) -> tuple[Conv, ...]:
    """The convolutions of F(x), each with the norm that its order puts behind (original) or before it."""
    groups = 1
    if spec.order == "article":
        shapes = [(cin, cout, 1, stride)]
    elif is_bottleneck(spec):
        groups = spec.groups
        inner = int(planes * spec.width_per_group / 64) * groups  # torchvision's count
        first, second = (stride, 1) if spec.stride_in_1x1 else (1, stride)
        shapes = [(cin, inner, 1, first), (inner, inner, 3, second), (inner, cout, 1, 1)]
    else:
        shapes = [(cin, planes, 3, stride), (planes, cout, 3, 1)]
    convs, bias, normed = [], spec.norm == "none", spec.norm != "none"
    for number, (a, b, kernel, step) in enumerate(shapes, 1):
        size = _halved(size, step)
        channels = b if spec.order == "original" else a
        norm = f"{name}.bn{number}" if normed else ""
        of = groups if kernel == 3 else 1
        convs.append(Conv(f"{name}.conv{number}", a, b, kernel, step, size, bias, norm, channels * normed, of))
    return tuple(convs)


def _side(spec: ModelSpec, kind: str, name: str, cin: int, cout: int, stride: int, size_out: int) -> Conv | None:
    """The shortcut's own 1x1 convolution, if its kind has one.

    A projection has a norm of its own in the original order (He 2015), none in pre-activation (He 2016, as its authors coded it).
    """
    if kind == "projection":
        normed = spec.norm != "none" and spec.order == "original"
        return Conv(
            f"{name}.downsample.0", cin, cout, 1, stride, size_out, spec.norm == "none",
            f"{name}.downsample.1" if normed else "", cout * normed,
        )  # fmt: skip
    if kind.startswith("gate"):
        return Conv(f"{name}.gate", cin, cout, 1, stride, size_out, bias=True)
    if kind == "concat":
        return Conv(f"{name}.joint", cin + cout, cout, 1, 1, size_out, bias=False)
    return None


@lru_cache(maxsize=32)
def blocks(spec: ModelSpec) -> tuple[Block, ...]:
    """The network's blocks in order (He 2015, sections 3.3 and 4.2, table 1; the article's network).

    The width factor scales the planes, not the bottleneck's expansion of 4. Keep probabilities are Huang 2016's
    1 − (l/L)(1 − p_L), l counting all blocks.
    """
    expansion = 4 if is_bottleneck(spec) else 1
    cin, size = stem(spec).cout, stem(spec).size_out
    if spec.family == "imagenet":
        size = _halved(size, 2)  # max-pool 3x3, stride 2, padding 1
    lengths = stage_lengths(spec)
    total = sum(lengths)
    found: list[Block] = []
    for stage, (length, planes) in enumerate(zip(lengths, stage_channels(spec), strict=True), 1):
        for place in range(length):
            number, name = len(found) + 1, f"layer{stage}.{place}"
            # The article strides in its second block alone (and never below 1 pixel); the others where a stage begins,
            # the first stage excepted.
            strided = (place == 1 and size > 1) if spec.family == "article" else (place == 0 and stage > 1)
            stride = 2 if strided else 1
            cout, size_out = planes * expansion, _halved(size, stride)
            kind = "none" if number in spec.no_skip else spec.shortcut
            if kind == "projection_all":
                kind = "projection"
            elif kind in ("projection", "maxpool") and stride == 1 and cin == cout:
                kind = "identity"
            found.append(
                Block(
                    number, name, stage, cin, cout, stride, size, size_out, spec.order, spec.norm, spec.norm_groups, kind,
                    init=spec.init if kind != "none" else "he",
                    keep=1 - number / total * spec.stochastic_depth if kind != "none" else 1.0,
                    gate_bias=spec.gate_bias,
                    convs=_branch(spec, name, cin, planes, cout, stride, size),
                    side=_side(spec, kind, name, cin, cout, stride, size_out),
                    raw=spec.order != "preact" or spec.raw_projection,
                )
            )  # fmt: skip
            cin, size = cout, size_out
    return tuple(found)


def head(spec: ModelSpec) -> tuple[Conv, ...]:
    """The classifier's layers, mostly one; in the article's network over all cells, else over their mean.

    In pre-activation the net's last norm goes with the first of them.
    """
    last = blocks(spec)[-1]
    features = last.cout * (last.size_out**2 if spec.family == "article" else 1)
    normed = spec.order == "preact" and spec.norm != "none"
    sizes = (features, *spec.hidden, spec.classes)
    names = [f"fc.{2 * n}" for n in range(len(spec.hidden) + 1)] if spec.hidden else ["fc"]
    first, *rest = (Conv(name, a, b, 0, 1, 1, True) for name, a, b in zip(names, sizes, sizes[1:], strict=False))
    return replace(first, norm="bn1" if normed else "", norm_channels=last.cout * normed), *rest


def layers(spec: ModelSpec) -> tuple[str, ...]:
    """Parameter names of all convolution and linear weights in forward order, a block's shortcut after its branch."""
    convs = (stem(spec), *(conv for block in blocks(spec) for conv in block.layers), *head(spec))
    return tuple(f"{conv.name}.weight" for conv in convs)


def _parts(spec: ModelSpec) -> tuple[Conv | Block, ...]:
    return (stem(spec), *blocks(spec), *head(spec))


def parameters(spec: ModelSpec) -> int:
    """Trainable parameters; a 56-layer CIFAR net with option A has 853,018."""
    return sum(part.parameters for part in _parts(spec))


def multiply_adds(spec: ModelSpec) -> int:
    """Multiply-adds of one image's forward pass: convolutions and classifier; norms, ReLUs and joins are not counted."""
    return sum(part.multiply_adds for part in _parts(spec))


def training_bytes(spec: ModelSpec, batch_size: int) -> int:
    """Bytes of one training: weights, gradients and momentum in float32, and what a batch keeps for the backward pass."""
    return 12 * parameters(spec) + batch_size * activation_bytes(spec)


@lru_cache(maxsize=32)
def activation_bytes(spec: ModelSpec, itemsize: int = 4) -> int:
    """Bytes that one image keeps for the backward pass, itself included, ``itemsize`` a number, each tensor once.

    Left out: norms' statistics, max-pooling's indices and the loss, a few hundredths of it.
    """
    first, found, pair = stem(spec), blocks(spec), 1 + (spec.norm != "none")
    start, last = found[0], found[-1]
    kept = spec.channels * spec.size**2 + sum(block.activations for block in found) + sum(spec.hidden)
    if spec.order == "original":
        kept += pair * first.cout * first.size_out**2 + last.cout  # the pooled features, which the classifier gets
    elif spec.order == "preact":
        kept += pair * last.cout * last.size_out**2 + last.cout
    else:
        kept += (pair - 1) * first.cout * first.size_out**2
    if spec.family == "imagenet":
        kept += start.cin * start.size_in**2  # what the max-pool gives
    return kept * itemsize
