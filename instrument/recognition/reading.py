"""Read a file by its mapping: columns by what they hold, texts by the codes they mean."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import DefinitionError, fact_and_hint, name_offenders
from instrument.reading.ids import ids_alike
from instrument.reading.raw import RawTable, count_of
from instrument.recognition.answers import cell_text
from instrument.recognition.beside_items import filled, holds_one_of
from instrument.recognition.came_in import arrived
from instrument.recognition.mapping import Mapping
from instrument.recognition.opening import read_headed
from instrument.recognition.shapes import keys_of, lengthen, widen
from instrument.recognition.tools import REST, STATUS_OF, plain_name, wave_of_event
from instrument.recognition.wave_writings import renamed_waves
from instrument.standing import OPEN, STATUS

EVENTS = frozenset({"redcap_event_name", "event name"})


def mapped_table(
    path: Path, scale: Instrument, mapping: Mapping, covariates: Sequence[str], caller: str
) -> tuple[RawTable, bool]:
    """Read a file as its mapping says, into columns of the data contract.

    Parameters
    ----------
    path
        The file.
    scale
        Instrument that it answers.
    mapping
        How it is understood; nothing of it may be unsure.
    covariates
        Labels of further columns to keep.
    caller
        Named in messages.

    Returns
    -------
    RawTable
        `participant`, `wave` and `status` where they are mapped, the items by id, the covariates; cells that
        the mapping does not know stand as they came, for the reader to judge with their lines.
    bool
        Whether there is a column `status`.

    Raises
    ------
    DefinitionError
        The mapping is of another instrument, or something in it is unsure.
    ResponseDataError
        The file lacks a column of the mapping.
    """
    _refuse_unfit(mapping, scale, covariates, caller)
    raw = read_headed(path, mapping, caller).raw
    if absent := [
        name for name in dict.fromkeys([*mapping.columns(), *covariates]) if name not in raw.columns
    ]:
        fact = f"{count_of(len(absent), 'column')} of the mapping not in the file: {name_offenders(absent)}."
        raise raw.fault(fact, "correct the mapping, or have it written anew by dta import.")
    rows = len(raw.lines)
    raw = _without_rows(raw, mapping)
    seen = [*mapping.columns(), *([mapping.completed_on] if mapping.completed_on in raw.columns else [])]
    dated = mapping.completed_on if mapping.completed_on in raw.columns else None
    raw = dataclasses.replace(raw, came_in=arrived(raw, seen, dated) | {"rows": rows})
    # what is empty in keys is refused, and elsewhere filled where the mapping says so
    raw.refuse_hollow([*mapping.columns(), *covariates], [*keys_of(mapping), *mapping.fill_down])
    raw = dataclasses.replace(_filled_down(raw, mapping), hollow=())
    if mapping.long is not None:
        texts = [text for item in mapping.items for text in mapping.columns_of(item)]
        raw = widen(raw, mapping.long, keys_of(mapping), texts)
        named = (mapping.status, *covariates)
        if differ := [name for name in named if name is not None and name not in raw.columns]:
            fact = f"{name_offenders(differ)} differ between the answers of one administration."
            raise raw.fault(fact, "leave them out of the mapping, or name the column of the wave.")
    if mapping.waves:
        items = [item for item in scale.item_ids if any(item in named for named in mapping.waves.values())]
        parts = {wave: _of_wave(raw, scale, mapping, wave, items, covariates) for wave in mapping.waves}
        table = lengthen(parts, items)
    else:
        table = _renamed(raw, scale, mapping, covariates)
    table = _one_each(_alike(_without_untouched(table, mapping), mapping), mapping)
    table = dataclasses.replace(table, is_mapped=True)
    return _not_asked(table, mapping), mapping.status is not None


def _filled_down(raw: RawTable, mapping: Mapping) -> RawTable:
    """Columns of merged cells, with what stands above in place of nothing."""
    for label in mapping.fill_down:
        given = pd.Series(raw.column(label), dtype=object).reset_index(drop=True)
        blank = np.array([not cell_text(cell) for cell in given], dtype=bool)
        cells = list(raw.cells)
        cells[raw.columns.index(label)] = given.mask(blank).ffill()
        note = f"column {label!r}: {count_of(int(blank.sum()), 'empty cell')} filled with what stands above"
        raw = dataclasses.replace(raw, cells=cells, notes=[*raw.notes, note])
    return raw


def _alike(table: RawTable, mapping: Mapping) -> RawTable:
    """Ids of people in one way, where the mapping says what they may differ in."""
    if not mapping.ids_alike or "participant" not in table.columns:
        return table
    given = [cell_text(cell) for cell in table.column("participant")]
    made = [ids_alike(text, mapping.ids_alike) for text in given]
    n = sum(a != b for a, b in zip(given, made, strict=True))
    cells = list(table.cells)
    cells[table.columns.index("participant")] = pd.Series(made, dtype=object)
    note = f"{count_of(n, 'id')} written alike ({', '.join(mapping.ids_alike)}), as the mapping says"
    return dataclasses.replace(table, cells=cells, notes=[*table.notes, note])


def _one_each(table: RawTable, mapping: Mapping) -> RawTable:
    """One row of each person at each wave, where the mapping says which counts."""
    keys = [name for name in ("participant", "wave") if name in table.columns]
    if mapping.doubles is None or "participant" not in keys:
        return table
    texts = pd.DataFrame({name: [cell_text(cell) for cell in table.column(name)] for name in keys})
    further = texts.duplicated(keep=mapping.doubles).to_numpy()
    if not further.any():
        return table
    fact = f"{count_of(int(further.sum()), 'row')} of people who answered twice left out"
    note = f"{fact} ({table.where(further)}): the {mapping.doubles} counts, as the mapping says"
    left = table.left_too(int(further.sum()), f"answered twice: the {mapping.doubles} counts")
    return dataclasses.replace(_taken(table, ~further), notes=[*table.notes, note], left=left)


def _not_asked(table: RawTable, mapping: Mapping) -> RawTable:
    """Empty columns of the items that the mapping says nobody was asked."""
    if not mapping.not_asked:
        return table
    blank = pd.Series([None] * len(table.lines), dtype=object)
    return dataclasses.replace(
        table,
        columns=[*table.columns, *mapping.not_asked],
        cells=[*table.cells, *(blank for _ in mapping.not_asked)],
        notes=[*table.notes, f"nobody was asked {name_offenders(mapping.not_asked)}, as the mapping says"],
    )


def _of_wave(
    raw: RawTable, scale: Instrument, mapping: Mapping, wave: str, items: list[str], covariates: Sequence[str]
) -> RawTable:
    """One wave of a table that holds several beside each other; items not asked then are empty."""
    named = mapping.waves[wave]
    one = mapping.model_copy(update={"items": named, "waves": {}})
    part = _renamed(raw, scale, one, covariates)
    blank = pd.Series([None] * len(raw.lines), dtype=object)
    cells = dict(zip(part.columns, part.cells, strict=True))
    first = [name for name in ("participant",) if name in cells]
    order = [*first, *items, *(name for name in cells if name not in (*first, *items))]
    return dataclasses.replace(part, columns=order, cells=[cells.get(name, blank) for name in order])


def _renamed(raw: RawTable, scale: Instrument, mapping: Mapping, covariates: Sequence[str]) -> RawTable:
    """Columns of the data contract in place of the file's."""
    columns: dict[str, Any] = {}
    if mapping.participant is not None:
        columns["participant"] = raw.column(mapping.participant)
    if mapping.wave is not None:
        columns["wave"] = waves_as_written(raw, mapping.tool, mapping.wave_columns())
        if mapping.wave_names:
            texts = [cell_text(cell) for cell in columns["wave"]]
            columns["wave"], note = renamed_waves(texts, mapping.wave_names)
            raw = dataclasses.replace(raw, notes=[*raw.notes, *([note] if note else [])])
    for item in mapping.items:
        columns[item] = _codes(_cells(raw, mapping, item), mapping.answers.get(scale.scale_name(item), {}))
    for name in covariates:
        columns[name] = raw.column(name)
    if mapping.status is not None:
        columns[STATUS] = _states(raw, mapping.status, mapping.states or STATUS_OF)
    first = {item: mapping.columns_of(item)[0] for item in mapping.items}
    labels = {item: raw.value_labels[c] for item, c in first.items() if c in raw.value_labels}
    labels |= {name: raw.value_labels[name] for name in covariates if name in raw.value_labels}
    missing = {item: raw.user_missing[c] for item, c in first.items() if c in raw.user_missing}
    moved = {item for item in mapping.items if mapping.answers.get(scale.scale_name(item))}
    return dataclasses.replace(
        raw,
        columns=list(columns),
        cells=list(columns.values()),
        value_labels={name: texts for name, texts in labels.items() if name not in moved},
        user_missing={name: spans for name, spans in missing.items() if name not in moved},
    )


