"""The command line: what it prints for programs, and one sentence for mistakes."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from resnet_viz.cli import main, train
from resnet_viz.cli.options import spec_of
from resnet_viz.nets import refs
from resnet_viz.runs import presence
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec, from_json

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--depth", "55"], "nearest are 50 and 56"),
        (["--batch-size", "5000"], "larger than the 1,350 training images"),
        (["--lr", "-1"], "Learning rate -1"),
        (["--data", "nowhere.npz"], "nowhere.npz"),
        (["--resume", "abc"], "no run abc"),
        (["--no-skip", "28"], "blocks 1 to 27"),
        (["--norm", "none", "--init", "zero_gamma"], "Zero-gamma"),
    ],
)
def test_a_mistake_gets_one_sentence_and_exit_2(arguments, words, capsys) -> None:
    assert main.main(["train", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert Store().runs() == [], "nothing is queued"


@pytest.mark.parametrize("arrays", [{"y": [0, 1]}, {"x": np.zeros((2, 8, 8), np.float32), "y": [0, 1]}])
def test_bad_data_gets_one_sentence(arrays, tmp_path, capsys) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    assert main.main(["train", "--data", str(tmp_path / "bad.npz")]) == 2
    assert "bad.npz" in capsys.readouterr().err


def test_every_field_of_a_spec_is_an_option() -> None:
    options = main.parser().parse_args(
        ["train", "--no-skip", "3", "9", "--augment", "flip", "--no-channels-last", "--width", "2"]
    )
    spec = spec_of(options)
    assert spec.model.no_skip == (3, 9)
    assert spec.model.width == 2
    assert spec.data.augment == ("flip",)
    assert not spec.train.channels_last


def test_a_run_that_has_finished_is_not_gone_on_with(capsys) -> None:
    store = Store()
    run = store.create([(RunSpec(), 1)])[0]
    store.claim("w").end("diverged")
    assert main.main(["train", "--resume", run]) == 2
    assert "has diverged" in capsys.readouterr().err


def test_a_run_is_shown_and_its_json_holds_no_nan(capsys) -> None:
    """JSON has neither NaN nor infinity (RFC 8259, section 6)."""
    store = Store()
    run = store.create([(RunSpec(), 1)])[0]
    store.claim("w").end("diverged", "Step 1.", {"test_loss": float("nan"), "train_loss": 2.5})

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    for arguments in (["runs", "--json"], ["runs", run, "--json"], ["runs", run]):
        assert main.main(arguments) == 0
        shown = json.loads(capsys.readouterr().out, parse_constant=refuse)
        assert (shown["run"], shown["test_loss"], shown["train_loss"]) == (run, None, 2.5)
    assert from_json(json.dumps(shown["spec"])) == RunSpec()


def test_a_home_that_cannot_be_written_gets_one_sentence(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RESNET_VIZ_HOME", str(tmp_path / "file"))
    assert main.main(["runs"]) == 2
    assert "set RESNET_VIZ_HOME" in capsys.readouterr().err


NOWHERE = "/nowhere/at/all/x"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["export", "RUN", "--csv", NOWHERE], "no folder '/nowhere/at/all'"),
        (["export", "RUN", "--html", NOWHERE], "no folder '/nowhere/at/all'"),
        (["export", "RUN", "--html", "/"], "is a folder"),
        (["export", "RUN", "--script", "x.txt"], "no name for a script; let it end in .py"),
        (["export", "RUN", "RUN", "--script", "x.py"], "A script is of one run, not of 2; name one."),
        (["lab", "lesion", "--save", NOWHERE], "no folder"),
        (["lab", "sweep", "--save", NOWHERE], "no folder"),
        (["reference", "bogus"], "Set of twins 'bogus' is not known; choose one of digits-56,"),
        (["reference", "--to", NOWHERE], "no folder"),
        (["train", "--resume", "RUN", "--lr", "0.1", "--epochs", "3"], "leave --lr, --epochs out"),
        (["train", "--resume", "RUN", "--twins"], "leave --twins out"),
    ],
)
def test_what_can_not_be_done_is_said_before_any_work(arguments, words, capsys) -> None:
    store = Store()
    run = store.create([(RunSpec(), 1)])[0]
    assert main.main([run if word == "RUN" else word for word in arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert [r.id for r in store.runs()] == [run]


def test_export_writes_every_file_that_is_asked_for(tmp_path, capsys) -> None:
    run = Store().create([(RunSpec(), 1)])[0]
    csv, html, script = tmp_path / "a.csv", tmp_path / "b.html", tmp_path / "c.py"
    more = ["--parquet", str(tmp_path / "d.parquet"), "--tensorboard", str(tmp_path / "e"), "--script", str(script)]
    assert main.main(["export", run, "--csv", str(csv), "--html", str(html), *more]) == 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".html", ".py", ".npz", ".parquet", ""}
    assert script.read_text().startswith(f'"""The training residual-56 on digits, run {run}.')
    assert csv.read_text().startswith("run,name,metric")
    assert html.read_text().startswith("<!DOCTYPE html>")
    said = capsys.readouterr().out
    assert str(csv) in said
    assert str(html) in said


