"""Finding the learning rate, on Twins: the range test of both nets, one number each; and several rates trained at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from resnet_viz.errors import UserError
from resnet_viz.figures.rates import range_test
from resnet_viz.language import N_, tr
from resnet_viz.runs.record import Record
from resnet_viz.runs.rows import Run
from resnet_viz.spec.checks import quote
from resnet_viz.spec.lab import RangeSpec
from resnet_viz.spec.run import RunSpec, SpecError
from resnet_viz.spec.values import DEFAULTS
from resnet_viz.ui import controls, live
from resnet_viz.ui.frame import chart
from resnet_viz.ui.say import complain
from resnet_viz.words.twins import called
from resnet_viz.workers import engine

MOST = 6  # rates at once
SEEN = "lr_range_seen"  # the test that the dialog has shown
ABOUT = N_(
    "Each net starts afresh and trains for 100 steps while the rate rises from 0.00001 to 10 (Smith 2017). "
    "Where its smoothed loss falls fastest is a rate to start from. It is a guess from few steps: *try "
    "several* asks whole runs."
)


def _nets(lab: RangeSpec | None = None) -> list[RunSpec]:
    """The nets of the form, whatever its rate. Raises SpecError or DataError."""
    return [replace(spec, lab=lab) for spec in controls.chosen(controls.current() | {"lr": DEFAULTS["lr"]})]


def find_rate() -> None:
    """The button beside the form: runs the range test of its nets, unless the last one was of the same, and opens its dialog."""
    if st.button(
        tr("Find the rate"),
        width="stretch",
        key="find_rate",
        help=tr("A range test: one number for each net, in seconds."),
    ):
        _start(again=False)
    elif not st.session_state.pop("find_rate_open", False) and st.session_state.get("lr_range") == (
        st.session_state.get(SEEN)
    ):
        return  # nothing to open again, and no test that was opened on the page Runs
    st.dialog(tr("Find the rate"), width="large")(_dialog)()


def _start(again: bool = True) -> None:
    try:
        specs = _nets(RangeSpec())
        if not again and _same(_runs(), specs):
            return
        store = live.store()
        ids = engine.start(store, specs)
        st.session_state["lr_range"] = ids[0]
    except UserError as error:
        st.session_state["rates_complaint"] = str(error)


def _runs() -> list[Run]:
    """The runs of the range test last shown, residual first."""
    shown = st.session_state.get("lr_range")
    group = next((r.group for r in live.store().runs() if r.id == shown), None) if shown else None
    return live.store().runs(group) if group else []


def _same(runs: Sequence[Run], specs: Sequence[RunSpec]) -> bool:
    """Whether these runs are tests of these nets, and did not fail."""

    def bare(spec: RunSpec) -> RunSpec:
        return replace(spec, train=replace(spec.train, lr=1, threads=0, device="auto", dtype="auto"))

    fine = all(run.live or run.status == "finished" for run in runs)
    return fine and [bare(run.spec) for run in runs] == [bare(spec) for spec in specs]


def _dialog() -> None:
    st.session_state[SEEN] = st.session_state.get("lr_range")
    going = not live.settled(_runs())
    st.session_state["rates_going"] = going
    st.fragment(run_every=live.TICK if going else None)(_body)()


def _body() -> None:
    if complaint := st.session_state.pop("rates_complaint", None):
        complain(complaint)
        return
    runs = _runs()
    records = [live.record(run, ("lr", "loss", "smoothed_loss")) for run in runs]
    st.html(f'<h2 style="padding: 0">{verdict(records)}</h2>')
    chart(range_test(records), key="range test", height=300)
    live.messages(runs)
    found = {called(r.spec): r.result["lr"] for r in records if r.result.get("lr")}
    with st.container(horizontal=True):
        for name, rate in found.items():
            if st.button(
                tr("Use {rate:.2g} ({name})", rate=rate, name=tr(name)),
                key=f"use_{name}",
                help=tr("Puts it into the form."),
            ):
                st.session_state["lr"] = float(f"{rate:.2g}")
                st.rerun()
        if live.settled(runs):
            st.button(tr("Test again"), on_click=_start, key="range_again")
        else:
            st.button(tr("■ Stop"), on_click=_stop, args=(runs,), key="range_stop")
    if live.settled(runs):
        _several(found)
    st.caption(tr(ABOUT))
    if live.settled(runs) == st.session_state["rates_going"]:
        st.session_state["find_rate_open"] = True
        st.rerun()  # the whole page and this dialog anew, so that it ticks no longer, or from now on


def _stop(runs: Sequence[Run]) -> None:
    for run in runs:
        live.store().want(run.id, "stop")


def _several(found: dict[str, float]) -> None:
    """Whole runs of one net of the form at several rates, as one group on the stage."""
    middle = found.get("residual") or next(iter(found.values()), DEFAULTS["lr"])
    usual = ", ".join(f"{float(f'{middle * factor:.1g}'):g}" for factor in (0.1, 0.3, 1, 3))
    left, middle_, right = st.columns([2, 5, 3], vertical_alignment="bottom")
    names = {called(spec): spec for spec in _nets()}
    net = left.selectbox(tr("Try several"), list(names), format_func=tr, key="several_net")
    text = middle_.text_input(
        tr("Rates"), usual, key="several_rates", help=tr("2 to {MOST}, with commas between.", MOST=MOST)
    )
    if right.button(tr("Train them all"), width="stretch", key="several"):
        try:
            specs = several(names[net], text)
            store = live.store()
            st.session_state["show"] = store.run(engine.start(store, specs)[0]).group
        except UserError as error:
            complain(error)
        else:
            st.rerun()


def several(spec: RunSpec, text: str) -> list[RunSpec]:
    """The run at each of the rates that ``text`` names, "0.01, 0.1". Raises SpecError where it does not name 2 to MOST rates."""
    try:
        rates = list(dict.fromkeys(float(part) for part in text.replace(";", ",").split(",") if part.strip()))
    except ValueError as error:
        raise SpecError(
            f"{quote(text)} is not a list of rates; write them with commas between, such as 0.01, 0.1."
        ) from error
    if not 2 <= len(rates) <= MOST:
        raise SpecError(
            f"{len(rates)} rates are outside 2 to {MOST}: write them with commas between, such as 0.01, 0.1."
        )
    return [replace(spec, lab=None, train=replace(spec.train, lr=rate)) for rate in rates]


def verdict(records: Sequence[Record]) -> str:
    """What the range tests found, one number for each net."""
    parts = []
    for record in records:
        name = record.spec.model.called
        if rate := record.result.get("lr"):
            parts.append(tr("{rate:.2g} for {name}", rate=rate, name=name))
        elif record.status == "finished":
            parts.append(tr("nowhere for {name}", name=name))
    if not parts:
        return (
            tr(
                "Testing: step {step} of {steps}.",
                step=sum(r.step for r in records),
                steps=RangeSpec.num_steps * len(records),
            )
            if records
            else tr("No test yet.")
        )
    return tr("The loss falls fastest at a learning rate of {rates}.", rates=tr(", ").join(parts))
