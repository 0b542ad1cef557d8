"""Each import format brings the day of the answers or leaves it empty; none gives the day of keying."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sqlalchemy import Engine

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import raw_study

import dta
from instrument.definition import Instrument
from instrument.errors import ResponseDataError
from instrument.exchange.fhir_import import from_fhir
from instrument.exchange.redcap_data import from_redcap
from instrument.loading import load
from instrument.recognition import mapping_text, recognise
from instrument.store.connect import open_store, reading
from instrument.store.retrieval import responses_of

CASES = Path(__file__).resolve().parents[1] / "exchange" / "data" / "cases"
ENROLLED = "2026-02-27"
FUTURE = (datetime.now(UTC).date() + timedelta(days=3)).isoformat()


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        dta.main(list(arguments))
    return int(stopped.value.code or 0)


@pytest.fixture
def mini() -> Instrument:
    return load(CASES / "mini.yaml")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_url: str) -> str:
    """An open study of the small instrument, with windows that hold every day; gives the store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    wave = {"id": "1", "day": 0, "opens": 0, "closes": 80}
    raw = {**raw_study(), "instrument": str(CASES / "mini.yaml"), "languages": ["en"], "waves": [wave]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    monkeypatch.setenv("DTA_STORE", store_url)
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 0
    return store_url


def days_in(store: str) -> dict[str, int | None]:
    """Day of each person's answers, counted from enrolment, as an export of the store has it."""
    engine = open_store(store)
    with reading(engine) as connection:
        found = responses_of(connection, "trial")
    engine.dispose()
    days = [None if pd.isna(day) else int(day) for day in found["day"]]
    return dict(zip(found["participant"], days, strict=True))


def enrolled(folder: Path, people: list[str]) -> str:
    pd.DataFrame({"participant": people, "enrolled_on": ENROLLED}).to_csv(
        folder / "enrolled.csv", index=False
    )
    return "enrolled.csv"


BY_ROW = -1  # Qualtrics' file: 1 to 9 March, one row after the other
TOOLS: list[tuple[str, int | None]] = [
    ("qualtrics/numeric.csv", BY_ROW),
    ("limesurvey/full.csv", 2),
    ("msforms/form.xlsx", 2),
    ("odk/kobo.csv", 2),
    ("redcap/dag.csv", 2),
    ("odk/central.csv", None),  # the moment of an upload is not that of the answers
    ("googleforms/form.csv", None),  # 2026/03/01 9:10:00 AM GMT+1
    ("surveymonkey/condensed.csv", None),  # 03/01/2026: the first of March, or the third of January
    ("redcap/classic.csv", None),
    ("csv/bom.csv", None),
    ("spss/declared89.sav", None),
    ("stata/plain.dta", None),
]


@pytest.mark.parametrize(("file", "day"), TOOLS, ids=[name for name, _ in TOOLS])
def test_a_survey_tool_brings_the_day_or_leaves_it_empty(
    study: str, tmp_path: Path, mini: Instrument, file: str, day: int | None
) -> None:
    mapping = recognise(CASES / file, mini).mapping.accepted()
    (tmp_path / "mapping.yaml").write_text(mapping_text(mapping, file), encoding="utf-8")
    out = ("--mapping", "mapping.yaml", "--instrument", str(CASES / "mini.yaml"), "--out", "read.csv")
    assert run("import", str(CASES / file), *out) == 0
    table = pd.read_csv("read.csv", dtype=str)
    assert "completed_on" not in table.columns
    people = list(table["participant"])
    file_of_days = enrolled(tmp_path, people)
    into = ("--mapping", "mapping.yaml", "--study", "trial", "--enrol", "--enrolment", file_of_days)
    assert run("import", str(CASES / file), *into) == 0
    assert days_in(study) == {name: 2 + k % 9 if day == BY_ROW else day for k, name in enumerate(people)}


def fhir(mini: Instrument, *authored: str | None) -> dict[str, Any]:
    items = [{"linkId": item, "answer": [{"valueInteger": 4}]} for item in mini.item_ids]
    responses = [
        {
            "resourceType": "QuestionnaireResponse",
            "status": "completed",
            "questionnaire": f"https://example.org/Questionnaire/{mini.id}",
            "subject": {"identifier": {"value": f"p{k}"}},
            **({} if moment is None else {"authored": moment}),
            "item": items,
        }
        for k, moment in enumerate(authored)
    ]
    return {"resourceType": "Bundle", "entry": [{"resource": one} for one in responses]}


def test_fhir_files_bring_the_day_of_authored_in_utc(study: str, tmp_path: Path, mini: Instrument) -> None:
    given = ["2026-03-02", "2026-03-02T23:30:00-08:00", "2026-03-02T08:00:00+14:00", None, "2026-03", "2026"]
    (tmp_path / "b.json").write_text(json.dumps(fhir(mini, *given)), encoding="utf-8")
    days = enrolled(tmp_path, [f"p{k}" for k in range(6)])
    assert run("import", "b.json", "--from", "fhir", "--study", "trial", "--enrol", "--enrolment", days) == 0
    assert days_in(study) == {"p0": 3, "p1": 4, "p2": 2, "p3": None, "p4": None, "p5": None}
    notes = from_fhir(fhir(mini, *given), mini).attrs["notes"]
    assert "3 of 6 rows without a day in authored: left empty" in notes
    assert run("import", "b.json", "--from", "fhir", "--study", "trial") == 0  # known, day and all


@pytest.mark.parametrize("wrong", ["yesterday", "2026-02-30", "2026-3-1", "02.03.2026", "20260302", 5])
def test_what_is_no_moment_is_refused_by_path(mini: Instrument, wrong: Any) -> None:
    with pytest.raises(ResponseDataError, match=r"entry\[1\]\.resource\.authored: must be a date") as said:
        from_fhir(fhir(mini, "2026-03-02", wrong), mini)
    assert "yesterday" not in str(said.value)


def test_a_day_that_is_still_to_come_is_refused(mini: Instrument) -> None:
    with pytest.raises(ResponseDataError, match="lies in the future in 1 of 2 rows"):
        from_fhir(fhir(mini, "2026-03-02", FUTURE), mini)


def redcap(mini: Instrument, stamps: list[str | None], **more: Any) -> pd.DataFrame:
    made = pd.DataFrame({item: ["4"] * len(stamps) for item in mini.item_ids})
    made.insert(0, "record_id", [f"p{k}" for k in range(len(stamps))])
    return made.assign(**{"mini_timestamp": stamps, "mini_complete": "2", **more})


def test_redcap_brings_the_day_of_its_time_stamp(study: str, tmp_path: Path, mini: Instrument) -> None:
    stamps = ["2026-03-02 23:59", "2026-03-03 00:00:01", "[not completed]", None]
    redcap(mini, stamps).to_csv("r.csv", index=False)
    days = enrolled(tmp_path, ["p0", "p1", "p2", "p3"])
    into = ("--from", "redcap", "--study", "trial", "--enrol", "--enrolment", days)
    assert run("import", "r.csv", *into) == 0
    assert days_in(study) == {"p0": 3, "p1": 4, "p2": None, "p3": None}


def test_only_the_forms_own_stamp_counts_and_other_spellings_are_refused(mini: Instrument) -> None:
    table = redcap(mini, ["2026-03-02 10:00"], other_timestamp="2026-03-09 10:00", other_complete="2")
    assert from_redcap(table, mini)["completed_on"].tolist() == ["2026-03-02"]
    assert "completed_on" not in from_redcap(table.drop(columns="mini_timestamp"), mini).columns
    with pytest.raises(ResponseDataError, match="'mini_timestamp' holds no date in 1 of 2 rows"):
        from_redcap(redcap(mini, ["2026-03-02 10:00", "02-03-2026 10:00"]), mini)
    with pytest.raises(ResponseDataError, match="lies in the future in 1 of 1 rows"):
        from_redcap(redcap(mini, [f"{FUTURE} 10:00"]), mini)
    untouched = redcap(mini, ["2026-03-02 10:00", "[not completed]"], mini_complete=["2", "0"])
    untouched.loc[1, mini.item_ids] = None
    assert from_redcap(untouched, mini)["completed_on"].tolist() == ["2026-03-02"]


def test_people_who_are_added_need_the_day_that_theirs_count_from(
    study: str, tmp_path: Path, mini: Instrument, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    redcap(mini, ["2026-03-02 10:00", None]).to_csv("r.csv", index=False)
    into = ("import", "r.csv", "--from", "redcap", "--study", "trial", "--enrol", "--outside-window")
    assert run(*into) == 2
    said = capsys.readouterr().err
    assert "1 people are added with dated answers and no day of enrolment" in said
    assert "'p0'" in said
    assert days_in(study) == {}
    for text, words in (
        ("participant\np0\n", "lacks 'enrolled_on'"),
        ("participant,enrolled_on\np0,soon\n", "holds no date in 1 of 1 rows"),
        (f"participant,enrolled_on\np0,{ENROLLED}\np0,2026-01-01\n", "more than one day of enrolment: 'p0'"),
        ("", "cannot be read as a CSV of enrolment"),
    ):
        Path("e.csv").write_text(text, encoding="utf-8")
        assert run(*into, "--enrolment", "e.csv") == 2
        assert words in capsys.readouterr().err
    assert run(*into, "--enrolment", enrolled(tmp_path, ["p0", "p9"])) == 0
    assert days_in(study) == {"p0": 3, "p1": None}


def test_anonymous_surveys_and_mixed_spellings_bring_no_day(tmp_path: Path, mini: Instrument) -> None:
    raw = (CASES / "limesurvey/full.csv").read_text(encoding="utf-8")
    for written, column in (("1980-01-01 00:00:00", None), ("01.03.2026 09:10", None)):
        file = tmp_path / "anonymous.csv"
        file.write_text(raw.replace("2026-03-01 09:10:00", written), encoding="utf-8")
        assert recognise(file, mini).mapping.completed_on == column
    mixed = raw.replace("2026-03-01 09:10:00", "1980-01-01 00:00:00", 1)
    (tmp_path / "mixed.csv").write_text(mixed, encoding="utf-8")
    assert recognise(tmp_path / "mixed.csv", mini).mapping.completed_on == "Date submitted"
