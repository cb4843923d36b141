"""Charts at the widths of a laptop, a tablet, a page at 200 % and a phone: no text on another, none cut, no empty room."""

import pytest

from tests.browser.conftest import READY

pytestmark = pytest.mark.browser
PAGES = ("", "learn", "inside", "explain", "runs", "gradients", "lesions", "landscape", "sweeps")
WIDTHS = (1440, 1024, 720, 390)

# What is wrong with the texts of the charts, in words. A text is at home in its chart: its box is taken as it is drawn.
WRONG = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => {
    const frame = plot.getBoundingClientRect(), wrong = [];
    const texts = [...plot.querySelectorAll('g.annotation, .xtick text, .ytick text, .cbaxis text, .xtitle, .ytitle')]
        .filter(node => node.textContent.trim() && getComputedStyle(node).visibility !== 'hidden')
        .map(node => ({ said: node.textContent.trim(), box: (node.querySelector('text') ?? node).getBoundingClientRect() }))
        .filter(({ box }) => box.width && box.height);
    for (const { said, box } of texts)
        if (box.left < frame.left - 2 || box.right > frame.right + 2 || box.top < frame.top - 4 || box.bottom > frame.bottom + 4)
            wrong.push(`"${said}" is cut`);
    const home = plot.closest('[data-testid=stElementContainer]').getBoundingClientRect();
    if (!plot.closest('.rv-stage') && home.height > frame.height + 20) wrong.push(`${home.height - frame.height} px are empty`);
    texts.forEach((one, i) => texts.slice(i + 1).forEach(other => {
        const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
        const down = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
        if (across > 3 && down > 5) wrong.push(`"${one.said}" lies on "${other.said}"`);
    }));
    return wrong;
})"""


def settled(page) -> None:
    """Until the page is ready and its charts have stopped changing their size."""
    page.wait_for_selector(READY)
    page.evaluate(
        """() => new Promise(done => { let before = ''; const timer = setInterval(() => {
            const now = [...document.querySelectorAll('.js-plotly-plot .main-svg')]
                .map(svg => svg.getBoundingClientRect()).map(box => `${box.width} ${box.height}`).join();
            if (now && now === before) { clearInterval(timer); done(); } else before = now; }, 400); })"""
    )


def test_the_curves_of_runs_are_whole_beside_one_another_and_on_a_phone(chromium, server) -> None:
    context = chromium.new_context(viewport={"width": 1024, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/runs")
    page.locator(".js-plotly-plot .main-svg").nth(3).wait_for(state="attached")
    for width in (1024, 390):
        page.set_viewport_size({"width": width, "height": 900})
        settled(page)
        hidden = page.evaluate(
            """() => [...document.querySelectorAll('[data-testid=stElementContainer]:has(.stPlotlyChart)')]
                .map(node => node.scrollWidth - node.clientWidth)"""
        )
        assert hidden == [0, 0]
    context.close()


@pytest.mark.parametrize("path", PAGES)
def test_no_text_of_a_chart_is_cut_or_lies_on_another(chromium, server, path) -> None:
    context = chromium.new_context(viewport={"width": WIDTHS[0], "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/{path}")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    wrong = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        settled(page)
        wrong[width] = page.evaluate(WRONG)
    context.close()
    assert not any(wrong.values()), wrong
