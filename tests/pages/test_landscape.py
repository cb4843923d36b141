"""The Landscape page in Streamlit's own test frame: what ships is shown, a job is queued, and bad input gets a sentence."""

from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from resnet_viz import labs
from resnet_viz.figures import landscape as figures
from resnet_viz.figures import landscape_record
from resnet_viz.runs.events import Point
from resnet_viz.runs.record import Record
from resnet_viz.runs.store import Store
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.lab import LandscapeSpec
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.spec.train import TrainSpec
from resnet_viz.ui.labs import landscape as parts
from resnet_viz.words import landscape as landscape_words
from resnet_viz.workers import engine
from tests.apps import headline, unrun

REFS = ("shipped:digits-residual-20", "shipped:digits-plain-20")


@pytest.fixture
def page() -> AppTest:
    return unrun("landscape")


def test_it_opens_on_li_2018s_finding_of_deep_nets(page) -> None:
    """Section 5.2: at 56 layers the plain net's surface is chaotic, the residual one's stays smooth."""
    page.run()
    assert not page.exception
    assert "More around residual-56 than around plain-56 is better than guessing: 23 % and 3 %" in headline(page)
    assert "filter-normalised unit the loss rises" in headline(page)
    assert "Recorded" in headline(page)
    assert "Took 2 min." in headline(page)
    assert "the fit, of training images as they are" in headline(page), "one of three training losses, by its name"


@pytest.mark.parametrize("name", ["digits-20-path", "cifar10-20"])
def test_the_form_asks_for_what_is_shown_until_it_is_changed(page, name) -> None:
    page.run()
    page.selectbox(key="landscape_recorded").set_value(name).run()
    from resnet_viz.ui.labs.landscape import recorded

    shown = recorded()[name].spec.lab
    assert isinstance(shown, LandscapeSpec)
    state = page.session_state
    assert (state["landscape_directions"], state["landscape_size"]) == (shown.directions, shown.size)
    assert (state["landscape_images"], state["landscape_reach"]) == (shown.images, shown.reach)
    page.number_input(key="landscape_images").set_value(64).run()
    page.segmented_control(key="landscape_view").set_value("Profile").run()
    assert state["landscape_images"] == 64


def test_choosing_a_network_shows_what_is_recorded_of_it(page) -> None:
    page.run()
    before = headline(page)
    page.selectbox(key="landscape_net").set_value("shipped:cifar10-residual-20").run()
    assert not page.exception
    assert page.selectbox(key="landscape_recorded").value == "cifar10-20"
    assert "residual-20" in headline(page) != before


def test_control_and_chart_speak_of_the_same_networks(page, monkeypatch) -> None:
    ships = parts.recorded()
    monkeypatch.setattr(parts, "recorded", lambda: {n: r for n, r in ships.items() if n != "digits-20-path"})
    page.run()
    assert "residual-56" in headline(page)
    assert page.selectbox(key="landscape_net").value == "shipped:digits-residual-56"
    page.selectbox(key="landscape_recorded").set_value("cifar10-20").run()
    assert page.selectbox(key="landscape_net").value == "shipped:cifar10-residual-20"
    assert "residual-20" in headline(page)
    page.selectbox(key="landscape_net").set_value("shipped:digits-residual-20").run()
    assert not page.exception
    assert "around residual-20 on digits is not measured yet" in headline(page)
    assert not page.get("plotly_chart")
    assert page.selectbox(key="landscape_recorded").value is None


def test_of_networks_that_are_no_longer_kept_it_is_said_that_the_control_names_another(page, monkeypatch) -> None:
    made = parts.recorded()["digits-20-path"]
    assert isinstance(made.spec.lab, LandscapeSpec)
    gone = replace(made, spec=replace(made.spec, lab=replace(made.spec.lab, networks=("run:gone1", "run:gone2"))))
    ships = parts.recorded() | {"digits-20-path": gone}
    monkeypatch.setattr(parts, "recorded", lambda: ships)
    page.run()
    page.selectbox(key="landscape_recorded").set_value("digits-20-path").run()
    assert "training path" in headline(page)
    assert any("are not kept here" in caption.value for caption in page.caption)


def test_the_recorded_path_is_found_by_the_network_it_is_of(page) -> None:
    page.run()
    page.selectbox(key="landscape_net").set_value("shipped:digits-residual-20").run()
    assert "training path" in headline(page)
    assert page.selectbox(key="landscape_recorded").value == "digits-20-path"
    assert not any("are not kept here" in caption.value for caption in page.caption)


