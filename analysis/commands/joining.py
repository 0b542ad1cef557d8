"""Whether the tables that were given speak of the same people."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.pipeline.joining import WHOLE, people_who_answered, where_known
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.reading.ids import MOST_LOST, compare_ids
from instrument.recognition.came_in import OF_ANSWERS
from instrument.study_data import StudyData

PARTIAL = ("outcomes", "times")
"""Tables whose people should all be known, though not everyone need be in them."""


def refuse_lost_people(data: StudyData, command: str) -> list[str]:
    """Refuse tables beside the answers that would lose people, and say what is lost below that.

    Parameters
    ----------
    data
        Answers, and enrolment, covariates, outcomes and times where they are given.
    command
        Named in messages.

    Returns
    -------
    list of str
        How many people each join matches or loses, in words.

    Raises
    ------
    ResponseDataError
        More than 5 % would be lost: everyone who answered should stand in the tables of the enrolled and of
        covariates, and the people of outcomes and times among those known; or ids almost match.
    """
    answered = people_who_answered(data.responses, data.scale)
    known = {str(name) for name in data.responses["participant"]}
    notes: list[str] = []
    whole = {
        name: table
        for name in WHOLE
        if (table := getattr(data, name)) is not None and not table.attrs.get(OF_ANSWERS)  # else no join
    }
    for name, table in whole.items():
        there = {str(one) for one in table["participant"]}
        notes += _compared(answered, there, "people who answered", f"the table of {name}", command)
        known |= there
    where = where_known(whole)
    for name in PARTIAL:
        if (table := getattr(data, name)) is not None:
            there = {str(one) for one in table["participant"]}
            notes += _compared(there, known, f"people in the table of {name}", where, command)
    return notes


def _compared(these: set[str], others: set[str], who: str, where: str, command: str) -> list[str]:
    match = compare_ids(these, others)
    total = match.known + match.unknown
    if not total:
        return []
    if not match.unknown:
        return [f"all {total} {who} are in {where}"]
    fact = f"{match.unknown} of {total} {who} are not in {where}"
    if match.near:
        fact += f"; {match.near} would match but for {match.cause}"
    if match.lost > MOST_LOST:
        hint = (
            f"write ids alike in every table ({match.cause})."
            if match.near
            else f"give every one of them a row in {where}, with empty cells where nothing is known."
        )
        raise ResponseDataError(fact_and_hint(command, f"{fact}.", hint))
    return [f"suspicion: {fact}" if match.near else fact]


def refuse_other_waves(data: StudyData, command: str) -> None:
    """Refuse times of answering that repeat an administration, or whose waves are named otherwise.

    Parameters
    ----------
    data
        Answers and times.
    command
        Named in messages.

    Raises
    ------
    ResponseDataError
        A participant has two times at a wave, or a wave of the times is none of the answers.
    """
    times = data.times
    if times is None:
        return
    if doubled := int(times.duplicated(["participant", "wave"]).sum()):
        fact = f"{doubled} rows of the table of times repeat a participant at a wave."
        raise ResponseDataError(fact_and_hint(command, fact, "keep one row for each administration."))
    known = {str(wave) for wave in data.responses["wave"]}
    if other := [wave for wave in dict.fromkeys(times["wave"].astype(str)) if wave not in known]:
        fact = (
            f"the table of times names waves that the answers do not: {name_offenders(other)}; they have "
            f"{name_offenders(sorted(known))}."
        )
        raise ResponseDataError(fact_and_hint(command, fact, "name the waves alike in both."))


def check_adjusters(data: StudyData, command: str) -> list[str]:
    """Name covariates of the study that cannot be adjusted for: constant, or following from others.

    Parameters
    ----------
    data
        Tables and study.
    command
        Named in messages.

    Returns
    -------
    list of str
        Constant covariates, in words.

    Raises
    ------
    ResponseDataError
        One covariate follows exactly from others.
    """
    study = data.study
    tables = [table for table in (data.outcomes, data.covariates) if table is not None]
    if study is None or not tables:
        return []
    wanted = [*study.baseline, *study.covariates]
    given = {name: table[["participant", name]] for table in tables for name in wanted if name in table}
    if not given:
        return []
    joined = pd.DataFrame(
        {"participant": sorted(set.intersection(*(set(t["participant"]) for t in given.values())))}
    )
    for table in given.values():
        if table["participant"].duplicated().any():
            return []
        joined = joined.merge(table, on="participant", how="left")
    whole = joined.drop(columns="participant").dropna()
    notes, columns = [], {}
    for name in whole:
        if whole[name].nunique() < 2:
            notes.append(f"covariate {name!r} has one value for everyone: nothing is adjusted for by it")
            continue
        numeric = pd.api.types.is_numeric_dtype(whole[name])
        coded = (
            whole[[name]].astype(float)
            if numeric
            else pd.get_dummies(whole[name], drop_first=True, dtype=float)
        )
        columns[str(name)] = ((coded - coded.mean()) / coded.std()).to_numpy()
    _refuse_collinear(columns, command)
    return notes


def _refuse_collinear(columns: dict[str, np.ndarray], command: str) -> None:
    """Refuse a covariate that the ones before it tell without error; columns are standardised."""
    names = list(columns)
    for place, name in enumerate(names[1:], start=1):
        before = np.hstack([columns[other] for other in names[:place]])
        if before.shape[1] + columns[name].shape[1] >= len(before):
            return
        fitted, *_ = np.linalg.lstsq(before, columns[name], rcond=None)
        left = columns[name] - before @ fitted
        if (np.abs(left).max(axis=0) < 1e-9).any():
            weight = np.abs(fitted).max(axis=1)
            owners = [other for other in names[:place] for _ in range(columns[other].shape[1])]
            from_these = list(dict.fromkeys(o for o, w in zip(owners, weight, strict=True) if w > 1e-9))
            named = name_offenders(from_these)
            fact = f"covariate {name!r} follows exactly from {named}: both cannot be adjusted for."
            raise ResponseDataError(fact_and_hint(command, fact, "leave one of them out of the study file."))
