"""Which modules of anybody's network are its blocks, and which parameters are its layers' weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from resnet_viz.own.plain import Cut
from resnet_viz.own.skips import Adding, adding, called, named, weighs


@dataclass(frozen=True)
class Part:
    """A block: its module, and whether it adds a skip.

    ``branch``: the child that gives F(x), where one child does. ``sums``: its output is x + F(x) with nothing behind, so that
    F(x) is the output less the input.
    """

    name: str
    module: nn.Module
    has_skip: bool
    branch: nn.Module | None = None
    sums: bool = False


def parts(model: nn.Module, blocks: str | Sequence[str] | None = None) -> list[Part]:
    """A network's blocks, in the order in which it lists its modules.

    Those that ``blocks`` names; else those that add a skip; else those whose skip was taken out; else the modules of the class
    that occurs most often, one of the user's own before one of torch's. Raises SkipError for a name that fits no module.
    """
    found = {one.name: one for one in adding(model, training=model.training, strict=False)}
    modules = dict(model.named_modules())
    if blocks is not None:
        names = list(named(model, blocks))
    else:
        names = list(found) or [n for n, m in modules.items() if isinstance(m, Cut)] or _repeated(modules)
    return [_part(name, modules[name], found.get(name)) for name in names]


def _part(name: str, module: nn.Module, adds: Adding | None) -> Part:
    if adds is None:
        return Part(name, module, False)
    last = adds.skips[-1]
    branch = called(module, last.branch) if len(adds.skips) == 1 else None
    return Part(name, module, True, branch, all(user.op == "output" for user in last.node.users))


def _repeated(modules: dict[str, nn.Module]) -> list[str]:
    def own(kind: type[nn.Module]) -> bool:
        return not kind.__module__.startswith("torch.nn.")

    weighing = {name: type(m) for name, m in modules.items() if name and any(map(weighs, m.parameters()))}
    counted = Counter(weighing.values())
    ours = {kind: number for kind, number in counted.items() if own(kind) and number > 1}
    # Containers of torch's, such as Sequential, hold blocks and are none.
    leaves = {
        kind: number for kind, number in counted.items() if kind not in (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    }
    kinds = ours or leaves
    most = max(kinds, key=kinds.__getitem__, default=None)
    return [name for name, kind in weighing.items() if kind is most]


def layers(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of a network's layers by name, in the order in which it lists them: no biases, no scales."""
    return {name: p for name, p in model.named_parameters() if name.endswith("weight") and weighs(p)}


def plain_model(model: nn.Module) -> tuple[nn.Module, bool]:
    """The user's network inside DataParallel, DistributedDataParallel and torch.compile, and whether it is compiled.

    Of a compiled network nothing but its parameters can be seen.
    """
    compiled = False
    while True:
        inner: Any = getattr(model, "_orig_mod", None)
        if isinstance(inner, nn.Module):
            compiled = True
        elif isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = model.module
        else:
            return model, compiled or getattr(model, "_compiled_call_impl", None) is not None
        model = inner


def size(output: torch.Tensor) -> tuple[int, int]:
    """Channels and pixels a side of a block's output (B, C, H, W); width and tokens of (B, T, C); width and 1 of (B, C)."""
    if output.ndim == 4:
        return output.shape[1], output.shape[2]
    return output.shape[-1], output.shape[1] if output.ndim == 3 else 1
