"""Lesions: cut apart nothing changes, exactly; dropped blocks are what a hand would take out; Veit's law on trained twins."""

import json
from dataclasses import replace
from itertools import takewhile

import numpy as np
import pytest
import torch

from resnet_viz.cli import main
from resnet_viz.data.splits import load_splits
from resnet_viz.figures import lesion as figures
from resnet_viz.figures import lesion_record
from resnet_viz.labs import lesion, run_of
from resnet_viz.nets import models, refs, weights
from resnet_viz.runs.events import Point, Result
from resnet_viz.runs.layout import layout_of
from resnet_viz.runs.record import load
from resnet_viz.runs.store import Store
from resnet_viz.spec.arch import blocks as facts
from resnet_viz.spec.lab import LesionSpec
from resnet_viz.spec.model import ModelSpec

TWINS = ("shipped:digits-residual-20", "shipped:digits-plain-20")
SMALL = {"channels": 1, "size": 8}
NETS = [
    ModelSpec(depth=14, **SMALL),
    ModelSpec(depth=14, shortcut="none", **SMALL),
    ModelSpec(depth=14, order="preact", shortcut="projection", **SMALL),
    ModelSpec(depth=14, shortcut="gate_exclusive", **SMALL),
    ModelSpec(depth=14, shortcut="concat", **SMALL),
    ModelSpec(depth=14, norm="none", init="fixup", no_skip=(2,), **SMALL),
    ModelSpec(family="article", depth=5, shortcut="maxpool", order="article", **SMALL),
    ModelSpec(family="imagenet", depth=18, shortcut="projection", size=32, width=0.25),
    ModelSpec(depth=14, stages=(1, 2, 1), groups=2, width_per_group=32, stride_in_1x1=True, hidden=(6,), **SMALL),
]


def built(spec: ModelSpec) -> torch.nn.Module:
    """A net whose BatchNorm statistics and scales are not those of its start, so that every part matters."""
    model = models.build(spec, seed=3)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if value.is_floating_point() and value.dim() < 2:
                noise = torch.rand(value.shape, generator=generator)
                value.copy_(0.5 + noise if "var" in name or "weight" in name else noise - 0.5)
    return model.eval()


