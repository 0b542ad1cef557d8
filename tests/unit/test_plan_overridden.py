"""What is said on the command line takes the place of one entry of the plan and of no other; jobs lose no table."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.commands.plan import settled_by
from analysis.jobs.record import INPUTS, JobError
from analysis.jobs.validation import _of_files, _of_the_store

PLAN = """schema: 1
seed: 4
groups: {sex: {reference: woman}, site: {leave_out: [other]}}
rules: {ALPHA: 0.8, ITEM_REST: 0.4}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN, encoding="utf-8")
    return file


def test_a_rule_of_the_command_line_leaves_the_other_rules_of_the_plan(plan: Path) -> None:
    found = settled_by(plan, None, {"rule": ["ALPHA=0.9"]})
    assert found.plan.rules == {"ALPHA": 0.9, "ITEM_REST": 0.4}
    assert settled_by(plan, None, {}).plan.rules == {"ALPHA": 0.8, "ITEM_REST": 0.4}
    assert found.overridden == {"rules": "command line"}


def test_a_group_of_the_command_line_keeps_what_the_plan_says_of_it(plan: Path) -> None:
    groups = settled_by(plan, None, {"group": "sex, age"}).plan.entries["groups"]
    assert list(groups) == ["sex", "age"]
    assert groups["sex"] == settled_by(plan, None, {}).plan.entries["groups"]["sex"]
    assert groups["sex"] != groups["age"]


def test_an_option_that_says_nought_or_no_is_an_option(plan: Path) -> None:
    found = settled_by(plan, None, {"seed": 0, "exclude_flagged": False, "factors": None})
    assert found.plan.seed == 0
    assert found.plan.exclude_flagged is False
    assert settled_by(plan, None, {"seed": None}).plan.seed == 4


def test_a_job_of_the_store_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it reads of a real store is in tests/administration/test_study_data.py."""
    monkeypatch.setenv("DTA_STORE", "")
    with pytest.raises(JobError, match="no store is configured"):
        _of_the_store(SimpleNamespace(request={"study": "one"}))  # type: ignore[arg-type]


def test_covariates_are_a_file_or_columns_and_not_both(tmp_path: Path) -> None:
    (tmp_path / INPUTS).mkdir()
    files = {"responses": "a.csv", "covariates": "c.csv"}
    job: Any = SimpleNamespace(
        folder=tmp_path, request={"files": files, "instrument": "dta", "covariates": "sex"}
    )
    with pytest.raises(JobError, match="covariates are given twice"):
        _of_files(job)
