"""arch.py against the papers' and torchvision's own figures. That `models.build` makes the same: test_models.py."""

from dataclasses import replace
from itertools import pairwise

import pytest

from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec
from tests.nets.made import TORCHVISION

# He 2015, section 4.2 and table 6, counted exactly: trainable parameters with option A.
PAPER = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962, 1202: 19_421_274}


@pytest.mark.parametrize(("depth", "count"), PAPER.items())
def test_parameters_are_the_papers_with_and_without_skips(depth: int, count: int) -> None:
    spec = ModelSpec(depth=depth)
    assert arch.parameters(spec) == count
    assert arch.parameters(spec.twin()) == count


def test_concatenation_costs_a_1x1_convolution_over_both() -> None:
    # Added to option A: a convolution cin + cout → cout in each of the 27 blocks.
    added = (32 * 16) * 9 + (48 * 32 + 64 * 32 * 8) + (96 * 64 + 128 * 64 * 8)
    assert arch.parameters(ModelSpec(depth=56, shortcut="concat")) == PAPER[56] + added == 947_226


def test_the_articles_network_counted_by_hand() -> None:
    spec = ModelSpec(family="article", depth=4, shortcut="maxpool", order="article")
    first, second = arch.blocks(spec)
    assert (first.stride, first.shortcut, first.size_out) == (1, "identity", 32)
    assert (second.stride, second.shortcut, second.size_out) == (2, "maxpool", 16)
    assert arch.parameters(spec) == 3 * 16 * 9 + 2 * (32 + 16 * 16 + 32) + (16 * 16 * 16 * 10 + 10)


def test_imagenet_family_is_torchvisions_by_its_own_figures() -> None:
    """The counts and multiply-adds of its documentation, ResNeXt's and Wide ResNets' too."""
    from torchvision import models

    for name, spec in TORCHVISION.items():
        meta = next(iter(models.get_model_weights(name))).meta  # of V1, where there are two
        assert arch.parameters(spec) == meta["num_params"], name
        assert arch.multiply_adds(spec) / 1e9 == pytest.approx(meta["_ops"], abs=0.0006), name  # given to three places


def test_the_counts_of_resnet_164_and_of_the_usual_cifar_resnet_are_the_known_ones() -> None:
    # He 2016: 1.7 million (pre-activated, its identities without parameters); kuangliu's public code counts 11,173,962.
    bottlenecks = ModelSpec(depth=164, stages=(18, 18, 18), order="preact", shortcut="projection")
    assert round(arch.parameters(bottlenecks) / 1e6, 1) == 1.7
    assert arch.parameters(ModelSpec(depth=18, stages=(2, 2, 2, 2), width=4, shortcut="projection")) == 11_173_962


@pytest.mark.parametrize(("depth", "width", "millions"), [(40, 4, 8.9), (16, 8, 11.0), (28, 10, 36.5)])
def test_wide_resnets_have_the_papers_counts(depth: int, width: int, millions: float) -> None:
    # Zagoruyko 2016, table 4. It counts the three projections among the layers, and so two more than 6n+2.
    spec = ModelSpec(depth=depth - 2, width=width, stem_channels=16, order="preact", shortcut="projection")
    assert spec.called == f"Wide ResNet-{depth}-{width}"
    assert round(arch.parameters(spec) / 1e6, 1) == millions


def test_a_bottleneck_that_strides_in_its_first_convolution_is_cheaper_by_the_published_figures() -> None:
    # ResNet-50 as He 2015, table 1, has it: 3.8 billion multiply-adds; torchvision's 4.1.
    v1 = arch.multiply_adds(replace(TORCHVISION["resnet50"], stride_in_1x1=True)) / 1e9
    assert v1 == pytest.approx(3.8, abs=0.07)
    assert arch.parameters(replace(TORCHVISION["resnet50"], stride_in_1x1=True)) == 25_557_032


