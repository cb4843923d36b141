"""How a tensor starts: from He, Zero-γ, SkipInit and Fixup, by seed and name alone."""

from dataclasses import replace

import pytest
import torch

from resnet_viz.nets import models
from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec
from tests.nets.made import BASES, strided, valid

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("base", [ModelSpec(depth=20), ModelSpec(family="imagenet", depth=18, width=0.25)])
@pytest.mark.parametrize("shortcut", ["identity", "projection_all", "concat", "gate_shortcut"])
def test_twins_share_every_tensor_they_have_in_common(base: ModelSpec, shortcut: str) -> None:
    spec = replace(base, shortcut=shortcut)
    residual, plain = models.build(spec, 7).state_dict(), models.build(spec.twin(), 7).state_dict()
    assert set(plain) <= set(residual)
    assert all(torch.equal(plain[name], residual[name]) for name in plain)
    other = models.build(spec, 8).state_dict()
    assert not torch.equal(other["conv1.weight"], residual["conv1.weight"])


def test_a_tensor_depends_on_seed_and_name_alone() -> None:
    torch.manual_seed(1)
    shallow = models.build(ModelSpec(depth=20)).state_dict()
    torch.manual_seed(2)
    deep = models.build(ModelSpec(depth=56)).state_dict()
    for name in set(shallow) & set(deep):
        assert torch.equal(shallow[name], deep[name]), name
    assert not torch.equal(deep["layer1.1.conv1.weight"], deep["layer1.2.conv1.weight"])


@pytest.mark.parametrize("base", BASES, ids=lambda spec: f"{spec.family}{spec.depth}")
def test_building_never_touches_the_global_generator(base, monkeypatch) -> None:
    """Neither draws from it nor puts it back: another thread may be drawing from it (`attribution.methods.seeded`)."""

    def fail(*_args: object) -> None:
        raise AssertionError("the global generator was set")

    state = torch.get_rng_state()
    for name in ("set_rng_state", "manual_seed"):
        monkeypatch.setattr(torch, name, fail)
        monkeypatch.setattr(torch.random, name, fail)
    models.build(next(valid(base)), 3)
    assert torch.equal(torch.get_rng_state(), state)


def test_convolutions_start_from_he_and_the_classifier_within_its_bound() -> None:
    spec = ModelSpec(family="imagenet", depth=18, norm="none", shortcut="projection", classes=100)
    for name, parameter in models.build(spec).named_parameters():
        if name == "fc.weight":
            assert 0.99 / 512**0.5 < parameter.abs().max() <= 1 / 512**0.5
        elif name.endswith("weight"):
            fan_in = parameter[0].numel()
            assert parameter.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.03)
        else:
            assert not parameter.any()


@pytest.mark.parametrize(
    ("init", "order", "norm"),
    [
        ("zero_gamma", "original", "batch"),
        ("zero_gamma", "original", "group"),
        ("skipinit", "original", "none"),
        ("skipinit", "preact", "batch"),
        ("fixup", "original", "none"),
        ("fixup", "preact", "none"),
    ],
)
def test_blocks_start_as_the_identity_exactly(init: str, order: str, norm: str) -> None:
    model = models.build(ModelSpec(depth=8, init=init, order=order, norm=norm))
    first, second, third = models.blocks(model)
    generator = torch.Generator().manual_seed(3)
    for block, expected in ((first, lambda x: x), (second, strided), (third, strided)):
        x = torch.randn(2, block.arch.cin, 7, 7, generator=generator)
        x = x if order == "preact" else x.relu()  # as it comes from the block before
        assert torch.equal(block(x), expected(x))


def test_the_starts_leave_blocks_without_a_skip_alone() -> None:
    for init, norm in (("zero_gamma", "batch"), ("skipinit", "none"), ("fixup", "none")):
        spec = ModelSpec(depth=14, init=init, norm=norm, no_skip=(2, 3))
        state, he = models.build(spec).state_dict(), models.build(replace(spec, init="he")).state_dict()
        for name in ("layer1.1", "layer2.0"):
            mine = {k for k in state if k.startswith(name)}
            assert mine == {k for k in he if k.startswith(name)}
            assert all(torch.equal(state[k], he[k]) for k in mine)


@pytest.mark.parametrize(("depth", "family", "power"), [(20, "cifar", -1 / 2), (50, "imagenet", -1 / 4)])
def test_fixup_scales_the_branch_by_the_number_of_skips(depth: int, family: str, power: float) -> None:
    # Zhang 2019, section 3: L^(-1/(2m-2)), m layers in a branch, L branches; last layers 0, multipliers 1.
    spec = ModelSpec(family=family, depth=depth, width=0.25, norm="none", init="fixup", no_skip=(1,))
    state, he = models.build(spec).state_dict(), models.build(replace(spec, init="he")).state_dict()
    skips = len(arch.blocks(spec)) - 1
    torch.testing.assert_close(state["layer2.0.conv1.weight"], he["layer2.0.conv1.weight"] * skips**power)
    assert not state[arch.blocks(spec)[-1].convs[-1].name + ".weight"].any()
    assert state["layer2.0.scale"] == 1
    assert not state["fc.weight"].any()
