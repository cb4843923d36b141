"""What Explain asks, of which nets, and what they answer: views and maps, each kept once it is made.

`controls` asks, `more` draws what stands beneath the maps, `trust` says whether they can be trusted, `words.saliency` speaks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import streamlit as st

from resnet_viz.errors import UserError
from resnet_viz.figures.overlay import Look, agreement, scaled
from resnet_viz.figures.saliency import Panel, beneath, raw_maximum
from resnet_viz.language import tr
from resnet_viz.nets import refs
from resnet_viz.spec import arch
from resnet_viz.spec.model import ModelSpec
from resnet_viz.ui import choose, live
from resnet_viz.ui.say import complain
from resnet_viz.ui.seen import Seen, fitted
from resnet_viz.words import saliency as words
from resnet_viz.words.numbers import percent

if TYPE_CHECKING:
    from resnet_viz.nets.weights import Network

T = TypeVar("T")
Values = dict[str, Any]  # a method's parameters, numbers all
KEPT = 1024  # results that are kept, a few kB each


@dataclass(frozen=True)
class View(Seen):
    """A net in front of an image, and its probabilities (classes,)."""

    probabilities: np.ndarray

    @property
    def name(self) -> str:
        """Such as "residual-20"."""
        return self.source.spec.called

    @property
    def guess(self) -> int:
        """Number of the likeliest class."""
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
        """Such as "cat", or "cat minus dog"."""
        return classes[self.target] + (tr(" minus {name}", name=classes[self.minus]) if self.minus is not None else "")


@dataclass(frozen=True)
class Case:
    """Everything that the page shows follows from it: nets before an image (the residual one first), the question, the methods
    wanted with their parameters, how a method's maps are laid over the image; the image's name, and its class where known.
    """

    views: tuple[View, ...]
    question: Question
    wanted: dict[str, Values]
    look: Callable[[str], Look]
    image: str
    truth: int | None

    @property
    def lead(self) -> str:
        """The method that has the large panel."""
        return next(iter(self.wanted))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, which all nets share."""
        return self.views[0].classes

    @property
    def target(self) -> str:
        """What the maps are for, such as "cat minus dog"."""
        return self.question.words(self.classes)


# Answers, made once


@st.cache_resource(show_spinner=False)
def _results() -> tuple[OrderedDict[Hashable, Any], threading.Lock]:
    return OrderedDict(), threading.Lock()


def known(key: Hashable) -> Any:
    """What was made for a key before; None where it was not, or long ago."""
    results, lock = _results()
    with lock:
        if key in results:
            results.move_to_end(key)
        return results.get(key)


def kept(key: Hashable, make: Callable[[], T]) -> T:
    """What was made for a key before, for whoever asked; else it is made now. The latest KEPT results stay.

    Streamlit's own cache won't let a computation say how far it is.
    """
    if (found := known(key)) is not None:
        return found
    made = make()
    results, lock = _results()
    with lock:
        results[key] = made
        while len(results) > KEPT:
            results.popitem(last=False)
    return made


def views_of(network: Network, chosen: choose.Chosen) -> tuple[View, ...]:
    """The net's view of an image and its twin's, the residual one first. Raises ImageError.

    A twin that can't be loaded is missed in words.
    """
    networks = [network]
    try:
        if twin := refs.twin(network.source, live.store()):
            networks.append(choose.network(twin))
    except UserError as error:
        complain(error)
    views = [view(net, fitted(net, chosen)) for net in networks]
    return tuple(sorted(views, key=lambda v: not v.source.spec.residual))


def view(network: Network, seen: np.ndarray) -> View:
    """A net's view of an image at its own size, (S, S, C) uint8."""
    before = Seen(network, seen)

    def make() -> np.ndarray:
        import torch

        from resnet_viz.nets.probes import alone

        x = network.prepare(before.seen[None])
        with alone(network.model), torch.no_grad():
            return network.model(x).softmax(1)[0].numpy()

    key = ("view", network.source.ref, network.source.step, before.digest)
    return View(network, before.seen, kept(key, make))


def block_name(spec: ModelSpec, layer: str) -> str:
    """What people call a layer of a net, such as "block 5" for "layer2.1": the number that it has on every page."""
    return next(
        (tr("block {number}", number=block.number) for block in arch.blocks(spec) if block.name == layer), layer
    )


def methods() -> dict[str, Any]:
    """captum's methods by key; torch comes with them, so not before a page's frame is drawn."""
    from resnet_viz.attribution.methods import METHODS

    return METHODS


def asked(view: View, method: str, question: Question, values: Values) -> tuple[Hashable, ...]:
    """What a map depends on, and nothing else."""
    layer = question.layer if methods()[method].layered else None
    asked_for = (question.target, question.minus, layer, tuple(sorted(values.items())))
    return (method, view.source.ref, view.source.step, view.digest, *asked_for)


def raw_map(
    view: View, method: str, question: Question, values: Values, tell: Callable[[float], Any] | None = None
) -> np.ndarray:
    """The map of a method, (h, w) float32, signed and unscaled. ``tell`` hears the share done."""

    def make() -> np.ndarray:
        from resnet_viz.attribution.attribute import attribute

        x = view.network.prepare(view.seen[None])
        return attribute(
            view.network.model, x, method=method, target=question.target, minus=question.minus, layer=question.layer,
            progress=tell, **values,
        )[0].numpy()  # fmt: skip

    return kept(asked(view, method, question, values), make)


def raw_maps(case: Case, wanted: Sequence[str]) -> dict[str, list[np.ndarray]]:
    """These methods' maps, one a net, with a progress bar while slow ones are made."""
    bar = st.empty()
    raws: dict[str, list[np.ndarray]] = {}
    for key in wanted:
        raws[key] = []
        for v in case.views:
            tell = partial(bar.progress, text=f"{methods()[key].label}, {v.name}")
            raws[key].append(raw_map(v, key, case.question, case.wanted[key], tell))
    bar.empty()
    return raws


# What the page says


def sentence(case: Case, maps: Sequence[np.ndarray]) -> str:
    """What was measured on this image: who says what, and whether their ``maps`` of the first method agree."""
    label = methods()[case.lead].label
    guesses = [
        words.Guess(v.name, v.source.spec.residual, v.classes[v.guess], float(v.probabilities.max()))
        for v in case.views
    ]
    if len(maps) < 2:
        return words.one_map(guesses[0], label, case.target)
    usual = {v.guess for v in case.views} == {case.question.target} and case.question.minus is None
    return words.two_maps(guesses[0], guesses[1], label, "" if usual else case.target, agreement(*maps))


def panel(case: Case, view: View, method: str, raw: np.ndarray, *, title: str = "", brief: bool = False) -> Panel:
    """A net's map with what stands beneath it: guess and probability, the explained class where it is another, raw maximum.

    ``brief``: the raw maximum alone.
    """
    target = case.question.target
    said = (raw_maximum(raw),) if brief else beneath(view.says(view.guess), view.says(target), raw)
    wrong = not brief and case.truth is not None and view.guess != case.truth
    empty = why_empty(case, method, raw)
    return Panel(title or view.name, raw, said, view.source.spec.residual, wrong, empty)


def why_empty(case: Case, method: str, raw: np.ndarray) -> str:
    """Why a map has nothing to show, in words; "" where it has."""
    view = case.look(method).view
    if view != "positive" and scaled(raw, view).any():
        return ""
    where = block_name(case.views[0].source.spec, case.question.layer) if methods()[method].layered else tr("the image")
    return words.nothing_to_show(raw, case.target, where)
