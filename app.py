"""The frame of the app: which pages there are. Each page draws itself; nothing else happens here."""

import streamlit as st

from resnet_viz.files import ROOT

# Without icons: Streamlit would fetch a page's Material icon from the network for the browser's tab. Without sections: a menu
# would hide the name of the page that one is on.
PAGES = ("Twins", "Learn", "Inside", "Explain", "Runs", "Gradients", "Lesions", "Landscape", "Sweeps")
st.navigation(
    [st.Page(ROOT / "pages" / f"{title.lower()}.py", title=title, default=title == PAGES[0]) for title in PAGES],
    position="top",
).run()
