"""Networks that the server keeps for all its visitors, as far as their weights take no more than a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING

import streamlit as st

from resnet_viz.nets.refs import Source

if TYPE_CHECKING:
    from resnet_viz.nets.weights import Network  # and torch with it

KEPT = 256e6  # bytes of networks; the largest of torchvision's takes 240 MB


def network(source: Source) -> Network:
    """The network of a source, ready to be asked. Imports torch. Raises NetworkError.

    The latest are kept for everybody, as far as they take KEPT bytes together.
    """
    stamp = source.path.stat().st_mtime if source.path and source.path.exists() else 0.0
    key = (source.ref, source.step, stamp)
    networks, lock = _networks()
    with lock:
        if key in networks:
            networks.move_to_end(key)
            return networks[key]
    with st.spinner("Loading the network"):
        from resnet_viz.nets import weights

        loaded = weights.load(source)
    with lock:
        # Somebody else's, where two load the same: its lock is then everybody's.
        loaded = networks.setdefault(key, loaded)
        sizes = {kept: _size(networks[kept]) for kept in networks}
        while sum(sizes.values()) > KEPT and len(sizes) > 1:
            oldest, _ = networks.popitem(last=False)
            del sizes[oldest]
    return loaded


@st.cache_resource(show_spinner=False)
def _networks() -> tuple[OrderedDict[Hashable, Network], threading.Lock]:
    """The networks that are kept, the one that was asked for last at the end."""
    return OrderedDict(), threading.Lock()


def _size(network: Network) -> int:
    """Bytes of a network's weights."""
    return sum(value.nbytes for value in network.model.state_dict().values())
