"""Node and the bundler, where they are; in CI they must be."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
ESBUILD = ROOT / "node_modules" / "esbuild" / "package.json"


def missing(reason: str) -> NoReturn:
    """Skip, or fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"the stage's script must be tested in CI: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def node() -> str:
    """The path of Node."""
    path = shutil.which("node")
    if not path:
        missing("no node on this machine")
    return path


@pytest.fixture
def npm(node) -> Callable[..., str]:
    """Runs ``npm run`` at the repository's root, with the bundler that package.json pins; returns what it prints."""
    wanted = json.loads((ROOT / "package.json").read_text())["devDependencies"]["esbuild"]
    if not shutil.which("npm"):
        missing("no npm on this machine")
    if not ESBUILD.exists() or json.loads(ESBUILD.read_text())["version"] != wanted:
        missing(f"esbuild {wanted} is not installed: say make stage")

    def run(*arguments: str) -> str:
        ended = subprocess.run(["npm", "run", "--silent", *arguments], cwd=ROOT, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    return run
