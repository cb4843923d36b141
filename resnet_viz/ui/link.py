"""What stands in the URL, so that a link, Back and a reload bring the same page."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TypeVar

import streamlit as st

from resnet_viz.spec.values import DEFAULTS, from_link, to_link
from resnet_viz.ui.say import misread

T = TypeVar("T")
LANGUAGE = "lang"  # the parameter of every page (`ui.speaking`), which the form leaves as it is


def linked(key: str, default: T, parse: Callable[[str], T] = str) -> T:  # type: ignore[assignment]
    """The value of a choice before its widget is drawn: the link's where somebody followed one, else the session's."""
    found = st.query_params.get(key)
    if found is not None and found != st.session_state.get(f"{key} in the URL"):
        with contextlib.suppress(ValueError):
            st.session_state[key] = parse(found)
    return st.session_state.setdefault(key, default)


def by_link(name: str, key: str, offered: Mapping[str, object], usual: str) -> None:
    """Before the widget ``key`` is drawn: where somebody followed a link, choose what its parameter ``name`` says.

    ``offered``: text in the link → the widget's value; of any other it is said that ``usual`` is shown instead.
    """
    asked = st.query_params.get(name)
    if asked is None or asked == st.session_state.get(f"{name} in the URL"):
        return
    if asked in offered:
        st.session_state[key] = offered[asked]
    else:
        misread(name, asked, usual)


def is_place(text: str, most: int) -> bool:
    """Whether a link's text is a whole number from 0 to ``most``. Python reads none of more than 4,300 digits."""
    return len(text) <= 20 and text.isdecimal() and int(text) <= most


def link(key: str, value: str, default: str) -> None:
    """Keep a choice in the URL. (Streamlit's own binding writes labels there, which change, and are not unique.)"""
    st.session_state[f"{key} in the URL"] = value
    if value == default:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = value


# The form of a run: all its controls in one parameter each, written at once, for each write is a step in the browser's history.
# No widget of such a page may be bound to the URL by Streamlit: bound parameters can't be written together with others.


def follow_form(**more: str | bool) -> list[str]:
    """Take the form from the URL where somebody followed a link or went back; returns what can't be taken, in sentences.

    ``more``: what else stands in session and URL, key = default. Who comes from another page by its name alone, without a
    parameter, finds the form as it was. Call it before the widgets are drawn, and `write_form` behind them.
    """
    query = {key: text for key, text in st.query_params.to_dict().items() if key != LANGUAGE}
    came = st.session_state.get("previous page") != st.session_state.get("page")
    for key, default in more.items():
        st.session_state.setdefault(key, default)
    if query == st.session_state.get("written form") or (came and not query):
        return []
    values, refused = from_link(query)
    st.session_state.update(DEFAULTS | values)
    for key, default in more.items():
        st.session_state[key] = query.get(key, default) if isinstance(default, str) else query.get(key) == "true"
    return refused


def form_query(values: Mapping[str, object], **more: str | bool) -> dict[str, str]:
    """The query parameters that carry a form's values; of ``more`` what is neither empty nor false."""
    return to_link(values) | {key: text if isinstance(text, str) else "true" for key, text in more.items() if text}


def twins_query(**more: str) -> dict[str, str]:
    """The query parameters of Twins as form and stage stand, for who goes there; of ``more`` what is to be otherwise."""
    return form_query(_values(), **({"show": st.session_state.get("show", "")} | more))


def write_form(**more: str | bool) -> None:
    """Write the form as it stands into the URL, and ``more``, as `form_query` says; nothing else stays there."""
    query = form_query(_values(), **more)
    st.session_state["written form"] = query
    query = query | {key: text for key, text in st.query_params.to_dict().items() if key == LANGUAGE}
    if query != st.query_params.to_dict():
        st.query_params.from_dict(query)


def _values() -> dict[str, object]:
    return {key: st.session_state.get(key, default) for key, default in DEFAULTS.items()}
