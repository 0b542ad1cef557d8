"""The first page: is data coming in, is it sound, and what has been shown."""

from __future__ import annotations

import streamlit as st

from analysis.report.questions import QUESTIONS
from dashboard import services
from dashboard.views import parts


def show() -> None:
    """Show counts, notices, limits, failures, the state of each property and each rule once."""
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
    for limit in page["limits"]:
        st.info(f"**{limit.heading}.** " + "  \n".join(limit.lines))
    for failure in page["failed"]:
        st.error(f"**Failed: {failure['title']}**\n\n{failure['message']}")
    st.header("What has been shown, and what has not")
    parts.show_states(page["states"])
    if "flow" in state.tree["sections"]:
        st.header("Who took part")
        parts.show_figures(state.tree["sections"]["flow"], state.tree["meta"])
    st.header(QUESTIONS)
    parts.small(page["hidden"])
    parts.show_questions(page["questions"])
    for absent in page["not_applicable"]:
        parts.small(f"Not asked: {absent['title']}. {absent['message']}")


def _counts(counts: dict[str, int | None]) -> None:
    with st.container(horizontal=True):
        for label, number in counts.items():
            st.metric(label, "–" if number is None else f"{number:,}", border=True, width=122)
