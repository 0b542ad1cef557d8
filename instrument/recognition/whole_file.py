"""Recognise what a file of answers holds; nothing unsure is taken for granted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import ResponseDataError, name_offenders
from instrument.reading.r_files import SUFFIXES_OF_R
from instrument.reading.raw import RawTable, count_of
from instrument.reading.whole import other_words
from instrument.recognition.answers import AnswerTexts, cell_text, read_answer_texts
from instrument.recognition.beside_items import (
    ColumnMeaning,
    Found,
    day_column,
    holds_one_of,
    people_column,
    rows_left_out,
    rows_of_nobody,
    status_column,
    texts_of,
    wave_column,
)
from instrument.recognition.came_in import came_in
from instrument.recognition.items import SURE, Ground, ItemMatch, match_items, other_occasions, wording_key
from instrument.recognition.mapping import FileForm, LongForm, Mapping
from instrument.recognition.opening import (
    MOST_ABOVE,
    HeadedTable,
    first_rows,
    headed,
    open_table,
    unique_labels,
    writing_of,
)
from instrument.recognition.reading import waves_as_written
from instrument.recognition.shapes import OPTIONS, find_long, find_occasions, refuse_ticks, widen
from instrument.recognition.tools import Tool, header_rows_of, tool_of
from instrument.recognition.wave_writings import wave_writings

MOST_HEADER_ROWS = 3
MOST_LOOKED_AT = 5
SUFFIXES = {
    **dict.fromkeys((".sav", ".zsav", ".por"), "spss"),
    ".xpt": "sas",
    ".dta": "stata",
    **dict.fromkeys(SUFFIXES_OF_R, "r"),
}


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
    came_in : tuple of str
        Rows read, kept and left out, people, days, and the look of the first lines, not what stands there.
    opened : RawTable or None
        The file as it was opened: while this is kept, `read_responses` does not take the file apart again.
    """

    mapping: Mapping
    columns: tuple[ColumnMeaning, ...]
    rows: int
    absent: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    came_in: tuple[str, ...] = ()
    opened: RawTable | None = field(default=None, repr=False)

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
        lines += self.came_in
        lines += [f"answers: {words}" for words in self.answers]
        lines += [f"no column: {name_offenders(self.absent)}"] if self.absent else []
        lines += [f"left out: {', '.join(mapping.left_out)}"] if mapping.left_out else []
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"UNSURE: {words}" for words in mapping.unsure]
        return "\n".join(lines)


class NothingRecognised(ResponseDataError):
    """No column is an item; a mapping to fill in goes with it.

    Attributes
    ----------
    draft : Mapping
        Everything is unsure: items by the order of columns that are numbered in a row, where there are as
        many as items, and `?` else.
    """

    def __init__(self, message: str, draft: Mapping) -> None:
        super().__init__(message)
        self.draft = draft


