"""The Landscape page in a real browser: what ships, a job watched from its first grid, a reload, a stop."""

import re

import pytest

from tests.browser.conftest import READY

pytestmark = pytest.mark.browser

POINTS = re.compile(r"([\d,]+) points")


def headline(page) -> str:
    return page.locator(".rv-says").inner_text()


def points(page) -> int:
    found = POINTS.search(headline(page))
    return int(found[1].replace(",", "")) if found and "Live" in headline(page) else 0


def wait_for(page, what, seconds: float = 180):
    """Until ``what()`` is true; returns it."""
    for _ in range(int(seconds * 5)):
        if found := what():
            return found
        page.wait_for_timeout(200)
    raise AssertionError(f"waited {seconds} s; the page says: {headline(page)}")


def test_it_opens_on_a_recorded_landscape_and_turns_it(page, server) -> None:
    page.goto(f"{server.url}/landscape")
    page.wait_for_selector(".js-plotly-plot .contour")
    assert "Recorded" in headline(page)
    page.get_by_text("Profile", exact=True).click()
    page.wait_for_selector(".js-plotly-plot .scatterlayer .trace")


def test_measure_watch_reload_stop(page, server) -> None:
    page.goto(f"{server.url}/landscape?landscape_net=shipped:digits-residual-20")  # its images are on every machine
    page.get_by_text("of the training path's variance").first.wait_for()
    page.wait_for_selector(READY)
    page.get_by_text("Random", exact=True).click()  # of the path's checkpoints the last one alone ships
    page.wait_for_timeout(500)
    page.wait_for_selector(READY)
    page.get_by_role("button", name="Measure the landscape").click()
    wait_for(page, lambda: points(page) >= 1)
    page.wait_for_selector(".js-plotly-plot .contour")
    page.reload()
    before = wait_for(page, lambda: points(page))
    wait_for(page, lambda: points(page) > before)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Begin again").wait_for()
    assert "Measured here" in headline(page)
    assert "around plain-20" in headline(page)
