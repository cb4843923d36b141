"""Somebody who has never been here: two clicks after the first page a result of his own, and a way to hand it on."""

import re
import time

import pytest

from .conftest import READY

pytestmark = pytest.mark.browser


def test_a_result_of_ones_own_in_three_clicks(page) -> None:
    assert "ResNet Viz" in page.locator(".rv-name").inner_text()
    assert "Two networks learn the same images" in page.locator(".rv-lead").inner_text()
    clicks = 0

    def click(control) -> None:
        nonlocal clicks
        page.wait_for_selector(READY)
        control.click()
        clicks += 1

    click(page.get_by_text("Depth 20", exact=True))
    page.wait_for_url("**depth=20**")
    click(page.get_by_role("button", name="Train both"))
    page.wait_for_url("**show=**")
    says = page.locator(".rv-says")
    deadline = time.monotonic() + 180  # one epoch and more; nothing here asserts how fast this machine is
    while not re.search(r"step \d+ of|Test accuracy", text := says.inner_text()):
        assert time.monotonic() < deadline, text
        page.wait_for_timeout(200)
    assert "Recorded" not in says.inner_text()
    assert clicks <= 3
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for()
    page.wait_for_selector(READY)

    page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("img", name="QR code").wait_for()
    assert dialog.locator("code").inner_text() == page.url
