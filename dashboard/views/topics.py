"""A page of one question: filters, then the topic that answers it; several stand in tabs."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard import filters, services
from dashboard.catalogue import PageOf
from dashboard.views import address, item, parts, section

EVERY = "All"
TAB = "tab"


def show(page: PageOf) -> None:
    """Show a topic of a page, or what to do when it has none."""
    state = parts.loaded()
    if state.read is None:
        parts.explain(state)
        return
    st.title(page.title)
    parts.small(page.question)
    parts.show_notices(services.told_first(state.read)[:1])
    present = [name for name in page.topics if name in state.read["sections"]]
    if not present:
        st.info(page.next_step)
        return
    arrived = address.arrive(page.path)
    if page.path == "items" and (one := item.chosen(state.read, page.path, arrived=arrived)):
        item.show(state.read, one)
        return
    chosen = ask(filters.choices(state.read, present), page.path, arrived=arrived)
    section.show_topic(state, _opened(state.read, page.path, present, arrived=arrived), chosen)


def _opened(tree: services.Tree, path: str, present: list[str], *, arrived: bool) -> str:
    """Choose the topic that is shown: several stand in tabs, so that no page is long."""
    if len(present) == 1:
        return present[0]
    titles = {name: str(tree["sections"][name]["title"]) for name in present}
    return address.select(
        "Part of this page",
        present,
        name=TAB,
        page=path,
        arrived=arrived,
        words=titles,
        keep=False,
        side_by_side=True,
    )


def ask(offered: Mapping[str, list[str]], path: str, *, arrived: bool) -> dict[str, str]:
    """Ask for filters: figures, tables and rules are of what is chosen, here and on the other pages.

    Parameters
    ----------
    offered
        Dimension to what can be chosen of it.
    path
        Address of the page.
    arrived
        Whether this run is the first on it.

    Returns
    -------
    dict
        Dimension to the value chosen; nothing for one of which everything is shown.
    """
    chosen = {}
    with st.container(horizontal=True):
        for key, values in offered.items():
            value = address.select(
                filters.LABELS[key], [EVERY, *values], name=key, page=path, arrived=arrived, width=260
            )
            if value != EVERY:
                chosen[key] = value
    if chosen:
        said = ", ".join(chosen.values())
        parts.small(f"Figures, tables and rules below are of {said} wherever these can be separated.")
    return chosen
