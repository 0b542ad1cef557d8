"""Waves, groups and two studies side by side."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analysis.figures.side_by_side import means_chart, slopes_chart
from dashboard import filters, services
from dashboard.comparison import (
    STUDIES,
    TOPICS,
    Comparison,
    Moved,
    Side,
    between,
    compare,
    judged,
    narrowed,
    offered,
)
from dashboard.views import address, parts, section, topics
from dashboard.views.cards import show_cards
from dashboard.views.links import escaped
from instrument.common.formatting import format_value

PATH, BY = "compare", "by"
SLOPES = "Who changed by more than error, between {}"
CHANCE = (
    "About 2.5% on either side are expected by chance alone if nobody changed. This is a statement about the "
    "group, no advice about one person."
)


def show() -> None:
    """Show what the visitor chose to set side by side."""
    state = parts.loaded()
    if state.read is None:
        parts.explain(state)
        return
    st.title("Compare")
    parts.small("How do waves, groups or studies compare?")
    parts.show_notices(services.told_first(state.read)[:1])
    other = parts.other_loaded()
    if other is not None and other.read is None:
        st.error(f"The second study cannot be shown. {other.problem}")
    second = None if other is None else other.read
    if not offered(state.read, second):
        st.info(
            "With one wave, no group that is large enough, and one study nothing can be set side by side. "
            "Give `dta validate` covariates or more waves, or `dta serve` a second study with `--compare`."
        )
        return
    arrived = address.arrive(PATH)
    chosen = topics.ask(filters.choices(state.read, TOPICS), PATH, arrived=arrived)
    tree = narrowed(state.read, chosen)
    choices = offered(tree, second)
    if not choices:
        st.info(
            f"Of {', '.join(chosen.values())} alone nothing can be set side by side. "
            f"Choose {topics.EVERY} above."
        )
        return
    by = address.select(
        "Side by side",
        list(choices),
        name=BY,
        page=PATH,
        arrived=arrived,
        words=choices,
        side_by_side=True,
    )
    if by == STUDIES and chosen:
        parts.small(
            "Two studies stand side by side whole, at the first wave of each, whatever is chosen above."
        )
    _show(compare(state.read if by == STUDIES else tree, by, second), between(tree))
    section.show_judged(judged(state.read, by, chosen))


def _show(found: Comparison, followed: str) -> None:
    for sentence in found.sentences:
        st.markdown(escaped(sentence))
    if found.sides:
        st.header("Ratings")
        if found.ends is not None:
            _drawn(found.sides, found.ends)
        parts.show_table(found.table)
    if found.moved and followed:
        _slopes(found.moved, followed)
    if found.states:
        st.header("Evidence so far")
        heads, *rows = found.states
        st.dataframe(pd.DataFrame(rows, columns=list(heads)), hide_index=True, width="stretch")
        show_cards(heads, rows)


def _drawn(sides: tuple[Side, ...], ends: tuple[float, float]) -> None:
    told = "; ".join(f"{side.title}, {side.name}: {format_value(side.mean, 'd2')}" for side in sides)
    chart = means_chart(
        [side.title for side in sides],
        [side.name for side in sides],
        [(side.mean, side.low, side.high) for side in sides],
        ends,
    )
    parts.show_live(chart, f"Means with 95% intervals. {told}.")


def _slopes(moved: tuple[Moved, ...], followed: str) -> None:
    st.header(SLOPES.format(followed))
    heads = ("Score", "n", "Higher", "Neither", "Lower")
    rows = [
        (
            one.title,
            format_value(one.n, "int"),
            *(format_value(share, "percent") for share in (one.higher, one.neither, one.lower)),
        )
        for one in moved
    ]
    told = "; ".join(f"{row[0]}: {row[2]} higher, {row[4]} lower" for row in rows)
    chart = slopes_chart([one.title for one in moved], [(m.higher, m.neither, m.lower) for m in moved])
    parts.show_live(chart, f"A line up, level and down for each score, the thicker the more people. {told}.")
    parts.small(CHANCE)
    with st.expander("These changes as numbers"):
        st.dataframe(pd.DataFrame(rows, columns=list(heads)), hide_index=True, width="stretch")
        show_cards(heads, rows)
