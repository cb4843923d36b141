"""The page Runs in Streamlit's own test frame: ticks, and what is done with the runs that are ticked, go by their ids."""

import csv
import io
import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from resnet_viz import labs
from resnet_viz.runs.events import Point
from resnet_viz.runs.naming import labels
from resnet_viz.runs.rows import Run
from resnet_viz.runs.store import Store
from resnet_viz.spec.lab import LesionSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.spec.values import from_link, residual_spec
from resnet_viz.ui.runs import actions
from resnet_viz.ui.runs.table import TICKED
from resnet_viz.workers import engine
from tests.apps import headline, unrun

SPEC = RunSpec(ModelSpec(depth=8), train=TrainSpec(epochs=1))


def trained(*specs: RunSpec) -> list[Run]:
    """Finished runs of one group, with three steps each; in the order of the specs."""
    store = Store()
    ids = engine.start(store, specs or [SPEC, SPEC.twin()])
    for _ in ids:
        claim = store.claim("w")
        assert claim
        claim.write([Point(s, {"loss": 2.0 / s}) for s in (1, 2, 3)])
        claim.end("finished", result={"train_loss": 0.5, "test_accuracy": 0.9})
    return [store.run(id_) for id_ in ids]


def page(*ids: str) -> AppTest:
    at = unrun("runs", **{TICKED: list(ids)}).run()
    assert not at.exception
    return at


def lines(at: AppTest) -> list[str]:
    return at.dataframe[0].value["name"].tolist()


def legends(at: AppTest) -> set[str]:
    """Names of the lines in the charts."""
    figures = [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]
    return {t["name"] for figure in figures for t in figure["data"] if (t.get("meta") or {}).get("role") == "line"}


def test_of_a_large_sweep_the_latest_runs_alone_are_overlaid() -> None:
    trained(*(replace(SPEC, model=ModelSpec(depth=depth)) for depth in range(8, 8 + 6 * 14, 6)))
    assert len(legends(page())) == 12


def field(at: AppTest, label: str):
    return next(t for t in at.text_input if t.label == label)


def test_ticks_stay_with_their_run_when_others_come_and_go() -> None:
    residual, plain = trained()
    at = page(plain.id)
    assert json.loads(at.dataframe[0].proto.selection_default)["selection"]["rows"] == [lines(at).index(plain.name)]
    before = at.dataframe[0].key
    engine.start(Store(), [replace(SPEC, train=replace(SPEC.train, seed=7))])  # another browser's
    at.run()
    assert lines(at)[0].startswith("residual-8")
    assert at.dataframe[0].key != before, "in the same table the browser's ticks would stay with their rows"
    assert json.loads(at.dataframe[0].proto.selection_default)["selection"]["rows"] == [lines(at).index(plain.name)]
    Store().delete(residual.id)
    at.run()
    assert field(at, "Name").value == plain.name


def test_delete_asks_for_the_runs_by_name_seed_time_and_status_and_deletes_these_alone() -> None:
    residual, plain = trained()
    (running,) = engine.start(Store(), [replace(SPEC, train=replace(SPEC.train, seed=5))])
    Store().claim("w")
    at = page(plain.id, running)
    at.button(key="delete").click().run()
    (newcomer,) = engine.start(Store(), [SPEC])
    at.run()
    asked = " ".join(m.value for m in at.markdown)
    assert "This deletes 2 runs" in asked
    assert f"{plain.name}: seed 0" in asked
    assert "seed 5" in asked
    assert "still running" in asked
    assert "finished at step 3" in asked
    at.button(key="really_delete").click().run()
    assert not at.exception
    assert {run.id for run in Store().runs()} == {residual.id, newcomer}
    assert at.session_state[TICKED] == []
    assert not any(t.label == "Name" for t in at.text_input), "nothing is ticked any more"
    assert "really_delete" not in [b.key for b in at.button]


def test_delete_has_a_cancel() -> None:
    plain = trained()[1]
    at = page(plain.id)
    at.button(key="delete").click().run()
    at.button(key="cancel_delete").click().run()
    assert len(Store().runs()) == 2
    assert "really_delete" not in [b.key for b in at.button]
    assert field(at, "Name").value == plain.name, "the tick stays"


@pytest.mark.parametrize(
    ("typed", "name"), [(" my run ", "my run"), ("", "residual-8 on digits"), ("   ", "residual-8 on digits")]
)
def test_a_rename_is_written_once(typed, name, monkeypatch) -> None:
    writes = []
    rename = Store.rename
    monkeypatch.setattr(Store, "rename", lambda self, *a: writes.append(a) or rename(self, *a))
    run = trained()[0]
    at = page(run.id)
    field(at, "Name").set_value(typed).run()
    assert not at.exception
    assert Store().run(run.id).name == name
    assert field(at, "Name").value == name
    at.run()
    assert len(writes) == 1


def test_a_note_is_kept() -> None:
    run = trained()[0]
    at = page(run.id)
    field(at, "Note").set_value("look at this ").run()
    assert Store().run(run.id).note == "look at this"
    assert at.dataframe[0].value["note"].tolist().count("look at this") == 1
    assert Store().run(run.id).name == run.name


