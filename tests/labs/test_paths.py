"""Paths: exact against back-propagation, and their number against Veit 2016."""

import numpy as np
import pytest
import torch
from scipy.stats import binom
from torch.nn import functional as F

from resnet_viz.figures.paths import paths as drawn
from resnet_viz.labs.paths import at_start, paths
from resnet_viz.nets import models
from resnet_viz.spec import laws
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import SpecError

GREY = {"channels": 1, "size": 8}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"norm": "none"},
        {"norm": "group"},
        {"shortcut": "projection"},
        {"shortcut": "projection_all"},
        {"order": "preact"},
        {"order": "preact", "shortcut": "projection"},
        {"shortcut": "concat"},
        {"shortcut": "scaling"},
        {"no_skip": (2,)},
    ],
    ids=str,
)
def test_shares_sum_to_the_whole_gradient(change) -> None:
    found = at_start(ModelSpec(depth=14, **GREY, **change))
    assert found.share.sum() == pytest.approx(1, abs=1e-4)
    assert found.rest < 1e-4
    assert found.count.sum() == pytest.approx(1)


def test_the_path_of_no_branch_is_the_gradient_of_the_net_without_branches() -> None:
    """With zero-gamma every F(x) is 0, whatever passes through it: the path of no branch is the whole gradient."""
    found = at_start(ModelSpec(depth=14, init="zero_gamma", **GREY))
    np.testing.assert_allclose(found.share, np.eye(7)[0], atol=1e-6)


def test_one_branch_by_hand() -> None:
    """A net whose branches but one are cut off has paths of no branch and of one: the second is what the cut takes away."""
    net = models.build(ModelSpec(depth=8, norm="none", **GREY)).eval()
    with torch.no_grad():
        for block in models.blocks(net)[1:]:
            block.conv2.weight.zero_()
    torch.manual_seed(0)
    x, y = torch.randn(4, 1, 8, 8), torch.arange(4)
    found = paths(net, x, y)
    assert found.norm[2:].max() == 0
    block, inputs = models.blocks(net)[0], []
    block.register_forward_pre_hook(lambda _m, args: inputs.append(args[0]))
    handle = block.branch_out.register_full_backward_hook(lambda _m, _g, out: (0 * out[0],))
    loss = F.cross_entropy(net(x), y)
    (skip,) = torch.autograd.grad(loss, inputs[0])
    handle.remove()
    loss = F.cross_entropy(net(x), y)
    (whole,) = torch.autograd.grad(loss, inputs[1])
    assert found.norm[0] == pytest.approx(float(skip.norm() / whole.norm()), rel=1e-4)


def test_a_plain_net_has_one_path() -> None:
    found = at_start(ModelSpec(depth=8, shortcut="none", **GREY))
    assert found.count.tolist() == [0, 0, 0, 1]
    assert found.carrying == (3, 3, 1.0)


def test_lengths_are_binomial_and_veits_paths_are_few() -> None:
    """Veit 2016: of 54 blocks, paths of 5 to 17 are 0.45 % of all."""
    first, last = laws.VEIT_PATHS
    count = binom.pmf(np.arange(55), laws.VEIT_BLOCKS, 0.5)
    assert count[first : last + 1].sum() == pytest.approx(0.0045, abs=1e-4)
    found = at_start(ModelSpec(depth=14, **GREY))
    np.testing.assert_allclose(found.count, binom.pmf(np.arange(7), 6, 0.5))


def test_most_gradient_comes_by_short_paths() -> None:
    found = at_start(ModelSpec(depth=38, **GREY), inputs=4)
    lengths = np.arange(19)
    assert lengths @ found.share < 0.45 * 18
    first, last, share = found.carrying
    assert found.share[first : last + 1].sum() >= 0.95
    assert share == pytest.approx(found.count[first : last + 1].sum())


def test_gates_get_a_sentence() -> None:
    with pytest.raises(SpecError, match="gate"):
        at_start(ModelSpec(depth=8, shortcut="gate_shortcut", **GREY))


def test_hooks_are_gone() -> None:
    net = models.build(ModelSpec(depth=8, **GREY))
    paths(net, torch.randn(4, 1, 8, 8), torch.arange(4))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


@pytest.mark.parametrize("blocks", [3, 54])
def test_both_shares_are_drawn_on_one_scale(blocks) -> None:
    count = binom.pmf(np.arange(blocks + 1), blocks, 0.5)
    share = binom.pmf(np.arange(blocks + 1), blocks, 0.2)
    figure = drawn(count, share).figure()
    many, carried = figure.data
    np.testing.assert_allclose(many.y, 100 * count)
    np.testing.assert_allclose(carried.y, 100 * share)
    assert len(figure.layout.shapes) == (blocks == 54)
