"""How long administrations took, by the moments that the store keeps."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from instrument.store.instants import utc
from instrument.store.tables import administration, administration_act, participant, wave


def live_places(*columns: Any) -> Any:
    """Select columns of administrations with participant and wave, of real people and of what is not void.

    Parameters
    ----------
    *columns
        Wanted beside participant and wave.

    Returns
    -------
    Select
        In the order of people and waves.
    """
    return (
        select(participant.c.pseudonym.label("participant"), wave.c.name.label("wave"), *columns)
        .select_from(administration)
        .join(participant, participant.c.id == administration.c.participant_id)
        .join(wave, wave.c.id == administration.c.wave_id)
        .where(administration.c.status != "void", participant.c.is_test.is_(False))
        .order_by(participant.c.id, wave.c.position)
    )


def times_of(connection: Connection, study_id: int) -> pd.DataFrame:
    """Seconds from the first page to sending, pauses included, of questionnaires on the pages.

    Parameters
    ----------
    connection
        An open connection.
    study_id
        Number of the study.

    Returns
    -------
    pandas.DataFrame
        participant, wave, seconds. What was reopened, keyed from paper or imported has no time.
    """
    reopened = select(administration_act.c.administration_id).where(administration_act.c.act == "reopen")
    query = live_places(administration.c.started_at, administration.c.completed_at).where(
        participant.c.study_id == study_id,
        administration.c.status == "completed",
        administration.c.mode == "web",
        administration.c.id.not_in(reopened),
    )
    rows = [
        (row.participant, row.wave, round((utc(row.completed_at) - utc(row.started_at)).total_seconds(), 1))
        for row in connection.execute(query)
    ]
    return pd.DataFrame(rows, columns=["participant", "wave", "seconds"])
