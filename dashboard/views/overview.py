"""The first page: is data coming in, is it sound, and what passed."""

from __future__ import annotations

import streamlit as st

from dashboard import services
from dashboard.views import parts


def show() -> None:
    """Show counts, notices, failures and every judged claim."""
    state = parts.loaded()
    if state.tree is None:
        parts.explain(state)
        return
    page = services.overview(state.tree)
    st.title(page["title"])
    if page["study"]:
        parts.small(page["study"])
    parts.show_notices(page["notices"])
    _counts(page["counts"])
    for failure in page["verdicts"]["failed"]:
        st.error(f"**Failed: {failure['title']}**\n\n{failure['message']}")
    if "flow" in state.tree["sections"]:
        st.header("Who took part")
        parts.show_figures(state.tree["sections"]["flow"], state.tree["meta"])
    parts.show_verdicts(page["verdicts"]["not_met"], "Not met", passed=False)
    parts.show_verdicts(page["verdicts"]["met"], "Met", passed=True, folded=True)
    for absent in page["verdicts"]["not_applicable"]:
        parts.small(f"Not asked: {absent['title']}. {absent['message']}")


def _counts(counts: dict[str, int | None]) -> None:
    with st.container(horizontal=True):
        for label, number in counts.items():
            st.metric(label, "–" if number is None else f"{number:,}", border=True, width=122)
