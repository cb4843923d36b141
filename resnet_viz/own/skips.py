"""Where a network of anybody's adds what went around its layers: found by tracing each of its modules (torch.fx)."""

from __future__ import annotations

import copy
import inspect
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import fx, nn

from resnet_viz.errors import UserError, first_line

ADDITIONS: tuple[Any, ...] = (operator.add, operator.iadd, torch.add, "add", "add_")

# Modules of torch whose own forward adds a skip. They take shortcuts by their arguments, so that they can't be traced.
_TORCHS_OWN = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)


class SkipError(UserError):
    """What can't be done about a network's skips, in one sentence."""


@dataclass(frozen=True)
class Skip:
    """An addition in the graph of a module; its operand number ``side`` (0 or 1) is the branch F(x), the other goes around it."""

    node: fx.Node
    side: int

    @property
    def branch(self) -> fx.Node:
        """What gives F(x), in the graph as it stands now."""
        return self.node.args[self.side]  # type: ignore[return-value]


@dataclass(frozen=True)
class Adding:
    """A module that adds skips: its name and, in the order of its forward, its additions.

    ``graph`` is what its forward does in training, or in evaluation, its children called whole; ``constants`` are the tensors
    that it makes of no input, by the names that they have there.
    """

    name: str
    module: nn.Module
    graph: fx.Graph
    skips: tuple[Skip, ...] = field(repr=False)
    constants: dict[str, Any] = field(repr=False)


class _OneModule(fx.Tracer):
    proxy_buffer_attributes = True  # a forward that counts in a buffer must not count a trace

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _fixed(module: nn.Module) -> dict[str, Any]:
    """The arguments of its forward that have a default keep it: a trace follows one way through ``if mask is not None``."""
    named = inspect.signature(module.forward).parameters.values()
    return {p.name: p.default for p in named if p.default is not p.empty}


def _traced(module: nn.Module, name: str, training: bool) -> tuple[fx.Graph, dict[str, Any]]:
    """What a module's own forward does, in training or in evaluation, with its children called whole; and its constants.

    Raises SkipError, naming the module, for one whose forward branches on values of its input, or does what can't be traced.
    """
    # A forward may keep something in an attribute: it stays on this shadow, which shares children and parameters.
    shadow = copy.copy(module)
    for own in ("_buffers", "_parameters", "_modules"):
        vars(shadow)[own] = dict(vars(module)[own])
    shadow.training = training
    try:
        graph = _OneModule().trace(shadow, _fixed(module))
    except Exception as error:  # whatever a forward of anybody's raises on a symbolic input
        raise SkipError(
            f"{type(module).__name__} ({name or 'the model itself'}) can't be traced: {first_line(error)}. "
            'Name the modules whose additions are skips yourself, such as skips="layer*.*".'
        ) from error
    return graph, {key: value for key, value in vars(shadow).items() if key.startswith("_tensor_constant")}


def called(module: nn.Module, node: fx.Node) -> nn.Module | None:
    """The child that a node of a module's graph calls; None for a node of another kind."""
    return module.get_submodule(str(node.target)) if node.op == "call_module" else None


def weighs(tensor: Any) -> bool:
    """Whether a parameter is a layer's weight: a matrix or a kernel, not a scale a channel, whatever its shape."""
    return isinstance(tensor, nn.Parameter) and tensor.ndim >= 2 and tensor.numel() > max(tensor.shape)


def _sources(node: fx.Node) -> set[fx.Node]:
    """A node and everything that it is computed from."""
    seen: set[fx.Node] = set()
    open_ = [node]
    while open_:
        if (one := open_.pop()) not in seen:
            seen.add(one)
            open_ += one.all_input_nodes
    return seen


def _weight(module: nn.Module, nodes: Iterable[fx.Node]) -> tuple[int, int]:
    """How many weight layers some nodes of a module's graph pass, and how many numbers these have."""
    weights: dict[int, int] = {}
    for node in nodes:
        child = called(module, node)
        found = list(child.parameters()) if child else []
        if node.op == "get_attr":
            found = [operator.attrgetter(str(node.target))(module)]
        weights |= {id(p): p.numel() for p in found if weighs(p)}
    return len(weights), sum(weights.values())


def _skips(module: nn.Module, graph: fx.Graph, named: bool) -> Iterator[Skip]:
    """A graph's additions of operands that come from one fork; the one that passes more weight layers is the branch.

    Where both pass as many, it is no skip, or, in a module that the user ``named``, the one of more weights is the branch.
    """
    for node in graph.nodes:
        if node.op not in ("call_function", "call_method") or node.target not in ADDITIONS or node.kwargs:
            continue
        if len(node.args) != 2 or not all(isinstance(arg, fx.Node) for arg in node.args):
            continue
        a, b = node.args
        above_a, above_b = _sources(a), _sources(b)
        if not any(n.op not in ("get_attr", "output") for n in above_a & above_b):
            continue
        heavy_a, heavy_b = _weight(module, above_a - above_b), _weight(module, above_b - above_a)
        if (heavy_a == heavy_b) if named else (heavy_a[0] == heavy_b[0]):
            continue
        yield Skip(node, 0 if heavy_a > heavy_b else 1)


def adding(
    model: nn.Module, skips: str | Sequence[str] | None = None, training: bool = True, strict: bool = True
) -> list[Adding]:
    """The modules of a model that add skips, in the order in which it lists its modules.

    ``skips``: names of modules, or patterns such as "layer*.*"; None looks into every module. Raises SkipError where one of them
    can't be traced, where a name fits no module, or where no skip is found; not ``strict``: only for a name that fits none.
    """
    found = []
    for name, module in _chosen(model, skips):
        try:
            graph, constants = _traced(module, name, training)
        except SkipError:
            if strict:
                raise
            continue
        if of_module := tuple(_skips(module, graph, skips is not None)):
            found.append(Adding(name, module, graph, of_module, constants))
    if strict and not found:
        where = "in its modules" if skips is None else f"in {_told(skips)}"
        raise SkipError(
            f"No skip was found {where} of {type(model).__name__}: no addition of a branch to what goes around it. "
            "Name the modules that add one by skips=."
        )
    return found


def _told(skips: str | Sequence[str]) -> str:
    return skips if isinstance(skips, str) else ", ".join(skips)


def _chosen(model: nn.Module, skips: str | Sequence[str] | None) -> Iterator[tuple[str, nn.Module]]:
    modules = dict(model.named_modules())
    wanted = modules if skips is None else named(model, skips)
    for name, module in modules.items():
        whole = type(module).__module__.startswith("torch.nn.") and not isinstance(module, _TORCHS_OWN)
        if not whole and name in wanted:
            yield name, module


def named(model: nn.Module, patterns: str | Sequence[str]) -> dict[str, nn.Module]:
    """The modules of these names, in the model's order. A pattern's * stands for one part of a name: "layer*.*" is layer1.0.

    Raises SkipError for a pattern that fits no module.
    """
    modules = {name: module for name, module in model.named_modules() if name}
    fits: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        parts = pattern.split(".")
        of_pattern = {
            n for n in modules if len(n.split(".")) == len(parts) and all(map(fnmatchcase, n.split("."), parts))
        }
        if not of_pattern:
            first = ", ".join(list(modules)[:6])
            raise SkipError(f"{type(model).__name__} has no module {pattern!r}; its first are {first}.")
        fits |= of_pattern
    return {name: module for name, module in modules.items() if name in fits}
