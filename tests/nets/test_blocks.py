"""What a block computes, written once more from the papers' formulas; stochastic depth."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_viz.nets import models
from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec
from tests.nets.made import images, strided

pytestmark = pytest.mark.usefixtures("one_thread")


class Seen:
    """x, F(x), the shortcut's value and the output of one block, in a forward pass of its net."""

    def __init__(self, spec: ModelSpec, number: int, train: bool = False) -> None:
        self.model = models.build(spec).train(train)
        self.block = models.blocks(self.model)[number - 1]
        self.block.register_forward_hook(lambda _m, x, out: self._keep(x=x[0], out=out))
        self.block.branch_out.register_forward_hook(lambda _m, _x, out: self._keep(branch=out))
        if self.block.has_skip:
            self.block.shortcut_out.register_forward_hook(lambda _m, _x, out: self._keep(shortcut=out))
        self.spec = spec

    def _keep(self, **tensors: Tensor) -> None:
        self.__dict__.update(tensors)

    def run(self) -> "Seen":
        with torch.no_grad():
            self.model(images(self.spec))
        return self


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize(
    ("shortcut", "joined"),
    [
        ("identity", lambda s, f, g: s + f),
        ("scaling", lambda s, f, g: 0.5 * s + 0.5 * f),
        ("gate_exclusive", lambda s, f, g: (1 - g) * s + g * f),
        ("gate_shortcut", lambda s, f, g: (1 - g) * s + f),
    ],
)
def test_x_and_the_branch_are_joined_as_he_2016_says(shortcut: str, joined, number: int) -> None:
    seen = Seen(ModelSpec(depth=14, shortcut=shortcut, gate_bias=-1.5), number)
    if "gate" in shortcut:
        seen.block.gate.weight.data.zero_()
    seen.run()
    assert torch.equal(seen.shortcut, seen.x if number == 1 else strided(seen.x))
    gate = torch.sigmoid(torch.tensor(-1.5))  # the bias alone
    torch.testing.assert_close(seen.out, joined(seen.shortcut, seen.branch, gate).relu())


def test_a_gate_looks_at_x() -> None:
    seen = Seen(ModelSpec(depth=8, shortcut="gate_shortcut", gate_bias=-6), 2).run()
    gate = torch.sigmoid(F.conv2d(seen.x, seen.block.gate.weight, stride=2) - 6)  # He 2016, section 3.1
    torch.testing.assert_close(seen.out, ((1 - gate) * strided(seen.x) + seen.branch).relu())


def test_concatenation_can_learn_the_addition() -> None:
    seen = Seen(ModelSpec(depth=8, shortcut="concat"), 1)
    eye = torch.eye(16)
    seen.block.joint.weight.data.copy_(torch.cat([eye, eye], 1)[:, :, None, None])
    seen.run()
    torch.testing.assert_close(seen.out, (seen.x + seen.branch).relu())


@pytest.mark.parametrize(("shortcut", "number"), [("identity", 1), ("projection", 2), ("projection_all", 1)])
def test_preactivation_is_he_2016s(shortcut: str, number: int) -> None:
    seen = Seen(ModelSpec(depth=8, shortcut=shortcut, order="preact"), number, train=True).run()
    block, stride = seen.block, seen.block.arch.stride
    ready = F.batch_norm(seen.x, None, None, training=True).relu()
    branch = F.conv2d(ready, block.conv1.weight, stride=stride, padding=1)
    branch = F.conv2d(F.batch_norm(branch, None, None, training=True).relu(), block.conv2.weight, padding=1)
    # A projection starts from what the branch starts from and has no norm: resnet-1k-layers.
    bypass = seen.x if shortcut == "identity" else F.conv2d(ready, block.downsample[0].weight, stride=stride)
    torch.testing.assert_close(seen.branch, branch)
    torch.testing.assert_close(seen.out, bypass + branch)
    assert (seen.out < 0).any()  # nothing after the addition


