"""plain_twin and without: which additions are skips, and that what is left computes just what it should."""

import copy

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torchvision.models.vision_transformer import VisionTransformer
from torchvision.ops import StochasticDepth

import resnet_viz as rv
from resnet_viz.errors import UserError
from resnet_viz.nets import models

pytestmark = pytest.mark.usefixtures("one_thread")

# How many skips each has: its papers' blocks; a transformer's block has two.
SKIPS = {"resnet18": 8, "resnet50": 16, "resnext50_32x4d": 16, "wide_resnet50_2": 16}
TIMM = {
    "resnet18": 8,
    "resnet50": 16,
    "resnetv2_50": 16,
    "seresnet50": 16,
    "resnet26d": 8,
    "regnetx_002": 13,
    "convnext_atto": 12,
}


def lively(model: nn.Module, seed: int = 0) -> nn.Module:
    """The model in evaluation with statistics and scales as if it had learned, each tensor another."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if tensor.ndim == 1 and tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5 * ("bias" not in name))
    return model.eval()


def skips(model: nn.Module) -> int:
    """How many skips there are, as the sentence for one too many says."""
    with pytest.raises(UserError, match="There is no skip 999") as error:
        rv.without(model, skip=[999])
    return str(error.value).partition("has")[2].count(",") + 1


@pytest.mark.parametrize("name", SKIPS)
def test_of_torchvisions_nets_every_skip_is_found_and_its_projections_go(name: str) -> None:
    model = getattr(torchvision.models, name)(weights=None)
    before = dict(model.named_parameters())
    twin = rv.plain_twin(model)
    assert skips(model) == SKIPS[name]
    assert set(dict(twin.named_parameters())) == {n for n in before if ".downsample." not in n}
    assert all(torch.equal(p, before[n]) and p is not before[n] for n, p in twin.named_parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMM)
def test_of_timms_nets_every_skip_is_found(name: str) -> None:
    model = pytest.importorskip("timm").create_model(name)
    assert skips(model) == TIMM[name]
    with torch.no_grad():
        logits = rv.plain_twin(model).eval()(torch.zeros(1, 3, 224, 224))
    assert logits.shape == (1, 1000)


@torch.no_grad()
def test_a_plain_resnet_18_is_its_layers_one_behind_the_other() -> None:
    model = lively(torchvision.models.resnet18(weights=None))
    x = torch.randn(2, 3, 64, 64)
    h = F.max_pool2d(F.relu(model.bn1(model.conv1(x))), 3, 2, 1)
    for block in (*model.layer1, *model.layer2, *model.layer3, *model.layer4):
        h = F.relu(block.bn2(block.conv2(F.relu(block.bn1(block.conv1(h))))))
    torch.testing.assert_close(rv.plain_twin(model)(x), model.fc(h.mean((2, 3))))


@torch.no_grad()
def test_a_vision_transformer_loses_both_skips_of_every_block() -> None:
    model = VisionTransformer(
        image_size=32, patch_size=16, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=5, dropout=0.1
    )
    nn.init.normal_(model.heads.head.weight)
    model.eval()
    assert skips(model) == 4
    x = torch.randn(3, 3, 32, 32)
    tokens = model._process_input(x)
    h = torch.cat([model.class_token.expand(3, -1, -1), tokens], 1) + model.encoder.pos_embedding  # no skip: no fork
    for block in model.encoder.layers:
        normed = block.ln_1(h)
        h = block.mlp(block.ln_2(block.self_attention(normed, normed, normed, need_weights=False)[0]))
    assert torch.equal(rv.plain_twin(model)(x), model.heads(model.encoder.ln(h)[:, 0]))


SPECS = {
    "identity": rv.ModelSpec(depth=14),
    "projection": rv.ModelSpec(depth=8, shortcut="projection"),
    "projection everywhere": rv.ModelSpec(depth=8, shortcut="projection_all", norm="group"),
    "pre-activation": rv.ModelSpec(depth=8, shortcut="projection", order="preact"),
    "zero-gamma": rv.ModelSpec(depth=8, init="zero_gamma"),
    "the article's": rv.ModelSpec(family="article", depth=6, shortcut="maxpool", order="article"),
    "ResNet-18": rv.ModelSpec(family="imagenet", depth=18, shortcut="projection", size=64),
    "ResNet-50": rv.ModelSpec(family="imagenet", depth=50, shortcut="projection", size=64),
}


@torch.no_grad()
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_our_nets_plain_twin_is_the_one_of_the_spec(spec: rv.ModelSpec) -> None:
    """In training and in evaluation: weights that twins share are equal from the start."""
    twin, ours = rv.plain_twin(rv.build(spec)), rv.build(spec.twin())
    x = torch.randn(2, 3, spec.size, spec.size)
    assert torch.equal(twin(x), ours(x))
    assert set(twin.state_dict()) == set(ours.state_dict())
    assert torch.equal(twin.eval()(x), ours.eval()(x))


@torch.no_grad()
def test_a_single_skip_goes_by_number_or_by_name() -> None:
    spec = rv.ModelSpec(depth=14)
    model, x = rv.build(spec), torch.randn(2, 3, 32, 32)
    assert [block.arch.name for block in models.blocks(model)][2] == "layer2.0"
    for skip in (3, "layer2.0"):
        ours = rv.build(rv.ModelSpec(depth=14, no_skip=(3,)))
        assert torch.equal(rv.without(model, skip=[skip])(x), ours(x))
    assert torch.equal(rv.without(model, skip=[])(x), model(x))
    with pytest.raises(UserError, match=r"There is no skip 7 here; this network has 1 layer1\.0, 2 layer1\.1"):
        rv.without(model, skip=[3, 7])


@torch.no_grad()
def test_with_every_skip_put_back_the_logits_are_the_models() -> None:
    model = lively(torchvision.models.resnet18(weights=None))
    again, x = torchvision.models.resnet18(weights=None).eval(), torch.randn(2, 3, 64, 64)
    weights = dict(rv.plain_twin(model).state_dict())
    again.load_state_dict(weights | {n: t for n, t in model.state_dict().items() if n not in weights})
    assert torch.equal(again(x), model(x))


class Block(nn.Module):
    """A block as people write them: a functional dropout, an in-place sum, an optional mask, stochastic depth."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.relu = nn.Linear(6, 6), nn.Linear(6, 6), nn.ReLU(inplace=True)
        self.drop = StochasticDepth(0.9, "row")

    def forward(self, x, mask=None):
        out = F.dropout(self.relu(self.one(x)), 0.5, self.training)
        if mask is not None:
            out = out * mask
        out = self.drop(self.two(out))
        out += x
        return self.relu(out)


