import numpy as np

from resnet_viz.figures.overlay import framed


def test_inside_the_frame_the_image_is_untouched_and_outside_it_is_paler() -> None:
    image = np.random.default_rng(0).integers(0, 200, (120, 200, 3), np.uint8)
    shown = framed(image, 40.0, 0.0, 120.0)
    np.testing.assert_array_equal(shown[:, 40:160], image[:, 40:160])
    assert (shown[:, :36] > image[:, :36]).all()
    assert (shown[:, 164:] > image[:, 164:]).all()
    assert (shown[:, 39] == 0).all(), "a line around it"
