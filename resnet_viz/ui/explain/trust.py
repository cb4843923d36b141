"""Can you trust it? What can be said of Explain's maps at once, and what takes a while and has a button."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import streamlit as st
from PIL import Image

from resnet_viz.figures.overlay import agreement
from resnet_viz.figures.saliency import Line, Panel, lines, maps
from resnet_viz.language import N_, tr
from resnet_viz.ui.explain.view import Case, View, asked, kept, known, methods, panel
from resnet_viz.ui.frame import chart
from resnet_viz.ui.live import duration
from resnet_viz.ui.say import plain
from resnet_viz.words import saliency as words
from resnet_viz.words.numbers import signed

T = TypeVar("T")


@dataclass(frozen=True)
class Tested:
    """What was measured of one map: curves (`trust.Curve`) of inserting and deleting, infidelity and sensitivity."""

    insertion: Any
    deletion: Any
    infidelity: float
    sensitivity: float


def trust_tab(case: Case, raws: dict[str, list[np.ndarray]]) -> None:
    """The whole tab, for the methods' raw maps, one a net: an answer first, then what it rests on."""
    answer, label = st.empty(), methods()[case.lead].label
    edges = beside_edges(case, raws[case.lead])
    answer.markdown(f"**{plain(words.trusted(label, edges))}**")
    for method in (name for name in raws if methods()[name].sums):
        st.markdown(
            tr(
                "**{label}**, completeness against a grey image: {residue}",
                label=methods()[method].label,
                residue=plain(residue(case, raws[method])),
            )
        )
    answers = {(m, v.name): ("tested", *asked(v, m, case.question, case.wanted[m])) for m in raws for v in case.views}
    forgets = {v.name: ("forgets", *asked(v, case.lead, case.question, case.wanted[case.lead])) for v in case.views}
    if any(known(key) is None for key in (*answers.values(), *forgets.values())):
        offer = st.empty()
        with offer.container():
            st.markdown(
                tr(
                    "**Insertion and deletion, infidelity, sensitivity and the randomisation check** send the "
                    "image through the nets hundreds of times."
                )
            )
            if not st.button(tr("Measure"), type="primary", key="measure"):
                return
        offer.empty()
    bar, done, took = st.progress(0.0), 0, 0.0
    tested, forgot = {}, {}
    for number, v in enumerate(case.views):
        for method, row in raws.items():
            bar.progress(done / (len(answers) + len(forgets)), f"{methods()[method].label}, {v.name}")
            make = partial(timed, partial(test, case, v, method, row[number]))
            tested[method, v.name], seconds = kept(answers[method, v.name], make)
            done, took = done + 1, took + seconds
        bar.progress(done / (len(answers) + len(forgets)), tr("{name} forgets, part after part", name=v.name))
        forgot[v.name], seconds = kept(forgets[v.name], partial(timed, partial(forget, case, v)))
        done, took = done + 1, took + seconds
    bar.empty()
    left = {name: float(one.absolute[-1, 0]) for name, one in forgot.items()}
    answer.markdown(
        tr(
            "**{said}** :gray[Measured in {time}.]",
            said=plain(words.trusted(label, edges, left)),
            time=duration(took),
        )
    )
    in_and_out(case, tested)
    forgetting(case, forgot)
    table(case, raws, tested)


def timed(make: Callable[[], T]) -> tuple[T, float]:
    """What ``make`` makes, and the seconds that it took."""
    start = time.perf_counter()
    return make(), time.perf_counter() - start


# At once


def beside_edges(case: Case, raws: list[np.ndarray]) -> dict[str, float]:
    """The first method's raw maps (h, w), one a net, beside Sobel's edges, which know no network.

    Returns each net's rank correlation with the edges.
    """
    from resnet_viz.attribution.trust import edges

    seen, label = case.views[0].seen, methods()[case.lead].label
    line = edges(seen)
    panels, found = [Panel(tr("edges alone"), line, (tr("Sobel; no network"),))], {}
    for v, raw in zip(case.views, raws, strict=True):
        found[v.name] = alike = agreement(np.abs(raw), coarse(line, raw.shape))
        beneath = tr("rank correlation with edges {alike}", alike=signed(alike))
        panels.append(replace(panel(case, v, case.lead, raw), beneath=(beneath,)))
    title, hint = (
        tr("{label} beside an edge detector", label=label),
        tr("A map that only follows edges says little about the net."),
    )
    chart(maps(seen, panels, replace(case.look(case.lead), view="absolute"), title, hint), "edges", 280, wide=True)
    return found


