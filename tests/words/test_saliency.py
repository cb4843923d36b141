"""A map that shows nothing says why."""

import numpy as np
import pytest

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
