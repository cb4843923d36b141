"""Charts on a dark page: words in the pair's colours stay readable, and no box glares."""

import json
import tomllib

import pytest

from resnet_viz.figures import style
from resnet_viz.files import ROOT
from tests.apps import scripted

THEMES = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
PAGES = {theme: THEMES[theme]["backgroundColor"] for theme in ("light", "dark")}


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", from 0 to 1 (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    dark, light = sorted(map(luminance, (a, b)))
    return (light + 0.05) / (dark + 0.05)


def script() -> None:
    from resnet_viz.figures import style
    from resnet_viz.ui.frame import chart

    drawing = style.Drawing("A title", "a hint")
    for colour in (style.RESIDUAL, style.PLAIN):
        drawing.note(colour, font={"color": colour})
    drawing.trace(x=[0], y=[0], mode="markers", marker={"color": [0.0], "colorscale": style.SCALE})
    chart(drawing, "chart")


def drawn(theme: str) -> dict:
    """The figure that the page shows in a theme."""
    at = scripted(script)
    at.context["theme"] = theme
    at.run()
    assert not at.exception
    return json.loads(at.get("plotly_chart")[0].proto.spec)


@pytest.mark.parametrize("theme", PAGES)
def test_words_in_the_pairs_colours_can_be_read(theme) -> None:
    """4.5 is WCAG's for text; light vermilion words have 3.9 and stand beside lines of the same colour."""
    notes = drawn(theme)["layout"]["annotations"]
    assert len(notes) == 2
    assert min(contrast(note["font"]["color"], PAGES[theme]) for note in notes) >= (4.5 if theme == "dark" else 3)


def test_the_middle_of_the_scale_is_quiet_on_either_page() -> None:
    for theme, page in PAGES.items():
        scale = drawn(theme)["data"][0]["marker"]["colorscale"]
        assert contrast(dict(map(tuple, scale))[0.5], page) < 3
    assert contrast(dict(map(tuple, style.SCALE))[0.5], PAGES["dark"]) > 15, "what would glare"
