"""The dossier: standards, and a card for each item with everything that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from instrument.content.interviews import problems_by_item
from instrument.content.judged import ratings_by_item, sorting_of
from instrument.content.records import WHOLE, ContentRecords
from instrument.content.standards import SOURCE, content_standards
from instrument.content.translating import check_translation
from instrument.content.wording_rules import check_wording, reading_grade
from instrument.definition import Instrument, Item

_STYLE = (
    "@page{size:A4;margin:16mm}body{font:11pt/1.4 system-ui,sans-serif;color:#000;max-width:190mm;"
    "margin:0 auto;padding:0 4mm}article{border-top:2px solid #444;padding:3mm 0;break-inside:avoid}"
    "h2{margin:2mm 0}"
    "table{border-collapse:collapse;width:100%;font-size:9.5pt}td,th{border-bottom:1px solid #bbb;"
    "padding:1mm 2mm;text-align:left;vertical-align:top}.notice{border:1px solid #000;padding:2mm}"
    "dt{font-weight:600}dd{margin:0 0 1mm}"
)
PRIVATE = (
    "Counts and codes of few people: keep this among those who do the work. What people said, and who they "
    "are, is not in it and belongs in no file of this folder."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """What is known of all items: flags of wording, ratings, sorting, interviews, translations."""

    scale: Instrument
    flags: pd.DataFrame
    ratings: pd.DataFrame
    sorting: pd.DataFrame
    problems: pd.DataFrame
    decisions: pd.DataFrame
    translations: dict[str, pd.DataFrame]


def known_of(scale: Instrument, records: ContentRecords | None = None) -> Known:
    """Gather what is known of all items of an instrument.

    Parameters
    ----------
    scale
        The instrument.
    records
        The work on content, if there is any.

    Returns
    -------
    Known
        For `item_card`.
    """
    nothing = pd.DataFrame({"item": pd.Series(dtype=object)})
    sorting = None if records is None else sorting_of(records)
    return Known(
        scale=scale,
        flags=check_wording(scale),
        ratings=nothing if records is None else ratings_by_item(records),
        sorting=nothing if sorting is None else sorting.items,
        problems=nothing if records is None else problems_by_item(records),
        decisions=nothing if records is None else records.decisions,
        translations={}
        if records is None
        else {t: check_translation(records, t) for t in records.translations},
    )


def item_card(known: Known, item_id: str, statistics: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Put what is known of one item on a card.

    Parameters
    ----------
    known
        What `known_of` gathered.
    item_id
        The item.
    statistics
        Numbers of a validation, by name.

    Returns
    -------
    dict of str
        Heading to text, in the order of a card; headings about which nothing is known say so.

    Raises
    ------
    KeyError
        There is no such item.

    Examples
    --------
    >>> import instrument
    >>> card = item_card(known_of(instrument.load("dta")), "hum1")
    >>> card["Judges"], card["Interviews"]
    ('not yet asked', 'not yet held')
    """
    scale = known.scale
    item = scale.item(item_id)
    card = {f"Wording ({tag})": scale.wording(tag).items[item_id] for tag in scale.languages}
    card |= _place(scale, item)
    if scale.language.split("-")[0] == "en":
        card["Reading grade (en)"] = f"{reading_grade(item.text):.1f} (rough for one sentence)"
    mine = known.flags[known.flags["item"] == item_id]
    card["Wording rules"] = (
        "; ".join(f"{f.language}: {f.rule} ({f.found})" for f in mine.itertuples()) or "no flag"
    )
    card["Judges"] = _judged(known, item_id)
    card["Sorting"] = _sorted(known, item_id)
    card["Interviews"] = _interviewed(known, item_id)
    card["Decisions"] = _decided(known, item_id)
    for tag in scale.languages[1:]:
        card[f"Translation ({tag})"] = _translated(known, item_id, tag)
    card["Statistics"] = (
        "; ".join(f"{name} {_short(value)}" for name, value in statistics.items())
        if statistics
        else "no answers yet"
    )
    return card


