"""The codebook in three forms says the same, and loses no code or label."""

from __future__ import annotations

import json
from io import StringIO

import jsonschema
import lxml.html
import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.exchange.codebook import codebook, codebook_csv, codebook_html, codebook_json
from instrument.reading.written_cells import without_marks

SCHEMA = {
    "type": "object",
    "required": ["instrument", "version", "content_hash", "status", "notice", "scoring", "variables"],
    "properties": {
        "content_hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "variables": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["variable", "position", "text", "theme", "reverse", "values"],
                "additionalProperties": True,
                "properties": {
                    "reverse": {"type": "boolean"},
                    "values": {
                        "type": "array",
                        "minItems": 2,
                        "items": {
                            "type": "object",
                            "required": ["code", "label", "kind", "reason"],
                            "additionalProperties": False,
                            "properties": {
                                "code": {"type": "integer"},
                                "label": {"type": "string", "minLength": 1},
                                "kind": {"enum": ["answer", "missing"]},
                                "reason": {
                                    "enum": [None, "skipped", "not_seen", "not_applicable", "declined"]
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


def expected(scale: Instrument, language: str | None = None) -> dict[str, dict[int, str]]:
    """Labels straight from the definition, for the codes that respondents can choose."""
    wording = scale.wording(language)
    return {
        item.id: dict(wording.options[item.scale or scale.scale_by_default].items()) for item in scale.items
    }


def test_json_fits_its_schema_and_holds_every_code_and_label(any_scale: Instrument) -> None:
    for language in any_scale.languages:
        book = json.loads(codebook_json(any_scale, language))
        jsonschema.validate(book, SCHEMA)
        labels = {v["variable"]: {x["code"]: x["label"] for x in v["values"]} for v in book["variables"]}
        for item, options in expected(any_scale, language).items():
            assert options.items() <= labels[item].items()
            assert set(labels[item]) == set(options) | set(any_scale.missing_codes.values())
        texts = {v["variable"]: v["text"] for v in book["variables"]}
        assert texts == any_scale.wording(language).items


def test_csv_says_what_json_says(any_scale: Instrument) -> None:
    read = without_marks(pd.read_csv(StringIO(codebook_csv(any_scale)), keep_default_na=False, dtype=str))
    rows = [
        (
            v["variable"],
            v["text"],
            v["theme"],
            str(v["reverse"]),
            str(x["code"]),
            x["label"],
            x["reason"] or "",
        )
        for v in codebook(any_scale)["variables"]
        for x in v["values"]
    ]
    columns = ["variable", "text", "theme", "reverse", "code", "label", "reason"]
    assert list(read[columns].itertuples(index=False, name=None)) == rows


def test_html_says_what_json_says(any_scale: Instrument) -> None:
    page = lxml.html.fromstring(codebook_html(any_scale))
    book = codebook(any_scale)
    for variable in book["variables"]:
        row = page.get_element_by_id(variable["variable"]).getparent()
        cells = [cell.text_content() for cell in row.findall("td")]
        assert cells[0] == variable["text"]
        assert cells[3] == ("yes" if variable["reverse"] else "no")
        table = page.get_element_by_id(cells[4] and row.find(".//a").get("href").removeprefix("#"))
        shown = [
            (int(line.find("th").text_content()), line.find("td").text_content())
            for line in table.find("tbody")
        ]
        assert shown == [(x["code"], x["label"]) for x in variable["values"]]
    assert page.xpath("//script | //link | //img") == []
    assert any_scale.notice in page.text_content()


def test_kinds_of_missing_are_named(awkward: Instrument) -> None:
    values = codebook(awkward)["variables"][2]["values"]
    assert {x["code"]: x["reason"] for x in values if x["kind"] == "missing"} == {
        96: "skipped",
        97: "not_applicable",
        98: "declined",
        99: "not_seen",
    }
    assert codebook(awkward)["variables"][0]["also_in"] == ["two"]


def test_place_theme_and_total_are_told_in_the_language_asked_for(awkward: Instrument) -> None:
    raw = awkward.model_dump(by_alias=True)
    raw["translations"]["de"]["themes"] = {"one": "Eins, zwei"}
    raw["themes"][1]["role"] = "context"
    scale = Instrument.model_validate(raw)
    book = codebook(scale, "de")
    told = [(v["position"], v["theme_title"], v["theme_role"]) for v in book["variables"]]
    assert told == [(1, "Eins, zwei", "dimension"), (2, "Eins, zwei", "dimension"), (3, "Two", "context")]
    assert list(book["scoring"]["total_themes"]) == ["one"]
    rows = pd.read_csv(StringIO(codebook_csv(scale)), keep_default_na=False, dtype=str)
    assert rows.groupby("variable")["also_in"].first().to_dict() == {"A_2": "", "a1": "two", "b1": ""}
    assert rows.groupby("variable")["position"].first().to_dict() == {"A_2": "2", "a1": "1", "b1": "3"}


def test_unknown_language_is_refused(awkward: Instrument) -> None:
    with pytest.raises(DefinitionError, match=r"no texts in 'fr'.\nHint: choose one of: 'en', 'de'"):
        codebook(awkward, "fr")
