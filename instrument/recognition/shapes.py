"""Tables of other shapes: a column for each item and wave, or a row for each answer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import name_offenders
from instrument.reading.raw import RawTable, count_of
from instrument.recognition.answers import cell_text
from instrument.recognition.items import OCCASION, wording_key, wording_keys
from instrument.recognition.mapping import LongForm, Mapping
from instrument.recognition.tools import plain_name

ANSWER_NAMES = ("resp", "response", "answer", "item_response", "value", "score", "rating", "antwort", "wert")
"""Plain names of the column of answers where each answer has a row of its own."""
OWN_NAME = "code"  # of the long tables that the toolkit itself writes; elsewhere it may be that of an item
ITEM_NAMES = ("item", "item_id", "itemid", "question", "variable", "frage")
NO_TICK = frozenset(
    {"", "0", "no", "n", "false", "unchecked", "not selected", "nein", "falsch", "non", "faux"}
)
_WORD = r"(?:t|w|wave|time|week|month|day|visit|m|welle|woche)"
_TAGS = (
    re.compile(rf"(?P<name>.+?)[_. -](?P<tag>{OCCASION})"),
    re.compile(rf"(?P<tag>{OCCASION})[_. -](?P<name>.+)"),
    re.compile(rf"(?P<name>.+?)(?P<tag>{_WORD}\d+)"),
    re.compile(rf"(?P<tag>{_WORD}\d+)(?P<name>.+)"),
)
OPTIONS = (re.compile(r"(?P<name>.+?)_{2,}(?P<tag>\w+)"), re.compile(r"(?P<name>.+?)\[(?P<tag>\w+)\]"))
"""How REDCap and LimeSurvey name the boxes of a question in which several may be ticked."""


def find_occasions(
    labels: Sequence[str], scale: Instrument, patterns: Sequence[re.Pattern[str]] = _TAGS
) -> dict[str, dict[str, str]]:
    """Find columns that hold one item at one wave: its id with a tag behind or before it, the same for all.

    Parameters
    ----------
    labels
        Labels of the columns.
    scale
        The instrument.
    patterns
        How a label is put together of `name` and `tag`.

    Returns
    -------
    dict
        Wave to items to columns, in the order of the columns; empty unless two waves or more hold at least
        half of the items each.

    Examples
    --------
    >>> scale = Instrument.model_validate({
    ...     "schema": 1, "id": "mini", "version": "1", "title": "Mini",
    ...     "response_scales": {"agree": {"options": {1: "no", 2: "yes"}}},
    ...     "themes": [
    ...         {"id": "t", "title": "T", "items": [{"id": "a", "text": "A."}, {"id": "b", "text": "B."}]}
    ...     ],
    ... })
    >>> find_occasions(["id", "a_t1", "b_t1", "a_t2", "b_t2"], scale)
    {'t1': {'a': 'a_t1', 'b': 'b_t1'}, 't2': {'a': 'a_t2', 'b': 'b_t2'}}
    """
    ids = {plain_name(item): item for item in scale.item_ids}
    fewest = max(1, (len(ids) + 1) // 2)
    best: dict[str, dict[str, str]] = {}
    for pattern in patterns:
        waves: dict[str, dict[str, str]] = {}
        for label in labels:
            found = pattern.fullmatch(plain_name(label))
            if found and plain_name(label) not in ids and found["name"] in ids:
                waves.setdefault(found["tag"], {}).setdefault(ids[found["name"]], label)
        whole = {tag: items for tag, items in waves.items() if len(items) >= fewest}
        if len(whole) > max(1, len(best)):
            best = whole
    return best


def refuse_ticks(raw: RawTable, options: dict[str, dict[str, str]]) -> None:
    """Refuse a table whose columns of an item are its options, of which people ticked one.

    Parameters
    ----------
    raw
        Columns by label.
    options
        What is taken for waves: items and their columns.

    Raises
    ------
    ResponseDataError
        Each of the columns holds one mark alone, and nobody has two of an item.
    """
    ticked: dict[str, np.ndarray] = {}
    for columns in options.values():
        for item, label in columns.items():
            cells = np.array([cell_text(cell).casefold() for cell in raw.column(label)], dtype=object)
            marks = set(cells) - NO_TICK
            if len(marks) > 1:
                return
            ticked[item] = ticked.get(item, np.zeros(len(cells), dtype=int)) + np.isin(cells, list(marks))
    if not ticked or max(int(n.max(initial=0)) for n in ticked.values()) != 1:
        return
    if sum(int(n.sum()) for n in ticked.values()) <= len(raw.lines):  # too few to tell
        return
    names = [label for columns in options.values() for label in columns.values()]
    fact = f"{name_offenders(names)} hold ticks: a column for each option of an item, not for each wave."
    raise raw.fault(fact, "export one column for each item, which holds the code or text of what was chosen.")


def find_long(raw: RawTable, scale: Instrument) -> tuple[LongForm | None, dict[str, str], str]:
    """Find the columns of items and of answers in a table that has a row for each answer.

    Parameters
    ----------
    raw
        Columns by label.
    scale
        The instrument.

    Returns
    -------
    LongForm, or None
        The two columns; None where no column names items.
    dict
        Item to its text in the column of items.
    str
        What is not plain of it; empty where it is.

    Raises
    ------
    ResponseDataError
        A column names the items, and no other can be told to hold the answers.
    """
    for label in sorted(raw.columns, key=lambda name: plain_name(name) not in ITEM_NAMES):
        texts = {cell_text(cell) for cell in pd.unique(pd.Series(raw.column(label), dtype=object))} - {""}
        if not len(scale.item_ids) / 2 <= len(texts) <= 10 * len(scale.item_ids) + 50:
            continue
        named = _items_named(sorted(texts), scale)
        if len(named) < max(2, len(scale.item_ids) / 2) or len(raw.lines) <= len(texts):
            continue
        others = [name for name in raw.columns if name != label]
        answers = [name for name in others if plain_name(name) in ANSWER_NAMES]
        answers = answers or [name for name in others if plain_name(name) == OWN_NAME]
        if len(answers) != 1:
            n = len(answers) or "no"
            fact = f"column {label!r} names the items, and {n} columns may hold their answers."
            hint = f"name the column of answers {ANSWER_NAMES[0]!r}."
            raise raw.fault(fact, hint)
        doubt = "" if plain_name(label) in ITEM_NAMES else f"long: column {label!r} names the items"
        return LongForm(item=label, answer=answers[0]), named, doubt
    return None, {}, ""


def _items_named(texts: Sequence[str], scale: Instrument) -> dict[str, str]:
    ids = {plain_name(item): item for item in scale.item_ids}
    keys = wording_keys(scale)
    named: dict[str, str] = {}
    for text in texts:
        item = ids.get(plain_name(text)) or keys.get(wording_key(text))
        if item is not None:
            named.setdefault(item, text)
    return named


def widen(raw: RawTable, long: LongForm, keys: Sequence[str], items: Sequence[str]) -> RawTable:
    """Give a table with a row for each answer as one with a row for each person and wave.

    Parameters
    ----------
    raw
        Columns by label.
    long
        Columns of items and answers.
    keys
        Columns of person and wave.
    items
        Texts of the column of items that become columns; rows with other texts are left out and counted.

    Returns
    -------
    RawTable
        All other columns, then one for each item; a row stands at the first line of its administration.

    Raises
    ------
    ResponseDataError
        One answer is there twice with different contents, or another column differs within an administration.
    """
    named = pd.Series([cell_text(cell) for cell in raw.column(long.item)], dtype=object)
    kept = named.isin(list(items)).to_numpy()
    notes = list(raw.notes)
    if not kept.all():
        notes.append(f"{count_of(int((~kept).sum()), 'row')} of other items left out")
    left = raw.left_too(int((~kept).sum()), "of other items")
    table = pd.DataFrame({k: [cell_text(cell) for cell in raw.column(k)] for k in keys}, dtype=object)[kept]
    lines = np.asarray(raw.lines)[kept]
    group = table.groupby(list(keys), sort=False, dropna=False).ngroup().to_numpy()
    first = pd.Series(np.arange(len(lines))).groupby(group, sort=False).first().to_numpy()
    answers = _taken(raw.column(long.answer), kept)
    _refuse_doubled(raw, group, named[kept].to_numpy(), answers, lines)
    columns: dict[str, Any] = {}
    for label in raw.columns:
        if label in (long.item, long.answer):
            continue
        cells = _taken(raw.column(label), kept)
        texts = np.array([cell_text(cell) for cell in cells], dtype=object)
        if (texts != texts[first][group]).any():
            if label not in keys:
                notes.append(f"column {label!r} differs between the answers of an administration: left out")
            continue
        columns[label] = pd.Series([cells[k] for k in first], dtype=object)
    for text in items:
        given = np.full(len(first), None, dtype=object)
        mine = named[kept].to_numpy() == text
        given[group[mine]] = np.array([answers[k] for k in np.flatnonzero(mine)], dtype=object)
        if text in columns:
            raise raw.fault(f"{text!r} names both an item and a column.", "rename that column.")
        columns[text] = pd.Series(given, dtype=object)
    return dataclasses.replace(
        raw,
        columns=list(columns),
        cells=list(columns.values()),
        lines=lines[first],
        unit=f"administration from {raw.unit}",  # its first row; a fault may stand in a later one
        notes=notes,
        left=left,
        is_reshaped=True,
        value_labels={name: texts for name, texts in raw.value_labels.items() if name in columns}
        | {text: raw.value_labels[long.answer] for text in items if long.answer in raw.value_labels},
        user_missing={name: spans for name, spans in raw.user_missing.items() if name in columns}
        | {text: raw.user_missing[long.answer] for text in items if long.answer in raw.user_missing},
    )


def _taken(cells: Any, kept: np.ndarray) -> list[Any]:
    return [cell for cell, is_kept in zip(cells, kept, strict=True) if is_kept]


def _refuse_doubled(
    raw: RawTable, group: np.ndarray, named: np.ndarray, answers: list[Any], lines: np.ndarray
) -> None:
    """Refuse two answers of one person to one item at one wave, unless they are the same."""
    table = pd.DataFrame({"group": group, "item": named, "answer": [cell_text(cell) for cell in answers]})
    differs = table.groupby(["group", "item"], sort=False)["answer"].transform("nunique").to_numpy() > 1
    if differs.any():
        n = int(differs.sum())
        shown = dataclasses.replace(raw, lines=lines).where(differs)
        fact = f"{count_of(n, 'row')} give one item of one administration different answers ({shown})."
        raise raw.fault(fact, "keep one of each, or name the column of the wave.")


def lengthen(parts: dict[str, RawTable], items: Sequence[str]) -> RawTable:
    """Put tables of one wave each below each other; who gave no answer at a wave has no row there.

    Parameters
    ----------
    parts
        Wave to its table; all have the same columns and no column of waves.
    items
        Columns of the items.

    Returns
    -------
    RawTable
        With a column `wave`, person by person in the order of the file within each wave.
    """
    cells: dict[str, list[Any]] = {}
    lines, left = [], 0
    for wave, part in parts.items():
        holds = np.zeros(len(part.lines), dtype=bool)
        for item in items:
            holds |= np.array([bool(cell_text(cell)) for cell in part.column(item)], dtype=bool)
        left += int((~holds).sum())
        for name in part.columns:
            cells.setdefault(name, []).extend(_taken(part.column(name), holds))
        cells.setdefault("wave", []).extend([wave] * int(holds.sum()))
        lines.append(np.asarray(part.lines)[holds])
    whole = next(iter(parts.values()))
    notes = [*whole.notes, f"{len(parts)} waves stand beside each other in the file: {name_offenders(parts)}"]
    if left:
        notes.append(f"{count_of(left, 'administration')} without any answer left out")
    whole = dataclasses.replace(whole, is_reshaped=True)
    return dataclasses.replace(
        whole,
        columns=list(cells),
        cells=[pd.Series(column, dtype=object) for column in cells.values()],
        lines=np.concatenate(lines),
        notes=notes,
        left=whole.left_too(left, "without any answer"),
    )


def keys_of(mapping: Mapping) -> list[str]:
    """Columns of person and wave that a mapping names."""
    return [name for name in (mapping.participant, *mapping.wave_columns()) if name is not None]
