"""Ordinal items beside continuous variables and covariates: equal by another route, invariances, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.correlation.continuous_pairs import between_scores, fit_between
from analysis.correlation.given_covariates import moments_given
from analysis.correlation.many_pairs import Between, table_scores
from analysis.correlation.mixed import mixed_moments
from analysis.correlation.moments import ordinal_moments
from analysis.correlation.rectangles import Rectangles, Side
from analysis.structural.estimation.categorical import build_ordinal_group
from analysis.structural.estimation.least_squares import LeastSquaresDiscrepancy
from analysis.structural.inference.compare_models import compare_models
from analysis.structural.inference.nested import nested
from analysis.structural.models import cfa, sem
from instrument.errors import NotEstimableError, ResponseDataError

M = pd.read_csv(Path(__file__).parents[1] / "reference" / "data" / "mixed.csv")
ORDINAL = ["q1", "q2", "q3", "q4"]
TWO = "f =~ q1 + q2 + q3 + q4; g =~ y1 + y2 + y3"
MIMIC = TWO + "; f ~ age + woman; g ~ woman"


def est(fit, lhs, op, rhs):
    rows = fit.parameters
    return rows.loc[(rows["lhs"] == lhs) & (rows["op"] == op) & (rows["rhs"] == rhs), "est"].item()


def test_without_covariates_the_moments_are_those_of_the_other_ways() -> None:
    names = [*ORDINAL, "y1", "y2"]
    values, ordered = M[names].to_numpy(float), np.array([True] * 4 + [False] * 2)
    codes = values - np.where(ordered, 1.0, 0.0)
    nothing = np.zeros((len(M), 0))
    found, other = moments_given(codes, ordered, nothing, names, "t"), mixed_moments(values, ordered)
    np.testing.assert_allclose(found.covariance, other.covariances, atol=1e-10)
    assert other.acov is not None
    n_cuts = sum(map(len, other.thresholds))
    sign = np.ones(len(other.acov))
    sign[n_cuts : n_cuts + 2] = -1  # the other way counts minus the mean
    np.testing.assert_allclose(found.acov, other.acov * np.outer(sign, sign), rtol=1e-8, atol=1e-9)
    items = ordinal_moments(values[:, :4])
    only = moments_given(codes[:, :4], ordered[:4], nothing, names[:4], "t")
    np.testing.assert_allclose(only.acov, items.acov, rtol=1e-7, atol=1e-9)


def test_given_a_binary_covariate_the_thresholds_are_those_of_two_halves() -> None:
    """One threshold: a saturated probit, whose slope is the difference of the halves' quantiles."""
    low = (M["q1"] > 2).to_numpy(float)
    found = moments_given(
        np.column_stack([low, M["y1"]]),
        np.array([True, False]),
        M[["woman"]].to_numpy(float),
        ["q", "y"],
        "t",
    )
    from scipy.stats import norm

    men, women = (norm.ppf(1 - low[M["woman"] == k].mean()) for k in (0, 1))
    assert found.thresholds[0][0] == pytest.approx(men, abs=1e-8)
    assert found.slopes[0, 0] == pytest.approx(men - women, abs=1e-8)
    means = M.groupby("woman")["y1"].mean()
    assert found.slopes[1, 0] == pytest.approx(means[1] - means[0], abs=1e-10)


def test_all_continuous_by_least_squares_is_refused_and_predictors_need_no_name() -> None:
    by_default = sem("f =~ q1 + q2 + q3 + q4; f ~ woman", M)
    named = sem("f =~ q1 + q2 + q3 + q4; f ~ woman", M, ordered=ORDINAL)
    assert est(by_default, "f", "~", "woman") == est(named, "f", "~", "woman")
    assert by_default.fit["df"] == 5  # 12 thresholds, 4 slopes, 6 correlations; 12 + 3 + 1 + 1 parameters


def test_units_and_origin_of_covariates_change_their_slopes_only() -> None:
    plain = sem(MIMIC, M, ordered=ORDINAL)
    moved = sem(MIMIC, M.assign(age=1900 + M["age"] / 10), ordered=ORDINAL)
    assert est(moved, "f", "~", "age") == pytest.approx(10 * est(plain, "f", "~", "age"), rel=1e-4)
    assert est(moved, "f", "=~", "q2") == pytest.approx(est(plain, "f", "=~", "q2"), rel=1e-5)
    assert moved.fit["chisq_scaled"] == pytest.approx(plain.fit["chisq_scaled"], rel=1e-5)
    np.testing.assert_allclose(
        moved.standardized().query("op == '~'")["est"],
        plain.standardized().query("op == '~'")["est"],
        atol=1e-5,
    )


