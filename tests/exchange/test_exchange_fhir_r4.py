"""FHIR R4 against the part of HL7's own JSON schema that forms and answers need."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

import instrument
from instrument.definition import Instrument
from instrument.exchange.fhir import fhir_json, questionnaire, questionnaire_responses

SCHEMA = json.loads((Path(__file__).parent / "data" / "fhir_r4_subset.schema.json").read_text("utf-8"))


def validator_of(resource: str) -> Any:
    """The schema's definition of a resource, which allows no key that R4 does not have."""
    schema = {**SCHEMA, "$ref": f"#/definitions/{resource}"}
    return jsonschema.Draft6Validator(schema)


def test_the_subset_is_a_schema_of_its_own() -> None:
    jsonschema.Draft6Validator.check_schema(SCHEMA)


def test_every_questionnaire_is_valid_r4(any_scale: Instrument) -> None:
    for language in (None, *any_scale.languages):
        written = json.loads(fhir_json(questionnaire(any_scale, language, "R4")))
        assert list(validator_of("Questionnaire").iter_errors(written)) == []


def test_every_set_of_answers_is_valid_r4(answers: pd.DataFrame, awkward: Instrument) -> None:
    written = json.loads(fhir_json(questionnaire_responses(answers, awkward, "R4")))
    assert list(validator_of("Bundle").iter_errors(written)) == []
    for entry in written["entry"]:
        assert list(validator_of("QuestionnaireResponse").iter_errors(entry["resource"])) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["status"], "candidate"),
        (["item", 0, "type"], 5),
        (["item", 0, "linkId"], None),
        (["colour"], "red"),
        (["date"], "the third of May"),
    ],
)
def test_the_schema_refuses_what_r4_does_not_know(path: list[Any], value: Any) -> None:
    written = json.loads(fhir_json(questionnaire(instrument.load("dta"), None, "R4")))
    place = copy.deepcopy(written)
    within = place
    for step in path[:-1]:
        within = within[step]
    within[path[-1]] = value
    assert not validator_of("Questionnaire").is_valid(place)


def test_an_r5_form_is_not_r4() -> None:
    written = json.loads(fhir_json(questionnaire(instrument.load("dta"), None, "R5")))
    assert not validator_of("Questionnaire").is_valid(written)
