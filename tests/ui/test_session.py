"""Runs on a page: what a session keeps read, and why a run waits."""

import numpy as np
import pytest

from resnet_viz.runs import presence
from resnet_viz.runs.events import Point
from resnet_viz.runs.store import Store
from resnet_viz.spec.lab import LesionSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.ui import live
from resnet_viz.workers import engine
from tests.apps import headline, unrun

WHY = "A worker failed: ImportError: a torch that does not load. Its log is /there/worker.log; the next one is tried in 10 s."
SMALL = RunSpec(ModelSpec(depth=8))


@pytest.fixture
def session(monkeypatch) -> dict:
    """A session's state, and the store of this test behind the pages' one."""
    store, state = Store(), {}
    monkeypatch.setattr(live, "store", lambda: store)
    monkeypatch.setattr(live.st, "session_state", state)
    return state


def trained(store: Store, runs: int, steps: int) -> list[str]:
    ids = store.create([(RunSpec(), steps)] * runs)
    for _ in ids:
        points = [Point(s, {"loss": 1 / s, "grad_block": np.full(27, s, np.float32)}) for s in range(1, steps + 1)]
        store.claim("w").write(points)
    return ids


def test_a_session_keeps_few_records_and_what_it_dropped_is_read_again(session, monkeypatch) -> None:
    store = live.store()
    ids = trained(store, 5, 50)
    size = 50 * (2 * 8 + 4 + 4 * 27)  # steps of two metrics, losses, vectors
    monkeypatch.setattr(live, "KEPT", 2.5 * size)
    for _ in range(2):
        for run in ids:
            record = live.record(store.run(run), ("loss", "grad_block"))
            assert record.get("grad_block")[1][:, 0].tolist() == list(range(1, 51))
    assert list(session["records"]) == ids[-2:]
    live.record(store.run(ids[-2]), ("loss",))
    live.record(store.run(ids[0]), ("loss", "grad_block"))
    assert list(session["records"]) == [ids[-2], ids[0]], "the one looked at longest ago goes"


def test_one_record_that_is_larger_than_all_a_session_keeps_is_still_shown(session, monkeypatch) -> None:
    store = live.store()
    (run,) = trained(store, 1, 20)
    monkeypatch.setattr(live, "KEPT", 1)
    assert len(live.record(store.run(run), ("loss",)).get("loss")[0]) == 20
    assert list(session["records"]) == [run]


def test_a_record_grows_by_what_is_new_and_has_only_what_was_asked_for(session) -> None:
    store = live.store()
    (run,) = store.create([(RunSpec(), 9)])
    claim = store.claim("w")
    for step in (1, 2, 3):
        claim.write([Point(step, {"loss": float(step), "val_loss": 1.0})])
        live.record(store.run(run), ("loss", "val_loss"))
    record = live.record(store.run(run), ("loss",))
    assert record.get("loss")[0].tolist() == [1, 2, 3]
    assert set(record.series) == {"loss"}


@pytest.mark.parametrize("page", ["twins", "lesions", "sweeps", "runs"])
def test_a_run_that_waits_says_why_no_worker_takes_it(page) -> None:
    store = Store()
    specs = {
        "twins": [SMALL, SMALL.twin()],
        "lesions": [RunSpec(ModelSpec(depth=20), lab=LesionSpec(("shipped:digits-residual-20",)))],
        "sweeps": [RunSpec(ModelSpec(depth=depth)) for depth in (8, 14, 20)],
        "runs": [SMALL],
    }[page]
    ids = engine.start(store, specs)
    group = store.run(ids[0]).group
    state = {"twins": {"show": group}, "lesions": {"lesion": ids[0]}, "sweeps": {"depth_shown": group}}.get(page, {})
    assert [e.value for e in unrun(page, **state).run().error] == []
    presence.complain(store, WHY)
    at = unrun(page, **state).run()
    assert not at.exception
    assert [e.value.replace("\\", "").replace("\u2060", "") for e in at.error] == [WHY]
    assert page == "runs" or headline(at)
    presence.hello(store, "a worker that can", 1)
    assert [e.value for e in at.run().error] == []
