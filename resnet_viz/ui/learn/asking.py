"""Questions of the page Learn: one predicts, then it is measured; answers stay for the session."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from resnet_viz.ui.say import plain
from resnet_viz.words import learn as words


def ask(key: str, measure: Callable[[], tuple[int, str]], **filled: object) -> None:
    """The question of a lesson. Only once it is answered, ``measure`` says which choice is true, and what was measured.

    ``filled``: what stands in the question's braces.
    """
    lesson = words.LESSONS[key]
    with st.container(border=True):
        question = f"Predict: {lesson.question.format(**filled)}"
        choice = st.radio(question, lesson.choices, index=None, key=f"learn_{key}", persist_state="session")
        if choice is None:
            st.caption("Choose, and it is measured.")
            return
        true, said = measure()
        given = lesson.choices.index(choice)
        answers()[key] = (given, true, said)
        if given == true:
            st.success(plain(f"So it is. {said}"))
        else:
            st.info(plain(f"Measured: {lesson.choices[true].lower()}. {said}"))


def answers() -> dict[str, tuple[int, int, str]]:
    """What was answered so far: lesson → the choice made, the true one, and what was measured."""
    return st.session_state.setdefault("learn answers", {})


def summary() -> None:
    """All questions, what was predicted and what was measured."""
    for key, lesson in words.LESSONS.items():
        if key not in answers():
            st.markdown(f"○ **{lesson.title}**: still open.")
            continue
        given, true, said = answers()[key]
        mark = "✓" if given == true else "✗"
        predicted = "" if given == true else f"You predicted: {lesson.choices[given].lower()}. "
        st.markdown(f"{mark} **{lesson.title}**: {plain(f'{predicted}{said}')}")
