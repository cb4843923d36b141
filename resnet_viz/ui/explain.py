"""The parts of the page Explain: what is asked of which nets, the maps (kept once made), and what is drawn of them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import streamlit as st

from resnet_viz import datasets, networks, pictures
from resnet_viz.figures.overlay import SCALES, TILE, VIEWS, Look, archive, blend, enlarged, rgb, scaled, sheet
from resnet_viz.figures.saliency import Panel, maps
from resnet_viz.networks import Source, called
from resnet_viz.ui import choose, live
from resnet_viz.ui.frame import chart
from resnet_viz.verdict import percent

T = TypeVar("T")
KEPT = 1024  # results that are kept, a few kB each
USUAL = "as published"
MOMENTS = 9  # snapshots shown at once
BATCH = 16  # pictures explained at once


@dataclass(frozen=True)
class View:
    """A net in front of a picture: what it sees, (H, W, C) uint8 at its own size, and its probabilities (classes,)."""

    source: Source
    seen: np.ndarray
    digest: str
    classes: tuple[str, ...]
    probabilities: np.ndarray

    @property
    def name(self) -> str:
        return called(self.source.spec)

    @property
    def guess(self) -> int:
        return int(self.probabilities.argmax())

    def says(self, number: int) -> str:
        """A class with its probability, such as "cat 83 %"."""
        return f"{self.classes[number]} {percent(float(self.probabilities[number]))}"


@dataclass(frozen=True)
class Question:
    """What is asked of every net alike: the class, a class to take from it or None, the block that Grad-CAM looks at.

    ``own``: nobody chose the class; it is what the first net says.
    """

    target: int
    minus: int | None
    layer: str
    own: bool = True

    def words(self, classes: Sequence[str]) -> str:
        return classes[self.target] + (f" minus {classes[self.minus]}" if self.minus is not None else "")


@st.cache_resource(show_spinner=False)
def _store() -> tuple[OrderedDict[Hashable, Any], threading.Lock]:
    return OrderedDict(), threading.Lock()


def kept(key: Hashable, make: Callable[[], T]) -> T:
    """What was made for a key before, for whoever asked; else it is made now. The latest KEPT results stay.

    Streamlit's own cache can't be told from inside how far a computation is.
    """
    results, lock = _store()
    with lock:
        if key in results:
            results.move_to_end(key)
            return results[key]
    made = make()
    with lock:
        results[key] = made
        while len(results) > KEPT:
            results.popitem(last=False)
    return made


def view(source: Source, picture: np.ndarray) -> View:
    """A net's view of a picture (H, W, 3) uint8. Raises NetworkError, PictureError."""
    return view_of(source, np.array(pictures.fit(picture, source.spec.size, source.spec.channels)))


def view_of(source: Source, seen: np.ndarray) -> View:
    """A net's view of a picture at its own size, (H, W, C) uint8."""
    digest = hashlib.sha256(seen.tobytes()).hexdigest()[:16]
    network = choose.network(source.ref)
    found = kept(("probabilities", source.ref, source.step, digest), lambda: probabilities(network, seen[None])[0])
    return View(source, seen, digest, network.classes, found)


def probabilities(network: Any, seen: np.ndarray) -> np.ndarray:
    """(B, H, W, C) uint8 → softmax (B, classes) float32."""
    import torch

    from resnet_viz.probes import alone

    with alone(network.model), torch.no_grad():
        return network.model(network.prepare(seen)).softmax(1).numpy()


def raw_map(
    view: View, method: str, question: Question, values: dict[str, float], tell: Callable[[float], None] | None = None
) -> np.ndarray:
    """The map of a method, (h, w) float32, signed and unscaled; from the kept ones where it was made before."""
    from resnet_viz.attribution import attribute

    layer = question.layer if methods()[method].layered else None

    def make() -> np.ndarray:
        network = choose.network(view.source.ref)
        x = network.prepare(view.seen[None])
        return attribute(
            network.model, x, method=method, target=question.target, minus=question.minus, layer=layer, progress=tell,
            **values,
        )[0].numpy()  # fmt: skip

    asked = (question.target, question.minus, layer, tuple(sorted(values.items())))
    return kept((method, view.source.ref, view.source.step, view.digest, *asked), make)


def every_block(view: View, question: Question) -> dict[str, np.ndarray]:
    """Grad-CAM at every block, from one pass: name → (h, w)."""
    from resnet_viz.attribution import gradcam_strip

    def make() -> dict[str, np.ndarray]:
        network = choose.network(view.source.ref)
        x = network.prepare(view.seen[None])
        found = gradcam_strip(network.model, x, target=question.target, minus=question.minus)
        return {name: maps[0].numpy() for name, maps in found.items()}

    return kept(("strip", view.source.ref, view.source.step, view.digest, question.target, question.minus), make)


