"""Odd files of survey tools in their variants: other languages, other layouts of one export, other boxes."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from odd_exports import META, google, lime, qualtrics
from odd_files import (
    FRAME,
    ITEMS,
    LABELS,
    NUMBERS,
    PEOPLE,
    ROWS,
    TWICE,
    WORDING,
    N,
    book,
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
from odd_of_strangers import with_columns

DAY = "2026-03-01 10:00:00"
FIVE = range(1, 6)
TICKS = [["1" if code == option else "" for code in row for option in FIVE] for row in ROWS]


def with_fields(path: Path, heads: Sequence[str], row: str) -> Path:
    """An export with further fields at its end."""
    lines = path.read_text(encoding="utf-8").splitlines()
    ends = [*heads, *[row] * (len(lines) - len(heads))]
    path.write_text("\n".join(f"{line},{end}" for line, end in zip(lines, ends, strict=True)) + "\n")
    return path


def with_status(folder: Path, usual: str, others: Sequence[str]) -> Path:
    """An export of Qualtrics whose rows bear texts for their status."""
    more = [[DAY, DAY, text, "", 100, "1", DAY, f"R_p{text}", f"X{text}", *[5] * 6] for text in others]
    return changed(qualtrics(folder, further=more), lambda t: t.replace(f"{DAY},0,", f"{DAY},{usual},"))


@odd("Qualtrics: previews in German and French", plain(asks="2 rows whose 'Status' says"))
def qualtrics_previews_abroad(folder: Path) -> Path:
    return with_status(folder, "IP-Adresse", ("Umfragevorschau", "Aperçu de l'enquête"))


@odd("Qualtrics: a status that is not known", plain(asks="kept as those of people"))
def qualtrics_unknown_status(folder: Path) -> Path:
    path = with_status(folder, "Adresse IP", ())
    return changed(path, lambda t: t.replace("Adresse IP", "Courriel", 1))


@odd("Qualtrics: `Selected Choice` behind the wordings", plain())
def qualtrics_selected_choice(folder: Path) -> Path:
    return qualtrics(folder, lambda i: f"Q{i[1]}9", lambda i: f"{WORDING[i]} - Selected Choice")


@odd("Qualtrics: a column for each option", refused("'q1_1', .*hold ticks", "one column for each item"))
def qualtrics_boxes(folder: Path) -> Path:
    names = [*META, "ExternalReference", *(f"{item}_{option}" for item in ITEMS for option in FIVE)]
    told = [*META, "External Data Reference"]
    told += [f"{WORDING[item]} - {LABELS[option]}" for item in ITEMS for option in FIVE]
    rows = [[DAY, DAY, "0", "", "100", "1", DAY, f"R_{k}", PEOPLE[k], *TICKS[k]] for k in range(N)]
    return text(folder, [names, told, [f'{{"ImportId":"{name}"}}' for name in names], *rows])


@odd("Qualtrics: orders shown and timers of the items", plain())
def qualtrics_orders(folder: Path) -> Path:
    heads = ["q1_DO_1,Q5_DO_q2,q1_First Click,q1_Page Submit", "Q5 - Display Order,x,First Click,Submit"]
    return with_fields(qualtrics(folder), [*heads, '"{""ImportId"":""a""}",b,c,d'], "1,2,0.5,3.1")


@odd("Qualtrics: loop and merge", refused("several answers to item 'q1'", "leave one of"))
def qualtrics_loop(folder: Path) -> Path:
    names = [*META, "ExternalReference", *(f"{turn}_{item}" for turn in (1, 2) for item in ITEMS)]
    told = [*META, "External Data Reference", *WORDING.values(), *WORDING.values()]
    both = [[*row, *(6 - code for code in row)] for row in ROWS]
    rows = [[DAY, DAY, "0", "", "100", "1", DAY, f"R_{k}", PEOPLE[k], *both[k]] for k in range(N)]
    return text(folder, [names, told, [f'{{"ImportId":"{name}"}}' for name in names], *rows])


@odd("Qualtrics: -99 for seen but not answered", refused("1 answer is no code", "`answers` of the mapping"))
def qualtrics_seen(folder: Path) -> Path:
    first = ",".join(map(str, ROWS[0]))
    return changed(qualtrics(folder), lambda t: t.replace(f"P001,{first}", f"P001,-99{first[1:]}"))


SURVEYMONKEY = ["Respondent ID", "Collector ID", "Start Date", "Custom Data 1"]


@odd("SurveyMonkey: condensed", plain(asks="Custom Data 1"))
def monkey_condensed(folder: Path) -> Path:
    rows = [[11800 + k, 1, "03/01/2026", PEOPLE[k], *(LABELS[code] for code in ROWS[k])] for k in range(N)]
    return text(folder, [[*SURVEYMONKEY, *WORDING.values()], [""] * 4 + ["Response"] * 6, *rows])


@odd("SurveyMonkey: expanded, a column for each option", plain(asks="5 columns could be it"))
def monkey_expanded(folder: Path) -> Path:
    top = [cell for item in ITEMS for cell in (WORDING[item], "", "", "", "")]
    chosen = [[LABELS[o] if code == o else "" for code in row for o in FIVE] for row in ROWS]
    rows = [[11800 + k, 1, "03/01/2026", PEOPLE[k], *chosen[k]] for k in range(N)]
    return text(folder, [[*SURVEYMONKEY, *top], [""] * 4 + list(LABELS.values()) * 6, *rows])


@odd("LimeSurvey: the theme and an underscore before the id", plain(asks="another name stands before"))
def lime_theme_before(folder: Path) -> Path:
    return lime(folder, lambda item: f"bond_{item}", str)


@odd("LimeSurvey: N/A for what was not shown", plain(rows=some_missing()))
def lime_not_shown(folder: Path) -> Path:
    cells = {(3, 1): "N/A", (4, 2): "N/A"}
    rows = [row[1:] for row in with_cells(cells)]
    head = ["id", "submitdate", "lastpage", "startlanguage", "token", *rows[0]]
    return text(folder, [head, *([k + 1, DAY, 3, "en", PEOPLE[k], *rows[k + 1]] for k in range(N))])


@odd("LimeSurvey: boxes in brackets", refused("hold ticks", "one column for each item"))
def lime_boxes(folder: Path) -> Path:
    head = ["id", "submitdate", "lastpage", "startlanguage", "token"]
    head += [f"{item}[SQ00{option}]" for item in ITEMS for option in FIVE]
    rows = [[k + 1, DAY, 3, "en", PEOPLE[k], *("Y" if tick else "" for tick in TICKS[k])] for k in range(N)]
    return text(folder, [head, *rows])


@odd("Google Forms: Arabic name and figures of the time", plain(NUMBERS))
def google_arabic(folder: Path) -> Path:
    def arabic(content: str) -> str:
        return content.replace("Timestamp", "طابع زمني").replace("3/1/2026 10:00:00", "٠١/٠٣/٢٠٢٦ ١٠:٠٠:٠٠")

    return changed(google(folder), arabic)


@odd("Microsoft Forms: German, with points and feedback", plain(NUMBERS))
def forms_german(folder: Path) -> Path:
    head = ["ID", "Startzeit", "Fertigstellungszeit", "E-Mail", "Name", "Gesamtpunktzahl", "Quizfeedback"]
    for wording in WORDING.values():
        head += [wording, f"Punkte: {wording}", f"Feedback: {wording}"]
    moment = datetime.datetime(2026, 3, 1, 10)
    cells = [[cell for code in row for cell in (LABELS[code], 0, "")] for row in ROWS]
    rows = [[k + 1, moment, moment, "anonymous", "", 0, "", *cells[k]] for k in range(N)]
    return book(folder, [head, *rows])


@odd("REDCap: its codes of missing data", plain(rows=some_missing(), asks="'NASK' as missing"))
def redcap_missing(folder: Path) -> Path:
    rows = with_cells({(3, 1): "UNK", (4, 2): "NASK"})
    rows = with_columns(rows, ("redcap_data_access_group", "site_a"), ("mini_complete", 2))
    return text(folder, [["record_id", *rows[0][1:]], *rows[1:]])


@odd("REDCap: items as checkboxes", refused("'q1___1', .*hold ticks", "one column for each item"))
def redcap_boxes(folder: Path) -> Path:
    head = ["record_id", *(f"{item}___{option}" for item in ITEMS for option in FIVE), "mini_complete"]
    rows = [[PEOPLE[k], *("1" if tick else "0" for tick in TICKS[k]), 2] for k in range(N)]
    return text(folder, [head, *rows])


@odd("ODK: groups before a dash, one rejected", plain())
def odk_dashes(folder: Path) -> Path:
    head = ["SubmissionDate", "participant", *(f"page1-{item}" for item in ITEMS), "KEY", "ReviewState"]
    day = "2026-03-01T10:00:00.000Z"
    rows = [[day, PEOPLE[k], *ROWS[k], f"uuid:{k}", ""] for k in range(N)]
    return text(folder, [head, *rows, [day, "P900", *[5] * 6, "uuid:9", "rejected"]])


@odd("ODK: the table of a repeat", refused("12 rows share one", "doubles: last"))
def odk_repeat(folder: Path) -> Path:
    head = ["PARENT_KEY", "KEY", "participant", *ITEMS]
    rows = [[f"u{k // 2}", f"u{k // 2}/rep[{k % 2 + 1}]", TWICE[k], *ROWS[k]] for k in range(N)]
    return text(folder, [head, *rows])


@odd("SPSS: labels the other way at all items", refused("labels of 6 columns", "`answers` of the mapping"))
def spss_turned(folder: Path) -> Path:
    turned = {float(6 - code): label for code, label in LABELS.items()}
    return sav(folder, FRAME, variable_value_labels=dict.fromkeys(ITEMS, turned))


@odd("SPSS: codes from 0 by their labels", plain(asks="by the labels of the file 0 is 1"))
def spss_from_zero(folder: Path) -> Path:
    labels = {float(code - 1): label for code, label in LABELS.items()}
    frame = FRAME.assign(**{item: FRAME[item] - 1 for item in ITEMS})
    return sav(folder, frame, variable_value_labels=dict.fromkeys(ITEMS, labels))


@odd("a workbook that counts days from 1904", plain())
def workbook_1904(folder: Path) -> Path:
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    def edit(workbook: Any, sheet: Any) -> None:
        workbook.epoch = CALENDAR_MAC_1904
        for k, cell in enumerate(["completed_on", *[datetime.datetime(2026, 3, 1)] * N], start=1):
            sheet.cell(k, 8, cell)

    return edited(folder, edit)


@odd("a workbook with remarks below the answers", plain(asks="2 rows without an answer (rows 15, 16)"))
def workbook_remarks(folder: Path) -> Path:
    remarks = [[], ["Hinweis: 5 = stimme voll zu"], ["Erhoben im März 2026"]]
    return book(folder, [*table(), *remarks])


@odd("remarks below the answers", plain(asks="1 row without an answer (line 14)"))
def remarks_below(folder: Path) -> Path:
    return text(folder, [*table(), ["Data as of 3 March", *[""] * 6]])


@odd("a mark too many in every line but the first", refused("12 lines .*7 fields", "end no line early"))
def ends_too_many(folder: Path) -> Path:
    def longer(content: str) -> str:
        head, *rows = content.splitlines()
        return "\n".join([head, *(f"{row}," for row in rows)]) + "\n"

    return changed(text(folder, table()), longer)


@odd("UTF-32", plain())
def utf_32(folder: Path) -> Path:
    return text(folder, table(), ";", "utf-32")


@odd("lines that end as on an old Macintosh", plain())
def old_macintosh(folder: Path) -> Path:
    path = text(folder, table())
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\r"))
    return path


@odd("full-width figures", refused("72 cells hold text", "`answers` of the mapping"))
def full_width(folder: Path) -> Path:
    return text(folder, table(lambda code: chr(0xFF10 + code)))


@odd("labels of a longer scale", refused("hold text that is neither", "`answers` of the mapping"))
def longer_scale(folder: Path) -> Path:
    return text(folder, table(lambda code: LABELS[code].replace("Agree", "Somewhat agree")))


@odd("marks of nothing in place of ids", refused("participant is missing in 3 rows .*lines 2, 3, 4", "fill"))
def no_ids(folder: Path) -> Path:
    return text(folder, with_cells({(1, 0): "null", (2, 0): "n/a", (3, 0): "#N/A"}))


@odd("an id that Excel made a date of", refused("'participant' holds dates", "write a label there"))
def date_for_id(folder: Path) -> Path:
    return book(folder, with_cells({(4, 0): datetime.datetime(2026, 3, 1)}))


@odd("codes beside labels, counted from the other end", refused("hold text", "`answers` of the mapping"))
def codes_turned(folder: Path) -> Path:
    return text(folder, table(lambda code: f"{6 - code} - {LABELS[code]}"))
