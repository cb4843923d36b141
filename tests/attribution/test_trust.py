"""trust.py against cases whose answers are known by hand, and what the papers found."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from resnet_viz.attribution import trust
from resnet_viz.attribution.attribute import attribute
from resnet_viz.nets import models
from resnet_viz.spec.model import ModelSpec

SMALL = ModelSpec(depth=8, width=0.25, size=8, classes=4)


pytestmark = pytest.mark.usefixtures("one_thread")


class Linear(nn.Module):
    """Two classes, logits (sum of weights · pixels, 0): what each pixel is worth is known."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights, self.spec = weights, ModelSpec(channels=1, classes=2, size=len(weights))

    def forward(self, x: Tensor) -> Tensor:
        first = (x * self.weights).sum((1, 2, 3))
        return torch.stack([first, torch.zeros_like(first)], 1)


def _images(count: int = 1, seed: int = 0, spec: ModelSpec = SMALL) -> Tensor:
    return torch.randn(count, spec.channels, spec.size, spec.size, generator=torch.Generator().manual_seed(seed))


def _model() -> nn.Module:
    return models.build(SMALL).eval().requires_grad_(False)


# Insertion and deletion


def test_deletion_takes_pixels_out_in_the_maps_order() -> None:
    weights = torch.arange(16.0).reshape(4, 4) / 20
    model, x = Linear(weights), torch.ones(1, 1, 4, 4)
    worst = trust.curves(model, x, [weights, -weights], target=0, insertion=False, steps=16)
    left = 120 / 20 - np.array([0, *np.cumsum(np.arange(16)[::-1] / 20)])  # logits as the dearest go first
    expected = 1 / (1 + np.exp(-left))
    np.testing.assert_allclose(worst.shares, np.arange(17) / 16)
    np.testing.assert_allclose(worst.probabilities[0], expected, rtol=1e-5)
    np.testing.assert_allclose(worst.areas[0], ((expected[1:] + expected[:-1]) / 2).mean(), rtol=1e-5)
    assert worst.areas[0] < worst.areas[1]  # the right order falls the faster


def test_insertion_begins_blurred_and_ends_with_the_image() -> None:
    model, x = _model(), _images()
    insertion = trust.curves(model, x, [torch.rand(8, 8), torch.rand(2, 2)], target=1, insertion=True, steps=5)
    deletion = trust.curves(model, x, [torch.rand(8, 8)], target=1, insertion=False, steps=5)
    whole, grey = (float(model(p).softmax(1)[0, 1]) for p in (x, torch.zeros_like(x)))
    assert insertion.probabilities.shape == (2, 6)
    np.testing.assert_allclose(insertion.probabilities[:, -1], whole, rtol=1e-5)
    assert insertion.probabilities[0, 0] == insertion.probabilities[1, 0] != pytest.approx(whole)
    np.testing.assert_allclose(deletion.probabilities[0, [0, -1]], [whole, grey], rtol=1e-5)


# captum's measures


def test_a_linear_net_is_foretold_by_its_own_contributions() -> None:
    weights = torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
    model, x = Linear(weights), _images(seed=2, spec=ModelSpec(channels=1, size=8))
    truth = weights * x[0, 0]
    found = trust.infidelity(model, x, [truth, 3 * truth, torch.zeros(8, 8), torch.ones(8, 8)], target=0)
    np.testing.assert_allclose(found[:2], 0, atol=1e-5)  # of any scale
    assert found[2] == pytest.approx(1)
    assert 0.5 < found[3] <= 1
    # Less the other class, whose logit is 0, it is the same; a class less itself would be nothing.
    np.testing.assert_allclose(trust.infidelity(model, x, [truth], target=0, minus=1), 0, atol=1e-5)


def test_sensitivity_is_the_largest_relative_move() -> None:
    model, x = _model(), _images(2)
    explain = partial(attribute, model, method="saliency", target=1)
    moves = torch.Generator().manual_seed(trust.seed_from(3, "sensitivity"))

    def move(images: Tensor) -> Tensor:
        return images + 0.1 * (2 * torch.rand(images.shape, generator=moves) - 1)

    # The definition, written out (Yeh 2019, definition 4), relative to the map's norm.
    copies, first = move(x.repeat_interleave(4, 0)), explain(x)
    moved = (explain(copies).reshape(2, 4, -1) - first.reshape(2, 1, -1)).norm(dim=-1)
    by_hand = (moved / first.reshape(2, 1, -1).norm(dim=-1)).amax(1)
    found = trust.sensitivity(explain, x, radius=0.1, samples=4, seed=3)
    np.testing.assert_allclose(found, by_hand.numpy(), rtol=1e-4)
    assert trust.sensitivity(lambda p: p[:, 0] * 0 + 1, x).tolist() == [0, 0]  # an explanation that never moves


