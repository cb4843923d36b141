"""What a drawing shows, in words: for those who can't see it, from its own title, labels and numbers."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np

from resnet_viz.figures.style import Drawing

FEW = 12  # values that are said one by one; of longer rows the first and the last


def alternative(drawing: Drawing) -> str:
    """The text alternative of a drawing: title, hint, labels, and the values of what has a name.

    Axes with tick labels of their own count in another unit than they show; the values along them are left to the labels.
    """
    layout = drawing.layout
    labels = [_words(note["text"]) for note in layout["annotations"] if note.get("visible", True)]
    values = [_values(trace, layout) for trace in drawing.data]
    return "; ".join(filter(None, [layout["meta"]["title"], layout["meta"]["hint"], *labels, *values]))


def _words(text: str) -> str:
    """A text of Plotly's, without its markup."""
    return html.unescape(re.sub(r"<[^>]+>", "", text.replace("<br>", " "))).strip()


def _values(trace: dict[str, Any], layout: dict[str, Any]) -> str:
    """Such as "residual 2.3 → 0.01"; "" of what has no name, or no values that are shown as they are."""
    name, side = trace.get("name"), "x" if trace.get("orientation") == "h" else "y"
    axis, values = f"{side}axis{trace.get(f'{side}axis', side)[1:]}", trace.get(side)
    if not name or values is None or trace.get("hoverinfo") == "skip" or "ticktext" in layout.get(axis, {}):
        return ""
    try:
        shown = [f"{value:.3g}" for value in np.asarray(values, float) if np.isfinite(value)]
    except (TypeError, ValueError):  # names stand along the axis
        return ""
    if len(shown) > 1 and len(set(shown)) == 1:  # boxes of a drawn network, all of one height
        return ""
    return f"{_words(name)} {', '.join(shown) if len(shown) <= FEW else f'{shown[0]} → {shown[-1]}'}" if shown else ""
