"""Tables are joined by the ids of people alone, and only where they speak of the same people."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import pandas as pd

from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.reading.ids import MOST_LOST, compare_ids
from instrument.reading.people import NUMBERED, labels_as_text, wave_key
from instrument.study import Study

WHOLE = ("enrolment", "covariates")
"""Tables that should hold everyone who answered; of the others, everyone should be known."""
ONE_ROW = {
    "covariates": ("participant",),
    "enrolment": ("participant",),
    "outcomes": ("participant", "wave"),
    "times": ("participant", "wave"),
}
"""What a table beside the answers holds one row for, by those of the columns it has."""


def refuse_joins_without_ids(
    responses: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame | None],
    measures: Sequence[tuple[pd.DataFrame, Instrument]],
    *,
    usage: bool,
    scale: Instrument | None = None,
) -> list[str]:
    """Refuse to join tables by row number, or of other people; say how many people a measure shares.

    Parameters
    ----------
    responses
        Answers to the instrument.
    tables
        Tables beside them by name, or None.
    measures
        Answers to other questionnaires.
    usage
        Whether a log of use is given.
    scale
        Whose answers these are; without it everyone with a row counts as having answered.

    Returns
    -------
    list of str
        Notes: people whom a table lacks or nobody knows, and people that each measure shares.

    Raises
    ------
    ResponseDataError
        A side of a join has row numbers in place of ids or no ids, or the sides share nobody.
    """
    beside = [name for name, table in tables.items() if table is not None and not table.attrs.get(NUMBERED)]
    beside += [f"measure {other.id}" for _, other in measures] + (["usage"] if usage else [])
    bare = ["the answers"] if responses.attrs.get(NUMBERED) and beside else []
    bare += [f"measure {other.id}" for answers, other in measures if answers.attrs.get(NUMBERED)]
    if bare:
        fact = f"{name_offenders(bare)} have no participant column; rows are not joined by their number"
        hint = "give participant ids in every table, or leave the other tables out."
        raise ResponseDataError(fact_and_hint("validate", f"{fact} ({name_offenders(beside)}).", hint))
    _refuse_repeated(tables)
    there = _people(responses)
    answered = people_who_answered(responses, scale)
    said = responses.attrs.get("notes", ())
    notes = [fact for fact in _lost(tables, there, answered) if not any(fact in note for note in said)]
    for answers, other in measures:
        people = _people(answers)
        shared = len(people & there)
        if people and not shared:
            fact = f"none of the {len(people)} people of measure {other.id!r} is among the {len(there)}"
            hint = "write the participant ids alike in both."
            raise ResponseDataError(fact_and_hint("validate", f"{fact} who answered.", hint))
        notes += _nearly_the_same(people, there, other)
        waved = all("wave" in table.columns for table in (answers, responses))
        if shared and waved:
            _refuse_waves_alike(answers["wave"], responses["wave"], other)
        if shared and waved and not _administrations(answers) & _administrations(responses):
            theirs, own = (name_offenders(table["wave"].dropna().unique()) for table in (answers, responses))
            fact = f"nobody answered measure {other.id!r} at a wave of the scale: {theirs} and {own}."
            raise ResponseDataError(fact_and_hint("validate", fact, "write the waves alike in both."))
        gave = people_who_answered(answers, other)
        both = f"{len(gave & answered)} of {len(gave)} people answered the scale too"
        notes.append(f"{other.title}: {both if gave else 'nobody answered it'}")
    return notes


def _nearly_the_same(people: set[str], answered: set[str], other: Instrument) -> list[str]:
    """Refuse a measure of which more than 5 % almost match who answered, and say it of fewer."""
    match = compare_ids(people, answered)
    if not match.near:
        return []
    fact = f"{match.near} of {len(people)} people of measure {other.id!r} would match but for {match.cause}"
    if match.near_share > MOST_LOST:
        hint = f"write ids alike in every table ({match.cause})."
        raise ResponseDataError(fact_and_hint("validate", f"{fact}.", hint))
    return [f"suspicion: {fact}"]


def _refuse_waves_alike(theirs: pd.Series, own: pd.Series, other: Instrument) -> None:
    """Refuse a measure that writes a wave otherwise than the scale: its answers would meet none there."""
    written, known = (set(labels_as_text(waves.dropna())) for waves in (theirs, own))
    alike = {wave_key(name): name for name in sorted(known)}
    if odd := [name for name in sorted(written - known) if wave_key(name) in alike]:
        said = ", ".join(f"{name!r} for {alike[wave_key(name)]!r}" for name in odd)
        fact = f"measure {other.id!r} writes waves otherwise than the scale: {said}."
        raise ResponseDataError(fact_and_hint("validate", fact, "write the waves alike in both."))


def refuse_like_waves(responses: pd.DataFrame, study: Study | None) -> list[str]:
    """Refuse answers whose waves the study writes otherwise: what is asked of a wave would find nobody there.

    Parameters
    ----------
    responses
        Answers.
    study
        The study, or None.

    Returns
    -------
    list of str
        A suspicion where the study holds none of the waves; nothing is said of waves beyond the study's.

    Raises
    ------
    ResponseDataError
        A wave of the answers is one of the study's but for capitals, blanks and marks.
    """
    if study is None:
        return []
    declared = [wave.name for wave in study.waves]
    written = list(dict.fromkeys(labels_as_text(responses["wave"])))
    other = [name for name in written if name not in declared]
    alike = {wave_key(name): name for name in declared}
    if pairs := [(name, alike[wave_key(name)]) for name in other if wave_key(name) in alike]:
        said = ", ".join(f"{mine!r} for {theirs!r}" for mine, theirs in pairs)
        fact = f"the answers write waves otherwise than the study: {said}."
        raise ResponseDataError(fact_and_hint("validate", fact, "write each wave in one way."))
    if written and len(other) == len(written):
        held, own = name_offenders(declared), name_offenders(written)
        return [f"suspicion: the study holds none of the waves of the answers: {held} and {own}"]
    return []


def whole_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Write ids and waves that pandas made numbers with decimals of as they were given: 7.0 is 7.

    Parameters
    ----------
    table
        Beside the answers.

    Returns
    -------
    pandas.DataFrame
        The table itself where none is a number with decimals; empty cells stay empty.
    """
    odd = {}
    for name in ("participant", "wave"):
        if name in table.columns:
            texts = labels_as_text(table[name])
            if not texts.equals(table[name].astype(str)):
                odd[name] = texts.where(table[name].notna())
    return table.assign(**odd) if odd else table