def dossier(records: ContentRecords, statistics: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """Write the dossier of the work on content as one page.

    Parameters
    ----------
    records
        The work on content.
    statistics
        Numbers of a validation, item to name to number.

    Returns
    -------
    str
        One HTML page without scripts or outside files.
    """
    file, scale = records.file, records.scale
    notice = "Synthetic: made up to show how it works. " if file.synthetic else ""
    standards = content_standards(records).drop(columns=["id"])
    shown = [
        _table(
            standards.rename(
                columns={"step": "Step", "standard": "Standard", "reply": "Answer", "basis": "Basis"}
            )
        )
    ]
    known = known_of(scale, records)
    whole = known.problems
    whole = whole[whole["item"].isin(WHOLE)]
    if len(whole):
        shown += ["<h2>Instructions, time frame and options in interviews</h2>", _table(whole)]
    cards = "".join(
        f'<article id="{escape(item)}"><h2>{escape(item)}</h2>'
        + _list(item_card(known, item, (statistics or {}).get(item)))
        + "</article>"
        for item in records.items
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(file.title)}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(file.title)}</h1>"
        f"<p>{escape(scale.title)} {escape(scale.version)} ({escape(scale.status)}); {len(records.items)} of "
        f"{len(scale.items)} items under study.</p>"
        f'<p class="notice">{escape(notice + file.notice)} {escape(PRIVATE)}</p>'
        f"<h2>Standards</h2><p>In our own words, after {escape(SOURCE)}. “Stated” is what the authors say; "
        f"nothing was checked.</p>{''.join(shown)}<h2>Items</h2>{cards}</main></body></html>\n"
    )


def _place(scale: Instrument, item: Item) -> dict[str, str]:
    theme = next(t for t in scale.themes if item.id in scale.theme_items(t.id))
    facet = next((f.title for f in theme.facets if f.id == item.facet), item.facet or "none named")
    return {
        "Theme": theme.title,
        "Facet": facet,
        "Dimension of alliance": ", ".join(item.alliance) or "none named",
        "Design principles": ", ".join(item.psd) or "none named",
        "Grade": {"S": "read in the source study", "P": "proposal"}.get(item.grade or "", "none given"),
        "Rationale": item.rationale or "none written",
        "Near to": ", ".join(item.criterion) or "neither outcome nor use",
        "Doubt about its readers": "none noted"
        if item.reader is None
        else f"{item.reader.state}: {item.reader.reason}",
    }


def _judged(known: Known, item: str) -> str:
    rows = known.ratings.set_index("item")
    if item not in rows.index:
        return "not yet asked"
    row = rows.loc[item]
    parts = []
    for role, noun in (("expert", "experts"), ("user", "people it is meant for")):
        if pd.notna(row[f"{role}_n"]):
            limits = f"{row[f'{role}_aiken_v_lower']:.2f} to {row[f'{role}_aiken_v_upper']:.2f}"
            parts.append(
                f"{row[f'{role}_n']:.0f} {noun}: I-CVI {row[f'{role}_i_cvi']:.2f}, "
                f"kappa {row[f'{role}_kappa']:.2f}, Aiken's V {row[f'{role}_aiken_v']:.2f} ({limits})"
            )
        if pd.notna(row[f"{role}_clear"]):
            parts.append(f"clear to {row[f'{role}_clear']:.0%} of the {noun} who judged it")
    return "; ".join(parts) or "not yet asked"


def _sorted(known: Known, item: str) -> str:
    rows = known.sorting.set_index("item")
    if item not in rows.index:
        return "not yet sorted"
    row = rows.loc[item]
    return f"{row['n_intended']} of {row['n_judges']} judges put it under its theme"


def _interviewed(known: Known, item: str) -> str:
    rows = known.problems[known.problems["item"] == item].to_dict(orient="records")
    parts = [
        f"round {row['round']}: {row['n_problem']} of {row['n_asked']} met a problem"
        + (f" ({row['codes']})" if row["codes"] else "")
        for row in rows
    ]
    return "; ".join(parts) or "not yet held"


def _decided(known: Known, item: str) -> str:
    parts = []
    for row in known.decisions[known.decisions["item"] == item].to_dict(orient="records"):
        change = f": “{row['before']}” became “{row['after']}”" if row["decision"] == "reword" else ""
        why = f" ({row['reason']})" if row["reason"] else ""
        parts.append(f"round {row['round']}, {row['decision']}{change}{why}")
    return "; ".join(parts) or "none"


def _translated(known: Known, item: str, tag: str) -> str:
    if tag not in known.translations:
        return "no record of how it was made"
    row = known.translations[tag].set_index("text").loc[f"items.{item}"]
    return "; ".join(part for part in (row["state"], row["faults"], row["questions"]) if part)


def _short(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _list(card: Mapping[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in card.items()) + "</dl>"


def _table(frame: pd.DataFrame) -> str:
    head = "".join(f"<th>{escape(str(name))}</th>" for name in frame.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in frame.itertuples(index=False)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
