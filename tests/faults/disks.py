"""Disks of a test's own, full or read-only: a script is run where a small one is mounted, in a namespace of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_on(folder: Path, script: str, size: str = "8m") -> None:
    """Run Python with a small empty disk mounted at ``folder``; what it says is the failure. Skips where that is refused."""
    folder.mkdir()
    mount = [
        "unshare",
        "-rm",
        "sh",
        "-c",
        'mount -t tmpfs -o size="$0" tmpfs "$1" && shift && exec "$@"',
        size,
        str(folder),
    ]
    try:
        able = subprocess.run([*mount, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        able = False
    if not able:
        pytest.skip("no disk can be mounted here: unshare -rm is refused")
    ran = subprocess.run(
        [*mount, sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"RESNET_VIZ_HOME": str(folder), "HOME_DISK": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


# What scripts begin with: `store` on the small disk, and `fill`, which leaves not a byte of it.
BEGIN = """
import os, shutil, sqlite3
from pathlib import Path
from resnet_viz.errors import UserError
from resnet_viz.runs.store import Store
from resnet_viz.runs.events import Checkpoint, Point
from resnet_viz.spec.run import RunSpec

home = Path(os.environ["HOME_DISK"])
store = Store(home / "runs")

def fill():
    with open(home / "other", "ab", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
    assert shutil.disk_usage(home).free == 0

def whole():
    return store.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
"""
