"""Explain: which pixels speak for a class, in a network and in its twin, and whether to trust the map."""

import streamlit as st

from resnet_viz import networks
from resnet_viz.figures.saliency import maps, twin_maps
from resnet_viz.networks import NetworkError
from resnet_viz.pictures import PictureError
from resnet_viz.ui import choose, explain, live
from resnet_viz.ui.frame import chart, frame

frame("Explain")
headline = st.empty()
left, right = st.columns([0.77, 0.23], gap="medium")


def say(sentence: str, aside: str = "") -> None:
    """The page's answer, first and large."""
    headline.html(f'<h1 role="status">{sentence} <small>{aside}</small></h1>')


def looked_at(source, chosen) -> list[explain.View]:
    """The net's view of the picture and its twin's, the residual one first."""
    twin = networks.twin(source, live.store())
    found = [explain.view(net, chosen.picture) for net in (source, twin) if net]
    return sorted(found, key=lambda view: not view.source.spec.residual)


def side_by_side() -> None:
    """Chart G for the first method, then the other methods in pairs; and the files of all that."""
    lead, *rest = wanted
    label, target = table[lead].label, question.words(views[0].classes)
    first = explain.all_maps(views, {lead: wanted[lead]}, question)[lead]
    correlation = explain.agreement(*first) if len(first) == 2 else float("nan")
    say(explain.sentence(views, question, label, correlation), f"One picture: {chosen.name}.")

    panels = [
        explain.panel(*both, lead, question, look(lead), truth=chosen.label) for both in zip(views, first, strict=True)
    ]
    hint = "Each map from 0 to 1, by its own maximum; a hatched border: a wrong guess."
    chart(twin_maps(views[0].seen, panels, look(lead), f"{label} for {target}", hint), "twins", 318)

    raws = {lead: first} | explain.all_maps(views, {key: wanted[key] for key in rest}, question)
    if rest:
        others = [
            explain.panel(view, raw, key, question, look(key), title=table[key].label, brief=True)
            for key in rest
            for view, raw in zip(views, raws[key], strict=True)
        ]
        rows = -(-len(others) // 4)
        title = "The same question, other methods"
        chart(
            maps(views[0].seen, others, look(rest[0]), title, "●, blue: residual; □, red: plain."), "others", 300 * rows
        )
    about = explain.about(views, question, wanted, chosen.name)
    with st.container(horizontal=True):
        picture = lambda: explain.png(views, raws, question, look, about)  # noqa: E731
        st.download_button("Pictures (PNG)", picture, "maps.png", "image/png", key="png")
        raw = lambda: explain.npz(views, raws, about)  # noqa: E731
        st.download_button("Raw maps (NPZ)", raw, "maps.npz", "application/octet-stream", key="npz")


def beneath() -> None:
    """The tabs: only the one in view is worked out."""
    lead, classes = next(iter(wanted)), views[0].classes
    names = ["Every block", "Over training", "Guesses", "Many pictures"]
    blocks, training, guesses, many = st.tabs(names, on_change="rerun", key="below")
    if blocks.open:
        with blocks:
            for view in views:
                panels = explain.strip(view, question, look("gradcam"))
                title = f"Grad-CAM for {question.words(classes)} at every block of {view.name}"
                chart(maps(view.seen, panels, look("gradcam"), title, columns=9), view.name, 190 * -(-len(panels) // 9))
    if training.open:
        with training:
            for view in views:
                panels = explain.over_training(view, question, look(lead), lead, wanted[lead])
                title = f"{table[lead].label} for {question.words(classes)} while {view.name} was trained"
                chart(maps(view.seen, panels, look(lead), title, columns=9), f"{view.name} over training", 190)
    if guesses.open:
        with guesses:
            explain.guesses(views, question)
    if many.open:
        with many:
            explain.many(views, question, lead, wanted[lead], look(lead))


say("Looking …")
with right, st.container(key="controls"):
    source = choose.choose_network("net")
    explain.name_classes(source)
    chosen = choose.choose_picture("picture", source)
    try:
        views = looked_at(source, chosen)
    except (NetworkError, PictureError) as error:
        st.error(str(error))
        views = looked_at(networks.shipped()[0], chosen)
    table = explain.methods()
    question = explain.ask(views)
    wanted = explain.choose_methods()
    look = explain.choose_look()
with left:
    side_by_side()
    beneath()
