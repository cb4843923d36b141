"""The blocks of `arch.py` as torch modules, with torchvision's parameter names; how each tensor starts.

One `Block` serves every family. Every use of ReLU is a module of its own and none works in place: attribution that hooks ReLUs
(Guided Backprop, DeepLIFT) and captured activations depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_viz import arch
from resnet_viz.spec import ModelSpec, seed_from


def _norm(kind: str, channels: int) -> nn.Module:
    # GroupNorm (Wu 2018) with 8 groups where the channels allow: CIFAR nets are too narrow for its usual 32.
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(math.gcd(8, channels), channels)


def _conv(conv: arch.Conv) -> nn.Conv2d:
    return nn.Conv2d(conv.cin, conv.cout, conv.kernel, conv.stride, conv.kernel // 2, bias=conv.bias)


class Block(nn.Module):
    """One block: x → shortcut(x) + F(x), or F(x) alone where it has no skip.

    F(x), after any scale and before the addition, passes through ``branch_out``, so a hook there sees it. ``survives`` is this
    step's draw of stochastic depth.
    """

    # There where the block has them.
    downsample: nn.Sequential
    gate: nn.Conv2d
    joint: nn.Conv2d
    scale: nn.Parameter
    relu: nn.ReLU

    def __init__(self, block: arch.Block) -> None:
        super().__init__()
        self.arch, self.has_skip, self.survives = block, block.has_skip, True
        for number, conv in enumerate(block.convs, 1):
            setattr(self, f"conv{number}", _conv(conv))
            if conv.norm:
                setattr(self, f"bn{number}", _norm(block.norm, conv.norm_channels))
            setattr(self, f"relu{number}", nn.ReLU())
        if block.order == "article" and block.norm != "none":
            self.bn2 = _norm(block.norm, block.cout)
        if block.order != "preact":
            self.relu = nn.ReLU()
        if block.order == "original":
            delattr(self, f"relu{len(block.convs)}")  # the last one comes after the addition
        if block.init in ("skipinit", "fixup"):
            self.scale = nn.Parameter(torch.zeros(()))
        if block.side:
            side = _conv(block.side)
            if block.shortcut == "projection":
                norm = [_norm(block.norm, block.cout)] if block.side.norm else []
                self.downsample = nn.Sequential(side, *norm)
            else:
                setattr(self, block.side.name.rpartition(".")[2], side)
        self.branch_out = nn.Identity()

    def _branch(self, x: Tensor) -> Tensor:
        """F(x): (B, Cin, H, W) → (B, Cout, H', W')."""
        last = len(self.arch.convs)
        for number in range(1, last + 1):
            conv, norm = getattr(self, f"conv{number}"), getattr(self, f"bn{number}", nn.Identity())
            relu = getattr(self, f"relu{number}", None)
            if self.arch.order == "original":
                x = norm(conv(x))
                x = relu(x) if relu else x
            else:
                x = conv(relu(norm(x)))
        return x

    def _identity(self, x: Tensor) -> Tensor:
        """x in the shape of F(x): strided, and zeros for new channels on both sides (option A)."""
        block = self.arch
        if block.shortcut == "maxpool" and block.stride == 2:
            x = F.max_pool2d(x, 2, ceil_mode=True)
        elif block.stride != 1:
            x = x[:, :, :: block.stride, :: block.stride]
        new = block.cout - block.cin
        return F.pad(x, (0, 0, 0, 0, new // 2, new - new // 2)) if new else x

    def _add(self, x: Tensor, branch: Tensor) -> Tensor:
        """The shortcut's value and the branch, joined as the kind of shortcut says (He 2015, 3.3; He 2016, 3.1)."""
        kind = self.arch.shortcut
        if kind == "projection":
            return self.downsample(x) + branch
        if kind == "concat":
            strided = x[:, :, :: self.arch.stride, :: self.arch.stride]
            return self.joint(torch.cat([strided, branch], 1))
        identity = self._identity(x)
        if kind == "scaling":
            return 0.5 * identity + 0.5 * branch
        if kind.startswith("gate"):
            gate = torch.sigmoid(self.gate(x))
            return (1 - gate) * identity + (gate * branch if kind == "gate_exclusive" else branch)
        return identity + branch

    def forward(self, x: Tensor) -> Tensor:
        branch = self._branch(x)
        if self.has_skip:
            if self.arch.init in ("skipinit", "fixup"):
                branch = self.scale * branch
            if self.training:
                branch = branch if self.survives else 0 * branch
            elif self.arch.keep < 1:
                branch = self.arch.keep * branch
        branch = self.branch_out(branch)
        out = self._add(x, branch) if self.has_skip else branch
        if self.arch.order == "article":
            out = getattr(self, "bn2", nn.Identity())(out)
        return out if self.arch.order == "preact" else self.relu(out)


