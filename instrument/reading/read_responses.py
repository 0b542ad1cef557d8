"""Read answers into the checked wide table: nothing is coerced silently, and no answer is printed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint, kind_of, name_offenders, warn_user
from instrument.reading.cells import FAULTS, KINDS, REASONS, JudgedColumn, code_books, judge_column
from instrument.reading.columns import Reading, check_columns, or_recognise, or_say, without_empty_rows
from instrument.reading.dates_given import COMPLETED_ON
from instrument.reading.files import read_raw
from instrument.reading.people import NUMBERED, covariate, is_rounded, participants, personal_ids, waves
from instrument.reading.raw import RawTable, ReasonTable, count_of, missing_reasons, reasons_of_table
from instrument.reading.suspicions import keying_suspicions
from instrument.reading.whole import (
    labels_beside_codes,
    nobodies,
    other_words,
    people_apart,
    refuse_other_labels,
    rows_asked,
)
from instrument.recognition.came_in import CAME_IN, arrived
from instrument.recognition.mapping import Mapping
from instrument.recognition.reading import mapped_table
from instrument.scoring.keying import AnswerTable, keyed_items, marked
from instrument.standing import STATUS, with_status

__all__ = ["check_responses", "missing_reasons", "read_responses"]


def read_responses(
    path: str | Path,
    scale: Instrument,
    covariates: Sequence[str] = (),
    sheet: str | None = None,
    *,
    labels: bool = False,
    participant: str = "participant",
    wave: str = "wave",
    na: Sequence[str] = ("NA",),
    encoding: str = "utf-8",
    delimiter: str | None = None,
    mapping: Mapping | None = None,
    caller: str = "read_responses",
) -> pd.DataFrame:
    """Read a file of answers and check it whole.

    Use it for any file that people exported: it either gives a table that every analysis can rely on,
    or one message that says what is wrong, how often and on which lines. For a frame already in
    memory use `check_responses`.

    Parameters
    ----------
    path
        A .csv, .tsv, .txt, .xlsx or .parquet file; one of SPSS, SAS (.xpt) or Stata (extra `spss`), or
        of R (extra `r`).
    scale
        Instrument whose items the file answers.
    covariates
        Names of further columns to keep; any other column is refused.
    sheet
        Sheet of a workbook; needed when several sheets hold something.
    labels
        Map the exact option labels of the instrument (any of its languages) to their codes.
    participant
        Name of the participant column. A file without it gets row numbers, and a note.
    wave
        Name of the wave column. A file without it gets wave 1, and a note.
    na
        Texts besides the empty cell that mean a missing answer without a reason.
    encoding
        Encoding of a text file; a byte-order mark is accepted.
    delimiter
        Character between the fields of a text file; else comma (.csv) or tab (.tsv).
    mapping
        How columns and answers are understood (`instrument.recognition`); sheet, labels, participant, wave,
        encoding and delimiter are then taken from it.
    caller
        Function or command that messages name.

    Returns
    -------
    pandas.DataFrame
        One row per administration, in the order of the file: `participant` (text), `wave` (integer, or
        text when one wave is no number), one Int64 column per item in the order of the instrument,
        then the covariates. `frame.attrs` holds `reasons` (long table `participant, wave, item,
        reason`), `notes` (list of str: what was assumed), `checksum` (SHA-256 of the file) and `came_in`
        (plain data: rows read and left out with the reason, days, the look of the first lines).

    Raises
    ------
    ResponseDataError
        The file breaks the contract; the message names counts, columns and line numbers, never an answer.

    Warns
    -----
    ToolkitWarning
        Answers look reversed already, or participant ids look personal.

    Notes
    -----
    The contract in full is described in docs/data_contract.md.

    Examples
    --------
    >>> import tempfile, pathlib, instrument
    >>> scale = instrument.Instrument.model_validate({
    ...     "schema": 1, "id": "mini", "version": "1", "title": "Mini",
    ...     "response_scales": {"agree": {"options": {1: "no", 2: "partly", 3: "yes"}}},
    ...     "missing_codes": {"not_applicable": 9},
    ...     "themes": [
    ...         {"id": "t", "title": "T", "items": [{"id": "a", "text": "A."}, {"id": "b", "text": "B."}]}
    ...     ],
    ... })
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "answers.csv"
    >>> _ = path.write_text("participant,a,b\\np1,3,9\\np2,,1\\n")
    >>> frame = read_responses(path, scale)
    >>> print(frame.to_string(index=False))
    participant  wave    a    b
             p1     1    3 <NA>
             p2     1 <NA>    1
    >>> print(frame.attrs["reasons"].to_string(index=False))
    participant  wave item         reason
             p1     1    b not_applicable
             p2     1    a       unstated
    >>> frame.attrs["notes"]
    ['no wave column: wave 1 assumed']
    >>> folder.cleanup()
    """
    reading = _reading(scale, covariates, participant, wave, na, labels)
    if mapping is None:
        raw = read_raw(Path(path), sheet, encoding, delimiter, caller)
        return _warned(_checked(raw, reading), caller)
    said = {"sheet": sheet is not None, "labels": labels, "encoding": encoding != "utf-8"}
    said |= {"participant": participant != "participant", "wave": wave != "wave"}
    if any(said.values()):
        fact = (
            f"{name_offenders([name for name, is_said in said.items() if is_said])} named beside a mapping."
        )
        raise ResponseDataError(fact_and_hint(caller, fact, "say it in the mapping alone."))
    kept = [
        name for name in (*mapping.covariates, *reading.covariates) if name not in ("participant", "wave")
    ]
    raw, has_status = mapped_table(Path(path), scale, mapping, tuple(dict.fromkeys(kept)), caller)
    named = (*dict.fromkeys(kept), *((STATUS,) if has_status else ()))
    found = _checked(raw, _reading(scale, named, "participant", "wave", na, False))
    return _warned(_stated(found) if has_status else found, caller)


def columns_of(
    path: str | Path,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    caller: str = "columns_of",
    sheet: str | None = None,
) -> list[str]:
    """Name the columns of a file of answers, without judging them.

    Parameters
    ----------
    path
        As for `read_responses`.
    encoding, delimiter
        Of a text file.
    caller
        Named in messages.
    sheet
        Of a workbook.

    Returns
    -------
    list of str
        In the order of the file.

    Raises
    ------
    ResponseDataError
        The file cannot be read.
    """
    return list(read_raw(Path(path), sheet, encoding, delimiter, caller).columns)


def check_responses(
    frame: pd.DataFrame,
    scale: Instrument,
    covariates: Sequence[str] = (),
    *,
    labels: bool = False,
    participant: str = "participant",
    wave: str = "wave",
    na: Sequence[str] = ("NA",),
) -> pd.DataFrame:
    """Check a frame in memory against the contract of `read_responses`.

    Parameters
    ----------
    frame
        One row per administration, of pandas or what narwhals knows (polars, pyarrow); an index is ignored. A
        frame that was checked before keeps the reasons of its missing answers, and one that `reverse_key`
        gave stays keyed and knows it.
    scale
        Instrument whose items the frame answers.
    covariates
        Names of further columns to keep; any other column is refused.
    labels
        Map the exact option labels of the instrument to their codes.
    participant
        Name of the participant column.
    wave
        Name of the wave column.
    na
        Texts besides the empty cell that mean a missing answer without a reason.

    Returns
    -------
    pandas.DataFrame
        As `read_responses`; `attrs["checksum"]` is the one the frame carried, or None.

    Raises
    ------
    ResponseDataError
        The frame breaks the contract. Rows are counted from 1.

    Warns
    -----
    ToolkitWarning
        Answers look reversed already, or participant ids look personal.

    Examples
    --------
    >>> import instrument
    >>> scale = instrument.Instrument.model_validate({
    ...     "schema": 1, "id": "mini", "version": "1", "title": "Mini",
    ...     "response_scales": {"agree": {"options": {1: "no", 2: "yes"}}},
    ...     "themes": [{"id": "t", "title": "T", "items": [{"id": "a", "text": "A."}]}],
    ... })
    >>> check_responses(pd.DataFrame({"a": [1, 2]}), scale).attrs["notes"][1]
    'no wave column: wave 1 assumed'
    """
    if not isinstance(frame, pd.DataFrame):
        known = nw.from_native(frame, pass_through=True)
        frame = known.to_pandas() if isinstance(known, nw.DataFrame) else frame
    if not isinstance(frame, pd.DataFrame):
        fact = f"a table is needed, got {kind_of(frame)}."
        hint = "pass a pandas frame; files are read by read_responses."
        raise ResponseDataError(fact_and_hint("check_responses", fact, hint))
    reading = _reading(scale, covariates, participant, wave, na, labels)
    named = [name for name in frame.index.names if name in {participant, wave}]
    if isinstance(frame.columns, pd.MultiIndex) or named:
        fact = f"{name_offenders(named) if named else 'the header'} stands in the index or on two levels."
        raise ResponseDataError(
            fact_and_hint("check_responses", fact, "make plain columns of it: frame.reset_index().")
        )
    raw = RawTable(
        caller="check_responses",
        source="the table",
        columns=["" if name is None else str(name) for name in frame.columns],
        cells=[frame.iloc[:, i] for i in range(frame.shape[1])],
        lines=np.arange(1, len(frame) + 1),
        checksum=frame.attrs.get("checksum"),
        reasons=reasons_of_table(frame),
        keyed=keyed_items(frame),
        came_in=frame.attrs.get(CAME_IN),
    )
    checked = _checked(raw, reading)
    if frame.attrs.get(NUMBERED):
        checked.attrs[NUMBERED] = True
    return _warned(checked, "check_responses")


def _reading(
    scale: Instrument,
    covariates: Sequence[str],
    participant: str,
    wave: str,
    na: Sequence[str],
    labels: bool,
) -> Reading:
    names = (covariates,) if isinstance(covariates, str) else tuple(covariates)
    return Reading(
        scale=scale,
        covariates=names,
        participant=participant,
        wave=wave,
        na=(na,) if isinstance(na, str) else tuple(na),
        labels=labels,
    )


def _warned(frame: pd.DataFrame, caller: str) -> pd.DataFrame:
    for suspicion in frame.attrs["suspicions"]:
        hint = "check how the file was made; nothing was changed."
        warn_user(fact_and_hint(caller, f"suspicion: {suspicion}.", hint))
    return frame


def _stated(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the column of states only where one is open."""
    states = [str(state) for state in frame[STATUS]]
    bare = frame.drop(columns=[STATUS])
    bare.attrs = frame.attrs
    return with_status(bare, states)


