"""Choosing a network and an image: what Inside, Explain and the labs have in common. Both choices stand in the URL."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from resnet_viz.data import catalogue, download, images
from resnet_viz.data.splits import load_test
from resnet_viz.errors import UserError
from resnet_viz.figures.overlay import framed
from resnet_viz.language import N_, tr
from resnet_viz.nets import refs
from resnet_viz.nets.refs import NetworkError, Source
from resnet_viz.spec.data import DataSpec
from resnet_viz.ui import bring, live
from resnet_viz.ui.kept import network
from resnet_viz.ui.link import is_place, link, linked
from resnet_viz.ui.say import complain, misread, plain

if TYPE_CHECKING:
    from resnet_viz.nets.weights import Network

# Where an image comes from, in words short enough for one row.
KINDS = {"sample": N_("Sample"), "data": N_("Data"), "upload": N_("File"), "camera": N_("Camera")}


@dataclass(frozen=True)
class Chosen:
    """An image (H, W, 3) uint8, what it is called, and the number of its class in the network's, where that is known.

    ``place``: where along its longer side the network looks, as `images.fit` has it.
    """

    image: np.ndarray
    name: str
    label: int | None = None
    place: float = 0.5


@dataclass(frozen=True)
class Pool:
    """Images (N, S, S, C) uint8 at a network's own size; labels (N,) where known; and a few words that say what they are."""

    images: np.ndarray
    labels: np.ndarray | None
    words: str


# --- networks ------------------------------------------------------------------------------------------------------------


def class_names(source: Source) -> tuple[str, ...]:
    """What a network tells apart, as its own file has it, for its data set may be gone; numbers where the file can't be read."""
    try:
        return network(source).classes
    except NetworkError:  # which is said where the network is drawn
        return tuple(map(str, range(source.spec.classes)))


def unique(sources: Sequence[Source]) -> dict[str, str]:
    """ref → a label that no other has."""
    many = Counter(source.label for source in sources)

    def which(source: Source) -> str:
        kind, _, name = source.ref.partition(":")
        step = tr(", step {step:,}", step=source.step) if "@" in name else ""
        return (tr("ships") if kind == "shipped" else name[:6]) + step

    return {s.ref: s.label if many[s.label] == 1 else f"{s.label} ({which(s)})" for s in sources}


def choose_network(key: str, *, label: str = "") -> Source:
    """Any network there is, or one that is brought; the first that ships, until another is chosen or while one is fetched.

    Its ref stands in the URL under ``key``.
    """
    store = live.store()
    sources = {source.ref: source for source in refs.available(store)}
    default = next(iter(sources))
    if new := st.session_state.pop(f"{key} new", None):  # just brought; the widget has been drawn in the run that did
        st.session_state[key] = new
    ref = linked(key, default)
    if ref not in sources:  # an earlier checkpoint, or a link from elsewhere
        try:
            sources[ref] = refs.find(ref, store)
        except NetworkError as error:
            complain(error)
            ref = st.session_state[key] = default
    names = unique(list(sources.values()))
    ref = st.selectbox(
        label or tr("Network"), list(sources), format_func=names.__getitem__, key=key, persist_state="session"
    )
    link(key, ref, default)
    source = sources[ref]
    if source.path is None:
        bring.fetch(source, meanwhile=sources[default].label)
        source = sources[default]
    # How it was trained; the day and the machine, by which a weight file says where it is from, are folded away.
    trained, *where = re.split(r" (?=\d{4}-\d\d-\d\d)", source.about, maxsplit=1)
    st.caption(plain(trained), help=plain(where[0]) if where else None)
    with st.expander(tr("Your own network")):
        bring.checkpoint(key)
        for sentence in refs.brought()[1]:
            st.caption(plain(sentence))
    return source


def choose_loaded(key: str) -> Network:
    """The same, loaded; where its weights can't be used, why, and the first network that ships."""
    source = choose_network(key)
    try:
        return network(source)
    except UserError as error:
        complain(error)
        return network(refs.shipped()[0])


# --- images ------------------------------------------------------------------------------------------------------------


def choose_image(key: str, network: Network) -> Chosen:
    """An image for a network: a sample that ships, one of its data set, an upload or the camera's. Never none."""
    source = network.source
    usual = "data" if source.data and download.available(source.data.name) else "sample"
    before = st.session_state.get(f"{key} usual", usual)
    if (asked := linked(key, usual)) not in KINDS:
        misread(key, asked, tr(KINDS[usual]))
        st.session_state[key] = usual
    elif before != usual and asked == before:
        st.session_state[key] = usual  # another network, and nothing was chosen: what is usual for it
    st.session_state[f"{key} usual"] = usual
    kind = st.segmented_control(
        tr("Image"), list(KINDS), format_func=lambda kind: tr(KINDS[kind]), key=key, required=True, persist_state="session",
        help=tr("A photo that ships, one of the network's test images, a file of yours, or your camera."),
    )  # fmt: skip
    kind = kind or usual  # never None: one is required
    link(key, kind, usual)
    chosen = None
    if kind == "data":
        chosen = _from_data(f"{key}_n", network)
    elif kind in ("upload", "camera"):
        chosen = _own(f"{key}_{kind}", kind)
        if chosen:
            chosen = _placed(f"{key}_{kind}", chosen, source)
    return chosen or _sample(f"{key}_sample", network)


def _sample(key: str, network: Network) -> Chosen:
    names = list(images.SAMPLES)
    if (asked := linked(key, names[0])) not in names:
        misread(key, asked, names[0])
        st.session_state[key] = names[0]
    name = st.selectbox(tr("Sample"), names, format_func=str.capitalize, key=key, persist_state="session")
    link(key, name, names[0])
    if name not in network.classes:
        st.caption(tr("This is none of its classes: it says one of them all the same."))
    return Chosen(_shipped(name), name, network.classes.index(name) if name in network.classes else None)


