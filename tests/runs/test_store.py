"""The store: what is written comes back, a superseded worker writes nothing, and nothing is lost on the way."""

import errno
import sqlite3
import threading
import time

import numpy as np
import pytest

from resnet_viz.runs import claim as claims
from resnet_viz.runs import presence
from resnet_viz.runs.claim import DRAMA, MOST, Superseded, stride_at
from resnet_viz.runs.events import Checkpoint, Point
from resnet_viz.runs.schema import StoreError
from resnet_viz.runs.store import Store
from resnet_viz.runs.visitor import Visitor
from resnet_viz.spec.run import RunSpec

SPEC = RunSpec()


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "home")


def points(*steps: int) -> list[Point]:
    return [Point(s, {"loss": s / 2, "grad_block": np.array([s, s + 1], np.float32)}) for s in steps]


def claimed(store: Store):
    store.create([(SPEC, 100)])
    return store.claim("w")


def test_what_is_written_comes_back(store) -> None:
    claim = claimed(store)
    claim.write(points(1, 2, 3))
    steps, values = store.series(claim.run.id, "grad_block")
    np.testing.assert_array_equal(steps, [1, 2, 3])
    np.testing.assert_array_equal(values, [[1, 2], [2, 3], [3, 4]])
    assert store.series(claim.run.id, "loss", after=2)[1].tolist() == [1.5]
    record = store.record(claim.run.id)
    assert record.spec == SPEC
    assert (record.step, record.status, set(record.series)) == (3, "running", {"loss", "grad_block"})


def test_twins_are_claimed_in_order_and_once(store) -> None:
    ids = store.create([(SPEC, 10), (SPEC.twin(), 10)])
    assert [store.claim("a").run.id, store.claim("b").run.id] == ids
    assert store.claim("c") is None
    assert len({run.group for run in store.runs()}) == 1


def test_a_superseded_worker_writes_nothing(store) -> None:
    claim = claimed(store)
    claim.write(points(1, 2))
    claim.end("stopped")
    store.want(claim.run.id, "run")
    again = store.claim("other")
    assert again.run.attempt == claim.run.attempt + 1
    for write in (
        lambda: claim.write(points(3)),
        lambda: claim.beat(),
        lambda: claim.save(Checkpoint(3, 0, True, b"x")),
        lambda: claim.end("finished"),
    ):
        with pytest.raises(Superseded):
            write()
    assert len(store.series(claim.run.id, "loss")[0]) == 0
    assert store.run(claim.run.id).status == "running"
    assert not list(store.home.glob("checkpoints/*/*"))


def test_resuming_forgets_what_came_after_the_last_full_checkpoint(store) -> None:
    claim = claimed(store)
    claim.write(points(1, 2, 3))
    claim.save(Checkpoint(3, 0, True, b"state"))
    claim.write(points(4, 5))
    claim.end("stopped")
    store.want(claim.run.id, "run")
    assert store.claim("w").run.step == 3
    assert store.series(claim.run.id, "loss")[0].tolist() == [1, 2, 3]


def test_resuming_leaves_no_file_that_no_row_knows(store) -> None:
    claim = claimed(store)
    claim.save(Checkpoint(3, 0, True, b"state"))
    claim.save(Checkpoint(5, 1, False, b"weights that will come again"))
    (store.home / "checkpoints" / claim.run.id / "00000009.full.1.pt.part").write_bytes(b"half of a file, killed")
    claim.end("stopped")
    store.want(claim.run.id, "run")
    store.claim("w")
    assert [f.read_bytes() for f in store.home.glob("checkpoints/*/*")] == [b"state"]


def test_of_full_checkpoints_the_last_two_are_kept_with_their_files(store) -> None:
    claim = claimed(store)
    for step in (1, 2, 3, 4):
        claim.save(Checkpoint(step, 0, True, bytes([step])))
    claim.save(Checkpoint(1, 1, False, b"weights"))
    assert [s.step for s in store.checkpoints(claim.run.id, full=True)] == [3, 4]
    assert sorted(f.read_bytes() for f in store.home.glob("checkpoints/*/*")) == [b"\x03", b"\x04", b"weights"]


def test_two_tabs_pressing_stop_stop_once(store) -> None:
    claim = claimed(store)
    store.want(claim.run.id, "stop")
    store.want(claim.run.id, "stop")
    assert claim.write([]).what == "stop"
    queued = store.create([(SPEC, 1)])[0]
    store.want(queued, "stop")
    assert store.run(queued).status == "stopped"
    assert store.claim("w") is None


def after(monkeypatch, seconds: float) -> None:
    """So much later, by the clock that watches heartbeats."""
    now = presence.monotonic()
    monkeypatch.setattr(presence, "monotonic", lambda: now + seconds)


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_a_clock_that_is_set_neither_hides_a_dead_worker_nor_kills_one_that_lives(store, monkeypatch, jump) -> None:
    dead, alive = claimed(store), claimed(store)
    for worker, claim in (("dead", dead), ("alive", alive)):
        presence.hello(store, worker, len(worker), claim.run.id)
    assert presence.mark_lost(store) == []
    at = time.time() + jump
    monkeypatch.setattr(time, "time", lambda: at)
    assert presence.mark_lost(store) == []
    alive.beat()
    presence.hello(store, "alive", 5, alive.run.id)
    after(monkeypatch, 7)
    assert presence.mark_lost(store) == [dead.run.id]
    assert presence.workers(store) == {5: alive.run.id}


