"""What a page does when something in it fails, and the one private thing of Streamlit's that it leans on."""

from pathlib import Path

import pytest
from streamlit.runtime import pages_manager
from streamlit.testing.v1 import AppTest

from resnet_viz.ui import frame as frames


def fails(how: str, where: str) -> None:
    import streamlit as st

    from resnet_viz.errors import UserError
    from resnet_viz.ui.frame import fragment, frame

    class OwnError(UserError):
        """Of a module that the page has never heard of."""

    def part() -> None:
        if how == "user":
            raise OwnError("The depth 9 is *not* 6n + 2; take 8.")
        if how == "bug":
            raise ZeroDivisionError("a number by nothing")
        if how == "stop":
            st.stop()
        if how == "rerun" and not st.session_state.get("again"):
            st.session_state["again"] = True
            st.rerun()
        st.caption("drawn")

    with frame("A page"):
        (fragment(part) if where == "fragment" else part)()


def page(how: str, where: str) -> AppTest:
    return AppTest.from_function(fails, kwargs={"how": how, "where": where}).run()


@pytest.mark.parametrize("where", ["page", "fragment"])
def test_an_error_for_the_user_is_its_sentence_letter_by_letter(where, caplog) -> None:
    at = page("user", where)
    assert not at.exception
    assert [e.value for e in at.error] == [r"The depth 9 is \*not\* 6n + 2; take 8."]
    assert not [r for r in caplog.records if r.name == "resnet_viz.pages"]


@pytest.mark.parametrize("where", ["page", "fragment"])
def test_anything_else_is_admitted_as_a_bug_and_logged_with_its_traceback(where, own_home) -> None:
    at = page("bug", where)
    assert not at.exception
    log = own_home / "runs" / "logs" / "pages.log"
    assert ["bug" in e.value and "ZeroDivisionError" in e.value and log.name in e.value for e in at.error] == [True]
    assert "a number by nothing" not in at.error[0].value
    assert "in part" in log.read_text()
    assert "a number by nothing" in log.read_text()


@pytest.mark.parametrize("where", ["page", "fragment"])
def test_what_stops_or_reruns_a_script_passes(where, caplog) -> None:
    assert not page("stop", where).error
    at = page("rerun", where)
    assert not at.error
    assert [c.value for c in at.caption] == ["drawn"]
    assert not [r for r in caplog.records if r.name == "resnet_viz.pages"]


def test_the_flag_of_streamlits_pages_is_where_it_was() -> None:
    """If this fails, Streamlit has changed: see `frame._begin_at_app`, and try a deep link as a new server's first visit."""
    from streamlit.runtime.pages_manager import PagesManager

    before = PagesManager.uses_pages_directory
    try:
        PagesManager.uses_pages_directory = None
        PagesManager(str(Path(__file__).parents[2] / "app.py"))  # beside it is a folder pages/
        assert PagesManager.uses_pages_directory is True
    finally:
        PagesManager.uses_pages_directory = before


def test_a_deep_link_that_came_first_is_begun_again(monkeypatch) -> None:
    monkeypatch.setattr(pages_manager.PagesManager, "uses_pages_directory", True)
    at = page("", "page")
    assert pages_manager.PagesManager.uses_pages_directory is False
    assert [c.value for c in at.caption] == ["drawn"]


@pytest.mark.parametrize("gone", ["class", "flag"])
def test_pages_are_drawn_where_streamlit_has_no_such_flag(monkeypatch, gone) -> None:
    if gone == "class":
        monkeypatch.setattr(frames, "pages_manager", object())
    else:
        monkeypatch.setattr(frames.pages_manager, "PagesManager", object())
    frames._begin_at_app()
