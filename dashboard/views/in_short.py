"""The short report as a page: what an app team needs to know, in plain words."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analysis.report.short import Grid, Part, for_whom, honest_lines, short_parts
from analysis.report.short_forms import plain
from dashboard import sharing
from dashboard.views import parts
from dashboard.views.bars import show_bars
from dashboard.views.links import escaped

OPEN_PARTS = 4
"""Parts that stand open: the answer, what to do, what was found and how each theme is rated."""


def show() -> None:
    """Show every part of the short report."""
    state = parts.loaded()
    if state.read is None:
        parts.explain(state)
        return
    st.title("In short")
    parts.small(f"{state.read['meta']['instrument']['title']}: {for_whom(state.read)}.")
    for line in honest_lines(state.read):
        st.markdown(f":orange[**{escaped(line)}**]")
    if state.read["meta"].get("shared"):
        parts.show_notices([sharing.NOTICE])
    every = short_parts(state.read)
    for part in every[:OPEN_PARTS]:
        _part(part)
    if behind := every[OPEN_PARTS:]:
        with st.expander(f"Read on: {'; '.join(part.heading for part in behind)}"):
            for part in behind:
                _part(part)


def _part(part: Part) -> None:
    st.header(part.heading)
    for words in part.lines:
        st.markdown(escaped(plain(words)))
    if part.points:
        st.markdown("\n".join(f"- {escaped(plain(words))}" for words in part.points))
    if part.grid is not None:
        _grid(part.grid)
    for words in part.after:
        st.markdown(escaped(plain(words)))


def _grid(grid: Grid) -> None:
    if grid.bars:
        texts = [[plain(cell) for cell in row] for row in grid.rows]
        show_bars([*grid.heads, "On the scale"], texts, grid.bars)
        return
    rows = [[escaped(plain(cell)) for cell in row] for row in grid.rows]
    st.table(pd.DataFrame(rows, columns=list(grid.heads)), border="horizontal", hide_index=True)