def test_shapes_of_the_cifar_family() -> None:
    blocks = arch.blocks(ModelSpec(depth=20))
    assert [b.number for b in blocks] == list(range(1, 10))
    assert [b.name for b in blocks] == [f"layer{s}.{i}" for s in (1, 2, 3) for i in range(3)]
    assert [(b.cin, b.cout, b.stride, b.size_in, b.size_out) for b in blocks if b.cin != b.cout] == [
        (16, 32, 2, 32, 16),
        (32, 64, 2, 16, 8),
    ]
    assert all(a.size_out == b.size_in and a.cout == b.cin for a, b in pairwise(blocks))


@pytest.mark.parametrize("size", [4, 5, 8, 28, 33, 224])
@pytest.mark.parametrize("family", ["cifar", "imagenet", "article"])
def test_no_image_shrinks_below_a_pixel(family: str, size: int) -> None:
    depth, kind = {"cifar": (8, "identity"), "imagenet": (18, "identity"), "article": (12, "maxpool")}[family]
    order = "article" if family == "article" else "original"
    blocks = arch.blocks(ModelSpec(family=family, depth=depth, shortcut=kind, order=order, size=size))
    assert all(b.size_out >= 1 for b in blocks)


@pytest.mark.parametrize(
    ("shortcut", "kinds"),
    [
        ("none", ["none", "none", "none"]),
        ("identity", ["identity", "identity", "identity"]),
        ("projection", ["identity", "projection", "projection"]),
        ("projection_all", ["projection", "projection", "projection"]),
        ("gate_shortcut", ["gate_shortcut", "gate_shortcut", "gate_shortcut"]),
    ],
)
def test_each_block_says_which_shortcut_it_has(shortcut: str, kinds: list[str]) -> None:
    assert [b.shortcut for b in arch.blocks(ModelSpec(depth=8, shortcut=shortcut))] == kinds


def test_a_masked_block_is_plain_and_starts_from_he() -> None:
    spec = ModelSpec(depth=8, shortcut="projection", init="zero_gamma", stochastic_depth=0.5, no_skip=(2,))
    one, two, three = arch.blocks(spec)
    assert (two.shortcut, two.init, two.keep, two.side, two.has_skip) == ("none", "he", 1.0, None, False)
    assert (one.init, three.init, three.shortcut) == ("zero_gamma", "zero_gamma", "projection")
    # The mask takes the projection's 16x32 weights and its norm's 2x32 with it.
    assert arch.parameters(replace(spec, no_skip=())) - arch.parameters(spec) == 16 * 32 + 2 * 32


def test_keep_probabilities_fall_linearly_to_p_L() -> None:
    keep = [b.keep for b in arch.blocks(ModelSpec(depth=110, stochastic_depth=0.5))]  # Huang 2016, eq. 4, p_L = 0.5
    assert keep[0] == pytest.approx(1 - 0.5 / 54)
    assert keep[26] == pytest.approx(0.75)
    assert keep[-1] == pytest.approx(0.5)
    assert sum(keep) == pytest.approx(40.25)  # the paper: about 40 of 54 blocks are kept


def test_the_width_factor_scales_planes_and_not_the_expansion() -> None:
    assert [b.cout for b in arch.blocks(ModelSpec(depth=8, width=2.5))] == [40, 80, 160]
    wide = arch.blocks(ModelSpec(family="imagenet", depth=50, shortcut="projection", width=2))
    assert [c.cout for c in wide[0].convs] == [128, 128, 512]


def test_layers_are_named_in_forward_order() -> None:
    assert arch.layers(ModelSpec(depth=8, shortcut="projection")) == (
        "conv1.weight",
        "layer1.0.conv1.weight",
        "layer1.0.conv2.weight",
        "layer2.0.conv1.weight",
        "layer2.0.conv2.weight",
        "layer2.0.downsample.0.weight",
        "layer3.0.conv1.weight",
        "layer3.0.conv2.weight",
        "layer3.0.downsample.0.weight",
        "fc.weight",
    )


def test_activation_bytes_follow_the_item_size() -> None:
    spec = ModelSpec(depth=20)
    assert arch.activation_bytes(spec, 2) * 2 == arch.activation_bytes(spec)
