"""Explain: which pixels speak for a class, in a network and in its twin, and whether to trust the map."""

import streamlit as st

from resnet_viz.figures.saliency import maps, twin_maps
from resnet_viz.language import N_, tr
from resnet_viz.ui import choose, foreign
from resnet_viz.ui.explain import controls, more
from resnet_viz.ui.explain import view as explain
from resnet_viz.ui.explain.trust import trust_tab
from resnet_viz.ui.explain.view import Case
from resnet_viz.ui.frame import chart, frame
from resnet_viz.ui.say import say


def asked() -> Case:
    """The right column: which net, which image, which class, which methods, and how it is drawn."""
    network = choose.choose_loaded("net")
    controls.name_classes(network.classes)
    chosen = choose.choose_image("image", network)
    views = explain.views_of(network, chosen)
    question, wanted, look = controls.ask(views), controls.choose_methods(), controls.choose_look()
    return Case(views, question, wanted, look, chosen.name, chosen.label)


def twins(case: Case) -> dict:
    """The first method: what the net sees | residual | plain | difference. Returns its raw maps by method."""
    raws = explain.raw_maps(case, [case.lead])
    say(explain.sentence(case, raws[case.lead]), tr("One image: {image}.", image=case.image), headline)
    foreign.warn(case.views[0])
    panels = [explain.panel(case, v, case.lead, raw) for v, raw in zip(case.views, raws[case.lead], strict=True)]
    look, title = (
        case.look(case.lead),
        tr("{method} for {target}", method=explain.methods()[case.lead].label, target=case.target),
    )
    span = tr("−1 to 1") if look.view == "signed" else tr("0 to 1")
    hint = tr("Each map {span} by its own maximum.", span=span) + tr(" Hatched border: a wrong guess.") * (
        case.truth is not None
    )
    chart(twin_maps(case.views[0].seen, panels, look, title, hint), "twins", 318, wide=True)
    return raws


def other_methods(case: Case) -> dict:
    """The other methods, a pair each. Returns their raw maps by method."""
    rest = list(case.wanted)[1:]
    raws = explain.raw_maps(case, rest)
    if rest:
        panels = [
            explain.panel(case, v, key, raw, title=explain.methods()[key].label.replace(" ", "\n", 1), brief=True)
            for key in rest
            for v, raw in zip(case.views, raws[key], strict=True)
        ]
        title, hint = tr("The same question, other methods"), tr("● residual, □ plain.")
        drawing = maps(case.views[0].seen, panels, case.look(rest[0]), title, hint)
        chart(drawing, "others", 270 * -(-len(panels) // 4), wide=True)
    return raws


def beneath(case: Case, raws: dict) -> None:
    """The tabs: only the one in view is worked out."""
    tabs = {
        N_("Every block"): lambda: more.every_block(case),
        N_("Over training"): lambda: more.over_training(case),
        N_("Can you trust it?"): lambda: trust_tab(case, raws),
        N_("Guesses"): lambda: more.guesses(case),
        N_("Many images"): lambda: more.many(case),
    }
    for tab, draw in zip(
        st.tabs([tr(label) for label in tabs], on_change="rerun", key="beneath"), tabs.values(), strict=True
    ):
        if tab.open:
            with tab:
                draw()


with frame("Explain"):
    headline = st.empty()
    left, right = st.columns([0.77, 0.23], gap="medium")
    say(tr("Looking at an image with two nets …"), place=headline)
    with right, st.container(key="controls"):
        case = asked()
    with left:
        raws = twins(case) | other_methods(case)
        more.downloads(case, raws)
        beneath(case, raws)
