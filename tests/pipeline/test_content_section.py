"""Steps 1 to 3 of a report from the records of the work on content, and without them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml

import dta
import instrument
from analysis.common.verdicts import State
from analysis.disclosure.shared import to_share
from analysis.jobs.validation import _of_files
from analysis.pipeline import Validation, validate
from analysis.pipeline.topics.plan import entry_table
from analysis.planning.loading import make_plan
from analysis.report.markdown import render_markdown
from analysis.report.questions import question_rows
from analysis.report.standards import evidence_by_step, ordered
from analysis.report.view import verdicts
from instrument.content.records import load_content
from instrument.content.standards import content_standards
from instrument.content.validity_indices import content_validity_indices
from instrument.errors import DefinitionError
from instrument.study import make_study

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "data" / "content_example"
MINE = ("content_domain", "content", "pretesting")


@pytest.fixture(scope="module")
def few_answers(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    scale = instrument.load("dta@0.2.0")
    few = tmp_path_factory.mktemp("few") / "responses.csv"
    lines = (ROOT / "data" / "example" / "responses.csv").read_text(encoding="utf-8").splitlines()
    few.write_text("\n".join(lines[:41]), encoding="utf-8")
    return instrument.read_responses(few, scale)


@pytest.fixture(scope="module")
def found(few_answers: pd.DataFrame) -> Validation:
    return validate(few_answers, instrument.load("dta@0.2.0"), content=EXAMPLE, topics=["flow"])


def test_records_fill_the_first_three_steps(found: Validation) -> None:
    sections = found.tree["sections"]
    assert [name for name, _ in ordered(sections)][:3] == list(MINE)
    assert {sections[name]["status"] for name in MINE} == {"ok"}
    steps = evidence_by_step(sections)
    assert [step.state for step in steps[:3]] == [State.NOT_SHOWN] * 3
    domain = steps[0]  # a rationale for each item; elicitation not yet; four statements that nobody checked
    assert (domain.tally.met, domain.tally.not_met, domain.tally.untested) == (1, 1, 4)
    assert "stated by the authors, with nothing checked" in domain.words
    assert found.tree["properties"]["content"]["state"] == "not_shown"
    assert found.tree["meta"]["checksums"]["content"] == load_content(EXAMPLE).checksum
    assert "Synthetic" in sections["content"]["prose"][0]


def test_without_records_the_steps_say_what_is_needed(few_answers: pd.DataFrame) -> None:
    tree = validate(few_answers, instrument.load("dta@0.2.0"), topics=["flow"]).tree
    assert not set(MINE) & set(tree["sections"])
    for step in evidence_by_step(tree["sections"])[:3]:
        assert step.words.startswith("Not asked. Needs") and "content" in step.words


def test_every_claim_rests_on_the_number_of_its_path(
    found: Validation, at_path: Callable[[Any, str], Any]
) -> None:
    records = load_content(EXAMPLE)
    claims = [(name, claim) for name in MINE for claim in found.tree["sections"][name]["findings"]]
    for name, claim in claims:
        assert claim["path"].startswith(f"sections.{name}.")
        assert at_path(found.tree, claim["path"]) == claim["value"]
        assert claim["property"] == "content"
    by_hand = content_validity_indices(records.rated("relevance", "expert")).items.set_index("item")
    judged = {c["claim"]: c for _, c in claims if c["question"].startswith("Do judges find each item")}
    assert len(judged) == 2 * len(records.scale.item_ids)
    for item in records.items:
        assert judged[f"{item}, experts"]["value"] == by_hand.loc[item, "i_cvi"]
        assert judged[f"{item}, experts"]["passed"] == by_hand.loc[item, "i_cvi_met"]
    standards = content_standards(records).set_index("standard")["reply"]
    passed = {"yes": True, "partly": False, "not yet": False, "stated": None}
    told = {c["claim"]: c["passed"] for _, c in claims if c["claim"] in standards.index}
    assert told == {text: passed[reply] for text, reply in standards.items()}


def test_five_judges_must_all_agree(few_answers: pd.DataFrame, tmp_path: Path) -> None:
    settings = yaml.safe_load((EXAMPLE / "content.yaml").read_text())
    (tmp_path / "content.yaml").write_text(yaml.safe_dump({**settings, "items": ["hum1", "hum2"]}))
    rows = [f"E{k},1,hum1,relevance,{4 if k < 5 else 1}" for k in range(1, 6)]
    rows += [f"E{k},1,hum2,relevance,4" for k in range(1, 6)]
    (tmp_path / "ratings.csv").write_text("judge,round,item,aspect,rating\n" + "\n".join(rows))
    section = validate(
        few_answers, instrument.load("dta@0.2.0"), content=load_content(tmp_path), topics=["flow"]
    ).tree["sections"]["content"]
    claims = {
        c["claim"]: c for c in section["findings"] if "I-CVI" in c["rule"] or "five judges" in c["rule"]
    }
    assert claims["hum1, experts"]["value"] == 0.8 and claims["hum1, experts"]["passed"] is False
    assert claims["hum2, experts"]["passed"] is True
    assert "about {items:int} of {of_items:int} items" in section["prose"][1]
    assert any("No item was judged for relevance by three people" in line for line in section["prose"])


def test_every_place_of_the_prose_is_filled(found: Validation) -> None:
    for name in MINE:
        section = found.tree["sections"][name]
        for sentence in section["prose"]:
            for key in re.findall(r"\{(\w+)", sentence):
                assert section["values"][key] is not None, (name, key)


def test_a_shared_report_lacks_the_interviews_and_masks_what_answers_rest_on(found: Validation) -> None:
    assert "interviews" in found.tree["sections"]["pretesting"]["tables"]
    shared = to_share(found).tree["sections"]["pretesting"]
    assert "interviews" not in shared["tables"]
    assert not any(re.search(r"\d", text) for text in shared["tables"]["standards"]["basis"])


def test_content_of_another_version_is_refused(few_answers: pd.DataFrame, scale: Any, answers: Any) -> None:
    with pytest.raises(DefinitionError, match="the work on content is about dta"):
        validate(answers, scale, content=EXAMPLE, topics=["flow"])
    with pytest.raises(DefinitionError, match="there is no content"):
        validate(
            few_answers, instrument.load("dta@0.2.0"), content=ROOT / "data" / "example", topics=["flow"]
        )


def test_the_command_takes_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: dict[str, Any] = {}
    monkeypatch.setattr(
        "analysis.commands.validate.validate_and_write",
        lambda data, *_, plan, **__: taken.update(content=data.content, responses=data.responses, plan=plan),
    )
    answers = ROOT / "data" / "example" / "responses.csv"
    command = ["validate", answers, "-i", "dta@0.2.0", "--content", EXAMPLE, "--topics", "flow"]
    with pytest.raises(SystemExit) as ended:
        dta.main([str(part) for part in [*command, "--out", tmp_path / "out"]])
    assert ended.value.code == 0 and taken["content"] == EXAMPLE


@pytest.fixture
def folder_of_a_study(tmp_path: Path, few_answers: pd.DataFrame) -> Path:
    said = yaml.safe_load((ROOT / "data" / "example" / "study.yaml").read_text(encoding="utf-8"))
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**said, "content": "work/one"}), encoding="utf-8")
    shutil.copytree(EXAMPLE, tmp_path / "work" / "one")
    lines = (ROOT / "data" / "example" / "responses.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "responses.csv").write_text("\n".join(lines[:41]), encoding="utf-8")
    return tmp_path


def test_a_study_file_names_the_folder_for_the_command_and_for_a_job(
    folder_of_a_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[str, Any] = {}
    monkeypatch.setattr(
        "analysis.commands.validate.validate_and_write",
        lambda data, *_, plan, **__: taken.update(content=data.content, responses=data.responses, plan=plan),
    )
    here, study = folder_of_a_study, folder_of_a_study / "study.yaml"

    def run(*more: Any) -> Any:
        command = [
            "validate",
            here / "responses.csv",
            "-i",
            "dta@0.2.0",
            "--study",
            study,
            "--out",
            here / "x",
            *more,
        ]
        with pytest.raises(SystemExit) as ended:
            dta.main([str(part) for part in command])
        assert ended.value.code == 0
        return taken["content"]

    assert run() == here / "work" / "one"
    assert run("--content", EXAMPLE) == EXAMPLE
    files = {"responses": str(here / "responses.csv"), "study": str(study)}
    job: Any = SimpleNamespace(folder=here, request={"files": files, "instrument": "dta@0.2.0"})
    assert _of_files(job)[0].content == here / "work" / "one"
    shutil.rmtree(here / "work")
    for notes in (
        taken["responses"].attrs["notes"] if run() is None else [],
        _of_files(job)[0].responses.attrs["notes"],
    ):
        assert [note for note in notes if "work on content, 'work/one', which is not beside its file" in note]


def test_the_folder_that_a_plan_names_goes_before_the_one_of_the_study(
    folder_of_a_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[str, Any] = {}
    monkeypatch.setattr(
        "analysis.commands.validate.validate_and_write",
        lambda data, *_, plan, **__: taken.update(content=data.content, responses=data.responses, plan=plan),
    )
    here = folder_of_a_study
    plan = here / "plans" / "plan.yaml"
    plan.parent.mkdir()
    plan.write_text("{topics: [flow], content: two}", encoding="utf-8")
    command = ["validate", here / "responses.csv", "-i", "dta@0.2.0", "--plan", plan, "--out", here / "x"]

    def run(*more: Any) -> Any:
        with pytest.raises(SystemExit) as ended:
            dta.main([str(part) for part in [*command, *more]])
        assert ended.value.code == 0
        return taken["content"]

    def origin(study: str | None = None) -> tuple[str, str]:
        table = entry_table(taken["plan"], study).frame.set_index("entry")
        return table.at["content", "value"], table.at["content", "origin"]

    study = ("--study", here / "study.yaml")
    for more in ((), study):  # beside the plan's file, which lies elsewhere; never the study's in its place
        assert run(*more) is None
        notes = [note for note in taken["responses"].attrs["notes"] if "work on content" in note]
        assert len(notes) == 1 and notes[0].startswith("the plan names a folder of work on content, 'two'")
    shutil.copytree(EXAMPLE, plan.parent / "two")
    assert run(*study) == plan.parent / "two"
    assert not [note for note in taken["responses"].attrs["notes"] if "work on content" in note]
    assert origin("work/one") == ("two", "planned; goes before work/one, which the study file names")
    assert origin("two") == origin() == ("two", "planned")
    assert run("--content", plan.parent / "two") == plan.parent / "two" and origin() == ("two", "planned")
    assert run("--content", EXAMPLE) == EXAMPLE
    assert origin() == ("content_example", "overridden (command line); the plan says: two")
    plan.write_text("{topics: [flow]}", encoding="utf-8")
    assert run(*study) == here / "work" / "one"
    assert origin() == ("the folder that the study file names, if it names one", "default")


def test_python_looks_for_the_folder_that_a_plan_names_as_the_command_does(
    few_answers: pd.DataFrame, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("{topics: [flow], content: work}", encoding="utf-8")
    scale = instrument.load("dta@0.2.0")

    def run() -> tuple[set[str], list[str]]:
        tree = validate(few_answers, scale, plan=plan).tree
        notes = [note for note in tree["meta"]["notes"] if "work on content" in note]
        return set(tree["sections"]), notes

    sections, notes = run()
    assert sections == {"plan", "flow"}
    assert len(notes) == 1 and notes[0].startswith("the plan names a folder of work on content, 'work'")
    shutil.copytree(EXAMPLE, tmp_path / "work")
    given = set(validate(few_answers, scale, content=EXAMPLE, plan={"topics": ["flow"]}).tree["sections"])
    assert run() == (given, []) and len(given) == 5


def test_a_report_tells_which_folder_was_planned_and_when_it_was_not_read(few_answers: pd.DataFrame) -> None:
    raw = yaml.safe_load((ROOT / "data" / "example" / "study.yaml").read_text(encoding="utf-8"))
    given = {"study": make_study({**raw, "content": "one"}), "plan": {"topics": ["flow"], "content": "two"}}
    for content, done in ((EXAMPLE, True), (None, False)):
        tree = validate(few_answers, instrument.load("dta@0.2.0"), content=content, **given).tree
        tables = tree["sections"]["plan"]["tables"]
        place = tables["entries"]["entry"].index("content")
        assert tables["entries"]["origin"][place] == "planned; goes before one, which the study file names"
        missed = tables.get("deviations", {}).get("what", [])
        assert ("content" in missed) != done
        assert tree["meta"]["plan"]["entries"]["content"] == {"value": "two", "origin": "planned"}


def test_a_plan_leads_to_no_folder_of_others_and_sealed_ones_keep_their_form() -> None:
    for path in ("../work", "work/../../x", "/srv/work", "~/work", "C:\\work", "file:work", "", 3):
        with pytest.raises(DefinitionError, match="content: "):
            make_plan({"content": path})
    assert "content" not in json.loads(make_plan({}).to_json())
    assert json.loads(make_plan({"content": "work"}).to_json())["content"] == "work"


def test_a_study_file_leads_to_no_folder_of_others(folder_of_a_study: Path) -> None:
    said = yaml.safe_load((folder_of_a_study / "study.yaml").read_text(encoding="utf-8"))
    for path in ("../work", "work/../../x", "/srv/work", "~/work", "C:\\work", "file:work", ""):
        with pytest.raises(DefinitionError, match="content: "):
            make_study({**said, "content": path})
    del said["content"]
    assert "content" not in json.loads(make_study(said).to_json())  # older files keep their hash


def test_the_report_shows_each_standard_and_names_no_interview(found: Validation) -> None:
    page = render_markdown(found.tree)
    for text in content_standards(load_content(EXAMPLE))["standard"]:
        assert text in page
    assert "Interviews and translations" in page and str(ROOT) not in page
    assert "R1I1" not in page and "R1I1" not in json.dumps(found.tree)


def test_a_standard_is_answered_in_words_alone(found: Validation) -> None:
    standards = content_standards(load_content(EXAMPLE)).set_index("standard")["reply"]
    told = {e["claim"]: e for entries in verdicts(found.tree).values() for e in entries if "claim" in e}
    for text, reply in standards.items():
        assert told[text]["printed"] == ("–" if reply == "stated" else reply)
        assert told[text]["rule"] == "Standard of content validity: yes"
        assert told[text]["note"] == "COSMIN's standards in our own words."
    row = next(row for row in question_rows(found.tree) if row.question.startswith("Was the work"))
    assert (row.worst_value, row.range) == ("not yet", "not yet to yes")
