"""Words in charts can be read: WCAG 2.2, success criterion 1.4.3, asks for 4.5:1."""

import tomllib
from pathlib import Path

import pytest

from resnet_viz.figures import divergence, fan
from resnet_viz.figures.style import LIFTED, PLAIN, RESIDUAL, WORDS, ink
from tests.synthetic import twins

THEME = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())["theme"]


def luminance(colour: str) -> float:
    """WCAG's relative luminance of "#rrggbb"."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", [RESIDUAL, PLAIN])
def test_words_in_a_nets_colour_can_be_read_on_a_white_and_on_a_dark_page(colour) -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast(ink(colour), THEME["light"]["backgroundColor"]) >= 4.5
    assert contrast(LIFTED[ink(colour)], THEME["dark"]["backgroundColor"]) >= 4.5


def test_no_words_of_a_chart_have_the_colour_of_plains_line() -> None:
    for drawing in (fan(twins()), divergence(twins())):
        colours = {note["font"].get("color") for note in drawing.layout["annotations"]}
        assert WORDS in colours
        assert PLAIN not in colours
