"""A trial link to look at the questionnaire: today is a day of its first wave, and exports leave it out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, update

from instrument.loading import load
from instrument.store.definitions import WaveWindow, create_study, find_study, set_study_status
from instrument.store.people import invite
from instrument.store.tables import participant, study
from instrument.store.tokens import Keyring
from instrument.study import load_study


def open_trial(engine: Engine, keyring: Keyring, study_file: Path) -> str:
    """Open a study for trying out, once per store, and invite one trial person.

    Parameters
    ----------
    engine, keyring
        A store for trials and its keys.
    study_file
        The study.

    Returns
    -------
    str
        Token of a new trial link whose first wave is open today.
    """
    definition = load_study(study_file)
    with engine.begin() as connection:
        if connection.execute(select(study.c.id).where(study.c.name == definition.id)).first() is None:
            waves = [WaveWindow(wave.name, wave.opens, wave.closes) for wave in definition.waves]
            scale = load(definition.instrument)
            text, sha256 = definition.to_json(), definition.content_hash
            create_study(connection, definition.id, scale, waves, text, sha256)
            set_study_status(connection, definition.id, "open")
        row: Any = find_study(connection, definition.id)
        (link,) = invite(connection, int(row.id), keyring, 1, is_test=True)
        enrolled = datetime.now(UTC) - timedelta(days=definition.waves[0].day)
        connection.execute(
            update(participant)
            .where(participant.c.study_id == row.id, participant.c.pseudonym == link.pseudonym)
            .values(enrolled_at=enrolled)
        )
    return link.token
