"""Bringing a network: a checkpoint of one's own, and torchvision's weights with a progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from resnet_viz.data import catalogue
from resnet_viz.errors import UserError
from resnet_viz.language import tr
from resnet_viz.nets.refs import NetworkError, Source
from resnet_viz.spec.data import DataSpec
from resnet_viz.spec.model import SHORTCUTS, ModelSpec, is_bottleneck
from resnet_viz.ui import live
from resnet_viz.ui.controls import draw
from resnet_viz.ui.say import complain, plain


def fetch(source: Source, meanwhile: str) -> None:
    """Offer to download torchvision's weights, and draw the page again once they are there."""
    st.info(
        tr(
            "The weights of {label} are torchvision's, downloaded once. Until then you see {meanwhile}.",
            label=source.label,
            meanwhile=plain(meanwhile),
        )
    )
    if not st.button(tr("Download {label}", label=source.label), width="stretch", key=f"fetch {source.ref}"):
        return
    from resnet_viz.nets import pretrained

    bar = st.progress(0.0, tr("Asking for it"))

    def tell(text: str, done: int, total: int) -> None:
        size = tr(", {done:,.0f} of {total:,.0f} MB", done=done / 1e6, total=total / 1e6) if total else ""
        bar.progress(min(1.0, done / max(total, 1)), text + size)

    try:
        pretrained.fetch_torchvision(source.spec.depth, tell)
    except NetworkError as error:
        complain(error)
        return
    finally:
        bar.empty()
    st.rerun()


def checkpoint(key: str) -> None:
    """The form: a file; then what was recognised in it, and what it does not say, as is usual for such a network.

    What is taken becomes the choice of `choose.choose_network`.
    """
    st.markdown(
        tr(
            "Weights of a residual net: `.pth`, `.pt`, `.th` or `.safetensors` in the names of torchvision, "
            "transformers or the CIFAR nets, or a checkpoint of a run."
        )
    )
    file = st.file_uploader(tr("Checkpoint"), key=f"{key}_file")
    if file is None or not live.fits(file):
        return
    kept: dict[str, Any] = st.session_state.setdefault(f"{key} brought", {})
    if kept.get("file") != file.file_id:
        kept.clear()
        kept["file"] = file.file_id
        _take(key, file, kept, {})
    if "asks" in kept:
        st.info(plain(kept["asks"].recognised))
        answers = _questions(key, kept["asks"].spec, kept["asks"].copies)
        if st.button(tr("Use this network"), type="primary", key=f"{key}_use"):
            kept.pop("error", None)
            kept.pop("taken", None)
            _take(key, file, kept, answers)
    if "error" in kept:
        complain(kept["error"])
    elif "taken" in kept:
        st.success(plain(tr("{name} is among the networks now, and chosen.", name=kept["taken"])))


def _take(key: str, file: Any, kept: dict[str, Any], answers: dict[str, Any]) -> None:
    from resnet_viz.nets import bring

    try:
        source = bring.import_checkpoint(file.name, file.getvalue(), **answers)
    except bring.NeedsMoments as error:
        if "asks" not in kept:  # its answers are those that are usual for it, whatever was said of another file
            for question in (name for name in st.session_state if str(name).startswith(f"{key}_ask_")):
                del st.session_state[question]
            mean, std = map(_text, bring.MOMENTS[error.usual])
            usual = {"usual": error.usual, "mean": mean, "std": std, "data": error.data}
            st.session_state.update({f"{key}_ask_{name}": value for name, value in usual.items()})
        kept["asks"] = error
    except UserError as error:
        kept["error"] = str(error)
    else:
        kept["taken"] = source.label
        st.session_state[f"{key} new"] = source.ref
        st.rerun()


def _questions(key: str, spec: ModelSpec, copies: Sequence[str]) -> dict[str, Any]:
    """What a checkpoint without a spec does not say: how images were normalised, what it saw, their size, whether it has skips
    and where it strides; and which network it is of those in the file.
    """
    from resnet_viz.nets.bring import MOMENTS

    usual = {name: values for name, values in MOMENTS.items() if len(values[0]) in (1, spec.channels)}

    def fill() -> None:
        mean, std = usual[st.session_state[f"{key}_ask_usual"]]
        st.session_state.update({f"{key}_ask_mean": _text(mean), f"{key}_ask_std": _text(std)})

    st.selectbox(tr("Normalised as usual for"), list(usual), key=f"{key}_ask_usual", on_change=fill)
    mean, std = (
        st.text_input(tr("{what} per channel, of 0 to 1", what=what), key=f"{key}_ask_{what.lower()}")
        for what in ("Mean", "Std")
    )
    sets = [
        "",
        *(n for n, f in catalogue.BUILT_IN.items() if (f.channels, len(f.classes)) == (spec.channels, spec.classes)),
    ]
    data = st.selectbox(
        tr("Trained on"),
        sets,
        format_func=lambda n: catalogue.BUILT_IN[n].label if n else tr("something else"),
        key=f"{key}_ask_data",
    )
    answers: dict[str, Any] = {"mean": _numbers(mean), "std": _numbers(std), "data": DataSpec(data) if data else None}
    if not data:
        answers["size"] = st.number_input(
            tr("Pixels a side of its images"), 8, 1024, spec.size, key=f"{key}_ask_size", help=tr("No tensor tells it.")
        )
    if is_bottleneck(spec):
        answers["stride_in_1x1"] = draw(ModelSpec, "stride_in_1x1", False, key=f"{key}_ask_stride")
    if spec.order == "preact" and spec.shortcut.startswith("projection"):
        answers["raw_projection"] = draw(ModelSpec, "raw_projection", False, key=f"{key}_ask_raw")
    if spec.norm == "group":
        answers["norm_groups"] = draw(ModelSpec, "norm_groups", spec.norm_groups, key=f"{key}_ask_groups")
    if copies:
        answers["copy"] = st.selectbox(tr("Which of the networks in the file"), copies, key=f"{key}_ask_copy")
    if spec.shortcut == "identity":
        kinds = ["identity", "none"]
        answers["shortcut"] = st.selectbox(
            tr("Skips, which its tensors don't tell"),
            kinds,
            format_func=lambda kind: tr(SHORTCUTS[kind]),
            key=f"{key}_ask_skips",
        )
    return answers


def _text(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _numbers(text: str) -> list[float]:
    """The numbers in a field; not a number where one is something else, which the import then says."""
    found = []
    for part in text.replace(";", ",").replace("[", "").replace("]", "").split(","):
        try:
            found.append(float(part))
        except ValueError:
            found.append(float("nan"))
    return found
