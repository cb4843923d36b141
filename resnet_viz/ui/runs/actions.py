"""What is done with runs: delete, rename, take along. Everything goes by the ids of the runs."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from resnet_viz.errors import UserError
from resnet_viz.language import tr, trn
from resnet_viz.nets import refs
from resnet_viz.publish import bundle, export, handout, worksheet
from resnet_viz.publish.weights import KINDS, file_name, is_torchvisions, lines
from resnet_viz.runs.naming import first_name
from resnet_viz.runs.record import ENDED, Record
from resnet_viz.runs.rows import Run
from resnet_viz.spec.run import RunSpec
from resnet_viz.ui import choose, live, who
from resnet_viz.ui.frame import download, guarded
from resnet_viz.ui.runs.table import TICKED
from resnet_viz.ui.say import complain, plain

if TYPE_CHECKING:
    from resnet_viz.nets.weights import Network

DELETING = "runs_deleting"  # in the session: ids of the runs that the dialog asks about
HANDOUT = 6  # runs in a handout, at most


def ask_to_delete(ids: Sequence[str]) -> None:
    """Have the page open the dialog that deletes these runs."""
    st.session_state[DELETING] = tuple(ids)


def _forget() -> None:
    st.session_state.pop(DELETING, None)


def _delete_dialog(ids: Sequence[str]) -> None:
    with guarded():
        store = live.store()
        runs, broken = live.existing(ids), [row for row in store.unreadable() if row.id in ids]
        count = len(runs) + len(broken)
        st.write(
            trn(
                "This deletes {n} run with all curves and checkpoints:",
                "This deletes {n} runs with all curves and checkpoints:",
                count,
            )
        )
        for line in [*map(described, runs), *(tr("{name}: can't be read", name=row.name) for row in broken)]:
            st.markdown(f"- {plain(line)}")
        with st.container(horizontal=True):
            if st.button(tr("Delete"), type="primary", key="really_delete", disabled=not count):
                for run in runs:
                    store.want(run.id, "stop")
                for id_ in ids:
                    store.delete(id_)
                st.session_state[TICKED] = []
                _forget()
                st.rerun()
            if st.button(tr("Cancel"), key="cancel_delete"):
                _forget()
                st.rerun()


def delete_dialog() -> None:
    """The dialog, where runs wait to be deleted. Called by the page itself: a fragment that ticks would close it."""
    if ids := st.session_state.get(DELETING):
        st.dialog(tr("Delete for good?"), width="medium", on_dismiss=_forget)(_delete_dialog)(ids)


def described(run: Run) -> str:
    """A run for somebody who is about to lose it: name, seed, time, and how it stands."""
    began = datetime.datetime.fromtimestamp(run.created)
    status = tr("still running") if run.status == "running" else tr(run.status)
    seed = tr("seed {seed}, ", seed=run.spec.train.seed) if run.ours else ""
    return tr(
        "{name}: {seed}of {began:%d %b, %H:%M:%S}, {status} at step {step:,}",
        name=run.name,
        seed=seed,
        began=began,
        status=status,
        step=run.step,
    )


def renamed(run: Run, key: str) -> None:
    """Call a run as the text field ``key`` says; an empty one brings the run's first name back."""
    live.store().rename(run.id, st.session_state.pop(key).strip() or first_name(run.spec))


def noted(run: Run, key: str) -> None:
    """Keep the note that stands in the text field ``key``."""
    live.store().set_note(run.id, st.session_state.pop(key).strip())


def shared_is(run: Run, key: str) -> None:
    """Let the class see a run, or not, as the switch ``key`` says."""
    live.store().share(run.id, st.session_state.pop(key))


def one(run: Run) -> None:
    """Name and note of a single run, and what it was made with."""
    left, right = st.columns(2)
    # What another browser writes makes another field. What is typed here is popped, so that the field shows what is kept.
    name, note = f"name {run.id} {run.name}", f"note {run.id} {run.note}"
    st.session_state.setdefault(name, run.name)
    st.session_state.setdefault(note, run.note)
    mine = live.store().may_change(run.id)
    left.text_input(tr("Name"), key=name, on_change=renamed, args=(run, name), disabled=not mine)
    right.text_input(tr("Note"), key=note, on_change=noted, args=(run, note), disabled=not mine)
    if mine and who.mode() == "class":
        shared = f"shared {run.id} {run.shared}"
        st.session_state.setdefault(shared, bool(run.shared))
        st.toggle(tr("The class sees this run"), key=shared, on_change=shared_is, args=(run, shared))
    if run.message:
        st.warning(plain(run.message))
    if run.kind == "train" and not run.spec.own:
        weights_of(run)
    with st.expander(tr("Everything about this run")):
        st.json({"id": run.id, "made with": run.versions, "result": run.result, "spec": export.spec_table(run.spec)})


