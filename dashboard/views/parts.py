"""Pieces that several views show: notices, verdicts, tables and figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import pandas as pd
import streamlit as st

from analysis.common.verdicts import Cause, State, Verdict
from analysis.report.labels import wordings_of
from analysis.report.questions import QuestionRow
from analysis.report.standards import Evidence
from analysis.report.view import TableView, table_view
from dashboard.glossary import explained
from dashboard.services import COMPARED, Loaded, is_shared, load_results, results_path
from dashboard.tables import Column, apart, columns_of, fit, frame_of
from dashboard.views import window
from dashboard.views.cards import show_cards
from dashboard.views.links import escaped, go, has_page

if TYPE_CHECKING:
    from analysis.figures.base import Figure

LONG_TABLE = 10
MANY_CLAIMS = 3
"""As many claims that hold stand open; more wait behind their heading."""
FEW_COLUMNS = 6
"""A table with more of them moves sideways under its first column."""


@st.cache_resource(show_spinner=False, max_entries=4)
def _load(path: str, changed: int, shared: bool) -> Loaded:
    """Read once per version of the file, for all pages and visitors: nobody changes what is read.

    A copy for each page would take longer than the rest of it.
    """
    from pathlib import Path

    return load_results(Path(path), shared=shared)


def loaded() -> Loaded:
    """Give the results that the environment names, read anew when the file changes."""
    path = results_path()
    if path is None or not path.is_file():
        return load_results(path)
    return _load(str(path), path.stat().st_mtime_ns, is_shared())


def other_loaded() -> Loaded | None:
    """Give the results of a second study; None where the environment names none."""
    path = results_path(COMPARED)
    if path is None:
        return None
    if not path.is_file():
        return load_results(path)
    return _load(str(path), path.stat().st_mtime_ns, is_shared())


def small(text: str) -> None:
    """Write small in full ink: Streamlit's caption is too pale to read (below 4.5:1)."""
    if text:
        st.markdown(f":small[{escaped(text)}]")


def explain(state: Loaded) -> None:
    """Say why there is nothing to show and what to do next."""
    st.title("Nothing to show yet")
    st.error(state.problem)
    st.markdown(state.advice)


def show_notices(notices: Sequence[tuple[str, str]]) -> None:
    """Show what a reader must know before any number."""
    lines = [f":orange[**{kind.capitalize()}.**] {escaped(sentence)}" for kind, sentence in notices]
    if lines:
        st.markdown("  \n".join(f":small[{line}]" for line in lines))


ONE_LINE = 115
"""Letters of small type that stand in one line of a page 1280 pixels wide."""
_FIRST = re.compile(r".{20,}?[.!?](?=\s+[^\W\d_a-zß-ÿ])")


def show_notices_short(notices: Sequence[tuple[str, str]]) -> bool:
    """Show in one line what a reader must know before any number.

    Returns
    -------
    bool
        Whether more is to be said than its first sentences, which then has to stand elsewhere on the page.
    """
    long = sum(len(kind) + 2 + len(sentence) for kind, sentence in notices) > ONE_LINE
    firsts = [(kind, sentence, _FIRST.match(sentence) if long else None) for kind, sentence in notices]
    told = [(kind, first[0] if first else sentence) for kind, sentence, first in firsts]
    lines = []
    for kind, sentence in told:
        if sentence.casefold().startswith(f"{kind.casefold()} "):  # the word is marked where it stands
            lines.append(f":orange[**{sentence[: len(kind)]}**]{escaped(sentence[len(kind) :])}")
        else:
            lines.append(f":orange[**{kind.capitalize()}.**] {escaped(sentence)}")
    if lines:
        st.markdown(f":small[{' '.join(lines)}]")
    return told != list(notices)


