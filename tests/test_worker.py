"""A worker: events to rows, wants obeyed; killed at any step and resumed, its run ends in the very same weights."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from resnet_viz import engine, worker
from resnet_viz import store as store_module
from resnet_viz.events import Point, Result, Snapshot, Status
from resnet_viz.spec import DataSpec, ModelSpec, RunSpec, SpecError, TrainSpec
from resnet_viz.store import Store, Superseded
from resnet_viz.train import run as train

SMALL = RunSpec(
    model=ModelSpec(depth=8),
    data=DataSpec(limit=256),
    train=TrainSpec(batch=32, epochs=8, device="cpu", precision="float32", threads=1),
)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "home")


def counting(total: int, seconds: float = 0.0):
    """A job whose state is its step: loss n at step n."""

    def job(spec, resume):
        for step in range(int(resume or 0) + 1, total + 1):
            time.sleep(seconds)
            if (yield Point(step, {"loss": float(step)})) == "snapshot":
                yield Snapshot(step, 0, True, str(step).encode())
        yield Result("finished", {"steps": total})

    return job


def claimed(store: Store, steps: int = 50):
    store.create([(SMALL, steps)])
    return store.claim("w")


def until(what, seconds: float = 90):
    """Wait for a condition; returns its value."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
    return found


def in_thread(store: Store, run, job) -> threading.Thread:
    def body() -> None:
        worker.carry_out(store, run, job)
        store.close()

    thread = threading.Thread(target=body)
    thread.start()
    return thread


def test_every_point_is_written_and_the_result(store) -> None:
    run = claimed(store)
    worker.carry_out(store, run, counting(50))
    assert store.series(run.id, "loss")[1].tolist() == list(range(1, 51))
    done = store.run(run.id)
    assert (done.status, done.step, done.result) == ("finished", 50, {"steps": 50})


def test_pause_step_go_on_stop_and_resume(store) -> None:
    run = claimed(store, 10**6)
    thread = in_thread(store, run, counting(10**6, 0.005))
    until(lambda: store.run(run.id).step > 3)
    store.want(run.id, "pause")
    until(lambda: store.run(run.id).status == "paused")
    at = store.run(run.id).step
    store.want_step(run.id)
    until(lambda: store.run(run.id).step == at + 1 and store.run(run.id).status == "paused")
    store.want(run.id, "run")
    until(lambda: store.run(run.id).step > at + 5)
    store.want(run.id, "stop")
    thread.join(60)
    stopped = store.run(run.id)
    assert stopped.status == "stopped"
    assert store.snapshots(run.id, full=True)[-1].step == stopped.step
    store.want(run.id, "run")
    again = store.claim("other")
    worker.carry_out(store, again, counting(stopped.step + 7))
    assert store.series(run.id, "loss")[1].tolist() == list(range(1, stopped.step + 8))
    assert store.run(run.id).status == "finished"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SpecError("Depth 55 is not 6n+2."), "Depth 55 is not 6n+2."),
        (OSError(28, "No space left on device"), "The disk is full"),
        (MemoryError(), "Out of memory"),
        (KeyError("x"), "KeyError"),
    ],
)
def test_a_job_that_fails_says_so_in_a_sentence_and_keeps_its_curves(store, error, words) -> None:
    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        raise error

    run = claimed(store)
    worker.carry_out(store, run, job)
    failed = store.run(run.id)
    assert failed.status == "failed"
    assert words in failed.message
    assert "Traceback" not in failed.message
    assert len(store.series(run.id, "loss")[0]) == 1


def test_a_worker_that_was_superseded_while_it_slept_leaves(store) -> None:
    run = claimed(store)

    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        store.end(run.id, run.attempt, "stopped")  # marked, resumed and claimed elsewhere, meanwhile
        store.want(run.id, "run")
        store.claim("other")
        time.sleep(2 * worker.WRITE_EVERY)
        yield Point(2, {"loss": 2.0})
        yield Result("finished", {})

    with pytest.raises(Superseded):
        worker.carry_out(store, run, job)
    assert store.run(run.id).status == "running"
    assert len(store.series(run.id, "loss")[0]) == 0


def start_process(store: Store) -> subprocess.Popen:
    environment = os.environ | {"RESNET_VIZ_HOME": str(store.home), "RESNET_VIZ_SNAPSHOT_SECONDS": "0.1"}
    return subprocess.Popen(
        [sys.executable, "-m", "resnet_viz", "work"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


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
        until(lambda: store.mark_lost() or store.run(run).status == "lost", 10)
        store.want(run, "run")
    process = start_process(store)
    try:
        until(lambda: store.run(run).status == "finished")
    finally:
        process.terminate()
        process.wait(30)
    assert store.run(run).attempt >= 2

    saved = store.snapshots(run, full=True)[-1].path.read_bytes()
    ours, theirs = (torch.load(io.BytesIO(b), weights_only=True)["model"] for b in (saved, events_last(events).data))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    losses = [e.values["loss"] for e in events if isinstance(e, Point) and "loss" in e.values]
    np.testing.assert_array_equal(store.series(run, "loss")[1], np.array(losses, np.float32))


def events_last(events) -> Snapshot:
    return [e for e in events if isinstance(e, Snapshot) and e.full][-1]


@pytest.mark.slow
def test_the_engine_keeps_workers_warm_runs_what_is_queued_and_they_leave_with_it(store, monkeypatch) -> None:
    """In a process of its own, for a supervisor lives as long as its process."""
    code = (
        "import sys, time; from resnet_viz import engine; from resnet_viz.store import Store; from pathlib import Path\n"
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


def test_silence_is_longer_than_a_heartbeat() -> None:
    assert store_module.SILENCE > 3


def test_a_stop_between_steps_does_not_wait_for_the_rest(store) -> None:
    """While pictures are evaluated, say: the run goes on from its last snapshot."""

    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        for done in range(10**6):
            time.sleep(0.01)
            yield Status("validation pictures", done, 10**6)

    run = claimed(store)
    thread = in_thread(store, run, job)
    until(lambda: "validation" in store.run(run.id).progress)
    store.want(run.id, "stop")
    thread.join(30)
    assert not thread.is_alive()
    assert store.run(run.id).status == "stopped"
