"""The page Inside: a net's view of an image, kept once it is made, and where in the net one looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from resnet_viz.figures.overlay import SCALES, enlarged, rgb
from resnet_viz.language import tr
from resnet_viz.spec import arch
from resnet_viz.ui import choose
from resnet_viz.ui.link import by_link, is_place, link, linked
from resnet_viz.ui.say import misread
from resnet_viz.ui.seen import Seen, fitted
from resnet_viz.words.numbers import percent

if TYPE_CHECKING:
    from resnet_viz.attribution.features import Excitement, Survey, Triptych
    from resnet_viz.nets.weights import Network


@dataclass(frozen=True)
class View(Seen):
    """A net in front of an image, and all of its maps."""

    survey: Survey

    @property
    def blocks(self) -> tuple[arch.Block, ...]:
        """Its blocks, the first one number 1."""
        return arch.blocks(self.source.spec)

    def says(self, logits: Any = None) -> str:
        """The likeliest class with its probability, such as "cat, 83 %"; of other logits than its own, if they are given."""
        name, p = self.guesses(logits)[0]
        return f"{name}, {percent(p)}"

    def guesses(self, logits: Any = None) -> list[tuple[str, float]]:
        """The five likeliest classes by name, and their probabilities."""
        from resnet_viz.attribution import features

        likeliest = features.guesses(self.survey.logits if logits is None else logits)
        return [(self.classes[c], p) for c, p in likeliest]


def look(network: Network, chosen: choose.Chosen) -> View:
    """A net's view of an image. Raises ImageError."""
    before = Seen(network, fitted(network, chosen))
    survey = _survey(before.source.ref, before.source.step, before.digest, network, before.seen)
    return View(network, before.seen, survey)


@st.cache_resource(show_spinner="Looking", max_entries=12)
def _survey(ref: str, step: int, digest: str, _network: Network, _seen: np.ndarray) -> Survey:
    from resnet_viz.attribution import features

    return features.survey(_network.model, _network.prepare(_seen[None]))


