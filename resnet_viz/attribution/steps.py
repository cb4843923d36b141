"""A network's seven steps from an image to a better network, one at a time, in numbers that can be worked out by hand.

For the CIFAR family in its original order (He 2015, section 4.2): input, convolution, ReLU, x + F(x), shortcut, pooling and
classifier, one step of gradient descent. Images are (1, C, H, W), already normalised (`weights.Network.prepare`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from resnet_viz.attribution import features
from resnet_viz.nets import models, probes
from resnet_viz.spec.model import ModelSpec


@dataclass(frozen=True)
class Cell:
    """One number that a convolution makes: the window it looks at and its kernel, both (C, k, k), and their sum of products."""

    window: Tensor
    kernel: Tensor
    value: float


@torch.no_grad()
def cell(model: nn.Module, x: Tensor, channel: int, row: int, column: int) -> Cell:
    """What the first convolution makes in one cell of one of its channels, worked out by itself."""
    kernel = features.kernels(model)[channel]  # (C, k, k)
    size = kernel.shape[-1]
    window = F.pad(x[0], (size // 2,) * 4)[:, row : row + size, column : column + size]
    return Cell(window, kernel, float((window * kernel).sum()))


@torch.no_grad()
def convolved(model: nn.Module, x: Tensor) -> Tensor:
    """What the first convolution makes: (C', H, W)."""
    return model.get_submodule("conv1")(x)[0]


def moved(model: nn.Module, x: Tensor) -> float:
    """The largest difference between the convolution of an image moved right by one, and its convolution moved right by one.

    Away from the border, where zeros come in; as a share of the largest number that the convolution makes.
    """
    before, after = convolved(model, x), convolved(model, x.roll(1, 3))
    inner = (..., slice(2, -2), slice(3, -2))
    return float((after - before.roll(1, 2))[inner].abs().max() / before.abs().max())


@torch.no_grad()
def rectified(model: nn.Module, x: Tensor, shift: float = 0.0) -> tuple[Tensor, Tensor]:
    """The stem's maps before its ReLU, all raised by ``shift``, and what ReLU leaves of them: both (C', H, W)."""
    before = model.get_submodule("bn1")(convolved(model, x)[None])[0] + shift
    return before, torch.relu(before)


def entering(model: nn.Module, x: Tensor, number: int) -> Tensor:
    """What goes into block ``number`` (from 1): (1, C, H, W)."""
    spec: ModelSpec = model.spec  # type: ignore[assignment]
    name = features.layers(spec)[number - 1]
    return features.look(model, x, [name]).maps[name]


@dataclass(frozen=True)
class Slopes:
    """How one number of a block's F(x), and the same one of its sum y = x + F(x), follow one number of x; each by autograd."""

    branch: float
    total: float


def slopes(model: nn.Module, x: Tensor, number: int, channel: int, row: int, column: int) -> Slopes:
    """∂F/∂x and ∂y/∂x of block ``number`` (from 1), all at one channel and cell; two passes back, neither made from the other."""
    block = models.blocks(model)[number - 1]
    h = entering(model, x, number).detach().requires_grad_()
    kept: dict[str, Tensor] = {}
    with probes.alone(model):
        hooks = [
            module.register_forward_hook(lambda _m, _i, out, name=name: kept.__setitem__(name, out))
            for name, module in (("branch", block.branch_out), ("total", block.sum_out))
        ]
        try:
            block(h)
        finally:
            for hook in hooks:
                hook.remove()
    branch, total = (
        float(
            torch.autograd.grad(kept[name][0, channel, row, column], h, retain_graph=True)[0][0, channel, row, column]
        )
        for name in ("branch", "total")
    )
    return Slopes(branch, total)


def reach(model: nn.Module, x: Tensor, number: int) -> Tensor:
    """By how much each block's output changes when block ``number`` hands on x alone: (blocks,), ‖change‖ ÷ ‖output‖."""
    names = [block.arch.name for block in models.blocks(model)]
    untouched = features.look(model, x, names).maps
    changed = features.look(model, x, names, lambda x: features.scaled(model, x, number, 0.0)).maps
    return torch.stack([(changed[name] - untouched[name]).norm() / untouched[name].norm() for name in names])


@dataclass(frozen=True)
class Ending:
    """The end of a network: its last maps (C, H, W), their means (C,), and the classifier's weights (classes, C), biases."""

    maps: Tensor
    means: Tensor
    weights: Tensor
    biases: Tensor

    @property
    def logits(self) -> Tensor:
        """(classes,): each class's weights times the means, and its bias."""
        return self.weights @ self.means + self.biases


def ending(model: nn.Module, x: Tensor, shuffled: bool = False) -> Ending:
    """Global average pooling and classifier; ``shuffled``: with the cells of every map in another order, the same for all."""
    maps = entering(model, x, len(models.blocks(model)) + 1)[0]
    if shuffled:
        order = torch.randperm(maps[0].numel(), generator=torch.Generator().manual_seed(0))
        maps = maps.flatten(1)[:, order].reshape(maps.shape)
    weights, biases = (model.get_parameter(f"fc.{name}").detach() for name in ("weight", "bias"))
    return Ending(maps, maps.mean((1, 2)), weights, biases)


@dataclass(frozen=True)
class Descent:
    """One step of gradient descent on one image: the loss −ln p before, ‖∂L/∂w‖, and the loss after it at each rate (R,)."""

    before: float
    gradient: float
    after: Tensor


def _loss(model: nn.Module, weights: Mapping[str, Tensor], x: Tensor, target: int) -> Tensor:
    return F.cross_entropy(functional_call(model, dict(weights), (x,)), torch.tensor([target]))


def _gradient(model: nn.Module, x: Tensor, target: int) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """The loss, a copy of the weights, and the gradient by each."""
    weights = {name: value.detach().clone().requires_grad_() for name, value in model.named_parameters()}
    loss = _loss(model, weights, x, target)
    return loss.detach(), weights, dict(zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True))


def descent(model: nn.Module, x: Tensor, target: int, rates: Sequence[float]) -> Descent:
    """w ← w − rate · ∂L/∂w from the same weights at each rate; BatchNorm as in evaluation. The model's own weights stay."""
    with probes.alone(model):
        before, weights, gradients = _gradient(model, x, target)
        with torch.no_grad():
            after = [_loss(model, {n: w - lr * gradients[n] for n, w in weights.items()}, x, target) for lr in rates]
    size = torch.stack([g.norm() for g in gradients.values()]).norm()
    return Descent(float(before), float(size), torch.stack(after))


def after_step(model: nn.Module, x: Tensor, target: int, rate: float, others: Tensor) -> Tensor:
    """The likeliest class of other images (N, C, H, W) after one such step on x alone: (N,)."""
    with probes.alone(model):
        _, weights, gradients = _gradient(model, x, target)
        with torch.no_grad():
            stepped = {name: value - rate * gradients[name] for name, value in weights.items()}
            return functional_call(model, stepped, (others,)).argmax(1)
