"""What is said of a saliency map that has nothing to show."""

from __future__ import annotations

import numpy as np


def nothing_to_show(cells: np.ndarray, what: str = "the class", where: str = "this block") -> str:
    """Why a raw Grad-CAM (h, w) shows nothing, in one sentence; "" for a map that shows something.

    ``what``: the class, or "cat less dog"; ``where``: the block. Normalised, such a map would be an image of noise.
    """
    low, high, count = float(cells.min()), float(cells.max()), cells.size
    if not np.isfinite(cells).all():
        return f"The map is not a number: in {where} the network's values are not finite, as after a training that diverged."
    if not cells.any():
        return f"The map is empty: no gradient of {what} reaches {where}, so all its {count} cells are exactly 0."
    if count == 1:
        return (
            f"There is nowhere to point: {where} has a single cell for the whole image; choose a block with more cells."
        )
    if high - low < 1e-5 * max(abs(low), abs(high)):
        return (
            f"The map is the same everywhere ({high:.3g}): {where} tells no part of the image from another for {what}."
        )
    if high <= 0:
        return (
            f"Nothing in {where} speaks for {what}: all {count} cells are negative ({low:.3g} to {high:.3g}), "
            "and Grad-CAM shows positive ones; the signed map shows what speaks against it."
        )
    return ""