def test_a_run_is_deleted_with_a_word(capsys) -> None:
    store = Store()
    run = store.create([(RunSpec(), 1)])[0]
    assert main.main(["runs", "--delete", run]) == 0
    assert f"Deleted {run}, residual-56 on digits" in capsys.readouterr().out
    assert store.runs() == []


def test_networks_lists_what_labs_take(capsys) -> None:
    assert main.main(["networks"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {"shipped:digits-residual-20", "shipped:digits-plain-20"} <= set(listed)
    for ref in listed:
        assert refs.find(ref, Store()).ref == ref


def test_a_reader_that_leaves_early_meets_no_traceback() -> None:
    store = Store()
    store.create([(RunSpec(), 1)] * 2000)
    command = f"{sys.executable} -m resnet_viz runs | head -1"
    answer = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT)
    assert "residual-56 on digits" in answer.stdout
    assert answer.stderr == ""


def test_every_option_has_its_help() -> None:
    def walk(parser):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, inner in action.choices.items():
                    yield from ((f"{name} {option}", text) for option, text in walk(inner))
            elif action.option_strings:
                yield action.option_strings[0], action.help

    assert [option for option, text in walk(main.parser()) if not text] == []


@pytest.mark.slow
def test_twins_end_in_a_line_of_json_each() -> None:
    """In a process of its own, as a script would call it; then listed and exported."""

    def call(*arguments: str) -> str:
        command = [sys.executable, "-m", "resnet_viz", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300).stdout

    lines = [
        json.loads(line) for line in call("train", "--twins", "--depth", "8", "--epochs", "2", "--json").splitlines()
    ]
    results = [line for line in lines if line["event"] == "result"]
    assert lines[-2:] == results
    assert [r["shortcut"] for r in results] == ["identity", "none"]
    for result in results:
        assert result["status"] == "finished"
        assert result["steps"] == 22
        assert result["depth"] == 8
        assert 0 <= result["test_accuracy"] <= 1
        assert {"run", "train_loss", "test_loss", "seconds"} <= result.keys()
    assert sum(line["event"] == "epoch" for line in lines) == 4

    listed = [json.loads(line)["run"] for line in call("runs", "--json").splitlines()]
    assert set(listed) == {r["run"] for r in results}
    table = call("export", results[0]["run"]).splitlines()
    assert table[0] == "run,name,metric,step,index,value"
    assert sum(",loss,2," in line for line in table) == 1
    assert "freed" in call("prune", "--cap", "0")
    call("runs", "--delete", results[0]["run"])
    assert results[0]["run"] not in call("runs")


def test_why_a_run_waits_is_said_once_and_where_the_log_is(monkeypatch, capsys) -> None:
    """A worker that can't start, as `engine` finds it; then one that can."""
    store = Store()
    monkeypatch.setattr(train.engine, "supervise", lambda *_args, **_options: None)
    looks = iter(range(100))

    def pass_time(_) -> None:
        look = next(looks)
        if look == 0:
            presence.complain(store, "A worker failed: no torch. Its log is /there/worker.log.")
        if look == 3:
            store.claim("w").end("finished", result={"test_accuracy": 0.5})

    # The command's own time alone: supervisors of other tests sleep on.
    monkeypatch.setattr(train, "time", SimpleNamespace(sleep=pass_time, monotonic=time.monotonic))
    assert main.main(["train", "--depth", "8"]) == 0
    assert capsys.readouterr().err.count("no torch. Its log is /there/worker.log") == 1
    store.create([(RunSpec(), 1)])
    main.main(["runs"])
    assert "no torch" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["RESNET_VIZ_DISK_GB", "RESNET_VIZ_WORKERS"])
@pytest.mark.parametrize("value", ["abc", "-1", "nan", "inf"])
def test_a_setting_that_is_no_number_is_one_sentence(monkeypatch, capsys, name, value) -> None:
    monkeypatch.setenv(name, value)
    command = ["prune"] if name == "RESNET_VIZ_DISK_GB" else ["train", "--depth", "8"]
    assert main.main(command) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"resnet_viz: {name}={value} is not a number from 0 up; set it to one, such as ")
    assert len(set(error.splitlines())) == 1
    assert Store().runs() == []
    if name == "RESNET_VIZ_DISK_GB":
        assert main.main(["work"]) == 2
        assert main.main(["runs"]) == 0, "commands that do not ask for it go on"
