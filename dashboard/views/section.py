"""The page of one topic of the validation: words, figures, tables, rules and method."""

from __future__ import annotations

import streamlit as st

from dashboard import services
from dashboard.views import parts


def show(name: str) -> None:
    """Show one section of the results tree."""
    state = parts.loaded()
    if state.tree is None:
        parts.explain(state)
        return
    if name not in state.tree["sections"]:
        st.title("Not in these results")
        st.info("These results were made without this topic. Run `dta validate` again.")
        return
    page = services.section_parts(state.tree, name)
    section = page["section"]
    st.title(section["title"])
    st.caption(section.get("question", ""))
    parts.show_notices(services.overview(state.tree)["notices"][:1])
    if section["status"] == "failed":
        st.error(section["message"])
    elif section["status"] == "not_applicable":
        st.info(section["message"])
    if page["next_step"]:
        st.markdown(page["next_step"])
        return
    for problem in section.get("problems", []):
        st.error(f"A part of this failed. {problem}")
    for sentence in page["prose"]:
        st.markdown(sentence.replace("*", "\\*").replace("$", "\\$"))
    parts.show_figures(section, state.tree["meta"])
    for view in page["tables"]:
        parts.show_table(view)
    for passed, heading in ((False, "Not met"), (True, "Met")):
        if entries := [finding for finding in page["findings"] if finding["passed"] is passed]:
            parts.show_verdicts(entries, heading, passed=passed)
    for warning in section.get("warnings", []):
        st.warning(warning)
    st.caption(page["method"])
