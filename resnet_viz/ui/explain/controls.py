"""Explain's controls: which class, which methods with which parameters, and how their maps are laid over the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from resnet_viz.figures.overlay import SCALES, VIEWS, Look
from resnet_viz.language import N_, tr
from resnet_viz.ui.explain.view import Question, Values, View, block_name, methods
from resnet_viz.ui.link import by_link, link
from resnet_viz.ui.say import misread, plain

USUAL = N_("as published")
NO_CLASS = -1  # not None: Streamlit lets a selectbox be emptied once its value has been None


def name_classes(classes: Sequence[str]) -> None:
    """What the net can say at all, before anybody brings an image of something else."""
    names = f"{', '.join(classes[:12])}{' …' * (len(classes) > 12)}"
    st.caption(
        plain(
            tr(
                "It knows {classes:,} classes: {names}. Whatever you show it, it will say one of them.",
                classes=len(classes),
                names=names,
            )
        )
    )


def ask(views: Sequence[View]) -> Question:
    """Which class, less which, at which block: the same for every net."""
    from resnet_viz.attribution.attribute import default_layer, layers

    first, spec = views[0], views[0].source.spec
    names = dict(enumerate(first.classes))
    usual = tr(
        "what {name} says", name=first.name
    )  # not which class: browsers keep an option's old label when its text changes
    # None of these keys is shared by nets of other classes: a class chosen for one would mean another in the next.
    which = f"{spec.classes} {first.classes[0]}"
    numbers = {name: number for number, name in names.items()}
    by_link("class", f"target {which}", numbers, usual)
    chosen = st.selectbox(
        tr("Class to explain"),
        [NO_CLASS, *names],
        format_func=lambda n: names.get(n, usual),
        key=f"target {which}",
    )
    with st.popover(tr("Class minus class, block"), width="stretch"):
        by_link("minus", f"minus {which}", numbers, tr("nothing"))
        minus = st.selectbox(
            tr("Minus class"), [NO_CLASS, *names], format_func=lambda n: names.get(n, tr("nothing")), key=f"minus {which}",
            help=tr("What speaks for the one class rather than for the other: the difference of their logits."),
        )  # fmt: skip
        cells = layers(spec)
        by_link(
            "layer",
            f"layer {spec.family} {spec.depth} {spec.size}",
            {name: name for name in cells},
            default_layer(spec),
        )
        layer = st.selectbox(
            tr("Block that Grad-CAM looks at"), list(cells), list(cells).index(default_layer(spec)),
            lambda name: tr("{block}, {n}×{n} cells", block=block_name(spec, name), n=cells[name]),
            key=f"layer {spec.family} {spec.depth} {spec.size}",
            help=tr("Usually the last block with at least 4×4 cells."),
        )  # fmt: skip
    link("class", names.get(chosen, ""), "")
    link("minus", names.get(minus, ""), "")
    link("layer", layer, default_layer(spec))
    target = first.guess if chosen == NO_CLASS else chosen
    if minus == target:
        alone = tr(
            "{minus} minus itself is 0 everywhere; explaining {target} alone.", minus=names[minus], target=names[target]
        )
        st.caption(plain(alone))
        minus = NO_CLASS
    return Question(target, None if minus == NO_CLASS else minus, layer, chosen == NO_CLASS)


def choose_methods() -> dict[str, Values]:
    """The methods to show, in the table's order, each with the values of its parameters; Grad-CAM where none is ticked."""
    table = methods()
    front = [key for key, method in table.items() if method.front]
    asked = st.query_params.get("methods", "")
    if asked and asked != st.session_state.get("methods in the URL"):
        known = [key for key in table if key in asked.split(",")]
        st.session_state.update({"methods": known, "added methods": known})
        if len(known) < len(asked.split(",")):
            misread("methods", asked, ", ".join(table[key].label for key in known or ["gradcam"]))
    chips = [key for key in table if key in front or key in st.session_state.get("added methods", ())]
    label = lambda key: table[key].label  # noqa: E731
    ticked = st.pills(tr("Methods"), chips, selection_mode="multi", default=front, format_func=label, key="methods")
    with st.popover(tr("More methods, parameters"), width="stretch"):
        rest = [key for key in table if key not in chips]
        if rest:
            st.pills(
                tr("More methods"),
                rest,
                selection_mode="multi",
                format_func=label,
                key="more methods",
                on_change=_add_methods,
            )
        chosen = [key for key in table if key in ticked] or ["gradcam"]
        link("methods", ",".join(chosen), ",".join(front))
        values = {key: {p.name: _slider(key, p) for p in table[key].parameters} for key in chosen}
        for key in chosen:
            st.caption(
                tr(
                    "**{label}**: {paper}. Costs {cost}.",
                    label=table[key].label,
                    paper=table[key].paper,
                    cost=tr(table[key].cost),
                )
            )
    return values


def _add_methods() -> None:
    """Methods that were ticked behind the button stand among the others from now on, ticked."""
    more = st.session_state["more methods"]
    for key in ("added methods", "methods"):
        st.session_state[key] = [*st.session_state.get(key, ()), *more]
    st.session_state["more methods"] = []


def _slider(method: str, p: Any) -> float:
    label, key = f"{methods()[method].label}: {tr(p.label)}", f"{method} {p.name}"
    if p.high - p.low > 1000 * p.step:
        return st.number_input(label, p.low, p.high, p.default, p.step, key=key)
    return st.slider(label, p.low, p.high, p.default, p.step, key=key)


def choose_look() -> Callable[[str], Look]:
    """How maps are laid over the image, as a function of the method: as published means Grad-CAM's positive part alone."""
    with st.popover(tr("Overlay"), width="stretch"):
        opacity = st.slider(tr("Opacity"), 0.0, 1.0, 0.5, 0.05, key="opacity")
        scale = st.segmented_control(
            tr("Colours"), list(SCALES), format_func=tr, default=next(iter(SCALES)), key="scale", required=True
        )
        view = st.segmented_control(
            tr("Values"), [USUAL, *VIEWS], default=USUAL, key="values", required=True,
            format_func=lambda v: tr(VIEWS.get(v, USUAL)),
            help=tr("As published: of Grad-CAM the positive part (its ReLU), of the others both signs."),
        )  # fmt: skip
    return lambda method: Look(
        view if view != USUAL else "positive" if method == "gradcam" else "signed", scale, opacity
    )
