"""The trial that a study stands in for: every element from the study file, and nothing claimed of allocation."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from analysis.adherence.design.target_trial import target_trial
from instrument.errors import DefinitionError
from instrument.study import as_study
from tests.recovery.held_populations import base_study


def stated(**changes: Any) -> dict[str, str]:
    plan = as_study(base_study(**changes))
    made = target_trial(plan, wave="1", score="Bond", held=["use before", "severity"])
    return dict(zip(made["element"], made["study"], strict=True))


def test_every_element_is_said_from_the_study_file() -> None:
    said = stated(day_zero="first_use", study_days=100, landmark={"wave": 1, "day": 30})
    assert list(said) == [
        "Eligibility",
        "Time zero",
        "Strategies",
        "Allocation",
        "Follow-up",
        "Outcome",
        "Estimand",
        "Analysis",
    ]
    assert said["Eligibility"].startswith(
        "still watched on day 30, with sessions still due, rated between day 21"
    )
    assert said["Time zero"] == "day 30 after the first use, the same for everyone; the rating closes by then"
    assert said["Strategies"] == "ratings of Bond one standard deviation apart; nobody was given a rating"
    assert said["Allocation"] == "not at random; held constant: use before, severity"
    assert "from day 30 to day 100" in said["Follow-up"]
    assert "up to day 84" in said["Outcome"]  # twelve weeks are intended


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (None, "per person, or as far as the log reaches"),
        ("last_event", "the log's last event"),
        (date(2026, 3, 1), "2026-03-01"),
        (60, "day 60"),
    ],
)
def test_the_end_of_watching_is_said_as_it_was_declared(until: Any, words: str) -> None:
    assert stated(observed_until=until)["Follow-up"].endswith(f"({words})")


def test_without_a_landmark_there_is_no_time_zero() -> None:
    plan = as_study(base_study(landmark=None))
    with pytest.raises(DefinitionError, match="no time zero"):
        target_trial(plan, wave="1", score="Bond")
