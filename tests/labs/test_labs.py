"""Labs as jobs: their specs, their runs in the store, what a worker makes of them, and the command line."""

import json
import math
import sys
import types

import numpy as np
import pytest

from resnet_viz import labs
from resnet_viz.cli import main
from resnet_viz.data.catalogue import DataError
from resnet_viz.nets import refs
from resnet_viz.runs.claim import Superseded
from resnet_viz.runs.events import Point, Result, Status
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.lab import LABS, LesionSpec, RangeSpec
from resnet_viz.spec.laws import BN_GROWTH
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec, SpecError, from_json, to_json
from resnet_viz.spec.train import TrainSpec
from resnet_viz.workers import engine, worker

TWINS = ("shipped:digits-residual-20", "shipped:digits-plain-20")


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "home")


def counting(monkeypatch, total: int, at=lambda step: None) -> None:
    """In the place of the lesion lab: ``total`` Points, ``at`` called before each."""
    module = types.ModuleType("resnet_viz.labs.lesion")

    def run(spec, nets, store):
        yield Status("Loading")
        for step in range(1, total + 1):
            at(step)
            yield Point(step, {"0.drop": np.array([step, 0.5], np.float32)})
        yield Result("finished", {"sentence": f"{len(nets)} networks."})

    module.run, module.steps = run, lambda spec, nets: total
    monkeypatch.setitem(sys.modules, "resnet_viz.labs.lesion", module)


def claimed(store: Store, lab=LesionSpec(TWINS)):  # noqa: B008 (frozen)
    engine.start(store, [labs.run_of(lab, store, TrainSpec(threads=1))])
    return store.claim("w")


@pytest.mark.parametrize("kind", LABS)
def test_a_spec_with_a_lab_survives_json(kind) -> None:
    spec = RunSpec(lab=LABS[kind]())
    assert from_json(to_json(spec)) == spec
    assert from_json(to_json(spec)).kind == kind


def test_specs_from_before_there_were_labs_still_load() -> None:
    values = json.loads(to_json(RunSpec()))
    del values["lab"]
    assert from_json(json.dumps(values)) == RunSpec()


@pytest.mark.parametrize(
    ("lab", "words"),
    [
        (LesionSpec(), "not 0"),
        (LesionSpec(TWINS, repeats=0), "Random tries 0 is outside 1 to 50"),
        (RangeSpec(min_lr=1.0, max_lr=0.1), "from 1 to 0.1"),
    ],
)
def test_a_lab_that_means_nothing_gets_a_sentence(lab, words) -> None:
    with pytest.raises(SpecError, match=words):
        RunSpec(lab=lab).validate()


def test_a_lab_of_an_unknown_kind_gets_a_sentence() -> None:
    values = json.loads(to_json(RunSpec(lab=LesionSpec(TWINS)))) | {"lab": {"kind": "alchemy"}}
    with pytest.raises(SpecError, match="'alchemy'"):
        from_json(json.dumps(values))


def test_a_labs_run_is_named_and_says_its_kind(store) -> None:
    claim = claimed(store)
    run = claim.run
    assert (run.kind, run.name) == ("lesion", "lesions: residual-20 on digits and 1 more")
    assert run.spec.model == ModelSpec(depth=20, channels=1, size=8)


def test_a_worker_carries_a_lab_out(store, monkeypatch) -> None:
    counting(monkeypatch, 5)
    claim = claimed(store)
    worker.carry_out(store, claim, worker.lab(claim, store))
    done = store.run(claim.run.id)
    assert (done.status, done.step, done.steps) == ("finished", 5, 5)
    assert done.result["sentence"] == "2 networks."
    assert store.series(claim.run.id, "0.drop")[1][:, 0].tolist() == [1, 2, 3, 4, 5]


def test_a_lab_that_is_stopped_begins_again(store, monkeypatch) -> None:
    def stop(step: int) -> None:
        store.want(claim.run.id, "stop")

    monkeypatch.setattr(worker, "WRITE_EVERY", 0.0)
    counting(monkeypatch, 10**6, stop)
    claim = claimed(store)
    worker.carry_out(store, claim, worker.lab(claim, store))
    assert store.run(claim.run.id).status == "stopped"
    counting(monkeypatch, 3)
    store.want(claim.run.id, "run")
    again = store.claim("w")
    worker.carry_out(store, again, worker.lab(again, store))
    assert store.run(claim.run.id).status == "finished"
    assert store.series(claim.run.id, "0.drop")[0].tolist() == [1, 2, 3]


