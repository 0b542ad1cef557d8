"""What came in, against a ledger written by hand: rows, reasons, people matched, days; and what is shared of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from analysis.commands.reading_options import ReadingOptions
from analysis.commands.reading_study import read_study
from analysis.commands.study_files import StudyFiles
from analysis.disclosure.shared import shared_tree
from analysis.pipeline import validate
from analysis.pipeline.context import build_context
from analysis.pipeline.topics import flow
from analysis.usage.mapping import LogMapping
from analysis.usage.summarise_usage import UsageSummary
from instrument.loading import load
from instrument.reading.read_responses import check_responses, read_responses
from instrument.recognition import load_mapping
from instrument.study_data import StudyData

MINI = Path(__file__).resolve().parents[1] / "exchange" / "data" / "cases" / "mini.yaml"
ITEMS = [f"q{k}" for k in range(1, 7)]
N, SECRET = 30, "SECRET-"
STUDY = {
    "schema": 1,
    "id": "small",
    "title": "Small",
    "instrument": "mini",
    "waves": [{"id": 1, "day": 21, "opens": 21, "closes": 28}],
    "study_days": 60,
    "landmark": {"wave": 1, "day": 28},
    "intended_use": {
        "unit": "sessions",
        "amount": 8,
        "weeks": 8,
        "justification": "one session a week for eight weeks",
    },
    "adherence": {
        "metric": "sessions",
        "threshold": 0.5,
        "justification": "half of the sessions that were due",
    },
}


def write(folder: Path) -> StudyData:
    """Two previews beside thirty people; forty enrolled; outcomes of twelve; a log of twenty of them."""
    people = [f"{SECRET}{k:02d}" for k in range(1, 41)]
    rows = [
        f"{people[k]},Finished,2026-03-{k % 9 + 1:02d},{','.join(str(1 + (k + j) % 5) for j in range(6))}"
        for k in range(N)
    ]
    rows[4:4] = ["x1,Survey Preview,2026-02-01,1,1,1,1,1,1", "x2,Survey Preview,2026-05-01,1,1,1,1,1,1"]
    (folder / "a.csv").write_text("\n".join([f"id,State,EndDate,{','.join(ITEMS)}", *rows]) + "\n")
    mapping = {
        "mapping": 1,
        "instrument": "mini",
        "participant": "id",
        "items": {item: item for item in ITEMS},
        "completed_on": "EndDate",
        "without_rows": {"State": ["Survey Preview"]},
    }
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping))
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    pd.DataFrame({"participant": people, "enrolled": ["2026-02-01"] * 39 + ["2026-02-20"]}).to_csv(
        folder / "enrolment.csv", index=False
    )
    pd.DataFrame({"participant": people[24:36], "symptoms": range(12)}).to_csv(folder / "o.csv", index=False)
    events = [
        {"participant": who, "at": f"2026-02-{day:02d}T10:00:00", "kind": "login", "device": "phone"}
        for who in people[20:40]
        for day in (2, 9, 21)
    ]
    twice = [events[0], events[3]]
    trials = [{**events[k], "device": "test"} for k in range(7)]
    early = [{**events[6], "at": "2026-01-05T10:00:00"}]
    pd.DataFrame([*events, *twice, *trials, *early]).to_csv(folder / "log.csv", index=False)
    log = {
        "log": 1,
        "participant": "participant",
        "at": "at",
        "kind": "kind",
        "without": {"device": ["^test$"]},
    }
    how = ReadingOptions(
        mapping=load_mapping(folder / "m.yaml"), fields=LogMapping.model_validate(log), most_set_aside=0.9
    )
    files = StudyFiles(
        responses=folder / "a.csv",
        instrument=str(MINI),
        usage=folder / "log.csv",
        outcomes=folder / "o.csv",
        study=folder / "study.yaml",
        enrolment=folder / "enrolment.csv",
    )
    return read_study(files, how)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudyData]:
    yield write(tmp_path_factory.mktemp("came_in"))


@pytest.fixture(scope="module")
def made(inputs: StudyData) -> dict[str, Any]:
    return validate(inputs, topics=["flow"]).tree


def rows_of(tree: dict[str, Any], table: str) -> list[list[Any]]:
    columns = tree["sections"]["flow"]["tables"][table]
    return [list(row) for row in zip(*columns.values(), strict=True)]


def test_rows_people_and_days_are_those_of_the_ledger(made: dict[str, Any]) -> None:
    assert rows_of(made, "came_in") == [
        ["Answers", "rows", 32, 30, 30, None, "2026-03-01", "2026-03-09"],
        ["Enrolled", "rows", 40, 40, 40, 30, "2026-02-01", "2026-02-20"],
        ["Outcomes", "rows", 12, 12, 12, 6, None, None],
        ["Log of use", "events", 70, 58, 20, 10, "day 1 after enrolment", "day 20 after enrolment"],
    ]  # of 20 in the log, one was enrolled on the 20th: two of that person's three events lie before
    assert rows_of(made, "left_out") == [
        ["Answers", "by 'State'", 2, "rows"],
        ["Log of use", "by the rule on 'device'", 7, "events"],
        ["Log of use", "before enrolment, set aside", 3, "events"],
        ["Log of use", "exact duplicates, counted once", 2, "events"],
    ]


def test_the_first_lines_show_kinds_of_cells_and_nobody(made: dict[str, Any]) -> None:
    table = made["sections"]["flow"]["tables"]["first_lines"]
    assert table["column"] == ["id", *ITEMS, "State", "EndDate"]
    for key in ("line_1", "line_2", "line_3"):
        assert table[key] == ["a text", *["a number"] * 6, "a text", "a date"]
    heads = made["sections"]["flow"]["captions"]["first_lines"]["columns"]
    assert [head["label"] for head in heads.values()] == ["Column", "Line 2", "Line 3", "Line 4"]
    assert SECRET not in json.dumps(made["sections"]["flow"])


def test_a_shared_copy_holds_no_small_count_no_day_and_no_line(made: dict[str, Any]) -> None:
    seen = shared_tree(made)["sections"]["flow"]
    assert "first_lines" not in seen["tables"]
    table, left = seen["tables"]["came_in"], seen["tables"]["left_out"]
    assert table["first"] == table["last"] == [None] * 4
    assert table["people"] == [30, 40, 12, 20]
    assert left["number"] == [None, 7, None, None]
    # 32 rows, and 30 administrations elsewhere, would tell the two previews
    assert table["rows"][0] is None
    assert table["kept"][0] == 30
    # 70 and 58 leave 12, of which the rule took 7: each of the two others may be anything from 0 to 4 or 5
    assert (table["rows"][3], table["kept"][3]) == (70, 58)


def test_the_log_is_that_of_the_section_on_use_unless_a_rule_left_events_out(inputs: StudyData) -> None:
    """Names say which counts are one and the same: 70 events came in, 63 of them reached the section on use."""
    assert isinstance(inputs.usage, UsageSummary)
    for usage, named in ((inputs.usage, False), (dataclasses.replace(inputs.usage, left_out=()), True)):
        context = build_context(dataclasses.replace(inputs, usage=usage), seed=1)
        kinds = flow.TOPIC.run(context).tables["came_in"].kinds["rows"]
        assert [bool(name) for name in kinds.names] == [False, False, False, named]


def test_a_table_that_was_changed_since_it_was_read_is_counted_as_it_is(inputs: StudyData) -> None:
    answers = inputs.responses
    fewer = answers[answers["q1"] != 1].reset_index(drop=True)
    kept = len(fewer)
    assert 0 < kept < N
    tree = validate(fewer, inputs.scale, topics=["flow"]).tree
    assert rows_of(tree, "came_in") == [["Answers", "rows", kept, kept, kept, None, None, None]]
    assert "first_lines" not in tree["sections"]["flow"]["tables"]
    again = check_responses(answers, inputs.scale, covariates=())
    assert again.attrs["came_in"] == answers.attrs["came_in"]


def test_rows_that_are_no_administrations_are_not_shared(tmp_path: Path) -> None:
    """A row for each answer: 6 × 30 rows and 5 of another item; administrations are told by the flow alone."""
    lines = [f"p{k},{item},{1 + (k + j) % 5}" for k in range(N) for j, item in enumerate(ITEMS)]
    lines += [f"p{k},age,4" for k in range(5)]
    path = tmp_path / "long.csv"
    path.write_text("\n".join(["id,item,resp", *lines]))
    mapping = {
        "mapping": 1,
        "instrument": "mini",
        "participant": "id",
        "items": {item: item for item in ITEMS},
        "long": {"item": "item", "answer": "resp"},
    }
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    scale = load(str(MINI))
    answers = read_responses(path, scale, mapping=load_mapping(tmp_path / "m.yaml"))
    tree = validate(answers, scale, topics=["flow"]).tree
    assert rows_of(tree, "came_in") == [["Answers", "rows", 185, 180, 30, None, None, None]]
    assert rows_of(tree, "left_out") == [["Answers", "of other items", 5, "rows"]]
    assert set(shared_tree(tree)["sections"]["flow"]["tables"]) == {"flow"}


def test_administrations_that_a_plan_took_out_are_not_told_by_what_came_in(inputs: StudyData) -> None:
    answers = inputs.responses.copy()
    answers.attrs = inputs.responses.attrs
    answers.loc[:2, ITEMS] = 3
    plan = {"schema": 1, "exclude_flagged": True}
    tree = validate(answers, inputs.scale, topics=["flow"], plan=plan).tree
    assert rows_of(tree, "came_in")[0][2:4] == [32, 30]
    assert tree["sections"]["plan"]["values"]["kept"] < 30
    assert not {"came_in", "left_out"} & set(shared_tree(tree)["sections"]["flow"]["tables"])
