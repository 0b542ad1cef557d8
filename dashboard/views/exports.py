"""Everything to take away: the report in its forms, and the results as data."""

from __future__ import annotations

import streamlit as st

from dashboard import services, sharing
from dashboard.views import parts


def show() -> None:
    """Offer each file of the results folder."""
    state = parts.loaded()
    if state.tree is None:
        parts.explain(state)
        return
    st.title("Report and exports")
    parts.small("What can be taken away, and what is each file for?")
    parts.show_notices(services.told_first(state.tree))
    if state.reduced:
        _made_here(state.tree)
        return
    files = services.exports(state.source)
    for file in files:
        st.markdown(f"**{file.path.name}** · {file.purpose}")
        st.download_button(
            f"Download {file.path.name}", file.path.read_bytes(), file.path.name, file.kind, on_click="ignore"
        )
    _offer(sharing.tables_zip(state.tree))
    there = {file.path.name for file in files}
    for name in sharing.DRAWN:
        if name not in there and st.button(f"Make {name}", key=f"make-{name}"):
            _offer(_drawn(state.tree, name))


def _made_here(tree: services.Tree) -> None:
    """Offer what is made of the numbers shown; the files on the disk hold more."""
    for file in sharing.handouts(tree):
        _offer(file)
    for name in sharing.DRAWN:
        if st.button(f"Make {name}", key=f"make-{name}"):
            _offer(_drawn(tree, name))


def _offer(file: sharing.Handout) -> None:
    st.markdown(f"**{file.name}** · {file.purpose}")
    st.download_button(f"Download {file.name}", file.content, file.name, file.kind, on_click="ignore")


@st.cache_data(show_spinner="Drawing the figures", max_entries=4)
def _drawn(tree: services.Tree, name: str) -> sharing.Handout:
    return sharing.drawn(tree, name)
