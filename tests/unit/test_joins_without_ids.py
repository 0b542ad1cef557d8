"""Rows are joined by the ids of people, never by their number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument


def scale_of(name: str) -> instrument.Instrument:
    return instrument.Instrument.model_validate(
        {
            "schema": 1,
            "id": name,
            "version": "1",
            "title": name.title(),
            "response_scales": {"agree": {"options": {1: "no", 2: "partly", 3: "yes"}}},
            "themes": [
                {"id": name[0], "title": "T", "items": [{"id": f"{name}{k}", "text": "-"} for k in "123"]}
            ],
        }
    )


OWN, OTHER = scale_of("own"), scale_of("other")
TOPICS = ["items"]


def answers(scale: instrument.Instrument, ids: bool = True, prefix: str = "p", n: int = 60) -> pd.DataFrame:
    codes = np.random.default_rng(len(scale.id)).integers(1, 4, (n, 3))
    table = pd.DataFrame(codes, columns=scale.item_ids)
    if ids:
        table.insert(0, "participant", [f"{prefix}{k}" for k in range(n)])
    return instrument.check_responses(table, scale)


def notes(**given: Any) -> list[str]:
    return analysis.validate(**{"scale": OWN, "topics": TOPICS, **given}).tree["meta"]["notes"]


@pytest.mark.parametrize(("own_ids", "other_ids"), [(False, False), (True, False), (False, True)])
def test_a_measure_is_not_joined_by_row_number(own_ids: bool, other_ids: bool) -> None:
    with pytest.raises(
        instrument.ResponseDataError, match=r"no participant column; rows are not joined .*\nHint: "
    ):
        notes(responses=answers(OWN, own_ids), measures=[(answers(OTHER, other_ids), OTHER)])
    again = instrument.check_responses(answers(OWN, own_ids), OWN)
    with pytest.raises(instrument.ResponseDataError, match="no participant column"):
        notes(responses=again, measures=[(answers(OTHER, other_ids), OTHER)])


@pytest.mark.parametrize("name", ["covariates", "outcomes", "enrolment"])
def test_a_table_beside_the_answers_is_not_joined_by_row_number(name: str) -> None:
    table = pd.DataFrame({"participant": [str(k) for k in range(1, 61)], "age": range(60)})
    with pytest.raises(instrument.ResponseDataError, match=rf"'the answers' have no participant.*'{name}'"):
        notes(responses=answers(OWN, False), **{name: table})


def test_people_who_match_are_counted_and_none_is_an_error() -> None:
    other = answers(OTHER, n=80)
    assert "Other: 60 of 80 people answered the scale too" in notes(
        responses=answers(OWN), measures=[(other, OTHER)]
    )
    with pytest.raises(
        instrument.ResponseDataError, match=r"none of the 60 people of measure 'other' is among the 60"
    ):
        notes(responses=answers(OWN), measures=[(answers(OTHER, prefix="q"), OTHER)])


def test_answers_without_ids_alone_are_validated() -> None:
    assert any("row numbers taken" in note for note in notes(responses=answers(OWN, False)))


def beside(people: list[str]) -> pd.DataFrame:
    """A table of one kind beside the answers, with the columns it needs."""
    return pd.DataFrame({"participant": people, "wave": 1, "age": range(len(people))})


BESIDE = ["covariates", "outcomes", "enrolment", "times"]


@pytest.mark.parametrize("name", BESIDE)
def test_a_table_beside_the_answers_needs_ids_of_its_own(name: str) -> None:
    bare = beside([f"p{k}" for k in range(60)]).drop(columns="participant")
    with pytest.raises(
        instrument.ResponseDataError, match=rf"'{name}' has no participant column; rows .*\nHint: "
    ):
        notes(responses=answers(OWN), **{name: bare})


@pytest.mark.parametrize("name", BESIDE)
def test_a_table_beside_the_answers_that_shares_nobody_is_an_error(name: str) -> None:
    with pytest.raises(
        instrument.ResponseDataError,
        match=rf"none of the 50 people of the table of {name} is among the 60 who answered\.\nHint: ",
    ):
        notes(responses=answers(OWN), **{name: beside([f"q{k}" for k in range(50)])})


@pytest.mark.parametrize("name", BESIDE)
def test_who_a_table_beside_the_answers_lacks_is_counted_once(name: str) -> None:
    lacking = beside([f"p{k}" for k in range(10, 80)])
    fact = (
        f"10 of 60 people who answered are not in the table of {name}"
        if name in ("covariates", "enrolment")
        else f"20 of 70 people in the table of {name} are not in the answers"
    )
    assert notes(responses=answers(OWN), **{name: lacking}).count(fact) == 1
    said = answers(OWN)
    said.attrs["notes"] = (*said.attrs.get("notes", ()), f"suspicion: {fact}; 9 would match but for capitals")
    assert fact not in notes(responses=said, **{name: lacking})
    everyone = notes(responses=answers(OWN), **{name: beside([f"p{k}" for k in range(60)])})
    assert not any("are not in" in note for note in everyone)


def test_people_of_outcomes_who_are_enrolled_are_known() -> None:
    enrolled = beside([f"p{k}" for k in range(80)])
    found = notes(responses=answers(OWN), enrolment=enrolled, outcomes=beside([f"p{k}" for k in range(70)]))
    assert not any("are not in" in note for note in found)
