"""Memory of the app, as the kernel shares it out (PSS, MB): server and workers, with a visitor, after each page, and without one.

ratio: server and workers with a visitor on Twins ÷ what is allowed: 93 MB for the server, one warm worker, 100 MB more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

SERVER = 93  # MB, of a server that has loaded no network
AWAY = 15.0  # seconds without a visitor, instead of ten minutes, after which workers leave
START = (
    "import sys; from resnet_viz.workers import engine; engine.AWAY = float(sys.argv.pop(1))\n"
    "from streamlit.web.cli import main; sys.argv[0] = 'streamlit'; main()"
)


def pss(pid: int) -> float:
    """Memory of a process in MB, what it shares with others divided among them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def main() -> float:
    from conftest import FLAGS, READY, free_port, wait_until_healthy  # type: ignore[import-not-found]
    from playwright.sync_api import sync_playwright

    from resnet_viz.runs import presence
    from resnet_viz.runs.store import Store

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        home, port = Path(folder, "runs"), free_port()
        url = f"http://127.0.0.1:{port}"
        environment = os.environ | {"RESNET_VIZ_HOME": str(home), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", START, str(AWAY), "run", "app.py", f"--server.port={port}"]
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        store = Store(home)

        def measure(what: str) -> tuple[float, list[float]]:
            workers = [pss(pid) for pid in presence.workers(store)]
            own = pss(server.pid)
            each = " + ".join(f"{w:.0f}" for w in workers) or "no worker"
            print(f"{what}: server {own:.0f}, workers {each}; together {own + sum(workers):.0f} MB", flush=True)
            return own, workers

        def visit(path: str) -> None:
            page = browser.new_page()
            page.set_default_timeout(120_000)
            page.goto(f"{url}/{path}")
            page.wait_for_selector(READY)
            page.wait_for_selector(".rv-says")
            page.close()

        try:
            wait_until_healthy(url, server)
            measure("before the first visit")
            until = time.monotonic() + 60
            while not presence.workers(store) and time.monotonic() < until:
                visit("")
                time.sleep(5)
            time.sleep(5)
            visit("")
            own, workers = measure("with a visitor on Twins")
            ratio = (own + sum(workers)) / (SERVER + max(workers, default=0.0) + 100)
            time.sleep(AWAY + 15)
            measure(f"{AWAY + 15:.0f} s later, without one")
            visit("inside")
            time.sleep(2)
            measure("after Inside, which loads torch and a network")
        finally:
            browser.close()
            server.terminate()
            server.wait()
    return ratio