def _checked(raw: RawTable, reading: Reading) -> AnswerTable:
    rows = len(raw.lines)
    raw = without_empty_rows(check_columns(raw, reading), reading)
    raw.refuse_hollow(raw.columns, (reading.participant, reading.wave))
    scale, notes = reading.scale, list(raw.notes)
    dated = COMPLETED_ON if COMPLETED_ON in raw.columns else None
    picture = raw.came_in or arrived(raw, raw.columns, dated) | {"rows": rows}
    keys = {
        "participant": participants(raw, reading.participant, notes),
        "wave": waves(raw, reading.wave, notes),
    }
    judged = _judge_items(raw, reading)
    suspected_ids = nobodies(raw, reading, keys["participant"])
    _refuse_duplicates(raw, reading, keys)
    asked = rows_asked(raw, keys["wave"], judged, notes)
    if not asked.all():
        left = raw.left_too(int((~asked).sum()), "of waves at which nobody answered")
        cells = [_taken(column, asked) for column in raw.cells]
        raw = dataclasses.replace(raw, lines=raw.lines[asked], cells=cells, left=left)
        keys = {name: column[asked].reset_index(drop=True) for name, column in keys.items()}
        judged = {
            item: dataclasses.replace(column, codes=column.codes[asked], states=column.states[asked])
            for item, column in judged.items()
        }
    suspected_ids += people_apart(raw, reading, keys)
    columns: dict[str, object] = dict(keys)
    for item, column in judged.items():
        columns[item] = pd.arrays.IntegerArray(column.codes, column.states != 0)
    for name in reading.covariates:
        columns[name] = covariate(raw, name, reading.na, notes)
    frame = marked(pd.DataFrame(columns), raw.keyed)
    states = np.column_stack([column.states for column in judged.values()])
    notes += _counts(raw, states)
    suspicions = keying_suspicions(frame, scale) + suspected_ids + other_words(raw, scale)
    suspicions += labels_beside_codes(raw, reading)
    if reading.participant in raw.columns:
        suspicions += personal_ids(frame["participant"])
    reasons = _reasons(frame, list(judged), states, raw.reasons)
    frame.attrs |= {
        "reasons": ReasonTable(reasons),
        "notes": notes + [f"suspicion: {suspicion}" for suspicion in suspicions],
        "suspicions": suspicions,
        "checksum": raw.checksum,
        CAME_IN: {"left": [list(left) for left in raw.left], "administrations": len(frame), **picture},
    }
    if reading.participant not in raw.columns:
        frame.attrs[NUMBERED] = True
    return frame


