import csv
import io
import re
from dataclasses import replace

import numpy as np

from resnet_viz.publish import export, handout
from resnet_viz.stage.library import plotly_js
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


def test_a_name_that_a_spreadsheet_would_take_for_a_formula_is_text() -> None:
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1"):
        records = [replace(record, name=name) for record in twins(steps=2)]
        rows = list(csv.DictReader(io.StringIO(export.csv(records))))
        assert {row["name"] for row in rows} == {f"'{name}"}


def test_spec_table_names_every_field() -> None:
    table = export.spec_table(twins()[1].spec)
    assert (table["model.depth"], table["model.shortcut"], table["train.seed"]) == (56, "none", 0)


def test_handout_holds_everything_and_asks_for_nothing() -> None:
    page = handout.handout(twins(steps=20), "A title & more", "What was <measured>.")
    assert "<title>A title &amp; more</title>" in page
    assert "What was &lt;measured&gt;." in page
    assert "<td>none</td>" in page
    own = page.replace(plotly_js().read_text(encoding="utf-8"), "")
    assert len(own) < len(page)
    # Nothing is loaded: no attribute, style or import names an address. (Plotly is inside; SVG's address is a name.)
    own = re.sub(r"script\.src = new URL\([^;]*;", "", own).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"""(src|href)\s*=|url\(|@import|https?://""", own)
