"""Exports of survey tools and statistics programs as they go wrong."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from odd_files import (
    ANSWERS,
    FRAME,
    GERMAN,
    ITEMS,
    LABELS,
    NUMBERS,
    PEOPLE,
    ROWS,
    TWICE,
    WORDING,
    N,
    book,
    odd,
    plain,
    refused,
    sav,
    some_missing,
    text,
)

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


def redcap(folder: Path, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    return text(folder, [head, *rows])


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


@odd("LimeSurvey: codes from A0", refused("18 cells hold text", "`answers` of the mapping"))
def lime_from_zero(folder: Path) -> Path:
    return lime(folder, str, lambda code: f"A{code - 1}")
