"""Twins' form, chart and link agree: what differs is said, a link carries the whole setting, and what it can't carry is said."""

from streamlit.testing.v1 import AppTest

from resnet_viz.runs.store import Store
from resnet_viz.spec.values import DEFAULTS, to_link
from resnet_viz.ui import controls
from tests.apps import headline, unrun


def said(at: AppTest) -> str:
    return " ".join(e.value for e in (*at.caption, *at.error))


def link_of(at: AppTest) -> dict[str, str]:
    return {key: value if isinstance(value, str) else value[0] for key, value in at.query_params.items()}


def opened(**query: str) -> AppTest:
    at = unrun("twins")
    for key, text in query.items():
        at.query_params[key] = text
    return at.run()


def test_a_link_sets_the_form_and_stays_as_it_is() -> None:
    query = {"depth": "20", "lr": "0.1", "no_skip": "3.9", "norm": "group", "reestimate_bn": "false", "seed": "7"}
    at = opened(**query)
    assert not at.error
    assert link_of(at) == query
    values = {key: at.session_state[key] for key in DEFAULTS}
    assert to_link(values) == query


def test_every_control_that_is_moved_stands_in_the_link() -> None:
    at = opened()
    at.number_input(key="epochs").set_value(3).run()
    at.selectbox(key="optimizer").set_value("adam").run()
    at.toggle(key="reestimate_bn").set_value(False).run()
    assert link_of(at) == {
        "epochs": "3", "optimizer": "adam", "reestimate_bn": "false",
    }  # fmt: skip


def test_what_a_link_can_not_set_is_said_and_the_rest_is_set() -> None:
    at = opened(depth="20", epochs="many", norm="layer", lr="-1")
    assert [e.value.count("Of the link") for e in at.error] == [1, 1, 1]
    assert at.session_state["depth"] == 20
    assert at.session_state["epochs"] == DEFAULTS["epochs"]
    assert not at.button(key="train").disabled


def test_a_link_to_a_data_set_that_is_not_here_says_so() -> None:
    at = opened(data="own:" + "a" * 64)
    assert "is not on this machine" in said(at)
    assert at.session_state["data"] == "digits"


def test_a_link_to_runs_that_are_not_here_says_so_and_names_what_is_shown_instead() -> None:
    at = opened(show="12345678")
    assert "not on this server, or" in headline(at)
    assert "Recorded: Digits" in headline(at)
    assert "Test accuracy" not in headline(at)


def test_a_form_that_differs_from_what_is_shown_says_in_what_and_can_be_set_to_it() -> None:
    at = opened()
    assert "Not what is shown" not in said(at)
    at.number_input(key="lr").set_value(0.5).run()
    assert r"Not what is shown: Learning rate 0.5 (shown: 0.05)" in said(at).replace("\\", "")
    at.button(key="take_over").click().run()
    assert at.session_state["lr"] == 0.05
    assert "Not what is shown" not in said(at)


def test_a_recording_of_just_what_the_form_is_set_to_is_shown_at_once() -> None:
    at = opened()
    at.pills(key="preset").set_value("Depth 20").run()
    assert "Recorded: Digits 8×8, 20 layers" in headline(at)
    assert "Not what is shown" not in said(at)
    assert controls.PRESETS["Depth 20"][0] in said(at)


def test_a_presets_light_goes_out_when_its_settings_change() -> None:
    at = opened()
    at.pills(key="preset").set_value("Depth 20").run()
    at.number_input(key="epochs").set_value(3).run()
    assert at.session_state["preset"] is None
    assert controls.PRESETS["Depth 20"][0] not in said(at)
    assert at.session_state["depth"] == 20


def test_runs_that_are_shown_are_compared_without_what_a_machine_decides() -> None:
    at = opened(depth="8", epochs="1")
    at.button(key="train").click().run()
    assert link_of(at)["show"] == Store().runs()[0].group
    assert "Not what is shown" not in said(at)
    at.selectbox(key="dtype").set_value("float32").run()
    assert "Not what is shown" not in said(at)
    at.number_input(key="seed").set_value(4).run()
    assert "Seed 4 (shown: 0)" in said(at).replace("\\", "")


def test_a_skip_of_a_block_that_the_forms_net_has_not_is_not_switched_off() -> None:
    at = opened(depth="8")
    at.session_state["no_skip"] = ""

    def script() -> None:
        from resnet_viz.ui import controls

        controls.toggle_skip(24)
        controls.toggle_skip(2)

    inner = AppTest.from_function(script)
    inner.session_state["depth"] = 8
    inner.run()
    assert inner.session_state["no_skip"] == "2"
    assert "has 3 blocks, and no block 24" in inner.session_state["complaint"]
