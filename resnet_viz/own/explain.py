"""Anybody's network asked why: `attribution`'s maps and feature maps of any module, on a copy that nobody else trains."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from resnet_viz.attribution.attribute import (
    MEMORY,
    AttributionError,
    classes_of,
    evaluating,
    last_large,
    maps_of,
    method_of,
    values_of,
)
from resnet_viz.attribution.features import look
from resnet_viz.attribution.methods import METHODS, Method, enlarge
from resnet_viz.attribution.trust import completeness
from resnet_viz.errors import first_line
from resnet_viz.nets.probes import hooks
from resnet_viz.own.blocks import layers as weight_layers
from resnet_viz.own.blocks import parts, plain_model
from resnet_viz.own.skips import named
from resnet_viz.spec.checks import quote
from resnet_viz.words.saliency import nothing_to_show


@dataclass(frozen=True)
class Explanation:
    """What `explain` gives.

    ``maps``: signed, (B, H, W), those of Grad-CAM in the cells of its layer, (B, h, w), before the ReLU. ``target``: the class of
    each, and what the network itself says, ``logits`` (B, classes). ``layer``: the module looked at, "" where the method looks
    at none. ``messages``: what is to be known before one of the maps is believed: that it is empty, negative everywhere,
    or how far it is from summing to what it should.
    """

    method: str
    maps: Tensor
    target: tuple[int, ...]
    logits: Tensor
    layer: str
    messages: tuple[str, ...]
    size: tuple[int, int]  # of the images

    @property
    def enlarged(self) -> Tensor:
        """The maps at the images' size, (B, H, W), bilinear."""
        return self.maps if self.maps.shape[1:] == self.size else enlarge(self.maps, self.size)


def explain(
    model: nn.Module,
    image: Tensor,
    *,
    method: str = "grad-cam",
    target: int | Sequence[int] | Tensor | None = None,
    minus: int | None = None,
    layer: str | None = None,
    baseline: Tensor | None = None,
    **parameters: float,
) -> Explanation:
    """Which pixels, or which cells of a layer, speak for a class: maps by captum, of any module that gives logits.

    ``image``: (C, H, W) or (B, C, H, W), as the network takes it. ``method``: a name of `attribution.methods.METHODS`, or its
    label. ``target``: a class, or one an image; None is what the network says. ``minus``: a class whose logit is taken
    from it. ``layer``: the module that Grad-CAM looks at; None is the last block with at least 4x4 cells. ``baseline``: what
    stands for "nothing there"; None is 0. Other keywords are the method's parameters, such as ``steps``.

    A copy is asked, in evaluation mode and with nothing done in place; the model stays as it is. Raises AttributionError.
    """
    name = _known(method)
    how, net, x = method_of(name), _copy(model), _batch(model, image)
    values = values_of(how, parameters)
    seen = _survey(net, x)
    classes = seen.logits.shape[1]
    targets = classes_of(x, classes, seen.logits.argmax(1) if target is None else target, minus)
    chosen = _layer(net, seen, layer) if how.layered else ""
    try:
        maps = maps_of(net, x, how, values, targets, minus, chosen, baseline, seen.rows)
    except (AssertionError, RuntimeError) as error:  # captum's, of what it can't follow
        raise AttributionError(
            f"{how.label} can't be asked of {type(net).__name__} ({first_line(error)}); try Grad-CAM or Integrated Gradients."
        ) from error
    said = _said(net, x, how, maps, targets, minus, chosen, baseline)
    if name in _CHANGES_RELUS and not any(isinstance(module, nn.ReLU) for module in net.modules()):
        said.insert(
            0, f"{type(net).__name__} has no nn.ReLU to change: this map by {how.label} is the plain gradient's."
        )
    height, width = x.shape[2:]
    return Explanation(how.label, maps, tuple(targets.tolist()), seen.logits, chosen, tuple(said), (height, width))


_CHANGES_RELUS = ("guided_backprop", "deconvolution", "guided_gradcam")


def feature_maps(model: nn.Module, image: Tensor, *, layers: str | Sequence[str] | None = None) -> dict[str, Tensor]:
    """What layers answer to an image (C, H, W) or (B, C, H, W): outputs (B, ...) by the modules' names, in evaluation mode.

    ``layers``: names of modules, or patterns such as "layer*.*"; None is the first layer with weights and every block
    (`own.blocks.parts`). Raises SkipError for a name that fits no module, AttributionError for one that gives no tensor.
    """
    net, x = _copy(model), _batch(model, image)
    if layers is None:
        first = [name.rpartition(".")[0] for name in weight_layers(net)][:1]
        names = list(dict.fromkeys(name for name in (*first, *(part.name for part in parts(net))) if name))
    else:
        names = list(named(net, layers))
    seen = _survey(net, x)
    if missing := [name for name in names if name not in seen.shapes]:
        raise AttributionError(f"Module {quote(missing[0])} gives no tensor for this image; choose another.")
    with torch.no_grad():
        return look(net, x, names).maps


