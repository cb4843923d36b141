"""One look at a live pair of 110 layers, a million recorded points against a hundred: what is new is read and packed.

Times are the thread's own, on the processor. Beside it the bytes of such a refresh, for nets of 110 and of 1,202 layers.
ratio: time of a refresh at 10^6 points ÷ at 10^2 (1.5 are allowed).
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import ratio, times
from resnet_viz.runs.events import Point
from resnet_viz.runs.store import Store
from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.stage.payload import pack
from resnet_viz.ui.live import CURVES

ROUNDS, NEW = 25, 4  # steps that come between two looks
FEW, MANY = 100, 1_000_000


def train(store: Store, depth: int, points: int) -> list[str]:
    """Twins whose workers have written so many points: numbers drawn at random, as many a step as a real net gives."""
    draws = np.random.default_rng(0)
    spec = RunSpec(ModelSpec(depth=depth))
    blocks = len(arch.blocks(spec.model))
    steps = max(NEW + 1, points // (blocks + 2))
    ids = store.create([(spec, 2 * steps), (spec.twin(), 2 * steps)])
    for _ in ids:
        claim = store.claim("bench")
        assert claim
        for first in range(1, steps + 1, 500):
            claim.write(
                [
                    Point(at, {
                        "loss": draws.random(), "accuracy": draws.random(),
                        "grad_block": draws.random(blocks, np.float32),
                        **({"val_accuracy": draws.random()} if at % 40 == 0 else {}),
                    })
                    for at in range(first, min(first + 500, steps + 1))
                ]
            )  # fmt: skip
    return ids


def look(store: Store, ids: list[str]) -> Callable[[], bytes]:
    """A page's look: of what it has read before only what is new is read, then all is packed."""
    known = [store.record(run, CURVES) for run in ids]

    def refresh() -> bytes:
        for record in known:
            store.run(record.id)
            for metric in CURVES:
                store.series(record.id, metric, record.step - NEW)
        return pack(known, live=True)

    return refresh


def main() -> float:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        looks = {f"{points:,}": look(store, train(store, 110, points)) for points in (FEW, MANY)}
        few, many = looks
        deep = look(store, train(store, 1202, MANY))
        sizes = {name: len(call()) / 1024 for name, call in (("110", looks[many]), ("1,202", deep))}
        found = times(looks, ROUNDS)
        for points, taken in found.items():
            print(f"{points} points: {1000 * statistics.median(taken):.1f} ms a refresh")
        print(", ".join(f"{layers} layers: {size:.1f} KiB a refresh" for layers, size in sizes.items()))
        return ratio(found, many, few)
