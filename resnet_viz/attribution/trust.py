"""Can a map be trusted? What it promises, measured: on the network, on a copy that forgets, and beside an edge detector.

Every function takes maps as `attribute.attribute` gives them, hooks nothing that stays, and answers with numpy arrays.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import captum.metrics
import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import ConstantInputWarning, spearmanr
from skimage.color import rgb2gray
from skimage.filters import sobel
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from resnet_viz.attribution.attribute import Less, attribute, evaluating, pass_rows
from resnet_viz.attribution.methods import enlarge
from resnet_viz.nets import models
from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.train import seed_from


@dataclass(frozen=True)
class Curve:
    """How the class's probability goes while pixels come or go in a map's order (Petsiuk 2018, arXiv 1806.07421, section 3.3)."""

    shares: np.ndarray  # (T,) of the pixels put in or taken out, 0 to 1
    probabilities: np.ndarray  # (M, T), a row for each map
    areas: np.ndarray  # (M,) under each: insertion's is the better the larger, deletion's the smaller


@dataclass(frozen=True)
class Completeness:
    """What Integrated Gradients and DeepLIFT promise: a map sums to the difference of outputs. Each (B,), in logits."""

    sums: np.ndarray
    differences: np.ndarray  # the logit for the image less the one for the baseline

    @property
    def residues(self) -> np.ndarray:
        """What is missing: (B,)."""
        return self.sums - self.differences

    @property
    def relative(self) -> np.ndarray:
        """|residue| ÷ |difference of outputs|: (B,)."""
        return np.abs(self.residues) / np.maximum(np.abs(self.differences), np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Randomisation:
    """How alike a map stays to itself while the network forgets, from the classifier down (Adebayo 2018, arXiv 1810.03292).

    ``parts``: what was made random last, "" for the trained network; all above it is random too. ``maps``: (T, B, h, w).
    The likenesses are (T, B), 1 for the trained network; NaN where a map is constant and so has no ranks.
    """

    parts: tuple[str, ...]
    maps: np.ndarray
    signed: np.ndarray  # Spearman's rank correlation of the maps
    absolute: np.ndarray  # of their absolute values
    ssim: np.ndarray  # structural similarity of their absolute values, each from 0 to 1


# Insertion and deletion


def curves(
    model: nn.Module,
    x: Tensor,
    maps: Sequence[Tensor],
    *,
    target: int,
    insertion: bool,
    steps: int = 32,
    progress: Callable[[float], None] | None = None,
) -> Curve:
    """The class's probability while pixels of one image ``x`` (1, C, H, W) come or go, the map's highest first.

    ``maps``: each (h, w); maps of cells are enlarged. Insertion starts from the image blurred (σ 5 of 224 pixels as in the
    paper, but 2 pixels at least) and ends with it; deletion starts from it and ends with the training mean, grey. T = steps + 1.
    """
    image = x.detach()[0]  # (C, H, W)
    size = image.shape[-2:]
    sigma = max(2.0, size[0] * 5 / 224)
    blurred = torch.from_numpy(gaussian_filter(image.cpu().numpy(), (0, sigma, sigma))).to(image)
    first, last = (blurred, image) if insertion else (image, torch.zeros_like(image))
    counts = torch.linspace(0, size.numel(), steps + 1).round().long()  # (T,) pixels
    rows = []
    with evaluating(model), torch.no_grad():
        for done, cells in enumerate(maps):
            full = cells if cells.shape == size else enlarge(cells[None], size)[0]
            order = full.reshape(-1).argsort(descending=True, stable=True)
            rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
            row = []
            for part in counts.split(pass_rows(model, x)):
                changed = (rank.view(1, 1, *size) < part.view(-1, 1, 1, 1)).to(image.device)  # (T', 1, H, W)
                logits = model(torch.where(changed, last, first))
                row.append(logits.softmax(1)[:, target].cpu())
            rows.append(torch.cat(row).numpy())
            if progress:
                progress((done + 1) / len(maps))
    shares, probabilities = counts.numpy() / size.numel(), np.stack(rows)
    return Curve(shares, probabilities, np.trapezoid(probabilities, shares, axis=1))


# captum's measures


def infidelity(
    model: nn.Module,
    x: Tensor,
    maps: Sequence[Tensor],
    *,
    target: int,
    minus: int | None = None,
    samples: int = 64,
    side: float = 0.25,
    seed: int = 0,
) -> np.ndarray:
    """How badly each map foretells what the logit loses when a square turns grey (Yeh 2019, arXiv 1901.09392): (M,), 0 to 1.

    ``x`` (1, C, H, W); ``maps``: each (h, w). ``samples`` squares, ``side`` times the image's, the same for every map. It is
    captum's infidelity with its best scale for the map, divided by the mean squared loss: 0, the map foretells every loss; 1,
    none of it.
    """
    channels, height, width = x.shape[1:]
    square = max(1, round(side * height))

    def hide(images: Tensor) -> tuple[Tensor, Tensor]:
        places = torch.rand((2, len(images), 1, 1, 1), generator=generator)
        top, left = (places[0] * (height - square + 1)).floor(), (places[1] * (width - square + 1)).floor()
        y, z = torch.arange(height).view(1, 1, -1, 1), torch.arange(width).view(1, 1, 1, -1)
        hidden = (y >= top) & (y < top + square) & (z >= left) & (z < left + square)  # (B, 1, H, W)
        hidden = hidden.to(images.device)
        return hidden.to(images).expand_as(images), images.masked_fill(hidden, 0)

    errors = []
    with evaluating(model):
        net = model if minus is None else Less(model, minus)
        # A map of zeros foretells no loss: its infidelity is the mean squared loss.
        for cells in (torch.zeros(height, width), *maps):
            full = cells if cells.shape == x.shape[-2:] else enlarge(cells[None], x.shape[-2:])[0]
            spread = (full.to(x) / channels).expand_as(x)  # so that channels sum to the map
            generator = torch.Generator().manual_seed(seed_from(seed, "infidelity"))
            value = captum.metrics.infidelity(
                net, hide, x, spread, target=target, n_perturb_samples=samples,
                max_examples_per_batch=pass_rows(model, x), normalize=True,
            )  # fmt: skip
            errors.append(float(value[0]))
    return np.array(errors[1:]) / max(errors[0], np.finfo(np.float32).tiny)


def sensitivity(
    explain: Callable[[Tensor], Tensor], x: Tensor, *, radius: float = 0.02, samples: int = 10, seed: int = 0
) -> np.ndarray:
    """How far a map moves when its image hardly does (Yeh 2019, arXiv 1901.09392, section 4): (B,), relative to the map's norm.

    ``explain``: x (B, C, H, W) → maps (B, h, w), for one class, such as a partial `attribute`. The largest of ``samples`` moves,
    each uniform within ±``radius`` (in standard deviations of the training data).
    """
    generator = torch.Generator().manual_seed(seed_from(seed, "sensitivity"))

    def move(images: Tensor) -> Tensor:
        return images + radius * (2 * torch.rand(images.shape, generator=generator) - 1).to(images)

    moves = captum.metrics.sensitivity_max(
        lambda images: (explain(images[0]),), (x,), lambda images: (move(images),), n_perturb_samples=samples
    )
    return moves.cpu().numpy()


def completeness(
    model: nn.Module,
    x: Tensor,
    maps: Tensor,
    *,
    target: int | Sequence[int] | Tensor,
    minus: int | None = None,
    baseline: Tensor | None = None,
) -> Completeness:
    """What the maps (B, H, W) of ``x`` (B, C, H, W) sum to, and what they should (Sundararajan 2017, proposition 1)."""
    base = torch.zeros_like(x[:1]) if baseline is None else baseline.reshape(1, *x.shape[1:]).to(x)
    chosen = torch.as_tensor(target, device=x.device).expand(len(x))[:, None]
    with evaluating(model), torch.no_grad():
        net = model if minus is None else Less(model, minus)
        logits, empty = net(x), net(base).expand(len(x), -1)
    differences = (logits.double() - empty.double()).gather(1, chosen)[:, 0]
    return Completeness(maps.double().sum((1, 2)).cpu().numpy(), differences.cpu().numpy())


# Does the map depend on what was learned, or on the image alone?


def edges(image: np.ndarray) -> np.ndarray:
    """Sobel's edges of an image (H, W, C) uint8: (H, W) float32. They know no network, and yet look like an explanation."""
    grey = rgb2gray(image) if image.shape[-1] == 3 else image.mean(-1) / 255
    return sobel(grey).astype(np.float32)


