"""The Gradients page in Streamlit's own test frame: every view measures at once and says what; bad input gets a sentence."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from resnet_viz.labs import gradients
from resnet_viz.runs.store import Store
from resnet_viz.spec.model import GREY, ModelSpec
from tests.apps import headline, unrun


def page(**state) -> AppTest:
    return unrun("gradients", **{"depth": 8} | state).run()


def figures(at: AppTest) -> list[str]:
    return [chart.proto.spec for chart in at.get("plotly_chart")]


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("Fan", "8 layers before the first step"),
        ("Norms", "law for wide plain layers: ×1.211"),
        ("Paths", "of all paths"),
    ],
)
def test_a_view_measures_at_once_and_says_so_with_its_conditions(view, words) -> None:
    at = page(view=view)
    assert not at.exception
    assert words in headline(at)
    assert "random images of 8×8" in headline(at)
    assert "seed 0" in headline(at)
    assert len(figures(at)) == 1


@pytest.mark.slow
def test_shattering_draws_both_curves_and_correlations() -> None:
    at = page(view="Shattering")
    assert not at.exception
    assert "8 plain layers" in headline(at)
    assert "Balduzzi" in headline(at)
    assert len(figures(at)) == 3
    assert "r = 0.9" in figures(at)[0]


@pytest.mark.slow
def test_shattering_of_this_apps_networks() -> None:
    at = page(view="Shattering", kind="this app's networks")
    assert not at.exception
    assert "In this app&#x27;s nets" in headline(at)
    assert len(figures(at)) == 3


def test_the_fan_opens_as_the_nets_get_deeper() -> None:
    def plain(depth: int) -> float:
        words = headline(page(depth=depth)).split("with skips, ×")[1].split(" without")[0]
        return float(words.replace(",", ""))

    assert 1 < plain(8) < plain(20) < plain(38)


def test_a_click_switches_a_skip_off_and_a_third_net_is_measured() -> None:
    at = page()
    at.session_state["no_skip"] = "2"
    at.run()
    assert not at.exception
    assert "skip 2 off" in headline(at)
    assert "with skips" in headline(at)
    assert "without" in headline(at)


def test_what_does_not_fit_gets_one_sentence_and_the_page_is_not_empty() -> None:
    at = page(norm="none", init="zero_gamma")
    assert not at.exception
    assert ["Zero-gamma" in e.value for e in at.error] == [True]
    assert len(figures(at)) == 1


@pytest.mark.parametrize("family", ["imagenet", "article"])
def test_a_twins_form_of_another_family_is_brought_home(family) -> None:
    at = page(family=family, order="article" if family == "article" else "original", depth=50)
    assert not at.exception
    assert not at.error
    assert at.session_state["depth"] == 50
    assert "50 layers" in headline(at)


@pytest.mark.slow
def test_healthy_norms_lead_to_shattering() -> None:
    at = page(view="Norms")
    next(b for b in at.button if "Healthy norms" in b.label).click().run()
    assert "8 plain layers" in headline(at)


def test_the_button_opens_twins_with_these_nets_set_and_trains_nothing(monkeypatch) -> None:
    went = []
    monkeypatch.setattr(st, "switch_page", lambda page, query_params: went.append((page, query_params)))
    at = unrun("gradients").run()
    at.select_slider(key="depth").set_value(20).run()
    next(button for button in at.button if button.label == "Set these nets on Twins").click().run()
    assert not at.exception
    (page, query) = went[0]
    assert page == "pages/twins.py"
    assert query["depth"] == "20"
    assert not Store().runs()


def test_norms_say_why_their_factors_are_larger_than_the_fans() -> None:
    """Of the same plain net: the stem and a convolution more lie between, and BatchNorm grows the gradient at each."""
    record = gradients.at_start(ModelSpec(depth=8, **GREY).twin(), 0, "noise", 32)
    layers, blocks = (record.get(metric)[1][-1] for metric in ("grad_layer", "grad_block"))
    assert layers[0] / layers[-1] > blocks[0] / blocks[-1]
    assert any("Fan: from block 1 to the last block" in m.value for m in page(view="Norms").markdown)
