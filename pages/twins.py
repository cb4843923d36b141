"""Twins: a residual and a plain network trained side by side, and what that shows."""

import functools

import streamlit as st

from resnet_viz import arch, datasets, engine, record
from resnet_viz.spec import SpecError
from resnet_viz.store import StoreError
from resnet_viz.ui import controls, live
from resnet_viz.ui.frame import ROOT, frame
from resnet_viz.ui.own import own_data_popover
from resnet_viz.ui.stage import stage
from resnet_viz.verdict import verdict

frame("Twins")
store = live.store()


@st.cache_data(show_spinner=False)
def recorded():
    """The twins that ship with the app: the first pair whole, then the curves of more seeds."""
    return record.load(ROOT / "assets" / "twins" / "digits-56.npz")


def train() -> None:
    """Start what the controls say."""
    try:
        ids = engine.start(store, controls.chosen(controls.current()))
    except (SpecError, datasets.DataError) as error:
        st.session_state["complaint"] = str(error)
        return
    st.session_state["show"] = store.run(ids[0]).group


def shown_runs():
    """The runs on the stage: those of the URL's group, or of the last click; none while the recorded twins are shown."""
    group = st.session_state.get("show", st.query_params.get("show", ""))
    if st.session_state.get("show") is None and group:
        st.session_state["show"] = group
    if group:
        st.query_params["show"] = group
    else:
        st.query_params.pop("show", None)
    return store.runs(group) if group else []


def say(sentence: str, aside: str) -> None:
    """The page's answer, first and large."""
    st.html(f'<h1 role="status">{sentence} <small>{aside}</small></h1>')


def draw(group: str, lecture: bool) -> None:
    """The sentence, the stage, and how far the runs are."""
    tab = (st.session_state.get("stage") or {}).get("tab")
    bet = st.session_state.get("bet_value") if st.session_state.get("bet_on") else None
    pairs = recorded()
    if not group:
        say(verdict(pairs), "Recorded.")
        stage(pairs, key="stage", on_arc=controls.toggle_skip, lecture=lecture, bet=bet)
        return
    runs = store.runs(group)
    if not runs:
        st.warning("These runs have been deleted.")
        return
    records = [live.record(run, live.metrics_for(tab)) for run in runs]
    going = not live.settled(runs)
    say(verdict(records), f"Seed {runs[0].spec.train.seed}." + (" Live." if going else ""))
    same = controls.values_of(runs[0].spec) | {"seed": 0} == controls.values_of(pairs[0].spec)
    ghost = pairs[:2] if same else ()
    stage(records, key="stage", live=going, lecture=lecture, ghost=ghost, bet=bet, on_arc=controls.toggle_skip)
    columns = st.columns(len(runs) + 1, vertical_alignment="bottom")
    for column, run in zip(columns, runs, strict=False):
        with column:
            live.progress(run)
    with columns[-1]:
        live.buttons(runs)
    if going != st.session_state.get("going", False):
        st.session_state["going"] = going
        st.rerun()


def costs() -> str:
    """Parameters, multiply-adds, memory and expected time of what would be trained."""
    specs = controls.chosen(controls.current())
    model, batch = specs[0].model, specs[0].train.batch
    parameters = arch.parameters(model)
    # Weights, gradients and momentum in float32, and what a batch keeps for the backward pass.
    memory = 12 * parameters + batch * arch.activation_bytes(model)
    seconds = engine.expected_seconds(store, specs)
    time = f"about {live.duration(seconds)}" if seconds else "time: unknown until this machine has trained once"
    return f"{parameters:,} parameters · {arch.multiply_adds(model) / 1e6:,.1f} M multiply-adds · {memory / 1e6:,.0f} MB · {time}"


def form() -> None:
    """The right column: what to train, and the button."""
    controls.draw_main()
    off = controls.current()["off"]
    if off:
        st.caption(f"Skips off at block {off.replace('.', ', ')}; click a block to switch it on again.")
    with st.popover("More", width="stretch"):
        controls.draw_more()
    own_data_popover(store)
    try:
        st.caption(costs())
        fine = True
    except (SpecError, datasets.DataError) as error:
        st.error(str(error))
        fine = False
    if complaint := st.session_state.pop("complaint", None):
        st.error(complaint)
    words = {"both": "Train both", "residual": "Train the residual net", "plain": "Train the plain net"}
    label = words[controls.current()["nets"]]
    st.button(label, type="primary", width="stretch", on_click=train, disabled=not fine, key="train")
    with st.popover("Place your bet", width="stretch"):
        st.slider("Where will the plain net's training loss end?", 0.0, 3.0, 1.0, 0.1, key="bet_value")
        st.toggle("Show my bet in chart B", key="bet_on")
    st.caption("Presets")
    with st.container(horizontal=True, gap="small"):
        for label, (what, changes) in controls.PRESETS.items():
            st.button(
                label, help=what, on_click=controls.apply, args=(changes,), key=f"preset {label}", type="tertiary"
            )
    if st.session_state.get("show"):
        st.button(
            "Show the recorded twins", on_click=functools.partial(st.session_state.update, show=""), width="stretch"
        )


lecture = st.session_state.get("lecture", st.query_params.get("lecture") == "true")
try:
    runs = shown_runs()
except StoreError as error:
    st.error(str(error))
    runs = []
going = bool(runs) and not live.settled(runs)
st.session_state["going"] = going
body = st.fragment(run_every=live.TICK if going else None)(draw)
group = runs[0].group if runs else ""
if lecture:
    body(group, True)
else:
    left, right = st.columns([0.77, 0.23], gap="medium")
    with right:
        form()
    with left:
        body(group, False)
st.toggle(
    "Lecture mode",
    key="lecture",
    bind="query-params",
    help="Controls hidden, thick lines, large type; ← → move the scrubber.",
)
