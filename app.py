"""The frame of the app: which pages there are. Each page draws itself; nothing else happens here."""

import streamlit as st

# Without icons: Streamlit would fetch a page's Material icon from the network for the browser's tab.
st.navigation(
    [st.Page("pages/twins.py", title="Twins", default=True), st.Page("pages/runs.py", title="Runs")], position="top"
).run()
