"""Columns, numbers and tables of the adherence analysis at values that are worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.adherence.chain.routes import all_routes, strength_of, sums_of
from analysis.adherence.claims.watch import MOVED, Watch
from analysis.adherence.collecting import risk_table, thirds
from analysis.adherence.design import landmark
from analysis.adherence.design.covariates import (
    coded_columns,
    condition_number,
    is_code,
    own_share,
    without_repeats,
)
from analysis.adherence.design.early_use import bearable, calendar, early_use, how_many
from analysis.adherence.design.ends import incidence_of, with_ends
from analysis.adherence.design.steps import LABELS, Step, flow_table, people_at
from analysis.adherence.models.binomial import Fit
from analysis.adherence.models.families import (
    adjust_within,
    e_value,
    e_value_of_limit,
)
from analysis.adherence.models.rows import Reported, coefficient_rows, effect_row
from analysis.adherence.models.shape import KNOTS_AT, knots_of
from analysis.adherence.models.survival import kaplan_meier
from analysis.adherence.models.threshold import area_under_curve
from analysis.adherence.priorities.several_scores import compare_with_mean
from instrument.errors import NotEstimableError


def test_the_flow_says_who_stands_at_its_start() -> None:
    counts = {Step.ENROLLED: 5, Step.STRANGERS: 1}
    table = flow_table(counts)
    assert table.to_dict("list") == {
        "id": ["enrolled", "strangers"],
        "step": ["enrolled", "scored, but not among the enrolled"],
        "n": [5, 1],
    }
    assert flow_table(counts, "people in the log")["step"].tolist() == [
        "people in the log",
        "scored, but not among them",
    ]
    assert people_at(table) == counts
    assert set(LABELS) == set(Step)


ENDS = pd.DataFrame(
    [  # reason, at risk, silent to the end, last day of use, day withdrawn, last day watched -> end, days after 28
        ("well", True, True, 40.0, np.nan, 84.0, 2, 26.0),  # silent for 14 days
        ("bored", True, True, 35.0, np.nan, 84.0, 1, 21.0),
        (None, True, True, 35.0, np.nan, 84.0, 3, 21.0),
        ("well", True, False, 59.0, 60.0, 60.0, 2, 32.0),  # withdrew on the last day watched
        ("well", True, False, 59.0, 61.0, 60.0, 0, 32.0),  # not seen to withdraw
        (None, True, False, 59.0, 60.0, 60.0, 0, 32.0),
        ("well", False, True, 10.0, np.nan, 84.0, 0, np.nan),
        (None, True, False, 80.0, np.nan, 84.0, 0, 56.0),
    ],
    columns=[
        "reason",
        "at_risk",
        "last_use_is_end",
        "last_use_day",
        "withdrawn_day",
        "end_day",
        "wanted",
        "after",
    ],
)


def test_how_use_ended_is_told_by_the_reasons_of_the_study() -> None:
    notes: list[str] = []
    found = with_ends(ENDS, ["well"], notes, 28.0, 14.0)
    assert found["end_of_use"].tolist() == ENDS["wanted"].tolist()
    np.testing.assert_array_equal(found["ended_after"], ENDS["after"])
    assert notes == ["of 4 people whose use ended 1 gave no reason: an end of its own"]
    assert "end_of_use" not in with_ends(ENDS.assign(reason=None), ["well"], [], 28.0, 14.0)
    assert "end_of_use" not in with_ends(ENDS, None, notes, 28.0, 14.0) and "ends_well" in notes[-1]
    quiet: list[str] = []
    with_ends(ENDS[ENDS["reason"].notna()], ["well"], quiet, 28.0, 14.0)
    assert quiet == []


def test_incidence_is_that_of_those_at_risk() -> None:
    frame = pd.DataFrame(
        {
            "at_risk": [True] * 4 + [False],
            "ended_after": [1.0, 2, 3, 4, 1],
            "end_of_use": [1, 2, 1, 0, 2],
        }
    )
    found = incidence_of(frame, 0.95)
    last = found.groupby(found.columns[0], sort=False).last()
    assert sorted(last["incidence"].round(12)) == [0.25, 0.5]
    assert incidence_of(frame.drop(columns="end_of_use"), 0.95).empty
    assert incidence_of(frame.assign(at_risk=False), 0.95).empty


def test_columns_of_early_use_that_the_data_bear() -> None:
    assert [how_many(7, 1, people=n) for n in (15, 59, 60, 74, 75, 200)] == [2, 2, 3, 3, 4, 7]
    assert [how_many(7, 1, people=200, events=n) for n in (30, 39, 40, 49, 50, 200)] == [2, 2, 3, 3, 4, 7]
    assert how_many(7, 1, people=60, events=500) == 3
    assert how_many(1, 1, people=15) == 1


def test_early_use_is_logarithms_first_and_idle_days_stop_at_the_gap() -> None:
    draw = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "use_before": draw.integers(0, 40, 80),
            "active_days_before": draw.integers(0, 20, 80),
            "idle_at_landmark": draw.integers(0, 28, 80),
        },
        index=range(100, 180),
    )
    analysed = np.arange(80) < 60
    found = early_use(frame, analysed, 14)
    names = list(found.columns)
    assert names[:4] == [
        "use_before, log",
        "idle_at_landmark, log",
        "use_before, curve 1",
        "active_days_before, log",
    ]
    np.testing.assert_allclose(found.columns["use_before, log"], np.log1p(frame["use_before"]))
    np.testing.assert_allclose(
        found.columns["idle_at_landmark, log"], np.log1p(frame["idle_at_landmark"].clip(upper=14))
    )
    assert list(found.columns.index) == list(frame.index)
    assert found.described(["use_before, log", "idle_at_landmark, log"]) == ["use_before", "idle_at_landmark"]
    one = early_use(frame.assign(idle_at_landmark=3), analysed, 14)  # says nothing
    assert "idle_at_landmark, log" not in one.columns
    twin = early_use(frame.assign(active_days_before=frame["use_before"]), analysed, 14)  # says it twice
    assert not [name for name in twin.columns if name.startswith("active_days_before")]


def test_the_day_of_the_first_use_counts_where_eight_began_late() -> None:
    draw = np.random.default_rng(2)
    begun = np.where(np.arange(80) < 8, 7.0, draw.uniform(0, 6.9, 80))
    begun[79] = np.nan  # never came
    frame = pd.DataFrame(
        {
            "use_before": draw.integers(1, 40, 80),
            "active_days_before": draw.integers(1, 20, 80),
            "idle_at_landmark": draw.integers(0, 28, 80),
            "first_use_before": begun,
        }
    )
    found = early_use(frame, np.arange(80) < 70, 14)
    names = list(found.columns)
    assert names[2] == "first_use_before, day"
    expected = frame["first_use_before"].fillna(frame["idle_at_landmark"])
    np.testing.assert_allclose(found.columns[names[2]], expected)
    assert "first_use_before" in found.described(names)
    for changed, analysed in ((begun - 1e-9, np.arange(80) < 70), (begun, np.arange(80) > 0)):
        fewer = early_use(frame.assign(first_use_before=changed), analysed & (np.arange(80) < 70), 14)
        assert names[2] not in fewer.columns


def test_calendar_time_needs_everybodys_day_and_more_than_one() -> None:
    joined = np.arange(200.0)
    everyone = np.ones(200, dtype=bool)
    assert list(calendar(joined, everyone, bent=False)) == ["joined"]
    assert list(calendar(joined, everyone, bent=True)) == ["joined", "joined, curve 1", "joined, curve 2"]
    assert calendar(np.where(joined == 7, np.nan, joined), everyone, bent=True) == {}
    assert calendar(np.zeros(200), everyone, bent=True) == {}
    assert list(calendar(np.arange(200.0) % 5 // 4, everyone, bent=True)) == ["joined"]
    assert calendar(np.where(everyone, 0.5 * (joined % 2), 0), everyone, bent=False) == {}


def test_knots_lie_at_the_percentiles_of_the_book() -> None:
    assert KNOTS_AT == {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
    np.testing.assert_allclose(knots_of(np.arange(101.0)), [5, 35, 65, 95])
    few = np.repeat([0.0, 1, 2], [20, 20, 20])
    np.testing.assert_allclose(knots_of(few), [0, 1, 2])
    with pytest.raises(NotEstimableError, match="too few distinct values"):
        knots_of(np.repeat([0.0, 1], [40, 20]))


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([1, 2] * 20, False),
        ([1, 2, 3] * 20, True),
        ([1, 2, 2.5] * 20, False),
        (list(range(1, 41)), False),
        ([1, 2, 3, None] * 20, True),
    ],
)
def test_whole_numbers_of_few_values_are_names(values: list[float], code: bool) -> None:
    assert is_code(pd.Series(values, dtype=float)) is code


def test_labels_become_a_column_per_level_after_the_first() -> None:
    frame = pd.DataFrame(
        {"sex": ["f", "m", None, "x", "f"] * 9, "site": [7.0, 8, 9, 8, 7] * 9, "age": range(45)}
    )
    coded, names, codes = coded_columns(frame, ["sex", "site", "age"])
    assert names == ["sex:m", "sex:x", "site:8", "site:9", "age"] and codes == ["site"]
    assert coded["sex:m"].head(5).fillna(-1).tolist() == [0, 1, -1, 0, 0]
    assert coded["sex:x"].head(5).fillna(-1).tolist() == [0, 0, -1, 1, 0]
    assert coded["site:8"].head(5).tolist() == [0, 1, 0, 1, 0]
    assert coded_columns(frame, ["site"], {"site"})[1:] == (["site"], [])


def test_columns_that_repeat_others_are_left_out_with_a_sentence() -> None:
    draw = np.random.default_rng(5)
    frame = pd.DataFrame(draw.normal(size=(300, 3)), columns=["score", "a", "b"])
    frame["like_score"] = -frame["score"] + 0.01 * draw.normal(size=300)
    frame["like_a"] = frame["a"] + 0.01 * draw.normal(size=300)
    frame["sum"] = frame["a"] + frame["b"]
    frame["near"] = frame["a"] + 0.3 * draw.normal(size=300)
    kept, said = without_repeats(frame, ["score"], ["like_score", "a", "b", "like_a", "sum", "near"])
    assert kept == ["a", "b", "near"]
    assert said == [
        "left out of the adjustment: like_score repeats the score score (correlation −1.000)",
        "left out of the adjustment: like_a repeats a (correlation 1.000)",
        "left out of the adjustment: sum is a sum of other columns held constant",
    ]
    apart = own_share(frame["near"].to_numpy(), frame[["a"]].to_numpy())
    assert apart == pytest.approx(1 - np.corrcoef(frame["near"], frame["a"])[0, 1] ** 2, abs=1e-12)
    plane = np.array([[1.0, 0], [0, 2], [0, 0]])
    assert condition_number(plane) == pytest.approx(1.0)
    assert condition_number(np.array([[1.0, 1], [0, 1]])) == pytest.approx(1 + np.sqrt(2))


def test_families_are_adjusted_within_each_family_only() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.2, 0.03])
    table = pd.DataFrame({"pvalue": p, "model": ["a", "b", "a", "b", "a"]})
    found = adjust_within(table, ["model"])
    np.testing.assert_allclose(found["p_adjusted"], [0.03, 0.08, 0.06, 0.2, 0.06])
    np.testing.assert_allclose(found["p_adjusted_bh"], [0.03, 0.08, 0.03, 0.2, 0.03])
    assert "p_adjusted" not in table


def test_e_values_by_the_formulas_of_the_paper() -> None:
    assert e_value(2.0, "risk") == pytest.approx(2 + np.sqrt(2))
    assert e_value(0.5, "risk") == pytest.approx(2 + np.sqrt(2))
    assert e_value(4.0, "odds") == pytest.approx(2 + np.sqrt(2))
    rr = (1 - 0.5 ** np.sqrt(2)) / (1 - 0.5 ** np.sqrt(0.5))
    assert e_value(2.0, "hazard") == pytest.approx(rr + np.sqrt(rr * (rr - 1)))
    rr = np.exp(0.91 * 0.5)
    assert e_value(0.5, "difference") == pytest.approx(rr + np.sqrt(rr * (rr - 1)))
    assert e_value_of_limit(1.0, 3.0, "risk") == 1.0 and e_value_of_limit(0.2, 1.0, "risk") == 1.0
    assert e_value_of_limit(2.0, 5.0, "risk") == pytest.approx(2 + np.sqrt(2))
    assert e_value_of_limit(0.1, 0.5, "risk") == pytest.approx(2 + np.sqrt(2))
    assert e_value_of_limit(-0.1, 0.5, "difference") == 1.0
    assert e_value_of_limit(0.5, 0.9, "difference") == pytest.approx(e_value(0.5, "difference"))
    assert e_value_of_limit(-0.9, -0.5, "difference") == pytest.approx(e_value(0.5, "difference"))


def fitted() -> Fit:
    covariance = np.array([[0.04, 0.0], [0.0, 0.09]])
    return Fit(
        coefficients=np.array([1.0, -0.6]),
        covariance=covariance,
        dispersion=1.5,
        df_resid=20.0,
        log_likelihood=-3.0,
        n=23,
    )


def test_rows_of_results_hold_the_numbers_of_the_fit() -> None:
    t = float(stats.t.ppf(0.95, 20))
    first, second = coefficient_rows("m", "total", ["(constant)", "total"], fitted(), 0.9)
    assert (first["term"], first["estimate"], first["se"]) == ("(constant)", 1.0, pytest.approx(0.2))
    assert second["ci_lower"] == pytest.approx(-0.6 - 0.3 * t) and second["ci_upper"] == pytest.approx(
        -0.6 + 0.3 * t
    )
    assert second["pvalue"] == pytest.approx(2 * stats.t.sf(2, 20)) and second["dispersion"] == 1.5
    row = effect_row("m", "total", fitted(), 1, 0.9, Reported(measure="odds ratio", e_kind="odds", events=4))
    assert row["n"] == 23 and row["events"] == 4
    assert row["ratio"] == pytest.approx(np.exp(-0.6))
    assert (row["ci_lower"], row["ci_upper"]) == pytest.approx(
        (np.exp(-0.6 - 0.3 * t), np.exp(-0.6 + 0.3 * t))
    )
    assert row["e_value"] == pytest.approx(e_value(np.exp(-0.6), "odds"))
    assert row["e_value_limit"] == pytest.approx(e_value(np.exp(-0.6 + 0.3 * t), "odds"))
    assert np.isnan([row["effect"], row["effect_lower"], row["effect_upper"]]).all()
    how = Reported(
        measure="difference", e_kind="difference", effect=(1.0, 0.5, 2.0), unit="points", spread=2.0
    )
    row = effect_row("m", "total", fitted(), 1, 0.9, how)
    assert row["ratio"] == -0.6 and row["unit"] == "points"
    assert (row["effect"], row["effect_lower"], row["effect_upper"]) == (1.0, 0.5, 2.0)
    assert row["e_value"] == pytest.approx(e_value(-0.3, "difference"))
    assert row["e_value_limit"] == pytest.approx(e_value((-0.6 + 0.3 * t) / 2, "difference"))


def test_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    score = np.array([1.0, 2, 2, 3, 4, 4, 5])
    reached = np.array([False, False, True, False, True, True, True])
    pairs = [(h > w) + 0.5 * (h == w) for h in score[reached] for w in score[~reached]]
    area, low, high = area_under_curve(score, reached, 0.9)
    assert area == pytest.approx(np.mean(pairs))
    table = np.array(pairs).reshape(4, 3)
    spread = table.mean(axis=1).var(ddof=1) / 4 + table.mean(axis=0).var(ddof=1) / 3
    half = stats.norm.ppf(0.95) * np.sqrt(spread)
    assert low == pytest.approx(area - half) and high == pytest.approx(min(1, area + half))


def test_thirds_keep_ties_together_and_the_risk_table_counts_at_its_ticks() -> None:
    place = thirds(pd.Series([1.0, 2, 2, 3, 4, 5]), "total")
    assert [name.split()[0] for name in place] == [
        "lowest",
        "lowest",
        "lowest",
        "middle",
        "highest",
        "highest",
    ]
    assert place[3] == "middle third of total"
    curves = kaplan_meier(
        np.array([5.0, 14, 20, 30]), np.array([True, False, True, False]), np.array(["g"] * 4, dtype=object)
    )
    assert curves["at_risk"].tolist() == [4, 4, 3, 2, 1] and curves["events"].tolist() == [0, 1, 0, 1, 0]
    np.testing.assert_allclose(curves["surviving"], [1, 0.75, 0.75, 0.375, 0.375])
    assert risk_table(curves).to_numpy().tolist() == [["g", 0, 4], ["g", 14, 3], ["g", 28, 1]]
    assert list(risk_table(curves.head(0)).columns) == ["group", "time", "at_risk"]


def test_routes_are_multiplied_and_added_up() -> None:
    routes = all_routes(4)
    assert routes[:6] == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] and len(routes) == 11
    slopes = np.zeros((1, 4, 4))
    for j, i, value in ((1, 0, 2.0), (2, 0, 3.0), (3, 0, 5.0), (2, 1, 7.0), (3, 1, 11.0), (3, 2, 13.0)):
        slopes[0, j, i] = value
    strength = strength_of(slopes, routes)[0]
    by_route = dict(zip(routes, strength, strict=True))
    assert by_route[0, 1, 2, 3] == 2 * 7 * 13 and by_route[0, 2, 3] == 3 * 13
    rows, matrix = sums_of(routes)
    sums = dict(zip(rows[len(routes) :], (matrix @ strength)[len(routes) :], strict=True))
    assert sums == {
        ("total", 0, 2): 3 + 14,
        ("all indirect", 0, 3): 22 + 39 + 182,
        ("total", 0, 3): 5 + 22 + 39 + 182,
        ("total", 1, 3): 11 + 91,
    }


def test_differences_from_the_mean_by_hand() -> None:
    estimate, spread = np.array([1.0, 2.0, 6.0]), np.diag([0.1, 0.2, 0.3])
    found = compare_with_mean(estimate, spread, df=30.0, level=0.9)
    np.testing.assert_allclose(found.difference, [-2, -1, 3])
    se = np.sqrt([(4 * 0.1 + 0.2 + 0.3) / 9, (0.1 + 4 * 0.2 + 0.3) / 9, (0.1 + 0.2 + 4 * 0.3) / 9])
    np.testing.assert_allclose(found.se, se)
    criterion = stats.t.ppf(1 - 0.1 / 6, 30)
    assert found.criterion == pytest.approx(criterion)
    np.testing.assert_allclose(found.lower, found.difference - criterion * se)
    contrast = np.array([[1.0, -1, 0], [1, 0, -1]])
    d = contrast @ estimate
    wald = d @ np.linalg.solve(contrast @ spread @ contrast.T, d)
    assert found.pvalue == pytest.approx(stats.f.sf(wald / 2, 2, 30))
    assert compare_with_mean(estimate, spread).pvalue == pytest.approx(stats.chi2.sf(wald, 2))
    assert found.sides == ["lower", "not told apart" if found.upper[1] >= 0 else "lower", "higher"]


def test_a_shorter_watch_is_held_constant_where_eight_people_had_one() -> None:
    assert landmark._some_shorter(pd.Series([10.0] * 8 + [20.0] * 30))
    assert not landmark._some_shorter(pd.Series([10.0] * 7 + [20.0] * 30))
    assert not landmark._some_shorter(pd.Series([20.0] * 30))


def test_a_column_is_bearable_where_both_of_its_sides_did_something_and_not_all() -> None:
    mine = pd.DataFrame({"done": [0.0, 0.0, 3.0, 4.0, 2.0, 0.0], "due": [4.0, 4.0, 4.0, 4.0, 4.0, 4.0]})

    def bearable(*column: float) -> bool:
        return landmark._bearable(np.array(column, dtype=float), mine)

    assert bearable(0, 1, 0, 1, 0, 1)
    assert not bearable(1, 1, 0, 0, 0, 0) and not bearable(0, 0, 1, 1, 1, 1)  # one side did nothing
    assert not bearable(0, 0, 0, 1, 0, 0)  # one side did all
    assert bearable(0, 1, 2, 2, 2, 2)  # no side: an amount


def test_columns_are_groups_from_eight_of_three_or_where_half_share_theirs() -> None:
    n = 48
    k = np.arange(n)
    alone = [f"own {j}" for j in k]
    raw = pd.DataFrame(
        {
            "clinic": [f"c{j}" for j in k % 8],
            "ward": [f"w{j}" for j in k % 7],  # too few
            "code": k % 16,  # sixteen of three
            "fine": k % 17,  # more than a third as many as people
            "years": k % 16 + 0.5,
            "home": [f"h{j // 2}" if j < 24 else alone[j] for j in k],  # half in pairs
            "flat": [f"h{j // 2}" if j < 22 else alone[j] for j in k],
            "name": alone,
            "gaps": [f"c{j % 8}" if j < 40 else None for j in k],
            "declared": k % 8,
            "eight": k % 8,
        }
    )
    found = landmark._groupings(raw, {"declared"})
    assert list(found) == ["clinic", "code", "home", "gaps", "eight"]
    assert found["clinic"].count == 8 and found["home"].count == 12 + 24
    assert found["gaps"].count == 8 + 8  # who has no label stands alone


def test_labels_of_clusters_are_those_of_the_covariates_first() -> None:
    covariates = pd.DataFrame({"participant": [1.0, 2.0, 3.0], "clinic": ["a", None, "b"]})
    outcomes = pd.DataFrame({"participant": ["1"], "clinic": ["z"], "ward": ["w"]})
    found = landmark.labels_of("clinic", outcomes, covariates)
    assert found is not None and found.to_dict() == {"1": "a", "3": "b"}
    ward = landmark.labels_of("ward", outcomes, covariates)
    assert ward is not None and ward.to_dict() == {"1": "w"}
    assert landmark.labels_of(None, outcomes, covariates) is landmark.labels_of("x", None, covariates) is None


def test_who_withdraws_is_a_doubt_where_it_goes_with_the_score_and_moves_the_estimate() -> None:
    def doubtful(pvalue: float, change: float, level: float = 0.95) -> bool:
        return Watch(gone=9, pvalue=pvalue, change=change).doubtful(level)

    assert doubtful(0.04, MOVED + 0.01) and doubtful(0.04, -MOVED - 0.01)
    assert not doubtful(0.04, MOVED) and not doubtful(0.06, 9.0) and doubtful(0.06, 9.0, 0.9)
    assert doubtful(0.04, float("nan"))  # with it held constant there is no solution
    assert not doubtful(float("nan"), float("nan"))


def test_whether_there_was_any_use_counts_where_eight_had_none_and_eight_had_some() -> None:
    draw = np.random.default_rng(4)

    def columns(never: int, n: int = 80) -> pd.DataFrame:
        count, days = draw.integers(1, 40, n), draw.integers(1, 20, n)
        count[:never] = days[:never] = 0
        count[never : never + 2] = 0  # came, and did nothing that counts
        frame = pd.DataFrame({"use_before": count, "active_days_before": days})
        return early_use(
            frame.assign(idle_at_landmark=draw.integers(0, 28, n)), np.ones(n, dtype=bool), 14
        ).columns

    assert columns(8)["use_before, none"].tolist() == [1.0] * 8 + [0.0] * 72
    assert "use_before, none" not in columns(7) and "use_before, none" not in columns(73)


def test_winters_are_those_of_the_people_analysed() -> None:
    joined = np.concatenate([np.linspace(0, 299, 150), [900.0]])
    analysed = joined < 900
    assert not [name for name in calendar(joined, analysed, bent=True) if "season" in name]
    longer = np.concatenate([np.linspace(0, 300, 150), [900.0]])
    found = calendar(longer, analysed, bent=True)
    turn = 2 * np.pi * longer / 365.25
    np.testing.assert_allclose(found["joined, season 1"], np.sin(turn))
    np.testing.assert_allclose(found["joined, season 2"], np.cos(turn))
    assert not [name for name in calendar(longer, analysed, bent=False) if "season" in name]


def test_a_column_that_tells_the_idle_apart_is_the_last_that_is_left_out() -> None:
    draw = np.random.default_rng(6)
    n = 60
    due, done = np.full(n, 8.0), draw.integers(0, 9, n).astype(float)
    idle = np.arange(n) < 6
    done[idle] = 0.0
    early = pd.DataFrame({"first": draw.normal(size=n), "second": draw.normal(size=n), "idle": idle * 1.0})
    others = draw.normal(size=(n, 1))
    assert bearable(early, others, done, due) == (["first", "second"], ["idle"])
    assert bearable(early[["first", "second"]], others, done, due) == (["first", "second"], [])