def parts(spec: ModelSpec) -> tuple[str, ...]:
    """What `randomisation` makes random, in its order: the classifier, the blocks from the last to the first, the stem."""
    return ("fc", *(block.name for block in reversed(arch.blocks(spec))), "conv1")


def randomisation(
    model: nn.Module,
    x: Tensor,
    *,
    method: str,
    target: int | Sequence[int] | Tensor,
    minus: int | None = None,
    layer: str | None = None,
    most: int = 12,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
    **parameters: Any,
) -> Randomisation:
    """Maps of ``x`` (B, C, H, W) while a copy of the network forgets, part after part (Adebayo 2018, section 3.1, cumulative).

    A part that forgets gets He's initial weights, and its norm the statistics it started with. Between the trained network and
    the last part, ``most`` maps are made at most, evenly spread over the parts.
    """
    spec: Any = model.spec
    forgetful = copy.deepcopy(model).eval()
    fresh = models.build(replace(spec, init="he"), seed).state_dict()
    names = parts(spec)
    stops = np.unique(np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int)) + 1
    maps, shown, gone = [], [""], 0
    for done, stop in enumerate([0, *stops]):
        for name in names[gone:stop]:
            _forget(forgetful, fresh, name)
        gone = int(stop)
        shown += [names[stop - 1]] * bool(stop)
        maps.append(attribute(forgetful, x, method=method, target=target, minus=minus, layer=layer, **parameters).cpu())
        if progress:
            progress((done + 1) / (len(stops) + 1))
    stack = torch.stack(maps)  # (T, B, h, w)
    large = torch.stack([enlarge(m, x.shape[-2:]) if m.shape[-2:] != x.shape[-2:] else m for m in stack]).numpy()
    small = stack.numpy()
    likes = [
        [(_ranks(m, first), _ranks(abs(m), abs(first)), _ssim(abs(big), abs(own)))
         for m, first, big, own in zip(row, small[0], wide, large[0], strict=True)]
        for row, wide in zip(small, large, strict=True)
    ]  # fmt: skip
    signed, absolute, ssim = np.moveaxis(np.array(likes, np.float32), -1, 0)
    return Randomisation(tuple(shown), small, signed, absolute, ssim)


@torch.no_grad()
def _forget(model: nn.Module, fresh: dict[str, Tensor], part: str) -> None:
    """Give a part its initial values; the stem's norm goes with the stem, pre-activation's last one with the classifier."""
    spec: Any = model.spec
    with_norm = "fc" if spec.order == "preact" else "conv1"
    prefixes = (f"{part}.", "bn1.") if part == with_norm else (f"{part}.",)
    for name, value in model.state_dict().items():
        if name.startswith(prefixes) and name in fresh:  # a branch's trained scale stays
            value.copy_(fresh[name])


def _ranks(one: np.ndarray, other: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)  # NaN says it
        return float(spearmanr(one.ravel(), other.ravel()).statistic)


def _ssim(one: np.ndarray, other: np.ndarray) -> float:
    if not (one.any() and other.any()):
        return float("nan")
    window = min(7, (min(one.shape) - 1) // 2 * 2 + 1)
    return float(structural_similarity(one / one.max(), other / other.max(), data_range=1.0, win_size=window))
