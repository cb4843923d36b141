"""What is added in one place works everywhere: ARCHITECTURE.md says where; here it is done."""

import json
import os
import shutil
import subprocess
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from resnet_viz.data import catalogue, download
from resnet_viz.data.catalogue import Facts
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.fields import check, row, rows
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec

TOP = Path(__file__).parents[1] / "resnet_viz"


def test_a_data_set_is_a_row_and_its_arrays(monkeypatch) -> None:
    """It is filled, found, split and trained on, and its classes are those of the row."""
    from resnet_viz.runs.events import Point
    from resnet_viz.train.job import run

    stripes = Facts("Stripes", 1, 8, ("across", "along", "none"), 40, 10)
    monkeypatch.setitem(catalogue.BUILT_IN, "stripes", stripes)
    monkeypatch.setitem(rows(DataSpec)["name"].choices, "stripes", "")
    assert not download.available("stripes")
    folder = catalogue.home() / "stripes"
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), np.uint8)
    for name, part in (("train", slice(40)), ("test", slice(40, 50))):
        np.savez(folder / f"{name}.npz", x=images[part], y=np.arange(50)[part] % 3)
    assert download.available("stripes")

    train = TrainSpec(steps=1, batch_size=8, threads=1, dtype="float32")
    spec = catalogue.fill(RunSpec(ModelSpec(depth=8, width=0.25), DataSpec("stripes"), train))
    assert (spec.model.classes, spec.model.channels, spec.model.size) == (3, 1, 8)
    assert catalogue.split_sizes(spec.data) == (36, 4, 10)
    losses = [event.values["loss"] for event in run(spec) if isinstance(event, Point) and "loss" in event.values]
    assert len(losses) == 1
    assert np.isfinite(losses[0])


def test_a_saliency_method_is_a_row_and_what_answers(monkeypatch) -> None:
    """It is asked like the others: of a class less another, at a block, in parts, with its parameter checked."""
    import pytest
    import torch

    from resnet_viz.attribution import methods
    from resnet_viz.attribution.attribute import AttributionError, attribute
    from resnet_viz.nets import models

    def shares(q: methods.Question) -> torch.Tensor:
        """The class's logit, spread over the image as its values are."""
        return (
            q.values["times"]
            * q.x
            / q.x.sum((1, 2, 3), keepdim=True)
            * q.model(q.x).gather(1, q.target[:, None])[..., None, None]
        )

    times = methods.Parameter("times", "Times", 1, 0, 10, 1)
    monkeypatch.setitem(methods.METHODS, "shares", methods.Method("Shares", "", "a pass", shares, parameters=(times,)))
    model = models.build(ModelSpec(depth=8, width=0.25, size=8, classes=4)).eval()
    x = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    heard: list[float] = []
    maps = attribute(model, x, method="shares", target=[0, 1, 2], minus=3, times=2, progress=heard.append)
    with torch.no_grad():
        logits = model(x)
    expected = 2 * (logits[range(3), range(3)] - logits[:, 3])
    torch.testing.assert_close(maps.sum((1, 2)), expected)
    assert heard[-1] == 1
    with pytest.raises(AttributionError, match="Times 11 is outside 0 to 10 for Shares"):
        attribute(model, x, method="shares", target=0, times=11)


@dataclass(frozen=True)
class CountSpec:
    """Count to a number, beside trained networks: 100 % of it."""

    networks: tuple[str, ...] = row((), "Networks")
    upto: int = row(3, "Up to", low=1, high=100)
    kind: str = field(default="count", init=False)
    title: ClassVar[str] = "counting"

    def validate(self) -> None:
        check(self)


def counting() -> types.ModuleType:
    """What would stand in labs/count.py."""
    from resnet_viz.runs.events import Point, Result

    module = types.ModuleType("resnet_viz.labs.count")

    def run(spec, nets, store):
        for step in range(1, spec.lab.upto + 1):
            yield Point(step, {"number": float(step)})
        labels = " and ".join(net.source.label for net in nets)
        yield Result("finished", {"sentence": f"{labels}: {spec.lab.upto}."})

    module.run, module.steps = run, lambda spec, nets: spec.lab.upto
    return module


