"""Who may import whom, a row a package, read from the code itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOP = ROOT / "resnet_viz"

# What each package may import of resnet_viz, besides itself and the ground. Arrows point down only.
GROUND = {"errors", "files", "language", "settings"}
ALLOWED = {
    "spec": set(),
    "runs": {"spec"},
    "data": {"spec"},
    "words": {"spec", "runs", "data"},
    "nets": {"spec", "runs", "data"},
    "train": {"spec", "runs", "data", "nets", "own"},
    "attribution": {"spec", "nets"},
    "own": {"spec", "runs", "nets", "attribution", "words"},
    "labs": {"spec", "runs", "data", "nets", "train", "words"},
    "workers": {"spec", "runs", "data", "train", "labs"},
    "figures": {"spec", "runs", "words"},
    "stage": {"runs", "figures"},
    "publish": {"spec", "runs", "data", "nets", "train", "labs", "attribution", "figures", "stage", "words"},
}
ALLOWED["ui"] = set(ALLOWED)
ALLOWED["cli"] = set(ALLOWED) - {"ui"}
ALLOWED["pages"] = set(ALLOWED) - {"cli"}

# Server start and the first paint of Twins and Runs must not import these, nor anything that does.
HEAVY = ("torch", "torchvision", "sklearn", "captum")
LIGHT = (
    "spec", "runs.store", "runs.sweeps", "data.catalogue", "data.own", "words.twins", "nets.refs", "labs", "workers.engine",
    "figures", "stage.payload", "publish.handout", "ui.controls", "ui.stage", "ui.runs.actions",
    "ui.labs.sweeps", "cli.main",
)  # fmt: skip


def imported(path: Path) -> set[str]:
    """Names of the resnet_viz packages and top modules that a file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("resnet_viz"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("resnet_viz.")}
    return found - {"__version__"}


FILES = sorted(path for path in TOP.rglob("*.py") if path.parent != TOP)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(TOP)))
def test_imports_point_down(path: Path) -> None:
    package = path.relative_to(TOP).parts[0]
    assert imported(path) <= ALLOWED[package] | {package} | GROUND


@pytest.mark.parametrize("path", [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))], ids=lambda p: p.name)
def test_pages_are_short_and_stand_on_top(path: Path) -> None:
    assert imported(path) <= ALLOWED["pages"] | GROUND
    assert len(path.read_text().splitlines()) < (60 if path.name == "app.py" else 150)


def test_the_ground_stands_on_nothing() -> None:
    assert set().union(*(imported(TOP / f"{name}.py") for name in GROUND)) <= GROUND


def test_every_row_of_the_table_is_needed() -> None:
    """A row that no import uses would let one in unseen."""
    used = {package: set() for package in ALLOWED}
    for path in FILES:
        used[path.relative_to(TOP).parts[0]] |= imported(path)
    for path in (ROOT / "pages").glob("*.py"):
        used["pages"] |= imported(path)
    for package in set(ALLOWED) - {"ui", "cli", "pages"}:
        assert ALLOWED[package] == used[package] - {package} - GROUND


def test_the_server_starts_without_torch() -> None:
    names = ", ".join(f"resnet_viz.{name}" for name in LIGHT)
    code = f"import sys, {names}; print([m for m in {HEAVY} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "[]"
