"""What is measured inside a network. Hooks are context managers, gone after success and error alike.

Norms are taken in float32 whatever the precision of the pass, and stay on the device until the step's one transfer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from resnet_viz.nets.models import Block

# Activations are looked at every so many steps: at every step it would cost 8 % of a step.
ACTIVATIONS_EVERY = 8


def norm(x: Tensor) -> Tensor:
    """‖x‖ as a 0-d float32 tensor on its device, outside of the graph."""
    return torch.linalg.vector_norm(x.detach(), dtype=torch.float32)


def to_host(measured: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Vectors (N,) as float32 on the host, in one transfer; those of other devices are brought to the first that is no CPU."""
    device = next((v.device for v in measured.values() if v.device.type != "cpu"), torch.device("cpu"))
    flat = torch.cat([v.to(device, torch.float32) for v in measured.values()]).cpu().numpy()
    ends = np.cumsum([len(v) for v in measured.values()])
    return dict(zip(measured, np.split(flat, ends[:-1]), strict=True))


_LOCKS: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()
_LOCKS_GUARD = threading.Lock()


def alone(model: nn.Module) -> AbstractContextManager[bool]:
    """Have a model to oneself: others who ask for the same one, in other threads, wait until it is given back.

    A hook sees every thread's pass through its module, so whoever hooks a model that pages share does it inside. A thread that
    has the model may ask again.
    """
    with _LOCKS_GUARD:
        return _LOCKS.setdefault(model, threading.RLock())


@contextmanager
def hooks() -> Iterator[list[torch.utils.hooks.RemovableHandle]]:
    """Handles of hooks, which are all removed when it is left."""
    handles: list[torch.utils.hooks.RemovableHandle] = []
    try:
        yield handles
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def block_gradients(blocks: Sequence[nn.Module]) -> Iterator[list[Tensor]]:
    """While open, each backward pass fills the list with ‖∂L/∂h_b‖, the gradient norm at every block's output.

    The list holds one 0-d float32 tensor a block (or other module), NaN until the first backward pass.
    """
    norms = [torch.tensor(torch.nan)] * len(blocks)

    def keep(number: int, gradient: Tensor) -> None:
        norms[number] = norm(gradient)

    def watch(number: int, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(lambda gradient: keep(number, gradient))

    with hooks() as handles:
        for number, block in enumerate(blocks):
            handles.append(block.register_forward_hook(lambda _m, _i, out, number=number: watch(number, out)))
        yield norms


@contextmanager
def responses(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """While open, each forward pass fills the dict with the std of each layer's response, before ReLU (He 2015, fig. 7)."""
    stds: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> None:
        stds[name] = output.detach().float().std()

    with hooks() as handles:
        for name, module in modules.items():
            handles.append(module.register_forward_hook(lambda _m, _i, out, name=name: keep(name, out)))
        yield stds


@contextmanager
def branch_shares(blocks: Sequence[Block]) -> Iterator[list[Tensor]]:
    """While open, each forward pass fills the list with ‖F(x)‖/‖x‖ of every block; NaN where the block has no skip."""
    shares = [torch.tensor(torch.nan)] * len(blocks)

    def keep(number: int, branch: Tensor, x: Tensor) -> None:
        shares[number] = norm(branch) / norm(x)

    with hooks() as handles:
        for number, block in enumerate(blocks):
            if block.has_skip:
                inputs: list[Tensor] = []
                handles.append(block.register_forward_pre_hook(lambda _m, x, seen=inputs: seen.append(x[0])))
                handles.append(
                    block.branch_out.register_forward_hook(
                        lambda _m, _i, out, number=number, seen=inputs: keep(number, out, seen.pop())
                    )
                )
        yield shares


def weight_gradients(weights: Sequence[Tensor]) -> Tensor:
    """‖∂L/∂w‖ of each weight tensor, in one fused call: (layers,) float32."""
    return torch.stack(torch._foreach_norm([w.grad for w in weights if w.grad is not None], 2, dtype=torch.float32))


class Updates:
    """How far one optimizer step moves each weight tensor: ‖Δw‖/‖w‖, w before the step."""

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self.weights = list(weights)
        self.before = [w.detach().clone() for w in weights]

    @torch.no_grad()
    def start(self) -> None:
        """Remember the weights before the optimizer's step."""
        torch._foreach_copy_(self.before, self.weights)

    @torch.no_grad()
    def ratios(self) -> Tensor:
        """‖Δw‖/‖w‖ since `start`, (layers,) float32; 0/0 (a layer that is 0 and stays 0) is 0."""
        sizes = torch.stack(torch._foreach_norm(self.before))
        moved = torch.stack(torch._foreach_norm(torch._foreach_sub(self.weights, self.before)))
        return torch.where(moved == 0, 0.0, moved / sizes)


def first_not_finite(model: nn.Module, x: Tensor) -> str | None:
    """The name of the first module, in forward order, whose output for ``x`` is not finite; None where all are."""
    broken: list[str] = []

    def check(name: str, output: Tensor) -> None:
        if not broken and not torch.isfinite(output).all():
            broken.append(name)

    leaves = {name: m for name, m in model.named_modules() if name and not any(m.children())}
    with torch.no_grad(), hooks() as handles:
        for name, module in leaves.items():
            handles.append(module.register_forward_hook(lambda _m, _i, out, name=name: check(name, out)))
        model(x)
    return broken[0] if broken else None
