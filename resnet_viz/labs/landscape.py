"""The loss around trained networks' weights, on a grid along one or two `directions`: the job of the lab "landscape" (Li 2018).

BatchNorm stays in evaluation mode with the statistics of the trained weights, which fit other weights less and less: part of what
rises is that.
"""

from __future__ import annotations

import copy
import math
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_viz.data.splits import load_splits
from resnet_viz.labs import directions
from resnet_viz.labs.directions import Plane
from resnet_viz.nets.refs import NetworkError
from resnet_viz.nets.weights import Network
from resnet_viz.runs.events import Event, Point, Result, Status
from resnet_viz.runs.store import Store
from resnet_viz.spec.lab import LandscapeSpec
from resnet_viz.spec.run import RunSpec, SpecError
from resnet_viz.words import landscape as landscape_words

# Images that go through a network together: larger batches leave the processor's cache.
BATCH = 128
# Hours; a grid that would take longer is refused once it is known how long a point takes.
LONGEST = 12.0

# What a network gives at a point: mean loss in nats, accuracy, and the seconds it took.
Measured = tuple[float, float, float]


def steps(spec: RunSpec, nets: Sequence[Network]) -> int:
    """How many points the grid has."""
    assert isinstance(spec.lab, LandscapeSpec)
    return spec.lab.size**spec.lab.dimensions


def run(spec: RunSpec, nets: Sequence[Network], store: Store) -> Iterator[Event]:
    """The loss around trained networks, all on the same grid and images: the job of the lab "landscape".

    A Point for each point of the grid, in the order of `directions.grid_order`: "x" (and "y") are its distances along the
    directions; for the network at place n, "n.loss" is the mean loss in nats (infinite past all numbers) and "n.accuracy" the
    share that is correct. The first, at the trained weights, also carries "images" (how many), "axes" (first and last x, and y),
    "n.skips" (1 for a residual network) and of a path "n.path" (x and y of each checkpoint), "n.moments" (their steps) and
    "n.share" (of its variance, along each axis). The store has the checkpoints of a path.
    Raises DataError, NetworkError, and SpecError for a grid that would take too long.
    """
    lab = spec.lab
    assert isinstance(lab, LandscapeSpec)
    started = time.perf_counter()
    yield Status("Loading the images")
    device = torch.device("cpu" if spec.train.device == "auto" else spec.train.device)
    planes = directions.planes(lab, nets, store)
    batches = _images(spec, nets, device)
    axes = directions.grid_axes(lab, planes)
    images = sum(len(y) for _, y in batches[0])
    once = _once(planes, axes, images)
    losses: list[list[float]] = [[] for _ in nets]
    places = [[float(axis[i]) for axis, i in zip(axes, p, strict=True)] for p in directions.grid_order(axes)]
    step = 0
    for event in _measure(planes, batches, places, device, spec.train.threads or torch.get_num_threads()):
        if isinstance(event, Status):
            yield event
            continue
        step += 1
        values: dict[str, float | np.ndarray] = dict(zip("xy", places[step - 1], strict=False))
        for n, (loss, accuracy, _) in enumerate(event):
            losses[n].append(loss)
            values |= {f"{n}.loss": loss, f"{n}.accuracy": accuracy}
        if step == 1:
            _check(lab, nets, event, spec.train.threads)
            values |= once
        yield Point(step, values)
    outcome = [
        {
            "network": n.source.ref, "called": n.spec.called, "label": n.source.label, "about": n.source.about,
            "loss": own[0], "highest": max(own),
        }
        for n, own in zip(nets, losses, strict=True)
    ]  # fmt: skip
    around = [(net.spec.called, own) for net, own in zip(nets, losses, strict=True)]
    conditions = landscape_words.landscape_conditions(lab, step, images)
    shares = [float(plane.share.sum()) for plane in planes if plane.share is not None]
    sentence = f"{landscape_words.landscape(around, spec.model.classes, lab, shares)} {conditions}"
    seconds = round(time.perf_counter() - started, 3)
    yield Result("finished", {"sentence": sentence, "images": images, "nets": outcome, "seconds": seconds})