def test_order_of_rows_columns_and_codes_changes_nothing() -> None:
    plain = sem(MIMIC, M, ordered=ORDINAL)
    mixed = M.sample(frac=1, random_state=4)[list(M.columns[::-1])]
    again = sem(MIMIC, mixed.assign(**{q: mixed[q] * 10 for q in ORDINAL}), ordered=ORDINAL)
    np.testing.assert_allclose(again.parameters["est"], plain.parameters["est"], atol=1e-6)


def test_the_two_parameterisations_say_the_same() -> None:
    delta, theta = (sem(MIMIC, M, ordered=ORDINAL, parameterization=p) for p in ("delta", "theta"))
    assert theta.fit["chisq_scaled"] == pytest.approx(delta.fit["chisq_scaled"], rel=1e-5)
    np.testing.assert_allclose(theta.r_squared["r_squared"], delta.r_squared["r_squared"], atol=1e-5)


def test_people_without_a_covariate_or_any_answer_are_left_out_and_counted() -> None:
    holes = M.assign(age=M["age"].where(M.index >= 20))
    answers = [*ORDINAL, "y1", "y2", "y3"]
    holes.loc[400:, answers] = np.nan
    found = sem(MIMIC, holes, ordered=ORDINAL)
    direct = sem(MIMIC, holes.iloc[20:400], ordered=ORDINAL)
    assert found.n_obs == direct.n_obs == 380
    np.testing.assert_allclose(found.parameters["est"], direct.parameters["est"], atol=1e-8)


def test_a_direct_effect_is_found_by_its_score_test_and_by_the_difference() -> None:
    """The third item was made to depend on one covariate directly."""
    plain = sem(MIMIC, M, ordered=ORDINAL)
    indices = plain.modification_indices()
    direct = indices[(indices["op"] == "~") & (indices["lhs"].isin(ORDINAL)) & (indices["rhs"] == "woman")]
    assert direct.iloc[0]["lhs"] == "q3" and direct.iloc[0]["mi"] > 6 and direct.iloc[0]["epc"] > 0
    freed = sem(MIMIC + "; q3 ~ woman", M, ordered=ORDINAL)
    row = compare_models({"with": freed, "without": plain}).table.iloc[1]
    assert row["df_diff"] == 1 and row["pvalue"] < 0.01
    assert nested(freed, plain).nested and not nested(plain, freed).nested


def test_implied_and_residual_matrices_hold_everything() -> None:
    fit = sem(MIMIC, M, ordered=ORDINAL)
    (implied,), (left,) = fit.implied().values(), fit.residuals("raw").values()
    assert list(implied.columns) == [*ORDINAL, "y1", "y2", "y3", "age", "woman"]
    assert np.allclose(np.diag(implied)[:4], 1) and (left.loc[["age", "woman"]] == 0).all(axis=None)
    variance = M["age"].var()
    assert implied.loc["age", "age"] == pytest.approx(variance)
    total = fit.latent_covariance()["all"].loc["f", "f"]
    slopes = np.array([est(fit, "f", "~", "age"), est(fit, "f", "~", "woman")])
    explained = slopes @ np.cov(M[["age", "woman"]].T) @ slopes
    assert total == pytest.approx(est(fit, "f", "~~", "f") + explained, rel=1e-10)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: sem(MIMIC, M.assign(woman=2 * M["age"] + 1), ordered=ORDINAL),
            NotEstimableError,
            "predictors are linear functions of each other",
        ),
        (
            lambda: sem("f =~ q1 + q2 + q3 + y1; y1 ~ age", M.assign(y1=2.0 * M["age"]), ordered=ORDINAL),
            NotEstimableError,
            "'y1' is a linear function of the predictors",
        ),
        (lambda: sem(MIMIC, M.assign(age=40.0), ordered=ORDINAL), NotEstimableError, "'age' is constant"),
        (lambda: sem(MIMIC, M.assign(age=np.nan), ordered=ORDINAL), NotEstimableError, "0 usable rows"),
        (lambda: sem(TWO, M.assign(y1="much"), ordered=ORDINAL), ResponseDataError, "y1"),
        (lambda: sem(TWO, M), ResponseDataError, r"'y1' has \d+ distinct values.*\nHint: .*ordered="),
        (
            lambda: sem(TWO, M.assign(q2=M["q1"]), ordered=ORDINAL),
            NotEstimableError,
            "correlations at 1 or -1: 'q1-q2'",
        ),
        (
            lambda: sem(
                TWO,
                M.assign(y2=M["y2"].where(M.index < 200), y1=M["y1"].where(M.index >= 200)),
                ordered=ORDINAL,
            ),
            ResponseDataError,
            r"joint answers to 'y1-y2'|joint answers to y1-y2 \(0 persons\)",
        ),
        (lambda: cfa("f =~ q1 + y1", M, ordered=["q1"]), NotEstimableError, "negative degrees of freedom"),
    ],
)
def test_refusals(call, error, message) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert str(caught.value).count("\nHint: ") == 1


