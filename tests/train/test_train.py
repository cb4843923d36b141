"""Training through its public face: `run(spec)`, its events, and the laws they obey."""

import io
import math
import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from resnet_viz.cli import reference
from resnet_viz.data import catalogue
from resnet_viz.data.batches import Batches
from resnet_viz.data.splits import load_splits
from resnet_viz.nets import models
from resnet_viz.runs.events import METRICS, Checkpoint, Point, Result
from resnet_viz.runs.record import load
from resnet_viz.spec import arch
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec, SpecError
from resnet_viz.spec.schedules import BN_IMAGES
from resnet_viz.spec.train import TrainSpec
from resnet_viz.train.job import resolve, run
from resnet_viz.train.trainer import Trainer

SMALL = RunSpec(
    model=ModelSpec(depth=8),
    data=DataSpec(limit=200),
    train=TrainSpec(batch_size=64, epochs=2, dtype="float32", device="cpu", threads=1),
)


def points(events) -> list[Point]:
    return [e for e in events if isinstance(e, Point)]


def weights(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    return torch.load(io.BytesIO(checkpoint.data), weights_only=True)["model"]


def same(a: list[Point], b: list[Point]) -> None:
    assert [p.step for p in a] == [p.step for p in b]
    for p, q in zip(a, b, strict=True):
        assert p.values.keys() == q.values.keys()
        for name in p.values.keys() - {"speed"}:
            np.testing.assert_array_equal(p.values[name], q.values[name], err_msg=name)


def test_the_same_spec_gives_the_same_curve_bit_for_bit() -> None:
    same(points(run(SMALL)), points(run(SMALL)))


def _resumed() -> list:
    """Each way to train, without and with stochastic depth: two that differ in everything fast, the others and bfloat16 slow."""
    ways = [
        {},
        {"optimizer": "adamw", "schedule": "onecycle"},
        {"mixup": 0.2, "label_smoothing": 0.1, "schedule": "cosine"},
        {"dtype": "bfloat16"},
    ]
    fast = [(ways[1], {"stochastic_depth": 0.5}), (ways[2], {})]
    cases = product(ways, ({}, {"stochastic_depth": 0.5}))
    return [pytest.param(*case, marks=[] if case in fast else pytest.mark.slow) for case in cases]


@pytest.mark.parametrize(("changes", "model"), _resumed())
def test_a_run_resumed_at_any_step_equals_an_undisturbed_one(changes, model) -> None:
    spec = replace(
        SMALL,
        model=replace(SMALL.model, **model),
        data=replace(SMALL.data, augment=("flip", "crop")),
        train=replace(SMALL.train, **changes),
    )
    whole = list(run(spec))
    total = points(whole)[-1].step
    for stop in (1, 4, total):
        job = run(spec)
        before = []
        for event in job:
            if isinstance(event, Point):
                before.append(event)
                if event.step == stop:
                    saved = job.send("checkpoint")
                    break
        job.close()
        assert isinstance(saved, Checkpoint)
        assert saved.full
        after = list(run(spec, resume=saved.data))
        same(before + points(after), points(whole))
        ends = [[e for e in events if isinstance(e, Checkpoint)][-1] for events in (whole, after)]
        for name, tensor in weights(ends[0]).items():
            assert torch.equal(tensor, weights(ends[1])[name]), name
        assert after[-1].values["train_loss"] == whole[-1].values["train_loss"]


def test_twins_see_the_same_images_and_share_their_first_weights() -> None:
    first = [next(e for e in run(spec) if isinstance(e, Checkpoint)) for spec in (SMALL, SMALL.twin())]
    a, b = map(weights, first)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    spec = catalogue.fill(SMALL)
    pair = [Batches(load_splits(s.data), s) for s in (spec, spec.twin())]
    for step in (1, 5):
        (x, y), (u, v) = (p.batch(step) for p in pair)
        assert torch.equal(x, u)
        assert torch.equal(y, v)


def test_what_is_recorded_has_one_value_a_block_or_layer_and_the_right_loss() -> None:
    spec = catalogue.fill(SMALL)
    recorded = points(run(spec))
    blocks, layers = len(arch.blocks(spec.model)), len(arch.layers(spec.model))
    for point in recorded:
        for name, value in point.values.items():
            axis = METRICS[name].axis
            if axis:
                assert value.shape == ({"block": blocks, "layer": layers}[axis],) or name == "activation_std"
                assert value.dtype == np.float32
            else:
                assert isinstance(value, float)
    assert sum("activation_std" in p.values for p in recorded) == math.ceil(recorded[-1].step / 8)
    assert sum("val_loss" in p.values for p in recorded) == spec.train.epochs


def test_gradients_recorded_are_those_of_autograd() -> None:
    spec = catalogue.fill(SMALL)
    point = next(e for e in run(spec) if isinstance(e, Point))

    model = models.build(spec.model, spec.train.seed)
    x, y = Batches(load_splits(spec.data), spec).batch(1)
    outputs: list[torch.Tensor] = []
    for block in models.blocks(model):
        block.register_forward_hook(lambda _m, _i, out: outputs.append(out))
    loss = torch.nn.functional.cross_entropy(model.train()(x), y)
    blocks = torch.autograd.grad(loss, outputs, retain_graph=True)
    parameters = dict(model.named_parameters())
    layers = torch.autograd.grad(loss, [parameters[n] for n in arch.layers(spec.model)])

    assert point.values["loss"] == pytest.approx(loss.item(), rel=1e-5)
    np.testing.assert_allclose(point.values["grad_block"], [g.norm().item() for g in blocks], rtol=1e-4)
    np.testing.assert_allclose(point.values["grad_weight"], [g.norm().item() for g in layers], rtol=1e-4)


def test_the_first_update_of_plain_sgd_is_rate_times_gradient() -> None:
    spec = catalogue.fill(replace(SMALL, train=replace(SMALL.train, momentum=0.0, lr=0.01)))
    point = next(e for e in run(spec) if isinstance(e, Point))
    parameters = dict(models.build(spec.model, 0).named_parameters())
    sizes = np.array([parameters[n].detach().norm().item() for n in arch.layers(spec.model)])
    np.testing.assert_allclose(point.values["update_ratio"], 0.01 * point.values["grad_weight"] / sizes, rtol=1e-3)


def test_losses_are_means_over_images_not_over_batches() -> None:
    spec = catalogue.fill(SMALL)  # 200 images in batches of 64: the last has 8
    events = list(run(spec))
    per_epoch = catalogue.steps_per_epoch(spec)
    losses = [p.values["loss"] for p in points(events) if "loss" in p.values][-per_epoch:]
    train, _, _ = catalogue.split_sizes(spec.data)
    counts = [min(64, train - 64 * i) for i in range(per_epoch)]
    assert len(set(counts)) > 1
    assert events[-1].values["train_loss"] == pytest.approx(np.average(losses, weights=counts), rel=1e-5)


def test_statistics_estimated_again_are_the_mean_over_training_batches_as_training_varies_them() -> None:
    # Black edges of shifted images lower a channel's mean: statistics of images as they are cost ResNet-20 two points.
    spec = catalogue.fill(replace(SMALL, data=replace(SMALL.data, augment=("crop",))))
    images = Batches(load_splits(spec.data), spec)
    trainer = Trainer(resolve(spec), images)
    trainer.advance()
    means, seen = [], []
    handle = trainer.model.conv1.register_forward_hook(
        lambda _m, given, out: (seen.append(given[0]), means.append(out.mean((0, 2, 3))))[0]
    )
    trainer.estimate_statistics()
    handle.remove()
    expected = [x for x, _ in images.training_batches(BN_IMAGES, spec.train.batch_size, augmented=True)]
    assert all(torch.equal(x, y) for x, y in zip(seen, expected, strict=True))
    torch.testing.assert_close(trainer.model.bn1.running_mean, torch.stack(means).mean(0), rtol=1e-4, atol=1e-6)
    assert trainer.model.bn1.momentum == 0.1


def test_a_residual_net_without_a_norm_diverges_and_says_where() -> None:
    spec = replace(SMALL, model=ModelSpec(depth=56, norm="none"), train=replace(SMALL.train, lr=0.5, steps=30))
    last = list(run(spec))[-1]
    assert isinstance(last, Result)
    assert last.status == "diverged"
    assert "step" in last.message
    assert "layer" in last.message
    assert "SkipInit" in last.message


NETS = {
    "BatchNorm": (ModelSpec(depth=8), "sgd"),
    "no norm": (ModelSpec(depth=8, norm="none"), "sgd"),
    "20 layers, no norm": (ModelSpec(depth=20, norm="none"), "sgd"),
    "no norm, plain": (ModelSpec(depth=8, norm="none", shortcut="none"), "sgd"),
    "SkipInit": (ModelSpec(depth=8, norm="none", init="skipinit"), "sgd"),
    "Fixup": (ModelSpec(depth=8, norm="none", init="fixup"), "sgd"),
    "GroupNorm, plain": (ModelSpec(depth=8, norm="group", shortcut="none"), "sgd"),
    "Adam": (ModelSpec(depth=8, norm="none"), "adam"),
    "AdamW, BatchNorm": (ModelSpec(depth=14), "adamw"),
}


@pytest.mark.parametrize(("model", "optimizer"), NETS.values(), ids=NETS)
def test_a_rate_far_too_high_is_blamed_and_what_is_advised_trains(model, optimizer) -> None:
    """Trained again as the message says, the loss falls; nets whose loss stays finite, if huge, get no message."""
    train = replace(SMALL.train, optimizer=optimizer, lr=1e6, steps=60, batch_size=64)
    spec = replace(SMALL, model=model, train=train)
    (last,) = (event for event in run(spec) if isinstance(event, Result))
    rate = 0.05 if optimizer == "sgd" else 0.001
    if last.status == "diverged":
        advised = re.search(r"a learning rate of 1e\+06 is too high here; try (0\.\d+)(, and SkipInit)?", last.message)
        assert advised
        rate = float(advised[1])
        model = replace(model, init="skipinit") if advised[2] else model
    spec = replace(spec, model=model, train=replace(train, lr=rate))
    losses = [e.values["loss"] for e in run(spec) if isinstance(e, Point) and "loss" in e.values]
    assert len(losses) == 60
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:3])


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (replace(SMALL, model=ModelSpec(depth=55)), ("55", "50", "56")),
        (replace(SMALL, train=replace(SMALL.train, batch_size=4096)), ("4096", "200")),
        (replace(SMALL, train=replace(SMALL.train, lr=0.0)), ("0",)),
    ],
)
def test_bad_specs_are_refused_in_one_sentence(spec, words) -> None:
    with pytest.raises((SpecError, catalogue.DataError)) as caught:
        next(run(spec))
    assert all(word in str(caught.value).replace(",", "") for word in words)


def check_the_promise(residual: dict, plain: dict) -> None:
    """He 2015, section 4.1, on the digits: the plain net does not even fit its training data."""
    assert residual["train_loss"] < 0.15
    assert plain["train_loss"] > 0.8
    assert residual["test_accuracy"] - plain["test_accuracy"] > 0.4


def test_the_recorded_demo_shows_what_it_promises() -> None:
    shown = [record.result for record in load(reference.ASSETS / "digits-56.npz")]
    assert len(shown) == 2 * reference.SEEDS
    for pair in zip(shown[::2], shown[1::2], strict=True):
        check_the_promise(*pair)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_demo_shows_what_it_promises(seed) -> None:
    spec = RunSpec(train=TrainSpec(seed=seed))
    check_the_promise(*(list(run(s))[-1].values for s in (spec, spec.twin())))
