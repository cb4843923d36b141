"""A network before its first step: how large the gradient and the activations are at every block and layer.

No training, and no data needed: random images will do. What comes out is a `Record` of one step, so that every chart of a
training run draws it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn

from resnet_viz.data import catalogue
from resnet_viz.data.batches import Batches, generator
from resnet_viz.data.splits import load_splits
from resnet_viz.nets import models, probes
from resnet_viz.runs.naming import first_name
from resnet_viz.runs.record import Record
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec

INPUTS = 32  # images: twice as many move the ratios below by a few per cent
IMAGES = {"noise": "random (Gaussian)", "digits": "digits"}
_POOLS = ThreadpoolController()


def run_spec(model: ModelSpec, seed: int = 0, images: str = "noise", inputs: int = INPUTS) -> RunSpec:
    """The training run whose first step `at_start` looks at: on the processor, one thread, float32; ``inputs`` images a batch.

    ``images``: of IMAGES; noise stands for no data set, under the digits' name. Raises SpecError for "digits" with another shape.
    """
    train = TrainSpec(seed=seed, batch_size=inputs, steps=1, device="cpu", dtype="float32", threads=1)
    spec = RunSpec(model, DataSpec(augment=()), train)
    return catalogue.fill(spec) if images == "digits" else spec


def batch(spec: RunSpec, images: str = "noise") -> tuple[Tensor, Tensor]:
    """Images (B, C, H, W) of mean 0 and std 1, and labels (B,): Gaussian noise, or the run's first batch of the digits."""
    if images == "digits":
        return Batches(load_splits(spec.data), spec).batch(1)
    model, train = spec.model, spec.train
    draws = generator(train.seed, "noise")
    shape = (train.batch_size, model.channels, model.size, model.size)
    x = torch.randn(shape, generator=draws).contiguous(memory_format=torch.channels_last)
    return x, torch.randint(model.classes, (train.batch_size,), generator=draws)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: these nets are so small that two wait for each other, for seconds where a training runs beside.

    Only the calling thread is limited. `torch.set_num_threads` would set the number for every thread that starts later, and calls
    that overlap would leave it at 1.
    """
    torch.get_num_threads()  # torch sets a thread's number at its first question; that is to come before the limit
    with _POOLS.limit(limits=1, user_api="openmp"):
        yield


def measure(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, np.ndarray]:
    """One forward and backward pass of the cross-entropy of labels y (B,) for images x (B, C, H, W).

    "grad_block": ‖∂L/∂h_b‖ at every block's output (blocks,); "grad_layer": the same at every layer's response, before ReLU, and
    "activation_std": that response's std, for stem and branches (layers,); "branch_share": ‖F(x)‖/‖x‖ (blocks,), NaN without a
    skip. float32. ``net`` is one that `models.build` made.
    """
    blocks, responses = models.blocks(net), models.response_modules(net)
    with ExitStack() as open_:
        measured = {
            "grad_block": open_.enter_context(probes.block_gradients(blocks)),
            "grad_layer": open_.enter_context(probes.block_gradients(list(responses.values()))),
            "branch_share": open_.enter_context(probes.branch_shares(blocks)),
        }
        stds = open_.enter_context(probes.responses(responses))
        F.cross_entropy(net(x), y).backward()
    measured["activation_std"] = list(stds.values())
    return {metric: torch.stack(values).numpy() for metric, values in measured.items()}


@one_thread()
def at_start(model: ModelSpec, seed: int = 0, images: str = "noise", inputs: int = INPUTS) -> Record:
    """`measure` before any update, in training mode and float32: a finished record of one step. Raises SpecError.

    ``seed``: of the weights and the images; ``images``: of IMAGES, ``inputs`` many.
    """
    spec = run_spec(model, seed, images, inputs)
    net = models.build(spec.model, seed).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x, y = batch(spec, images)
    measured = measure(net, x, y)
    step = np.ones(1, np.int64)
    series = {metric: (step, values[None]) for metric, values in measured.items()}
    kind = "residual" if model.residual else "plain"
    return Record(f"{kind}-{seed}", spec, "finished", first_name(spec), 1, 1, series=series)


def growth(record: Record) -> float:
    """By which factor a layer multiplies the gradient on its way to the input: least squares through log ‖gradient‖ by layer.

    NaN where fewer than two layers have a gradient that is finite and not 0. BatchNorm's law is `spec.laws.BN_GROWTH`.
    """
    logs = np.log(record.get("grad_layer")[1][-1].astype(np.float64))
    layer = np.arange(len(logs))
    sound = np.isfinite(logs)
    return float(np.exp(-np.polyfit(layer[sound], logs[sound], 1)[0])) if sound.sum() > 1 else float("nan")
