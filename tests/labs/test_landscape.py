"""The loss landscape against the paper's own definitions: filter norms, a plane's centre, a path that lies in a plane."""

import copy
import json
import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resnet_viz import labs
from resnet_viz.cli import main
from resnet_viz.data import catalogue
from resnet_viz.data.splits import load_splits
from resnet_viz.labs import directions, landscape
from resnet_viz.nets import refs, weights
from resnet_viz.nets.refs import NetworkError
from resnet_viz.nets.weights import Network
from resnet_viz.runs.events import Checkpoint, Point, Result
from resnet_viz.runs.record import load
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.lab import LandscapeSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec, SpecError, from_json, to_json
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train import job as training
from resnet_viz.workers import worker

REFS = ("shipped:digits-residual-20", "shipped:digits-plain-20")


@pytest.fixture(scope="module")
def nets() -> list[Network]:
    return [net(ref) for ref in REFS]


def net(ref: str) -> Network:
    found = next(s for s in refs.shipped() if s.ref == ref)
    return weights.load(found)


def job(**settings) -> RunSpec:
    lab = LandscapeSpec(REFS, **{"size": 5, "images": 32} | settings)
    return labs.run_of(lab, Store(), TrainSpec(device="cpu", threads=2))


def points(spec: RunSpec, nets, count: int | None = None) -> list[Point]:
    """The first points, or all."""
    return list(islice((event for event in landscape.run(spec, nets, Store()) if isinstance(event, Point)), count))


def surface(found: list[Point], number: int) -> dict[tuple[float, float], float]:
    return {(p.values["x"], p.values.get("y", 0.0)): p.values[f"{number}.loss"] for p in found}


@torch.no_grad()
def loss(network: Network, count: int, split: str = "train") -> float:
    """Mean loss as anybody would compute it."""
    splits = load_splits(network.source.data)
    x, y = splits.images[split][:count], splits.labels[split][:count]
    return F.cross_entropy(network.model(network.prepare(x)), torch.from_numpy(y)).item()


def test_the_centre_is_the_evaluation_loss_and_comes_first(nets) -> None:
    first = points(job(images=0, split="test", dimensions=1), nets, 1)[0]
    assert first.values["x"] == 0
    for number, network in enumerate(nets):
        assert first.values[f"{number}.loss"] == pytest.approx(loss(network, 10_000, "test"), abs=1e-5)


def test_any_point_is_the_loss_of_the_weights_moved_by_hand(nets) -> None:
    found = points(job(), nets[:1])
    moved = replace(nets[0], model=copy.deepcopy(nets[0].model))
    both = [directions.random_direction(nets[0].model, 0, n) for n in (0, 1)]
    with torch.no_grad():
        for name, parameter in moved.model.named_parameters():
            for distance, direction in zip((0.5, -1.0), both, strict=True):
                if name in direction:
                    parameter += distance * direction[name]
    assert surface(found, 0)[0.5, -1.0] == pytest.approx(loss(moved, 32), rel=1e-4)


def test_the_networks_themselves_do_not_move(nets) -> None:
    before = {name: value.clone() for name, value in nets[0].model.state_dict().items()}
    points(job(dimensions=1), nets)
    after = nets[0].model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_random_direction_has_the_networks_filter_norms_and_leaves_norms_and_biases(nets) -> None:
    model = copy.deepcopy(nets[0].model)
    with torch.no_grad():
        model.conv1.weight[3] = 0  # a dead filter stays where it is
    direction = directions.random_direction(model, 0, 0)
    assert set(direction) == {
        f"{name}.weight" for name, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)
    }
    for name, d in direction.items():
        own = model.get_parameter(name)
        for mine, theirs in zip(d, own, strict=True):
            assert mine.norm().item() == pytest.approx(theirs.norm().item(), rel=1e-4)
    again, other = (directions.random_direction(model, seed, 0) for seed in (0, 1))
    assert torch.equal(again["fc.weight"], direction["fc.weight"])
    assert not torch.equal(other["fc.weight"], direction["fc.weight"])


