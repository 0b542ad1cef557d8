"""A sealed plan: whatever is changed between plan and analysis is named in the report."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import dta
from analysis.pipeline import validate
from analysis.planning.loading import load_plan, settle
from analysis.planning.sealing import read_seal, seal, seal_path
from analysis.report.html import render_html
from instrument.definition import Instrument
from instrument.errors import DefinitionError

PLAN: dict[str, Any] = {
    "schema": 1,
    "title": "North",
    "question": "Does it hold?",
    "hypotheses": [
        {"id": "h1", "text": "North and south.", "score": "north", "with": "south", "expected": ">= 0.2"},
        {
            "id": "h2",
            "text": "Hill above bay.",
            "score": "north",
            "groups": "site",
            "higher": "hill",
            "lower": "bay",
            "expected": "> 0",
        },
    ],
    "models": {"one": "f =~ q1 + q2 + q3 + q4", "other": "g =~ q5 + q6 + q7 + q8"},
    "estimator": "MLR",
    "missing": "fiml",
    "correlation": "pearson",
    "factors": 2,
    "groups": {"site": {"reference": "hill", "smallest": 20, "leave_out": ["marsh"]}},
    "smallest_group": 40,
    "collapse": {"q1": {5: 4}},
    "topics": ["flow", "scores"],
    "rules": {"ALPHA": 0.8},
    "seed": 3,
}

Change = Callable[[dict[str, Any]], Any]
FILE: dict[str, Change] = {
    "title": lambda p: p.update(title="South"),
    "question": lambda p: p.update(question="Does it?"),
    "hypotheses.h1.text": lambda p: p["hypotheses"][0].update(text="South and north."),
    "hypotheses.h1.score": lambda p: p["hypotheses"][0].update(score="west"),
    "hypotheses.h1.with": lambda p: p["hypotheses"][0].update({"with": "west"}),
    "hypotheses.h1.expected": lambda p: p["hypotheses"][0].update(expected=">= 0.1"),
    "hypotheses.h1.method": lambda p: p["hypotheses"][0].update(method="spearman"),
    "hypotheses.h1.judged_by": lambda p: p["hypotheses"][0].update(judged_by="estimate"),
    "hypotheses.h2.higher": lambda p: p["hypotheses"][1].update(higher="bay", lower="hill"),
    "hypotheses.h2.lower": lambda p: p["hypotheses"][1].update(lower="marsh"),
    "hypotheses.h2": lambda p: p["hypotheses"].pop(1),
    "hypotheses.h3": lambda p: p["hypotheses"].append(p["hypotheses"][0] | {"id": "h3"}),
    "hypotheses.order": lambda p: p["hypotheses"].reverse(),
    "models.one": lambda p: p["models"].update(one="f =~ q1 + q2 + q3"),
    "models.other": lambda p: p["models"].pop("other"),
    "models.third": lambda p: p["models"].update(third="h =~ q9 + q10 + q11"),
    "models.order": lambda p: p.update(models=dict(reversed(p["models"].items()))),
    "estimator": lambda p: p.update(estimator="WLSMV", missing="listwise"),
    "missing": lambda p: p.update(missing="listwise"),
    "correlation": lambda p: p.update(correlation="polychoric"),
    "smooth": lambda p: p.update(smooth="none"),
    "factors": lambda p: p.update(factors=3),
    "extraction": lambda p: p.update(extraction="ml"),
    "rotation": lambda p: p.update(rotation="varimax"),
    "groups.site.reference": lambda p: p["groups"]["site"].update(reference="bay"),
    "groups.site.smallest": lambda p: p["groups"]["site"].update(smallest=15),
    "groups.site.leave_out": lambda p: p["groups"]["site"].update(leave_out=[]),
    "groups.block": lambda p: p["groups"].update(block={"smallest": 20}),
    "smallest_group": lambda p: p.update(smallest_group=30),
    "collapse.q1.5": lambda p: p["collapse"].update(q1={5: 3, 4: 3}),
    "collapse.q2": lambda p: p["collapse"].update(q2={5: 4}),
    "exclude_flagged": lambda p: p.update(exclude_flagged=True),
    "imputations": lambda p: p.update(imputations=2),
    "partial": lambda p: p.update(partial=["q2~1"]),
    "criterion_items": lambda p: p.update(criterion_items="leave_out"),
    "topics": lambda p: p.update(topics=["flow"]),
    "rules.ALPHA": lambda p: p["rules"].update(ALPHA=0.7),
    "rules.CFI": lambda p: p["rules"].update(CFI=0.9),
    "seed": lambda p: p.update(seed=4),
    "measures": lambda p: p.update(measures=["other"]),
}
OVERRIDES: dict[str, tuple[str, Any]] = {
    "title": ("title", "South"),
    "question": ("question", ""),
    "hypotheses": ("hypotheses", []),
    "hypotheses.h2": ("hypotheses", PLAN["hypotheses"][:1]),
    "models.one": ("models", {"one": "f =~ q1 + q2 + q4", "other": "g =~ q5 + q6 + q7 + q8"}),
    "estimator": ("estimator", None),
    "missing": ("missing", "listwise"),
    "correlation": ("correlation", "polychoric"),
    "smooth": ("smooth", "truncated"),
    "factors": ("factors", 1),
    "extraction": ("extraction", "principal"),
    "rotation": ("rotation", "promax"),
    "groups": ("groups", None),
    "smallest_group": ("smallest_group", 50),
    "collapse.q1.5": ("collapse", {"q1": {4: 3}}),
    "exclude_flagged": ("exclude_flagged", True),
    "criterion_items": ("criterion_items", "leave_out"),
    "topics": ("topics", ["flow", "screening"]),
    "rules.ALPHA": ("rules", {}),
    "seed": ("seed", 8),
}
SCALE: dict[str, Change] = {
    "title": lambda s: s.update(title="Twelve other questions"),
    "version": lambda s: s.update(version="1.1"),
    "notice": lambda s: s.update(notice="Another."),
    "themes.north.title": lambda s: s["themes"][0].update(title="Up"),
    "themes.north.role": lambda s: s["themes"][0].update(role="context"),
    "themes.north.items.q1.text": lambda s: s["themes"][0]["items"][0].update(text="Other words"),
    "themes.north.items.q1.reverse": lambda s: s["themes"][0]["items"][0].update(reverse=True),
    "themes.north.items.order": lambda s: s["themes"][0]["items"].reverse(),
    "themes.order": lambda s: s["themes"].reverse(),
    "scoring.prorate_at": lambda s: s["scoring"].update(prorate_at=0.5),
    "scoring.total": lambda s: s["scoring"].update(total="none"),
    "response_scales.agree.options.3.label": lambda s: s["response_scales"]["agree"]["options"][2].update(
        label="Mid"
    ),
    "missing_codes.not_applicable": lambda s: s["missing_codes"].update(not_applicable=-9),
}


@pytest.fixture(scope="module")
def few(answers: pd.DataFrame) -> pd.DataFrame:
    return answers[answers["wave"] == 1].head(90).reset_index(drop=True)


@pytest.fixture(scope="module")
def people(few: pd.DataFrame) -> pd.DataFrame:
    site, block = np.tile(["hill", "bay", "marsh"], 30), np.tile(["left", "right"], 45)
    return pd.DataFrame({"participant": few["participant"], "site": site, "block": block})


@pytest.fixture
def locked(tmp_path: Path, scale: Instrument) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(PLAN, sort_keys=False), encoding="utf-8")
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    seal(path, load_plan(path), [("scale", scale)], files=[path], now=when)
    return path


def named(few: pd.DataFrame, scale: Instrument, people: pd.DataFrame, plan: Any, **more: Any) -> pd.DataFrame:
    """Deviations of a validation, each of which must stand in the page of the report."""
    tree = validate(few, scale, covariates=people, plan=plan, **more).tree
    section = tree["sections"]["plan"]
    assert section["status"] == "ok", section["message"]
    found = pd.DataFrame(section["tables"].get("deviations", {"what": [], "kind": [], "why": []}))
    page = render_html({**tree, "sections": {"plan": section}})
    for what in found["what"]:
        assert f">{what}</td>" in page or f">{what}<" in page, what
        assert what in section["values"]["deviating"]
    return found


def test_there_are_fifty_kinds_of_change() -> None:
    assert len(FILE) + len(OVERRIDES) + len(SCALE) >= 50


def test_what_is_as_planned_has_no_deviation(
    few: pd.DataFrame, scale: Instrument, people: pd.DataFrame, locked: Path
) -> None:
    assert named(few, scale, people, locked).empty
    text = locked.read_text(encoding="utf-8")
    locked.write_text("# another layout\n" + text.replace("seed: 3", "seed:   3"), encoding="utf-8")
    tree = validate(few, scale, covariates=people, plan=locked).tree
    assert tree["sections"]["plan"]["values"]["deviations"] == 0
    assert tree["sections"]["plan"]["values"]["locked_at"] == "2026-01-02T03:04:05Z"
    assert tree["meta"]["plan"]["sealed"]["sha256"] == read_seal(seal_path(locked)).last.digest


@pytest.mark.parametrize("path", FILE)
def test_a_change_of_the_file_after_the_lock_is_named(
    few: pd.DataFrame, scale: Instrument, people: pd.DataFrame, locked: Path, path: str
) -> None:
    changed = copy.deepcopy(PLAN)
    FILE[path](changed)
    locked.write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
    found = named(few, scale, people, locked)
    rows = found[found["what"] == path]
    assert len(rows) == 1 and rows["why"].iloc[0].startswith("the file differs from what was locked")


@pytest.mark.parametrize("path", OVERRIDES)
def test_a_change_on_the_command_line_is_named(
    few: pd.DataFrame, scale: Instrument, people: pd.DataFrame, locked: Path, path: str
) -> None:
    entry, content = OVERRIDES[path]
    more = {"missing": "listwise"} if entry == "estimator" else {}
    found = named(few, scale, people, settle(locked, {entry: content, **more}, "command line"))
    rows = found[found["what"].str.startswith(path) & (found["why"] == "given on the command line")]
    assert len(rows) == 1 or (path == "hypotheses" and len(rows) == 2)
    kinds = {"hypotheses.h2": "planned and not done", "rules.ALPHA": "planned and not done"}
    assert rows["kind"].iloc[0] == kinds.get(path, rows["kind"].iloc[0])


@pytest.mark.filterwarnings("ignore:validate. 'q1'. negative item-rest")  # an item turned round says so, too
@pytest.mark.parametrize("path", SCALE)
def test_a_change_of_the_instrument_is_named(
    few: pd.DataFrame, scale: Instrument, people: pd.DataFrame, locked: Path, path: str
) -> None:
    content = scale.model_dump(mode="json", by_alias=True)
    SCALE[path](content)
    found = named(few, Instrument.model_validate(content), people, locked)
    rows = found[found["what"] == f"instrument likert.{path}"]
    assert len(rows) == 1 and rows["why"].iloc[0] == "the instrument differs from the one that was locked"


def test_another_questionnaire_is_named_when_it_was_not_planned(
    few: pd.DataFrame, scale: Instrument, people: pd.DataFrame, locked: Path
) -> None:
    content = scale.model_dump(mode="json", by_alias=True) | {"id": "other"}
    for theme in content["themes"]:
        theme["id"] += "_too"
    other = Instrument.model_validate(content)
    found = named(few, scale, people, locked, measures=[(few, other)])
    assert set(found["what"]) == {"instrument other", "measures.other"}
    assert set(found["kind"]) == {"done and not planned"}


def test_what_was_planned_and_could_not_be_done_is_named(
    few: pd.DataFrame, scale: Instrument, people: pd.DataFrame, locked: Path
) -> None:
    found = named(few, scale, people.drop(columns="site"), locked)
    rows = found.set_index("what")
    assert set(rows.index) == {"hypotheses.h2", "groups.site"}
    assert set(rows["kind"]) == {"planned and not done"}
    assert "there is no 'site' in these data" in rows.loc["hypotheses.h2", "why"]
    stuck = few.assign(q1=pd.array([3] * len(few), dtype="Int64"))
    assert "models.one" in set(named(stuck, scale, people, locked)["what"])
    tiny = named(few.head(25), scale, people, locked)
    assert {"models.one", "models.other", "hypotheses.h1"} <= set(tiny["what"])


def test_hypotheses_of_the_study_file_are_not_those_of_the_plan(
    few: pd.DataFrame, scale: Instrument, people: pd.DataFrame, study: dict[str, Any], tmp_path: Path
) -> None:
    written = {"id": "s1", "text": "Late.", "measure": "correlation north, west", "expected": "> 0"}
    found = named(few, scale, people, {"topics": ["validity"]}, study=study | {"hypotheses": [written]})
    assert found["what"].tolist() == ["hypotheses.s1"] and found["kind"].tolist() == ["done and not planned"]


def test_amendments_are_chained_and_told_with_their_reasons(
    few: pd.DataFrame, scale: Instrument, people: pd.DataFrame, locked: Path
) -> None:
    with pytest.raises(DefinitionError, match="was locked on 2026-01-02T03:04:05Z"):
        seal(locked, load_plan(locked), [("scale", scale)])
    with pytest.raises(DefinitionError, match="neither plan nor instrument differs"):
        seal(locked, load_plan(locked), [("scale", scale)], reason="none")
    locked.write_text(yaml.safe_dump(PLAN | {"factors": 4}, sort_keys=False), encoding="utf-8")
    seal(locked, load_plan(locked), [("scale", scale)], reason="A reviewer asked.")
    found = named(few, scale, people, locked)
    assert found[["kind", "what", "planned", "done"]].to_numpy().tolist() == [
        ["amended", "factors", "2", "4"]
    ]
    assert found["why"].iloc[0].endswith(": A reviewer asked.")
    chain = read_seal(seal_path(locked)).sealings
    assert chain[1].previous == chain[0].digest and chain[0].previous == ""


@pytest.mark.parametrize("harm", ["body", "hash", "order", "dropped", "empty", "json", "time"])
def test_a_seal_that_was_altered_is_refused(
    few: pd.DataFrame, scale: Instrument, people: pd.DataFrame, locked: Path, harm: str
) -> None:
    locked.write_text(yaml.safe_dump(PLAN | {"factors": 4}, sort_keys=False), encoding="utf-8")
    seal(locked, load_plan(locked), [("scale", scale)], reason="A reviewer asked.")
    path = seal_path(locked)
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = content["entries"]
    if harm == "body":
        rows[0]["body"] = rows[0]["body"].replace('"factors": 2', '"factors": 4')
    elif harm == "time":
        rows[1]["body"] = rows[1]["body"].replace('"at": "2', '"at": "1')
    elif harm == "hash":
        rows[1]["sha256"] = "0" * 64
    elif harm == "order":
        rows.reverse()
    elif harm == "dropped":
        rows.pop(0)
    elif harm == "empty":
        rows.clear()
    path.write_text("{" if harm == "json" else json.dumps(content), encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"was altered: entry|holds no entry|is no seal of a plan"):
        validate(few, scale, covariates=people, plan=locked)


def test_the_command_locks_checks_and_amends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plan.yaml").write_text("schema: 1\nquestion: Why?\n", encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            dta.main(["plan", *arguments])
        said = capsys.readouterr()
        return int(str(ended.value.code)), said.out, said.err

    code, out, _ = run("lock", "plan.yaml", "-i", "dta")
    assert code == 0 and "sha256" in out and Path("plan.lock.json").is_file()
    assert Path("plan.verify.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run("lock", "plan.yaml", "-i", "dta")[0] == 2
    assert "changed since: nothing" in run("check", "plan.yaml", "-i", "dta")[1]
    Path("plan.yaml").write_text("schema: 1\nquestion: Why not?\n", encoding="utf-8")
    assert "changed since: question" in run("check", "plan.yaml", "-i", "dta")[1]
    code, out, _ = run("lock", "plan.yaml", "-i", "dta", "--reason", "Asked better.")
    assert code == 0 and out.startswith("Amendment of ")
    assert len(read_seal(Path("plan.lock.json")).sealings) == 2
    Path("plan.yaml").write_text("schema: 1\ntopics: [flw]\n", encoding="utf-8")
    code, _, err = run("lock", "plan.yaml", "-i", "dta", "--reason", "Worse.")
    assert code == 2 and "did you mean 'flow'" in err


def test_the_half_to_confirm_on_opens_with_the_lock(
    answers: pd.DataFrame, scale: Instrument, tmp_path: Path
) -> None:
    path = tmp_path / "plan.yaml"
    content = {"schema": 1, "topics": ["flow"], "split": {"seed": 4}}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    explored = validate(answers, scale, plan=path, half="exploration").tree["meta"]
    with pytest.raises(DefinitionError, match="stays closed until the plan is locked"):
        validate(answers, scale, plan=path, half="confirmation")
    with pytest.raises(DefinitionError, match="stays closed"):
        validate(answers, scale, plan=content, half="confirmation")
    seal(path, load_plan(path), [("scale", scale)])
    confirmed = validate(answers, scale, plan=path, half="confirmation").tree["meta"]
    assert explored["participants"] + confirmed["participants"] == answers["participant"].nunique()
    assert explored["administrations"] + confirmed["administrations"] == len(answers)
    assert confirmed["plan"]["half"] == "confirmation"
    assert any(note.startswith("half confirmation: ") for note in confirmed["notes"])
    for other in ({"seed": 5}, {"seed": 4, "explore": 0.6}):
        path.write_text(yaml.safe_dump(content | {"split": other}), encoding="utf-8")
        with pytest.raises(DefinitionError, match="locked with another split"):
            validate(answers, scale, plan=path, half="confirmation")


def test_every_table_of_a_person_goes_to_the_half_of_the_person(
    answers: pd.DataFrame, scale: Instrument, people: pd.DataFrame
) -> None:
    first = answers[answers["wave"] == 1].head(90)
    tree = validate(
        first,
        scale,
        covariates=people,
        plan={"split": {"seed": 1}, "topics": ["covariates"]},
        half="exploration",
    ).tree
    rows = tree["sections"]["covariates"]["tables"]["covariates"]
    assert rows["n"] == [tree["meta"]["participants"]] * 2


def test_people_are_split_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answers: pd.DataFrame,
    scale: Instrument,
) -> None:
    monkeypatch.chdir(tmp_path)
    answers[answers["wave"] == 1].to_csv("answers.csv", index=False)
    content = scale.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    Path("likert.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    for seed, code in ((4, 0), (4, 0), (5, 2)):
        text = yaml.safe_dump({"schema": 1, "topics": ["flow"], "split": {"seed": seed}})
        Path("plan.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit) as ended:
            dta.main(
                [
                    "validate",
                    "answers.csv",
                    "-i",
                    "likert.yaml",
                    "--plan",
                    "plan.yaml",
                    "-o",
                    "out",
                    "--half",
                    "exploration",
                ]
            )
        assert ended.value.code == code
    assert "people were split before by seed 4" in capsys.readouterr().err
