"""The real data beside the checkout, and what a test does where it is absent."""

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "shared" / "data"


def data(folder: Path = FOLDER) -> Path:
    """The folder with real images and public weights.

    Where it is absent, the test is skipped, or fails if RESNET_VIZ_NEEDS_DATA is set: a machine that is known to have the
    data must not pass by skipping.
    """
    if not folder.is_dir():
        absent = "the real data is not beside this checkout (../shared/data)"
        pytest.fail(absent) if os.environ.get("RESNET_VIZ_NEEDS_DATA") else pytest.skip(absent)
    return folder