def _once(planes: Sequence[Plane], axes: Sequence[np.ndarray], images: int) -> dict[str, float | np.ndarray]:
    """What the first point says besides."""
    values: dict[str, float | np.ndarray] = {
        "axes": np.concatenate([a[[0, -1]] for a in axes]).astype(np.float32),
        "images": float(images),
    }
    for n, plane in enumerate(planes):
        values[f"{n}.skips"] = float(plane.net.spec.residual)
        if plane.path is not None and plane.checkpoints is not None and plane.share is not None:
            path = {"path": plane.path.ravel(), "moments": plane.checkpoints, "share": plane.share}
            values |= {f"{n}.{name}": v.astype(np.float32) for name, v in path.items()}
    return values


def _images(spec: RunSpec, nets: Sequence[Network], device: torch.device) -> list[list[tuple[Tensor, Tensor]]]:
    """For each network its batches, x (B, C, H, W) and y (B,), on the device once; networks that normalise alike share them.

    Raises DataError, and NetworkError where a network takes images of another shape.
    """
    lab, splits = spec.lab, load_splits(spec.data)
    assert isinstance(lab, LandscapeSpec)
    x, y = (part[lab.split][: lab.images or None] for part in (splits.images, splits.labels))
    labels = torch.from_numpy(y).to(device).split(BATCH)
    prepared: dict[tuple[float, ...], list[tuple[Tensor, Tensor]]] = {}
    batches = []
    for net in nets:
        key = (*net.mean.tolist(), *net.std.tolist())
        if key not in prepared:
            ready = net.prepare(x).to(device).contiguous(memory_format=torch.channels_last)
            prepared[key] = list(zip(ready.split(BATCH), labels, strict=True))
        batches.append(prepared[key])
    return batches


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


class _Walker:
    """One thread's own copy of a network, which it moves."""

    def __init__(self, plane: Plane, device: torch.device) -> None:
        model = copy.deepcopy(plane.net.model).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model = model.eval().requires_grad_(False)
        parameters = dict(self.model.named_parameters())
        self.moves = [
            (parameters[name], w.to(device).clone(), *(d[name].to(device) for d in plane.directions))
            for name, w in directions.filters(plane.net.model).items()
        ]

    @torch.inference_mode()
    def loss(
        self, place: Sequence[float], batches: Sequence[tuple[Tensor, Tensor]], stop: threading.Event
    ) -> tuple[float, float]:
        """Mean loss and accuracy over the images at weights w + Σ place · direction; a loss past all numbers is infinite."""
        for parameter, w, *along in self.moves:
            parameter.copy_(w)
            for distance, direction in zip(place, along, strict=True):
                parameter.add_(direction, alpha=distance)
        loss, correct, count = 0.0, 0, 0
        for x, y in batches:
            if stop.is_set():
                return math.nan, math.nan
            logits = self.model(x)
            loss += F.cross_entropy(logits, y, reduction="sum").item()
            correct += int((logits.argmax(1) == y).sum())
            count += len(y)
        return (loss / count if math.isfinite(loss) else math.inf), correct / count


def _measure(
    planes: Sequence[Plane],
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
            walkers[str(number)] = _Walker(planes[number], device)
        started = time.perf_counter()
        loss, accuracy = walkers[str(number)].loss(place, batches[number], stop)
        return loss, accuracy, time.perf_counter() - started

    workers = threads if device.type == "cpu" else 1
    pool = ThreadPoolExecutor(workers, "landscape", initializer=torch.set_num_threads, initargs=(1,))
    waiting: deque[list[Future[Measured]]] = deque()
    upcoming = iter(places)
    try:
        while True:
            while len(waiting) <= workers and (place := next(upcoming, None)) is not None:
                waiting.append([pool.submit(one, n, place) for n in range(len(planes))])
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
