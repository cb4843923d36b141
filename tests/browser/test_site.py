"""The static site: written by its command, opened from the disk, wide and on a phone."""

from pathlib import Path

import numpy as np
import pytest

from resnet_viz.cli import main
from resnet_viz.figures.style import LIFTED, RESIDUAL
from resnet_viz.files import TWINS
from resnet_viz.publish.site import PAGES
from resnet_viz.runs.record import load

pytestmark = pytest.mark.browser

SHOWN = "document.querySelectorAll('.main-svg').length > 0"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "out"
    assert main.main(["site", str(folder)]) == 0
    return folder


@pytest.fixture(params=[(1440, "light"), (390, "dark")], ids=["wide", "phone"])
def page(request, chromium):
    """A page without a network; afterwards nothing went wrong on it, and nothing outside the folder was asked for."""
    width, scheme = request.param
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, offline=True)
    found = context.new_page()
    errors, asked = [], []
    found.on("pageerror", lambda error: errors.append(str(error)))
    found.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    found.on("request", lambda request: asked.append(request.url))
    yield found
    context.close()
    assert not errors
    assert asked
    assert all(url.startswith(("file://", "data:", "blob:")) for url in asked)


def test_it_is_light_and_every_page_stands(site, page) -> None:
    """Every file opens, shows its charts, fits its width, and leads to all others that the navigation names."""
    files = sorted(site.glob("*.html"))
    assert {path.name for path in files} >= {"index.html", *(f"{name}.html" for name in PAGES)}
    assert sum(path.stat().st_size for path in site.iterdir()) < 12e6
    for path in files:
        page.goto(path.as_uri())
        page.wait_for_function(SHOWN)
        for section in page.locator(".views").all():
            section.scroll_into_view_if_needed()
            section.locator(".main-svg").first.wait_for()
            assert section.get_by_role("status").inner_text().strip()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path.name
        for link in page.locator("a").all():
            assert (site / link.get_attribute("href")).exists()
        assert page.locator("a[aria-current]").count() >= 1


def test_charts_follow_what_is_chosen(site, page) -> None:
    """The slider of depths changes sentence and chart; a tab shows another net; dark pages have the pair's brighter letters."""
    page.goto((site / "gradients.html").as_uri())
    page.wait_for_function(SHOWN)
    section = page.locator(".views").first
    section.get_by_role("slider").fill("0")
    assert section.get_by_role("status").inner_text().startswith("8 layers before the first step")
    lines = "document.querySelector('.rv-still').calcdata.filter(c => c[0].trace.meta?.role === 'line')"
    assert page.evaluate(f"{lines}.map(line => line.length)") == [3, 3]
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    fonts = page.evaluate("document.querySelector('.rv-still').layout.annotations.map(note => note.font?.color)")
    assert (LIFTED[RESIDUAL] in fonts, RESIDUAL in fonts) == (dark, not dark)
    page.goto((site / "lesions.html").as_uri())
    page.wait_for_function(SHOWN)
    section = page.locator(".views").first
    section.get_by_role("tab", name="Digits").click()
    assert "residual-20 23–99" in section.get_by_role("status").inner_text()


def test_the_stage_scrubs(site, page) -> None:
    page.goto((site / "twins.html").as_uri())
    page.wait_for_selector(".rv-stage[data-ready] .rv-fan .main-svg")
    page.locator(".rv-slider").fill("1")
    page.locator(".rv-readout", has_text="step 1 ·").wait_for()
    gradients = load(TWINS / "digits-56.npz")[1].series["grad_block"][1][0]
    expected = float(np.log10(gradients[0] / gradients[-1]))
    lines = "document.querySelector('.rv-fan .rv-plot').data.filter(t => t.meta?.role === 'line')"
    page.wait_for_function(f"Math.abs({lines}[1].y[0] - {expected}) < 0.001")
