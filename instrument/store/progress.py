"""Questionnaires finished each day, and answers left without: counts for those who administer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, select

from instrument.store.definitions import find_study, waves_of
from instrument.store.tables import administration, participant, response

DAY_COLUMNS = ["day", "finished"]
BLANK_COLUMNS = ["wave", "finished", "answers", "blank"]


def days_of(connection: Connection, study_name: str) -> pd.DataFrame:
    """Count the questionnaires finished each day; trial links and voided ones are left out.

    Parameters
    ----------
    connection
        An open connection.
    study_name
        Id of the study.

    Returns
    -------
    pandas.DataFrame
        day (of completion, in UTC; that written on paper where it is known) and finished; days without any
        between the first and the last stand with 0.
    """
    study: Any = find_study(connection, study_name)
    query = (
        select(administration.c.completed_at, administration.c.completed_on)
        .join(participant, participant.c.id == administration.c.participant_id)
        .where(
            participant.c.study_id == study.id,
            participant.c.is_test.is_(False),
            administration.c.status == "completed",
        )
    )
    counts: Counter[Any] = Counter()
    for at, on in connection.execute(query):
        counts[on or at.date()] += 1
    if not counts:
        return pd.DataFrame(columns=DAY_COLUMNS)
    days = pd.date_range(min(counts), max(counts), freq="D").date
    return pd.DataFrame({"day": days, "finished": [counts[day] for day in days]}, columns=DAY_COLUMNS)


def blanks_of(connection: Connection, study_name: str) -> pd.DataFrame:
    """Count the answers of finished questionnaires at each wave, and those left without one.

    Parameters
    ----------
    connection
        An open connection.
    study_name
        Id of the study.

    Returns
    -------
    pandas.DataFrame
        wave, finished (questionnaires), answers (given) and blank (shown and not answered, for any reason).
    """
    study: Any = find_study(connection, study_name)
    query = (
        select(administration.c.wave_id, response.c.state, func.count())
        .join(participant, participant.c.id == administration.c.participant_id)
        .join(response, response.c.administration_id == administration.c.id)
        .where(
            participant.c.study_id == study.id,
            participant.c.is_test.is_(False),
            administration.c.status == "completed",
        )
        .group_by(administration.c.wave_id, response.c.state)
    )
    found: dict[tuple[Any, bool], int] = {}
    for of_wave, state, number in connection.execute(query):
        key = (of_wave, state == "answered")
        found[key] = found.get(key, 0) + int(number)
    finished = (
        select(administration.c.wave_id, func.count())
        .join(participant, participant.c.id == administration.c.participant_id)
        .where(
            participant.c.study_id == study.id,
            participant.c.is_test.is_(False),
            administration.c.status == "completed",
        )
        .group_by(administration.c.wave_id)
    )
    ended = {of_wave: int(number) for of_wave, number in connection.execute(finished)}
    rows = []
    for row in waves_of(connection, study.id):
        wave: Any = row
        given, blank = found.get((wave.id, True), 0), found.get((wave.id, False), 0)
        rows.append((wave.name, ended.get(wave.id, 0), given, blank))
    return pd.DataFrame(rows, columns=BLANK_COLUMNS)
