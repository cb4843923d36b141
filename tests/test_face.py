"""The public face: every name is there, and importing it imports no torch."""

import subprocess
import sys
from pathlib import Path

import pytest

import resnet_viz as rv

ROOT = Path(__file__).parents[1]


def test_importing_the_face_imports_no_torch() -> None:
    code = "import sys, resnet_viz; resnet_viz.RunSpec(); print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout.strip() == "False"
    )


def test_every_name_is_there_and_no_package_bears_it() -> None:
    packages = {path.name for path in (ROOT / "resnet_viz").iterdir() if path.is_dir()}
    assert set(rv.__all__) <= set(dir(rv))
    assert not packages & set(rv.__all__)
    for name in rv.__all__:
        assert getattr(rv, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rv.nothing  # noqa: B018


def test_a_run_from_python_ends_in_a_result() -> None:
    spec = rv.RunSpec(rv.ModelSpec(depth=8), rv.DataSpec(limit=64), rv.TrainSpec(epochs=1, batch_size=32, threads=1))
    *_, last = rv.run(spec)
    assert last.status == "finished"
    assert rv.build(spec.model)(__import__("torch").zeros(2, 3, 32, 32)).shape == (2, 10)
