"""The exported script is the run again: in a process of its own that has PyTorch and not this package, to the last bit."""

import csv
import subprocess
import sys

import numpy as np
import pytest

import resnet_viz as rv
from resnet_viz.errors import UserError
from resnet_viz.publish.script import script
from resnet_viz.runs.record import Record
from resnet_viz.spec.lab import LABS
from resnet_viz.spec.own import OwnSpec

pytestmark = pytest.mark.usefixtures("one_thread")

MODELS = {
    "as it comes": (rv.ModelSpec(depth=8), {}, ()),
    "with everything": (
        rv.ModelSpec(depth=8, order="preact", shortcut="gate_exclusive", stochastic_depth=0.5),
        {
            "mixup": 0.2,
            "schedule": "onecycle",
            "warmup_steps": 3,
            "label_smoothing": 0.1,
            "optimizer": "adamw",
            "lr": 0.003,
        },
        ("flip", "crop", "cutout"),
    ),
    "without a norm, without skips": (rv.ModelSpec(depth=8, shortcut="none", norm="none"), {"weight_decay": 1e-3}, ()),
    "until it diverges": (rv.ModelSpec(depth=8, norm="none"), {"lr": 1e6}, ()),
}


@pytest.mark.parametrize("kind", MODELS)
def test_its_curve_is_the_runs_to_the_last_bit(kind, tmp_path) -> None:
    model, more, augment = MODELS[kind]
    settings = {"batch_size": 64, "steps": 7, "device": "cpu", "dtype": "float32", "threads": 1} | more
    spec = rv.RunSpec(model, rv.DataSpec(limit=256, augment=augment), rv.TrainSpec(**settings))
    points = [event for event in rv.run(spec) if isinstance(event, rv.Point)]
    record = Record("0123abcd", spec, "finished", 'my "best" run\\', info={"torch": "2"})
    text, data = script(record, "mine.npz")
    assert "import resnet_viz" not in text
    assert "from resnet_viz" not in text
    (tmp_path / "mine.py").write_text(text)
    (tmp_path / "mine.npz").write_bytes(data)
    # -I: neither this folder nor the environment says where modules are.
    done = subprocess.run([sys.executable, "-I", "mine.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    with (tmp_path / "curve.csv").open() as file:
        again = {(int(row["step"]), row["metric"]): np.float32(row["value"]) for row in csv.DictReader(file)}
    once = {
        (point.step, name): np.float32(value)
        for point in points
        for name, value in point.values.items()
        if np.ndim(value) == 0 and name != "speed"
    }
    assert again.keys() == once.keys()
    for key, value in once.items():
        np.testing.assert_array_equal(again[key], value, err_msg=str(key))
    assert ("Diverged." in done.stdout) == (kind == "until it diverges")
    assert (len(points) == 8) == (kind != "until it diverges")


def test_a_lab_and_a_loop_of_ones_own_are_refused_in_a_sentence() -> None:
    for spec, what in (
        (rv.RunSpec(lab=LABS["lr_range"]()), "is a lab"),
        (rv.RunSpec(own=OwnSpec("mine")), "is of a network of your own"),
    ):
        with pytest.raises(UserError, match=rf"Run x \(mine\) {what}; scripts are written of trainings"):
            script(Record("x", spec, "finished", "mine"), "x.npz")
