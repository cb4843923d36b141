"""Whose runs are seen, and who may change them, asked through the store as each sees it."""

import io

import numpy as np
import pytest
import torch

from resnet_viz.data.catalogue import DataError
from resnet_viz.data.own import import_own
from resnet_viz.nets import models
from resnet_viz.nets.bring import import_checkpoint
from resnet_viz.nets.refs import NetworkError
from resnet_viz.runs.events import Point
from resnet_viz.runs.schema import StoreError
from resnet_viz.runs.store import Store
from resnet_viz.runs.visitor import Visitor
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.workers import engine, limits
from resnet_viz.workers.limits import LIMITS, LimitError

CHANGES = {
    "want": lambda store, id_: store.want(id_, "stop"),
    "step": lambda store, id_: store.want_step(id_),
    "rename": lambda store, id_: store.rename(id_, "another"),
    "note": lambda store, id_: store.set_note(id_, "a note"),
    "share": lambda store, id_: store.share(id_, True),
    "delete": lambda store, id_: store.delete(id_),
}
ADA, BOB, TEACHER = Visitor("ada", "class"), Visitor("bob", "class"), Visitor("teacher", "class", teacher=True)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "home")


def run_of(store: Store, visitor: Visitor | None) -> str:
    return store.seen_by(visitor).create([(RunSpec(), 1)])[0]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("shared", [False, True])
def test_only_its_owner_a_teacher_and_the_machine_change_a_run(store, change, shared) -> None:
    for who in (ADA, TEACHER, None):
        id_ = run_of(store, ADA)
        store.share(id_, shared)
        store.claim("w").write([Point(1, {"loss": 1.0})])
        before = store.run(id_)
        with pytest.raises(StoreError, match="Only who started this run"):
            CHANGES[change](store.seen_by(BOB), id_)
        assert store.run(id_) == before
        CHANGES[change](store.seen_by(who), id_)


def test_in_a_class_others_see_what_is_shared_and_what_the_machine_started(store) -> None:
    hers, machines = run_of(store, ADA), run_of(store, None)
    bob = store.seen_by(BOB)
    assert [run.id for run in bob.runs()] == [machines]
    assert bob.runs(store.run(hers).group) == []
    with pytest.raises(StoreError, match="There is no run"):
        bob.run(hers)
    assert {run.id for run in store.seen_by(TEACHER).runs()} == {hers, machines}
    store.seen_by(ADA).share(hers, True)
    assert {run.id for run in bob.runs()} == {hers, machines}
    assert bob.record(hers).id == hers
    store.seen_by(ADA).share(hers, False)
    assert [run.id for run in bob.runs()] == [machines]


def test_in_a_demo_nobody_sees_anothers_and_a_row_that_cant_be_read_is_its_owners(store) -> None:
    ada, bob = (store.seen_by(Visitor(name, "demo")) for name in ("ada", "bob"))
    hers = run_of(store, ada.visitor)
    run_of(store, None)
    store.share(hers, True)
    assert ([run.id for run in ada.runs()], bob.runs()) == ([hers], [])
    store.db.execute("UPDATE runs SET spec = 'none' WHERE id = ?", (hers,))
    assert (len(ada.unreadable()), len(bob.unreadable())) == (1, 0)


def test_a_demos_runs_go_after_an_hour_with_their_files(store) -> None:
    old, new = run_of(store, ADA), run_of(store, BOB)
    store.db.execute("UPDATE runs SET created = created - 3700 WHERE id = ?", (old,))
    folder = store.home / "checkpoints" / old
    folder.mkdir(parents=True)
    store.forget(3600)
    assert [run.id for run in store.runs()] == [new]
    assert not folder.exists()


def test_what_one_visitor_and_all_may_have_under_way(store, monkeypatch) -> None:
    monkeypatch.setitem(LIMITS, "class", limits.Limits(own=2, all=3))
    ada, bob = store.seen_by(ADA), store.seen_by(BOB)
    (first, _) = engine.start(ada, [RunSpec(), RunSpec().twin()])
    with pytest.raises(LimitError, match=r"^2 runs of yours wait or go on, and 1 more .*; stop some"):
        engine.start(ada, [RunSpec()])
    engine.start(bob, [RunSpec()])
    with pytest.raises(LimitError, match=r"^3 runs wait or go on here, .* try again"):
        engine.start(bob, [RunSpec()])
    store.want(first, "stop")
    engine.start(ada, [RunSpec()])
    assert store.waiting() == 3


def test_a_network_that_the_machine_cant_hold_and_a_training_that_a_demo_does_not_take(store, monkeypatch) -> None:
    with pytest.raises(LimitError, match=r"needs about [\d,]+ GB, and this machine has"):
        engine.start(store, [RunSpec(ModelSpec(depth=1202, width=16.0))])
    demo = store.seen_by(Visitor("ada", "demo"))
    long = RunSpec(ModelSpec(depth=110), train=TrainSpec(epochs=100))
    with pytest.raises(LimitError, match=r"times as long as this server allows; choose fewer epochs"):
        engine.start(demo, [long])
    assert store.runs() == []
    engine.start(store, [long])
    engine.start(demo, [RunSpec(), RunSpec().twin()])


def test_what_people_bring_may_take_so_much_of_the_disk(tmp_path, monkeypatch) -> None:
    images = tmp_path / "x.npz"
    np.savez(images, x=np.zeros((20, 8, 8), np.uint8), y=np.arange(20) % 2)
    net, spec = io.BytesIO(), ModelSpec(depth=8, width=0.25, channels=1, size=8)
    torch.save(models.build(spec, 0).state_dict(), net)
    monkeypatch.setenv("RESNET_VIZ_OWN_GB", "1e-6")  # a thousand bytes
    with pytest.raises(DataError, match=r"more than 1e-06 GB; delete some in .* RESNET_VIZ_OWN_GB"):
        import_own(images)
    with pytest.raises(NetworkError, match=r"more than 1e-06 GB; delete some in .* RESNET_VIZ_OWN_GB"):
        import_checkpoint("x.pth", net.getvalue(), mean=[0.5], std=[0.25])
    monkeypatch.setenv("RESNET_VIZ_OWN_GB", "1")
    import_own(images)
    import_checkpoint("x.pth", net.getvalue(), mean=[0.5], std=[0.25])
