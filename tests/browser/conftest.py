"""A real server and a real Chromium, where one is found; in CI it must be."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
READY = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        assert not os.environ.get("CI"), "browser tests must run in CI, and no chromium was found"
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Server:
    """A running app: its address, its process, and where its runs are."""

    url: str
    process: subprocess.Popen
    home: Path


def serve(home: Path, port: int) -> Server:
    """Start the app on a port and wait until it is healthy."""
    environment = os.environ | {"RESNET_VIZ_HOME": str(home / "runs"), "RESNET_VIZ_DATA": str(home / "data")}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    wait_until_healthy(url, process)
    return Server(url, process, home / "runs")


def wait_until_healthy(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
            return
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    found = serve(tmp_path_factory.mktemp("app"), free_port())
    yield found
    found.process.send_signal(signal.SIGINT)
    found.process.wait(20)


@pytest.fixture
def own_server(own_home) -> Iterator[Server]:
    """A server on the store that the test itself writes to."""
    server = serve(own_home, free_port())
    yield server
    server.process.send_signal(signal.SIGINT)
    server.process.wait(20)


@pytest.fixture
def page(chromium, server) -> Iterator:
    """A fresh page on the app, ready; a traceback on it fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 810}, accept_downloads=True)
    context.set_default_timeout(60_000)
    found = context.new_page()
    found.goto(server.url)
    found.wait_for_selector(READY)
    yield found
    assert found.locator("[data-testid=stException]").count() == 0
    assert found.get_by_text("This is a bug").count() == 0
    context.close()
