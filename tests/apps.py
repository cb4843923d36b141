"""What tests of pages share: a page in Streamlit's own test frame, and its headline."""

import functools
from collections.abc import Callable
from pathlib import Path

from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

PAGES = Path(__file__).parents[1] / "pages"

# Streamlit's test frame reads the metadata of every installed package at each page, in search of components: 60 % of a page's
# time. What is installed does not change meanwhile.
if hasattr(manifest_scanner, "scan_component_manifests"):
    manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)


def unrun(name: str, **state) -> AppTest:
    """A page with widgets set before it is first drawn."""
    at = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=300)
    for key, value in state.items():
        at.session_state[key] = value
    return at


def scripted(script: Callable[[], None]) -> AppTest:
    """A page of a test's own, not yet run; the function's body is all that the page knows."""
    return AppTest.from_function(script, default_timeout=60)


def headline(at: AppTest) -> str:
    """The sentence that a page says first and large, as HTML."""
    return next(body for e in at.get("html") if 'class="rv-says"' in (body := e.proto.body))
