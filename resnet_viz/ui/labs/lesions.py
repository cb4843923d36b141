"""The Lesions page's parts: which networks, what is known of them, blocks dropped by clicks, ten images before and after."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from resnet_viz.data import catalogue
from resnet_viz.errors import UserError
from resnet_viz.figures import lesion_record
from resnet_viz.figures.lesion_record import METRICS, Lesions
from resnet_viz.figures.style import LIFTED, ink
from resnet_viz.files import LABS
from resnet_viz.language import N_, tr, trn
from resnet_viz.nets import refs
from resnet_viz.nets.refs import Source
from resnet_viz.runs.record import Record, load
from resnet_viz.runs.rows import Run
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.lab import LesionSpec
from resnet_viz.ui import choose, live
from resnet_viz.ui.labs import shown as lab
from resnet_viz.ui.link import by_link, is_place, link, linked
from resnet_viz.ui.say import plain
from resnet_viz.words import lesions as lesion_words
from resnet_viz.words import numbers

START = "shipped:digits-residual-20"  # its images are always on this machine
VIEWS = (N_("One block"), N_("Several at random"), N_("Shuffled"), N_("What blocks refine"))
# Images on which several blocks dropped by clicks are tried.
QUICK = 300
# Accuracy, and guesses (shown,).
Asked = Sequence[Any]
CSS = """<style>
.rv-ten { display: grid; grid-template-columns: minmax(7rem, auto) repeat(10, minmax(0, 1fr)); gap: 2px 6px;
  align-items: center; font-size: 0.9rem; text-align: center; }