def test_a_network_that_is_gone_when_the_lab_begins_fails_it_with_a_sentence(store) -> None:
    run = store.create([(RunSpec(lab=LesionSpec(("run:gone",))), 0)])[0]
    claim = store.claim("w")
    worker.carry_out(store, claim, worker.lab(claim, store))
    failed = store.run(run)
    assert failed.status == "failed"
    assert failed.message == "There is no run gone; it may have been deleted."


def test_a_lab_that_is_deleted_while_it_runs_writes_nothing_more(store, monkeypatch) -> None:
    monkeypatch.setattr(worker, "WRITE_EVERY", 0.0)
    counting(monkeypatch, 10**6, lambda step: store.delete(claim.run.id))
    claim = claimed(store)
    with pytest.raises(Superseded):
        worker.carry_out(store, claim, worker.lab(claim, store))
    assert store.runs() == []


def test_what_a_training_may_expect_is_not_told_by_labs(store) -> None:
    claim = claimed(store)
    claim.write([Point(s, {"speed": 1e6}) for s in range(1, 20)])
    assert store.speeds() == []
    assert engine.expected_seconds(store, [RunSpec()]) is None


def test_networks_without_images_to_test_on_are_refused(store, monkeypatch) -> None:
    with pytest.raises(refs.NetworkError, match="ResNet-18 on ImageNet was trained on"):
        labs.run_of(LesionSpec(("torchvision:18",)), store)
    other = refs.Source("run:x", "other", ModelSpec(), None, DataSpec("cifar10"))
    find = refs.find
    monkeypatch.setattr(refs, "find", lambda ref, store: other if ref == "run:x" else find(ref, store))
    with pytest.raises(DataError, match="CIFAR-10 are not on this machine"):
        labs.run_of(LesionSpec(("run:x",)), store)
    monkeypatch.setattr(labs.download, "available", lambda name: True)
    with pytest.raises(refs.NetworkError, match="different data"):
        labs.run_of(LesionSpec((TWINS[0], "run:x")), store)


def test_the_command_line_says_each_event_and_ends_in_the_result(monkeypatch, capsys) -> None:
    counting(monkeypatch, 2)
    assert main.main(["lab", "lesion", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1] == {"event": "result", "status": "finished", "message": "", "sentence": "2 networks."}
    assert next(line for line in lines if line["event"] == "point") == {
        "event": "point",
        "step": 1,
        "0.drop": [1, 0.5],
    }
    assert main.main(["lab", "lesion"]) == 0
    assert "2 networks." in capsys.readouterr().out


def test_the_command_line_refuses_in_one_sentence(capsys) -> None:
    assert main.main(["lab", "lesion", "--networks", "run:gone"]) == 2
    assert capsys.readouterr().err == "resnet_viz: There is no run gone; it may have been deleted.\n"
    assert Store().runs() == []


def last_line(capsys, *words: str) -> dict:
    assert main.main(["lab", *words, "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["event"], result["status"]) == ("result", "finished")
    assert result["sentence"].endswith(".")
    return result


def test_gradients_from_the_command_line(capsys) -> None:
    growth = last_line(capsys, "gradients", "--depth", "20")["growth"]
    assert 1 < growth["residual"] < growth["plain"] < BN_GROWTH


@pytest.mark.slow
def test_shattering_from_the_command_line(capsys) -> None:
    """Balduzzi 2017: gradients of a plain net agree to 2 to the minus depth."""
    plain = last_line(capsys, "shattering")["plain"]
    measured = {depth: mean for depth, mean in zip(plain["depths"], plain["mean"], strict=True) if depth <= 8}
    assert max(measured) == 8
    assert measured == pytest.approx({depth: 2.0**-depth for depth in measured}, rel=0.3)


def test_paths_from_the_command_line(capsys) -> None:
    """Veit 2016, section 5.1: path lengths are binomial; their gradients sum to the whole."""
    found = last_line(capsys, "paths", "--depth", "20")
    assert found["count"] == pytest.approx([math.comb(9, k) / 2**9 for k in range(10)])
    assert found["rest"] < 1e-4
