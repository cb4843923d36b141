"""The frame of the app: which pages there are. Each page draws itself; nothing else happens here."""

import streamlit as st

st.navigation(
    [
        st.Page("pages/twins.py", title="Twins", icon=":material/compare_arrows:", default=True),
        st.Page("pages/runs.py", title="Runs", icon=":material/list_alt:"),
    ],
    position="top",
).run()
