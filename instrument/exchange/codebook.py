"""The codebook: every variable with its text, place in the scale, codes and labels."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import pandas as pd

from instrument.definition import Instrument, Item, Theme, Wording
from instrument.exchange.coding import missing_codes_of, scale_name, value_labels, wording_in
from instrument.reading.written_cells import csv_text

COLUMNS = (
    "variable",
    "position",
    "text",
    "theme",
    "theme_title",
    "theme_role",
    "also_in",
    "facet",
    "reverse",
    "response_scale",
    "code",
    "label",
    "kind",
    "reason",
)


def codebook(scale: Instrument, language: str | None = None) -> dict[str, Any]:
    """Describe an instrument and its file codes as plain data.

    Parameters
    ----------
    scale
        The instrument.
    language
        Language of the texts; None is the source.

    Returns
    -------
    dict
        JSON only: what identifies the instrument, its scoring rules, and `variables`, each with `values`
        (code, label, kind answer or missing, reason).

    Raises
    ------
    DefinitionError
        The instrument has no such translation.

    Examples
    --------
    >>> import instrument
    >>> book = codebook(instrument.load("dta"))
    >>> book["variables"][0]["values"][0]
    {'code': 1, 'label': 'Strongly disagree', 'kind': 'answer', 'reason': None}
    """
    wording = wording_in(scale, language, "codebook")
    places = [(theme, item) for theme in scale.themes for item in theme.items]
    return {
        "instrument": scale.id,
        "version": scale.version,
        "content_hash": scale.content_hash,
        "title": wording.title,
        "status": scale.status,
        "notice": wording.notice,
        "language": wording.language,
        "wording_status": wording.status,
        "source": scale.source,
        "licence": scale.licence,
        "time_frame": wording.time_frame,
        "instructions": wording.instructions,
        "scoring": {**scale.scoring.model_dump(mode="json"), "total_themes": scale.total_themes},
        "missing_codes": {str(reason): code for reason, code in scale.missing_codes.items()},
        "variables": [
            _variable(scale, wording, theme, item, place) for place, (theme, item) in enumerate(places, 1)
        ],
    }


def codebook_json(scale: Instrument, language: str | None = None) -> str:
    """Write the codebook as JSON text.

    Parameters
    ----------
    scale
        The instrument.
    language
        Language of the texts; None is the source.

    Returns
    -------
    str
        The text, keys in a fixed order.
    """
    return json.dumps(codebook(scale, language), ensure_ascii=False, indent=2) + "\n"


def codebook_csv(scale: Instrument, language: str | None = None) -> str:
    """Write the codebook as CSV text with one row per variable and code.

    Parameters
    ----------
    scale
        The instrument.
    language
        Language of the texts; None is the source.

    Returns
    -------
    str
        One row per variable and code, so that no label needs to be split.

    Examples
    --------
    >>> import instrument
    >>> codebook_csv(instrument.load("dta")).splitlines()[0].split(",")[-4:]
    ['code', 'label', 'kind', 'reason']
    """
    rows = [
        {**variable, **value, "also_in": " ".join(variable["also_in"])}
        for variable in codebook(scale, language)["variables"]
        for value in variable["values"]
    ]
    return csv_text(pd.DataFrame(rows)[list(COLUMNS)])


def codebook_html(scale: Instrument, language: str | None = None) -> str:
    """Write the codebook as one HTML page without scripts or outside files.

    Parameters
    ----------
    scale
        The instrument.
    language
        Language of the texts; None is the source.

    Returns
    -------
    str
        The page; response scales stand once at its end, linked from each variable.
    """
    book = codebook(scale, language)
    rows = "".join(_html_row(variable) for variable in book["variables"])
    scales = "".join(_html_scale(name, values) for name, values in _scales(book).items())
    facts = [
        (name, book[name]) for name in ("version", "status", "notice", "source", "licence", "time_frame")
    ]
    described = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts if text)
    heads = ("variable", "text", "theme", "facet", "reversed", "answers")
    return (
        f'<!doctype html>\n<html lang="{escape(book["language"])}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Codebook: {escape(book['title'])}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>Codebook: {escape(book['title'])}</h1><dl>{described}</dl>"
        f"<h2>Variables</h2><div class=wide><table><thead><tr>"
        f"{''.join(f'<th scope=col>{head}</th>' for head in heads)}</tr></thead><tbody>{rows}</tbody></table>"
        f"</div><h2>Codes</h2>{scales}<p>Content hash <code>{book['content_hash']}</code></p>"
        "</main></body></html>\n"
    )


_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem;color:#1b1b1b}"
    "table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid #bbb;padding:.3rem .5rem;"
    "text-align:left;vertical-align:top}caption{text-align:left;font-weight:600;padding:.5rem 0}"
    "dt{font-weight:600}.wide{overflow-x:auto}code{overflow-wrap:anywhere}"
)


def _variable(scale: Instrument, wording: Wording, theme: Theme, item: Item, position: int) -> dict[str, Any]:
    reason_of = {code: reason for reason, code in missing_codes_of(scale, item.id).items()}
    labels = value_labels(scale, wording, item.id)
    return {
        "variable": item.id,
        "position": position,
        "text": wording.items[item.id],
        "theme": theme.id,
        "theme_title": wording.themes.get(theme.id, theme.title),
        "theme_role": theme.role,
        "also_in": list(item.also_in),
        "facet": item.facet or "",
        "reverse": item.reverse,
        "response_scale": scale_name(scale, item.id),
        "values": [
            {
                "code": code,
                "label": label,
                "kind": "missing" if code in reason_of else "answer",
                "reason": reason_of.get(code),
            }
            for code, label in labels.items()
        ],
    }


def _scales(book: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {variable["response_scale"]: variable["values"] for variable in book["variables"]}


def _html_row(variable: dict[str, Any]) -> str:
    cells = [
        variable["text"],
        variable["theme_title"],
        variable["facet"],
        "yes" if variable["reverse"] else "no",
    ]
    name = escape(variable["response_scale"])
    return (
        f'<tr><th scope=row id="{variable["variable"]}">{variable["variable"]}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + f'<td><a href="#scale-{name}">{name}</a></td></tr>'
    )


def _html_scale(name: str, values: list[dict[str, Any]]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{value['code']}</th><td>{escape(value['label'])}</td>"
        f"<td>{value['kind']}</td><td>{value['reason'] or ''}</td></tr>"
        for value in values
    )
    return (
        f'<table id="scale-{escape(name)}"><caption>{escape(name)}</caption><thead><tr>'
        "<th scope=col>code</th><th scope=col>label</th><th scope=col>kind</th><th scope=col>reason</th>"
        f"</tr></thead><tbody>{rows}</tbody></table>"
    )
