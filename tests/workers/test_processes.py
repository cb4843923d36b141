"""Worker processes: killed at any step and resumed, a run ends in the very same weights; asleep too long, they write nothing."""

import io
import os
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from resnet_viz.runs import presence
from resnet_viz.runs.events import Checkpoint, Point
from resnet_viz.runs.presence import SILENCE
from resnet_viz.runs.store import Store
from resnet_viz.train.job import run as train
from resnet_viz.workers import worker
from tests.processes import SMALL, claimed, start_process, until

# Longer than any test of it waits.
LONG = replace(SMALL, train=replace(SMALL.train, epochs=10_000))


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "home")


@pytest.mark.slow
def test_killed_at_random_steps_and_resumed_the_weights_are_those_of_an_undisturbed_run(store, monkeypatch) -> None:
    events = list(train(SMALL))
    run = store.create([(SMALL, 64)])[0]
    rng = np.random.default_rng(0)
    for kill in sorted(rng.integers(2, 50, 3).tolist()):
        process = start_process(store)
        try:
            until(lambda kill=kill: store.run(run).step >= kill or store.run(run).status == "finished")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if store.run(run).status == "finished":
            break
        assert store.run(run).status == "running", "a killed worker can't say so itself"
        until(lambda: presence.mark_lost(store) or store.run(run).status == "lost", 10)
        store.want(run, "run")
    process = start_process(store)
    try:
        until(lambda: store.run(run).status == "finished")
    finally:
        process.terminate()
        process.wait(30)
    assert store.run(run).attempt >= 2

    saved = store.checkpoints(run, full=True)[-1].path.read_bytes()
    ours, theirs = (torch.load(io.BytesIO(b), weights_only=True)["model"] for b in (saved, events_last(events).data))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    losses = [e.values["loss"] for e in events if isinstance(e, Point) and "loss" in e.values]
    np.testing.assert_array_equal(store.series(run, "loss")[1], np.array(losses, np.float32))


def put_to_sleep(process: subprocess.Popen, store: Store) -> None:
    """Stop a worker process outside of a transaction of its own: one that sleeps in the middle keeps everybody waiting."""
    with closing(sqlite3.connect(store.home / "runs.sqlite", timeout=30, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)  # until it has stopped
        db.execute("ROLLBACK")


@pytest.mark.slow
def test_a_process_that_slept_and_was_superseded_writes_nothing_and_takes_the_next_run(store) -> None:
    run = store.create([(LONG, 1000)])[0]
    sleeper = start_process(store)
    other = None
    try:
        until(lambda: store.run(run).step > 3)
        put_to_sleep(sleeper, store)
        until(lambda: presence.mark_lost(store) or store.run(run).status == "lost")
        store.want(run, "run")
        other = start_process(store)
        until(lambda: store.run(run).attempt == 2 and store.run(run).step > 10)
        sleeper.send_signal(signal.SIGCONT)
        # It is idle again only when it has found out.
        until(lambda: presence.workers(store).get(sleeper.pid) == "")
        next_run = store.create([(SMALL, 64)])[0]
        until(lambda: store.run(next_run).status == "finished")
        store.want(run, "stop")
        until(lambda: store.run(run).status == "stopped")
    finally:
        for process in filter(None, (sleeper, other)):
            process.kill()
            process.wait()
    assert store.run(run).attempt == 2
    assert {saved.path.name.split(".")[-2] for saved in store.checkpoints(run, full=True)} == {"2"}
    steps, losses = store.series(run, "loss")
    assert steps.tolist() == list(range(1, store.run(run).step + 1))
    events = islice((e for e in train(LONG) if isinstance(e, Point)), 8)
    np.testing.assert_array_equal(losses[:8], np.array([e.values["loss"] for e in events], np.float32))


@pytest.mark.slow
def test_a_process_asked_to_end_saves_its_run_first(store) -> None:
    run = store.create([(LONG, 1000)])[0]
    process = start_process(store)
    try:
        until(lambda: store.run(run).step > 3)
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    stopped = store.run(run)
    assert stopped.status == "stopped"
    assert store.checkpoints(run, full=True)[-1].step == stopped.step
    assert presence.workers(store) == {}


def events_last(events) -> Checkpoint:
    return [e for e in events if isinstance(e, Checkpoint) and e.full][-1]


def test_a_worker_in_a_long_step_is_heard_twice_before_it_would_count_as_gone(store, monkeypatch) -> None:
    waits: list[float] = []

    class Impatient(threading.Event):
        def wait(self, timeout=None) -> bool:
            if timeout is None:
                return super().wait()
            waits.append(timeout)
            return super().wait(0.01)

    claim = claimed(store)
    monkeypatch.setattr(worker.threading, "Event", Impatient)
    with worker._Heart(store, "w") as heart:
        heart.claim = claim
        assert presence.mark_lost(store) == []
        later = time.monotonic() + 2 * SILENCE
        monkeypatch.setattr(presence, "monotonic", lambda: later)
        since = len(waits)
        until(lambda: len(waits) > since + 2)
        assert presence.mark_lost(store) == []
        assert presence.workers(store) == {os.getpid(): claim.run.id}
    assert 2 * max(waits) < SILENCE