def test_the_articles_network_is_as_described() -> None:
    spec = ModelSpec(family="article", depth=4, shortcut="maxpool", order="article")
    model, x = models.build(spec), images(spec, 4)
    state = model.state_dict()

    def norm(x: Tensor) -> Tensor:
        return F.batch_norm(x, None, None, training=True)

    h = F.conv2d(x, state["conv1.weight"], padding=1)
    for name, stride in (("layer1.0", 1), ("layer1.1", 2)):
        branch = F.conv2d(norm(h).relu(), state[f"{name}.conv1.weight"], stride=stride)
        h = norm(branch + (F.max_pool2d(h, 2) if stride == 2 else h)).relu()
    torch.testing.assert_close(model(x), h.flatten(1) @ state["fc.weight"].T)


def test_with_every_skip_off_the_net_is_its_plain_twin() -> None:
    for base in (ModelSpec(depth=14, shortcut="projection"), ModelSpec(family="imagenet", depth=18, width=0.25)):
        masked = replace(base, no_skip=tuple(b.number for b in arch.blocks(base)))
        x = images(base)
        assert torch.equal(models.build(masked)(x), models.build(base.twin())(x))


def test_one_skip_off_changes_that_block_alone() -> None:
    spec = ModelSpec(depth=14, no_skip=(2,))
    seen = Seen(spec, 2).run()
    assert [b.has_skip for b in models.blocks(seen.model)] == [True, False, True, True, True, True]
    assert torch.equal(seen.out, seen.branch.relu())
    assert not hasattr(seen.block, "shortcut_out")
    assert not torch.equal(seen.model(images(spec)), models.build(replace(spec, no_skip=())).eval()(images(spec)))


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_responses_are_taken_behind_the_norm_and_before_the_relu(norm: str) -> None:
    spec = ModelSpec(depth=8, norm=norm, shortcut="projection")
    model = models.build(spec)
    found = models.response_modules(model)
    assert list(found) == ["conv1", *(f"layer{s}.0.conv{n}" for s in (1, 2, 3) for n in (1, 2))]
    names = {module: name for name, module in model.named_modules()}
    assert [names[m] for m in found.values()] == [n if norm == "none" else n.replace("conv", "bn") for n in found]


def test_responses_of_preactivation_are_the_convolutions_own() -> None:
    model = models.build(ModelSpec(depth=8, order="preact"))
    assert all(module is model.get_submodule(name) for name, module in models.response_modules(model).items())


def test_survival_is_drawn_from_the_generator_alone() -> None:
    spec = ModelSpec(depth=110, stochastic_depth=0.5, no_skip=(54,))
    model = models.build(replace(spec, width=0.125))

    def draw(seed: int) -> list[bool]:
        models.set_survival(model, torch.Generator().manual_seed(seed))
        return [block.survives for block in models.blocks(model)]

    state = torch.get_rng_state()
    draws = np.array([draw(seed) for seed in range(500)])
    assert torch.equal(torch.get_rng_state(), state)
    assert draw(5) == list(draws[5])
    assert draws[:, 53].all()  # no skip: never dropped
    keep = np.array([b.keep for b in arch.blocks(spec)])
    assert np.abs(draws.mean(0) - keep).max() < 4.5 * (0.25 / 500) ** 0.5


def test_a_dropped_branch_counts_nothing_in_training_and_its_share_in_evaluation() -> None:
    spec = ModelSpec(depth=8, stochastic_depth=0.6, norm="group")
    seen = Seen(spec, 2, train=True).run()
    whole, x = seen.branch, seen.x
    torch.testing.assert_close(seen.out, (strided(x) + whole).relu())
    seen.block.survives = False
    seen.run()
    assert torch.equal(seen.out, strided(x).relu())
    seen.model.eval()
    models.blocks(seen.model)[0].survives = False  # a draw is of no account in evaluation
    out = seen.block(x)
    torch.testing.assert_close(out, (strided(x) + 0.6 * whole).relu())  # block 2 of 3: 1 − 2/3 · 0.6
