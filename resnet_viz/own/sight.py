"""What is measured inside a network while somebody else's loop trains it. Its hooks are gone once it is closed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from resnet_viz.nets.probes import norm
from resnet_viz.own.blocks import Part, layers, size
from resnet_viz.runs.layout import Block, Layout


def _tensor(output: Any) -> Tensor | None:
    """A module's output, or the first tensor of several."""
    if isinstance(output, tuple | list):
        output = next((one for one in output if isinstance(one, Tensor)), None)
    return output if isinstance(output, Tensor) and output.is_floating_point() else None


def raised(error: Exception) -> None:
    """A `Sight`'s ``fail`` where the loop is ours: what goes wrong in a hook is the loop's own error."""
    raise error


class Sight:
    """Hooks on a network's blocks and layers, and what they saw since the last `take`.

    The gradient at a block's output is that of all its passes since then, together as one vector: several micro-batches, or a
    module in several places, are summed in squares. ``look``: whether the next pass measures activations as well. Errors inside
    a hook go to ``fail``, never into the user's pass. ``seen`` False hooks nothing, for a network that is compiled.
    """

    def __init__(self, model: nn.Module, parts: Sequence[Part], fail: Callable[[Exception], None], seen: bool) -> None:
        self.model, self.parts, self.fail = model, parts, fail
        self.layers = layers(model)
        self.look = True
        self.squares: list[Tensor | None] = [None] * len(parts)
        self.branches: dict[int, Tensor] = {}
        self.shares: dict[int, Tensor] = {}
        self.stds: dict[str, Tensor] = {}
        self.sizes: dict[int, tuple[int, int]] = {}
        self.inputs: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self.handles: list[Any] = []
        if seen:
            self._hook()

    def __enter__(self) -> Sight:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Take every hook away."""
        for handle in self.handles:
            handle.remove()
        self.handles.clear()
        self.inputs = None

    def _on(self, module: nn.Module, see: Callable[[Any, Any, Any], None], key: str | int) -> None:
        """Have ``see`` look at (key, inputs, output) of a module's passes that learn; at a copy of the module nothing looks."""
        ours = id(module)

        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if id(module) == ours and torch.is_grad_enabled():
                try:
                    see(key, inputs, output)
                except Exception as error:
                    self.fail(error)

        self.handles.append(module.register_forward_hook(hook))

    def _hook(self) -> None:
        def keep(module: nn.Module, args: Any, kwargs: Any) -> None:
            if module is self.model and torch.is_grad_enabled():
                self.inputs = (args, kwargs)

        self.handles.append(self.model.register_forward_pre_hook(keep, with_kwargs=True))
        modules = dict(self.model.named_modules())
        for name in self.layers:
            self._on(modules[name.rpartition(".")[0]], self._std, name)
        for number, part in enumerate(self.parts):
            if part.branch is not None:
                self._on(part.branch, self._branch, number)
            self._on(part.module, self._block, number)

    def _std(self, name: str, inputs: Any, output: Any) -> None:
        if self.look and (out := _tensor(output)) is not None and out.numel() > 1:
            self.stds[name] = out.detach().float().std()

    def _branch(self, number: int, inputs: Any, output: Any) -> None:
        if self.look and (out := _tensor(output)) is not None:
            self.branches[number] = norm(out)  # now: the sum may be made in place

    def _block(self, number: int, inputs: Any, output: Any) -> None:
        out, x, part = _tensor(output), _tensor(inputs), self.parts[number]
        if out is None:
            return
        self.sizes.setdefault(number, size(out))
        if out.requires_grad:
            out.register_hook(lambda gradient: self._gradient(number, gradient))
        if not self.look or x is None or not part.has_skip:
            return
        if (branch := self.branches.pop(number, None)) is not None:
            self.shares[number] = branch / norm(x)
        elif part.sums and x.shape == out.shape:
            self.shares[number] = norm(out.detach() - x.detach()) / norm(x)

    def _gradient(self, number: int, gradient: Tensor) -> None:
        try:
            square, before = norm(gradient).square(), self.squares[number]
            self.squares[number] = square if before is None else before + square
        except Exception as error:
            self.fail(error)

    def layout(self) -> Layout:
        """The network's blocks as the first pass showed them; a stage ends where the output's size changes."""
        blocks: list[Block] = []
        for number, part in enumerate(self.parts):
            channels, side = self.sizes.get(number, (0, 0))
            new = bool(blocks) and (blocks[-1].channels, blocks[-1].size) != (channels, side)
            stage = blocks[-1].stage + new if blocks else 1
            blocks.append(Block(part.name, stage, part.has_skip, channels, side))
        return Layout(tuple(blocks), tuple(self.layers), any(part.has_skip for part in self.parts))

    def take(self, scale: float, unscaled: bool) -> dict[str, Tensor]:
        """Norms of the gradients at blocks (B,) and weights (L,); after a pass that was looked at also stds (L,) and shares (B,).

        NaN where nothing was seen. Gradients are divided by ``scale``, those of weights unless the loop has ``unscaled``
        them already. What was seen is forgotten.
        """
        weights = list(self.layers.values())
        device = weights[0].device if weights else torch.device("cpu")

        def vector(values: Sequence[Tensor | None]) -> Tensor:
            nothing = torch.full((), math.nan, device=device)
            return torch.stack([nothing if v is None else v.detach().float().to(device) for v in values])

        gradients = [w.grad for w in weights]
        norms = iter(torch._foreach_norm([g for g in gradients if g is not None], 2, dtype=torch.float32))
        taken = {}
        if weights:
            taken["grad_weight"] = vector([None if g is None else next(norms) for g in gradients]) / (
                1 if unscaled else scale
            )
        if any(square is not None for square in self.squares):
            taken["grad_block"] = vector(self.squares).sqrt() / scale
        if self.stds:
            taken["activation_std"] = vector([self.stds.get(name) for name in self.layers])
        if self.shares:
            taken["branch_share"] = vector([self.shares.get(number) for number in range(len(self.parts))])
        self.squares = [None] * len(self.parts)
        self.shares, self.stds = {}, {}
        return taken

    def first_not_finite(self) -> str | None:
        """The first module, in forward order, whose output for the last input is not finite; None where it can't be told.

        The pass is made again, its buffers (BatchNorm's averages) and random draws put back after it.
        """
        if self.inputs is None:
            return None
        broken: list[str] = []

        def check(name: str, output: Any) -> None:
            if not broken and (out := _tensor(output)) is not None and not bool(out.isfinite().all()):
                broken.append(name)

        names = {id(module): name for name, module in self.model.named_modules() if not any(module.children())}
        leaves = [module for module in self.model.modules() if id(module) in names]
        handles = [m.register_forward_hook(lambda module, _, out: check(names[id(module)], out)) for m in leaves]
        buffers = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        args, kwargs = self.inputs
        try:
            with torch.no_grad(), torch.random.fork_rng():
                self.model(*args, **kwargs)
                for name, buffer in self.model.named_buffers():
                    buffer.copy_(buffers[name])
        finally:
            for handle in handles:
                handle.remove()
        return broken[0] if broken else None
