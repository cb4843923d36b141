"""The main job in a real browser: open, train both, watch, leave and return, reload, scrub, stop."""

import re
import time

import pytest

pytestmark = pytest.mark.browser

STEP = re.compile(r"step ([\d,]+) of")


def headline(page) -> str:
    return page.locator(".rv-says").inner_text()


def wait_for(page, what, seconds: float = 90):
    """Until ``what()`` is true; returns it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"waited {seconds} s; the page says: {headline(page)}"
        page.wait_for_timeout(100)
    return found


def step(page) -> int:
    found = STEP.search(headline(page))
    return int(found[1].replace(",", "")) if found else 0


def points(page) -> int:
    """Points of the residual net's smoothed loss curve in chart B."""
    return page.evaluate("""
        () => Math.max(0, ...[...document.querySelectorAll('.rv-stage .js-plotly-plot')]
            .flatMap(p => p.data).filter(t => t.meta?.role === 'raw').map(t => t.x.length))""")


def test_first_screen_shows_recorded_twins_without_a_click(page) -> None:
    page.wait_for_selector(".rv-stage .main-svg")
    assert "Recorded" in headline(page)
    wait_for(page, lambda: "training loss" in headline(page))
    # Nothing to scroll at 1440 x 810 but the page's own padding.
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight") <= 850


def test_the_recording_plays_once_by_itself(page) -> None:
    readout = page.locator(".rv-stage output")
    early = re.compile(r"^step ([1-9]|[1-6]\d) ")
    wait_for(page, lambda: early.match(readout.inner_text()))
    # It does not give its end away, neither in words nor drawn.
    assert "said at the last step" in headline(page)
    assert points(page) < 132
    wait_for(page, lambda: readout.inner_text().startswith("step 132"))
    wait_for(page, lambda: "training loss" in headline(page))
    page.reload()
    page.wait_for_selector(".rv-stage .main-svg")
    page.wait_for_timeout(1500)
    assert readout.inner_text().startswith("step 132"), "once a visit"


def test_train_both_watch_leave_return_reload_scrub_stop(page, server) -> None:
    page.goto(f"{server.url}/?depth=20&epochs=24")
    page.wait_for_selector(".rv-stage .main-svg")
    page.get_by_role("button", name="Train both").click()
    wait_for(page, lambda: step(page) >= 1)
    wait_for(page, lambda: page.locator(".rv-stage .js-plotly-plot .main-svg:first-child").count() == 3)  # drawn, all
    page.evaluate("document.querySelectorAll('.rv-stage .js-plotly-plot').forEach((p, i) => (p.tagged = i))")
    seen, ticks = step(page), 0
    while ticks < 20:
        wait_for(page, lambda seen=seen: step(page) > seen)
        seen, ticks = step(page), ticks + 1
    tags = page.evaluate("[...document.querySelectorAll('.rv-stage .js-plotly-plot')].map(p => p.tagged)")
    assert tags == [0, 1, 2], "a plot was mounted anew"

    page.get_by_role("link", name="Runs").click()
    page.wait_for_selector("[data-testid=stDataFrame]")
    page.get_by_role("link", name="Twins").click()
    page.wait_for_selector(".rv-stage .main-svg")
    assert "Recorded" not in headline(page)
    page.reload()
    page.wait_for_selector(".rv-stage .main-svg")
    wait_for(page, lambda: "Test accuracy" in headline(page))
    assert "with skips" in headline(page)

    slider = page.locator(".rv-stage input[type=range]")
    slider.evaluate("node => { node.value = 1; node.dispatchEvent(new Event('input', {bubbles: true})); }")
    wait_for(page, lambda: "step 1" in page.locator(".rv-stage .rv-bar").inner_text())


def test_stop_leaves_a_run_that_can_be_resumed(page) -> None:
    page.wait_for_selector(".rv-stage .main-svg")
    page.get_by_role("button", name="Train both").click()
    wait_for(page, lambda: step(page) >= 3)
    page.get_by_role("button", name="Stop").click()
    wait_for(page, lambda: headline(page).count("stopped"))
    page.get_by_role("button", name="Resume").click()
    at = step(page)
    wait_for(page, lambda: step(page) > at)
    page.get_by_role("button", name="Stop").click()
    wait_for(page, lambda: headline(page).count("stopped"))


def test_a_click_on_an_arc_switches_the_skip_off(page) -> None:
    page.wait_for_selector(".rv-stage .main-svg")
    box = page.locator(".rv-stage .js-plotly-plot").first.bounding_box()
    # Where block 14 of 27 is, from plotly's own axes.
    x, y = page.evaluate("""
        () => { const p = document.querySelector('.rv-stage .js-plotly-plot'), l = p._fullLayout;
                return [l.xaxis._offset + l.xaxis.c2p(14), l.yaxis2._offset + l.yaxis2.c2p(0)]; }""")
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.wait_for_selector(".rv-stage .hoverlayer .hovertext")  # plotly clicks on what it hovers over
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.get_by_text("Next net: skips off 14").wait_for()
    wait_for(page, lambda: "no_skip=14" in page.evaluate("location.href"))
    pending = """
        () => document.querySelector('.rv-stage .js-plotly-plot')._fullData.find((t) => t.meta?.state === 'pending')?.x[4]"""
    wait_for(page, lambda: page.evaluate(pending) == 14)
    assert page.get_by_text("Next net: without skip 14.").is_visible()


def test_in_lecture_mode_keys_move_the_slider_at_once_and_it_stays_on(page) -> None:
    page.wait_for_selector(".rv-stage .main-svg")
    readout = page.locator(".rv-stage output")
    wait_for(page, lambda: readout.inner_text().startswith("step 132"))
    page.get_by_text("Lecture", exact=True).click()
    page.wait_for_selector(".rv-stage.rv-lecture .main-svg")
    for key, step_ in (("ArrowLeft", 131), ("PageUp", 121), ("Home", 1), ("ArrowRight", 2), ("End", 132)):
        page.keyboard.press(key)
        wait_for(page, lambda step_=step_: readout.inner_text().startswith(f"step {step_} "))
    assert "lecture=true" in page.evaluate("location.href")
    page.get_by_role("link", name="Runs").click()
    page.get_by_role("link", name="Twins").click()
    page.wait_for_selector(".rv-stage.rv-lecture .main-svg")


def test_back_and_forward_bring_the_form_of_then(page, server) -> None:
    page.goto(f"{server.url}/?depth=20&epochs=3")
    page.wait_for_selector(".rv-stage .main-svg")

    def link() -> str:
        return page.evaluate("location.search")

    page.get_by_text("110 layers", exact=True).click()
    wait_for(page, lambda: link() == "?depth=110&lr=0.02&warmup_steps=40")
    page.go_back()
    wait_for(page, lambda: link() == "?depth=20&epochs=3")
    wait_for(page, lambda: "20" in page.locator(".st-key-depth").inner_text())
    page.go_forward()
    wait_for(page, lambda: link() == "?depth=110&lr=0.02&warmup_steps=40")
    wait_for(page, lambda: "110" in page.locator(".st-key-depth").inner_text())
    page.get_by_role("link", name="Runs").click()
    wait_for(page, lambda: "/runs" in page.evaluate("location.href"))
    page.get_by_role("link", name="Twins").click()
    wait_for(page, lambda: link() == "?depth=110&lr=0.02&warmup_steps=40")
