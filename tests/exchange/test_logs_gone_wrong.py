"""Logs as they go wrong on the way: each gives the use of the plain one, a note, or one message with a cure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.commands.reading import read_side_table
from analysis.usage.mapping import LogMapping
from analysis.usage.reading import LogReading
from analysis.usage.summarise_usage import UsageSummary, summarise_usage
from instrument.errors import ResponseDataError
from instrument.reading.side_columns import Place
from instrument.reading.side_variables import variable
from instrument.study import Study, load_study

FOLDER = Path(__file__).resolve().parent / "data" / "beside"
USE = ("events", "sessions", "completed", "active_days", "minutes")
COLUMNS = ["participant", *(f"{name}_{period}" for name in USE for period in ("before", "after", "whole"))]
Log = pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """How a log is written, and what it gives: the plain use, that with a note, or a fact and its cure."""

    write: Callable[[Log, Path], Any]
    name: str = "log.csv"
    note: str = ""
    fact: str = ""
    cure: str = ""
    tool: str = ""
    how: dict[str, Any] = field(default_factory=dict)


def cells(**columns: Callable[[Log], Any]) -> Callable[[Log, Path], None]:
    """A CSV with other cells."""

    def write(log: Log, path: Path) -> None:
        log.assign(**{name: make(log) for name, make in columns.items()}).to_csv(path, index=False)

    return write


def stamps(form: str) -> Callable[[Log, Path], None]:
    return cells(at=lambda log: log["at"].dt.strftime(form))


def line_10(change: Callable[[str], str]) -> Callable[[Log, Path], None]:
    def write(log: Log, path: Path) -> None:
        lines = log.to_csv(index=False).splitlines()
        lines[9] = change(lines[9])
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return write


def events(log: Log, **further: Any) -> list[dict[str, Any]]:
    """As Segment writes them."""
    stamp = log["at"].dt.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return [
        {
            "userId": who,
            "timestamp": at,
            "event": kind,
            "messageId": f"m{k}",
            "properties": {"duration": duration, **further},
        }
        for k, (who, at, kind, duration) in enumerate(
            zip(log["participant"], stamp, log["kind"], log["duration"], strict=True)
        )
    ]


def in_lines(log: Log, path: Path) -> None:
    """Out of order, and every third one sent twice."""
    sent = events(log)
    path.write_text("\n".join(map(json.dumps, reversed([*sent, *sent[::3]]))) + "\n", encoding="utf-8")


def other_figures(zero: int) -> Callable[[Log, Path], None]:
    table = {48 + k: zero + k for k in range(10)}
    return cells(participant=lambda log: log["participant"].str.translate(table))


def half(change: Callable[[str], str]) -> Callable[[Log, Path], None]:
    return cells(kind=lambda log: [change(k) if n % 2 else k for n, k in enumerate(log["kind"])])


ZONES = ("Europe/Berlin", "America/New_York")
WRONG: dict[str, Wrong] = {
    "offsets of two zones": Wrong(
        write=cells(
            at=lambda log: [
                at.tz_localize("UTC").tz_convert(ZONES[k % 2]).isoformat() for k, at in enumerate(log["at"])
            ]
        ),
        note="carry offsets",
    ),
    "nanoseconds": Wrong(write=cells(at=lambda log: log["at"].astype("datetime64[ns]").astype(np.int64))),
    "half past by am and pm": Wrong(write=stamps("%m/%d/%Y %I:%M:%S %p"), how={"dates": "M/D/Y"}),
    "JSON lines out of order, some twice": Wrong(
        write=in_lines, name="log.jsonl", tool="segment", note="offsets"
    ),
    "days alone": Wrong(write=stamps("%Y-%m-%d"), note="events of one day are one session"),
    "days of Parquet": Wrong(
        write=lambda log, path: log.assign(at=log["at"].dt.date).to_parquet(path),
        name="log.parquet",
        note="events of one day are one session",
    ),
    "a list in JSON": Wrong(
        write=lambda log, path: path.write_text(json.dumps(events(log), indent=1)),
        name="log.jsonl",
        tool="segment",
        fact="one JSON text, not an event in each line",
        cure="one line of JSON",
    ),
    "JSON over several lines": Wrong(
        write=lambda log, path: path.write_text("\n".join(json.dumps(e, indent=1) for e in events(log))),
        name="log.jsonl",
        tool="segment",
        fact="one JSON text, not an event in each line",
        cure="one line of JSON",
    ),
    "a workbook": Wrong(
        write=lambda log, path: path.write_bytes(b"PK\x03\x04"),
        name="log.xlsx",
        fact="has the ending '.xlsx', which no log has",
        cure="save it as .csv",
    ),
    "a field too many": Wrong(
        write=line_10(lambda line: f"{line},x"), fact="line 10 has 5 fields, and the header 4", cure="header"
    ),
    "a field too few": Wrong(
        write=line_10(lambda line: line.rpartition(",")[0]),
        fact="line 10 has 3 fields, and the header 4",
        cure="header",
    ),
    "an open quote": Wrong(
        write=line_10(lambda line: f'"{line}'), fact="the record that begins on line 10", cure="quotes are"
    ),
    "a kind in capitals, half of the time": Wrong(
        write=half(str.title),
        fact="of kind 'session_completed' count, and .* more are called 'Session_Completed'",
        cure="one kind in one way",
    ),
    "a kind with a blank, half of the time": Wrong(
        write=half(lambda kind: f"{kind} "), fact="called 'session_completed '", cure="one kind in one way"
    ),
    "ids in full-width figures": Wrong(
        write=other_figures(0xFF10), fact="would match but for the form of their figures", cure="alike"
    ),
    "ids in Arabic figures": Wrong(
        write=other_figures(0x660), fact="would match but for the form of their figures", cure="alike"
    ),
    "seconds and milliseconds": Wrong(
        write=cells(at=lambda log: [at.value // 10 ** (9 - 3 * (k % 2)) for k, at in enumerate(log["at"])]),
        fact="no single kind of epoch time",
        cure="write dates as",
    ),
}


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study(FOLDER / "study.yaml")


@pytest.fixture(scope="module")
def enrolled() -> pd.DataFrame:
    return read_side_table(FOLDER / "logs/enrolment.csv", "enrolment").head(12)


@pytest.fixture(scope="module")
def log(enrolled: pd.DataFrame) -> Log:
    whole = pd.read_csv(FOLDER / "logs/plain.csv", parse_dates=["at"])
    return whole[whole["participant"].isin(enrolled["participant"])].reset_index(drop=True)


@pytest.fixture(scope="module")
def plain(log: Log, study: Study, enrolled: pd.DataFrame) -> UsageSummary:
    return summarise_usage(log, study, participants=enrolled)


@pytest.mark.parametrize("name", WRONG)
def test_a_log_gone_wrong_is_read_like_the_plain_one_or_refused(
    name: str, tmp_path: Path, log: Log, study: Study, enrolled: pd.DataFrame, plain: UsageSummary
) -> None:
    case = WRONG[name]
    path = tmp_path / case.name
    case.write(log, path)
    mapping = LogMapping.model_validate({"log": 1, "tool": case.tool}) if case.tool else None
    reading = LogReading(caller="dta adherence", source=path.name, mapping=mapping, **case.how)

    def read() -> UsageSummary:
        return summarise_usage(str(path), study, participants=enrolled, reading=reading)

    if case.fact:
        with pytest.raises(ResponseDataError) as caught:
            read()
        fact, mark, hint = str(caught.value).partition("\nHint: ")
        assert re.search(case.fact, fact), fact
        assert mark and case.cure in hint
        assert "P00" not in fact
        return
    found = read()
    assert any(case.note in note for note in found.notes) if case.note else not found.notes
    expected = plain
    if "one session" in case.note:
        days = log.assign(at=log["at"].dt.normalize())
        expected = summarise_usage(days, study, participants=enrolled)
        assert (found.people["sessions_whole"] <= found.people["active_days_whole"]).all()
    pd.testing.assert_frame_equal(found.people[COLUMNS], expected.people[COLUMNS], atol=1e-9)


def test_ids_that_a_spreadsheet_rounded_are_named_as_such(log: Log, study: Study) -> None:
    rounded = pd.DataFrame({"participant": ["1.20E+05", "1.20E+05", "7"], "enrolled": "2026-03-08"})
    with pytest.raises(ResponseDataError, match=r"1 id rounded by a spreadsheet .*\nHint: .*as text"):
        summarise_usage(log, study, participants=rounded)


SUSPECTED = {
    "words and numbers": (["yes", "1", "no", "0"] * 3, "6 cells are numbers among words"),
    "a unit": ([f"{k} kg" for k in range(12)], "12 different texts with figures"),
    "a sign of money": ([f"€{k}" for k in range(12)], "12 different texts with figures"),
    "a minus that is a dash": ([f"\u2212{k}" for k in range(12)], "12 different texts with figures"),
    "age groups": (["16-24", "25-34", "35+"] * 4, ""),
    "sites": ([f"site {k % 10}" for k in range(12)], ""),
    "words": ([f"word {'abcdefghijkl'[k]}" for k in range(12)], ""),
}


@pytest.mark.parametrize("name", SUSPECTED)
def test_categories_that_may_be_numbers_are_suspected_aloud(name: str) -> None:
    given, words = SUSPECTED[name]
    place, notes = Place(caller="f", source="x.csv", lines=np.arange(2, 14), unit="line"), []
    read = variable(pd.Series(given, dtype="str"), "x", place, ".", ("NA",), notes)
    assert read.tolist() == given
    assert len(notes) == bool(words)
    assert words in "".join(notes)
    assert not any(str(cell) in "".join(notes) for cell in given if len(str(cell)) > 2)


@pytest.mark.parametrize(("first", "n"), [("1.999", 1), ("0.999", 0), ("1.9", 0)])
def test_numbers_that_may_be_of_thousands_are_suspected_aloud(first: str, n: int) -> None:
    place, notes = Place(caller="f", source="x.csv", lines=np.arange(2, 14), unit="line"), []
    given = pd.Series([first, *(f"1.{k:03d}" for k in range(11))], dtype="str")
    assert variable(given, "x", place, ".", ("NA",), notes).iloc[0] == float(first)
    assert [("not thousands" in note) for note in notes] == [True] * n
    said = []
    grouped = variable(given.iloc[1:], "x", place, ",", ("NA",), said, thousands=".")
    assert grouped.iloc[0] == 1000.0
    assert said == []
