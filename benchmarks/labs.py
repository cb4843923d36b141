"""What the labs cost beside the bare passes they need, in turn, on one thread.

Lesions: each of a depth-20 digits net's single drops, against as many bare forward passes over the same images.
Landscapes: a grid of 9 a side around the same net, against the same.
Gradients: two nets of 110 layers before their first step, against the 2 s that are allowed.
ratio: the worst of the labs' ratios, time of the lab ÷ time of its bare passes (at most 1.1 is allowed).
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from resnet_viz import labs
from resnet_viz.labs import landscape, lesion
from resnet_viz.nets import refs, weights
from resnet_viz.runs.events import Point
from resnet_viz.runs.store import Store
from resnet_viz.spec.lab import LandscapeSpec, LesionSpec
from resnet_viz.spec.train import TrainSpec

ROUNDS = 7


def in_turn(lab: Callable[[], None], bare: Callable[[], None]) -> list[float]:
    """Time of the lab ÷ time of its bare passes, each round both."""

    def timed(what: Callable[[], None]) -> float:
        start = time.perf_counter()
        what()
        return time.perf_counter() - start

    timed(lab), timed(bare)
    return [timed(lab) / timed(bare) for _ in range(ROUNDS)]


def say(name: str, ratios: Sequence[float], words: str) -> float:
    middle = statistics.median(ratios)
    print(f"{name}: median {middle:.3f}, from {min(ratios):.3f} to {max(ratios):.3f} over {ROUNDS} rounds; {words}")
    return middle


def lesions() -> float:
    """The whole lab, images brought to the device and all, ÷ a bare forward pass for each of its evaluations."""
    lab = LesionSpec(("shipped:digits-residual-20",), images=256, repeats=1)
    store = Store()
    spec, nets = labs.run_of(lab, store), [weights.load(refs.find(lab.networks[0], store))]
    count = lesion.steps(spec, nets)
    seen = torch.randn(256, 1, 8, 8).contiguous(memory_format=torch.channels_last)

    def whole() -> None:
        assert sum(isinstance(event, Point) for event in lesion.run(spec, nets, store)) == count

    @torch.inference_mode()
    def bare() -> None:
        for _ in range(count):
            nets[0].model(seen)

    return say("lesions", in_turn(whole, bare), f"{count} evaluations of 256 images")


def gradients() -> float:
    """Seconds for all norms of the residual and the plain net of 110 layers, building and all, ÷ 2; the worst of the rounds."""
    from torch.nn import functional as F

    from resnet_viz.labs import gradients as lab
    from resnet_viz.nets import models
    from resnet_viz.spec.model import ModelSpec

    model = ModelSpec(depth=110, channels=1, size=8)
    x, y = lab.batch(lab.run_spec(model))
    net = models.build(model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def bare() -> None:
        F.cross_entropy(net(x), y).backward()

    def both() -> float:
        began = time.perf_counter()
        lab.at_start(model)
        lab.at_start(model.twin())
        return time.perf_counter() - began

    seconds = max(both() for _ in range(ROUNDS))
    say(
        "gradients",
        in_turn(lambda: lab.measure(net, x, y), bare),
        f"a pass of 110 layers; both nets in {seconds:.2f} s",
    )
    return seconds / 2


def landscapes() -> float:
    """The whole lab on one thread, directions and images and all, ÷ its bare forward passes; and what two cores bring."""
    lab = LandscapeSpec(("shipped:digits-residual-20",), size=9, images=256)
    store = Store()
    spec, nets = (
        labs.run_of(lab, store, TrainSpec(threads=1)),
        [weights.load(refs.find(lab.networks[0], store))],
    )
    points = landscape.steps(spec, nets)
    net = copy.deepcopy(nets[0].model).to(memory_format=torch.channels_last)
    seen = torch.randn(256, 1, 8, 8).contiguous(memory_format=torch.channels_last).split(landscape.BATCH)

    def whole(threads: int = 1) -> None:
        job = replace(spec, train=replace(spec.train, threads=threads))
        assert sum(isinstance(event, Point) for event in landscape.run(job, nets, store)) == points
        torch.set_num_threads(1)

    @torch.inference_mode()
    def bare() -> None:
        for _ in range(points):
            for x in seen:
                net(x)

    cores = statistics.median(in_turn(whole, lambda: whole(2)))
    words = f"{points} points of 256 images; two cores are {cores:.2f} times as fast as one"
    return say("landscapes", in_turn(whole, bare), words)


def main() -> float:
    torch.set_num_threads(1)
    return max(lesions(), gradients(), landscapes())
