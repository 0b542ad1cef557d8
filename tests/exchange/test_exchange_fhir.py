"""FHIR resources read back by fhir.resources; R4 and R4B say the same."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from fhir.resources.bundle import Bundle as BundleR5
from fhir.resources.questionnaire import Questionnaire as QuestionnaireR5
from fhir.resources.R4B.bundle import Bundle as BundleR4B
from fhir.resources.R4B.questionnaire import Questionnaire as QuestionnaireR4B

from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.exchange.fhir import ABSENT, Release, fhir_json, questionnaire, questionnaire_responses

READERS: dict[Release, Any] = {"R4B": QuestionnaireR4B, "R5": QuestionnaireR5}
BUNDLES: dict[Release, Any] = {"R4B": BundleR4B, "R5": BundleR5}


@pytest.mark.parametrize("release", READERS)
def test_reader_finds_every_item_code_and_label(any_scale: Instrument, release: Release) -> None:
    for language in any_scale.languages:
        wording = any_scale.wording(language)
        read = READERS[release].model_validate_json(fhir_json(questionnaire(any_scale, language, release)))
        assert (read.language, read.title, read.version) == (language, wording.title, any_scale.version)
        groups = [group for group in read.item if group.type == "group"]
        assert [group.linkId for group in groups] == [theme.id for theme in any_scale.themes]
        items = [item for group in groups for item in group.item]
        assert [item.linkId for item in items] == any_scale.item_ids
        for item in items:
            own = any_scale.item(item.linkId)
            assert item.text == wording.items[own.id]
            assert item.type == ("coding" if release == "R5" else "choice")
            shown = {int(o.valueCoding.code): o.valueCoding.display for o in item.answerOption}
            assert shown == wording.options[own.scale or any_scale.scale_by_default]
            weights = [o.valueCoding.extension for o in item.answerOption]
            codes = any_scale.scale_of(own.id).codes
            assert [float(w[0].valueDecimal) if w else None for w in weights] == [
                *codes,
                *[None] * (len(shown) - len(codes)),
            ]


@pytest.mark.parametrize("release", READERS)
def test_nothing_is_lost_between_writing_and_reading(any_scale: Instrument, release: Release) -> None:
    written = questionnaire(any_scale, None, release)
    read = READERS[release].model_validate_json(fhir_json(written))
    assert json.loads(read.model_dump_json(), parse_float=int) == json.loads(
        fhir_json(written), parse_float=int
    )


def test_translations_stand_beside_the_source(awkward: Instrument) -> None:
    item = questionnaire(awkward)["item"][1]["item"][1]
    parts = {part["url"]: part for part in item["_text"]["extension"][0]["extension"]}
    assert parts["lang"]["valueCode"] == "de"
    assert parts["content"]["valueString"] == "Ich tue es, „so“."
    display = item["answerOption"][0]["valueCoding"]["_display"]["extension"][0]["extension"]
    assert display[1]["valueString"] == "Nein"


def test_what_a_translation_lacks_has_no_empty_one(awkward: Instrument) -> None:
    raw = awkward.model_dump(by_alias=True)
    del raw["translations"]["de"]["instructions"]
    first = questionnaire(Instrument.model_validate(raw))["item"][0]
    assert first == {"linkId": "instructions", "text": "Think of today, please.", "type": "display"}


def test_answers_show_their_labels(answers: pd.DataFrame, awkward: Instrument) -> None:
    groups = questionnaire_responses(answers, awkward)["entry"][1]["resource"]["item"]
    shown = [item["answer"][0]["valueCoding"]["display"] for group in groups for item in group["item"]]
    assert shown == ["No, not <at all>", "I'd rather not say; no", "0 – Schön"]


def test_r4_and_r4b_are_the_same_and_r5_differs_by_type_and_weight(any_scale: Instrument) -> None:
    r4, r4b, r5 = (fhir_json(questionnaire(any_scale, release=name)) for name in ("R4", "R4B", "R5"))
    assert r4 == r4b
    assert r5.replace('"coding"', '"choice"').replace("itemWeight", "ordinalValue") == r4


def test_candidate_is_a_draft_and_a_validated_scale_is_active(awkward: Instrument) -> None:
    draft = questionnaire(awkward)
    assert (draft["status"], draft["experimental"]) == ("draft", True)
    active = questionnaire(awkward.model_copy(update={"status": "validated"}))
    assert (active["status"], active["experimental"]) == ("active", False)
    assert draft["id"] == "awkward-1"
    assert draft["identifier"][0]["value"] == awkward.content_hash


def answered(bundle: Any) -> dict[tuple[str, str], str]:
    """Code, or reason of absence, of each administration and item."""
    cells = {}
    for entry in bundle.entry:
        response = entry.resource
        identifier = response.identifier[0] if isinstance(response.identifier, list) else response.identifier
        for group in response.item:
            for item in group.item:
                given = item.answer[0].valueCoding.code if item.answer else item.extension[0].valueCode
                cells[identifier.value, item.linkId] = given
    return cells


@pytest.mark.parametrize("release", BUNDLES)
def test_answers_come_back_with_every_kind_of_missing_apart(
    answers: pd.DataFrame, awkward: Instrument, release: Release
) -> None:
    written = questionnaire_responses(answers, awkward, release)
    bundle = BUNDLES[release].model_validate_json(fhir_json(written))
    assert answered(bundle) == {
        ("p1/1", "a1"): "1",
        ("p1/1", "A_2"): "0",
        ("p1/1", "b1"): "10",
        ("p1/2", "a1"): "0",
        ("p1/2", "A_2"): "98",
        ("p1/2", "b1"): "0",
        ("p2/1", "a1"): "97",
        ("p2/1", "A_2"): "1",
        ("p2/1", "b1"): "not-asked",
        ("p3/1", "a1"): "unknown",
        ("p3/1", "A_2"): "asked-unknown",
        ("p3/1", "b1"): "7",
    }
    first = bundle.entry[0].resource
    assert first.questionnaire == "https://example.org/fhir/Questionnaire/awkward_1|2.0"
    assert first.subject.identifier.value == "p1"
    assert "Zürich" not in fhir_json(written)


def test_reasons_of_absence_are_distinct() -> None:
    assert len(set(ABSENT.values())) == len(ABSENT) == 5


def test_unknown_release_is_refused(awkward: Instrument, answers: pd.DataFrame) -> None:
    with pytest.raises(DefinitionError, match="FHIR release 'R6' is not known"):
        questionnaire(awkward, release="R6")  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="choose one of R4, R4B, R5"):
        questionnaire_responses(answers, awkward, "DSTU2")  # type: ignore[arg-type]