def images(spec: ModelSpec) -> torch.Tensor:
    return torch.randn(4, spec.channels, spec.size, spec.size, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def trained() -> list[weights.Network]:
    return [weights.load(s) for s in refs.shipped() if s.ref in TWINS]


@pytest.mark.parametrize("spec", NETS, ids=lambda s: f"{s.family}-{s.shortcut}-{s.order}")
@torch.no_grad()
def test_a_lesion_of_nothing_is_the_network_exactly(spec) -> None:
    model, x = built(spec), images(spec)
    assert torch.equal(lesion.cut(model)(x), model(x))
    order = range(1, len(facts(spec)) + 1)
    assert torch.equal(lesion.cut(model)(x, dropped=(), order=order), model(x))


@pytest.mark.parametrize("spec", [s for s in NETS if s.residual], ids=lambda s: f"{s.family}-{s.shortcut}-{s.order}")
@torch.no_grad()
def test_a_dropped_block_is_one_whose_branch_gives_zero(spec) -> None:
    """By a hook on F(x), which leaves everything else in place."""
    model, x = built(spec), images(spec)
    for number, block in enumerate(models.blocks(model), 1):
        if block.has_skip:
            handle = block.branch_out.register_forward_hook(lambda _m, _i, out: torch.zeros_like(out))
            expected = model(x)
            handle.remove()
            torch.testing.assert_close(lesion.cut(model)(x, {number}), expected, rtol=0, atol=0)


@torch.no_grad()
def test_a_plain_block_is_replaced_by_its_input_or_option_a() -> None:
    spec = ModelSpec(depth=14, shortcut="none", **SMALL)
    model, x = built(spec), images(spec)
    found = models.blocks(model)
    h = torch.rand(2, 16, 8, 8)
    assert found[1].without_branch(h) is h
    halved = found[2].without_branch(h)
    assert torch.equal(halved[:, 8:24], h[:, :, ::2, ::2])
    assert not halved[:, :8].any()
    assert not halved[:, 24:].any()
    assert not torch.equal(lesion.cut(model)(x, {2}), model(x))


@torch.no_grad()
def test_dropping_every_block_of_identities_leaves_stem_and_classifier() -> None:
    """Option A: what the stem gives, halved and padded twice, pooled. Veit's path of length 0."""
    spec = ModelSpec(depth=14, **SMALL)
    model, x = built(spec), images(spec)
    h = torch.relu(model.bn1(model.conv1(x)))[:, :, ::4, ::4].mean((2, 3))
    expected = model.fc(torch.nn.functional.pad(h, (24, 24)))
    torch.testing.assert_close(lesion.cut(model)(x, range(1, 7)), expected)


def test_draws_come_from_seed_and_count_alone_and_hold_each_size() -> None:
    lab = LesionSpec(TWINS, repeats=5)
    found = lesion.draws(9, lab)
    assert found == lesion.draws(9, replace(lab, networks=("run:x",)))
    assert found != lesion.draws(9, replace(lab, seed=1))
    assert sorted({len(d) for d in found}) == list(range(1, 10))
    assert len(set(found)) == len(found)
    assert all(len(set(d)) == len(d) and set(d) <= set(range(1, 10)) for d in found)
    assert max(len(d) for d in lesion.draws(54, lab)) == 54


def test_shuffles_move_blocks_inside_their_stage_alone() -> None:
    blocks = facts(ModelSpec(depth=20))
    for swaps, order in lesion.shuffles(blocks, LesionSpec(TWINS)):
        assert swaps in lesion.SWAPS
        assert sorted(order) == list(range(1, 10))
        assert order != tuple(range(1, 10))
        assert [blocks[n - 1].stage for n in order] == [b.stage for b in blocks]
        assert (order[3], order[6]) == (4, 7), "blocks that change the shape stay"
    assert lesion.shuffles(facts(ModelSpec(depth=8)), LesionSpec(TWINS)) == []


def test_kendalls_tau_of_known_orders() -> None:
    assert lesion.kendall((1, 2, 3, 4)) == 1
    assert lesion.kendall((4, 3, 2, 1)) == -1
    assert lesion.kendall((2, 1, 3, 4)) == pytest.approx(1 - 2 * 1 / 6)


def test_the_job_measures_what_single_passes_give(trained, tmp_path) -> None:
    """Prefixes are reused and batches split: the figures are those of whole passes, exactly."""
    spec = run_of(LesionSpec(TWINS, images=100, repeats=1), Store(tmp_path))
    events = list(lesion.run(spec, trained, Store()))
    points = [e for e in events if isinstance(e, Point)]
    assert [p.step for p in points] == list(range(1, lesion.steps(spec, trained) + 1))
    splits = load_splits(spec.data)
    seen = lesion.images(splits.images["test"], splits.labels["test"], 100)
    for place, net in enumerate(trained):
        rows = [p.values for p in points if f"{place}.drop" in p.values]
        assert [row[f"{place}.drop"][0] for row in rows] == list(range(10))
        for row in rows:
            block, accuracy = row[f"{place}.drop"]
            right, sure = lesion.without(net, seen, {int(block)} - {0})
            assert accuracy == np.float32(right)
            assert row[f"{place}.guess"].tolist() == sure.argmax(1).tolist()
        logits = net.model(net.prepare(seen.x))
        assert rows[0][f"{place}.drop"][1] == np.float32((logits.argmax(1).numpy() == seen.y).mean())
        cosines = rows[0][f"{place}.cosine"]
        assert cosines[[2, 5, 8]] == pytest.approx(1, abs=1e-5)
        assert (np.abs(cosines) <= 1 + 1e-5).all()
    assert isinstance(events[-1], Result)
    assert events[-1].values["images"] == 100
    assert "residual-20" in events[-1].values["sentence"]


def test_weights_and_statistics_stay_as_they_were(trained) -> None:
    net = trained[0]
    before = {name: value.clone() for name, value in net.model.state_dict().items()}
    digits = load_splits(net.source.data)
    lesion.without(net, lesion.images(digits.images["test"], digits.labels["test"], 50), {1, 2, 3})
    assert all(torch.equal(before[name], value) for name, value in net.model.state_dict().items())


def test_shown_are_one_of_each_class_where_there_are_ten() -> None:
    y = np.array([3, 3, 1, *range(10), 5])
    seen = lesion.images(np.zeros((len(y), 8, 8, 1), np.uint8), y, 0)
    assert y[seen.shown].tolist() == list(range(10))
    two = lesion.images(np.zeros((len(y), 8, 8, 1), np.uint8), y % 2, 0)
    assert len(set(two.shown.tolist())) == lesion.SHOWN


def test_a_network_of_other_images_gets_a_sentence(trained, tmp_path) -> None:
    spec = run_of(LesionSpec(TWINS[:1]), Store(tmp_path))
    other = replace(trained[0], source=replace(trained[0].source, spec=ModelSpec(), label="other"))
    with pytest.raises(refs.NetworkError, match="other takes images of 32×32 with 3 channels"):
        list(lesion.run(spec, [other], Store()))


@pytest.mark.slow
def test_the_command_line_ends_in_the_result_and_keeps_what_charts_read(tmp_path, capsys) -> None:
    file = tmp_path / "lesions.npz"
    assert main.main(["lab", "lesion", "--images", "40", "--repeats", "1", "--json", "--save", str(file)]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["event"], last["status"], last["images"]) == ("result", "finished", 40)
    (record,) = load(file)
    assert record.spec.lab == LesionSpec(TWINS, 40, 1)
    nets = lesion_record.read(
        record,
        [(ref, layout_of(ModelSpec(depth=20, shortcut=s))) for ref, s in zip(TWINS, ("identity", "none"), strict=True)],
    )
    for net, told in zip(nets, last["nets"], strict=True):
        assert net.single[:, 1].tolist() == pytest.approx(told["without"])
        assert net.undisturbed == pytest.approx(told["accuracy"])
        assert len(net.random) == 9
        drawing = figures.singles(nets, 10, dropped={3})
        drawing.figure()


@pytest.mark.slow
def test_veits_law_on_the_trained_twins(trained, tmp_path) -> None:
    """Veit 2016, fig. 3: most single blocks of a trained residual net hardly matter; any of a plain one ruins it."""
    spec = run_of(LesionSpec(TWINS, images=0, repeats=5), Store(tmp_path))
    result = list(lesion.run(spec, trained, Store()))[-1]
    residual, plain = (net for net in result.values["nets"])
    cost = residual["accuracy"] - np.array(residual["without"])
    assert np.median(cost) < 0.1
    assert cost.max() > 0.3, "down-sampling and first blocks matter (Veit 2016, section 4.1)"
    assert max(plain["without"]) < 0.25, "near guessing, 10 %"


@pytest.mark.slow
def test_most_blocks_of_a_deep_residual_net_cost_a_few_points(shared, monkeypatch) -> None:
    """CIFAR-10's twins of 56 layers, 200 test images: Veit 2016's figure 3 at half its depth."""
    monkeypatch.setenv("RESNET_VIZ_DATA", str(shared))
    store = Store()
    twins = [f"shipped:cifar10-{kind}-56" for kind in ("residual", "plain")]
    nets = [weights.load(refs.find(ref, store)) for ref in twins]
    points = (
        e for e in lesion.run(run_of(LesionSpec(tuple(twins), 200, 1), store), nets, store) if isinstance(e, Point)
    )
    singles = [event.values for event in takewhile(lambda event: "0.random" not in event.values, points)]
    residual, plain = ([v[f"{n}.drop"][1] for v in singles if f"{n}.drop" in v] for n in (0, 1))
    cost = residual[0] - np.array(residual[1:])
    assert len(cost) == len(plain) - 1 == 27
    assert np.median(cost) < 0.05
    assert np.median(plain[1:]) < plain[0] / 2
