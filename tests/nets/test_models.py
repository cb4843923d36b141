"""models.py against arch.py, torchvision and the papers' counts."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from resnet_viz.nets import models
from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import SpecError
from tests.nets.made import BASES, TORCHVISION, images, valid

pytestmark = pytest.mark.usefixtures("one_thread")


USUAL = (("batch", "he"), ("none", "fixup"))
QUICK = ("resnet18", "resnet50", "resnext50_32x4d")  # torchvision's that are held against ours in the fast tests


# The deep one without GroupNorm: it takes the longest, and 18 layers have shown it.
GRID = [spec for base in BASES for spec in valid(base) if (spec.depth, spec.norm) != (50, "group")]


def _pairwise(specs: list[ModelSpec]) -> list[ModelSpec]:
    """The specs that have two choices together which none before them has: every pair of choices that goes together stays."""
    seen: set[tuple] = set()
    chosen = []
    for spec in specs:
        choices = enumerate(
            (f"{spec.family}-{spec.depth}-{spec.groups}", spec.shortcut, spec.order, spec.norm, spec.init)
        )
        pairs = set(combinations(choices, 2))
        if pairs - seen:
            chosen.append(spec)
        seen |= pairs
    return chosen


FAST = _pairwise([spec for spec in GRID if spec.depth < 50])


def _cases(specs: list[ModelSpec]) -> pytest.MarkDecorator:
    """Each spec a test of its own: nets in which every two choices meet are fast, the others slow."""

    def case(spec: ModelSpec):
        blocks = f"{spec.depth}x{spec.groups}" if spec.groups > 1 else spec.depth
        name = f"{spec.family}{blocks}-{spec.shortcut}-{spec.order}-{spec.norm}-{spec.init}"
        return pytest.param(spec, id=name, marks=[] if spec in FAST else pytest.mark.slow)

    return pytest.mark.parametrize("spec", list(map(case, specs)))


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


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
        logits = model(images(spec, 3))
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
    F.cross_entropy(model(images(spec, 4)), torch.arange(4) % spec.classes).backward()
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
    grown = _kept(model, images(spec, 3)) - _kept(model, images(spec, 2))  # what the batch does not change cancels
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


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in TORCHVISION])
def test_imagenet_logits_are_torchvisions(name: str) -> None:
    import torchvision

    spec = replace(TORCHVISION[name], size=64)
    theirs = getattr(torchvision.models, name)(weights=None)
    with torch.no_grad():
        theirs(images(spec, 4, seed=1))  # moves BatchNorm's statistics off 0 and 1
    ours = models.build(spec)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = images(spec)
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))
        assert torch.equal(ours.train()(x), theirs.train()(x))


def test_the_imagenet_plain_twin_has_no_downsampling_layers() -> None:
    spec = ModelSpec(family="imagenet", depth=50, shortcut="projection", width=0.125)
    plain = models.build(spec.twin()).state_dict()
    assert set(plain) == {name for name in models.build(spec).state_dict() if "downsample" not in name}
