"""The Landscape page's parts: what is shown and what is said of it; the form that measures another."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from resnet_viz.figures import landscape as figures
from resnet_viz.figures import landscape_record
from resnet_viz.files import LABS
from resnet_viz.language import N_, tr, trn
from resnet_viz.nets import refs
from resnet_viz.nets.refs import NetworkError, Source
from resnet_viz.runs.record import Record, load
from resnet_viz.runs.rows import Run
from resnet_viz.spec.lab import LandscapeSpec
from resnet_viz.ui import choose, live
from resnet_viz.ui.frame import chart
from resnet_viz.ui.labs import shown as lab
from resnet_viz.ui.link import link, linked
from resnet_viz.ui.say import misread
from resnet_viz.words import landscape as landscape_words

START = "shipped:digits-residual-20"  # its images are on every machine
FIRST = "digits-56"  # shown at first: of the nets on Twins' first screen, and with Li 2018's finding most plainly
NONE = "none"  # stands in the URL where no recording is shown
VIEWS = (N_("Contours"), N_("Surface"), N_("Profile"))


@st.cache_data(show_spinner=False)
def recorded() -> dict[str, Record]:
    """The landscapes that ship with the app, by name; the first is shown at first."""
    files = LABS.glob("landscape-*.npz")
    records = {path.stem.removeprefix("landscape-"): load(path)[0] for path in files}
    return dict(sorted(records.items(), key=lambda item: (item[0] != FIRST, item[0])))


def _networks(measured: Run | Record | None) -> tuple[str, ...]:
    """The refs of the networks whose landscape a run or a recording is."""
    lab = measured.spec.lab if measured else None
    return lab.networks if isinstance(lab, LandscapeSpec) else ()


def _is_here(ref: str) -> bool:
    try:
        return bool(refs.find(ref, live.store()))
    except NetworkError:
        return False


def choose_shown() -> tuple[Source, Run | None, str]:
    """The network whose landscape is shown, and the run, or else the name of the recording, that it is from; "" for neither.

    Control and chart always speak of the same: of a run or recording that is newly shown, the control names the first network;
    of a network that is newly chosen, its recording is shown, or what was last measured of it here. Of a recording around
    networks that are no longer kept it is said that the control names others.
    """
    run, names = lab.shown("landscape"), recorded()
    chosen = "landscape_net" in st.query_params or "landscape_net" in st.session_state
    usual = NONE if chosen else FIRST
    name = "" if run else linked("landscape_recorded", usual) or NONE
    if name and name not in (*names, NONE):
        misread("landscape_recorded", name, tr("what is recorded of the network") if chosen else FIRST)
        name = usual
    name = name if name in names else ""
    networks = _networks(run or names.get(name))
    new = (run.id if run else name) != st.session_state.get("landscape_seen")
    here = [ref for ref in networks if _is_here(ref)]
    if here and new and linked("landscape_net", START) not in networks:
        st.query_params.pop("landscape_net", None)
        st.session_state["landscape_net"] = here[0]
    linked("landscape_net", START)
    above = st.container()
    st.markdown(tr("**Next measurement**"))
    first = choose.choose_network("landscape_net")
    lost = bool(networks) and not here
    if lost and (new or st.session_state.get("landscape_of") == first.ref):
        above.caption(
            tr("The weights that it was measured with are not kept here; the control below names another network.")
        )
    elif first.ref not in networks:
        name = next((n for n, record in names.items() if first.ref in _networks(record)), "")
        runs = [] if name else [r for r in live.store().runs() if first.ref in _networks(r) and r.step]
        st.session_state["landscape"] = runs[0].id if runs else ""
        run = lab.shown("landscape")
    st.session_state["landscape_of"] = first.ref
    seen = run.id if run else name
    if seen != st.session_state.get("landscape_seen"):
        _take_settings(run or names.get(name))
    st.session_state["landscape_seen"] = seen
    st.session_state["landscape_recorded"] = name or None
    link("landscape_recorded", "" if run else name or NONE, "" if run else FIRST)
    above.selectbox(
        tr("Recorded"), list(names), None, key="landscape_recorded", placeholder=tr("none of this network"),
        on_change=st.session_state.update, kwargs={"landscape": ""},
    )  # fmt: skip
    return first, run, name


def _take_settings(measured: Run | Record | None) -> None:
    """Have the form ask for what was measured of the run or recording that is newly shown."""
    if measured and isinstance(asked := measured.spec.lab, LandscapeSpec):
        st.session_state.update(
            landscape_directions=asked.directions, landscape_size=asked.size, landscape_line=asked.dimensions == 1,
            landscape_images=asked.images, landscape_reach=asked.reach, landscape_seed=asked.seed,
        )  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """What the page shows: a record, what is known of its networks, and where it is from.

    Of each network its short name, its label and a sentence with its training.
    """

    record: Record
    names: tuple[str, ...]
    labels: tuple[str, ...]
    facts: tuple[str, ...]
    origin: str

    @property
    def lab(self) -> LandscapeSpec:
        """What was asked."""
        assert isinstance(self.record.spec.lab, LandscapeSpec)
        return self.record.spec.lab

    def nets(self) -> list[landscape_record.Landscape]:
        """Its landscapes, as far as they are measured."""
        return landscape_record.read(self.record, self.names)

    def sentence(self, view: str = VIEWS[0]) -> str:
        """What is measured so far; of a plane's profile, what the profile shows."""
        losses = [self.record.get(f"{place}.loss")[1] for place in range(len(self.names))]
        if not losses or not all(map(len, losses)):
            return tr("Waiting for the first point: the loss at the trained weights.")
        nets, asked = self.nets(), self.lab
        if view == "Profile" and asked.dimensions == 2 and nets:
            up, axis = self.record.get("y")[1], nets[0].y
            on = np.isclose(up, axis[np.abs(axis).argmin()])
            on[0] = True  # the trained weights themselves
            losses = [own[: len(on)][on[: len(own)]] for own in losses]
            asked = replace(asked, dimensions=1)
        around = [(name, own.tolist()) for name, own in zip(self.names, losses, strict=True)]
        return landscape_words.landscape(around, self.record.spec.model.classes, asked, [net.share for net in nets])

    def conditions(self) -> str:
        """On what."""
        points, images = len(self.record.get("0.loss")[0]), self.record.last("images")
        said = [landscape_words.landscape_conditions(self.lab, points, int(images))] if images else []
        if seconds := self.record.result.get("seconds"):
            said.append(tr("Took {time}.", time=live.duration(seconds)))
        return " ".join([*said, self.origin])


