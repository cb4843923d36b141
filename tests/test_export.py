import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest

from resnet_viz import export
from tests.synthetic import twins


def test_csv_round_trips() -> None:
    records = twins(steps=20)
    rows = list(csv.DictReader(io.StringIO(export.csv(records))))
    assert tuple(rows[0]) == export.COLUMNS
    for record in records:
        for metric, (steps, values) in record.series.items():
            mine = [r for r in rows if r["run"] == record.id and r["metric"] == metric]
            read = np.array([r["value"] for r in mine], np.float32).reshape(values.shape)
            np.testing.assert_array_equal(read, values)
            width = values.shape[1] if values.ndim == 2 else 1
            assert [int(r["step"]) for r in mine] == np.repeat(steps, width).tolist()
            places = [str(p) for p in range(1, width + 1)] if values.ndim == 2 else [""]
            assert [r["index"] for r in mine[:width]] == places


def test_spec_table_names_every_field() -> None:
    table = export.spec_table(twins()[1].spec)
    assert (table["model.depth"], table["model.shortcut"], table["train.seed"]) == (56, "none", 0)


def test_handout_holds_everything_and_asks_for_nothing() -> None:
    page = export.handout(twins(steps=20), "A title & more", "What was <measured>.")
    assert "<title>A title &amp; more</title>" in page
    assert "What was &lt;measured&gt;." in page
    assert "<td>none</td>" in page
    own = page.replace(export.get_plotlyjs(), "")
    assert len(own) < len(page)
    # Nothing is loaded: no attribute, style or import names an address.
    assert not re.search(
        r"""(src|href)\s*=|url\(|@import|https?://""", re.sub(r"script\.src = new URL\([^;]*;", "", own)
    )


def browser():
    """A Chromium through Playwright; the test is skipped where there is none."""
    from pathlib import Path

    from playwright.sync_api import sync_playwright

    if not Path("/usr/bin/chromium").exists():
        pytest.skip("no Chromium on this machine")
    return sync_playwright()


@pytest.mark.browser
def test_handout_works_from_disk_without_a_network(tmp_path) -> None:
    records = twins()
    (tmp_path / "handout.html").write_text(export.handout([*records, replace(records[0], id="x")]), encoding="utf-8")
    with browser() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        page = chromium.new_page()
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((tmp_path / "handout.html").as_uri())
        page.wait_for_selector(".rv-stage[data-ready] .rv-fan .main-svg")
        line = "document.querySelector('.rv-fan .rv-plot').data.find(t => t.meta?.role === 'line').y"
        page.evaluate("(() => { const s = document.querySelector('.rv-slider'); s.value = 1; s.oninput(); })()")
        gradients = records[0].series["grad_block"][1][0]
        page.wait_for_function(f"Math.abs({line}[0] - {float(np.log10(gradients[0] / gradients[-1]))}) < 0.001")
        page.click(".rv-tab[data-tab=engineer]")
        page.wait_for_selector(".rv-engineer .main-svg")
        chromium.close()
    assert not errors
    assert len(asked) == 1
