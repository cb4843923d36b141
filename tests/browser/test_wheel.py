"""From a wheel, in an environment and a folder of its own: every page stands, twins train, nothing is written beside the code."""

import os
import signal
import subprocess
import urllib.request

import pytest

from resnet_viz import __version__
from tests.browser.conftest import READY, free_port
from tests.installed import ROOT, build, environment, files, install
from tests.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def bin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    return install(folder / "env", build(ROOT, folder))


def healthy(url: str) -> bool:
    try:
        return urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).status == 200
    except OSError:
        return False


def test_a_wheel_opens_every_page_and_trains_the_twins(bin, chromium, tmp_path) -> None:
    before = files(bin)
    home = tmp_path / "home"  # an empty folder, and a user who has never been here
    here = tmp_path / "empty"
    home.mkdir()
    here.mkdir()
    own = {name: value for name, value in environment().items() if not name.startswith("RESNET_VIZ")}
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [bin / "resnet-viz", "app", "--headless", "--port", str(port)],
            cwd=here, env=own | {"HOME": str(home)}, stdout=log, stderr=log,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: healthy(url) or process.poll() is not None)
        page = chromium.new_page(viewport={"width": 1440, "height": 810})
        page.set_default_timeout(240_000)  # a first visit makes matplotlib's font cache, too
        for path in sorted((ROOT / "pages").glob("*.py"), key=lambda p: p.stem == "twins"):
            page.goto(f"{url}/{'' if path.stem == 'twins' else path.stem}")
            page.wait_for_selector(READY)
            page.wait_for_selector(".rv-says", state="attached")
            assert page.title().startswith(path.stem.capitalize())
            assert page.get_by_text("This is a bug").count() == 0, path.stem
            assert page.locator("[data-testid=stException]").count() == 0, path.stem
        page.wait_for_selector(".rv-stage .main-svg")
        assert (
            page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor") == "rgb(255, 255, 255)"
        )
        page.get_by_role("button", name="Train both").click()
        page.wait_for_function("/^step [1-9]/.test(document.querySelector('.rv-stage .rv-bar').innerText)")
        page.get_by_role("button", name="Stop").wait_for()
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Resume").wait_for()
        page.close()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert files(bin) == before
    assert os.listdir(here) == ["runs"]
    assert os.listdir(home / ".cache" / "resnet_viz" / "app") == [__version__]
