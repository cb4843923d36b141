"""What a network's layers make of an image: feature maps; a block's x, F(x) and sum; the output when F(x) counts less or more.

Maps come from captum's LayerActivation. Whatever hooks the model does so inside `probes.alone`: pages share models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from captum.attr import LayerActivation
from torch import Tensor, nn

from resnet_viz.nets import models, probes
from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec


def stem(spec: ModelSpec) -> str:
    """The module whose output goes into the first block."""
    return "maxpool" if spec.family == "imagenet" else "relu" if spec.order == "original" else "conv1"


def layers(spec: ModelSpec) -> tuple[str, ...]:
    """The modules whose outputs are the net's feature maps, in forward order: the stem, and every block."""
    return (stem(spec), *(block.name for block in arch.blocks(spec)))


def inside(block: arch.Block) -> tuple[str, ...]:
    """The ReLUs in a block's branch, such as "relu1"; one that waits for the addition gives the block's output instead."""
    return tuple(f"relu{n}" for n in range(1, len(block.convs) + (block.order != "original")))


@dataclass(frozen=True)
class Look:
    """One forward pass: each layer's output (B, C, H, W) by its module's name, and the logits (B, classes)."""

    maps: dict[str, Tensor]
    logits: Tensor


def look(model: nn.Module, x: Tensor, names: Sequence[str], forward: Callable[[Tensor], Tensor] | None = None) -> Look:
    """The outputs of all named modules for x (B, C, H, W), from one forward pass (``forward``: another way through the model)."""
    logits: list[Tensor] = []

    def run(x: Tensor) -> Tensor:
        logits.append((forward or model)(x))
        return logits[-1]

    with probes.alone(model):
        maps = LayerActivation(run, [model.get_submodule(name) for name in names]).attribute(x)
    return Look(dict(zip(names, maps, strict=True)), logits[0])


@dataclass(frozen=True)
class Survey:
    """All of a net's feature maps for one image, (C, H, W) by layer; ``shares``: ‖F(x)‖ ÷ ‖x‖ a block, NaN without a skip."""

    maps: dict[str, Tensor]
    logits: Tensor  # (classes,)
    shares: Tensor  # (blocks,)


def survey(model: nn.Module, x: Tensor) -> Survey:
    """All `layers` of the model for x (1, C, H, W), and every block's branch share, from one forward pass."""
    spec: ModelSpec = model.spec  # type: ignore[assignment]
    with probes.alone(model), probes.branch_shares(models.blocks(model)) as shares:
        seen = look(model, x, layers(spec))
    return Survey({name: maps[0] for name, maps in seen.maps.items()}, seen.logits[0], torch.stack(shares))


def strength(maps: Tensor) -> Tensor:
    """How strongly each channel answers: the mean of |a| over its cells. (..., C, H, W) → (..., C)."""
    return maps.abs().mean((-2, -1))


@torch.no_grad()
def scaled(model: nn.Module, x: Tensor, number: int, alpha: float) -> Tensor:
    """Logits (B, classes) for x (B, C, H, W) when block ``number`` (from 1) joins its input with alpha·F; at 1 the net's own."""
    branch = models.blocks(model)[number - 1].branch_out
    with probes.alone(model):
        handle = branch.register_forward_hook(lambda _module, _inputs, out: alpha * out)
        try:
            return model(x)
        finally:
            handle.remove()


@dataclass(frozen=True)
class Triptych:
    """A block at work on one image, each (C, H, W): x as it is added (halved, padded, projected), F(x), what the two make, and
    what leaves the block. Without a skip ``x`` is what came in, maybe of another shape, and the sum is F(x) alone. ``inside``:
    what the branch's ReLUs give, by their names in the block.
    """

    x: Tensor
    branch: Tensor
    total: Tensor
    out: Tensor
    inside: dict[str, Tensor]
    logits: Tensor  # (classes,)


def triptych(model: nn.Module, x: Tensor, number: int, alpha: float = 1.0) -> Triptych:
    """Block ``number`` (from 1) at work on x (1, C, H, W), its F(x) counting ``alpha`` times in the sum. One forward pass."""
    blocks = models.blocks(model)
    block = blocks[number - 1].arch
    before = blocks[number - 2].arch.name if number > 1 else stem(model.spec)  # type: ignore[arg-type]
    names = (
        f"{block.name}.shortcut_out" if block.has_skip else before,
        f"{block.name}.branch_out",
        f"{block.name}.sum_out",
        block.name,
        *(f"{block.name}.{relu}" for relu in inside(block)),
    )
    # `scaled` hooks the branch when captum has hooked it already: what captum keeps is F(x) before alpha.
    seen = look(model, x, names, lambda x: scaled(model, x, number, alpha))
    added, branch, total, out, *more = (seen.maps[name][0] for name in names)
    return Triptych(added, branch, total, out, dict(zip(inside(block), more, strict=True)), seen.logits[0])


def kernels(model: nn.Module) -> Tensor:
    """The first convolution's weights, (Cout, C, k, k)."""
    return model.get_parameter("conv1.weight").detach()


@dataclass(frozen=True)
class Excitement:
    """How much each of N images excites each channel of a layer: its largest activation, (N, C), and the cell that it is in."""

    values: Tensor
    rows: Tensor
    columns: Tensor
    size: tuple[int, int]  # cells of a map, rows and columns

    def top(self, channel: int, k: int) -> Tensor:
        """The images that excite a channel most, strongest first: indices (k,), fewer where there are fewer images."""
        return self.values[:, channel].topk(min(k, len(self.values))).indices


def excitement(model: nn.Module, layer: str, batches: Iterable[Tensor]) -> Excitement:
    """`Excitement` of one layer by images that come in batches (B, C, H, W)."""
    values, cells, size = [], [], (1, 1)
    for x in batches:
        maps = look(model, x, [layer]).maps[layer]  # (B, C, H, W)
        size = (maps.shape[2], maps.shape[3])
        most = maps.flatten(2).max(2)
        values.append(most.values)
        cells.append(most.indices)
    where = torch.cat(cells)
    return Excitement(torch.cat(values), where // size[1], where % size[1], size)


def guesses(logits: Tensor, k: int = 5) -> list[tuple[int, float]]:
    """The k likeliest classes of logits (classes,) and their probabilities (softmax), likeliest first."""
    top = logits.softmax(0).topk(min(k, len(logits)))
    return list(zip(top.indices.tolist(), top.values.tolist(), strict=True))
