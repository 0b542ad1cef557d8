"""Which columns beside the items hold person, occasion, state and day; which rows are no people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import name_offenders
from instrument.reading.dates_given import date_written
from instrument.reading.ids import is_trial, sums_up
from instrument.reading.raw import RawTable, count_of
from instrument.reading.whole import MOST_TRIALS
from instrument.recognition.answers import cell_text
from instrument.recognition.tools import (
    MAYBE_PEOPLE,
    MAYBE_WAVES,
    NO_MOMENT,
    PEOPLE,
    REST,
    STAMP,
    STATE_NAMES,
    STATES,
    STATUS,
    TRIED_OUT,
    WAVES,
    YES_OR_NO,
    Tool,
    names_of,
    plain_name,
)
from instrument.standing import COMPLETED, OPEN

MOST_WAYS = 2
"""Ways in which the codes of people are written: letters before figures, figures alone, and so on."""
_CODE = re.compile(r"(?=.*\d)(?:0\d+|[^\W\d_]+[-_]?\d[\w-]*|\d+[-_]?[^\W\d_]\w*)", re.UNICODE)
"""Letters and figures, or figures with zeros in front; no plain number, date, address or sentence."""
CODES = ("code", "kennung", "kürzel", "pseudonym")
"""How the last word of a question for the code of a person may end."""
WORDS_OF_AN_ID = 2
"""More words than these in place of an id, below the answers, are a remark."""
MOST_OCCASIONS = 50
"""A column with more distinct texts is no occasion."""
MOST_ROWS = 20
"""A column with fewer distinct texts than rows over this number does not tell people apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMeaning:
    """What a column was taken for.

    Attributes
    ----------
    column, meaning
        Its label, and in words what it holds.
    n : int
        Cells that hold something.
    why : str
        What speaks for it.
    is_sure : bool
        Whether it was taken for granted.
    """

    column: str
    meaning: str
    n: int
    why: str
    is_sure: bool


@dataclass(slots=True, kw_only=True)
class Found:
    """What is gathered on the way."""

    meanings: list[ColumnMeaning] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def take(self, raw: RawTable, label: str, meaning: str, why: str, *, is_sure: bool = True) -> None:
        """Note what a column was taken for."""
        self.taken.add(label)
        n = int(filled(raw.column(label)).sum())
        self.meanings.append(ColumnMeaning(column=label, meaning=meaning, n=n, why=why, is_sure=is_sure))


def filled(cells: Any) -> np.ndarray:
    """Say which cells hold something.

    Parameters
    ----------
    cells
        Array-like of shape (n,).

    Returns
    -------
    array of bool, shape (n,)
        True where something stands.
    """
    column = pd.Series(cells, dtype=object) if isinstance(cells, (tuple, list)) else pd.Series(cells)
    positions, distinct = pd.factorize(column.reset_index(drop=True))
    holds = np.array([*(bool(cell_text(value)) for value in distinct), False], dtype=bool)
    return np.asarray(holds[positions])


def holds_one_of(cells: Any, texts: Sequence[str]) -> np.ndarray:
    """Say which cells hold one of some texts.

    Parameters
    ----------
    cells
        Array-like of shape (n,).
    texts
        As `cell_text` gives them.

    Returns
    -------
    array of bool, shape (n,)
        True where one of them stands.
    """
    column = pd.Series(cells, dtype=object) if isinstance(cells, (tuple, list)) else pd.Series(cells)
    positions, distinct = pd.factorize(column.reset_index(drop=True))
    known = set(texts)
    return np.asarray(
        np.array([*(cell_text(v) in known for v in distinct), "" in known], dtype=bool)[positions]
    )


def _first(raw: RawTable, names: Sequence[str], found: Found) -> list[str]:
    """Columns by their plain names, in the order of the names, that are free and hold something."""
    by_plain = _by_plain(raw)
    labels = [by_plain[name] for name in names if name in by_plain and by_plain[name] not in found.taken]
    return [label for label in labels if filled(raw.column(label)).any()]


def _by_plain(raw: RawTable) -> dict[str, str]:
    """Labels by their plain names, the first where several are alike; whole names before codes."""
    found: dict[str, str] = {}
    for depth in (0, 1):
        for label in raw.columns:
            for name in names_of(label)[depth : depth + 1]:
                found.setdefault(name, label)
    return found


