"""Maps for the page: scores against each other, and what stays the same in which groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import altair as alt
import numpy as np

from analysis.common.verdicts import Cause
from analysis.figures.base import (
    BLUE,
    INK,
    LINES,
    MUTED,
    ORANGE,
    PAPER,
    PLUM,
    Builder,
    Chart,
    Figure,
    Section,
    table_of,
    wrapped,
)
from analysis.figures.coarse import drawn_coarsely
from analysis.figures.page_figures import (
    chain_figure,
    differences_figure,
    functioning_figure,
    general_figure,
    missing_figure,
    spread_figure,
    steps_figure,
    thresholds_figure,
)
from instrument.common.formatting import format_value

NARROWEST, MOST_SIDE_BY_SIDE = 500, 8  # pixels, columns; else names stand upright


def _below(width: int, columns: int) -> alt.Axis:
    """Names under the columns, in lines side by side, or upright where there is no room."""
    if width >= NARROWEST and columns <= MOST_SIDE_BY_SIDE:
        return alt.Axis(labelAngle=0, labelExpr=LINES, ticks=False, domain=False)
    return alt.Axis(labelAngle=-90, labelExpr="replace(datum.label, /\\n/g, ' ')", ticks=False, domain=False)


OVER_TIME = "over time"
HELD = ("holds", "does not hold", "not told from chance", "not judged")
LEVEL = 0.05  # of the test of the step; a loss that is not significant may be chance, however large


def correlations_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Grid of correlations of scores with each other and with what else is known of the same people."""
    table = table_of(section, "correlations").dropna(subset=["r"])
    across = list(dict.fromkeys(table["one_title"]))
    down = list(dict.fromkeys(table["other_title"]))
    table["strength"] = table["r"].abs().clip(upper=1.0)
    table["sign"] = np.where(table["r"] >= 0, "positive", "negative")
    table["printed"] = [format_value(value, "r2") for value in table["r"]]
    table["across"] = [wrapped(title, 14) for title in table["one_title"]]
    strongest = table.iloc[int(table["strength"].argmax())]

    def draw(width: int) -> Chart:
        base = alt.Chart(table).encode(
            x=alt.X(
                "across:N",
                title=None,
                sort=[wrapped(title, 14) for title in across],
                axis=_below(width, len(across)),
            ),
            y=alt.Y("other_title:N", title=None, sort=down, axis=alt.Axis(ticks=False, domain=False)),
        )
        cells = base.mark_rect().encode(
            color=alt.Color(
                "sign:N", title=None, scale=alt.Scale(domain=["positive", "negative"], range=[BLUE, ORANGE])
            ),
            opacity=alt.Opacity("strength:Q", scale=alt.Scale(domain=[0, 1], range=[0.0, 0.62]), legend=None),
        )
        text = base.mark_text(color=INK).encode(text="printed:N")
        return (cells + text).properties(width=width, height=26 * len(down) + 90)

    return Figure(
        title=f"{strongest['one_title']} and {strongest['other_title']} go together most closely: "
        f"{strongest['printed']}; the stronger, the darker"
        if strongest["r"] > 0
        else f"The strongest correlation is negative: {strongest['one_title']} with "
        f"{strongest['other_title']}, {strongest['printed']}; the stronger, the darker",
        alt=f"Grid of {len(table)} correlations; the strongest is that of {strongest['one_title']} with "
        f"{strongest['other_title']}, {strongest['printed']}.",
        draw=draw,
        tables=("correlations",),
    )


def invariance_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """A tile for each theme, grouping and level of equality: held by both indices, or not."""
    table = table_of(section, "levels")
    if "grouping" not in table:  # waves of the same people
        table["grouping"] = OVER_TIME
    claimed = table["level"].ne("strict")  # no claim rests on equal residual variances
    table = table[claimed & table["cfi_diff"].notna() & table["rmsea_diff"].notna()].copy()
    table["held"] = [_held(row, section.get("findings", ())) for row in table.to_dict("records")]
    judged = table["held"].isin(HELD[:3])
    table["column"] = [f"{row.grouping}\n{row.level}" for row in table.itertuples()]
    columns, themes = list(dict.fromkeys(table["column"])), list(dict.fromkeys(table["title"]))
    fails = table[table["held"] == HELD[1]]
    named = "; ".join(f"{row.title}, {_across(str(row.grouping))}, {row.level}" for row in fails.itertuples())

    over = f" {OVER_TIME}" if set(table["grouping"]) == {OVER_TIME} else ""

    def draw(width: int) -> Chart:
        base = alt.Chart(table).encode(
            x=alt.X(
                "column:N",
                title=None,
                sort=columns,
                axis=_below(width, len(columns)),
            ),
            y=alt.Y("title:N", title=None, sort=themes, axis=alt.Axis(ticks=False, domain=False)),
        )
        colour = alt.Color(
            "held:N",
            title=None,
            sort=list(HELD),
            scale=alt.Scale(domain=list(HELD), range=[BLUE, ORANGE, PLUM, MUTED]),
        )
        tiles = base.mark_rect(stroke=PAPER, strokeWidth=2, opacity=0.75).encode(color=colour)
        mark = base.transform_filter(alt.datum.held == HELD[1]).mark_text(color=INK, text="✗", fontSize=14)
        return (tiles + mark).properties(width=width, height=34 * len(themes) + 110)

    return Figure(
        title=f"Where answers mean the same{over}: {int((table['held'] == HELD[0]).sum())} of "
        f"{int(judged.sum())} steps hold by both indices",
        alt=f"Tiles of {len(themes)} themes by grouping and level. Not held: {named or 'none'}.",
        draw=draw,
        tables=("levels",),
        told=(("held", "By both indices", "text"),),
    )


