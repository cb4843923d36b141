"""The table of controls: one row a field, in its dataclass. Forms, links, presets, command line and checks read it.

A new hyperparameter is one line in `spec/model.py`, `spec/data.py` or `spec/train.py`, and whatever acts on it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from resnet_viz.language import N_
from resnet_viz.spec.checks import quote, require

# Tabs of the form behind "More"; "main" stands in sight.
TABS = {"main": "", "network": N_("Network"), "training": N_("Training"), "data": N_("Data"), "machine": N_("Machine")}

# The largest whole number that a browser's form holds.
WHOLE = 2**53 - 1

# What a value must be, in words.
KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "yes or no"}


@dataclass(frozen=True)
class Row:
    """How a field is asked for and checked.

    ``choices``: value → label. ``low`` and ``high`` are allowed themselves; ``above`` and ``below`` are not. ``step``: of the
    widget. ``tab``: its place in the form, one of TABS; "" for what is filled in from the data, or drawn in a way of its own.
    ``usual``: what a mistake's sentence names, else the default. ``separator``: between the parts of a tuple, in form and link;
    ``empty``: what stands there for a tuple of none. ``slider``: drawn as one, from ``low`` to ``high``.
    """

    label: str
    help: str = ""
    choices: Mapping[Any, str] | None = None
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    step: float = 1
    tab: str = ""
    usual: str = ""
    separator: str = ""
    empty: str = ""
    slider: bool = False

    def outside(self, value: float) -> str:
        """In which way a number is not allowed: "is below 2"; "" where it is allowed."""
        if not _finite(value):
            return "is not a finite number" if isinstance(value, float) else "is far too large"
        low, high = (a if a is not None else b for a, b in ((self.low, self.above), (self.high, self.below)))
        if self._within(value):
            return ""
        if low is not None and high is not None:
            return f"is outside {low:,.10g} to {high:,.10g}"
        if high is not None:
            return f"is above {high:,.10g}"
        return f"is below {low:,.10g}" if self.above is None else f"is not above {low:,.10g}"

    def _within(self, value: float) -> bool:
        return (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )


def row(default: Any, label: str, help: str = "", **more: Any) -> Any:
    """A field of a spec with its row; ``more`` are Row's own fields."""
    return field(default=default, metadata={"row": Row(label, help, **more)})


@cache
def rows(cls: type) -> Mapping[str, Row]:
    """Field → row, in the dataclass's order; fields without one are filled in by the program."""
    return {f.name: f.metadata["row"] for f in fields(cls) if "row" in f.metadata}


@cache
def types(cls: type) -> dict[str, Any]:
    """Field → its type, resolved."""
    return get_type_hints(cls)


def default_of(cls: type, name: str) -> Any:
    """A field's default."""
    found: Field[Any] = next(f for f in fields(cls) if f.name == name)
    return found.default


def item_type(kind: Any) -> type | None:
    """Of ``tuple[int, ...]``, also where it may be None, int; None for other types."""
    for part in (kind, *get_args(kind)):
        if get_origin(part) is tuple:
            return get_args(part)[0]
    return None


def check(spec: Any) -> None:
    """Raise SpecError for the first field whose value is not of its type, not among its choices, or outside its limits."""
    cls: Any = type(spec)
    for name, entry in rows(cls).items():
        value, kind = getattr(spec, name), types(cls)[name]
        item = item_type(kind)
        if item is None:
            _check_value(entry, value, kind, default_of(cls, name))
        elif value is not None or type(None) not in get_args(kind):
            require(isinstance(value, tuple), f"{entry.label} {quote(value)} is not a list.")
            for one in value:
                _check_value(entry, one, item, None)


def _check_value(entry: Row, value: Any, kind: type, default: Any) -> None:
    # True and False count as whole numbers in Python, and a whole number as a number.
    allowed = (int, float) if kind is float else (kind,)
    require(
        isinstance(value, allowed) and isinstance(value, bool) == (kind is bool),
        f"{entry.label} takes {KINDS[kind]}, not {quote(value)}.",
    )
    if entry.choices is not None:
        names = ", ".join(map(str, entry.choices))
        require(value in entry.choices, f"{entry.label} {quote(value)} is not known; choose one of {names}.")
    elif kind is str:
        require(
            encodable(value),
            f"{entry.label} {quote(value)} holds half a character, which can't be written; leave it out.",
        )
    elif kind in (int, float):
        usual = entry.usual or (f"{default:g}" if default else "")
        tail = f"; {usual} is usual" if usual else ""
        outside = entry.outside(value)
        shown = f"{value:,.10g}" if _finite(value) else quote(value)
        require(not outside, f"{entry.label} {shown} {outside}{tail}.")


def encodable(text: str) -> bool:
    """Whether a text can be written anywhere at all: JSON may hold half of a pair of surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _finite(value: float) -> bool:
    """Whether a number is none of nan and inf, and a whole number no larger than a float can be."""
    return abs(value) <= sys.float_info.max


# Values as form and link hold them: numbers, texts, yes or no.


def to_value(cls: type, name: str, value: Any) -> Any:
    """A field's value as a widget and a link hold it: a tuple becomes text, None the text "default"."""
    if item_type(types(cls)[name]) is None:
        return value
    entry = rows(cls)[name]
    return "default" if value is None else entry.separator.join(map(_text, value)) or entry.empty


def from_value(cls: type, name: str, value: Any) -> Any:
    """The inverse of `to_value`; a whole number is taken for a number. Raises SpecError for a text that is no such list."""
    kind = types(cls)[name]
    item, entry = item_type(kind), rows(cls)[name]
    if item is None:
        return (
            kind(value) if kind in (int, float) and isinstance(value, int | float) and value == kind(value) else value
        )
    if value == "default":
        return None
    if value == entry.empty:
        return ()
    try:
        return tuple(item(part) for part in _parts(str(value), entry.separator))
    except (ValueError, OverflowError):
        example = entry.usual or entry.separator.join(("3", "9"))
        require(False, f"{entry.label} {quote(value)} is not a list; write it like {example}.")


def _parts(text: str, separator: str) -> Sequence[str]:
    return [part for part in text.split(separator) if part.strip()]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
