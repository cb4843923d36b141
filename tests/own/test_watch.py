"""watch: what it records is what one measures by hand, and it never stands in the way of a loop."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import resnet_viz as rv
from resnet_viz.data import catalogue
from resnet_viz.data.batches import Batches
from resnet_viz.data.splits import load_splits
from resnet_viz.errors import UserError
from resnet_viz.runs.layout import layout_of
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train.trainer import Trainer
from tests.own.loops import Net, batch, record, train

pytestmark = pytest.mark.usefixtures("one_thread")


def by_hand(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> dict[str, list[float]]:
    """What one step measures, by autograd alone, without a hook."""
    h, outputs, shares = model.stem(x), [], []
    for block in model.blocks:
        branch = block.norm(block.two(F.relu(block.one(h))))
        shares.append((branch.norm() / h.norm()).item())
        h = F.relu(branch + h)
        h.retain_grad()
        outputs.append(h)
    loss = F.cross_entropy(model.head(h.mean((2, 3))), y)
    loss.backward()
    weights = [p for name, p in model.named_parameters() if name.endswith("weight") and p.ndim > 1]
    return {
        "loss": [loss.item()],
        "grad_block": [h.grad.norm().item() for h in outputs],
        "grad_weight": [p.grad.norm().item() for p in weights],
        "branch_share": shares,
    }


def test_what_is_recorded_is_what_autograd_gives() -> None:
    model, (x, y) = Net(), batch()
    expected = by_hand(copy.deepcopy(model), x, y)
    before = [p.detach().clone() for p in model.parameters() if p.ndim > 1]
    with rv.watch(model, name="mine") as watch:
        logits = train(model, watch, [(x, y)])
    seen = record()
    for metric, values in expected.items():
        np.testing.assert_allclose(np.ravel(seen.get(metric)[1][0]), values, rtol=1e-4, err_msg=metric)
    after = [p for p in model.parameters() if p.ndim > 1]
    moved = [((a - b).norm() / b.norm()).item() for a, b in zip(after, before, strict=True)]
    np.testing.assert_allclose(seen.get("update_ratio")[1][0], moved, rtol=1e-4)
    assert seen.last("accuracy") == pytest.approx((logits.argmax(1) == y).float().mean().item())
    assert seen.last("lr") == pytest.approx(0.1)
    assert (seen.name, seen.status, seen.step, seen.spec.kind) == ("mine", "finished", 1, "watch")
    assert [(b.name, b.has_skip, b.channels, b.size) for b in seen.layout.blocks] == [
        ("blocks.0", True, 4, 8),
        ("blocks.1", True, 4, 8),
    ]
    assert seen.layout.layers == tuple(n for n, p in model.named_parameters() if n.endswith("weight") and p.ndim > 1)


def test_a_net_of_ours_gives_what_our_trainer_records() -> None:
    """The same net, the same images, the same step."""
    settings = TrainSpec(batch_size=16, device="cpu", dtype="float32", threads=1)
    spec = catalogue.fill(RunSpec(ModelSpec(depth=14), DataSpec(limit=64), settings))
    images = Batches(load_splits(spec.data), spec)
    ours, again = Trainer(spec, images).advance(), Trainer(spec, images)
    x, y = again.images.batch(1)
    again.model.train()
    with rv.watch(again.model) as watch:
        train(again.model, watch, [(x, y)], again.optimizer)
    for metric in ("loss", "accuracy", "grad_block", "grad_weight", "update_ratio", "branch_share"):
        np.testing.assert_allclose(np.ravel(record().get(metric)[1][0]), ours.values[metric], rtol=1e-4, err_msg=metric)
    assert record().layout.blocks == layout_of(spec.model).blocks


def test_the_loop_goes_as_it_would_go_unwatched() -> None:
    model, other, batches = Net(), None, [batch(seed) for seed in range(20)]
    other = copy.deepcopy(model)
    with rv.watch(model) as watch:
        train(model, watch, batches)
    train(other, None, batches)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


def test_hooks_are_gone_after_success_and_error_alike() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def hooks() -> int:
        of_modules = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())
        return of_modules + len(optimizer._optimizer_step_pre_hooks) + len(optimizer._optimizer_step_post_hooks)

    with rv.watch(model) as watch:
        train(model, watch, [batch()], optimizer)
        assert hooks() > 0
    assert hooks() == 0
    wrong = (batch()[0], torch.zeros(5).long())
    with pytest.raises(ValueError, match="Expected input batch_size"), rv.watch(model, name="broken") as watch:
        train(model, watch, [batch(), wrong], optimizer)
    assert hooks() == 0
    assert record().status == "failed"
    assert record().message.startswith("The script ended with ValueError: Expected input batch_size (6) to match")


def test_the_twin_trains_beside_and_says_its_blocks() -> None:
    model = torchvision.models.resnet18(num_classes=10)
    plain = rv.plain_twin(model)
    x, y = torch.randn(4, 3, 32, 32), torch.arange(4)
    with rv.watch(model, name="mine") as watch, rv.watch(plain, name="mine, plain", beside=watch) as other:
        optimizers = [torch.optim.SGD(m.parameters(), 0.01) for m in (model, plain)]
        for one, its, optimizer in zip((model, plain), (watch, other), optimizers, strict=True):
            train(one, its, [(x, y)], optimizer)
    runs = Store().runs()
    assert len({run.group for run in runs}) == 1
    layouts = {run.name: run.layout for run in runs}
    names = [[b.name for b in layout.blocks] for layout in layouts.values()]
    assert names[0] == names[1] == [f"layer{stage}.{place}" for stage in (1, 2, 3, 4) for place in (0, 1)]
    assert [layouts["mine"].residual, layouts["mine, plain"].residual] == [True, False]
    assert [b.stage for b in layouts["mine"].blocks] == [1, 1, 2, 2, 3, 3, 4, 4]


def test_blocks_are_named_or_the_class_that_occurs_most() -> None:
    plain = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))
    x, y = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    with rv.watch(plain) as watch:
        train(plain, watch, [(x, y)])
    assert [b.name for b in record().layout.blocks] == ["0", "2", "4"]
    with rv.watch(Net(), blocks=["blocks.*", "head"]) as watch:
        train(watch.model, watch, [batch()])
    assert [b.name for b in record().layout.blocks] == ["blocks.0", "blocks.1", "head"]
    with pytest.raises(UserError, match=r"Net has no module 'layer\*\.\*'; its first are stem, blocks"):
        rv.watch(Net(), blocks="layer*.*")


def test_an_error_in_watching_is_said_once_and_the_training_goes_on(monkeypatch, caplog) -> None:
    model, batches = Net(), [batch(seed) for seed in range(6)]
    before = model.head.weight.detach().clone()
    with rv.watch(model, name="mine") as watch:
        train(model, watch, batches[:2])
        monkeypatch.setattr(watch.sight, "_block", None)
        monkeypatch.setattr(watch.sight, "take", lambda *_: 1 / 0)
        train(model, watch, batches[2:])
    assert not torch.equal(before, model.head.weight)
    assert [r.getMessage() for r in caplog.records] == [
        "Watching mine stops (ZeroDivisionError: division by zero); its training goes on."
    ]
    assert (record().status, record().step) == ("failed", 2)


def test_a_store_that_cant_be_written_and_a_run_that_is_deleted_end_the_watching_alone(tmp_path, caplog) -> None:
    (tmp_path / "file").write_text("")
    model = Net()
    with rv.watch(model, home=tmp_path / "file") as watch:
        train(model, watch, [batch(), batch()])
    with rv.watch(model) as watch:
        train(model, watch, [batch()])
        Store().delete(Store().runs()[0].id)
        watch._writer._thread.join(10)
        train(model, watch, [batch(), batch()])
    assert ["can't be kept in" in r.getMessage() or "was deleted" in r.getMessage() for r in caplog.records] == [
        True
    ] * 2


def test_the_first_layer_that_is_not_finite_is_named_with_its_step() -> None:
    model, (x, y) = Net(), batch()
    averages = copy.deepcopy(model).blocks[0].norm.running_mean
    with rv.watch(model) as watch:
        train(model, watch, [(x, y)])
        with torch.no_grad():
            model.blocks[1].one.weight[0, 0] = math.nan
        averages = model.blocks[0].norm.running_mean.clone()
        loss = F.cross_entropy(model(x), y)
        after = model.blocks[0].norm.running_mean.clone()
        state = torch.random.get_rng_state()
        watch.step(loss)
    assert not torch.equal(averages, after)
    assert torch.equal(model.blocks[0].norm.running_mean, after)  # the second look left no trace
    assert torch.equal(torch.random.get_rng_state(), state)
    assert record().status == "diverged"
    assert record().message.startswith(
        "Step 2: the loss was not a finite number; the first layer with such an output is blocks.1.one."
    )
