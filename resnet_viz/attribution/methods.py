"""The methods that say which pixels, or which cells of a block, speak for a class: captum's, in one table.

What a method is called, takes and costs has its one place here; `attribute.attribute` asks them.
"""

from __future__ import annotations

import inspect
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import captum.attr
import numpy as np
import torch
from torch import Tensor, nn

from resnet_viz.language import N_

for _message in (
    "Setting backward hooks",
    "Setting forward, backward hooks",
    "Input Tensor .* did not already require",
):
    warnings.filterwarnings("ignore", _message, UserWarning)  # captum announces what it was asked to do


@dataclass(frozen=True)
class Parameter:
    """A number a method takes; whole where ``step`` is."""

    name: str
    label: str
    default: float
    low: float
    high: float
    step: float


@dataclass(frozen=True)
class Question:
    """One call of captum: images ``x`` (B, C, H, W), the class of each ``target`` (B,), and what the method needs to know."""

    model: nn.Module
    x: Tensor
    target: Tensor
    baseline: Tensor  # (N, C, H, W)
    layer: str
    rows: int  # at most so many images in one pass
    values: Mapping[str, float]


@dataclass(frozen=True)
class Method:
    """A method: its names, its price and how to call it.

    ``answer`` maps a Question to (B, C, H, W); ``passes`` is how many forward passes an image of so many rows takes;
    ``front``: shown at once, the others under More; ``layered``: looks at one block; ``sums``: promises that a map sums to the
    difference of outputs (completeness).
    """

    label: str
    paper: str
    cost: str
    answer: Callable[[Question], Tensor]
    passes: Callable[[Mapping[str, float], int], int] = lambda _values, _size: 1
    parameters: tuple[Parameter, ...] = ()
    front: bool = False
    layered: bool = False
    sums: bool = False


