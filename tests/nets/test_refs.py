"""Networks that ship and runs' checkpoints: found by their ref, loaded as they were, and what is wrong with one said in words."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from resnet_viz.data import catalogue
from resnet_viz.data.splits import load_splits
from resnet_viz.nets import refs, weights
from resnet_viz.nets.refs import NetworkError
from resnet_viz.runs.events import Checkpoint, Result
from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train import job


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with twins of depth 8 that were trained for two epochs, and the weights the residual one ended with."""
    store = Store(tmp_path_factory.mktemp("runs"))
    spec = catalogue.fill(RunSpec(ModelSpec(depth=8), train=TrainSpec(epochs=2, batch_size=256, dtype="float32")))
    ids = store.create([(s, catalogue.total_steps(s)) for s in (spec, spec.twin())])
    last = {}
    for _ in ids:
        claim = store.claim("here")
        for event in job.run(claim.run.spec):
            if isinstance(event, Checkpoint):
                claim.save(event)
                last[claim.run.id] = event
            elif isinstance(event, Result):
                claim.end(event.status, event.message, event.values)
    return store, ids, last


@pytest.mark.parametrize("name", ["digits-residual-20", "digits-plain-20"])
def test_a_net_that_ships_tests_as_is_stated_beside_it(name, tmp_path) -> None:
    source = refs.find(f"shipped:{name}", Store(tmp_path))
    network = weights.load(source)
    assert source.data is not None
    splits = load_splits(source.data)
    with torch.no_grad():
        right = network.model(network.prepare(splits.images["test"])).argmax(1).numpy() == splits.labels["test"]
    assert f"{100 * right.mean():.1f} % test accuracy" in source.about
    assert "seed 0 alone" in source.about


def test_every_net_that_ships_loads_has_a_twin_and_says_what_it_is(tmp_path) -> None:
    store = Store(tmp_path)
    shipped = refs.shipped()
    assert len(shipped) >= 2
    for source in shipped:
        network = weights.load(source)
        assert len(network.classes) == source.spec.classes == 10
        assert not any(p.requires_grad for p in network.model.parameters())
        twin = refs.twin(source, store)
        assert twin is not None
        assert twin.spec.residual != source.spec.residual
        assert refs.twin(twin, store) == source
        looks = refs.checkpoints(source, store)
        assert looks[-1] == source
        assert [refs.find(look.ref, store) for look in looks] == looks
        assert [s.step for s in looks] == sorted({s.step for s in looks})


def test_a_runs_last_state_is_loaded_bit_for_bit(trained) -> None:
    store, ids, last = trained
    source = refs.find(f"run:{ids[0]}", store)
    network = weights.load(source)
    import io

    saved = torch.load(io.BytesIO(last[ids[0]].data), weights_only=True)
    for name, value in network.model.state_dict().items():
        assert torch.equal(value, saved["model"][name])
    splits = load_splits(source.data)
    mean = splits.images["train"].mean((0, 1, 2))
    assert network.mean.numpy() == pytest.approx(mean, rel=1e-5)
    assert network.classes == splits.classes


def test_a_run_is_looked_back_on_epoch_by_epoch(trained) -> None:
    store, ids, _ = trained
    looks = refs.checkpoints(refs.find(f"run:{ids[1]}", store), store)
    per_epoch = store.run(ids[1]).steps // 2
    assert [s.step for s in looks] == [per_epoch, 2 * per_epoch]
    assert refs.twin(looks[0], store) == refs.checkpoints(refs.find(f"run:{ids[0]}", store), store)[0]
    assert {f"run:{run}" for run in ids} <= {s.ref for s in refs.available(store)}


def test_what_was_saved_is_loaded_again(trained, tmp_path) -> None:
    store, ids, _ = trained
    network = weights.load(refs.find(f"run:{ids[0]}", store))
    path = tmp_path / "net.safetensors"
    weights.save(path, network)
    again = weights.load(replace(network.source, path=path))
    assert all(map(torch.equal, network.model.state_dict().values(), again.model.state_dict().values()))
    assert torch.equal(network.mean, again.mean)
    weights.save(path, network, half=True)
    half = weights.load(replace(network.source, path=path)).model.state_dict()
    for name, value in network.model.state_dict().items():
        assert (
            torch.equal(half[name], value)
            if "running" in name
            else torch.allclose(half[name], value, rtol=1e-3, atol=1e-6)
        )


def test_prepare_normalises_as_training_did(trained) -> None:
    from resnet_viz.data import batches

    store, ids, _ = trained
    network = weights.load(refs.find(f"run:{ids[0]}", store))
    splits = load_splits(network.source.data)
    images = batches.Batches(splits, store.run(ids[0]).spec)
    x, _ = next(images.evaluation_batches("test", 16))
    assert torch.equal(network.prepare(splits.images["test"][:16]), x)


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "run:none",
        "shipped:none",
        "shipped:../twins/digits-plain-20",
        "shipped:*",
        "file:../../x",
        "torchvision:19",
        "x:y",
    ],
)
def test_a_network_that_is_not_there_gets_a_sentence(ref, tmp_path) -> None:
    with pytest.raises(NetworkError, match=r"^There is no .*\.$"):
        refs.find(ref, Store(tmp_path))


