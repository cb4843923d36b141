"""The public face: every name is there, and importing it imports no torch."""

import re
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


def test_readmes_lines_from_python_run_and_say_what_a_person_reads(capsys) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    exec(code, {})
    *epochs, last = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in epochs] == ["step 11", "step 22"]
    assert re.fullmatch(r"finished: \d+\.\d% test accuracy", last)


def test_a_network_from_python_maps_images_to_logits() -> None:
    import torch

    assert rv.build(rv.ModelSpec(depth=8))(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
