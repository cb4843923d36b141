"""Loss landscapes (Li et al. 2018, arXiv 1712.09913): the loss around a trained network's weights, along one or two directions.

As in the authors' code: random directions are scaled filter by filter to the network's own (section 4), or the two principal axes
of the training path are taken, as they are (section 7); in both, norms and biases do not move ("ignore biasbn"). BatchNorm stays
in evaluation mode with the statistics of the trained weights, which fit other weights less and less: part of what rises is that.
"""

from __future__ import annotations

import copy
import math
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_viz.data.batches import generator
from resnet_viz.data.splits import load_splits
from resnet_viz.nets import refs, weights
from resnet_viz.nets.refs import NetworkError
from resnet_viz.nets.weights import Network
from resnet_viz.runs.events import Event, Point, Result, Status
from resnet_viz.runs.store import Store
from resnet_viz.spec.lab import LandscapeSpec
from resnet_viz.spec.run import RunSpec, SpecError
from resnet_viz.words import landscape as landscape_words

# Images that go through a network together: larger batches leave the processor's cache.
BATCH = 128
# The first pass is over a grid of so many points a side; each next one halves the distance.
COARSE = 5
# Around a path as much again, as a share of its extent.
MARGIN = 0.2
# Hours; a grid that would take longer is refused once it is known how long a point takes.
LONGEST = 12.0

Direction = Mapping[str, Tensor]


def filters(model: nn.Module) -> dict[str, Tensor]:
    """What moves: weights of convolutions and of the classifier, by name. A filter is a row: what makes one output channel."""
    return {name: w.detach() for name, w in model.named_parameters() if w.dim() > 1}


def random_direction(model: nn.Module, seed: int, number: int) -> dict[str, Tensor]:
    """A Gaussian direction, each of its filters as long as the network's own: ‖d_f‖ = ‖w_f‖ (Li 2018, section 4).

    Drawn from (seed, number, the weight's name): twins are moved along the same draws, but for the lengths.
    """
    found = {}
    for name, w in filters(model).items():
        d = torch.randn(w.shape, generator=generator(seed, "direction", number, name))
        length, own = (t.flatten(1).norm(dim=1) for t in (d, w))
        found[name] = d * (own / length).view(-1, *[1] * (w.dim() - 1))
    return found


@dataclass(frozen=True)
class Plane:
    """A network and its directions, one or two; with those of a path, the path (P, 2) on them and its moments, steps (P,).

    ``share``: of the path's variance along each of the two axes, (2,).
    """

    net: Network
    directions: tuple[Direction, ...]
    path: np.ndarray | None = None
    moments: np.ndarray | None = None
    share: np.ndarray | None = None


def path_plane(net: Network, moments: Sequence[Network], dimensions: int = 2) -> Plane:
    """The plane of the two principal axes of a training path (Li 2018, section 7), through the network's own weights.

    ``moments``: the network over its training. Axes have length 1; the path begins at the left, above the middle on average.
    Raises NetworkError for a path of fewer than 3 moments.
    """
    from sklearn.decomposition import PCA

    if len(moments) < 3:
        raise NetworkError(
            f"A path needs 3 moments of a training or more, and of {net.source.label} {len(moments)} "
            f"{'is' if len(moments) == 1 else 'are'} kept; choose random directions, or a run of more epochs."
        )
    own = filters(net.model)
    end = _flat(own)
    rows = np.stack([(_flat(filters(m.model)) - end).numpy() for m in moments])  # (P, weights)
    found = PCA(2, svd_solver="full").fit(rows)
    axes = found.components_
    path = rows @ axes.T  # (P, 2)
    signs = np.where([path[0, 0] > 0, path[:, 1].mean() < 0], -1.0, 1.0)
    directions = tuple(
        dict(zip(own, _unflat(torch.from_numpy(axis * sign), own), strict=True))
        for axis, sign in zip(axes, signs, strict=True)
    )
    return Plane(
        net, directions[:dimensions], path * signs, np.array([m.source.step for m in moments]),
        found.explained_variance_ratio_,
    )  # fmt: skip


