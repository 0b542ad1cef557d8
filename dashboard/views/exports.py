"""Everything to take away: the report in its forms, and the results as data."""

from __future__ import annotations

import streamlit as st

from dashboard import services, sharing
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
    if state.reduced:
        _made_here(state.tree)
        return
    files = services.exports(state.source)
    for file in files:
        st.markdown(f"**{file.path.name}** · {file.purpose}")
        st.download_button(
            f"Download {file.path.name}", file.path.read_bytes(), file.path.name, file.kind, on_click="ignore"
        )
    if len(files) < len(services.FORMS):
        st.info("Other forms: run `dta validate` with `--forms html,pdf,docx,markdown`.")


def _made_here(tree: services.Tree) -> None:
    """Offer what is made of the numbers shown; the files on the disk hold more."""
    for file in sharing.handouts(tree):
        _offer(file)
    if st.button("Make the report", key="make-report"):
        _offer(_report(tree))


def _offer(file: sharing.Handout) -> None:
    st.markdown(f"**{file.name}** · {file.purpose}")
    st.download_button(f"Download {file.name}", file.content, file.name, file.kind, on_click="ignore")


@st.cache_data(show_spinner="Drawing the figures", max_entries=2)
def _report(tree: services.Tree) -> sharing.Handout:
    return sharing.report(tree)
