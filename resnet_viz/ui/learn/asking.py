"""Questions of the page Learn: one predicts, then it is measured; answers stay for the session."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from resnet_viz.language import current, tr
from resnet_viz.ui.say import plain
from resnet_viz.words import lessons


def ask(key: str, measure: Callable[[], tuple[int, str]], **filled: object) -> None:
    """The question of a lesson. Only once it is answered, ``measure`` says which choice is true, and what was measured.

    ``filled``: what stands in the question's braces.
    """
    lesson = lessons.LESSONS[key]
    with st.container(border=True):
        question = tr("Predict: {question}", question=tr(lesson.question, **filled))
        choice = st.radio(
            question, lesson.choices, format_func=tr, index=None, key=f"learn_{key}", persist_state="session"
        )
        if choice is None:
            st.caption(tr("Choose, and it is measured."))
            return
        true, said = measure()
        given = lesson.choices.index(choice)
        answers()[key] = (given, true, said, current())
        if given == true:
            st.success(plain(tr("So it is. {said}", said=said)))
        else:
            st.info(plain(tr("Measured: {choice}. {said}", choice=tr(lesson.choices[true]).lower(), said=said)))


def answers() -> dict[str, tuple[int, int, str, str]]:
    """What was answered so far: lesson → the choice made, the true one, what was measured, and in which language that is said."""
    return st.session_state.setdefault("learn answers", {})


def summary() -> None:
    """All questions, what was predicted and what was measured."""
    for key, lesson in lessons.LESSONS.items():
        if key not in answers():
            st.markdown(tr("○ **{title}**: still open.", title=tr(lesson.title)))
            continue
        given, true, said, language = answers()[key]
        mark = "✓" if given == true else "✗"
        predicted = "" if given == true else tr("You predicted: {choice}. ", choice=tr(lesson.choices[given]).lower())
        st.markdown(f"{mark} **{tr(lesson.title)}**: {plain(predicted + said * (language == current()))}")
