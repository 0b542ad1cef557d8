"""FHIR responses as other programs write them: read right, or refused with the path."""

from __future__ import annotations

import copy
from typing import Any

import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import ResponseDataError
from instrument.exchange.fhir import RELEASES, Release, questionnaire_responses
from instrument.exchange.fhir_import import from_fhir
from instrument.exchange.fhir_reading import read_items
from instrument.reading.read_responses import missing_reasons


@pytest.fixture
def mini() -> Instrument:
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "mini",
            "version": "1.0",
            "title": "Mini",
            "response_scales": {
                "agree": {
                    "options": {1: "Never", 2: "Seldom", 3: "Often", 4: "Mostly", 5: "Always"},
                    "outside": [{"code": 9, "label": "Prefer not to say", "reason": "declined"}],
                }
            },
            "missing_codes": {"skipped": -1, "not_seen": -2, "declined": 9},
            "themes": [
                {
                    "id": "t",
                    "title": "T",
                    "items": [{"id": i, "text": i} for i in ("q1", "q2", "q3")],
                }
            ],
        }
    )


def answered(link: str, value: int = 4, **more: Any) -> dict[str, Any]:
    return {"linkId": link, "answer": [{"valueInteger": value}], **more}


def response(person: str = "p1", **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": "https://example.org/Questionnaire/mini|1.0",
        "subject": {"identifier": {"value": person}},
        "item": [answered("q1", 4), answered("q2", 5), answered("q3", 1)],
        **changes,
    }


def bundle(*responses: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in responses]}


def values(frame: pd.DataFrame) -> list[list[Any]]:
    return (
        frame[["q1", "q2", "q3"]]
        .astype(object)
        .where(frame[["q1", "q2", "q3"]].notna(), None)
        .to_numpy()
        .tolist()
    )


def test_errors_and_broken_off_responses_are_not_scored_and_unfinished_is_not_finished(
    mini: Instrument,
) -> None:
    statuses = ["completed", "entered-in-error", "in-progress", "stopped", "amended"]
    frame = from_fhir(
        bundle(*(response(f"p{k}", status=status) for k, status in enumerate(statuses, start=1))), mini
    )
    assert frame["participant"].tolist() == ["p1", "p3", "p5"]
    assert frame["status"].tolist() == ["completed", "open", "completed"]
    notes = frame.attrs["notes"]
    assert "1 responses with status stopped left out" in notes
    assert "1 responses with status entered-in-error left out" in notes
    assert any(note.startswith("1 of 3 administrations were not finished") for note in notes)


@pytest.mark.parametrize("release", RELEASES)
def test_status_leaves_and_comes_back(mini: Instrument, release: Release) -> None:
    frame = from_fhir(bundle(response("p1"), response("p2", status="in-progress")), mini)
    resource = questionnaire_responses(frame, mini, release)
    assert [e["resource"]["status"] for e in resource["entry"]] == ["completed", "in-progress"]
    pd.testing.assert_frame_equal(from_fhir(resource, mini), frame, check_dtype=False)
    with pytest.raises(ResponseDataError, match="neither 'completed' nor 'open' in 1 of 2 rows"):
        questionnaire_responses(frame.assign(status=["completed", "finished"]), mini)


NESTED = [
    ("beside the answer", [answered("q1", 4, item=[answered("q2", 5)]), answered("q3", 1)]),
    (
        "beneath the answer",
        [{"linkId": "q1", "answer": [{"valueInteger": 4, "item": [answered("q2", 5)]}]}, answered("q3", 1)],
    ),
    (
        "in groups",
        [
            {"linkId": "g", "text": "..", "item": [{"linkId": "h", "item": [answered("q1", 4)]}]},
            answered("q2", 5),
            answered("q3", 1),
        ],
    ),
    ("an empty list", [answered("q1", 4, item=[]), answered("q2", 5, item=None), answered("q3", 1)]),
    (
        "an empty group",
        [{"linkId": "g", "item": []}, answered("q1", 4), answered("q2", 5), answered("q3", 1)],
    ),
    (
        "a text to read",
        [
            {"linkId": "intro", "text": "Hello"},
            {"linkId": "instructions"},
            answered("q1", 4),
            answered("q2", 5),
            answered("q3", 1),
            {"linkId": "bye", "text": "Thanks", "answer": []},
        ],
    ),
    (
        "decimals",
        [
            {"linkId": "q1", "answer": [{"valueDecimal": 4.0}]},
            {"linkId": "q2", "answer": [{"valueCoding": {"code": "5.0"}}]},
            {"linkId": "q3", "answer": [{"valueDecimal": 1}]},
        ],
    ),
    (
        "own labels",
        [
            {"linkId": "q1", "answer": [{"valueCoding": {"code": "4", "display": "mostly "}}]},
            {"linkId": "q2", "answer": [{"valueCoding": {"code": "5", "display": "other words"}}]},
            answered("q3", 1),
        ],
    ),
]


