"""A power cut: the last write is whole or not there. Runs deleted while they are written: nothing of them stays."""

import random
import shutil
import sqlite3
import threading
import time
from contextlib import closing, suppress

import pytest

from resnet_viz.runs.claim import Superseded
from resnet_viz.runs.events import Checkpoint, Point
from resnet_viz.runs.schema import CHECKPOINTS
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec

CUTS = 40


@pytest.mark.parametrize("how", ["cut", "zeroed from there", "garbled from there"])
def test_a_log_that_was_cut_anywhere_leaves_whole_transactions(tmp_path, how) -> None:
    store, rng = Store(tmp_path / "runs"), random.Random(how)
    (run,) = store.create([(RunSpec(), 1000)])
    claim = store.claim("w")
    for step in range(1, 60, 2):  # two points a transaction
        claim.write([Point(step, {"loss": float(step)}), Point(step + 1, {"loss": float(step + 1)})])
    log = tmp_path / "runs" / "runs.sqlite-wal"
    whole = log.read_bytes()
    for number in range(CUTS):
        home = tmp_path / f"cut {number}"
        home.mkdir()
        shutil.copy(store.path, home)
        at = rng.randrange(len(whole))
        rest = {"cut": b"", "zeroed from there": bytes(len(whole) - at)}.get(how, rng.randbytes(len(whole) - at))
        (home / "runs.sqlite-wal").write_bytes(whole[:at] + rest)
        with closing(sqlite3.connect(home / "runs.sqlite")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        after = Store(home)
        if not after.runs():
            continue  # cut before it was queued
        steps, losses = after.series(run, "loss")
        assert len(steps) % 2 == 0
        assert steps.tolist() == list(range(1, len(steps) + 1)) == losses.tolist()
        assert len(steps) == after.run(run).step
        after.close()
        shutil.rmtree(home)


def test_runs_that_are_deleted_while_they_are_written_leave_nothing(tmp_path) -> None:
    store, rng = Store(tmp_path / "runs"), random.Random(0)
    store.create([(RunSpec(), 10**6)] * 24)
    claims = [store.claim(f"w{number}") for number in range(24)]

    def write(claim) -> None:
        with suppress(Superseded):
            for step in range(1, 10**6):
                claim.write([Point(step, {"loss": 1.0})])
                claim.save(Checkpoint(step, 0, step % 3 == 0, bytes(1000)))
        store.close()

    for at in range(0, 24, 4):
        threads = [threading.Thread(target=write, args=(claim,)) for claim in claims[at : at + 4]]
        for thread in threads:
            thread.start()
        for claim in claims[at : at + 4]:
            time.sleep(rng.uniform(0, 0.05))
            store.delete(claim.run.id)
        for thread in threads:
            thread.join()
    assert store.runs() == []
    store.prune(1e9)
    assert [file for folder in CHECKPOINTS for file in (store.home / folder).glob("*/*")] == []
    for table in ("points", "checkpoints"):
        assert store.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
    assert store.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
