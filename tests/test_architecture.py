"""The table of who may import whom, read from the code itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GROUND = {"spec", "lab_specs", "events"}

# What each module may import of resnet_viz, besides the ground that all stand on. Arrows point down only.
ALLOWED = {
    "checks": set(),
    "spec": {"checks"},
    "lab_specs": {"checks"},
    "events": set(),
    "record": set(),
    "laws": set(),
    "schedules": set(),
    "arch": set(),
    "verdict": {"record"},
    "sweeps": {"record", "datasets", "verdict"},
    "datasets": set(),
    "pictures": set(),
    "class_folders": {"datasets", "pictures"},
    "own_data": {"datasets", "class_folders"},
    "options": {"datasets", "own_data"},
    "models": {"arch"},
    "data": {"datasets"},
    "probes": {"models"},
    "methods": set(),
    "familiar": {"probes"},
    "attribution": {"arch", "methods", "probes"},
    "trust": {"arch", "models", "methods", "attribution"},
    "features": {"arch", "models", "probes"},
    "train": {"arch", "models", "data", "datasets", "probes", "schedules"},
    "store": {"record"},
    "engine": {"store", "datasets", "arch"},
    "labs": {
        "record",
        "engine",
        "options",
        "sweeps",
        "laws",
        "arch",
        "models",
        "data",
        "datasets",
        "probes",
        "train",
        "schedules",
        "networks",
        "checkpoints",
        "store",
        "verdict",
    },
    "networks": {"datasets", "store"},
    "checkpoints": {"networks", "data", "datasets", "models"},
    "own_networks": {"networks", "checkpoints", "datasets", "models", "arch"},
    "pretrained": {"networks", "checkpoints", "datasets", "own_networks"},
    "reference": {"engine", "store", "record", "networks", "checkpoints", "figures"},
    "worker": {"train", "labs", "networks", "checkpoints", "store", "datasets"},
    "figures": {"record", "laws", "arch", "datasets", "verdict", "sweeps"},
    "export": {"figures", "record", "ui", "verdict", "arch"},
    "cli": {
        "engine",
        "worker",
        "store",
        "train",
        "datasets",
        "options",
        "record",
        "export",
        "verdict",
        "arch",
        "labs",
        "networks",
        "reference",
    },
    "__main__": {"cli"},
    "__init__": set(),
}
UI = {
    "laws",
    "engine",
    "store",
    "figures",
    "record",
    "arch",
    "datasets",
    "own_data",
    "verdict",
    "export",
    "schedules",
    "sweeps",
    "ui",
    "networks",
    "checkpoints",
    "labs",
    "pictures",
    "own_networks",
    "pretrained",
    "attribution",
    "features",
    "methods",
    "probes",
    "trust",
    "familiar",
}

# Server start and the first paint of Twins and Runs must not import these, nor anything that does.
HEAVY = ("torch", "torchvision", "sklearn", "captum")
LIGHT = (
    "spec",
    "events",
    "record",
    "schedules",
    "arch",
    "verdict",
    "sweeps",
    "datasets",
    "store",
    "engine",
    "figures",
    "export",
    "ui",
    "networks",
    "labs.cli",
)


def imported(path: Path) -> set[str]:
    """Names of the resnet_viz modules that a file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("resnet_viz"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("resnet_viz.")}
    return found - {"__version__"}


FILES = sorted((ROOT / "resnet_viz").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    name = path.relative_to(ROOT / "resnet_viz").parts[0].removesuffix(".py")
    allowed = UI if name == "ui" else ALLOWED[name] | {name}
    assert imported(path) <= allowed | GROUND


@pytest.mark.parametrize("path", [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))], ids=lambda p: p.name)
def test_pages_are_short_and_stand_on_top(path: Path) -> None:
    assert imported(path) <= UI | GROUND
    assert len(path.read_text().splitlines()) < (60 if path.name == "app.py" else 150)


def test_the_server_starts_without_torch() -> None:
    names = ", ".join(f"resnet_viz.{name}" for name in LIGHT)
    code = f"import sys, {names}; print([m for m in {HEAVY} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "[]"
