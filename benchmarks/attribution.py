"""What an explanation costs: Grad-CAM against a bare pass and the `grad-cam` package; all feature maps against one forward pass.

ResNet-18 at 224 pixels and CIFAR nets of 20 and 56 layers (random weights: time doesn't depend on them), one image, one thread,
what is compared in turn. Times are the thread's own, on the processor: what else the machine does is not counted.

ratio: Grad-CAM ÷ a bare forward pass and the gradient at its block, the worst of the nets (1.15 are allowed).
"""

from __future__ import annotations

import statistics
import warnings

import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from benchmarks import ratio, times
from resnet_viz.attribution.attribute import attribute, default_layer, gradcam_strip
from resnet_viz.attribution.features import layers, look
from resnet_viz.nets import models
from resnet_viz.spec.model import ModelSpec

ROUNDS = 15
SPECS = (
    ModelSpec(family="imagenet", depth=18, shortcut="projection", size=224, classes=1000),
    ModelSpec(depth=20),
    ModelSpec(depth=56),
)


def bare(model: nn.Module, x: Tensor, layer: str) -> Tensor:
    """A forward pass and the gradient of a logit at a block, by hooks of torch alone."""
    kept: list[Tensor] = []
    handle = model.get_submodule(layer).register_forward_hook(lambda _m, _i, out: kept.append(out.requires_grad_()))
    try:
        logit = model(x)[0, 1]
    finally:
        handle.remove()
    return torch.autograd.grad(logit, kept[0])[0]


def forward(model: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        model(x)


def main() -> float:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    worst = 0.0
    for spec in SPECS:
        model = models.build(spec).eval().requires_grad_(False)
        other = models.build(spec).eval()  # the package calls backward on the weights
        x, layer = torch.randn(1, 3, spec.size, spec.size), default_layer(spec)
        package = GradCAM(other, [other.get_submodule(layer)])
        found = times(
            {
                "forward": lambda m=model, x=x: forward(m, x),
                "bare": lambda m=model, x=x, layer=layer: bare(m, x, layer),
                "ours": lambda m=model, x=x, layer=layer: attribute(m, x, method="gradcam", target=1, layer=layer),
                "captum": lambda m=model, x=x, layer=layer: LayerGradCam(m, m.get_submodule(layer)).attribute(x, 1),
                "package": lambda p=package, x=x: p(x, [ClassifierOutputTarget(1)]),
                "strip": lambda m=model, x=x: gradcam_strip(m, x, target=1),
                "maps": lambda m=model, x=x: look(m, x, layers(m.spec)),
            },
            ROUNDS,
        )
        package.activations_and_grads.release()
        print(f"{spec.family} {spec.depth}, {spec.size} px, {layer}:")
        print("  " + ", ".join(f"{name} {1000 * statistics.median(t):.1f} ms" for name, t in found.items()))
        print(
            f"  Grad-CAM ÷ bare {ratio(found, 'ours', 'bare'):.3f} (captum's ÷ bare {ratio(found, 'captum', 'bare'):.3f}), "
            f"the package ÷ Grad-CAM {ratio(found, 'package', 'ours'):.2f}, "
            f"at all blocks ÷ at one {ratio(found, 'strip', 'ours'):.2f}, "
            f"all feature maps ÷ one forward pass {ratio(found, 'maps', 'forward'):.3f}"
        )
        worst = max(worst, ratio(found, "ours", "bare"))
    return worst
