"""Survey tools, by the columns that their exports always have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from instrument.standing import COMPLETED, OPEN

EVENT = re.compile(r"(?:wave_)?(.+?)(?:_arm_\d+)?")
REST = "*"
"""In the states of a mapping: any text that is not named."""
STATUS_OF = {
    "": OPEN,
    "0": OPEN,
    "1": OPEN,
    "2": COMPLETED,
    "incomplete": OPEN,
    "unverified": OPEN,
    "complete": COMPLETED,
}
"""REDCap's state of a form; what is unverified was not yet declared complete."""
YES_OR_NO = {
    **dict.fromkeys(("1", "true", "yes", "wahr", "ja", "vrai", "oui", "verdadero"), COMPLETED),
    **dict.fromkeys(("", "0", "false", "no", "falsch", "nein", "faux", "non", "falso"), OPEN),
}
"""Whether a response was finished, as tools in several languages write it."""
STATES = {
    **dict.fromkeys(("completed", "complete", "finished", "submitted", "done"), COMPLETED),
    **dict.fromkeys(("open", "incomplete", "partial", "in-progress", "in progress", "started"), OPEN),
    **dict.fromkeys(("not completed", "not finished", "unfinished", "abandoned"), OPEN),
}
"""States in words; ours are `completed` and `open`."""
STATE_NAMES = ("status", "state", "completed", "complete", "finished", "form status", "response status")
"""Plain names of columns that may hold the state of a form in a table of no tool."""
IMPORT_ID = '{"ImportId"'
"""How cells of Qualtrics' third header row begin."""
TRIED_OUT = re.compile(
    r"preview|vorschau|aperçu|prévisualis|pré-?visualiza|vista previa|anteprima|voorbeeld|förhandsgranska|"
    r"forhåndsvisning|podgląd|önizleme|προεπισκόπηση|предварительн|предпросмотр|معاينة|プレビュー|预览|預覽|"
    r"미리\s?보기|\btests?\b|\bspam\b",
    re.IGNORECASE,
)
"""How tools in several languages mark a row as that of somebody who tried the survey out."""
ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


def plain_name(text: str) -> str:
    """Give a name without what cannot be seen: zero-width signs, odd and doubled blanks, capitals.

    Parameters
    ----------
    text
        Name of a column, a wording, a label.

    Returns
    -------
    str
        For comparing.

    Examples
    --------
    >>> plain_name(" Start\\xa0 Date\\u200b")
    'start date'
    """
    return " ".join(unicodedata.normalize("NFKC", text).translate(ZERO_WIDTH).casefold().split())


def names_of(label: str) -> tuple[str, ...]:
    """Plain names of a column: the whole, and what stands before a point where code and text stand together.

    Parameters
    ----------
    label
        As LimeSurvey heads columns with code and text.

    Returns
    -------
    tuple of str
        One name, or two.

    Examples
    --------
    >>> names_of("submitdate. Date submitted"), names_of("q1.2")
    (('submitdate. date submitted', 'submitdate'), ('q1.2',))
    """
    whole = plain_name(label)
    code, mark, _ = whole.partition(". ")
    return (whole, code) if mark and code.isidentifier() else (whole,)


