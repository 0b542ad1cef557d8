"""XLSForm read back by pyxform: the form it makes has every item, code and label."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
from pyxform.xls2xform import convert

from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.exchange.xlsform import language_name, xlsform_bytes

NAMESPACES = {"x": "http://www.w3.org/2002/xforms", "h": "http://www.w3.org/1999/xhtml"}


@pytest.fixture
def form(any_scale: Instrument) -> ElementTree.Element:
    result: Any = convert(xlsform=xlsform_bytes(any_scale), file_type=".xlsx", validate=False)
    return ElementTree.fromstring(result.xform)


def straightened(text: str) -> str:
    """Pyxform itself makes curly quotes straight and trims; the workbook holds the texts as they are."""
    return re.sub("[“”]", '"', re.sub("[‘’]", "'", text)).strip()


def texts(form: ElementTree.Element, language: str) -> dict[str, str]:
    """Text of each label in one language; without translations pyxform writes labels in place."""
    for translation in form.iterfind(".//x:translation", NAMESPACES):
        if translation.get("lang") == language:
            return {
                text.get("id", ""): text.findtext("x:value", "", NAMESPACES)
                for text in translation.iterfind("x:text", NAMESPACES)
            }
    raise AssertionError(f"no texts in {language}")


def test_form_has_every_item_code_and_label(form: ElementTree.Element, any_scale: Instrument) -> None:
    for language in any_scale.languages:
        wording = any_scale.wording(language)
        shown = texts(form, language_name(language))
        for theme in any_scale.themes:
            for item in theme.items:
                assert shown[f"/data/{theme.id}/{item.id}:label"] == straightened(wording.items[item.id])
        for name in any_scale.response_scales:
            instance = form.find(f".//x:instance[@id='{name}']", NAMESPACES)
            assert instance is not None
            found = {
                int(entry.findtext("x:name", "", NAMESPACES)): shown[
                    entry.findtext("x:itextId", "", NAMESPACES)
                ]
                for entry in instance.iterfind(".//x:item", NAMESPACES)
            }
            assert found == {code: straightened(label) for code, label in wording.options[name].items()}


def test_items_are_single_choices_that_can_be_left_out(
    form: ElementTree.Element, any_scale: Instrument
) -> None:
    binds = {bind.get("nodeset"): bind for bind in form.iterfind(".//x:bind", NAMESPACES)}
    for theme in any_scale.themes:
        for item in theme.items:
            path = f"/data/{theme.id}/{item.id}"
            assert form.find(f".//x:select1[@ref='{path}']", NAMESPACES) is not None
            assert binds[path].get("required") in (None, "false()")


def test_form_carries_id_and_version(form: ElementTree.Element, any_scale: Instrument) -> None:
    root = form.find(".//x:instance/x:data", NAMESPACES)
    assert root is not None
    assert (root.get("id"), root.get("version")) == (any_scale.id, any_scale.version)
    assert form.findtext(".//h:title", "", NAMESPACES) == any_scale.title


def test_workbook_holds_every_text_as_it_is(any_scale: Instrument) -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(xlsform_bytes(any_scale)))
    survey = list(workbook["survey"].values)
    for language in any_scale.languages:
        column = survey[0].index(f"label::{language_name(language)}")
        shown = {row[1]: row[column] for row in survey[1:] if str(row[0]).startswith("select_one")}
        assert shown == any_scale.wording(language).items


def test_label_that_begins_with_an_equals_sign_is_no_formula(awkward: Instrument) -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(xlsform_bytes(awkward)))
    cells = [
        cell for sheet in workbook for row in sheet.iter_rows() for cell in row if cell.value is not None
    ]
    assert {cell.data_type for cell in cells} == {"s"}
    assert "=I rate it" in {cell.value for cell in cells}


def test_settings_and_instructions_of_one_language(awkward: Instrument) -> None:
    raw = awkward.model_dump(by_alias=True)
    del raw["translations"]["de"]["instructions"]
    workbook = openpyxl.load_workbook(io.BytesIO(xlsform_bytes(Instrument.model_validate(raw))))
    assert list(workbook["settings"].values)[1] == (
        *('Scale of "A & B" <test>', "awkward_1", "2.0", "English (en)"),
    )
    first = list(workbook["survey"].values)[1]
    assert first[:3] == ("note", "instructions", "Think of today, please.") and not first[3]


def test_a_negative_code_outside_the_scale_is_refused(awkward: Instrument) -> None:
    raw = awkward.model_dump(by_alias=True)
    raw["translations"] = {}
    raw["missing_codes"]["declined"] = -8
    raw["response_scales"]["yes_no"]["outside"][1]["code"] = -8
    with pytest.raises(DefinitionError, match="'yes_no' have codes below zero"):
        xlsform_bytes(Instrument.model_validate(raw))


def test_negative_codes_and_clashing_names_are_refused(awkward: Instrument) -> None:
    raw = awkward.model_dump(by_alias=True)
    raw["translations"] = {}
    raw["response_scales"]["eleven"]["options"][0]["code"] = -5
    with pytest.raises(DefinitionError, match="'eleven' have codes below zero"):
        xlsform_bytes(Instrument.model_validate(raw))
    raw = awkward.model_dump(by_alias=True)
    raw["translations"] = {}
    raw["themes"][1]["items"][0]["id"] = "ONE"
    with pytest.raises(DefinitionError, match="2 ids differ by case only"):
        xlsform_bytes(Instrument.model_validate(raw))