def _across(grouping: str) -> str:
    return grouping if grouping == OVER_TIME else f"by {grouping}"


def _held(row: Mapping[Any, Any], findings: Iterable[Mapping[str, Any]]) -> str:
    """Say of a step what the section says: nothing is judged where its claims could not be tested."""
    claims = f"{row['title']}, {_across(row['grouping'])}:"
    causes = {finding["cause"] for finding in findings if finding["claim"].startswith(claims)}
    known = all(isinstance(row[key], bool | np.bool_) for key in ("cfi_holds", "rmsea_holds"))
    if not known or row["faults"] or causes - {None, Cause.UNDECIDED.value}:
        return HELD[3]
    if row["cfi_holds"] and row["rmsea_holds"]:
        return HELD[0]
    return HELD[1] if row["pvalue_diff"] is not None and row["pvalue_diff"] < LEVEL else HELD[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """A figure that a page shows beside those of the report.

    Attributes
    ----------
    build
        Makes it from the section.
    table
        The table it rests on.
    drawn
        Columns without which a row cannot be drawn; nothing is drawn of a row of which one is left out.
    whole
        Whether it is only drawn of the whole table: of a part it would say what is not so.
    """

    build: Builder
    table: str
    drawn: tuple[str, ...]
    whole: bool = False


MAPS: dict[str, tuple[Map, ...]] = {
    "relations": (
        Map(build=correlations_figure, table="correlations", drawn=("r",), whole=True),
        Map(build=differences_figure, table="differences", drawn=("hedges_g", "g_lower", "g_upper")),
    ),
    "groups": (Map(build=invariance_figure, table="levels", drawn=(), whole=True),),
    "longitudinal": (Map(build=invariance_figure, table="levels", drawn=(), whole=True),),
    "scores": (Map(build=spread_figure, table="spread", drawn=(), whole=True),),
    "irt": (Map(build=thresholds_figure, table="parameters", drawn=("discrimination",)),),
    "fairness": (Map(build=functioning_figure, table="items", drawn=("unsigned_difference",)),),
    "items": (Map(build=missing_figure, table="statistics", drawn=("missing_share",)),),
    "mechanism": (
        Map(
            build=chain_figure, table="routes", drawn=("standardized", "boot_lower", "boot_upper"), whole=True
        ),
    ),
    "reliability": (
        Map(
            build=general_figure,
            table="general_factor",
            drawn=("omega", "omega_general", "omega_group"),
            whole=True,
        ),
    ),
    "adherence": (Map(build=steps_figure, table="flow", drawn=("n",)),),
}
"""Section to the maps that its page shows beside the figures of the report."""


def maps_of(name: str, section: Section, meta: Mapping[str, Any]) -> list[Figure]:
    """Give the maps of a section.

    Parameters
    ----------
    name, section, meta
        Key and section of the tree, and its `meta`.

    Returns
    -------
    list of Figure
        Fewer where its tables are not there, or a shared tree left too little of their numbers.
    """
    found = [_figure(one, section, meta) for one in MAPS.get(name, ()) if section["status"] == "ok"]
    return [figure for figure in found if figure is not None]


def _figure(one: Map, section: Section, meta: Mapping[str, Any]) -> Figure | None:
    table = section["tables"].get(one.table)
    hidden: Mapping[str, list[int]] = (section.get("suppressed") or {}).get(one.table, {})
    if not table or (one.whole and hidden):
        return None
    gone = {row for key in one.drawn for row in hidden.get(key, ())}
    count = max(len(column) for column in table.values())
    keep = [
        row
        for row in range(count)
        if row not in gone and (one.whole or all(_known(table, key, row) for key in one.drawn))
    ]
    if not keep:
        return None
    kept = {key: [column[row] for row in keep] for key, column in table.items()}
    try:
        left = {**section, "tables": {**section["tables"], one.table: kept}}
        figure = drawn_coarsely(one.build, left, meta)
    except (ValueError, TypeError, KeyError, IndexError):  # too little is left to be drawn
        return None
    return replace(figure, title=f"{figure.title}, of what is shown here") if gone else figure


def _known(table: Mapping[str, Any], key: str, row: int) -> bool:
    value = table[key][row] if key in table else None
    return value is not None and (isinstance(value, str) or bool(np.isfinite(value)))