def methods() -> dict[str, Any]:
    """captum's methods by key; torch comes with them, so not before a page's frame is drawn."""
    from resnet_viz.methods import METHODS

    return METHODS


# What the page says


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two raw maps, cell by cell; not a number where one is constant or their grids differ."""
    from scipy.stats import spearmanr

    if a.shape != b.shape or min(np.ptp(a), np.ptp(b)) == 0:
        return float("nan")
    return float(spearmanr(a.ravel(), b.ravel()).statistic)


def sentence(views: Sequence[View], question: Question, method: str, correlation: float) -> str:
    """What was measured on this picture: who says what, and whether the two maps agree."""
    first, *rest = views
    names = [("residual" if v.source.spec.residual else "plain") for v in views]
    if not rest:
        return f"{first.name} says {_said(first)}."
    other = rest[0]
    if first.guess == other.guess:
        shares = " and ".join(percent(float(v.probabilities[v.guess])) for v in views)
        words = f"Both say {first.classes[first.guess]}, {shares}"
    else:
        words = f"The {names[0]} net says {_said(first)}, the {names[1]} one {_said(other)}"
    about = (
        ""
        if {first.guess, other.guess} == {question.target} and question.minus is None
        else (f" for {question.words(first.classes)}")
    )
    if not np.isfinite(correlation):
        return f"{words}; their {method} maps{about} can't be compared."
    verb = (
        "agree"
        if correlation >= 0.7
        else "agree in part"
        if correlation >= 0.3
        else ("have little in common" if correlation > -0.3 else "contradict each other")
    )
    return f"{words}; their {method} maps{about} {verb}: rank correlation {signed(correlation)}."


def signed(value: float) -> str:
    """Two digits with a real minus sign."""
    return f"{value:.2f}".replace("-", "−")


def _said(view: View) -> str:
    return f"{view.classes[view.guess]} ({percent(float(view.probabilities[view.guess]))})"


def panel(
    view: View,
    raw: np.ndarray,
    method: str,
    question: Question,
    look: Look,
    *,
    truth: int | None = None,
    title: str = "",
    brief: bool = False,
) -> Panel:
    """A net's map with what stands beneath it: guess and probability, the explained class where it is another, raw maximum.

    ``truth``: the picture's class, where it is known. ``brief``: the raw maximum alone.
    """
    said = [] if brief else [f"says {view.says(view.guess)}"]
    if not brief and question.target != view.guess:
        said.append(view.says(question.target))
    said.append(f"raw maximum {raw.max():.2g}".replace("-", "−"))
    return Panel(
        title or view.name, raw, tuple(said), view.source.spec.residual, truth is not None and view.guess != truth,
        why_empty(method, raw, look, view.classes[question.target]),
    )  # fmt: skip


def why_empty(method: str, raw: np.ndarray, look: Look, name: str) -> str:
    """Why a map has nothing to show, in words; "" where it has."""

    if scaled(raw, look.view).any():
        return ""
    return f"empty map for {name}"


# Controls


def name_classes(source: Source) -> None:
    """What the net can say at all, before anybody brings a picture of something else."""
    classes = datasets.facts(source.data).classes if source.data else ()
    if source.data is None:
        words = f"It tells {source.spec.classes:,} classes apart."
    else:
        words = f"It knows {len(classes)} classes: {', '.join(classes[:12])}{' …' * (len(classes) > 12)}."
    st.caption(f"{words} Whatever you show it, it will say one of them.")


def ask(views: Sequence[View]) -> Question:
    """Which class, less which, at which block: the same for every net."""
    from resnet_viz.attribution import default_layer, layers

    first, spec = views[0], views[0].source.spec
    names = dict(enumerate(first.classes))
    own = f"what {first.name} says: {first.classes[first.guess]}"
    # None of these keys is shared by nets of other classes: a class chosen for one would mean another in the next.
    about = f"{spec.classes} {first.classes[0]}"
    target = st.selectbox(
        "Class to explain", [None, *names], format_func=lambda n: own if n is None else names[n], key=f"target {about}"
    )
    with st.popover("Class minus class, block", width="stretch"):
        minus = st.selectbox(
            "Minus class", [None, *names], format_func=lambda n: "nothing" if n is None else names[n], key=f"minus {about}",
            help="What speaks for the one class rather than for the other: the difference of their logits.",
        )  # fmt: skip
        cells = layers(spec)
        layer = st.selectbox(
            "Block that Grad-CAM looks at", list(cells), list(cells).index(default_layer(spec)),
            lambda name: f"{name}, {cells[name]}×{cells[name]} cells", key=f"layer {spec.family} {spec.depth} {spec.size}",
            help="Usually the last block with at least 4×4 cells.",
        )  # fmt: skip
    own, target = target is None, first.guess if target is None else target
    if minus == target:
        st.caption(f"{names[minus]} minus itself is 0 everywhere; explaining {names[target]} alone.")
        minus = None
    return Question(target, minus, layer, own)


def choose_methods() -> dict[str, dict[str, float]]:
    """The methods to show, in the table's order, each with the values of its parameters; Grad-CAM where none is ticked."""
    table = methods()
    front = [key for key, method in table.items() if method.front]
    label = lambda key: table[key].label  # noqa: E731
    ticked = st.pills("Methods", front, selection_mode="multi", default=front, format_func=label, key="methods")
    with st.popover("More methods, parameters", width="stretch"):
        rest = [key for key in table if key not in front]
        ticked += st.pills("More methods", rest, selection_mode="multi", format_func=label, key="more methods")
        chosen = [key for key in table if key in ticked] or ["gradcam"]
        values = {key: {p.name: _slider(key, p) for p in table[key].parameters} for key in chosen}
        for key in chosen:
            st.caption(f"**{table[key].label}**: {table[key].paper}. Costs {table[key].cost}.")
    return values


