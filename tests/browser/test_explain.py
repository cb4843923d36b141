"""Explain in a real browser: maps of three methods for both twins, another class, a photo of one's own, a PNG to take home."""

import io

import pytest
from PIL import Image

from tests.browser.conftest import READY

pytestmark = pytest.mark.browser
SLOW = 180_000  # ms: torch is imported once, with whatever else this machine is doing


def explain(page, server, query: str = "") -> None:
    page.set_default_timeout(SLOW)
    page.goto(f"{server.url}/explain{query}")
    page.get_by_text("The same question, other methods").wait_for()
    settle(page)


def settle(page) -> None:
    page.wait_for_selector(READY)
    page.wait_for_function("!document.querySelector('[data-stale=true]')")


def headline(page) -> str:
    return page.locator(".rv-says").inner_text()


def maps(page) -> list[str]:
    """Names of the maps drawn in the charts, in order."""
    return page.evaluate("""
        () => [...document.querySelectorAll('.js-plotly-plot')].flatMap(p => p.data || [])
              .filter(t => t.meta?.role === 'map').map(t => t.name)""")


def check_three_methods_for_both(page) -> None:
    page.wait_for_function(
        """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(p => p.data || [])
                  .filter(t => t.meta?.role === 'map').length >= 7"""
    )
    found = maps(page)
    assert found[:3] == ["residual-20", "plain-20", "difference"]
    assert found[3:7] == ["Integrated Gradients"] * 2 + ["Occlusion"] * 2


def choose_class(page, name: str) -> None:
    page.get_by_label("Class to explain").click()
    page.keyboard.type(name)  # a long list draws only what is in sight
    page.get_by_role("option", name=name, exact=True).click()
    page.locator(".rv-says", has_text=f"for {name}").wait_for()
    settle(page)


def png(page) -> Image.Image:
    with page.expect_download() as download:
        page.get_by_role("button", name="Images (PNG)").click()
    with open(download.value.path(), "rb") as file:
        return Image.open(io.BytesIO(file.read()))


def test_the_sample_is_explained_by_both_twins_for_any_class(page, server) -> None:
    explain(page, server)
    assert "rank correlation" in headline(page)
    check_three_methods_for_both(page)
    before = page.evaluate(
        "[...document.querySelectorAll('.js-plotly-plot')][0].data.find(t => t.meta?.role === 'map').z"
    )
    choose_class(page, "dog")
    after = page.evaluate(
        "[...document.querySelectorAll('.js-plotly-plot')][0].data.find(t => t.meta?.role === 'map').z"
    )
    assert before != after
    image = png(page)
    assert image.width >= 4 * 256
    assert image.height >= 3 * 256, "a row for each method"
    assert "dog" in image.text["target"]


def test_a_real_photo_is_explained(page, server, shared) -> None:
    photo = shared / "photos" / "n02123045_tabby.JPEG"
    explain(page, server, "?image=upload")
    assert page.get_by_text("airplane, automobile, bird").is_visible(), "the classes are named before the upload"
    page.locator("[data-testid=stFileUploader]", has_text="PNG, JPEG").locator("input[type=file]").set_input_files(
        photo
    )
    page.locator(".rv-says", has_text=photo.name).wait_for()
    settle(page)
    check_three_methods_for_both(page)
    choose_class(page, "ship")
    image = png(page)
    assert image.width >= 4 * 256
    assert photo.name in image.text["image"]


def test_maps_of_the_image_before_are_greyed_until_they_are_replaced(page, server) -> None:
    """Occlusion takes seconds; the maps that are still the last image's must not pass for this one's."""
    explain(page, server, "?image=sample")
    page.get_by_label("Sample").click()
    page.get_by_role("option", name="Flower").click()
    old = page.locator("[data-stale=true]:has(.stPlotlyChart)")
    page.locator(".rv-says", has_text="flower").wait_for()
    times = old.evaluate_all(
        "charts => charts.map(getComputedStyle).map((s) => [s.transitionDelay, s.transitionDuration])"
    )
    assert times
    for delay, lasts in times:
        assert float(delay[:-1]) + float(lasts[:-1]) < 0.5, "Streamlit's own takes 1.5 s"
    page.wait_for_function("""
        () => {
          const old = [...document.querySelectorAll('[data-stale=true]:has(.stPlotlyChart)')];
          return old.length && old.every((chart) => getComputedStyle(chart).opacity < 0.5);
        }""")
