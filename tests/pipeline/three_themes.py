"""The questionnaire, the answers and the study that the tests of the pipeline share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from instrument.definition import Instrument

DATA = Path(__file__).resolve().parents[1] / "reference" / "data" / "likert_missing.csv"
OPTIONS = {1: "Not at all", 2: "A little", 3: "Somewhat", 4: "Mostly", 5: "Fully"}
THEMES = {
    "north": (["q1", "q2", "q3", "q4"], "dimension"),
    "south": (["q5", "q6", "q7", "q8"], "dimension"),
    "west": (["q9", "q10", "q11", "q12"], "context"),
}


def make_scale(**changes: Any) -> Instrument:
    """Three themes of four items; q4 and q9 are reversed."""
    themes = [
        {
            "id": name,
            "title": f"Theme of the {name}",
            "role": role,
            "items": [
                {"id": item, "text": f"Words of {item}", "reverse": item in ("q4", "q9")} for item in items
            ],
        }
        for name, (items, role) in THEMES.items()
    ]
    definition = {
        "schema": 1,
        "id": "likert",
        "version": "1.0",
        "title": "Twelve questions",
        "status": "candidate",
        "notice": "Made up for testing.",
        "missing_codes": {"not_applicable": -8},
        "response_scales": {"agree": {"options": OPTIONS}},
        "themes": themes,
    }
    return Instrument.model_validate(definition | changes)


def make_answers(scale: Instrument) -> pd.DataFrame:
    """Three waves: everyone, a retest of 200 with a little noise, and 150 of them later."""
    raw = pd.read_csv(DATA).rename(columns={"id": "participant"})
    first = raw[["participant", *scale.item_ids]].astype(dict.fromkeys(scale.item_ids, "Int64"))
    frames = [first.assign(wave=1)]
    noise = np.random.default_rng(5)
    for wave, n in ((2, 200), (3, 150)):
        again = first.head(n).copy()
        for item in scale.item_ids:
            shift = noise.integers(-1, 2, n) * (noise.random(n) < 0.3)
            again[item] = (again[item] + shift).clip(1, 5).astype("Int64")
        frames.append(again.assign(wave=wave))
    return pd.concat(frames, ignore_index=True)[["participant", "wave", *scale.item_ids]]


STUDY = {
    "schema": 1,
    "id": "trial",
    "title": "A trial for testing",
    "instrument": "likert",
    "synthetic": True,
    "study_days": 84,
    "waves": [
        {"id": 1, "label": "Start", "day": 21, "opens": 21, "closes": 28},
        {"id": 2, "label": "Again", "day": 33, "opens": 31, "closes": 42, "role": "retest"},
        {"id": 3, "label": "Later", "day": 63, "opens": 63, "closes": 70},
    ],
    "intended_use": {
        "unit": "sessions",
        "amount": 12,
        "weeks": 12,
        "justification": "The made-up program has one session a week.",
    },
    "adherence": {
        "metric": "sessions",
        "threshold": 0.66,
        "justification": "Eight of twelve sessions hold everything.",
    },
}
