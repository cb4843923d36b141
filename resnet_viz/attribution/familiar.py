"""Is an image like those that a network was trained on? BatchNorm remembers how they answered, channel by channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resnet_viz.nets.probes import alone

# Above it an image counts as unlike the training data of a network whose own limit (`limit`) was not measured. Of the eight nets
# that ship, the limits are 0.50 to 0.71, noise lies at 0.42 to 0.86 and blank images at 0.79 to 1.8. Not so for plain nets of 56
# layers, which learned little: 1.3 and 1.4, and noise below; ask their residual twins.
LIMIT = 0.65
USUAL = 0.97  # the share of its test images that a network knows, by its limit


def limit(model: nn.Module, x: Tensor) -> float:
    """The strangeness that 3 in 100 of these test images (B, C, H, W) exceed."""
    return float(torch.cat([strangeness(model, part) for part in x.split(100)]).quantile(USUAL))


@torch.no_grad()
def strangeness(model: nn.Module, x: Tensor) -> Tensor:
    """How far each image's answers are from those that BatchNorm remembers of the training data: (B, C, H, W) → (B,).

    For each channel in front of a BatchNorm: its mean over cells, less the remembered mean, in remembered standard deviations;
    and the logarithm of its standard deviation over the remembered one. The root mean square of both over channels, averaged
    over layers. Channels that hardly varied in training (below BatchNorm's own ε) have no such unit and are left out.
    0 for an image that answers like the average; NaN without BatchNorm.
    """
    distances: list[Tensor] = []

    def measure(norm: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        varied = variance > norm.eps
        if not varied.any():
            return
        mean, variance, cells = mean[varied], variance[varied], inputs[0][:, varied]  # (C',), (C',), (B, C', H, W)
        offset = (cells.mean((2, 3)) - mean) ** 2 / variance  # (B, C')
        spread = (cells.var((2, 3), correction=0) + 1e-5 * variance) / variance
        distances.append((offset + (spread.log() / 2) ** 2).mean(1).sqrt())

    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    with alone(model):
        handles = [norm.register_forward_pre_hook(measure) for norm in norms]
        try:
            model(x)
        finally:
            for handle in handles:
                handle.remove()
    return torch.stack(distances).mean(0) if distances else torch.full((len(x),), torch.nan)
