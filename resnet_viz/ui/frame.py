"""The frame that every page begins with: page configuration, shared style, and plotly.js where the browser can fetch it."""

from __future__ import annotations

import filecmp
import os
import shutil
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import plotly
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from resnet_viz.figures import Drawing
from resnet_viz.files import ROOT, STAGE

CSS = """
[data-testid="stMainBlockContainer"] { padding: 3.6rem 1.6rem 0.6rem; max-width: 1900px; }
[data-testid="stVerticalBlock"] { gap: 0.6rem; }
[data-testid="stMainBlockContainer"] h1 { font-size: 1.75rem; font-weight: 600; line-height: 1.25; margin: 0; padding: 0 0 6px; }
[data-testid="stMainBlockContainer"] h1 small { font-size: 0.55em; font-weight: 400; opacity: 0.65; }
.st-key-header { position: fixed; top: 0.75rem; right: 4rem; width: auto; z-index: 999991; }
@media (min-width: 701px) {
  [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .st-key-controls) { flex-wrap: nowrap; }
  [data-testid="stColumn"]:has([class*="st-key-wide_"]) { min-width: 0; }
  [data-testid="stColumn"]:has(.st-key-controls) { min-width: 17.5rem; }
}
@media (max-width: 1100px) {
  [class*="st-key-stack"] [data-testid="stHorizontalBlock"] { flex-direction: column; }
  [class*="st-key-stack"] [data-testid="stColumn"] { width: 100%; flex: 1 1 auto; }
}
[class*="st-key-wide_"] [data-testid="stElementContainer"] { overflow-x: auto; max-width: 100%; }
[class*="st-key-wide_"] :is([data-testid="stFullScreenFrame"], .stPlotlyChart) { min-width: 34rem; }
@media (max-width: 700px) {
  [data-testid="stMainBlockContainer"] { padding: 3.6rem 0.8rem 0.6rem; }
  [data-testid="stMainBlockContainer"] h1 { font-size: 1.3rem; }
}
"""


def frame(title: str) -> None:
    """Begin a page. Call it first: sets the title, the wide layout and the style that all pages share."""
    if PagesManager.uses_pages_directory:
        # The server's first visitor came by a deep link, and Streamlit took pages/ for the app: begin again at app.py.
        PagesManager.uses_pages_directory = False
        st.rerun()
    st.set_page_config(page_title=f"{title} · ResNet Viz", page_icon=str(ROOT / "assets" / "icon.svg"), layout="wide")
    st.html(f"<style>{CSS}</style>")
    serve(Path(plotly.__file__).parent / "package_data" / "plotly.min.js")
    serve(STAGE / "stage.js")


def chart(
    drawing: Drawing, key: str, height: int = 300, tip: str | None = None, wide: bool = False, **options: Any
) -> None:
    """A drawing of `figures` that stands still, under its own title and hint; options are `st.plotly_chart`'s own.

    ``tip``: what its terms mean, shown when one points at the sign behind the hint. ``wide``: rather than becoming cramped on a
    narrow screen it moves sideways.
    """
    about = drawing.layout["meta"]
    if st.context.theme.type == "dark":
        drawing.lift()
    if about["title"]:
        st.markdown(f"**{about['title']}** :gray[{about['hint']}]", help=tip)
    bare = not drawing.layout.get("xaxis", {}).get("visible", True)
    # Streamlit's theme sets the axis title lower.
    room = drawing.layout["margin"]["b"] if bare else max(48, drawing.layout["margin"]["b"])
    figure = drawing.figure().update_layout(margin_b=room)
    with st.container(key=f"wide_{key}") if wide else nullcontext():
        st.plotly_chart(figure, key=key, height=height, config={"displayModeBar": False}, **options)


@cache
def serve(source: Path) -> None:
    """Copy a file into static/, from where a browser loads it once, and offline too: plotly.js and the stage's script."""
    target = ROOT / "static" / source.name
    if target.exists() and filecmp.cmp(source, target):
        return
    target.parent.mkdir(exist_ok=True)
    half = target.with_suffix(f".{os.getpid()}")
    shutil.copy2(source, half)
    half.replace(target)  # whole or not at all, whoever else is starting
