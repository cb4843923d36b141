"""Inside in a real browser: it opens on a net that ships, a click goes to a block, α moves what the net says."""

import re

import pytest

pytestmark = pytest.mark.browser

NETWORK, CHANNELS = ".st-key-network .js-plotly-plot", ".st-key-channels .js-plotly-plot"
PLACE = """
    ([selector, x, y, yaxis]) => {
        const plot = document.querySelector(selector), l = plot._fullLayout, b = plot.getBoundingClientRect();
        return [b.x + l.xaxis._offset + l.xaxis.c2p(x), b.y + l[yaxis]._offset + l[yaxis].c2p(y)]; }"""


def headline(page, words: str) -> str:
    """The page's sentence, once it holds these words."""
    found = page.locator(".rv-says", has_text=re.compile(words))
    found.wait_for()
    return found.inner_text()


def click(page, selector: str, x: float, y: float, yaxis: str) -> None:
    """Click in a plot, at a place given in its own axes."""
    page.wait_for_selector(f"{selector} .main-svg")
    page.locator(selector).scroll_into_view_if_needed()
    place = page.evaluate(PLACE, [selector, x, y, yaxis])
    page.mouse.move(*place)
    page.wait_for_selector(f"{selector} .hoverlayer .hovertext")  # plotly clicks on what it hovers over
    page.mouse.click(*place)


def test_open_click_a_block_click_a_channel_move_alpha(page, server) -> None:
    page.set_default_timeout(240_000)  # the first visit imports torch, on a machine that may be busy
    page.goto(f"{server.url}/inside")
    assert "the net says" in headline(page, "Block 7 adds a branch")
    click(page, NETWORK, 2, 0, "yaxis2")
    before = headline(page, "Block 2 adds a branch")
    assert "block=2" in page.url
    title = page.locator(".stMarkdown", has_text=re.compile(r"Block 2, channel \d+ of 16"))
    title.wait_for()
    was = title.inner_text()
    # The second tile of the mosaic, wherever its channel's number says it is.
    x, y = page.evaluate(
        f"() => {{ const t = document.querySelector('{CHANNELS}').data.find(t => t.meta?.role === 'click');"
        " return [t.x[1], t.base[1] + 2]; }"
    )
    click(page, CHANNELS, x, y, "yaxis")
    page.wait_for_function(
        "was => ![...document.querySelectorAll('.stMarkdown')].some(m => m.innerText === was)", arg=was
    )
    page.locator(".st-key-alpha input[type=range]").focus()
    page.keyboard.press("Home")
    after = headline(page, r"branch F\(x\) taken away")
    assert after.split("untouched: ")[1].split(" %")[0] in before
    assert after.split("says ")[1].split(" %")[0] not in before, "the guess did not move"
    assert "alpha=0" in page.url
