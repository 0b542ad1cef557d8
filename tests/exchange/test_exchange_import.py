"""Answers that left as REDCap or FHIR come back the same; what is wrong has its path."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import ResponseDataError
from instrument.exchange.fhir import RELEASES, Release, questionnaire_responses
from instrument.exchange.fhir_import import from_fhir
from instrument.exchange.redcap_data import from_redcap, redcap_data
from instrument.reading.read_responses import missing_reasons

ORDER = ["participant", "wave", "item"]


def same(again: pd.DataFrame, answers: pd.DataFrame) -> None:
    keep = answers.columns.drop(["site", "age"])
    pd.testing.assert_frame_equal(again, answers[keep], check_dtype=False)
    pd.testing.assert_frame_equal(
        missing_reasons(again).sort_values(ORDER, ignore_index=True),
        missing_reasons(answers).sort_values(ORDER, ignore_index=True),
        check_dtype=False,
    )


def exported(answers: pd.DataFrame, scale: Instrument) -> pd.DataFrame:
    return pd.read_csv(StringIO(redcap_data(answers, scale)), dtype=str)


def test_redcap_there_and_back(answers: pd.DataFrame, awkward: Instrument) -> None:
    table = exported(answers, awkward)
    assert table.columns.tolist() == [
        *("record_id", "redcap_event_name", "a1", "a_2", "b1", "awkward_1_complete")
    ]
    assert table["redcap_event_name"].tolist() == [f"wave_{k}_arm_1" for k in (1, 2, 1, 1)]
    same(from_redcap(table, awkward), answers)


def test_redcap_repeat_instances_are_waves(answers: pd.DataFrame, awkward: Instrument) -> None:
    table = exported(answers, awkward).drop(columns="redcap_event_name")
    table["redcap_repeat_instrument"] = "awkward_1"
    table["redcap_repeat_instance"] = ["1", "2", "1", "1"]
    same(from_redcap(table, awkward), answers)


def test_redcap_rows_beside_repeated_forms_hold_no_wave_of_their_own(awkward: Instrument) -> None:
    """A project of repeated forms has a row for each person, too: it holds neither form nor instance."""
    answers = {"a1": [None, "1", "0"], "a_2": [None, "0", "1"], "b1": [None, "3", "4"]}
    table = pd.DataFrame({"record_id": ["p1"] * 3, "redcap_repeat_instance": [None, "1", "2"], **answers})
    read = from_redcap(table.assign(awkward_1_complete=["0", "2", "2"]), awkward)
    assert read["wave"].tolist() == [1, 2] and read["b1"].tolist() == [3, 4]


def test_redcap_without_waves_says_so(answers: pd.DataFrame, awkward: Instrument) -> None:
    table = exported(answers, awkward).drop(columns="redcap_event_name").iloc[[0, 2, 3]]
    again = from_redcap(table, awkward)
    assert again["wave"].tolist() == [1, 1, 1]
    assert any("wave 1 assumed" in note for note in again.attrs["notes"])


def test_redcap_keeps_named_fields_and_refuses_others(answers: pd.DataFrame, awkward: Instrument) -> None:
    table = exported(answers, awkward).assign(site="A")
    assert from_redcap(table, awkward, ("site",))["site"].tolist() == ["A"] * 4
    with pytest.raises(ResponseDataError, match="site"):
        from_redcap(table, awkward)


def test_redcap_faults(answers: pd.DataFrame, awkward: Instrument) -> None:
    table = exported(answers, awkward)
    with pytest.raises(ResponseDataError, match="no column 'record_id'"):
        from_redcap(table.drop(columns="record_id"), awkward)
    with pytest.raises(ResponseDataError, match="1 of 3 fields lack: 'A_2'"):
        from_redcap(table.drop(columns="a_2"), awkward)
    both = table.assign(redcap_repeat_instance="1")
    with pytest.raises(ResponseDataError, match="both events and repeat instances"):
        from_redcap(both, awkward)
    alike = answers.assign(wave=["w 1", "w_1", "w 1", "w 1"])
    with pytest.raises(ResponseDataError, match="2 waves make 1 names of events"):
        redcap_data(alike, awkward)


def test_redcap_days_and_states_stay_with_their_rows_where_rows_are_left_out(awkward: Instrument) -> None:
    table = pd.DataFrame(
        {
            "record_id": ["p1", "p2", "p3"],
            "a1": [None, "1", "0"],
            "a_2": [None, None, "1"],
            "b1": [None, "3", None],
            "awkward_1_complete": ["0.0", "1.0", "2.0"],
            "awkward_1_timestamp": ["2026-03-01 08:00", "[not completed]", "2026-03-03 08:00"],
        }
    )
    read = from_redcap(table, awkward)
    assert read["participant"].tolist() == ["p2", "p3"]
    assert read["status"].tolist() == ["open", "completed"]
    assert read["completed_on"].isna().tolist() == [True, False]
    assert read["completed_on"].tolist()[1] == "2026-03-03"
    assert read["a1"].tolist() == [1, 0]


@pytest.mark.parametrize("release", RELEASES)
def test_fhir_there_and_back(answers: pd.DataFrame, awkward: Instrument, release: Release) -> None:
    same(from_fhir(questionnaire_responses(answers, awkward, release), awkward), answers)


def test_fhir_takes_one_response_with_integers_and_no_wave(awkward: Instrument) -> None:
    response = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "https://example.com/x/awkward_1",
        "subject": {"identifier": {"value": "p9"}},
        "item": [
            {"linkId": "b1", "answer": [{"valueInteger": 0}]},
            {"linkId": "A_2", "answer": [{"valueCoding": {"code": "98"}}]},
        ],
    }
    frame = from_fhir(response, awkward)
    assert frame.loc[0, ["participant", "wave", "b1"]].tolist() == ["p9", 1, 0]
    reasons = dict(zip(missing_reasons(frame)["item"], missing_reasons(frame)["reason"], strict=True))
    assert reasons == {"a1": "unstated", "A_2": "declined"}


def test_fhir_counts_what_is_without_a_status_and_takes_an_empty_draft(
    answers: pd.DataFrame, awkward: Instrument
) -> None:
    resource = bundle(answers, awkward)
    entries = [entry["resource"] for entry in resource["entry"]]
    for one in entries[:3]:
        del one["status"]
    entries[3] |= {"status": "draft", "item": []}
    read = from_fhir(resource, awkward)
    assert "3 responses without a status, taken as completed" in read.attrs["notes"]
    assert read["status"].tolist() == ["completed"] * 3 + ["open"]
    assert read.loc[3, awkward.item_ids].isna().all()
    entries[3]["status"] = "completed"
    with pytest.raises(ResponseDataError, match=r"entry\[3\].*holds no item of the instrument"):
        from_fhir(resource, awkward)


def test_of_many_faults_five_are_named_and_the_others_counted(
    answers: pd.DataFrame, awkward: Instrument
) -> None:
    resource = bundle(answers, awkward)
    for entry in resource["entry"]:
        entry["resource"]["item"][0]["item"][0]["linkId"] = "zz"
        entry["resource"]["item"][0]["item"][1]["linkId"] = "yy"
    with pytest.raises(ResponseDataError, match=r"8 faults in the resource(.|\n)*\n  and 3 more\n") as said:
        from_fhir(resource, awkward)
    assert str(said.value).count("linkId: is not") == 5


def bundle(answers: pd.DataFrame, scale: Instrument) -> dict[str, Any]:
    return questionnaire_responses(answers, scale, "R5")


@pytest.mark.parametrize(
    ("steps", "value", "message"),
    [
        (("resourceType",), "Patient", "resourceType: must be QuestionnaireResponse or a Bundle"),
        (("entry", 0, "resource"), None, r"entry\[0\].resource: is no resource"),
        (
            ("entry", 1, "resource", "questionnaire"),
            "x/other",
            r"entry\[1\].*questionnaire: is not awkward_1",
        ),
        (("entry", 1, "resource", "questionnaire"), "x/awkward_1|9", "is version 9, the instrument is 2.0"),
        (("entry", 0, "resource", "subject"), {}, r"subject.identifier.value: is missing"),
        (("entry", 0, "resource", "item"), 3, r"entry\[0\].resource.item: must be a list"),
        (("entry", 0, "resource", "item", 0), 3, r"item\[0\]: must be an object"),
        (
            ("entry", 0, "resource", "item", 0, "item", 1, "linkId"),
            "zz",
            r"item\[0\].item\[1\].linkId: is not",
        ),
        (("entry", 0, "resource", "item", 0, "item", 1, "linkId"), "a1", "items are there twice: 'a1'"),
        (
            ("entry", 0, "resource", "item", 0, "item", 0, "answer", 0, "valueCoding", "code"),
            "5",
            r"item\[0\].item\[0\].answer: needs one valueCoding.code",
        ),
        (("entry",), [], "there is no QuestionnaireResponse"),
    ],
)
def test_fhir_faults_have_their_path(
    answers: pd.DataFrame, awkward: Instrument, steps: tuple[Any, ...], value: Any, message: str
) -> None:
    resource = bundle(answers, awkward)
    place: Any = resource
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = value
    with pytest.raises(ResponseDataError, match=message):
        from_fhir(resource, awkward)
