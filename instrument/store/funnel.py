"""How far the people of a study have come: counts for each wave, and who is due or overdue."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from instrument.store.definitions import find_study, waves_of
from instrument.store.people import consent_of
from instrument.store.tables import administration, participant
from instrument.store.windows import PersonDays, Rules, days_of_people, rules_of
from instrument.store.windows import today as present_day
from instrument.study import DayZero

FUNNEL_COLUMNS = ["wave", "invited", "consented", "opened", "started", "completed", "due", "overdue"]


def funnel_of(connection: Connection, study_name: str, today: date | None = None) -> pd.DataFrame:
    """Count, for each wave, who has come how far; trial links are left out.

    Parameters
    ----------
    connection
        An open connection.
    study_name
        Id of the study.
    today
        Day to judge by, the present one in UTC by default.

    Returns
    -------
    pandas.DataFrame
        wave, invited, consented, opened (window begun), started, completed, due (window open, not
        completed), overdue (window closed, not completed).
    """
    steps = standing_of(connection, study_name, today)
    rows = []
    for name, of_wave in steps.groupby("wave", sort=False):
        rows.append(
            {
                "wave": name,
                "invited": len(of_wave),
                "consented": int(of_wave["consented"].sum()),
                "opened": int((of_wave["window"] != "later").sum()),
                "started": int(of_wave["status"].isin(["open", "completed"]).sum()),
                "completed": int((of_wave["status"] == "completed").sum()),
                "due": int((of_wave["todo"] == "due").sum()),
                "overdue": int((of_wave["todo"] == "overdue").sum()),
            }
        )
    return pd.DataFrame(rows, columns=FUNNEL_COLUMNS)


def standing_of(connection: Connection, study_name: str, today: date | None = None) -> pd.DataFrame:
    """Standing of each person at each wave.

    Parameters
    ----------
    connection
        An open connection.
    study_name
        Id of the study.
    today
        Day to judge by, the present one in UTC by default.

    Returns
    -------
    pandas.DataFrame
        wave, participant, consented, window (later, open, over; later also where it counts from a use or an
        answer that has not come yet), status (none, open, completed),
        todo (due, overdue or empty: people who declined have nothing to do).
    """
    study: Any = find_study(connection, study_name)
    now = today or present_day()
    rules, days = rules_of(study.definition), days_of_people(connection, study)
    query = select(participant).where(participant.c.study_id == study.id, participant.c.is_test.is_(False))
    people: list[Any] = list(connection.execute(query.order_by(participant.c.id)))
    attempts = select(administration.c.participant_id, administration.c.wave_id, administration.c.status)
    live = attempts.where(administration.c.status != "void")
    status = {(row.participant_id, row.wave_id): row.status for row in connection.execute(live)}
    consents: dict[int, Any] = {person.id: consent_of(connection, person.id) for person in people}
    rows = []
    for wave in waves_of(connection, study.id):
        window: Any = wave
        for person in people:
            where = _where(days[person.id], rules, window, now)
            reached = status.get((person.id, window.id), "none")
            choice = consents[person.id]
            declined = choice is not None and not choice.granted
            waits = reached != "completed" and not declined and where != "later"
            todo = {"open": "due", "over": "overdue"}.get(where, "") if waits else ""
            rows.append(
                {
                    "wave": window.name,
                    "participant": person.pseudonym,
                    "consented": choice is not None and choice.granted,
                    "window": where,
                    "status": reached,
                    "todo": todo,
                }
            )
    columns = ["wave", "participant", "consented", "window", "status", "todo"]
    return pd.DataFrame(rows, columns=columns)


def _where(days: PersonDays, rules: Rules, wave: Any, now: date) -> str:
    begins = days.zero is None and rules.zero is DayZero.FIRST_ANSWER
    known = PersonDays(zero=now, given=days.given) if begins else days
    window = known.window(rules, wave.name, wave.opens_day, wave.closes_day)
    if window is None or now < window.opens:
        return "later"
    return "open" if now <= window.closes else "over"