def _refuse_unfit(mapping: Mapping, scale: Instrument, covariates: Sequence[str], caller: str) -> None:
    fact, hint = "", "have the mapping written anew by dta import."
    columns = Counter([*(c for item in mapping.items for c in mapping.columns_of(item)), *covariates])
    columns.update(column for items in mapping.waves.values() for column in items.values())
    named = [*mapping.items, *(item for items in mapping.waves.values() for item in items)]
    both = [item for item in mapping.not_asked if item in named]
    named += mapping.not_asked
    doubled = [name for name, n in columns.items() if n > 1]
    if mapping.instrument != scale.id:
        fact = f"the mapping is about instrument {mapping.instrument!r}, not {scale.id!r}."
    elif strange := [item for item in dict.fromkeys(named) if item not in set(scale.item_ids)]:
        fact = f"the mapping names {name_offenders(strange)}, no items of instrument {scale.id!r}."
        hint = f"the items are {name_offenders(scale.item_ids)}."
    elif both:
        fact = f"the mapping names {name_offenders(both)} both with a column and as not asked."
        hint = "leave them at one place."
    elif doubled:
        fact = f"the mapping takes {name_offenders(doubled)} for several things."
        hint = "give every item a column of its own."
    elif mapping.unsure:
        n = len(mapping.unsure)
        entries = f"{n} {'entry' if n == 1 else 'entries'}"
        fact = (
            f"{entries} of the mapping {'is' if n == 1 else 'are'} unsure: {'; '.join(mapping.unsure[:5])}."
        )
        hint = "correct the mapping and delete these lines under `unsure`"
        if caller == "upload":
            hint = "see that they are right and tick “Take what is recognised but unsure”"
        elif caller.startswith("dta"):
            hint += ", or have all of it taken with `dta import FILE --yes`"
        hint += "."
    if fact:
        raise DefinitionError(fact_and_hint(caller, fact, hint))