def _slider(method: str, p: Any) -> float:
    label, key = f"{methods()[method].label}: {p.label}", f"{method} {p.name}"
    if p.high - p.low > 1000 * p.step:
        return st.number_input(label, p.low, p.high, p.default, p.step, key=key)
    return st.slider(label, p.low, p.high, p.default, p.step, key=key)


def choose_look() -> Callable[[str], Look]:
    """How maps are laid over the picture, as a function of the method: as published means Grad-CAM's positive part alone."""
    with st.popover("Overlay", width="stretch"):
        opacity = st.slider("Opacity", 0.0, 1.0, 0.5, 0.05, key="opacity")
        scale = st.segmented_control("Colours", list(SCALES), default=next(iter(SCALES)), key="scale", required=True)
        view = st.segmented_control(
            "Values", [USUAL, *VIEWS], default=USUAL, format_func=lambda v: VIEWS.get(v, v), key="values", required=True,
            help="As published: of Grad-CAM the positive part (its ReLU), of the others both signs.",
        )  # fmt: skip
    return lambda method: Look(
        view if view != USUAL else "positive" if method == "gradcam" else "signed", scale, opacity
    )


# What stands beneath


def all_maps(
    views: Sequence[View], wanted: dict[str, dict[str, float]], question: Question
) -> dict[str, list[np.ndarray]]:
    """Every method's raw maps, one a net, with a progress bar while the slow ones are made."""
    bar = st.empty()
    found: dict[str, list[np.ndarray]] = {}
    for key, values in wanted.items():
        label = methods()[key].label
        found[key] = []
        for view in views:
            tell = lambda share, words=f"{label}, {view.name}": bar.progress(share, words)  # noqa: E731
            found[key].append(raw_map(view, key, question, values, tell))
    bar.empty()
    return found


def guesses(views: Sequence[View], question: Question) -> None:
    """The five likeliest classes, and the explained one, with each net's probability."""
    order = np.argsort(-np.mean([v.probabilities for v in views], 0))[:5].tolist()
    rows = [
        {"class": views[0].classes[n], **{v.name: 100 * float(v.probabilities[n]) for v in views}}
        for n in dict.fromkeys([*order, question.target])
    ]
    bars = {
        v.name: st.column_config.ProgressColumn(v.name, format="%.1f %%", min_value=0, max_value=100) for v in views
    }
    st.dataframe(rows, column_config=bars, hide_index=True, width="stretch")


def strip(view: View, question: Question, look: Look) -> list[Panel]:
    """Grad-CAM at every block of a net, first to last."""
    found = every_block(view, question)
    return [_small(name, f"{len(raw)}×{len(raw)} cells", view, raw, question, look) for name, raw in found.items()]


def over_training(view: View, question: Question, look: Look, method: str, values: dict[str, float]) -> list[Panel]:
    """The method's map at the net's snapshots, oldest first, MOMENTS at most, evenly chosen."""
    snapshots = networks.snapshots(view.source, live.store())
    moments = np.unique(np.linspace(0, len(snapshots) - 1, min(MOMENTS, len(snapshots))).round().astype(int))
    panels = []
    for source in (snapshots[n] for n in moments):
        then = view_of(source, view.seen)
        raw = raw_map(then, method, question, values)
        panels.append(_small(f"step {source.step:,}", then.says(then.guess), then, raw, question, look, method))
    return panels


def _small(
    title: str, word: str, view: View, raw: np.ndarray, question: Question, look: Look, method: str = "gradcam"
) -> Panel:
    """One of many maps in a row."""
    empty = why_empty(method, raw, look, view.classes[question.target])
    words = (word, f"max {raw.max():.1g}".replace("-", "−"))
    return Panel(title, raw, words, view.source.spec.residual, words="empty" if empty else "")


