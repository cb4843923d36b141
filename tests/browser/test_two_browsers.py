"""Two browsers on one server: each one's form, address and queue speak of what it shows, whatever the other does."""

import re
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlparse

import pytest

from resnet_viz.runs.store import Store
from tests.browser.conftest import READY, Server
from tests.pages.test_runs import trained

pytestmark = pytest.mark.browser


@pytest.fixture
def browsers(chromium) -> Iterator:
    """Makes a page in a browser of its own, on an address, once it is ready."""
    contexts = []

    def browser(url: str):
        contexts.append(chromium.new_context(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce"))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.goto(url)
        ready(page)
        return page

    yield browser
    for context in contexts:
        context.close()


def ready(page) -> None:
    """Until the stage is drawn and no script runs."""
    page.wait_for_selector(".rv-stage[data-ready=true] .main-svg")
    page.wait_for_selector(READY)


def until(page, what, seconds: float = 90) -> None:
    """Until ``what()`` is true, and the page is ready after that."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"waited {seconds} s at {page.url}; {headline(page)}"
        page.wait_for_timeout(100)
    ready(page)


def headline(page) -> str:
    return page.locator(".rv-says").inner_text()


def depth(page) -> str | None:
    return page.get_by_role("slider", name="Depth").get_attribute("aria-valuetext")


def query(page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlparse(page.url).query).items()}


def test_where_the_form_is_not_what_is_shown_it_says_so_and_takes_it_over(browsers, own_server: Server) -> None:
    runs = trained()
    link = f"{own_server.url}/?show={runs[0].group}"
    mine, theirs = browsers(link), browsers(link)
    unlike = mine.get_by_text("Not what is shown: Depth 56 (shown: 8)")
    unlike.wait_for()
    theirs.get_by_text("Depth 20", exact=True).click()
    until(theirs, lambda: query(theirs).get("depth") == "20")
    theirs.get_by_text("Not what is shown: Depth 20 (shown: 8)").wait_for()
    mine.get_by_role("button", name="Take over").click()
    until(mine, lambda: query(mine).get("depth") == "8")
    unlike.wait_for(state="detached")
    assert depth(mine) == "8"
    assert depth(theirs) == "20"
    mine.get_by_role("button", name="Train both").click()
    until(mine, lambda: query(mine).get("show") not in ("", None, runs[0].group))
    again = Store().runs(query(mine)["show"])
    assert [run.spec.settled() for run in again] == [run.spec.settled() for run in runs], "what one looked at"
    assert query(theirs)["show"] == runs[0].group


def test_the_address_holds_set_up_and_run_back_and_forward_and_for_somebody_else(browsers, own_server: Server) -> None:
    runs = trained()
    mine = browsers(f"{own_server.url}/?show={runs[0].group}&depth=8&epochs=1&lr=0.1")
    said = headline(mine)
    assert "8 layers" in said
    mine.get_by_text("Depth 20", exact=True).click()
    until(mine, lambda: query(mine).get("depth") == "20")
    changed = query(mine)
    assert changed["show"] == runs[0].group
    mine.go_back()
    until(mine, lambda: depth(mine) == "8")
    assert query(mine) == {"show": runs[0].group, "depth": "8", "epochs": "1", "lr": "0.1"}
    assert headline(mine) == said
    mine.go_forward()
    until(mine, lambda: depth(mine) == "20")
    assert query(mine) == changed
    mine.get_by_text("Lecture", exact=True).click()
    until(mine, lambda: query(mine).get("lecture") == "true")
    theirs = browsers(mine.url)
    assert headline(theirs) == headline(mine) == said
    assert theirs.locator(".rv-stage.rv-lecture").count() == 1
    mine.reload()
    until(mine, lambda: mine.locator(".rv-stage.rv-lecture").count() == 1)
    theirs.get_by_text("Lecture", exact=True).click()
    until(theirs, lambda: "lecture" not in query(theirs))
    until(theirs, lambda: depth(theirs) == "20")
    assert query(theirs) == changed
    assert query(mine)["lecture"] == "true"


def test_a_queued_run_has_its_place_shows_a_pause_and_may_be_stopped_before_it_begins(
    browsers, monkeypatch, request
) -> None:
    monkeypatch.setenv("RESNET_VIZ_WORKERS", "1")
    server: Server = request.getfixturevalue("own_server")
    link = f"{server.url}/?depth=20&epochs=400&nets=residual"
    theirs, mine = browsers(link), browsers(f"{link}&seed=1")
    train = re.compile("Train the residual net")
    theirs.get_by_role("button", name=train).click()
    until(theirs, lambda: "step" in headline(theirs) and "waiting" not in headline(theirs))
    mine.get_by_role("button", name=train).click()
    bar = mine.get_by_text("place 1 in the queue")
    bar.wait_for()
    assert "until all before it are done" in bar.inner_text()
    mine.get_by_role("button", name="Pause").click()
    mine.get_by_text("pauses at its first step").wait_for()
    mine.get_by_role("button", name="Go on").click()
    mine.get_by_text("pauses at its first step").wait_for(state="detached")
    mine.get_by_role("button", name="Stop").click()
    mine.get_by_text("stopped before it began").wait_for()
    assert mine.get_by_role("button", name="▶ Start", exact=True).count() == 1, "not resumed from a checkpoint"
    theirs.get_by_role("button", name="Stop").click()
    theirs.get_by_text("stopped at step").first.wait_for()
