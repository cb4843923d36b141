"""Does a sweep keep every allowed worker busy? A grid of 24 runs of the digits on warm workers, from first start to last end.

ratio: that time ÷ what it would be without a gap (the runs' own times, added up, ÷ workers). The idle share stands beside it.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from resnet_viz import settings
from resnet_viz.labs import grids
from resnet_viz.runs import presence
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.workers import engine


def main() -> float:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        engine.supervise(store, spares=settings.workers())
        while len(presence.workers(store)) < settings.workers():
            time.sleep(0.2)
        base = RunSpec(train=TrainSpec(epochs=3))
        ids = engine.start(store, grids.depth_grid(base, (8, 14, 20), ("identity", "none"), 4))
        while any(store.run(run).live for run in ids):
            time.sleep(0.2)
        runs = [store.run(run) for run in ids]
        times = [(run.started, run.finished) for run in runs if run.started and run.finished]
        assert len(times) == len(ids), "a run did not start or end"
        whole = max(end for _, end in times) - min(start for start, _ in times)
        busy = sum(end - start for start, end in times) / settings.workers()
        print(
            f"{len(ids)} runs on {settings.workers()} workers, {runs[0].spec.train.threads} thread(s) each: {whole:.1f} s"
        )
        print(f"idle: {100 * (1 - busy / whole):.1f} % of the workers' time")
        return whole / busy
