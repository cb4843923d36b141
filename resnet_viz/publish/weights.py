"""Weights to take along: the lines of PyTorch that load the file, and get logits of images from it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import fields, replace

from resnet_viz.spec.model import ModelSpec

KINDS = (".safetensors", ".pth")


def file_name(spec: ModelSpec, step: int, kind: str) -> str:
    """What a file of weights is called, such as "residual-20-step-132.pth"."""
    return f"{re.sub(r'[^A-Za-z0-9.]+', '-', spec.called)}-step-{step}{kind}"


def lines(spec: ModelSpec, name: str, mean: Sequence[float], std: Sequence[float]) -> str:
    """Five lines of Python that load the file ``name`` and ask it; ``mean`` and ``std``, per channel, in grey levels 0 to 255.

    They need torchvision alone where its own class is the same network, else this package.
    """
    module, model = ("torchvision", _of_torchvision(spec)) if is_torchvisions(spec) else ("resnet_viz", _of_ours(spec))
    file = json.dumps(name)
    if name.endswith(".pth"):
        imports, saved = module, f"torch.load({file}, weights_only=True)"
        state, middle, spread = 'saved["model"]', 'saved["mean"]', 'saved["std"]'
    else:
        imports, saved = f"{module}, safetensors.torch", f"safetensors.torch.load_file({file})"
        state, middle, spread = "saved", _tensor(mean), _tensor(std)
    return (
        f"import torch, {imports}\n"
        f"saved = {saved}\n"
        f"model = {model}.eval()\n"
        f"model.load_state_dict({state})\n"
        f"logits = model((images - {middle}.view(-1, 1, 1)) / {spread}.view(-1, 1, 1))"
        f"  # images: float (N, {spec.channels}, {spec.size}, {spec.size}), 0 to 255"
    )


def is_torchvisions(spec: ModelSpec) -> bool:
    """Whether torchvision's own class of that depth is this network, of whatever images and classes."""
    own = ModelSpec("imagenet", spec.depth, "projection", channels=3)
    return replace(spec, classes=own.classes, size=own.size, init=own.init) == own and spec.init in ("he", "zero_gamma")


def _of_torchvision(spec: ModelSpec) -> str:
    return f"torchvision.models.resnet{spec.depth}(num_classes={spec.classes})"


def _of_ours(spec: ModelSpec) -> str:
    values = {
        f.name: getattr(spec, f.name) for f in fields(spec) if f.name == "depth" or getattr(spec, f.name) != f.default
    }
    said = ", ".join(f"{name}={value!r}" for name, value in values.items())
    return f"resnet_viz.build(resnet_viz.ModelSpec({said}))"


def _tensor(values: Sequence[float]) -> str:
    return f"torch.tensor({[float(f'{value:.9g}') for value in values]})"  # nine digits tell every float32 apart
