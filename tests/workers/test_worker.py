"""A worker: events to rows, wants obeyed, states saved."""

import threading
import time

import pytest

from resnet_viz.runs.claim import Superseded
from resnet_viz.runs.events import Checkpoint, Point, Result, Status
from resnet_viz.runs.store import Store
from resnet_viz.workers import worker
from tests.processes import claimed, counting, until


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "home")


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


def test_states_are_saved_as_often_as_version_1_was_told(store, monkeypatch) -> None:
    monkeypatch.setenv("RESNET_VIZ_SNAPSHOT_SECONDS", "0")
    monkeypatch.setattr(worker, "WRITE_EVERY", 0.0)
    claim = claimed(store)
    worker.carry_out(store, claim, counting(3))
    assert [saved.step for saved in store.checkpoints(claim.run.id, full=True)] == [2, 3]


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


def test_a_stop_after_the_last_step_leaves_the_run_finished(store) -> None:
    """Its last state comes unasked, and the result with it: there is nothing left to stop."""

    def job(spec, resume):
        yield Point(1, {"loss": 1.0})
        store.want(claim.run.id, "stop")
        time.sleep(2 * worker.WRITE_EVERY)
        yield Status("test images", 1, 1)
        yield Checkpoint(1, 1, True, b"1")
        yield Result("finished", {"test_accuracy": 0.5})

    claim = claimed(store)
    worker.carry_out(store, claim, job)
    assert store.run(claim.run.id).status == "finished"
