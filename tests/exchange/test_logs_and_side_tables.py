"""Logs, tables beside the answers and FHIR as programs write them: the plain numbers, or one message with a cure."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.commands.reading import SideReading, read_side_table
from analysis.usage.mapping import LogMapping
from analysis.usage.reading import LogReading
from analysis.usage.summarise_usage import UsageSummary, summarise_usage
from instrument.errors import ResponseDataError
from instrument.exchange.fhir_import import from_fhir
from instrument.loading import load
from instrument.study import Study, load_study

FOLDER = Path(__file__).resolve().parent / "data" / "beside"
MINI = Path(__file__).resolve().parent / "data" / "cases" / "mini.yaml"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "exchange.md"
BEGIN, END = "<!-- table of logs and tables: begin -->\n", "<!-- table of logs and tables: end -->\n"
USE = ("events", "sessions", "completed", "logins", "active_days", "minutes", "first_use", "last_use")
COUNTS = USE[:6]
PERIODS = ("before", "after", "whole")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file: what refuses it unless something is said, what must be said, and what it then gives."""

    shape: str
    words: str = ""
    cure: str = ""
    said: str = ""
    how: dict[str, Any] = field(default_factory=dict)
    change: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    alike: tuple[str, ...] = USE


def moved(hours: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda log: log.assign(at=pd.to_datetime(log["at"]) + pd.Timedelta(hours=hours))


def to_the_minute(log: pd.DataFrame) -> pd.DataFrame:
    return log.assign(at=pd.to_datetime(log["at"]).dt.floor("min"))


LOGS: dict[str, Case] = {
    "plain.csv": Case(shape="plain"),
    "zulu.csv": Case(shape="ISO 8601 with Z"),
    "offset.csv": Case(shape="ISO 8601 with +02:00", change=moved(-2)),
    "bigquery_utc.csv": Case(shape="BigQuery's stamps with UTC"),
    "secs.csv": Case(shape="seconds since 1970"),
    "millis.csv": Case(shape="milliseconds since 1970"),
    "micros.csv": Case(shape="microseconds since 1970"),
    "german.csv": Case(
        shape="31.03.2026",
        words="669 can only be day first, 0 only month first, 435 either",
        cure="--dates D.M.Y",
        said="--dates D.M.Y",
        how={"dates": "D.M.Y"},
        change=to_the_minute,
    ),
    "dmy.csv": Case(
        shape="31/03/2026",
        words="669 can only be day first, 0 only month first, 435 either",
        cure="--dates D/M/Y",
        said="--dates D/M/Y",
        how={"dates": "D/M/Y"},
        change=to_the_minute,
    ),
    "comma_duration.csv": Case(
        shape="semicolons, decimal commas",
        words="no column 'participant', 'kind'",
        cure="--delimiter ';'",
        said="--delimiter ';' --decimal ,",
        how={"delimiter": ";", "decimal": ","},
    ),
    "seconds_duration.csv": Case(
        shape="durations in seconds",
        words="368 of 368 durations above 0 would be longer than 4 hours",
        cure="--durations s",
        said="--durations s",
        how={"durations": "s"},
    ),
    "retries_1s.csv": Case(
        shape="every event sent again a second later",
        words="1104 of 2208 events follow one of the same kind and duration within 2 seconds",
        cure="--retry-seconds 2",
        said="--retry-seconds 2",
        how={"retry_seconds": 2.0},
        alike=COUNTS,
    ),
    "lower_ids.csv": Case(
        shape="ids in small letters",
        words="60 of 60 ids .* 60 would match but for capitals",
        cure="write ids alike",
    ),
    "mixpanel.jsonl": Case(
        shape="Mixpanel, JSON lines",
        words="nothing says what their fields mean",
        cure="tool: mixpanel",
        said="--log with tool: mixpanel",
        how={"mapping": LogMapping.model_validate({"log": 1, "tool": "mixpanel"})},
    ),
    "firebase.jsonl": Case(
        shape="Firebase from BigQuery, JSON lines",
        words="nothing says what their fields mean",
        cure="tool: firebase",
        said="--log with tool: firebase",
        how={"mapping": LogMapping.model_validate({"log": 1, "tool": "firebase"})},
    ),
    "matomo.csv": Case(
        shape="Matomo, a row for each visit",
        words="no column 'participant', 'kind'",
        cure="--log",
        said="--log with tool: matomo",
        how={"mapping": LogMapping.model_validate({"log": 1, "tool": "matomo"})},
        alike=("sessions", "active_days", "first_use"),
    ),
}


def shifted(days: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.assign(enrolled=pd.to_datetime(table["enrolled"]) + pd.Timedelta(days=days))


def further(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The same people with what else stands in the file, read by pandas alone."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        other = pd.read_csv(FOLDER / "side" / name)
        column = str(other.columns[-1])
        cells = other[column].replace({"no": None, -99.0: None})
        cells = pd.to_datetime(cells) if column == "withdrawn" else pd.to_numeric(cells)
        return table.assign(**{column: cells})

    return change


AMBIGUOUS = "of 60 looked at, 0 can only be day first, 0 only month first, 60 either"
SIDE: dict[str, Case] = {
    "enr_other_name.csv": Case(shape="days under `enrolled_on`"),
    "enr_time.csv": Case(
        shape="days with a time",
        change=lambda table: table.assign(
            enrolled=pd.to_datetime(table["enrolled"]) + pd.Timedelta(hours=15.5)
        ),
    ),
    "enr_one_blank.csv": Case(
        shape="one day is blank",
        change=lambda table: table.assign(
            enrolled=pd.read_csv(FOLDER / "side/enr_one_blank.csv")["enrolled"]
        ),
    ),
    "enr_wdate.csv": Case(shape="a day of withdrawal", change=further("enr_wdate.csv")),
    "enr_dmy.csv": Case(
        shape="08/03/2026",
        words=AMBIGUOUS,
        cure="--dates D/M/Y or --dates M/D/Y",
        said="--dates D/M/Y",
        how={"dates": "D/M/Y"},
    ),
    "enr_dmy_late.csv": Case(
        shape="18/03/2026",
        words="52 can only be day first, 0 only month first, 8 either",
        cure="--dates D/M/Y",
        said="--dates D/M/Y",
        how={"dates": "D/M/Y"},
        change=shifted(10),
    ),
    "enr_dots.csv": Case(
        shape="08.03.2026",
        words=AMBIGUOUS,
        cure="--dates D.M.Y or --dates M.D.Y",
        said="--dates D.M.Y",
        how={"dates": "D.M.Y"},
    ),
    "enr_excel_serial.csv": Case(
        shape="days as Excel counts them",
        words="numbers such as Excel counts days with",
        cure="--dates excel",
        said="--dates excel",
        how={"dates": "excel"},
    ),
    "enr_w99.csv": Case(
        shape="-99 for nobody withdrew",
        words="12 cells lie before enrolment .lines 2, 7",
        cure="leave it empty",
        said="--na -99.0",
        how={"na": ("-99.0",)},
        change=further("enr_w99.csv"),
    ),
    "enr_wtext.csv": Case(
        shape="`no` for nobody withdrew",
        words="12 cells hold text where a number is expected .lines 2, 7",
        cure="leave it empty",
        said="--na no",
        how={"na": ("no",)},
        change=further("enr_wtext.csv"),
    ),
    "times.csv": Case(shape="seconds"),
    "times_comma.csv": Case(
        shape="53,5",
        words="300 cells hold a comma .lines 2, 3",
        cure="--decimal ','",
        said="--decimal ,",
        how={"decimal": ","},
        change=lambda table: table.assign(seconds=table["seconds"] + 0.5),
    ),
    "times_hms.csv": Case(
        shape="00:00:53",
        words="300 cells hold hours and minutes",
        cure="--times-in h:mm:ss",
        said="--times-in h:mm:ss",
        how={"times_in": "h:mm:ss"},
    ),
    "times_ms.csv": Case(
        shape="milliseconds",
        words="half of the 300 times would be longer than two hours",
        cure="--times-in ms",
        said="--times-in ms",
        how={"times_in": "ms"},
    ),
    "times_wave.csv": Case(
        shape="waves 3 and 6 for week_3 and week_6 (refused once joined)",
        change=lambda table: table.assign(wave=table["wave"].str.removeprefix("week_")),
    ),
    "times_dup.csv": Case(
        shape="rows that repeat (refused once joined)",
        change=lambda table: pd.read_csv(FOLDER / "side/times_dup.csv", dtype={"wave": str}),
    ),
}
WHOLE = {"q1": 5, "q2": 1, "q3": 5, "q4": 5, "q5": 5, "q6": 5}
FOURS = dict.fromkeys(WHOLE, 4)
FHIR: dict[str, tuple[str, str | list[dict[str, int]]]] = {
    "answer_and_item.json": ("items below an answer", [FOURS]),
    "decimal.json": ("codes as decimals", [WHOLE]),
    "display_item.json": ("an item that only shows a text", [WHOLE]),
    "empty_item_list.json": ("an empty list of items", [WHOLE]),
    "grouped.json": ("items in groups", [WHOLE]),
    "status.json": ("broken off, in error and in progress", [WHOLE, {"q1": 5}, WHOLE]),
    "loinc.json": ("codes of LOINC", r"entry\[0\]\S*item\[0\].answer: needs one valueCoding.code"),
    "no_identifier.json": ("two of one person without a wave", r"entry\[0\]\S*identifier: another response"),
    "uuid_identifier.json": ("identifiers of others", r"entry\[0\]\S*identifier: another response"),
    "other_canonical.json": ("another questionnaire", r"entry\[0\]\S*questionnaire: is not mini"),
    "reference.json": ("a reference to a record", r"entry\[0\]\S*subject.reference: names a record"),
}


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study(FOLDER / "study.yaml")


@pytest.fixture(scope="module")
def enrolled() -> pd.DataFrame:
    return read_side_table(FOLDER / "logs/enrolment.csv", "enrolment")


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "logs/plain.csv")


@pytest.fixture(scope="module")
def plain_use(study: Study, enrolled: pd.DataFrame, log: pd.DataFrame) -> UsageSummary:
    return summarise_usage(log, study, participants=enrolled)


def used(found: UsageSummary, columns: tuple[str, ...]) -> pd.DataFrame:
    return found.people[["participant", *(f"{name}_{period}" for name in columns for period in PERIODS)]]


def test_every_file_of_the_folders_is_named() -> None:
    for folder, cases in (("logs", LOGS), ("side", SIDE), ("fhir", FHIR)):
        files = {path.name for path in (FOLDER / folder).iterdir()} - {"enrolment.csv"}
        assert files == set(cases)


@pytest.mark.parametrize("name", LOGS)
def test_a_log_gives_the_use_of_the_plain_one(
    name: str, study: Study, enrolled: pd.DataFrame, log: pd.DataFrame, plain_use: UsageSummary
) -> None:
    case = LOGS[name]

    def read(**how: Any) -> UsageSummary:
        reading = LogReading(caller="dta adherence", source=name, **how)
        return summarise_usage(str(FOLDER / "logs" / name), study, participants=enrolled, reading=reading)

    if case.words:
        with pytest.raises(ResponseDataError) as caught:
            read()
        fact, _, hint = str(caught.value).partition("\nHint: ")
        assert re.search(case.words, fact)
        assert case.cure in hint
        if not case.how:
            return
    expected = plain_use
    if case.change is not None:
        expected = summarise_usage(case.change(log), study, participants=enrolled)
    assert expected.people["sessions_whole"].sum() > 100
    pd.testing.assert_frame_equal(
        used(read(**case.how), case.alike), used(expected, case.alike), check_exact=False, atol=1e-9
    )


@pytest.mark.parametrize("name", SIDE)
def test_a_table_beside_the_answers_holds_what_the_plain_one_holds(name: str) -> None:
    case, is_times = SIDE[name], name.startswith("times")
    what, path = "times" if is_times else "enrolment", FOLDER / "side" / name
    if case.words:
        with pytest.raises(ResponseDataError) as caught:
            read_side_table(path, what)
        fact, _, hint = str(caught.value).partition("\nHint: ")
        assert re.search(case.words, fact)
        assert case.cure in hint
    read = read_side_table(path, what, how=SideReading(**case.how))
    plain = pd.read_csv(
        FOLDER / ("side/times.csv" if is_times else "logs/enrolment.csv"), dtype={"wave": str}
    )
    plain = plain if case.change is None else case.change(plain)
    assert list(read.columns) == list(plain.columns)
    for column in read.columns:
        given, wanted = read[column], plain[column]
        if column in ("enrolled", "withdrawn"):
            given, wanted = (pd.to_datetime(cells).astype("datetime64[s]") for cells in (given, wanted))
        elif column in ("seconds", "withdrawn_day"):
            given, wanted = given.astype(float).round(6), wanted.astype(float).round(6)
        assert given.astype(str).tolist() == wanted.astype(str).tolist(), column


@pytest.mark.parametrize("name", FHIR)
def test_a_bundle_of_fhir_gives_its_answers_or_the_path_of_each_fault(name: str) -> None:
    scale, content = load(str(MINI)), json.loads((FOLDER / "fhir" / name).read_text(encoding="utf-8"))
    _, gives = FHIR[name]
    if isinstance(gives, str):
        with pytest.raises(ResponseDataError, match=gives):
            from_fhir(content, scale)
        return
    read = from_fhir(content, scale)
    rows = read[scale.item_ids].astype(object).where(read[scale.item_ids].notna(), None).to_dict("records")
    assert [{item: code for item, code in row.items() if code is not None} for row in rows] == gives


def table_of_files() -> str:
    """The table in docs/exchange.md."""
    lines = ["| file | shape | what it gives |", "|---|---|---|"]
    for folder, cases in (("logs", LOGS), ("side", SIDE)):
        for name, case in cases.items():
            gives = "read"
            if case.words:
                gives = f"refused; read with `{case.said}`" if case.said else f"refused: {case.cure}"
            lines.append(f"| `{folder}/{name}` | {case.shape} | {gives} |")
    for name, (shape, expected) in FHIR.items():
        gives = "read"
        if isinstance(expected, str):
            gives = f"refused by path: {expected.partition('*')[2].replace(chr(92), '')}"
        lines.append(f"| `fhir/{name}` | {shape} | {gives} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_logs_and_tables_is_the_one_that_this_test_makes() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table_of_files(), (
        f"run `python {Path(__file__).name}`"
    )


if __name__ == "__main__":
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    DOCS.write_text(before + BEGIN + table_of_files() + END + rest.partition(END)[2], encoding="utf-8")
    sys.stdout.write(f"{DOCS}\n")
