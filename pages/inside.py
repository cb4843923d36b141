"""Inside: a network's feature maps for an image, and how a block adds to what it is given."""

import streamlit as st

from resnet_viz.errors import UserError
from resnet_viz.figures import maps
from resnet_viz.figures.triptych import network as drawn_network
from resnet_viz.language import N_, tr
from resnet_viz.nets import refs
from resnet_viz.ui import choose, foreign, live
from resnet_viz.ui.frame import chart, frame
from resnet_viz.ui.inside import charts
from resnet_viz.ui.inside import view as inside
from resnet_viz.ui.say import plain, say


def draw_network(alpha: float) -> None:
    """The net to click in, and what it says with the chosen block's F(x) counted ``alpha`` times."""
    guess = view.guesses(inside.triptych(view, number, alpha).logits if number else None)[0]
    drawing = drawn_network(view.source.spec, view.survey.shares.numpy(), number, guess)
    go = inside.went("network", "block")
    chart(drawing, "network", 172, charts.term("network"), True, on_select=go, selection_mode="points")


def draw_block() -> float:
    """The sum of the chosen block, α, and what the net then guesses. Returns α."""
    with st.container(key="stack_block"):
        main, side = st.columns([0.74, 0.26], gap="medium")
    with side:
        alpha = inside.choose_alpha(view, number) if number else 1.0
        charts.draw_guesses(view, number, alpha)
    with main:
        if number:
            charts.draw_triptych(view, number, channel if inside.whole(part) else None, alpha, scale)
        else:
            charts.draw_kernels(view, scale, "stem")
    return alpha


def draw_layer() -> None:
    """All channels, and the chosen one enlarged."""
    with st.container(key="stack_layer"):  # side by side where there is room: see the frame's style
        every, one = st.columns([0.8, 0.2])
    with every:
        go = inside.went("channels", "channel")
        charts.draw_channels(view, number, part, scale, own, "channels", channel, on_select=go, selection_mode="points")
    with one:
        last = len(inside.layer(view, number, part)) - 1
        st.number_input(tr("Channel"), 0, last, key="channel", persist_state="session")
        title = tr("Channel {channel}", channel=channel)
        drawing = maps.enlarged(inside.layer(view, number, part)[channel], title, scale)
        chart(drawing, "enlarged", 190)


def draw_twins() -> None:
    """The same block and layer of the net and of its twin."""
    twin = refs.twin(view.source, live.store())
    if twin is None:
        st.info(tr("This network has no twin here: the nets that ship have one, and those trained on Twins as a pair."))
        return
    try:
        both = sorted([view, inside.look(choose.network(twin), chosen)], key=lambda v: not v.source.spec.residual)
    except UserError as error:
        st.info(plain(str(error)))
        return
    with st.container(key="stack_twins"):
        columns = st.columns(2, gap="medium")
    for column, one in zip(columns, both, strict=True):
        name = one.source.spec.called
        with column:
            st.markdown(tr("**{name}** says {says}", name=name, says=plain(one.says())))
            if number:
                charts.draw_triptych(one, number, None, 1.0, scale, f"triptych of {name}", 140)
            charts.draw_channels(one, number, part, scale, own, f"channels of {name}", columns=8)


with frame("Inside"):
    headline = st.empty()
    left, right = st.columns([0.77, 0.23], gap="medium")
    say(tr("Looking …"), place=headline)
    with right, st.container(key="controls"):
        network = choose.choose_loaded("net")
        chosen = choose.choose_image("image", network)
        view = inside.look(network, chosen)
        number = inside.choose_block(view)
        st.caption(tr("What the net sees: {size}×{size}", size=view.source.spec.size))
        st.image(inside.pixels(view), width=128, alt=tr("{name}, as the net sees it", name=chosen.name))
    with left:
        foreign.warn(view)
        whole, block = st.container(), st.container()
        part, scale, own = inside.choose_layer(view, number)
        channel = inside.channel_of(view, number, part)
        with block:
            alpha = draw_block()
        with whole:
            draw_network(alpha)
        if alpha != 1:
            st.caption(tr("The network's bars and all that stands below are at α = 1."))
        tabs = {
            N_("Channels"): draw_layer,
            N_("Plain beside residual"): draw_twins,
            N_("Over training"): lambda: charts.draw_over_training(view, chosen, number, part, channel, scale, own),
            N_("Most excited by"): lambda: charts.draw_top(view, number, channel),
            N_("Kernels"): lambda: charts.draw_kernels(view, scale),
        }
        for tab, draw in zip(
            st.tabs([tr(label) for label in tabs], on_change="rerun", key="below"), tabs.values(), strict=True
        ):
            if tab.open:
                with tab:
                    draw()
    say(charts.sentence(view, number, alpha), f"{view.source.label}; {chosen.name}.", headline)
