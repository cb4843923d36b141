"""Who is who in a real browser: by a signed cookie where there is no login, by OpenID Connect where there is."""

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping

import pytest

from resnet_viz.runs.store import Store
from resnet_viz.runs.visitor import Visitor
from resnet_viz.spec.run import RunSpec
from resnet_viz.ui.who import COOKIE
from tests.browser.conftest import READY, Server, free_port, serve

pytestmark = pytest.mark.browser


@contextlib.contextmanager
def serving(home, port: int) -> Iterator[Server]:
    server = serve(home, port)
    yield server
    server.process.send_signal(signal.SIGINT)
    server.process.wait(20)


def opened(context, address: str):
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(READY)
    assert page.get_by_text("This is a bug").count() == 0
    return page


def a_run(store: Store, visitor: Visitor) -> str:
    (id_,) = store.seen_by(visitor).create([(RunSpec(), 1)])
    store.want(id_, "stop")
    return id_


def sees_runs(page) -> bool:
    page.locator(".rv-says").wait_for()
    return "Nothing trained here" not in page.locator(".rv-says").inner_text()


def test_in_a_demo_a_browser_keeps_its_runs_and_no_other_sees_them(chromium, own_home, monkeypatch) -> None:
    monkeypatch.setenv("RESNET_VIZ_MODE", "demo")
    with serving(own_home, free_port()) as server:
        first = chromium.new_context()
        page = opened(first, server.url)
        page.wait_for_function(f"document.cookie.includes('{COOKIE}')")
        assert page.get_by_text("goes after an hour").count() == 1
        value = next(one["value"] for one in first.cookies() if one["name"] == COOKIE)
        a_run(Store(server.home), Visitor(f"browser:{value.split('.')[0]}", "demo"))
        assert sees_runs(opened(first, f"{server.url}/runs"))
        assert not sees_runs(opened(chromium.new_context(), f"{server.url}/runs"))
        forger = chromium.new_context()
        forger.add_cookies([{"name": COOKIE, "value": f"{value.split('.')[0]}.{'0' * 64}", "url": server.url}])
        assert not sees_runs(opened(forger, f"{server.url}/runs"))


@contextlib.contextmanager
def provider(people: Mapping[str, tuple[str, bool]]) -> Iterator[str]:
    """Somebody to log in with, who knows these people: their e-mail's beginning, and whether it is verified."""
    port = free_port()
    claims = [
        json.dumps({"sub": name, "email": f"{address}@school.example", "email_verified": verified})
        for name, (address, verified) in people.items()
    ]
    options = [f"--port={port}", *(f"--user-claims={claim}" for claim in claims)]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    metadata = f"http://127.0.0.1:{port}/.well-known/openid-configuration"
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(metadata, timeout=1).close()
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield metadata
    process.terminate()
    process.wait()


def log_in(chromium, url: str, name: str):
    context = chromium.new_context()
    page = opened(context, f"{url}/runs")
    assert page.locator(".rv-says").count() == 0, "nothing is shown to whoever has not logged in"
    page.get_by_role("button", name="Log in").click()
    page.locator("input[name=sub]").fill(name)
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_selector(READY)
    page.goto(f"{url}/runs")
    page.wait_for_selector(READY)
    return page


def test_in_a_class_who_logs_in_owns_their_runs_and_a_teacher_sees_all(chromium, own_home, monkeypatch) -> None:
    port = free_port()
    # Who names a teacher's address as theirs, unverified, is none.
    people = {"ada": ("ada", True), "teacher": ("teacher", True), "mallory": ("teacher", False)}
    with provider(people) as metadata:
        secrets = own_home / "secrets.toml"
        secrets.write_text(
            f'teachers = ["teacher@school.example"]\n[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n'
            f'cookie_secret = "of a test"\nclient_id = "a"\nclient_secret = "b"\nserver_metadata_url = "{metadata}"\n'
        )
        monkeypatch.setenv("STREAMLIT_SECRETS_FILES", str(secrets))
        monkeypatch.setenv("RESNET_VIZ_MODE", "class")
        with serving(own_home, port) as server:
            a_run(Store(server.home), Visitor("user:ada@school.example", "class"))
            seen = {name: sees_runs(log_in(chromium, server.url, name)) for name in people}
    assert seen == {"ada": True, "teacher": True, "mallory": False}
