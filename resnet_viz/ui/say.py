"""How a page speaks: its sentence, and names that people chose, shown as they are and never read as HTML or Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from typing import Any

import streamlit as st

from resnet_viz.language import tr
from resnet_viz.spec.checks import short

# What Streamlit's Markdown reads wherever it stands, and what it reads at the beginning of a line alone.
_SIGNS = re.compile(r"([\\`*\[\]<>$~|&]|(?<![^\W_])_|_(?![^\W_]))")
_STARTS = re.compile(r"^(\s*)([#+=-]|\d+(?=[.)]))")
# Addresses and names between colons (emoji, icons, colours) are found after backslashes were read: a sign of no width parts them.
_PARTED = re.compile(r"(?<=:)(?=//|[A-Za-z+-])|(?<=www)(?=\.)|(?<=@)(?=\w)")


def plain(text: str) -> str:
    """A text that Streamlit's Markdown shows letter by letter: for whatever people name, wherever Streamlit reads Markdown.

    That is nearly everywhere: captions, errors, labels of controls, buttons and tabs, helps, progress texts. Options of a
    selectbox, cells of a table and a page's title are shown as they are, and need none of this.
    """
    line = " ".join(text.split())
    numbered = _STARTS.sub(
        lambda m: f"{m[1]}{m[2]}\\" if m[2].isdigit() else f"{m[1]}\\{m[2]}", _SIGNS.sub(r"\\\1", line)
    )
    return _PARTED.sub("\u2060", numbered)


def say(sentence: str, aside: str = "", place: Any = st, claim: str = "") -> None:
    """A page's answer, first and large, and in small letters what it holds for. ``place``: a container or placeholder.

    ``claim``: what the sentence comes to, in a few words; it then stands first and large, and the sentence under it.
    """
    said, aside = html.escape(sentence), f"<small>{html.escape(aside)}</small>"
    body = f"<h1>{html.escape(claim)}</h1><p>{said} {aside}</p>" if claim else f"<h1>{said} {aside}</h1>"
    place.html(f'<div class="rv-says">{body}</div>')


def complain(error: object) -> None:
    """What is wrong, in the sentence of a UserError."""
    st.error(plain(str(error)))


def check_link(key: str, offered: Collection[str], usual: str) -> None:
    """Before a control that is bound to the URL: say where the link asks it for something that it does not offer.

    Streamlit itself drops such a value without a word.
    """
    asked = st.query_params.get(key)
    if asked is not None and asked not in offered:
        misread(key, asked, usual)


def misread(key: str, value: object, instead: str) -> None:
    """Say that a link asks for something that there is not, and what is shown in its place."""
    complain(
        tr(
            "The link says {key}={value}, which is not to be had here; {instead} is shown instead.",
            key=key,
            value=short(value),
            instead=instead,
        )
    )
