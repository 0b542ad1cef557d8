"""The paper form: every item with a box for every answer, and the crisis text on each sheet."""

from __future__ import annotations

import lxml.html
import pytest

from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.exchange.paper import HEADINGS, paper_form


def test_page_has_every_item_with_every_answer(any_scale: Instrument) -> None:
    for language in any_scale.languages:
        wording = any_scale.wording(language)
        page = lxml.html.fromstring(paper_form(any_scale, language))
        assert page.get("lang") == language
        fields = page.findall(".//fieldset")
        assert [field.get("id") for field in fields] == any_scale.item_ids
        for number, field in enumerate(fields, 1):
            item = any_scale.item(field.get("id"))
            assert field.findtext("legend") == f"{number}. {wording.items[item.id]}"
            boxes = field.findall(".//li")
            shown = {
                int(box.get("data-code")): box.text_content().removesuffix(box.get("data-code")).strip()
                for box in boxes
            }
            assert shown == wording.options[item.scale or any_scale.scale_by_default]


def test_page_is_self_contained_and_hides_themes(awkward: Instrument) -> None:
    text = paper_form(awkward)
    page = lxml.html.fromstring(text)
    assert page.xpath("//script | //link | //img | //@src | //@href") == []
    assert "One, two" not in page.text_content()
    assert awkward.instructions in page.text_content()
    assert awkward.notice in page.text_content()


def test_crisis_text_stands_at_both_ends_and_on_each_printed_sheet(awkward: Instrument) -> None:
    text = paper_form(awkward, crisis_text="Call <112> at once")
    page = lxml.html.fromstring(text)
    assert [node.text_content() for node in page.find_class("help")] == ["Call <112> at once"] * 2
    assert "@media print{footer.help{position:fixed;bottom:0" in text
    assert "class=help" not in paper_form(awkward)


def test_headings_exist_in_both_languages_and_can_be_given(awkward: Instrument) -> None:
    assert set(HEADINGS["de"]) == set(HEADINGS["en"])
    raw = awkward.model_dump(by_alias=True)
    raw["translations"] = {"fr": {**raw["translations"]["de"], "language": "fr"}}
    french = Instrument.model_validate(raw)
    with pytest.raises(DefinitionError, match="headings in 'fr' lack 'code', 'wave'"):
        paper_form(french, "fr")
    page = paper_form(french, "fr", headings={**HEADINGS["en"], "thanks": "Merci."})
    assert "Merci." in page


def test_what_stands_around_the_items_is_that_of_the_language(awkward: Instrument) -> None:
    raw = awkward.model_dump(by_alias=True)
    german = {
        **raw["translations"]["de"],
        "language": "de-CH",
        "notice": "Nicht geprüft.",
        "time_frame": "Heute",
    }
    raw["translations"] = {"de-CH": german}
    scale = Instrument.model_validate(raw)
    said = {
        None: (
            "Code: ",
            "Time point: ",
            "Date: ",
            "You can leave out any statement.",
            "Today …",
            "Not validated.",
        ),
        "de-CH": (
            "Code: ",
            "Zeitpunkt: ",
            "Datum: ",
            "Sie können jede Aussage auslassen.",
            "Heute …",
            "Nicht geprüft.",
        ),
    }
    for language, (*blanks, free, frame, notice) in said.items():
        page = lxml.html.fromstring(paper_form(scale, language))
        assert [one.text_content() for one in page.find_class("blanks")[0]] == blanks
        paragraphs = [one.text_content() for one in page.iter("p")]
        assert [text for text in paragraphs if free in text]
        assert {frame, notice, scale.wording(language).instructions} <= set(paragraphs)
        assert paragraphs[-1] == f"awkward_1 2.0 · {scale.content_hash[:12]}"
    with pytest.raises(DefinitionError, match="headings in 'de-CH' lack 'code'"):
        paper_form(scale, "de-CH", headings={})


def test_boxes_stand_in_the_order_of_the_scale_and_what_lies_outside_last(awkward: Instrument) -> None:
    page = lxml.html.fromstring(paper_form(awkward))
    order = {
        field.get("id"): [int(box.get("data-code")) for box in field.findall(".//li")]
        for field in page.findall(".//fieldset")
    }
    assert order == {"a1": [0, 1, 97, 98], "A_2": [0, 1, 97, 98], "b1": list(range(11))}
