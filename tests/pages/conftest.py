"""A bug on a page is said on the page and logged; here it fails the test, wherever the test looks."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_bug_is_logged(caplog) -> Iterator[None]:
    yield
    bugs = [r.exc_text or r.getMessage() for r in caplog.get_records("call") if r.name == "resnet_viz.pages"]
    assert bugs == []
