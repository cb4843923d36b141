"""What theory says of networks before their first step: laws to draw over what is measured, never instead of it."""

from __future__ import annotations

import math

import numpy as np

# By how much batch norm multiplies the gradient of a wide plain net, a layer, toward the input (Yang 2019, arXiv 1902.08129):
# ReLU passes half of a unit variance, of which 1/(2π) is mean, and batch norm scales what is left, (π−1)/(2π), up again.
BN_GROWTH = math.sqrt(math.pi / (math.pi - 1))

# The paths that Veit 2016 (arXiv 1605.06431, section 4.3) found to carry nearly all gradient of a trained net of 54 blocks.
VEIT_BLOCKS, VEIT_PATHS = 54, (5, 17)

SHATTERING = {"plain": "2<sup>−L</sup>", "residual": "(3/4)<sup>L</sup>", "residual_bn": "about L<sup>−0.73</sup>"}


def shattering(kind: str, depths: np.ndarray) -> np.ndarray:
    """The correlation of gradients between inputs at depths (L,), each 1 or more, for the keys of SHATTERING.

    Balduzzi 2017: 2^−L in plain nets, (3/4)^L in residual ones; with batch norm "sublinear", for which this is what our setting
    gives: centred ReLU adds c = (π−1)/π to the variance in each block, so the branch of block l carries 1/s of the gradient
    that the skip does, s = 1 + c(l−1), half of it common to two inputs: ∏ (1 + 1/2s) / (1 + 1/s), which falls as L^(−1/2c).
    """
    depths = np.asarray(depths)
    if kind == "residual_bn":
        variance = 1 + np.arange(int(depths.max())) / BN_GROWTH**2
        return np.cumprod((1 + 0.5 / variance) / (1 + 1 / variance))[depths - 1]
    return {"plain": 0.5, "residual": 0.75}[kind] ** depths.astype(np.float64)
