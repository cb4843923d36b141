"""The drawings of Inside: feature maps, mosaics, x + F(x), guesses."""

import base64
import io

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from resnet_viz.figures import maps
from resnet_viz.figures.style import PLAIN, RESIDUAL
from resnet_viz.figures.triptych import guesses, network, triptych
from resnet_viz.spec.model import ModelSpec

RESIDUAL_20, PLAIN_20 = ModelSpec(depth=20), ModelSpec(depth=20, shortcut="none")
RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(20, 4, 4)).astype(np.float32)


def traces(drawing, role: str) -> list:
    return [t for t in drawing.figure().data if (t.meta or {}).get("role") == role]


def notes(drawing) -> list[str]:
    return [a.text for a in drawing.figure().layout.annotations]


def pixels(drawing) -> np.ndarray:
    (trace,) = traces(drawing, "mosaic")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(trace.source.partition(",")[2]))))


def test_every_block_and_the_stem_can_be_clicked() -> None:
    drawing = network(RESIDUAL_20, np.linspace(0.2, 1, 9), 7, ("cat", 0.83))
    (click,) = traces(drawing, "click")
    assert list(click.customdata) == list(range(10))
    boxes = {int(n) for box in traces(drawing, "box") for n in box.customdata}
    assert boxes == set(range(10))


def test_shares_are_bars_and_the_chosen_one_is_named() -> None:
    shares = np.linspace(0.2, 1, 9)
    drawing = network(RESIDUAL_20, shares, 7, ("cat", 0.83))
    (bars,) = traces(drawing, "share")
    np.testing.assert_allclose(bars.y, shares)
    assert bars.marker.color[6] == RESIDUAL
    assert "<b>0.80</b>" in notes(drawing)
    assert "<b>cat 83 %</b>" in notes(drawing)


def test_a_plain_net_has_no_shares_and_says_so() -> None:
    drawing = network(PLAIN_20, np.full(9, np.nan), 7, ("cat", 0.83))
    assert traces(drawing, "arcs") == []
    assert any("no skips" in n for n in notes(drawing))
    assert all(b.marker.line.color == PLAIN for b in traces(drawing, "box"))


@pytest.mark.parametrize("share", [np.inf, 7.0])
def test_wild_shares_are_drawn(share) -> None:
    drawing = network(RESIDUAL_20, np.full(9, share), 3, ("cat", 0.5))
    assert np.isfinite(drawing.figure().layout.yaxis.range).all()


def test_channels_stand_in_order_each_cell_one_pixel() -> None:
    order = list(np.argsort(-np.abs(MAPS).mean((1, 2))))
    drawing = maps.channels(MAPS, order, np.abs(MAPS).mean((1, 2)), order[0], "black–white", columns=8)
    found = pixels(drawing)
    (click,) = traces(drawing, "click")
    assert list(click.customdata) == order
    end = np.abs(MAPS).max()
    for place, channel in enumerate(order):
        left = int(click.x[place] - 1.5)
        top = int(click.base[place] + 0.5)
        tile = found[top : top + 4, left : left + 4]
        assert (tile[..., 3] == 255).all()
        np.testing.assert_allclose(tile[..., 0] / 255, (MAPS[channel] / end + 1) / 2, atol=0.01)  # zero is mid-grey
    assert found[..., 3].sum() == 255 * MAPS.size


def test_own_scale_lifts_each_channel_to_the_end_of_its_scale() -> None:
    faint = MAPS * np.linspace(1, 0.01, 20)[:, None, None].astype(np.float32)
    shared, own = (
        pixels(maps.channels(faint, [19], np.zeros(20), scale="black–white", own=own))[:4, :4, 0].astype(int)
        for own in (False, True)
    )
    assert np.abs(shared - 128).max() <= 3
    assert np.abs(own - 128).max() >= 126