.rv-ten img { width: 100%; max-width: 52px; image-rendering: pixelated; border-radius: 3px; display: block; margin: auto; }
@media (max-width: 1100px) { .rv-ten { overflow-x: auto; grid-template-columns: 8rem repeat(10, 5.4rem); } }
.rv-ten .who { text-align: left; white-space: nowrap; }
.rv-ten .wrong { text-decoration: underline wavy #c2410c; text-underline-offset: 3px; font-weight: 600; }
</style>"""


# --- which networks ------------------------------------------------------------------------------------------------------


def chosen() -> list[Source]:
    """The networks that the controls name: one, and its twin or another of the same data; residual ones first."""
    st.session_state.setdefault("lesion_net", st.query_params.get("lesion_net", START))
    first = choose.choose_network("lesion_net")
    others = {s.ref: s for s in refs.available(live.store()) if s.ref != first.ref and _comparable(first, s)}
    if twin := refs.twin(first, live.store()):
        others[twin.ref] = twin
    names = {"": tr("nothing"), **choose.unique(list(others.values()))}
    usual = twin.ref if twin else ""
    if st.session_state.get("lesion_of") != first.ref:  # another network: beside it, its own twin
        st.session_state["lesion_with"] = st.session_state.pop("lesion_beside", usual)
    st.session_state["lesion_of"] = first.ref
    if st.session_state.get("lesion_with") not in names:
        st.session_state["lesion_with"] = usual
    by_link("lesion_with", "lesion_with", {ref: ref for ref in names}, names[usual])
    second = st.selectbox(tr("Beside it"), list(names), format_func=names.__getitem__, key="lesion_with")
    link("lesion_with", second or "", usual)
    return sorted([first, *([others[second]] if second else [])], key=lambda s: not s.spec.residual)


def _comparable(a: Source, b: Source) -> bool:
    return a.data is not None and b.data is not None and a.data == b.data


def choose_those_of(run: Run) -> None:
    """Before the controls are drawn: have them name the networks of a run that is shown for the first time."""
    assert isinstance(run.spec.lab, LesionSpec)
    if st.session_state.get("lesion_seen") == run.id:
        return
    st.session_state["lesion_seen"] = run.id
    first, *more = run.spec.lab.networks
    st.query_params.pop("lesion_net", None)
    st.session_state.update(lesion_net=first, lesion_of="", lesion_beside=more[0] if more else "")


# --- what is known of them -----------------------------------------------------------------------------------------------


@st.cache_data(show_spinner=False)
def recorded() -> list[Record]:
    """The lesions that ship with the app."""
    return [record for path in sorted(LABS.glob("lesion-*.npz")) for record in load(path)]


def is_of(run: Run | Record, sources: Sequence[Source]) -> bool:
    """Whether a run or record is of just these networks, in whatever order."""
    spec = run.spec.lab
    return isinstance(spec, LesionSpec) and sorted(spec.networks) == sorted(source.ref for source in sources)


def follow(run: Run | None, sources: list[Source]) -> tuple[list[Source], Run | None]:
    """The networks in the order of what is measured of them, and the run that shows it, if it is one.

    Where the controls name others than the run's, it makes way for the newest of theirs, still live or at its end.
    """
    if run is None or not is_of(run, sources):
        runs = (r for r in live.store().runs() if r.kind == "lesion" and (r.live or r.status == "finished"))
        run = next((r for r in runs if is_of(r, sources)), None)
        st.session_state["lesion"] = st.session_state["lesion_seen"] = run.id if run else ""
        lab.shown("lesion")
    measured = run or next((r for r in recorded() if is_of(r, sources)), None)
    if measured and isinstance(asked := measured.spec.lab, LesionSpec):
        sources = sorted(sources, key=lambda source: asked.networks.index(source.ref))
    return sources, run


def known(sources: Sequence[Source], run: Run | None) -> tuple[Record | None, str]:
    """What was measured of these networks, and where it is from: the run of `follow`, or what ships."""
    if run is not None:
        metrics = [f"{place}.{name}" for place in range(len(sources)) for name in METRICS]
        return live.record(run, metrics), tr("Live.") if run.live else tr("Measured here.")
    return next((r for r in recorded() if is_of(r, sources)), None), tr("Recorded.")


def counted(record: Record | None) -> int:
    """On how many test images a record was measured."""
    if record is None or not isinstance(record.spec.lab, LesionSpec):
        return 0
    if "images" in record.result:
        return record.result["images"]
    asked = record.spec.lab.images  # not yet at its end
    there = images_there(record.spec.data)
    return asked if there is None else min(asked or there, there)


def images_there(data: DataSpec | None) -> int | None:
    """How many test images there are of a data set; None where it is not known."""
    try:
        return catalogue.split_sizes(data)[2] if data else None
    except catalogue.DataError:
        return None


def sentence(view: str, nets: Sequence[Lesions], images: int) -> str:
    """The page's answer: what was measured, for the view that is open."""
    every, nets = nets, [net for net in nets if net.measured]
    if not nets:
        called = tr(" and ").join(net.label for net in every)
        called = called[0].upper() + called[1:]
        return tr("{nets} without one of their blocks: not measured yet. Drop every block, or click one.", nets=called)
    if view == VIEWS[1] and all(len(net.random) for net in nets):
        return lesion_record.says_random(nets, images)
    if view == VIEWS[2] and all(len(net.shuffled) for net in nets):
        return lesion_record.says_shuffled(nets, images)
    if view == VIEWS[3]:
        return lesion_words.refinement([(n.label, n.cosine, n.stage) for n in nets], images)
    return lesion_record.says_single(nets, images)


# --- dropped by a click --------------------------------------------------------------------------------------------------


def toggle(block: int) -> None:
    """Drop a block (from 1), or put it back."""
    st.session_state["lesion_dropped"] = sorted({*st.session_state.get("lesion_dropped", ())} ^ {block})


@st.cache_data(show_spinner="Asking the networks without these blocks", max_entries=500)
def _without(ref: str, step: int, blocks: tuple[int, ...], _source: Source) -> tuple[float, np.ndarray, int]:
    """Accuracy over QUICK test images, guesses (shown,), and how many images that were, without these blocks."""
    from resnet_viz.labs import lesion

    x, y = choose.test_images(_source)
    seen = lesion.images(x, y, QUICK)
    accuracy, probabilities = lesion.without(choose.network(_source), seen, blocks)
    return accuracy, probabilities.argmax(1), len(seen.y)


def ten_images(sources: Sequence[Source], nets: Sequence[Lesions], images: int) -> None:
    """Each net's accuracy and its guesses on ten images, before and after the clicked blocks were dropped."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    there = range(1, max(net.count for net in nets) + 1)
    none: list[int] = []
    linked("lesion_dropped", none, lambda text: [int(part) for part in text.split(".") if is_place(part, len(there))])
    st.session_state["lesion_dropped"] = [b for b in sorted(st.session_state["lesion_dropped"]) if b in there]
    dropped = right.multiselect(  # by keyboard and finger what a click on a block does
        tr("Blocks dropped"), there, key="lesion_dropped", persist_state="session", placeholder=tr("Block …")
    )
    link("lesion_dropped", ".".join(map(str, dropped)), "")
    which = ", ".join(map(str, sorted(dropped)))
    many = trn("**Dropped: block {blocks}.**", "**Dropped: blocks {blocks}.**", len(dropped), blocks=which)
    rows, which_images, dark = [], tr("{images:,} test images", images=images), st.context.theme.type == "dark"
    try:
        for place, source in enumerate(sources):
            net, blocks = nets[place], tuple(sorted(b for b in dropped if b <= nets[place].count))
            if len(blocks) < 2 and net.without(sum(blocks)) is not None:
                at = np.concatenate([[0], net.single[:, 0]]).tolist().index(sum(blocks))
                before: Asked = (net.undisturbed, net.guess[0])
                after: Asked = (net.without(sum(blocks)), net.guess[at])
            else:
                (*before, _), (*after, count) = (
                    _without(source.ref, source.step, which, source) for which in ((), blocks)
                )
                which_images = tr("the first {n} test images", n=count)
            rows.append((source, LIFTED.get(net.colour, net.colour) if dark else ink(net.colour), before, after))
        left.markdown(
            tr("{dropped} Accuracy on {images}, and ten of them, before → after.", dropped=many, images=which_images)
            if dropped
            else tr("**Click a block** in the chart to drop it in both nets: here is what they make of ten images.")
        )
        st.html(CSS + _table(sources[0], nets[0], rows))
    except UserError as error:
        left.info(plain(str(error)))


def _table(source: Source, net: Lesions, rows: Sequence[tuple[Source, str, Asked, Asked]]) -> str:
    """The images, and under them what each net calls them."""
    classes = choose.class_names(source)
    cells = ['<div class="who"></div>']
    try:
        x, y = choose.test_images(source)
        shown = net.shown.astype(int) if net.measured else _shown(y)
        truth = y[shown]
        cells += [f'<img src="{_uri(x[n])}" alt="{html.escape(classes[y[n]])}">' for n in shown]
    except catalogue.DataError:  # then their names must do
        if not net.measured:
            raise
        truth = net.truth.astype(int)
        cells += [f"<div>{html.escape(classes[t])}</div>" for t in truth]
    for asked, colour, (before, guessed), (after, guesses) in rows:
        name = html.escape(asked.spec.called)
        change = "" if before == after else f" → {numbers.percent(after)}"
        cells.append(f'<div class="who"><b style="color:{colour}">{name}</b> {numbers.percent(before)}{change}</div>')
        for was, now, true in zip(guessed, guesses, truth, strict=True):
            kind = "" if now == true else ' class="wrong"'
            first = f"{html.escape(classes[was])} → " if was != now else ""
            cells.append(f"<div{kind}>{first}{html.escape(classes[now])}</div>")
    return f'<div class="rv-ten">{"".join(cells)}</div>'


def _shown(y: np.ndarray) -> np.ndarray:
    """The rows of the images that are shown, as the lab chooses them."""
    from resnet_viz.labs import lesion

    return lesion.images(y, y, QUICK).shown


def _uri(image: np.ndarray) -> str:
    """An image (H, W, C) uint8 as a data URI."""
    file = io.BytesIO()
    Image.fromarray(image.squeeze(-1) if image.shape[2] == 1 else image).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


# --- the controls --------------------------------------------------------------------------------------------------------


def form(sources: Sequence[Source], shown: Record | None) -> None:
    """What is to be measured next: on how many images, how many draws, and the button. At first it asks for what is ``shown``."""
    st.markdown(tr("**Next measurement**"))
    asked = shown.spec.lab if shown else None
    if isinstance(asked, LesionSpec) and st.session_state.get("lesion_settings") != asked:
        st.session_state.update(lesion_images=asked.images, lesion_repeats=asked.repeats)
    st.session_state["lesion_settings"] = asked
    left, right = st.columns(2)
    kept: dict[str, Any] = {"persist_state": "session"}
    usual, there = LesionSpec(), images_there(sources[0].data)
    default = usual.images if there is None or there >= usual.images else 0
    if there is not None and st.session_state.get("lesion_images", 0) > there:
        st.session_state["lesion_images"] = 0
    images = left.number_input(
        tr("Test images"),
        0,
        there,
        default,
        100,
        key="lesion_images",
        help=tr("0: all {there:,}.", there=there) if there else tr("0: all of them."),
        **kept,
    )
    repeats = right.number_input(
        tr("Random tries"),
        1,
        50,
        usual.repeats,
        1,
        key="lesion_repeats",
        help=tr("Random draws for each number of blocks."),
        **kept,
    )
    chosen_refs = tuple(source.ref for source in sources)
    st.button(
        tr("Drop every block again") if shown else tr("Drop every block"), type="primary", width="stretch", key="lesion_start",
        on_click=lab.start, args=("lesion", lambda: LesionSpec(chosen_refs, int(images), int(repeats))),
    )  # fmt: skip
    lab.complaint("lesion")
