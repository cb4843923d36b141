"""The engine: workers are started, kept warm and watched, and leave with whoever started them."""

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from resnet_viz.runs.store import Store
from resnet_viz.workers import engine
from tests.processes import SMALL, until


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "home")


@pytest.mark.slow
def test_the_engine_keeps_workers_warm_runs_what_is_queued_and_they_leave_with_it(store, monkeypatch) -> None:
    """In a process of its own, for a supervisor lives as long as its process."""
    code = (
        "import sys, time; from pathlib import Path; from resnet_viz.workers import engine\n"
        "from resnet_viz.runs.store import Store\n"
        f"s = Store(Path({str(store.home)!r})); engine.supervise(s); time.sleep(600)"
    )
    server = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL)
    try:
        until(lambda: len(store.workers()) == engine.SPARES)
        ids = engine.start(store, [SMALL, SMALL.twin()])
        until(lambda: all(store.run(run).status == "finished" for run in ids))
        assert len(store.workers()) == engine.SPARES
    finally:
        server.kill()
        server.wait()
    until(lambda: not store.workers(), 40)


def test_threads_are_split_between_twins(store, monkeypatch) -> None:
    monkeypatch.setattr(engine, "cores", lambda: 8)
    unset = replace(SMALL, train=replace(SMALL.train, threads=0))
    assert [store.run(r).spec.train.threads for r in engine.start(store, [unset, unset.twin()])] == [4, 4]
    assert [store.run(r).spec.train.threads for r in engine.start(store, [unset])] == [8]


@pytest.mark.parametrize("workers", ["0", "1"])
def test_at_least_one_worker_may_run(store, monkeypatch, workers) -> None:
    monkeypatch.setenv("RESNET_VIZ_WORKERS", workers)
    assert engine.cap() == 1
    assert len(engine.start(store, [SMALL, SMALL.twin()])) == 2


def test_a_worker_that_fails_at_once_is_not_started_over_and_over(store, tmp_path, monkeypatch, capfd) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "torch.py").write_text("raise ImportError('a torch that does not load')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    engine.start(store, [SMALL])
    children = engine.Children(store)
    children.keep(0)
    (process, _) = next(iter(children.processes.values()))
    process.wait(90)
    children.keep(0)
    assert children.processes == {}
    assert "a worker failed" in capfd.readouterr().err
    assert "does not load" in next((store.home / "logs").iterdir()).read_text()
    monkeypatch.setattr(engine, "PAUSE", 0.0)
    children.paused_until = 0.0
    children.keep(0)
    (process, _) = next(iter(children.processes.values()))
    process.kill()
    process.wait()


@pytest.mark.slow
def test_a_worker_whose_server_is_gone_before_it_is_warm_leaves_too(store) -> None:
    code = (
        "from resnet_viz.workers import engine; from resnet_viz.runs.store import Store; from pathlib import Path\n"
        f"c = engine.Children(Store(Path({str(store.home)!r}))); c.spawn(); print(*c.processes)"
    )
    server = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    try:
        until(store.workers)
        until(lambda: not store.workers(), 60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(server.stdout), signal.SIGKILL)
