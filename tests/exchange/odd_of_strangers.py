"""Further odd files, each with a quirk of a tool or of a spreadsheet that nobody asked for."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from odd_exports import google, lime, qualtrics
from odd_files import (
    ANSWERS,
    FRAME,
    ITEMS,
    LABELS,
    NUMBERS,
    PEOPLE,
    ROWS,
    TWICE,
    WORDING,
    N,
    beside,
    book,
    by_wave,
    changed,
    edited,
    odd,
    plain,
    refused,
    sav,
    some_missing,
    table,
    text,
    with_cells,
)


def with_columns(rows: Sequence[Sequence[Any]], *columns: tuple[str, Any]) -> list[list[Any]]:
    """A table with further columns at its end."""
    return [[*row, *(name if k == 0 else cell for name, cell in columns)] for k, row in enumerate(rows)]


@odd("Qualtrics: embedded data and timers beside the items", plain())
def qualtrics_embedded(folder: Path) -> Path:
    path = qualtrics(folder)
    lines = path.read_text(encoding="utf-8").splitlines()
    further = [
        "arm,Q1_First Click,Q1_Page Submit",
        "arm,Timing - First Click,Timing - Page Submit",
        '"{""ImportId"":""arm""}","{""ImportId"":""QID9_FIRST_CLICK""}","{""ImportId"":""QID9_PAGE_SUBMIT""}"',
    ]
    ends = [*further, *["b,1.205,14.91"] * (len(lines) - 3)]
    path.write_text("\n".join(f"{line},{end}" for line, end in zip(lines, ends, strict=True)) + "\n")
    return path


@odd("Qualtrics: spam and a test beside the answers", plain(asks="2 rows whose 'Status' says '8', 'Spam'"))
def qualtrics_spam(folder: Path) -> Path:
    def other(status: str) -> list[Any]:
        return ["2026-03-01 10:00:00", "2026-03-01 10:00:00", status, "", 100, 1, "", "R_x", "x", *[5] * 6]

    return qualtrics(folder, further=[other("8"), other("Spam"), other("2")])


@odd("LimeSurvey: codes of questions in brackets", plain(asks="'A1' as 1"))
def lime_brackets(folder: Path) -> Path:
    return lime(folder, lambda item: f"bond[{item}]")


@odd("LimeSurvey: comments and `other` beside the items", plain(asks="'A1' as 1"))
def lime_comments(folder: Path) -> Path:
    path = lime(folder, str)
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    further = [f"{head},q1[comment],q2[other]", *(f"{row},some words," for row in rows)]
    path.write_text("\n".join(further) + "\n", encoding="utf-8")
    return path


@odd("Google Forms: German dates and times", plain(NUMBERS))
def google_german(folder: Path) -> Path:
    return changed(google(folder), lambda t: t.replace("3/1/2026 10:00:00", "01.03.2026 10:00:00"))


@odd("Google Forms: a time zone behind the time", plain(NUMBERS))
def google_zone(folder: Path) -> Path:
    return changed(google(folder), lambda t: t.replace("3/1/2026 10:00:00", "2026/03/01 10:00:00 AM EET"))


@odd("REDCap: checkboxes and another form that is repeated", plain())
def redcap_checkboxes(folder: Path) -> Path:
    boxes = ["symptoms___1", "symptoms___2", "symptoms____99"]
    head = [
        "record_id",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
        *boxes,
        *ITEMS,
        "mini_complete",
        "d",
    ]
    rows: list[list[Any]] = []
    for k in range(N):
        rows.append([PEOPLE[k], "", "", 1, 0, 0, *ROWS[k], 2, ""])
        rows += [[PEOPLE[k], "diary", r, *[""] * 10, "x"] for r in (1, 2, 3)]
    return text(folder, [head, *rows])


@odd(
    "REDCap: the labels of its fields, twice the same",
    refused("several answers to item 'q1'", "leave one of"),
)
def redcap_labels_twice(folder: Path) -> Path:
    head = ["Record ID", *WORDING.values(), WORDING["q1"], "Complete?"]
    return text(folder, [head, *([PEOPLE[k], *ROWS[k], 6 - ROWS[k][0], "Complete"] for k in range(N))])


@odd("SPSS: a range and one value declared missing", plain(rows=some_missing()))
def spss_range_and_value(folder: Path) -> Path:
    frame = FRAME.copy()
    frame.loc[2, "q1"], frame.loc[3, "q2"] = -99.0, 77.0
    return sav(folder, frame, missing_ranges={item: [{"lo": -99, "hi": -90}, 77] for item in ITEMS})


@odd("Stata: labels at the letters of missing values", plain(rows=some_missing(), asks="as missing"))
def stata_labelled_letters(folder: Path) -> Path:
    import pyreadstat

    frame = ANSWERS.astype(object).assign(participant=PEOPLE)
    frame.loc[2, "q1"], frame.loc[3, "q2"] = "a", "d"
    frame = frame.astype(dict.fromkeys(ITEMS[2:], int))
    labels: dict[str, dict[Any, str]] = {item: dict(LABELS) for item in ITEMS}
    labels["q1"] |= {"a": "Refused"}
    pyreadstat.write_dta(
        frame,
        str(folder / "a.dta"),
        missing_user_values={"q1": ["a"], "q2": ["d"]},
        variable_value_labels=labels,
    )
    return folder / "a.dta"


@odd("a workbook with merged heads and rows that are hidden", plain())
def merged_heads_hidden_rows(folder: Path) -> Path:
    from openpyxl import load_workbook

    top = ["", "Bond", "", "", "Task", "", ""]
    path = book(folder, [top, *table()], ("B1:D1", "E1:G1"))
    workbook = load_workbook(path)
    workbook.worksheets[0].row_dimensions[5].hidden = True
    workbook.save(path)
    return path


@odd("a workbook that ends in sums", plain(asks="are no people"))
def sums_below(folder: Path) -> Path:
    return book(folder, [*table(), ["Gesamt", *[36] * 6], ["Average", *[3.0] * 6]])


@odd("a workbook whose cells are shown as percent", plain())
def shown_as_percent(folder: Path) -> Path:
    def shown(_: Any, sheet: Any) -> None:
        for row in range(2, N + 2):
            sheet.cell(row, 2).number_format = "0%"

    return edited(folder, shown)


@odd(
    "a workbook with true and false for answers", refused("true or false|72 cells|12 cells", "codes|answers")
)
def booleans(folder: Path) -> Path:
    return book(folder, table(lambda code: code > 3))


@odd("a workbook with empty, coloured columns and rows to the right and below", plain())
def coloured(folder: Path) -> Path:
    from openpyxl.styles import PatternFill

    def paint(_: Any, sheet: Any) -> None:
        for cell in ("J1", "K40", "A60"):
            sheet[cell].fill = PatternFill("solid", fgColor="FFFF00")

    return edited(folder, paint)


@odd("a wave that Excel made a date of", refused("column 'wave' holds dates", "write a label"))
def wave_dates(folder: Path) -> Path:
    return book(folder, by_wave(lambda k: TWICE[k], lambda k: datetime.datetime(2026, 3, 1 + k % 2)))


@odd("semicolons, decimal commas and a byte-order mark", plain())
def german_with_mark(folder: Path) -> Path:
    return text(folder, table(lambda code: f"{code},00"), ";", "utf-8-sig")


@odd("UTF-16 the other way round, tabs", plain())
def utf16_big(folder: Path) -> Path:
    path = text(folder, table(), "\t", name="a.tsv")
    path.write_bytes(b"\xfe\xff" + path.read_text(encoding="utf-8").encode("utf-16-be"))
    return path


@odd("days on the night when clocks change", plain())
def night_of_clocks(folder: Path) -> Path:
    rows = beside("completed_at", lambda k: f"2026-03-29 0{1 + k % 3}:30:00")
    return text(folder, rows)


@odd("ids that differ in capitals at one wave", plain(["p001", *PEOPLE[:1], *PEOPLE[2:]]))
def ids_in_capitals(folder: Path) -> Path:
    people = ["p001", "P001", *PEOPLE[2:]]
    return text(folder, [table()[0], *([people[k], *ROWS[k]] for k in range(N))])


@odd("ids with marks between thousands", plain([f"1,{k:03d}" for k in range(N)]))
def ids_with_thousands(folder: Path) -> Path:
    return text(folder, [table()[0], *([f"1,{k:03d}", *ROWS[k]] for k in range(N))])


@odd("the number of people below", refused("not of the 7 fields|missing in|no people|line 14", "."))
def number_below(folder: Path) -> Path:
    return changed(text(folder, table()), lambda t: t + "N = 12\n")


@odd("answers as 4/5", refused("72 cells hold text", "`answers` of the mapping"))
def of_five(folder: Path) -> Path:
    return text(folder, table(lambda code: f"{code}/5"))


@odd("label, then code in brackets", plain())
def label_then_code(folder: Path) -> Path:
    return text(folder, table(lambda code: f"{LABELS[code]} ({code})"))


@odd("code, equals sign, label", plain())
def code_equals_label(folder: Path) -> Path:
    return text(folder, table(lambda code: f"{code} = {LABELS[code]}"))


@odd("labels in capitals with blanks that do not break", plain())
def labels_in_capitals(folder: Path) -> Path:
    return text(folder, table(lambda code: f"{LABELS[code].upper()}\xa0".replace(" ", "\xa0")))


@odd("labels beside codes from 0", refused("cells hold text", "`answers` of the mapping"))
def labels_from_zero(folder: Path) -> Path:
    return text(folder, table(lambda code: f"{code - 1} = {LABELS[code]}"))


@odd("a line break and a remark in every name", refused("no column is any of the 6 items", "written for it"))
def names_broken(folder: Path) -> Path:
    rows = table()
    return text(folder, [["participant", *(f"{item}\n(1 to 5)" for item in ITEMS)], *rows[1:]])


@odd("remarks above the header, each behind #", plain(asks="above the header"))
def remarks_above(folder: Path) -> Path:
    return changed(text(folder, table()), lambda t: f"# exported 2026-03-31\n# by nobody\n{t}")


@odd("another table below, after a blank line", refused("not of the 7 fields", "end no line early"))
def second_table(folder: Path) -> Path:
    return changed(text(folder, table()), lambda t: f"{t}\nsite,n\nnorth,6\nsouth,6\n")


@odd("bars between the fields", plain())
def bars(folder: Path) -> Path:
    return text(folder, table(), "|")


@odd("single quotes around everything", refused("72 cells hold text|no column|12 ", "."))
def single_quotes(folder: Path) -> Path:
    return text(folder, [[f"'{cell}'" for cell in row] for row in table()])


@odd("columns that pandas made unlike: q1 and q1.1", plain(asks="may hold items at another wave"))
def pandas_twins(folder: Path) -> Path:
    rows = table()
    head = [*rows[0], *(f"{item}.1" for item in ITEMS)]
    return text(folder, [head, *([*row, *ROWS[0]] for row in rows[1:])])


@odd("a JSON file", refused("a.json has the ending", "save it as CSV"))
def json_file(folder: Path) -> Path:
    (folder / "a.json").write_text('[{"participant": "P001", "q1": 4}]')
    return folder / "a.json"


@odd("an OpenDocument sheet", refused("a.ods has the ending", "save it as .xlsx"))
def open_document(folder: Path) -> Path:
    (folder / "a.ods").write_bytes(b"PK\x03\x04" + b"\x00" * 40)
    return folder / "a.ods"


@odd("a zipped table", refused("is not read|not text|is read", "unpack|CSV|csv|xlsx"))
def zipped(folder: Path) -> Path:
    import zipfile

    with zipfile.ZipFile(folder / "a.csv", "w") as archive:
        archive.writestr("b.csv", "participant,q1\nP001,4\n")
    return folder / "a.csv"


@odd(
    "two answers in one cell", refused("1 cell holds text .*column 'q2'; line 5", "`answers` of the mapping")
)
def two_answers(folder: Path) -> Path:
    return text(folder, with_cells({(4, 2): "3;4"}))


@odd("durations and sums with marks between thousands, not needed", plain())
def needless_marks(folder: Path) -> Path:
    return text(folder, with_columns(table(), ("steps", "12,345"), ("rate", "45 %"), ("took", "0:04:10")))
