"""How far the people of a study have come: counts for each wave, and who is due or overdue."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from instrument.store.definitions import find_study, waves_of
from instrument.store.people import expired, latest_choices
from instrument.store.tables import administration, participant
from instrument.store.windows import PersonDays, Rules, Window, days_of_people, rules_of
from instrument.store.windows import today as present_day
from instrument.study import DayZero

STANDING_COLUMNS = [
    *("wave", "participant", "consented", "declined", "window", "status", "todo"),
    *("opens", "closes", "link"),
]
DUE_COLUMNS = ["participant", "wave", "from", "to", "state", "begun", "link"]
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
        wave, participant, consented, declined, window (later, open, over; later also where it counts from a
        use or an answer that has not come yet), status (none, open, completed),
        todo (due, overdue or empty: people who declined have nothing to do), opens and closes (first and last
        day of the person's window; None where it cannot be told yet), link (open, or ended where its time is
        over).
    """
    study: Any = find_study(connection, study_name)
    now = today or present_day()
    rules, days = rules_of(study.definition), days_of_people(connection, study)
    query = select(participant).where(participant.c.study_id == study.id, participant.c.is_test.is_(False))
    people: list[Any] = list(connection.execute(query.order_by(participant.c.id)))
    attempts = select(administration.c.participant_id, administration.c.wave_id, administration.c.status)
    live = attempts.where(administration.c.status != "void")
    status = {(row.participant_id, row.wave_id): row.status for row in connection.execute(live)}
    consents: dict[int, Any] = latest_choices(connection, [person.id for person in people])
    rows = []
    for wave in waves_of(connection, study.id):
        window: Any = wave
        for person in people:
            own = _window(days[person.id], rules, window, now)
            where = _where(own, now)
            if today is None and window.name in rules.hours:
                where = _where_now(own, rules, window.name)
            reached = status.get((person.id, window.id), "none")
            choice = consents.get(person.id)
            declined = choice is not None and not choice.granted
            waits = reached != "completed" and not declined and where != "later"
            todo = {"open": "due", "over": "overdue"}.get(where, "") if waits else ""
            rows.append(
                {
                    "wave": window.name,
                    "participant": person.pseudonym,
                    "consented": choice is not None and choice.granted,
                    "declined": declined,
                    "window": where,
                    "status": reached,
                    "todo": todo,
                    "opens": None if own is None else own.opens,
                    "closes": None if own is None else own.closes,
                    "link": "ended" if expired(person.expires_at) else "open",
                }
            )
    return pd.DataFrame(rows, columns=STANDING_COLUMNS)


def due_of(
    connection: Connection, study_name: str, today: date | None = None, *, upcoming: bool = False
) -> pd.DataFrame:
    """List who is due or overdue at which wave, and until when; it holds no address and no answer.

    Parameters
    ----------
    connection
        An open connection.
    study_name
        Id of the study.
    today
        Day to judge by, the present one in UTC by default.
    upcoming
        Also those whose window is known and still to come.

    Returns
    -------
    pandas.DataFrame
        `DUE_COLUMNS`: participant, wave, from, to (first and last day of the person's window), state (due,
        overdue or upcoming), begun (yes or no), link (open or ended); by wave, then in order of enrolment.
        Trial links, people who declined and what is completed are left out.
    """
    standing = standing_of(connection, study_name, today)
    states = standing["todo"].to_numpy(dtype=object).copy()
    if upcoming:
        to_come = (standing["window"] == "later") & standing["opens"].notna() & ~standing["declined"]
        states[(to_come & (standing["status"] != "completed")).to_numpy()] = "upcoming"
    listed = standing.assign(state=states)
    listed = listed[listed["state"] != ""]
    made = pd.DataFrame(
        {
            "participant": listed["participant"],
            "wave": listed["wave"],
            "from": listed["opens"],
            "to": listed["closes"],
            "state": listed["state"],
            "begun": ["yes" if status == "open" else "no" for status in listed["status"]],
            "link": listed["link"],
        },
        columns=DUE_COLUMNS,
    )
    return made.reset_index(drop=True)


def _window(days: PersonDays, rules: Rules, wave: Any, now: date) -> Window | None:
    begins = days.zero is None and rules.zero is DayZero.FIRST_ANSWER
    known = PersonDays(zero=now, given=days.given) if begins else days
    return known.window(rules, wave.name, wave.opens_day, wave.closes_day)


def _where(window: Window | None, now: date) -> str:
    if window is None or now < window.opens:
        return "later"
    return "open" if now <= window.closes else "over"


def _where_now(window: Window | None, rules: Rules, name: str) -> str:
    """Where a prompt stands by the clock."""
    local, hours = datetime.now(UTC).astimezone(rules.zone), rules.hours[name]
    where = _where(window, local.date())
    if where != "open":
        return where
    return "open" if hours.day(local) is not None else "later" if f"{local:%H:%M}" < hours.start else "over"