def test_a_run_that_is_opened_names_its_network(page) -> None:
    (run,) = engine.start(Store(), [labs.run_of(LandscapeSpec(REFS, size=9), Store())])
    page.query_params["landscape"] = run
    page.run()
    assert page.selectbox(key="landscape_net").value == REFS[0]
    assert page.selectbox(key="landscape_recorded").value is None
    page.selectbox(key="landscape_recorded").set_value("cifar10-56").run()
    assert not page.exception
    assert "residual-56" in headline(page)
    assert "landscape" not in page.query_params


def test_a_profile_says_what_it_draws() -> None:
    """Nine points along the first direction, where the bowl is 10² high; in the corners of the plane it is 10⁶."""
    from resnet_viz.ui.labs.landscape import Shown

    what = Shown(record(), ("residual-20", "plain-20"), LABELS, ("", ""), "")
    assert "10,000,000" in what.sentence("Contours") or "10⁷" in what.sentence("Contours")
    profile = what.sentence("Profile")
    assert "along one direction the loss rises from 0.01 to 100 around residual-20" in profile
    assert "to 1,000 around plain-20" in profile


def test_no_share_is_said_before_a_whole_grid_is_measured() -> None:
    lab = LandscapeSpec(REFS, size=9)
    assert "guessing" not in landscape_words.landscape([("net", [0.1] * 13)], 10, lab)
    assert "better than guessing: 100 % around net." in landscape_words.landscape([("net", [0.1] * 25)], 10, lab)
    half = landscape_words.landscape([("net", [0.1] * 25), ("other", [0.1] * 24)], 10, lab)
    assert "guessing" not in half


def test_the_sentence_answers_first_and_planes_of_paths_are_not_compared() -> None:
    nets = [("residual", [1.0] * 25), ("plain", [9.0] * 25)]
    assert landscape_words.landscape(nets, 10, LandscapeSpec(REFS, size=9)).startswith(
        "More around residual than around plain is better than guessing: 100 % and 0 % of the points."
    )
    path = landscape_words.landscape(nets, 10, LandscapeSpec(REFS, size=9, directions="path"), (0.9, 0.8))
    assert "These planes differ: heights can't be compared." in path
    assert "More around" not in path


def test_recorded_networks_are_called_as_short_as_live_ones() -> None:
    """The data set stands beside the chart; "residual-56 on digits" would not fit above its panel."""
    from resnet_viz.ui.labs.landscape import recorded, shown

    for name, record in recorded().items():
        depth = record.spec.model.depth
        assert shown(None, name).names == (f"residual-{depth}", f"plain-{depth}")


@pytest.mark.parametrize("view", ["Surface", "Profile"])
def test_every_view_draws(page, view) -> None:
    page.session_state["landscape_view"] = view
    page.run()
    assert not page.exception
    assert len(page.get("plotly_chart")) == 1


def test_a_click_queues_the_job_of_the_form_for_both_twins(page) -> None:
    page.session_state["landscape_net"] = REFS[0]
    page.run()
    page.select_slider(key="landscape_size").set_value(9)
    page.segmented_control(key="landscape_directions").set_value("random").run()
    page.button(key="measure").click().run()
    assert not page.exception
    (run,) = Store().runs()
    assert run.kind == "landscape"
    assert run.spec.lab == LandscapeSpec(REFS, size=9, images=128)
    assert run.id in page.query_params["landscape"]
    assert "Waiting for the first point" in headline(page)


def test_a_half_finished_one_shows_what_it_has(page) -> None:
    store = Store()
    lab = LandscapeSpec(REFS, size=9)
    (run,) = engine.start(store, [labs.run_of(lab, store)])
    claim = store.claim("a worker")
    axes = np.array([-1, 1, -1, 1], np.float32)
    values = {
        "x": 0.0,
        "y": 0.0,
        "0.loss": 0.5,
        "1.loss": 0.7,
        "0.skips": 1.0,
        "1.skips": 0.0,
        "axes": axes,
        "images": 512.0,
    }
    more = [
        Point(step, values | {"x": x, "y": y, "0.loss": 1.0, "1.loss": 40.0})
        for step, (x, y) in enumerate([(x, y) for x in (-1, -0.5, 0, 0.5, 1) for y in (-1, -0.5, 0, 0.5, 1)], 1)
    ]
    claim.write(more)
    claim.end("stopped")
    page.query_params["landscape"] = run
    page.run()
    assert not page.exception
    assert "to 40 around plain-20" in headline(page)
    assert "better than guessing: 100 % and 0 % of" in headline(page)
    assert "25 points, 512 training images" in headline(page)


def test_a_deleted_run_gets_a_sentence_and_the_recording(page) -> None:
    page.query_params["landscape"] = "nosuchrun"
    page.run()
    assert not page.exception
    assert "There is no run nosuchrun" in page.error[0].value
    assert "Recorded" in headline(page)