def weights_of(run: Run) -> None:
    """A checkpoint to take along, and the lines of PyTorch that load it; torch is imported once that is opened."""
    box = st.expander(tr("Weights, and five lines that load them"), on_change="rerun", key="weights")
    if not box.open:
        return
    with box, guarded():
        steps = {
            source.step: source for source in refs.checkpoints(refs.find(f"run:{run.id}", live.store()), live.store())
        }
        with st.container(horizontal=True, vertical_alignment="bottom"):
            step = st.selectbox(tr("Of step"), sorted(steps, reverse=True), key=f"weights of {run.id}", width=160)
            kind = st.segmented_control(tr("File"), KINDS, default=KINDS[0], key="weights kind", required=True)
            network, name = choose.network(steps[step]), file_name(run.spec.model, step, kind)
            download(tr("Download"), lambda: packed(network, kind, run.spec), name, key="download weights")
        st.code(
            lines(network.spec, name, network.mean.tolist(), network.std.tolist()), language="python", wrap_lines=True
        )
        own = is_torchvisions(network.spec)
        st.caption(
            tr("torchvision's own class is the same net, so torch and torchvision are all that is needed.")
            if own
            else tr(
                "The net's class is this package's (`pip install .` in its folder); its tensors have "
                "torchvision's names."
            )
        )


def packed(network: Network, kind: str, spec: RunSpec) -> bytes:
    """The weights as a file."""
    from resnet_viz.nets import weights

    return weights.packed(network, kind, spec)


def records(ids: Sequence[str]) -> list[Record]:
    """Whole records of the runs that are still there, residual ones first."""
    runs = sorted(live.existing(ids), key=lambda run: not run.spec.model.residual)
    return [live.store().record(run.id) for run in runs]


def take_along(runs: Sequence[Run]) -> None:
    """Buttons for the runs' CSV and handout; each is made when it is asked for, of the runs that were shown."""
    ids = tuple(run.id for run in runs)
    fits = len(runs) <= HANDOUT and all(run.spec.trains for run in runs)
    download("CSV", lambda: export.csv(records(ids)), "runs.csv", mime="text/csv", key="csv")
    download(
        tr("Handout (HTML)"),
        lambda: handout.handout(records(ids)),
        "twins.html",
        mime="text/html",
        disabled=not fits,
        help=tr(
            "One file with its interactive charts, for 40 students and no network. Up to {most} trained runs.",
            most=HANDOUT,
        ),
        key="handout",
    )
    download(
        tr("Worksheet (to print)"),
        lambda: worksheet.worksheet(records(ids)),
        "worksheet.html",
        mime="text/html",
        disabled=not fits,
        help=tr("Three pages: predict, read the measured curves, explain; then the answers."),
        key="worksheet",
    )
    download(
        tr("Whole, with weights"),
        lambda: bundle.pack(live.store(), ids),
        "runs.zip",
        mime="application/zip",
        disabled=not all(run.kind == "train" and not run.spec.own and run.status in ENDED for run in runs),
        help=tr(
            "Settings, curves and the weights of every checkpoint in one file, which Runs on another machine imports."
        ),
        key="whole",
    )


def bring() -> None:
    """A form for runs that were exported whole. What came in is ticked; what can't be kept is said."""
    with st.popover(tr("Import runs"), icon=":material/upload:"):
        file = st.file_uploader(tr("A .zip that *Whole, with weights* made, or `export --whole`"), key="bring_runs")
        kept: dict[str, str] = st.session_state.setdefault("runs brought", {})
        if file is not None and kept.get("file") != file.file_id and live.fits(file):
            kept |= {"file": file.file_id, "error": ""}
            try:
                st.session_state[TICKED] = bundle.unpack(live.store(), file.name, file.getvalue())
            except UserError as error:
                kept["error"] = str(error)
            else:
                st.rerun()
        if file is not None and kept.get("error"):
            complain(kept["error"])
        elif file is not None:
            st.success(tr("The runs of {name} are here, and ticked.", name=plain(file.name)))
