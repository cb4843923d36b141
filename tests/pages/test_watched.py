"""Runs of a user's own loop on the pages: shown as runs of ours are, and nothing is offered that can't be done to them."""

import json

import numpy as np
import pytest

from resnet_viz.figures.curves import accuracy
from resnet_viz.publish.handout import handout
from resnet_viz.runs.claim import Claim
from resnet_viz.runs.events import Point
from resnet_viz.runs.layout import Block, Layout
from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.own import OwnSpec
from resnet_viz.spec.run import RunSpec, from_json, to_json
from resnet_viz.spec.train import TrainSpec
from resnet_viz.ui.runs.table import TICKED
from tests.apps import headline, unrun

LAYERS = ("stem.weight", "blocks.0.one.weight")


def spec(name: str, residual: bool, classes: int = 3) -> RunSpec:
    model = ModelSpec(depth=5, shortcut="identity" if residual else "none", classes=classes)
    return RunSpec(model, train=TrainSpec(lr=0.5, batch_size=6, epochs=1), own=OwnSpec(name, "Net", "SGD"))


@pytest.fixture
def pair() -> list[Claim]:
    """Two loops that go on, at their 20th step; the second's updates are far too large."""
    claims = []
    for name, residual in (("mine", True), ("mine, plain", False)):
        blocks = tuple(Block(f"blocks.{n}", 1, residual, 4, 8) for n in range(3))
        layout = Layout(blocks, LAYERS, residual)
        claim = Store().begin(spec(name, residual), layout, name=name, group="g", steps=128, versions={"torch": "2"})
        vectors = {"grad_block": [1, 1, 1], "grad_weight": [1, 1], "update_ratio": [1e-3 if residual else 0.5] * 2}
        arrays = {metric: np.array(values, np.float32) for metric, values in vectors.items()}
        claim.write([Point(step, {"loss": 2.0, "accuracy": 0.5, "lr": 0.5, **arrays}) for step in range(1, 21)])
        claims.append(claim)
    return claims


def text(at) -> str:
    return "\n".join(e.value for e in [*at.markdown, *at.caption, *at.warning])


def buttons(at) -> set[str]:
    return {button.key for button in at.button}


def test_a_live_pair_stands_on_twins_and_its_loop_is_left_alone(pair) -> None:
    at = unrun("twins", show="g").run()
    assert not at.exception
    assert "mine: training loss 2.0, step 20; mine, plain: training loss 2.0, step 20." in headline(at)
    assert not buttons(at) & {"pause", "stop", "resume", "go_on", "take_over"}
    assert "mine, plain" in text(at)
    drawing = accuracy([Store().record(claim.run.id) for claim in pair])
    curves = [t for t in drawing.data if (t.get("meta") or {}).get("role") == "line"]
    assert [(t["name"], t["y"][-1]) for t in curves] == [("mine", 50), ("mine, plain", 50)]
    assert "A step moves the weights by 0.5 of their size" in text(at)
    assert "Not what is shown" not in text(at)


def test_a_loop_that_fell_silent_can_be_looked_at_and_not_gone_on_with(pair) -> None:
    pair[0].end("lost", "The script that trains this network fell silent: it was killed, or crashed.")
    pair[1].end("failed", "The script ended with KeyError: 'x'.")
    at = unrun("twins", show="g").run()
    assert not at.exception
    assert not buttons(at) & {"pause", "stop", "resume"}
    assert "fell silent" in text(at)
    assert "KeyError" in text(at)


def test_runs_lists_them_opens_them_on_twins_and_trains_none_again(pair) -> None:
    at = unrun("runs", **{TICKED: [claim.run.id for claim in pair]}).run()
    assert not at.exception
    line = at.dataframe[0].value.set_index("name").loc["mine"]
    assert (line["status"], line["depth"], line["data"]) == ("running", 5, "own loop")
    assert line[["done", "shortcut", "epochs", "seed"]].isna().all()
    assert "open" in buttons(at)
    alone = unrun("runs", **{TICKED: [pair[0].run.id]}).run()
    assert not alone.exception
    assert "again" not in buttons(alone)
    (known,) = (json.loads(e.value) for e in alone.json)
    assert set(known["spec"]) == {
        "own.name", "own.network", "own.optimizer", "own.factory", "model.depth", "model.shortcut", "train.lr",
        "train.batch_size",
    }  # fmt: skip


def test_a_handout_of_them_says_what_twins_says(pair) -> None:
    page = handout([Store().record(claim.run.id) for claim in pair])
    assert "<h1>mine: training loss 2.0, step 20; mine, plain: training loss 2.0, step 20.</h1>" in page
    assert "click: skip on or off" not in page


def test_a_net_without_known_classes_has_no_level_of_guessing(pair) -> None:
    claim = Store().begin(
        spec("deep", True, classes=1), Layout((), LAYERS, True), name="", group="h", steps=128, versions={}
    )
    claim.write([Point(1, {"loss": 300.0})])
    at = unrun("twins", show="h").run()
    assert not at.exception
    assert "deep: training loss 300, step 1." in headline(at)


def test_a_spec_of_ones_own_net_survives_json() -> None:
    assert from_json(to_json(spec("mine", True))) == spec("mine", True)
    assert spec("mine", True).kind == "watch"
