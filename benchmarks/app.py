"""The app as a user meets it: first paint beside an empty page's, a click's first points, the server's memory, a refresh's size.

ratio: seconds from the click on "Train both" (workers warm) to the first points on the screen ÷ the 2 s that are allowed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ratio
from resnet_viz.runs import record
from resnet_viz.runs.record import Record
from resnet_viz.spec.model import ModelSpec
from resnet_viz.spec.run import RunSpec
from resnet_viz.stage.payload import pack

ROOT = Path(__file__).parents[1]
PAINTS = 5  # rounds
sys.path.insert(0, str(ROOT / "tests" / "browser"))


def refresh_sizes() -> None:
    """Bytes of one live refresh, for the default demo and for the longest run we promise: 64,000 steps of 110 layers."""
    demo = record.load(ROOT / "assets" / "twins" / "digits-56.npz")[:2]
    print(f"a refresh of the demo at its last step: {len(pack(demo, live=True)) / 1024:.1f} KiB")
    spec = RunSpec(ModelSpec(depth=110))
    draws, steps = np.random.default_rng(0), np.arange(1, 64_001)
    rows = np.arange(1, 4001) * 16
    series = {
        "loss": (steps, draws.random(64_000, np.float32)),
        "val_accuracy": (steps[399::400], draws.random(160, np.float32)),
        "grad_block": (rows, draws.random((4000, 54), np.float32)),
    }
    pair = [
        Record(str(i), s, "running", step=64_000, steps=64_000, series=series)
        for i, s in enumerate((spec, spec.twin()))
    ]
    start = time.perf_counter()
    size = len(pack(pair, live=True))
    print(f"a refresh at step 64,000 of 110 layers: {size / 1024:.1f} KiB, made in {time.perf_counter() - start:.3f} s")


def first_paints(browser: Any, server: Any, folder: Path) -> None:
    """Seconds until Twins' charts and Runs stand, for visitors who come for the first time, beside an empty page's text."""
    from conftest import READY, free_port, wait_until_healthy  # type: ignore[import-not-found]

    empty, port = folder / "empty.py", free_port()
    empty.write_text('import streamlit as st\nst.write("nothing")\n')
    command = ["streamlit", "run", str(empty), f"--server.port={port}", "--server.headless=true"]
    other = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", other)
        pages = {
            "empty": (f"http://127.0.0.1:{port}", "[data-testid=stMarkdown]"),
            "headline": (server.url, ".rv-says"),
            "charts": (server.url, ".rv-stage .main-svg"),
            "Runs": (f"{server.url}/runs", READY),
        }
        found: dict[str, list[float]] = {name: [] for name in pages}
        for _ in range(1 + PAINTS):  # the first round warms the servers
            for name, (url, mark) in pages.items():
                context = browser.new_context(viewport={"width": 1440, "height": 810})
                page, start = context.new_page(), time.perf_counter()
                page.goto(url, wait_until="commit")
                page.wait_for_selector(mark)
                found[name].append(time.perf_counter() - start)
                context.close()
    finally:
        other.terminate()
        other.wait()
    found = {name: taken[1:] for name, taken in found.items()}
    print("first paint: " + ", ".join(f"{name} {statistics.median(taken):.2f} s" for name, taken in found.items()))
    print(f"twins' charts ÷ an empty page: {ratio(found, 'charts', 'empty'):.2f} (2 are allowed)")


def main() -> float:
    from conftest import FLAGS, READY, free_port, serve  # type: ignore[import-not-found]
    from playwright.sync_api import sync_playwright

    refresh_sizes()
    clicks = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        server = serve(Path(folder), free_port())
        try:
            first_paints(browser, server, Path(folder))
            status = Path(f"/proc/{server.process.pid}/status").read_text()
            resident = next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]
            maps = Path(f"/proc/{server.process.pid}/maps").read_text()
            loaded = [name for name in ("libtorch", "sklearn") if name in maps]
            print(f"server: {int(resident) / 1024:.0f} MB, heavy libraries loaded: {', '.join(loaded) or 'none'}")
            time.sleep(25)  # the spares warm up
            page = browser.new_page(viewport={"width": 1440, "height": 810})
            for _ in range(5):
                page.goto(server.url)
                page.wait_for_selector(".rv-stage .main-svg")
                page.wait_for_selector(READY)
                start = time.perf_counter()
                page.get_by_role("button", name="Train both").click()
                page.wait_for_function("document.querySelector('.rv-says').innerText.includes('step ')", polling=20)
                clicks.append(time.perf_counter() - start)
                page.get_by_role("button", name="Stop").click()
                page.wait_for_function("document.querySelector('.rv-says').innerText.includes('stopped')")
            print("click to first points:", ", ".join(f"{c:.2f}" for c in clicks), "s")
        finally:
            server.process.terminate()
            server.process.wait()
            browser.close()
    return statistics.median(clicks) / 2
