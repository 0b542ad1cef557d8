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