def answers_labelled(answers: pd.DataFrame) -> pd.DataFrame:
    """Write ids of answers as text, and their waves as whole numbers or text, where pandas made them else.

    Parameters
    ----------
    answers
        To any questionnaire.

    Returns
    -------
    pandas.DataFrame
        The table itself where ids and waves are texts or whole numbers throughout; 7.0 is 7, and of numbers
        beside texts all are texts.

    Raises
    ------
    ResponseDataError
        A row names no participant or no wave.

    Examples
    --------
    >>> answers_labelled(pd.DataFrame({"participant": [7.0, 8.0], "wave": [1.0, 2.0]})).values.tolist()
    [['7', 1], ['8', 2]]
    >>> answers_labelled(pd.DataFrame({"participant": [7, "x"], "wave": 1}))["participant"].tolist()
    ['7', 'x']
    """
    odd = {}
    for name in ("participant", "wave"):
        column = answers[name]
        if unnamed := int((column.isna() | (column.astype(str).str.strip() == "")).sum()):
            fact = f"{unnamed} of {len(column)} rows of answers name no {name}."
            hint = f"give every row its {name}, or leave these rows out."
            raise ResponseDataError(fact_and_hint("validate", fact, hint))
        decimals = pd.api.types.is_float_dtype(column)
        kinds = {type(value) for value in column} if column.dtype == object else set()
        if name == "wave" and decimals and (column % 1 == 0).all():
            odd[name] = column.astype("int64")
        elif decimals or len(kinds) > 1:
            odd[name] = labels_as_text(column)
    return answers.assign(**odd) if odd else answers


def _refuse_repeated(tables: Mapping[str, pd.DataFrame | None]) -> None:
    """Refuse a table in which somebody has several rows: a join would count the person as often."""
    for name, table in tables.items():
        if table is None or "participant" not in table.columns:
            continue
        keys = [key for key in ONE_ROW.get(name, ()) if key in table.columns]
        written = table[keys].dropna().astype(str)
        if keys and (doubled := int(written.duplicated().sum())):
            fact = f"{doubled} rows of the table of {name} repeat a {' at a '.join(keys)}."
            raise ResponseDataError(fact_and_hint("validate", fact, "keep one row for each."))


def _administrations(table: pd.DataFrame) -> set[tuple[str, str]]:
    rows = table[["participant", "wave"]].dropna().astype(str)
    return set(rows.itertuples(index=False, name=None))


def _people(table: pd.DataFrame) -> set[str]:
    return set(table["participant"].dropna().astype(str))


def people_who_answered(table: pd.DataFrame, scale: Instrument | None) -> set[str]:
    """Give the ids of people with any answer to an instrument: a row may hold none.

    Examples
    --------
    >>> people_who_answered(pd.DataFrame({"participant": [1, 2]}), None) == {"1", "2"}
    True
    """
    items = [] if scale is None else [item for item in scale.item_ids if item in table.columns]
    return _people(table[table[items].notna().any(axis=1)] if items else table)


def where_known(tables: Container[str]) -> str:
    """Say where a person is looked for: in the answers, and in the tables that hold everyone, as given."""
    return " or ".join(["the answers", *(f"the table of {name}" for name in WHOLE if name in tables)])


def _lost(tables: Mapping[str, pd.DataFrame | None], rows: set[str], answered: set[str]) -> list[str]:
    """Refuse tables beside the answers that name no people or only others; count whom a join loses."""
    given = {name: table for name, table in tables.items() if table is not None}
    people: dict[str, set[str]] = {}
    for name, table in given.items():
        if "participant" not in table.columns:
            fact = f"{name!r} has no participant column; rows are not joined by their number."
            raise ResponseDataError(fact_and_hint("validate", fact, "give participant ids in every table."))
        people[name] = _people(table)
        if people[name] and not people[name] & rows:
            fact = f"none of the {len(people[name])} people of the table of {name} is among the"
            hint = "write the participant ids alike in both."
            raise ResponseDataError(fact_and_hint("validate", f"{fact} {len(rows)} who answered.", hint))
    known = rows.union(*(people[name] for name in WHOLE if name in people))
    facts = []
    for name, there in people.items():
        these, others = (answered, there) if name in WHOLE else (there, known)
        if lost := len(these - others):
            who = "people who answered" if name in WHOLE else f"people in the table of {name}"
            where = f"the table of {name}" if name in WHOLE else where_known(people)
            facts.append(f"{lost} of {len(these)} {who} are not in {where}")
    return facts
