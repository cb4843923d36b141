"""A map that shows nothing says why."""

import numpy as np
import pytest

from resnet_viz.words import saliency
from resnet_viz.words.saliency import nothing_to_show


@pytest.mark.parametrize(
    ("cells", "start"),
    [
        (np.zeros((4, 4)), "The map is empty: no gradient of cat reaches layer3.2, so all its 16 cells are exactly 0."),
        (np.full((4, 4), 0.25), "The map is the same everywhere (0.25)"),
        (np.full((1, 1), 0.25), "There is nowhere to point: layer3.2 has a single cell"),
        (-np.arange(1.0, 5).reshape(2, 2), "Nothing in layer3.2 speaks for cat: all 4 cells are negative (-4 to -1)"),
        (np.array([[1.0, np.nan]]), "The map is not a number"),
        (np.array([[1.0, -2.0]]), ""),
    ],
)
def test_a_map_that_shows_nothing_is_explained(cells: np.ndarray, start: str) -> None:
    sentence = nothing_to_show(cells, "cat", "layer3.2")
    assert sentence.startswith(start)
    assert bool(start) == bool(sentence)
    assert sentence == "" or sentence.endswith(".")


def test_can_you_trust_it_is_answered_in_a_sentence() -> None:
    """Adebayo 2018: a map that stays when the net's weights are random, or that an edge detector draws, explains no net."""
    fine, left = {"residual-20": 0.12, "plain-20": -0.3}, {"residual-20": 0.05, "plain-20": 0.4}
    assert saliency.trusted("Grad-CAM", fine).startswith(
        "Nothing against it so far: no Grad-CAM map merely follows edges"
    )
    assert "none stays when the net forgets (0.05 and 0.40)" in saliency.trusted("Grad-CAM", fine, left)
    assert saliency.trusted("Grad-CAM", fine | {"plain-20": 0.9}) == (
        "Doubtful: of the Grad-CAM maps plain-20's follows the image's edges (0.90)."
    )
    assert "residual-20's stays though" in saliency.trusted("Grad-CAM", fine, left | {"residual-20": 1.0})