def pixels(view: View) -> np.ndarray:
    """What the net sees, (S, S, 3) uint8, small images enlarged pixel by pixel."""
    side = view.seen.shape[0]
    return enlarged(rgb(view.seen), side * max(1, 256 // side))


def triptych(view: View, number: int, alpha: float = 1.0) -> Triptych:
    """Block ``number`` (from 1) at work on the image, its F(x) counting ``alpha`` times."""
    return _triptych(view.source.ref, view.source.step, view.digest, number, alpha, view.network, view.seen)


@st.cache_resource(show_spinner=False, max_entries=24)
def _triptych(
    ref: str, step: int, digest: str, number: int, alpha: float, _network: Network, _seen: np.ndarray
) -> Triptych:
    from resnet_viz.attribution import features

    return features.triptych(_network.model, _network.prepare(_seen[None]), number, alpha)


def excitement(network: Network, layer: str) -> Excitement:
    """How much the images of `choose.pool` excite each channel of a layer, by the layer's name in the model."""
    return _excitement(network.source.ref, network.source.step, layer, network)


@st.cache_resource(show_spinner="Showing it the data set", max_entries=16)
def _excitement(ref: str, step: int, layer: str, _network: Network) -> Excitement:
    from resnet_viz.attribution import features

    pool = choose.pool(_network.source)
    size = 250 if _network.spec.size <= 64 else 20
    parts = (pool.images[n : n + size] for n in range(0, len(pool.images), size))
    return features.excitement(_network.model, layer, map(_network.prepare, parts))


# --- where one is --------------------------------------------------------------------------------------------------------


def went(key: str, to: str) -> Callable[[], None]:
    """A callback: the number that was clicked in the chart ``key`` becomes the choice ``to``."""

    def go() -> None:
        points = st.session_state[key]["selection"]["points"]
        for point in points[:1]:
            number = np.ravel(point.get("customdata", []))
            if len(number):
                st.session_state[to] = int(number[0])

    return go


def choose_block(view: View) -> int:
    """The block looked at, 0 for the stem: by a click, by its number, by a link. At first the last that changes shape."""
    blocks = view.blocks
    usual = [b.number for b in blocks if b.stride > 1 or b.number == 1][-1]
    asked = st.query_params.get("block", "0")
    if not is_place(asked, len(blocks)):
        misread("block", asked, tr("block {usual}", usual=usual))
    if not 0 <= linked("block", usual, int) <= len(blocks):  # of a deeper net, or of such a link
        st.session_state["block"] = usual
    tip = tr(
        "A block computes F(x) by two or three convolutions and adds it to its input x. The stem comes before them."
    )
    # Not bound to the URL by Streamlit, which raises where the link's number is past what a float holds.
    number = st.number_input(
        tr("Block (0: the stem)"), 0, len(blocks), step=1, key="block", persist_state="session", help=tip
    )
    link("block", str(number), str(usual))
    return number


def choose_alpha(view: View, number: int) -> float:
    """How often F(x) counts in the block's sum; once again where another block is chosen."""
    if st.session_state.get("alpha of") not in (None, number):
        st.session_state["alpha"] = 1.0
    st.session_state["alpha of"] = number
    skip = view.blocks[number - 1].has_skip
    tip = (
        tr("At 0 the block only hands x on.")
        if skip
        else tr("At 0 nothing is left: without a skip F(x) is all that leaves the block.")
    )
    asked = st.query_params.get("alpha", "1")
    try:
        known = 0 <= float(asked) <= 2
    except ValueError:
        known = False
    if not known:
        misread("alpha", asked, "α = 1")
    label = tr("α: the sum is x + α·F(x)") if skip else tr("α: what leaves is α·F(x)")
    return st.slider(label, 0.0, 2.0, 1.0, 0.05, key="alpha", bind="query-params", persist_state="session", help=tip)


def choose_layer(view: View, number: int) -> tuple[str, str, bool]:
    """Which of the block's layers is shown, in which colours, and whether each channel has a scale of its own."""
    labels = parts(view, number)
    by_link("part", "part", {key: key for key in labels}, labels["out"])
    by_link("colours", "colours", {scale: scale for scale in SCALES}, next(iter(SCALES)))
    if st.session_state.get("part") not in labels:
        st.session_state["part"] = "out"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        part = st.segmented_control(
            tr("Layer"),
            list(labels),
            format_func=labels.__getitem__,
            key="part",
            required=True,
            persist_state="session",
        )
        scale = st.selectbox(
            tr("Colours"), list(SCALES), format_func=tr, key="colours", width=170, persist_state="session"
        )
        own = st.toggle(tr("Each channel on its own scale"), key="own", persist_state="session")
    link("part", part or "out", "out")
    link("colours", scale, next(iter(SCALES)))
    return part or "out", scale, own


def channel_of(view: View, number: int, part: str) -> int:
    """The channel looked at: the one clicked in this block, else the strongest of the layer."""
    order, _ = ranked(layer(view, number, part))
    place = (view.source.spec.called, number, whole(part))
    if st.session_state.get("channel at") != place or st.session_state.get("channel") not in order:
        st.session_state.update({"channel at": place, "channel": order[0]})
    by_link("channel", "channel", {str(number): number for number in order}, str(order[0]))
    link("channel", str(st.session_state["channel"]), str(order[0]))
    return st.session_state["channel"]


def whole(part: str) -> bool:
    """Whether a part has the block's own channels: x, F(x), their sum and what leaves it, but not what is inside F."""
    return not part.startswith("relu")


def parts(view: View, number: int) -> dict[str, str]:
    """What can be looked at in a block: key → label."""
    if number == 0:
        return {"out": tr("stem")}
    from resnet_viz.attribution import features

    block = view.blocks[number - 1]
    labels = {"out": tr("out"), "branch": "F(x)", "total": tr("sum"), **({"x": "x"} if block.has_skip else {})}
    return labels | {key: tr("inside ({layer})", layer=key.replace("relu", "ReLU ")) for key in features.inside(block)}


def layer(view: View, number: int, part: str) -> np.ndarray:
    """The maps (C, H, W) of a part of a block, or of the stem."""
    if number == 0:
        return next(iter(view.survey.maps.values())).numpy()
    name = view.blocks[number - 1].name
    if part in ("branch", "total", "x"):
        return getattr(triptych(view, number), part).numpy()
    return (view.survey.maps[name] if part == "out" else triptych(view, number).inside[part]).numpy()


def ranked(maps: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Channels of maps (C, H, W), strongest first, and each channel's strength (C,): mean |a| over its cells."""
    strengths = np.abs(maps).mean((1, 2))
    return np.argsort(-strengths, kind="stable").tolist(), strengths
