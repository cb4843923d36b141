"""A folder of plain HTML for people without a server: the story, the recorded twins' stage, the labs, Grad-CAM."""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from resnet_viz import __version__
from resnet_viz.figures.style import LIFTED, QUIET, SCALE_DARK
from resnet_viz.files import STAGE
from resnet_viz.nets import refs
from resnet_viz.publish import shown
from resnet_viz.publish.handout import PAGE_CSS, stage_script
from resnet_viz.publish.shown import Section, View
from resnet_viz.stage.library import plotly_js
from resnet_viz.words import twins as twin_words

# The pages in the order of the story: file, name, and what one learns there.
PAGES = {
    "twins": ("Twins", "The same net, with skips and without: move the slider along their training."),
    "sweeps": ("Sweeps", "Deeper plain nets do worse even where they were trained; nets with skips do not."),
    "gradients": ("Gradients", "Before the first step: how large the gradient is at every block, at any depth."),
    "lesions": ("Lesions", "What is left of a trained net without some of its blocks."),
    "landscape": ("Landscape", "The loss around trained weights."),
    "gradcam": ("Grad-CAM", "Where in a picture a net finds what it says."),
}
SITE_CSS = Path(__file__).with_name("site.css")


def write(out: Path) -> Iterator[str]:
    """Write the site into a folder, which is made; yields the name of each file once it is there. Raises OSError.

    The pages ask for nothing but the two files beside them, so that they open from a disk, too.
    """
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(plotly_js(), out / "plotly.min.js")
    yield "plotly.min.js"
    (out / "site.css").write_text(
        (STAGE / "stage.css").read_text(encoding="utf-8") + PAGE_CSS + SITE_CSS.read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    yield "site.css"
    recordings = shown.twins()
    for name, (label, records) in recordings.items():
        here = _twins_file(name)
        links = " ".join(_link(_twins_file(n), text, n == name) for n, (text, _) in recordings.items())
        body = f"""<h1>{html.escape(twin_words.verdict(records))}</h1>
<p class="rv-aside">Recorded: {html.escape(label)}. {html.escape(twin_words.aside(records))}</p>
<nav class="choice" aria-label="Recorded twins">{links}</nav>
<div id="stage"></div>"""
        yield _write(out, here, "twins", f"Twins: {label}", body, stage_script(records))
    labs = {
        "sweeps": shown.sweeps(),
        "gradients": shown.starts(),
        "lesions": shown.lesions(),
        "landscape": shown.landscapes(),
        "gradcam": shown.saliency(),
    }
    for name, sections in labs.items():
        body = f"<h1>{html.escape(PAGES[name][1])}</h1>" + "".join(map(_section, sections))
        yield _write(out, f"{name}.html", name, PAGES[name][0], body, _still_script(sections))
    first = {name: sections[0].views[-1 if sections[0].slider else 0] for name, sections in labs.items()}
    yield _write(
        out, "index.html", "", "Why residual networks work", _story(first, next(iter(recordings.values()))[1]),
        _still_script([Section("", (first["sweeps"],))]),
    )  # fmt: skip


def _twins_file(name: str) -> str:
    return "twins.html" if name == refs.FIRST else f"twins-{name}.html"


def _story(first: dict[str, View], twins: Sequence[Any]) -> str:
    """The first page: what was measured, step by step, each with the page that shows it."""
    sentences = {"twins": twin_words.verdict(twins)} | {name: view.sentence for name, view in first.items()}
    steps = "".join(
        f'<li><a href="{name}.html">{html.escape(called)}</a> <b>{html.escape(what)}</b><br>{html.escape(sentences[name])}</li>'
        for name, (called, what) in PAGES.items()
    )
    return f"""<h1>Why residual networks work, measured on small nets</h1>
<p>A residual block adds its input to its output: <i>x</i> + <i>F</i>(<i>x</i>). A plain block gives <i>F</i>(<i>x</i>) alone.
He et al. 2015 found that plain nets get worse as they get deeper, on their training images too, and that residual nets do not.
Here are nets of both kinds, with the same layers, the same images in the same order and the same starting weights.</p>
<section class="views"></section>
<ol class="story">{steps}</ol>"""


def _section(section: Section) -> str:
    heading = f"<h2>{html.escape(section.title)}</h2>" if section.title else ""
    return f'<section class="views">{heading}</section>'


def _still_script(sections: Sequence[Section]) -> str:
    """The script that fills the page's sections, in their order."""
    filled = [{"views": [_view(v) for v in section.views], "slider": section.slider} for section in sections]
    palette = {"lifted": LIFTED, "scaleDark": SCALE_DARK, "quiet": QUIET}
    data = json.dumps({"sections": filled, "palette": palette}, ensure_ascii=False, allow_nan=False)
    data = data.replace("<", "\\u003c")  # no text may end the script
    return f"""<script type="module">
{(STAGE / "stage.js").read_text(encoding="utf-8")}
{{
  const {{ sections, palette }} = {data};
  document.querySelectorAll(".views").forEach((root, number) => still(root, {{ ...sections[number], palette }}));
}}
</script>"""


def _view(view: View) -> dict[str, Any]:
    figure = json.loads(view.drawing.figure().to_json())
    return {
        "label": view.label,
        "sentence": view.sentence,
        "aside": view.aside,
        "height": view.height,
        "figure": figure,
    }


def _link(file: str, text: str, here: bool) -> str:
    return f'<a href="{file}"{" aria-current=page" if here else ""}>{html.escape(text)}</a>'


def _write(out: Path, file: str, page: str, title: str, body: str, script: str) -> str:
    """Write one page, with the site's navigation around it; returns its file's name."""
    links = [_link("index.html", "Story", not page)]
    links += [_link(f"{name}.html", called, name == page) for name, (called, _) in PAGES.items()]
    text = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)} · ResNet Viz</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="site.css">
<script defer src="plotly.min.js"></script>
</head>
<body>
<nav class="pages" aria-label="Pages"><b>ResNet Viz</b> {" ".join(links)}</nav>
<main>
{body}
</main>
<footer>Made by ResNet Viz {__version__}, which trains such nets live: resnet-viz.</footer>
{script}
</body>
</html>
"""
    (out / file).write_text(text, encoding="utf-8")
    return file