def people_column(raw: RawTable, tool: Tool, found: Found, kept: np.ndarray) -> str | None:
    """Column of the person: named so, else the tool's own, else offered; else each response is one.

    Only rows that are kept count: previews have no code of a person.
    """
    for names, why in ((PEOPLE, "named so"), (tool.people, f"how {tool.name} names it")):
        labels = _first(raw, names, found)
        whole = [label for label in labels if filled(raw.column(label))[kept].all() or names is PEOPLE]
        if whole:
            _refuse_double_entry(raw, whole[0], tool)
            found.take(raw, whole[0], "participant", why)
            return whole[0]
        for label in labels:
            n = int(filled(raw.column(label))[kept].sum())
            words = f"column {label!r} names the person in {n} of {int(kept.sum())} rows, and was left out"
            found.unsure.append(f"participant: {words}")
    maybe = _first(raw, (*tool.maybe_people, *(n for n in MAYBE_PEOPLE if n not in tool.responses)), found)
    maybe += [
        label
        for label in raw.columns
        if label not in (*maybe, *found.taken)
        and any(word in ("id", "pseudonym") or word.endswith(CODES) for word in _words(label))
        and plain_name(label) not in tool.responses
        and filled(raw.column(label))[kept].all()
    ]
    maybe += [
        label
        for label in raw.columns
        if label not in (*maybe, *found.taken) and _coded(raw, label, tool, kept)
    ]
    maybe = [
        label
        for label in maybe
        if (n := len(texts_of(raw, label))) * MOST_ROWS >= len(raw.lines) and (n > 1 or len(raw.lines) == 1)
    ]
    if maybe:
        found.take(raw, maybe[0], "participant", "may be a code of the person", is_sure=False)
        found.unsure.append(f"participant: column {maybe[0]!r}")
        return maybe[0]
    numbered = _first(raw, tool.responses, found)
    if numbered:
        found.take(raw, numbered[0], "participant", "numbers the responses, so each is another person")
        found.notes.append("no column of people: every response counts as another person")
        return numbered[0]
    found.notes.append("no column of people: every row counts as another person")
    return None


def _words(label: str) -> list[str]:
    return re.split(r"[\s_.-]+", plain_name(label).strip("?:"))