def test_one_dimension_is_the_middle_row_of_two(nets) -> None:
    row = surface(points(job(dimensions=1), nets[1:]), 0)
    plane = surface(points(job(), nets[1:]), 0)
    assert len(row) == 5
    assert len(plane) == 25
    for place, value in row.items():
        assert plane[place] == value


def test_coarse_grids_come_first_and_every_point_once() -> None:
    axes = [np.linspace(-1, 1, 17)] * 2
    found = np.array(directions.grid_order(axes))
    assert found[0].tolist() == [8, 8]
    assert len({tuple(p) for p in found.tolist()}) == 17**2
    for count, stride in ((25, 4), (81, 2), (289, 1)):
        assert (found[:count] % stride == 0).all()


def on_a_line(network: Network, distances, seed: int = 0) -> list[Network]:
    """A made-up training whose weights are w + a·d1 + b·d2."""
    both = [directions.random_direction(network.model, seed, n) for n in (0, 1)]
    moments = []
    for step, place in enumerate(distances, 1):
        model = copy.deepcopy(network.model)
        with torch.no_grad():
            for name in both[0]:
                for distance, direction in zip(place, both, strict=True):
                    model.get_parameter(name).add_(direction[name], alpha=distance)
        moments.append(Network(replace(network.source, step=step), model, network.mean, network.std, network.classes))
    return moments


def test_the_plane_of_a_path_holds_a_path_that_lies_in_a_plane(nets) -> None:
    places = np.array([(-1.0, 0.1), (-0.6, 0.4), (-0.3, 0.35), (-0.1, 0.1), (0.0, 0.0)])
    moments = on_a_line(nets[0], places)
    plane = directions.path_plane(nets[0], moments)
    assert plane.share.sum() == pytest.approx(1, abs=1e-4)
    # Distances along the path are those between the weights.
    flat = [torch.cat([w.flatten() for w in directions.filters(m.model).values()]) for m in moments]
    for a in range(5):
        for b in range(5):
            true = (flat[a] - flat[b]).norm().item()
            assert np.linalg.norm(plane.path[a] - plane.path[b]) == pytest.approx(true, rel=1e-3, abs=1e-3)
    np.testing.assert_allclose(plane.path[-1], 0, atol=1e-5)
    assert plane.path[0, 0] < 0
    # And the axes are orthonormal.
    flat = [torch.cat([w.flatten() for w in d.values()]) for d in plane.directions]
    gram = torch.stack(flat) @ torch.stack(flat).T
    torch.testing.assert_close(gram, torch.eye(2), atol=1e-4, rtol=0)


def test_a_path_is_measured_on_its_own_plane(nets, monkeypatch) -> None:
    moments = on_a_line(nets[0], [(-0.4, 0.1), (-0.2, 0.2), (-0.1, 0.0), (0.0, 0.0)])
    monkeypatch.setattr(refs, "checkpoints", lambda source, store: [m.source for m in moments])
    monkeypatch.setattr(weights, "load", lambda source: moments[source.step - 1])
    found = points(job(directions="path"), nets[:1], 1)
    first = found[0].values
    assert (first["x"], first["y"]) == (0, 0)
    assert first["0.loss"] == pytest.approx(loss(nets[0], 32), abs=1e-5)
    path = first["0.path"].reshape(-1, 2)
    left, right, low, high = first["axes"]
    assert left < path[:, 0].min() < path[:, 0].max() < right
    assert low < path[:, 1].min() < path[:, 1].max() < high
    assert first["0.moments"].tolist() == [1, 2, 3, 4]


def test_a_path_needs_checkpoints(nets) -> None:
    with pytest.raises(NetworkError, match="3 checkpoints"):
        list(landscape.run(job(directions="path"), nets, Store()))


