"""The parts of the page Inside: a net's view of a picture (kept once made), where one is in it, and what is drawn of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from resnet_viz import arch, networks, pictures
from resnet_viz.figures import maps
from resnet_viz.networks import Source, called
from resnet_viz.ui import choose, live
from resnet_viz.ui.frame import chart
from resnet_viz.verdict import percent

if TYPE_CHECKING:
    from resnet_viz.features import Excitement, Survey, Triptych

SHOWN = 64  # channels of a layer at once
TOP = 9  # pictures that excite a channel most
MOMENTS = 9  # snapshots side by side
_BY_REF = {Source: lambda s: (s.ref, s.step)}


@dataclass(frozen=True)
class View:
    """A net in front of a picture: what it sees, (H, W, C) uint8 at its own size, its classes, and all of its maps."""

    source: Source
    seen: np.ndarray
    digest: str
    classes: tuple[str, ...]
    survey: Survey

    @property
    def blocks(self) -> tuple[arch.Block, ...]:
        return arch.blocks(self.source.spec)

    def says(self, logits: Any = None) -> str:
        """The likeliest class with its probability, such as "cat, 83 %"; of other logits than its own, if they are given."""
        name, p = self.guesses(logits)[0]
        return f"{name}, {percent(p)}"

    def guesses(self, logits: Any = None) -> list[tuple[str, float]]:
        """The five likeliest classes by name, and their probabilities."""
        from resnet_viz import features

        found = features.guesses(self.survey.logits if logits is None else logits)
        return [(self.classes[c], p) for c, p in found]


def view(source: Source, picture: np.ndarray) -> View:
    """A net's view of a picture (H, W, 3) uint8. Raises NetworkError, PictureError."""
    seen = np.array(pictures.fit(picture, source.spec.size, source.spec.channels))
    digest = hashlib.sha256(seen.tobytes()).hexdigest()[:16]
    return View(source, seen, digest, choose.network(source.ref).classes, _survey(source, digest, seen))


@st.cache_resource(show_spinner="Looking", max_entries=6, hash_funcs=_BY_REF)
def _survey(source: Source, digest: str, _seen: np.ndarray) -> Survey:
    from resnet_viz import features

    network = choose.network(source.ref)
    return features.survey(network.model, network.prepare(_seen[None]))


def triptych(view: View, number: int, alpha: float = 1.0) -> Triptych:
    """Block ``number`` (from 1) at work on the picture, its F(x) counting ``alpha`` times."""
    return _triptych(view.source, view.digest, number, alpha, view.seen)


@st.cache_resource(show_spinner=False, max_entries=24, hash_funcs=_BY_REF)
def _triptych(source: Source, digest: str, number: int, alpha: float, _seen: np.ndarray) -> Triptych:
    from resnet_viz import features

    network = choose.network(source.ref)
    return features.triptych(network.model, network.prepare(_seen[None]), number, alpha)


@st.cache_resource(show_spinner="Showing it the data set", max_entries=16, hash_funcs=_BY_REF)
def _excitement(source: Source, layer: str) -> Excitement:
    from resnet_viz import features

    network, found = choose.network(source.ref), choose.pool(source)
    size = 250 if source.spec.size <= 64 else 20
    parts = (found.pictures[n : n + size] for n in range(0, len(found.pictures), size))
    return features.excitement(network.model, layer, map(network.prepare, parts))


def kernels(view: View) -> np.ndarray:
    """The first convolution's weights, (Cout, C, k, k)."""
    from resnet_viz import features

    return features.kernels(choose.network(view.source.ref).model).numpy()


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
    """The block looked at, 0 for the stem: by a click, by its number, by a link. It starts in the middle of the last stage."""
    count = len(view.blocks)
    usual = max(1, count - 2)
    start = choose.linked("block number", str(usual))
    if "block" not in st.session_state or start != str(st.session_state["block"]):
        st.session_state["block"] = int(start) if start.isdecimal() else usual
    st.session_state["block"] = min(st.session_state["block"], count)
    number = st.number_input("Block (0: the stem)", 0, count, step=1, key="block")
    st.session_state["block number"] = str(number)
    choose.link("block number", str(number), str(usual))
    return number


def parts(view: View, number: int) -> dict[str, str]:
    """What can be looked at in a block: key → label."""
    if number == 0:
        return {"out": "stem"}
    block = view.blocks[number - 1]
    inside = {name.rpartition(".")[2]: "" for name in view.survey.maps if name.startswith(f"{block.name}.")}
    labels = {"out": "out", "branch": "F(x)", "total": "sum", **({"x": "x"} if block.has_skip else {})}
    return labels | {key: f"inside ({key.replace('relu', 'ReLU ')})" for key in inside}


