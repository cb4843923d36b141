"""Figures draw a record by what it says of its network: blocks, stages, skips and layers, whatever its spec would give."""

from dataclasses import replace

import numpy as np
import pytest

from resnet_viz.figures import fan, history
from resnet_viz.figures.depth import engineer
from resnet_viz.runs.layout import Block, Layout
from resnet_viz.runs.record import Record, load, save
from tests.synthetic import synthetic

# A network that is none of ours: five blocks, the third without its skip, the second stage from block 3 on.
OTHER = Layout(
    tuple(Block(f"body.{n}", 1 if n < 2 else 2, n != 2, 7 + n, 9) for n in range(5)),
    tuple(f"body.{n}.weight" for n in range(6)),
    residual=True,
)


@pytest.fixture
def record() -> Record:
    made = synthetic(depth=20, steps=12)
    vectors = {"grad_block": 5, "branch_share": 5, "grad_weight": 6, "update_ratio": 6, "activation_std": 4}
    series = {m: (s, v[:, : vectors[m]] if m in vectors else v) for m, (s, v) in made.series.items()}
    return replace(made, series=series, own_layout=OTHER)


def test_the_strip_and_the_fan_are_of_the_layout_that_the_record_kept(record) -> None:
    drawing = fan([record])
    boxes = next(t for t in drawing.data if t["type"] == "bar")
    assert list(boxes["x"]) == [1, 2, 3, 4, 5]
    assert boxes["hovertext"][2] == "block 3: 9 channels, 9×9"
    arcs = {t["meta"]["state"]: t["x"] for t in drawing.data if t.get("meta", {}).get("role") == "arcs"}
    assert np.nanmean(arcs["off"]) == pytest.approx(3)
    assert np.nanmin(arcs["on"]) < 1
    assert [s["x0"] for s in drawing.layout["shapes"] if s["type"] == "line"] == [2.5]
    assert list(drawing.layout["xaxis"]["tickvals"]) == [1, 3, 5]
    line = next(t for t in drawing.data if t.get("meta", {}).get("role") == "line")
    assert len(line["x"]) == len(line["y"]) == 5
    drawing.figure()
    history([record]).figure()


def test_an_engineers_vectors_name_the_records_own_layers_and_blocks(record) -> None:
    drawing = engineer([record])
    names = {t["meta"]["metric"]: t["hovertext"] for t in drawing.data}
    assert names["grad_weight"] == [f"body.{n}" for n in range(6)]
    assert names["branch_share"] == [f"body.{n}" for n in range(5)]
    assert names["activation_std"] == ["1", "2", "3", "4"]
    drawing.figure()


def test_a_layout_survives_a_file(record, tmp_path) -> None:
    save(tmp_path / "a.npz", [record, synthetic(depth=8, steps=3)])
    kept, derived = load(tmp_path / "a.npz")
    assert kept.layout == OTHER
    assert [b.name for b in derived.layout.blocks] == ["layer1.0", "layer2.0", "layer3.0"]
