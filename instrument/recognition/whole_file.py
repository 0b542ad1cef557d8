"""Recognise what a file of answers holds; nothing unsure is taken for granted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from instrument.dates_given import date_written
from instrument.definition import Instrument
from instrument.errors import name_offenders
from instrument.recognition.answers import AnswerTexts, cell_text, read_answer_texts
from instrument.recognition.items import SURE, ItemMatch, match_items, other_occasions
from instrument.recognition.mapping import FileForm, Mapping
from instrument.recognition.opening import first_rows, headed, open_table, unique_labels, writing_of
from instrument.recognition.tools import (
    MAYBE_PEOPLE,
    MAYBE_WAVES,
    NO_MOMENT,
    PEOPLE,
    STAMP,
    STATUS,
    TOTALS,
    WAVES,
    Tool,
    header_rows_of,
    plain_name,
    tool_of,
)
from instrument.responses_raw import RawTable, count_of

MOST_HEADER_ROWS = 3
LONGEST_TOTAL = 20
SUFFIXES = {".sav": "spss", ".zsav": "spss", ".dta": "stata"}


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recognition:
    """What a file was recognised to hold.

    Attributes
    ----------
    mapping : Mapping
        To be corrected by a person, and read by.
    columns : tuple of ColumnMeaning
        Columns that are read.
    rows : int
        Rows of answers.
    absent : tuple of str
        Items without a column.
    answers : tuple of str
        What the cells of the items hold, in words.
    notes : tuple of str
        What was done or not found.
    """

    mapping: Mapping
    columns: tuple[ColumnMeaning, ...]
    rows: int
    absent: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Columns that are read: `column`, `meaning`, `n`, `how sure`."""
        rows = [
            (c.column, c.meaning, c.n, f"{'sure' if c.is_sure else 'UNSURE'}: {c.why}") for c in self.columns
        ]
        return pd.DataFrame(rows, columns=["column", "meaning", "n", "how sure"])

    def summary(self) -> str:
        """Everything in words and one table; no answer and no person is shown."""
        mapping, form = self.mapping, self.mapping.file
        written = [
            f"encoding {form.encoding}",
            f"{form.header_rows} header row{'s' if form.header_rows > 1 else ''}",
        ]
        written += [f"separator {form.delimiter!r}"] if form.delimiter else []
        written += [f"decimal mark {form.decimal!r}"] if form.decimal != "." else []
        written += [f"sheet {form.sheet!r}"] if form.sheet else []
        lines = [f"{mapping.tool}: {count_of(self.rows, 'row')}, {', '.join(written)}", ""]
        lines += [self.to_frame().to_string(index=False), ""]
        lines += [f"answers: {words}" for words in self.answers]
        lines += [f"no column: {name_offenders(self.absent)}"] if self.absent else []
        lines += [f"left out: {', '.join(mapping.left_out)}"] if mapping.left_out else []
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"UNSURE: {words}" for words in mapping.unsure]
        return "\n".join(lines)


@dataclass(slots=True, kw_only=True)
class _Found:
    """What is gathered on the way."""

    meanings: list[ColumnMeaning] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def take(self, raw: RawTable, label: str, meaning: str, why: str, *, is_sure: bool = True) -> None:
        self.taken.add(label)
        n = int(filled(raw.column(label)).sum())
        self.meanings.append(ColumnMeaning(column=label, meaning=meaning, n=n, why=why, is_sure=is_sure))


