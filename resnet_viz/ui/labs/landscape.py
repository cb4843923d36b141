"""The Landscape page's parts: what is shown and what is said of it; the form that measures another."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from resnet_viz.figures import landscape as figures
from resnet_viz.figures import landscape_record
from resnet_viz.files import ROOT
from resnet_viz.nets import refs
from resnet_viz.nets.refs import NetworkError, Source
from resnet_viz.runs.record import Record, load
from resnet_viz.runs.rows import Run
from resnet_viz.spec.lab import LandscapeSpec
from resnet_viz.ui import choose, live
from resnet_viz.ui.frame import chart
from resnet_viz.ui.labs import shown as lab
from resnet_viz.words import landscape as landscape_words

START = "shipped:digits-residual-20"  # its images are always on this machine
VIEWS = ("Contours", "Surface", "Profile")


@st.cache_data(show_spinner=False)
def recorded() -> dict[str, Record]:
    """The landscapes that ship with the app, by name; the first is shown at first."""
    found = {
        path.stem.removeprefix("landscape-"): load(path)[0] for path in (ROOT / "assets/labs").glob("landscape-*.npz")
    }
    return dict(
        sorted(found.items(), key=lambda item: ("path" in item[0], "digits" not in item[0], -item[1].spec.model.depth))
    )


def _recorded_of(ref: str) -> str:
    """The name of a recorded landscape around a network; "" where there is none."""
    specs = {name: record.spec.lab for name, record in recorded().items()}
    return next((n for n, lab in specs.items() if isinstance(lab, LandscapeSpec) and ref in lab.networks), "")


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

    def sentence(self) -> str:
        """What is measured so far."""
        losses = [self.record.get(f"{place}.loss")[1] for place in range(len(self.names))]
        if not losses or not all(map(len, losses)):
            return "Waiting for the first point: the loss at the trained weights."
        around = [(name, own.tolist()) for name, own in zip(self.names, losses, strict=True)]
        shares = [net.share for net in self.nets()]
        return landscape_words.landscape(around, self.record.spec.model.classes, self.lab, shares)

    def conditions(self) -> str:
        """On what."""
        points, images = len(self.record.get("0.loss")[0]), self.record.last("images")
        return f"{landscape_words.landscape_conditions(self.lab, points, int(images or 0)) if images else ''} {self.origin}"


def shown(run: Run | None, name: str | None) -> Shown | None:
    """A run's landscape, or the recorded one of a name (the first, where there is none of that name)."""
    if run is not None:
        assert isinstance(run.spec.lab, LandscapeSpec)
        record = live.record(run, landscape_record.metrics(len(run.spec.lab.networks)))
        return _described(record, "Live." if run.live else "Measured here.")
    kept = recorded().get(name or "") or next(iter(recorded().values()), None)
    return _described(kept, "Recorded.") if kept else None


def _described(record: Record, origin: str) -> Shown:
    """A record with what is known of its networks: from the record once it is done, before that from the networks."""
    assert isinstance(record.spec.lab, LandscapeSpec)
    nets = [(n.get("called", n["label"]), n["label"], n["about"]) for n in record.result.get("nets", ())]
    for number, ref in enumerate(record.spec.lab.networks[len(nets) :], 1):
        try:
            source = refs.find(ref, live.store())
            nets.append((source.spec.called, source.label, source.about))
        except NetworkError:  # deleted meanwhile: what was measured stays
            nets.append((f"network {number}", f"network {number}", "Its weights are no longer there."))
    names, labels, facts = zip(*nets, strict=True)
    return Shown(record, names, labels, facts, origin)


def draw(view: str, what: Shown) -> None:
    """The chart of a view."""
    nets, spec, classes = what.nets(), what.lab, what.record.spec.model.classes
    height = 540 if what.record.status == "finished" else 460  # below the bar that says how far it is
    if not nets or not any(net.measured for net in nets):
        st.info("The first pass, 5 points a side, comes first; each next one halves the distance between points.")
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


def form() -> None:
    """Networks and grid, and the button that measures."""
    st.session_state.setdefault("landscape_net", st.query_params.get("landscape_net", START))
    first = choose.choose_network("landscape_net")
    if st.session_state.get("landscape_of") not in (None, first.ref) and (name := _recorded_of(first.ref)):
        st.session_state["landscape_recorded"] = name
    st.session_state["landscape_of"] = first.ref
    twin = refs.twin(first, live.store())
    both = twin is not None and st.toggle("Its twin beside it", True, key="landscape_twin")
    sources = sorted([first, *([twin] if twin and both else [])], key=lambda s: not s.spec.residual)
    directions = st.segmented_control(
        "Directions", list(LandscapeSpec.DIRECTIONS), format_func={"random": "Random", "path": "Training path"}.__getitem__,
        default="random", key="landscape_directions", required=True,
    )  # fmt: skip
    size = st.select_slider("Points a side", LandscapeSpec.SIZES[:-1], 17, key="landscape_size")
    with st.popover("More", width="stretch"):
        dimensions = 1 if st.toggle("One direction alone", key="landscape_line") else 2
        images = st.number_input("Images", 1, 50_000, 512, 128, key="landscape_images")
        reach = st.number_input("Reach on each side", 0.1, 10.0, 1.0, 0.25, key="landscape_reach")
        seed = st.number_input("Seed of the directions", 0, 10_000, 0, key="landscape_seed")

    def spec() -> LandscapeSpec:
        return LandscapeSpec(
            tuple(s.ref for s in sources), directions, dimensions, size, float(reach), int(images), seed=int(seed)
        )

    st.caption(_work(sources, size**dimensions, int(images)))
    st.button(
        "Measure the landscape",
        type="primary",
        width="stretch",
        key="measure",
        on_click=lab.start,
        args=("landscape", spec),
    )
    lab.complaint("landscape")


def _work(sources: Sequence[Source], points: int, images: int) -> str:
    many, total = len(sources), points * len(sources) * images
    return f"{points:,} points × {many} network{'s' * (many > 1)} × {images:,} images: {total:,} forward passes."