def _known(method: str) -> str:
    """The key of a method that goes by its key or its label, however it is written: "grad-cam" is "gradcam"."""

    def letters(text: str) -> str:
        return "".join(filter(str.isalnum, text.lower()))

    fits = (name for name, how in METHODS.items() if letters(method) in (letters(name), letters(how.label)))
    return next(fits, method)


def _copy(model: nn.Module) -> nn.Module:
    """A copy in evaluation mode that works on nothing in place, for captum's hooks on what is then changed would fail."""
    net = copy.deepcopy(plain_model(model)[0]).eval().requires_grad_(False)
    for module in net.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
    return net


def _batch(model: nn.Module, image: Tensor) -> Tensor:
    x = image if image.ndim != 3 else image[None]
    if x.ndim != 4 or not len(x) or not x.is_floating_point():
        raise AttributionError(
            f"An image of shape {tuple(image.shape)}, {str(image.dtype).removeprefix('torch.')}, doesn't fit: give what the "
            "network takes, float (C, H, W) or (B, C, H, W)."
        )
    of = next(model.parameters(), x)
    return x.detach().to(of.device, of.dtype)


@dataclass(frozen=True)
class _Survey:
    """What one pass shows: each module's output's shape, the logits (B, classes), and how many images a pass may hold."""

    shapes: dict[str, tuple[int, ...]]
    logits: Tensor
    rows: int


def _survey(net: nn.Module, x: Tensor) -> _Survey:
    shapes: dict[str, tuple[int, ...]] = {}
    kept = 0

    def see(name: str, module: nn.Module, output: Any) -> None:
        nonlocal kept
        if isinstance(output, Tensor):
            shapes[name] = tuple(output.shape)
            kept += output.nbytes * (not any(module.children()))

    with evaluating(net), torch.no_grad(), hooks() as handles:
        for name, module in net.named_modules():
            handles.append(module.register_forward_hook(lambda m, _, out, name=name: see(name, m, out)))
        try:
            logits = net(x)
        except (RuntimeError, ValueError, TypeError) as error:
            raise AttributionError(
                f"{type(net).__name__} does not take images of shape {tuple(x.shape)} ({first_line(error)}); give what it was "
                "trained on."
            ) from error
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        got = f"a tensor of shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise AttributionError(
            f"{type(net).__name__} gives {got}, not logits (B, classes); wrap it in a module that gives them."
        )
    return _Survey(shapes, logits, max(1, min(64, MEMORY * len(x) // max(1, kept))))


def _layer(net: nn.Module, seen: _Survey, layer: str | None) -> str:
    """The module that Grad-CAM looks at, checked; None is the last block with at least 4x4 cells, else of those with most."""
    if layer is not None:
        if layer not in dict(net.named_modules()) or not layer:
            first = ", ".join(name for name, _ in net.named_children())
            raise AttributionError(f"{type(net).__name__} has no module {quote(layer)}; its parts are {first}.")
        if len(shape := seen.shapes.get(layer, ())) != 4:
            raise AttributionError(
                f"Module {quote(layer)} gives {f'a tensor of shape {shape}' if shape else 'no tensor'}, not maps (B, C, H, W) "
                "that Grad-CAM can look at; choose another."
            )
        return layer
    cells = {}
    for part in parts(net):
        if len(shape := seen.shapes.get(part.name, ())) == 4:
            cells[part.name] = min(shape[2:])
    if not cells:
        raise AttributionError(
            f"No block of {type(net).__name__} gives maps (B, C, H, W), which Grad-CAM looks at; name a layer= that does, or "
            'choose a method that looks at pixels, such as "integrated_gradients".'
        )
    return last_large(cells)


def _said(
    net: nn.Module,
    x: Tensor,
    how: Method,
    maps: Tensor,
    targets: Tensor,
    minus: int | None,
    layer: str,
    baseline: Tensor | None,
) -> list[str]:
    """Of each image's map: that it is empty or negative everywhere, or what it sums to; of several with "Image 2: " before it."""
    sums = completeness(net, x, maps, target=targets, minus=minus, baseline=baseline) if how.sums else None
    messages = []
    for number, cells in enumerate(maps.cpu().numpy()):
        what = f"class {int(targets[number])}" + (f" less class {minus}" if minus is not None else "")
        one = ""
        if layer and how is METHODS["gradcam"]:
            one = nothing_to_show(cells, what, layer)
        elif not cells.any():
            one = f"The map is empty: no gradient of {what} reaches the image, so all of it is exactly 0."
        elif sums:
            one = (
                f"The map sums to {sums.sums[number]:.4g}, the outputs differ by {sums.differences[number]:.4g}: "
                f"residue {sums.relative[number]:.1%}."
            )
        if one:
            messages.append((f"Image {number + 1}: " if len(maps) > 1 else "") + one)
    return messages
