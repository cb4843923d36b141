"""The frame around every page: its title and style, what is said when it fails, and plotly.js where the browser can fetch it."""

from __future__ import annotations

import filecmp
import functools
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime import pages_manager

from resnet_viz import __version__
from resnet_viz.errors import UserError
from resnet_viz.figures import Drawing
from resnet_viz.figures.alternative import alternative
from resnet_viz.files import ASSETS, STAGE, served
from resnet_viz.language import current, speaking, tr
from resnet_viz.runs.schema import default_home, faults
from resnet_viz.stage.library import plotly_js
from resnet_viz.ui import access, share, who
from resnet_viz.ui.say import complain, plain
from resnet_viz.ui.speaking import follow_language, switch
from resnet_viz.words.pages import LEADS
from resnet_viz.workers import engine

CSS = """
[data-testid="stMainBlockContainer"] { padding: 3.6rem 1.6rem 0.6rem; max-width: 1900px; }
[data-testid="stVerticalBlock"] { gap: 0.6rem; }
[data-stale="true"]:has(.stPlotlyChart, [data-testid="stImage"]) { opacity: 0.33; transition: opacity 0.1s linear 0.2s; }
[data-testid="stProgress"] * { transition: none !important; }
[data-testid="stMainBlockContainer"] h1 { font-size: 1.75rem; font-weight: 600; line-height: 1.25; margin: 0; padding: 0 0 6px; }
.rv-says small { font-size: 1rem; font-weight: 400; color: color-mix(in srgb, currentColor 72%, transparent); }
.rv-says p { margin: 0; font-size: 1.05rem; }
.rv-says p small { font-size: 0.95rem; }
.st-key-reading { max-width: 60rem; }
.st-key-reading h2 { font-size: 1.3rem; padding: 0.8rem 0 0; }
.rv-lead { margin: 0; font-size: 0.93rem; }
.stHtml:has(.rv-lead) { margin-bottom: -0.5rem; }
.st-key-header { position: fixed; top: 0.75rem; right: 14.8rem; width: auto; z-index: 999991; }
.st-key-share { position: fixed; top: 0.55rem; right: 9.6rem; width: auto; z-index: 999991; }
.st-key-language { position: fixed; top: 0.55rem; right: 4rem; width: 5.2rem; gap: 0; z-index: 999991; }
.st-key-language [data-testid="stSelectbox"] div { padding-inline: 0.12rem; font-size: 0.85rem; }
@media (min-width: 901px) {
  [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .st-key-controls) { flex-wrap: nowrap; }
  [data-testid="stColumn"]:has([class*="st-key-wide_"], .st-key-stage) { min-width: 0; }
  [data-testid="stColumn"]:has(.st-key-controls) { min-width: 17.5rem; }
}
@media (max-width: 1100px) {
  .st-key-header { right: 12.2rem; }
  .st-key-share p { position: absolute; clip-path: inset(50%); }
  [class*="st-key-stack"] [data-testid="stHorizontalBlock"] { flex-direction: column; }
  [class*="st-key-stack"] [data-testid="stColumn"] { width: 100%; flex: 1 1 auto; }
}
[class*="st-key-wide_"] [data-testid="stElementContainer"] { overflow: auto hidden; max-width: 100%; }
[class*="st-key-wide_"] :is([data-testid="stFullScreenFrame"], .stPlotlyChart) { min-width: 34rem; }
[class*="st-key-wide_"] ::-webkit-scrollbar-thumb { background: rgba(128, 128, 128, 0.6); }
.rv-name { position: fixed; top: 1.05rem; left: 1.6rem; z-index: 999991; font-weight: 700; line-height: 1.2; }
.rv-name span { display: none; }
[data-testid="stToolbar"] { padding-left: 7rem; }
@media (max-width: 767px) {
  .rv-name { top: 0.65rem; left: 3.6rem; }
  .rv-name span { display: block; font-weight: 400; }
  [data-testid="stToolbar"] { padding-left: 0; }
}
@media (max-width: 900px) {
  [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .st-key-controls) { flex-direction: column; }
  [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .st-key-controls) > [data-testid="stColumn"] { width: 100%; }
  .st-key-train { position: fixed; top: 0.55rem; right: 3.2rem; width: auto !important; max-width: 9rem; z-index: 999991; }
  .st-key-header, .st-key-share { display: none; }
  .st-key-language { right: 3.2rem; width: 4.2rem; }
  .st-key-language svg { display: none; }
  :has(.st-key-train) .st-key-language { right: 10rem; }
  :has(.st-key-train) [data-testid="stToolbar"] .rc-overflow { margin-right: 11rem; }
}
@media (max-width: 700px) {
  [data-testid="stMainBlockContainer"] { padding: 3.6rem 0.8rem 0.6rem; }
  [data-testid="stMainBlockContainer"] h1 { font-size: 1.3rem; }
}
"""