def _coded(raw: RawTable, label: str, tool: Tool, kept: np.ndarray) -> bool:
    """Whether every cell of a column is written like a code of a person: letters and figures in one way."""
    if plain_name(label) in tool.responses:
        return False
    texts = {cell_text(cell) for cell in pd.Series(raw.column(label), dtype=object)[kept]}
    if not texts or not all(_CODE.fullmatch(text) for text in texts):
        return False
    ways = {re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", text)) for text in texts}
    return len(ways) <= MOST_WAYS


def _refuse_double_entry(raw: RawTable, label: str, tool: Tool) -> None:
    """Refuse REDCap's records that were entered twice and not merged: `P1--1` and `P1--2` are one person."""
    if tool.name != "redcap":
        return
    twice = np.array(
        [re.search(r".--[12]$", cell_text(cell)) is not None for cell in raw.column(label)], dtype=bool
    )
    if twice.any():
        fact = f"{count_of(int(twice.sum()), 'row')} of double data entry, not merged ({raw.where(twice)})."
        raise raw.fault(
            fact, "merge the entries in REDCap (Data Comparison Tool) and export the merged records."
        )


def wave_column(raw: RawTable, tool: Tool, found: Found, kept: np.ndarray) -> str | tuple[str, ...] | None:
    """Column of the occasion: named so, else the tool's own, else offered.

    REDCap's event and repetition are an occasion together where both differ between the rows of the form.
    """
    for names, why in ((WAVES, "named so"), (tool.waves, f"how {tool.name} names it")):
        labels = [label for label in _first(raw, names, found) if filled(raw.column(label))[kept].any()]
        differ = [label for label in labels if _differs(raw, label, kept)]
        chosen = sorted(differ, key=raw.columns.index) if differ and names is not WAVES else labels[:1]
        for label in chosen:
            found.take(raw, label, "wave", why)
        if chosen:
            return chosen[0] if len(chosen) == 1 else tuple(chosen)
    if labels := [
        label
        for label in _first(raw, MAYBE_WAVES, found)
        if len(texts_of(raw, label)) <= MOST_OCCASIONS and not _holds_moments(raw, label)
    ]:
        found.take(raw, labels[0], "wave", "may be the occasion", is_sure=False)
        found.unsure.append(f"wave: column {labels[0]!r}")
        return labels[0]
    found.notes.append("no column of waves: wave 1 assumed")
    return None


def _holds_moments(raw: RawTable, label: str) -> bool:
    """Whether a column holds times of day: when somebody answered is no occasion."""
    return all(re.search(r"\d:\d\d", text) for text in texts_of(raw, label) - {""})


def _differs(raw: RawTable, label: str, kept: np.ndarray) -> bool:
    return len({cell_text(cell) for cell in pd.Series(raw.column(label), dtype=object)[kept]}) > 1


def status_column(
    raw: RawTable, tool: Tool, scale: Instrument, found: Found
) -> tuple[str | None, dict[str, Any]]:
    """Column that says whether a response was finished, and what its texts mean; REDCap's need no naming."""
    if tool.name == "redcap":
        return _state_of_form(raw, scale, found), {}
    by_plain = _by_plain(raw)
    for label in (by_plain[name] for name in tool.status if name in by_plain):
        there = texts_of(raw, label)
        if REST in tool.states or there <= set(tool.states):
            meaning = {text: state for text, state in tool.states.items() if text in there or text == REST}
            found.take(raw, label, "status", f"how {tool.name} says what was finished")
            return label, meaning
        found.unsure.append(f"status: {label!r} holds other texts than {tool.name} writes, and was left out")
    for label in (by_plain[name] for name in STATE_NAMES if name in by_plain):
        there = texts_of(raw, label)
        if label in found.taken or plain_name(label) in tool.without_rows or not there - {""}:
            continue
        if there <= {COMPLETED, OPEN} and plain_name(label) == "status":
            found.take(raw, label, "status", "named so")
            return label, {text: text for text in sorted(there)}
        known = {**YES_OR_NO, **STATES}
        if there <= set(known):
            found.take(raw, label, "status", "may say what was finished", is_sure=False)
            found.unsure.append(f"status: column {label!r}")
            return label, {text: known[text] for text in sorted(there)}
    return None, {}


def texts_of(raw: RawTable, label: str) -> set[str]:
    """Distinct texts of a column, casefolded."""
    return {cell_text(cell).casefold() for cell in pd.unique(pd.Series(raw.column(label), dtype=object))}


def _state_of_form(raw: RawTable, scale: Instrument, found: Found) -> str | None:
    """REDCap's state of the form."""
    own = plain_name(f"{scale.id}{STATUS}")
    forms = [
        label
        for label in raw.columns
        if plain_name(label).endswith(STATUS) or plain_name(label) == "complete?"
    ]
    chosen = [label for label in forms if plain_name(label) == own] or (forms if len(forms) == 1 else [])
    if not chosen:
        return None
    found.take(raw, chosen[0], "status", "state of the form")
    return chosen[0]


def day_column(raw: RawTable, tool: Tool, status: str | None, found: Found) -> str | None:
    """Column with the moment at which people ended; one whose dates can be read in two ways is left out."""
    names = tool.completed
    if tool.name == "redcap" and status is not None:
        names = (f"{plain_name(status).removesuffix(STATUS)}{STAMP}",)
    by_plain = _by_plain(raw)
    for label in (by_plain[name] for name in names if name in by_plain):
        if label in found.taken and label != status:
            continue
        cells = [cell_text(cell) for cell in raw.column(label)]
        moments = [cell for cell in cells if cell.casefold() not in NO_MOMENT]
        if not moments:
            continue
        if all(date_written(moment) is not None for moment in dict.fromkeys(moments)):
            found.take(raw, label, "day of answers", f"how {tool.name} names it")
            return label
        found.notes.append(
            f"dates of {label!r} are not written as 2026-03-31: the day of answers stays empty"
        )
    return None


def rows_left_out(
    raw: RawTable, tool: Tool, items: Sequence[str], found: Found
) -> dict[str, tuple[str, ...]]:
    """Rows that a tool marks as no answers of people, or as those of another form.

    Parameters
    ----------
    raw, tool, found
        The table, the tool, and what is gathered.
    items
        Columns of the items: rows of REDCap's other repeating forms hold none of them.

    Returns
    -------
    dict
        Column to the texts of such rows.
    """
    out = _other_forms(raw, items, found) if tool.name == "redcap" else {}
    for name, texts in tool.without_rows.items():
        for label in _first(raw, (name,), found):
            there = {cell_text(cell) for cell in raw.column(label)} & set(texts)
            if there:
                out[label] = tuple(text for text in texts if text in there)
                n = sum(cell_text(cell) in there for cell in raw.column(label))
                found.take(raw, label, "rows left out", f"{count_of(n, 'row')} of previews or tests")
    for name, texts in tool.doubted_rows.items():
        for label in (label for label in raw.columns if plain_name(label) == name):
            cells = [cell_text(cell) for cell in raw.column(label)]
            if doubted := tuple(text for text in texts if text in cells):
                out[label] = (*out.get(label, ()), *doubted)
                n = sum(cell in doubted for cell in cells)
                words = (
                    f"{count_of(n, 'row')} whose {label!r} says {name_offenders(doubted)} left out as spam"
                )
                found.unsure.append(f"without_rows: {words}")
                found.taken.add(label)
    for name, usual in tool.usual_rows.items():
        for label in (label for label in raw.columns if plain_name(label) == name):
            if tried := _marked_otherwise(raw, label, {*usual, *out.get(label, ())}, found):
                out[label] = (*out.get(label, ()), *tried)
                found.taken.add(label)
    return out


def _marked_otherwise(raw: RawTable, label: str, known: set[str], found: Found) -> tuple[str, ...]:
    """Texts that no English export has; those that seem to mark a preview are left out. A person is asked.

    One text that stands in most rows is how the export's language calls a row of somebody.
    """
    counts = Counter(cell_text(cell) for cell in raw.column(label))
    strange = sorted(text for text in counts if text and text not in known)
    tried = tuple(text for text in strange if TRIED_OUT.search(text))
    if tried:
        n = sum(counts[text] for text in tried)
        words = f"{count_of(n, 'row')} whose {label!r} says {name_offenders(tried)} left out as previews"
        found.unsure.append(f"without_rows: {words}")
    others = [text for text in strange if text not in tried]
    if others and 2 * counts[max(others, key=lambda text: counts[text])] > sum(counts.values()):
        others.remove(max(others, key=lambda text: counts[text]))
    if others:
        n = sum(counts[text] for text in others)
        words = f"{count_of(n, 'row')} whose {label!r} says {name_offenders(others)} kept as those of people"
        found.unsure.append(f"without_rows: {words}")
    return tried


def _other_forms(raw: RawTable, items: Sequence[str], found: Found) -> dict[str, tuple[str, ...]]:
    """Rows of REDCap's other repeating forms: none of their rows holds an answer."""
    labels = _first(raw, ("redcap_repeat_instrument", "repeat instrument"), found)
    if not labels:
        return {}
    holds = np.logical_or.reduce([filled(raw.column(label)) for label in items])
    forms = np.array([cell_text(cell) for cell in raw.column(labels[0])], dtype=object)
    others = tuple(sorted(set(forms) - set(forms[holds])))
    if not others or not holds.any():
        return {}
    n = int(np.isin(forms, others).sum())
    found.take(raw, labels[0], "rows left out", f"{count_of(n, 'row')} without the form")
    return {labels[0]: others}


def rows_of_nobody(
    raw: RawTable, participant: str | None, items: Sequence[str], found: Found
) -> dict[str, tuple[str, ...]]:
    """Rows that sum up the people, or of those who tried the survey out; offered, not taken for granted.

    Remarks below a table stand where ids do, in rows without an answer; what they say is shown to nobody.
    """
    if participant is None:
        return {}
    cells = [cell_text(cell) for cell in raw.column(participant)]
    distinct = set(cells)
    sums = sorted(text for text in distinct if sums_up(text))
    trials = sorted(text for text in distinct if is_trial(text))
    if sum(map(set(trials).__contains__, cells)) > MOST_TRIALS * len(cells):
        trials = []
    longest = len(participant) + 5
    short = [
        text
        for text in distinct
        if len(text) <= longest and text[:1].casefold() == participant[:1].casefold()
    ]
    heads = sorted(text for text in short if plain_name(text) == plain_name(participant))
    for texts, what in ((sums, "no people"), (trials, "trials of the survey"), (heads, "heads repeated")):
        if texts:
            words = f"rows whose {participant!r} says {name_offenders(texts)} are {what}"
            found.unsure.append(f"without_rows: {words}")
    remarks = _remarks(raw, cells, items)
    if remarks.any():
        words = f"{count_of(int(remarks.sum()), 'row')} without an answer ({raw.where(remarks)})"
        found.unsure.append(f"without_rows: {words} left out as remarks, by what stands for {participant!r}")
    said = sorted({cell for cell, is_remark in zip(cells, remarks, strict=True) if is_remark})
    nobody = tuple(dict.fromkeys((*sums, *trials, *heads, *said)))
    return {participant: nobody} if nobody else {}


def _remarks(raw: RawTable, cells: Sequence[str], items: Sequence[str]) -> np.ndarray:
    """Rows without an answer below the last one with one, which hold several words in place of an id."""
    chosen = np.zeros(len(cells), dtype=bool)
    if not items:
        return chosen
    below = len(cells)
    while below and not any(cell_text(_cell(raw.column(label), below - 1)) for label in items):
        below -= 1
    if below:  # a table without any answer is another matter
        chosen[below:] = [len(cell.split()) > WORDS_OF_AN_ID for cell in cells[below:]]
    return chosen


def _cell(column: Any, k: int) -> Any:
    return column.iloc[k] if hasattr(column, "iloc") else column[k]
