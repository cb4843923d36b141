"""The page Runs with 1,000 runs of 64,000 points each, against one with ten of them: a visitor's first look, without a browser.

Times are the process's own, on the processor; pages, store and page code are warm, and each look is a new session.
ratio: time of a look at 1,000 runs ÷ at 10 (3 are allowed, and 1 s).
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

import streamlit as st
from streamlit.testing.v1 import AppTest

from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.workers import engine

ROOT = Path(__file__).parents[1]
ROUNDS, POINTS = 7, 64_000


def fill(home: Path, count: int) -> None:
    """Pairs of finished twins with one loss a step, all alike but for their seeds."""
    store = Store(home)
    pairs = [RunSpec(ModelSpec(depth=20), train=TrainSpec(seed=seed)) for seed in range(count // 2)]
    ids = [run for pair in pairs for run in store.create([(pair, POINTS), (pair.twin(), POINTS)])]
    with store.transaction() as db:
        for run in ids:
            db.execute(
                "WITH RECURSIVE steps(step) AS (SELECT 1 UNION ALL SELECT step + 1 FROM steps WHERE step < ?)"
                " INSERT INTO points SELECT ?, 'loss', step, x'0000803f' FROM steps",
                (POINTS, run),
            )
        db.execute(
            "UPDATE runs SET status = 'finished', wanted = 'stop', step = steps, started = created, finished = created + 60,"
            """ result = '{"train_loss": 1.0, "test_accuracy": 0.5, "train_accuracy": 0.5}'"""
        )


def look(home: Path) -> float:
    """Processor seconds of a new visitor's first look at Runs."""
    os.environ["RESNET_VIZ_HOME"] = str(home)
    st.cache_resource.clear()
    st.cache_data.clear()
    start = time.process_time()
    page = AppTest.from_file(str(ROOT / "pages" / "runs.py"), default_timeout=120).run()
    taken = time.process_time() - start
    assert not page.exception, page.exception
    return taken


def main() -> float:
    engine.supervise = lambda *_, **__: None  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few", Path(folder) / "many"
        start = time.perf_counter()
        fill(few, 10)
        fill(many, 1000)
        size = sum(file.stat().st_size for file in many.glob("runs.sqlite*")) / 1e9
        print(f"{1000 * POINTS:,} points written in {time.perf_counter() - start:.0f} s, {size:.1f} GB")
        look(few), look(many)
        rows = [(look(few), look(many)) for _ in range(ROUNDS)]
        print(
            f"10 runs: {statistics.median(a for a, _ in rows):.2f} s; 1,000 runs: {statistics.median(b for _, b in rows):.2f} s"
        )
        return statistics.median(b / a for a, b in rows)
