"""Each script in examples/ runs as it stands, in a process of its own, and does what it says."""

import subprocess
import sys
from pathlib import Path

from resnet_viz.runs.store import Store

ROOT = Path(__file__).parents[1]


def test_a_network_of_ones_own_and_its_twin_stand_side_by_side() -> None:
    script = ROOT / "examples" / "own_network.py"
    done = subprocess.run([sys.executable, "-W", "error", str(script)], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    with_skips, without = done.stdout.splitlines()
    assert with_skips.startswith("with skips: ")
    assert "Grad-CAM of a 0 at blocks.11" in with_skips
    assert without.startswith("without: ")
    runs = {run.name: run for run in Store().runs()}
    assert {name: run.status for name, run in runs.items()} == {"mine": "finished", "mine, plain": "finished"}
    assert len({run.group for run in runs.values()}) == 1
    losses = {name: Store().series(run.id, "loss")[1][-5:].mean() for name, run in runs.items()}
    assert losses["mine"] < 0.7 < losses["mine, plain"]  # the skips are what makes 26 layers learn in 3 epochs