MARKS = {
    State.SHOWN: ("✓", "blue"),
    State.PARTLY: ("◐", "blue"),
    State.NOT_SHOWN: ("✗", "orange"),
    State.UNTESTABLE: ("○", "gray"),
    State.NOT_ASKED: ("○", "gray"),
    State.DOES_NOT_APPLY: ("–", "gray"),
    State.LEFT_OUT: ("–", "gray"),
}
HEADINGS = {
    Verdict.NOT_MET: ("✗", "orange", "Not met"),
    Verdict.MET: ("✓", "blue", "Met"),
    Verdict.UNTESTED: ("○", "gray", "Could not be tested"),
    Verdict.DOES_NOT_APPLY: ("–", "gray", "Does not apply"),
}


def show_states(rows: Sequence[Evidence]) -> None:
    """Show the state of each property, with its counts of claims."""
    for row in rows:
        mark, colour = MARKS[row.state]
        st.markdown(f":{colour}[{mark}] **{row.name}**: {row.words} {row.counted}".rstrip())


def show_questions(rows: Sequence[QuestionRow]) -> None:
    """Show each rule once for its question: how many hold, worst case, range."""
    if not rows:
        small("None.")
        return
    table = [
        {
            "Question": row.question,
            "State": row.state.words,
            "Hold": row.met,
            "Worst case": f"{row.worst}: {row.worst_value}" if row.worst is not None else "–",
            "Range": row.range or "–",
            "Not judged": row.rest,
            "Rule": f"{row.rule} · {row.source}",
        }
        for row in rows
    ]
    heads = list(table[0])
    fits = fit(heads, [[str(row[head]) for row in table] for head in heads], [False] * len(heads))
    st.dataframe(
        pd.DataFrame(table),
        hide_index=True,
        width="stretch",
        column_config={
            head: st.column_config.Column(width=width) for head, width in zip(heads, fits.widths, strict=True)
        },
        row_height=fits.row,
    )
    show_cards(heads, [list(row.values()) for row in table])


def show_verdicts(entries: Sequence[Mapping[str, Any]], verdict: Verdict, main: bool = True) -> None:
    """Show judged claims of one verdict, each rule once; a long list is folded, but faults."""
    mark, colour, heading = HEADINGS[verdict]
    (st.header if main else st.subheader)(f"{mark} {heading} ({len(entries)})")
    by_rule: dict[str, list[str]] = {}
    for entry in entries:
        rule = " · ".join(part for part in (entry["rule"], entry["source"], entry["note"]) if part)
        if verdict in (Verdict.UNTESTED, Verdict.DOES_NOT_APPLY):
            said = f"{entry['claim']} — {Cause(entry['cause']).words}"
        else:
            said = f":{colour}[**{entry['printed']}**] — {entry['claim']}"
        by_rule.setdefault(rule, []).append(said)
    folded = verdict is not Verdict.NOT_MET and len(entries) > MANY_CLAIMS
    with st.expander(f"All {len(entries)}") if folded else nullcontext():
        for rule, claims in by_rule.items():
            st.markdown("  \n".join(claims))
            small(rule)


@st.fragment
def show_behind(label: str, key: str, show: Callable[[], object]) -> None:
    """Show something behind a door: what is not looked at is neither made nor sent.

    Parameters
    ----------
    label
        Of the door.
    key
        Of the door, on its page.
    show
        Draws what is behind it; asked when the door is opened, and then alone.
    """
    door = st.expander(label, key=f"door-{key}", on_change="rerun")
    if door.open:
        with door:
            show()


def show_tables(views: Sequence[tuple[TableView, Sequence[str]]], key: str) -> None:
    """Show the first tables of a section; the others wait behind one door.

    Parameters
    ----------
    views
        Each with the items of its rows, see `show_table`.
    key
        Of their widgets.
    """
    for view, items in views[:TABLES_SHOWN]:
        show_table(view, items, key=f"{key}-{view.name}")
    if behind := views[TABLES_SHOWN:]:
        named = "; ".join(view.title for view, _ in behind[:MOST_NAMED])
        named += "; …" if len(behind) > MOST_NAMED else ""

        def show() -> None:
            for view, items in behind:
                st.markdown(f"**{view.title}**")
                _table(view, items, f"{key}-{view.name}")

        label = f"{len(behind)} more table{'' if len(behind) == 1 else 's'}: {named}"
        show_behind(label, f"{key}-others", show)


