"""Ways from one page to another that keep what a visitor has chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import streamlit as st

KEPT = "pages"


def know(pages: Iterable[st.Page]) -> None:
    """Remember the pages of this run, so that views can lead to them."""
    st.session_state[KEPT] = {page.url_path: page for page in pages}


def link(path: str, label: str, query: Mapping[str, str] | None = None) -> None:
    """Lead to a page; without navigation, or such a page, the label stands as it is.

    Parameters
    ----------
    path
        Address of the page; empty for none.
    label
        Words of the link.
    query
        What stands in the address of that page.
    """
    page = st.session_state.get(KEPT, {}).get(path) if path else None  # the page without a path is the first
    if page is None:
        st.markdown(f"**{escaped(label)}**")
        return
    kept = {key: value for key, value in (query or {}).items() if value}
    st.page_link(page, label=escaped(label), query_params=kept or None)


def has_page(path: str) -> bool:
    """Say whether there is such a page to lead to."""
    return path in st.session_state.get(KEPT, {})


def go(path: str, query: Mapping[str, str]) -> None:
    """Go to a page at once."""
    st.switch_page(st.session_state[KEPT][path], query_params=dict(query))


def escaped(text: str) -> str:
    """Take the meaning of Markdown from the signs of a text."""
    for sign in "\\[]*_$`":
        text = text.replace(sign, "\\" + sign)
    return text