def enlarge(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Maps of cells (B, h, w) at an image's size (B, H, W), bilinear (Selvaraju 2017, section 3)."""
    return captum.attr.LayerAttribution.interpolate(maps[:, None], tuple(size), "bilinear")[:, 0]


def _one_pass() -> Callable[..., Any] | None:
    """captum's gradients and outputs of a list of modules from one pass. Private, so None where it isn't as in captum 0.9."""
    try:
        from captum._utils.gradient import compute_layer_gradients_and_eval as function
    except ImportError:
        return None
    takes = tuple(inspect.signature(function).parameters)
    return function if takes[:4] == ("forward_fn", "layer", "inputs", "target_ind") else None


ONE_PASS = _one_pass()


def gradcams(model: nn.Module, x: Tensor, target: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Grad-CAM (Selvaraju 2017, equations 1 and 2, before the ReLU) at several modules: name → (B, h, w).

    ``x``: (B, C, H, W); ``target``: (B,) classes. One pass for all of them; without captum's `ONE_PASS` a pass each.
    """
    layers = [model.get_submodule(name) for name in names]
    if ONE_PASS is None:
        maps = [captum.attr.LayerGradCam(model, layer).attribute(x, target)[:, 0].detach() for layer in layers]
    else:
        gradients, outputs = ONE_PASS(model, layers, x, target)  # of each layer a tuple of one, (B, C', h, w)
        maps = [
            (g.mean((2, 3), keepdim=True) * a.detach()).sum(1) for (g,), (a,) in zip(gradients, outputs, strict=True)
        ]
    return dict(zip(names, maps, strict=True))


_DRAWS = threading.Lock()


@contextmanager
def seeded(seed: float) -> Iterator[None]:
    """While open, torch's and numpy's global draws, which captum uses, come from ``seed``; both are put back behind it."""
    with _DRAWS, torch.random.fork_rng(devices=[]):
        before = np.random.get_state()  # noqa: NPY002
        torch.manual_seed(int(seed))
        np.random.seed(int(seed))  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002


# Each method: Question → (B, C, H, W)


def _saliency(q: Question) -> Tensor:
    return captum.attr.Saliency(q.model).attribute(q.x, q.target, abs=False)


def _input_x_gradient(q: Question) -> Tensor:
    return captum.attr.InputXGradient(q.model).attribute(q.x, q.target)


def _integrated_gradients(q: Question) -> Tensor:
    # A ReLU net's gradient is constant between kinks: the midpoint rule leaves less residue than captum's Gauss-Legendre
    # (medians of 0.5 against 0.6 % from grey, 0.3 against 0.5 % from black: ResNet-20, 24 CIFAR-10 images, 128 steps).
    return captum.attr.IntegratedGradients(q.model).attribute(
        q.x, q.baseline[:1], q.target, n_steps=int(q.values["steps"]), method="riemann_middle",
        internal_batch_size=max(q.rows, len(q.x)),
    )  # fmt: skip


def _noisy(kind: str) -> Callable[[Question], Tensor]:
    def answer(q: Question) -> Tensor:
        # The paper's noise level: a share of the image's range (Smilkov 2017, section 3.1).
        std = float(q.values["noise"] * (q.x.max() - q.x.min()))
        with seeded(q.values["seed"]):
            return captum.attr.NoiseTunnel(captum.attr.Saliency(q.model)).attribute(
                q.x, kind, int(q.values["samples"]), q.rows, stdevs=std, target=q.target, abs=False
            )

    return answer


def _guided_backprop(q: Question) -> Tensor:
    return captum.attr.GuidedBackprop(q.model).attribute(q.x, q.target)


def _deconvolution(q: Question) -> Tensor:
    return captum.attr.Deconvolution(q.model).attribute(q.x, q.target)


def _deeplift(q: Question) -> Tensor:
    try:
        return captum.attr.DeepLift(q.model).attribute(q.x, q.baseline[:1].expand_as(q.x), q.target)
    finally:
        for module in q.model.modules():  # where a pass fails captum leaves there what it had seen
            vars(module).pop("input", None)
            vars(module).pop("output", None)


def _gradient_shap(q: Question) -> Tensor:
    method, left, total = captum.attr.GradientShap(q.model), int(q.values["samples"]), torch.zeros_like(q.x)
    with seeded(q.values["seed"]):
        while left:
            part = min(left, q.rows)  # captum would put all samples in one pass
            total += part * method.attribute(q.x, q.baseline, n_samples=part, stdevs=0.0, target=q.target)
            left -= part
    return total / int(q.values["samples"])


def _window(values: Mapping[str, float], size: int) -> tuple[int, int]:
    """Side of Occlusion's square and how far it moves, in pixels, on an image of ``size`` rows."""
    side = max(1, round(values["window"] * size))
    return side, max(1, round(values["stride"] * side))


def _occlusion(q: Question) -> Tensor:
    channels, side, stride = q.x.shape[1], *_window(q.values, q.x.shape[-1])
    drop = captum.attr.Occlusion(q.model).attribute(
        q.x, (channels, side, side), (channels, stride, stride), q.baseline[:1], q.target, perturbations_per_eval=q.rows
    )
    return drop / channels  # captum gives the drop to every channel; summed they are the drop again


def _occlusion_passes(values: Mapping[str, float], size: int) -> int:
    side, stride = _window(values, size)
    return 1 + (-(-(size - side) // stride) + 1) ** 2


def _gradcam(q: Question) -> Tensor:
    return captum.attr.LayerGradCam(q.model, q.model.get_submodule(q.layer)).attribute(q.x, q.target)


def _guided_gradcam(q: Question) -> Tensor:
    return captum.attr.GuidedGradCam(q.model, q.model.get_submodule(q.layer)).attribute(
        q.x, q.target, interpolate_mode="bilinear"
    )


STEPS = Parameter("steps", N_("Steps"), 128, 8, 512, 8)
SAMPLES = Parameter("samples", N_("Samples"), 32, 4, 256, 4)
SEED = Parameter("seed", N_("Seed"), 0, 0, 2**31 - 1, 1)
NOISE = Parameter("noise", N_("Noise, share of the image's range"), 0.15, 0.01, 0.5, 0.01)
WINDOW = Parameter("window", N_("Square, share of the side"), 0.25, 0.05, 0.5, 0.05)
STRIDE = Parameter("stride", N_("Stride, share of the square"), 0.25, 0.1, 1.0, 0.05)


def _steps(values: Mapping[str, float], _size: int) -> int:
    return int(values["steps"])


def _samples(values: Mapping[str, float], _size: int) -> int:
    return int(values["samples"])


METHODS: dict[str, Method] = {
    "gradcam": Method(
        "Grad-CAM", "Selvaraju 2017, arXiv 1610.02391", N_("one forward pass, backward to the block"), _gradcam,
        front=True, layered=True,
    ),
    "integrated_gradients": Method(
        "Integrated Gradients", "Sundararajan 2017, arXiv 1703.01365", N_("a forward and backward pass a step"),
        _integrated_gradients, _steps, (STEPS,), front=True, sums=True,
    ),
    "occlusion": Method(
        "Occlusion", "Zeiler 2014, arXiv 1311.2901", N_("a forward pass for each place of the square"),
        _occlusion, _occlusion_passes, (WINDOW, STRIDE), front=True,
    ),
    "saliency": Method("Saliency", "Simonyan 2014, arXiv 1312.6034", N_("one forward and backward pass"), _saliency),
    "input_x_gradient": Method(
        "Input × Gradient", "Shrikumar 2016, arXiv 1605.01713", N_("one forward and backward pass"), _input_x_gradient
    ),
    "smoothgrad": Method(
        "SmoothGrad", "Smilkov 2017, arXiv 1706.03825", N_("a forward and backward pass a sample"),
        _noisy("smoothgrad"), _samples, (SAMPLES, NOISE, SEED),
    ),
    "vargrad": Method(
        "VarGrad", "Adebayo 2018, arXiv 1810.03307", N_("a forward and backward pass a sample"),
        _noisy("vargrad"), _samples, (SAMPLES, NOISE, SEED),
    ),
    "guided_backprop": Method(
        "Guided Backprop", "Springenberg 2015, arXiv 1412.6806", N_("one forward and backward pass"), _guided_backprop
    ),
    "deconvolution": Method(
        "Deconvolution", "Zeiler 2014, arXiv 1311.2901", N_("one forward and backward pass"), _deconvolution
    ),
    "deeplift": Method(
        "DeepLIFT", "Shrikumar 2017, arXiv 1704.02685", N_("two forward and backward passes"), _deeplift, lambda _v, _s: 2,
        sums=True,
    ),
    "gradient_shap": Method(
        "GradientSHAP", "Lundberg 2017, arXiv 1705.07874; Erion 2021, arXiv 1906.10670",
        N_("a forward and backward pass a sample"), _gradient_shap, _samples, (SAMPLES, SEED),
    ),
    "guided_gradcam": Method(
        "Guided Grad-CAM", "Selvaraju 2017, arXiv 1610.02391", N_("two forward and backward passes"), _guided_gradcam,
        lambda _v, _s: 2, layered=True,
    ),
}  # fmt: skip
