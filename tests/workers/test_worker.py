"""A worker: events to rows, wants obeyed; killed at any step and resumed, its run ends in the very same weights."""

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
from resnet_viz.runs.claim import Claim, Superseded
from resnet_viz.runs.events import Checkpoint, Point, Result, Status
from resnet_viz.runs.presence import SILENCE
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import SpecError
from resnet_viz.train.job import run as train
from resnet_viz.workers import worker
from tests.processes import SMALL, start_process, until

# Longer than any test of it waits.
LONG = replace(SMALL, train=replace(SMALL.train, epochs=10_000))


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "home")


def counting(total: int, seconds: float = 0.0):
    """A job whose state is its step: loss n at step n."""

    def job(spec, resume):
        for step in range(int(resume or 0) + 1, total + 1):
            time.sleep(seconds)
            if (yield Point(step, {"loss": float(step)})) == "checkpoint":
                yield Checkpoint(step, 0, True, str(step).encode())
        yield Result("finished", {"steps": total})

    return job


def claimed(store: Store, steps: int = 50):
    store.create([(SMALL, steps)])
    return store.claim("w")


def in_thread(store: Store, claim, job) -> threading.Thread:
    def body() -> None:
        worker.carry_out(store, claim, job)
        store.close()

    thread = threading.Thread(target=body)
    thread.start()
    return thread


def test_every_point_is_written_and_the_result(store) -> None:
    claim = claimed(store)
    worker.carry_out(store, claim, counting(50))
    assert store.series(claim.run.id, "loss")[1].tolist() == list(range(1, 51))
    done = store.run(claim.run.id)
    assert (done.status, done.step, done.result) == ("finished", 50, {"steps": 50})


def test_pause_step_go_on_stop_and_resume(store) -> None:
    claim = claimed(store, 10**6)
    thread = in_thread(store, claim, counting(10**6, 0.005))
    until(lambda: store.run(claim.run.id).step > 3)
    store.want(claim.run.id, "pause")
    until(lambda: store.run(claim.run.id).status == "paused")
    at = store.run(claim.run.id).step
    store.want_step(claim.run.id)
    until(lambda: store.run(claim.run.id).step == at + 1 and store.run(claim.run.id).status == "paused")
    store.want(claim.run.id, "run")
    until(lambda: store.run(claim.run.id).step > at + 5)
    store.want(claim.run.id, "stop")
    thread.join(60)
    stopped = store.run(claim.run.id)
    assert stopped.status == "stopped"
    assert store.checkpoints(claim.run.id, full=True)[-1].step == stopped.step
    store.want(claim.run.id, "run")
    again = store.claim("other")
    worker.carry_out(store, again, counting(stopped.step + 7))
    assert store.series(claim.run.id, "loss")[1].tolist() == list(range(1, stopped.step + 8))
    assert store.run(claim.run.id).status == "finished"


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

    claim = claimed(store)
    worker.carry_out(store, claim, job)
    failed = store.run(claim.run.id)
    assert failed.status == "failed"
    assert words in failed.message
    assert "Traceback" not in failed.message
    assert len(store.series(claim.run.id, "loss")[0]) == 1


def test_what_was_measured_up_to_a_failure_is_kept(store) -> None:
    def job(spec, resume):
        for step in range(1, 9):
            yield Point(step, {"loss": float(step)})
        raise RuntimeError("first line\nsecond line")

    claim = claimed(store)
    worker.carry_out(store, claim, job)
    assert store.series(claim.run.id, "loss")[0].tolist() == list(range(1, 9))
    assert "first line" in store.run(claim.run.id).message
    assert "second line" not in store.run(claim.run.id).message


def test_a_full_database_fails_the_run_and_it_goes_on_once_there_is_room(store) -> None:
    total = 20_000

    def limit(pages: int) -> None:
        store.db.execute(f"PRAGMA max_page_count = {pages}")

    def job(spec, resume):
        for event in counting(total)(spec, resume):
            if isinstance(event, Point) and event.step == 1:
                limit(store.db.execute("PRAGMA page_count").fetchone()[0])
            yield event

    claim = claimed(store, total)
    worker.carry_out(store, claim, job)
    failed = store.run(claim.run.id)
    assert failed.status == "failed"
    assert failed.message.startswith("The disk is full")
    limit(10**6)
    store.want(claim.run.id, "run")
    worker.carry_out(store, store.claim("w"), counting(total))
    assert store.run(claim.run.id).status == "finished"
    assert store.series(claim.run.id, "loss")[0].tolist() == list(range(1, total + 1))


def test_a_failure_is_said_as_soon_as_it_can_be_written(store, monkeypatch) -> None:
    """A disk so full that not even the run's row fits: said once there is room again."""
    end, refused = Claim.end, []

    def full_at_first(*arguments) -> None:
        if len(refused) < 3:
            refused.append(arguments)
            raise sqlite3.OperationalError("database or disk is full")
        end(*arguments)

    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Claim, "end", full_at_first)
    claim = claimed(store)
    worker.carry_out(store, claim, job)
    assert len(refused) == 3
    assert store.run(claim.run.id).message.startswith("The disk is full")


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_checkpoint_file_costs_time_not_the_run(store, lost) -> None:
    claim = claimed(store)
    claim.write([Point(s, {"loss": float(s)}) for s in range(1, 21)])
    for step in (10, 20):
        claim.save(Checkpoint(step, 0, True, str(step).encode()))
    claim.end("stopped")
    for saved in store.checkpoints(claim.run.id)[-lost:]:
        saved.path.unlink()
    store.want(claim.run.id, "run")
    worker.carry_out(store, store.claim("w"), counting(30))
    assert store.run(claim.run.id).status == "finished"
    assert store.series(claim.run.id, "loss")[1].tolist() == list(range(1, 31))


