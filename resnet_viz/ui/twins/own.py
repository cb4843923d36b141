"""Bringing one's own images: an upload, or a file or folder of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from resnet_viz.data import catalogue, own


def _import(source: Any, label: str) -> None:
    bar = st.progress(0.0, "Reading")

    def tell(text: str, done: int, total: int) -> None:
        bar.progress(min(1.0, done / max(total, 1)), text)

    try:
        spec = own.import_own(source, label, tell)
    except catalogue.DataError as error:
        st.error(str(error))
        return
    finally:
        bar.empty()
    about = catalogue.facts(spec)
    st.session_state["own_notes"] = (
        f"**{about.label}**: {about.train + about.test:,} images of {about.size}×{about.size}, {len(about.classes)} classes. "
        + " ".join(about.notes)
    )
    # The control for data has been drawn in this run already; it takes the new set in the next.
    st.session_state["new_data"] = f"own:{spec.hash}"
    st.rerun()


def own_data() -> None:
    """The form: choose a file, or name a path; then it is the data set of the next training."""
    st.markdown(
        "An `.npz` (`x`: N,H,W[,C] uint8, `y`: N whole numbers), or a `.zip` with one folder of images for each class."
    )
    upload = st.file_uploader("File", type=["npz", "zip"], key="own_upload")
    path = st.text_input("Or a file or folder on this machine", key="own_path", placeholder="/path/to/images")
    if st.button("Use these images", disabled=not (upload or path), key="own_use"):
        if upload:
            _import((upload.name, upload), Path(upload.name).stem)
        else:
            _import(Path(path).expanduser(), Path(path).name)
    if notes := st.session_state.get("own_notes"):
        st.success(notes)
