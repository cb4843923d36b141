"""Whole runs in one file: out of one store and into another, where nothing of a stranger's file is trusted."""

import io
import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from resnet_viz.cli import main
from resnet_viz.errors import UserError
from resnet_viz.nets import refs, weights
from resnet_viz.publish import bundle
from resnet_viz.runs.store import Store
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from tests.carried import carried_out

SPEC = RunSpec(ModelSpec(depth=8, width=0.25), train=TrainSpec(epochs=2, batch_size=512, device="cpu", threads=1))


@pytest.fixture(scope="module")
def there(tmp_path_factory) -> Store:
    """Another machine's store, with a pair."""
    threads = torch.get_num_threads()
    store = Store(tmp_path_factory.mktemp("there"))
    carried_out(store, SPEC, SPEC.twin())
    torch.set_num_threads(threads)
    return store


@pytest.fixture(scope="module")
def content(there) -> bytes:
    return bundle.pack(there, [run.id for run in there.runs()])


def logits(store: Store, ref: str) -> torch.Tensor:
    network = weights.load(refs.find(ref, store))
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), np.uint8)
    with torch.no_grad():
        return network.model(network.prepare(images))


def test_a_pair_is_brought_with_all_of_its_curves_and_weights_by_the_command_line(
    there, tmp_path, capsys, monkeypatch
) -> None:
    file = tmp_path / "pair.zip"
    monkeypatch.setenv("RESNET_VIZ_HOME", str(there.home))
    assert main.main(["export", *(run.id for run in there.runs()), "--whole", str(file)]) == 0
    monkeypatch.setenv("RESNET_VIZ_HOME", str(tmp_path / "here"))
    assert main.main(["import", str(file)]) == 0
    assert "residual-8 on digits: finished" in capsys.readouterr().out
    here = Store(tmp_path / "here")
    for before in there.runs():
        after = here.run(before.id)
        local = {"owner": "", "shared": 0, "attempt": 0, "bytes": 0, "wanted": "stop"}
        assert replace(after, **local) == replace(before, **local)
        ours, theirs = here.record(before.id).series, there.record(before.id).series
        assert ours.keys() == theirs.keys() >= {"loss", "grad_block", "val_accuracy", "activation_std"}
        for metric, (steps, values) in theirs.items():
            np.testing.assert_array_equal(ours[metric][0], steps)
            np.testing.assert_array_equal(ours[metric][1], values)
        refs_there = [s.ref for s in refs.checkpoints(refs.find(f"run:{before.id}", there), there)]
        assert len(refs_there) == 2
        for ref in refs_there:
            assert torch.equal(logits(here, ref), logits(there, ref))
    twin = refs.twin(refs.find(f"run:{here.runs()[0].id}", here), here)
    assert twin
    assert twin.ref == f"run:{here.runs()[1].id}"


def test_what_is_here_already_is_not_brought_again(there, content) -> None:
    here = Store()
    bundle.unpack(here, "pair.zip", content)
    kept = sorted(path for path in here.home.rglob("*.safetensors"))
    with pytest.raises(UserError, match="is here already"):
        bundle.unpack(here, "pair.zip", content)
    assert sorted(path for path in here.home.rglob("*.safetensors")) == kept
    assert len(here.runs()) == 2


def test_last_weights_stay_where_others_are_pruned(content) -> None:
    here = Store()
    ids = bundle.unpack(here, "pair.zip", content)
    here.prune(0)
    for run in ids:
        assert [saved.step for saved in here.checkpoints(run)] == [6]
        logits(here, f"run:{run}")


def test_only_runs_that_have_ended_are_written(there) -> None:
    (queued,) = there.create([(SPEC, 6)])
    with pytest.raises(UserError, match="finished or diverged"):
        bundle.pack(there, [queued])
    there.delete(queued)


