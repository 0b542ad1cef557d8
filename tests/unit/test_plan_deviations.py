"""Which deviations from a plan are named, and as which kind: topics, measures, hypotheses, groups, roles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.pipeline.context import Context, build_context
from analysis.planning.applying import carry_out
from analysis.planning.definition import Plan
from analysis.planning.deviations import NOT_DONE, NOT_PLANNED, OTHERWISE, Deviation, deviations_of
from analysis.planning.loading import load_plan, settle
from analysis.planning.sealing import seal
from instrument.definition import Instrument
from instrument.study_data import StudyData

N = 120


def scale_named(name: str, prefix: str = "q") -> Instrument:
    theme = {
        "id": f"{prefix}_theme",
        "title": "Theme",
        "role": "dimension",
        "items": [{"id": f"{prefix}{k}", "text": f"Question {k}"} for k in range(1, 5)],
    }
    options = {1: "Not at all", 2: "A little", 3: "Some", 4: "Much", 5: "Fully"}
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": name,
            "version": "1.0",
            "title": name.title(),
            "status": "candidate",
            "notice": "Made up for testing.",
            "response_scales": {"agree": {"options": options}},
            "themes": [theme],
        }
    )


SCALE, OTHER = scale_named("one"), scale_named("other", "r")


def answers_to(scale: Instrument, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    codes = np.clip(np.rint(3 + rng.normal(size=(N, 1)) + rng.normal(size=(N, 4))), 1, 5).astype(int)
    frame = pd.DataFrame(codes, columns=list(scale.item_ids)).astype("Int64")
    frame.insert(0, "participant", [f"p{k:03d}" for k in range(N)])
    frame.insert(1, "wave", "t1")
    return frame


def carried_out(plan: Any, **tables: Any) -> Context:
    data = StudyData(responses=answers_to(SCALE), scale=SCALE, **tables)
    return carry_out(build_context(data, seed=1), settle(plan))


def found(plan: Any, sections: dict[str, Any] | None = None, **tables: Any) -> list[Deviation]:
    return deviations_of(carried_out(plan, **tables), sections or {})


def ended(status: str) -> dict[str, Any]:
    return {"status": status, "message": f"it is {status}"}


@pytest.mark.parametrize("status", ["failed", "untestable", "not_applicable"])
def test_a_planned_topic_without_results_was_not_done_for_whatever_cause(status: str) -> None:
    sections = {"irt": ended(status), "flow": {**ended("ok"), "message": ""}, "use": ended("failed")}
    told = found({"topics": ["irt", "flow", "fairness"]}, sections)
    assert [(one.kind, one.what, one.planned, one.why) for one in told] == [
        (NOT_DONE, "topics.irt", "irt", f"it is {status}")
    ]


def test_a_questionnaire_is_planned_by_its_name_by_its_theme_or_by_its_total() -> None:
    given = {"measures": ((answers_to(OTHER, 2), OTHER),)}
    assert [(one.kind, one.what, one.done) for one in found({}, **given)] == [
        (NOT_PLANNED, "measures.other", "other")
    ]
    assert found({"measures": ["other"]}, **given) == []
    for name in ("r_theme", "other_total"):
        hypothesis = {
            "id": "h1",
            "text": "They go together.",
            "score": "q_theme",
            "with": name,
            "expected": "> 0",
        }
        assert found({"hypotheses": [hypothesis]}, **given) == []
    other = {"id": "h1", "text": "They go together.", "score": "q_theme", "with": "age", "expected": "> 0"}
    people = pd.DataFrame({"participant": [f"p{k:03d}" for k in range(N)], "age": np.arange(N)})
    assert [one.what for one in found({"hypotheses": [other]}, **given, covariates=people)] == [
        "measures.other"
    ]
    told = found({"measures": ["other"]})
    assert [(one.kind, one.what, one.planned) for one in told] == [(NOT_DONE, "measures.other", "other")]


def test_hypotheses_of_the_study_are_unplanned_where_they_expect_something_and_are_not_the_plans() -> None:
    said = {"text": "Both.", "measure": "correlation q_theme, age"}
    study = {
        "schema": 1,
        "id": "trial",
        "title": "Trial",
        "instrument": "one",
        "synthetic": True,
        "study_days": 84,
        "waves": [{"id": "t1", "label": "Start", "day": 0, "opens": 0, "closes": 7}],
        "intended_use": {
            "unit": "sessions",
            "amount": 12,
            "weeks": 12,
            "justification": "Made up for this test.",
        },
        "adherence": {"metric": "sessions", "threshold": 0.66, "justification": "Made up for this test."},
        "hypotheses": [
            {"id": "h1", **said, "expected": "> 0"},
            {"id": "open", **said},
            {"id": "late", **said, "expected": "> 0"},
        ],
    }
    people = pd.DataFrame({"participant": [f"p{k:03d}" for k in range(N)], "age": np.arange(N)})
    planned = {"id": "h1", "text": "Both.", "score": "q_theme", "with": "age", "expected": "> 0"}
    context = carried_out({"hypotheses": [planned]}, study=study, covariates=people)
    told = deviations_of(context, {"validity": ended("ok")})
    assert [(one.kind, one.what, one.done) for one in told] == [(NOT_PLANNED, "hypotheses.late", "Both.")]
    assert deviations_of(context, {}) == [], "where validity was not asked for, nothing was done"


def groups_of(**sizes: int) -> pd.DataFrame:
    labels = [name for name, size in sizes.items() for _ in range(size)]
    assert len(labels) == N
    return pd.DataFrame({"participant": [f"p{k:03d}" for k in range(N)], "site": labels})


@pytest.mark.parametrize(
    ("sizes", "grouping", "told"),
    [
        ({"a": 60, "b": 60}, {}, []),
        ({"a": 60, "b": 50, "c": 10}, {"leave_out": ["c"]}, []),
        (
            {"a": 60, "b": 50, "c": 10},
            {},
            [(OTHERWISE, "levels of fewer than 30 people are left out: c")],
        ),
        (
            {"a": 60, "b": 40, "c": 10, "d": 10},
            {"leave_out": ["d"]},
            [(OTHERWISE, "levels of fewer than 30 people are left out: c")],
        ),
        (
            {"a": 60, "b": 60},
            {"leave_out": ["z"]},
            [(OTHERWISE, "nobody is in the planned levels z")],
        ),
        (
            {"a": 110, "b": 10},
            {},
            [
                (
                    NOT_DONE,
                    "levels of fewer than 30 people are left out: b; "
                    "fewer than two levels have 30 people or more",
                )
            ],
        ),
    ],
)
def test_levels_that_the_plan_leaves_out_hide_no_others(
    sizes: dict[str, int], grouping: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    plan = {"groups": {"site": {"smallest": 30, **grouping}}}
    assert [(one.kind, one.why) for one in found(plan, covariates=groups_of(**sizes))] == told


def test_a_questionnaire_that_changed_its_part_is_named(tmp_path: Path) -> None:
    """Locked as another measure, used as the scale: its content is the same."""
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump({"measures": ["one"]}), encoding="utf-8")
    when = datetime(2026, 1, 2, tzinfo=UTC)
    seal(path, load_plan(path), [("scale", OTHER), ("measure", SCALE)], files=[path], now=when)
    told = found(path)
    assert ("instrument one.role", "measure", "scale") in [(one.what, one.planned, one.done) for one in told]
    assert (NOT_DONE, "instrument other") in [(one.kind, one.what) for one in told]


def test_a_model_that_was_not_fitted_is_named_and_one_that_was_is_not() -> None:
    table = {
        "model": ["one", "two"],
        "n": [None, 118],
        "solution": ["not fitted: sem: it does not converge", "not fitted in these words, but fitted"],
    }
    context = replace(
        carried_out({}), plan=Plan(models={"one": "f =~ q1 + q2 + q3", "two": "f =~ q1 + q2 + q4"})
    )
    sections = {"planned_models": {**ended("ok"), "tables": {"fit": table}}}
    assert [(one.kind, one.what) for one in deviations_of(context, sections)] == [(NOT_DONE, "models.one")]
    failed = {"planned_models": ended("failed")}
    assert [one.what for one in deviations_of(context, failed)] == ["models.one", "models.two"]