def test_a_path_is_looked_for_in_the_store_that_the_job_was_given(tmp_path) -> None:
    """A worker's store need not be the one that the environment names."""
    store = Store(tmp_path / "elsewhere")
    train = TrainSpec(epochs=3, batch_size=64, dtype="float32", threads=1)
    spec = catalogue.fill(RunSpec(ModelSpec(depth=8, width=0.25), DataSpec(limit=128), train))
    (run,) = store.create([(spec, catalogue.total_steps(spec))])
    claim = store.claim("w")
    for event in training.run(spec):
        if isinstance(event, Checkpoint):
            claim.save(event)
        elif isinstance(event, Result):
            claim.end(event.status, event.message, event.values)
    lab = LandscapeSpec((f"run:{run}",), directions="path", size=5, images=16)
    (done,) = store.create([(labs.run_of(lab, store, TrainSpec(threads=1, device="cpu")), 25)])
    claim = store.claim("w")
    worker.carry_out(store, claim, worker.lab(claim, store))
    ended = store.run(done)
    assert (ended.status, ended.message) == ("finished", "")
    assert len(store.series(done, "0.moments")[1].ravel()) == 3
    assert not (tmp_path / "runs").exists()  # nobody opened the default one


def test_images_of_another_size_are_a_sentence(nets) -> None:
    other = replace(nets[0], source=replace(nets[0].source, spec=replace(nets[0].spec, size=32, channels=3)))
    with pytest.raises(NetworkError, match="32×32"):
        list(landscape.run(job(), [other], Store()))


def test_a_grid_that_takes_too_long_is_refused_with_its_numbers(nets, monkeypatch) -> None:
    monkeypatch.setattr(landscape, "LONGEST", 0.0)
    with pytest.raises(SpecError, match="25 points for 2 networks"):
        list(landscape.run(job(), nets, Store()))


def test_weights_without_a_finite_loss_are_refused_and_an_infinite_loss_around_is_kept(nets) -> None:
    broken = replace(nets[0], model=copy.deepcopy(nets[0].model))
    with torch.no_grad():
        broken.model.fc.weight[0, 0] = math.inf
    with pytest.raises(NetworkError, match="not a finite number"):
        list(landscape.run(job(), [broken], Store()))
    with torch.no_grad():
        broken.model.fc.weight.copy_(nets[0].model.fc.weight * 1e15)
        for norm in (m for m in broken.model.modules() if isinstance(m, nn.BatchNorm2d)):
            norm.weight.mul_(3)  # finite still, but not ten times as much in each of 20 layers
    values = [p.values["0.loss"] for p in points(job(dimensions=1, reach=10.0), [broken])]
    assert math.isfinite(values[0])
    assert math.inf in values
    assert not any(map(math.isnan, values))


def test_the_result_says_what_was_measured(nets) -> None:
    *_, last = landscape.run(job(dimensions=1), nets, Store())
    assert isinstance(last, Result)
    assert last.status == "finished"
    assert "5 points, 32 training images, 1 draw of directions (seed 0)" in last.values["sentence"]
    assert [n["network"] for n in last.values["nets"]] == list(REFS)


def test_a_closed_job_leaves_no_threads_and_as_many_for_torch_as_before(nets) -> None:
    import threading

    before, threads = threading.active_count(), torch.get_num_threads()
    events = landscape.run(replace(job(), train=TrainSpec(device="cpu", threads=threads)), nets, Store())
    next(e for e in events if isinstance(e, Point))
    events.close()
    assert threading.active_count() == before
    assert torch.get_num_threads() == threads


def test_its_spec_goes_to_json_and_back_and_says_what_is_wrong() -> None:
    spec = RunSpec(lab=LandscapeSpec(REFS, directions="path", size=33))
    assert from_json(to_json(spec)) == spec
    with pytest.raises(SpecError, match="Points a side 1025 is not known"):
        replace(spec, lab=LandscapeSpec(REFS, size=1025)).validate()


def test_the_command_line_measures_and_keeps_what_it_measured(capsys, tmp_path) -> None:
    kept = tmp_path / "landscape.npz"
    options = "--size 5 --dimensions 1 --images 16 --threads 1 --device cpu --json --save"
    assert main.main(["lab", "landscape", "--networks", REFS[0], *options.split(), str(kept)]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "result"
    assert "5 points, 16 training images" in last["sentence"]
    (record,) = load(kept)
    assert len(record.get("0.loss")[0]) == 5
    assert record.get("0.loss")[1][0] == np.float32(last["nets"][0]["loss"])
