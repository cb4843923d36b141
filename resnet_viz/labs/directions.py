"""Along what a loss landscape is measured (Li et al. 2018, arXiv 1712.09913): directions in weight space, and the grid on them.

As in the authors' code: random directions are scaled filter by filter to the network's own (section 4), or the two principal axes
of the training path are taken, as they are (section 7); in both, norms and biases do not move ("ignore biasbn").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from resnet_viz.data.batches import generator
from resnet_viz.nets import refs, weights
from resnet_viz.nets.refs import NetworkError
from resnet_viz.nets.weights import Network
from resnet_viz.runs.store import Store
from resnet_viz.spec.lab import LandscapeSpec

# The first pass is over a grid of so many points a side; each next one halves the distance.
COARSE = 5
# Around a path as much again, as a share of its extent.
MARGIN = 0.2

Direction = Mapping[str, Tensor]


@dataclass(frozen=True)
class Plane:
    """A network and the one or two directions it is moved along, each by its weights' names.

    Where they are those of a training path: ``path``, its checkpoints' places on both axes (P, 2); ``checkpoints``, their steps
    (P,); ``share``, the part of the path's variance along each axis (2,).
    """

    net: Network
    directions: tuple[Direction, ...]
    path: np.ndarray | None = None
    checkpoints: np.ndarray | None = None
    share: np.ndarray | None = None


def filters(model: nn.Module) -> dict[str, Tensor]:
    """What moves: weights of convolutions and of the classifier, by name. A filter is a row: what makes one output channel."""
    return {name: w.detach() for name, w in model.named_parameters() if w.dim() > 1}


def random_direction(model: nn.Module, seed: int, number: int) -> dict[str, Tensor]:
    """A Gaussian direction, each of its filters as long as the network's own: ‖d_f‖ = ‖w_f‖ (Li 2018, section 4).

    Drawn from (seed, number, the weight's name): twins are moved along the same draws, but for the lengths.
    """
    direction = {}
    for name, w in filters(model).items():
        d = torch.randn(w.shape, generator=generator(seed, "direction", number, name))
        length, own = (t.flatten(1).norm(dim=1) for t in (d, w))  # (filters,)
        direction[name] = d * (own / length).view(-1, *[1] * (w.dim() - 1))
    return direction


def path_plane(net: Network, checkpoints: Sequence[Network], dimensions: int = 2) -> Plane:
    """The plane of the two principal axes of a training path (Li 2018, section 7), through the network's own weights.

    ``checkpoints``: the network over its training. Axes have length 1; the path begins at the left, above the middle on average.
    Raises NetworkError for fewer than 3 checkpoints.
    """
    from sklearn.decomposition import PCA

    if len(checkpoints) < 3:
        raise NetworkError(
            f"A path needs 3 checkpoints of a training or more, and of {net.source.label} {len(checkpoints)} "
            f"{'is' if len(checkpoints) == 1 else 'are'} kept; choose random directions, or a run of more epochs."
        )
    own = filters(net.model)
    end = _flat(own)
    rows = np.stack([(_flat(filters(c.model)) - end).numpy() for c in checkpoints])  # (P, weights)
    pca = PCA(2, svd_solver="full").fit(rows)
    path = rows @ pca.components_.T  # (P, 2)
    signs = np.where([path[0, 0] > 0, path[:, 1].mean() < 0], -1.0, 1.0)
    directions = tuple(
        dict(zip(own, _unflat(torch.from_numpy(axis * sign), own), strict=True))
        for axis, sign in zip(pca.components_, signs, strict=True)
    )
    steps = np.array([c.source.step for c in checkpoints])
    return Plane(net, directions[:dimensions], path * signs, steps, pca.explained_variance_ratio_)


def _flat(weights: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([w.flatten() for w in weights.values()])


def _unflat(vector: Tensor, like: Mapping[str, Tensor]) -> list[Tensor]:
    parts = vector.float().split([w.numel() for w in like.values()])
    return [part.view_as(w) for part, w in zip(parts, like.values(), strict=True)]


def planes(lab: LandscapeSpec, nets: Sequence[Network], store: Store) -> list[Plane]:
    """For each network what it is moved along. Raises NetworkError where a path is asked for and was not kept in the store."""
    if lab.directions == "path":
        paths = [[weights.load(source) for source in refs.checkpoints(net.source, store)] for net in nets]
        return [path_plane(net, path, lab.dimensions) for net, path in zip(nets, paths, strict=True)]
    return [Plane(net, tuple(random_direction(net.model, lab.seed, n) for n in range(lab.dimensions))) for net in nets]


def grid_axes(lab: LandscapeSpec, planes: Sequence[Plane]) -> list[np.ndarray]:
    """Coordinates (size,) of the grid along each dimension, one grid for all networks; 0, the trained weights, is among them.

    Random directions go from -reach to reach; a path's as far as the paths of all networks, and a fifth more.
    """
    axes = []
    for axis in range(lab.dimensions):
        if lab.directions == "path":
            along = np.concatenate([[0.0], *(plane.path[:, axis] for plane in planes if plane.path is not None)])
            extent = max(np.ptp(along), 1e-6)
            step = extent * (1 + 2 * MARGIN) / (lab.size - 1)
            before = math.ceil((MARGIN * extent - along.min()) / step - 0.5)
            axes.append((np.arange(lab.size) - before) * step)
        else:
            axes.append(np.linspace(-lab.reach, lab.reach, lab.size))
    return axes


def grid_order(axes: Sequence[np.ndarray]) -> list[tuple[int, ...]]:
    """Indices of the grid's points in the order they are measured: the trained weights, a grid of 5 a side, what lies between."""
    size = len(axes[0])
    strides = [2**k for k in range((size - 1).bit_length()) if (size - 1) // 2**k >= COARSE - 1]
    places = np.stack(np.meshgrid(*[np.arange(size)] * len(axes), indexing="ij"), -1).reshape(-1, len(axes))
    # The largest stride whose grid has the point.
    level = np.max([np.where((places % s == 0).all(1), s, 0) for s in strides], 0)
    centre = tuple(int(np.abs(axis).argmin()) for axis in axes)
    rest = [tuple(p) for p in places[np.argsort(-level, kind="stable")].tolist()]
    return [centre, *(p for p in rest if p != centre)]
