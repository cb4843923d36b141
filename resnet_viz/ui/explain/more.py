"""What stands beneath Explain's maps: every block, training, the guesses, many images at once; and files to take home."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from resnet_viz.data import images
from resnet_viz.figures.overlay import TILE, archive, blend, enlarged, rgb, scaled, sheet
from resnet_viz.figures.saliency import Panel, maps
from resnet_viz.language import tr
from resnet_viz.nets import refs
from resnet_viz.ui import choose, live
from resnet_viz.ui.choose import Chosen
from resnet_viz.ui.explain.view import Case, View, block_name, fitted, kept, methods, panel, raw_map, view, why_empty
from resnet_viz.ui.frame import chart, download
from resnet_viz.ui.say import complain, plain
from resnet_viz.words.numbers import signed

MOMENTS = 9  # checkpoints shown at once
BATCH = 16  # images explained at once
ROW = 9  # small maps in a row


def every_block(case: Case) -> None:
    """Grad-CAM at every block, from one pass a net."""
    from resnet_viz.attribution.attribute import gradcam_strip

    question = case.question
    for v in case.views:

        def make(v: View = v) -> dict[str, np.ndarray]:
            x = v.network.prepare(v.seen[None])
            strip = gradcam_strip(v.network.model, x, target=question.target, minus=question.minus)
            return {name: cells[0].numpy() for name, cells in strip.items()}

        key = ("strip", v.source.ref, v.source.step, v.digest, question.target, question.minus)
        strip = [
            _small(case, v, "gradcam", block_name(v.source.spec, name), tr("{n}×{n} cells", n=len(raw)), raw)
            for name, raw in kept(key, make).items()
        ]
        title = tr("Grad-CAM for {target} at every block of {name}", target=case.target, name=v.name)
        _row(case, v, "gradcam", strip, title, tr("From the first block to the last, coarser and coarser."))


def over_training(case: Case) -> None:
    """The first method's map at the nets' checkpoints, MOMENTS at most, evenly chosen."""
    lead, alone = case.lead, True
    for v in case.views:
        checkpoints = refs.checkpoints(v.source, live.store())
        chosen = np.unique(np.linspace(0, len(checkpoints) - 1, min(MOMENTS, len(checkpoints))).round().astype(int))
        alone &= len(chosen) == 1
        strip = []
        for source in (checkpoints[n] for n in chosen):
            then = view(choose.network(source), v.seen)
            raw = raw_map(then, lead, case.question, case.wanted[lead])
            strip.append(_small(case, then, lead, tr("step {step:,}", step=source.step), then.says(then.guess), raw))
        title = tr(
            "{method} for {target} while {name} was trained",
            method=methods()[lead].label,
            target=case.target,
            name=v.name,
        )
        _row(case, v, lead, strip, title, tr("Beneath: what the net said at that step."))
    if alone:
        st.caption(tr("No earlier checkpoints of these nets were kept; those of a run of your own are."))


def _small(case: Case, view: View, method: str, title: str, first: str, raw: np.ndarray) -> Panel:
    """One of many maps in a row; ``first`` stands in the first line beneath it."""
    beneath = (first, tr("max {value}", value=signed(float(raw.max()), ".1g")))
    return Panel(title, raw, beneath, view.source.spec.residual, words="empty" if why_empty(case, method, raw) else "")


def _row(case: Case, view: View, method: str, panels: Sequence[Panel], title: str, hint: str) -> None:
    columns = min(ROW, max(5, len(panels)))
    drawing = maps(view.seen, panels, case.look(method), title, hint, columns=columns)
    chart(drawing, f"{title} {view.source.ref}", 60 + (40 + 860 // columns) * -(-len(panels) // columns), wide=True)


def guesses(case: Case) -> None:
    """The five likeliest classes, and the explained one, with each net's probability."""
    order = np.argsort(-np.mean([v.probabilities for v in case.views], 0)).tolist()
    shown = {*order[:5], case.question.target}
    rows = [
        {"class": case.classes[n], **{v.name: 100 * float(v.probabilities[n]) for v in case.views}}
        for n in order
        if n in shown
    ]
    bars = {
        v.name: st.column_config.ProgressColumn(v.name, format="%.1f %%", min_value=0, max_value=100)
        for v in case.views
    }
    st.dataframe(rows, column_config=bars, hide_index=True, width="stretch")


