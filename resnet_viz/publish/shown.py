"""What the static site shows of the twins, labs and images that ship: charts from `figures`, sentences from `words`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch

from resnet_viz.attribution.attribute import attribute, default_layer
from resnet_viz.attribution.familiar import LIMIT, strangeness
from resnet_viz.data import catalogue, images
from resnet_viz.figures import gradients as gradient_figures
from resnet_viz.figures import landscape as landscape_figures
from resnet_viz.figures import landscape_record, lesion, lesion_record
from resnet_viz.figures.overlay import Look, agreement
from resnet_viz.figures.saliency import Panel, beneath, twin_maps
from resnet_viz.figures.style import Drawing
from resnet_viz.figures.sweeps import sweep
from resnet_viz.files import IMAGES, LABS, TWINS
from resnet_viz.labs import gradients
from resnet_viz.language import N_
from resnet_viz.nets import refs, weights
from resnet_viz.runs.layout import layout_of
from resnet_viz.runs.record import Record, load
from resnet_viz.spec.lab import LandscapeSpec, LesionSpec
from resnet_viz.spec.model import GREY, ModelSpec
from resnet_viz.words import gradients as gradient_words
from resnet_viz.words import landscape as landscape_words
from resnet_viz.words import saliency as saliency_words
from resnet_viz.words import sweeps as sweep_words
from resnet_viz.words.numbers import percent

DEPTHS = tuple(range(8, 111, 6))


@dataclass(frozen=True)
class View:
    """A chart, ``height`` pixels high, the sentence over it, what that holds for, and what one chooses it by. Plain text."""

    label: str
    sentence: str
    aside: str
    drawing: Drawing
    height: int = 520


@dataclass(frozen=True)
class Section:
    """Views to choose from: one after the other, or, where ``slider`` names what their labels count, along a slider."""

    title: str
    views: tuple[View, ...]
    slider: str = ""


def twins() -> dict[str, tuple[str, list[Record]]]:
    """The recorded twins by name, such as "cifar10-20": their label, and their records."""
    return {name: (label, load(TWINS / f"{name}.npz")) for name, label in refs.recordings().items()}


def _which(record: Record) -> str:
    """On which data, and how deep the nets of a lab are."""
    return f"{catalogue.BUILT_IN[record.spec.data.name].label}, {record.spec.model.depth} layers"


def sweeps() -> list[Section]:
    """The recorded sweeps."""
    sections = []
    for kind, title in (("depth", "Depth"), ("shortcut", "Kinds of shortcut"), ("overfitting", "Against overfitting")):
        records = load(LABS / f"sweep-{kind}.npz")
        said = sweep_words.verdict(records), f"{sweep_words.aside(records)} Recorded."
        sections.append(Section(title, (View(kind, *said, sweep(kind, records)),)))
    return sections


def starts(depths: Sequence[int] = DEPTHS) -> list[Section]:
    """Gradients before the first step, by depth: measured when the page is made."""
    return [
        Section("With BatchNorm", tuple(_start(depth, "batch") for depth in depths), "layers"),
        Section("Without a norm", tuple(_start(depth, "none") for depth in depths), "layers"),
    ]


def _start(depth: int, norm: str) -> View:
    spec = ModelSpec(depth=depth, norm=norm, **GREY)
    records = [gradients.at_start(each) for each in (spec, spec.twin())]
    sentence = gradient_words.says_fan(depth, gradient_figures.at_block_1(records))
    when = gradient_words.conditions(spec, 0, "noise", gradients.INPUTS, N_("when this page was made"))
    return View(str(depth), sentence, when, gradient_figures.start(records, click=False), 480)


def lesions() -> list[Section]:
    """The recorded lesions: of one block, of several, shuffled."""
    shipped = {source.ref: source for source in refs.shipped()}
    views: dict[str, list[View]] = {"One block dropped": [], "Several at random": [], "Shuffled": []}
    for path in sorted(LABS.glob("lesion-*.npz")):
        (record,) = load(path)
        asked = record.spec.lab
        assert isinstance(asked, LesionSpec)
        sources = [shipped[ref] for ref in asked.networks]
        read = lesion_record.read(record, [(s.spec.called, layout_of(s.spec)) for s in sources])
        many, classes = record.result["images"], record.spec.model.classes
        charts = (
            lesion.singles(read, classes, click=False),
            lesion.random(read, classes),
            lesion.shuffled(read, classes),
        )
        says = lesion_record.says_single, lesion_record.says_random, lesion_record.says_shuffled
        for title, say, chart in zip(views, says, charts, strict=True):
            views[title].append(View(_which(record), say(read, many), "Recorded.", chart))
    return [Section(title, tuple(members)) for title, members in views.items()]


def landscapes() -> list[Section]:
    """The recorded landscapes, deepest nets first."""
    views = []
    for record in sorted((load(path)[0] for path in LABS.glob("landscape-*.npz")), key=lambda r: -r.spec.model.depth):
        lab, classes = record.spec.lab, record.spec.model.classes
        assert isinstance(lab, LandscapeSpec)
        read = landscape_record.read(record, [net.get("called", net["label"]) for net in record.result["nets"]])
        losses = [record.get(f"{place}.loss")[1] for place in range(len(read))]
        around = [(net.label, own.tolist()) for net, own in zip(read, losses, strict=True)]
        sentence = landscape_words.landscape(around, classes, lab, [net.share for net in read])
        where = landscape_words.landscape_conditions(lab, len(losses[0]), int(record.last("images") or 0))
        label = _which(record) + ", along the training" * (lab.directions == "path")
        views.append(View(label, sentence, f"{where} Recorded.", landscape_figures.contours(read, lab, classes)))
    return [Section("", tuple(views))]


def saliency() -> list[Section]:
    """Grad-CAM of the twins that ship, for the pictures that ship, of what the residual net says."""
    pairs = list(_pairs())
    pictures = [(path, images.read(path.read_bytes(), path.name)) for path in sorted(IMAGES.glob("*.jpg"))]
    return [Section(path.stem.capitalize(), tuple(_cam(pair, image) for pair in pairs)) for path, image in pictures]


def _pairs() -> Iterator[list[weights.Network]]:
    """The shipped twins that see colours, loaded, residual first."""
    coloured = [source for source in refs.shipped() if source.spec.channels == 3]
    for _, pair in groupby(coloured, key=lambda source: source.spec.depth):
        yield [weights.load(source) for source in pair]


def _cam(pair: Sequence[weights.Network], image: np.ndarray) -> View:
    """What both nets of a pair say of an image, and where Grad-CAM says they look for what the first says."""
    first = pair[0]
    seen = images.fit(image, first.spec.size, first.spec.channels)
    x = first.prepare(seen[None])  # twins had the same training images, so the same mean and std
    with torch.no_grad():
        shares = [net.model(x).softmax(1)[0] for net in pair]
    target, name = int(shares[0].argmax()), first.classes[int(shares[0].argmax())]
    raws = [
        attribute(net.model, x, method="gradcam", target=target, layer=default_layer(net.spec))[0].numpy()
        for net in pair
    ]
    panels, guesses = [], []
    for net, share, raw in zip(pair, shares, raws, strict=True):
        guess = net.classes[int(share.argmax())]
        guesses.append(saliency_words.Guess(net.spec.called, net.spec.residual, guess, float(share.max())))
        said, asked = (f"{called} {percent(float(p))}" for called, p in ((guess, share.max()), (name, share[target])))
        empty = "" if raw.max() > 0 else saliency_words.nothing_to_show(raw, name)
        panels.append(Panel(net.spec.called, raw, beneath(said, asked, raw), net.spec.residual, words=empty))
    both = "" if guesses[0].name == guesses[1].name else name
    sentence = saliency_words.two_maps(guesses[0], guesses[1], "Grad-CAM", both, agreement(*raws))
    strange = float(strangeness(first.model, x)[0])
    limit = first.source.unlike or LIMIT
    aside = saliency_words.unlike(first.spec.called, strange, limit) if strange > limit else ""
    chart = twin_maps(seen, panels, Look(), f"Grad-CAM for {name}", "Each map 0 to 1 by its own maximum.")
    return View(f"{first.spec.depth} layers", sentence, aside, chart, 318)