@st.cache_data(show_spinner=False)
def _shipped(name: str) -> np.ndarray:
    return images.read(images.SAMPLES[name].read_bytes(), name)


def _from_data(key: str, network: Network) -> Chosen | None:
    """A test image of the network's data set, by its number; None, with words, where they are not on this machine."""
    try:
        x, y = test_images(network.source)
        label = tr(catalogue.facts(network.source.data).label) if network.source.data else ""
    except catalogue.DataError as error:
        st.info(plain(tr("{error} Until then, a sample:", error=error)))
        return None
    last = len(x) - 1
    asked = st.query_params.get(key, "0")
    if not is_place(asked, last):
        misread(key, asked, tr("an image of 0 to {last:,}", last=last))
    st.session_state[key] = min(max(linked(key, 0, int), 0), last)
    number = st.number_input(
        plain(tr("Test image of {label}, 0 to {last:,}", label=label, last=last)),
        0,
        last,
        step=1,
        key=key,
        persist_state="session",
    )
    link(key, str(number), "0")
    truth = network.classes[int(y[number])]
    st.caption(plain(tr("It shows: {truth}", truth=truth)))
    image = np.repeat(x[number], 3, 2) if x.shape[3] == 1 else x[number]
    return Chosen(image, tr("test image {number}, {truth}", number=number, truth=truth), int(y[number]))


def _own(key: str, kind: str) -> Chosen | None:
    """The user's image; kept for the session, so that it is still there on another page."""
    if kind == "camera":
        file = st.camera_input(tr("Camera"), key=key)
    else:
        size = images.FILE >> 20
        file = st.file_uploader(tr("PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC"), key=key, max_upload_size=size)
    kept: dict[str, Any] = st.session_state.setdefault(f"{key} kept", {})
    if file is not None and kept.get("file") != file.file_id:
        try:
            name = tr("your photo") if kind == "camera" else file.name
            kept |= {
                "file": file.file_id,
                "chosen": Chosen(images.read(file.getvalue(), file.name), name),
                "error": "",
            }
        except images.ImageError as error:
            kept |= {"file": file.file_id, "error": str(error)}
    if file is not None and kept.get("error"):
        complain(kept["error"])
    elif file is None and "chosen" in kept:
        st.caption(plain(tr("Kept from before: {name}", name=kept["chosen"].name)))
    elif file is None:
        st.caption(tr("Until yours is here, a sample:"))
    return kept.get("chosen")


def _placed(key: str, chosen: Chosen, source: Source) -> Chosen:
    """The whole image with the square that the network sees, which can be moved along the longer side."""
    height, width = chosen.image.shape[:2]
    place = 0.5
    if width != height:
        way = tr("from left to right") if width > height else tr("from top to bottom")
        # Of another file the middle again.
        place = st.slider(
            tr("The part that the net sees, {way}", way=way), 0.0, 1.0, 0.5, 0.05, key=f"{key}_place {chosen.name}"
        )
    box = images.window(width, height, source.spec.size, source.resize, place)
    st.image(
        framed(chosen.image, *box),
        width="stretch",
        alt=tr("{name}: what the net does not see is pale", name=chosen.name),
    )
    return replace(chosen, place=place)


# --- the data set's images ---------------------------------------------------------------------------------------------


def test_images(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Test images (N, H, W, C) uint8 of the network's data set, and labels (N,).

    Raises DataError where it is not known, or not on this machine: nothing is downloaded here.
    """
    if source.data is None:
        raise catalogue.DataError(f"{source.label} brings no data set with it; upload an image, or take a sample.")
    if not download.available(source.data.name):
        label = catalogue.facts(source.data).label
        raise catalogue.DataError(
            f"{label} is not on this machine; train any network on it once, on Twins, to fetch it."
        )
    return _test_images(source.data)


@st.cache_resource(show_spinner="Reading the data set", max_entries=2)
def _test_images(data: DataSpec) -> tuple[np.ndarray, np.ndarray]:
    return load_test(data)


def pool(source: Source, most: int = 1000) -> Pool:
    """Up to ``most`` images to find those that excite a channel: the data set's test images, else parts of what ships."""
    spec = source.spec
    try:
        x, y = test_images(source)
        label = tr(catalogue.facts(source.data).label) if source.data else ""
        return Pool(
            x[:most], y[:most], tr("the first {most:,} test images of {label}", most=min(most, len(x)), label=label)
        )
    except catalogue.DataError:
        parts = _parts(spec.size, spec.channels, min(most, 300 if spec.size <= 64 else 60))
        which = tr(
            "{parts} parts of the {photos} photos that ship, for its data set is not here",
            parts=len(parts),
            photos=len(images.SAMPLES),
        )
        return Pool(parts, None, which)


@st.cache_data(show_spinner=False, max_entries=4)
def _parts(size: int, channels: int, count: int) -> np.ndarray:
    """Squares of the photos that ship, of drawn places and sizes, (count, size, size, channels)."""
    draw = np.random.default_rng(0)
    photos: Mapping[int, np.ndarray] = {i: _shipped(name) for i, name in enumerate(images.SAMPLES)}
    parts = []
    for number in range(count):
        photo = photos[number % len(photos)]
        short = min(photo.shape[:2])
        side = int(draw.integers(min(size, short // 4), short + 1))
        top, left = (int(draw.integers(0, n - side + 1)) for n in photo.shape[:2])
        parts.append(images.fit(photo[top : top + side, left : left + side], size, channels))
    return np.stack(parts)
