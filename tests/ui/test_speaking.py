"""In which language a page speaks: the link's, the switch's, else the browser's; a session's choice is its own."""

from resnet_viz.language import speaking
from tests.apps import unrun


def lead(at) -> str:
    return next(e.proto.body for e in at.get("html") if "rv-lead" in e.proto.body)


def test_a_page_speaks_as_its_link_and_its_switch_say() -> None:
    at = unrun("runs")
    at.query_params["lang"] = "zh"
    at.run()
    assert "运行记录" in lead(at)
    assert "保存在这里的训练" in lead(at)
    at.selectbox(key="lang").set_value("en").run()
    assert "The trainings that are kept here" in lead(at)
    assert "lang" not in at.query_params  # as the browser has it
    at.selectbox(key="lang").set_value("zh").run()
    assert "zh" in at.query_params["lang"]
    assert "The trainings that are kept here" in lead(unrun("runs").run())


def test_a_language_that_there_is_not_is_passed_over() -> None:
    at = unrun("runs")
    at.query_params["lang"] = "xx"
    at.run()
    assert "The trainings that are kept here" in lead(at)
    assert not at.exception


def test_the_form_keeps_its_values_and_the_language() -> None:
    at = unrun("twins")
    at.query_params["lang"] = "zh"
    at.query_params["depth"] = "20"
    at.run()
    assert at.session_state["depth"] == 20
    assert "zh" in at.query_params["lang"]
    with speaking("zh"):  # the test's own thread names choices by their labels, as a browser does
        at.selectbox(key="norm").set_value("group").run()
        assert "zh" in at.query_params["lang"]
        assert (at.session_state["depth"], at.session_state["norm"]) == (20, "group")
        at.selectbox(key="lang").set_value("en").run()
    at.number_input(key="epochs").set_value(3).run()
    assert (at.session_state["depth"], at.session_state["norm"], at.session_state["epochs"]) == (20, "group", 3)
