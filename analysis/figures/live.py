"""Figures that answer the pointer: each mark tells its row in the words and numbers of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.figures.base import NARROW, WIDE, Chart, Figure, Section, has_panels
from analysis.figures.coarse import coarse_numbers
from instrument.common.formatting import form_of_row, format_value, printed_coarsely

MOST_TOLD = 7
"""Lines of one answer; more would cover the figure."""
LINE = "line"
MARKS = ("point", "rect", "bar", "rule", "text", "tick")
LOW, HIGH = ("95% from", "90% from", "Limits from"), "to"


PANELS = {WIDE: 740, NARROW: 300}
"""Width for which panels are drawn on a wide and on a narrow page: their axes stand outside of it."""


def live_chart(figure: Figure, section: Section, wordings: Mapping[str, str], width: int = WIDE) -> Chart:
    """Give the chart of a figure with an answer to the pointer for every mark.

    Parameters
    ----------
    figure
        The figure.
    section
        The section of the tree that it shows.
    wordings
        Item to its wording.
    width
        Of the page: `WIDE` or `NARROW`.

    Returns
    -------
    altair.Chart, altair.LayerChart, or one of several panels
        Panels keep the width they were drawn for.
    """
    draw = figure.live or figure.draw
    chart = draw(width)
    if has_panels(chart):
        chart = draw(PANELS.get(width, width))
    columns: dict[str, Mapping[str, str]] = {}
    for table in figure.tables:
        for key, column in section["captions"][table]["columns"].items():
            columns.setdefault(key, column)
    columns |= {field: {"label": title, "format": form} for field, title, form in figure.told}
    with printed_coarsely(coarse_numbers(section)):
        return _telling(chart, columns, wordings, None)


def _telling(
    chart: Any, columns: Mapping[str, Mapping[str, str]], wordings: Mapping[str, str], above: Any
) -> Any:
    """Put the answers on every layer; data may stand with the layers or above them."""
    made = chart.copy(deep=False)
    for side in ("vconcat", "hconcat"):
        if isinstance(chart, alt.VConcatChart | alt.HConcatChart) and isinstance(
            getattr(chart, side, None), list
        ):
            if isinstance(chart.data, pd.DataFrame):  # panels of the same rows
                above = made.data = _with_answers(chart.data, columns, wordings)[0]
            setattr(made, side, [_telling(one, columns, wordings, above) for one in getattr(chart, side)])
            return made
    data = chart.data if isinstance(chart.data, pd.DataFrame) else above
    if isinstance(chart, alt.FacetChart):
        made.data = _with_answers(data, columns, wordings)[0]
        made.spec = _telling(chart.spec, columns, wordings, made.data)
        return made
    if isinstance(chart, alt.LayerChart):
        if isinstance(chart.data, pd.DataFrame):
            data = _with_answers(chart.data, columns, wordings)[0]
            made.data = data
        made.layer = [_telling(layer, columns, wordings, data) for layer in chart.layer]
        return made
    mark = chart.mark if isinstance(chart.mark, str) else getattr(chart.mark, "type", "")
    if data is None or mark not in (*MARKS, LINE):
        return made
    told, titles = _with_answers(data, columns, wordings)
    if not titles:
        return made
    if isinstance(chart.data, pd.DataFrame):
        made.data = told
    tips = [alt.Tooltip(f"{key}:N", title=title) for key, title in titles.items()]
    return made + _places(made, tips) if mark == LINE else made.encode(tooltip=tips)


def _places(line: Any, tips: list[alt.Tooltip]) -> Any:
    """Give the places of a line, unseen: a line itself would tell its first row wherever it is touched."""
    places = line.copy(deep=False)
    places.mark = alt.MarkDef(type="point", opacity=0, size=120, filled=True, aria=False)
    kept = {key: getattr(line.encoding, key) for key in ("x", "y", "xOffset", "yOffset")}
    places.encoding = alt.FacetedEncoding(
        **{key: value for key, value in kept.items() if value is not alt.Undefined}
    )
    return places.encode(tooltip=tips)


def _with_answers(
    data: pd.DataFrame, columns: Mapping[str, Mapping[str, str]], wordings: Mapping[str, str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Add a printed column for each thing told, and give their titles."""
    answers: dict[str, list[str]] = {}
    titles: dict[str, str] = {}
    if wordings and "item" in data:
        answers["told_wording"] = [wordings.get(str(item), str(item)) for item in data["item"]]
        titles["told_wording"] = "Question"
    low: list[str] = []
    last = before = ""
    for key, column in columns.items():
        label = column["label"]
        if key not in data or (key in ("item", "text") and "told_wording" in answers):
            continue
        texts = _printed(data, key, column["format"])
        if label in LOW:
            low, before = texts, label
        elif label == HIGH and low and last:
            ends = zip(answers[last], low, texts, strict=True)
            answers[last] = [f"{middle} ({start} to {end})" for middle, start, end in ends]
            titles[last] += f" ({before[:3]} interval)" if before[:1].isdigit() else ", with limits"
            low = []
        elif label:
            last = f"told_{key}"
            answers[last], titles[last] = texts, label
    kept = dict(list(titles.items())[:MOST_TOLD])
    return data.assign(**{key: answers[key] for key in kept}), kept


def _printed(data: pd.DataFrame, key: str, form: str) -> list[str]:
    bounded = list(data["bounded"]) if "bounded" in data else [None] * len(data)
    return [
        format_value(None if pd.isna(value) else _plain(value), form_of_row(form, mark))
        for value, mark in zip(data[key], bounded, strict=True)
    ]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
