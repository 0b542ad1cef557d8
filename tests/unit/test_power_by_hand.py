"""What is said of a plan and of the sizes behind it: each number is that of its own row."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from analysis.power.expected_sizes import ALLIANCE_OUTCOME, expected_correlations, expected_odds_ratio
from analysis.power.result import Level, PowerResult, why_not
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError


def row(n: int, power: float, level: float, state: Level = Level.HELD, **more: Any) -> dict[str, Any]:
    return {"n": n, "power": power, "level": level, "level_state": state, "asked": False} | more


def test_the_sentence_names_power_and_level_of_the_number_it_asks_for() -> None:
    table = pd.DataFrame(
        [
            row(100, 0.51, 0.041),
            row(210, 0.813, 0.047, asked=True),
            row(210, 0.79, 0.052),
            row(400, 0.97, 0.061),
        ]
    )
    found = PowerResult(
        table=table,
        n_for_target=210.0,
        target=0.8,
        adequate=True,
        reason="",
        sensitivity=pd.DataFrame({"hidden_cause": [0.1, 0.3], "level": [0.08, 0.37]}),
        assumptions={"odds_ratio": 1.35, "alpha": 0.05},
        feature="radio",
        rating="",
    )
    said = found.sentence()
    assert "About 210 people enrolled are needed" in said and "in 80% of such studies" in said
    assert "210 found it in 81.3%, and found something in 4.7% of studies without an effect." in said
    assert "went with alliance at 0.3, that last share would be 37.0%." in said
    assert "does not name a rating that has no reason to move use (unrelated_rating), as this" in said
    assert "(unrelated_kind)" not in said


def test_against_a_design_stands_the_worst_level_and_then_the_last_number_asked_for() -> None:
    off = pd.DataFrame(
        [row(100, 0.5, 0.09, Level.OFF), row(400, 0.9, 0.24, Level.OFF), row(200, 0.7, 0.15, Level.OFF)]
    )
    how: dict[str, Any] = {"alpha": 0.05, "odds_ratio": 1.35, "most": 10_000}
    assert "24.0% of those with 400 people find one, where 5.0% may" in why_not(off, **how)
    open_first = pd.DataFrame(
        [
            row(150, 0.7, 0.05, Level.UNDECIDED, asked=True, replications=60),
            row(210, 0.8, 0.05, Level.HELD, asked=True, replications=900),
        ]
    )
    assert why_not(open_first, **how) == ""
    assert "60 simulated studies are too few" in why_not(open_first.iloc[::-1], **how)
    assert "more than 10000 are needed" in why_not(pd.DataFrame([row(100, 0.1, 0.05)]), **how)


def scale(total: bool = True) -> Instrument:
    """A theme of two tasks and a bond, one of context that names goals, one that names nothing."""
    named = {"a": [["Task"], ["Bond"], ["Task"]], "b": [["Goal"], ["Goal"]], "c": [[], []]}
    themes = [
        {
            "id": theme,
            "title": theme.upper(),
            "role": "context" if theme == "b" else "dimension",
            "items": [
                {"id": f"{theme}{k}", "text": "T.", "alliance": names} for k, names in enumerate(items)
            ],
        }
        for theme, items in named.items()
    ]
    made = {"schema": 1, "id": "s", "version": "1", "title": "S", "themes": themes}
    made |= {"response_scales": {"agree": {"options": {1: "no", 2: "partly", 3: "yes"}}}}
    return Instrument.model_validate(made | ({} if total else {"scoring": {"total": "none"}}))


def test_a_theme_has_the_size_of_what_most_of_its_items_name_corrected_for_reliability() -> None:
    known = expected_correlations(scale())
    assert known == {"total": ALLIANCE_OUTCOME["Total"], "a": ALLIANCE_OUTCOME["Task"]}
    assert "total" not in expected_correlations(scale(total=False))
    rho = ALLIANCE_OUTCOME["Task"] / math.sqrt(0.7)
    log_odds = math.pi / math.sqrt(3) * rho / math.sqrt(1 - rho**2)
    assert expected_odds_ratio(scale(), "a", 0.7) == pytest.approx(math.exp(log_odds))
    assert expected_odds_ratio(scale(), "a", 0.7) > expected_odds_ratio(scale(), "a", 1.0) > 1
    with pytest.raises(DefinitionError, match="no published size is known for 'b'"):
        expected_odds_ratio(scale(), "b", 0.8)
    for reliability in (1.01, ALLIANCE_OUTCOME["Task"] ** 2):
        with pytest.raises(ResponseDataError, match="reliability is"):
            expected_odds_ratio(scale(), "a", reliability)