def test_open_shows_the_runs_group_on_its_page(monkeypatch) -> None:
    went = []
    monkeypatch.setattr("streamlit.switch_page", lambda *a, **k: went.append((a, k)))
    run = trained()[1]
    at = page(run.id)
    assert at.button(key="open").label == "Open on Twins"
    at.button(key="open").click().run()
    assert went == [(("pages/twins.py",), {"query_params": {"show": run.group}})]
    assert at.session_state["show"] == run.group


def test_two_to_six_runs_open_on_the_stage_together(monkeypatch) -> None:
    went = []
    monkeypatch.setattr("streamlit.switch_page", lambda *a, **k: went.append(a))
    residual, plain = trained()
    (third,) = trained(replace(SPEC, model=replace(SPEC.model, depth=14)))
    at = page(plain.id, third.id)
    assert at.button(key="open").label == "Open on the stage"
    at.button(key="open").click().run()
    assert went == [("pages/twins.py",)]
    assert at.session_state["show"] == f"{third.id},{plain.id}"
    twins = unrun("twins", show=at.session_state["show"]).run()
    assert not twins.exception
    assert headline(twins).count("training loss 0.50, test 90 %") == 2
    assert "residual: " in headline(twins)
    assert "plain: " in headline(twins)
    Store().delete(third.id)
    assert "plain: training loss 0.50" in headline(twins.run())
    assert residual.id not in twins.query_params["show"]


def test_train_again_takes_the_runs_settings_to_twins(monkeypatch) -> None:
    went = []
    monkeypatch.setattr("streamlit.switch_page", lambda *a, **k: went.append((a, k)))
    spec = replace(SPEC, model=replace(SPEC.model, depth=14), train=replace(SPEC.train, lr=0.02, seed=3))
    (run,) = trained(spec)
    at = page(run.id)
    at.button(key="again").click().run()
    (((page_,), options),) = went
    assert page_ == "pages/twins.py"
    values, refused = from_link(options["query_params"])
    assert not refused
    assert (
        residual_spec(values).settled()
        == replace(spec, data=replace(spec.data, augment=run.spec.data.augment)).settled()
    )
    assert values["seed"] == 3


def test_only_one_trained_run_is_trained_again_and_labs_make_no_handout() -> None:
    runs = trained()
    keys = [b.key for b in page(*[run.id for run in runs]).button]
    assert "again" not in keys
    store = Store()
    (lab,) = engine.start(store, [labs.run_of(LesionSpec(("shipped:digits-residual-20",)), store)])
    at = page(lab, runs[0].id)
    assert [b.proto.disabled for b in at.get("download_button")] == [False, True, True, True]
    assert all(b.proto.ignore_rerun for b in at.get("download_button")), "a run takes back the file that is asked for"


def test_csv_and_handout_hold_the_ticked_runs_residual_first_and_miss_a_deleted_one() -> None:
    residual, plain = trained()
    records = actions.records([plain.id, residual.id])
    assert [record.id for record in records] == [residual.id, plain.id]
    rows = list(csv.DictReader(io.StringIO(actions.export.csv(records))))
    assert {row["run"] for row in rows} == {residual.id, plain.id}
    assert len(rows) == 6
    Store().delete(plain.id)
    assert [record.id for record in actions.records([plain.id, residual.id])] == [residual.id]


def test_runs_of_one_name_are_told_apart_by_what_differs() -> None:
    store = Store()
    specs = [replace(SPEC, train=replace(SPEC.train, seed=seed, lr=lr)) for seed, lr in ((0, 0.1), (1, 0.1), (1, 0.2))]
    trained(*specs)
    (plain,) = trained(SPEC.twin())
    (third,) = engine.start(store, [specs[2]])
    called = labels(store.runs())
    assert len(set(called.values())) == 5
    assert called[plain.id] == "plain-8 on digits", "nothing to tell it from"
    same = [label for label in called.values() if label.startswith("residual")]
    assert all("seed" in label and "lr" in label for label in same)
    assert called[third].endswith("queued")
    assert lines(page()) == [called[run.id] for run in store.runs()]
    store.rename(third, "mine")
    assert labels(store.runs())[third] == "mine"


def test_the_table_says_what_was_started_together() -> None:
    trained()
    trained(SPEC, SPEC.twin(), replace(SPEC, model=replace(SPEC.model, depth=14)))
    trained(SPEC)
    assert page().dataframe[0].value["together"].tolist() == ["", "sweep 2", "sweep 2", "sweep 2", "pair 1", "pair 1"]


def test_a_run_that_cannot_be_read_is_listed_with_its_reason() -> None:
    residual, plain = trained()
    Store().db.execute("UPDATE runs SET spec = 'no spec' WHERE id = ?", (plain.id,))
    at = page()
    assert lines(at) == [residual.name]
    assert [plain.name in w.value and "description of a run" in w.value for w in at.warning] == [True]


def test_the_ticked_runs_are_overlaid() -> None:
    residual, plain = trained()
    assert legends(page(plain.id)) == {"plain"}
    assert legends(page(plain.id, residual.id)) == {"residual", "plain"}
