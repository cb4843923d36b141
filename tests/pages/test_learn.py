"""The page Learn: every part draws, nothing is given away before one predicts, and what is measured holds."""

import pytest

from resnet_viz.figures import learn as figures
from resnet_viz.files import TWINS
from resnet_viz.runs.record import load
from resnet_viz.words import lessons
from resnet_viz.words.terms import TERMS
from tests.apps import headline, unrun

pytestmark = pytest.mark.usefixtures("one_thread")


def shown(at) -> str:
    return " ".join(element.value for element in (*at.success, *at.info))


# What holds of every network of this kind, whatever it was trained to.
TRUE = {"1": 1, "2": 0, "5": 0, "6": 0, "back": 1, "concat": 1, "trap": 1}


@pytest.mark.parametrize("part", "1234567")
def test_each_step_asks_first_and_then_measures(part) -> None:
    at = unrun("learn", part_of_learn=part).run()
    assert not at.error
    assert lessons.LESSONS[part].title in headline(at)
    assert shown(at) == ""
    assert at.get("plotly_chart")
    radio = at.radio(key=f"learn_{part}")
    radio.set_value(radio.options[TRUE.get(part, 0)]).run()
    assert shown(at).startswith(("So it is. ", "Measured: "))
    if part in TRUE:
        assert at.success


def test_the_three_confusions_are_set_right_by_what_is_measured() -> None:
    at = unrun("learn", part_of_learn="mistakes").run()
    for key in ("back", "concat", "trap"):
        radio = at.radio(key=f"learn_{key}")
        radio.set_value(radio.options[TRUE[key]])
    at.run()
    assert not at.error
    assert [one.value.startswith("So it is.") for one in at.success] == [True] * 3
    at.session_state["part_of_learn"] = "end"
    at.run()
    assert "3 of 3 predictions held; 7 of 10 questions" in headline(at)


def test_the_story_has_five_pictures_and_a_way_on_from_each() -> None:
    at = unrun("learn", part_of_learn="story").run()
    assert not at.error
    assert len(at.get("plotly_chart")) == len(lessons.STORY) == 5
    assert sum(button.label == "Do this yourself" for button in at.button) == 5


def test_a_link_to_a_part_that_is_not_there_gets_a_sentence() -> None:
    at = unrun("learn")
    at.query_params["part_of_learn"] = "8"
    at.run()
    assert "8" in at.error[0].value
    assert lessons.LESSONS["1"].title in headline(at)


def test_training_errors_are_taken_at_the_last_step_that_all_have() -> None:
    """1 less the accuracy that the chart's lines end at; depth costs plain nets more than residual ones (He 2015)."""
    records = [r for depth in (20, 56) for r in load(TWINS / f"cifar10-{depth}.npz")[:2]]
    last, found = figures.errors(records)
    assert last == min(r.step for r in records)
    assert found[False, 56] - found[False, 20] > found[True, 56] - found[True, 20]
    for trace in figures.training_errors(records).data:
        assert trace["x"][-1] <= last
        assert round(float(trace["y"][-1]), 5) in [round(error, 5) for error in found.values()]


def test_every_word_of_the_glossary_is_listed() -> None:
    at = unrun("learn", part_of_learn="terms").run()
    listed = " ".join(text.value for text in at.markdown)
    for term, means in TERMS.items():
        assert f"**{term}**: {means}" in listed
