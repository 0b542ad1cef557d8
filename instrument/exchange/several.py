"""Several files of answers put below each other: waves in files of their own, batches, sites."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.reading.ids import MOST_LOST, split_people
from instrument.reading.people import NUMBERED
from instrument.reading.raw import ReasonTable, count_of, reasons_of_table
from instrument.standing import COMPLETED, STATUS

ASSUMED = "no wave column: wave 1 assumed"


def put_together(
    frames: Sequence[pd.DataFrame], sources: Sequence[str], waves: Sequence[str], caller: str
) -> pd.DataFrame:
    """Put checked tables of answers below each other.

    Parameters
    ----------
    frames
        As `read_responses` gives them.
    sources
        Name of each file.
    waves
        Wave of each file; empty where the files name their waves themselves.
    caller
        Named in messages.

    Returns
    -------
    pandas.DataFrame
        All rows in the order of the files, with reasons and notes.

    Raises
    ------
    ResponseDataError
        People cannot be told apart, stand twice at a wave, or are written otherwise in another file; waves
        are named both by the files and beside them.
    """
    if waves and len(waves) != len(frames):
        fact = f"{count_of(len(waves), 'wave')} named for {count_of(len(frames), 'file')}."
        raise _fault(caller, fact, "name one for each file, in their order: --file-waves pre,post.")
    if len(frames) > 1 and any(frame.attrs.get(NUMBERED) for frame in frames):
        fact = (
            "a file names no participants, and rows of several files cannot be told apart by their numbers."
        )
        raise _fault(caller, fact, "say which column holds the person, with --participant or a mapping.")
    tables, reasons, notes = [], [], []
    for k, (frame, source) in enumerate(zip(frames, sources, strict=True)):
        table, told = pd.DataFrame(frame).copy(), reasons_of_table(frame)
        own = list(frame.attrs.get("notes", ()))
        if waves:
            if ASSUMED not in own:
                raise _fault(caller, f"{source} names its waves itself.", "leave --file-waves out.")
            own.remove(ASSUMED)
            table["wave"] = waves[k]
            told = None if told is None else told.assign(wave=waves[k])
        tables.append(table)
        reasons.append(told)
        notes += [f"{source}: {note}" for note in own]
    if any(not pd.api.types.is_integer_dtype(table["wave"].dtype) for table in tables):
        tables = [table.assign(wave=table["wave"].astype(str)) for table in tables]
        reasons = [told if told is None else told.assign(wave=told["wave"].astype(str)) for told in reasons]
    made = pd.concat(tables, ignore_index=True)
    made.attrs = {}
    if STATUS in made.columns:
        made[STATUS] = made[STATUS].fillna(COMPLETED)
    _refuse_doubled(tables, sources, bool(waves), caller)
    _refuse_split(made, caller)
    known = [told for told in reasons if told is not None and len(told)]
    if known:
        made.attrs["reasons"] = ReasonTable(pd.concat(known, ignore_index=True))
    counts = ", ".join(f"{len(table)} of {source}" for table, source in zip(tables, sources, strict=True))
    made.attrs |= {"notes": [*notes, f"rows: {counts}"], "suspicions": [], "checksum": None}
    return made


def _refuse_doubled(
    tables: Sequence[pd.DataFrame], sources: Sequence[str], are_named: bool, caller: str
) -> None:
    """Refuse people who stand at one wave in two files."""
    keys = [set(zip(table["participant"], table["wave"], strict=True)) for table in tables]
    for k, (mine, source) in enumerate(zip(keys, sources, strict=True)):
        for other, earlier in zip(keys[:k], sources[:k], strict=True):
            if both := mine & other:
                fact = f"{count_of(len(both), 'administration')} stand both in {earlier} and in {source}."
                hint = "give each once" if are_named else "name the wave of each file with --file-waves a,b"
                raise _fault(caller, fact, f"{hint}, or leave out the file that was sent again.")


def _refuse_split(made: pd.DataFrame, caller: str) -> None:
    """Refuse people who are written otherwise in another file."""
    split = split_people(made["participant"], made["wave"])
    if split.pairs and 2 * split.pairs > MOST_LOST * split.people:
        fact = f"{count_of(split.pairs, 'pair')} of ids differ in {name_offenders([split.cause])} alone."
        raise _fault(caller, fact, "write each person's id in one way in all files.")


def _fault(caller: str, fact: str, hint: str) -> ResponseDataError:
    return ResponseDataError(fact_and_hint(caller, fact, hint))