def test_no_more_runs_are_claimed_than_may_be_at_work_whoever_asks(store) -> None:
    other = Store(store.home)
    store.create([(SPEC, 1)] * 3)
    first, second = store.claim("a", 2), other.claim("b", 2)
    assert (first is None, second is None) == (False, False)
    assert (store.claim("c", 2), other.claim("d", 2)) == (None, None)
    second.end("finished")
    assert store.claim("c", 2) is not None


def test_a_silent_worker_is_lost_and_one_that_only_slept_goes_on(store, monkeypatch) -> None:
    claim = claimed(store)
    assert presence.mark_lost(store) == []
    after(monkeypatch, 7)
    assert presence.mark_lost(store) == [claim.run.id]
    assert store.run(claim.run.id).status == "lost"
    assert "resume" in store.run(claim.run.id).message
    assert store.claim("other") is None, "nobody takes it up unasked"
    claim.write(points(1))
    assert (store.run(claim.run.id).status, store.run(claim.run.id).message) == ("running", "")


def test_vectors_thin_by_doubling_strides_and_the_first_steps_stay(store) -> None:
    claim = claimed(store)
    last = 2 * MOST + 10
    for first in range(1, last + 1, 1000):
        claim.write(points(*range(first, min(first + 1000, last + 1))))
    kept = store.series(claim.run.id, "grad_block")[0]
    assert kept[:DRAMA].tolist() == list(range(1, DRAMA + 1))
    assert stride_at(last) == 4
    assert all(step % 4 == 1 for step in kept[DRAMA:].tolist())
    assert len(kept) < MOST
    assert len(store.series(claim.run.id, "loss")[0]) == last, "scalars are all kept"


def test_thinning_keeps_what_is_measured_every_eighth_step(store) -> None:
    """Activations are measured at steps 1, 9, 17 ...: a stride that keeps even steps would lose them all."""
    claim = claimed(store)
    steps = range(1, 2 * MOST + 2, 8)
    claim.write([Point(s, {"activation_std": np.ones(2, np.float32)}) for s in steps])
    assert store.series(claim.run.id, "activation_std")[0].tolist() == list(steps)


def test_a_vector_of_one_stays_a_vector(store) -> None:
    claim = claimed(store)
    claim.write([Point(1, {"grad_block": np.ones(1, np.float32), "loss": 1.0})])
    assert store.series(claim.run.id, "grad_block")[1].shape == (1, 1)
    assert store.series(claim.run.id, "loss")[1].shape == (1,)


def test_three_writers_and_three_readers_at_once(store) -> None:
    claims = [store.claim("w") for _ in store.create([(SPEC, 300)] * 3)]
    failures = []

    def write(claim) -> None:
        try:
            for step in range(1, 101):
                claim.write(points(step))
        except Exception as error:
            failures.append(error)
        store.close()

    def read(claim) -> None:
        try:
            while len(store.series(claim.run.id, "loss")[0]) < 100 and not failures:
                store.runs()
        except Exception as error:
            failures.append(error)
        store.close()

    threads = [threading.Thread(target=t, args=(claim,)) for claim in claims for t in (write, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures
    assert all(len(store.series(claim.run.id, "grad_block")[0]) == 100 for claim in claims)


def test_deleting_takes_everything_along_and_its_worker_learns_of_it(store) -> None:
    claim = claimed(store)
    claim.write(points(1))
    claim.save(Checkpoint(1, 0, True, b"x"))
    store.delete(claim.run.id)
    with pytest.raises(Superseded):
        claim.write(points(2))
    with pytest.raises(StoreError, match="may have been deleted"):
        store.run(claim.run.id)
    assert not list(store.home.glob("checkpoints/*"))


def test_pruning_never_takes_a_last_full_state(store) -> None:
    claim = claimed(store)
    for step in (1, 2, 3):
        claim.save(Checkpoint(step, step, False, bytes(1000)))
        claim.save(Checkpoint(step, step, True, bytes(5000)))
    assert store.prune(0) == 0, "a live run is left alone"
    claim.end("finished")
    assert store.prune(5000) == 8000
    assert [(s.step, s.full) for s in store.checkpoints(claim.run.id)] == [(3, True)]
    assert store.prune(0) == 0


def test_a_full_disk_is_said_and_what_was_there_stays(store) -> None:
    claim = claimed(store)
    claim.write(points(1, 2))
    pages = store.db.execute("PRAGMA page_count").fetchone()[0]
    store.db.execute(f"PRAGMA max_page_count = {pages}")
    more = points(*range(3, 20_000))
    with pytest.raises(sqlite3.Error, match="full"):
        claim.write(more)
    steps = store.series(claim.run.id, "loss")[0]
    assert steps[:2].tolist() == [1, 2]
    assert store.run(claim.run.id).step == steps[-1]


def test_a_checkpoint_that_does_not_fit_on_the_disk_leaves_nothing_half_written(store, monkeypatch) -> None:
    claim = claimed(store)
    claim.save(Checkpoint(1, 0, True, b"state"))

    def full(_) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(claims.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        claim.save(Checkpoint(2, 0, True, b"more"))
    assert [s.step for s in store.checkpoints(claim.run.id)] == [1]
    assert [f.read_bytes() for f in store.home.glob("checkpoints/*/*")] == [b"state"]


def test_a_note_a_name_and_a_group(store) -> None:
    run = store.seen_by(Visitor("ada", "class")).create([(SPEC, 1)])[0]
    store.rename(run, "  my net ")
    store.set_note(run, "first try")
    changed = store.run(run)
    assert (changed.name, changed.note, changed.owner) == ("my net", "first try", "ada")
