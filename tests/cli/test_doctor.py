"""`doctor`: a whole store is said to be whole; what is wrong with one is named, and the exit code says so."""

import pytest

from resnet_viz.cli import doctor
from resnet_viz.errors import UserError
from resnet_viz.runs import presence
from resnet_viz.runs.events import Checkpoint
from resnet_viz.runs.schema import faults
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec


@pytest.fixture
def store() -> Store:
    found = Store()
    found.create([(RunSpec(), 1)])
    found.claim("w").save(Checkpoint(1, 0, True, b"state"))
    return found


def test_a_whole_store(store, capsys) -> None:
    assert doctor.say_of_store(store)
    said = capsys.readouterr().out
    assert "1 runs, all whole" in said
    assert "GB free" in said


def test_a_checkpoint_without_its_file_a_row_that_cant_be_read_a_damaged_page(store, capsys) -> None:
    (run,) = store.runs()
    store.checkpoints(run.id)[0].path.unlink()
    assert not doctor.say_of_store(store)
    assert "1 checkpoints have lost their files" in capsys.readouterr().out
    store.db.execute("UPDATE runs SET spec = 'none'")
    assert not doctor.say_of_store(store)
    assert f"Run {run.id}" in capsys.readouterr().out
    store.create([(RunSpec(), 1)] * 200)
    store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[:40960] + b"\xff" * 4096 + whole[45056:])
    with pytest.raises(UserError, match=r"damaged .* \.recover"), faults(store.home):
        doctor.say_of_store(Store())


def test_workers_that_live_are_counted_and_those_that_were_killed_are_not(store, capsys, monkeypatch) -> None:
    presence.hello(store, "killed", 1)
    presence.hello(store, "lives", 2)
    monkeypatch.setattr(doctor.time, "sleep", lambda _: presence.hello(store, "lives", 2))
    doctor.say_of_workers(store)
    assert "1 workers live, 1 runs at work, 0 wait" in capsys.readouterr().out
