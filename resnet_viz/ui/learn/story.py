"""The story in five pictures, from what ships with the app; each opens the page on which one does it oneself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from resnet_viz.figures import learn as figures
from resnet_viz.figures import lesion, lesion_record
from resnet_viz.figures.gradients import at_block_1, start
from resnet_viz.figures.overlay import Look
from resnet_viz.figures.saliency import twin_maps
from resnet_viz.figures.shattering import curves
from resnet_viz.language import tr
from resnet_viz.nets import refs
from resnet_viz.runs.layout import layout_of
from resnet_viz.ui import live
from resnet_viz.ui.explain import view as explain
from resnet_viz.ui.frame import chart
from resnet_viz.ui.labs import gradients, lesions
from resnet_viz.ui.learn.steps import SAMPLE, Walk, photo
from resnet_viz.ui.say import plain
from resnet_viz.words import gradients as gradient_words
from resnet_viz.words import learn as words
from resnet_viz.words import lessons

DATA, SHALLOW, DEEP = "cifar10", 20, 56


def _begin(key: str, number: int) -> None:
    title, text = lessons.STORY[key]
    st.header(f"{number}. {tr(title)}", anchor=False)
    st.markdown(tr(text))


def _end(key: str, said: str, page: str, query: Mapping[str, str]) -> None:
    st.markdown(f"**{plain(said)}**")
    if st.button(
        tr("Do this yourself"),
        key=f"learn_go_{key}",
        help=tr("Opens {page}, set up.", page=tr(page.capitalize())),
    ):
        st.switch_page(f"pages/{page}.py", query_params=dict(query))


def training_errors() -> None:
    """He 2015's figure 1: training error of a shallow and a deep net."""
    _begin("curves", 1)
    records = [record for depth in (SHALLOW, DEEP) for record in live.recorded(f"{DATA}-{depth}")[:2]]
    chart(figures.training_errors(records), "learn_errors", 300)
    last, found = figures.errors(records)
    _end("curves", words.errors(found, last), "twins", {"recorded": f"{DATA}-{DEEP}"})


def fan() -> None:
    """The gradient of the recorded twins at their first step."""
    _begin("fan", 2)
    norms = [(r, *r.get("grad_block")) for r in live.recorded()[:2]]
    records = [replace(r, series={"grad_block": (steps[:1], values[:1])}) for r, steps, values in norms]
    chart(start(records), "learn_fan", 380, wide=True)
    _end("fan", gradient_words.says_fan(DEEP, at_block_1(records)), "gradients", {"view": "Fan"})


def shattering() -> None:
    """The gradient over a scalar input, at three depths."""
    _begin("shattering", 3)
    kinds, depths = ("residual_bn", "plain"), (2, 10, 50)
    shown = {(kind, depth): gradients.curve(kind, depth, 0) for kind in kinds for depth in depths}
    chart(curves(shown), "learn_curves", 250)
    r = {kind: shown[kind, depths[-1]][2] for kind in kinds}
    _end("shattering", words.shattered(depths[-1], r["residual_bn"], r["plain"]), "gradients", {"view": "Shattering"})


def one_block() -> None:
    """What is left without one block."""
    _begin("lesion", 4)
    sources = [refs.find(f"shipped:{DATA}-{kind}-{SHALLOW}", live.store()) for kind in ("residual", "plain")]
    record, _ = lesions.known(sources, None)
    read = lesion_record.read(record, [(s.spec.called, layout_of(s.spec)) for s in sources])
    chart(lesion.singles(read, sources[0].spec.classes), "learn_lesion", 400, wide=True)
    said = lesions.sentence(lesions.VIEWS[0], read, lesions.counted(record))
    _end("lesion", said, "lesions", {"lesion_net": sources[0].ref})


def grad_cam(walk: Walk) -> None:
    """Grad-CAM of the shipped twins for the same image."""
    _begin("gradcam", 5)
    from resnet_viz.attribution.attribute import default_layer

    views = explain.views_of(walk.network, photo(SAMPLE))
    question = explain.Question(walk.target, None, default_layer(walk.network.spec))
    case = explain.Case(views, question, {"gradcam": {}}, lambda _: Look(), SAMPLE, walk.target)
    raws = explain.raw_maps(case, ["gradcam"])["gradcam"]
    panels = [explain.panel(case, v, "gradcam", raw) for v, raw in zip(views, raws, strict=True)]
    chart(
        twin_maps(views[0].seen, panels, Look(), tr("Grad-CAM for {name}", name=SAMPLE)),
        "learn_gradcam",
        300,
        wide=True,
    )
    _end("gradcam", explain.sentence(case, raws), "explain", {"image": "sample"})


def story(walk: Walk) -> None:
    """All five pictures, one under the other."""
    training_errors()
    fan()
    shattering()
    one_block()
    grad_cam(walk)