def layer(view: View, number: int, part: str) -> np.ndarray:
    """The maps (C, H, W) of a part of a block, or of the stem."""
    if number == 0:
        return next(iter(view.survey.maps.values())).numpy()
    name = view.blocks[number - 1].name
    if part in ("branch", "total", "x"):
        return getattr(triptych(view, number), part).numpy()
    return view.survey.maps[name if part == "out" else f"{name}.{part}"].numpy()


def ranked(found: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Channels by strength, strongest first, and each channel's strength: mean |a| over its cells."""
    strengths = np.abs(found).mean((1, 2))
    return np.argsort(-strengths, kind="stable").tolist(), strengths


# --- what is said and drawn ----------------------------------------------------------------------------------------------


def sentence(view: View, number: int, alpha: float) -> str:
    """What was measured on this picture."""
    if number == 0:
        return f"The stem answers with {len(layer(view, 0, 'out'))} maps; the net says {view.says()}."
    if alpha != 1:
        now = view.says(triptych(view, number, alpha).logits)
        return f"With block {number}'s branch counted {alpha:g} times, the net says {now}; untouched: {view.says()}."
    if not view.blocks[number - 1].has_skip:
        return f"Block {number} has no skip: what leaves it is its branch alone. The net says {view.says()}."
    share = float(view.survey.shares[number - 1])
    return f"Block {number} adds a branch {share:.2f} times as large as its input; the net says {view.says()}."


def about(block: arch.Block) -> str:
    """Under x: what was done to it before the addition."""
    halved = "halved" if block.stride > 1 else ""
    if block.shortcut == "projection":
        return ", ".join(filter(None, [halved, "projected"]))
    padded = "padded" if block.cout > block.cin and block.has_skip and block.shortcut != "concat" else ""
    words = ", ".join(filter(None, [halved, padded]))
    return f"x {words}" if words and block.has_skip else ""


def draw_triptych(view: View, number: int, channel: int, alpha: float, scale: str) -> None:
    """Chart D for a channel of a block."""
    block, found = view.blocks[number - 1], triptych(view, number, alpha)
    fits = found.x.shape == found.branch.shape
    x = found.x[channel].numpy() if fits else None
    model = choose.network(view.source.ref).model
    after: Sequence[str] = model.get_submodule(block.name).after
    last = {"bn": "BN, ReLU", "re": "ReLU"}.get(after[0][:2], "") if after else ""
    drawing = maps.triptych(
        x, *(p[channel].numpy() for p in (found.branch, found.total, found.out)), alpha=alpha, kind=block.shortcut,
        note=about(block), last=last, scale=scale, title=f"Block {number}, channel {channel} of {block.cout}",
    )  # fmt: skip
    chart(drawing, "triptych", 236)


def draw_top(view: View, number: int, channel: int) -> None:
    """The pictures that excite a channel of the block's output most."""
    name = next(iter(view.survey.maps)) if number == 0 else view.blocks[number - 1].name
    found, pool = _excitement(view.source, name), choose.pool(view.source)
    top = found.top(channel, TOP)
    cells = [(int(found.rows[n, channel]), int(found.columns[n, channel])) for n in top]
    words = []
    for n in top.tolist():
        label = view.classes[pool.labels[n]] if pool.labels is not None else ""
        words.append(f"{label} {float(found.values[n, channel]):.2f}".strip())
    title = f"The pictures that excite channel {channel} of {'the stem' if number == 0 else f'block {number}'} most"
    hint = f"Of {pool.words}; the frame is the cell with the largest activation, written below."
    chart(maps.pictures(pool.pictures[top.numpy()], words, cells, found.size, title, hint), "top", 210)


def draw_over_training(view: View, picture: np.ndarray, number: int, part: str, channel: int, scale: str) -> None:
    """A channel's map at the net's snapshots."""
    found = networks.snapshots(view.source, live.store())
    keep = np.unique(np.linspace(0, len(found) - 1, MOMENTS).round().astype(int))
    views = [globals()["view"](found[n], picture) for n in keep]
    words = [f"step {v.source.step:,}<br>{v.says()}" for v in views]
    title = f"Channel {channel} while {called(view.source.spec)} was trained"
    chart(maps.row([layer(v, number, part)[channel] for v in views], words, title, scale), "over training", 230)
    if len(found) == 1:
        st.caption("This network kept only its last weights. Train one on Twins: every epoch leaves its own here.")
