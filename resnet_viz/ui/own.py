"""Bringing one's own pictures: an upload or a folder of this machine."""

from __future__ import annotations

import streamlit as st

from resnet_viz import datasets
from resnet_viz.store import Store


def own_data_popover(store: Store) -> None:
    """TODO"""
