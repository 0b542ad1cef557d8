"""The first page: what these answers show, how each theme is rated, and what to do next."""

from __future__ import annotations

from html import escape

import streamlit as st

from analysis.report import opening_words as words
from analysis.report.opening import Opening, Point
from analysis.report.questions import QUESTIONS
from analysis.report.standards import SHOWN
from dashboard import services
from dashboard.catalogue import path_of
from dashboard.views import parts
from dashboard.views.links import escaped, link

IN_A_ROW = 3
BARS = """<style>
.levels{width:100%;border-collapse:collapse;font-size:.95rem}
.levels th,.levels td{text-align:left;padding:.1rem .6rem .1rem 0;line-height:1.3;font-weight:400;border:0}
.levels td{font-variant-numeric:tabular-nums;white-space:nowrap}
.levels td:last-child{width:45%;min-width:4rem}
.levels .bar{position:relative;display:block;height:.5rem;border-radius:3px;background:#8884}
.levels i{position:absolute;top:.1rem;height:.3rem;background:currentColor}
.levels b{position:absolute;top:-.06rem;width:.62rem;height:.62rem;margin-left:-.31rem}
.levels b{border-radius:50%;background:#2f7fb8}
@media(max-width:40rem){.levels :is(td,th):last-child{display:none}.levels td{white-space:normal}}
.levels tbody th:first-child{display:table-cell}
</style>"""


def show() -> None:
    """Show the sentence, the nine states, the themes and what to do; the rules wait behind a door."""
    state = parts.loaded()
    if state.tree is None:
        parts.explain(state)
        return
    page = services.overview(state.tree)
    first: Opening = page["opening"]
    st.title(page["title"])
    parts.small(page["study"])
    parts.show_notices(page["notices"])
    st.markdown(f"## {escaped(first.sentence)}")
    for failure in page["failed"]:
        st.error(f"**Failed: {failure['title']}**\n\n{failure['message']}")
    _points(first.points)
    _levels(first)
    _next(first)
    for limit in page["limits"]:
        st.info(f"**{limit.heading}.** " + "  \n".join(limit.lines))
    parts.small(first.counted)
    with st.expander(QUESTIONS):
        parts.small(page["hidden"])
        parts.show_questions(page["questions"])
    with st.expander(SHOWN):
        parts.show_states(page["states"])
        for absent in page["not_applicable"]:
            parts.small(f"Not asked: {absent['title']}. {absent['message']}")


def _next(first: Opening) -> None:
    st.subheader(words.NEXT)
    with st.container(gap="xxsmall"):
        for number, step in enumerate(first.steps, start=1):
            if path := path_of(step.section):
                link(path, f"{number}. {step.text}", {"tab": step.section})
            else:
                st.markdown(f"{number}\\. {escaped(step.text)}")


def _points(points: tuple[Point, ...]) -> None:
    st.subheader(words.HEADING)
    for start in range(0, len(points), IN_A_ROW):
        columns = st.columns(IN_A_ROW, gap="small")
        for column, point in zip(columns, points[start : start + IN_A_ROW], strict=False):
            with column, st.container(border=True, gap="xxsmall"):
                _point(point)


def _point(point: Point) -> None:
    mark, colour = parts.MARKS[point.state]
    link(path_of(point.section), point.name, {"tab": point.section})
    shade = f":{colour}[{mark} {point.said}]" if colour != "gray" else f"{mark} {point.said}"
    st.markdown(f":small[{escaped(point.plain)}]  \n:small[{shade}]")


def _levels(first: Opening) -> None:
    if not first.levels:
        return
    st.subheader(words.LEVELS)
    rows = []
    for level in first.levels:
        low, high, middle = level.bar
        bar = (
            f'<span class="bar" aria-hidden="true"><i style="left:{100 * low:.2f}%;'
            f'width:{100 * (high - low):.2f}%"></i><b style="left:{100 * middle:.2f}%"></b></span>'
        )
        rows.append(
            f'<tr><th scope="row">{escape(level.label)}</th><td>{escape(level.text)}</td><td>{bar}</td></tr>'
        )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Theme", "Mean and interval", "On the scale"))
    table = f'<table class="levels"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    st.html(BARS + table)
    parts.small(first.scale_line)
