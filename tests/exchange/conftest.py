"""An awkward scale and awkward answers that every format has to carry whole."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import instrument
from instrument.definition import Instrument
from instrument.reading.read_responses import check_responses

LONG = "I can say about this programme that it is useful to me, " * 6 + "on the whole."


def definition() -> dict[str, Any]:
    """Item-specific scales, a reversed item, an item of two themes, awkward characters, a long text."""
    return {
        "schema": 1,
        "id": "awkward_1",
        "version": "2.0",
        "title": 'Scale of "A & B" <test>',
        "notice": "Not validated.",
        "instructions": "Think of today, please.",
        "time_frame": "Today",
        "response_scales": {
            "yes_no": {
                "options": {0: "No, not <at all>", 1: 'Yes & "always"'},
                "outside": [
                    {"code": 97, "label": "= does not apply", "reason": "not_applicable"},
                    {"code": 98, "label": "I'd rather not say; no", "reason": "declined"},
                ],
            },
            "eleven": {"options": {k: f"{k} – Schön {'é' * k}" for k in range(11)}},
        },
        "default_scale": "yes_no",
        "missing_codes": {"not_applicable": 97, "declined": 98, "skipped": 96, "not_seen": 99},
        "themes": [
            {
                "id": "one",
                "title": "One, two",
                "facets": [{"id": "f", "title": "Facet"}],
                "items": [
                    {"id": "a1", "text": LONG, "facet": "f", "also_in": ["two"]},
                    {"id": "A_2", "text": "I do, \"so\" <b> & 'that'.", "reverse": True},
                ],
            },
            {"id": "two", "title": "Two", "items": [{"id": "b1", "text": "=I rate it", "scale": "eleven"}]},
        ],
        "translations": {
            "de": {
                "language": "de",
                "title": "Skala <Prüfung>",
                "instructions": "Denken Sie bitte an heute.",
                "items": {"a1": "Ich finde es nützlich.", "A_2": "Ich tue es, „so“.", "b1": "Ich bewerte es"},
                "options": {
                    "yes_no": {0: "Nein", 1: "Ja", 97: "Trifft nicht zu", 98: "Keine Angabe"},
                    "eleven": {k: f"Stufe {k}" for k in range(11)},
                },
            }
        },
    }


@pytest.fixture
def awkward() -> Instrument:
    return Instrument.model_validate(definition())


@pytest.fixture
def answers(awkward: Instrument) -> pd.DataFrame:
    """Four administrations with every kind of missing answer, one unstated, and two covariates."""
    frame = pd.DataFrame(
        {
            "participant": ["p1", "p1", "p2", "p3"],
            "wave": [1, 2, 1, 1],
            "a1": pd.array([1, 0, 97, None], dtype="Int64"),
            "A_2": pd.array([0, 98, 1, 96], dtype="Int64"),
            "b1": pd.array([10, 0, 99, 7], dtype="Int64"),
            "site": ["Zürich", "Zürich", "B, C", "D"],
            "age": [31.5, 31.5, 40.0, 52.0],
        }
    )
    return check_responses(frame, awkward, covariates=("site", "age"))


@pytest.fixture(params=["dta", "psd_audit", "awkward"])
def any_scale(request: pytest.FixtureRequest) -> Instrument:
    return (
        Instrument.model_validate(definition())
        if request.param == "awkward"
        else instrument.load(request.param)
    )
