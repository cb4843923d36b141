"""Runs in a real browser: ticks stay with their runs while another browser trains and deletes."""

import time
from pathlib import Path

import pytest

from resnet_viz.runs.store import Store
from tests.browser.conftest import READY, Server
from tests.pages.test_runs import trained

pytestmark = pytest.mark.browser
ROW, HEAD = 35, 38  # px of the table's rows and of its head


def open_runs(chromium, server: Server):
    page = chromium.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/runs")
    page.wait_for_selector("[data-testid=stDataFrame] canvas")
    page.wait_for_selector(READY)
    return page


def tick(page, row: int) -> None:
    table = page.locator("[data-testid=stDataFrame]").bounding_box()
    page.mouse.click(table["x"] + 16, table["y"] + HEAD + ROW * (row + 0.5))


def ticked_name(page, name: str) -> None:
    """Wait until a single run is ticked, of this name."""
    page.wait_for_function(
        "name => { const f = document.querySelector('input[aria-label=Name]'); return f && f.value === name; }",
        arg=name,
    )


def wait_for(page, what, seconds: float = 60) -> None:
    """Until ``what()`` is true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"waited {seconds} s"
        page.wait_for_timeout(100)


def test_ticks_and_delete_go_by_run_while_another_browser_trains_and_deletes(chromium, own_server) -> None:
    residual, plain = trained()
    store = Store()
    store.rename(plain.id, "the plain one")
    mine = open_runs(chromium, own_server)
    tick(mine, 0)  # newest first
    ticked_name(mine, "the plain one")

    theirs = chromium.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    theirs.set_default_timeout(60_000)
    theirs.goto(f"{own_server.url}/?depth=8&epochs=1&nets=residual")
    theirs.get_by_role("button", name="Train the residual net").click()
    wait_for(theirs, lambda: len(store.runs()) == 3)

    tick(mine, 1)  # in the table without the new run, which this browser still shows
    mine.wait_for_function("() => !document.querySelector('input[aria-label=Name]')")
    mine.wait_for_selector(READY)
    mine.get_by_role("button", name="Delete", exact=True).click()
    dialog = mine.get_by_role("dialog")
    dialog.get_by_text("the plain one: seed 0").wait_for()
    assert "This deletes 2 runs" in dialog.inner_text()
    assert dialog.inner_text().count("residual-8") == 1
    assert "finished at step 3" in dialog.inner_text()

    theirs.goto(f"{own_server.url}/?depth=8&epochs=1&seed=4&nets=residual")
    theirs.get_by_role("button", name="Train the residual net").click()
    wait_for(theirs, lambda: len(store.runs()) == 4)
    mine.wait_for_timeout(2500)  # a tick of the page meanwhile
    dialog.get_by_role("button", name="Cancel").click()
    dialog.wait_for(state="hidden")
    mine.wait_for_selector(READY)
    tick(mine, 3)  # the residual one, below two new runs: off
    ticked_name(mine, "the plain one")
    mine.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    dialog.wait_for(state="hidden")
    mine.wait_for_function("() => !document.querySelector('input[aria-label=Name]')")
    wait_for(mine, lambda: len(store.runs()) == 3)
    left = {run.id for run in store.runs()}
    assert plain.id not in left
    assert residual.id in left


def test_csv_and_handout_are_downloaded(chromium, own_server) -> None:
    residual, plain = trained()
    page = open_runs(chromium, own_server)
    tick(page, 0)
    page.wait_for_selector("input[aria-label=Name]")
    page.wait_for_selector(READY)
    tick(page, 1)
    page.wait_for_function("() => !document.querySelector('input[aria-label=Name]')")
    page.wait_for_selector(READY)  # the buttons of the page as it was would ask for what is gone
    for button, name, holds in (
        ("CSV", "runs.csv", [residual.id, plain.id]),
        ("Handout (HTML)", "twins.html", ["<title>", "residual", "plain"]),
    ):
        with page.expect_download() as download:
            page.get_by_role("button", name=button, exact=True).click()
        assert download.value.suggested_filename == name
        content = Path(download.value.path()).read_text(encoding="utf-8")
        assert all(part in content for part in holds)


def test_a_rename_with_a_space_at_its_end_is_written_once(chromium, own_server) -> None:
    run = trained()[1]
    page = open_runs(chromium, own_server)
    tick(page, 0)
    field = page.locator("input[aria-label=Name]")
    field.fill("mine ")
    field.press("Enter")
    ticked_name(page, "mine")
    assert Store().run(run.id).name == "mine"
    reruns = page.evaluate(
        """() => new Promise(done => { let n = 0; const app = document.querySelector('[data-testid=stApp]');
            const seen = new MutationObserver(() => n++);
            seen.observe(app, {attributes: true, attributeFilter: ['data-test-script-state']});
            setTimeout(() => { seen.disconnect(); done(n); }, 2500); })"""
    )
    assert reruns < 4, "it runs again and again"
