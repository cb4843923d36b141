"""The project as people install it: a wheel or an editable checkout, in an environment of its own that borrows our libraries."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]


def call(*command: str | Path, **options) -> str:
    """Run a command to its end; returns what it printed."""
    ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def environment() -> dict[str, str]:
    """Ours, without the folder of this checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def build(source: Path, out: Path) -> Path:
    """The wheel of a source folder."""
    call(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out, source, env=environment())
    return next(out.glob("*.whl"))


def install(folder: Path, *what: str | Path) -> Path:
    """Make an environment in a folder and install into it, without dependencies; returns its bin/."""
    call(sys.executable, "-m", "venv", "--without-pip", folder)
    bin = folder / ("bin" if os.name == "posix" else "Scripts")
    packages = Path(call(bin / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    pip = (sys.executable, "-m", "pip", "--python", bin / "python", "install", "--quiet", "--no-deps", "--no-index")
    call(*pip, "--no-build-isolation", *what, env=environment())
    return bin


def files(bin: Path) -> dict[str, int]:
    """The installed package's files but for compiled ones, and when each was written (ns)."""
    code = "from resnet_viz.files import PACKAGE; print(PACKAGE)"
    package = Path(call(bin / "python", "-c", code, cwd=bin, env=environment()).strip())
    return {
        str(path.relative_to(package)): path.stat().st_mtime_ns
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
