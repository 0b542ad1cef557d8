"""The first page: what these answers show, what to do next, and how each theme is rated."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from analysis.common.verdicts import Property, State
from analysis.report import opening_words as words
from analysis.report.limits import Limit
from analysis.report.opening import Opening, Point
from analysis.report.questions import QUESTIONS
from analysis.report.standards import SHOWN
from analysis.report.view import NOT_ESTIMATED
from dashboard import services
from dashboard.catalogue import path_of
from dashboard.views import parts
from dashboard.views.bars import show_bars
from dashboard.views.links import escaped, link

IN_A_ROW = 3
NEAREST = {Property.CONTENT: "items", Property.CRITERION: "validity", Property.RESPONSIVENESS: "change"}
"""The page nearest to a property of which these results hold nothing."""


def show() -> None:
    """Show the sentence, the nine states, the themes and what to do; the rules wait behind a door."""
    state = parts.loaded()
    if state.read is None:
        parts.explain(state)
        return
    page = services.overview(state.read)
    first: Opening = page["opening"]
    st.title(page["title"])
    parts.small(page["study"])
    shortened = parts.show_notices_short(page["notices"])
    st.markdown(f"## {escaped(first.sentence)}")
    _next(first)  # before what takes more room: a phone shows it on its first screen
    _failed(page["failed"])
    _partial(page["partial"])
    _points(first.points)
    _levels(first)
    by_nature = [limit for limit in page["limits"] if limit.is_of_the_scale]
    for limit in page["limits"]:
        if limit not in by_nature:
            _box(limit)
    parts.small(first.counted)
    parts.show_behind(QUESTIONS, "questions", partial(_questions, page))
    with st.expander(SHOWN):
        if shortened:
            parts.show_notices(page["notices"])
        for limit in by_nature:
            _box(limit)
        parts.show_states(page["states"])
        for point in first.points:
            if point.state is State.NOT_ASKED and (ask := words.ASK.get(point.prop)):
                parts.small(f"{point.name} was not asked. {ask}")
        for absent in page["not_applicable"]:
            parts.small(f"Not asked: {absent['title']}. {absent['message']}")


def _questions(page: dict[str, Any]) -> None:
    parts.small(page["hidden"])
    parts.show_questions(page["questions"])


def _box(limit: Limit) -> None:
    st.info(f"**{limit.heading}.** " + "  \n".join(limit.lines))


def _failed(failures: list[dict[str, str]]) -> None:
    for failure in failures:
        st.error(f"**Failed: {failure['title']}**  \n{failure['message']}")


def _partial(failures: list[dict[str, str]]) -> None:
    """Show one box for each topic of which parts are lacking; where several are, its page tells of each."""
    told: dict[str, list[str]] = {}
    for failure in failures:
        told.setdefault(failure["title"], []).append(failure["message"])
    for title, (message, *others) in told.items():
        rest = f" (the first of {len(others) + 1} parts; its page tells of each)" if others else ""
        st.info(f"**{NOT_ESTIMATED}: {title}**{rest}  \n{message}")


def _next(first: Opening) -> None:
    st.subheader(words.NEXT)
    with st.container(gap="xxsmall"):
        for number, step in enumerate(first.steps, start=1):
            if path := path_of(step.section):
                link(path, f"{number}. {step.text}", {"tab": step.section})
            else:
                st.markdown(f":small[**{number}. {escaped(step.text)}**]")


def _points(points: tuple[Point, ...]) -> None:
    st.subheader(words.HEADING)
    for start in range(0, len(points), IN_A_ROW):
        columns = st.columns(IN_A_ROW, gap="small")
        for column, point in zip(columns, points[start : start + IN_A_ROW], strict=False):
            with (
                column,
                st.container(border=True, gap="xxsmall", height="stretch", key=f"point-{point.prop}"),
            ):
                _point(point)


def _point(point: Point) -> None:
    mark, colour = parts.MARKS[point.state]
    if point.section:
        link(path_of(point.section), point.name, {"tab": point.section})
    else:
        link(NEAREST.get(point.prop, ""), point.name)
    shade = f":{colour}[{mark} {point.said}]" if colour != "gray" else f"{mark} {point.said}"
    st.markdown(f":small[{escaped(point.plain)}]  \n:small[{shade}]")


def _levels(first: Opening) -> None:
    if not first.levels:
        return
    st.subheader(words.LEVELS)
    heads = ("Theme", "Mean and interval", "On the scale")
    show_bars(heads, [(level.label, level.text) for level in first.levels], [lv.bar for lv in first.levels])
    parts.small(first.scale_line)