def test_a_worker_that_was_superseded_while_it_slept_leaves(store) -> None:
    claim = claimed(store)

    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        claim.end("stopped")  # marked, resumed and claimed elsewhere, meanwhile
        store.want(claim.run.id, "run")
        store.claim("other")
        time.sleep(2 * worker.WRITE_EVERY)
        yield Point(2, {"loss": 2.0})
        yield Result("finished", {})

    with pytest.raises(Superseded):
        worker.carry_out(store, claim, job)
    assert store.run(claim.run.id).status == "running"
    assert len(store.series(claim.run.id, "loss")[0]) == 0


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
        later = time.time() + 2 * SILENCE
        monkeypatch.setattr(time, "time", lambda: later)
        since = len(waits)
        until(lambda: len(waits) > since + 2)
        assert presence.mark_lost(store) == []
        assert presence.workers(store) == {os.getpid(): claim.run.id}
    assert 2 * max(waits) < SILENCE


@pytest.mark.parametrize("how", ["a full checkpoint is due", "a stop is wanted"])
def test_a_run_that_diverges_where_a_state_is_asked_for_keeps_its_diagnosis(store, monkeypatch, how) -> None:
    wild = replace(SMALL, train=replace(SMALL.train, lr=1e9))
    monkeypatch.setenv("RESNET_VIZ_CHECKPOINT_SECONDS", "0" if how == "a full checkpoint is due" else "1000")
    monkeypatch.setattr(worker, "WRITE_EVERY", 0.0)
    run = store.create([(wild, 64)])[0]
    claim = store.claim("w")

    def job(spec, resume):
        events = worker.train(claim)(spec, resume)
        told = None
        with closing(events):
            while True:
                event = events.send(told)
                if how == "a stop is wanted" and isinstance(event, Point) and not np.isfinite(event.values["loss"]):
                    store.want(run, "stop")
                told = yield event

    worker.carry_out(store, claim, job)
    ended = store.run(run)
    assert ended.status == "diverged"
    assert "a learning rate of 1e+09 is too high" in ended.message
    assert store.series(run, "loss")[0][-1] == ended.step


@pytest.mark.parametrize("other", [Status("validation images", 1, 2), Point(2, {"loss": 2.0})])
def test_whatever_comes_instead_of_a_state_that_was_asked_for_is_written(store, monkeypatch, other) -> None:
    monkeypatch.setenv("RESNET_VIZ_CHECKPOINT_SECONDS", "0")

    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        yield other
        yield Result("finished", {})

    claim = claimed(store)
    worker.carry_out(store, claim, job)
    assert store.run(claim.run.id).status == "finished"


def test_a_setting_that_is_no_number_ends_the_run_with_a_sentence(store, monkeypatch) -> None:
    monkeypatch.setenv("RESNET_VIZ_CHECKPOINT_SECONDS", "abc")
    claim = claimed(store)
    worker.carry_out(store, claim, counting(3))
    assert store.run(claim.run.id).message.startswith("RESNET_VIZ_CHECKPOINT_SECONDS=abc is not a number")


def test_states_are_saved_as_often_as_version_1_was_told(store, monkeypatch) -> None:
    monkeypatch.setenv("RESNET_VIZ_SNAPSHOT_SECONDS", "0")
    monkeypatch.setattr(worker, "WRITE_EVERY", 0.0)
    claim = claimed(store)
    worker.carry_out(store, claim, counting(3))
    assert [saved.step for saved in store.checkpoints(claim.run.id, full=True)] == [2, 3]


@pytest.mark.parametrize(("error", "traceback"), [(SpecError("Depth 55 is not 6n+2."), False), (KeyError("x"), True)])
def test_a_bug_is_logged_with_its_traceback_and_a_users_mistake_without(store, caplog, error, traceback) -> None:
    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        raise error

    claim = claimed(store)
    with caplog.at_level("INFO"):
        worker.carry_out(store, claim, job)
    assert ("Traceback" in caplog.text) == traceback
    assert (str(store.home / "logs") in store.run(claim.run.id).message) == traceback


def test_a_stop_between_steps_saves_the_state_of_a_step_that_is_near(store) -> None:
    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        store.want(claim.run.id, "stop")
        time.sleep(2 * worker.WRITE_EVERY)
        yield Status("validation images", 1, 1)
        if (yield Point(2, {"loss": 2.0})) == "checkpoint":
            yield Checkpoint(2, 0, True, b"2")

    claim = claimed(store)
    worker.carry_out(store, claim, job)
    assert store.run(claim.run.id).status == "stopped"
    assert [saved.step for saved in store.checkpoints(claim.run.id, full=True)] == [2]


def test_a_stop_between_steps_does_not_wait_for_the_rest(store) -> None:
    """While images are evaluated, say: the run goes on from its last checkpoint."""

    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        for done in range(10**6):
            time.sleep(0.01)
            yield Status("validation images", done, 10**6)

    claim = claimed(store)
    thread = in_thread(store, claim, job)
    until(lambda: "validation" in store.run(claim.run.id).progress)
    store.want(claim.run.id, "stop")
    thread.join(30)
    assert not thread.is_alive()
    assert store.run(claim.run.id).status == "stopped"
