"""Where the real data is absent, tests of it are skipped on a developer's machine and fail on one that must have it."""

import pytest

from tests import real


def test_absent_data_skips_a_test_or_fails_it_where_the_data_is_needed(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("RESNET_VIZ_NEEDS_DATA", raising=False)
    with pytest.raises(pytest.skip.Exception, match="shared/data"):
        real.data(tmp_path / "absent")
    monkeypatch.setenv("RESNET_VIZ_NEEDS_DATA", "1")
    with pytest.raises(pytest.fail.Exception, match="shared/data"):
        real.data(tmp_path / "absent")
    assert real.data(tmp_path) == tmp_path
