"""Tables that people made or changed by hand, as they go wrong."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from odd_files import (
    ANSWERS,
    GERMAN,
    ITEMS,
    LABELS,
    NUMBERS,
    PEOPLE,
    ROWS,
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
    table,
    text,
    with_cells,
)


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


@odd("a time of answering is no wave", plain())
def time_of_answering(folder: Path) -> Path:
    rows = [[row[0], f"2026-03-01 10:{k:02d}", *row[1:]] for k, row in enumerate(table())]
    rows[0][1] = "time"
    return text(folder, rows)


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
        [("Pre", "post")[k // 6] for k in range(N)],
        asks="wave_names: 'Post' is 'post' (2 rows)",
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