@pytest.mark.parametrize("items", [items for _, items in NESTED], ids=[name for name, _ in NESTED])
def test_questions_are_found_wherever_they_stand(mini: Instrument, items: list[Any]) -> None:
    frame = from_fhir(response(item=items), mini)
    assert values(frame) == [[4, 5, 1]]
    assert frame.columns.tolist() == ["participant", "wave", "q1", "q2", "q3"]


def test_a_reason_given_for_no_answer_is_kept(mini: Instrument) -> None:
    absent = {
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "valueCode": "asked-declined",
    }
    items = [
        {"linkId": "q1", "text": "q1", "extension": [absent]},
        {"linkId": "q2", "answer": None},
        answered("q3", 9),
    ]
    frame = from_fhir(response(item=items), mini)
    assert values(frame) == [[None, None, None]]
    assert missing_reasons(frame)["reason"].tolist() == ["declined", "unstated", "declined"]


def in_groups(deep: int, kind: str) -> list[Any]:
    """A question below so many groups, or beneath the answers to so many shown questions."""
    items: list[Any] = [answered("q1", 2)]
    for number in range(deep):
        one: dict[str, Any] = {"linkId": f"g{number}"}
        below = {"item": items} if kind == "groups" else {"item": None, "answer": [{"item": items}]}
        items = [{**one, **below}]
    return items


def test_five_groups_are_followed_and_no_sixth(mini: Instrument) -> None:
    for deep in range(9):
        faults: list[tuple[str, str]] = []
        found = read_items(in_groups(deep, "groups"), "item", mini, faults)
        assert found == ({"q1": 2} if deep <= 5 else {})
        assert [message for _, message in faults] == ["must be a list, at most 5 groups deep"] * (deep > 5)
    faults = []
    read_items(in_groups(6, "answers"), "item", mini, faults)
    assert "must be a list, at most 5 groups deep" in [message for _, message in faults]


def test_a_question_above_others_keeps_its_own_reason(mini: Instrument) -> None:
    url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
    declined = {"url": url, "valueCode": "asked-declined"}
    items = [{"linkId": "q1", "extension": [declined], "item": [answered("q2", 5)]}]
    assert read_items(items, "item", mini, []) == {"q1": "declined", "q2": 5}


@pytest.mark.parametrize(
    ("url", "code", "reason"),
    [
        ("data-absent-reason", "asked-declined", "declined"),
        ("data-absent-reason", "not-applicable", "not_applicable"),
        ("data-absent-reason", "not-asked", "not_seen"),
        ("data-absent-reason", "asked-unknown", "skipped"),
        ("data-absent-reason", "unknown", None),
        ("data-absent-reason", "masked", None),
        ("other-reason", "asked-declined", None),
    ],
)
def test_a_reason_is_that_of_its_own_extension(
    mini: Instrument, url: str, code: str, reason: str | None
) -> None:
    extension = [{"url": f"http://hl7.org/fhir/StructureDefinition/{url}", "valueCode": code}]
    assert read_items([{"linkId": "q1", "extension": extension}], "item", mini, []) == {"q1": reason}


@pytest.mark.parametrize(
    ("link", "code", "display", "right"),
    [
        ("b1", 4, "Stufe 4", True),
        ("b1", 4, " stufe 4 ", True),
        ("b1", 4, "Stufe 3", False),
        ("b1", 4, "STUFE 3", False),
        ("b1", 4, "Ja", True),  # a label of another scale names no code of this one
        ("a1", 0, "Nein", True),
        ("a1", 0, "Ja", False),
        ("a1", 97, "Trifft nicht zu", True),
        ("a1", 98, "Trifft nicht zu", False),
    ],
)
def test_labels_in_any_language_must_be_those_of_the_code(
    awkward: Instrument, link: str, code: int, display: str, right: bool
) -> None:
    faults: list[tuple[str, str]] = []
    items = [{"linkId": link, "answer": [{"valueCoding": {"code": str(code), "display": display}}]}]
    found = read_items(items, "item", awkward, faults)
    reasons = {97: "not_applicable", 98: "declined"}
    assert found == {link: reasons.get(code, code) if right else None}
    assert len(faults) == (not right)


