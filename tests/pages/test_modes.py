"""For whom the app is: alone on a machine, a class, a demo; each visitor with a session of their own."""

import re

import pytest

from resnet_viz import settings
from resnet_viz.errors import UserError
from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec
from resnet_viz.ui import live, who
from tests.apps import headline, unrun


@pytest.mark.parametrize(
    ("asked", "alone", "mode"),
    [
        ("", True, "local"),
        ("", False, "class"),
        ("demo", True, "demo"),
        ("class", True, "class"),
        ("local", True, "local"),
    ],
)
def test_the_mode_is_what_was_asked_for_or_follows_from_the_address(monkeypatch, asked, alone, mode) -> None:
    monkeypatch.setenv("RESNET_VIZ_MODE", asked)
    assert settings.mode(alone) == mode


@pytest.mark.parametrize(
    ("asked", "words"), [("local", "others reach this address"), ("school", "none of local, class, demo")]
)
def test_a_mode_that_can_not_be_is_said(monkeypatch, asked, words) -> None:
    monkeypatch.setenv("RESNET_VIZ_MODE", asked)
    with pytest.raises(UserError, match=words):
        settings.mode(alone=False)


@pytest.mark.parametrize(
    ("address", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("", False), ("::", False)],
)
def test_only_an_address_of_this_machine_is_one_persons(address, alone) -> None:
    assert who._is_loopback(address) == alone


def started(at):
    at.button(key="train").click().run()
    assert not at.exception
    return at


@pytest.mark.parametrize("mode", ["class", "demo"])
def test_each_visitor_has_runs_of_their_own(monkeypatch, mode) -> None:
    monkeypatch.setenv("RESNET_VIZ_MODE", mode)
    hers, his = unrun("twins").run(), unrun("twins").run()
    started(hers)
    group = hers.session_state["show"]
    assert {run.owner for run in Store().runs(group)} == {f"browser:{hers.session_state['browser']}"}
    link = unrun("twins")
    link.query_params["show"] = group
    link.run()
    assert not link.exception
    assert "not on this server" in headline(link)
    assert "Nothing trained here yet" in headline(unrun("runs").run())
    assert his.session_state["browser"] != hers.session_state["browser"]


def test_in_a_class_what_is_shared_is_seen_but_not_stopped_by_others(monkeypatch) -> None:
    monkeypatch.setenv("RESNET_VIZ_MODE", "class")
    hers = started(unrun("twins").run())
    group = hers.session_state["show"]
    for run in Store().runs(group):
        Store().share(run.id, True)
    link = unrun("twins")
    link.query_params["show"] = group
    link.run()
    assert "not on this server" not in headline(link)
    assert "stop" not in [button.key for button in link.button]
    hers.run()
    assert "stop" in [button.key for button in hers.button]


def test_in_a_demo_no_path_of_the_server_is_taken_and_nothing_of_others_pruned(monkeypatch) -> None:
    assert "own_path" in [field.key for field in unrun("twins").run().text_input]
    monkeypatch.setenv("RESNET_VIZ_MODE", "demo")
    live._store.clear()
    at = unrun("twins").run()
    assert "own_path" not in [field.key for field in at.text_input]
    labels = [button.label for button in unrun("runs").run().button]
    assert not [label for label in labels if label.startswith("Delete all")]


def test_a_demo_refuses_a_third_pair_in_a_sentence(monkeypatch) -> None:
    monkeypatch.setenv("RESNET_VIZ_MODE", "demo")
    at = unrun("twins").run()
    for _ in range(3):
        at.session_state["show"] = ""
        started(at.run())
    assert any(re.match(r"4 runs of yours wait or go on", e.value) for e in at.error)
    assert len(Store().runs()) == 4


def test_a_cookie_is_believed_only_if_this_server_has_signed_it() -> None:
    id_ = "0123456789abcdef" * 2
    good = f"{id_}.{who._sign(id_)}"
    assert who._known(good) == id_
    other = "f" + id_[1:]
    for bad in ("", id_, f"{id_}.", f"{other}.{who._sign(id_)}", good.upper(), good + "0", f"{id_}.{'0' * 64}"):
        assert who._known(bad) == ""


def test_the_secret_is_for_the_servers_user_alone_and_stays() -> None:
    first = who._secret(Store().home)
    who._secret.cache_clear()
    assert who._secret(Store().home) == first
    assert (Store().home / "secret").stat().st_mode & 0o077 == 0
    assert len(first) == 32


def test_alone_on_a_machine_nothing_asks_who_one_is() -> None:
    at = started(unrun("twins").run())
    assert "browser" not in at.session_state
    assert {run.owner for run in Store().runs()} == {""}
    assert Store().create([(RunSpec(), 1)])
