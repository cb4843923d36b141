"""The frame that every page begins with: page configuration, shared style, and plotly.js where the browser can fetch it."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

import plotly
import streamlit as st

ROOT = Path(__file__).parents[2]

CSS = """
[data-testid="stMainBlockContainer"] { padding: 3.6rem 1.6rem 0.6rem; max-width: 1900px; }
[data-testid="stVerticalBlock"] { gap: 0.6rem; }
[data-testid="stMainBlockContainer"] h1 { font-size: 1.75rem; font-weight: 600; line-height: 1.25; padding: 0 0 0.5rem; }
[data-testid="stMainBlockContainer"] h1 small { font-size: 0.55em; font-weight: 400; opacity: 0.65; }
@media (max-width: 700px) {
  [data-testid="stMainBlockContainer"] { padding: 3.6rem 0.8rem 0.6rem; }
  [data-testid="stMainBlockContainer"] h1 { font-size: 1.3rem; }
}
"""


def frame(title: str) -> None:
    """Begin a page. Call it first: sets the title, the wide layout and the style that all pages share."""
    st.set_page_config(page_title=f"{title} · ResNet Viz", page_icon=str(ROOT / "assets" / "icon.svg"), layout="wide")
    st.html(f"<style>{CSS}</style>")
    serve_plotly()


@cache
def serve_plotly() -> None:
    """Copy the plotly.js that ships with plotly into static/: the stage loads it from there, once, and offline too."""
    source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    target = ROOT / "static" / source.name
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return
    target.parent.mkdir(exist_ok=True)
    half = target.with_suffix(f".{os.getpid()}")
    shutil.copyfile(source, half)
    half.replace(target)  # whole or not at all, whoever else is starting
