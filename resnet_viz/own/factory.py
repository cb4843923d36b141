"""Networks that our trainer trains and that aren't ours: torchvision's, timm's, or what a function of their user's gives."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from operator import attrgetter

import torch
from torch import nn

from resnet_viz.errors import UserError, first_line
from resnet_viz.own.blocks import parts
from resnet_viz.own.plain import plain_twin
from resnet_viz.own.sight import Sight, raised
from resnet_viz.runs.layout import Layout
from resnet_viz.spec.checks import quote
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import seed_from


class FactoryError(UserError):
    """What is wrong with a factory of networks, or with what it gives, in one sentence."""


@contextmanager
def drawn(*parts: object) -> Iterator[None]:
    """While open, torch's global draws follow from these parts, such as (seed, purpose, step); the CPU's go on behind it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_from(*parts))
        yield


def build(spec: RunSpec) -> nn.Module:
    """The network of a run's factory, its start drawn from the run's seed; without its skips where the run's is the plain twin.

    Images of one channel are shown three times to a network that takes colours. Raises FactoryError or SkipError.
    """
    assert spec.own
    with drawn(spec.train.seed, "factory"):
        model = _made(spec.own.factory, spec.model.classes, spec.model.channels)
    if not spec.model.residual:
        model = plain_twin(model)
    first = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    if first and spec.model.channels == 1 and first.in_channels == 3:
        model.register_forward_pre_hook(lambda _, inputs: inputs[0].expand(-1, 3, -1, -1))
    return model


def _made(factory: str, classes: int, channels: int) -> nn.Module:
    where, _, name = factory.partition(":")
    if not (where and name):
        raise FactoryError(
            f"{quote(factory)} names no network; write torchvision:resnext50_32x4d, timm:resnet26d or package.module:function."
        )
    try:
        if where == "torchvision":
            import torchvision

            model = torchvision.models.get_model(name, weights=None, num_classes=classes)
        elif where == "timm":
            model = import_module("timm").create_model(name, num_classes=classes, in_chans=channels)
        else:
            function = attrgetter(name)(import_module(where))
            takes = inspect.signature(function).parameters.values()
            told = any(p.name == "num_classes" or p.kind is p.VAR_KEYWORD for p in takes)  # torchvision's take **kwargs
            model = function(num_classes=classes) if told else function()
    except Exception as error:  # whatever anybody's function raises
        missing = isinstance(error, ImportError) and where == "timm"
        advice = " Install it with: pip install timm." if missing else ""
        raise FactoryError(f"{quote(factory)} gives no network here: {first_line(error)}.{advice}") from error
    if not isinstance(model, nn.Module):
        raise FactoryError(f"{quote(factory)} gives {quote(type(model).__name__)}, which is no torch.nn.Module.")
    return model


def described(spec: RunSpec) -> tuple[RunSpec, Layout]:
    """A run, filled in, with what its factory's network turns out to be; and that network's layout, from a pass of two images.

    Raises FactoryError where it takes no images of this size, or gives no logits of this many classes; SkipError where the run
    is the plain twin's and there are no skips to take out.
    """
    assert spec.own
    model, size = build(spec), spec.model.size
    with Sight(model, parts(model), raised, seen=True) as sight, drawn("layout"):
        try:
            logits = model(torch.zeros(2, spec.model.channels, size, size))
        except Exception as error:  # whatever anybody's forward raises
            raise FactoryError(
                f"{quote(spec.own.factory)} takes no images of {size}×{size}: {first_line(error)}."
            ) from error
        layout = sight.layout()
    if not layout.blocks:
        raise FactoryError(f"In the network of {quote(spec.own.factory)} no blocks were found: it repeats no module.")
    shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if shape != (2, spec.model.classes):
        raise FactoryError(
            f"{quote(spec.own.factory)} gives {shape} for 2 images, not logits of {spec.model.classes} classes: (2, "
            f"{spec.model.classes}); let it take num_classes, or make its head for this data."
        )
    shortcut = "identity" if spec.model.residual else "none"
    own = replace(spec.own, name=spec.own.factory.partition(":")[2], network=type(model).__name__)
    return replace(spec, model=replace(spec.model, depth=len(layout.layers), shortcut=shortcut), own=own), layout
