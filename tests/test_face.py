"""The public face: every name is there, and importing it imports no torch."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import resnet_viz as rv

ROOT = Path(__file__).parents[1]


def readmes_lines() -> list[str]:
    """The README's programs, in order."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


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
    exec(readmes_lines()[0], {})
    *epochs, last = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in epochs] == ["step 11", "step 22"]
    assert re.fullmatch(r"finished: \d+\.\d% test accuracy", last)


def test_readmes_loop_leaves_a_pair_of_runs_with_the_fan_of_both() -> None:
    from resnet_viz.runs.store import Store

    exec(readmes_lines()[1], {})
    store = Store()
    runs = store.runs()
    assert {(run.name, run.status, run.step) for run in runs} == {
        ("mine", "finished", 8),
        ("plain", "finished", 8),
    }
    assert len({run.group for run in runs}) == 1
    assert all(store.series(run.id, "grad_block")[1].shape == (8, 8) for run in runs)


def test_readmes_question_is_answered_with_a_map_of_the_layer_that_it_found(capsys) -> None:
    names: dict = {}
    exec(readmes_lines()[2], names)
    assert capsys.readouterr().out.startswith("layer3.1 (2, 4, 4) (2, 64, 64)")
    assert list(names["maps"])[:2] == ["conv1", "layer1.0"]


def test_a_network_from_python_maps_images_to_logits() -> None:
    import torch

    assert rv.build(rv.ModelSpec(depth=8))(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