def wave_of_event(event: str) -> str:
    """Give the wave that a REDCap event stands for.

    Parameters
    ----------
    event
        Unique name of the event.

    Returns
    -------
    str
        Without `wave_` before and `_arm_1` behind.

    Examples
    --------
    >>> wave_of_event("wave_week3_arm_1"), wave_of_event("week_6_arm_1")
    ('week3', 'week_6')
    """
    found = EVENT.fullmatch(event)
    return found.group(1) if found else event


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that writes files of answers.

    Attributes
    ----------
    name
        In mapping files.
    marks
        Sets of plain names of columns; an export has all of one set.
    people
        Plain names of columns that hold a code of the person.
    responses
        Plain names of columns that number the responses, not the people.
    maybe_people
        Plain names of columns in which a study may have put a code of the person.
    waves
        Plain names of columns that hold the occasion.
    completed
        Plain names of columns that hold the moment at which a person ended; not that of an upload.
    status
        Plain names of columns that say whether a response was finished.
    states
        Text of such a column, casefolded, to the state; `*` stands for any other text.
    without_rows
        Plain name of a column to the texts of rows that are no answers of people.
    doubted_rows
        The same of rows that the tool itself doubts, such as spam; a person is asked about them.
    usual_rows
        The same of rows of people; what is none of these texts, a person is asked about.
    header_rows
        How many rows of the header an export has; 0 where it has to be seen.
    names_row
        Which of them names the columns.
    """

    name: str
    marks: tuple[frozenset[str], ...] = ()
    people: tuple[str, ...] = ()
    responses: tuple[str, ...] = ()
    maybe_people: tuple[str, ...] = ()
    waves: tuple[str, ...] = ()
    completed: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    states: dict[str, str] = field(default_factory=dict)
    without_rows: dict[str, tuple[str, ...]] = field(default_factory=dict)
    doubted_rows: dict[str, tuple[str, ...]] = field(default_factory=dict)
    usual_rows: dict[str, tuple[str, ...]] = field(default_factory=dict)
    header_rows: int = 0
    names_row: int = 1


def _marks(*sets: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(names.split("|")) for names in sets)


TOOLS = (
    Tool(
        name="qualtrics",
        marks=_marks("startdate|enddate|recordeddate|responseid", "startdate|enddate|responseid|finished"),
        people=("externalreference", "externaldatareference"),
        responses=("responseid",),
        maybe_people=("recipientemail",),
        completed=("enddate",),
        status=("finished",),
        states=YES_OR_NO,
        without_rows={
            "status": (
                *("1", "Survey Preview", "2", "Survey Test", "9", "Survey Preview Spam"),
                *("17", "Offline Survey Preview"),
            )
        },
        doubted_rows={"status": ("8", "Spam", "12", "Imported Spam", "40", "EX Spam")},
        usual_rows={"status": ("0", "IP Address", "4", "Imported", "16", "Offline", "Offline Response")},
        header_rows=3,
    ),
    Tool(
        name="surveymonkey",
        marks=_marks("respondent id|collector id"),
        responses=("respondent id",),
        maybe_people=("custom data 1", "custom data"),
        completed=("end date",),
        header_rows=2,
        names_row=2,
    ),
    Tool(
        name="limesurvey",
        marks=_marks("submitdate|lastpage|startlanguage", "date submitted|last page|start language"),
        people=("token", "access code"),
        responses=("id", "response id"),
        completed=("submitdate", "date submitted"),
        status=("submitdate", "date submitted"),
        states={"": OPEN, REST: COMPLETED},
    ),
    Tool(
        name="sosci",
        marks=_marks("case|questnnr|mode|started", "case|questnnr|started|finished"),
        responses=("case",),
        maybe_people=("serial", "ref"),
        status=("finished",),
        states=YES_OR_NO,
        without_rows={"mode": ("test", "pretest", "debug", "admin")},
    ),
    Tool(
        name="unipark",
        marks=_marks("lfdn|dispcode", "lfdn|external_lfdn"),
        responses=("lfdn",),
        maybe_people=("c_0001", "code", "participant_code"),
        status=("dispcode",),
        states={"31": COMPLETED, "32": COMPLETED, REST: OPEN},
        without_rows={"tester": ("1",)},
    ),
    Tool(
        name="msforms",
        marks=_marks(
            "id|start time|completion time",
            "id|startzeit|fertigstellungszeit",
            "id|heure de début|heure de fin",
            "id|hora de inicio|hora de finalización",
            "id|ora di inizio|ora di completamento",
            "id|begintijd|tijd van voltooien",
            "id|hora de início|hora de conclusão",
        ),
        responses=("id",),
        completed=("completion time", "fertigstellungszeit"),
    ),
    Tool(
        name="odk",
        marks=_marks("submissiondate|key", "_uuid|_submission_time", "_submission_time|__version__"),
        responses=("key", "meta-instanceid", "_uuid", "_id"),
        completed=("end",),
        without_rows={
            "_validation_status": ("validation_status_not_approved", "Not approved"),
            "reviewstate": ("rejected",),
        },
    ),
    Tool(
        name="redcap",
        marks=_marks("record_id", "redcap_event_name", "record id|complete?", "redcap_data_access_group"),
        people=("record_id", "record id"),
        waves=("redcap_repeat_instance", "redcap_event_name", "repeat instance", "event name"),
    ),
    Tool(
        name="googleforms",
        marks=_marks("timestamp", "zeitstempel", "horodateur", "marca temporal"),
        completed=("timestamp", "zeitstempel", "horodateur", "marca temporal"),
    ),
)
TABLE = Tool(name="table", completed=("completed_on",))
PEOPLE = (
    "participant",
    "participant_id",
    "participantid",
    "participant id",
    "pid",
    "subject_id",
    "subject id",
)
"""Plain names that say that a column holds the person."""
MAYBE_PEOPLE = (
    *("id", "subject", "study_id", "study id", "patient_id", "patient id", "code", "token", "case"),
    *(
        "teilnehmer",
        "teilnehmerin",
        "teilnehmer/in",
        "teilnehmende",
        "proband",
        "versuchsperson",
        "vp",
        "vpn",
    ),
    *("participante", "participant·e", "deelnemer", "partecipante", "sujet", "sujeto", "paciente", "patient"),
    *("respondent", "person", "user", "username", "nr", "nummer", "no", "numéro", "número"),
)
WAVES = ("wave",)
MAYBE_WAVES = (
    *(
        "time",
        "timepoint",
        "time point",
        "time_point",
        "session",
        "visit",
        "occasion",
        "measurement",
        "phase",
        "t",
    ),
    *(
        "assessment",
        "pre_post",
        "prepost",
        "week",
        "month",
        "day",
        "follow-up",
        "followup",
        "zeitpunkt",
        "mzp",
    ),
    *("messzeitpunkt", "welle", "erhebung", "woche", "monat", "temps", "vague", "semaine", "momento", "onda"),
    *("semana", "tiempo", "meting", "meetmoment", "tijdstip"),
)
STATUS, STAMP = "_complete", "_timestamp"
NO_MOMENT = frozenset({"", "[not completed]", "1980-01-01 00:00:00"})
"""What tools write where no moment was kept: REDCap in place of it, LimeSurvey in anonymous surveys."""


def tool_of(rows: Sequence[Sequence[str]]) -> Tool:
    """Say which tool wrote a file, by its first rows.

    Parameters
    ----------
    rows
        The first rows of cells, the header being the first.

    Returns
    -------
    Tool
        `TABLE` where none is known by its columns.
    """
    names = {name for cell in rows[0] for name in names_of(cell)}
    for tool in TOOLS:
        if any(mark <= names for mark in tool.marks):
            return tool
    forms = [name for name in names if name.endswith(STATUS)]
    redcap = next(tool for tool in TOOLS if tool.name == "redcap")
    return redcap if forms else TABLE


def header_rows_of(tool: Tool, rows: Sequence[Sequence[str]]) -> tuple[int, int] | None:
    """Say how many rows a tool's header has here, and which of them names the columns.

    Parameters
    ----------
    tool
        The tool.
    rows
        The first rows of cells.

    Returns
    -------
    tuple of int, or None
        None where the tool does not say.
    """
    if tool.name == "qualtrics":
        found = [
            k for k, row in enumerate(rows) if any(c.replace(" ", "").startswith(IMPORT_ID) for c in row)
        ]
        if found:
            return found[0] + 1, 1
        second = {plain_name(cell) for cell in rows[1]} if len(rows) > 1 else set()
        return (2, 1) if {"start date", "response id"} <= second else None
    return (tool.header_rows, tool.names_row) if tool.header_rows else None
