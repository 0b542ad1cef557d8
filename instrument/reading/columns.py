"""Columns of a raw table against the instrument: which are there, lacking, unknown or empty."""

from __future__ import annotations

import dataclasses
import difflib
from collections import Counter

import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import name_offenders
from instrument.reading.raw import RawTable, count_of


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a raw table is to be understood."""

    scale: Instrument
    covariates: tuple[str, ...]
    participant: str
    wave: str
    na: tuple[str, ...]
    labels: bool


def check_columns(raw: RawTable, reading: Reading) -> RawTable:
    """Strip names; refuse a header that is none, is doubled, lacks items or says too much.

    Parameters
    ----------
    raw
        The table.
    reading
        How it is to be understood.

    Returns
    -------
    RawTable
        The same with blanks around its names taken off.

    Raises
    ------
    ResponseDataError
        The header does not fit the instrument, or no row follows it.
    """
    scale = reading.scale
    names = [name.strip() for name in raw.columns]
    given = raw.columns
    raw = _by_id(dataclasses.replace(raw, columns=names), scale)
    names = raw.columns
    if raw.hollow:
        now = dict(zip(given, names, strict=True))
        hollow = tuple(dataclasses.replace(cells, column=now[cells.column]) for cells in raw.hollow)
        raw = dataclasses.replace(raw, hollow=hollow)
    items = scale.item_ids
    found = [item for item in items if item in names]
    if not found:
        nearest = " (names that differ only in case do not count)" if _case_twins(names, items) else ""
        fact = f"none of the {len(items)} item columns of instrument {scale.id!r} is there{nearest}."
        hint = f"the first row must hold names such as {name_offenders(items[:3])}; check the instrument"
        raise raw.fault(fact, f"{hint}{or_recognise(raw)}.")
    if n_empty := sum(name == "" for name in names):
        positions = [i + 1 for i, name in enumerate(names) if name == ""]
        fact = f"{count_of(n_empty, 'column')} without a name, at position {name_offenders(positions)}."
        raise raw.fault(fact, "name it or delete it; write files without the row index.")
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        fact = f"{count_of(len(doubled), 'column name')} used more than once: {name_offenders(doubled)}."
        raise raw.fault(fact, "keep one column of each name.")
    _check_covariates(raw, reading)
    if absent := [item for item in items if item not in names]:
        of_all = f"{len(absent)} of {len(items)} item columns of instrument {scale.id!r} {scale.version}"
        fact = f"{of_all} are absent: {name_offenders(absent)}.{_did_you_mean(names, absent)}"
        hint = "load the version these data were collected with; an item not shown is empty"
        if raw.is_mapped:
            hint = "name their columns in the mapping, or name under `not_asked` there what nobody was asked"
        raise raw.fault(fact, f"{hint}{'' if raw.is_mapped else or_recognise(raw)}.")
    known = {reading.participant, reading.wave, *items, *reading.covariates}
    if unknown := [name for name in names if name not in known]:
        fact = f"{count_of(len(unknown), 'unknown column')}: {name_offenders(unknown)}."
        kept = {"upload": "“Further columns to keep”"}.get(raw.caller, "covariates (--covariates)")
        hint = f"name the ones to keep in {kept}, and delete the others{or_recognise(raw)}."
        raise raw.fault(fact + _did_you_mean(unknown, [reading.participant, reading.wave]), hint)
    if len(raw.lines) == 0:
        raise raw.fault("there is a header but no row of answers.", "check the export.")
    return raw


def _by_id(raw: RawTable, scale: Instrument) -> RawTable:
    """Give columns that the instrument names for an item the id of that item."""
    ids = {name: item.id for item in scale.items for name in item.column}
    if not ids.keys() & set(raw.columns):
        return raw
    named = {name: ids.get(name, name) for name in raw.columns}
    counts = Counter(named[name] for name in dict.fromkeys(raw.columns))
    if several := [item for item in scale.item_ids if counts[item] > 1]:
        columns = [name for name in named if named[name] in several]
        fact = f"{name_offenders(columns)} are columns of one item each, by its id or `column`."
        raise raw.fault(fact, "keep one of them.")
    return dataclasses.replace(
        raw,
        columns=[named[name] for name in raw.columns],
        value_labels={named.get(name, name): labels for name, labels in raw.value_labels.items()},
        user_missing={named.get(name, name): spans for name, spans in raw.user_missing.items()},
    )


def or_say(raw: RawTable, entry: str) -> str:
    """Say which entry of a mapping mends something, for the end of a hint.

    Parameters
    ----------
    raw
        The table, and who reads it.
    entry
        Name and value, such as `doubles: last`.

    Returns
    -------
    str
        Empty where the caller takes no mapping.

    Examples
    --------
    >>> or_say(RawTable(caller="dta", source="a", columns=[], cells=[], lines=np.array([])), "doubles: last")
    '; or write `doubles: last` into the mapping that `dta import FILE` makes'
    """
    if raw.is_mapped and raw.caller != "upload":
        return f"; or write `{entry}` into the mapping"
    return (
        f"; or write `{entry}` into the mapping that `dta import FILE` makes"
        if raw.caller.startswith("dta")
        else ""
    )


def or_recognise(raw: RawTable) -> str:
    """Say where columns and answers of a survey tool's file are recognised, for the end of a hint.

    Parameters
    ----------
    raw
        The table, and who reads it.

    Returns
    -------
    str
        Where a mapping is at work already, where in it a text gets its code; empty where the caller has no
        such thing at hand.

    Examples
    --------
    >>> bare = RawTable(caller="dta score", source="a.csv", columns=[], cells=[], lines=np.array([]))
    >>> or_recognise(bare)
    '; or see what is recognised with `dta import FILE`, and give its mapping'
    """
    if raw.caller == "upload":
        return "" if raw.is_mapped else "; or tick “Recognise columns and answers”"
    if raw.is_mapped:
        return "; or write under `answers` of the mapping which code each text or number means, null for none"
    if raw.caller.startswith("dta"):
        return "; or see what is recognised with `dta import FILE`, and give its mapping"
    return ""


def _case_twins(names: list[str], items: list[str]) -> bool:
    return bool({name.lower() for name in names} & {item.lower() for item in items})


def _did_you_mean(names: list[str], absent: list[str]) -> str:
    by_lower = {name.lower(): name for name in names}
    for wanted in absent:
        near = difflib.get_close_matches(wanted.lower(), by_lower, n=1, cutoff=0.8)
        if near and by_lower[near[0]] != wanted:
            return f" Is {by_lower[near[0]]!r} meant as {wanted!r}?"
    return ""


def _check_covariates(raw: RawTable, reading: Reading) -> None:
    taken = {reading.participant, reading.wave, "participant", "wave", *reading.scale.item_ids}
    if clash := [name for name in reading.covariates if name in taken]:
        fact = f"{name_offenders(clash)} cannot be a covariate: it is an item, the participant or the wave."
        raise raw.fault(fact, "leave it out of covariates.")
    if doubled := [name for name, count in Counter(reading.covariates).items() if count > 1]:
        raise raw.fault(f"covariates name {name_offenders(doubled)} twice.", "name each once.")
    if absent := [name for name in reading.covariates if name not in raw.columns]:
        fact = f"{count_of(len(absent), 'covariate')} not among the columns: {name_offenders(absent)}."
        raise raw.fault(fact + _did_you_mean(raw.columns, absent), "check the spelling of the covariates.")


def without_empty_rows(raw: RawTable, reading: Reading) -> RawTable:
    """Leave out rows without any content where there is a participant column, and note it.

    Parameters
    ----------
    raw
        The table.
    reading
        How it is to be understood.

    Returns
    -------
    RawTable
        The rows that hold something.

    Raises
    ------
    ResponseDataError
        No row holds anything.
    """
    if reading.participant not in raw.columns:
        return raw
    first = pd.Series(raw.column(reading.participant), dtype=object)
    empty = np.array([_is_empty(value) for value in first], dtype=bool)
    if not empty.any():
        return raw
    for cells in raw.cells:
        chosen = np.flatnonzero(empty)
        column = pd.Series(cells, dtype=object)
        empty[chosen] = [_is_empty(value) for value in column.iloc[chosen]]
    if not empty.any():
        return raw
    kept = np.flatnonzero(~empty)
    note = f"{count_of(int(empty.sum()), 'row')} without any content left out ({raw.where(empty)})"
    if kept.size == 0:
        raise raw.fault("there is a header but no row of answers.", "check the export.")
    cells = [pd.Series(cells, dtype=object if raw.is_text else None).iloc[kept] for cells in raw.cells]
    left = raw.left_too(int(empty.sum()), "without any content")
    return dataclasses.replace(raw, cells=cells, lines=raw.lines[kept], notes=[*raw.notes, note], left=left)


def _is_empty(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)