TABLES_SHOWN, MOST_NAMED = 2, 3
"""Tables of a section that stand open, and tables that their door names."""


def show_table(view: TableView, items: Sequence[str] = (), key: str = "") -> None:
    """Show a table as the report prints it; a long one waits behind its heading.

    Parameters
    ----------
    view
        The table.
    items
        Item of each row, where the rows are of items: choosing a row opens its page.
    key
        Of the widget; needed with `items`.
    """
    if len(view.rows) > LONG_TABLE:
        named = f"{view.title} ({len(view.rows)} rows)"
        show_behind(named, key or view.name or view.title, partial(_table, view, items, key))
    else:
        st.markdown(f"**{view.title}**")
        _table(view, items, key, inside=False)


def _table(view: TableView, items: Sequence[str] = (), key: str = "", *, inside: bool = True) -> None:
    """Show a table; the columns that the page has no room for stand in a second one, beside the names."""
    if not view.rows:
        small("No row for this choice.")
        return
    columns = columns_of(view)
    chosen = len(items) == len(view.rows) and has_page("items")
    shown, others = apart(columns, chosen=chosen)
    picked = _grid(shown, view.title, key if chosen else "")
    if others:
        rest = partial(_grid, others, f"{view.title}, the other columns")
        if inside:
            small("The other columns:")
            rest()
        else:
            added = [column.head for column in others if column not in shown]
            named = f"{len(added)} more column{'' if len(added) == 1 else 's'}: {'; '.join(added)}"
            show_behind(named, f"{key or view.name}-columns", rest)
    heads, texts = [column.head for column in columns], list(zip(*(c.texts for c in columns), strict=True))
    if chosen:
        show_cards(heads, texts, [f"items?item={quote(item)}" for item in items])
        st.html('<p class="wide-only">Choose a row to open the page of its item.</p>')
        if picked:
            go("items", {"item": items[picked[0]]})
    else:
        show_cards(heads, texts)
    if view.note:
        small(view.note)


