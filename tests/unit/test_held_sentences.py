"""The reading of every sentence on later use: it finds what it must find, and its committed table holds no fault."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.pipeline.topics.adherence_claims import CAUSE
from tests.recovery.held_populations import POPULATIONS
from tests.recovery.held_sentences import TABLE, faults_of, row_of

FIRST = "That Total goes with later use, what was measured held constant: not found."


def test_no_sentence_of_any_population_claims_what_it_does_not_hold() -> None:
    rows = pd.read_csv(TABLE)
    assert len(rows) >= 20 and set(rows["population"]) <= set(POPULATIONS)
    assert (rows["faults"] == 0).all() and rows["told"].isna().all()
    null = rows[~rows["does_something"]]
    assert len(null) >= 15 and not (null["claim"] == "supported").any()
    assert (rows["sentences"] >= 4).all()


@pytest.mark.parametrize(
    ("line", "nothing", "faults"),
    [
        ("People one standard deviation higher did 0.50 more.", True, 0),
        ("That Total goes with later use: supported. It survives.", True, 1),
        ("That Total goes with later use: supported. It survives.", False, 0),
        ("A stronger alliance keeps people using the app.", False, 1),
        ("A score of 5 leads to more use.", True, 1),
        ("The effect is {effect:d2}.", True, 1),
        ("The effect is nan.", False, 1),
        (CAUSE, True, 0),
    ],
)
def test_a_sentence_that_claims_too_much_is_found(line: str, nothing: bool, faults: int) -> None:
    assert len(faults_of("anything", [FIRST, CAUSE, line], nothing)) == faults


def test_a_claim_without_what_it_does_not_show_is_a_fault() -> None:
    assert len(faults_of("anything", [FIRST, "People did more."], nothing=True)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, held in POPULATIONS.items() if held.n <= 300])
def test_sentences_of_another_study_of_each_population(name: str) -> None:
    row = row_of(name, seed=11)
    assert row["faults"] == 0, row["told"]