def test_pairs_searched_at_once_are_those_searched_one_by_one() -> None:
    """With gaps: who did not answer both stands between minus and plus infinity."""
    rng = np.random.default_rng(7)
    cuts = np.array([-np.inf, -0.7, 0.4, 1.1, np.inf])
    z = rng.normal(size=(3, 240))
    latent = np.array([0.6, -0.3, 0.0])[:, None] * z + rng.normal(size=z.shape)
    place = np.searchsorted(cuts[1:-1], latent)
    seen = rng.random(z.shape) > [[0.0], [0.3], [0.1]]
    lower, upper = cuts[place], cuts[place + 1]
    pairs = Between(np.where(seen, lower, -np.inf), np.where(seen, upper, np.inf), np.where(seen, z, 0.0))
    rho, done = pairs.search(np.array([0.2, 0.0, 0.1]))
    assert done.all()
    by_rho, by_lower, by_upper = pairs.scores(rho)
    for k, here in enumerate(seen):
        one = lower[k, here], upper[k, here], z[k, here]
        assert rho[k] == pytest.approx(fit_between(*one, 0.2)[0], abs=1e-9)
        alone = between_scores(*one, 1.0, rho[k])
        for found, wanted in zip((by_rho, by_lower, by_upper), alone[:3], strict=True):
            np.testing.assert_allclose(found[k, here], wanted, atol=1e-10)
            assert not found[k, ~here].any()


def test_scores_of_tables_are_those_of_rectangles() -> None:
    """Three and two thresholds: what is absent is infinite."""
    rng = np.random.default_rng(8)
    rows, columns, rho = np.array([-0.8, 0.1, 0.9]), np.array([-0.3, 0.6]), 0.35
    one, two = rng.normal(size=(2, 300))
    categories = np.searchsorted(rows, one), np.searchsorted(columns, 0.5 * one + two)
    zero, nothing = np.zeros(300, dtype=np.intp), np.zeros((1, 0))
    sides = [
        Side(c.astype(np.intp), zero, cuts, np.zeros(1), nothing)
        for c, cuts in zip(categories, (rows, columns), strict=True)
    ]
    by_rho, by_rows, by_columns = Rectangles(*sides).scores(rho)
    table = np.zeros((1, 4, 4))
    np.add.at(table[0], categories, 1.0)
    found = table_scores(table, rows[None], np.array([[*columns, np.inf]]), np.array([rho]))
    np.testing.assert_allclose(found[0][0][categories], by_rho, atol=1e-12)
    np.testing.assert_allclose(found[1][0], by_rows, atol=1e-10)
    np.testing.assert_allclose(found[2][0], [*by_columns, 0.0], atol=1e-10)


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
def test_second_derivatives_beside_continuous_variables(parameterization: str) -> None:
    fit = sem(TWO, M, ordered=ORDINAL, parameterization=parameterization)._fitted
    group = build_ordinal_group(fit.table, 0)
    rng = np.random.default_rng(3)
    x = fit.x + 0.05 * rng.normal(size=len(fit.x))
    weight = rng.uniform(0.5, 2.0, len(fit.sample_moments[0]))
    target = LeastSquaresDiscrepancy([group], fit.sample_moments, [weight], [420.0], len(x))
    step = 1e-5 * np.eye(len(x))
    numeric = np.array([(target.gradient(x + h) - target.gradient(x - h)) / 2e-5 for h in step])
    np.testing.assert_allclose(target.observed(x), numeric, atol=2e-7)


def test_what_a_probit_loop_leaves_out_is_how_steeply_its_misfit_falls():
    """2 mi/epc is the slope of chi-square along the parameter; lavaan's search for this model does not settle."""
    loop, step = "q1 ~ a*q2 + age\nq2 ~ a*q1 + woman", 2e-3
    ordered = ["q1", "q2"]
    fit = sem(loop, M, ordered=ordered)
    indices = fit.modification_indices().set_index(["lhs", "op", "rhs"])
    left_out = {
        ("q2", "~", "age"): 0.0,
        ("q1", "~", "woman"): 0.0,
        ("q1", "~~", "q2"): 0.0,
        ("q1", "~*~", "q1"): 1.0,
    }
    for (lhs, op, rhs), at in left_out.items():
        high, low = (
            sem(f"{loop}\n{lhs} {op} {at + way}*{rhs}", M, ordered=ordered).fit["chisq"]
            for way in (step, -step)
        )
        row = indices.loc[lhs, op, rhs]
        assert -2.0 * row["mi"] / row["epc"] == pytest.approx((high - low) / (2.0 * step), rel=2e-3, abs=0.02)
