"""Ask a network why: a map of which pixels, or which cells of a block, speak for a class.

A map is a function of the arguments alone. It explains a logit (the number before the softmax), or one logit less another.
A model's hooks are everybody's: all that is here runs inside `probes.alone`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from resnet_viz.attribution.methods import METHODS, Method, Question, gradcams
from resnet_viz.errors import UserError
from resnet_viz.nets.probes import alone
from resnet_viz.spec import arch
from resnet_viz.spec.checks import quote
from resnet_viz.spec.model import ModelSpec

MEMORY = 256 * 2**20  # bytes of activations that one pass may keep: longer ones are cut into parts
CELLS = 4  # rows (= columns) of cells below which a block's Grad-CAM says little


class AttributionError(UserError):
    """What is wrong with a question asked of a network, in one sentence a user can act on."""


class Less(nn.Module):
    """A network whose logits are those of ``model`` less the one of class ``minus``: (B, C, H, W) → (B, classes)."""

    def __init__(self, model: nn.Module, minus: int) -> None:
        super().__init__()
        self.model, self.minus = model, minus

    def forward(self, x: Tensor) -> Tensor:
        """All logits less the one of ``minus``: (B, C, H, W) → (B, classes)."""
        logits = self.model(x)
        return logits - logits[:, self.minus, None]


def layers(spec: ModelSpec) -> dict[str, int]:
    """The blocks that Grad-CAM can look at, in order, and how many rows (= columns) of cells each has."""
    return {block.name: block.size_out for block in arch.blocks(spec)}


def default_layer(spec: ModelSpec) -> str:
    """The block that Grad-CAM looks at unless another is named: see `last_large`."""
    return last_large(layers(spec))


def last_large(cells: Mapping[str, int]) -> str:
    """Of blocks in order, each with its rows of cells, the last with 4x4 or more; where none has, the last of those with most."""
    enough = min(CELLS, max(cells.values()))
    return [name for name, count in cells.items() if count >= enough][-1]


def attribute(
    model: nn.Module,
    x: Tensor,
    *,
    method: str,
    target: int | Sequence[int] | Tensor,
    minus: int | None = None,
    layer: str | None = None,
    baseline: Tensor | None = None,
    progress: Callable[[float], None] | None = None,
    **parameters: float,
) -> Tensor:
    """Signed maps of images ``x`` (B, C, H, W): (B, H, W), summed over channels.

    Grad-CAM's are (B, h, w), the cells of its block, before the ReLU. ``target``: the class to explain, one for all or (B,);
    ``minus``: a class whose logit is taken from it. ``layer``: a block's name, for methods that look at one (`default_layer`).
    ``baseline``: what stands for "nothing there", (C, H, W), or (N, C, H, W) for GradientSHAP to draw from; None is 0, the
    training mean, a grey. ``progress`` hears the share done, 0 to 1. Other keywords are the method's ``parameters``.
    A batch's maps are those of its images one by one. Raises AttributionError for what isn't there.
    """
    how = method_of(method)
    spec: Any = model.spec
    values = values_of(how, parameters)
    _check_images(x, spec.channels)
    targets = classes_of(x, spec.classes, target, minus)
    layer = _check_layer(model, layer) if how.layered else ""
    return maps_of(model, x, how, values, targets, minus, layer, baseline, pass_rows(model, x), progress)


def maps_of(
    model: nn.Module,
    x: Tensor,
    how: Method,
    values: Mapping[str, float],
    targets: Tensor,
    minus: int | None,
    layer: str,
    baseline: Tensor | None,
    rows: int,
    progress: Callable[[float], None] | None = None,
) -> Tensor:
    """`attribute` of anybody's network, its arguments checked: ``targets`` (B,), at most ``rows`` images in one pass."""
    base = x.new_zeros(1, *x.shape[1:]) if baseline is None else baseline.reshape(-1, *x.shape[1:]).to(x)
    passes = how.passes(values, x.shape[-1])
    # Where one image fills a pass they come one by one: the noise each gets, too, is then its own.
    each = max(1, rows // 2) if passes <= 2 else 1
    answers = []
    with evaluating(model), _counted(model, passes * len(x), progress):
        net = model if minus is None else Less(model, minus)
        for part, classes in zip(x.detach().split(each), targets.split(each), strict=True):
            question = Question(
                net, part, classes, base, f"model.{layer}" if minus is not None else layer, rows, values
            )
            answers.append(how.answer(question).detach().sum(1))
    return torch.cat(answers)


def gradcam_strip(
    model: nn.Module,
    x: Tensor,
    *,
    target: int | Sequence[int] | Tensor,
    minus: int | None = None,
    layers: Iterable[str] | None = None,
) -> dict[str, Tensor]:
    """Grad-CAM at every block (or at ``layers``) from one forward pass: name → (B, h, w), raw, in the blocks' order."""
    spec: Any = model.spec
    names = [_check_layer(model, name) for name in (layers or (block.name for block in arch.blocks(spec)))]
    _check_images(x, spec.channels)
    targets = classes_of(x, spec.classes, target, minus)
    with evaluating(model):
        net, prefix = (model, "") if minus is None else (Less(model, minus), "model.")
        parts = [
            gradcams(net, part, classes, [prefix + name for name in names])
            for part, classes in zip(*(t.split(pass_rows(model, x)) for t in (x.detach(), targets)), strict=True)
        ]
    return {name: torch.cat([part[prefix + name] for part in parts]) for name in names}


# What is asked, checked


def method_of(name: str) -> Method:
    """The method of a name. Raises AttributionError."""
    if name not in METHODS:
        raise AttributionError(f"Method {quote(name)} is not known; choose one of {', '.join(METHODS)}.")
    return METHODS[name]


def values_of(method: Method, given: Mapping[str, float]) -> dict[str, float]:
    """The method's parameters, those that are not given at their defaults."""
    values = {p.name: p.default for p in method.parameters}
    for name, value in given.items():
        if name not in values:
            raise AttributionError(
                f"{method.label} has no parameter {quote(name)}; it takes {', '.join(values) or 'none'}."
            )
        values[name] = value
    for p in method.parameters:
        if not p.low <= values[p.name] <= p.high:
            raise AttributionError(
                f"{p.label} {values[p.name]:g} is outside {p.low:g} to {p.high:g} for {method.label}."
            )
    return values


def _check_images(x: Tensor, channels: int) -> None:
    if x.ndim != 4 or not len(x) or x.shape[1] != channels:
        raise AttributionError(
            f"Images of shape {tuple(x.shape)} don't fit: this network takes (B, {channels}, H, W) with B from 1 up."
        )


def classes_of(x: Tensor, classes: int, target: int | Sequence[int] | Tensor, minus: int | None) -> Tensor:
    """The class of each image, (B,) int64, checked against how many ``classes`` the network has. Raises AttributionError."""
    # Numbers are checked outside of torch: a look at a small net takes 3 ms, and each operation counts.
    numbers = [target] if isinstance(target, int) else torch.as_tensor(target).reshape(-1).tolist()
    if len(numbers) not in (1, len(x)):
        raise AttributionError(f"{len(numbers)} classes are given for {len(x)} images; give one, or one for each.")
    for number in (*numbers, *([] if minus is None else [minus])):
        if not 0 <= number < classes:
            raise AttributionError(f"Class {number} is not one of this network's {classes}: 0 to {classes - 1}.")
    if minus in numbers:
        raise AttributionError(f"Class {minus} less itself is 0 everywhere; choose another class to subtract.")
    return torch.tensor(numbers, device=x.device).expand(len(x))


def _check_layer(model: nn.Module, layer: str | None) -> str:
    spec: Any = model.spec
    names = list(layers(spec))
    if layer is None:
        return default_layer(spec)
    if layer not in names:
        raise AttributionError(
            f"This network has no block {quote(layer)}; it has {names[0]} to {names[-1]}, {len(names)} in all."
        )
    return layer


# How it is carried out


def pass_rows(model: nn.Module, x: Tensor) -> int:
    """How many of these images one forward and backward pass may hold."""
    spec: Any = model.spec
    each = arch.activation_bytes(spec) * x.shape[-1] * x.shape[-2] / spec.size**2
    return int(max(1, min(64, MEMORY // each)))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model to oneself, evaluating (batch statistics would mix the images), with gradients on."""
    with alone(model), torch.enable_grad():
        training = model.training
        if training:
            model.eval()
        try:
            yield
        finally:
            if training:
                model.train()


@contextmanager
def _counted(model: nn.Module, total: int, progress: Callable[[float], None] | None) -> Iterator[None]:
    """While open, ``progress`` hears after each forward pass what share of ``total`` images went through."""
    if progress is None:
        yield
        return
    done = 0

    def count(_module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        nonlocal done
        done += len(inputs[0])
        progress(min(1.0, done / total))

    handle = model.register_forward_hook(count)
    try:
        yield
    finally:
        handle.remove()
