"""The frame of the app: which pages there are. Each page draws itself; nothing else happens here."""

import streamlit as st

from resnet_viz.files import ROOT
from resnet_viz.language import N_, tr
from resnet_viz.ui.speaking import follow_language

# Without icons: Streamlit would fetch a page's Material icon from the network for the browser's tab. Without sections: a menu
# would hide the name of the page that one is on.
PAGES = (
    N_("Twins"), N_("Learn"), N_("Inside"), N_("Explain"), N_("Runs"), N_("Gradients"), N_("Lesions"), N_("Landscape"),
    N_("Sweeps"),
)  # fmt: skip
follow_language()
st.navigation(
    [st.Page(ROOT / "pages" / f"{title.lower()}.py", title=tr(title), default=title == PAGES[0]) for title in PAGES],
    position="top",
).run()
