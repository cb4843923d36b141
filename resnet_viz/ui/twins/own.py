"""Bringing one's own images: an upload, or a file or folder of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from resnet_viz.data import catalogue, own
from resnet_viz.language import tr
from resnet_viz.ui import live
from resnet_viz.ui.say import complain, plain
from resnet_viz.words.data_sets import summary


def _import(source: Any) -> None:
    bar = st.progress(0.0, tr("Reading"))

    def tell(text: str, done: int, total: int) -> None:
        bar.progress(min(1.0, done / max(total, 1)), plain(text))

    try:
        spec = own.import_own(source, progress=tell)
    except catalogue.DataError as error:
        complain(error)
        return
    finally:
        bar.empty()
    st.session_state["own_summary"] = summary(catalogue.facts(spec))
    # The control for data has been drawn in this run already; it takes the new set in the next.
    st.session_state["new_data"] = f"own:{spec.hash}"
    st.rerun()


def own_data() -> None:
    """The form: choose a file, or name a path; then it is the data set of the next training."""
    st.markdown(
        tr(
            "A `.zip` or `.tar.gz` with one folder of images for each class, or a CSV of classes beside them; "
            "an `.npz` (`x`: N,H,W[,C], `y`: N labels), or a `.parquet`."
        )
    )
    upload = st.file_uploader(
        tr("File"), type=["npz", "zip", "tar", "gz", "tgz", "bz2", "xz", "parquet"], key="own_upload"
    )
    # Whose machine this is may name its files; others see none of them.
    alone = live.store().visitor is None
    path = ""
    if alone:
        label = tr("Or a file or folder on this machine")
        path = st.text_input(label, key="own_path", placeholder=tr("/path/to/images"))
    if st.button(tr("Use these images"), disabled=not (upload or path), key="own_use"):
        if upload and live.fits(upload):
            _import((upload.name, upload))
        elif not upload:
            _import(Path(path))
    if words := st.session_state.get("own_summary"):
        st.success(tr("These images are what is trained on next."))
        st.text(words)  # not Markdown: names of files and classes are anybody's
