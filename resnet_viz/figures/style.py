"""How everything is drawn, in one place: colours, lines, who is who in a chart, and an empty figure."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import plotly.graph_objects as go

from resnet_viz.language import tr
from resnet_viz.runs.layout import Layout
from resnet_viz.runs.naming import first_name
from resnet_viz.runs.record import Record
from resnet_viz.spec.run import RunSpec
from resnet_viz.words.twins import called

RESIDUAL, PLAIN = "#0072B2", "#D55E00"  # Okabe and Ito's colour-blind safe blue and vermilion
OTHERS = (("#009E73", "diamond"), ("#CC79A7", "triangle-up"), ("#56B4E9", "star"), ("#E69F00", "x"))

# Words in plain's colour on a white page, where its own has too little contrast to be read (3.9:1; WCAG asks for 4.5:1).
WORDS = "#B34E00"
# The pair as text on a dark page, where the lines' own colours are hard to read.
LIFTED = {RESIDUAL: "#56aee2", PLAIN: "#f08a45", WORDS: "#f08a45"}

# The grey of small print and of reference lines. No grey has 4.5:1 both on white and on a dark page: there it is another one.
QUIET, QUIET_DARK = "#696f78", "#a0a7b0"
# Greys that hold on a light and on a dark page.
GRID, BAND = "rgba(128,128,128,0.22)", "rgba(128,128,128,0.14)"

# Diverging scale of logarithms (ColorBrewer's PRGn): purple is too small, green too large, the middle arrives intact.
SCALE = [
    [0.0, "#762a83"], [0.15, "#9970ab"], [0.3, "#c2a5cf"], [0.4, "#e7d4e8"], [0.5, "#f7f7f7"],
    [0.6, "#d9f0d3"], [0.7, "#a6dba0"], [0.85, "#5aae61"], [1.0, "#1b7837"],
]  # fmt: skip

# The same on a dark page, where white boxes would glare: the middle is grey.
SCALE_DARK = [[0.0, "#c58be0"], [0.3, "#80639a"], [0.5, "#474e58"], [0.7, "#4f8560"], [1.0, "#63d17c"]]

NAME = 22  # letters of a label at the end of a line

LINE, LINE_LECTURE = 3.0, 5.0  # px
TEXT, TEXT_LECTURE = 13, 20  # px


def literal(name: str) -> str:
    """A name, such as a class, a file or a run has, as text that Plotly shows letter for letter; "\n" starts a new line.

    Plotly reads tags (<b>, <a href>), entities and, in hover templates, %{…} in every text it is given: none of them act.
    """
    return html.escape(name, quote=False).replace("%{", "&#37;{").replace("\n", "<br>")


def shortened(name: str, most: int) -> str:
    """A name of at most ``most`` characters, its end an ellipsis where it is cut."""
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"


@dataclass(frozen=True)
class Mark:
    """How one network of a chart is called and drawn."""

    label: str  # plain text; `text` is what Plotly gets
    colour: str  # "#rrggbb"
    dash: str  # of its line, as Plotly names it
    symbol: str  # of its markers, as Plotly names it

    @property
    def text(self) -> str:
        """The label for annotations, trace names and hover templates."""
        return literal(tr(self.label))

    @property
    def short(self) -> str:
        """The same for the end of a line, where room is short."""
        return literal(shortened(tr(self.label), NAME))


def marks(nets: Sequence[tuple[str, bool]]) -> list[Mark]:
    """How networks are drawn, of each its label and whether it has skips.

    The first with skips is blue, solid, ●; the first without vermilion, dashed, □; any other has its own of both.
    """
    drawn: list[Mark] = []
    spare = iter(OTHERS * (1 + len(nets) // len(OTHERS)))
    for label, skips in nets:
        usual = (RESIDUAL, "circle") if skips else (PLAIN, "square-open")
        colour, symbol = usual if all(mark.colour != usual[0] for mark in drawn) else next(spare)
        drawn.append(Mark(label, colour, "solid" if skips else "dash", symbol))
    return drawn


@dataclass(frozen=True)
class Net(Mark):
    """One network of a chart: how it is called and drawn, and its runs, one a seed."""

    records: tuple[Record, ...]

    @property
    def first(self) -> Record:
        """The first seed's run, which stands for the net where one curve does."""
        return self.records[0]

    @property
    def layout(self) -> Layout:
        """Its blocks and layers, as its first run kept them."""
        return self.first.layout

    @property
    def skips(self) -> bool:
        """Whether it is built with skips."""
        return self.layout.residual


