"""The form for a checkpoint asks what no tensor of its kind tells, and what is answered is what is kept."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from resnet_viz.nets import refs
from resnet_viz.runs.store import Store
from tests.apps import scripted
from tests.nets.files import SMALL, SMALL_50, saved, state


def form() -> None:
    from resnet_viz.ui import bring

    bring.checkpoint("net")


def opened(spec) -> AppTest:
    at = scripted(form).run()
    return at.file_uploader(key="net_file").upload("theirs.pth", saved(state(spec))).run()


@pytest.mark.parametrize(
    ("spec", "key", "field"),
    [
        (SMALL_50, "net_ask_stride", "stride_in_1x1"),
        (replace(SMALL, order="preact", shortcut="projection"), "net_ask_raw", "raw_projection"),
    ],
)
def test_strides_and_what_projections_get_are_asked_where_the_net_has_them(spec, key, field) -> None:
    at = opened(spec)
    at.toggle(key=key).set_value(True).run()
    at.button(key="net_use").click().run()
    assert not at.exception
    assert refs.find(at.session_state["net new"], Store()).spec == replace(spec, **{field: True})


def test_a_net_of_basic_blocks_is_asked_neither() -> None:
    assert not opened(SMALL).toggle


def test_the_groups_of_groupnorm_are_asked() -> None:
    at = opened(replace(SMALL, norm="group"))
    at.number_input(key="net_ask_groups").set_value(2).run()
    at.button(key="net_use").click().run()
    assert refs.find(at.session_state["net new"], Store()).spec.norm_groups == 2
