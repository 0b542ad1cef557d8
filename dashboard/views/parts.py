"""Pieces that several views show: notices, verdicts, tables and figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from analysis.report.view import TableView
from dashboard.services import Loaded, load_results, results_path

LONG_TABLE = 15


@st.cache_data(show_spinner=False, max_entries=4)
def _load(path: str, changed: int) -> Loaded:
    """Read once per version of the file."""
    from pathlib import Path

    return load_results(Path(path))


def loaded() -> Loaded:
    """Give the results that the environment names, read anew when the file changes."""
    path = results_path()
    if path is None or not path.is_file():
        return load_results(path)
    return _load(str(path), path.stat().st_mtime_ns)


def explain(state: Loaded) -> None:
    """Say why there is nothing to show and what to do next."""
    st.title("Nothing to show yet")
    st.error(state.problem)
    st.markdown(state.advice)


def show_notices(notices: Sequence[tuple[str, str]]) -> None:
    """Show what a reader must know before any number."""
    for kind, sentence in notices:
        st.warning(f"**{kind.capitalize()}.** {sentence}")


def show_verdicts(entries: Sequence[Mapping[str, Any]], heading: str, passed: bool) -> None:
    """Show judged claims with value, rule and source."""
    mark, colour = ("✓", "blue") if passed else ("✗", "orange")
    st.subheader(f"{mark} {heading} ({len(entries)})")
    if not entries:
        st.caption("None.")
    for entry in entries:
        st.markdown(f":{colour}[**{entry['printed']}**] — {entry['claim']}")
        st.caption(" · ".join(part for part in (entry["rule"], entry["source"], entry["note"]) if part))


def show_table(view: TableView) -> None:
    """Show a table as the report prints it; a long one waits behind its heading."""
    if len(view.rows) > LONG_TABLE:
        with st.expander(f"{view.title} ({len(view.rows)} rows)"):
            _table(view)
    else:
        st.markdown(f"**{view.title}**")
        _table(view)


def _table(view: TableView) -> None:
    heads = [head for head, _ in view.heads]
    frame = pd.DataFrame([[cell.text for cell in row] for row in view.rows], columns=heads)
    st.dataframe(frame, hide_index=True, width="stretch")
    if view.note:
        st.caption(view.note)


def show_figures(section: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
    """Show every figure of a section; its numbers stand in the tables of the same page."""
    if not section["figures"]:
        return
    dark = st.context.theme.type == "dark"
    known = {"title": section["title"], "figures": section["figures"]}
    text = json.dumps({**known, "tables": section["tables"], "captions": section["captions"]})
    for title, page in _drawn(text, json.dumps(dict(meta)), dark):
        st.markdown(f"**{title}**")
        st.html(page)


@st.cache_data(show_spinner="Drawing", max_entries=64)
def _drawn(section: str, meta: str, dark: bool) -> list[tuple[str, str]]:
    from analysis.figures.registry import build_figures
    from analysis.report.html import responsive_images

    figures = build_figures(json.loads(section), json.loads(meta))
    return [(figure.title, responsive_images(figure, dark=dark)) for figure in figures.values()]
