"""Theme scores, total and standard errors against psych::scoreItems of R."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from instrument.definition import Instrument
from instrument.reading.read_responses import read_responses
from instrument.scoring.score import Scorecard, score

HERE = Path(__file__).parent
VALUES = json.loads((HERE / "values" / "scoring.json").read_text())
# The same few additions and one division, perhaps in another order: a few units in the last place.
TOLERANCE = 1e-14
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    ("Theme scores, prorating, SEM", "psych 2.2.9", TOLERANCE),
]
ITEMS = [f"q{i}" for i in range(1, 13)]


def scale() -> Instrument:
    themes = [
        {
            "id": f"f{t + 1}",
            "title": f"F{t + 1}",
            "items": [
                {"id": item, "text": "I answer.", "reverse": item in {"q4", "q9"}}
                for item in ITEMS[4 * t : 4 * t + 4]
            ],
        }
        for t in range(3)
    ]
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "likert",
            "version": "1",
            "title": "L",
            "response_scales": {"five": {"options": {i: f"option {i}" for i in range(1, 6)}}},
            "themes": themes,
        }
    )


def scored(file: str, prorate_at: float, **options: dict[str, float]) -> Scorecard:
    frame = read_responses(HERE / "data" / file, scale(), covariates=["group", "site"], participant="id")
    return score(frame, scale(), prorate_at=prorate_at, **options)  # type: ignore[arg-type]


def test_the_data_are_those_that_r_read() -> None:
    for name, md5 in VALUES["meta"]["md5"].items():
        assert hashlib.md5((HERE / "data" / name).read_bytes()).hexdigest() == md5


@pytest.mark.parametrize(
    ("node", "file", "prorate_at"),
    [
        ("complete", "likert.csv", 0.8),
        ("at_75", "likert_missing.csv", 0.75),
        ("at_100", "likert_missing.csv", 1.0),
        ("at_50", "likert_missing.csv", 0.5),
    ],
)
def test_every_score_agrees(node: str, file: str, prorate_at: float) -> None:
    expected = VALUES[node]
    assert set(expected) == {"f1", "f2", "f3", "total"}
    scores = scored(file, prorate_at).scores
    for name, values in expected.items():
        wanted = np.array(values, dtype=float)
        got = scores[name].to_numpy()
        assert np.array_equal(np.isnan(wanted), np.isnan(got))
        there = ~np.isnan(wanted)
        assert there.sum() > 200
        assert np.abs(got[there] - wanted[there]).max() <= TOLERANCE


def test_standard_errors_of_measurement_agree() -> None:
    reliability = {"f1": 0.8, "f2": 0.7, "total": 0.85}
    sem = scored("likert.csv", 0.8, reliability=reliability).sem
    assert sem is not None
    assert set(sem.index) == set(VALUES["sem"])
    for name, value in VALUES["sem"].items():
        assert sem[name] == pytest.approx(value, rel=1e-13)
