"""What SQLite can't do is one sentence; a worker waits where a page gives up; files that no row knows are swept."""

import sqlite3
import threading
from contextlib import closing

import pytest

from resnet_viz.errors import UserError
from resnet_viz.runs.events import Checkpoint
from resnet_viz.runs.schema import CHECKPOINTS
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


FILLS = {
    "rename": lambda store, id_: store.rename(id_, "x" * 10**6),
    "note": lambda store, id_: store.set_note(id_, "x" * 10**6),
    "create": lambda store, id_: store.create([(RunSpec(), 1)] * 1000),
}
WRITES = {
    "want": lambda store, id_: store.want(id_, "stop"),
    "step": lambda store, id_: store.want_step(id_),
    "rename": lambda store, id_: store.rename(id_, "another"),
    "note": lambda store, id_: store.set_note(id_, "a note"),
    "create": lambda store, id_: store.create([(RunSpec(), 1)]),
    "delete": lambda store, id_: store.delete(id_),
    "claim": lambda store, id_: store.claim("w"),
}


@pytest.mark.parametrize("write", WRITES)
def test_while_another_process_holds_the_store_a_write_is_a_sentence(home, write) -> None:
    store = Store(home, wait=0.05)
    (id_,) = store.create([(RunSpec(), 1)])
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UserError, match=r"Another process is writing .* try again"):
            WRITES[write](store, id_)
        other.execute("ROLLBACK")
    WRITES[write](store, id_)


def test_a_worker_waits_until_the_store_is_free(home) -> None:
    store = Store(home, wait=600)
    (id_,) = store.create([(RunSpec(), 1)])
    other = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, lambda: other.execute("ROLLBACK")).start()
    claim = store.claim("w")
    assert claim.run.id == id_
    other.close()


@pytest.mark.parametrize("write", FILLS)
def test_on_a_full_disk_a_write_is_a_sentence(home, write) -> None:
    store = Store(home)
    (id_,) = store.create([(RunSpec(), 1)])
    store.db.execute(f"PRAGMA max_page_count = {store.db.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(UserError, match="The disk is full: free some space"):
        FILLS[write](store, id_)


def test_files_that_no_row_knows_are_swept_but_not_those_of_a_run_at_work(home) -> None:
    store = Store(home)
    ids = store.create([(RunSpec(), 1)] * 2)
    claims = [store.claim("w") for _ in ids]
    for claim in claims:
        claim.save(Checkpoint(1, 0, True, b"state"))
    orphans = [home / CHECKPOINTS[0] / id_ / "00000000.7.pt" for id_ in ids]
    lone = home / CHECKPOINTS[0] / "0123456789ab" / "00000000.1.pt.part"
    lone.parent.mkdir()
    for file in (*orphans, lone):
        file.write_bytes(b"half")
    claims[0].end("finished")
    store.prune(1e9)
    assert [file.exists() for file in (*orphans, lone)] == [False, True, False]
    assert all(saved.path.exists() for id_ in ids for saved in store.checkpoints(id_))
