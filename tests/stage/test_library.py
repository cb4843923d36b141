"""Which plotly.js browsers load."""

import json
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs_version

from resnet_viz.stage import library
from tests.stage.conftest import missing

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fresh():
    library.plotly_js.cache_clear()
    yield
    library.plotly_js.cache_clear()


def test_the_small_one_is_the_version_that_python_draws_for() -> None:
    """Figures are made for the version that Python's plotly carries; npm pins it, and the hash is that version's."""
    pinned = json.loads((ROOT / "package.json").read_text())["devDependencies"]["plotly.js-cartesian-dist-min"]
    assert pinned == get_plotlyjs_version()
    if not library.SMALL.exists():
        missing("the small plotly.js is not fetched: say make stage")
    assert f"plotly.js (cartesian - minified) v{pinned}" in library.SMALL.read_text(encoding="utf-8")[:200]
    assert library.plotly_js() == library.SMALL


@pytest.mark.parametrize("there", [True, False])
def test_another_file_in_its_place_is_never_loaded(there, fresh, tmp_path, monkeypatch) -> None:
    path = tmp_path / "plotly-cartesian.min.js"
    if there:
        path.write_text("alert(1)")
    monkeypatch.setattr(library, "SMALL", path)
    assert library.plotly_js() == library.WHOLE
    assert f"plotly.js v{get_plotlyjs_version()}" in library.WHOLE.read_text(encoding="utf-8")[:200]