def _seedless(spec: RunSpec) -> RunSpec:
    return replace(spec, train=replace(spec.train, seed=0, threads=0))


def _traits(spec: RunSpec) -> tuple[str, ...]:
    """What may tell two nets of one kind apart, in the order in which a label names it."""
    off = spec.model.no_skip
    return (
        f"-{spec.model.depth}",
        (tr(", skip {block} off", block=off[0]) if len(off) == 1 else tr(", {n} skips off", n=len(off))) if off else "",
        f", {spec.model.shortcut}",
        f", norm {spec.model.norm}",
        f", {spec.model.init}",
        f", {spec.data.label or spec.data.name}",
        f", rate {spec.train.lr:g}",
        f", {spec.train.steps} steps" if spec.train.steps else f", {spec.train.epochs} epochs",
        f", {spec.train.optimizer}",
        f", batch {spec.train.batch_size}",
        f", {spec.data.limit} images" if spec.data.limit else "",
    )


def _telling(traits: Sequence[tuple[str, ...]]) -> list[str]:
    """Of each net's traits those that tell it from the others, no more than it takes to tell them all apart."""
    told = [""] * len(traits)
    for values in zip(*traits, strict=True):
        if len(set(values)) > 1 and len(set(told)) < len(told):
            told = [before + value for before, value in zip(told, values, strict=True)]
    return told


def nets(records: Sequence[Record]) -> list[Net]:
    """The networks among the records, in their order: runs that differ in their seed alone are one. Labels are short, and differ.

    A run that its user named, and that is a network by itself, bears that name. How each is drawn: `marks`.
    """
    groups: dict[RunSpec, list[Record]] = {}
    for record in records:
        groups.setdefault(_seedless(record.spec), []).append(record)
    labels: list[str] = []
    for spec, runs in groups.items():
        kind = called(spec)
        alike = [s for s in groups if called(s) == kind]
        label = kind + _telling([_traits(s) for s in alike])[alike.index(spec)]
        if label.startswith(f"{kind}, ") and all(called(s) == kind for s in groups):
            label = label.removeprefix(f"{kind}, ")  # they are all of this kind: "rate 0.1" says enough
        if spec.own and spec.watched and spec.own.name:
            label = spec.own.name
        if len(runs) == 1 and runs[0].name and runs[0].name != first_name(spec):
            label = runs[0].name
        if taken := sum(other.split(" #")[0] == label for other in labels):
            label += f" #{taken + 1}"
        labels.append(label)
    drawn = marks([(label, spec.model.residual) for label, spec in zip(labels, groups, strict=True)])
    return [Net(**vars(mark), records=tuple(runs)) for mark, runs in zip(drawn, groups.values(), strict=True)]


def ink(colour: str) -> str:
    """A line's colour for words on a white page."""
    return WORDS if colour == PLAIN else colour


def _greyed(part: Any) -> Any:
    """A part of a figure with the grey of dark pages for that of light ones."""
    if isinstance(part, dict):
        return {key: _greyed(value) for key, value in part.items()}
    if isinstance(part, list) and part and isinstance(part[0], (dict, list, str)):  # not along numbers
        return [_greyed(value) for value in part]
    return QUIET_DARK if isinstance(part, str) and part == QUIET else part


