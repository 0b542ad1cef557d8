"""A page of one question: filters, then every topic that answers it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard import filters, services
from dashboard.catalogue import PageOf
from dashboard.views import parts, section

EVERY = "All"


def show(page: PageOf) -> None:
    """Show the topics of a page, or what to do when there are none."""
    state = parts.loaded()
    if state.tree is None:
        parts.explain(state)
        return
    st.title(page.title)
    parts.small(page.question)
    parts.show_notices(services.overview(state.tree)["notices"][:1])
    present = [name for name in page.topics if name in state.tree["sections"]]
    if not present:
        st.info(page.next_step)
        return
    chosen = _chosen(filters.choices(state.tree, present), page.path)
    for name in present:
        section.show_topic(state.tree, name, chosen, heading=len(present) > 1)


def _chosen(offered: Mapping[str, list[str]], path: str) -> dict[str, str]:
    """Ask for filters and keep them in the address, so that a link shows the same."""
    chosen = {}
    with st.container(horizontal=True):
        for key, values in offered.items():
            told = st.query_params.get(key, EVERY)
            options = [EVERY, *values]
            index = options.index(told) if told in options else 0
            value = st.selectbox(filters.LABELS[key], options, index=index, key=f"{path}-{key}", width=260)
            if value != EVERY:
                chosen[key] = str(value)
                st.query_params[key] = str(value)
            elif key in st.query_params:
                del st.query_params[key]
    if chosen:
        parts.small(
            "Tables that have this dimension are filtered. Sentences, figures and rules hold for all."
        )
    return chosen
