from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from resnet_viz.attribution import features
from resnet_viz.nets import models, probes
from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec

SPECS = [
    ModelSpec(depth=20, size=16),
    ModelSpec(depth=8, shortcut="none", size=16),
    ModelSpec(depth=14, order="preact", shortcut="projection", size=16),
    ModelSpec(depth=8, shortcut="scaling", size=16),
    ModelSpec(depth=8, shortcut="gate_exclusive", size=16),
    ModelSpec(depth=8, shortcut="concat", size=16),
    ModelSpec(family="article", depth=4, order="article", shortcut="maxpool", size=16),
    ModelSpec(family="imagenet", depth=18, shortcut="projection", width=0.125, size=32),
    ModelSpec(family="imagenet", depth=50, shortcut="projection", width=0.125, size=32),
    ModelSpec(depth=14, stages=(1, 2, 1), groups=2, width_per_group=32, stride_in_1x1=True, hidden=(6,), size=16),
]


def net(spec: ModelSpec) -> torch.nn.Module:
    """A net whose norms have seen something, so that no map is a constant."""
    model = models.build(spec)
    with torch.no_grad():
        model(torch.randn(8, spec.channels, spec.size, spec.size, generator=torch.Generator().manual_seed(1)))
    return model.eval().requires_grad_(False)


def image(spec: ModelSpec, count: int = 1) -> torch.Tensor:
    return torch.randn(count, spec.channels, spec.size, spec.size, generator=torch.Generator().manual_seed(2))


def some(model: torch.nn.Module) -> list[int]:
    """Numbers of blocks to try: the first of every stage, and the last."""
    blocks = [b.arch for b in models.blocks(model)]
    return sorted({*({b.stage: b.number for b in reversed(blocks)}.values()), len(blocks)})


def hooks_left(model: torch.nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_maps_equal_hooks_by_hand(spec) -> None:
    model, x = net(spec), image(spec)
    by_hand: dict[str, torch.Tensor] = {}
    handles = [
        module.register_forward_hook(lambda _m, _i, out, name=name: by_hand.update({name: out}))
        for name, module in model.named_modules()
    ]
    logits = model(x)
    for handle in handles:
        handle.remove()
    seen = features.survey(model, x)
    assert set(seen.maps) == set(features.layers(spec))
    assert {b.name for b in arch.blocks(spec)} < set(seen.maps)
    for name, maps in seen.maps.items():
        assert torch.equal(maps, by_hand[name][0]), name
    assert torch.equal(seen.logits, logits[0])
    for number in some(model):
        block, found = arch.blocks(spec)[number - 1], features.triptych(model, x, number).inside
        branch = {
            name
            for name, module in models.blocks(model)[number - 1].named_modules()
            if isinstance(module, torch.nn.ReLU)
        }
        assert branch - {"relu"} == set(found), "all but the one behind the addition"
        for name, maps in found.items():
            assert torch.equal(maps, by_hand[f"{block.name}.{name}"][0]), name
    assert hooks_left(model) == 0


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_all_maps_take_one_pass(spec, monkeypatch) -> None:
    model, passes = net(spec), []
    model.conv1.register_forward_hook(lambda *_: passes.append(1))
    features.survey(model, image(spec))
    assert len(passes) == 1


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("alpha", [1.0, 0.0, 1.7])
def test_triptych_is_the_blocks_own_sum(spec, alpha) -> None:
    model, x = net(spec), image(spec)
    untouched = features.survey(model, x)
    for number in some(model):
        block = models.blocks(model)[number - 1]
        found = features.triptych(model, x, number, alpha)
        kind = block.arch.shortcut
        if kind in ("identity", "projection", "maxpool"):
            assert torch.equal(found.total, found.x + alpha * found.branch)
        elif kind == "scaling":
            torch.testing.assert_close(found.total, 0.5 * found.x + 0.5 * alpha * found.branch)
        elif kind == "none":
            assert torch.equal(found.total, alpha * found.branch)
        if block.after == ("relu",):
            assert torch.equal(found.out, found.total.relu())
        if alpha == 1:
            assert torch.equal(found.out, untouched.maps[block.arch.name])
            assert torch.equal(found.logits, untouched.logits)
    assert hooks_left(model) == 0


def test_option_a_adds_every_second_cell_and_no_new_channels() -> None:
    """He 2015, section 3.3: zero entries padded for the new channels, stride 2 over the cells."""
    spec = SPECS[0]
    model, x = net(spec), image(spec)
    seen, block = features.survey(model, x), arch.blocks(spec)[3]
    added = features.triptych(model, x, block.number).x
    assert (block.cin, block.cout, block.stride) == (16, 32, 2)
    assert torch.equal(added[8:24], seen.maps["layer1.2"][:, ::2, ::2])
    assert not added[:8].any()
    assert not added[24:].any()


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_alpha_1_is_the_untouched_net(spec) -> None:
    model, x = net(spec), image(spec, 3)
    for number in some(model):
        assert torch.equal(features.scaled(model, x, number, 1.0), model(x))


def test_alpha_0_is_the_net_without_that_block() -> None:
    """Inside a stage an identity block without its branch is no block at all: ReLU of what a ReLU gave."""
    spec = ModelSpec(depth=20, size=16)
    model, x = net(spec), image(spec, 3)
    lesioned = features.scaled(model, x, 2, 0.0)
    assert not torch.allclose(lesioned, model(x))
    model.layer1[1] = torch.nn.Identity()
    assert torch.equal(lesioned, model(x))


@pytest.mark.parametrize("spec", [s for s in SPECS if s.residual], ids=str)
def test_alpha_0_leaves_what_a_block_is_without_its_branch(spec) -> None:
    """Veit 2016, section 4, as `models.Block.without_branch` has it, for every kind of shortcut."""
    model, x = net(spec), image(spec)
    inputs: list[torch.Tensor] = []
    for number in some(model):
        block = models.blocks(model)[number - 1]
        handle = block.register_forward_pre_hook(lambda _m, args: inputs.append(args[0]))
        model(x)
        handle.remove()
        torch.testing.assert_close(features.triptych(model, x, number, 0.0).out, block.without_branch(inputs[-1])[0])


def test_hooks_are_gone_after_an_error() -> None:
    model = net(SPECS[0])
    wrong = torch.zeros(1, 5, 16, 16)
    for ask in (features.survey, lambda m, x: features.triptych(m, x, 1), lambda m, x: features.scaled(m, x, 1, 0.5)):
        with pytest.raises(RuntimeError):
            ask(model, wrong)
        assert hooks_left(model) == 0


def test_four_threads_on_one_model_get_their_own_maps() -> None:
    spec = ModelSpec(depth=8, size=16)
    model = net(spec)
    images = [torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(n)) for n in range(4)]
    alone = [(features.survey(model, x), features.triptych(model, x, 2, 0.3)) for x in images]

    def ask(number: int) -> None:
        for _ in range(5):
            seen, block = features.survey(model, images[number]), features.triptych(model, images[number], 2, 0.3)
            for name, maps in seen.maps.items():
                assert torch.equal(maps, alone[number][0].maps[name])
            assert torch.equal(block.total, alone[number][1].total)
            assert torch.equal(block.logits, alone[number][1].logits)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))


