"""The Gradients page's controls, what it computes (kept for everybody who asks for the same), and the sentence of each view."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from resnet_viz.figures import nets
from resnet_viz.figures.gradients import at_block_1
from resnet_viz.language import N_, document, tr
from resnet_viz.runs.record import Record
from resnet_viz.spec.model import GREY, INITS, NORMS, ModelSpec
from resnet_viz.spec.run import SpecError
from resnet_viz.spec.values import DEFAULTS, residual_spec
from resnet_viz.ui import controls
from resnet_viz.ui.say import check_link
from resnet_viz.words import gradients as words

if TYPE_CHECKING:
    from resnet_viz.labs.paths import Paths

VIEWS = ("Fan", "Norms", "Shattering", "Paths")
DEPTHS = tuple(range(8, 111, 6))
IMAGES = {"noise": N_("random"), "digits": N_("digits")}
INPUTS = 32
NETS = (N_("fully connected, as in the paper"), N_("this app's networks"))
CONV_DEPTHS = (8, 14, 20, 32)


def model() -> ModelSpec:
    """The residual network that the Twins form describes, for grey images of 8×8 pixels; raises SpecError."""
    spec = replace(residual_spec(controls.current()).model, **GREY)
    spec.validate()
    return spec


def draw_shattering_controls() -> None:
    """Which kind of nets, and the seed; the norm for those of this app."""
    check_link("kind", NETS, NETS[0])
    st.radio(tr("Networks"), NETS, format_func=tr, key="kind", persist_state="session")
    if st.session_state["kind"] == NETS[1]:
        st.selectbox(tr("Norm"), list(NORMS), 0, lambda norm: tr(NORMS[norm]), key="norm", persist_state="session")
    st.number_input(tr("Seed"), 0, None, 0, 1, key="seed", persist_state="session")


def draw_controls() -> None:
    """Depth, norm, start and seed, which are those of the Twins form, and the images."""
    if controls.current()["family"] != "cifar":
        st.session_state.update(family="cifar", order="original", shortcut="identity")
    if controls.current()["depth"] not in DEPTHS:
        st.session_state["depth"] = min(DEPTHS, key=lambda d: abs(d - controls.current()["depth"]))
    bound: dict[str, Any] = {"persist_state": "session"}
    st.select_slider(tr("Depth"), DEPTHS, DEFAULTS["depth"], key="depth", **bound)
    left, right = st.columns(2)  # a row at a time, as the keyboard goes
    left.selectbox(tr("Norm"), list(NORMS), 0, lambda norm: tr(NORMS[norm]), key="norm", **bound)
    right.selectbox(
        tr("Starting weights"), list(INITS), 0, lambda init: tr(INITS[init]), key="init",
        help=tr("Of residual branches; plain blocks start from He."),
        **bound,
    )  # fmt: skip
    check_link("images", IMAGES, "noise")
    left, right = st.columns(2)
    left.selectbox(tr("Images"), list(IMAGES), 0, lambda name: tr(IMAGES[name]), key="images", **bound)
    right.number_input(tr("Seed"), 0, None, DEFAULTS["seed"], 1, key="seed", **bound)


@st.cache_data(show_spinner=False, max_entries=200)
def at_start(spec: ModelSpec, seed: int, images: str) -> Record:
    """`labs.gradients.at_start`, computed once for each network."""
    from resnet_viz.labs import gradients

    return gradients.at_start(spec, seed, images, INPUTS)


def records(spec: ModelSpec, seed: int, images: str) -> list[Record]:
    """The whole residual net, its plain twin and, where skips are off, the net without them."""
    specs = [replace(spec, no_skip=()), *([spec] if spec.no_skip else []), spec.twin()]
    return [at_start(s, seed, images) for s in specs]


def conditions(spec: ModelSpec, seed: int, images: str, inputs: int = INPUTS) -> str:
    """Under which conditions the figures hold."""
    return words.conditions(spec, seed, images, inputs)


def fan(records: list[Record]) -> str:
    """How large the gradient is at block 1 of each net, in a sentence."""
    return words.says_fan(records[0].spec.model.depth, at_block_1(records))


def growth(records: list[Record]) -> str:
    """By what factor a layer multiplies the gradient of each net, and the law, in a sentence."""
    from resnet_viz.labs import gradients

    factors = {net.label: gradients.growth(net.first) for net in nets(records)}
    return words.says_norms(factors, records[0].spec.model.norm)


def explain(view: str) -> None:
    """What a view means, and what was not checked: its part of gradients.md."""
    parts = document("gradients.md").split("## ")
    with st.expander(tr("What this means, and what was not checked")):
        st.markdown(next(part for part in parts if part.startswith(view)).removeprefix(view))


def chosen() -> tuple[ModelSpec, int, str, str]:
    """Network, seed, images, and what is wrong with the controls: then the network is the usual one of that depth."""
    values = controls.current()
    seed, images = int(values["seed"]), st.session_state.get("images", "noise")
    try:
        return model(), seed, images, ""
    except SpecError as error:
        return ModelSpec(depth=int(values["depth"]), **GREY), seed, images, str(error)


@st.cache_data(show_spinner=False, max_entries=50)
def correlations(kind: str, seed: int) -> tuple[tuple[int, ...], np.ndarray]:
    """Depths, and the correlation of gradients there in fully connected nets (nets, depths)."""
    from resnet_viz.labs import shattering

    return shattering.depths(kind), shattering.correlations(kind, shattering.depths(kind), seed=seed)


@st.cache_data(show_spinner=False, max_entries=50)
def conv_correlations(shortcut: str, norm: str, seed: int) -> tuple[tuple[int, ...], np.ndarray]:
    """The same in this app's own networks."""
    from resnet_viz.labs import shattering

    specs = [ModelSpec(depth=depth, shortcut=shortcut, norm=norm, size=8) for depth in CONV_DEPTHS]
    return CONV_DEPTHS, np.stack([shattering.conv_correlation(spec, seed=seed) for spec in specs], 1)


@st.cache_data(show_spinner=False, max_entries=200)
def curve(kind: str, depth: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """A scalar input, the gradient there, and how far neighbours agree."""
    from resnet_viz.labs import shattering

    x, gradient = shattering.curve(kind, depth, seed=seed)
    return x, gradient, shattering.neighbours(gradient)


@st.cache_data(show_spinner=False, max_entries=50)
def paths(spec: ModelSpec, seed: int, images: str) -> Paths:
    """`labs.paths.at_start`, computed once for each network."""
    from resnet_viz.labs.paths import at_start

    return at_start(spec, seed, images)