def recognise(
    path: str | Path, scale: Instrument, covariates: Sequence[str] = (), caller: str = "recognise"
) -> Recognition:
    """Say what the columns and answers of a file hold, without reading it for good.

    Use it for a file that a survey tool wrote: a person sees the mapping that this gives, then it is read so.

    Parameters
    ----------
    path
        Any file that `read_responses` takes.
    scale
        Instrument that it answers.
    covariates
        Labels of further columns to keep.
    caller
        Named in messages.

    Returns
    -------
    Recognition
        A mapping, and what it was made from.

    Raises
    ------
    ResponseDataError
        The file cannot be opened, or no column of it is an item.

    Examples
    --------
    >>> import pathlib, tempfile, instrument
    >>> scale = instrument.Instrument.model_validate({
    ...     "schema": 1, "id": "mini", "version": "1", "title": "Mini",
    ...     "response_scales": {"agree": {"options": {1: "no", 2: "yes"}}},
    ...     "themes": [{"id": "t", "title": "T", "items": [{"id": "a", "text": "I trust it."}]}],
    ... })
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "answers.csv"
    >>> _ = path.write_text("participant,How far? [I trust it.],IP\\np1,Yes,::1\\np2,no,::1\\n")
    >>> found = recognise(path, scale)
    >>> found.mapping.items, found.mapping.answers, found.mapping.left_out
    ({'a': 'How far? [I trust it.]'}, {'agree': {'Yes': 2, 'no': 1}}, ('IP',))
    >>> folder.cleanup()
    """
    path = Path(path)
    writing = writing_of(path)
    raw = open_table(path, writing.form, caller)
    rows = first_rows(raw)
    tool = tool_of(rows)
    form = _with_header(writing.form, tool, rows, scale)
    table = headed(raw, form)
    found = _Found(unsure=list(writing.unsure))
    matches, doubled = match_items(table.raw.columns, table.headers, scale)
    if not matches:
        n = len(scale.item_ids)
        fact = f"no column is any of the {n} items of instrument {scale.id!r}, by id or by wording."
        raise raw.fault(fact, "check the instrument, or name the columns by the ids of its items.")
    raw = table.raw
    found.taken.update(match.column for match in matches)
    participant = _people(raw, tool, found)
    wave = _waves(raw, tool, found)
    status = _status(raw, tool, scale, found)
    completed_on = _completed_on(raw, tool, status, found)
    without = _rows_out(raw, tool, found) | _totals(raw, participant, found)
    _take_items(raw, matches, found)
    found.unsure += doubled
    if elsewhere := other_occasions(matches, [label for label in raw.columns if label not in found.taken]):
        words = "may hold items at another wave: give each wave rows of its own"
        found.unsure.append(f"left_out: {name_offenders(elsewhere)} {words}")
    kept = _covariates(raw, covariates, found)
    name = SUFFIXES.get(path.suffix.lower(), tool.name)
    form = form.model_copy(update={"decimal": _decimal(raw, matches)})
    texts = _answers(raw, matches, scale, name, form, without)
    for scale_name, answers in texts.items():
        found.unsure += [f"answers.{scale_name}: {words}" for words in answers.unsure]
    mapping = Mapping(
        instrument=scale.id,
        tool=name,
        file=form,
        participant=participant,
        wave=wave,
        status=status,
        completed_on=completed_on,
        items={match.item: match.column for match in matches},
        answers={name: answers.meanings for name, answers in texts.items() if answers.meanings},
        covariates=tuple(kept),
        without_rows=without,
        left_out=tuple(label for label in raw.columns if label not in found.taken),
        unsure=tuple(found.unsure),
    )
    return Recognition(
        mapping=mapping,
        columns=tuple(found.meanings),
        rows=len(raw.lines),
        absent=tuple(item for item in scale.item_ids if item not in mapping.items),
        answers=tuple(_in_words(name, answers.kinds) for name, answers in texts.items() if answers.kinds),
        notes=tuple(found.notes),
    )


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


def _with_header(form: FileForm, tool: Tool, rows: list[list[str]], scale: Instrument) -> FileForm:
    """Rows of the header: as the tool has them, else up to the row that names most items."""
    known = header_rows_of(tool, rows)
    if known is None:
        hits = [_hits(row, scale) for row in rows[:MOST_HEADER_ROWS]]
        best = int(np.argmax(hits)) if hits else 0
        last = best
        while last + 1 < len(hits) and hits[last + 1] and hits[last + 1] >= hits[best] / 2:
            last += 1  # wordings below the names
        known = (last + 1, best + 1)
    return form.model_copy(update={"header_rows": known[0], "names_row": known[1]})


def _hits(row: list[str], scale: Instrument) -> int:
    matches, _ = match_items(unique_labels(row), [(cell,) for cell in row], scale)
    return sum(match.ground in SURE for match in matches)


def _first(raw: RawTable, names: Sequence[str], found: _Found) -> list[str]:
    """Columns by their plain names, in the order of the names, that are free and hold something."""
    by_plain: dict[str, str] = {}
    for label in raw.columns:
        by_plain.setdefault(plain_name(label), label)
    labels = [by_plain[name] for name in names if name in by_plain and by_plain[name] not in found.taken]
    return [label for label in labels if filled(raw.column(label)).any()]


