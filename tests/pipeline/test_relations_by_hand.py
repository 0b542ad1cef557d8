"""What the section on relations leaves out and why, and from which group it counts, against counts made by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent))
from test_earned_verdicts import answers_of, garden

import instrument
from analysis.common.verdicts import Cause
from analysis.pipeline import validate
from analysis.report.view import prose

N = 90
ITEMS = {theme: [f"g{theme[-1]}_{k}" for k in range(4)] for theme in ("bed0", "bed1", "bed2", "bed3")}
SITES = np.repeat(["hill", "marsh", "bay", "quay"], [30, 30, 20, 10])


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    """Bed B was not asked on the hill, Bed A is one answer in the bay, Bed C everywhere, and Bed D is nobody's."""
    made = answers_of(garden(4), N)
    made.loc[SITES == "hill", ITEMS["bed1"]] = pd.NA
    made.loc[SITES == "bay", ITEMS["bed0"]] = 2
    made.loc[:, ITEMS["bed2"]] = 3
    made.loc[:, ITEMS["bed3"]] = pd.NA
    made.loc[made.index[-7:], ITEMS["bed0"]] = pd.NA  # three of the quay are left,
    made.loc[made.index[-10:-7], ITEMS["bed0"]] = [[1] * 4, [1] * 4, [4] * 4]  # with two scores
    made.loc[made.index[-8:], ITEMS["bed1"]] = pd.NA  # and two
    return made


@pytest.fixture(scope="module")
def people(answers: pd.DataFrame) -> pd.DataFrame:
    k = np.arange(N)
    only_hill = np.where(k == 0, 2.0, k % 2)  # the third value is of somebody without a score of Bed B
    return pd.DataFrame(
        {
            "participant": answers["participant"],
            "site": SITES,
            "years": 20.0 + (k * 17) % 41,
            "hours": np.where(k < 30, k * 1.0, np.nan),
            "visits": np.where(k < 29, k * 2.0, np.nan),
            "rank": only_hill,
            "smokes": k % 3 == 0,
            "twofold": (k % 2) * 1.0,
        }
    )


def made(answers: pd.DataFrame, people: pd.DataFrame, **groups: Any) -> dict[str, Any]:
    plan = {"topics": ["relations"], "groups": {"site": {"smallest": 10, **groups}}}
    section: dict[str, Any] = validate(answers, garden(4), covariates=people, plan=plan).tree["sections"][
        "relations"
    ]
    assert section["status"] == "ok", section["message"]
    return section


@pytest.fixture(scope="module")
def scores(answers: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    return instrument.score(answers, garden(4)).scores.merge(people, on="participant")


def test_what_is_not_correlated_is_named_with_its_reason(
    answers: pd.DataFrame, people: pd.DataFrame, scores: pd.DataFrame
) -> None:
    section = made(answers, people)
    table = pd.DataFrame(section["tables"]["correlations"])
    told = {(row["one"], row["other"]): row["n"] for row in table.to_dict("records")}
    # truths are no amounts, nor is what has two values, and a total holds its own themes
    asked = [
        (one, other)
        for place, one in enumerate(ITEMS)
        for other in [*list(ITEMS)[place + 1 :], "years", "hours", "visits", "rank"]
    ] + [("total", other) for other in ("years", "hours", "visits", "rank")]
    left = {part["what"]: Cause(part["cause"]) for part in section["untested"]}
    titles = {"bed0": "Bed A", "bed1": "Bed B", "bed2": "Bed C", "bed3": "Bed D", "total": "Total"}
    for one, other in asked:
        both = scores[[one, other]].astype(float).dropna()
        what = f"Correlation of {titles[one]} and {titles.get(other, other)}"
        if len(both) < 30:
            nobody = scores[one].isna().all() or scores[other].isna().all()
            assert left.pop(what) is (Cause.NO_SPREAD if nobody else Cause.FEW_PEOPLE), what
        elif both.nunique().min() < 3:
            assert left.pop(what) is Cause.NO_SPREAD, what
        else:
            assert told.pop((one, other)) == len(both), what
    assert told == {} and [what for what in left if what.startswith("Correlation")] == []
    assert section["values"]["pairs"] == len(table)


@pytest.mark.parametrize("reference", [None, "marsh", "hill"])
def test_groups_are_held_against_the_reference_of_the_plan_or_the_first_that_has_scores(
    answers: pd.DataFrame, people: pd.DataFrame, scores: pd.DataFrame, reference: str | None
) -> None:
    section = made(answers, people, **({} if reference is None else {"reference": reference}))
    means = pd.DataFrame(section["tables"]["means"])
    differences = pd.DataFrame(section["tables"]["differences"])
    order = ["hill", "marsh", "bay", "quay"]
    if reference is not None:
        order.sort(key=lambda label: label != reference)
    left = {part["what"]: Cause(part["cause"]) for part in section["untested"]}
    for theme, title in (
        ("bed0", "Bed A"),
        ("bed1", "Bed B"),
        ("bed2", "Bed C"),
        ("bed3", "Bed D"),
        ("total", "Total"),
    ):
        by = {label: scores.loc[scores["site"] == label, theme].astype(float).dropna() for label in order}
        kept = [label for label in order if len(by[label]) >= 3 and by[label].nunique() > 1]
        for label in set(order) - set(kept):
            few = Cause.FEW_IN_GROUP if len(by[label]) < 3 else Cause.NO_SPREAD
            assert left[f"{title} by site: {label}"] is few
        own = means[means["score"] == theme]
        assert own["label"].tolist() == (kept if len(kept) > 1 else [])
        for row in own.to_dict("records"):
            values = by[row["label"]]
            assert row["n"] == len(values)
            assert [row["mean"], row["sd"]] == pytest.approx([values.mean(), values.std(ddof=1)])
            limits = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
            assert [row["mean_lower"], row["mean_upper"]] == pytest.approx(list(limits))
        base = reference or (kept[0] if kept else None)
        pairs = [label for label in kept if label != base] if base in kept and len(kept) > 1 else []
        told = differences[differences["score"] == theme]
        assert told["compared"].tolist() == [f"{label} minus {base}" for label in pairs]
        wanted = [by[label].mean() - by[str(base)].mean() for label in pairs]
        assert told["difference"].tolist() == pytest.approx(wanted)
    asked = "None was judged: no expectations about them were stated."
    assert asked in prose(section)[0] and prose(section)[1].startswith("Means by group describe")


def test_groups_alone_are_described_where_one_score_goes_with_nothing() -> None:
    content = garden(1).model_dump(mode="json", by_alias=True) | {"scoring": {"total": "none"}}
    scale = instrument.Instrument.model_validate(content)
    answers = answers_of(scale, 60)
    people = pd.DataFrame({"participant": answers["participant"], "side": ["left", "right"] * 30})
    plan = {"topics": ["relations"], "groups": {"side": {"smallest": 30}}}
    section = validate(answers, scale, covariates=people, plan=plan).tree["sections"]["relations"]
    assert section["status"] == "ok" and "correlations" not in section["tables"]
    assert len(section["tables"]["means"]["n"]) == 2 and section["values"] == {"pairs": 0, "groupings": 1}
    told = prose(section)
    assert len(told) == 1 and told[0].startswith("Means by group describe these people.")