def faint(colour: str, alpha: float) -> str:
    """The colour "#rrggbb" as rgba, ``alpha`` its opacity from 0 to 1."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


class Drawing:
    """A Plotly figure as plain dicts: `figure` makes the real one. A live refresh does without: validating takes 70 ms."""

    def __init__(self, title: str, hint: str, lecture: bool = False) -> None:
        """An empty figure in the house style. Title and hint (what to look at) go into ``layout.meta``: the page draws them."""
        self.size = TEXT_LECTURE if lecture else TEXT
        self.line = LINE_LECTURE if lecture else LINE
        self.data: list[dict[str, Any]] = []
        self.layout: dict[str, Any] = {
            "meta": {"title": title, "hint": hint},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"size": self.size},
            "showlegend": False,
            "hovermode": "closest",
            "dragmode": "zoom",
            "margin": {"l": 8, "r": 8, "t": 4, "b": 4},
            "uirevision": "stay",
            "shapes": [],
            "annotations": [],
        }

    def trace(self, kind: str = "scatter", **properties: Any) -> None:
        """Add a trace of Plotly's type ``kind``."""
        self.data.append({"type": kind, **properties})

    def shape(self, **properties: Any) -> None:
        """Add a shape of Plotly's, such as a line at a step."""
        self.layout["shapes"].append(properties)

    def note(self, text: str, **properties: Any) -> None:
        """Add a text without an arrow, quiet unless a font says otherwise; names in it went through `literal`."""
        font = properties.pop("font", {"color": QUIET})
        if "color" in font:
            font = font | {"color": ink(font["color"])}
        self.layout["annotations"].append({"text": text, "showarrow": False, "font": font, **properties})

    def axis(self, name: str, title: str = "", colour: str | None = None, **properties: Any) -> None:
        """Set an axis: "xaxis", "yaxis2" ..."""
        font = {"size": self.size} | ({"color": colour} if colour else {})
        quiet = {"gridcolor": GRID, "zeroline": False, "showline": False, "ticks": "", "automargin": False}
        self.layout[name] = quiet | {"title": {"text": title, "standoff": 2, "font": font}} | properties

    def end_label(self, net: Mark, number: int, x: float, y: float, text: str, side: str = "left") -> None:
        """Add a label at a line's end, in its colour; ``side`` is the side of the label that touches the line."""
        self.note(
            text, name=f"net-{number}", x=x, y=y, xanchor=side, yanchor="middle", align=side,
            xshift=9 if side == "left" else -9, font={"color": net.colour},
        )  # fmt: skip

    def part_labels(self, height: int) -> None:
        """Make room for the labels at line ends, and move them up or down until none covers another.

        For a chart that stands still, ``height`` pixels high: the stage does so itself, at every step.
        """
        low, high = self.layout["yaxis"]["range"]
        pixel = (high - low) / max(1, height - self.layout["margin"]["t"] - self.layout["margin"]["b"])
        labels = [n for n in self.layout["annotations"] if str(n.get("name", "")).startswith("net-")]
        labels.sort(key=lambda n: n["y"])
        letters = max(
            (len(line) for n in labels for line in html.unescape(re.sub("</?b>", "", n["text"])).split("<br>")),
            default=0,
        )
        self.layout["margin"]["r"] = max(self.layout["margin"]["r"], round(0.56 * self.size * letters) + 16)
        below = low - (high - low)  # the upper edge of the label beneath
        for label in labels:
            half = 0.5 * pixel * (self.size + 5) * (1 + label["text"].count("<br>"))
            label["y"] = max(label["y"], below + half)
            below = label["y"] + half
        above = high + 8 * pixel
        for label in reversed(labels):
            half = 0.5 * pixel * (self.size + 5) * (1 + label["text"].count("<br>"))
            label["y"] = min(label["y"], above - half)
            above = label["y"] - half

    def keep_shape(self, ratio: float, least: int = 0) -> None:
        """Let the plot be ``ratio`` times as high as it is wide, so that what is square in it fills it at every width.

        ``least``: the width in pixels below which its texts would lie on one another. The page does as ``layout.meta`` says.
        """
        self.layout["meta"] |= {"ratio": ratio, "least": least}

    def dress(self, dark: bool) -> None:
        """Put on a page's theme: its greys, and on a dark one brighter texts, darker boxes. (The stage does so itself.)"""
        quiet = {"color": QUIET_DARK if dark else QUIET}
        if dark:
            self.data, self.layout = _greyed(self.data), _greyed(self.layout)
            for note in self.layout["annotations"]:
                colour = note["font"].get("color")
                note["font"] = note["font"] | {"color": LIFTED.get(colour, colour)}
            for trace in self.data:
                if trace.get("marker", {}).get("colorscale") == SCALE:
                    trace["marker"]["colorscale"] = SCALE_DARK
        self.layout["font"] |= quiet
        axes = [part for name, part in self.layout.items() if name.startswith(("xaxis", "yaxis"))]
        bars = [part["colorbar"] for name, part in self.layout.items() if "coloraxis" in name and "colorbar" in part]
        for axis in axes + bars:
            axis["tickfont"] = quiet | axis.get("tickfont", {})
            axis["title"] = axis.get("title", {}) | {"font": quiet | axis.get("title", {}).get("font", {})}

    def figure(self) -> go.Figure:
        """The same, as a validated figure."""
        return go.Figure({"data": self.data, "layout": {"template": "none", **self.layout}})
