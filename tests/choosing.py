"""A page that chooses a network and an image, and nothing else; for tests."""

from streamlit.testing.v1 import AppTest

from tests.apps import scripted


def script() -> None:
    import streamlit as st

    from resnet_viz.ui import choose

    source = choose.choose_network("net")
    st.session_state["found"] = source, choose.choose_image("image", choose.network(source))


def page(**query: str) -> AppTest:
    at = scripted(script)
    for key, value in query.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception
    return at


def found(at: AppTest):
    assert not at.exception
    return at.session_state["found"]