def test_a_run_without_weights_says_so(tmp_path) -> None:
    store = Store(tmp_path)
    spec = catalogue.fill(RunSpec(ModelSpec(depth=8)))
    run = store.create([(spec, 1)])[0]
    with pytest.raises(NetworkError, match="no weights"):
        refs.find(f"run:{run}", store)


def test_weights_that_are_cut_short_not_finite_or_missing_get_a_sentence(trained, tmp_path) -> None:
    store, ids, _ = trained
    network = weights.load(refs.find(f"run:{ids[0]}", store))
    path = tmp_path / "net.safetensors"
    weights.save(path, network)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NetworkError, match="can't be read"):
        weights.load(replace(network.source, path=path))
    assert network.source.path is not None
    cut = tmp_path / "cut.pt"
    cut.write_bytes(network.source.path.read_bytes()[:1000])
    with pytest.raises(NetworkError, match="can't be read"):
        weights.load(replace(network.source, path=cut))
    with pytest.raises(NetworkError, match="fetch"):
        weights.load(refs.torchvision(50))
    with torch.no_grad():
        network.model.get_parameter("fc.weight").fill_(np.nan)
    weights.save(path, network)
    with pytest.raises(NetworkError, match="not finite"):
        weights.load(replace(network.source, path=path))


def sweep(store: Store, specs: list[RunSpec]) -> list[str]:
    """Runs of one group that are said to be trained, each with weights of step 1 and 2 and a last state at step 2."""
    ids = store.create([(spec, 2) for spec in specs])
    for _ in ids:
        claim = store.claim("here")
        for step, full in ((1, False), (2, False), (2, True)):
            claim.save(Checkpoint(step, step, full, b"weights"))
        claim.end("finished", "", {})
    return ids


def test_twins_in_a_sweep_differ_in_their_skips_alone(tmp_path) -> None:
    """Two seeds, two depths, three kinds of shortcut in one group, in an order that puts the wrong ones first."""
    store = Store(tmp_path)
    kinds = ("none", "projection", "identity")
    specs = [
        RunSpec(ModelSpec(depth=depth, shortcut=kind), train=TrainSpec(seed=seed))
        for depth in (8, 14)
        for kind in kinds
        for seed in (0, 1)
    ]
    found = dict(zip(specs, sweep(store, specs), strict=True))
    for spec, run in found.items():
        twin = refs.twin(refs.find(f"run:{run}", store), store)
        if spec.model.residual:
            assert twin is not None
            assert twin.ref == f"run:{found[spec.twin()]}"
        else:
            assert twin is not None
            assert twin.ref == f"run:{found[replace(spec, model=replace(spec.model, shortcut='identity'))]}"
        earlier = refs.twin(refs.find(f"run:{run}@1", store), store)
        assert earlier is not None
        assert earlier.ref == f"{twin.ref}@1"


def test_what_workers_chose_for_their_machines_keeps_no_twins_apart(tmp_path) -> None:
    store, spec = Store(tmp_path), RunSpec(ModelSpec(depth=8))
    here = replace(spec.twin(), train=replace(spec.train, device="cpu", dtype="float32", threads=2))
    residual, plain = sweep(store, [spec, here])
    twin = refs.twin(refs.find(f"run:{residual}", store), store)
    assert twin is not None
    assert twin.ref == f"run:{plain}"


def test_a_run_whose_twin_was_not_trained_has_none(tmp_path) -> None:
    store, spec = Store(tmp_path), RunSpec(ModelSpec(depth=8))
    other = replace(spec.twin(), train=replace(spec.train, weight_decay=1e-4))
    first, *_ = sweep(store, [spec, other])
    assert refs.twin(refs.find(f"run:{first}", store), store) is None


def test_a_list_of_many_runs_asks_the_database_and_the_disk_no_more_often_a_run(tmp_path, monkeypatch) -> None:
    store = Store(tmp_path)
    asked: list[str] = []
    exists, looked = type(tmp_path).exists, []
    monkeypatch.setattr(type(tmp_path), "exists", lambda self, **kw: looked.append(self) or exists(self, **kw))
    counts = []
    for count in (3, 20):
        sweep(store, [RunSpec(ModelSpec(depth=8), train=TrainSpec(seed=seed)) for seed in range(count)])
        asked.clear()
        looked.clear()
        store.db.set_trace_callback(asked.append)
        runs = [s for s in refs.available(store) if s.ref.startswith("run:")]
        store.db.set_trace_callback(None)
        counts.append((len(asked), sum(p.is_relative_to(tmp_path / "checkpoints") for p in looked), len(runs)))
    assert counts[0][0] == counts[1][0]
    assert counts[1][1] == counts[1][2] == 23


def test_a_run_is_shown_by_its_newest_weights_that_are_there(tmp_path) -> None:
    store = Store(tmp_path)
    (run,) = sweep(store, [RunSpec(ModelSpec(depth=8))])
    for saved in store.checkpoints(run)[:0:-1]:  # the last state, then the weights of step 2
        saved.path.unlink()
        source = refs.find(f"run:{run}", store)
        assert source.path != saved.path
        assert source in refs.available(store)
        assert refs.checkpoints(source, store)[-1] == source
    assert source.step == 1
