"""What a report draws and says of a cut-off is that of the plan, wherever it is made."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd
import pytest

from analysis.common import rules
from analysis.figures.registry import build_figures
from analysis.pipeline import validate
from analysis.report.short import short_parts
from analysis.report.view import prose
from instrument.definition import Instrument
from instrument.study import make_study

PLANNED = {
    "ALPHA": 0.85,
    "HTMT": 0.5,
    "ICC": 0.97,
    "RMSEA": 0.02,
    "ITEM_REST": 0.55,
    "DIF_NEGLIGIBLE": 0.011,
    "DIF_MODERATE": 0.022,
}
LINES = {
    ("reliability", "reliability"): ["ALPHA"],
    ("validity", "htmt"): ["HTMT"],
    ("retest", "retest"): ["ICC"],
    ("models", "models"): ["RMSEA"],
    ("fairness", "fairness"): ["DIF_NEGLIGIBLE", "DIF_MODERATE"],
}


@pytest.fixture(scope="module")
def trees(answers: pd.DataFrame, scale: Instrument, study: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The same answers by published cut-offs and by those of a plan."""
    people = answers["participant"].unique()
    sex = pd.DataFrame({"participant": people, "sex": ["w", "m"] * (len(people) // 2)})
    topics = ["items", *(section for section, _ in LINES)]
    return {
        name: validate(
            answers, scale, study=make_study(study), covariates=sex, plan={"topics": topics, "rules": cutoffs}
        ).tree
        for name, cutoffs in (("published", {}), ("planned", PLANNED))
    }


@pytest.mark.parametrize("place", LINES)
def test_a_dashed_line_stands_at_the_cut_off_that_the_title_names(
    trees: dict[str, dict[str, Any]], place: tuple[str, str]
) -> None:
    """The title said “dashed line: .85”, and the line stood at .70: it is drawn after the words are said."""
    section, name = place
    for kind, tree in trees.items():
        figure = build_figures(tree["sections"][section], tree["meta"])[name]
        drawn = [figure.draw(600), *([figure.live(600)] if figure.live else [])]
        known = [getattr(rules, rule) for rule in LINES[place]]
        wanted = (
            {PLANNED[rule] for rule in LINES[place]} if kind == "planned" else {r.published for r in known}
        )
        for chart in drawn:
            lines = {float(x) for x in re.findall(r'"cut": ([0-9.]+)', json.dumps(chart.to_dict()))}
            assert lines == wanted


def test_the_short_report_calls_weak_what_the_plan_calls_weak(trees: dict[str, dict[str, Any]]) -> None:
    """Four items below the plan's .55 were none there, since all passed the published .30."""
    for kind, least in (("published", 0.3), ("planned", 0.55)):
        tree = trees[kind]
        table = tree["sections"]["items"]["tables"]["statistics"]
        weak = [r for r in table["item_rest_r"] if r < least]
        assert (
            len(weak) == tree["sections"]["items"]["values"]["weak"] == {"published": 0, "planned": 4}[kind]
        )
        text = json.dumps([[str(line) for line in part.lines] for part in short_parts(tree)])
        assert ("No question stands out as weak" in text) == (not weak)


def test_sentences_name_who_asks(trees: dict[str, dict[str, Any]]) -> None:
    for kind, who in (("published", "the convention"), ("planned", "the plan")):
        words = {name: " ".join(prose(trees[kind]["sections"][name])) for name in ("items", "retest")}
        assert f"{who} asks" in words["items"]
    assert "Below what the plan asks: " in words["retest"]


def test_the_short_report_does_not_call_a_mark_of_the_plan_one_of_research(
    trees: dict[str, dict[str, Any]],
) -> None:
    """Alpha of .40 may pass by a plan, and “each check is a rule from the research” stood above it."""
    for kind, tree in trees.items():
        text = json.dumps([[str(line) for line in part.lines] for part in short_parts(tree)])
        assert "Each check is a rule from the research" in text
        assert ("a plan set the mark to reach, not the research" in text) == (kind == "planned")
