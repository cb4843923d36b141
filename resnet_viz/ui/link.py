"""Choices that stand in the URL, so that a link carries them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

T = TypeVar("T")


def linked(key: str, default: T, parse: Callable[[str], T] = str) -> T:  # type: ignore[assignment]
    """The value of a choice before its widget is drawn: the link's where somebody followed one, else the session's."""
    found = st.query_params.get(key)
    if found is not None and found != st.session_state.get(f"{key} in the URL"):
        with contextlib.suppress(ValueError):
            st.session_state[key] = parse(found)
    return st.session_state.setdefault(key, default)


def link(key: str, value: str, default: str) -> None:
    """Keep a choice in the URL. (Streamlit's own binding writes labels there, which change, and are not unique.)"""
    st.session_state[f"{key} in the URL"] = value
    if value == default:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = value
