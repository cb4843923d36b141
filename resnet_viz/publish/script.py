"""A training as one file of PyTorch, its images and first weights beside it: run, it gives the run's curve again.

The network, batches and tests in it are this package's own code, word for word, and the loop is `train.trainer`'s without what
it records. So a change there is in the next script, and the curve is the same to the last bit on the same machine.
"""

from __future__ import annotations

import inspect
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from resnet_viz.data import batches, catalogue
from resnet_viz.data.splits import Splits, load_splits
from resnet_viz.errors import UserError
from resnet_viz.nets import models
from resnet_viz.runs.record import Record
from resnet_viz.spec import arch, schedules, train
from resnet_viz.spec.run import RunSpec, to_json
from resnet_viz.train import evaluate, trainer
from resnet_viz.train.job import resolve

CODE: tuple[Callable[..., Any], ...] = (
    train.seed_from, batches.generator,
    models._norm, models._conv, models._head, models.Block, models._stages, models.ResNet, models.blocks, models.set_survival,
    batches.moments, batches.augment, batches.Batches,
    schedules._cosine, schedules.lr_at,
    evaluate.autocast, evaluate.evaluate, evaluate.estimate_statistics,
    trainer.optimizer,
)  # fmt: skip
CONSTANTS = {
    name: vars(module)[name]
    for module, names in (
        (schedules, ("FIT_IMAGES", "BN_IMAGES", "_ONECYCLE_START", "_ONECYCLE_PEAK", "_ONECYCLE_END")),
        (evaluate, ("EVALUATION_BATCH",)),
    )
    for name in names
}

HEAD = '''"""{title}

Run it beside {data}, which holds its images and the weights that it starts from. It needs PyTorch and NumPy, prints the run's
curve and writes it to curve.csv; on the machine and with the versions of the run ({versions}) it is the same to the last bit.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # CUDA: sums in one order

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

HERE = Path(__file__).parent


def namespace(text):
    return json.loads(text, object_hook=lambda values: SimpleNamespace(**values))


# What was asked for, and the network's layers: the first, a block a line, the classifier.
spec = namespace(r"""{spec}""")
STEM = namespace(r"""{stem}""")
BLOCKS = namespace(r"""[
{blocks}
]""")
CLASSIFIER = namespace(r"""{head}""")
PER_EPOCH, STEPS = {per_epoch}, {steps}
{constants}

arch = SimpleNamespace(stem=lambda _: STEM, blocks=lambda _: BLOCKS, head=lambda _: CLASSIFIER)
catalogue = SimpleNamespace(steps_per_epoch=lambda _: PER_EPOCH)


def Status(*_):
    """How far a test is: not shown here."""
'''

