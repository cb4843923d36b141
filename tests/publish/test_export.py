import csv
import io
import re
from dataclasses import replace

import numpy as np
from pyarrow import parquet
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from resnet_viz.publish import export, handout, tensorboard
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


def test_parquet_holds_what_csv_says() -> None:
    records = twins(steps=20)
    table = parquet.read_table(io.BytesIO(export.parquet(records)))
    rows = list(csv.DictReader(io.StringIO(export.csv(records))))
    assert tuple(table.column_names) == export.COLUMNS
    assert [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in table.to_pylist()
    ] == [row | {"value": str(float(np.float32(row["value"])))} for row in rows]
    assert parquet.read_table(io.BytesIO(export.parquet([]))).num_rows == 0


def test_tensorboard_reads_every_value_under_the_blocks_names(tmp_path) -> None:
    record = twins(steps=9)[0]
    tensorboard.write(tmp_path, [record])
    (folder,) = tensorboard.write(tmp_path, [record])
    assert folder.name == f"residual-56-on-digits-{record.id}"
    seen = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    seen.Reload()
    tags = set(seen.Tags()["scalars"])
    assert {"loss", "grad_block/01 layer1.0", "grad_block/27 layer3.8", "grad_weight/56 fc"} <= tags
    for metric, (steps, values) in record.series.items():
        mine = sorted(tag for tag in tags if tag.partition("/")[0] == metric)
        assert len(mine) == (values.shape[1] if values.ndim == 2 else 1)
        for place, tag in enumerate(mine):
            events = seen.Scalars(tag)
            assert [event.step for event in events] == steps.tolist()
            expected = values.reshape(len(steps), -1)[:, place].astype(np.float32)
            np.testing.assert_array_equal(np.array([event.value for event in events], np.float32), expected)


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
