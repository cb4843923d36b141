import base64
import io

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from resnet_viz.figures.overlay import Look
from resnet_viz.figures.saliency import Line, Panel, lines, maps, twin_maps
from resnet_viz.figures.style import PLAIN, RESIDUAL

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (32, 32, 3), np.uint8)
A, B = RNG.normal(size=(2, 8, 8)).astype(np.float32)


def panel(raw: np.ndarray | None, residual: bool, **more) -> Panel:
    return Panel("residual-20" if residual else "plain-20", raw, ("cat 83 %", "raw maximum 2.1"), residual, **more)


def traces(drawing, role: str) -> list:
    return [t for t in drawing.figure().data if (t.meta or {}).get("role") == role]


def texts(drawing, name: str) -> list[str]:
    return [a.text for a in drawing.figure().layout.annotations if a.name == name]


def test_chart_g_is_input_residual_plain_difference() -> None:
    drawing = twin_maps(IMAGE, [panel(A, True), panel(B, False)], Look(), "Grad-CAM")
    assert isinstance(drawing.figure(), go.Figure)
    assert texts(drawing, "title") == [
        "<b>what the net sees</b>",
        "<b>● residual-20</b>",
        "<b>□ plain-20</b>",
        "<b>difference</b>",
    ]
    residual, plain, apart = (np.array(t.z) for t in traces(drawing, "map"))
    np.testing.assert_allclose(residual, np.maximum(A, 0) / A.max(), rtol=1e-6)
    np.testing.assert_allclose(apart, residual - plain, rtol=1e-6)
    assert (residual.min(), residual.max()) == (0, 1)
    assert drawing.layout["coloraxis"]["cmin"] == -drawing.layout["coloraxis"]["cmax"] == -1
    assert all("raw maximum 2.1" in words for words in texts(drawing, "beneath")[1:3])


def test_the_image_drawn_is_the_nets_own_input() -> None:
    for shown in traces(twin_maps(IMAGE, [panel(A, True), panel(B, False)], Look(), ""), "image"):
        image = Image.open(io.BytesIO(base64.b64decode(shown.source.split(",")[1])))
        np.testing.assert_array_equal(np.asarray(image), IMAGE)


def test_cells_cover_the_image_and_opacity_is_the_looks() -> None:
    for heat in traces(twin_maps(IMAGE, [panel(A, True)], Look(opacity=0.3), ""), "map"):
        assert heat.opacity == 0.3
        assert (heat.x0 - heat.dx / 2, heat.x0 + 7.5 * heat.dx) == (0, 1)


def test_a_wrong_guess_alone_has_a_hatched_border() -> None:
    drawing = twin_maps(IMAGE, [panel(A, True), panel(B, False, wrong=True)], Look(), "")
    (border,) = traces(drawing, "wrong")
    assert border.fillpattern.shape == "/"
    assert border.xaxis == "x3"
    assert not traces(twin_maps(IMAGE, [panel(A, True), panel(B, False)], Look(), ""), "wrong")


def test_words_stand_where_a_map_has_nothing_to_show() -> None:
    drawing = twin_maps(
        IMAGE, [panel(A, True), panel(-np.abs(B), False, words="every cell of it is 0 or below")], Look(), ""
    )
    assert "every cell of it is 0 or<br>below" in texts(drawing, "words")[0]
    assert [t.xaxis for t in traces(drawing, "map")] == ["x2"], "no map, and no difference from a map that isn't there"


@pytest.mark.parametrize("count", [1, 3, 9, 27])
def test_a_strip_has_a_panel_each_in_rows(count) -> None:
    drawing = maps(IMAGE, [panel(A, True)] * count, Look("signed"), "Every block", columns=9)
    figure = drawing.figure()
    assert len(traces(drawing, "map")) == count
    places = {
        (figure.layout[f"xaxis{n or ''}"].domain, figure.layout[f"yaxis{n or ''}"].domain)
        for n in [0, *range(2, count + 1)]
    }
    assert len(places) == count


def test_a_grey_image_and_no_map_are_drawn() -> None:
    drawing = twin_maps(IMAGE[..., :1], [panel(None, True)], Look(), "")
    assert len(traces(drawing, "image")) == 2
    assert not traces(drawing, "map")


def test_lines_are_the_pairs_and_their_labels_keep_apart() -> None:
    x = np.linspace(0, 1, 5)
    drawing = lines(
        [("insertion", [Line("residual", True, x, x, "0.50"), Line("plain", False, x, x**1.01, "0.49")])], "", "", "share",
        (0, 1), (0, 1), percent=True,
    )  # fmt: skip
    residual, plain = traces(drawing, "line")
    assert (residual.line.color, residual.line.dash) == (RESIDUAL, "solid")
    assert (plain.line.color, plain.line.dash) == (PLAIN, "dash")
    ends = [a.y for a in drawing.figure().layout.annotations if a.name == "end"]
    assert abs(ends[0] - ends[1]) >= 0.1
    assert max(ends) <= 1
