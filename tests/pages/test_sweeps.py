"""The page of sweeps, and finding the rate on Twins, in Streamlit's own test frame."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from resnet_viz.labs import grids
from resnet_viz.runs import sweeps
from resnet_viz.runs.events import Point
from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec, SpecError
from resnet_viz.spec.train import TrainSpec
from resnet_viz.ui.labs import shown as lab
from resnet_viz.ui.labs import sweeps as parts
from resnet_viz.ui.twins import rates
from resnet_viz.workers import engine
from tests.apps import headline, unrun

SMALL = RunSpec(ModelSpec(depth=8), train=TrainSpec(epochs=1))


def page(name: str = "sweeps", **state) -> AppTest:
    return unrun(name, **state).run()


@pytest.mark.parametrize(
    ("kind", "words", "runs"),
    [("depth", "growing depth", 30), ("shortcut", "the lowest", 14), ("overfitting", "without any remedy", 24)],
)
def test_each_question_opens_on_what_was_recorded_and_queues_its_grid_as_one_group(kind, words, runs) -> None:
    at = page(question=kind)
    assert not at.exception
    assert not at.error
    assert words in headline(at)
    assert "Recorded" in headline(at)
    at.button(key="run").click().run()
    assert not at.exception
    assert not at.error
    found = Store().runs()
    assert len(found) == runs
    assert len({run.group for run in found}) == 1
    assert sweeps.question([run.spec for run in found]) == kind
    assert f"0 of {runs} runs done" in headline(at)
    shipped = {record.spec.settled() for record in parts.recorded(kind)}
    assert {run.spec.settled() for run in found} == shipped, "the form asks for the sweep beside it"


def test_steps_are_said_in_the_epochs_of_the_form() -> None:
    at = page(question="overfitting")
    assert at.number_input(key="overfitting_epochs").value == 30
    assert "120 steps (30 epochs of 256 images)" in headline(at)


def test_too_many_runs_get_a_sentence_and_no_start() -> None:
    at = page(depth_seeds=20)
    assert "This sweep has 200 runs; at most 60 go at once" in at.error[0].value
    assert at.button(key="run").disabled


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"question": "depth", "depth_depths": []}, "at least one depth"),
        ({"question": "depth", "depth_lr": 0.0}, "Learning rate 0"),
        ({"question": "overfitting", "overfitting_limit": 1000}, "start from fewer"),
        ({"question": "overfitting", "overfitting_limit": 32}, "A batch of 64"),
    ],
)
def test_bad_input_gets_one_sentence(state, words) -> None:
    at = page(**state)
    assert not at.exception
    assert [words in e.value for e in at.error] == [True]
    assert at.button(key="run").disabled


def finish(store: Store, run: str, accuracy: float) -> None:
    """As a worker would: take the oldest run that waits, and end it."""
    claim = store.claim("w")
    assert claim is not None
    assert claim.run.id == run
    claim.write([Point(claim.run.steps, {"val_accuracy": accuracy})])
    claim.end("finished", result={"test_accuracy": accuracy, "fit_accuracy": 1.0})


def test_a_half_finished_sweep_shows_what_it_has_and_goes_on() -> None:
    store = Store()
    ids = engine.start(store, grids.depth_grid(SMALL, (8, 20), ("identity", "none"), 1))
    finish(store, ids[0], 0.9)
    finish(store, ids[1], 0.8)
    lost = store.claim("w")
    assert lost is not None
    store.db.execute("UPDATE runs SET status = 'lost' WHERE id = ?", (lost.run.id,))
    at = page()  # a server that starts anew: the queued one waits for its workers, the lost one for a click
    assert (
        "3 of 4 runs done. Test error with growing depth: residual 10 % at 20 layers, plain 20 % at 20 layers."
        in headline(at)
    )
    assert store.waiting() == 1
    at.button(key="go_on_some").click().run()
    assert not at.exception
    assert store.run(lost.run.id).status == "queued"
    at.button(key="stop_all").click().run()
    assert {run.status for run in store.runs()} == {"finished", "stopped"}
    assert "Test error" in headline(at)
    at.button(key="go_on_all").click().run()
    assert store.waiting() == 2


def test_a_sweep_that_was_deleted_gives_way_to_the_recorded_one() -> None:
    at = page(depth_shown="gone")
    assert not at.exception
    assert "Recorded" in headline(at)


def test_runs_opens_a_sweep_on_sweeps_and_twins_on_twins() -> None:
    store = Store()
    engine.start(store, [replace(SMALL, model=ModelSpec(depth=depth)) for depth in (8, 14, 20)])
    assert lab.place(store.runs()[0]) == ("Sweeps", "pages/sweeps.py", "depth_shown")
    engine.start(store, [SMALL, SMALL.twin()])
    assert lab.place(store.runs()[0])[0] == "Twins"


def test_find_the_rate_queues_a_test_of_both_nets_and_shows_its_dialog() -> None:
    at = page("twins", depth=20)
    at.button(key="find_rate").click().run()
    assert not at.exception
    plain, residual = Store().runs()
    assert (residual.kind, plain.kind) == ("lr_range", "lr_range")
    assert residual.spec.twin() == plain.spec
    assert any("Testing" in str(e.proto) for e in at.get("html"))
    at.run()
    at.button(key="find_rate").click().run()
    assert len(Store().runs()) == 2, "the same nets are not tested again"


def test_several_rates_are_one_group_on_the_stage_with_a_sentence_of_its_own() -> None:
    store = Store()
    ids = engine.start(store, rates.several(SMALL, "0.01, 0.1, 1"))
    finish(store, ids[0], 0.9)
    at = page("twins", show=store.run(ids[0]).group)
    assert not at.exception
    assert "1 of 3 runs done. residual-8 tests best at learning rate 0.01: 10 % wrong." in headline(at)


@pytest.mark.parametrize(
    ("text", "words"), [("0.1", "1 rates"), ("a, b", "is not a list"), ("1,2,3,4,5,6,7", "7 rates"), ("", "0 rates")]
)
def test_what_is_no_list_of_rates_is_said(text, words) -> None:
    with pytest.raises(SpecError, match=words):
        rates.several(SMALL, text)


def test_several_keeps_all_but_the_rate() -> None:
    assert rates.several(SMALL, "0.1; 0.01 ,0.1") == [
        replace(SMALL, train=replace(SMALL.train, lr=r)) for r in (0.1, 0.01)
    ]