def plain_block(block: Block, x: torch.Tensor) -> torch.Tensor:
    """What is left of it without its skip."""
    return F.relu(block.two(F.dropout(F.relu(block.one(x)), 0.5, block.training)))


@torch.no_grad()
def test_a_twin_heeds_train_and_eval_and_drops_no_branch() -> None:
    model, x = nn.Sequential(Block(), Block()), torch.randn(64, 6)
    twin = rv.plain_twin(model)
    for mode in (True, False):
        twin.train(mode), model.train(mode)
        torch.manual_seed(1)
        expected = plain_block(model[1], plain_block(model[0], x.clone()))
        torch.manual_seed(1)
        assert torch.equal(twin(x), expected)


def test_the_original_stays_as_it_was_and_copies_stand_alone() -> None:
    model, x = nn.Sequential(Block(), Block()).eval(), torch.randn(4, 6)
    before = model(x).detach()
    twin = rv.plain_twin(model)
    other = copy.deepcopy(twin)
    twin(x).sum().backward()
    with torch.no_grad():
        for p in twin.parameters():
            p.zero_()
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(model(x), before)
    assert not torch.equal(other(x), twin(x))
    assert not any(m.training for m in [*twin.modules(), *model.modules()])


class Counting(nn.Module):
    """A forward that leaves its traces: a counter, a buffer that counts, its last activation; and a constant of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.calls, self.last = nn.Linear(3, 3), 0, None
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        self.count += 1
        self.last = self.layer(x)
        return x + self.last + torch.ones(3)


def test_tracing_leaves_no_trace_in_a_module_that_keeps_things() -> None:
    model, x = Counting(), torch.zeros(1, 3)
    twin = rv.plain_twin(model)
    assert (model.calls, model.last, model.count.item(), twin.count.item()) == (0, None, 0, 0)
    assert torch.equal(twin(x), model.layer(x) + 1)


def test_a_module_in_two_places_stays_one() -> None:
    block = Block()
    twin = rv.plain_twin(nn.Sequential(block, nn.ReLU(), block))
    assert twin[0] is twin[2]


class Whole(nn.Module):
    """A net that looks at its input's values, so that it can't be traced, and whose two branches weigh the same."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.left, self.right = nn.Linear(6, 6), nn.Linear(6, 6, bias=False)

    def forward(self, x):
        if x.sum() > 1e9:
            return x
        for block in self.blocks:
            x = block(x)
        return self.left(x) + self.right(x)


def test_what_cant_be_traced_is_named_and_skips_name_the_additions() -> None:
    model, x = Whole().eval(), torch.randn(4, 6)
    with pytest.raises(UserError, match=r"^Whole \(the model itself\) can't be traced: .*control flow.* skips="):
        rv.plain_twin(model)
    twin = rv.plain_twin(model, skips="blocks.*")
    h = plain_block(model.blocks[1], plain_block(model.blocks[0], x.clone()))
    assert torch.allclose(twin(x), model.left(h) + model.right(h))
    with pytest.raises(UserError, match=r"Whole has no module 'stage\*'; its first are blocks"):
        rv.plain_twin(model, skips="stage*")
    layer = nn.TransformerEncoderLayer(8, 2, 8)
    with pytest.raises(UserError, match=r"^TransformerEncoderLayer \(0\) can't be traced"):
        rv.plain_twin(nn.Sequential(layer))


class Two(nn.Module):
    """Two branches of one layer each: neither goes around the other."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x):
        return self.a(x) + self.b(x) + 1


def test_branches_of_equal_weight_are_no_skip() -> None:
    with pytest.raises(UserError, match="No skip was found in its modules of Two"):
        rv.plain_twin(Two())
