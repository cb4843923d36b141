"""Shattered gradients (Balduzzi 2017, arXiv 1702.08591): do the gradients at two inputs still point the same way, in a deep net?

Fully connected nets at their start, as in the paper: Gaussian inputs, He's weights, each unit's mean over the inputs taken away
(or batch norm), and these statistics held fixed: the gradient does not go through them. Without that the laws do not hold. A
depth is a number of ReLU layers. Residual nets add: h + W·relu(h).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from resnet_viz.data.batches import generator
from resnet_viz.labs.gradients import one_thread
from resnet_viz.nets import models
from resnet_viz.spec.model import ModelSpec

DEPTHS = (1, 2, 3, 4, 6, 8, 12, 20, 32, 50)
# The kinds of net, and to which depth each is measured: beyond, it is below the noise.
DEEPEST = {"plain": 12, "residual": 20, "residual_bn": 50}
NETS, INPUTS, WIDTH = 10, 128, 256
CONV_NETS, CONV_INPUTS = 4, 32
POINTS = 256  # of the scalar input


def depths(kind: str) -> tuple[int, ...]:
    """The depths at which a kind of net is measured."""
    return tuple(d for d in DEPTHS if d <= DEEPEST[kind])


def _forward(kind: str, h: Tensor, depth: int, draws: torch.Generator) -> Tensor:
    """Inputs (K, N, D) of K nets, N each, through ``depth`` layers to one output each: (K, N)."""
    nets, _, width = h.shape
    for _ in range(depth):
        weights = torch.randn((nets, width, width), generator=draws) * (2 / width) ** 0.5
        normed = h
        if kind == "residual_bn":
            std, mean = torch.std_mean(h.detach(), 1, correction=0, keepdim=True)
            normed = (h - mean) / std
        active = torch.relu(normed)
        branch = (active - active.detach().mean(1, keepdim=True)) @ weights
        h = branch if kind == "plain" else h + branch
    return (h @ torch.randn((nets, width, 1), generator=draws)).squeeze(2)


def correlation(gradients: Tensor) -> Tensor:
    """Mean of ⟨g_i, g_j⟩ over pairs of inputs, over the mean of ‖g_i‖²: (K, N, D) → (K,)."""
    count = gradients.shape[1]
    own = gradients.square().sum((1, 2))
    return (gradients.sum(1).square().sum(1) - own) / ((count - 1) * own)


@one_thread()
def correlations(
    kind: str, at: Sequence[int], *, nets: int = NETS, inputs: int = INPUTS, width: int = WIDTH, seed: int = 0
) -> np.ndarray:
    """Correlation of the output's gradient between inputs, for ``nets`` random nets of each depth: (nets, depths) float64.

    ``kind``: of DEEPEST. ``at``: depths in ReLU layers. ``inputs``: Gaussian ones, ``width`` numbers each, as the layers.
    """
    by_depth = []
    for depth in at:
        draws = generator(seed, "shattering", kind, depth)
        x = torch.randn((nets, inputs, width), generator=draws).requires_grad_()
        (gradient,) = torch.autograd.grad(_forward(kind, x, depth, draws).sum(), x)
        by_depth.append(correlation(gradient))  # (nets,)
    return torch.stack(by_depth, 1).numpy().astype(np.float64)


def noise(nets: int = NETS, inputs: int = INPUTS, dimensions: int = WIDTH) -> float:
    """A mean correlation below this cannot be told from 0: 1.96 standard errors for gradients that are white noise."""
    return 1.96 * (2 / (inputs * (inputs - 1) * dimensions * nets)) ** 0.5


@one_thread()
def curve(kind: str, depth: int, *, width: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A scalar input from −2 to 2 (P,), and there the gradient (P,) of a net ``width`` units wide, as in the paper's figure 1.

    Units' statistics are over these inputs. The scalar enters by a random affine map, so that units switch at different places.
    """
    draws = generator(seed, "curve", kind, depth)
    x = torch.linspace(-2, 2, POINTS)[None, :, None].requires_grad_()
    weights, biases = torch.randn((2, 1, 1, width), generator=draws)
    (gradient,) = torch.autograd.grad(_forward(kind, x * weights + biases, depth, draws).sum(), x)
    return x.detach().numpy().ravel(), gradient.numpy().ravel()


def neighbours(gradient: np.ndarray) -> float:
    """Correlation r of a curve's gradient with itself one point on: near 1 for brown noise, near 0 for white."""
    return float(np.corrcoef(gradient[:-1], gradient[1:])[0, 1])


@one_thread()
def conv_correlation(spec: ModelSpec, *, nets: int = CONV_NETS, inputs: int = CONV_INPUTS, seed: int = 0) -> np.ndarray:
    """`correlations` for this app's networks: gradient of a random mix of the logits with respect to Gaussian images, (nets,).

    Batch norm's statistics are those of these images, held fixed as above. Raises SpecError.
    """
    by_net = []
    for number in range(nets):
        net = models.build(spec, seed + number).train()
        draws = generator(seed + number, "conv")
        x = torch.randn((inputs, spec.channels, spec.size, spec.size), generator=draws)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        with torch.no_grad():
            net(x)
        net.eval().requires_grad_(False)
        mix = torch.randn(spec.classes, generator=draws)
        (gradient,) = torch.autograd.grad((net(x.requires_grad_()) @ mix).sum(), x)
        by_net.append(correlation(gradient.reshape(1, inputs, -1)))
    return torch.cat(by_net).numpy().astype(np.float64)
