"""What tests of data share: the folder in which data sets are kept."""

from pathlib import Path

import pytest


@pytest.fixture
def home(own_home) -> Path:
    """Where data sets of a test are kept; not made yet."""
    return own_home / "data"
