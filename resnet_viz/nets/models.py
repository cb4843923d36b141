"""The blocks of `arch.py` as torch modules, with torchvision's parameter names; how each tensor starts.

One `Block` serves every family. Every use of ReLU is a module of its own and none works in place: attribution that hooks ReLUs
(Guided Backprop, DeepLIFT) and captured activations depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.train import seed_from


def _norm(of: ModelSpec | arch.Block, channels: int) -> nn.Module:
    # GroupNorm (Wu 2018) with 8 groups where nothing else is said: CIFAR nets are too narrow for its usual 32.
    return (
        nn.BatchNorm2d(channels) if of.norm == "batch" else nn.GroupNorm(math.gcd(of.norm_groups, channels), channels)
    )


# `skip_init`: their constructors would draw from torch's global generator, which attribution seeds and shares (`methods.seeded`);
# `start` gives every weight and bias its value.


def _conv(conv: arch.Conv) -> nn.Conv2d:
    padding, groups = conv.kernel // 2, conv.groups
    return skip_init(nn.Conv2d, conv.cin, conv.cout, conv.kernel, conv.stride, padding, groups=groups, bias=conv.bias)


def _head(layers: Sequence[arch.Conv]) -> nn.Module:
    """The classifier, (B, features) → logits (B, classes): one linear layer, or several with ReLU between them."""
    first, *rest = (skip_init(nn.Linear, layer.cin, layer.cout) for layer in layers)
    return nn.Sequential(first, *(module for layer in rest for module in (nn.ReLU(), layer))) if rest else first


class Block(nn.Module):
    """One block: x and F(x), joined as its shortcut says; F(x) alone where it has no skip.

    For hooks: F(x), any scale included, comes out of ``branch_out``; what it is joined with (the strided, padded, pooled or
    projected x, before a gate or a 0.5) out of ``shortcut_out``, which a block without a skip has not; what the two make, before
    any ReLU, out of ``sum_out``. ``survives`` is this step's draw of stochastic depth (`set_survival`).
    """

    # There where the block has them.
    downsample: nn.Sequential
    gate: nn.Conv2d
    joint: nn.Conv2d
    scale: nn.Parameter

    def __init__(self, block: arch.Block) -> None:
        super().__init__()
        self.arch, self.has_skip, self.survives = block, block.has_skip, True
        path: list[str] = []  # the branch's modules, in order
        for number, conv in enumerate(block.convs, 1):
            setattr(self, f"conv{number}", _conv(conv))
            setattr(self, f"relu{number}", nn.ReLU())
            if conv.norm:
                setattr(self, f"bn{number}", _norm(block, conv.norm_channels))
            names = [f"bn{number}"] * bool(conv.norm) + [f"relu{number}"]
            path += [f"conv{number}", *names] if block.order == "original" else [*names, f"conv{number}"]
        if block.order == "original":
            delattr(self, path.pop())  # its last ReLU waits for the addition
        self.path = tuple(path)
        # In pre-activation a projection mostly gets what the branch's first convolution gets, as He's own code has it
        # (resnet-1k-layers); an identity is x itself, in the first block too.
        self.shared = 0 if block.raw or block.shortcut != "projection" else path.index("conv1")
        after = ["bn2"] * (block.order == "article" and block.norm != "none") + ["relu"] * (block.order != "preact")
        if "bn2" in after:
            self.bn2 = _norm(block, block.cout)
        if "relu" in after:
            self.relu = nn.ReLU()
        self.after = tuple(after)
        if block.scaled:
            self.scale = nn.Parameter(torch.zeros(()))
        if block.side and block.shortcut == "projection":
            norm = [_norm(block, block.cout)] if block.side.norm else []
            self.downsample = nn.Sequential(_conv(block.side), *norm)
        elif block.side:
            setattr(self, block.side.name.rpartition(".")[2], _conv(block.side))
        self.branch_out = nn.Identity()
        if block.has_skip:
            self.shortcut_out = nn.Identity()
        self.sum_out = nn.Identity()

    def _run(self, names: Sequence[str], x: Tensor) -> Tensor:
        for name in names:
            x = getattr(self, name)(x)
        return x

    def _branch(self, x: Tensor) -> Tensor:
        """F(x): (B, Cin, H, W) → (B, Cout, H', W')."""
        branch = self._run(self.path[self.shared :], x)
        if self.arch.scaled:
            branch = self.scale * branch
        if self.training:
            branch = branch if self.survives else 0 * branch
        elif self.arch.keep < 1:
            branch = self.arch.keep * branch
        return self.branch_out(branch)

    def _shortcut(self, x: Tensor) -> Tensor:
        """x: (B, Cin, H, W), in the shape of F(x): (B, Cout, H', W'); for concatenation (B, Cin, H', W')."""
        block = self.arch
        if block.shortcut == "projection":
            return self.downsample(x)
        if block.shortcut == "maxpool":
            return F.max_pool2d(x, 2, ceil_mode=True)
        if block.stride != 1:
            x = x[:, :, :: block.stride, :: block.stride]
        new = block.cout - block.cin
        if not new or block.shortcut == "concat":
            return x
        # Option A: zeros for the new channels, half on each side as in the best known public CIFAR nets.
        return F.pad(x, (0, 0, 0, 0, new // 2, new - new // 2))

    def _join(self, x: Tensor, shortcut: Tensor, branch: Tensor) -> Tensor:
        """(B, Cout, H', W'), as the kind of shortcut says (He 2015, section 3.3; He 2016, section 3.1)."""
        kind = self.arch.shortcut
        if kind == "concat":
            return self.joint(torch.cat([shortcut, branch], 1))
        if kind == "scaling":
            return 0.5 * shortcut + 0.5 * branch
        if kind.startswith("gate"):
            gate = torch.sigmoid(self.gate(x))
            return (1 - gate) * shortcut + (gate * branch if kind == "gate_exclusive" else branch)
        return shortcut + branch

    def forward(self, x: Tensor) -> Tensor:
        """(B, Cin, H, W) → (B, Cout, H', W')."""
        x = self._run(self.path[: self.shared], x)
        out = self._branch(x)
        if self.has_skip:
            out = self._join(x, self.shortcut_out(self._shortcut(x)), out)
        return self._run(self.after, self.sum_out(out))

    def without_branch(self, x: Tensor) -> Tensor:
        """What is left when F(x) is taken away (Veit 2016, section 4): the shortcut, joined with 0, and what follows the sum.

        A block without a skip is taken away whole, as Veit deletes layers of a plain net: x goes on as it is, where the shape
        changes in the form that option A gives it.
        """
        if not self.has_skip:
            return self._shortcut(x)
        x = self._run(self.path[: self.shared], x)
        shortcut = self.shortcut_out(self._shortcut(x))
        nothing = shortcut.new_zeros(()).expand(len(x), self.arch.cout, *shortcut.shape[2:])
        return self._run(self.after, self.sum_out(self._join(x, shortcut, nothing)))


def _stages(spec: ModelSpec) -> Iterator[tuple[str, nn.Sequential]]:
    """(layer1, its blocks), (layer2, its blocks), ..."""
    for stage, of_stage in groupby(arch.blocks(spec), lambda block: block.stage):
        yield f"layer{stage}", nn.Sequential(*map(Block, of_stage))


class ResNet(nn.Module):
    """Every family: He 2015 (section 4.2, table 1), He 2016, the article's. ``path`` names its modules in order but ``fc``."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        stem, head = arch.stem(spec), arch.head(spec)
        self.conv1 = _conv(stem)
        norm = ["bn1"] * bool(stem.norm or head[0].norm)
        if norm:  # pre-activation: its one free norm ends the net
            self.bn1 = _norm(spec, stem.norm_channels or head[0].norm_channels)
        if spec.order != "article":
            self.relu = nn.ReLU()
        pool = ["maxpool"] * (spec.family == "imagenet")
        if pool:
            self.maxpool = nn.MaxPool2d(3, 2, 1)
        stages = []
        for name, blocks in _stages(spec):
            setattr(self, name, blocks)
            stages.append(name)
        if spec.order != "article":
            self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = _head(head)
        self.path = {
            "original": ("conv1", *norm, "relu", *pool, *stages, "avgpool"),
            "preact": ("conv1", *stages, *norm, "relu", "avgpool"),
            "article": ("conv1", *stages),
        }[spec.order]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → logits (B, classes)."""
        for name in self.path:
            x = getattr(self, name)(x)
        return self.fc(torch.flatten(x, 1))


def build(spec: ModelSpec, seed: int = 0) -> nn.Module:
    """The network of a spec, each tensor started from (seed, its name): twins share every tensor they have in common.

    Maps (B, channels, size, size) float to logits (B, classes). Raises SpecError.
    """
    spec.validate()
    model = ResNet(spec)
    model.spec = spec  # type: ignore[assignment]
    start(model, spec, seed)
    return model


@torch.no_grad()
def start(model: nn.Module, spec: ModelSpec, seed: int) -> None:
    """Give every parameter its initial value.

    Convolutions: normal, std sqrt(2 / fan_in) (He 2015, arXiv 1502.01852, eq. 10). Classifier: uniform within 1 / sqrt(fan_in).
    Biases 0, a gate's ``gate_bias``; norms 1 and 0. On blocks with a skip alone: zero-gamma (Goyal 2017, section 5.1),
    SkipInit (De & Smith 2020), Fixup (Zhang 2019; our convolutions' biases stand for its scalar ones).
    """
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
    residual = [b for b in blocks(model) if b.has_skip]  # Fixup's L
    for block in residual:
        _start_branch(block, len(residual))
        if block.arch.shortcut.startswith("gate"):
            nn.init.constant_(block.get_parameter("gate.bias"), block.arch.gate_bias)
    if residual and spec.init == "fixup":
        model.get_parameter(f"{arch.head(spec)[-1].name}.weight").zero_()


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

    That is its norm where one follows it (He 2015, fig. 7), else the convolution itself. ``model`` is one that `build` made.
    """
    spec: Any = model.spec
    convs = (arch.stem(spec), *(conv for block in arch.blocks(spec) for conv in block.convs))
    return {c.name: model.get_submodule(c.norm if c.norm and spec.order == "original" else c.name) for c in convs}


def set_survival(model: nn.Module, generator: torch.Generator) -> None:
    """Draw which branches are kept in this step (stochastic depth, Huang 2016, section 3): a draw a block, from the generator.

    A dropped branch counts 0 and gets gradient 0 in training; in evaluation each counts with its keep probability.
    """
    every = blocks(model)
    draws = torch.rand(len(every), generator=generator).tolist()
    for block, draw in zip(every, draws, strict=True):
        block.survives = draw < block.arch.keep