def test_a_lab_is_a_spec_and_a_module(monkeypatch, tmp_path, capsys) -> None:
    """The command line has it with its options, a worker carries it out, and its spec survives JSON."""
    from resnet_viz import labs
    from resnet_viz.cli import main
    from resnet_viz.runs.store import Store
    from resnet_viz.spec.lab import LABS
    from resnet_viz.spec.run import from_json, to_json
    from resnet_viz.workers import engine, worker

    monkeypatch.setitem(LABS, "count", CountSpec)
    monkeypatch.setitem(sys.modules, "resnet_viz.labs.count", counting())
    ref = "shipped:digits-plain-20"

    assert main.main(["lab", "count", "--networks", ref, "--upto", "2", "--json"]) == 0
    *_, first, second, result = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["number"], second["number"]) == (1, 2)
    assert result["sentence"].endswith(": 2.")
    assert main.main(["lab", "count", "--upto", "0"]) == 2
    assert "Up to 0 is outside 1 to 100" in capsys.readouterr().err

    store = Store(tmp_path / "home")
    spec = labs.run_of(CountSpec((ref,), 4), store, TrainSpec(threads=1))
    assert from_json(to_json(spec)) == spec
    (run,) = engine.start(store, [spec])
    claim = store.claim("w")
    worker.carry_out(store, claim, worker.lab(claim, store))
    done = store.run(run)
    assert (done.status, done.step, done.steps, done.kind) == ("finished", 4, 4, "count")
    assert done.name == "counting: plain-20 on digits"
    assert store.series(run, "number")[1].tolist() == [1, 2, 3, 4]


# Run with a copy of the package in which one line was added to spec/train.py.
EVERYWHERE = """
import argparse
from resnet_viz.cli.options import add_spec_options, spec_of
from resnet_viz.spec.run import from_json, to_json
from resnet_viz.spec.values import from_link, residual_spec, to_link, values_of
from streamlit.testing.v1 import AppTest

parser = argparse.ArgumentParser()
add_spec_options(parser)
assert "Patience. Epochs to wait. Default: 5" in " ".join(parser.format_help().split())
spec = spec_of(parser.parse_args(["--patience", "7"]))
assert spec.train.patience == 7
assert from_json(to_json(spec)) == spec == residual_spec(values_of(spec))
assert from_link({"patience": "7"}) == ({"patience": 7}, [])
assert to_link(values_of(spec)) == {"patience": "7"}
assert "Patience '-1' is below 0" in from_link({"patience": "-1"})[1][0]

at = AppTest.from_string("from resnet_viz.ui import controls; controls.draw_more()").run(timeout=60)
assert (at.number_input(key="patience").label, at.number_input(key="patience").value) == ("Patience", 5)
print("everywhere")
"""


def test_a_hyperparameter_is_one_line(tmp_path) -> None:
    """Form, link, command line, JSON, "Train again" and checks have it."""
    shutil.copytree(TOP, tmp_path / "resnet_viz", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "resnet_viz" / "spec" / "train.py"
    last = "    def validate(self) -> None:"
    line = '    patience: int = row(5, "Patience", "Epochs to wait.", low=0, tab="training")\n\n'
    assert last in file.read_text()
    file.write_text(file.read_text().replace(last, line + last, 1))
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EVERYWHERE],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert answer.stdout.strip().endswith("everywhere"), answer.stderr[-2000:]


def test_a_sentence_is_a_function_of_records_and_a_page_says_it() -> None:
    """It reads the records alone, and `say` shows it letter by letter."""
    from streamlit.testing.v1 import AppTest

    def page() -> None:
        from resnet_viz.runs.record import Record
        from resnet_viz.spec.run import RunSpec
        from resnet_viz.ui.say import say
        from resnet_viz.words.twins import subject

        def longest(records) -> str:
            return f"{subject(records)} & <others>: {max(record.step for record in records)} steps."

        say(longest([Record("a", RunSpec(), "finished", step=step) for step in (3, 7)]))

    (shown,) = [e.proto.body for e in AppTest.from_function(page).run().get("html")]
    assert "56 layers on Digits 8×8 &amp; &lt;others&gt;: 7 steps." in shown