def _without_rows(raw: RawTable, mapping: Mapping) -> RawTable:
    """Leave out rows that are no answers of people, and say how many."""
    kept = np.ones(len(raw.lines), dtype=bool)
    left = raw.left
    for label, texts in mapping.without_rows.items():
        here = kept & holds_one_of(raw.column(label), texts)
        kept &= ~here
        left = (*left, *([(f"by {label!r}", int(here.sum()), "rows")] if here.any() else []))
    if kept.all():
        return raw
    names = name_offenders(mapping.without_rows)
    note = f"{count_of(int((~kept).sum()), 'row')} left out by {names} ({raw.where(~kept)})"
    return dataclasses.replace(_taken(raw, kept), notes=[*raw.notes, note], left=left)


def _taken(raw: RawTable, kept: np.ndarray) -> RawTable:
    cells = [
        pd.Series(column, dtype=object if raw.is_text else None)[kept].reset_index(drop=True)
        for column in _series(raw)
    ]
    return dataclasses.replace(raw, cells=cells, lines=np.asarray(raw.lines)[kept])


def _series(raw: RawTable) -> list[Any]:
    return [
        column.reset_index(drop=True) if isinstance(column, pd.Series) else list(column)
        for column in raw.cells
    ]


def waves_as_written(raw: RawTable, tool: str, labels: Sequence[str]) -> Any:
    """Waves as they stand, those of several columns joined; REDCap's names of events without what it adds."""
    named = {label: raw.column(label) for label in labels}
    for label, cells in named.items():
        if tool == "redcap" and plain_name(label) in EVENTS:
            named[label] = [wave_of_event(cell_text(cell)) if cell_text(cell) else "" for cell in cells]
    if len(named) == 1:
        return next(iter(named.values()))
    texts = zip(*([cell_text(cell) for cell in cells] for cells in named.values()), strict=True)
    return [".".join(part for part in parts if part) for parts in texts]


