"""The frame of the app: which pages there are. Each page draws itself; nothing else happens here."""

import streamlit as st

# Without icons: Streamlit would fetch a page's Material icon from the network for the browser's tab.
PAGES = {
    "": {"twins": "Twins", "inside": "Inside", "explain": "Explain", "runs": "Runs"},
    "Labs": {"gradients": "Gradients", "lesions": "Lesions", "landscape": "Landscape", "sweeps": "Sweeps"},
}
st.navigation(
    {
        section: [st.Page(f"pages/{name}.py", title=title, default=name == "twins") for name, title in pages.items()]
        for section, pages in PAGES.items()
    },
    position="top",
).run()
