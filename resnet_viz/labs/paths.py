"""Paths through a residual network (Veit 2016, arXiv 1605.06431, section 4): how long they are, and which carry the gradient.

Each block gives a path two ways, by its branch or by its skip, so B blocks have 2^B paths, and C(B, k) of them pass k branches.
The gradient at the first block's input is the sum over all of them. Here it is split by k exactly, not by sampling: backward
through each block, the part that has passed k branches goes on as k by the skip and as k + 1 by the branch. Every ReLU, one after
an addition too, counts as the switch it is for this input; batch norm's own derivative is part of the branch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import binom
from torch import Tensor, nn

from resnet_viz.labs.gradients import batch, one_thread, run_spec
from resnet_viz.nets import models
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import SpecError

INPUTS = 8


@dataclass(frozen=True)
class Paths:
    """What paths through k = 0 to B branches carry.

    ``count``: share of all paths that are so long (B + 1,). ``share``: their part of the whole gradient, ⟨g_k, g⟩ / ‖g‖², which
    sums to 1; ``norm``: ‖g_k‖ / ‖g‖ (B + 1,). ``rest``: ‖Σ g_k − g‖ / ‖g‖, which would be 0 in exact arithmetic.
    """

    count: np.ndarray
    share: np.ndarray
    norm: np.ndarray
    rest: float

    @property
    def carrying(self) -> tuple[int, int, float]:
        """The fewest lengths in a row, from and to, that carry 95 % of the gradient, and the share of all paths that they are."""
        sums = np.concatenate([[0], np.cumsum(self.share)])
        runs = [(b - a, a, b) for a in range(len(sums)) for b in range(a, len(sums)) if sums[b] - sums[a] >= 0.95]
        _, first, end = min(runs)
        return first, end - 1, float(self.count[first:end].sum())


def _split(block: models.Block, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """A block's output for x, and in its graph F(x) and the skip's x (None without a skip)."""
    kept: dict[str, Tensor] = {}

    def keep(name: str, out: Tensor) -> Tensor:
        kept[name] = out.view_as(out)  # a node of its own: an identity skip is x itself, which the branch gets too
        return kept[name]

    hooks = [
        getattr(block, name).register_forward_hook(lambda _m, _i, out, name=name: keep(name, out))
        for name in ("branch_out", "shortcut_out")
        if hasattr(block, name)
    ]
    try:
        out = block(x)
    finally:
        for hook in hooks:
            hook.remove()
    return out, kept["branch_out"], kept.get("shortcut_out")


def _back(block: models.Block, x: Tensor, parts: Tensor) -> Tensor:
    """Parts (K, B, C', H', W') of the gradient at a block's output, by branches passed → (K + 1, B, C, H, W) at its input x."""
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        out, branch, skip = _split(block, x)
    ways = [branch] if skip is None else [branch, skip]
    at = torch.autograd.grad(out, ways, parts, is_grads_batched=True, retain_graph=True)
    total = x.new_zeros((len(parts) + 1, *x.shape))
    for number, (way, gradient) in enumerate(zip(ways, at, strict=True)):
        (back,) = torch.autograd.grad(way, x, gradient, is_grads_batched=True, retain_graph=True)
        total[1 - number : len(parts) + 1 - number] += back
    return total


def paths(net: nn.Module, x: Tensor, y: Tensor) -> Paths:
    """Split the gradient of the cross-entropy of labels y (B,) for images x (B, C, H, W) at the first block's input.

    ``net`` is one that `models.build` made, in the mode it is in. Raises SpecError where a path has no length: with gates.
    """
    blocks = models.blocks(net)
    if any(block.arch.shortcut.startswith("gate") for block in blocks):
        raise SpecError("A gate mixes branch and skip, so its paths have no length; choose another shortcut.")
    inputs: list[Tensor] = []
    hooks = [block.register_forward_pre_hook(lambda _m, args: inputs.append(args[0])) for block in blocks]
    last: list[Tensor] = []
    hooks.append(blocks[-1].register_forward_hook(lambda _m, _i, out: last.append(out)))
    try:
        loss = F.cross_entropy(net(x), y)
    finally:
        for hook in hooks:
            hook.remove()
    end, whole = torch.autograd.grad(loss, [last[0], inputs[0]])
    parts = end[None]
    for block, into in zip(reversed(blocks), reversed(inputs), strict=True):
        parts = _back(block, into, parts)
    flat, g = parts.flatten(1).double(), whole.flatten().double()
    size = g.norm()
    skips = sum(block.has_skip for block in blocks)  # a block without one lies on every path
    count = np.zeros(len(blocks) + 1)
    count[len(blocks) - skips :] = binom.pmf(np.arange(skips + 1), skips, 0.5)
    return Paths(
        count,
        (flat @ g / size**2).numpy(),
        (flat.norm(dim=1) / size).numpy(),
        float((flat.sum(0) - g).norm() / size),
    )


@one_thread()
def at_start(model: ModelSpec, seed: int = 0, images: str = "noise", inputs: int = INPUTS) -> Paths:
    """`paths` of a network before its first step, in training mode. Raises SpecError.

    ``seed``: of the weights and the images; ``images``: of `gradients.IMAGES`, ``inputs`` many.
    """
    spec = run_spec(model, seed, images, inputs)
    net = models.build(spec.model, seed).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x, y = batch(spec, images)
    return paths(net, x, y)
