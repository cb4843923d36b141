"""Explain: which pixels speak for a class, in a network and in its twin, and whether to trust the map."""

import streamlit as st

from resnet_viz.errors import UserError
from resnet_viz.figures.saliency import maps, twin_maps
from resnet_viz.nets import refs
from resnet_viz.ui import choose
from resnet_viz.ui.explain import controls as explain_controls
from resnet_viz.ui.explain import more as explain_more
from resnet_viz.ui.explain import view as explain
from resnet_viz.ui.explain.trust import trust_tab
from resnet_viz.ui.explain.view import Case
from resnet_viz.ui.frame import chart, frame

frame("Explain")
headline = st.empty()
left, right = st.columns([0.77, 0.23], gap="medium")


def say(sentence: str, aside: str = "") -> None:
    """The page's answer, first and large."""
    headline.html(f'<h1 role="status">{sentence} <small>{aside}</small></h1>')


def asked() -> Case:
    """The right column: which net, which image, which class, which methods, and how it is drawn."""
    source = choose.choose_network("net")
    explain_controls.name_classes(source)
    chosen = choose.choose_image("image", source)
    try:
        views = explain.views_of(source, chosen.image)
    except UserError as error:
        st.error(str(error))
        views = explain.views_of(refs.shipped()[0], chosen.image)
    question, wanted, look = (
        explain_controls.ask(views),
        explain_controls.choose_methods(),
        explain_controls.choose_look(),
    )
    return Case(views, question, wanted, look, chosen.name, chosen.label)


def chart_g(case: Case) -> dict:
    """The first method: what the net sees | residual | plain | difference. Returns its raw maps."""
    found = explain.raw_maps(case, [case.lead])
    say(explain.sentence(case, found[case.lead]), f"One image: {case.image}.")
    if strange := explain.unlike(case):
        st.warning(strange)
    panels = [explain.panel(case, v, case.lead, raw) for v, raw in zip(case.views, found[case.lead], strict=True)]
    look, title = case.look(case.lead), f"{explain.methods()[case.lead].label} for {case.target}"
    span = "−1 to 1" if look.view == "signed" else "0 to 1"
    hint = f"Each map {span} by its own maximum. Hatched border: a wrong guess."
    chart(twin_maps(case.views[0].seen, panels, look, title, hint), "twins", 318, wide=True)
    return found


def other_methods(case: Case) -> dict:
    """The other methods, a pair each. Returns their raw maps."""
    rest = list(case.wanted)[1:]
    found = explain.raw_maps(case, rest)
    if rest:
        panels = [
            explain.panel(case, v, key, raw, title=explain.methods()[key].label.replace(" ", "\n", 1), brief=True)
            for key in rest
            for v, raw in zip(case.views, found[key], strict=True)
        ]
        title, hint = "The same question, other methods", "● residual, □ plain."
        drawing = maps(case.views[0].seen, panels, case.look(rest[0]), title, hint)
        chart(drawing, "others", 270 * -(-len(panels) // 4), wide=True)
    return found


def beneath(case: Case, raws: dict) -> None:
    """The tabs: only the one in view is worked out."""
    tabs = {
        "Every block": lambda: explain_more.every_block(case),
        "Over training": lambda: explain_more.over_training(case),
        "Can you trust it?": lambda: trust_tab(case, raws),
        "Guesses": lambda: explain_more.guesses(case),
        "Many images": lambda: explain_more.many(case),
    }
    for tab, draw in zip(st.tabs(list(tabs), on_change="rerun", key="beneath"), tabs.values(), strict=True):
        if tab.open:
            with tab:
                draw()


say("Looking at a image with two nets …")
with right, st.container(key="controls"):
    case = asked()
with left:
    raws = chart_g(case) | other_methods(case)
    explain_more.downloads(case, raws)
    beneath(case, raws)
