"""Psych-DS: the folder describes each of its columns."""

from __future__ import annotations

import json
import re
from io import StringIO

import jsonschema
import pandas as pd

from instrument.definition import Instrument
from instrument.exchange.psych_ds import psych_ds_files
from instrument.reading.written_cells import without_marks

SCHEMA = {
    "type": "object",
    "required": ["@context", "@type", "name", "description", "schemaVersion", "variableMeasured"],
    "properties": {
        "@context": {"const": "https://schema.org/"},
        "@type": {"const": "Dataset"},
        "variableMeasured": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["@type", "name"],
                "properties": {"@type": {"const": "PropertyValue"}, "name": {"type": "string"}},
            },
        },
    },
}


def test_description_fits_its_schema_and_names_every_column(
    answers: pd.DataFrame, awkward: Instrument
) -> None:
    files = psych_ds_files(answers, awkward)
    description = json.loads(files["dataset_description.json"])
    jsonschema.validate(description, SCHEMA)
    data = [name for name in files if name.startswith("data/")]
    assert data == ["data/study-awkward1_data.csv"]
    assert re.fullmatch(r"data/([a-z]+-[0-9A-Za-z]+_)*data\.csv", data[0])
    columns = pd.read_csv(StringIO(files[data[0]])).columns.tolist()
    assert [entry["name"] for entry in description["variableMeasured"]] == columns


def test_items_carry_text_range_and_every_label(answers: pd.DataFrame, awkward: Instrument) -> None:
    description = json.loads(psych_ds_files(answers, awkward, "de", "Study 1")["dataset_description.json"])
    entries = {entry["name"]: entry for entry in description["variableMeasured"]}
    assert description["name"] == "Study 1"
    assert entries["b1"]["description"] == "Ich bewerte es"
    assert (entries["b1"]["minValue"], entries["b1"]["maxValue"]) == (0, 10)
    assert entries["A_2"]["valueReference"] == (
        "0 = Nein; 1 = Ja; 97 = Trifft nicht zu; 98 = Keine Angabe; 96 = Skipped; 99 = Not seen"
    )


def test_codebook_lies_beside_the_data(answers: pd.DataFrame, awkward: Instrument) -> None:
    read = pd.read_csv(StringIO(psych_ds_files(answers, awkward)["documentation/codebook.csv"]))
    assert read["variable"].unique().tolist() == awkward.item_ids


def test_the_set_says_what_was_asked_in_which_language(answers: pd.DataFrame, awkward: Instrument) -> None:
    for language, title, notice in (("de", "Skala <Prüfung>", ""), (None, awkward.title, "Not validated.")):
        files = psych_ds_files(answers, awkward, language)
        said = json.loads(files["dataset_description.json"])
        assert said["inLanguage"] == (language or "en")
        assert said["name"] == title
        assert said["description"] == f"Answers to {title} (awkward_1 2.0). {notice}".strip()
        book = without_marks(pd.read_csv(StringIO(files["documentation/codebook.csv"])))
        assert set(book["text"]) == set(awkward.wording(language).items.values())


def test_the_range_is_that_of_the_answers_and_not_of_codes_for_missing_ones(
    answers: pd.DataFrame, awkward: Instrument
) -> None:
    said = json.loads(psych_ds_files(answers, awkward)["dataset_description.json"])
    entries = {entry["name"]: entry for entry in said["variableMeasured"]}
    assert [(entries[i]["minValue"], entries[i]["maxValue"]) for i in awkward.item_ids] == [
        (0, 1),
        (0, 1),
        (0, 10),
    ]
    assert [entry["name"] for entry in said["variableMeasured"]][-2:] == ["site", "age"]
