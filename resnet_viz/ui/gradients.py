"""The Gradients page's controls, what it computes (kept for everybody who asks for the same), and the sentence of each view."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from resnet_viz.figures import log_ratio, loudness, nets
from resnet_viz.figures.gradients import BN_GROWTH
from resnet_viz.record import Record
from resnet_viz.spec import INITS, NORMS, ModelSpec, SpecError
from resnet_viz.ui import controls

VIEWS = ("Fan", "Norms", "Shattering", "Paths")
DEPTHS = tuple(range(8, 111, 6))
PICTURES = {"noise": "random", "digits": "digits"}
INPUTS = 32
SIZE = 8  # pixels, those of the digits


def model() -> ModelSpec:
    """The residual network that the Twins form describes, for grey pictures of SIZE pixels; raises SpecError."""
    spec = replace(controls.residual_spec(controls.current()).model, channels=1, size=SIZE)
    spec.validate()
    return spec


def draw_controls() -> None:
    """Depth, norm, start and seed, which are those of the Twins form, and the pictures."""
    if controls.current()["family"] != "cifar":
        st.session_state.update(family="cifar", order="original", shortcut="identity")
    if controls.current()["depth"] not in DEPTHS:
        st.session_state["depth"] = min(DEPTHS, key=lambda d: abs(d - controls.current()["depth"]))
    bound: dict[str, Any] = {"bind": "query-params", "persist_state": "session"}
    st.select_slider("Depth", DEPTHS, controls.DEFAULTS["depth"], key="depth", **bound)
    left, right = st.columns(2)
    left.selectbox("Norm", list(NORMS), 0, NORMS.__getitem__, key="norm", **bound)
    right.selectbox(
        "Start", list(INITS), 0, INITS.__getitem__, key="init", help="Of residual branches; plain blocks start from He.",
        **bound,
    )  # fmt: skip
    left.selectbox("Pictures", list(PICTURES), 0, PICTURES.__getitem__, key="pictures", **bound)
    right.number_input("Seed", 0, None, controls.DEFAULTS["seed"], 1, key="seed", **bound)


@st.cache_data(show_spinner=False, max_entries=200)
def at_start(spec: ModelSpec, seed: int, pictures: str) -> Record:
    """`labs.gradients.at_start`, computed once for each network."""
    from resnet_viz.labs import gradients

    return gradients.at_start(spec, seed, pictures, INPUTS)


def records(spec: ModelSpec, seed: int, pictures: str) -> list[Record]:
    """The whole residual net, its plain twin and, where skips are off, the net without them."""
    specs = [replace(spec, no_skip=()), *([spec] if spec.no_skip else []), spec.twin()]
    return [at_start(s, seed, pictures) for s in specs]


def conditions(spec: ModelSpec, seed: int, pictures: str) -> str:
    """Under which conditions the figures hold."""
    norm = NORMS[spec.norm] if spec.norm != "none" else "no norm"
    start = "started from He" if spec.init == "he" else f"plain from He, residual from {INITS[spec.init]}"
    what = "random pictures" if pictures == "noise" else "digits"
    return f"Measured now: {INPUTS} {what} of {SIZE}×{SIZE}, {norm}, {start}, seed {seed}."


def says_fan(found: list[Record]) -> str:
    """How loud the gradient is at block 1 of each net."""
    how = {"residual": "with skips", "plain": "without"}
    words = []
    for net in nets(found):
        ratio = loudness(log_ratio(net.first)[1][-1, 0]).split(",")
        words.append(f"{','.join(ratio[:-1]) or ratio[0]} {how.get(net.label, net.label.partition(', ')[2])}")
    depth = found[0].spec.model.depth
    return f"{depth} layers before the first step: gradient at block 1, against the last block: {', '.join(words)}."


def says_norms(found: list[Record]) -> str:
    """By what factor a layer multiplies the gradient of each net, and the law."""
    from resnet_viz.labs import gradients

    words = ", ".join(f"×{gradients.growth(net.first):.3f} {net.label}" for net in nets(found))
    law = f" BatchNorm's law for wide plain layers: ×{BN_GROWTH:.3f}." if found[0].spec.model.norm == "batch" else ""
    return f"Toward the picture, a layer multiplies the gradient by {words}.{law}"


def chosen() -> tuple[ModelSpec, int, str, str]:
    """Network, seed, pictures, and what is wrong with the controls: then the network is the usual one of that depth."""
    values = controls.current()
    seed, pictures = int(values["seed"]), st.session_state.get("pictures", "noise")
    try:
        return model(), seed, pictures, ""
    except SpecError as error:
        return ModelSpec(depth=int(values["depth"]), channels=1, size=SIZE), seed, pictures, str(error)
