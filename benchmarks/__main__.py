"""`python -m benchmarks NAME`: run one. Without a name: list them. `all`: run each in turn, and write RESULTS.md beside this."""

import datetime
import importlib
import importlib.metadata
import os
import pkgutil
import platform
import subprocess
import sys
import time
from pathlib import Path

import benchmarks

RESULTS = Path(__file__).with_name("RESULTS.md")
PACKAGES = ("torch", "torchvision", "streamlit", "plotly", "captum")


def first_line(name: str) -> str:
    """What a benchmark asks, from its docstring; its imports, torch among them, are left alone."""
    text = Path(__file__).with_name(f"{name}.py").read_text()
    return text.removeprefix('"""').splitlines()[0]


def machine() -> str:
    """Processor, cores and versions, in a line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in PACKAGES)
    return f"{model}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}."


def run_all(names: list[str]) -> int:
    """Each benchmark in a process of its own. Returns 1 where one failed, which RESULTS.md then says."""
    parts, failed = [f"# Benchmarks\n\n{machine()} {datetime.date.today():%Y-%m-%d}, by `make bench`.\n"], 0
    for name in names:
        print(f"{name} ...", flush=True)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "benchmarks", name], capture_output=True, text=True
        )
        failed |= done.returncode
        said = done.stdout if not done.returncode else f"failed: {done.stderr.strip().splitlines()[-1]}\n"
        print(said, flush=True)
        parts.append(f"## {name}\n\n```\n{said}```\n\n{time.perf_counter() - start:.0f} s.\n")
    RESULTS.write_text("\n".join(parts))
    print(f"Written: {RESULTS}")
    return int(bool(failed))


def main() -> int:
    names = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name != "__main__")
    if sys.argv[1:] == ["all"]:
        return run_all(names)
    if len(sys.argv) != 2 or sys.argv[1] not in names:
        print("usage: python -m benchmarks NAME | all\n", file=sys.stderr)
        print("\n".join(f"{name:12} {first_line(name)}" for name in names), file=sys.stderr)
        return 2
    module = importlib.import_module(f"benchmarks.{sys.argv[1]}")
    print(module.__doc__.strip())
    print(f"ratio: {module.main():.3f}")
    return 0


sys.exit(main())
