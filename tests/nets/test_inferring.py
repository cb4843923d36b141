"""Which network names and shapes tell: ours, torchvision's, and those of public CIFAR code, by their logits."""

import random
from dataclasses import replace

import pytest
import torch

from resnet_viz.errors import UserError
from resnet_viz.nets import weights
from resnet_viz.nets.bring import import_checkpoint
from resnet_viz.nets.inferring import infer
from resnet_viz.spec.model import ModelSpec
from tests.nets.files import HALF, SMALL, SMALL_50, SMALL_MLP, expected, images, logits, saved, state
from tests.nets.made import TORCHVISION
from tests.nets.textbook import KINDS, made

pytestmark = pytest.mark.usefixtures("one_thread")


SPECS = {
    "option A": SMALL,
    "option B": replace(SMALL, shortcut="projection", depth=14),
    "option C": replace(SMALL, shortcut="projection_all"),
    "concat": replace(SMALL, shortcut="concat", classes=7),
    "pre-activation": replace(SMALL, order="preact", depth=20),
    "GroupNorm, grey": replace(SMALL, norm="group", channels=1),
    "no norm": replace(SMALL, norm="none"),
    "wide": replace(SMALL, width=2.0),
    "18": ModelSpec("imagenet", 18, "projection", width=0.125, classes=9, size=224),
    "34": ModelSpec("imagenet", 34, "projection", width=0.125, size=224),
    "50": SMALL_50,
    "26, bottlenecks": ModelSpec("imagenet", 26, "projection", width=0.125, size=224, stages=(2, 2, 2, 2)),
    "ResNeXt": replace(SMALL_50, groups=4, width_per_group=16),
    "Wide ResNet": replace(SMALL_50, width_per_group=128),
    "CIFAR bottlenecks": ModelSpec(depth=11, stages=(1, 1, 1), width=0.5),
    "pre-activated bottlenecks": ModelSpec(depth=164, order="preact", stages=(18, 18, 18), width=0.25),
    "four stages": ModelSpec(depth=18, shortcut="projection", stages=(2, 2, 2, 2), width=0.25),
    "one stage": ModelSpec(depth=8, stages=(3,), width=0.25),
    "a head of three layers": SMALL_MLP,
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_names_and_shapes_tell_the_network(spec) -> None:
    assert infer(state(spec)) == spec


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvisions_own_networks_are_told_by_their_tensors(name) -> None:
    import torchvision

    with torch.device("meta"):
        theirs = getattr(torchvision.models, name)(weights=None).state_dict()
    assert infer(theirs) == TORCHVISION[name]


@pytest.mark.parametrize("name", KINDS)
def test_public_codes_networks_give_their_logits(name) -> None:
    kind, called = KINDS[name]
    theirs = made(kind)
    content = saved({"net": {f"module.{key}": value for key, value in theirs.state_dict().items()}, "acc": 95.1})
    told = {"stride_in_1x1": kind.v1, "raw_projection": kind.preact == "raw"}
    source = import_checkpoint("ckpt.pth", content, **HALF, **told)
    assert source.spec.called == called
    x = images(size=64 if kind.stem == 7 else 32)
    with torch.no_grad():
        # They take the mean over pixels in another order.
        torch.testing.assert_close(weights.load(source).model(x), theirs(x), atol=1e-4, rtol=1e-4)


def test_groups_of_groupnorm_are_asked_for_as_no_tensor_tells_them() -> None:
    wide = replace(SMALL, width=2.0, norm="group")  # 32 channels and more
    for given, groups in ((0, 32), (8, 8)):
        spec = replace(wide, norm_groups=groups)
        source = import_checkpoint("a.pth", saved(state(spec)), **HALF, norm_groups=given)
        assert source.spec == spec
        assert f"GroupNorm of {groups} groups" in source.about
        assert torch.equal(logits(weights.load(source)), expected(spec))
        layer = weights.load(source).model.get_submodule("layer1.0.bn1")
        x = torch.randn(2, 32, 4, 4)
        torch.testing.assert_close(layer(x), torch.nn.functional.group_norm(x, groups, layer.weight, layer.bias))


def test_v1_and_v1_5_differ_in_what_they_answer_alone() -> None:
    """So it is asked: the names and shapes of both are the same."""
    kind, _ = KINDS["ResNet-50 v1"]
    content = saved(made(kind).state_dict())
    first, second = (import_checkpoint("a.pth", content, **HALF, stride_in_1x1=v1) for v1 in (True, False))
    assert first.ref != second.ref
    assert "stride in the first 1×1 (v1), not in the 3×3" in first.about
    assert "stride in the 3×3 convolution (v1.5" in second.about
    x = images(size=64)
    assert not torch.allclose(weights.load(first).model(x), weights.load(second).model(x))


def test_a_plain_net_has_the_tensors_of_option_a_so_its_caller_says_so() -> None:
    plain = replace(SMALL, shortcut="none")
    assert infer(state(plain)) == SMALL
    content = saved(state(plain))
    sources = [import_checkpoint("a.pth", content, **HALF, shortcut=kind) for kind in ("identity", "none")]
    assert [source.spec for source in sources] == [SMALL, plain]
    for source in sources:
        assert torch.equal(logits(weights.load(source)), expected(source.spec))


def test_damaged_names_and_shapes_end_in_a_sentence() -> None:
    """Tensors of any shape, lacking, or under another's name: told, or refused; nothing else comes out."""
    draw = random.Random(0)
    names = [
        "fc.weight",
        "fc.9.weight",
        "head.weight",
        "layer9.0.conv1.weight",
        "bn.weight",
        "layer1.0.conv3.weight",
        ".weight",
    ]
    bases = [
        state(spec) for spec in (SMALL_MLP, SPECS["CIFAR bottlenecks"], replace(SMALL, order="preact", norm="group"))
    ]
    refused = []
    for _ in range(100):
        held = dict(draw.choice(bases))
        for _ in range(draw.randint(1, 4)):
            key = draw.choice(list(held))
            value = held.pop(key)
            if (chance := draw.random()) < 0.6:
                held[key] = torch.zeros([draw.choice([0, 1, 3, 4, 8, 10, 16]) for _ in range(draw.randint(0, 5))])
            elif chance < 0.8:
                held[draw.choice(names)] = value
        try:
            import_checkpoint("a.pth", saved(held), **HALF)
        except UserError as error:
            refused.append(str(error))
    assert len(refused) > 80
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in refused)
