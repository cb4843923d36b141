"""The Lesions page in Streamlit's own test frame: never empty, clicks drop blocks, a lab is queued, bad input gets a sentence."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from resnet_viz import labs
from resnet_viz.runs.events import Point
from resnet_viz.runs.store import Store
from resnet_viz.spec.lab import LesionSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.ui.labs import lesions
from resnet_viz.workers import engine
from tests.apps import headline, unrun

TWINS = ("shipped:digits-residual-20", "shipped:digits-plain-20")


def page(**state) -> AppTest:
    return unrun("lesions", **state).run()


def table(at: AppTest) -> str:
    return next(e.proto.body for e in at.get("html") if "rv-ten" in e.proto.body)


def figure(at: AppTest) -> dict:
    return json.loads(at.get("plotly_chart")[0].proto.spec)


def test_it_opens_on_what_was_recorded_of_the_digits_twins() -> None:
    at = page()
    assert not at.exception
    assert "Recorded" in headline(at)
    assert "residual-20" in headline(at)
    heads = [trace for trace in figure(at)["data"] if trace.get("mode") == "markers+text"]
    assert len(heads) == 2
    assert table(at).count("<img") == 10


@pytest.mark.parametrize("view", lesions.VIEWS[1:])
def test_every_view_draws_and_says_what_was_measured(view) -> None:
    at = page(lesion_view=view)
    assert not at.exception
    assert "297 test images" in headline(at)
    assert figure(at)["data"]


def test_the_numbers_said_of_shuffled_blocks_stand_in_the_chart() -> None:
    at = page(lesion_view=lesions.VIEWS[2])
    said = [note["text"][3:-4] for note in figure(at)["layout"]["annotations"] if note.get("name") == "median"]
    assert len(said) == 4
    assert all(number in headline(at) for number in said)


def test_a_dropped_block_is_crossed_out_and_guesses_change() -> None:
    before = table(page())
    at = page(lesion_dropped={1})
    assert any("Dropped: block 1" in m.value for m in at.markdown)
    assert table(at) != before
    strips = [trace for trace in figure(at)["data"] if trace.get("mode") == "markers"]
    assert all(trace["marker"]["symbol"][0] == "x-thin" for trace in strips)


def test_several_dropped_blocks_are_tried_at_once() -> None:
    at = page(lesion_dropped={5, 8})
    assert not at.exception
    assert any("Dropped: blocks 5, 8" in m.value and "297" in m.value for m in at.markdown)


def test_blocks_are_dropped_and_put_back_without_a_mouse() -> None:
    at = page()
    at.multiselect(key="lesion_dropped").select(1).run()
    assert any("Dropped: block 1" in m.value for m in at.markdown)
    at.multiselect(key="lesion_dropped").unselect(1).run()
    assert not any("Dropped" in m.value for m in at.markdown)


def test_blocks_that_other_networks_have_not_are_put_back() -> None:
    at = page(lesion_dropped={1, 99})
    assert not at.exception
    assert any("Dropped: block 1." in m.value for m in at.markdown)


def test_drop_every_block_queues_one_lab_of_both_nets() -> None:
    at = page()
    at.number_input(key="lesion_repeats").set_value(3).run()
    at.button(key="lesion_start").click().run()
    assert not at.exception
    run = Store().runs()[0]
    assert run.spec.lab == LesionSpec(TWINS, 0, 3)
    assert at.session_state["lesion"] == run.id


def test_the_form_asks_for_what_is_shown() -> None:
    at = page()
    assert (at.number_input(key="lesion_images").value, at.number_input(key="lesion_repeats").value) == (0, 20)
    at.selectbox(key="lesion_net").set_value("shipped:cifar10-residual-20").run()
    assert (at.number_input(key="lesion_images").value, at.number_input(key="lesion_repeats").value) == (1000, 10)


def test_no_more_images_are_asked_for_than_there_are() -> None:
    """Of the digits 297 are test images; nothing is measured of one net alone, so the form has its usual 1000."""
    at = unrun("lesions", lesion_net=TWINS[1], lesion_of=TWINS[1], lesion_with="").run()
    assert "not measured yet" in headline(at)
    assert at.number_input(key="lesion_images").value == 0
    assert at.number_input(key="lesion_images").max == 297


def test_what_is_measured_so_far_is_drawn_while_the_lab_runs() -> None:
    store = Store()
    engine.start(store, [labs.run_of(LesionSpec(TWINS), store)])
    claim = store.claim("w")
    about = {
        f"0.{name}": np.array(values, np.float32)
        for name, values in {
            "cosine": [1.0] * 9, "shown": range(10),
            "truth": range(10), "guess": range(10), "sure": [1.0] * 10, "drop": [0, 0.99],
        }.items()
    }  # fmt: skip
    drop = {
        "0.drop": np.array([1, 0.25], np.float32),
        "0.guess": about["0.guess"],
        "0.sure": about["0.sure"],
    }
    claim.write([Point(1, about), Point(2, drop)])
    at = page(lesion=claim.run.id)
    assert not at.exception
    assert "25 %" in headline(at)
    assert "Live" in headline(at)
    assert at.get("progress")


def test_another_network_ends_the_sight_of_a_run_and_its_own_order_does_not_matter() -> None:
    store = Store()
    (run,) = engine.start(store, [labs.run_of(LesionSpec(TWINS[::-1]), store)])
    at = page(lesion=run)
    assert at.session_state["lesion"] == run
    assert "Live" in headline(at) or "not measured yet" in headline(at)
    at.selectbox(key="lesion_net").set_value("shipped:cifar10-residual-20").run()
    assert not at.exception
    assert "lesion" not in at.query_params
    assert "Recorded" in headline(at)
    at.selectbox(key="lesion_net").set_value(TWINS[0]).run()
    assert at.session_state["lesion"] == run


def test_networks_without_a_measurement_are_named() -> None:
    at = page(lesion_net=TWINS[1])
    at.selectbox(key="lesion_with").set_value("").run()
    assert "Plain-20 without one of their blocks: not measured yet" in headline(at)


def test_a_run_that_was_deleted_gets_a_sentence_and_the_recording() -> None:
    at = page(lesion="gone")
    assert not at.exception
    assert "There is no run gone" in at.error[0].value
    assert "Recorded" in headline(at)


def test_a_lab_that_failed_says_why() -> None:
    store = Store()
    engine.start(store, [labs.run_of(LesionSpec(TWINS), store)])
    claim = store.claim("w")
    claim.end("failed", "The weights of residual-20 are not finite, for it diverged.")
    at = page(lesion=claim.run.id)
    assert not at.exception
    assert "not finite" in at.warning[0].value


def test_a_network_whose_images_are_not_here_gets_a_sentence() -> None:
    at = page(lesion_net="shipped:cifar10-residual-20")
    assert not at.exception
    at.button(key="lesion_start").click().run()
    assert not at.exception
    assert "CIFAR-10 are not on this machine" in " ".join(e.value for e in at.error)
    assert Store().runs() == []


def test_a_labs_run_stands_in_the_table_of_runs_and_draws_no_curves_of_its_own() -> None:
    store = Store()
    engine.start(store, [labs.run_of(LesionSpec(TWINS), store)])
    at = unrun("runs").run()
    assert not at.exception
    assert at.dataframe[0].value["name"].tolist() == ["lesions: residual-20 on digits and 1 more"]
    engine.start(store, [RunSpec(ModelSpec(depth=8))])
    assert not unrun("runs").run().exception
