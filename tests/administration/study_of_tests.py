"""A study to administer in tests: nothing of it is meant for people."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

import instrument
from instrument.definition import Instrument
from instrument.store.definitions import WaveWindow, create_study, set_study_status
from instrument.store.people import invite
from instrument.store.tokens import Keyring
from instrument.study import Study, make_study


def raw_study() -> dict[str, Any]:
    return {
        "schema": 1,
        "id": "trial",
        "title": "Trial of the app",
        "instrument": "dta",
        "synthetic": True,
        "languages": ["en", "de"],
        "waves": [
            {"id": "first", "day": 0, "opens": 0, "closes": 9},
            {"id": "second", "day": 20, "opens": 20, "closes": 29},
        ],
        "consent": {"version": "1", "text": {"en": "You agree to <b>nothing</b>.", "de": "Sie stimmen zu."}},
        "crisis": {"en": "Call the made-up line 000.", "de": "Rufen Sie die erfundene Nummer 000 an."},
        "contact": "team@example.org",
        "study_days": 84,
        "intended_use": {
            "unit": "sessions",
            "amount": 12,
            "weeks": 12,
            "justification": "one session each week, as designed",
        },
        "adherence": {
            "metric": "sessions",
            "threshold": 0.5,
            "justification": "half of the sessions, for the tests",
        },
    }


def open_study(
    engine: Engine, keyring: Keyring, people: int = 1, **changes: Any
) -> tuple[Study, Instrument, list[str]]:
    """Open a study in a store and invite people; gives their tokens."""
    study, scale = make_study({**raw_study(), **changes}), instrument.load("dta")
    with engine.begin() as connection:
        waves = [WaveWindow(wave.name, wave.opens, wave.closes) for wave in study.waves]
        number = create_study(connection, study.id, scale, waves, study.to_json(), study.content_hash)
        set_study_status(connection, study.id, "open")
        tokens = [link.token for link in invite(connection, number, keyring, people)]
    return study, scale, tokens
