"""Names that people make up (classes, files, runs) stand in a drawing letter for letter: Plotly finds no markup in them."""

import html
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from resnet_viz.figures import (
    accuracy,
    divergence,
    engineer,
    fan,
    gradients,
    history,
    lesion,
    maps,
    nets,
    rates,
    triptych,
)
from resnet_viz.figures.overlay import Look
from resnet_viz.figures.saliency import Line, Panel, lines, twin_maps
from resnet_viz.figures.saliency import maps as panels
from resnet_viz.figures.style import Drawing, literal
from resnet_viz.spec.lab import RangeSpec
from tests.synthetic import twins

BAD = """<b>x</b> & "q" <a href='http://example.com'>y</a> %{x} &lt;"""
MAP = np.ones((4, 4), np.float32)
IMAGE = np.zeros((4, 4, 3), np.uint8)


def hostile() -> list:
    """Records of twins whose labels and layers hold BAD, as fields of a file that somebody else made may."""
    records = [*twins(steps=20), *twins(steps=20)]
    grads = {"grad_layer": (np.arange(1, 3), np.ones((2, 56), np.float32))}
    rising = {
        "lr": (np.arange(1, 4), np.array([1e-3, 1e-2, 1e-1], np.float32)),
        "smoothed_loss": (np.arange(1, 4), np.array([2.0, 1.0, 3.0], np.float32)),
    }
    made = []
    for number, record in enumerate(records):
        spec = record.spec
        if number < 2:
            spec = replace(spec, model=replace(spec.model, init=BAD))
        blocks = tuple(replace(block, name=BAD, channels=BAD) for block in record.layout.blocks)
        made.append(
            replace(
                record, spec=replace(spec, lab=RangeSpec()), name=BAD, series=record.series | grads | rising,
                result={"lr": 0.01}, own_layout=replace(record.layout, blocks=blocks, layers=(BAD,) * len(record.layout.layers)),
            )
        )  # fmt: skip
    return made


def lesions() -> list[lesion.Lesions]:
    """A network of BAD's name with one block of two measured."""
    one, blocks = np.array([[1, 0.5]]), np.ones(2)
    swaps, none = np.array([[1, 0.9, 0.5]]), np.zeros(0)
    return [
        lesion.Lesions(
            BAD, "#000000", "solid", "circle", 0.9, one, one, swaps, blocks, blocks, blocks, none, none, none
        )
    ]


def texts(part: Any, key: str = "") -> Iterator[str]:
    """Every text in a drawing that Plotly would read as markup."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name not in ("meta", "source"):
                yield from texts(value, name)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from texts(value, key)
    elif isinstance(part, str):
        yield part


DRAWINGS = {
    "fan": lambda: fan(hostile()),
    "loss": lambda: divergence(hostile()),
    "accuracy": lambda: accuracy(hostile()),
    "history": lambda: history(hostile()),
    "engineer": lambda: engineer(hostile()),
    "start": lambda: gradients.start(hostile()),
    "norms": lambda: gradients.norms(hostile()),
    "range_test": lambda: rates.range_test(hostile()),
    "singles": lambda: lesion.singles(lesions(), 10),
    "random": lambda: lesion.random(lesions(), 10),
    "shuffled": lambda: lesion.shuffled(lesions(), 10),
    "cosine": lambda: lesion.cosine(lesions()),
    "twin_maps": lambda: twin_maps(IMAGE, [Panel(BAD, MAP, (BAD,), True), Panel("b", MAP, (), False)], Look(), ""),
    "words": lambda: panels(IMAGE, [Panel("a", MAP, words=BAD)], Look(), ""),
    "lines": lambda: lines([(BAD, [Line(BAD, True, MAP[0], MAP[0], BAD)])], "", "", "", (0, 1), (0, 1), ticks=[BAD]),
    "images": lambda: maps.images(IMAGE[None], [BAD], [(0, 0)], (2, 2), "", ""),
    "row": lambda: maps.row([MAP], [BAD], ""),
    "network": lambda: triptych.network(twins()[0].spec.model, np.ones(27), 1, ("<b>&", 0.5)),
    "guesses": lambda: triptych.guesses([("<b>&", 0.5)], [0.5], "#000000"),
}


@pytest.mark.parametrize("make", DRAWINGS.values(), ids=DRAWINGS)
def test_a_name_is_text_wherever_it_stands(make) -> None:
    drawing: Drawing = make()
    drawing.figure()
    written = list(texts([drawing.data, drawing.layout]))
    read = [html.unescape(text.replace("<br>", " ")) for text in written]
    assert any("<b>x</b> &" in text or "<b>&" in text for text in read), "the name is not in the drawing"
    for text in written:
        assert "<b>x" not in text
        assert "<b>&<" not in text
        assert "<a " not in text
        assert "%{x} &" not in text


def test_labels_are_plain_text_and_their_text_is_escaped() -> None:
    net = nets(hostile())[0]
    assert BAD in net.label
    assert net.text == literal(net.label)


def test_literal() -> None:
    assert literal("a < b & c\n%{y}") == "a &lt; b &amp; c<br>&#37;{y}"
    assert literal("horse 97 %") == "horse 97 %"