class CifarNet(nn.Module):
    """The CIFAR family (He 2015, section 4.2), pre-activation too (He 2016), and the article's network."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.order, self.flatten = spec.order, spec.family == "article"
        stem, head = arch.stem(spec), arch.head(spec)
        self.conv1 = _conv(stem)
        norm_channels = stem.norm_channels or head.norm_channels  # pre-activation: its one free norm ends the net
        if norm_channels:
            self.bn1 = _norm(spec.norm, norm_channels)
        if self.order != "article":
            self.relu = nn.ReLU()
        for stage in range(1, len(_stages(spec)) + 1):
            setattr(self, f"layer{stage}", nn.Sequential(*(Block(b) for b in arch.blocks(spec) if b.stage == stage)))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(head.cin, head.cout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → logits (B, classes)."""
        norm = getattr(self, "bn1", nn.Identity())
        x = self.conv1(x)
        if self.order == "original":
            x = self.relu(norm(x))
        for stage in range(1, 4):
            x = getattr(self, f"layer{stage}")(x) if hasattr(self, f"layer{stage}") else x
        if self.order == "preact":
            x = self.relu(norm(x))
        x = x if self.flatten else self.avgpool(x)
        return self.fc(torch.flatten(x, 1))


def _stages(spec: ModelSpec) -> set[int]:
    return {b.stage for b in arch.blocks(spec)}


def _imagenet(spec: ModelSpec) -> nn.Module:
    """torchvision's own ResNet, whose blocks are ours."""
    from torchvision.models.resnet import BasicBlock, ResNet

    lengths = [sum(b.stage == s for b in arch.blocks(spec)) for s in sorted(_stages(spec))]
    net = ResNet(BasicBlock, lengths, num_classes=spec.classes)
    stem, head = arch.stem(spec), arch.head(spec)
    net.conv1 = nn.Conv2d(stem.cin, stem.cout, 7, 2, 3, bias=stem.bias)
    net.bn1 = _norm(spec.norm, stem.cout) if stem.norm else nn.Identity()
    net.relu = nn.ReLU()
    net.fc = nn.Linear(head.cin, head.cout)
    for block in arch.blocks(spec):
        stage, place = block.name.split(".")
        getattr(net, stage)[int(place)] = Block(block)
    return net


def build(spec: ModelSpec, seed: int = 0) -> nn.Module:
    """The network of a spec, each tensor started from (seed, its name): twins share every tensor they have in common.

    Maps (B, channels, size, size) float to logits (B, classes). Raises SpecError.
    """
    spec.validate()
    with torch.random.fork_rng(devices=[]):  # what the constructors draw is overwritten below, and disturbs nobody
        model = _imagenet(spec) if spec.family == "imagenet" else CifarNet(spec)
    start(model, spec, seed)
    return model


@torch.no_grad()
def start(model: nn.Module, spec: ModelSpec, seed: int) -> None:
    """Give every parameter its initial value (He 2015b eq. 10; Goyal 2017; De & Smith 2020; Zhang 2019)."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            generator = torch.Generator().manual_seed(seed_from(seed, f"{name}.weight"))
            fan_in = module.weight[0].numel()
            if isinstance(module, nn.Conv2d):
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * math.sqrt(2 / fan_in))
            else:
                module.weight.copy_((torch.rand(module.weight.shape, generator=generator) * 2 - 1) / math.sqrt(fan_in))
            if module.bias is not None:
                module.bias.zero_()
    residual = [b for b in blocks(model) if b.has_skip]
    for block in residual:
        _start_branch(block, len(residual))
        if hasattr(block, "gate"):
            block.gate.bias.fill_(block.arch.gate_bias)
    if residual and spec.init == "fixup":
        model.get_submodule("fc").weight.zero_()  # type: ignore[operator,union-attr]


def _start_branch(block: Block, count: int) -> None:
    convs = [getattr(block, f"conv{n}") for n in range(1, len(block.arch.convs) + 1)]
    match block.arch.init:
        case "zero_gamma":
            getattr(block, f"bn{len(convs)}").weight.zero_()
        case "skipinit":
            block.scale.zero_()
        case "fixup":
            block.scale.fill_(1)
            for conv in convs[:-1]:
                conv.weight.mul_(count ** (-1 / (2 * len(convs) - 2)))
            convs[-1].weight.zero_()


def blocks(model: nn.Module) -> list[Block]:
    """The network's blocks in order."""
    return [m for m in model.modules() if isinstance(m, Block)]


def response_modules(model: nn.Module) -> dict[str, nn.Module]:
    """For the stem and each convolution of a branch, the module whose output is its response before any nonlinearity.

    That is its norm where one follows it (He 2015, fig. 7), else the convolution itself.
    """
    found: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        where, _, last = name.rpartition(".")
        if last.startswith("conv"):
            parent: Any = model.get_submodule(where)
            after = (
                parent.arch.order == "original"
                if isinstance(parent, Block)
                else getattr(parent, "order", "original") == "original"
            )
            norm = getattr(parent, last.replace("conv", "bn"), None) if after else None
            found[name] = norm if norm is not None and not isinstance(norm, nn.Identity) else module
    return found


def set_survival(model: nn.Module, generator: torch.Generator) -> None:
    """Draw which branches are kept in this step (stochastic depth, Huang 2016): one draw a block, from the generator alone."""
    residual = blocks(model)
    draws = torch.rand(len(residual), generator=generator).tolist()
    for block, draw in zip(residual, draws, strict=True):
        block.survives = draw < block.arch.keep


def normalise_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict in this project's names: `module.` (DataParallel) taken off, `linear` called `fc`."""
    return {k.removeprefix("module.").replace("linear.", "fc."): v for k, v in state.items()}
