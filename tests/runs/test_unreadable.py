"""A row that can't be read is listed with its reason, and takes nothing else along: neither pages, nor commands, nor workers."""

import json

import pytest

from resnet_viz.cli import main
from resnet_viz.nets import refs
from resnet_viz.runs.schema import StoreError
from resnet_viz.runs.store import Store
from resnet_viz.spec.lab import LesionSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec, to_json
from resnet_viz.workers import engine, worker
from tests.apps import unrun
from tests.processes import SMALL

BROKEN = {
    "spec": ("spec = '{'", "description of a run"),
    "field": (f"spec = '{to_json(RunSpec()).replace('depth', 'depht')}'", "depht"),
    "result": ("result = 'nan?'", "result is no JSON"),
    "list": ("result = '[1]'", "result is no JSON object"),
    "layout": ("""layout = '{"blocks": 3}'""", "layout of a network"),
    "newer": ("spec_version = 99", "newer version"),
}
PAGES = ("runs", "twins", "sweeps", "lesions", "landscape", "explain", "inside", "gradients")


def break_(store: Store, run: str, how: str) -> None:
    store.db.execute(f"UPDATE runs SET {BROKEN[how][0]} WHERE id = ?", (run,))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.mark.parametrize("how", BROKEN)
def test_it_is_listed_with_its_reason_and_the_others_as_ever(store, how) -> None:
    bad, good = store.create([(RunSpec(), 1), (RunSpec(), 1)])
    store.rename(bad, "my net")
    break_(store, bad, how)
    assert [run.id for run in store.runs()] == [good]
    (listed,) = store.unreadable()
    assert (listed.id, listed.name) == (bad, "my net")
    assert BROKEN[how][1] in listed.reason
    with pytest.raises(StoreError, match=rf"Run {bad} \(my net\) can't be read: .* runs --delete {bad}"):
        store.run(bad)


@pytest.mark.parametrize("how", BROKEN)
def test_a_worker_passes_it_over_keeps_its_curves_and_goes_on(store, how) -> None:
    bad, good = store.create([(SMALL, 64), (SMALL, 64)])
    store.db.execute("INSERT INTO points VALUES (?, 'loss', 1, ?)", (bad, b"1234"))
    break_(store, bad, how)
    claim = store.claim("w")
    assert claim is not None
    assert claim.run.id == good
    assert store.claim("w") is None
    assert store.db.execute("SELECT status FROM runs WHERE id = ?", (bad,)).fetchone()[0] == "failed"
    assert store.db.execute("SELECT count(*) FROM points WHERE run = ?", (bad,)).fetchone()[0] == 1


def test_what_a_new_run_may_expect_is_told_by_those_that_can_be_read(store) -> None:
    ids = store.create([(SMALL, 10), (SMALL, 10)])
    for _ in ids:
        claim = store.claim("w")
        worker.carry_out(store, claim, worker.train(claim))
    break_(store, ids[0], "spec")
    assert [spec for spec, _ in store.speeds()] == [store.run(ids[1]).spec]
    assert engine.expected_seconds(store, [SMALL]) > 0
    assert f"run:{ids[1]}" in {source.ref for source in refs.available(store)}
    assert f"run:{ids[0]}" not in {source.ref for source in refs.available(store)}


@pytest.mark.parametrize("page", PAGES)
def test_no_page_falls(store, page) -> None:
    lab = RunSpec(ModelSpec(depth=20), lab=LesionSpec(("shipped:digits-residual-20",)))
    for how in BROKEN:
        first, *_ = store.create([(RunSpec(), 1), (RunSpec().twin(), 1), (lab, 0)])
        break_(store, first, how)
        store.db.execute(f"UPDATE runs SET {BROKEN[how][0]} WHERE kind = 'lesion'")
    at = unrun(page).run()
    assert not at.exception
    if page == "runs":
        said = [warning.value for warning in at.warning]
        assert all(any("can't be read" in w and words in w for w in said) for _, words in BROKEN.values())


@pytest.mark.parametrize(
    ("page", "key"), [("twins", "show"), ("lesions", "lesion"), ("landscape", "landscape"), ("sweeps", "depth_shown")]
)
def test_a_link_to_one_gets_a_sentence_and_what_ships(store, page, key) -> None:
    (run,) = store.create([(RunSpec(), 1)])
    group = store.run(run).group
    break_(store, run, "newer")
    at = unrun(page, **{key: group if page in ("twins", "sweeps") else run}).run()
    assert not at.exception
    assert any("ecorded" in e.proto.body for e in at.get("html"))


def test_the_command_lists_it_and_deletes_it(store, capsys) -> None:
    bad, good = store.create([(RunSpec(), 1), (RunSpec(), 1)])
    break_(store, bad, "spec")
    assert main.main(["runs"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(lines) == {bad, good}
    assert "unreadable" in lines[bad]
    assert "description of a run" in lines[bad]
    assert main.main(["runs", "--json"]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["run"]: line["status"] for line in shown} == {good: "queued", bad: "unreadable"}
    assert main.main(["runs", bad]) == 2
    assert "can't be read" in capsys.readouterr().err
    assert main.main(["runs", "--delete", bad]) == 0
    assert store.unreadable() == []


def test_runs_deletes_it_after_a_question(store) -> None:
    bad, good = store.create([(RunSpec(), 1), (RunSpec(), 1)])
    break_(store, bad, "spec")
    at = unrun("runs").run()
    at.button(key=f"delete {bad}").click().run()
    assert any("can't be read" in m.value for m in at.markdown)
    at.button(key="really_delete").click().run()
    assert not at.exception
    assert not store.unreadable()
    assert [run.id for run in store.runs()] == [good]
