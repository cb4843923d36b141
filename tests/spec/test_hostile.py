"""Specs that anybody may write, as objects, as JSON and as links: they hold, or are refused in one short sentence."""

import json
import random
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from resnet_viz.data import catalogue
from resnet_viz.errors import UserError
from resnet_viz.spec.checks import SpecError
from resnet_viz.spec.lab import LABS
from resnet_viz.spec.run import RunSpec, from_json, to_json
from resnet_viz.spec.values import DEFAULTS, from_link, residual_spec

COUNT = 1000  # of each way
HUGE = 10**400  # no float is as large
JSON = [
    None, True, False, 0, -1, 2**63, HUGE, -HUGE, 0.5, float("nan"), float("inf"), 1e308, "", "x", "56", "\ud800", "a\0b",
    "x" * 100_000, [], [1], ["3"], [None], [HUGE], [[]], {}, {"a": 1},
]  # fmt: skip
ANY = [*JSON, 10**5000, (0,), ("x",), (2**70,), (float("nan"),), (True,), b"x", set(), object(), 1j, range(3), int]
TEXTS = [
    "nan", "[]", "1e999", " ", "9" * 5000, "-1", "x", "\ud800", "1.", "0x10", "٣", "1_000", "inf", ".", "3.9.9", "²", "nan,nan",
]  # fmt: skip


def refused(act: Callable[[], object]) -> bool:
    """Whether it is refused, in one short sentence that a browser can show; whatever else is raised fails the test."""
    try:
        act()
    except UserError as error:
        sentence = str(error)
        assert sentence.endswith("."), sentence
        assert len(sentence) < 400, sentence
        assert "\n" not in sentence
        assert sentence.encode()
        return True
    return False


def some_lab(draw: random.Random) -> Any:
    return draw.choice([None, *(cls() for cls in LABS.values())])


def mutated(draw: random.Random) -> RunSpec:
    """A run's spec with one to three fields of its parts set to anything."""
    spec = RunSpec(lab=some_lab(draw))
    for _ in range(draw.randint(1, 3)):
        name = draw.choice(["model", "data", "train", "lab"] if spec.lab else ["model", "data", "train"])
        part = getattr(spec, name)
        field = draw.choice([f.name for f in fields(part) if f.init])
        spec = replace(spec, **{name: replace(part, **{field: draw.choice(ANY)})})
    return spec


def mutated_json(draw: random.Random) -> str:
    """A run's JSON with one to three values changed, added or left out; some cut short."""
    whole = json.loads(to_json(RunSpec(lab=some_lab(draw))))
    for _ in range(draw.randint(1, 3)):
        part = draw.choice([whole, *(value for value in whole.values() if isinstance(value, dict) and value)])
        part[draw.choice([*part, "new"])] = draw.choice(JSON)
        if draw.random() < 0.1:
            del part[draw.choice([*part])]
    text = json.dumps(whole)
    return text[: draw.randrange(len(text))] if draw.random() < 0.1 else text


def follow(query: dict[str, str]) -> None:
    values, sentences = from_link(query)
    assert all(len(sentence) < 400 for sentence in sentences)
    catalogue.fill(residual_spec(values))


WAYS: dict[str, Callable[[random.Random], bool]] = {
    "objects": lambda draw: refused(mutated(draw).validate),
    "JSON": lambda draw: refused(lambda: from_json(mutated_json(draw)).validate()),
    "runs to start": lambda draw: refused(lambda: catalogue.fill(mutated(draw))),
    "links": lambda draw: refused(
        lambda: follow({draw.choice([*DEFAULTS, "off", "rate"]): draw.choice(TEXTS) for _ in "123"})
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_spec_of_anything_is_taken_or_refused_in_a_sentence(way) -> None:
    draw = random.Random(0)
    count = sum(WAYS[way](draw) for _ in range(COUNT))
    assert COUNT / 100 < count < COUNT


@pytest.mark.parametrize("value", [None, 5, {}, "{}"])
def test_a_part_that_is_no_spec_can_not_stand_in_a_run(value) -> None:
    with pytest.raises(SpecError, match="The part 'model' of a run is no "):
        RunSpec(model=value)


def test_what_a_list_in_a_link_holds_is_written_in_one_way() -> None:
    assert from_link({"no_skip": " "}) == ({"no_skip": ""}, [])
    assert from_link({"off": "3..09"}) == ({"no_skip": "3.9"}, [])
