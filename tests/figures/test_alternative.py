"""A drawing's text alternative says its title, its labels as they are read, and values in the unit that is shown."""

import pytest

from resnet_viz.figures import divergence, fan
from resnet_viz.figures.alternative import alternative
from resnet_viz.figures.style import Drawing
from resnet_viz.nets import refs
from resnet_viz.runs.record import load


@pytest.fixture(scope="module")
def twins():
    return load(refs.SHIPPED / f"{refs.FIRST}.npz")[:2]


def test_it_says_what_the_chart_says_without_markup(twins) -> None:
    said = alternative(divergence(twins))
    assert said.startswith("Training loss; ")
    assert "guessing 2.30" in said
    first, last = (float(twins[0].series["loss"][1][at]) for at in (0, -1))
    assert f"residual {first:.3g} → " in said, "the curve begins where the run began"
    assert last < 0.1
    assert "<" not in said.replace("<0.01", "")


def test_values_on_an_axis_of_logarithms_are_left_to_its_labels(twins) -> None:
    said = alternative(fan(twins))
    assert "residual ×4.1, intact" in said
    assert "residual 0." not in said


def test_names_are_read_as_they_are_and_few_values_one_by_one() -> None:
    drawing = Drawing("Guesses", "")
    drawing.trace("bar", x=[0.25, 0.5], y=["cat", "dog"], orientation="h", name="a &lt;b&gt;")
    drawing.trace("scatter", x=[1, 2, 3], y=[1.0, float("nan"), 20.0], name="line")
    drawing.trace("scatter", x=[1, 2], y=[1, 2], hoverinfo="skip", name="ground")
    drawing.note("chance<br><b>10 %</b>", x=0, y=0)
    assert alternative(drawing) == "Guesses; chance 10 %; a <b> 0.25, 0.5; line 1, 20"
