"""The page of one item: its words, its answers, and everything the results hold about it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analysis.figures.item_figures import answer_bars, response_curves
from dashboard.catalogue import path_of
from dashboard.item_sheet import ItemSheet, item_sheet, items_of
from dashboard.services import Tree
from dashboard.views import address, parts
from dashboard.views.cards import show_cards
from dashboard.views.links import escaped, link
from instrument.common.formatting import format_value

KEY = "item"
ALL = "All items"


def chosen(tree: Tree, page: str, *, arrived: bool) -> str:
    """Ask for an item and keep it in the address.

    Returns
    -------
    str
        Id of the item; empty for all.
    """
    known = items_of(tree)
    told = st.query_params.get(KEY, "")
    words = {"": ALL, **known}
    picked = address.select(
        "Item", list(words), name=KEY, page=page, arrived=arrived, words=words, keep=False
    )
    if told and told not in known:
        parts.small(f"The instrument has no item “{told}”.")
    return picked


def show(tree: Tree, item: str) -> None:
    """Show one item."""
    sheet = item_sheet(tree, item)
    if sheet is None:
        return
    st.header(f"“{escaped(sheet.wording)}”")
    parts.small(f"{sheet.theme} · item {sheet.item}" if sheet.theme else f"Item {sheet.item}")
    _answers(sheet)
    parts.small("Answers stand as they were given; for every number below a reversed item is turned first.")
    _facts(tree, sheet)
    _compared(sheet)
    _curves(sheet)
    _functioning(sheet)
    if tree["meta"].get("shared"):
        parts.small("What rests on, or would tell, fewer than five people is left out.")


def _answers(sheet: ItemSheet) -> None:
    if sheet.answers is None:
        return
    st.subheader("How it was answered at the first wave")
    labels, shares = sheet.answers.labels, sheet.answers.shares
    told = list(zip(labels, (format_value(share, "percent") for share in shares), strict=True))
    words = "; ".join(f"{option} {share}" for option, share in told)
    if any(share is not None for share in shares):
        parts.show_live(answer_bars(labels, shares), f"Share of each option: {words}.")
    with st.expander("These answers as numbers"):
        st.dataframe(pd.DataFrame(told, columns=["Option", "Share"]), hide_index=True, width="stretch")


def _facts(tree: Tree, sheet: ItemSheet) -> None:
    st.subheader("What the results say about it")
    if not sheet.facts:
        parts.small("Nothing that can be shown here.")
    rows = [(fact.label, fact.text) for fact in sheet.facts]
    if rows:
        st.table(pd.DataFrame(rows, columns=["What", "Value"]), border="horizontal", hide_index=True)
    topics = dict.fromkeys(fact.topic for fact in sheet.facts if fact.topic != "items")
    with st.container(horizontal=True):
        for topic in topics:
            link(path_of(topic), tree["sections"][topic]["title"], {"tab": topic})


def _compared(sheet: ItemSheet) -> None:
    for title, means in sheet.compared.items():
        st.subheader(title)
        rows = pd.DataFrame(list(means), columns=["Where", "Mean"])
        st.table(rows, border="horizontal", hide_index=True)


def _curves(sheet: ItemSheet) -> None:
    if sheet.curves is None:
        return
    st.subheader("Which answer is most likely at each level")
    steps = ", ".join(format_value(step, "d2") for step in sheet.curves.difficulties)
    slope = format_value(sheet.curves.discrimination, "d2")
    named = len(sheet.curves.labels) == len(sheet.curves.difficulties) + 1
    further = " or a higher one, then the third, and so on," if len(sheet.curves.difficulties) > 1 else ""
    words = f"Discrimination {slope}. Half of the people choose the second option{further} at {steps}."
    words += "" if named else " Options are numbered as they are scored."
    curves = response_curves(sheet.curves.discrimination, sheet.curves.difficulties, sheet.curves.labels)
    parts.show_live(curves, f"Chance of each option along the trait. {words}")
    parts.small(words)


def _functioning(sheet: ItemSheet) -> None:
    if not sheet.functioning:
        return
    st.subheader("Does it function alike in every group?")
    st.dataframe(pd.DataFrame(list(sheet.functioning)), hide_index=True, width="stretch")
    show_cards(list(sheet.functioning[0]), [list(row.values()) for row in sheet.functioning])
