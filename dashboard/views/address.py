"""What a visitor has chosen stands in the address: links show it, Back undoes it, other pages keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import streamlit as st

HERE = "address-page"
KEPT = "address-kept"


def arrive(page: str) -> bool:
    """Say whether this run is the first on a page; called once in each run.

    Parameters
    ----------
    page
        Address of the page.
    """
    new = st.session_state.get(HERE) != page
    st.session_state[HERE] = page
    return new


def select(
    label: str,
    options: Sequence[str],
    *,
    name: str,
    page: str,
    arrived: bool,
    words: Mapping[str, str] | Callable[[str], str] = str,
    width: int | Literal["stretch"] = "stretch",
    keep: bool = True,
    side_by_side: bool = False,
) -> str:
    """Ask for one of several, and keep it in the address.

    Parameters
    ----------
    label
        Of the question.
    options
        What can be chosen; the first stands for no choice and is not in the address.
    name
        In the address.
    page
        Address of the page.
    arrived
        Whether this run is the first on it: then what was chosen on another page is taken along.
    words
        What is shown of an option.
    width
        Of the widget.
    keep
        Whether other pages take the choice along.
    side_by_side
        Whether all options are seen at once, as tabs are.

    Returns
    -------
    str
        The option chosen; one in the address that does not exist here counts as none.
    """
    state, nothing = st.session_state, options[0]
    kept: dict[str, str] = state.setdefault(KEPT, {})
    if keep and arrived and name not in st.query_params and kept.get(name) in options[1:]:
        st.query_params[name] = kept[name]
    told = st.query_params.get(name, nothing)
    widget, last = f"{page}-{name}", f"{page}-{name}-told"
    if arrived or state.get(last) != told or widget not in state:  # a link, a reload, or Back
        state[widget] = told if told in options else nothing
        state[last] = told

    def write() -> None:
        value = state[widget]
        if value == nothing:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = value
        state[last] = value

    if told in options[1:]:
        kept[name] = told if keep else ""
    elif not arrived:
        kept[name] = ""
    shown = words.__getitem__ if isinstance(words, Mapping) else words
    if side_by_side:
        picked = st.segmented_control(
            label, options, key=widget, format_func=shown, on_change=write, required=True, wrap=True
        )
    else:
        picked = st.selectbox(label, options, key=widget, format_func=shown, on_change=write, width=width)
    return str(picked)
