"""Whether an image is unlike those that a network was trained on: Inside and Explain warn where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from resnet_viz.errors import UserError
from resnet_viz.nets import refs
from resnet_viz.ui import choose, live
from resnet_viz.ui.say import plain
from resnet_viz.ui.seen import Seen
from resnet_viz.words import saliency as words

if TYPE_CHECKING:
    from resnet_viz.nets.weights import Network


def warn(view: Seen) -> None:
    """Say that what a network sees is unlike its training data, where it is; nothing where it can't tell.

    For a plain net its residual twin says, where there is one: to a plain net of 56 layers every third test image is unlike the
    others.
    """
    from resnet_viz.attribution.familiar import LIMIT

    network = view.network
    try:
        if not network.spec.residual and (twin := refs.twin(view.source, live.store())):
            network = choose.network(twin)
    except UserError:  # its weights are gone: the plain net is all there is
        pass
    strange = _strangeness(network.source.ref, network.source.step, view.digest, network, view.seen)
    limit = network.source.unlike or LIMIT
    if strange > limit:
        st.warning(plain(words.unlike(network.spec.called, strange, limit)))


@st.cache_data(show_spinner=False, max_entries=200)
def _strangeness(ref: str, step: int, digest: str, _network: Network, _seen: np.ndarray) -> float:
    from resnet_viz.attribution.familiar import strangeness

    return float(strangeness(_network.model, _network.prepare(_seen[None]))[0])
