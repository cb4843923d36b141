"""Correlation of gradients between inputs: against Balduzzi 2017's laws, and noise against noise."""

import numpy as np
import pytest
import torch

from resnet_viz.figures.shattering import KINDS, correlation, curves
from resnet_viz.labs import shattering
from resnet_viz.spec import laws
from resnet_viz.spec.model import ModelSpec


def test_plain_nets_follow_2_to_the_minus_l() -> None:
    """Within 30 % for L up to 8, as the mean over nets (theorem 1)."""
    depths = (1, 2, 4, 8)
    found = shattering.correlations("plain", depths, inputs=256).mean(0)
    np.testing.assert_allclose(found, laws.shattering("plain", depths), rtol=0.3)
    assert 0.055 < found[2] < 0.07


def test_residual_nets_follow_their_laws() -> None:
    """(3/4)^L without a norm (theorem 2); with batch norm the product in `laws`, which falls as L^(−π / 2(π−1))."""
    depths = (1, 4, 8)
    for kind in ("residual", "residual_bn"):
        found = shattering.correlations(kind, depths).mean(0)
        np.testing.assert_allclose(found, laws.shattering(kind, depths), rtol=0.15)


def test_the_law_with_batch_norm_falls_as_a_power_of_the_depth() -> None:
    a, b = laws.shattering("residual_bn", np.array([1_000, 10_000]))
    assert np.log10(b / a) == pytest.approx(-np.pi / (2 * (np.pi - 1)), abs=1e-3)


def test_the_statistics_must_be_held_fixed_and_the_means_taken_away(monkeypatch) -> None:
    """Without centring the correlation at L = 4 is not 1/16: a law of theirs it is not."""
    monkeypatch.setattr(torch.Tensor, "mean", lambda x, dim, keepdim=False: torch.zeros(()))
    assert shattering.correlations("plain", (4,)).mean() > 0.1


def test_correlation_is_1_for_equal_gradients_and_noise_for_noise() -> None:
    torch.manual_seed(0)
    one = torch.randn(1, 1, 64).expand(1, 16, 64)
    assert shattering.correlation(one).item() == pytest.approx(1)
    white = shattering.correlation(torch.randn(400, 16, 64))
    per_net = shattering.noise(nets=1, inputs=16, dimensions=64)
    assert (white.abs() > per_net).float().mean().item() == pytest.approx(0.05, abs=0.03)


def test_a_deep_plain_net_is_white_noise_where_a_residual_one_is_brown() -> None:
    def agree(kind: str, depth: int) -> float:
        return float(np.mean([shattering.neighbours(shattering.curve(kind, depth, seed=s)[1]) for s in range(4)]))

    assert agree("plain", 2) > 0.9
    assert abs(agree("plain", 50)) < 0.2
    assert agree("residual_bn", 50) > 0.6


def test_a_curve_is_the_derivative_of_its_net() -> None:
    x, gradient = shattering.curve("plain", 1, seed=2)
    assert x[0] == -2
    assert x[-1] == 2
    # One layer of ReLUs: the gradient is a step function, so most neighbours are equal.
    assert (np.diff(gradient) == 0).mean() > 0.1
    assert len(np.unique(gradient)) > 50


def test_this_apps_nets_hold_their_statistics_and_agree_more_with_skips() -> None:
    plain, residual = (
        shattering.conv_correlation(ModelSpec(depth=8, shortcut=s, size=8), nets=2) for s in ("none", "identity")
    )
    assert plain.shape == (2,)
    assert residual.mean() > plain.mean()


@pytest.mark.parametrize("with_laws", [True, False])
def test_correlation_is_drawn_with_bands_laws_and_noise(with_laws) -> None:
    rng = np.random.default_rng(0)
    depths = (1, 4, 50)
    values = laws.shattering("residual_bn", depths) + 1e-3 * rng.standard_normal((10, 3))
    figure = correlation({"residual_bn": (depths, values)}, 1e-3, with_laws).figure()
    mean = next(t for t in figure.data if t.meta["role"] == "mean")
    np.testing.assert_allclose(10.0**mean.y, values.mean(0), rtol=1e-4)
    assert [t.meta["kind"] for t in figure.data if t.meta["role"] == "law"] == ["residual_bn"] * with_laws
    assert figure.layout.shapes[0].y1 == pytest.approx(-3)
    assert (mean.line.color, mean.line.dash) == KINDS["residual_bn"][1:3]


def test_curves_are_rows_of_kinds_and_columns_of_depths() -> None:
    x, g = np.linspace(-2, 2, 9), np.arange(9.0)
    found = {(kind, depth): (x, g, 0.5) for kind in ("residual_bn", "plain") for depth in (2, 10)}
    figure = curves(found).figure()
    assert [(t.meta["kind"], t.meta["depth"]) for t in figure.data] == list(found)
    assert all("r = 0.50" in note.text for note in figure.layout.annotations)
