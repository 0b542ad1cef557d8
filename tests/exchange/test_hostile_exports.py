"""Files of survey tools as they go wrong: each gives the plain answers, or one message with a cure; none is wrong."""

from __future__ import annotations

import csv
import datetime
import io
import json
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import dta
from instrument.definition import Instrument
from instrument.errors import ToolkitWarning
from instrument.loading import load
from instrument.recognition import load_mapping
from instrument.responses import read_responses

CASES = Path(__file__).resolve().parent / "data" / "cases"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "exchange.md"
BEGIN, END = "<!-- table of odd files: begin -->\n", "<!-- table of odd files: end -->\n"
SCALE: Instrument = load(str(CASES / "mini.yaml"))
ITEMS = [f"q{k}" for k in range(1, 7)]
WORDING = SCALE.wording("en").items
LABELS = {1: "Strongly disagree", 2: "Disagree", 3: "Neither", 4: "Agree", 5: "Strongly agree"}
GERMAN = {
    1: "Stimme überhaupt nicht zu",
    2: "Stimme nicht zu",
    3: "Weder noch",
    4: "Stimme zu",
    5: "Stimme voll zu",
}
N = 12
ANSWERS = pd.DataFrame(np.random.default_rng(5).integers(1, 6, (N, 6)), columns=ITEMS)
ANSWERS.iloc[0] = [1, 2, 3, 4, 5, 5]
ANSWERS.iloc[1] = [5, 4, 3, 2, 1, 1]
PEOPLE = [f"P{k:03d}" for k in range(1, N + 1)]
NUMBERS = [str(k + 1) for k in range(N)]
ROWS = [[int(code) for code in ANSWERS.iloc[k]] for k in range(N)]


@dataclass(frozen=True, kw_only=True)
class Gives:
    """What a file must give: answers, people and waves; or the words of a refusal and of its cure."""

    answers: pd.DataFrame | None = None
    people: Sequence[str] = ()
    waves: Sequence[str] = ()
    asks: str | None = ""
    words: str = ""
    cure: str = ""


def plain(
    people: Sequence[str] = PEOPLE, waves: Sequence[str] = (), asks: str | None = "", rows: Any = None
) -> Gives:
    """The plain answers; `asks` is what is said to be unsure: nothing where it is empty."""
    answers = ANSWERS if rows is None else rows
    return Gives(answers=answers, people=people, waves=waves or ["1"] * len(answers), asks=asks)


def refused(words: str, cure: str) -> Gives:
    return Gives(words=words, cure=cure)


@dataclass(frozen=True, kw_only=True)
class Odd:
    """One odd file."""

    shape: str
    write: Callable[[Path], Path]
    gives: Gives


ODD: dict[str, Odd] = {}


def odd(shape: str, gives: Gives) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    def take(write: Callable[[Path], Path]) -> Callable[[Path], Path]:
        ODD[write.__name__] = Odd(shape=shape, write=write, gives=gives)
        return write

    return take


def text(
    folder: Path, rows: Iterable[Sequence[Any]], sep: str = ",", encoding: str = "utf-8", name: str = "a.csv"
) -> Path:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=sep).writerows(rows)
    path = folder / name
    path.write_bytes(written.getvalue().encode(encoding))
    return path


def table(cell: Callable[[int], Any] = lambda code: code, first: str = "participant") -> list[list[Any]]:
    """Header and rows of a plain table."""
    return [[first, *ITEMS], *([PEOPLE[k], *map(cell, ROWS[k])] for k in range(N))]


def book(folder: Path, rows: Sequence[Sequence[Any]], merged: Sequence[str] = ()) -> Path:
    from openpyxl import Workbook

    workbook = Workbook()
    sheet = workbook.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    for cells in merged:
        sheet.merge_cells(cells)
    workbook.save(folder / "a.xlsx")
    return folder / "a.xlsx"


def sav(folder: Path, frame: pd.DataFrame, **kwargs: Any) -> Path:
    import pyreadstat

    pyreadstat.write_sav(frame, str(folder / "a.sav"), **kwargs)
    return folder / "a.sav"


META = ["StartDate", "EndDate", "Status", "IPAddress", "Progress", "Finished", "RecordedDate", "ResponseId"]


def qualtrics(
    folder: Path,
    label: Callable[[str], str] = lambda item: item,
    question: Callable[[str], str] = lambda item: WORDING[item],
    cell: Callable[[int], Any] = lambda code: code,
    further: Sequence[Sequence[Any]] = (),
    people: Sequence[str] = PEOPLE,
    head: slice = slice(0, 3),
    **how: Any,
) -> Path:
    names = [*META, "ExternalReference", *map(label, ITEMS)]
    told = [*META, "External Data Reference", *map(question, ITEMS)]
    day = "2026-03-01 10:00:00"
    rows = [[day, day, "0", "", "100", "1", day, f"R_{k}", people[k], *map(cell, ROWS[k])] for k in range(N)]
    heads = [names, told, [f'{{"ImportId":"{name}"}}' for name in names]]
    return text(folder, [*heads[head], *rows, *further], **how)


def preview(status: str) -> list[Any]:
    return ["2026-03-01 10:00:00", "2026-03-01 10:00:00", status, "", 100, 1, "", "R_p", "", *[5] * 6]


@odd("Qualtrics: a preview without a code of the person", plain())
def qualtrics_preview(folder: Path) -> Path:
    return qualtrics(folder, further=[preview("1"), preview("Survey Preview")])


@odd(
    "Qualtrics: one person without a code",
    plain([f"R_{k}" for k in range(N)], asks="names the person in 11 of 12 rows"),
)
def qualtrics_one_without_code(folder: Path) -> Path:
    return qualtrics(folder, people=["", *PEOPLE[1:]])


@odd("Qualtrics: matrix, wordings behind a dash", plain())
def qualtrics_matrix(folder: Path) -> Path:
    return qualtrics(folder, lambda i: f"Q5_{i[1]}", lambda i: f"How much do you agree? - {WORDING[i]}")


@odd("Qualtrics: questions numbered otherwise than the items", plain(asks="named 'q2', worded as 'q1'"))
def qualtrics_shifted(folder: Path) -> Path:
    return qualtrics(folder, lambda item: f"Q{int(item[1]) + 1}")


@odd("Qualtrics: UTF-16, tabs, choice texts", plain())
def qualtrics_utf16(folder: Path) -> Path:
    return qualtrics(folder, cell=LABELS.get, sep="\t", encoding="utf-16", name="a.tsv")


