"""Is an image like those that a network was trained on? BatchNorm remembers how they answered, channel by channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resnet_viz.nets.probes import alone

# Above it an image counts as unlike the training data. Measured on the depth-20 twins that ship: of 300 test images 99 in 100
# lie under 0.50 to 0.66; noise at 0.56 to 0.82, blank images at 0.8 to 1.6, photos shown to a net that knows digits at 0.85.
# Of CIFAR-10's residual-56 97 in 100 lie under it, noise at 0.60 to 0.71, blank images at 0.84 to 1.3; of plain-56, which
# learned little, 63 in 100: ask the residual net.
LIMIT = 0.65


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
