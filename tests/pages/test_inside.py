"""The page Inside in Streamlit's own test frame, on the digits twins that ship: fast, and no data set is needed."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from resnet_viz.attribution import features
from resnet_viz.figures import maps
from resnet_viz.runs.store import Store
from resnet_viz.ui import choose
from tests.apps import headline, unrun

DIGITS = "shipped:digits-residual-20"


def inside(**state) -> AppTest:
    at = unrun("inside", **{"net": DIGITS} | state).run()
    assert not at.exception
    return at


def charts(at: AppTest) -> list[str]:
    return [m.value for m in at.markdown]


def test_it_opens_on_a_net_that_ships_and_says_what_it_measured() -> None:
    at = inside()
    assert "Block 7 adds a branch 0." in headline(at)
    assert "the net says" in headline(at)
    assert any("64 channels" in c for c in charts(at))
    assert not at.error


def test_alpha_moves_what_the_net_says() -> None:
    at = inside(block=1)
    before = headline(at)
    at.slider(key="alpha").set_value(0.0).run()
    assert not at.exception
    assert "branch F(x) taken away" in headline(at)
    assert "untouched:" in headline(at)
    at.slider(key="alpha").set_value(1.0).run()
    assert headline(at) == before


def test_what_alpha_changes_changes_in_the_network_too_and_the_rest_is_marked() -> None:
    at = inside(block=1, alpha=0.0)
    now = headline(at).split("the net says ")[1].split(";")[0].replace(", ", " ")
    notes = json.loads(at.get("plotly_chart")[0].proto.spec)["layout"]["annotations"]
    assert any(f"<b>{now}</b>" == note["text"] for note in notes)
    assert any("at α = 1" in caption.value for caption in at.caption)
    assert not any("at α = 1" in caption.value for caption in inside(block=1).caption)


def test_alpha_does_not_carry_over_to_another_block() -> None:
    at = inside(block=1, alpha=0.0)
    assert "branch F(x) taken away" in headline(at)
    at.number_input(key="block").set_value(2).run()
    assert at.slider(key="alpha").value == 1.0
    assert "Block 2 adds" in headline(at)


def test_a_plain_net_says_that_it_has_no_skip() -> None:
    at = inside(net="shipped:digits-plain-20")
    assert "has no skip" in headline(at)


@pytest.mark.parametrize("net", [DIGITS, "shipped:digits-plain-20"])
def test_an_image_foreign_to_the_net_is_said_to_be_and_its_own_is_not(net) -> None:
    assert not inside(net=net).warning, "its first test image"
    at = inside(net=net, image="sample")
    assert "unlike the training data: inside residual-20" in at.warning[0].value, "a photo of a cat"


def test_a_network_that_is_not_here_gets_a_sentence_and_the_page_another() -> None:
    at = inside(net="torchvision:18", image="sample")
    assert "ResNet-18" in at.info[0].value
    assert "the net says" in headline(at)


@pytest.mark.slow
@pytest.mark.parametrize("block", [0, 1, 4, 9])
def test_every_layer_can_be_looked_at(block) -> None:
    at = inside(block=block)
    for part in ("branch", "total", "x", "relu1"):
        at.session_state["part"] = part
        at.run()
        assert not at.exception
        assert not at.error


@pytest.mark.slow
@pytest.mark.parametrize("tab", ["Channels", "Plain beside residual", "Over training", "Most excited by", "Kernels"])
def test_every_tab_draws(tab) -> None:
    for block in (0, 7):
        at = inside(block=block, below=tab, part="x" if block else "out")
        assert not at.error
        assert len(at.get("plotly_chart")) >= 4


def test_a_channel_that_is_another_nets_is_not_kept() -> None:
    at = inside(block=9)
    at.session_state["channel"] = 63
    at.number_input(key="block").set_value(1).run()
    assert not at.exception
    assert at.session_state["channel"] < 16


def test_only_what_must_is_computed_again(monkeypatch) -> None:
    at = inside(block=5)
    passes = []
    look = features.look
    monkeypatch.setattr(features, "look", lambda *a, **k: passes.append(1) or look(*a, **k))
    at.session_state["channel"] = 3
    at.selectbox(key="colours").set_value(list(maps.SCALES)[1]).run()
    at.toggle(key="own").set_value(True).run()
    assert passes == []
    at.slider(key="alpha").set_value(0.5).run()
    assert len(passes) == 1


def test_maps_shown_are_those_of_the_net() -> None:
    from resnet_viz.nets.refs import find
    from resnet_viz.ui.inside.view import layer, look, triptych

    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    network = choose.network(find(DIGITS, Store()))
    view = look(network, choose.Chosen(photo, "photo"))
    assert view.seen.shape == (8, 8, 1)
    seen = features.survey(network.model, network.prepare(view.seen[None]))
    np.testing.assert_array_equal(layer(view, 3, "out"), seen.maps["layer1.2"].numpy())
    np.testing.assert_array_equal(layer(view, 3, "total"), (triptych(view, 3).x + triptych(view, 3).branch).numpy())