def _grid(columns: Sequence[Column], words: str, key: str = "") -> list[int]:
    """Draw columns as a table; give the rows chosen, where it has a key."""
    fits = fit(
        [column.head for column in columns],
        [column.texts for column in columns],
        [column.numeric for column in columns],
        chosen=bool(key),
    )
    heads = {
        str(place): st.column_config.Column(
            column.head,
            width=fits.widths[place],
            help=explained(column.head),
            pinned=place == 0 and len(columns) > FEW_COLUMNS,
        )
        for place, column in enumerate(columns)
    }
    shown = partial(
        st.dataframe,
        frame_of(columns),
        hide_index=True,
        width="stretch",
        column_config=heads,
        row_height=fits.row,
        alt=words,
        placeholder="–",
    )
    if not key:
        shown()
        return []
    answer: Any = shown(key=key, on_select="rerun", selection_mode="single-row")
    return list(answer.selection.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the numbers of a section stand: as good as the numbers themselves, and short.

    Attributes
    ----------
    version
        Of the results as they are shown, see `services.Loaded`.
    name
        Key of the section.
    chosen
        What its tables are filtered by, as far as they have it.
    """

    version: str
    name: str
    chosen: tuple[tuple[str, str], ...] = ()


def show_figures(place: Place, section: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
    """Show every figure of a section; its numbers stand in the tables of the same page.

    Each is made once for its place and the paper it stands on, whoever looks, and however often.
    """
    dark = st.context.theme.type == "dark"
    for figure in section["figures"]:
        drawn = _drawn(place.version, place.name, place.chosen, figure, dark, section, meta)
        if drawn.wide is None or drawn.narrow is None:
            st.warning("A figure cannot be drawn from the numbers shown here; its tables stand below.")
            continue
        _show_drawn(drawn, f"{place.name}-{figure}")
        show_behind(
            "This figure in words and numbers",
            f"{place.name}-{figure}",
            partial(_show_numbers, drawn, section),
        )


def _show_numbers(drawn: Drawn, section: Mapping[str, Any]) -> None:
    st.markdown(drawn.words.replace("*", "\\*").replace("$", "\\$"))
    for name in drawn.tables:
        _table(table_view("", section, name))


def _show_drawn(drawn: Drawn, key: str) -> None:
    """Show a figure in the size that the reader's window has room for."""
    st.markdown(f"**{escaped(drawn.title)}**")
    room = window.room()
    narrow = room == "narrow" or (drawn.panels and room == "middle")
    kind, fits = "panels" if drawn.panels else "fig", "narrow" if narrow else "wide"
    width: Literal["content", "stretch"] = "content" if drawn.panels else "stretch"
    with st.container(key=f"{kind}-{fits}-{key}"):
        spec = drawn.narrow if narrow else drawn.wide
        st.vega_lite_chart(spec, theme=None, width=width, alt=drawn.words)


def show_map(place: Place, section: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
    """Show the maps of a section, where it has some; their numbers stand in the tables of the same page."""
    dark = st.context.theme.type == "dark"
    maps = _drawn_maps(place.version, place.name, place.chosen, dark, section, meta)
    for number, drawn in enumerate(maps):
        _show_drawn(drawn, f"{place.name}-map-{number}")


def show_live(chart: Any, words: str) -> None:
    """Show a chart that answers the pointer, in ink that reads well on light and dark paper.

    Parameters
    ----------
    chart
        An Altair chart; its numbers stand as a table on the same page.
    words
        What a reader who cannot see it needs to know.
    """
    from analysis.figures.base import live_spec

    dark = st.context.theme.type == "dark"
    st.vega_lite_chart(live_spec(chart, dark=dark), theme=None, width="stretch", alt=words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure as a page draws it: for a wide page, and for a phone; neither where it cannot be drawn.

    `panels` keep their width, others take that of their place.
    """

    title: str
    words: str = ""
    wide: dict[str, Any] | None = None
    narrow: dict[str, Any] | None = None
    panels: bool = False
    tables: tuple[str, ...] = ()


@st.cache_data(show_spinner="Drawing", max_entries=256)
def _drawn(
    version: str,
    name: str,
    chosen: tuple[tuple[str, str], ...],
    figure: str,
    dark: bool,
    _section: Mapping[str, Any],
    _meta: Mapping[str, Any],
) -> Drawn:
    """Draw one figure; what begins with a line is not asked again where the rest is alike."""
    return _draw({**_section, "figures": [figure]}, figure, _meta, dark)


@st.cache_data(show_spinner="Drawing", max_entries=128)
def _drawn_maps(
    version: str,
    name: str,
    chosen: tuple[tuple[str, str], ...],
    dark: bool,
    _section: Mapping[str, Any],
    _meta: Mapping[str, Any],
) -> list[Drawn]:
    """Draw the maps of a section, once for what it is asked."""
    from analysis.figures.maps import maps_of

    return [_made(figure, _section, _meta, dark) for figure in maps_of(name, _section, _meta)]


def _draw(section: Mapping[str, Any], name: str, meta: Mapping[str, Any], dark: bool) -> Drawn:
    from analysis.figures.base import unchecked
    from analysis.figures.registry import build_figures

    try:
        with unchecked():
            return _made(build_figures(section, meta)[name], section, meta, dark)
    except (ValueError, TypeError, KeyError, IndexError):  # too few numbers, or a figure of another version
        return Drawn(title=name)


def _made(figure: Figure, section: Mapping[str, Any], meta: Mapping[str, Any], dark: bool) -> Drawn:
    from analysis.figures.base import NARROW, WIDE, has_panels, live_spec, unchecked
    from analysis.figures.live import live_chart

    with unchecked():
        charts = {width: live_chart(figure, section, wordings_of(meta), width) for width in (WIDE, NARROW)}
        wide, narrow = (live_spec(chart, dark=dark, width=width) for width, chart in charts.items())
    return Drawn(
        title=figure.title,
        words=figure.alt,
        wide=wide,
        narrow=narrow,
        panels=has_panels(charts[WIDE]),
        tables=figure.tables,
    )
