"""What tests of pages share: a page in Streamlit's own test frame, and its headline."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

PAGES = Path(__file__).parents[1] / "pages"


def unrun(name: str, **state) -> AppTest:
    """A page with widgets set before it is first drawn."""
    at = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=300)
    for key, value in state.items():
        at.session_state[key] = value
    return at


def headline(at: AppTest) -> str:
    """The sentence that a page says first and large, as HTML."""
    return next(body for e in at.get("html") if 'role="status"' in (body := e.proto.body))
