"""Everything to take away: the report in its forms, and the results as data."""

from __future__ import annotations

import streamlit as st

from dashboard import services
from dashboard.views import parts


def show() -> None:
    """Offer each file of the results folder."""
    state = parts.loaded()
    if state.tree is None:
        parts.explain(state)
        return
    st.title("Report and exports")
    parts.small("What can be taken away, and what is each file for?")
    parts.show_notices(services.overview(state.tree)["notices"])
    files = services.exports(state.source)
    for file in files:
        st.markdown(f"**{file.path.name}** · {file.purpose}")
        st.download_button(
            f"Download {file.path.name}", file.path.read_bytes(), file.path.name, file.kind, on_click="ignore"
        )
    if len(files) < len(services.FORMS):
        st.info("Other forms: run `dta validate` with `--forms html,pdf,docx,markdown`.")