def test_shares_are_those_of_training() -> None:
    model, x = net(SPECS[0]), image(SPECS[0])
    with probes.branch_shares(models.blocks(model)) as shares:
        model(x)
    seen = features.survey(model, x)
    assert torch.equal(seen.shares, torch.stack(shares))
    inside = features.triptych(model, x, 2)  # an identity block: what is added is what came in
    torch.testing.assert_close(seen.shares[1], inside.branch.norm() / inside.x.norm())
    assert features.survey(net(SPECS[1]), image(SPECS[1])).shares.isnan().all()


def test_strength_is_the_mean_absolute_activation() -> None:
    maps = torch.tensor([[[1.0, -3.0]], [[0.0, 0.5]]])
    assert features.strength(maps).tolist() == [2.0, 0.25]


def test_images_that_excite_a_channel_most() -> None:
    spec = ModelSpec(depth=8, size=16)
    model, x = net(spec), image(spec, 12)
    found = features.excitement(model, "layer2.0", x.split(5))
    maps = features.look(model, x, ["layer2.0"]).maps["layer2.0"]
    assert found.values.shape == (12, 32)
    assert found.size == (8, 8)
    for channel in (0, 31):
        top = found.top(channel, 4)
        order = np.argsort(-maps[:, channel].amax((1, 2)).numpy(), kind="stable")
        np.testing.assert_array_equal(top.numpy(), order[:4])
        for n in top:
            cell = maps[n, channel, found.rows[n, channel], found.columns[n, channel]]
            torch.testing.assert_close(cell, maps[n, channel].max())
    assert len(found.top(0, 99)) == 12


def test_kernels_are_the_first_convolutions_weights() -> None:
    model = net(SPECS[0])
    assert torch.equal(features.kernels(model), model.state_dict()["conv1.weight"])


def test_guesses_are_probabilities_in_order() -> None:
    found = features.guesses(torch.tensor([0.0, 2.0, 1.0]), k=5)
    assert [c for c, _ in found] == [1, 2, 0]
    assert sum(p for _, p in found) == pytest.approx(1)
