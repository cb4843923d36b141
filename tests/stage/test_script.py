"""The stage's script: its modules' own tests, what it reads of a payload from Python, and the one file that browsers load."""

import json
import subprocess
from pathlib import Path

import numpy as np

from resnet_viz.figures.depth import ENGINEER, ENGINEER_MOMENTS
from resnet_viz.figures.numbers import arrivals, log_ratio, log_values
from resnet_viz.files import STAGE
from resnet_viz.stage.payload import pack
from tests.synthetic import twins

ROOT = Path(__file__).parents[2]

READ = """
import { readFileSync } from "node:fs";
import { rowOf, unpack } from "./data.js";
const data = unpack(readFileSync(0));
for (const net of data.nets) {
  for (const vector of Object.values(net.vectors)) vector.rows = vector.steps.map((_, index) => rowOf(data, vector, index));
}
const curve = data.figures.loss.data.find((trace) => trace.meta?.role === "line" && trace.meta.net === 0);
console.log(JSON.stringify({ nets: data.nets, newest: data.newest, x: [...(curve?.x ?? [])], y: [...(curve?.y ?? [])] }));
"""


def read(node: str, payload: bytes) -> dict:
    """What the script finds in a payload: the nets with their vectors' rows, and the first net's loss curve."""
    command = [node, "--input-type=module", "--eval", READ]
    return json.loads(subprocess.run(command, cwd=STAGE / "src", input=payload, capture_output=True, check=True).stdout)


def test_the_modules_pass_their_own_tests(node) -> None:
    files = sorted(str(path) for path in Path(__file__).parent.glob("*.test.js"))
    ended = subprocess.run([node, "--test", *files], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(files) >= 5


def test_the_script_reads_what_python_packed(node) -> None:
    records = twins()
    steps, gradients = records[0].series["grad_block"]
    gradients[3, 5] = np.nan
    data = read(node, pack(records, tabs=("twins", "history", "engineer")))
    assert data["newest"] == 132
    for net, record in zip(data["nets"], records, strict=True):
        expected = {"grad_block": log_ratio(record, kept=True)}
        expected |= {metric: log_values(record, metric, ENGINEER_MOMENTS) for metric in ENGINEER}
        assert set(net["vectors"]) == set(expected)
        for metric, (at, logs) in expected.items():
            vector = net["vectors"][metric]
            assert vector["steps"] == at.tolist()
            rows = np.array(vector["rows"], float)  # None becomes NaN
            np.testing.assert_array_equal(np.isnan(rows), np.isnan(logs))
            np.testing.assert_allclose(rows, logs, atol=0.0005001)
        assert net["words"] == arrivals(record, kept=True)
    assert data["nets"][0]["vectors"]["grad_block"]["rows"][3][5] is None
    assert data["x"] == steps.tolist()
    assert len(data["y"]) == len(steps)


def test_runs_before_their_first_step_have_no_vectors(node) -> None:
    data = read(node, pack(twins(done=0)))
    assert [net["vectors"] for net in data["nets"]] == [{}, {}]
    assert (data["newest"], data["x"]) == (0, [])


def test_the_committed_file_is_what_the_modules_make(npm, tmp_path) -> None:
    npm("build", "--", f"--outfile={tmp_path / 'stage.js'}", "--log-level=error")
    assert (tmp_path / "stage.js").read_bytes() == (STAGE / "stage.js").read_bytes(), (
        "say make stage and commit stage.js"
    )


def test_no_module_is_long_or_builds_html() -> None:
    for path in (STAGE / "src").glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path.name
        assert not any(way in text for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write")), (
            path.name
        )
