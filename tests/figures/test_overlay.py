import io

import numpy as np
import pytest
from PIL import Image
from plotly.colors import sample_colorscale

from resnet_viz.figures.overlay import SCALES, TILE, Look, archive, blend, coloured, difference, enlarged, scaled, sheet

RAW = np.array([[-2.0, 0.0], [1.0, 4.0]], np.float32)
IMAGE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


@pytest.mark.parametrize(
    ("view", "values"),
    [
        ("positive", [[0, 0], [0.25, 1]]),
        ("signed", [[-0.5, 0], [0.25, 1]]),
        ("absolute", [[0.5, 0], [0.25, 1]]),
    ],
)
def test_a_map_is_divided_by_its_largest_value(view, values) -> None:
    np.testing.assert_allclose(scaled(RAW, view), values)
    np.testing.assert_allclose(scaled(1000 * RAW, view), values, rtol=1e-6)


@pytest.mark.parametrize("view", ["positive", "signed", "absolute"])
@pytest.mark.parametrize(
    "raw", [np.zeros((4, 4)), np.full((4, 4), 0.3), np.full((4, 4), -2.0), np.full((4, 4), np.nan)]
)
def test_a_map_with_nothing_to_show_is_never_normalised(raw, view) -> None:
    assert not scaled(raw, view).any()


def test_a_map_without_a_positive_part_is_empty_but_has_a_signed_one() -> None:
    raw = np.array([[-1.0, -2.0]])
    assert not scaled(raw, "positive").any()
    np.testing.assert_allclose(scaled(raw, "signed"), [[-0.5, -1]])


def test_difference_stays_within_one_and_changes_sign_with_its_order() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 8, 8))
    for view in ("positive", "signed", "absolute"):
        apart = difference(a, b, view)
        assert np.abs(apart).max() <= 1
        np.testing.assert_allclose(apart, -difference(b, a, view))
    assert difference(np.eye(8), np.eye(2), "positive").shape == (8, 8)


def test_nearest_neighbour_is_pillows() -> None:
    cells = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    pillow = Image.fromarray(cells).resize((256, 256), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(enlarged(cells, 256), np.asarray(pillow))


@pytest.mark.parametrize("scale", SCALES)
def test_colours_are_plotlys_for_the_same_scale(scale) -> None:
    values = np.linspace(-1, 1, 21)
    theirs = sample_colorscale(SCALES[scale], list((values + 1) / 2), colortype="tuple")
    np.testing.assert_allclose(coloured(values[None], scale)[0], 255 * np.array(theirs), atol=1.01)
    np.testing.assert_allclose(coloured(np.zeros((1, 1)), scale)[0, 0], [128, 128, 128])


def test_opacity_goes_from_the_image_to_the_map() -> None:
    values = scaled(RAW, "signed")
    clear, solid = (blend(IMAGE, values, Look(opacity=o), 8) for o in (0.0, 1.0))
    np.testing.assert_array_equal(clear, enlarged(IMAGE, 8))
    np.testing.assert_array_equal(solid, np.round(coloured(enlarged(values, 8), Look().scale)))
    assert blend(IMAGE[..., :1], values, Look()).shape == (TILE, TILE, 3)


def test_a_sheet_is_a_png_that_says_what_it_is() -> None:
    tile = blend(IMAGE, scaled(RAW, "positive"), Look())
    image = Image.open(io.BytesIO(sheet([(tile, ("residual-20", "cat 83 %" * 20))] * 5, {"Method": "Grad-CAM, ‖x‖"})))
    assert image.text["Method"] == "Grad-CAM, ‖x‖"
    assert image.width >= 4 * TILE
    assert image.height >= 2 * TILE
    np.testing.assert_array_equal(np.asarray(image)[16 : 16 + TILE, 16 : 16 + TILE], tile)


def test_an_archive_holds_raw_maps_and_what_they_are_without_pickle() -> None:
    content = archive({"image": IMAGE, "residual-20 gradcam": RAW}, {"target": "cat", "layer": "layer3.2"})
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        np.testing.assert_array_equal(file["residual-20 gradcam"], RAW)
        np.testing.assert_array_equal(file["image"], IMAGE)
        assert '"layer": "layer3.2"' in str(file["about"])
