"""Images a second of ResNet-20 at 32x32, batch 128, flip and crop: this trainer as pages and `train` use it, against two loops.

Ours: queued, claimed by a worker, everything recorded and stored, steps read from the store as a page reads them.
The textbook's: a DataLoader (the best of 0, 2 and 4 processes) with torchvision's transforms, float32, nothing recorded.
The bare loop: one batch that stays, bfloat16 where this processor has it, channels last; beside it our steps in one process.

ratio: our images/s for one net ÷ the textbook's.
"""

from __future__ import annotations

import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from resnet_viz import settings
from resnet_viz.data import catalogue
from resnet_viz.data.batches import Batches
from resnet_viz.data.own import import_own
from resnet_viz.data.splits import load_splits
from resnet_viz.nets import models
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train.evaluate import autocast
from resnet_viz.train.job import resolve
from resnet_viz.train.trainer import Trainer
from resnet_viz.workers import engine

ROUNDS, STEPS, WARM, BATCH = 5, 40, 8, 128
IMAGES = 10_000  # of noise: time doesn't depend on what is on them


class Images(Dataset[tuple[Tensor, int]]):
    """Images as torchvision's CIFAR10 gives them: a PIL image, transformed, and its label."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
            ]
        )

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.x[index])), int(self.y[index])


def batches_of(images: Images, processes: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches without end, epoch after epoch."""
    loader = DataLoader(
        images, BATCH, shuffle=True, drop_last=True, num_workers=processes, persistent_workers=processes > 0
    )
    while True:
        yield from loader


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, dtype: str = "float32") -> None:
    """Forward, backward, update."""
    optimizer.zero_grad()
    with autocast(torch.device("cpu"), dtype):
        logits = model(x)
    F.cross_entropy(logits.float(), y).backward()
    optimizer.step()


def timed(step: Callable[[], object], steps: int = STEPS) -> float:
    """Images a second over so many steps."""
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return steps * BATCH / (time.perf_counter() - start)


def textbook(images: Images) -> Callable[[], float]:
    """The textbook's training, to be timed again and again, with the DataLoader that is fastest here."""
    torch.set_num_threads(settings.cores())
    model = models.build(ModelSpec(depth=20)).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, 0.9, weight_decay=1e-4)
    loaders = {processes: batches_of(images, processes) for processes in (0, 2, 4)}

    def run(processes: int, steps: int = STEPS) -> float:
        return timed(lambda: step(model, optimizer, *next(loaders[processes])), steps)

    speeds = {processes: (run(processes, WARM), run(processes))[1] for processes in loaders}
    best = max(speeds, key=speeds.__getitem__)
    print("textbook, by processes of its DataLoader: " + ", ".join(f"{n}: {s:.0f} images/s" for n, s in speeds.items()))
    for processes in set(loaders) - {best}:
        loaders.pop(processes).close()  # type: ignore[attr-defined]
    return lambda: run(best)


def ours(store: Store, spec: RunSpec, *, twins: bool) -> float:
    """Images a second of each net, queue, worker and store included; with ``twins`` both train at once, and the slower counts."""
    ids = engine.start(store, [spec, spec.twin()] if twins else [spec])

    def reached(step: int) -> tuple[int, float]:
        while (at := min(store.run(run).step for run in ids)) < step:
            time.sleep(0.005)
        return at, time.perf_counter()

    (first, begin), (last, end) = reached(WARM), reached(WARM + STEPS)
    for run in ids:
        store.want(run, "stop")
    while any(store.run(run).live for run in ids):
        time.sleep(0.05)
    return (last - first) * BATCH / (end - begin)


def bare(spec: RunSpec, threads: int) -> str:
    """Our steps in this process ÷ the bare loop's on one batch."""
    torch.set_num_threads(threads)
    spec = resolve(catalogue.fill(replace(spec, train=replace(spec.train, threads=threads))))
    trainer = Trainer(spec, Batches(load_splits(spec.data), spec))
    model = models.build(spec.model).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), 0.1, 0.9, weight_decay=5e-4, foreach=True)
    x, y = trainer.images.batch(1)

    def loop() -> None:
        step(model, optimizer, x, y, spec.train.dtype)

    timed(loop, WARM), timed(trainer.advance, WARM)
    rows = [(timed(trainer.advance, STEPS // 2), timed(loop, STEPS // 2)) for _ in range(ROUNDS)]
    share, speed = statistics.median(a / b for a, b in rows), statistics.median(b for _, b in rows)
    return f"{threads} thread(s), {spec.train.dtype}: {share:.3f} of the bare loop's {speed:.0f} images/s"


def main() -> float:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RESNET_VIZ_DATA"] = folder
        draws = np.random.default_rng(0)
        x, y = draws.integers(0, 256, (IMAGES, 32, 32, 3), np.uint8), np.arange(IMAGES) % 10
        packed = io.BytesIO()
        np.savez(packed, x=x, y=y)
        data: DataSpec = import_own(("noise.npz", packed.getvalue()))
        spec = RunSpec(
            ModelSpec(depth=20), replace(data, augment=("flip", "crop")), TrainSpec(batch_size=BATCH, epochs=100)
        )
        store = Store(Path(folder) / "runs")
        engine.supervise(store, spares=2)
        peer = textbook(Images(x, y))
        rows = [(ours(store, spec, twins=False), peer(), ours(store, spec, twins=True), peer()) for _ in range(ROUNDS)]
        one = [a / b for a, b, _, _ in rows]
        both = [d / c for _, _, c, d in rows]
        speeds = [statistics.median(row[n] for row in rows) for n in (0, 1)]
        print("one net: {:.0f} images/s, the textbook's {:.0f}".format(*speeds))
        for what, ratios in {
            "one net's speed ÷ the textbook's": one,
            "time of both twins ÷ the textbook's for one": both,
        }.items():
            print(
                f"{what}: median {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}, {ROUNDS} rounds"
            )
        for threads in sorted({1, settings.cores()}):
            print(f"our steps, {bare(spec, threads)}")
        return statistics.median(one)