REFUSED = [
    ({"item": []}, r"item: holds no item of the instrument"),
    ({"item": None}, r"item: must be a list"),
    ({"item": [{"linkId": "g", "item": []}]}, r"item: holds no item"),
    ({"item": [answered("q1"), answered("zz")]}, r"item\[1\]\.linkId: is not an item"),
    ({"item": [answered("q1"), {"linkId": ["q2"]}]}, r"item\[1\]\.linkId: is not an item"),
    (
        {"item": [answered("q1", item=[answered("q1")])]},
        r"item\[0\]\.item\[0\]\.linkId: items are there twice: 'q1'",
    ),
    ({"item": [{"linkId": "q1", "answer": [{"valueDecimal": 4.5}]}]}, r"item\[0\]\.answer: needs one"),
    (
        {"item": [{"linkId": "q1", "answer": [{"valueDecimal": float("nan")}]}]},
        r"item\[0\]\.answer: needs one",
    ),
    ({"item": [{"linkId": "q1", "answer": [{"valueDecimal": 1e400}]}]}, r"item\[0\]\.answer: needs one"),
    ({"item": [{"linkId": "q1", "answer": [{"valueString": "4"}]}]}, r"item\[0\]\.answer: needs one"),
    ({"item": [{"linkId": "q1", "answer": [{"valueBoolean": True}]}]}, r"item\[0\]\.answer: needs one"),
    ({"item": [{"linkId": "q1", "answer": {"valueInteger": 4}}]}, r"item\[0\]\.answer: needs one"),
    ({"item": [{"linkId": "q1", "answer": [{"valueInteger": True}]}]}, r"item\[0\]\.answer: needs one"),
    ({"item": [{"linkId": "q1", "answer": [{"valueInteger": "4"}]}]}, r"item\[0\]\.answer: needs one"),
    (
        {"item": [{"linkId": "q1", "answer": [{"valueInteger": 4}, {"valueInteger": 4}]}]},
        r"item\[0\]\.answer: needs one",
    ),
    ({"item": [answered("q1"), answered("instructions")]}, r"item\[1\]\.linkId: is not an item"),
    ({"item": [answered("zz", item=[answered("q1")])]}, r"item\[0\]\.linkId: is not an item"),
    (
        {"item": [{"linkId": "q1", "answer": [{"valueInteger": 4, "item": [answered("q1")]}]}]},
        r"item\[0\]\.answer\[0\]\.item\[0\]\.linkId: items are there twice: 'q1'",
    ),
    (
        {"item": [{"linkId": "q1", "answer": [{"valueInteger": 4, "valueCoding": {"code": "2"}}]}]},
        r"item\[0\]\.answer: needs one",
    ),
    (
        {
            "item": [
                {
                    "linkId": "q1",
                    "answer": [{"valueCoding": {"system": "http://loinc.org", "code": "LA6568-5"}}],
                }
            ]
        },
        r"item\[0\]\.answer: needs one",
    ),
    (
        {"item": [{"linkId": "q1", "answer": [{"valueCoding": {"code": "1", "display": "Always"}}]}]},
        r"item\[0\]\.answer\[0\]\.valueCoding\.display: is the label of another code",
    ),
    ({"status": "finished"}, "status: is none of completed, amended, in-progress"),
    ({"status": ["completed"]}, "status: is none of"),
    ({"subject": {"reference": "Patient/123"}}, "subject.reference: names a record of another server"),
    ({"subject": None}, "subject.identifier.value: is missing"),
    ({"questionnaire": "https://example.org/Questionnaire/mini-v1"}, "questionnaire: is not mini"),
    (
        {"identifier": {"system": "https://a.org/administrations", "value": "p2/1"}},
        "identifier.value: is not subject",
    ),
    (
        {"identifier": [{"system": "https://a.org/administrations", "value": "p1/"}]},
        "identifier.value: is not subject",
    ),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_cannot_be_read_is_refused_by_path(
    mini: Instrument, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ResponseDataError, match=message) as refused:
        from_fhir(bundle(response("p0"), response(**change)), mini)
    assert "entry[1].resource." in str(refused.value)


@pytest.mark.parametrize(
    ("identifier", "wave"),
    [
        (None, 1),
        ({"value": "s/p1/7"}, 1),
        ({"value": "p1/7"}, 1),
        ({"system": "urn:uuid", "value": "p1/7"}, 1),
        ({"system": "https://a.org/administrations", "value": "p1/7"}, 7),
        ([{"system": "urn:x", "value": "3/4"}, {"system": "x/administrations", "value": "p1/7"}], 7),
    ],
)
def test_the_wave_is_taken_from_our_own_identifier_only(mini: Instrument, identifier: Any, wave: int) -> None:
    frame = from_fhir(response(identifier=identifier), mini)
    assert frame["wave"].tolist() == [wave]
    assert any("wave 1 assumed" in note for note in frame.attrs["notes"]) == (wave == 1)


def test_two_responses_of_one_person_without_a_wave_are_refused(mini: Instrument) -> None:
    one, other = response(identifier={"value": "urn-1"}), response(identifier={"value": "urn-2"})
    with pytest.raises(
        ResponseDataError,
        match=r"entry\[0\]\.resource\.identifier: another response of this person .*\n  entry\[1\]",
    ):
        from_fhir(bundle(one, other), mini)


def test_entries_that_are_no_list_are_named(mini: Instrument) -> None:
    for entries in (None, {"resource": response()}, 3):
        with pytest.raises(ResponseDataError, match="entry: must be a list"):
            from_fhir({"resourceType": "Bundle", "entry": entries}, mini)
    with pytest.raises(ResponseDataError, match="entry: there is no QuestionnaireResponse"):
        from_fhir({"resourceType": "Bundle"}, mini)


def test_reading_changes_nothing_of_what_was_given(mini: Instrument) -> None:
    given = bundle(response(), response("p2", status="in-progress"))
    before = copy.deepcopy(given)
    from_fhir(given, mini)
    assert given == before
