"""A small sweep and a range test in a real browser: start, watch, read the answer, put the rate into the form."""

import re

import pytest

from tests.browser.test_twins import headline, wait_for

pytestmark = pytest.mark.browser


def test_a_small_sweep_is_run_and_drawn(page, server) -> None:
    page.goto(f"{server.url}/sweeps?question=Shortcuts")
    page.get_by_text("Test error by kind of shortcut").wait_for()
    assert "Recorded" in headline(page)
    page.get_by_role("spinbutton", name="Seeds").fill("1")
    page.get_by_role("spinbutton", name="Seeds").press("Enter")
    page.get_by_role("spinbutton", name="Epochs").fill("1")
    page.get_by_role("spinbutton", name="Epochs").press("Enter")
    page.get_by_text(re.compile("^7 runs")).wait_for()
    page.get_by_role("button", name="Run the sweep").click()
    wait_for(page, lambda: "of 7 runs done" in headline(page))
    page.get_by_role("button", name="Stop all").wait_for()
    wait_for(page, lambda: "Recorded" not in headline(page) and "done" not in headline(page), 240)
    assert "the lowest" in headline(page)
    page.reload()  # the newest sweep is what one finds again
    wait_for(page, lambda: "the lowest" in headline(page) and "1 epoch at" in headline(page))


def test_the_range_test_ends_in_a_number_that_goes_into_the_form(page, server) -> None:
    page.goto(f"{server.url}/?depth=8")
    page.wait_for_selector(".rv-stage .main-svg")
    page.get_by_role("button", name="Find the rate").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=re.compile(r"^Use .* \(plain\)")).wait_for(timeout=240_000)
    dialog.get_by_role("button", name="Test again").wait_for(timeout=240_000)
    assert "The loss falls fastest at a learning rate of" in dialog.inner_text()
    use = dialog.get_by_role("button", name=re.compile(r"^Use .* \(residual\)"))
    rate = use.inner_text().split()[1]
    use.click()
    wait_for(page, lambda: page.get_by_role("spinbutton", name="Rate").input_value() == rate)
    assert page.get_by_role("dialog").count() == 0