LOOP = '''def last(steps):
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def main():
    train, file = spec.train, np.load(HERE / "{data}")
    torch.set_num_threads(train.threads)
    if train.device == "cuda":
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
    device = torch.device(train.device)
    names = ("train", "validation", "test")
    splits = SimpleNamespace(
        images={{name: file[f"x_{{name}}"] for name in names}}, labels={{name: file[f"y_{{name}}"] for name in names}}, classes=()
    )
    images = Batches(splits, spec)
    model = ResNet(spec.model)
    model.load_state_dict({{name.removeprefix("start."): torch.from_numpy(file[name]) for name in file if "start." in name}})
    model.to(device).to(memory_format=torch.channels_last if train.channels_last else torch.contiguous_format)
    steps = optimizer(train, model)
    weights = [p for name, p in model.named_parameters() if p.ndim > 1]

    def test(split):
        return last(evaluate(model, images, split, device, train.dtype))

    with (HERE / "curve.csv").open("w", newline="") as out:
        writer = csv.writer(out)

        def write(step, **values):
            # As float32, the precision that runs are kept in.
            for name, value in values.items():
                writer.writerow([step, name, str(np.float32(value))])
            print(step, *(f"{{name}} {{value:.4f}}" for name, value in values.items()), flush=True)

        writer.writerow(["step", "metric", "value"])
        for step in range(1, STEPS + 1):
            x, y = images.batch(step)
            mixed = None
            if train.mixup:  # Zhang 2018
                seed = seed_from(train.seed, "mixup", step)
                share = float(np.random.default_rng(seed).beta(train.mixup, train.mixup))
                order = torch.randperm(len(y), generator=generator(train.seed, "mixup", step)).to(device)
                x, mixed = torch.lerp(x[order], x, share), y[order]
            set_survival(model, generator(train.seed, "survival", step))
            lr = lr_at(train, step, STEPS)
            for group in steps.param_groups:
                group["lr"] = lr
            model.train()
            steps.zero_grad(set_to_none=True)
            with autocast(device, train.dtype):
                logits = model(x)
            logits = logits.float()
            loss = F.cross_entropy(logits, y, label_smoothing=train.label_smoothing)
            if mixed is not None:
                other = F.cross_entropy(logits, mixed, label_smoothing=train.label_smoothing)
                loss = share * loss + (1 - share) * other
            loss.backward()
            finite = bool(loss.isfinite())
            if finite:
                steps.step()
            measured = {{"loss": loss.item(), "accuracy": (logits.argmax(1) == y).float().mean().item(), "lr": lr}}
            if not finite or not all(w.grad.norm(dtype=torch.float32).isfinite() for w in weights):
                write(step, **measured)
                print("Diverged.")
                return
            if step % PER_EPOCH == 0 or step == STEPS:
                if train.reestimate_bn:
                    estimate_statistics(model, images, train.batch_size, device, train.dtype)
                measured["val_loss"], measured["val_accuracy"] = test("validation")
            write(step, **measured)
        loss, accuracy = test("test")
        write(STEPS, test_loss=loss, test_accuracy=accuracy)


if __name__ == "__main__":
    main()
'''


class ScriptError(UserError):
    """Why a run can't be written as a script."""


def script(record: Record, data: str) -> tuple[str, bytes]:
    """A training's script, and the .npz (``data``: its name) with images and first weights. Raises ScriptError, DataError.

    The images are read from this machine's data sets, downloaded where they are not there.
    """
    spec = record.spec
    if spec.lab or spec.own:
        what = "is a lab" if spec.lab else "is of a network of your own"
        raise ScriptError(
            f"Run {record.id} ({record.name}) {what}; scripts are written of trainings of this app's networks."
        )
    spec = resolve(catalogue.fill(spec))
    called = " ".join(record.name.replace("\\", " ").replace('"', "'").split())
    head = HEAD.format(
        title=f"The training {called}, run {record.id}.",
        data=data,
        versions=f"torch {record.info.get('torch', 'unknown')}",
        spec=to_json(spec),
        stem=json.dumps(asdict(arch.stem(spec.model))),
        blocks=",\n".join(map(_line, arch.blocks(spec.model))),
        head=json.dumps([asdict(layer) for layer in arch.head(spec.model)]),
        per_epoch=catalogue.steps_per_epoch(spec),
        steps=catalogue.total_steps(spec),
        constants="\n".join(f"{name} = {value!r}" for name, value in CONSTANTS.items()),
    )
    text = "\n\n".join((head, *_sources(CODE), LOOP.format(data=data)))
    return text, _data(spec, load_splits(spec.data))


def _line(block: arch.Block) -> str:
    return json.dumps(asdict(block) | {"has_skip": block.has_skip, "scaled": block.scaled})


def _sources(code: Iterable[Callable[..., Any]]) -> list[str]:
    return [inspect.getsource(one) for one in code]


def _data(spec: RunSpec, splits: Splits) -> bytes:
    start = models.build(spec.model, spec.train.seed).state_dict()
    arrays: dict[str, Any] = {f"x_{name}": x for name, x in splits.images.items()}
    arrays |= {f"y_{name}": y for name, y in splits.labels.items()}
    arrays |= {f"start.{name}": value.numpy() for name, value in start.items()}
    held = io.BytesIO()
    np.savez_compressed(held, **arrays)
    return held.getvalue()
