"""What tests share: a home of their own for runs and data, and the real data where it is at hand."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch) -> Path:
    """No test writes to the user's runs or data."""
    monkeypatch.setenv("RESNET_VIZ_HOME", str(tmp_path / "runs"))
    monkeypatch.setenv("RESNET_VIZ_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "2"))
    return tmp_path


@pytest.fixture
def shared() -> Path:
    """The folder with real data; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the real data is not beside this checkout (../shared/data)")
    return SHARED