def _flat(weights: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([w.flatten() for w in weights.values()])


def _unflat(vector: Tensor, like: Mapping[str, Tensor]) -> list[Tensor]:
    parts = vector.float().split([w.numel() for w in like.values()])
    return [part.view_as(w) for part, w in zip(parts, like.values(), strict=True)]


def planes(lab: LandscapeSpec, nets: Sequence[Network], store: Store) -> list[Plane]:
    """For each network what it is moved along. Raises NetworkError where a path is asked for and was not kept."""
    if lab.directions == "path":
        paths = [[weights.load(s) for s in refs.checkpoints(net.source, store)] for net in nets]
        return [path_plane(net, moments, lab.dimensions) for net, moments in zip(nets, paths, strict=True)]
    return [Plane(net, tuple(random_direction(net.model, lab.seed, n) for n in range(lab.dimensions))) for net in nets]


def ticks(lab: LandscapeSpec, found: Sequence[Plane]) -> list[np.ndarray]:
    """Coordinates (size,) of the grid along each dimension, one grid for all networks; 0, the trained weights, is among them.

    Random directions go from -reach to reach; a path's as far as the paths of all networks, and a fifth more.
    """
    axes = []
    for axis in range(lab.dimensions):
        if lab.directions == "path":
            along = np.concatenate([[0.0], *(plane.path[:, axis] for plane in found if plane.path is not None)])
            extent = max(np.ptp(along), 1e-6)
            step = extent * (1 + 2 * MARGIN) / (lab.size - 1)
            before = math.ceil((MARGIN * extent - along.min()) / step - 0.5)
            axes.append((np.arange(lab.size) - before) * step)
        else:
            axes.append(np.linspace(-lab.reach, lab.reach, lab.size))
    return axes


def order(axes: Sequence[np.ndarray]) -> list[tuple[int, ...]]:
    """Indices of the grid's points in the order they are measured: the trained weights, a grid of 5 a side, what lies between."""
    size = len(axes[0])
    strides = [2**k for k in range((size - 1).bit_length()) if (size - 1) // 2**k >= COARSE - 1]
    places = np.stack(np.meshgrid(*[np.arange(size)] * len(axes), indexing="ij"), -1).reshape(-1, len(axes))
    # The largest stride whose grid has the point.
    level = np.max([np.where((places % s == 0).all(1), s, 0) for s in strides], 0)
    centre = tuple(int(np.abs(axis).argmin()) for axis in axes)
    rest = [tuple(p) for p in places[np.argsort(-level, kind="stable")].tolist()]
    return [centre, *(p for p in rest if p != centre)]


class _Walker:
    """One thread's own copy of a network, which it moves."""

    def __init__(self, plane: Plane, device: torch.device) -> None:
        model = copy.deepcopy(plane.net.model).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model = model.eval().requires_grad_(False)
        parameters = dict(self.model.named_parameters())
        self.moves = [
            (parameters[name], w.to(device).clone(), *(d[name].to(device) for d in plane.directions))
            for name, w in filters(plane.net.model).items()
        ]

    @torch.inference_mode()
    def loss(
        self, place: Sequence[float], batches: Sequence[tuple[Tensor, Tensor]], stop: threading.Event
    ) -> tuple[float, float]:
        """Mean loss and accuracy over the images at weights w + Σ place · direction; a loss past all numbers is infinite."""
        for parameter, w, *directions in self.moves:
            parameter.copy_(w)
            for distance, direction in zip(place, directions, strict=True):
                parameter.add_(direction, alpha=distance)
        loss, right, count = 0.0, 0, 0
        for x, y in batches:
            if stop.is_set():
                return math.nan, math.nan
            logits = self.model(x)
            loss += F.cross_entropy(logits, y, reduction="sum").item()
            right += int((logits.argmax(1) == y).sum())
            count += len(y)
        return (loss / count if math.isfinite(loss) else math.inf), right / count


def steps(spec: RunSpec, nets: Sequence[Network]) -> int:
    """How many points the grid has."""
    assert isinstance(spec.lab, LandscapeSpec)
    return spec.lab.size**spec.lab.dimensions


def _images(spec: RunSpec, nets: Sequence[Network], device: torch.device) -> list[list[tuple[Tensor, Tensor]]]:
    """For each network the batches it is asked about, on the device once; networks that normalise alike share them."""
    lab, splits = spec.lab, load_splits(spec.data)
    assert isinstance(lab, LandscapeSpec)
    x, y = (part[lab.split][: lab.images or None] for part in (splits.images, splits.labels))
    labels = torch.from_numpy(y).to(device).split(BATCH)
    seen: dict[tuple[float, ...], list[tuple[Tensor, Tensor]]] = {}
    found = []
    for net in nets:
        if (net.spec.size, net.spec.channels) != (x.shape[1], x.shape[3]):
            raise NetworkError(
                f"{net.source.label} takes images of {net.spec.size}×{net.spec.size} with {net.spec.channels} channels, and "
                f"those of this data set are {x.shape[1]}×{x.shape[1]} with {x.shape[3]}; choose another network."
            )
        key = (*net.mean.tolist(), *net.std.tolist())
        if key not in seen:
            ready = net.prepare(x).to(device).contiguous(memory_format=torch.channels_last)
            seen[key] = list(zip(ready.split(BATCH), labels, strict=True))
        found.append(seen[key])
    return found


def run(spec: RunSpec, nets: Sequence[Network], store: Store | None = None) -> Iterator[Event]:
    """The loss around trained networks, all on the same grid and images: the job of the lab "landscape".

    A Point for each point of the grid, in the order of `order`: "x" (and "y") are its distances along the directions; for the
    network at place n, "n.loss" is the mean loss in nats (infinite past all numbers) and "n.accuracy" the share that is right.
    The first, at the trained weights, also carries "images" (how many), "axes" (first and last x, and y), "n.skips" (1 for a
    residual network) and of a path "n.path" (x and y of each moment), "n.moments" (their steps) and "n.share" (of its variance,
    along each axis).
    Raises DataError, NetworkError, and SpecError for a grid that would take too long.
    """
    lab = spec.lab
    assert isinstance(lab, LandscapeSpec)
    started = time.perf_counter()
    yield Status("Loading the images")
    device = torch.device("cpu" if spec.train.device == "auto" else spec.train.device)
    found = planes(lab, nets, store or Store())
    batches = _images(spec, nets, device)
    axes = ticks(lab, found)
    images = sum(len(y) for _, y in batches[0])
    about: dict[str, float | np.ndarray] = {
        "axes": np.concatenate([a[[0, -1]] for a in axes]).astype(np.float32),
        "images": float(images),
    }
    for n, plane in enumerate(found):
        about[f"{n}.skips"] = float(plane.net.spec.residual)
        if plane.path is not None and plane.moments is not None and plane.share is not None:
            path = {"path": plane.path.ravel(), "moments": plane.moments, "share": plane.share}
            about |= {f"{n}.{name}": values.astype(np.float32) for name, values in path.items()}

    losses: list[list[float]] = [[] for _ in nets]
    places = [[float(axis[i]) for axis, i in zip(axes, p, strict=True)] for p in order(axes)]
    step = 0
    for event in _measure(found, batches, places, device, spec.train.threads or torch.get_num_threads()):
        if isinstance(event, Status):
            yield event
            continue
        step += 1
        values: dict[str, float | np.ndarray] = dict(zip("xy", places[step - 1], strict=False))
        for n, (loss, right, _) in enumerate(event):
            losses[n].append(loss)
            values |= {f"{n}.loss": loss, f"{n}.accuracy": right}
        if step == 1:
            _check(lab, nets, event, spec.train.threads)
            values |= about
        yield Point(step, values)
    outcome = [
        {"network": n.source.ref, "label": n.source.label, "about": n.source.about, "loss": own[0], "highest": max(own)}
        for n, own in zip(nets, losses, strict=True)
    ]
    around = [(net.source.label, own) for net, own in zip(nets, losses, strict=True)]
    conditions = landscape_words.landscape_conditions(lab, step, images)
    shares = [float(plane.share.sum()) for plane in found if plane.share is not None]
    sentence = f"{landscape_words.landscape(around, spec.model.classes, lab, shares)} {conditions}"
    seconds = round(time.perf_counter() - started, 3)
    yield Result("finished", {"sentence": sentence, "images": images, "nets": outcome, "seconds": seconds})


def _check(lab: LandscapeSpec, nets: Sequence[Network], first: Sequence[Measured], threads: int) -> None:
    """Stop where the trained weights have no finite loss, or where the first point says that the grid takes too long."""
    for net, (loss, _, _) in zip(nets, first, strict=True):
        if not math.isfinite(loss):
            raise NetworkError(
                f"The loss of {net.source.label} at its own weights is not a finite number; choose another."
            )
    points = lab.size**lab.dimensions
    hours = sum(seconds for _, _, seconds in first) * points / max(1, threads) / 3600
    if hours > LONGEST:
        raise SpecError(
            f"A grid of {points:,} points for {len(nets)} network{'s' * (len(nets) > 1)} would take about {hours:,.0f} h on this "
            f"machine, more than {LONGEST:g}; choose a coarser one, or fewer images."
        )


# Mean loss, share right, and seconds it took.
Measured = tuple[float, float, float]


def _measure(
    found: Sequence[Plane],
    batches: Sequence[Sequence[tuple[Tensor, Tensor]]],
    places: Sequence[Sequence[float]],
    device: torch.device,
    threads: int,
) -> Iterator[Status | list[Measured]]:
    """What each network (in their order) gives at each place, in order; a Status now and then while one is waited for.

    Every core takes a network at a place of its own, on one thread: the layers are too small to be shared between cores.
    """
    own, stop = threading.local(), threading.Event()

    def one(number: int, place: Sequence[float]) -> Measured:
        walkers = own.__dict__
        if str(number) not in walkers:
            walkers[str(number)] = _Walker(found[number], device)
        started = time.perf_counter()
        loss, right = walkers[str(number)].loss(place, batches[number], stop)
        return loss, right, time.perf_counter() - started

    workers = threads if device.type == "cpu" else 1
    pool = ThreadPoolExecutor(workers, "landscape", initializer=torch.set_num_threads, initargs=(1,))
    waiting: deque[list[Future[Measured]]] = deque()
    upcoming = iter(places)
    try:
        while True:
            while len(waiting) <= workers and (place := next(upcoming, None)) is not None:
                waiting.append([pool.submit(one, n, place) for n in range(len(found))])
            if not waiting:
                return
            for future in waiting[0]:
                while not wait([future], timeout=0.25).done:
                    yield Status("Measuring")
            yield [future.result() for future in waiting.popleft()]
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