def test_completeness_of_a_linear_net_has_no_residue() -> None:
    weights = torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
    model, x = Linear(weights), _images(3, spec=ModelSpec(channels=1, size=8))
    base = torch.full((1, 8, 8), -0.5)
    maps = attribute(model, x, method="integrated_gradients", target=0, minus=1, baseline=base, steps=8)
    found = trust.completeness(model, x, maps, target=0, minus=1, baseline=base)
    np.testing.assert_allclose(found.differences, ((x[:, 0] + 0.5) * weights).sum((1, 2)), rtol=1e-4)
    assert found.relative.max() < 1e-4
    half = trust.completeness(model, x, maps / 2, target=[0, 0, 0], minus=1, baseline=base)
    np.testing.assert_allclose(half.relative, 0.5, rtol=1e-3)
    np.testing.assert_allclose(half.residues, -half.differences / 2, rtol=1e-3)


# Does the map depend on what was learned?


def test_edges_are_where_the_image_changes() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, 4:] = 200
    found = trust.edges(image)
    assert found.shape == (8, 8)
    assert found[:, 3:5].min() > 0.5 > 0 == found[:, :2].max() == found[:, 6:].max()
    np.testing.assert_allclose(trust.edges(image[..., :1]), found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("spec", [SMALL, ModelSpec(depth=8, width=0.25, size=8, classes=4, order="preact")])
def test_a_net_that_has_forgotten_everything_is_a_fresh_one(spec: ModelSpec) -> None:
    model, x = models.build(spec, seed=7).eval().requires_grad_(False), _images(2)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    found = trust.randomisation(model, x, method="saliency", target=1, seed=5)
    assert found.parts == ("", "fc", "layer3.0", "layer2.0", "layer1.0", "conv1")
    assert found.maps.shape == (6, 2, 8, 8)
    for likeness in (found.signed, found.absolute, found.ssim):
        np.testing.assert_allclose(likeness[0], 1, rtol=1e-5)  # to itself
        assert (np.abs(likeness) <= 1 + 1e-5).all()
    fresh = models.build(spec, seed=5).eval()
    np.testing.assert_allclose(
        found.maps[-1], attribute(fresh, x, method="saliency", target=1).numpy(), rtol=1e-4, atol=1e-6
    )
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())  # it was done to a copy


def test_only_the_parts_above_have_forgotten() -> None:
    model, x = models.build(SMALL, seed=7).eval(), _images(1)
    found = trust.randomisation(model, x, method="gradcam", target=1, layer="layer1.0", most=2)
    assert found.parts == ("", "fc", "conv1")
    head = models.build(SMALL, seed=7).eval()
    head.fc.load_state_dict(models.build(SMALL, seed=0).fc.state_dict())
    by_hand = attribute(head, x, method="gradcam", target=1, layer="layer1.0")
    np.testing.assert_allclose(found.maps[1], by_hand.numpy(), rtol=1e-4, atol=1e-6)


def test_likenesses_are_signed_absolute_and_undefined_for_an_empty_map() -> None:
    one = np.arange(-32, 32, dtype=np.float32).reshape(8, 8)
    assert trust._ranks(one, -one) == pytest.approx(-1)
    assert trust._ranks(abs(one), abs(-one)) == pytest.approx(1)
    assert np.isnan(trust._ranks(one, 0 * one))
    assert np.isnan(trust._ssim(one, 0 * one))


@pytest.mark.slow
def test_guided_backprop_stays_alike_where_the_gradient_does_not(public) -> None:
    """Adebayo 2018, figures 2 and 4: absolute rank correlation with the top of the network random, 4 CIFAR-10 images."""
    model, x, y = public.model, public.prepare(public.images[:4]), torch.from_numpy(public.labels[:4])
    alike = {
        method: trust.randomisation(model, x, method=method, target=y, most=11).absolute.mean(1)
        for method in ("guided_backprop", "saliency", "gradcam")
    }
    place = trust.parts(model.spec).index("layer3.0") + 1  # the classifier and the last stage are random
    assert alike["guided_backprop"][place] > alike["saliency"][place] + 0.1