@odd("Qualtrics: two header rows left", plain())
def qualtrics_two_heads(folder: Path) -> Path:
    return qualtrics(folder, head=slice(0, 2))


@odd("Qualtrics: recode values 11–15", refused("72 answers are no code", "under `answers` of the mapping"))
def qualtrics_recoded(folder: Path) -> Path:
    return qualtrics(folder, cell=lambda code: code + 10)


@odd("semicolons, 4,0", plain())
def decimal_commas(folder: Path) -> Path:
    return text(folder, table(lambda code: f"{code},0"), ";")


@odd("semicolons, 1,5 among the answers", refused("6 cells hold a decimal comma .*line 2", "whole codes"))
def decimal_commas_half(folder: Path) -> Path:
    rows = table(lambda code: f"{code},0")
    rows[1][1:] = [f"{code},5" for code in ROWS[0]]
    return text(folder, rows, ";")


@odd(
    "Windows-1252, German names of person and occasion",
    plain([PEOPLE[k // 2] for k in range(N)], [f"T{k % 2 + 1}" for k in range(N)], "column 'Teilnehmer'"),
)
def german_names(folder: Path) -> Path:
    rows = [[PEOPLE[k // 2], f"T{k % 2 + 1}", *ROWS[k]] for k in range(N)]
    return text(folder, [["Teilnehmer", "Meßzeitpunkt", *ITEMS], *rows], ";", "cp1252")


@odd(
    "texts of a language that the instrument lacks", refused("72 cells hold text", "`answers` of the mapping")
)
def foreign_texts(folder: Path) -> Path:
    return text(folder, table(GERMAN.get), ";", "cp1252")


@odd("rows of totals, in words", plain(asks="are no people"))
def totals(folder: Path) -> Path:
    words = ("Grand total", "Moyenne", "SD", "Mittelwert")
    return text(folder, [*table(), *([word, *[3] * 6] for word in words)])


@odd("a row of means without a name", refused("participant is missing in 1 row .line 14", "in every row"))
def totals_unnamed(folder: Path) -> Path:
    return text(folder, [*table(), ["", *[3] * 6]])


@odd("trials of the survey", plain(asks="trials of the survey"))
def trials(folder: Path) -> Path:
    return text(folder, [*table(), ["test", *[5] * 6], ["TEST 2", *[1] * 6]])


@odd("the header repeated within", plain(asks="heads repeated"))
def header_repeated(folder: Path) -> Path:
    rows = table()
    return text(folder, [*rows[:6], rows[0], *rows[6:]])


@odd("a column twice, the same", plain(asks="2 columns could be it"))
def doubled_column(folder: Path) -> Path:
    return text(folder, [[*row, row[1]] for row in table()])


@odd("a column twice, with other answers", refused("several answers to item 'q1'", "leave one of"))
def doubled_column_differs(folder: Path) -> Path:
    rows = table()
    return text(folder, [[*rows[0], "q1"], *([*row, 6 - row[1]] for row in rows[1:])])


@odd("a title above the header", plain(asks="1 row above the header"))
def title_above(folder: Path) -> Path:
    return text(folder, [["Export of 31 March"], [], *table()])


@odd("a workbook with five rows of titles", plain())
def titles_above(folder: Path) -> Path:
    return book(folder, [*(["Title", str(k)] for k in range(5)), *table()])


@odd("merged cells above the names", plain())
def merged_names(folder: Path) -> Path:
    top = ["participant", "Bond", "", "", "Task", "", ""]
    return book(folder, [top, ["", *ITEMS], *table()[1:]], ("B1:D1", "E1:G1", "A1:A2"))


@odd("dates beside the answers, as Excel has them", plain())
def excel_dates(folder: Path) -> Path:
    rows = [[row[0], datetime.datetime(2026, 3, 1), *row[1:]] for row in table()]
    rows[0][1] = "completed_on"
    return book(folder, rows)


@odd("an answer that Excel made a date of", refused("1 cell holds a date .column 'q2'; row 4", "numbers"))
def excel_date_for_answer(folder: Path) -> Path:
    rows = table()
    rows[3][2] = datetime.datetime(1900, 1, 3)
    return book(folder, rows)


@odd("ids and answers as 1.0", plain(NUMBERS))
def floats(folder: Path) -> Path:
    return book(folder, [table()[0], *([float(k + 1), *map(float, ROWS[k])] for k in range(N))])


@odd("numbers stored as text, ids with zeros", plain([f"{k + 1:03d}" for k in range(N)]))
def numbers_as_text(folder: Path) -> Path:
    return book(folder, [table()[0], *([f"{k + 1:03d}", *map(str, ROWS[k])] for k in range(N))])


@odd("ids rounded by a spreadsheet", refused("3 ids rounded by a spreadsheet", "as text"))
def ids_rounded(folder: Path) -> Path:
    return text(folder, [table()[0], *([f"1.23457E+1{k % 3}", *ROWS[k]] for k in range(N))])


@odd(
    "a formula without its value",
    refused("1 formula without a stored value .column .q3.; row 3", "save the values"),
)
def formula(folder: Path) -> Path:
    rows = table()
    rows[2][3] = "=1+2"
    return book(folder, rows)


def redcap(folder: Path, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    return text(folder, [head, *rows])


TWICE = [PEOPLE[k // 2] for k in range(N)]


@odd("REDCap: repeated form, events, groups", plain(TWICE, ["1", "2"] * 6))
def redcap_repeated(folder: Path) -> Path:
    head = ["record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"]
    rows: list[list[Any]] = []
    for k in range(N):
        if k % 2 == 0:
            rows.append([TWICE[k], "base_arm_1", "", "", "north", *[""] * 7])
        rows.append([TWICE[k], "base_arm_1", "mini", k % 2 + 1, "north", *ROWS[k], 2])
    return redcap(folder, [*head, "redcap_data_access_group", *ITEMS, "mini_complete"], rows)


@odd("REDCap: another form is repeated", plain())
def redcap_other_repeated(folder: Path) -> Path:
    head = [
        "record_id",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
        *ITEMS,
        "mini_complete",
        "note",
    ]
    rows: list[list[Any]] = []
    for k in range(N):
        rows.append([PEOPLE[k], "", "", *ROWS[k], 2, ""])
        rows += [[PEOPLE[k], "diary", r, *[""] * 7, "x"] for r in (1, 2)]
    return redcap(folder, head, rows)


@odd(
    "REDCap: repeated within events",
    plain([PEOPLE[k // 4] for k in range(N)], ["week_3.1", "week_3.2", "week_6.1", "week_6.2"] * 3),
)
def redcap_repeated_in_events(folder: Path) -> Path:
    head = ["record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"]
    rows = [
        [PEOPLE[k // 4], f"week_{3 + 3 * (k // 2 % 2)}_arm_1", "mini", k % 2 + 1, *ROWS[k], 2]
        for k in range(N)
    ]
    return redcap(folder, [*head, *ITEMS, "mini_complete"], rows)


@odd("REDCap: entered twice, not merged", refused("12 rows of double data entry", "merged records"))
def redcap_double_entry(folder: Path) -> Path:
    rows = [[f"{TWICE[k]}--{k % 2 + 1}", *ROWS[k], 2] for k in range(N)]
    return redcap(folder, ["record_id", *ITEMS, "mini_complete"], rows)


def kobo(folder: Path, name: Callable[[str], str], further: Sequence[str] = (), status: str = "") -> Path:
    head = ["start", "end", *map(name, ITEMS), "_id", "_uuid", "_submission_time", *further]
    rows = [["2026-03-01", "2026-03-01", *ROWS[k], k + 5, f"u{k}", "2026-03-01T10:05:01"] for k in range(N)]
    rows = [[*row, *([status] if further and k == 4 else [""] * len(further))] for k, row in enumerate(rows)]
    return text(folder, [head, *rows], ";")


@odd("Kobo: groups in the names", plain([f"u{k}" for k in range(N)]))
def kobo_groups(folder: Path) -> Path:
    return kobo(folder, lambda item: f"page/{'bond' if item < 'q4' else 'task'}/{item}")


@odd(
    "Kobo: one not approved",
    plain([f"u{k}" for k in range(N) if k != 4], rows=ANSWERS.drop(index=4).reset_index(drop=True)),
)
def kobo_rejected(folder: Path) -> Path:
    return kobo(folder, str, ["_validation_status"], "validation_status_not_approved")


FRAME = ANSWERS.astype(float).assign(participant=PEOPLE)


def some_missing() -> pd.DataFrame:
    answers = ANSWERS.astype("Int64").copy()
    answers.loc[2, "q1"] = pd.NA
    answers.loc[3, "q2"] = pd.NA
    return answers


@odd("SPSS: a range declared missing", plain(rows=some_missing()))
def spss_range(folder: Path) -> Path:
    frame = FRAME.copy()
    frame.loc[2, "q1"], frame.loc[3, "q2"] = 97.0, 99.0
    return sav(folder, frame, missing_ranges={item: [{"lo": 90, "hi": 99}] for item in ITEMS})


@odd("SPSS: a range over the scale", refused("declared missing in the file", "must not overlap"))
def spss_range_over_scale(folder: Path) -> Path:
    return sav(folder, FRAME, missing_ranges={item: [{"lo": 5, "hi": 99}] for item in ITEMS})


@odd("SPSS: names of its own, wordings as labels", plain(asks="column 'ID'"))
def spss_wordings(folder: Path) -> Path:
    frame = FRAME.rename(columns={item: f"V{int(item[1]) + 1}" for item in ITEMS})
    frame = frame.rename(columns={"participant": "ID"})
    return sav(folder, frame, column_labels=[*WORDING.values(), "code"])


@odd("SPSS: one item labelled the other way", refused("labels of 1 column ..q2", "`answers` of the mapping"))
def spss_one_reversed(folder: Path) -> Path:
    labels = {item: {float(6 - c if item == "q2" else c): LABELS[c] for c in LABELS} for item in ITEMS}
    return sav(folder, FRAME, variable_value_labels=labels)


@odd("SPSS: labels in another language", plain(asks="other words than the instrument's"))
def spss_german_labels(folder: Path) -> Path:
    labels = {item: {float(c): GERMAN[c] for c in GERMAN} for item in ITEMS}
    return sav(folder, FRAME, variable_value_labels=labels)


@odd("Stata: .a and .z", plain(rows=some_missing(), asks="'.z' as missing"))
def stata_letters(folder: Path) -> Path:
    import pyreadstat

    frame = ANSWERS.astype(object).assign(participant=PEOPLE)
    frame.loc[2, "q1"], frame.loc[3, "q2"] = "a", "z"
    frame = frame.astype(dict.fromkeys(ITEMS[2:], int))
    pyreadstat.write_dta(frame, str(folder / "a.dta"), missing_user_values={"q1": ["a"], "q2": ["z"]})
    return folder / "a.dta"


def forms(folder: Path, beside: Sequence[str]) -> Path:
    head: list[str] = ["ID", "Start time", "Completion time", "Email", "Name"]
    for item in ITEMS:
        head += [WORDING[item].replace(" ", "\xa0"), *(f"{word} - {WORDING[item]}" for word in beside)]
    moment = datetime.datetime(2026, 3, 1, 10)
    rows = [
        [k + 1, moment, moment, "anonymous", "", *(c for code in ROWS[k] for c in (LABELS[code], *beside))]
        for k in range(N)
    ]
    return book(folder, [head, *rows])


@odd("Microsoft Forms: start time, blanks that do not break", plain(NUMBERS))
def msforms(folder: Path) -> Path:
    return forms(folder, ())


@odd("Microsoft Forms: a quiz with points", plain(NUMBERS))
def msforms_points(folder: Path) -> Path:
    return forms(folder, ("Points", "Feedback"))


def google(folder: Path, *, tick: str = "", score: bool = False) -> Path:
    head, rows = ["Timestamp"], [["3/1/2026 10:00:00"] for _ in range(N)]
    for place, item in enumerate(ITEMS):
        head += [f"How? [{WORDING[item]}]", *([f"How? [{WORDING[item]}] [Score]"] if score else [])]
        for k in range(N):
            rows[k] += [tick if tick and (k, place) == (3, 1) else LABELS[ROWS[k][place]]]
            rows[k] += ["-- / 0"] if score else []
    return text(folder, [head, *rows])


@odd("Google Forms: a grid with scores", plain(NUMBERS))
def google_scores(folder: Path) -> Path:
    return google(folder, score=True)


@odd("Google Forms: two boxes ticked", refused("1 cell holds text .*column 'q2'; line 5", "`answers` of the"))
def google_two_ticks(folder: Path) -> Path:
    return google(folder, tick="Agree;Disagree")


def monkey(folder: Path, cell: Callable[[int], Any]) -> Path:
    head = [
        "Respondent ID",
        "Collector ID",
        "Start Date",
        "Custom Data 1",
        "How much do you agree?",
        *[""] * 5,
    ]
    rows = [[118000000 + k, 1, "03/01/2026 10:00:00 AM", PEOPLE[k], *map(cell, ROWS[k])] for k in range(N)]
    return text(folder, [head, [""] * 4 + list(WORDING.values()), *rows])


@odd("SurveyMonkey: two header rows, texts", plain(asks="Custom Data 1"))
def monkey_texts(folder: Path) -> Path:
    return monkey(folder, LABELS.__getitem__)


@odd("SurveyMonkey: two header rows, numbers", plain(asks="Custom Data 1"))
def monkey_numbers(folder: Path) -> Path:
    return monkey(folder, int)


def lime(folder: Path, name: Callable[[str], str], cell: Callable[[int], Any] = "A{}".format) -> Path:
    head = ["id", "submitdate", "lastpage", "startlanguage", "token", *map(name, ITEMS)]
    rows = [[k + 1, "2026-03-01 10:00:00", 3, "en", PEOPLE[k], *map(cell, ROWS[k])] for k in range(N)]
    return text(folder, [head, *rows])


@odd(
    "LimeSurvey: codes of its own for the questions",
    refused("no column is any of the 6 items", "written for it"),
)
def lime_codes(folder: Path) -> Path:
    return lime(folder, lambda item: f"G02Q03[SQ00{item[1]}]")


@odd("LimeSurvey: code and wording", plain(asks="'A1' as 1"))
def lime_both(folder: Path) -> Path:
    return lime(folder, lambda item: f"G02Q03[SQ00{item[1]}]. How? [{WORDING[item]}]")


@odd("LimeSurvey: code and text over every column", plain(asks=""))
def lime_heads(folder: Path) -> Path:
    head = ["id. Response ID", "submitdate. Date submitted", "lastpage. Last page"]
    head += ["startlanguage. Start language", "token. Access code", *(f"{i}. {WORDING[i]}" for i in ITEMS)]
    rows = [
        [k + 1, "2026-03-01 10:00:00", 3, "en", PEOPLE[k], *(LABELS[c] for c in ROWS[k])] for k in range(N)
    ]
    return text(folder, [head, *rows])


@odd("SoSci Survey: pretests, times of starting", plain(asks="column 'SERIAL'"))
def sosci(folder: Path) -> Path:
    head = ["CASE", "SERIAL", "QUESTNNR", "MODE", "STARTED", *ITEMS, "FINISHED"]
    day = "2026-03-01 10:00:00"
    rows = [[k + 1, PEOPLE[k], "base", "interview", day, *ROWS[k], 1] for k in range(N)]
    rows.insert(3, [99, "P099", "base", "pretest", day, *[5] * 6, 1])
    return text(folder, [head, *rows], "\t", "utf-16")


@odd(
    "Unipark: testers, codes of missing answers", plain(NUMBERS, rows=some_missing(), asks="'-77' as missing")
)
def unipark(folder: Path) -> Path:
    head = ["lfdn", "external_lfdn", "tester", "dispcode", *ITEMS]
    rows: list[list[Any]] = [[k + 1, 0, 0, 31, *ROWS[k]] for k in range(N)]
    rows[2][4] = rows[3][5] = -77
    return text(folder, [head, *rows, [77, 0, 1, 31, *[5] * 6]], ";")


@odd("a time of answering is no wave", plain())
def time_of_answering(folder: Path) -> Path:
    rows = [[row[0], f"2026-03-01 10:{k:02d}", *row[1:]] for k, row in enumerate(table())]
    rows[0][1] = "time"
    return text(folder, rows)


@odd("LimeSurvey: codes from A0", refused("18 cells hold text", "`answers` of the mapping"))
def lime_from_zero(folder: Path) -> Path:
    return lime(folder, str, lambda code: f"A{code - 1}")


@odd(
    "waves pre, post, follow-up",
    plain([PEOPLE[k // 3] for k in range(N)], ["pre", "post", "follow-up"] * 4, "wave: column 'time'"),
)
def waves_named(folder: Path) -> Path:
    rows = [[PEOPLE[k // 3], ("pre", "post", "follow-up")[k % 3], *ROWS[k]] for k in range(N)]
    return text(folder, [["participant", "time", *ITEMS], *rows])


@odd(
    "waves beside each other by words",
    plain(
        [*PEOPLE[::2], *PEOPLE[::2]],
        ["baseline"] * 6 + ["followup"] * 6,
        "by the names of columns",
        pd.concat([ANSWERS[::2], ANSWERS[1::2]]).reset_index(drop=True),
    ),
)
def waves_beside(folder: Path) -> Path:
    head = ["participant", *(f"{w}_{item}" for w in ("baseline", "followup") for item in ITEMS)]
    return text(folder, [head, *([PEOPLE[k], *ROWS[k], *ROWS[k + 1]] for k in range(0, N, 2))])


@odd("a second wave beside bare names", plain(asks="may hold items at another wave"))
def wave_beside_bare(folder: Path) -> Path:
    rows = table()
    head = [*rows[0], *(f"{item}_post" for item in ITEMS)]
    return text(folder, [head, *([*row, *ROWS[0]] for row in rows[1:])])


@odd("in progress, in words", plain(asks="status: column 'status'"))
def in_progress(folder: Path) -> Path:
    rows = [[row[0], "In progress" if k == 3 else "Completed", *row[1:]] for k, row in enumerate(table())]
    rows[0][1] = "status"
    return text(folder, rows)


@odd("R: row names, factors with codes", plain())
def r_factors(folder: Path) -> Path:
    rows = table(lambda code: f"[{code}] {LABELS[code]}")
    return text(folder, [[k or "", *row] for k, row in enumerate(rows)])


@odd("codes beside the labels of other codes", refused("61 cells hold text", "`answers` of the mapping"))
def wrong_labels(folder: Path) -> Path:
    return text(folder, table(lambda code: f"{code} - {LABELS[6 - code]}"))


@odd("labels at the ends, codes between", plain(asks="labels and bare codes stand side by side"))
def labels_at_ends(folder: Path) -> Path:
    return text(folder, table(lambda code: LABELS[code] if code in (1, 5) else code))


@odd("an item under another name", refused("1 of 6 item columns .* absent: 'q2'", "not_asked"))
def item_renamed(folder: Path) -> Path:
    return text(folder, [["participant", "q1", "q2r", *ITEMS[2:]], *table()[1:]])


@odd("an item that was recoded, beside it", plain())
def item_and_recoded(folder: Path) -> Path:
    rows = table()
    return text(folder, [[*rows[0], "q2_r"], *([*row, 6 - row[2]] for row in rows[1:])])


@odd("letters for codes", refused("72 cells hold text", "`answers` of the mapping"))
def letters(folder: Path) -> Path:
    return text(folder, table(lambda code: "ABCDE"[code - 1]))


@odd("percent signs", refused("72 cells hold text", "`answers` of the mapping"))
def percent(folder: Path) -> Path:
    return text(folder, table(lambda code: f"{code}%"))


@odd("zeros in front", plain())
def zeros(folder: Path) -> Path:
    return text(folder, table(lambda code: f"0{code}"))


@odd("a line with a field less", refused("1 line .line 5. not of the 7 fields", "end no line early"))
def line_short(folder: Path) -> Path:
    rows = table()
    return text(folder, [*rows[:4], [*rows[4][:3], *rows[4][4:]], *rows[5:]])


@odd("cut off in the last line", refused("1 line .line 13. not of the 7 fields", "end no line early"))
def cut_off(folder: Path) -> Path:
    path = text(folder, table())
    path.write_text(path.read_text()[:-6])
    return path


@odd("rows and columns exchanged", refused("no column is any of the 6 items", "written for it"))
def transposed(folder: Path) -> Path:
    return text(folder, [["item", *PEOPLE], *([item, *ANSWERS[item]] for item in ITEMS)])


@odd("sums beside the answers", plain())
def sums(folder: Path) -> Path:
    rows = table()
    return text(folder, [[*rows[0], "bond_sum", "total"], *([*row, 9, 20] for row in rows[1:])])


def beside(column: str, cell: Callable[[int], Any]) -> list[list[Any]]:
    """A plain table with a column that is not needed."""
    return [["participant", column, *ITEMS], *([PEOPLE[k], cell(k), *ROWS[k]] for k in range(N))]


def by_wave(person: Callable[[int], Any], wave: Callable[[int], Any]) -> list[list[Any]]:
    return [["participant", "wave", *ITEMS], *([person(k), wave(k), *ROWS[k]] for k in range(N))]


def with_cells(cells: dict[tuple[int, int], Any]) -> list[list[Any]]:
    """A plain table with other cells at (row below the header, column)."""
    rows = table()
    for (row, column), cell in cells.items():
        rows[row][column] = cell
    return rows


def changed(path: Path, change: Callable[[str], str]) -> Path:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def edited(folder: Path, edit: Callable[[Any, Any], None]) -> Path:
    """A plain workbook, changed."""
    from openpyxl import load_workbook

    path = book(folder, table())
    workbook = load_workbook(path)
    edit(workbook, workbook.worksheets[0])
    workbook.save(path)
    return path


@odd(
    "a remark with a line break, not in quotes", refused("2 lines .lines 4, 5. not of the 8 fields", "quotes")
)
def broken_remark(folder: Path) -> Path:
    return changed(
        text(folder, beside("note", lambda _: "fine")), lambda t: t.replace("P003,fine", "P003,a\nb")
    )


@odd("remarks with line breaks and commas, in quotes", plain())
def quoted_remarks(folder: Path) -> Path:
    return text(folder, beside("note", lambda _: "one\ntwo, three"))


@odd("two header rows with the same names", plain())
def same_headers(folder: Path) -> Path:
    return text(folder, [table()[0], *table()])


@odd(
    "waves in mixed capitals",
    plain(
        [PEOPLE[k % 6] for k in range(N)],
        [("Pre", "post")[k % 3 > 0] for k in range(N)],
        asks="wave_names: 'Post' is 'post' (4 rows)",
    ),
)
def mixed_waves(folder: Path) -> Path:
    names = ("PRE", "Post"), ("Pre", "post")
    return text(folder, by_wave(lambda k: PEOPLE[k % 6], lambda k: names[k % 3 > 0][k // 6]))


@odd("waves 1 and 2.0", plain([PEOPLE[k % 6] for k in range(N)], [str(1 + k // 6) for k in range(N)]))
def decimal_waves(folder: Path) -> Path:
    return text(folder, by_wave(lambda k: PEOPLE[k % 6], lambda k: ("1", "2.0")[k // 6]))


@odd(
    "ids 1, 1.0 and 001 at three waves",
    refused("4 pairs of participant ids, of 12 ids, differ in", "in one way"),
)
def ids_in_three_ways(folder: Path) -> Path:
    ways = ("{}", "{}.0", "00{}")
    return text(folder, by_wave(lambda k: ways[k // 4].format(k % 4 + 1), lambda k: k // 4 + 1))


@odd("repeated ids without a wave", refused("without a wave column, is not unique: 12 rows", "doubles: last"))
def no_wave(folder: Path) -> Path:
    return text(folder, [table()[0], *([PEOPLE[k % 6], *ROWS[k]] for k in range(N))])


@odd("a row sent twice, unchanged", refused("is not unique: 2 rows share one .lines 4, 14.", "doubles: last"))
def exact_double(folder: Path) -> Path:
    return text(folder, [*table(), table()[3]])


@odd("a row sent twice, one answer changed", refused("is not unique: 2 rows share one", "doubles: last"))
def near_double(folder: Path) -> Path:
    return text(folder, [*table(), [*table()[3][:6], 1 + table()[3][6] % 5]])


@odd(
    "a row of sums without a name, in the range of the codes",
    refused("missing in 1 row .line 14", "in every row"),
)
def nameless_sums(folder: Path) -> Path:
    return text(folder, [*table(), ["", *[3] * 6]])


@odd("-99, n/a and . for missing", refused("2 answers are no code .* lines 4, 7", "null for none"))
def mixed_missing(folder: Path) -> Path:
    return text(folder, with_cells({(3, 1): "-99", (4, 2): "n/a", (5, 3): ".", (6, 4): "-99"}))


@odd("Windows quotes in a remark", plain(asks="file.encoding: cp1252"))
def windows_quotes(folder: Path) -> Path:
    return text(folder, beside("note", lambda _: "it\u2019s \u201cfine\u201d"), encoding="cp1252")


@odd("semicolons, decimal commas, points between thousands", plain())
def german_numbers(folder: Path) -> Path:
    rows = [
        [person, amount, *(f"{code},0" for code in codes)]
        for person, amount, *codes in beside("pay", lambda _: "1.234,50")[1:]
    ]
    return text(folder, [["participant", "pay", *ITEMS], *rows], sep=";")


@odd("byte-order marks within", plain())
def marks_within(folder: Path) -> Path:
    cells = {(0, 3): "\ufeffq3", (4, 0): "\ufeffP004", (5, 2): f"\ufeff{ROWS[4][1]}"}
    return text(folder, with_cells(cells))


@odd("two files put together with their heads and marks", plain(asks="heads repeated"))
def put_together(folder: Path) -> Path:
    return text(folder, [*table()[:7], ["\ufeffparticipant", *ITEMS], *table()[7:]])


@odd("signs that cannot be seen in ids", plain())
def unseen_signs(folder: Path) -> Path:
    return text(folder, [table()[0], *([f"{PEOPLE[k]}\u200b", *ROWS[k]] for k in range(N))])


@odd("blanks that do not break, around cells", plain())
def fixed_blanks(folder: Path) -> Path:
    return text(
        folder, [table()[0], *([f"{PEOPLE[k]}\u00a0", *(f"\u00a0{c}" for c in ROWS[k])] for k in range(N))]
    )


@odd("labels with blanks that do not break", plain())
def fixed_blanks_in_labels(folder: Path) -> Path:
    return text(folder, table(lambda code: LABELS[code].replace(" ", "\u00a0")))


@odd("Arabic digits", refused("72 cells hold text", "`answers` of the mapping"))
def arabic_digits(folder: Path) -> Path:
    return text(folder, table(lambda code: chr(0x660 + code)))


@odd("answers as 4E+00", plain())
def scientific(folder: Path) -> Path:
    return text(folder, table(lambda code: f"{code}E+00"))


@odd("percent of the scale, 0 to 100", refused("72 answers are no code", "`answers` of the mapping"))
def percent_of_scale(folder: Path) -> Path:
    return text(folder, table(lambda code: (code - 1) * 25 or 100.0))


@odd("codes from 0 to 4", refused("18 answers are no code", "`answers` of the mapping"))
def from_zero(folder: Path) -> Path:
    return text(folder, table(lambda code: code - 1))


@odd("codes with a minus", refused("answers are no code", "`answers` of the mapping"))
def negative(folder: Path) -> Path:
    return text(folder, table(lambda code: -code))


@odd("stars", refused("72 cells hold text", "`answers` of the mapping"))
def stars(folder: Path) -> Path:
    return text(folder, table(lambda code: "*" * code))


@odd("only the turned column of an item", refused("1 of 6 item columns .* absent: 'q2'", "not_asked"))
def only_turned(folder: Path) -> Path:
    return text(folder, [["participant", "q1", "q2_r", *ITEMS[2:]], *table()[1:]])


@odd("wordings in another order than the items", plain())
def other_order(folder: Path) -> Path:
    head = ["participant", *(WORDING[item] for item in ITEMS[::-1])]
    return text(folder, [head, *([PEOPLE[k], *ROWS[k][::-1]] for k in range(N))])


@odd("a field too many in one line", refused("1 line .line 5. not of the 7 fields", "end no line early"))
def field_too_many(folder: Path) -> Path:
    rows = table()
    return text(folder, [*rows[:4], [*rows[4], 9], *rows[5:]])


@odd("every line in quotes", refused("no column is any of the 6 items", "written for it"))
def quoted_lines(folder: Path) -> Path:
    return changed(text(folder, table()), lambda t: "".join(f'"{line}"\n' for line in t.splitlines()))


@odd("a byte of zero far down", refused("1 byte of zero .line 13", "export it again"))
def zero_byte(folder: Path) -> Path:
    path = text(folder, table())
    path.write_bytes(path.read_bytes().replace(b"P012", b"P0\x0012"))
    return path


@odd("a day of answering by the name of its zone", plain())
def zone_by_name(folder: Path) -> Path:
    return text(folder, beside("completed_on", lambda _: "2026-03-04 23:30 CET"))


@odd("a day of answering with a year of two digits", plain())
def short_years(folder: Path) -> Path:
    return text(folder, beside("completed_on", lambda _: "03/04/26"))


@odd("a workbook with hidden and filtered rows and a hidden column", plain())
def hidden_parts(folder: Path) -> Path:
    def hide(_: Any, sheet: Any) -> None:
        sheet.auto_filter.ref = "A1:G13"
        sheet.auto_filter.add_filter_column(1, ["1"])
        sheet.row_dimensions[4].hidden = sheet.row_dimensions[6].hidden = True
        sheet.column_dimensions["C"].hidden = True

    return edited(folder, hide)


@odd("a workbook with a hidden sheet of other answers", plain())
def hidden_sheet(folder: Path) -> Path:
    def add(workbook: Any, _: Any) -> None:
        other = workbook.create_sheet("old")
        other.append(table()[0])
        other.append(["P001", *[1] * 6])
        other.sheet_state = "veryHidden"

    return edited(folder, add)


@odd("formulas without values in a column that is not needed", plain())
def needless_formulas(folder: Path) -> Path:
    return edited(folder, lambda _, sheet: [sheet.cell(r, 8, f"=SUM(B{r}:G{r})") for r in range(1, 14)])


@odd(
    "answers in merged cells",
    refused("2 cells are merged with others .column 'q1'; rows 4, 5.", "merged cells apart"),
)
def merged_answers(folder: Path) -> Path:
    return edited(folder, lambda _, sheet: sheet.merge_cells("B3:B5"))


@odd(
    "answers merged over two columns",
    refused("1 cell is merged .* .column 'q2'; row 3.", "merged cells apart"),
)
def merged_across(folder: Path) -> Path:
    return edited(folder, lambda _, sheet: sheet.merge_cells("B3:C3"))


def _error_at(*cells: str) -> Callable[[Any, Any], None]:
    def write(_: Any, sheet: Any) -> None:
        for cell in cells:
            sheet[cell] = "#N/A"
            sheet[cell].data_type = "e"

    return write


@odd(
    "#N/A among the answers",
    plain(
        asks="'#N/A' as missing",
        rows=ANSWERS.astype("Int64").mask((ANSWERS.index == 2)[:, None] & (np.arange(6) == 1)),
    ),
)
def error_cell(folder: Path) -> Path:
    return edited(folder, _error_at("C4"))


@odd("#N/A in a column that is not needed", plain())
def error_beside(folder: Path) -> Path:
    return edited(folder, _error_at("H1", "H4"))


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop, warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        dta.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out + err


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_gives_the_plain_answers_or_one_message_with_a_cure(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gives = ODD[name].gives
    path, mapping, out = ODD[name].write(tmp_path), tmp_path / "mapping.yaml", tmp_path / "out.csv"
    base = ("import", path, "--instrument", CASES / "mini.yaml", "--write-mapping", mapping)
    status, said = run(capsys, *base, "--yes", "--out", out)
    if gives.answers is None:
        assert status == 2, said
        assert re.search(gives.words, said), said
        assert re.search(rf"Hint: .*{gives.cure}", said), said
        assert said.count("Hint:") == 1
        assert not out.exists()
        return
    assert status == 0, said
    asked = said.count("\nUNSURE: ")
    assert (asked > 0) == bool(gives.asks), said
    assert (gives.asks or "") in said
    if asked:  # nothing unsure is taken without that word
        mapping.unlink()
        run(capsys, *base)
        status, refusal = run(capsys, *base[:4], "--mapping", mapping, "--out", tmp_path / "none.csv")
        assert status == 2
        assert "unsure" in refusal
    read = pd.read_csv(out, dtype=str, keep_default_na=False)
    expected = gives.answers.astype("Int64").assign(participant=gives.people, wave=gives.waves)
    for item in ITEMS:
        given = read[item].replace({"": None}).astype("Int64")
        assert given.tolist() == expected[item].tolist(), item
    assert read["participant"].tolist() == list(gives.people)
    assert read["wave"].tolist() == list(gives.waves)


CURED: dict[str, tuple[str, dict[str, Any]]] = {
    "qualtrics_recoded": ("answers", {"agreement": {str(k + 10): k for k in range(1, 6)}}),
    "foreign_texts": ("answers", {"agreement": {label: code for code, label in GERMAN.items()}}),
    "lime_from_zero": ("answers", {"agreement": {f"A{k - 1}": k for k in range(1, 6)}}),
    "letters": ("answers", {"agreement": {"ABCDE"[k - 1]: k for k in range(1, 6)}}),
    "item_renamed": ("items", {"q1": "q1", "q2": "q2r", **{item: item for item in ITEMS[2:]}}),
    "lime_codes": ("answers", {"agreement": {f"A{k}": k for k in range(1, 6)}}),
}


@pytest.mark.parametrize("name", CURED)
def test_the_cure_that_is_named_cures(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, where, out = ODD[name].write(tmp_path), tmp_path / "mapping.yaml", tmp_path / "out.csv"
    base = ("import", path, "--instrument", CASES / "mini.yaml")
    run(capsys, *base, "--write-mapping", where)
    entry, value = CURED[name]
    assert load_mapping(where).instrument == "mini"
    changed = load_mapping(where).accepted().model_dump(mode="json") | {entry: value}
    where.write_text(yaml.safe_dump(changed), encoding="utf-8")
    status, said = run(capsys, *base, "--mapping", where, "--out", out)
    assert status == 0, said
    assert pd.read_csv(out)[ITEMS].to_numpy().tolist() == ANSWERS.to_numpy().tolist()


def mended(tmp_path: Path, capsys: pytest.CaptureFixture[str], path: Path, **entries: Any) -> pd.DataFrame:
    """Refused as it is, read once the mapping holds the entries that the message names."""
    where, out = tmp_path / "m.yaml", tmp_path / "out.csv"
    base = ("import", path, "--instrument", CASES / "mini.yaml")
    run(capsys, *base, "--write-mapping", where)
    status, said = run(capsys, *base, "--mapping", where, "--out", out)
    assert status == 2
    assert re.search(rf"or write `{next(iter(entries))}: ", said), said
    content = load_mapping(where).accepted().model_dump(mode="json") | entries
    where.write_text(yaml.safe_dump(content), encoding="utf-8")
    status, said = run(capsys, *base, "--mapping", where, "--out", out)
    assert status == 0, said
    assert "Note: " in said
    where.unlink()
    return pd.read_csv(out, dtype=str)


def test_who_answered_twice_counts_once_where_the_mapping_says_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = text(tmp_path, [*table(), ["P001", 2, 2, 2, 2, 2, 2]])
    last = mended(tmp_path, capsys, path, doubles="last").set_index("participant")
    assert last.loc["P001", ITEMS].tolist() == ["2"] * 6
    assert len(last) == N
    first = mended(tmp_path, capsys, path, doubles="first").set_index("participant")
    assert first.loc["P001", ITEMS].tolist() == [str(code) for code in ROWS[0]]


def test_ids_are_made_alike_where_the_mapping_says_in_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [["participant", "wave", *ITEMS]]
    rows += [[f"00{k + 1}", "a", *ROWS[k]] for k in range(6)] + [
        [str(k - 5), "b", *ROWS[k]] for k in range(6, N)
    ]
    read = mended(tmp_path, capsys, text(tmp_path, rows), ids_alike=["zeros"])
    assert read["participant"].tolist() == [str(k + 1) for k in range(6)] * 2
    assert read[ITEMS].astype(int).to_numpy().tolist() == ROWS


def test_merged_ids_are_filled_down_where_the_mapping_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [[PEOPLE[k // 2] if k % 2 == 0 else None, k % 2 + 1, *ROWS[k]] for k in range(N)]
    path = book(tmp_path, [["participant", "wave", *ITEMS], *rows])
    read = mended(tmp_path, capsys, path, fill_down=["participant"])
    assert read["participant"].tolist() == TWICE
    assert read[ITEMS].astype(int).to_numpy().tolist() == ROWS


def test_a_plain_table_with_totals_below_is_refused_and_trials_are_suspected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    path = text(tmp_path, [*table(), ["Mittelwert", *[3] * 6]])
    status, said = run(capsys, "import", path, "-i", CASES / "mini.yaml", "--out", out)
    assert status == 2
    assert "1 row at the end seem to sum up the people above (line 14)" in said
    path = text(tmp_path, [*table(), ["test", *[3] * 6]])
    status, said = run(capsys, "import", path, "-i", CASES / "mini.yaml", "--out", out)
    assert status == 0
    assert "may be of people who tried the survey out" in said


def test_a_sheet_and_columns_that_are_named_are_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from openpyxl import load_workbook

    path = book(tmp_path, [["who", "age", *ITEMS], *([row[0], 30, *row[1:]] for row in table()[1:])])
    workbook = load_workbook(path)
    workbook.create_sheet("Other").append(["x"])
    workbook.save(path)
    base = ("import", path, "-i", CASES / "mini.yaml", "--write-mapping", tmp_path / "m.yaml")
    status, said = run(capsys, *base)
    assert status == 2
    assert "--sheet NAME" in said
    out = tmp_path / "out.csv"
    status, said = run(capsys, *base, "--sheet", "Sheet", "--participant", "who", "--yes", "--out", out)
    assert status == 0, said
    read = pd.read_csv(out)
    assert read["participant"].tolist() == PEOPLE
    assert read[ITEMS].to_numpy().tolist() == ROWS
    (tmp_path / "m.yaml").unlink()
    status, said = run(capsys, *base, "--sheet", "Sheet", "--participant", "whom")
    assert status == 2
    assert "there is no column 'whom'" in said


def test_what_a_workbook_hides_is_said_with_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ("-i", CASES / "mini.yaml", "--out", tmp_path / "out.csv")
    said = run(capsys, "import", hidden_parts(tmp_path), *base)[1]
    assert "Note: 2 rows a filter hides or somebody hid (rows 4, 6): read like the others" in said
    assert "Note: 1 hidden column ('q2'): read like the others" in said
    said = run(capsys, "import", hidden_sheet(tmp_path), "--sheet", "old", *base)[1]
    assert "Note: sheet 'old' is hidden, and was read" in said
    (tmp_path / "out.csv").unlink()
    said = run(
        capsys, "import", hidden_sheet(tmp_path), *base, "--yes", "--write-mapping", tmp_path / "m.yaml"
    )[1]
    assert "Note: 1 hidden sheet of the workbook not read: 'old'" in said
    bare = run(capsys, "import", book(tmp_path, table()), *base)[1]
    assert "Note: " in bare
    assert not re.search("Note: .*(hid|merged)", bare)


def test_ids_that_are_almost_one_at_one_wave_are_suspected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = ["1", "1.0", "001", *PEOPLE[3:]]
    path = text(tmp_path, [table()[0], *([people[k], *ROWS[k]] for k in range(N))])
    status, said = run(capsys, "import", path, "-i", CASES / "mini.yaml", "--out", tmp_path / "out.csv")
    assert status == 0
    assert (
        "suspicion: 3 participant ids differ from another in capitals, blanks, decimals or leading zeros"
        in said
    )


def test_what_came_in_is_counted_by_a_ledger_and_shows_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fourteen rows: two previews, twelve people; days as written; no id and no answer in the picture."""
    further = [preview("1"), preview("Survey Preview")]
    path = qualtrics(tmp_path, cell=lambda code: LABELS[code], further=further)
    last = r"2026-03-09 23:59:00\1"
    changed(path, lambda t: re.sub(r"[^,\n]+(,0,,100,1,[^,]+,R_3,)", last, t))
    status, said = run(
        capsys, "import", path, "-i", CASES / "mini.yaml", "--write-mapping", tmp_path / "m.yaml"
    )
    assert status == 0
    picture = said.partition("\nrows: ")[2].partition("\nanswers: ")[0].splitlines()
    assert picture[0] == "14 read, 12 kept, 2 left out by 'Status'"
    assert picture[1] == "people: 12"
    assert picture[2] == "days of answers: 2026-03-01 to 2026-03-09, in every row"
    assert [line.partition(":")[0] for line in picture[3:]] == ["line 4", "line 5", "line 6"]
    assert "'ExternalReference' a text" in picture[3]
    assert "'EndDate' a date" in picture[3]
    assert "'q1' a text" in picture[3]
    whole = "\n".join(picture)
    assert not any(word in whole for word in (*PEOPLE, *LABELS.values(), "R_"))


SIX = (
    "qualtrics/text.csv",
    "surveymonkey/condensed.csv",
    "limesurvey/full.csv",
    "googleforms/form.csv",
    "msforms/form.xlsx",
    "redcap/classic.csv",
)


@pytest.mark.slow  # 15 s for six whole reports
@pytest.mark.parametrize("name", SIX)
def test_two_commands_lead_from_a_survey_tool_to_a_report(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As somebody new would: the second command is the one that the first prints."""
    monkeypatch.chdir(tmp_path)
    status, said = run(capsys, "import", CASES / name, "--instrument", CASES / "mini.yaml", "--yes")
    assert status == 0, said
    then = said.rpartition("Then: dta ")[2].split()
    status, said = run(capsys, *then, "--topics", "items")
    assert status == 0, said
    assert (tmp_path / "report" / "report.html").is_file()
    shown = json.loads((tmp_path / "report" / "results.json").read_text(encoding="utf-8"))
    table = shown["sections"]["items"]["tables"]["statistics"]
    read = read_responses(CASES / name, SCALE, mapping=load_mapping(tmp_path / "mapping.yaml"))
    turned = [item.id for item in SCALE.items if item.reverse]
    keyed = read[ITEMS].astype(float)
    keyed[turned] = 6 - keyed[turned]
    assert table["n"] == keyed.notna().sum().tolist()
    assert table["mean"] == pytest.approx(keyed.mean().tolist(), abs=1e-12)


@pytest.mark.parametrize(("ending", "cure"), [("jasp", "export its data: File"), ("omv", "as .sav or CSV")])
def test_files_of_jasp_and_jamovi_are_refused_with_the_way_to_export_them(
    ending: str, cure: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"answers.{ending}"
    path.write_bytes(b"PK\x03\x04")
    status, said = run(capsys, "import", path, "-i", CASES / "mini.yaml", "--out", tmp_path / "out.csv")
    assert status == 2
    assert re.search(f"Hint: open it in .*{cure}", said), said


def table_of_odd_files() -> str:
    """The table in docs/exchange.md."""
    lines = ["| file | what it gives |", "|---|---|"]
    for case in ODD.values():
        gives = case.gives
        if gives.answers is None:
            words = f"refused; cure: {gives.cure.replace('`', '')}"
        else:
            words = "read once what is unsure is accepted" if gives.asks else "read"
        lines.append(f"| {case.shape} | {words} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_odd_files_is_the_one_that_this_test_makes() -> None:
    content = DOCS.read_text(encoding="utf-8")
    made = content.partition(BEGIN)[2].partition(END)[0]
    assert made == table_of_odd_files(), f"run `python {os.path.basename(__file__)}`"


if __name__ == "__main__":
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    DOCS.write_text(before + BEGIN + table_of_odd_files() + END + rest.partition(END)[2], encoding="utf-8")
    sys.stdout.write(f"{DOCS}\n")
