"""axe-core, a checker of accessibility, over every page in both themes; and what it does not see: charts, touch, keys."""

import os

import pytest

from .conftest import READY, ROOT

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PAGES = ("", "learn", "inside", "explain", "runs", "gradients", "lesions", "landscape", "sweeps")

SETTLED = """
    () => !document.querySelector('[data-testid=stSpinner], [data-testid=stSkeleton], [data-stale=true]')
        && [...document.querySelectorAll('.stPlotlyChart')].every((chart) => chart.querySelector('.main-svg'))
        && [...document.querySelectorAll('.rv-stage')].every((stage) => stage.dataset.ready)"""

VIOLATIONS = """
    async () => (await axe.run(document, {resultTypes: ['violations']})).violations.flatMap((rule) =>
        rule.nodes.map((node) => [rule.id, node.target, node.html.slice(0, 160), node.failureSummary].join(' ')))"""

# Texts of charts with less than 4.5:1 against the page (WCAG's relative luminance); what pointing at a chart shows has a
# ground of its own.
FAINT = """
    () => {
        const numbers = (colour) => [...colour.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
        const linear = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const light = (rgb) => { const [r, g, b] = rgb.map(linear);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05; };
        const page = numbers(getComputedStyle(document.querySelector('.stApp')).backgroundColor);
        return [...document.querySelectorAll('.js-plotly-plot svg text')].flatMap((text) => {
            if (text.closest('.hoverlayer') || !text.textContent.trim() || !text.getClientRects().length) return [];
            const style = getComputedStyle(text), ink = numbers(style.fill);
            let alpha = ink[3] * style.fillOpacity;
            for (let at = text; at.tagName !== 'DIV'; at = at.parentElement) alpha *= getComputedStyle(at).opacity;
            const shown = light([0, 1, 2].map((i) => alpha * ink[i] + (1 - alpha) * page[i])), ground = light(page);
            const ratio = Math.max(shown, ground) / Math.min(shown, ground);
            return ratio < 4.5 ? [`${ratio.toFixed(2)}:1, "${text.textContent}" in ${style.fill}`] : [];
        });
    }"""

# Charts without a text alternative.
MUTE = """
    () => [...document.querySelectorAll('.js-plotly-plot')].filter((plot) => plot.getClientRects().length
        && !plot.closest('[role=img], [role=figure]')?.ariaLabel)
        .map((plot) => `no alternative: ${plot.textContent.slice(0, 80)}`)"""


def settle(page) -> None:
    """Until the page is drawn, and nothing on it is still to come."""
    page.wait_for_selector(READY)
    page.wait_for_function(SETTLED)


@pytest.fixture(params=["light", "dark"])
def themed(request, chromium, server):
    """A page in one theme, nothing moving."""
    if not AXE.exists():
        assert not os.environ.get("CI"), "axe-core must run in CI: make node_modules/installed"
        pytest.skip("axe-core is not here: make node_modules/installed")
    size = {"width": 1440, "height": 810}
    context = chromium.new_context(viewport=size, color_scheme=request.param, reduced_motion="reduce")
    context.set_default_timeout(120_000)  # the first visit imports torch, on a machine that may be busy
    yield context.new_page()
    context.close()


def test_axe_finds_nothing_and_texts_in_charts_can_be_read(themed, server) -> None:
    found: dict[str, list[str]] = {}
    for name in PAGES:
        themed.goto(f"{server.url}/{name}")
        settle(themed)
        themed.add_script_tag(path=AXE)
        found[name] = [fault for faults in (VIOLATIONS, FAINT, MUTE) for fault in themed.evaluate(faults)]
    assert not {name: faults for name, faults in found.items() if faults}


# What a finger can't hit: controls less than 44 pixels wide or high, their invisible margins counted. A select's arrow lies in a
# field that opens it as well, and a link of the folded navigation is nowhere.
TOO_SMALL = """
    () => [...document.querySelectorAll('button, summary, [role=tab], input[type=text], input[type=number]')].flatMap((node) => {
        if (node.closest('.stSelectbox, .stMultiSelect') && node.tagName === 'BUTTON' && !node.closest('[data-tag]')) return [];
        const { width, height } = node.getBoundingClientRect(), margin = getComputedStyle(node, '::after');
        const [wide, high] = margin.position === 'absolute' ? [44, parseFloat(margin.height)] : [width, height];
        return width && (wide < 43.5 || high < 43.5) && node.type !== 'text' || height && high < 43.5
            ? [`${node.ariaLabel || node.textContent}: ${width} x ${height}`] : [];
    })"""


def test_fingers_hit_every_control_and_the_first_screen_of_a_phone_trains(chromium, server) -> None:
    phone = {"width": 390, "height": 844}
    context = chromium.new_context(viewport=phone, has_touch=True, is_mobile=True, reduced_motion="reduce")
    context.set_default_timeout(120_000)
    page = context.new_page()
    for name in ("", "sweeps"):
        page.goto(f"{server.url}/{name}")
        settle(page)
        assert page.evaluate(TOO_SMALL) == []
        if not name:
            train = page.get_by_role("button", name="Train both").bounding_box()
            assert 0 <= train["y"] <= 844 - train["height"]
            assert page.evaluate("getComputedStyle(document.querySelector('button')).transitionDuration") == "0s"
    context.close()


def test_whoever_tabs_sees_where_he_is(chromium, server) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 810}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(server.url)
    settle(page)
    names = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name, ringed = page.evaluate("""() => {
            const at = document.activeElement, style = getComputedStyle(at);
            return [at.ariaLabel || at.textContent, style.outlineStyle !== 'none' || style.boxShadow !== 'none'
                || at.matches('body, main, input')]; }""")
        assert ringed, f"no ring around {name}"
        names.append(name)
    fields = [name for name in names if name in ("Depth", "Data", "Nets", "Norm", "Learning rate")]
    assert fields == ["Depth", "Data", "Nets", "Norm", "Learning rate"], "row by row"
    assert "Train both" in names
    context.close()
