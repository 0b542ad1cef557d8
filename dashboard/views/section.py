"""One topic of the validation: words, figures, tables, rules and method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import services
from dashboard.views import parts


def show_topic(tree: services.Tree, name: str, chosen: Mapping[str, str], *, heading: bool) -> None:
    """Show one section of the results tree; `chosen` filters its tables."""
    page = services.section_parts(tree, name, chosen)
    section = page["section"]
    if heading:
        st.header(section["title"], divider="gray")
        parts.small(section.get("question", ""))
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
    parts.show_figures(tree["sections"][name], tree["meta"])
    for view in page["tables"]:
        parts.show_table(view)
    _judged(page["findings"], main=not heading)
    for warning in section.get("warnings", []):
        st.warning(warning)
    parts.small(page["method"])


def _judged(findings: list[dict[str, Any]], *, main: bool) -> None:
    for passed, heading in ((False, "Not met"), (True, "Met")):
        if entries := [finding for finding in findings if finding["passed"] is passed]:
            parts.show_verdicts(entries, heading, passed=passed, main=main)
