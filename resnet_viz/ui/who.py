"""Who looks at a page: nobody in particular on one's own machine; else who has logged in, or the browser, by a signed cookie."""

from __future__ import annotations

import functools
import hashlib
import hmac
import ipaddress
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

import streamlit as st

from resnet_viz import settings
from resnet_viz.files import remove
from resnet_viz.language import tr
from resnet_viz.runs.schema import default_home
from resnet_viz.runs.visitor import Visitor

COOKIE = "resnet_viz_visitor"
YEAR = 365 * 86400


def mode() -> str:
    """For whom the app is: see `settings.mode`. The address served decides, not a visitor's: behind a proxy all are local."""
    return settings.mode(_is_loopback(st.get_option("server.address") or ""))


@functools.cache
def _is_loopback(address: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(address).is_loopback
    return address == "localhost"


def visitor() -> Visitor | None:
    """Who looks at this page; None in local mode, where there is one person."""
    at = mode()
    if at == "local":
        return None
    if at == "class" and _has_login():
        # An address that nobody has verified is anybody's.
        address = "" if st.user.get("email_verified") is False else str(st.user.get("email") or "").lower()
        return Visitor(f"user:{address or st.user.get('sub')}", at, teacher=bool(address) and address in _teachers())
    return Visitor(f"browser:{_browser()}", at)


def admit() -> None:
    """Before a page is drawn: have those log in who must, and give a browser its cookie."""
    at = mode()
    if at == "class" and _has_login():
        if not st.user.is_logged_in:
            st.write(tr("This is a class's server. Whoever logs in owns the runs that they start."))
            st.button(tr("Log in"), type="primary", on_click=st.login)
            st.stop()
        return
    if at == "demo":
        st.caption(tr("A demo: what you train is seen by this browser alone, and goes after an hour."))
    if at != "local":
        id_ = _browser()
        if _known(_cookie()) != id_:
            # No HttpOnly: Streamlit sets no headers. No page of ours runs a stranger's script.
            cookie = f"{COOKIE}={id_}.{_sign(id_)}; path=/; max-age={YEAR}; SameSite=Lax"
            secure = "location.protocol === 'https:' ? '; Secure' : ''"
            st.html(f"<script>document.cookie = '{cookie}' + ({secure})</script>", unsafe_allow_javascript=True)


def log_out() -> None:
    """Who is logged in, and a button to log out; nothing where there is no login."""
    if mode() == "class" and _has_login():
        st.button(f"Log out {st.user.get('email') or ''}".strip(), on_click=st.logout, type="tertiary", key="log_out")


def _has_login() -> bool:
    """Whether the server's secrets configure a login (Streamlit's own, OpenID Connect)."""
    try:
        return "auth" in st.secrets
    except FileNotFoundError:  # there are no secrets
        return False


def _teachers() -> tuple[str, ...]:
    """E-mail addresses that the server's secrets name as teachers'."""
    return tuple(str(one).lower() for one in st.secrets.get("teachers", ()))


def _browser() -> str:
    """The browser's id: what its cookie says, if that is signed by this server, else a new one for this session."""
    known = _known(_cookie())
    return st.session_state.setdefault("browser", known or secrets.token_hex(16))


def _cookie() -> str:
    return str(st.context.cookies.get(COOKIE, ""))


def _known(cookie: str) -> str:
    """The id that a cookie says, if this server has signed it, else ""."""
    found = re.fullmatch(r"([0-9a-f]{32})\.([0-9a-f]{64})", cookie)
    return found[1] if found and hmac.compare_digest(found[2], _sign(found[1])) else ""


def _sign(id_: str) -> str:
    return hmac.new(_secret(default_home()), id_.encode(), hashlib.sha256).hexdigest()


@functools.cache
def _secret(home: Path) -> bytes:
    """What signs cookies: 32 bytes beside the runs, made by the first server, for its user's eyes alone."""
    path = home / "secret"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        part = home / f"secret.{os.getpid()}"
        with open(os.open(part, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        with suppress(FileExistsError):  # another server was first
            os.link(part, path)
        remove(part)
    return path.read_bytes()