def _taken(cells: object, chosen: np.ndarray) -> pd.Series:
    return pd.Series(cells, dtype=object if isinstance(cells, tuple) else None)[chosen]


def _judge_items(raw: RawTable, reading: Reading) -> dict[str, JudgedColumn]:
    books = code_books(reading.scale, reading.na, reading.labels)
    refuse_other_labels(raw, reading.scale)
    judged = {}
    for item in reading.scale.items:
        book = books[item.scale or reading.scale.scale_by_default]
        book = dataclasses.replace(book, named=item.labels) if item.labels else book
        judged[item.id] = judge_column(
            raw.column(item.id), book, raw.user_missing.get(item.id, ()), raw.is_text
        )
    _refuse_faults(raw, judged)
    return judged


def _refuse_faults(raw: RawTable, judged: dict[str, JudgedColumn]) -> None:
    if all((column.states >= 0).all() for column in judged.values()):
        return
    facts, hints, seen = [], [], set()
    for k, kind in enumerate(KINDS, start=1):
        cells = {item: column.states == -k for item, column in judged.items()}
        offenders = [item for item, chosen in cells.items() if chosen.any()]
        if not offenders:
            continue
        n = sum(int(chosen.sum()) for chosen in cells.values())
        rows = np.logical_or.reduce(list(cells.values()))
        what = FAULTS[kind].singular if n == 1 else FAULTS[kind].plural
        columns = f"column{'s' if len(offenders) > 1 else ''} {name_offenders(offenders)}"
        facts.append(f"{n} {what} ({columns}; {raw.where(rows)})")
        hints.append(FAULTS[kind].hint)
        seen.add(kind)
    hint = hints[0]
    if raw.caller.startswith("dta"):
        hint = hint.replace("pass labels=True", "add --labels").replace("na=(…)", "--na")
    elif raw.caller == "upload":
        hint = hint.replace("pass labels=True", "tick that cells hold labels")
        hint = hint.replace(", or name the marks with na=(…)", "")
    if seen & {"label", "near_label", "marker", "text", "comma", "out_of_range"}:
        hint = f"{hint.removesuffix('.')}{or_recognise(raw)}."
    raise raw.fault("; ".join(facts) + ".", hint)


