"""One topic of the validation: words, figures, tables, rules and method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from analysis.report.labels import READ
from analysis.report.view import PART_NOT_ESTIMATED
from dashboard import services
from dashboard.filters import touching
from dashboard.glossary import explained
from dashboard.views import parts


def show_topic(state: services.Loaded, name: str, chosen: Mapping[str, str]) -> None:
    """Show one section of the results; `chosen` filters its tables."""
    tree = state.read
    if tree is None:
        return
    page = services.section_parts(tree, name, chosen)
    section = page["section"]
    if section["status"] == "failed":
        st.error(section["message"])
    elif section["status"] == "untestable":
        st.info(f"Could not be tested. {section['message']}")
    elif section["status"] == "not_applicable":
        st.info(section["message"])
    if page["next_step"]:
        st.markdown(page["next_step"])
        return
    for problem in section.get("problems", []):
        st.info(f"{PART_NOT_ESTIMATED}. {problem}")
    for line in page["untested"]:
        parts.small(line)
    if page["filtered"]:
        with st.expander("What is said of everything, whatever was chosen above"):
            _sentences(page["prose"])
            show_judged(page["apart"], main=False)
    else:
        _first_sentences(page["prose"])
    told = touching(tree["sections"][name], chosen)
    place = parts.Place(version=state.version, name=name, chosen=told)
    parts.show_figures(place, section, tree["meta"])
    parts.show_map(place, section, tree["meta"])
    ids = {label: item for item, label in tree["meta"].get(READ, {}).items()}
    views = [
        (view, [ids.get(item, item) for item in section["tables"][view.name].get("item", ())])
        for view in page["tables"]
    ]
    parts.show_tables(views, key=f"table-{name}")
    show_judged(page["findings"])
    for warning in section.get("warnings", []):
        st.warning(warning)
    parts.small(page["method"])


OPEN_SENTENCES = 3
"""Paragraphs that stand open; more wait behind a door, so that the figures are seen on the first screens."""


def _first_sentences(sentences: list[str]) -> None:
    """Show the first sentences, and the others behind a door where they are more than one."""
    if len(sentences) <= OPEN_SENTENCES + 1:
        _sentences(sentences)
        return
    _sentences(sentences[:OPEN_SENTENCES])
    with st.expander(f"Read on: {len(sentences) - OPEN_SENTENCES} more paragraphs"):
        _sentences(sentences[OPEN_SENTENCES:])


def _sentences(sentences: list[str]) -> None:
    for sentence in sentences:
        st.markdown(sentence.replace("*", "\\*").replace("$", "\\$"), help=explained(sentence))


def show_judged(findings: list[dict[str, Any]], *, main: bool = True) -> None:
    """Show judged claims by verdict, faults first."""
    for verdict in parts.HEADINGS:
        if entries := [finding for finding in findings if finding["verdict"] == verdict]:
            parts.show_verdicts(entries, verdict, main=main)