def record(size: int = 9, known: int | None = None, dimensions: int = 2, path: bool = False) -> Record:
    """A made-up bowl: loss 10^(4(x² + y²) − 2) around the first network, ten times that around the second."""
    from resnet_viz.labs.directions import grid_order

    lab = LandscapeSpec(REFS, size=size, dimensions=dimensions, directions="path" if path else "random")
    axes = [np.linspace(-1, 1, size)] * dimensions
    places = np.array([[a[i] for a, i in zip(axes, p, strict=True)] for p in grid_order(axes)][:known])
    steps = np.arange(1, len(places) + 1)
    series = {"xy"[d]: (steps, places[:, d]) for d in range(dimensions)}
    series["axes"] = (steps[:1], np.array([[-1.0, 1.0] * dimensions]))
    for n in (0, 1):
        series[f"{n}.loss"] = (steps, 10.0 ** (4 * (places**2).sum(1) - 2 + n))
        series[f"{n}.skips"] = (steps[:1], np.array([1.0 - n]))
        if path:
            series[f"{n}.path"] = (steps[:1], np.array([[-0.8, 0.1, -0.3, 0.2, 0.0, 0.0]]))
            series[f"{n}.moments"] = (steps[:1], np.array([[1.0, 2.0, 3.0]]))
            series[f"{n}.share"] = (steps[:1], np.array([[0.8, 0.1]]))
    model = ModelSpec(depth=20, channels=1, size=8)
    return Record("r", RunSpec(model, DataSpec(), TrainSpec(), lab), "finished", series=series)


LABELS = ("residual-20 on digits", "plain-20 on digits")


def test_a_landscape_is_read_onto_its_grid() -> None:
    nets = landscape_record.read(record(), LABELS)
    for n, net in enumerate(nets):
        x, y = np.meshgrid(net.x, net.y)
        np.testing.assert_allclose(net.loss, 10.0 ** (4 * (x**2 + y**2) - 2 + n))


def test_gaps_are_filled_from_the_coarser_grid_and_what_is_measured_stays() -> None:
    net = landscape_record.read(record(known=25), LABELS)[0]
    assert net.measured == 25
    z = landscape_record.filled(figures.logs(net.loss, 10))
    assert z.shape == (9, 9)
    assert np.isfinite(z).all()
    np.testing.assert_allclose(z[::2, ::2], np.log10(net.loss[::2, ::2]))
    np.testing.assert_allclose(z[0, 1], (z[0, 0] + z[0, 2]) / 2)
    whole = figures.logs(landscape_record.read(record(), LABELS)[0].loss, 10)
    np.testing.assert_array_equal(landscape_record.filled(whole), whole)


def test_a_live_image_moves_on_at_marks_alone() -> None:
    marks = landscape_record.redraws(LandscapeSpec(REFS, size=17))
    assert {1, 25, 81, 289} <= set(marks)
    assert landscape_record.read(record(size=17, known=30), LABELS)[0].measured == 25


@pytest.mark.parametrize("options", [{}, {"known": 1}, {"known": 40}, {"path": True}, {"dimensions": 1}])
def test_every_drawing_is_a_real_figure_on_one_scale(options) -> None:
    made = record(**options)
    nets, lab = landscape_record.read(made, LABELS), made.spec.lab
    assert isinstance(lab, LandscapeSpec)
    if lab.dimensions == 2:
        flat = figures.contours(nets, lab, 10).figure()
        middle = (flat.layout.coloraxis.cmin + flat.layout.coloraxis.cmax) / 2
        assert middle == pytest.approx(np.log10(np.log(10)))
        assert {t.coloraxis for t in flat.data if t.type == "contour" and t.coloraxis} == {"coloraxis"}
        solid = figures.surface(nets, lab, 10).figure()
        assert solid.layout.scene.zaxis.range == solid.layout.scene2.zaxis.range
    line = figures.profile(nets, lab, 10).figure()
    assert line.data[0].line.color == "#0072B2"
    assert line.data[1].line.dash == "dash"


def test_the_share_is_that_of_the_last_whole_grid() -> None:
    lab, around = LandscapeSpec(REFS, size=9), [1.0] * 10 + [9.0] * 15 + [9.0] * 40
    assert "better than guessing: 40 % around net" in landscape_words.landscape([("net", around)], 10, lab)


def test_infinite_losses_are_drawn_in_the_last_colour() -> None:
    net = replace(landscape_record.read(record(), LABELS)[0])
    net.loss[0, 0] = np.inf
    drawing = figures.contours([net], LandscapeSpec(REFS[:1], size=9), 10)
    assert np.isfinite(drawing.data[0]["z"]).all()
    assert drawing.data[0]["z"][0, 0] == drawing.layout["coloraxis"]["cmax"]