def _cells(raw: RawTable, mapping: Mapping, item: str) -> Any:
    """Cells of an item; of several columns, the one that holds something."""
    labels = mapping.columns_of(item)
    if len(labels) == 1:
        return raw.column(labels[0])
    texts = np.array([[cell_text(cell) for cell in raw.column(label)] for label in labels], dtype=object)
    several = np.array([len({text for text in row if text}) > 1 for row in texts.T], dtype=bool)
    if several.any():
        fact = f"several answers to item {item!r} stand in {count_of(int(several.sum()), 'row')}"
        hint = f"leave one of {name_offenders(labels)} to the item in the mapping: the one that counts."
        raise raw.fault(f"{fact} ({raw.where(several)}).", hint)
    return [next((text for text in row if text), "") for row in texts.T]


def _codes(cells: Any, meanings: dict[str, int | None]) -> Any:
    """Cells with the code in place of each text that the mapping knows."""
    if not meanings:
        return cells
    column = pd.Series(cells, dtype=object) if isinstance(cells, (tuple, list)) else pd.Series(cells)
    positions, distinct = pd.factorize(column.reset_index(drop=True))
    known = {text: None if code is None else str(code) for text, code in meanings.items()}
    values = np.empty(len(distinct) + 1, dtype=object)
    for k, value in enumerate(distinct):
        text = cell_text(value)
        values[k] = known.get(text, value)
    values[-1] = None
    return pd.Series(values[positions], dtype=object)


def _states(raw: RawTable, label: str, states: dict[str, Any]) -> list[str]:
    """State of the form in each row: completed or open."""
    known = {text.casefold(): state for text, state in states.items()}
    given = [known.get(cell_text(cell).casefold(), known.get(REST)) for cell in raw.column(label)]
    strange = np.array([state is None for state in given], dtype=bool)
    if strange.any():
        fact = f"column {label!r} holds no state of a form in {count_of(int(strange.sum()), 'row')}"
        hint = "name their texts under `states` of the mapping, or take `status` out of it."
        raise raw.fault(f"{fact} ({raw.where(strange)}).", hint)
    return [str(state) for state in given]


def _items_of_waves(mapping: Mapping) -> set[str]:
    return {item for items in mapping.waves.values() for item in items}


def _without_untouched(raw: RawTable, mapping: Mapping) -> RawTable:
    """Leave out rows of events without the form: no answer, and not complete."""
    if mapping.status is None:
        return raw
    blank = np.array([state == OPEN for state in raw.column(STATUS)], dtype=bool)
    for item in [name for name in raw.columns if name in (mapping.items or _items_of_waves(mapping))]:
        if not blank.any():
            return raw
        blank &= ~filled(raw.column(item))
    if blank.all() and len(blank):
        hint = "export the event in which the form is filled in."
        raise raw.fault(f"none of {len(blank)} rows holds an answer.", hint)
    if not blank.any():
        return raw
    note = f"{int(blank.sum())} of {len(blank)} rows without the form left out"
    left = raw.left_too(int(blank.sum()), "without the form")
    return dataclasses.replace(_taken(raw, ~blank), notes=[*raw.notes, note], left=left)