def many(case: Case) -> None:
    """The first method on several images at once: files in, maps and their files out; until then, the images that ship."""
    size = images.FILE >> 20
    files = st.file_uploader(
        tr("Up to {most} images at once", most=BATCH), accept_multiple_files=True, key="many", max_upload_size=size
    )
    named = [(f.name, f.getvalue()) for f in files] or [
        (path.name, path.read_bytes()) for path in images.SAMPLES.values()
    ]
    if len(named) > BATCH:
        st.warning(tr("{n} images are more than {most}: the first {most} are shown.", n=len(named), most=BATCH))
    seen = []
    for name, content in named[:BATCH]:
        try:
            seen.append(Chosen(images.read(content, name), name))
        except images.ImageError as error:
            complain(error)
    if not seen:
        return
    bar = st.progress(0.0)
    panels: list[Panel] = []
    arrays: dict[str, np.ndarray] = {}
    for done, chosen in enumerate(seen):
        name = chosen.name
        bar.progress(
            done / len(seen), plain(tr("{name}, {done} of {images}", name=name, done=done + 1, images=len(seen)))
        )
        views = tuple(view(v.network, fitted(v.network, chosen)) for v in case.views)
        question = replace(case.question, target=views[0].guess) if case.question.own else case.question
        mine = replace(case, views=views, question=question, image=name, truth=None)
        for v in views:
            raw = raw_map(v, case.lead, question, case.wanted[case.lead])
            one = panel(mine, v, case.lead, raw, title=Path(name).stem[:16])
            panels.append(replace(one, image=v.seen, words="empty" if one.words else ""))
            arrays |= {f"{done} {v.name} {case.lead}": raw, f"{done} {v.name} input": v.seen}
    bar.empty()
    columns = 4 * len(case.views)
    whose = tr("what {name} says of each image", name=case.views[0].name) if case.question.own else case.target
    title = tr("{method} for {whose}", method=methods()[case.lead].label, whose=whose)
    drawing = maps(case.views[0].seen, panels, case.look(case.lead), title, "● residual, □ plain.", columns=columns)
    chart(drawing, "many maps", 60 + 185 * -(-len(panels) // columns), wide=True)
    description = described(case) | {"image": [chosen.name for chosen in seen]}
    if case.question.own:
        description["target"] = f"what {case.views[0].name} says of each image"
    download(tr("Raw maps (NPZ)"), lambda: archive(arrays, description), "maps.npz", key="many npz")


# What one takes home


def described(case: Case) -> dict[str, Any]:
    """Everything that makes the maps again, as JSON for a file."""
    question, table = case.question, methods()
    return {
        "image": case.image,
        "target": {"number": question.target, "name": case.classes[question.target]},
        "minus": None if question.minus is None else {"number": question.minus, "name": case.classes[question.minus]},
        "layer": question.layer,
        "methods": {
            key: {"label": table[key].label, "paper": table[key].paper, "parameters": values}
            for key, values in case.wanted.items()
        },
        "nets": {
            v.name: {"ref": v.source.ref, "label": v.source.label, "step": v.source.step, "about": v.source.about}
            for v in case.views
        },
        "maps": "raw and signed, summed over channels; Grad-CAM: the layer's cells, before its ReLU",
    }


def downloads(case: Case, raws: dict[str, list[np.ndarray]]) -> None:
    """The maps in view as a PNG, and raw as an NPZ; either is made when it is asked for."""
    with st.container(horizontal=True):
        download(tr("Images (PNG)"), lambda: png(case, raws), "maps.png", mime="image/png", key="png")
        download(tr("Raw maps (NPZ)"), lambda: npz(case, raws), "maps.npz", mime="application/octet-stream", key="npz")


def npz(case: Case, raws: dict[str, list[np.ndarray]]) -> bytes:
    """Raw maps as "NET METHOD", each net's input as "NET input", and "about": JSON that says what they are."""
    arrays = {f"{v.name} {key}": raw for key, row in raws.items() for v, raw in zip(case.views, row, strict=True)}
    return archive(arrays | {f"{v.name} input": v.seen for v in case.views}, described(case))


def png(case: Case, raws: dict[str, list[np.ndarray]]) -> bytes:
    """A row for each method: what a net sees, then its map as on the page, with the same words beneath."""
    tiles: list[tuple[np.ndarray, tuple[str, ...]]] = []
    for key, row in raws.items():
        look = case.look(key)
        for v, raw in zip(case.views, row, strict=True):
            one = panel(
                case,
                v,
                key,
                raw,
                title=tr("{method} for {target}, {name}", method=methods()[key].label, target=case.target, name=v.name),
            )
            laid = blend(v.seen, scaled(raw, look.view), look)
            tiles.append((enlarged(rgb(v.seen), TILE), (tr("what {name} sees", name=v.name),)))
            tiles.append((laid, (one.title, *one.beneath, one.words)))
    return sheet(tiles, {name: json.dumps(value, ensure_ascii=False) for name, value in described(case).items()})
