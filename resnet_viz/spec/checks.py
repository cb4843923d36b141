"""What every spec checks its fields with: a mistake is one sentence that a user can act on."""

from __future__ import annotations

from typing import Any

from resnet_viz.errors import UserError


class SpecError(UserError):
    """What is wrong with a spec, in one sentence a user can act on."""


def quote(value: object, most: int = 60) -> str:
    """A value as a sentence quotes it, cut to ``most`` characters."""
    try:
        return short(repr(value[: most + 1] if isinstance(value, str) else value), most)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"


def short(value: object, most: int = 60) -> str:
    """A text on one line, cut to ``most`` characters."""
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def require(condition: bool, text: str, **values: object) -> None:
    """Raise SpecError with this text and its values unless the condition holds."""
    if not condition:
        raise SpecError(text, **values)


def choice(value: str, choices: Any, what: str) -> None:
    """Raise SpecError unless the value is one of the choices."""
    require(value in choices, f"{what} {quote(value)} is not known; choose one of {', '.join(choices)}.")
