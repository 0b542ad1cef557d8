"""BIDS phenotype: table and sidecar fit each other and the rules of the standard."""

from __future__ import annotations

import json
import re
from io import StringIO

import jsonschema
import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import ResponseDataError
from instrument.exchange.bids import bids_sidecar, bids_table
from instrument.exchange.codebook import codebook

SCHEMA = {
    "type": "object",
    "required": ["MeasurementToolMetadata", "participant_id", "session_id"],
    "properties": {
        "MeasurementToolMetadata": {
            "type": "object",
            "required": ["Description"],
            "properties": {"Description": {"type": "string"}, "TermURL": {"type": "string", "format": "uri"}},
        }
    },
    "additionalProperties": {
        "type": "object",
        "required": ["Description"],
        "properties": {
            "Description": {"type": "string", "minLength": 1},
            "Levels": {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
        },
    },
}


def test_sidecar_fits_its_schema_and_holds_every_code_and_label(any_scale: Instrument) -> None:
    sidecar = json.loads(bids_sidecar(any_scale))
    jsonschema.validate(sidecar, SCHEMA)
    for variable in codebook(any_scale)["variables"]:
        column = sidecar[variable["variable"]]
        assert column["Description"] == variable["text"]
        assert column["Levels"] == {str(x["code"]): x["label"] for x in variable["values"]}
        assert column["Reversed"] == variable["reverse"]
        assert column["Theme"] == variable["theme"] in {theme.id for theme in any_scale.themes}
    assert any_scale.notice in sidecar["MeasurementToolMetadata"]["Description"]


def test_sidecar_speaks_the_language_asked_for(awkward: Instrument) -> None:
    sidecar = json.loads(bids_sidecar(awkward, "de"))
    assert sidecar["b1"]["Description"] == "Ich bewerte es"
    assert sidecar["a1"]["Levels"]["1"] == "Ja"
    assert sidecar["MeasurementToolMetadata"]["Description"].startswith("Skala <Prüfung>, version 2.0.")


def test_table_has_labels_codes_and_n_a(answers: pd.DataFrame, awkward: Instrument) -> None:
    read = pd.read_csv(StringIO(bids_table(answers, awkward)), sep="\t", dtype=str, keep_default_na=False)
    assert read["participant_id"].tolist() == ["sub-p1", "sub-p1", "sub-p2", "sub-p3"]
    assert read["session_id"].tolist() == ["ses-1", "ses-2", "ses-1", "ses-1"]
    assert read.columns.tolist() == ["participant_id", "session_id", *awkward.item_ids, "site", "age"]
    assert read["site"].tolist() == answers["site"].tolist()
    assert read["age"].astype(float).tolist() == answers["age"].tolist()
    assert read["a1"].tolist() == ["1", "0", "97", "n/a"]
    assert read["A_2"].tolist() == ["0", "98", "1", "96"]
    levels = json.loads(bids_sidecar(awkward))
    for item in awkward.item_ids:
        assert set(read[item]) - {"n/a"} <= set(levels[item]["Levels"])


def test_labels_hold_letters_and_digits_only(answers: pd.DataFrame, awkward: Instrument) -> None:
    spaced = answers.assign(
        participant=["p-1", "p-1", "p 2", "p_3"], wave=["week 3", "week 6", "week 3", "week 3"]
    )
    read = pd.read_csv(StringIO(bids_table(spaced, awkward)), sep="\t", dtype=str)
    assert all(re.fullmatch(r"sub-[0-9A-Za-z]+", label) for label in read["participant_id"])
    assert read["session_id"].tolist() == ["ses-week3", "ses-week6", "ses-week3", "ses-week3"]


@pytest.mark.parametrize("names", [["p-1", "p-1", "p1", "p3"], ["--", "--", "p2", "p3"]])
def test_pseudonyms_that_become_one_are_refused(
    answers: pd.DataFrame, awkward: Instrument, names: list[str]
) -> None:
    with pytest.raises(ResponseDataError, match="not distinct as BIDS labels"):
        bids_table(answers.assign(participant=names), awkward)
