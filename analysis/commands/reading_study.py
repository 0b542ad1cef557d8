"""The files of one study, read for the command line and for jobs."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer
from pandas.api.types import is_integer_dtype

from analysis.commands.joining import check_adjusters, refuse_lost_people, refuse_other_waves
from analysis.commands.reading import (
    READERS,
    SideReading,
    one_row_each,
    read_audit,
    read_side_table,
    read_usage,
)
from analysis.commands.reading_options import ReadingOptions
from analysis.commands.study_files import StudyFiles
from instrument.commands.reading_options import names_in
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ToolkitWarning, fact_and_hint
from instrument.loading import load, load_beside
from instrument.reading.cells import number_of
from instrument.reading.people import NUMBERED
from instrument.reading.read_responses import read_responses
from instrument.reading.side_columns import Place
from instrument.reading.side_variables import variable
from instrument.recognition.came_in import OF_ANSWERS
from instrument.study import Study, load_study
from instrument.study_data import StudyData


def read_study(files: StudyFiles, how: ReadingOptions | None = None) -> StudyData:
    """Read the files of a study and see that they speak of the same people; nothing is written.

    Parameters
    ----------
    files
        Answers, instrument, and what stands beside them.
    how
        How they are written, where that is not the contract.

    Returns
    -------
    StudyData
        With a usage log summarised where a study says what use is. Notes of reading stand in
        `responses.attrs["notes"]`.

    Raises
    ------
    ToolkitError
        A file cannot be read, no instrument is named, or the files speak of different people.
    """
    how = how or ReadingOptions()
    if files.instrument is None:
        fact = "no instrument is named."
        raise DefinitionError(fact_and_hint(how.command, fact, "add --instrument NAME, or a YAML file."))
    side = how.side()
    scale = load(files.instrument)
    names, people = _covariates(files.covariates, how)
    study = None
    if files.study is not None:
        study = _fitting(load_study(files.study), scale, files.study.parent)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ToolkitWarning)
        responses = read_responses(files.responses, scale, covariates=names, **how.answers())
    notes = [*responses.attrs.get("notes", ()), *(str(warning.message) for warning in caught)]
    outcomes = _people_of(files.outcomes, "outcomes", side)
    needed = ("participant", "wave", "seconds")
    times = None if files.times is None else read_side_table(files.times, "times", needed, side)
    times = None if times is None else _numbered_alike(times, responses["wave"])
    enrolment = _people_of(files.enrolment, "enrolment", side)
    asked, names = names, (*names, *(how.mapping.covariates if how.mapping is not None else ()))
    data = StudyData(
        responses=responses,
        scale=scale,
        study=study,
        outcomes=outcomes,
        covariates=people
        if people is not None
        else _from_columns(responses, names, asked, how, files.responses),
        times=times,
        enrolment=enrolment,
        audit=None if files.audit is None else read_audit(files.audit),
        waves=tuple(how.waves),
    )
    for table in (data.outcomes, data.times, data.enrolment, data.covariates):
        if table is not None:
            notes += table.attrs.pop("notes", [])
    notes += refuse_lost_people(data, how.command)
    refuse_other_waves(data, how.command)
    notes += check_adjusters(data, how.command)
    responses.attrs["notes"] = notes
    return data if files.usage is None else _with_usage(data, Path(files.usage), how)


def _numbered_alike(times: pd.DataFrame, waves: pd.Series) -> pd.DataFrame:
    """Write waves of the times that are whole numbers as those of the answers: 01 is 1 there, too."""
    if not is_integer_dtype(waves):
        return times
    known = {text: number_of(text) for text in set(times["wave"].dropna().astype(str))}
    read = {text: str(number) for text, number in known.items() if isinstance(number, int)}
    return times.assign(wave=times["wave"].map(lambda wave: read.get(str(wave), wave)))


def _people_of(path: Path | None, what: str, side: SideReading) -> pd.DataFrame | None:
    return None if path is None else one_row_each(read_side_table(path, what, how=side), what)


def _with_usage(data: StudyData, usage: Path, how: ReadingOptions) -> StudyData:
    """Summarise the log where there is a study to say what use is; else only see that it is one."""
    from analysis.usage.mapping import JSON_LINES

    is_known = usage.suffix.lower() in READERS or usage.name.endswith(JSON_LINES)
    if data.study is None or not usage.is_file() or not is_known:
        return replace(data, usage=read_usage(usage, how.side()))
    return with_usage_summary(data, str(usage), None, how)


def with_usage_summary(data: StudyData, usage: str, engine: str | None, how: ReadingOptions) -> StudyData:
    """Summarise a log where it lies: one that is larger than memory never becomes a data frame.

    Parameters
    ----------
    data
        With a study that says what use is.
    usage
        File or address of the log.
    engine
        `pandas`, `duckdb` or `spark`; None: by its size.
    how
        How the log is written.

    Returns
    -------
    StudyData
        With the summary as `usage`, and what reads the log again as `use_by_wave` and `use_over_time`.
    """
    from analysis.adherence.design.windows import use_by_window
    from analysis.usage.course import use_course
    from analysis.usage.summarise_usage import summarise_usage

    everyone, known = data.enrolment, data.covariates
    people = everyone if everyone is not None else (data.responses if known is None else known)
    people = people if everyone is not None else people[["participant"]].drop_duplicates()
    study: Any = data.study  # its callers refuse a log without one
    reading = how.log(Path(usage).name)
    found = summarise_usage(usage, study, engine, participants=people, reading=reading)
    for said in filter(None, (found.joined, *found.notes)):
        typer.echo(f"Note: {reading.source}: {said}", err=True)
    path = Path(usage)
    if path.is_file():
        with path.open("rb") as file:
            found.people.attrs["checksum"] = hashlib.file_digest(file, "sha256").hexdigest()
    again = partial(use_by_window, usage, study, participants=people, engine=engine, reading=reading)
    over_time = partial(use_course, usage, study, participants=people, engine=engine, reading=reading)
    return replace(data, usage=found, use_by_wave=partial(again, known=found), use_over_time=over_time)


def read_measures(given: Sequence[str]) -> tuple[tuple[pd.DataFrame, Instrument], ...]:
    """Read other questionnaires, each given as ANSWERS=INSTRUMENT.

    Parameters
    ----------
    given
        Such as `usability.csv=usability.yaml`; the instrument is a shipped one or a file.

    Returns
    -------
    tuple of tuple
        Answers and instrument of each.

    Raises
    ------
    DefinitionError
        Words without an equals sign.
    """
    found = []
    for words in given:
        answers, _, name = words.partition("=")
        if not answers or not name:
            fact = f"{words!r} names no answers and instrument."
            hint = "write --measure answers.csv=instrument.yaml."
            raise DefinitionError(fact_and_hint("dta --measure", fact, hint))
        scale = load(name)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ToolkitWarning)
            table = read_responses(Path(answers), scale)
        notes = [*table.attrs.get("notes", ()), *(str(warning.message) for warning in caught)]
        table.attrs["notes"] = [f"{scale.title}: {note}" for note in notes]
        found.append((table, scale))
    return tuple(found)


def _fitting(study: Study, scale: Instrument, folder: Path) -> Study:
    """Refuse a study of another instrument; its file names one by id or by a path from where it lies."""
    if study.instrument == scale.id:
        return study
    try:
        meant = load_beside(study.instrument, folder).id
    except DefinitionError:
        meant = study.instrument
    if meant != scale.id:
        fact = f"the study is about instrument {meant!r}, not {scale.id!r}."
        raise DefinitionError(fact_and_hint("dta --study", fact, "give the study file of these data."))
    return study


def _covariates(given: str | Path | None, how: ReadingOptions) -> tuple[tuple[str, ...], pd.DataFrame | None]:
    if not given:
        return (), None
    path = Path(given)
    if path.is_file() or path.suffix.lower() in READERS:
        return (), one_row_each(read_side_table(path, "covariates", how=how.side()), "covariates")
    return names_in(str(given)), None


def _from_columns(
    responses: pd.DataFrame,
    names: tuple[str, ...],
    asked: tuple[str, ...],
    how: ReadingOptions,
    path: Path | None,
) -> pd.DataFrame | None:
    """Take covariates that stand among the answers: those asked for are read as a table of their own is."""
    if not names:
        return None
    side, notes = how.side().of("covariates"), list[str]()
    source = "the answers" if path is None else Path(path).name
    place = Place(caller=how.command, source=source, lines=np.arange(1, len(responses) + 1))
    marks: dict[str, Any] = {"thousands": side.thousands, "percent": side.percent}
    read = {name: responses[name].reset_index(drop=True) for name in names}
    read |= {name: variable(read[name], name, place, side.decimal, side.na, notes, **marks) for name in asked}
    table = pd.DataFrame({"participant": responses["participant"].to_numpy(), **read})
    people = table.groupby("participant", sort=False)[list(names)].first().reset_index()
    people.attrs = {OF_ANSWERS: True, "notes": notes}
    if responses.attrs.get(NUMBERED):
        people.attrs[NUMBERED] = True  # the same rows, so joining them by their number is right
    return people
