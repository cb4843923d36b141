"""The stage: the twins' charts and their slider, one component that stays mounted while a run goes on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import streamlit as st

from resnet_viz.files import STAGE
from resnet_viz.runs.record import Record
from resnet_viz.stage.payload import pack
from resnet_viz.ui.frame import stage_script


@dataclass(frozen=True)
class Shown:
    """What the viewer did: the block whose arc was clicked just now (and at which step of the slider), the tab in view."""

    tab: str
    arc: int | None = None
    step: int | None = None


def conceals(key: str) -> bool:
    """Whether the stage of this key keeps what comes after its slider's step from the viewer: in a replay, or for a bet."""
    return bool((st.session_state.get(key) or {}).get("conceals"))


def stage(
    records: Sequence[Record],
    *,
    key: str,
    live: bool = False,
    lecture: bool = False,
    ghost: Sequence[Record] = (),
    bet: float | None = None,
    replay: bool = False,
    pending: Collection[int] = (),
    on_arc: Callable[[int], None] | None = None,
) -> Shown:
    """Draw the records: net drawings, gradient fan, loss, accuracy, slider, and the tabs History and Engineer.

    The same ``key`` at every run keeps the plots, their zoom and the slider's place; ``live`` follows the newest step until
    the viewer scrubs back. ``on_arc`` is called with the number of a block whose skip was clicked, before the page runs.
    ``replay`` plays the run once by itself, at first sight. ``ghost`` and ``bet`` are drawn into the loss (see
    `figures.divergence`), ``pending`` into the drawings (see `figures.fan`). A tab's data is sent while it is in view.
    """
    state: Any = st.session_state.get(key) or {}
    tab = state.get("tab") or "twins"

    def clicked() -> None:
        arc = st.session_state[key].get("arc")
        if on_arc and arc:
            on_arc(int(arc["block"]))

    result = _component()(
        key=key,
        data=pack(
            records, tabs=(tab,), live=live, lecture=lecture, ghost=ghost, bet=bet, replay=replay, pending=pending
        ),
        on_arc_change=clicked,
        on_tab_change=lambda: None,
        on_conceals_change=lambda: None,
    )
    arc = result.get("arc") or {}
    return Shown(tab=tab, arc=arc.get("block"), step=arc.get("step"))


# Streamlit sends a component's script again at every refresh, so that is two lines that load the real one, once.
LOADER = """
const stage = import(new URL("%s", document.baseURI));
export default (component) => stage.then((module) => module.stage(component)).catch((error) => {
  component.parentElement.textContent =
    `The charts could not be loaded (${error.message}): start the app by the command resnet-viz, or in its own folder.`;
});
"""


@cache
def _component() -> Any:
    return st.components.v2.component(
        "resnet_viz_stage",
        js=LOADER % stage_script(),
        css=(STAGE / "stage.css").read_text(encoding="utf-8"),
        isolate_styles=False,  # Plotly's own style rules live in the document
    )
