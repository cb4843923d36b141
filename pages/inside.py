"""Inside: a network's feature maps for a picture, and how a block adds to what it is given."""

import streamlit as st

from resnet_viz import networks
from resnet_viz.figures import maps
from resnet_viz.figures.overlay import SCALES
from resnet_viz.networks import NetworkError, called
from resnet_viz.pictures import PictureError
from resnet_viz.ui import choose, inside, live
from resnet_viz.ui.frame import chart, frame

frame("Inside")
headline = st.empty()
left, right = st.columns([0.77, 0.23], gap="medium")


def say(sentence: str, aside: str = "") -> None:
    """The page's answer, first and large."""
    headline.html(f'<h1 role="status">{sentence} <small>{aside}</small></h1>')


def draw_network() -> None:
    """The net to click in."""
    drawing = maps.network(view.source.spec, view.survey.shares.numpy(), number, view.says().replace(", ", " "))
    chart(drawing, "network", 190, on_select=inside.went("network", "block"), selection_mode="points")


def draw_channels(view: inside.View, key: str, columns: int = maps.COLUMNS) -> None:
    """The channels of the layer that is looked at, strongest first."""
    found = inside.layer(view, number, part)
    order, strengths = inside.ranked(found)
    shown = order[: inside.SHOWN]
    mark = channel if key == "channels" else None
    drawing = maps.channels(found, shown, strengths, mark, scale, own, columns, title(view, len(shown), len(order)))
    rows = -(-len(shown) // columns)
    chart(drawing, key, 30 + 84 * rows, on_select=inside.went(key, "channel"), selection_mode="points")


def title(view: inside.View, shown: int, count: int) -> str:
    where = "The stem" if number == 0 else f"Block {number}, {inside.parts(view, number)[part]}"
    return f"{called(view.source.spec)}: {where}, " + (
        f"{shown} of {count} channels" if shown < count else f"{count} channels"
    )


say("Looking …")
with right, st.container(key="controls"):
    source = choose.choose_network("net")
    chosen = choose.choose_picture("picture", source)
    try:
        view = inside.view(source, chosen.picture)
    except (NetworkError, PictureError) as error:
        st.error(str(error))
        view = inside.view(networks.shipped()[0], chosen.picture)
    number = inside.choose_block(view)
    alpha = 1.0
    if number:
        alpha = st.slider("α: the sum is x + α·F(x)", 0.0, 2.0, 1.0, 0.05, key="alpha")
    after = inside.triptych(view, number, alpha).logits if number else None
    guessed = view.guesses(after)
    before = dict(zip(view.classes, view.survey.logits.softmax(0).tolist(), strict=True))
    chart(maps.guesses(guessed, [before[name] for name, _ in guessed], maps.colour(view.source.spec)), "guesses", 150)
    st.image(view.seen if view.seen.shape[2] == 3 else view.seen[..., 0], "What the net sees", width=128)
    labels = inside.parts(view, number)
    if st.session_state.get("part") not in labels:
        st.session_state["part"] = "out"
    part = st.segmented_control("Layer", list(labels), format_func=labels.get, key="part", required=True)
    scale = st.selectbox("Colours", list(SCALES), key="scale")
    own = st.toggle("Each channel on its own scale", key="own")

order, _ = inside.ranked(inside.layer(view, number, part))
if st.session_state.get("channel", -1) not in order:
    st.session_state["channel"] = order[0]
channel = st.session_state["channel"]
say(inside.sentence(view, number, alpha), f"{called(view.source.spec)}, {chosen.name}.")

with left:
    draw_network()
    if number:
        inside.draw_triptych(view, number, channel, alpha, scale)
    tabs = ["Channels", "Plain beside residual", "Over training", "Most excited by", "Kernels"]
    channels, twins, training, top, kernels = st.tabs(tabs, on_change="rerun", key="below")
    if channels.open:
        with channels:
            draw_channels(view, "channels")
    if twins.open:
        with twins:
            twin = networks.twin(view.source, live.store())
            if twin is None:
                st.info(
                    "This network has no twin here: the nets that ship have one, and those trained on Twins as a pair."
                )
            else:
                both = sorted([view, inside.view(twin, chosen.picture)], key=lambda v: not v.source.spec.residual)
                for column, one in zip(st.columns(2), both, strict=True):
                    with column:
                        st.markdown(f"**{called(one.source.spec)}** says {one.says()}")
                        draw_channels(one, f"channels of {called(one.source.spec)}", 8)
    if training.open:
        with training:
            inside.draw_over_training(view, chosen.picture, number, part, channel, scale)
    if top.open:
        with top:
            inside.draw_top(view, number, channel)
    if kernels.open:
        with kernels:
            chart(maps.kernels(inside.kernels(view), scale), "kernels", 200)