# Where this fails, the stage itself says so.
HASTEN = """<script>
import(new URL("%s", document.baseURI)).then((stage) => stage.loadPlotly()).catch(() => {});
</script>"""


@contextmanager
def frame(title: str, stage: bool = False) -> Iterator[None]:
    """A whole page stands inside: ``with frame("Runs"):``. Sets title, wide layout and style; says what fails, see `guarded`.

    ``stage``: the page draws the stage. Browsers then fetch its scripts at once, while the server works on what they draw.
    """
    _begin_at_app()
    follow_language()
    st.set_page_config(page_title=f"{tr(title)} · ResNet Viz", page_icon=str(ASSETS / "icon.svg"), layout="wide")
    st.session_state["previous page"], st.session_state["page"] = st.session_state.get("page"), title
    # On a narrow screen the navigation is folded away: the page's name, too, stands in the header.
    name = f'<div class="rv-name">ResNet Viz<span>{tr(title)}</span></div>'
    lead = f'<p class="rv-lead">{tr(LEADS.get(title, ""))}</p>'
    # A screen reader and the browser's own fonts go by what the document says of itself.
    scripts = f'<script>document.documentElement.lang = "{current()}"</script>' + (
        HASTEN % stage_script() if stage else ""
    )
    st.html(f"<style>{CSS}{access.CSS}</style>{name}{lead}{scripts}", unsafe_allow_javascript=True)
    switch()
    serve(plotly_js(), "plotly.min.js")
    serve(STAGE / "stage.js", "stage.js")
    admitted = False
    with guarded():
        who.admit()
        admitted = True
    if not admitted:
        st.stop()
    with guarded():
        yield
        share.button()


@cache
def stage_script() -> str:
    """The address of the stage's script beside a page; another for each version, so that browsers keep no old one."""
    return f"app/static/stage.js?{hashlib.sha256((STAGE / 'stage.js').read_bytes()).hexdigest()[:12]}"


def _begin_at_app() -> None:
    """Begin again at app.py where a deep link was the server's first, and Streamlit took pages/ for the app.

    Which it did is known to a class of its own alone. A later Streamlit without that class or flag has nothing to undo.
    """
    manager = getattr(pages_manager, "PagesManager", None)
    if getattr(manager, "uses_pages_directory", False):
        manager.uses_pages_directory = False  # type: ignore[union-attr]
        st.rerun()


@contextmanager
def guarded() -> Iterator[None]:
    """A UserError inside is shown as its sentence; anything else is a bug, logged with its traceback and admitted.

    What Streamlit raises to stop a script or to run it again is no Exception, and passes. Also a decorator.
    """
    engine.visit()
    try:
        # The session is asked for its language once: a chart says hundreds of texts.
        with speaking(current()), faults(default_home()):
            yield
    except UserError as error:
        complain(error)
    except Exception as error:
        path = _log(default_home())
        logging.getLogger("resnet_viz.pages").exception("A page failed")
        st.error(
            plain(
                tr(
                    "This is a bug of ResNet Viz ({error}). Its traceback is in {path}; reload the page.",
                    error=type(error).__name__,
                    path=path,
                )
            )
        )