def _refuse_duplicates(raw: RawTable, reading: Reading, keys: dict[str, pd.Series]) -> None:
    doubled = pd.DataFrame(keys).duplicated(keep=False).to_numpy()
    if not doubled.any():
        return
    what = "participant × wave" if reading.wave in raw.columns else "participant, without a wave column,"
    hint = "keep one administration of each, or give repeated ones a wave of their own"
    if rounded := sum(is_rounded(name) for name in keys["participant"][doubled].unique()):
        fact = f"{count_of(rounded, 'id')} rounded by a spreadsheet stand for several people"
        raise raw.fault(f"{fact} ({raw.where(doubled)}).", "export the ids again, as text.")
    raise raw.fault(
        f"{what} is not unique: {int(doubled.sum())} rows share one ({raw.where(doubled)}).",
        f"{hint}{or_say(raw, 'doubles: last')}.",
    )


def _counts(raw: RawTable, states: np.ndarray) -> list[str]:
    blank = (states != 0).all(axis=1)
    if not blank.any():
        return []
    return [f"{int(blank.sum())} of {len(blank)} rows hold no answer: kept ({raw.where(blank)})"]


def _reasons(
    frame: pd.DataFrame, items: list[str], states: np.ndarray, earlier: pd.DataFrame | None
) -> pd.DataFrame:
    rows, columns = np.nonzero(states)
    table = frame.loc[:, ["participant", "wave"]].iloc[rows].reset_index(drop=True)
    table["item"] = np.asarray(items, dtype=object)[columns].astype(str)
    table["reason"] = np.asarray(REASONS, dtype=object)[states[rows, columns] - 1].astype(str)
    if earlier is None or earlier.empty:
        return table
    known = pd.DataFrame(earlier).rename(columns={"reason": "_reason"})
    if known["wave"].dtype != table["wave"].dtype:
        return table
    merged = table.merge(known, on=["participant", "wave", "item"], how="left", validate="one_to_one")
    unstated = (merged["reason"] == "unstated") & merged["_reason"].notna()
    table.loc[unstated, "reason"] = merged.loc[unstated, "_reason"]
    return table