def coarse(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Values (H, W) averaged over a map's cells (h, w)."""
    image = Image.fromarray(values.astype(np.float32)).resize((shape[1], shape[0]), Image.Resampling.BOX)
    return np.asarray(image)


def residue(case: Case, raws: list[np.ndarray]) -> str:
    """What the maps (h, w), one a net, of a method that promises completeness leave out (Sundararajan 2017, proposition 1)."""
    import torch

    from resnet_viz.attribution.trust import completeness

    said = []
    for v, raw in zip(case.views, raws, strict=True):
        answer = completeness(
            v.network.model, v.network.prepare(v.seen[None]), torch.from_numpy(raw)[None], target=case.question.target,
            minus=case.question.minus,
        )  # fmt: skip
        total, apart = signed(float(answer.sums[0])), signed(float(answer.differences[0]))
        said.append(
            tr(
                "{name} sums to {total}, outputs differ by {apart}: residue {residue:.1f} %",
                name=v.name,
                total=total,
                apart=apart,
                residue=100 * answer.relative[0],
            )
        )
    return f"{'; '.join(said)}."


# Behind the button


def test(case: Case, view: View, method: str, raw: np.ndarray) -> Tested:
    """All that is measured of one map."""
    import torch

    from resnet_viz.attribution import trust
    from resnet_viz.attribution.attribute import attribute

    question, model, x = case.question, view.network.model, view.network.prepare(view.seen[None])
    cells = [torch.from_numpy(raw)]
    explain = partial(
        attribute, model, method=method, target=question.target, minus=question.minus, layer=question.layer,
        **case.wanted[method],
    )  # fmt: skip
    return Tested(
        trust.curves(model, x, cells, target=question.target, insertion=True),
        trust.curves(model, x, cells, target=question.target, insertion=False),
        float(trust.infidelity(model, x, cells, target=question.target, minus=question.minus)[0]),
        float(trust.sensitivity(explain, x)[0]),
    )


def forget(case: Case, view: View) -> Any:
    """The randomisation check of the first method (`trust.Randomisation`)."""
    from resnet_viz.attribution.trust import randomisation

    question, x = case.question, view.network.prepare(view.seen[None])
    return randomisation(
        view.network.model, x, method=case.lead, target=question.target, minus=question.minus,
        layer=question.layer, **case.wanted[case.lead],
    )  # fmt: skip


def in_and_out(case: Case, tested: dict[tuple[str, str], Tested]) -> None:
    """Insertion and deletion curves of the first method, both nets."""
    charts = []
    for heading, better in ((N_("insertion"), N_("larger")), (N_("deletion"), N_("smaller"))):
        row = []
        for v in case.views:
            curve = getattr(tested[case.lead, v.name], heading)
            area = tr("area {area:.2f}", area=curve.areas[0])
            row.append(Line(v.name, v.source.spec.residual, curve.shares, curve.probabilities[0], area))
        charts.append((tr("{heading}: the {better} the area, the better", heading=tr(heading), better=tr(better)), row))
    label, name = methods()[case.lead].label, case.classes[case.question.target]
    title = tr("Probability of {name} while pixels come or go, {label}'s highest first", name=name, label=label)
    hint = tr("From the blurred image to the whole one; from the whole one to grey.")
    chart(lines(charts, title, hint, "pixels", (0, 1), (0, 1), percent=True), "in and out", 300)


def forgetting(case: Case, forgot: dict[str, Any]) -> None:
    """The randomisation check: three likenesses, both nets."""
    names = {
        "signed": tr("rank correlation"),
        "absolute": tr("rank correlation of |values|"),
        "ssim": tr("SSIM of |values|"),
    }
    parts = [part or "trained" for part in next(iter(forgot.values())).parts]
    charts = []
    for measure, heading in names.items():
        row = []
        for v in case.views:
            values = getattr(forgot[v.name], measure)[:, 0]
            row.append(Line(v.name, v.source.spec.residual, np.arange(len(values)), values))
        charts.append((heading, row))
    title = tr("{label} while the net forgets, from its classifier down", label=methods()[case.lead].label)
    hint = tr("Random up to the part named; a map that stays explains the image, not what was learned (Adebayo 2018).")
    span = (-0.3, len(parts) - 0.7)
    chart(lines(charts, title, hint, "", span, (-1, 1.05), ticks=parts), "forgetting", 360)


def table(case: Case, raws: dict[str, list[np.ndarray]], tested: dict[tuple[str, str], Tested]) -> None:
    """Every method and net in figures."""
    rows = [
        {
            "method": methods()[method].label,
            "net": v.name,
            "insertion ↑": float(tested[method, v.name].insertion.areas[0]),
            "deletion ↓": float(tested[method, v.name].deletion.areas[0]),
            "infidelity ↓": tested[method, v.name].infidelity,
            "sensitivity ↓": tested[method, v.name].sensitivity,
        }
        for method in raws
        for v in case.views
    ]
    formats = {name: st.column_config.NumberColumn(format="%.3f") for name in rows[0] if name not in ("method", "net")}
    st.dataframe(rows, column_config=formats, hide_index=True, width="stretch")
    st.caption(
        tr(
            "↑ larger, ↓ smaller is better. Infidelity: 0, the map foretells what hiding a square costs; 1, "
            "nothing of it. Sensitivity: how far the map moves, against its norm, when pixels move by 0.02 "
            "standard deviations. "
        )
        + plain(
            tr(
                "One image: {image}; areas are of the probability of {name}.",
                image=case.image,
                name=case.classes[case.question.target],
            )
        )
    )
