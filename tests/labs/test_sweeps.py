"""Sweeps: the grids, what is read from their runs, and how they are drawn beside the papers' figures."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resnet_viz.data import catalogue
from resnet_viz.figures.sweeps import sweep
from resnet_viz.labs import grids
from resnet_viz.runs import sweeps
from resnet_viz.runs.record import Record, load
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec, SpecError
from resnet_viz.spec.train import TrainSpec
from resnet_viz.words import sweeps as sweep_words
from resnet_viz.workers import engine

ROOT = Path(__file__).parents[2]
BASE = RunSpec()
FEW = RunSpec(ModelSpec(depth=20), DataSpec(limit=256, validation=0.3), TrainSpec(batch_size=64))


def records(specs, error: Callable[[RunSpec], float], status: str = "finished") -> list[Record]:
    """Made-up records whose test error, in %, is ``error`` of the spec."""
    found = []
    for number, spec in enumerate(specs):
        result = {"test_accuracy": 1 - error(spec) / 100, "fit_accuracy": 1.0}
        held = (np.array([100]), np.array([1 - error(spec) / 100], np.float32))
        ended = result if status == "finished" else {}
        found.append(Record(str(number), catalogue.fill(spec), status, result=ended, series={"val_accuracy": held}))
    return found


def rises(spec: RunSpec) -> float:
    """Plain: a tenth of the depth and the seed; with skips: 2 and the seed."""
    return (spec.model.depth if spec.model.shortcut == "none" else 20) / 10 + spec.train.seed


DEPTHS = grids.depth_grid(BASE, (8, 56, 20), ("identity", "none"), 2)


def test_a_grid_has_every_cell_once_seed_by_seed_and_deepest_first() -> None:
    assert [(s.train.seed, s.model.depth, s.model.shortcut) for s in DEPTHS] == [
        (seed, depth, shortcut) for seed in (0, 1) for depth in (56, 20, 8) for shortcut in ("identity", "none")
    ]
    assert DEPTHS[0].twin() == DEPTHS[1]


def test_each_remedy_changes_one_thing_and_keeps_the_number_of_steps() -> None:
    bare, *changed = grids.remedy_grid(FEW, list(sweeps.REMEDIES), 1)
    assert sweeps.remedy(bare, 256) == ""
    assert [sweeps.remedy(spec, 256) for spec in changed] == list(sweeps.REMEDIES)
    assert {catalogue.total_steps(catalogue.fill(spec)) for spec in (bare, *changed)} == {12 * 4}
    for spec in changed:
        parts = [getattr(spec, part) != getattr(bare, part) for part in ("model", "data", "train")]
        assert sum(parts) == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: grids.depth_grid(BASE, (), ("none",), 1), "at least one depth"),
        (lambda: grids.remedy_grid(BASE, ["mixup"], 1), "start from fewer"),
        (lambda: grids.remedy_grid(FEW, ["four"], 0), "one seed"),
        (lambda: grids.remedy_grid(replace(FEW, data=DataSpec(limit=500)), ["four"], 1), "2000 of the 1,350"),
        (lambda: grids.check(grids.depth_grid(BASE, (21,), ("none",), 1)), "20 and 26"),
        (lambda: grids.check(grids.depth_grid(BASE, (8, 20), ("none",), 31), "about 3 h"), "62 runs and would take about 3 h"),
    ],
)  # fmt: skip
def test_what_can_not_be_swept_is_said_in_a_sentence(make, words) -> None:
    with pytest.raises(SpecError, match=words):
        make()


@pytest.mark.parametrize(
    ("specs", "kind"),
    [
        (DEPTHS, "depth"),
        (grids.depth_grid(BASE, (20,), ("identity", "none", "concat"), 1), "shortcut"),
        (grids.remedy_grid(FEW, ["twice", "stochastic_depth", "augment"], 2), "overfitting"),
        ([replace(BASE, train=TrainSpec(lr=rate)) for rate in (0.1, 0.01)], "lr"),
        ([BASE, BASE.twin()], ""),
        ([BASE, replace(BASE, data=DataSpec("mnist")), replace(BASE, train=TrainSpec(momentum=0))], ""),
        ([], ""),
    ],
)
def test_what_varies_says_which_question_is_asked(specs, kind) -> None:
    assert sweeps.question(specs) == kind
    # Some runs resolved for a machine, some still queued: a half-finished sweep is the same sweep.
    mixed = [replace(s, train=replace(s.train, device="cpu", dtype="bfloat16", threads=1)) for s in specs[:2]]
    assert sweeps.question([*mixed, *specs[2:]]) == kind


def test_cells_are_means_over_the_seeds_that_have_finished() -> None:
    half = records(DEPTHS[:6], rises) + records(DEPTHS[6:], rises, "queued")
    assert [(c.key, c.errors.round(3).tolist()) for c in sweeps.cells(half)] == [
        (("none", 8), [0.8]), (("none", 20), [2.0]), (("none", 56), [5.6]),
        (("identity", 8), [2.0]), (("identity", 20), [2.0]), (("identity", 56), [2.0]),
    ]  # fmt: skip
    whole = sweeps.cells(records(DEPTHS, rises))
    assert whole[2].errors.tolist() == pytest.approx([5.6, 6.6])


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            records(DEPTHS, rises),
            "Test error with growing depth: residual from 2.5 % at 8 layers to 2.5 % at 56, "
            "plain from 1.3 % at 8 layers to 6.1 % at 56.",
        ),
        (records(DEPTHS, rises, "queued"), "0 of 12 runs done. Waiting for the first run to finish."),
        (records(DEPTHS, rises, "lost"), "No run of this sweep has finished."),
        (
            records(grids.depth_grid(BASE, (20,), ("identity", "scaling", "none"), 1), lambda s: len(s.model.shortcut)),
            "At 20 layers, plain has a test error of 4.0 %, the lowest; residual 8.0 %, the highest.",
        ),
        (
            records(grids.remedy_grid(FEW, ["twice", "mixup"], 1), lambda s: 5 if s.train.mixup else 12),
            "Trained on 256 images without any remedy: 100 % right on them, 88 % on new ones. "
            "Best: mixup, α = 1, 95 %. Best without more data: mixup, α = 1, 95 %.",
        ),
        (
            records([replace(BASE, train=TrainSpec(lr=rate)) for rate in (0.1, 0.01)], lambda s: 100 * s.train.lr),
            "residual-56 tests best at learning rate 0.01: 1.0 % wrong, 10 % at 0.1.",
        ),
        ([], "No sweep yet."),
    ],
)  # fmt: skip
def test_the_sentence_states_what_was_measured(found, sentence) -> None:
    assert sweep_words.verdict(found) == sentence


def test_diverged_runs_are_counted_not_averaged() -> None:
    found = records(DEPTHS[:-1], rises) + records(DEPTHS[-1:], rises, "diverged")
    assert sweep_words.verdict(found).endswith(" 1 run diverged.")
    assert any("1 diverged" in note["text"] for note in sweep("depth", found).layout["annotations"])


def roles(drawing, role: str) -> list[dict]:
    return [trace for trace in drawing.data if (trace.get("meta") or {}).get("role") == role]


def test_the_depth_chart_draws_the_papers_tables_up_to_the_deepest_net() -> None:
    drawing = sweep("depth", records(DEPTHS, rises))
    drawing.figure()
    he, li = roles(drawing, "paper")
    assert dict(zip(he["x"].tolist(), he["customdata"].tolist(), strict=True)) == {
        20: 8.75,
        32: 7.51,
        44: 7.17,
        56: 6.97,
    }
    assert dict(zip(li["x"].tolist(), li["customdata"].tolist(), strict=True)) == {20: 8.18, 56: 13.31}
    plain = next(t for t in roles(drawing, "line") if t["meta"]["shortcut"] == "none")
    assert plain["x"].tolist() == [8, 20, 56]
    np.testing.assert_allclose(10 ** plain["y"], [1.3, 2.5, 6.1])
    assert plain["line"]["dash"] == "dash"


def test_shortcuts_stand_best_on_top_beside_table_1() -> None:
    kinds = ("identity", "none", "scaling", "concat")
    errors = {"identity": 1, "none": 9, "scaling": 2, "concat": 3}
    found = records(grids.depth_grid(BASE, (20,), kinds, 2), lambda s: errors[s.model.shortcut])
    drawing = sweep("shortcut", found)
    drawing.figure()
    assert drawing.layout["yaxis"]["ticktext"] == ["plain", "concatenation", "scaling by half", "residual"]
    assert [float(10 ** t["x"][0]) for t in roles(drawing, "mean")] == pytest.approx([9, 3, 2, 1])
    assert {round(float(10 ** t["x"][0]), 2) for t in roles(drawing, "paper")} == {6.61, 12.35, 20.0}


def test_remedies_show_both_accuracies_and_the_gap() -> None:
    found = records(grids.remedy_grid(FEW, ["mixup"], 2), lambda s: 5 if s.train.mixup else 12)
    drawing = sweep("overfitting", found)
    drawing.figure()
    assert drawing.layout["yaxis"]["ticktext"] == ["no remedy", "mixup, α = 1"]
    assert [t["x"][0] for t in roles(drawing, "on new images")] == pytest.approx([88, 95], abs=1e-4)
    assert [note["text"] for note in drawing.layout["annotations"]] == ["gap 12", "gap 5.0"]


@pytest.mark.parametrize("kind", sweeps.QUESTIONS)
def test_an_empty_sweep_is_drawn_too(kind) -> None:
    sweep(kind, []).figure()


def test_a_queue_takes_as_long_as_its_busiest_worker(tmp_path, monkeypatch) -> None:
    store = Store(tmp_path / "home")
    monkeypatch.setenv("RESNET_VIZ_WORKERS", "2")
    assert engine.queue_seconds(store, [(BASE, 1.0)]) is None
    spec = catalogue.fill(BASE)
    speed = engine.run_seconds(spec, 1.0, catalogue.total_steps(spec)) / 10  # ten seconds a run
    monkeypatch.setattr(store, "speeds", lambda: [(spec, speed)])
    ten = engine.queue_seconds(store, [(BASE, 1.0)])
    assert ten == pytest.approx(10)
    assert engine.queue_seconds(store, [(BASE, 1.0)] * 2) == pytest.approx(10)
    assert engine.queue_seconds(store, [(BASE, 1.0)] * 3) == pytest.approx(20)
    assert engine.queue_seconds(store, [(BASE, 0.5), (BASE, 1.0), (BASE, 1.0)]) == pytest.approx(15)


@pytest.mark.parametrize("kind", sweeps.QUESTIONS)
def test_the_sweep_that_ships_is_whole_small_and_answers_its_question(kind) -> None:
    path = ROOT / "assets" / "labs" / f"sweep-{kind}.npz"
    assert path.stat().st_size < 200_000
    found = load(path)
    assert sweeps.question([r.spec for r in found]) == kind
    assert {r.status for r in found} == {"finished"}


@pytest.mark.slow
def test_the_command_line_sweeps_says_each_run_and_keeps_what_was_measured(tmp_path) -> None:
    file = tmp_path / "sweeps.npz"
    command = [
        sys.executable,
        "-m",
        "resnet_viz",
        "lab",
        "sweep",
        "--depths",
        "8",
        "14",
        "--seeds",
        "1",
        "--epochs",
        "1",
    ]
    done = subprocess.run(
        [*command, "--save", str(file), "--json"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    *runs, last = (json.loads(line) for line in done.stdout.splitlines())
    assert [line["done"] for line in runs] == [1, 2, 3, 4]
    assert last["event"] == "result"
    assert "Test error with growing depth" in last["sentence"]
    assert [cell["cell"] for cell in last["cells"]] == [["none", 8], ["none", 14], ["identity", 8], ["identity", 14]]
    assert sweep_words.verdict(load(file)) == last["sentence"]
