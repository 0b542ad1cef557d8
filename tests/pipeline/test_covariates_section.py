"""What becomes of each covariate: listed with its reason, compared, or used as an amount."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from three_themes import make_answers, make_scale

from analysis.disclosure.shared import to_share
from analysis.fairness.dif_moderation import dif_moderation
from analysis.pipeline import Validation, validate
from analysis.pipeline.covariates import Use, sentinels, sorted_out
from analysis.report.html import render_html
from instrument.definition import Instrument
from instrument.errors import ToolkitWarning

TOPICS = ("covariates", "fairness")


@pytest.fixture(scope="module")
def scale() -> Instrument:
    return make_scale()


@pytest.fixture(scope="module")
def first(scale: Instrument) -> pd.DataFrame:
    answers = make_answers(scale)
    return answers[answers["wave"] == 1].reset_index(drop=True)


def people(first: pd.DataFrame) -> pd.DataFrame:
    """One covariate of every fate."""
    n = len(first)
    k = np.arange(n)
    age = 18 + (k * 37) % 60
    return pd.DataFrame(
        {
            "participant": first["participant"],
            "sex": np.where(k % 2, "f", "m"),
            "gender": np.where(k == 0, "third", np.where(k % 3, "woman", "man")),
            "age": np.where(k < 40, np.nan, age),
            "site": [f"site {j}" for j in k % 6],
            "country": "here",
            "joined": pd.Timestamp("2024-01-01") + pd.to_timedelta(k, unit="D"),
            "nobody": np.nan,
            "many": [f"level {j}" for j in np.where(k < 5 * 120, k % 5, 0)],
        }
    )


@pytest.fixture(scope="module")
def found(first: pd.DataFrame, scale: Instrument) -> Validation:
    return validate(first, scale, covariates=people(first), topics=TOPICS)


def test_every_covariate_is_listed_with_its_use_and_reason(found: Validation) -> None:
    section = found.tree["sections"]["covariates"]
    table = pd.DataFrame(section["tables"]["covariates"]).set_index("covariate")
    assert table["use"].to_dict() == {
        "sex": "groups",
        "gender": "groups",
        "age": "continuous",
        "site": "left out",
        "country": "left out",
        "joined": "left out",
        "nobody": "left out",
        "many": "left out",
    }
    assert table["reason"].to_dict() == {
        "sex": "",
        "gender": "levels of fewer than 120 people are left out",
        "age": "",
        "site": "fewer than two levels have 120 people or more",
        "country": "one value for everyone",
        "joined": "a date is neither a group nor an amount",
        "nobody": "nobody who answered has a value",
        "many": "5 levels have 120 people or more; at most 4 are compared",
    }
    n = section["method"]["n"]
    assert table.loc["nobody", "n"] == 0 and table.loc["sex", "n"] == n
    assert 0 < table.loc["age", "n"] < n
    assert section["values"]["as_groups"] == "sex and gender"
    assert section["values"]["as_amounts"] == "age"
    assert section["values"]["left_out"] == "site, country, joined, nobody and many"


def test_levels_are_counted_and_add_up(found: Validation) -> None:
    tables = found.tree["sections"]["covariates"]["tables"]
    levels, whole = pd.DataFrame(tables["levels"]), pd.DataFrame(tables["covariates"])
    gender = levels[levels["covariate"] == "gender"].set_index("level")
    assert gender["compared"].to_dict() == {"third": "no", "woman": "yes", "man": "yes"}
    assert gender.loc["third", "n"] == 1
    for name, rows in levels.groupby("covariate"):
        assert rows["n"].sum() == whole.set_index("covariate").loc[name, "n"]


def test_a_shared_copy_hides_the_one_person_and_who_could_be_told_from_the_rest(found: Validation) -> None:
    levels = pd.DataFrame(to_share(found).tree["sections"]["covariates"]["tables"]["levels"])
    gender = levels[levels["covariate"] == "gender"]
    assert gender["n"].isna().sum() >= 2  # the one, and another that would tell it


def test_continuous_covariates_are_related_to_the_scores(
    found: Validation, first: pd.DataFrame, scale: Instrument
) -> None:
    from instrument.scoring.score import score

    related = pd.DataFrame(found.tree["sections"]["covariates"]["tables"]["related"])
    assert set(related["covariate"]) == {"age"}
    scores = score(first, scale).scores.set_index("participant")
    age = people(first).set_index("participant")["age"]
    row = related.set_index("score").loc["north"]
    both = pd.DataFrame({"x": age, "y": scores["north"].astype(float)}).dropna()
    assert row["r"] == pytest.approx(both.corr().iloc[0, 1]) and row["n"] == len(both)
    z, half = np.arctanh(row["r"]), 1.959964 / np.sqrt(len(both) - 3)
    assert (row["ci_lower"], row["ci_upper"]) == (
        pytest.approx(np.tanh(z - half), abs=1e-6),
        pytest.approx(np.tanh(z + half), abs=1e-6),
    )


def test_items_are_held_against_age_and_the_largest_change_is_judged(
    found: Validation, first: pd.DataFrame, scale: Instrument
) -> None:
    from instrument.scoring.keying import keyed_numbers

    section = found.tree["sections"]["fairness"]
    along = pd.DataFrame(section["tables"]["along"])
    assert set(along["covariate"]) == {"age"} and len(along) == 12
    keyed = keyed_numbers(first.set_index("participant"), scale)[["q1", "q2", "q3", "q4"]].dropna(how="all")
    age = people(first).set_index("participant")["age"].reindex(keyed.index)
    own = dif_moderation(keyed, age).table["chisq_total"]
    shown = along[along["item"].isin(own.index)].set_index("item")["chisq_total"]
    pd.testing.assert_series_equal(shown, own, check_names=False)
    judged = [row for row in section["findings"] if row["claim"].startswith("Along age")]
    assert len(judged) == 1 and judged[0]["value"] == pytest.approx(along["mcfadden_total"].max())
    assert any("{along_tests:int}" in sentence for sentence in section["prose"])
    assert "Tests of each item along continuous covariates" in render_html(found.tree)


def test_covariates_among_the_answers_count_in_python_too(first: pd.DataFrame, scale: Instrument) -> None:
    sides = people(first)[["participant", "sex", "age"]]
    beside = validate(first, scale, covariates=sides, topics=["covariates"]).tree["sections"]["covariates"]
    inside = validate(first.merge(sides), scale, topics=["covariates"]).tree["sections"]["covariates"]
    assert inside["tables"] == beside["tables"] and inside["status"] == "ok"
    both = validate(
        first.merge(sides[["participant", "age"]]),
        scale,
        covariates=sides[["participant", "sex"]],
        topics=["covariates"],
    ).tree["sections"]["covariates"]
    assert both["tables"] == beside["tables"]


def test_what_the_answers_say_of_people_is_kept_where_the_table_beside_them_holds_fewer(
    first: pd.DataFrame, scale: Instrument
) -> None:
    k = np.arange(len(first))
    answers = first.assign(clinic=np.where(k % 3, "north", "south"))
    table = pd.DataFrame({"participant": first["participant"][::2], "age": 20.0 + k[::2] % 40, "paid": True})
    found = validate(answers, scale, covariates=table, seed=3, topics=("covariates",))
    levels = found.tree["sections"]["covariates"]["tables"]["levels"]
    counted = dict(zip(levels["level"], levels["n"], strict=True))
    assert (counted["north"], counted["south"]) == (sum(k % 3 > 0), sum(k % 3 == 0))
    used = found.tree["sections"]["covariates"]["tables"]["covariates"]
    assert dict(zip(used["covariate"], used["n"], strict=True)) == {
        "age": len(table),
        "paid": len(table),
        "clinic": len(first),
    }


@pytest.mark.parametrize("code", [999, -99])
@pytest.mark.parametrize("inside", [True, False])
def test_marks_of_missing_values_are_suspected_aloud(
    first: pd.DataFrame, scale: Instrument, code: int, inside: bool
) -> None:
    age = people(first)["age"].fillna(40).astype(int).mask(np.arange(len(first)) % 100 == 7, code)
    sides = pd.DataFrame({"participant": first["participant"], "age": age})
    count = int((age == code).sum())
    given: dict[str, Any] = {} if inside else {"covariates": sides}
    with pytest.warns(ToolkitWarning, match=f"{count} people have {code} in covariate 'age'"):
        tree = validate(first.merge(sides) if inside else first, scale, topics=["covariates"], **given).tree
    told = f"suspicion: {count} people have {code} in covariate 'age', far from the other values"
    assert told in tree["meta"]["notes"]


@pytest.mark.parametrize(
    ("values", "suspected"),
    [
        ([18, 44, 71, 999, 30, 999], {999.0: 2}),
        ([18, 44, 71, 999, 30, 25], {}),  # once is no pattern
        ([0, 1, 2, 3, 9, 9, 8, 8], {}),  # visits
        ([18, 60, 99, 99, 30, 41], {}),  # an age
        ([1.5, 2.5, -9, -9, 3.0], {-9.0: 2}),
        ([99, 99, 999, 999], {}),
    ],
)
def test_which_numbers_are_suspected(values: list[float], suspected: dict[float, int]) -> None:
    assert sentinels(np.array(values, dtype=float)) == suspected


@pytest.mark.parametrize(
    ("values", "use"),
    [
        ([1] * 120 + [2] * 120, Use.GROUPS),
        ([1] * 120 + [2] * 119, Use.LEFT_OUT),
        (["a"] * 120 + ["b"] * 120 + ["c"] * 3, Use.GROUPS),
        (list(range(7)) * 40, Use.LEFT_OUT),  # seven numbers may be codes
        (list(range(8)) * 40, Use.CONTINUOUS),
        (list(range(29)), Use.LEFT_OUT),  # too few people
        (list(range(30)), Use.CONTINUOUS),
        ([20] * 150 + [21] * 150 + list(range(22, 60)), Use.CONTINUOUS),  # two frequent ages are no groups
        ([True] * 120 + [False] * 120, Use.GROUPS),
        ([str(k) for k in range(40)], Use.CONTINUOUS),
        ([f"p{k}" for k in range(400)], Use.LEFT_OUT),
    ],
)
def test_what_a_covariate_is_used_as(values: list[Any], use: Use) -> None:
    assert sorted_out("x", pd.Series(values)).use is use


def test_every_number_is_that_of_the_ledger(unlike: Callable[..., list[str]], found: Validation) -> None:
    assert unlike("covariates", {name: found.tree["sections"][name] for name in TOPICS}) == []


def test_twins_and_marks_among_categories_are_said_aloud_and_who_changes_is_counted(
    first: pd.DataFrame, scale: Instrument
) -> None:
    """In memory nothing is refused: "F" beside "f" and a point are groups, and a warning and a note say so."""
    n = len(first)
    table = pd.DataFrame(
        {"participant": first["participant"], "sex": ["f", "m"] * (n // 2) + ["m"] * (n % 2)}
    )
    table.loc[[0, 2, 4], "sex"] = ["F", "f ", "."]
    again = first.iloc[:5].assign(wave=2)
    answered = pd.concat([first.assign(mood=1.0), again.assign(mood=2.0)], ignore_index=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ToolkitWarning)
        made = validate(answered, scale, covariates=table, topics=["covariates"], seed=3)
    assert sum("in covariate 'sex'" in str(warning.message) for warning in caught) == 2
    notes = made.tree["meta"]["notes"]
    assert [note for note in notes if "sex" in note] == [
        "suspicion: 2 people in covariate 'sex' with a category that others write with other capitals or blanks",
        "suspicion: 1 person in covariate 'sex' with a mark that says nothing",
    ]
    assert f"covariate 'mood': 5 of {n} people have several values, and count with their first" in notes


def test_a_wave_beside_one_row_of_each_is_no_reason_to_leave_it_out(
    first: pd.DataFrame, scale: Instrument
) -> None:
    """Ages that a file calls of wave 3 were related to nothing at wave 1, without a word."""
    ages = people(first)[["participant", "age"]]
    plain, dated = (
        validate(first, scale, covariates=table, topics=["relations"], seed=3).tree["sections"]["relations"]
        for table in (ages, ages.assign(wave=3))
    )
    assert "age" in plain["tables"]["correlations"]["other"]
    assert dated["tables"]["correlations"] == plain["tables"]["correlations"]
