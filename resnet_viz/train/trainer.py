"""One step of training, and what is measured at it; saving, and going on from what was saved."""

from __future__ import annotations

import io
import time
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_viz.data import catalogue
from resnet_viz.data.batches import Batches, generator
from resnet_viz.nets import models, probes
from resnet_viz.own import factory
from resnet_viz.own.blocks import parts
from resnet_viz.own.sight import Sight, raised
from resnet_viz.runs.events import Checkpoint, Point, Status
from resnet_viz.spec import arch
from resnet_viz.spec.run import RunSpec, to_json
from resnet_viz.spec.schedules import lr_at
from resnet_viz.spec.train import TrainSpec, seed_from
from resnet_viz.train.evaluate import autocast, estimate_statistics, evaluate

# What version 1 called the sums of an epoch, in a full checkpoint.
RENAMED = {"right": "correct", "pictures": "images"}


def optimizer(train: TrainSpec, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of the spec over all parameters of the model."""
    parameters = model.parameters()
    if train.optimizer == "sgd":
        return torch.optim.SGD(parameters, train.lr, train.momentum, weight_decay=train.weight_decay, foreach=True)
    kind = torch.optim.Adam if train.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, train.lr, weight_decay=train.weight_decay, foreach=True)


@dataclass
class Epoch:
    """What the steps of the current epoch add up to: sums over images, so that means are over images."""

    loss: float = 0.0
    correct: float = 0.0
    images: int = 0


class Trainer:
    """A network, its data and its optimizer at one step of a run. `run` drives it; tests may step it by hand."""

    def __init__(self, spec: RunSpec, images: Batches) -> None:
        self.spec, self.images = spec, images
        train = spec.train
        self.device = torch.device(train.device)
        self.memory_format = torch.channels_last if train.channels_last else torch.contiguous_format
        made = factory.build(spec) if spec.own else models.build(spec.model, train.seed)
        self.model = made.to(self.device)
        self.model.to(memory_format=self.memory_format)  # type: ignore[call-overload]
        self.optimizer = optimizer(train, self.model)
        self.per_epoch, self.total = catalogue.steps_per_epoch(spec), catalogue.total_steps(spec)
        self.step = 0
        self.epoch = Epoch()
        # What a network of ours is made of its spec says; in another one the same is looked for.
        self.sight = Sight(self.model, parts(self.model), raised, seen=True) if spec.own else None
        self.blocks = [] if self.sight else models.blocks(self.model)
        self.responses = {} if self.sight else models.response_modules(self.model)
        self.layers = tuple(self.sight.layers) if self.sight else arch.layers(spec.model)
        parameters = dict(self.model.named_parameters())
        self.weights = [parameters[name] for name in self.layers]
        self.updates = probes.Updates(self.weights)

    def autocast(self) -> torch.autocast:
        """bfloat16 for the pass where the spec says so; weights, losses and statistics stay float32."""
        return autocast(self.device, self.spec.train.dtype)

    def advance(self, record: bool = True, lr: float | None = None) -> Point:
        """One step: forward, backward, update. Returns what was measured, the loss before the update.

        ``record`` off measures loss and accuracy alone: what recording costs is the difference. ``lr`` takes the place of the
        schedule's.
        """
        started = time.perf_counter()
        train, step = self.spec.train, self.step + 1
        if self.step % self.per_epoch == 0:
            self.epoch = Epoch()
        x, y = self.images.batch(step)
        x, mixed, share = self._mixup(x, y, step)
        lr = lr_at(train, step, self.total) if lr is None else lr
        for group in self.optimizer.param_groups:
            group["lr"] = lr

        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        look = record and self.step % probes.ACTIVATIONS_EVERY == 0
        with ExitStack() as stack:
            gradients = stack.enter_context(probes.block_gradients(self.blocks)) if record else []
            stds = stack.enter_context(probes.responses(self.responses)) if look else {}
            shares = stack.enter_context(probes.branch_shares(self.blocks)) if look else []
            if self.sight:
                self.sight.look = look
                stack.enter_context(factory.drawn(train.seed, "forward", step))  # dropout's and what else it draws
            else:
                models.set_survival(self.model, generator(train.seed, "survival", step))
            with self.autocast():
                logits = self.model(x)
            logits = logits.float()
            loss = F.cross_entropy(logits, y, label_smoothing=train.label_smoothing)
            if mixed is not None:
                other = F.cross_entropy(logits, mixed, label_smoothing=train.label_smoothing)
                loss = share * loss + (1 - share) * other
            # Weights from before a loss that is not finite say which layer left the numbers first.
            finite = bool(loss.isfinite())
            loss.backward()

        measured = {"loss": loss.detach()[None], "accuracy": (logits.detach().argmax(1) == y).float().mean()[None]}
        if self.sight:
            measured |= self.sight.take(1.0, unscaled=True)
        elif record:
            measured["grad_block"] = torch.stack([g.to(self.device) for g in gradients])
            measured["grad_weight"] = probes.weight_gradients(self.weights)
        if record:
            self.updates.start()
        if look and not self.sight:
            measured["activation_std"] = torch.stack(list(stds.values()))
            measured["branch_share"] = torch.stack([s.to(self.device) for s in shares])
        if finite:
            self.optimizer.step()
        self.step = step
        if record:
            measured["update_ratio"] = self.updates.ratios()

        values = probes.to_host(measured)
        loss_value, accuracy = float(values["loss"][0]), float(values["accuracy"][0])
        self.epoch.loss += loss_value * len(y)
        self.epoch.correct += accuracy * len(y)
        self.epoch.images += len(y)
        speed = len(y) / (time.perf_counter() - started)
        return Point(step, {**values, "loss": loss_value, "accuracy": accuracy, "lr": lr, "speed": speed})

    def _mixup(self, x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Tensor | None, float]:
        """Mixup (Zhang et al. 2018): x ← λx + (1−λ)x', with the labels of x' and λ ~ Beta(α, α), one λ a batch."""
        alpha, seed = self.spec.train.mixup, self.spec.train.seed
        if not alpha:
            return x, None, 1.0
        share = float(np.random.default_rng(seed_from(seed, "mixup", step)).beta(alpha, alpha))
        order = torch.randperm(len(y), generator=generator(seed, "mixup", step)).to(self.device)
        return torch.lerp(x[order], x, share), y[order], share

    def evaluate(self, split: str) -> Generator[Status, None, tuple[float, float]]:
        """Mean loss and accuracy over a split's images: see `evaluate.evaluate`."""
        return evaluate(self.model, self.images, split, self.device, self.spec.train.dtype)

    def estimate_statistics(self) -> None:
        """Estimate BatchNorm's statistics again where the spec says so: see `evaluate.estimate_statistics`."""
        train = self.spec.train
        if train.reestimate_bn:
            estimate_statistics(self.model, self.images, train.batch_size, self.device, train.dtype)

    def checkpoint(self, full: bool) -> Checkpoint:
        """The state to go on from (full), or the weights alone in half precision, for looking back."""
        inputs = {"mean": self.images.mean.cpu(), "std": self.images.std.cpu(), "classes": self.images.classes}
        state: dict[str, Any] = {"spec": to_json(self.spec), "step": self.step, **inputs}
        weights = self.model.state_dict()
        if full:
            state |= {"model": weights, "optimizer": self.optimizer.state_dict(), "epoch": vars(self.epoch)}
        else:
            learned = {name for name, _ in self.model.named_parameters()}
            state["model"] = {name: t.half() if name in learned else t for name, t in weights.items()}
        buffer = io.BytesIO()
        torch.save(state, buffer)
        return Checkpoint(self.step, self.step // self.per_epoch, full, buffer.getvalue())

    def restore(self, saved: bytes) -> None:
        """Go on from a full checkpoint, of today or of version 1, exactly."""
        state = torch.load(io.BytesIO(saved), map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"] if "optimizer" in state else state["optimiser"])
        self.step = state["step"]
        self.epoch = Epoch(**{RENAMED.get(name, name): value for name, value in state["epoch"].items()})