def batch(
    views: Sequence[View],
    files: Sequence[tuple[str, bytes]],
    question: Question,
    method: str,
    values: dict[str, float],
    look: Look,
) -> tuple[list[Panel], dict[str, np.ndarray], list[str]]:
    """The method's maps of several files, at most BATCH: panels (one a net and picture), raw maps, and what was wrong with files.

    Each picture is explained for the class that was chosen, else for what the first net says of it.
    """
    pictures_, names, wrong = [], [], []
    for name, content in files[:BATCH]:
        try:
            pictures_.append(pictures.read(content, name))
            names.append(name)
        except pictures.PictureError as error:
            wrong.append(str(error))
    if len(files) > BATCH:
        wrong.append(f"{len(files)} pictures are more than {BATCH} at once; the first {BATCH} are shown.")
    bar, panels, arrays = st.progress(0.0), [], {}
    for done, (name, picture) in enumerate(zip(names, pictures_, strict=True)):
        bar.progress(done / len(names), f"{name}, {done + 1} of {len(names)}")
        mine = [view(v.source, picture) for v in views]
        asked = replace(question, target=mine[0].guess) if question.own else question
        for v in mine:
            raw = raw_map(v, method, asked, values)
            arrays[f"{name} {v.name}"] = raw
            shown = panel(v, raw, method, asked, look, title=Path(name).stem[:18])
            panels.append(replace(shown, picture=v.seen, words="empty" if shown.words else ""))
    bar.empty()
    return panels, arrays, wrong


def many(views: Sequence[View], question: Question, method: str, values: dict[str, float], look: Look) -> None:
    """The tab for several pictures at once: files in, maps and their files out; the pictures that ship until then."""
    files = st.file_uploader(f"Up to {BATCH} pictures", accept_multiple_files=True, key="many")
    named: list[tuple[str, bytes]] = [(f.name, f.getvalue()) for f in files] or [
        (path.name, path.read_bytes()) for path in pictures.SAMPLES.values()
    ]
    panels, arrays, wrong = batch(views, named, question, method, values, look)
    for sentence in wrong:
        st.error(sentence)
    if not panels:
        return
    label = methods()[method].label
    asked = "what the first net says of each" if question.own else question.words(views[0].classes)
    columns = 4 * len(views)
    drawing = maps(panels[0].picture, panels, look, f"{label} for {asked}", columns=columns)
    chart(drawing, "many maps", 210 * -(-len(panels) // columns))
    about_them = about(views, question, {method: values}, ", ".join(name for name, _ in named))
    st.download_button("Raw maps (NPZ)", lambda: archive(arrays, about_them), "maps.npz", key="many npz")


# What one takes home


def about(
    views: Sequence[View], question: Question, wanted: dict[str, dict[str, float]], picture: str
) -> dict[str, Any]:
    """Everything that makes the maps again, for a file's "about"."""
    classes = views[0].classes
    return {
        "picture": picture,
        "target": {"number": question.target, "name": classes[question.target]},
        "minus": None if question.minus is None else {"number": question.minus, "name": classes[question.minus]},
        "layer": question.layer,
        "methods": {
            key: {"label": methods()[key].label, "paper": methods()[key].paper, "parameters": values}
            for key, values in wanted.items()
        },
        "nets": {
            v.name: {"ref": v.source.ref, "label": v.source.label, "step": v.source.step, "about": v.source.about}
            for v in views
        },
        "maps": "raw and signed, summed over channels; Grad-CAM: the layer's cells, before its ReLU",
    }


def npz(views: Sequence[View], raws: dict[str, list[np.ndarray]], about: dict[str, Any]) -> bytes:
    """Raw maps as "NET METHOD", and each net's input as "NET input", with what they are."""
    arrays = {f"{v.name} {key}": raw for key, row in raws.items() for v, raw in zip(views, row, strict=True)}
    return archive(arrays | {f"{v.name} input": v.seen for v in views}, about)


def png(
    views: Sequence[View], raws: dict[str, list[np.ndarray]], question: Question, look: Callable[[str], Look],
    about: dict[str, Any],
) -> bytes:  # fmt: skip
    """One row a method: what the net sees, and its map; as on the page, with the same words beneath."""
    tiles = []
    for key, row in raws.items():
        for v, raw in zip(views, row, strict=True):
            shown = panel(v, raw, key, question, look(key), title=f"{methods()[key].label}, {v.name}")
            laid = blend(v.seen, scaled(raw, look(key).view), look(key))
            tiles += [
                (enlarged(rgb(v.seen), TILE), (f"{v.name}'s input",)),
                (laid, (shown.title, *shown.beneath, shown.words)),
            ]
    return sheet(tiles, {name: json.dumps(value, ensure_ascii=False) for name, value in about.items()})