@cache
def _log(home: Path) -> Path:
    """The file in which bugs of pages are logged, beside the logs of workers."""
    path = home / "logs" / "pages.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("resnet_viz.pages")
    for old in log.handlers[:]:
        log.removeHandler(old)
        old.close()
    log.addHandler(handler)
    return path


def fragment(body: Callable[..., None], every: float | None = None) -> Callable[..., None]:
    """A part of a page that is drawn anew alone, every so many seconds (None: when a control in it changes); guarded like a page.

    It runs outside the page's own ``with frame(...)`` then.
    """

    @functools.wraps(body)
    def inner(*args: Any, **options: Any) -> None:
        with guarded():
            body(*args, **options)

    return st.fragment(inner, run_every=every)


def chart(
    drawing: Drawing, key: str, height: int = 300, tip: str | None = None, wide: bool = False, **options: Any
) -> None:
    """A drawing of `figures` that stands still, under its own title and hint; options are `st.plotly_chart`'s own.

    ``height`` in pixels, at most, of one that keeps its shape. ``tip``: what its terms mean (Markdown), shown when one points at
    the sign behind the hint. ``wide``: rather than becoming cramped on a narrow screen it moves sideways.
    """
    heading = drawing.layout["meta"]
    drawing.dress(dark=st.context.theme.type == "dark")
    if heading["title"]:
        st.markdown(f"**{plain(heading['title'])}** :gray[{plain(heading['hint'])}]", help=tip)
    bare = not drawing.layout.get("xaxis", {}).get("visible", True)
    # Streamlit's theme sets the axis title lower.
    margin = drawing.layout["margin"]
    margin["b"] = margin["b"] if bare else max(48, margin["b"])
    # plotly looks for pandas among the modules, and breaks on one that another session is just importing: this waits for it.
    import pandas  # noqa: F401

    figure = drawing.figure()
    around = f"{'wide' if wide or heading.get('least') else 'narrow'}_{key}"
    with st.container(key=around):
        if "ratio" in heading:
            st.html(_shape(around, heading["ratio"], heading["least"], margin, height))
        st.plotly_chart(
            figure,
            key=key,
            height=height,
            config={"displayModeBar": False},
            alt=alternative(drawing) or None,
            **options,
        )


def _shape(around: str, ratio: float, least: int, margin: dict[str, int], height: int) -> str:
    """Style for the chart in the container ``around``: its plot is ``ratio`` times as high as it is wide at any width.

    It is at least ``least`` pixels wide, and grows up to ``height`` pixels.
    """
    beside, above = margin["l"] + margin["r"], margin["t"] + margin["b"]
    height = max(height, round(above + ratio * (least - beside)))
    most = round((height - above) / ratio) + beside
    name = re.sub("[^a-zA-Z0-9_-]", "-", around)  # as Streamlit writes a key into a class
    return f"""<style>
.st-key-{name} {{ container-type: inline-size; }}
.st-key-{name} [data-testid="stElementContainer"] {{ flex: none !important; height: auto !important; }}
.st-key-{name} :is([data-testid="stFullScreenFrame"], .stPlotlyChart) {{
  min-width: {least}px; max-width: {most}px; max-height: {height}px;
  height: calc({above}px + {ratio:.4f} * (max(100cqw, {least}px) - {beside}px)) !important;
}}
</style>"""


@cache
def serve(source: Path, name: str) -> None:
    """Copy a file into static/ under a name, where a browser loads it from once, and offline too."""
    target = served(__version__) / "static" / name
    if target.exists() and filecmp.cmp(source, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(f".{os.getpid()}")
    shutil.copy2(source, half)
    half.replace(target)  # whole or not at all, whoever else is starting


def download(label: str, make: Callable[[], str | bytes], name: str, **options: Any) -> None:
    """A button whose file ``make`` gives once it is clicked.

    A click doesn't run the page: the run would take back the very file that was asked for, if it came first.
    """
    st.download_button(label, make, name, on_click="ignore", **options)
