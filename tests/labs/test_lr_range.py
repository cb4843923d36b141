"""The range test: torch-lr-finder's own on the same net, start and batches gives the same curve and the same rate."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from resnet_viz.cli import main
from resnet_viz.data import batches, catalogue
from resnet_viz.data.splits import load_splits
from resnet_viz.figures.rates import range_test
from resnet_viz.labs import lr_range
from resnet_viz.nets import models
from resnet_viz.runs.events import Point, Result
from resnet_viz.runs.record import Record
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.lab import RangeSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train import job, trainer
from resnet_viz.workers import engine, worker

LAB = RangeSpec(min_lr=1e-3, max_lr=10.0, num_steps=40)
SPEC = job.resolve(
    catalogue.fill(
        RunSpec(
            ModelSpec(depth=8),
            DataSpec(limit=512),
            TrainSpec(batch_size=32, device="cpu", dtype="float32", threads=1),
            LAB,
        )
    )
)


def events(spec: RunSpec) -> tuple[list[Point], Result]:
    torch.set_num_threads(1)
    *points, result = lr_range.run(spec, [], Store())
    assert isinstance(result, Result)
    return [p for p in points if isinstance(p, Point)], result


@pytest.mark.parametrize(
    "model", [SPEC.model, pytest.param(SPEC.model.twin(), marks=pytest.mark.slow)], ids=["residual", "plain"]
)
def test_torch_lr_finder_finds_the_same(model) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from torch_lr_finder import LRFinder, TrainDataLoaderIter

    spec = replace(SPEC, model=model)
    points, result = events(spec)

    class Batches(TrainDataLoaderIter):
        """The batches of the run, in its order."""

        def __init__(self) -> None:
            self.images, self.step = batches.Batches(load_splits(spec.data), spec), 0

        def __next__(self):
            self.step += 1
            return self.images.batch(self.step)

    net = models.build(spec.model, spec.train.seed).to(memory_format=torch.channels_last)
    finder = LRFinder(net, trainer.optimizer(spec.train, net), torch.nn.CrossEntropyLoss(), "cpu")
    ends = {"start_lr": LAB.min_lr, "end_lr": LAB.max_lr, "num_iter": LAB.num_steps}
    finder.range_test(Batches(), **ends, smooth_f=lr_range.SMOOTH, diverge_th=lr_range.DIVERGED)
    np.testing.assert_allclose([p.values["lr"] for p in points], finder.history["lr"], rtol=1e-9)
    np.testing.assert_allclose([p.values["smoothed_loss"] for p in points], finder.history["loss"], rtol=1e-3)
    _, suggested = finder.plot()
    assert result.values["lr"] == pytest.approx(suggested, rel=2)


def test_the_net_starts_and_sees_images_as_in_a_training() -> None:
    points, _ = events(SPEC)
    training = next(e for e in job.run(replace(SPEC, lab=None)) if isinstance(e, Point))
    assert points[0].values["loss"] == training.values["loss"]


def test_rates_rise_by_one_factor_from_the_first_to_the_last() -> None:
    rates = [lr_range.lr_at(LAB, step) for step in range(1, LAB.num_steps + 1)]
    assert rates[0] == LAB.min_lr
    assert rates[-1] == pytest.approx(LAB.max_lr)
    np.testing.assert_allclose(np.diff(np.log(rates)), np.log(LAB.max_lr / LAB.min_lr) / (LAB.num_steps - 1))


def test_the_suggestion_is_where_a_known_curve_is_steepest() -> None:
    rates = np.geomspace(1e-5, 10, 100)
    falls = 2.3 / (1 + (rates / 0.02) ** 2)  # a logistic curve of log(rate), steepest at 0.02
    assert lr_range.suggestion(rates, falls) == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("losses", [np.linspace(2, 3, 100), np.ones(100), np.linspace(3, 2, 100)[:12]])
def test_nothing_is_suggested_where_the_loss_falls_nowhere_or_too_few_steps_were_made(losses) -> None:
    assert lr_range.suggestion(np.geomspace(1e-5, 10, 100)[: len(losses)], losses) is None


def test_it_stops_where_the_smoothed_loss_exceeds_four_times_its_best() -> None:
    points, result = events(replace(SPEC, lab=RangeSpec(min_lr=0.1, max_lr=1e4, num_steps=60)))
    smoothed = [p.values["smoothed_loss"] for p in points]
    assert len(points) < 60
    assert all(loss <= 4 * min(smoothed[: i + 1]) for i, loss in enumerate(smoothed[:-1]))
    assert result.status == "finished"
    assert result.values["stopped_at"] == points[-1].values["lr"]


def test_rates_that_are_all_too_small_are_said_and_none_is_suggested() -> None:
    _, result = events(replace(SPEC, lab=RangeSpec(min_lr=1e-9, max_lr=1e-6, num_steps=30)))
    assert result.values["lr"] is None
    assert "hardly moves up to a learning rate of 1e-06: all that were tried are too small" in result.values["sentence"]


def test_a_worker_carries_it_out_and_stores_one_number(tmp_path) -> None:
    store = Store(tmp_path / "home")
    (run_id,) = engine.start(store, [replace(SPEC, train=replace(SPEC.train, device="auto", dtype="auto"))])
    claim = store.claim("w")
    assert claim is not None
    worker.carry_out(store, claim, worker.lab(claim, store))
    done = store.run(run_id)
    assert (done.status, done.kind, done.steps) == ("finished", "lr_range", LAB.num_steps)
    assert LAB.min_lr < done.result["lr"] < LAB.max_lr
    assert "residual-8 falls fastest at a learning rate of" in done.result["sentence"]
    assert len(store.series(run_id, "smoothed_loss")[0]) == done.step


def test_the_chart_marks_each_nets_suggestion_on_its_own_smoothed_loss() -> None:
    records = []
    for spec, found in ((SPEC, 0.02), (SPEC.twin(), 0.2)):
        rates = np.geomspace(LAB.min_lr, LAB.max_lr, LAB.num_steps).astype(np.float32)
        smoothed = (2.3 / (1 + rates / found)).astype(np.float32)
        steps = np.arange(1, LAB.num_steps + 1)
        series = {"lr": (steps, rates), "loss": (steps, smoothed), "smoothed_loss": (steps, smoothed)}
        records.append(Record("r", spec, "finished", result={"lr": found}, series=series))
    drawing = range_test(records)
    drawing.figure()
    marks = [t for t in drawing.data if t["meta"]["role"] == "suggestion"]
    assert [10 ** t["x"][0] for t in marks] == pytest.approx([0.02, 0.2])
    assert [t["y"][0] for t in marks] == pytest.approx([1.15, 1.15], rel=0.02)
    words = {note["text"]: note["xanchor"] for note in drawing.layout["annotations"] if "guessing" not in note["text"]}
    assert words == {"<b>residual</b> 0.02": "right", "<b>plain</b> 0.2": "left"}
    range_test([]).figure()


def test_the_command_line_ends_in_the_result(capsys) -> None:
    options = ["--depth", "8", "--limit", "256", "--batch-size", "32", "--threads", "1", "--num-steps", "20", "--json"]
    assert main.main(["lab", "lr-range", *options]) == 0
    *_, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (last["event"], last["status"]) == ("result", "finished")
    assert "residual-8" in last["sentence"]


def test_a_range_of_rates_that_does_not_rise_is_said(capsys) -> None:
    assert main.main(["lab", "lr-range", "--min-lr", "1", "--max-lr", "0.1"]) == 2
    assert "Learning rates from 1 to 0.1 do not rise" in capsys.readouterr().err