def _people(raw: RawTable, tool: Tool, found: _Found) -> str | None:
    """Column of the person: named so, else the tool's own, else offered; else each response is one."""
    for names, why in ((PEOPLE, "named so"), (tool.people, f"how {tool.name} names it")):
        whole = [
            label for label in _first(raw, names, found) if filled(raw.column(label)).all() or names is PEOPLE
        ]
        if whole:
            found.take(raw, whole[0], "participant", why)
            return whole[0]
    maybe = _first(raw, (*tool.maybe_people, *(n for n in MAYBE_PEOPLE if n not in tool.responses)), found)
    maybe += [
        label
        for label in raw.columns
        if label not in (*maybe, *found.taken)
        and {"code", "id", "pseudonym"} & set(plain_name(label).strip("?:").split())
        and plain_name(label) not in tool.responses
        and filled(raw.column(label)).all()
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


def _waves(raw: RawTable, tool: Tool, found: _Found) -> str | None:
    for names, why in ((WAVES, "named so"), (tool.waves, f"how {tool.name} names it")):
        if labels := _first(raw, names, found):
            found.take(raw, labels[0], "wave", why)
            if len(labels) > 1 and len(set(map(cell_text, raw.column(labels[1])))) > 1:
                found.unsure.append(f"wave: column {labels[0]!r}, though {labels[1]!r} differs too")
            return labels[0]
    if labels := _first(raw, MAYBE_WAVES, found):
        found.take(raw, labels[0], "wave", "may be the occasion", is_sure=False)
        found.unsure.append(f"wave: column {labels[0]!r}")
        return labels[0]
    found.notes.append("no column of waves: wave 1 assumed")
    return None


def _status(raw: RawTable, tool: Tool, scale: Instrument, found: _Found) -> str | None:
    """REDCap's state of the form."""
    if tool.name != "redcap":
        return None
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


def _completed_on(raw: RawTable, tool: Tool, status: str | None, found: _Found) -> str | None:
    """Column with the moment at which people ended; one whose dates can be read in two ways is left out."""
    names = tool.completed
    if status is not None:
        names = (f"{plain_name(status).removesuffix(STATUS)}{STAMP}",)
    for label in _first(raw, names, found):
        cells = [cell_text(cell) for cell in raw.column(label)]
        moments = [cell for cell in cells if cell.casefold() not in NO_MOMENT]
        if not moments:
            return None
        if all(date_written(moment) is not None for moment in moments):
            found.take(raw, label, "day of answers", f"how {tool.name} names it")
            return label
        found.notes.append(
            f"dates of {label!r} are not written as 2026-03-31: the day of answers stays empty"
        )
    return None


def _rows_out(raw: RawTable, tool: Tool, found: _Found) -> dict[str, tuple[str, ...]]:
    """Rows that a tool marks as no answers of people."""
    out = {}
    for name, texts in tool.without_rows.items():
        for label in _first(raw, (name,), found):
            there = {cell_text(cell) for cell in raw.column(label)} & set(texts)
            if there:
                out[label] = tuple(text for text in texts if text in there)
                n = sum(cell_text(cell) in there for cell in raw.column(label))
                found.take(raw, label, "rows left out", f"{count_of(n, 'row')} of previews or tests")
    return out


def _totals(raw: RawTable, participant: str | None, found: _Found) -> dict[str, tuple[str, ...]]:
    """Rows below the people that sum them up; offered, not taken for granted."""
    if participant is None:
        return {}
    texts = {cell_text(cell) for cell in pd.unique(pd.Series(raw.column(participant), dtype=object))}
    there = sorted(text for text in texts if len(text) <= LONGEST_TOTAL and plain_name(text) in TOTALS)
    if not there:
        return {}
    found.unsure.append(
        f"without_rows: rows whose {participant!r} says {name_offenders(there)} are no people"
    )
    return {participant: tuple(there)}


def _take_items(raw: RawTable, matches: list[ItemMatch], found: _Found) -> None:
    for match in matches:
        is_sure = match.ground in SURE and not match.doubt
        why = f"{match.ground.value}; {match.doubt}" if match.doubt else match.ground.value
        found.take(raw, match.column, f"item {match.item}", why, is_sure=is_sure)
        if not is_sure:
            found.unsure.append(f"items.{match.item}: column {match.column!r} ({match.doubt})")


def _covariates(raw: RawTable, names: Sequence[str], found: _Found) -> list[str]:
    if absent := [name for name in names if name not in raw.columns]:
        fact = f"{count_of(len(absent), 'covariate')} not among the columns: {name_offenders(absent)}."
        raise raw.fault(fact, "check the spelling of the covariates.")
    for name in names:
        found.take(raw, name, "covariate", "named")
    return list(names)


def _decimal(raw: RawTable, matches: list[ItemMatch]) -> str:
    """A comma where answers such as 4,0 stand and none with a point."""
    texts: set[str] = set()
    for match in matches:
        texts |= {cell_text(cell) for cell in pd.unique(pd.Series(raw.column(match.column), dtype=object))}
    commas = [t for t in texts if pd.notna(t) and t.replace(",", "", 1).isdigit() and "," in t]
    points = [t for t in texts if pd.notna(t) and t.replace(".", "", 1).isdigit() and "." in t]
    return "," if commas and not points else "."


def _answers(
    raw: RawTable,
    matches: list[ItemMatch],
    scale: Instrument,
    tool: str,
    form: FileForm,
    without: dict[str, tuple[str, ...]],
) -> dict[str, AnswerTexts]:
    kept = np.ones(len(raw.lines), dtype=bool)
    for label, texts in without.items():
        kept &= ~np.array([cell_text(cell) in texts for cell in raw.column(label)], dtype=bool)
    columns = {
        match.item: pd.Series(raw.column(match.column), dtype=object)[kept].reset_index(drop=True)
        for match in matches
    }
    labels = {match.item: raw.value_labels.get(match.column, {}) for match in matches}
    missing = {match.item: raw.user_missing.get(match.column, []) for match in matches}
    return read_answer_texts(columns, scale, tool, labels, missing, form.decimal)


def _in_words(name: str, kinds: Counter[str]) -> str:
    return f"{name}: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}"