def shown(run: Run | None, name: str) -> Shown | None:
    """A run's landscape, or else the recorded one of a name; None where there is neither."""
    if run is not None:
        metrics = landscape_record.metrics(len(_networks(run)))
        return _described(live.record(run, metrics), tr("Live.") if run.live else tr("Measured here."))
    return _described(recorded()[name], tr("Recorded.")) if name in recorded() else None


def _described(record: Record, origin: str) -> Shown:
    """A record with what is known of its networks: from the record once it is done, before that from the networks."""
    assert isinstance(record.spec.lab, LandscapeSpec)
    nets = [(n.get("called", n["label"]), n["label"], n["about"]) for n in record.result.get("nets", ())]
    for number, ref in enumerate(record.spec.lab.networks[len(nets) :], 1):
        try:
            source = refs.find(ref, live.store())
            nets.append((source.spec.called, source.label, source.about))
        except NetworkError:  # deleted meanwhile: what was measured stays
            nets.append(
                (
                    tr("network {number}", number=number),
                    tr("network {number}", number=number),
                    tr("Its weights are no longer there."),
                )
            )
    names, labels, facts = zip(*nets, strict=True)
    return Shown(record, names, labels, facts, origin)


def draw(view: str, what: Shown) -> None:
    """The chart of a view."""
    nets, spec, classes = what.nets(), what.lab, what.record.spec.model.classes
    height = 540 if what.record.status == "finished" else 460  # below the bar that says how far it is
    if not nets or not any(net.measured for net in nets):
        st.info(tr("The first pass, 5 points a side, comes first; each next one halves the distance between points."))
        return
    if view == "Profile" or spec.dimensions == 1:
        chart(figures.profile(nets, spec, classes), key="landscape_profile", height=height, wide=True)
    elif view == "Surface":
        chart(figures.surface(nets, spec, classes), key="landscape_surface", height=height, wide=True)
    else:
        chart(figures.contours(nets, spec, classes), key="landscape_contours", height=height, wide=True)


def how_long(run: Run) -> str:
    """Time left of a live run, in words; empty before there is something to go by."""
    if run.status != "running" or not run.started or run.step < 2:
        return ""
    seconds = (time.time() - run.started) / run.step * (run.steps - run.step)
    return f"{live.duration(seconds)} left"


# --- the form ------------------------------------------------------------------------------------------------------------


def form(first: Source) -> None:
    """What is to be measured next around a network, and the button that measures."""
    twin = refs.twin(first, live.store())
    both = twin is not None and st.toggle(tr("Its twin beside it"), True, key="landscape_twin")
    sources = sorted([first, *([twin] if twin and both else [])], key=lambda s: not s.spec.residual)
    kept: dict[str, Any] = {"persist_state": "session"}
    directions = st.segmented_control(
        tr("Directions"), list(LandscapeSpec.DIRECTIONS),
        format_func={"random": tr("Random"), "path": tr("Training path")}.__getitem__,
        default="random", key="landscape_directions", required=True, **kept,
    )  # fmt: skip
    size = st.select_slider(tr("Points a side"), LandscapeSpec.SIZES, 17, key="landscape_size", **kept)
    with st.popover(tr("More"), width="stretch"):
        dimensions = 1 if st.toggle(tr("One direction alone"), key="landscape_line", **kept) else 2
        images = st.number_input(tr("Images (0: all)"), 0, None, 512, 128, key="landscape_images", **kept)
        reach = st.number_input(tr("Reach on each side"), 0.0, 10.0, 1.0, 0.25, key="landscape_reach", **kept)
        seed = st.number_input(tr("Seed of the directions"), 0, None, 0, key="landscape_seed", **kept)

    def spec() -> LandscapeSpec:
        return LandscapeSpec(
            tuple(s.ref for s in sources), directions, dimensions, size, float(reach), int(images), seed=int(seed)
        )

    st.caption(_work(sources, size**dimensions, int(images)))
    st.button(
        tr("Measure the landscape"),
        type="primary",
        width="stretch",
        key="measure",
        on_click=lab.start,
        args=("landscape", spec),
    )
    lab.complaint("landscape")


def _work(sources: Sequence[Source], points: int, images: int) -> str:
    many = len(sources)
    work = trn("{points:,} points × {n} network", "{points:,} points × {n} networks", many, points=points)
    if not images:
        return tr("{work} × all images of the split.", work=work)
    return tr(
        "{work} × {images:,} images: {points:,} forward passes.",
        work=work,
        images=images,
        points=points * many * images,
    )