def recognise(
    path: str | Path,
    scale: Instrument,
    covariates: Sequence[str] = (),
    caller: str = "recognise",
    *,
    written: FileForm | None = None,
    participant: str | None = None,
    wave: str | None = None,
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
    written
        Encoding, separator and sheet, where somebody said them; the rest is recognised.
    participant, wave
        Columns of person and occasion, where somebody said them.

    Returns
    -------
    Recognition
        A mapping, and what it was made from.

    Raises
    ------
    ResponseDataError
        The file cannot be opened.
    NothingRecognised
        No column of it is an item.

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
    writing = writing_of(path, written)
    opened = raw = open_table(path, writing.form, caller)
    rows = first_rows(raw, MOST_ABOVE + MOST_HEADER_ROWS)
    form = writing.form
    if above := _rows_above(rows, scale):
        form = form.model_copy(update={"rows_above": form.rows_above + above})
        opened = raw = open_table(path, form, caller)
        rows = rows[above:]
    rows = rows[:MOST_LOOKED_AT]
    tool = tool_of(rows)
    form = _with_header(form, tool, rows, scale)
    table = headed(raw, form)
    found = Found(unsure=list(writing.unsure), notes=list(raw.notes))
    if above:
        found.notes.append(f"{count_of(above, 'row')} above the header hold something else")
    shape = _shape(table, scale)
    raw, matches, waves, long = table.raw, shape.matches, shape.waves, shape.long
    if not matches:
        raise _nothing(table, scale, form, tool.name)
    named = {"participant": participant, "wave": wave}
    if absent := [name for name in named.values() if name is not None and name not in raw.columns]:
        raise raw.fault(f"there is no column {name_offenders(absent)}.", "check the spelling.")
    found.taken.update(label for match in matches for label in match.columns)
    _refuse_odd_options(table, matches, scale)
    if long is not None:
        found.take(raw, long.item, "items", "names items")
        found.take(raw, long.answer, "answers", "named so")
    cells = [] if long is not None else [label for match in matches for label in match.columns]
    without = rows_left_out(raw, tool, cells, found)
    kept_rows = _rows_kept(raw, without)
    for meaning, label in named.items():
        if label is not None:
            found.take(raw, label, meaning, "named so by you")
    participant = participant or people_column(raw, tool, found, kept_rows)
    occasion = wave if waves or wave is not None else wave_column(raw, tool, found, kept_rows)
    if long is not None:
        if participant is None:
            raise raw.fault("no column says whose answer each row is.", "name it 'participant'.")
        raw = widen(raw, long, [participant, *_names(occasion)], [match.column for match in matches])
    status, states = status_column(raw, tool, scale, found)
    completed_on = day_column(raw, tool, status, found)
    without |= rows_of_nobody(raw, participant, cells, found)
    _take_items(raw, matches, found)
    found.unsure += shape.unsure
    left = [label for label in raw.columns if label not in found.taken]
    if not waves and (elsewhere := other_occasions(matches, left)):
        words = "may hold items at another wave: give each wave rows of its own"
        found.unsure.append(f"left_out: {name_offenders(elsewhere)} {words}")
    kept = _covariates(raw, covariates, found)
    name = SUFFIXES.get(path.suffix.lower(), tool.name)
    wave_names = _wave_names(raw, name, _names(occasion), participant, without, found)
    form = form.model_copy(update={"decimal": _decimal(raw, matches)})
    texts = _answers(raw, matches, scale, name, form, without)
    found.unsure += _other_words(raw, matches, scale, texts)
    for scale_name, answers in texts.items():
        found.unsure += [f"answers.{scale_name}: {words}" for words in answers.unsure]
    mapping = Mapping(
        instrument=scale.id,
        tool=name,
        file=form,
        participant=participant,
        wave=occasion,
        status=status,
        states=states,
        completed_on=completed_on,
        items={m.item: m.columns if m.beside else m.column for m in matches if not waves},
        wave_names=wave_names,
        waves=waves,
        long=long,
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
        absent=tuple(item for item in scale.item_ids if item not in {match.item for match in matches}),
        answers=tuple(_in_words(name, answers.kinds) for name, answers in texts.items() if answers.kinds),
        notes=tuple(found.notes),
        came_in=tuple(came_in(table.raw, mapping, found.meanings)),
        opened=opened,
    )


def _rows_above(rows: list[list[str]], scale: Instrument) -> int:
    """Rows of titles above a header that stands further down than a header has rows."""
    if any(_hits(row, scale) for row in rows[:MOST_HEADER_ROWS]) or tool_of(rows).name != "table":
        return 0
    hits = [_hits(row, scale) for row in rows]
    enough = min(2, len(scale.item_ids))
    return next((k for k, n in enumerate(hits) if n >= enough), 0)


def _nothing(table: HeadedTable, scale: Instrument, form: FileForm, tool: str) -> NothingRecognised:
    """Say that no column is an item, with a mapping for a person to fill in."""
    raw, n = table.raw, len(scale.item_ids)
    fact = f"no column is any of the {n} items of instrument {scale.id!r}, by id or by wording."
    fault = raw.fault(fact, "check the instrument, or name the columns by the ids of its items.")
    numbered: dict[str, list[str]] = {}
    for label in raw.columns:
        numbered.setdefault(re.sub(r"\d+(?=\D*$)", "#", label), []).append(label)
    rows = [labels for labels in numbered.values() if len(labels) == n > 1]
    columns = rows[0] if len(rows) == 1 else ["?"] * n
    words = "the order of columns numbered in a row" if len(rows) == 1 else "no column is known"
    doubts = [f"items.{item}: {words}; name its column" for item in scale.item_ids]
    draft = Mapping(
        instrument=scale.id,
        tool=tool,
        file=form,
        items=dict(zip(scale.item_ids, columns, strict=True)),
        left_out=tuple(label for label in raw.columns if label not in columns),
        unsure=(*doubts, "participant, wave: name their columns, or leave them empty"),
    )
    return NothingRecognised(str(fault), draft)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """How a table is laid out: a column for each item, or also for each wave, or a row for each answer."""

    matches: list[ItemMatch]
    unsure: list[str] = field(default_factory=list)
    waves: dict[str, dict[str, str]] = field(default_factory=dict)
    long: LongForm | None = None


def _shape(table: HeadedTable, scale: Instrument) -> _Shape:
    matches, doubled = match_items(table.raw.columns, table.headers, scale)
    if len(matches) >= len(scale.item_ids) / 2:
        return _Shape(matches=matches, unsure=doubled)
    if waves := find_occasions(table.raw.columns, scale):
        refuse_ticks(table.raw, waves)
        words = f"waves: {name_offenders(waves)} by the names of columns"
        return _Shape(matches=_over_waves(waves, scale), unsure=[words], waves=waves)
    long, texts, doubt = find_long(table.raw, scale)
    if long is None:
        if not matches:
            refuse_ticks(table.raw, find_occasions(table.raw.columns, scale, OPTIONS))
        return _Shape(matches=matches, unsure=doubled)
    named = [
        ItemMatch(item=item, column=texts[item], ground=Ground.ID) for item in scale.item_ids if item in texts
    ]
    return _Shape(matches=named, unsure=[doubt] if doubt else [], long=long)


def _over_waves(waves: dict[str, dict[str, str]], scale: Instrument) -> list[ItemMatch]:
    """Columns of each item at all waves."""
    found = []
    for item in scale.item_ids:
        if labels := [items[item] for items in waves.values() if item in items]:
            found.append(ItemMatch(item=item, column=labels[0], ground=Ground.PART, beside=tuple(labels[1:])))
    return found


def _with_header(form: FileForm, tool: Tool, rows: list[list[str]], scale: Instrument) -> FileForm:
    """Rows of the header: as the tool has them, else up to the row that names most items."""
    known = header_rows_of(tool, rows)
    if known is None:
        hits = [_hits(row, scale) for row in rows[:MOST_HEADER_ROWS]]
        best = int(np.argmax(hits)) if hits else 0
        if hits and hits[best] < min(2, len(scale.item_ids)):
            hits, best = hits[:1], 0  # one text of a row of answers may be an item; a header names several
        last = best
        while last + 1 < len(hits) and hits[last + 1] and hits[last + 1] >= hits[best] / 2:
            last += 1  # wordings below the names
        known = (last + 1, best + 1)
    return form.model_copy(update={"header_rows": known[0], "names_row": known[1]})


def _hits(row: list[str], scale: Instrument) -> int:
    matches, _ = match_items(unique_labels(row), [(cell,) for cell in row], scale)
    return sum(match.ground in SURE for match in matches)


def _take_items(raw: RawTable, matches: list[ItemMatch], found: Found) -> None:
    for match in matches:
        is_sure = match.ground in SURE and not match.doubt and not match.beside
        why = f"{match.ground.value}; {match.doubt}" if match.doubt else match.ground.value
        for label in match.columns:
            found.take(raw, label, f"item {match.item}", why, is_sure=is_sure)
        if match.doubt:
            found.unsure.append(f"items.{match.item}: column {match.column!r} ({match.doubt})")


def _refuse_odd_options(table: HeadedTable, matches: list[ItemMatch], scale: Instrument) -> None:
    """Refuse columns that stand for one option each and hold other marks than its label.

    A 1 or a cross there means the option above it, not the code 1.
    """
    for match in matches:
        options = _option_keys(scale, match.item) if match.beside else set()
        above = {label: texts[-1] for label, texts in zip(table.raw.columns, table.headers, strict=True)}
        if not options or not all(wording_key(above[label]) in options for label in match.columns):
            continue
        for label in match.columns:
            marks = texts_of(table.raw, label) - {""}
            if any(wording_key(mark) != wording_key(above[label]) for mark in marks):
                fact = f"each option of item {match.item!r} has a column of marks, not of labels."
                raise table.raw.fault(fact, "export one column for each question (condensed, choice text).")


def _option_keys(scale: Instrument, item: str) -> set[str]:
    name = scale.scale_name(item)
    texts = (scale.wording(language).options.get(name, {}) for language in scale.languages)
    return {wording_key(label) for options in texts for label in options.values()}


def _covariates(raw: RawTable, names: Sequence[str], found: Found) -> list[str]:
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
    kept = _rows_kept(raw, without)
    columns = {
        match.item: pd.concat(
            [pd.Series(raw.column(label), dtype=object)[kept] for label in match.columns], ignore_index=True
        )
        for match in matches
    }
    labels = {match.item: raw.value_labels.get(match.column, {}) for match in matches}
    missing = {match.item: raw.user_missing.get(match.column, []) for match in matches}
    return read_answer_texts(columns, scale, tool, labels, missing, form.decimal)


def _other_words(
    raw: RawTable, matches: list[ItemMatch], scale: Instrument, texts: dict[str, AnswerTexts]
) -> list[str]:
    """Labels of the file in other words than the instrument's, where nothing moves the codes."""
    labels = {
        match.item: raw.value_labels[match.column]
        for match in matches
        if match.column in raw.value_labels and not texts[scale.scale_name(match.item)].meanings
    }
    return [f"answers: {words}" for words in other_words(replace(raw, value_labels=labels), scale)]


def _rows_kept(raw: RawTable, without: dict[str, tuple[str, ...]]) -> np.ndarray:
    kept = np.ones(len(raw.lines), dtype=bool)
    for label, texts in without.items():
        kept &= ~holds_one_of(raw.column(label), texts)
    return kept


def _wave_names(
    raw: RawTable,
    tool: str,
    labels: tuple[str, ...],
    participant: str | None,
    without: dict[str, tuple[str, ...]],
    found: Found,
) -> dict[str, str]:
    """Waves that differ in their writing alone, offered as one; what may be one under two names is noted."""
    if not labels:
        return {}
    kept = np.flatnonzero(_rows_kept(raw, without))
    written = [cell_text(cell) for cell in waves_as_written(raw, tool, labels)]
    people = None if participant is None else [cell_text(cell) for cell in raw.column(participant)]
    meant, unsure, notes = wave_writings(
        [written[k] for k in kept], None if people is None else [people[k] for k in kept]
    )
    found.unsure += unsure
    found.notes += notes
    return meant


def _names(columns: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else columns or ()


def _in_words(name: str, kinds: Counter[str]) -> str:
    return f"{name}: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}"