def rewritten(content: bytes, change) -> bytes:
    """The same file after ``change`` of its records' heads (a list of JSON objects) and of its members."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with np.load(io.BytesIO(members[bundle.RECORDS])) as npz:
        arrays = dict(npz)
    heads = json.loads(arrays["head"].tobytes())
    change(heads[0], arrays, members)
    arrays["head"] = np.frombuffer(json.dumps(heads).encode(), np.uint8)
    held = io.BytesIO()
    np.savez(held, **arrays)
    if bundle.RECORDS in members:
        members[bundle.RECORDS] = held.getvalue()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, value in members.items():
            archive.writestr(name, value)
    return out.getvalue()


def _first_weights(members: dict) -> str:
    return next(name for name in members if name.endswith(".safetensors"))


BAD = {
    "id": (lambda h, a, m: h.update(id="../../etc"), "its id"),
    "group": (lambda h, a, m: h["info"].update(group=7), "its group"),
    "status": (lambda h, a, m: h.update(status="queued"), "its status"),
    "name": (lambda h, a, m: h.update(name=["x"]), "its name"),
    "steps": (lambda h, a, m: h.update(step=10**12), "steps"),
    "time": (lambda h, a, m: h["info"].update(created="now"), "the time created"),
    "result": (lambda h, a, m: h["result"].update(test_accuracy="99 %"), "test_accuracy"),
    "table": (lambda h, a, m: h.update(result=[1]), "no table"),
    "versions": (lambda h, a, m: h["info"].update(versions={"torch": 2}), "version of 'torch'"),
    "field": (lambda h, a, m: h.update(extra=1), "no exported run"),
    "depth": (lambda h, a, m: h["spec"]["model"].update(depth=9), "6n\\+2"),
    "own": (lambda h, a, m: h["spec"].update(own={"factory": "os:system"}), "its user's own"),
    "type": (lambda h, a, m: h["spec"]["model"].update(depth="8"), "no exported run"),
    "huge": (lambda h, a, m: h["spec"]["model"].update(width=16.0), "not those of its network|not of their run"),
    "layout": (lambda h, a, m: h["layout"]["blocks"].pop(), "blocks and layers"),
    "metric": (lambda h, a, m: h["metrics"].append("../x"), "no exported run"),
    "width": (lambda h, a, m: a.update({"0.grad_block.values": a["0.grad_block.values"][:, :1]}), "grad_block of shape"),
    "scalar": (lambda h, a, m: a.update({"0.loss.values": a["0.loss.values"][:, None]}), "loss of shape"),
    "order": (lambda h, a, m: a.update({"0.loss.steps": a["0.loss.steps"][::-1]}), "not in order"),
    "past": (lambda h, a, m: a.update({"0.loss.steps": a["0.loss.steps"] + 9}), "past its end"),
    "object": (lambda h, a, m: a.update({"0.loss.values": np.array([{}] * 6, object)}), "no exported run"),
    "no records": (lambda h, a, m: m.pop(bundle.RECORDS), "no exported run"),
    "pickle": (lambda h, a, m: m.update({_first_weights(m): pickle.dumps(print)}), "nothing else is opened"),
    "cut": (lambda h, a, m: m.update({_first_weights(m): m[_first_weights(m)][:-4]}), "cut short"),
    "other net": (lambda h, a, m: m.update({_first_weights(m): _other()}), "not of their run"),
    "mean": (lambda h, a, m: m.update({_first_weights(m): _other(mean="7")}), "mean"),
    "std": (lambda h, a, m: m.update({_first_weights(m): _other(std="[0]")}), "std"),
}  # fmt: skip


def _other(**head: str) -> bytes:
    """A .safetensors of another net, with its head changed."""
    from safetensors.torch import save

    spec = ModelSpec(depth=14, width=0.25, channels=1, size=8)
    model = weights.models.build(spec)
    source = refs.Source("", "x", spec, None, None, 3)
    return save(model.state_dict(), refs.describe(source, [0.0], [1.0], tuple("0123456789")) | head)


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_with_a_file_is_one_sentence_and_nothing_is_kept(case, content) -> None:
    change, words = BAD[case]
    here = Store()
    with pytest.raises(UserError, match=words) as error:
        bundle.unpack(here, "pair.zip", rewritten(content, change))
    assert len(str(error.value)) < 500
    assert here.runs() == []
    assert not list(here.home.rglob("*.safetensors"))


@pytest.mark.parametrize("held", [b"", b"hello", b"PK\3\4broken"])
def test_what_is_no_such_file_is_said(held) -> None:
    with pytest.raises(UserError, match=r"net\.zip"):
        bundle.unpack(Store(), "net.zip", held)


def test_a_zip_bomb_is_not_unpacked(content) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(bundle.RECORDS, bytes(50_000_000))
    with pytest.raises(UserError, match="is packed"):
        bundle.unpack(Store(), "bomb.zip", out.getvalue())


def test_the_records_may_not_be_a_bomb_either(content) -> None:
    def change(head, arrays, members) -> None:
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("head.npy", "w") as file:
            for _ in range(bundle.SERIES // 2**20 + 1):
                file.write(bytes(2**20))
        members["x"] = inner.getvalue()

    with zipfile.ZipFile(io.BytesIO(rewritten(content, change))) as archive:
        bomb = archive.read("x")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(bundle.RECORDS, bomb)
    with pytest.raises(UserError, match="MiB of curves"):
        bundle.unpack(Store(), "bomb.zip", out.getvalue())
