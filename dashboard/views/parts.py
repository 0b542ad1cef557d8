"""Pieces that several views show: notices, verdicts, tables and figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from analysis.report.view import TableView, table_view
from dashboard.services import Loaded, is_shared, load_results, results_path

LONG_TABLE = 15


@st.cache_data(show_spinner=False, max_entries=4)
def _load(path: str, changed: int, shared: bool) -> Loaded:
    """Read once per version of the file."""
    from pathlib import Path

    return load_results(Path(path), shared=shared)


def loaded() -> Loaded:
    """Give the results that the environment names, read anew when the file changes."""
    path = results_path()
    if path is None or not path.is_file():
        return load_results(path)
    return _load(str(path), path.stat().st_mtime_ns, is_shared())


def small(text: str) -> None:
    """Write small in full ink: Streamlit's caption is too pale to read (below 4.5:1)."""
    if text:
        plain = text
        for sign in "\\[]*_$`":
            plain = plain.replace(sign, "\\" + sign)
        st.markdown(f":small[{plain}]")


def explain(state: Loaded) -> None:
    """Say why there is nothing to show and what to do next."""
    st.title("Nothing to show yet")
    st.error(state.problem)
    st.markdown(state.advice)


def show_notices(notices: Sequence[tuple[str, str]]) -> None:
    """Show what a reader must know before any number."""
    for kind, sentence in notices:
        st.warning(f"**{kind.capitalize()}.** {sentence}")


def show_verdicts(
    entries: Sequence[Mapping[str, Any]], heading: str, passed: bool, main: bool = True, folded: bool = False
) -> None:
    """Show judged claims with value, rule and source."""
    mark, colour = ("✓", "blue") if passed else ("✗", "orange")
    (st.header if main else st.subheader)(f"{mark} {heading} ({len(entries)})")
    if not entries:
        small("None.")
    with st.expander("Show them") if folded and entries else st.container():
        for entry in entries:
            st.markdown(f":{colour}[**{entry['printed']}**] — {entry['claim']}")
            small(" · ".join(part for part in (entry["rule"], entry["source"], entry["note"]) if part))


def show_table(view: TableView) -> None:
    """Show a table as the report prints it; a long one waits behind its heading."""
    if len(view.rows) > LONG_TABLE:
        with st.expander(f"{view.title} ({len(view.rows)} rows)"):
            _table(view)
    else:
        st.markdown(f"**{view.title}**")
        _table(view)


def _table(view: TableView) -> None:
    if not view.rows:
        small("No row for this choice.")
        return
    # two columns may share a heading ("95% from", "to"): the key is the position, the heading a label
    heads = {str(position): head or "Name" for position, (head, _) in enumerate(view.heads)}
    frame = pd.DataFrame([[cell.text for cell in row] for row in view.rows], columns=list(heads))
    st.dataframe(frame, hide_index=True, width="stretch", column_config=dict(heads))
    if view.note:
        small(view.note)


def show_figures(section: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
    """Show every figure of a section; its numbers stand in the tables of the same page."""
    if not section["figures"]:
        return
    dark = st.context.theme.type == "dark"
    known = {"title": section["title"], "figures": section["figures"]}
    known |= {"suppressed": section.get("suppressed")}
    text = json.dumps({**known, "tables": section["tables"], "captions": section["captions"]})
    for drawn in _drawn(text, json.dumps(dict(meta)), dark):
        if not drawn.page:
            st.warning(
                f"The figure {drawn.title!r} cannot be drawn from these numbers; its tables stand below."
            )
            continue
        st.markdown(f"**{drawn.title}**")
        st.html(drawn.page)
        with st.expander("This figure in words and numbers"):
            st.markdown(drawn.words.replace("*", "\\*").replace("$", "\\$"))
            for name in drawn.tables:
                _table(table_view("", section, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure as a page shows it; without `page` when it could not be drawn."""

    title: str
    words: str = ""
    page: str = ""
    tables: tuple[str, ...] = ()


@st.cache_data(show_spinner="Drawing", max_entries=64)
def _drawn(section: str, meta: str, dark: bool) -> list[Drawn]:
    known, about = json.loads(section), json.loads(meta)
    return [_draw({**known, "figures": [name]}, name, about, dark) for name in known["figures"]]


def _draw(section: dict[str, Any], name: str, meta: dict[str, Any], dark: bool) -> Drawn:
    from analysis.figures.registry import build_figures
    from analysis.report.html import responsive_images

    try:
        figure = build_figures(section, meta)[name]
        page = responsive_images(figure, dark=dark)
    except (ValueError, TypeError, KeyError, IndexError):  # too few numbers, or a figure of another version
        return Drawn(title=name)
    return Drawn(title=figure.title, words=figure.alt, page=page, tables=figure.tables)
