"""Lesions in a real browser: a click on a block drops it; the lab runs, its lollipops arrive, and it ends in a sentence."""

import pytest

from tests.browser.conftest import READY

pytestmark = pytest.mark.browser

BOX = """
    n => { const p = document.querySelector('.js-plotly-plot'), l = p._fullLayout, b = p.getBoundingClientRect();
           return [b.x + l.xaxis._offset + l.xaxis.c2p(n), b.y + l.yaxis._offset + l.yaxis.c2p(117)]; }"""
# How many lollipops' heads are drawn.
HEADS = """
    () => [...document.querySelectorAll('.js-plotly-plot')].flatMap(p => p.calcdata || [])
        .filter(points => points[0].trace.mode === 'markers+text').reduce((sum, points) => sum + points.length, 0)"""


def test_click_a_block_away_then_let_the_lab_drop_them_all(page, server) -> None:
    page.goto(f"{server.url}/lesions")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    page.wait_for_selector(READY)
    assert "Recorded" in page.locator(".rv-says").inner_text()
    x, y = page.evaluate(BOX, 1)
    page.mouse.move(x, y)
    page.wait_for_selector(".hoverlayer .hovertext")  # plotly clicks on what it hovers over
    page.mouse.click(x, y)
    page.get_by_text("Dropped: block 1.").wait_for()
    page.wait_for_selector(READY)
    page.get_by_role("combobox", name="Blocks dropped").press("Backspace")
    page.get_by_text("Click a block in the chart").wait_for()

    for name, value in (("Test images", "50"), ("Random tries", "1")):
        page.get_by_role("spinbutton", name=name).fill(value)
        page.get_by_role("spinbutton", name=name).press("Enter")
        page.wait_for_selector(READY)
    page.get_by_role("button", name="Drop every block").click()
    headline = page.locator(".rv-says")
    headline.get_by_text("Measured here").wait_for(timeout=180_000)
    assert "50 test images" in headline.inner_text()
    page.wait_for_function(f"({HEADS})() === 18")
    assert "lesion=" in page.url
    page.reload()
    headline.get_by_text("Measured here").wait_for()
