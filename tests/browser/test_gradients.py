"""The Gradients page in a real browser: it measures at once, follows the depth slider, and a click switches a skip off."""

import re

import pytest

from tests.browser.conftest import READY

pytestmark = pytest.mark.browser


def wait_for_headline(page, words: str) -> str:
    found = page.locator(".rv-says", has_text=re.compile(words))
    found.wait_for(timeout=300_000)
    return found.inner_text()


def test_gradients_before_the_first_step(page, server) -> None:
    page.goto(f"{server.url}/gradients?depth=20")
    first = wait_for_headline(page, "^20 layers")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    slider = page.get_by_role("slider", name="Depth")
    slider.focus()
    slider.press("ArrowRight")
    assert wait_for_headline(page, "^26 layers") != first
    page.wait_for_url("**depth=26**")

    page.wait_for_selector(".js-plotly-plot .main-svg")
    page.wait_for_timeout(1000)
    box = page.locator(".js-plotly-plot").first.bounding_box()
    # The box of block 6 of 12, in the residual row, from plotly's own axes.
    x, y = page.evaluate("""
        () => { const l = document.querySelector('.js-plotly-plot')._fullLayout;
                return [l.xaxis._offset + l.xaxis.c2p(6), l.yaxis2._offset + l.yaxis2.c2p(0)]; }""")
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.wait_for_selector(".js-plotly-plot .hoverlayer .hovertext")
    page.mouse.click(box["x"] + x, box["y"] + y)
    wait_for_headline(page, "with skip 6 off")
    page.wait_for_url("**no_skip=6**")

    # By keyboard, the same way back.
    page.wait_for_selector(READY)
    page.get_by_role("combobox", name="Skips off").press("Backspace")
    wait_for_headline(page, "^26 layers((?!off).)*$")
    page.get_by_role("radio", name="Paths").or_(page.get_by_role("button", name="Paths", exact=True)).click()
    wait_for_headline(page, "of all paths")
    page.get_by_role("radio", name="Norms").or_(page.get_by_role("button", name="Norms", exact=True)).click()
    wait_for_headline(page, "BatchNorm's law")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    page.get_by_role("button", name="Healthy norms").click()
    wait_for_headline(page, "plain layers")
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length === 3")
