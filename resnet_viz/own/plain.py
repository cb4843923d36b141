"""The plain twin of anybody's network: the same layers and weights, its skips taken out of a copy."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import fx, nn

from resnet_viz.own.skips import Adding, Skip, SkipError, adding, called, weighs

# What drops whole branches in training: it belongs to a skip, without which the signal would end there.
DROPS_BRANCHES = ("StochasticDepth", "DropPath")


class Cut(nn.Module):
    """A module without some of its skips. Its children and parameters have the names that they had, but for those no longer used.

    What it does in training and in evaluation was traced apart, so that a functional dropout heeds `train` and `eval`. What its
    forward kept in attributes, such as its last activation, it keeps no longer.
    """

    def __init__(self, module: nn.Module, training: fx.Graph, evaluation: fx.Graph) -> None:
        super().__init__()
        self.__dict__.update(module.__dict__)
        self.was = type(module).__name__
        self._passes = {True: _compiled(training), False: _compiled(evaluation)}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module's own forward takes and gives, an argument with a default at that default."""
        return self._passes[self.training](self, *args, **kwargs)

    def extra_repr(self) -> str:
        """What stands in the model's printed form."""
        return f"{self.was} without its skip"


def _compiled(graph: fx.Graph) -> Callable[..., Any]:
    code = graph.python_code("self")
    names = dict(code.globals)
    exec(compile(code.src, f"<{__name__}>", "exec"), names)
    return names["forward"]


def plain_twin(model: nn.Module, *, skips: str | Sequence[str] | None = None) -> nn.Module:
    """A copy of a model with the same layers and weights and every skip taken out; the model itself stays as it is.

    A skip is an addition of two operands that come from one fork in a module's forward: of them the one that passes more weight
    layers (convolutions, linear layers, attention) stays, the other goes, and with it the layers that only it used. What drops
    whole branches in training (stochastic depth) goes as well, and a norm that starts the branch at zero (zero-gamma) starts at
    one: both act only where there is a skip. (A scale near zero, as ConvNeXt's layer scale is, stays: it was learned, or may be.)

    ``skips``: names of the modules whose additions are skips, or patterns such as "layer*.*"; None finds them. Raises SkipError,
    one sentence, where a module can't be traced (it is named) or no skip is found.
    """
    return _cut(model, skips, None)


def without(model: nn.Module, skip: Sequence[int | str], *, skips: str | Sequence[str] | None = None) -> nn.Module:
    """A copy of a model without some of its skips: see `plain_twin`.

    ``skip``: their numbers, from 1 in the order in which the model lists its modules, or names of modules that add them.
    Raises SkipError for a skip that the model has not.
    """
    return _cut(model, skips, skip)


def _cut(model: nn.Module, skips: str | Sequence[str] | None, wanted: Sequence[int | str] | None) -> nn.Module:
    twin = copy.deepcopy(model)
    modes = []
    for mode in (True, False):
        modes.append(adding(twin, skips, mode))
        for one in modes[-1]:
            vars(one.module).update(one.constants)  # before the second trace, so that its own get other names
    training, evaluation = modes
    if [len(a.skips) for a in training] != [len(a.skips) for a in evaluation]:
        raise SkipError(f"{type(model).__name__} adds other skips in training than in evaluation; name them by skips=.")
    gone = _numbers(training, wanted)
    first = 1
    cut: dict[int, nn.Module] = {}
    for one, other in zip(training, evaluation, strict=True):
        places = [place for place in range(len(one.skips)) if first + place in gone]
        first += len(one.skips)
        if places:
            cut[id(one.module)] = _without(one, other, places)
    for module in list(twin.modules()):
        for name, child in module._modules.items():  # a shared child stands in several places
            module._modules[name] = cut.get(id(child), child)
    return cut.get(id(twin), twin)


def _numbers(found: Sequence[Adding], wanted: Sequence[int | str] | None) -> set[int]:
    """The skips that are to go, by their numbers from 1."""
    owners = [one.name for one in found for _ in one.skips]
    if wanted is None:
        return set(range(1, len(owners) + 1))
    gone: set[int] = set()
    for skip in wanted:
        fits = {number for number, owner in enumerate(owners, 1) if skip in (number, owner)}
        if not fits:
            named = ", ".join(f"{number} {owner}".strip() for number, owner in enumerate(owners, 1))
            raise SkipError(f"There is no skip {skip!r} here; this network has {named}.")
        gone |= fits
    return gone


def _without(training: Adding, evaluation: Adding, places: Sequence[int]) -> Cut:
    module = training.module
    before = _used(training.graph)
    for mode in (training, evaluation):
        for place in places:
            _take_out(module, mode.graph, mode.skips[place])
    for name in before - _used(training.graph) - _used(evaluation.graph):
        owner, _, last = name.rpartition(".")
        delattr(module.get_submodule(owner), last)
    return Cut(module, training.graph, evaluation.graph)


def _used(graph: fx.Graph) -> set[str]:
    return {node.target for node in graph.nodes if node.op in ("call_module", "get_attr")}


@torch.no_grad()
def _take_out(module: nn.Module, graph: fx.Graph, skip: Skip) -> None:
    branch = skip.branch
    while _kind(module, branch) in DROPS_BRANCHES:
        branch = branch.all_input_nodes[0]
    skip.node.replace_all_uses_with(branch)
    _erase(graph, skip.node)
    while behind := called(module, branch):  # back to the branch's last weight layer
        if any(map(weighs, behind.parameters())):
            return
        scale = getattr(behind, "weight", None)
        if isinstance(scale, nn.Parameter) and not scale.any():
            scale.fill_(1)
        branch = branch.all_input_nodes[0]


def _kind(module: nn.Module, node: fx.Node) -> str:
    """The class of the module that a node calls; of a function such as "stochastic_depth" the name a class would have."""
    if child := called(module, node):
        return type(child).__name__
    name = getattr(node.target, "__name__", "") if node.op == "call_function" else ""
    return "".join(part.capitalize() for part in name.split("_"))


def _erase(graph: fx.Graph, node: fx.Node) -> None:
    """Erase a node that nothing uses, and what only it used. (Dead code elimination would take calls that work in place, too.)"""
    if node.users or node.op == "placeholder":
        return
    inputs = node.all_input_nodes
    graph.erase_node(node)
    for one in inputs:
        _erase(graph, one)