def test_triptych_spells_the_sum_out_on_one_symmetric_scale() -> None:
    x, branch = MAPS[0], MAPS[1]
    total = x + branch
    drawing = triptych(x, branch, total, np.maximum(total, 0), note="x halved, padded")
    panes = [t for t in drawing.figure().data if t.type == "heatmap"]
    assert [p.meta["role"] for p in panes] == ["x", "F(x)", "x + F(x)", "out"]
    for pane, values in zip(panes, (x, branch, total, np.maximum(total, 0)), strict=True):
        np.testing.assert_array_equal(pane.z, values)
        assert (pane.zmin, pane.zmax) == (-np.abs(total).max(), np.abs(total).max())
        assert pane.zsmooth in (None, False)
        np.testing.assert_array_equal(pane.customdata[..., 0] + pane.customdata[..., 1], pane.customdata[..., 2])
        assert "+ (%{customdata[1]:.2f}) = %{customdata[2]:.2f}" in pane.hovertemplate
    assert "x halved, padded" in notes(drawing)


def test_triptych_names_alpha() -> None:
    drawing = triptych(MAPS[0], MAPS[1], MAPS[0] + 0.5 * MAPS[1], MAPS[2], alpha=0.5)
    assert "<b>x + 0.5·F(x)</b>" in notes(drawing)
    assert "0.5 × (" in drawing.figure().data[0].hovertemplate


@pytest.mark.parametrize("x", [MAPS[0], None])
def test_without_a_skip_x_is_crossed_out(x) -> None:
    drawing = triptych(x, MAPS[1], MAPS[1], np.maximum(MAPS[1], 0), kind="none")
    assert "<b>no skip</b>" in notes(drawing)
    assert sum(s.line.color == PLAIN for s in drawing.figure().layout.shapes) == 2
    assert len(drawing.figure().data) == (4 if x is not None else 3)


@pytest.mark.parametrize("kind", ["scaling", "gate_exclusive", "gate_shortcut", "concat"])
def test_a_join_that_does_not_add_is_not_drawn_as_a_sum(kind) -> None:
    drawing = triptych(MAPS[0], MAPS[1], MAPS[2], MAPS[2], kind=kind)
    assert "<b>x + F(x)</b>" not in notes(drawing)
    assert "+" not in drawing.figure().data[0].hovertemplate


def test_a_map_that_is_zero_everywhere_is_drawn() -> None:
    zero = np.zeros((4, 4), np.float32)
    for drawing in (triptych(zero, zero, zero, zero), maps.enlarged(zero, "dead"), maps.row([zero], ["step 1"], "")):
        assert isinstance(drawing.figure(), go.Figure)
    assert (pixels(maps.channels(zero[None], [0], np.zeros(1), own=True))[..., :3][:4, :4] == 128).all()


def test_kernels_show_zero_as_grey_and_the_largest_weight_at_the_end() -> None:
    weights = np.zeros((2, 3, 3, 3), np.float32)
    weights[0, 0, 1, 1] = 2.0
    found = pixels(maps.kernels(weights))
    assert found[1, 1, :3].tolist() == [255, 128, 128]
    assert found[0, 0, :3].tolist() == [128, 128, 128]
    assert pixels(maps.kernels(weights[:, :1])).shape[2] == 4


def test_images_are_framed_where_they_excite() -> None:
    photos = RNG.integers(0, 256, (3, 8, 8, 3), np.uint8)
    drawing = maps.images(photos, ["a", "b", "c"], [(0, 0), (1, 3), (3, 0)], (4, 4), "t", "h")
    frames = drawing.figure().layout.shapes
    assert (frames[1].y0, frames[1].y1) == (1.5, 3.5)  # row 1 of 4 over 8 pixels: 2 and 3
    assert frames[1].x1 - frames[1].x0 == 2
    np.testing.assert_array_equal(pixels(drawing)[:8, :8, :3], photos[0])


def test_guesses_show_where_they_were() -> None:
    drawing = guesses([("cat", 0.6), ("dog", 0.3)], [0.1, 0.3], RESIDUAL)
    (bars,) = traces(drawing, "guesses")
    assert list(bars.x) == [0.6, 0.3]
    (before,) = drawing.figure().layout.shapes
    assert before.x0 == 0.1
    assert "<b>60 %</b>" in notes(drawing)
