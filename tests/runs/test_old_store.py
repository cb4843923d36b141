"""A store that version 1 wrote opens, lists, resumes, trains again; its checkpoints load, and its labs draw."""

import io
from dataclasses import asdict

import numpy as np
import pytest
import torch

from resnet_viz.figures import landscape, landscape_record, lesion, lesion_record
from resnet_viz.figures.rates import range_test
from resnet_viz.nets import refs, weights
from resnet_viz.runs.layout import Layout, layout_of
from resnet_viz.runs.store import Store
from resnet_viz.spec import arch
from resnet_viz.spec.lab import LandscapeSpec, LesionSpec, RangeSpec
from resnet_viz.train.job import run as train
from resnet_viz.ui.labs.landscape import shown
from resnet_viz.workers import engine, worker
from tests.old_store import LANDSCAPE, LESION, PLAIN, QUEUED, RANGE, RESIDUAL, STOPPED, unpacked


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(unpacked(tmp_path))


def carry_out(store: Store) -> str:
    """Have a worker carry out what is first in the queue; returns its id."""
    claim = store.claim("w")
    assert claim is not None
    worker.carry_out(store, claim, worker.lab(claim, store) if claim.run.spec.lab else worker.train(claim))
    return claim.run.id


def last_weights(store: Store, run: str) -> dict[str, torch.Tensor]:
    content = store.checkpoints(run, full=True)[-1].path.read_bytes()
    return torch.load(io.BytesIO(content), weights_only=True)["model"]


def test_it_lists_every_run_with_its_name_note_and_end(store) -> None:
    assert {run.id: run.status for run in store.runs()} == {
        QUEUED: "queued", RANGE: "finished", LANDSCAPE: "finished", LESION: "finished",
        STOPPED: "stopped", PLAIN: "finished", RESIDUAL: "finished",
    }  # fmt: skip
    assert store.unreadable() == []
    first = store.run(RESIDUAL)
    assert (first.name, first.note) == ("my first net", "a note")
    assert first.result["test_accuracy"] == pytest.approx(0.2356902)
    assert store.run(PLAIN).spec == first.spec.twin()
    assert first.spec.train.lr == 0.05


def test_its_curves_have_todays_names(store) -> None:
    record = store.record(STOPPED)
    steps, rates = record.get("lr")
    assert steps.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(rates, [0.0005, *[0.001] * 5], rtol=1e-6)  # a warm-up of two steps
    assert "rate" not in record.series
    assert store.record(LANDSCAPE).last("images") == 32
    assert store.run(RANGE).result["lr"] == pytest.approx(0.26366509)
    assert store.run(LESION).result["images"] == 64


def test_a_stopped_run_goes_on_to_the_weights_of_an_undisturbed_one(store) -> None:
    store.want(STOPPED, "run")
    store.want(QUEUED, "stop")
    assert carry_out(store) == STOPPED
    done = store.run(STOPPED)
    assert (done.status, done.step) == ("finished", 16)
    events = list(train(done.spec))
    undisturbed = torch.load(io.BytesIO(events[-2].data), weights_only=True)["model"]
    resumed = last_weights(store, STOPPED)
    assert all(torch.equal(resumed[name], tensor) for name, tensor in undisturbed.items())
    assert done.result["train_loss"] == events[-1].values["train_loss"]
    assert store.series(STOPPED, "loss")[0].tolist() == list(range(1, 17))
    assert Layout.of_json(asdict(done.layout)) == layout_of(done.spec.model)


def test_its_queued_run_is_trained(store) -> None:
    assert carry_out(store) == QUEUED
    assert store.run(QUEUED).status == "finished"


def test_a_run_trained_again_gives_the_weights_it_gave(store) -> None:
    (again,) = engine.start(store, [store.run(RESIDUAL).spec])
    store.want(QUEUED, "stop")
    assert carry_out(store) == again
    old, new = last_weights(store, RESIDUAL), last_weights(store, again)
    assert all(torch.equal(old[name], tensor) for name, tensor in new.items())


def test_its_checkpoints_are_networks(store) -> None:
    assert {f"run:{RESIDUAL}", f"run:{PLAIN}", f"run:{STOPPED}"} <= {s.ref for s in refs.available(store)}
    moments = refs.checkpoints(refs.find(f"run:{RESIDUAL}", store), store)
    assert [source.step for source in moments] == [4, 8]
    for source in moments:
        net = weights.load(source)
        assert net.classes == tuple("0123456789")
        assert net.model(net.prepare(np.zeros((2, 8, 8, 1), np.uint8))).shape == (2, 10)
    assert refs.twin(moments[-1], store).ref == f"run:{PLAIN}"


def test_its_labs_draw(store) -> None:
    record = store.record(LESION)
    assert isinstance(record.spec.lab, LesionSpec)
    assert record.spec.lab.images == 64
    nets = lesion_record.read(
        record, [(run.name, layout_of(run.spec.model)) for run in map(store.run, (RESIDUAL, PLAIN))]
    )
    assert [net.undisturbed for net in nets] == pytest.approx([0.234375, 0.296875])
    assert lesion.singles(nets, 10).figure().data

    record = store.record(LANDSCAPE)
    assert isinstance(record.spec.lab, LandscapeSpec)
    nets = landscape_record.read(record, ["residual-8"])
    assert nets[0].measured
    assert landscape.contours(nets, record.spec.lab, 10).figure().data
    assert shown(store.run(LANDSCAPE), None)

    record = store.record(RANGE)
    assert record.spec.lab == RangeSpec(num_steps=20)
    assert range_test([record]).figure().data


def test_its_labs_are_carried_out_again(store) -> None:
    store.want(QUEUED, "stop")
    specs = [store.run(run).spec for run in (LESION, RANGE)]
    ids = engine.start(store, specs)
    assert [carry_out(store), carry_out(store)] == ids
    assert store.run(ids[0]).result["nets"][0]["accuracy"] == store.run(LESION).result["nets"][0]["accuracy"]
    assert store.run(ids[1]).result["lr"] == store.run(RANGE).result["lr"]


def test_deleting_one_takes_its_files_where_version_1_left_them(store) -> None:
    assert (store.home / "snapshots" / PLAIN).is_dir()
    store.delete(PLAIN)
    assert not (store.home / "snapshots" / PLAIN).exists()
    assert (store.home / "snapshots" / RESIDUAL).is_dir()


def test_going_on_forgets_files_past_the_state_it_goes_on_from(store) -> None:
    store.want(STOPPED, "run")
    store.want(QUEUED, "stop")
    (store.home / "snapshots" / STOPPED / "00000009.full.1.pt.part").write_bytes(b"half of a file, killed")
    assert store.claim("w").run.step == 6
    assert {file.name for file in (store.home / "snapshots" / STOPPED).iterdir()} == {
        "00000000.1.pt", "00000004.1.pt", "00000006.full.1.pt",
    }  # fmt: skip


def test_a_record_from_before_runs_kept_their_layout_has_the_specs(store) -> None:
    record = store.record(RESIDUAL)
    assert record.own_layout is None
    assert [block.name for block in record.layout.blocks] == ["layer1.0", "layer2.0", "layer3.0"]
    assert record.layout.layers == arch.layers(record.spec.model)
