"""The offline handout: the stage in one file, opened from the disk."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resnet_viz.figures.style import NAME, shortened
from resnet_viz.publish import handout
from tests.synthetic import twins

pytestmark = pytest.mark.browser


BAD = """<b id=own>x</b> & "q" 'r' <img src=http://127.0.0.1:9/i onerror=alert(1)><a href='http://127.0.0.1:9/'>y</a> %{x}"""


def squeezed(text: str) -> str:
    """Without spaces: Plotly makes them unbreakable, and sets lines apart by elements."""
    return re.sub(r"\s", "", text)


@contextmanager
def opened(chromium, path: Path, text: str, **settings) -> Iterator:
    """The handout in a browser; afterwards nothing but the file itself was asked for, and nothing went wrong."""
    path.write_text(text, encoding="utf-8")
    context = chromium.new_context(**settings)
    page = context.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.goto(path.as_uri())
    page.wait_for_selector(".rv-stage[data-ready] .rv-fan .main-svg")
    yield page
    context.close()
    assert not errors
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]


def test_handout_works_from_disk_without_a_network(chromium, tmp_path) -> None:
    records = twins()
    with opened(chromium, tmp_path / "handout.html", handout.handout(records), offline=True) as page:
        # The slider drives the fan: at the first step the plain net's first block shows that step's ratio.
        page.locator(".rv-slider").fill("1")
        gradients = records[1].series["grad_block"][1][0]
        lines = "document.querySelector('.rv-fan .rv-plot').data.filter(t => t.meta?.role === 'line')"
        expected = float(np.log10(gradients[0] / gradients[-1]))
        # Asked again from here: a page that may not evaluate strings can't wait for one by itself.
        for _ in range(600):
            apart = page.evaluate(f"Math.abs({lines}[1].y[0] - {expected})")
            if apart < 0.001:
                break
            page.wait_for_timeout(50)
        assert apart < 0.001
        page.click(".rv-tab[data-tab=history]")
        page.wait_for_selector(".rv-history .heatmaplayer image")
        page.click(".rv-tab[data-tab=engineer]")
        page.wait_for_selector(".rv-engineer .main-svg")


@pytest.mark.parametrize("fenced", [True, False], ids=["as published", "without its policy"])
def test_names_in_a_handout_are_text(chromium, tmp_path, fenced, monkeypatch) -> None:
    """Labels, run names, title and sentence that somebody made up show letter for letter: nothing is built or fetched."""
    if not fenced:  # escaping alone must do; the policy is a second fence
        monkeypatch.setattr(handout, "ONLY_WHAT_IS_INSIDE", "")
    records = []
    for number, record in enumerate([*twins(), *twins()]):
        model = replace(record.spec.model, init=BAD) if number < 2 else record.spec.model
        records.append(replace(record, id=BAD + str(number), name=BAD, spec=replace(record.spec, model=model)))
    with opened(chromium, tmp_path / "handout.html", handout.handout(records, BAD, BAD)) as page:
        assert page.title() == BAD
        assert page.locator("h1").inner_text() == BAD
        page.locator(".rv-slider").fill("1")
        page.locator(".rv-readout", has_text="step 1 ·").wait_for()
        shown = page.locator(".rv-fan .annotation-text").evaluate_all("nodes => nodes.map(n => n.textContent)")
        ends = [text for text in shown if squeezed(shortened(BAD, NAME)) in squeezed(text)]
        assert len(ends) == 2 * len(records)  # of lines, and of rows of the strip
        page.evaluate("""() => {
            const plot = document.querySelector('.rv-fan .rv-plot');
            const curveNumber = plot.data.findIndex((trace) => trace.meta?.role === 'line' && trace.meta.net === 0);
            Plotly.Fx.hover(plot, [{ curveNumber, pointNumber: 4 }]); }""")
        page.wait_for_selector(".rv-fan .hovertext")
        assert squeezed(BAD) in squeezed(page.locator(".rv-fan .hovertext").first.text_content())
        for tab in ("history", "engineer", "twins"):
            page.click(f".rv-tab[data-tab={tab}]")
            page.wait_for_selector(f".rv-{'fan' if tab == 'twins' else tab} .main-svg")
        page.locator("summary").click()
        cells = page.locator("td").all_inner_texts()
        assert cells.count(BAD) == 2
        assert page.locator("img, a, svg a, #own, iframe, [onerror]").count() == 0
