"""In which language a session is spoken to: as chosen or as a link says, else its browser's; a choice is kept in the URL."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from resnet_viz import language
from resnet_viz.language import SOURCE, languages, nearest, tr
from resnet_viz.ui.link import LANGUAGE, link, linked


def _of_session() -> str:
    known = get_script_run_ctx(suppress_warning=True)
    chosen = st.session_state.get(LANGUAGE) if known else None
    return chosen if chosen in languages() else SOURCE


def follow_language() -> None:
    """Let this session's texts be in its language from here on. Call it before the first text is drawn."""
    language.follow(_of_session)
    linked(LANGUAGE, nearest(st.context.locale), _known)


def _known(code: str) -> str:
    if code not in languages():
        raise ValueError(code)
    return code


def _keep_choices() -> None:
    """Set every choice again: a browser names a choice by its label, and the labels are about to change."""
    for key, value in st.session_state.items():
        if isinstance(value, str | int | float | list | tuple) and not isinstance(value, bool):
            st.session_state[key] = value


def switch() -> None:
    """The choice of the language, in the header (see the frame's style)."""
    link(LANGUAGE, language.current(), nearest(st.context.locale))
    names = languages()
    if len(names) < 2:
        return
    with st.container(key="language"):
        st.selectbox(
            tr("Language"), list(names), format_func=names.__getitem__, key=LANGUAGE, persist_state="session",
            label_visibility="collapsed", filter_mode=None, on_change=_keep_choices,
        )  # fmt: skip
