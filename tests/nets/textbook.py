"""Residual nets as papers describe them, written for the tests alone, their parts named as public code bases name them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Kind:
    """Which net: widths double stage by stage; ``shortcut`` and ``head`` are the names of projections and classifier.

    ``v1``: bottlenecks stride in their first convolution. ``stem``: pixels a side of its kernel; 7 strides and pools, too.
    ``preact``: norm and ReLU stand before each convolution (He 2016); the projection, without a norm, then gets what they make
    of the input ("shared") or the input itself ("raw").
    """

    stages: Sequence[int]
    width: int
    bottleneck: bool = False
    stem: int = 3
    v1: bool = False
    shortcut: str = "downsample"
    head: str = "fc"
    preact: str = ""
    stem_channels: int = 0
    stage: str = "layer{}"
    last_norm: str = "bn1"


class Block(nn.Module):
    """Two 3x3 convolutions, or a bottleneck of 1x1, 3x3 and 1x1; the input is projected where the shape changes."""

    def __init__(self, kind: Kind, cin: int, planes: int, stride: int) -> None:
        super().__init__()
        if kind.bottleneck:
            first, second = (stride, 1) if kind.v1 else (1, stride)
            sizes = [(cin, planes, 1, first), (planes, planes, 3, second), (planes, 4 * planes, 1, 1)]
        else:
            sizes = [(cin, planes, 3, stride), (planes, planes, 3, 1)]
        self.kind, self.count, self.cout = kind, len(sizes), sizes[-1][1]
        for number, (a, b, kernel, step) in enumerate(sizes, 1):
            self.add_module(f"conv{number}", nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(a if kind.preact else b))
        self.beside = kind.shortcut if stride != 1 or cin != self.cout else ""
        if self.beside:
            projection = nn.Conv2d(cin, self.cout, 1, stride, bias=False)
            norm = [] if kind.preact else [nn.BatchNorm2d(self.cout)]
            self.add_module(
                self.beside, projection if self.beside == "convShortcut" else nn.Sequential(projection, *norm)
            )

    def forward(self, x: Tensor) -> Tensor:
        out, projected = x, x
        for number in range(1, self.count + 1):
            conv, norm = self.get_submodule(f"conv{number}"), self.get_submodule(f"bn{number}")
            if self.kind.preact:
                out = F.relu(norm(out))
                projected = out if number == 1 and self.kind.preact == "shared" else projected
                out = conv(out)
            else:
                out = norm(conv(out))
                out = F.relu(out) if number < self.count else out
        out = out + (self.get_submodule(self.beside)(projected) if self.beside else x)
        return out if self.kind.preact else F.relu(out)


class Net(nn.Module):
    """Stem, stages, mean over all pixels, classifier; the free norm is behind the stem or, in pre-activation, the stages."""

    def __init__(self, kind: Kind, classes: int = 10) -> None:
        super().__init__()
        self.kind, cin = kind, kind.stem_channels or kind.width
        self.conv1 = nn.Conv2d(3, cin, kind.stem, 2 if kind.stem == 7 else 1, kind.stem // 2, bias=False)
        self.stages = []
        free = cin
        for stage, count in enumerate(kind.stages):
            blocks = nn.Sequential()
            for place in range(count):
                block = Block(kind, cin, kind.width * 2**stage, 2 if stage and not place else 1)
                blocks.append(block)
                cin = block.cout
            outer, _, inner = kind.stage.format(stage + 1).partition(".")
            self.add_module(outer, nn.ModuleDict({inner: blocks}) if inner else blocks)
            self.stages.append(kind.stage.format(stage + 1))
        self.add_module(kind.last_norm, nn.BatchNorm2d(cin if kind.preact else free))
        self.add_module(kind.head, nn.Linear(cin, classes))

    def forward(self, x: Tensor) -> Tensor:
        norm, x = self.get_submodule(self.kind.last_norm), self.conv1(x)
        x = x if self.kind.preact else F.relu(norm(x))
        x = F.max_pool2d(x, 3, 2, 1) if self.kind.stem == 7 else x
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
        x = F.relu(norm(x)) if self.kind.preact else x
        return self.get_submodule(self.kind.head)(x.mean((2, 3)))


def made(kind: Kind) -> Net:
    """The net with weights and statistics as after some training: none of them 0 or 1."""
    torch.manual_seed(0)
    net = Net(kind)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


# kuangliu's ResNets for CIFAR, a sixteenth as wide; bearpaw's bottleneck nets (ResNet-164 has 18 blocks a stage); Wide ResNets.
KUANGLIU = Kind((2, 2, 2, 2), 4, shortcut="shortcut", head="linear")
KINDS = {
    "kuangliu 18": (KUANGLIU, "CIFAR ResNet-18"),
    "kuangliu 34": (replace(KUANGLIU, stages=(3, 4, 6, 3)), "CIFAR ResNet-34"),
    "kuangliu 50": (replace(KUANGLIU, stages=(3, 4, 6, 3), bottleneck=True), "CIFAR ResNet-50"),
    "bearpaw 29": (Kind((3, 3, 3), 16, bottleneck=True), "projection-29 bottleneck"),
    "bearpaw 164": (Kind((18, 18, 18), 4, bottleneck=True), "projection-164 bottleneck"),
    "bearpaw 164, pre-activated": (
        Kind((18, 18, 18), 4, bottleneck=True, preact="raw", last_norm="bn"), "projection-164 bottleneck"
    ),
    "Wide ResNet-16-2": (
        Kind((2, 2, 2), 32, preact="shared", shortcut="convShortcut", stem_channels=16, stage="block{}.layer"), "Wide ResNet-16-2"
    ),
    "three of unequal length": (Kind((1, 3, 2), 8), "projection-14"),
    "ResNet-26": (Kind((2, 2, 2, 2), 8, bottleneck=True, stem=7), "ResNet-26"),
    "ResNet-50 v1": (Kind((3, 4, 6, 3), 8, bottleneck=True, stem=7, v1=True), "ResNet-50"),
}  # fmt: skip
