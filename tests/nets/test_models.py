"""models.py against arch.py, torchvision, the papers' formulas and a public checkpoint."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from resnet_viz.nets import models
from resnet_viz.spec import arch
from resnet_viz.spec.model import INITS, NORMS, ORDERS, SHORTCUTS, ModelSpec
from resnet_viz.spec.run import SpecError

# One small net of each kind; block 2 of the last two has its skip switched off.
BASES = [
    ModelSpec(depth=8, width=0.5, size=9, channels=1, classes=4),
    ModelSpec(family="imagenet", depth=18, width=0.125, size=32, classes=5),
    ModelSpec(family="imagenet", depth=50, width=0.125, size=33, classes=5, stochastic_depth=0.3),
    ModelSpec(family="article", depth=5, size=7, channels=2, classes=3),
    ModelSpec(depth=14, width=0.25, size=8, stochastic_depth=0.5, no_skip=(2,)),
]


def _valid(base: ModelSpec) -> Iterator[ModelSpec]:
    for shortcut, order, norm, init in product(SHORTCUTS, ORDERS, NORMS, INITS):
        plain = {"stochastic_depth": 0.0, "no_skip": ()} if shortcut == "none" else {}
        spec = replace(base, shortcut=shortcut, order=order, norm=norm, init=init, **plain)
        if shortcut == "concat":
            spec = replace(spec, stochastic_depth=0.0)
        try:
            spec.validate()
        except SpecError:
            continue
        yield spec


USUAL = (("batch", "he"), ("none", "fixup"))
# The deep one without GroupNorm: it takes the longest, and 18 layers have shown it.
GRID = [spec for base in BASES for spec in _valid(base) if (spec.depth, spec.norm) != (50, "group")]


def _pairwise(specs: list[ModelSpec]) -> list[ModelSpec]:
    """The specs that have two choices together which none before them has: every pair of choices that goes together stays."""
    seen: set[tuple] = set()
    chosen = []
    for spec in specs:
        choices = enumerate((f"{spec.family}-{spec.depth}", spec.shortcut, spec.order, spec.norm, spec.init))
        pairs = set(combinations(choices, 2))
        if pairs - seen:
            chosen.append(spec)
        seen |= pairs
    return chosen


FAST = _pairwise([spec for spec in GRID if spec.depth < 50])


def _cases(specs: list[ModelSpec]) -> pytest.MarkDecorator:
    """Each spec a test of its own: nets in which every two choices meet are fast, the others slow."""

    def case(spec: ModelSpec):
        name = f"{spec.family}{spec.depth}-{spec.shortcut}-{spec.order}-{spec.norm}-{spec.init}"
        return pytest.param(spec, id=name, marks=[] if spec in FAST else pytest.mark.slow)

    return pytest.mark.parametrize("spec", list(map(case, specs)))


def _images(spec: ModelSpec, count: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(count, spec.channels, spec.size, spec.size, generator=torch.Generator().manual_seed(seed))


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # small nets
    yield
    torch.set_num_threads(before)


# What arch.py says is what is built


@_cases(GRID)
def test_parameters_and_their_names_are_those_of_arch(spec: ModelSpec) -> None:
    """And convolutions have biases where no norm shifts for them."""
    model = models.build(spec)
    assert _count(model) == arch.parameters(spec)
    assert [_count(block) for block in models.blocks(model)] == [block.parameters for block in arch.blocks(spec)]
    weights = {f"{n}.weight" for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert sorted(arch.layers(spec)) == sorted(weights)
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            bias = name.endswith("gate") or (spec.norm == "none" and not name.endswith("joint"))
            assert (module.bias is not None) == bias, name


@_cases([s for s in GRID if (s.norm, s.init) in USUAL])
def test_multiply_adds_are_those_that_torch_counts(spec: ModelSpec) -> None:
    model = models.build(spec).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as flops:
        logits = model(_images(spec, 3))
    assert logits.shape == (3, spec.classes)
    assert flops.get_total_flops() == 3 * 2 * arch.multiply_adds(spec)  # it counts a multiply-add as two


@_cases(GRID)
def test_every_parameter_gets_a_finite_gradient_and_every_relu_is_used_once(spec: ModelSpec) -> None:
    model = models.build(spec)
    relus = [m for m in model.modules() if isinstance(m, nn.ReLU)]
    assert not any(relu.inplace for relu in relus)
    calls: Counter[int] = Counter()
    order: list[str] = []
    for name, module in model.named_modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda m, *_: calls.update([id(m)]))
        elif isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda *_, name=name: order.append(f"{name}.weight"))
    F.cross_entropy(model(_images(spec, 4)), torch.arange(4) % spec.classes).backward()
    assert calls == {id(relu): 1 for relu in relus}
    assert tuple(order) == arch.layers(spec)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def _kept(model: nn.Module, x: Tensor) -> int:
    """Bytes of the distinct tensors that autograd keeps, weights and integer indices left out."""
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):  # type: ignore[func-returns-value]
        logits = model(x)
    found = {t.untyped_storage().data_ptr(): t for t in kept if t.is_floating_point()}
    assert logits.requires_grad
    return sum(t.untyped_storage().nbytes() for where, t in found.items() if where not in own)


@_cases(GRID)
def test_activation_bytes_are_what_autograd_keeps(spec: ModelSpec) -> None:
    model = models.build(spec)
    grown = _kept(model, _images(spec, 3)) - _kept(model, _images(spec, 2))  # what the batch does not change cancels
    # GroupNorm keeps a mean and a deviation of each group for each image; arch leaves such statistics out.
    statistics = sum(4 * 2 * m.num_groups for m in model.modules() if isinstance(m, nn.GroupNorm))
    assert grown == arch.activation_bytes(spec) + statistics


@pytest.mark.parametrize(("depth", "count"), [(20, 269_722), (56, 853_018), (110, 1_727_962)])
def test_the_papers_counts_are_built(depth: int, count: int) -> None:
    assert _count(models.build(ModelSpec(depth=depth))) == count


@pytest.mark.slow
def test_1202_layers_are_built() -> None:
    assert _count(models.build(ModelSpec(depth=1202))) == 19_421_274


def test_concatenation_is_built_with_the_articles_count() -> None:
    assert _count(models.build(ModelSpec(depth=56, shortcut="concat"))) == 947_226


def test_a_spec_that_means_nothing_is_refused() -> None:
    with pytest.raises(SpecError, match="nearest are 50 and 56"):
        models.build(ModelSpec(depth=51))


# Outside authorities


@pytest.mark.parametrize("depth", [18, 50, *(pytest.param(d, marks=pytest.mark.slow) for d in (34, 101, 152))])
def test_imagenet_logits_are_torchvisions(depth: int) -> None:
    import torchvision

    spec = ModelSpec(family="imagenet", depth=depth, shortcut="projection", classes=1000, size=64)
    theirs = getattr(torchvision.models, f"resnet{depth}")(weights=None)
    with torch.no_grad():
        theirs(_images(spec, 4, seed=1))  # moves BatchNorm's statistics off 0 and 1
    ours = models.build(spec)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = _images(spec)
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))
        assert torch.equal(ours.train()(x), theirs.train()(x))


def test_the_imagenet_plain_twin_has_no_downsampling_layers() -> None:
    spec = ModelSpec(family="imagenet", depth=50, shortcut="projection", width=0.125)
    plain = models.build(spec.twin()).state_dict()
    assert set(plain) == {name for name in models.build(spec).state_dict() if "downsample" not in name}


def test_keys_are_normalised() -> None:
    state = {
        "module.conv1.weight": torch.zeros(1),
        "module.linear.bias": torch.zeros(1),
        "layer1.0.bn1.bias": torch.zeros(1),
    }
    assert list(models.normalise_keys(state)) == ["conv1.weight", "fc.bias", "layer1.0.bn1.bias"]


# How a tensor starts


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
    models.build(next(_valid(base)), 3)
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


def _strided(x: Tensor) -> Tensor:
    """Option A, said another way: every second pixel, and as many channels of zeros on either side as it takes."""
    zeros = torch.zeros(len(x), x.shape[1] // 2, -(-x.shape[2] // 2), -(-x.shape[3] // 2))
    return torch.cat([zeros, x[:, :, ::2, ::2], zeros], 1)


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
    for block, expected in ((first, lambda x: x), (second, _strided), (third, _strided)):
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


# What a block computes


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
            self.model(_images(self.spec))
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
    assert torch.equal(seen.shortcut, seen.x if number == 1 else _strided(seen.x))
    gate = torch.sigmoid(torch.tensor(-1.5))  # the bias alone
    torch.testing.assert_close(seen.out, joined(seen.shortcut, seen.branch, gate).relu())


def test_a_gate_looks_at_x() -> None:
    seen = Seen(ModelSpec(depth=8, shortcut="gate_shortcut", gate_bias=-6), 2).run()
    gate = torch.sigmoid(F.conv2d(seen.x, seen.block.gate.weight, stride=2) - 6)  # He 2016, section 3.1
    torch.testing.assert_close(seen.out, ((1 - gate) * _strided(seen.x) + seen.branch).relu())


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
    model, x = models.build(spec), _images(spec, 4)
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
        x = _images(base)
        assert torch.equal(models.build(masked)(x), models.build(base.twin())(x))


def test_one_skip_off_changes_that_block_alone() -> None:
    spec = ModelSpec(depth=14, no_skip=(2,))
    seen = Seen(spec, 2).run()
    assert [b.has_skip for b in models.blocks(seen.model)] == [True, False, True, True, True, True]
    assert torch.equal(seen.out, seen.branch.relu())
    assert not hasattr(seen.block, "shortcut_out")
    assert not torch.equal(seen.model(_images(spec)), models.build(replace(spec, no_skip=())).eval()(_images(spec)))


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


# Stochastic depth


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
    torch.testing.assert_close(seen.out, (_strided(x) + whole).relu())
    seen.block.survives = False
    seen.run()
    assert torch.equal(seen.out, _strided(x).relu())
    seen.model.eval()
    models.blocks(seen.model)[0].survives = False  # a draw is of no account in evaluation
    out = seen.block(x)
    torch.testing.assert_close(out, (_strided(x) + 0.6 * whole).relu())  # block 2 of 3: 1 − 2/3 · 0.6
