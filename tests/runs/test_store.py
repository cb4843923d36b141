"""The store: what it is told comes back, a superseded worker writes nothing, and nothing is lost on the way."""

import errno
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from resnet_viz.runs import store as stores
from resnet_viz.runs.events import Checkpoint, Point
from resnet_viz.runs.store import DRAMA, MOST, Store, StoreError, Superseded, stride_at
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
    run = claimed(store)
    store.write(run.id, run.attempt, points(1, 2, 3))
    steps, values = store.series(run.id, "grad_block")
    np.testing.assert_array_equal(steps, [1, 2, 3])
    np.testing.assert_array_equal(values, [[1, 2], [2, 3], [3, 4]])
    assert store.series(run.id, "loss", after=2)[1].tolist() == [1.5]
    record = store.record(run.id)
    assert record.spec == SPEC
    assert (record.step, record.status, set(record.series)) == (3, "running", {"loss", "grad_block"})


def test_twins_are_claimed_in_order_and_once(store) -> None:
    ids = store.create([(SPEC, 10), (SPEC.twin(), 10)])
    assert [store.claim("a").id, store.claim("b").id] == ids
    assert store.claim("c") is None
    assert len({run.group for run in store.runs()}) == 1


def test_a_superseded_worker_writes_nothing(store) -> None:
    run = claimed(store)
    store.write(run.id, run.attempt, points(1, 2))
    store.end(run.id, run.attempt, "stopped")
    store.want(run.id, "run")
    again = store.claim("other")
    assert again.attempt == run.attempt + 1
    for write in (
        lambda: store.write(run.id, run.attempt, points(3)),
        lambda: store.beat(run.id, run.attempt),
        lambda: store.save(run.id, run.attempt, Checkpoint(3, 0, True, b"x")),
        lambda: store.end(run.id, run.attempt, "finished"),
    ):
        with pytest.raises(Superseded):
            write()
    assert len(store.series(run.id, "loss")[0]) == 0
    assert store.run(run.id).status == "running"
    assert not list(store.home.glob("checkpoints/*/*"))


def test_resuming_forgets_what_came_after_the_last_full_checkpoint(store) -> None:
    run = claimed(store)
    store.write(run.id, run.attempt, points(1, 2, 3))
    store.save(run.id, run.attempt, Checkpoint(3, 0, True, b"state"))
    store.write(run.id, run.attempt, points(4, 5))
    store.end(run.id, run.attempt, "stopped")
    store.want(run.id, "run")
    assert store.claim("w").step == 3
    assert store.series(run.id, "loss")[0].tolist() == [1, 2, 3]


def test_resuming_leaves_no_file_that_no_row_knows(store) -> None:
    run = claimed(store)
    store.save(run.id, run.attempt, Checkpoint(3, 0, True, b"state"))
    store.save(run.id, run.attempt, Checkpoint(5, 1, False, b"weights that will come again"))
    (store.home / "checkpoints" / run.id / "00000009.full.1.pt.part").write_bytes(b"half of a file, killed")
    store.end(run.id, run.attempt, "stopped")
    store.want(run.id, "run")
    store.claim("w")
    assert [f.read_bytes() for f in store.home.glob("checkpoints/*/*")] == [b"state"]


def test_of_full_checkpoints_the_last_two_are_kept_with_their_files(store) -> None:
    run = claimed(store)
    for step in (1, 2, 3, 4):
        store.save(run.id, run.attempt, Checkpoint(step, 0, True, bytes([step])))
    store.save(run.id, run.attempt, Checkpoint(1, 1, False, b"weights"))
    assert [s.step for s in store.checkpoints(run.id, full=True)] == [3, 4]
    assert sorted(f.read_bytes() for f in store.home.glob("checkpoints/*/*")) == [b"\x03", b"\x04", b"weights"]


def test_two_tabs_pressing_stop_stop_once(store) -> None:
    run = claimed(store)
    store.want(run.id, "stop")
    store.want(run.id, "stop")
    assert store.write(run.id, run.attempt, []).what == "stop"
    queued = store.create([(SPEC, 1)])[0]
    store.want(queued, "stop")
    assert store.run(queued).status == "stopped"
    assert store.claim("w") is None


def test_a_silent_worker_is_lost_and_one_that_only_slept_goes_on(store, monkeypatch) -> None:
    run = claimed(store)
    assert store.mark_lost() == []
    now = stores.time.time()
    monkeypatch.setattr(stores.time, "time", lambda: now + 7)
    assert store.mark_lost() == [run.id]
    assert store.run(run.id).status == "lost"
    assert "resume" in store.run(run.id).message
    assert store.claim("other") is None, "nobody takes it up unasked"
    store.write(run.id, run.attempt, points(1))
    assert (store.run(run.id).status, store.run(run.id).message) == ("running", "")


def test_vectors_thin_by_doubling_strides_and_the_first_steps_stay(store) -> None:
    run = claimed(store)
    last = 2 * MOST + 10
    for first in range(1, last + 1, 1000):
        store.write(run.id, run.attempt, points(*range(first, min(first + 1000, last + 1))))
    kept = store.series(run.id, "grad_block")[0]
    assert kept[:DRAMA].tolist() == list(range(1, DRAMA + 1))
    assert stride_at(last) == 4
    assert all(step % 4 == 1 for step in kept[DRAMA:].tolist())
    assert len(kept) < MOST
    assert len(store.series(run.id, "loss")[0]) == last, "scalars are all kept"


