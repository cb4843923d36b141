"""Share: the page's link, which holds what is shown, to copy, and as a QR code that a class scans from the wall."""

from __future__ import annotations

import io
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from resnet_viz.language import tr

HERE = ("localhost", "127.0.0.1", "::1")  # addresses that mean another machine on every machine


def address(url: str, query: dict[str, str]) -> str:
    """A page's link: its address without what was asked of it before, and what its controls have written since."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", urlencode(query), ""))


def code(link: str) -> bytes | None:
    """A link as a QR code, a PNG; None where it holds more than a code can."""
    import segno

    try:
        made = segno.make_qr(link, error="m")
    except segno.DataOverflowError:
        return None
    file = io.BytesIO()
    made.save(file, kind="png", scale=8, border=4)
    return file.getvalue()


def button() -> None:
    """The button in the header. Draw it behind all that writes into the link."""
    with st.container(key="share"):
        if st.button(tr("Share"), icon=":material/qr_code_2:", type="tertiary"):
            st.dialog(tr("Share this page"))(_dialog)()


def _dialog() -> None:
    link = address(st.context.url or "", st.query_params.to_dict())
    st.code(link, language=None, wrap_lines=True)
    if (image := code(link)) is None:
        st.caption(tr("Too much is set for a QR code: copy the link."))
    else:
        st.image(image, width=320, alt=tr("QR code of this page's link"))
    if urlsplit(link).hostname in HERE:
        st.caption(
            tr(
                "This address opens on this machine alone; for others, start the app with resnet-viz app --host 0.0.0.0."
            )
        )