def test_thinning_keeps_what_is_measured_every_eighth_step(store) -> None:
    """Activations are measured at steps 1, 9, 17 ...: a stride that keeps even steps would lose them all."""
    run = claimed(store)
    steps = range(1, 2 * MOST + 2, 8)
    store.write(run.id, run.attempt, [Point(s, {"activation_std": np.ones(2, np.float32)}) for s in steps])
    assert store.series(run.id, "activation_std")[0].tolist() == list(steps)


def test_a_vector_of_one_stays_a_vector(store) -> None:
    run = claimed(store)
    store.write(run.id, run.attempt, [Point(1, {"grad_block": np.ones(1, np.float32), "loss": 1.0})])
    assert store.series(run.id, "grad_block")[1].shape == (1, 1)
    assert store.series(run.id, "loss")[1].shape == (1,)


def test_three_writers_and_three_readers_at_once(store) -> None:
    runs = [store.claim("w") for _ in store.create([(SPEC, 300)] * 3)]
    failures = []

    def write(run) -> None:
        try:
            for step in range(1, 101):
                store.write(run.id, run.attempt, points(step))
        except Exception as error:
            failures.append(error)
        store.close()

    def read(run) -> None:
        try:
            while len(store.series(run.id, "loss")[0]) < 100 and not failures:
                store.runs()
        except Exception as error:
            failures.append(error)
        store.close()

    threads = [threading.Thread(target=t, args=(run,)) for run in runs for t in (write, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures
    assert all(len(store.series(run.id, "grad_block")[0]) == 100 for run in runs)


def test_deleting_takes_everything_along_and_its_worker_learns_of_it(store) -> None:
    run = claimed(store)
    store.write(run.id, run.attempt, points(1))
    store.save(run.id, run.attempt, Checkpoint(1, 0, True, b"x"))
    store.delete(run.id)
    with pytest.raises(Superseded):
        store.write(run.id, run.attempt, points(2))
    with pytest.raises(StoreError, match="may have been deleted"):
        store.run(run.id)
    assert not list(store.home.glob("checkpoints/*"))


def test_pruning_never_takes_a_last_full_state(store) -> None:
    run = claimed(store)
    for step in (1, 2, 3):
        store.save(run.id, run.attempt, Checkpoint(step, step, False, bytes(1000)))
        store.save(run.id, run.attempt, Checkpoint(step, step, True, bytes(5000)))
    assert store.prune(0) == 0, "a live run is left alone"
    store.end(run.id, run.attempt, "finished")
    assert store.prune(5000) == 8000
    assert [(s.step, s.full) for s in store.checkpoints(run.id)] == [(3, True)]
    assert store.prune(0) == 0


def test_a_full_disk_is_said_and_what_was_there_stays(store) -> None:
    run = claimed(store)
    store.write(run.id, run.attempt, points(1, 2))
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    more = points(*range(3, 20_000))
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.write(run.id, run.attempt, more)
    steps = store.series(run.id, "loss")[0]
    assert steps[:2].tolist() == [1, 2]
    assert store.run(run.id).step == steps[-1]


def test_a_checkpoint_that_does_not_fit_on_the_disk_leaves_nothing_half_written(store, monkeypatch) -> None:
    run = claimed(store)
    store.save(run.id, run.attempt, Checkpoint(1, 0, True, b"state"))

    def full(_) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stores.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.save(run.id, run.attempt, Checkpoint(2, 0, True, b"more"))
    assert [s.step for s in store.checkpoints(run.id)] == [1]
    assert [f.read_bytes() for f in store.home.glob("checkpoints/*/*")] == [b"state"]


def test_a_migration_comes_whole_or_not_at_all(store, monkeypatch) -> None:
    run = claimed(store)
    first = stores._MIGRATIONS
    monkeypatch.setattr(stores, "_MIGRATIONS", (*first, "ALTER TABLE runs ADD COLUMN extra TEXT; SELECT nonsense"))
    with pytest.raises(StoreError, match="nonsense"):
        Store(store.home)

    def state() -> tuple[int, bool]:
        with closing(sqlite3.connect(store.home / "runs.sqlite")) as db:
            columns = [row[1] for row in db.execute("PRAGMA table_info(runs)")]
            return db.execute("PRAGMA user_version").fetchone()[0], "extra" in columns

    assert state() == (len(first), False)
    monkeypatch.setattr(stores, "_MIGRATIONS", (*first, "ALTER TABLE runs ADD COLUMN extra TEXT"))
    assert Store(store.home).run(run.id).spec == SPEC
    assert state() == (len(first) + 1, True)


def test_a_home_that_cannot_be_written_is_said_in_a_sentence(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="set RESNET_VIZ_HOME"):
        Store(tmp_path / "file")


def test_a_store_from_a_newer_version_is_refused_in_a_sentence(store) -> None:
    store._db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer version"):
        Store(store.home)


def test_a_note_a_name_and_a_group(store) -> None:
    run = store.create([(SPEC, 1)], owner="ada")[0]
    store.rename(run, "  my net ")
    store.set_note(run, "first try")
    found = store.run(run)
    assert (found.name, found.note, found.owner) == ("my net", "first try", "ada")
    assert replace(found, bytes=0) == found
