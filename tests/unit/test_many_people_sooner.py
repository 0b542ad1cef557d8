"""Shortcuts for thousands of people give the numbers of the long way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.special import expit, logit

from analysis.adherence.latent.moment_influence import _pair_influence
from analysis.adherence.models.binomial import logit_regression, logit_regressions, quasi_binomial
from analysis.adherence.models.clusters import Clusters, of_linear_predictor, without_each
from analysis.adherence.models.delta import delta_interval
from analysis.adherence.models.discrete import discrete_time
from analysis.adherence.models.maximum import curve_by_row, jacobian_of, maximise, scores_by_row
from analysis.adherence.models.shape import compare_shapes, knots_of, restricted_cubic
from analysis.correlation.mixed_pairs import pair_scores
from analysis.correlation.variables import ordinal_variable
from analysis.factors.moments import PairSums
from instrument.errors import NotEstimableError


def failed(reason: str) -> NotEstimableError:
    return NotEstimableError(f"it failed: {reason}")


@pytest.mark.parametrize("shape", [(), (3,), (3, 3)])
def test_sums_over_clusters_are_those_of_adding_row_by_row(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    rows, of_row = rng.normal(size=(500, *shape)), rng.integers(0, 40, 500)
    by_hand = np.zeros((41, *shape))
    np.add.at(by_hand, of_row, rows)
    np.testing.assert_array_equal(Clusters(of_row, 41).sums(rows), by_hand)


def test_leaving_each_out_is_the_pseudo_inverse_of_the_rest() -> None:
    rng = np.random.default_rng(2)
    parts = rng.normal(size=(60, 5, 4))
    information = np.einsum("gnj,gnk->gjk", parts, parts)
    information[:, :, 3] = information[:, 3, :] = 0.0
    information[7, 3, 3] = 1.0  # only one cluster has the last column
    scores = rng.normal(size=(60, 4))
    scores[:, 3] = 0.0
    found = without_each(scores, information)
    for cluster in range(60):
        rest = information.sum(axis=0) - information[cluster]
        expected = -np.linalg.pinv(rest, rcond=1e-12, hermitian=True) @ scores[cluster]
        np.testing.assert_allclose(found[cluster], expected, rtol=1e-9, atol=1e-13)


def designs_of(n: int, m: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    base = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    made = np.repeat(base[None], m, axis=0)
    gaps = rng.random(n) < 0.2
    made[:, gaps, 1] = rng.normal(size=(m, int(gaps.sum())))
    share = rng.binomial(12, 1 / (1 + np.exp(-base @ [0.3, 0.8, -0.5, 0.2]))) / 12
    return made, share


def test_several_designs_end_where_each_alone_does() -> None:
    designs, share = designs_of(400, 6, 3)
    weight = np.full(400, 12.0)
    found, inverses = logit_regressions(designs, share, weight, failed)
    for design, b, inverse in zip(designs, found, inverses, strict=True):
        alone, its = logit_regression(design, share, weight, failed)
        np.testing.assert_allclose(b, alone, atol=1e-11)
        np.testing.assert_allclose(inverse, its, atol=1e-11)


def test_columns_that_repeat_each_other_share_their_coefficient_in_each_design() -> None:
    designs, share = designs_of(400, 4, 5)
    weight = np.full(400, 12.0)
    for last in (designs[:, :, :1], designs[:1, :, 1:2]):  # a constant twice; a column of the first design
        doubled = np.concatenate([designs, np.broadcast_to(last, (4, 400, 1))], axis=2)
        found, _ = logit_regressions(doubled, share, weight, failed)
        for design, b in zip(doubled, found, strict=True):
            np.testing.assert_allclose(b, logit_regression(design, share, weight, failed)[0], atol=1e-9)


def test_designs_that_separate_the_outcome_are_refused() -> None:
    designs, share = designs_of(400, 3, 7)
    designs[2, :, 1] = np.where(share > 0.5, 50.0, -50.0)
    with pytest.raises(NotEstimableError, match="separate"):
        logit_regressions(designs, (share > 0.5).astype(float), np.ones(400), failed)


def test_fits_that_begin_near_end_where_those_from_nothing_do() -> None:
    designs, share = designs_of(400, 5, 9)
    weight = np.full(400, 12.0)
    found, inverses = logit_regressions(designs, share, weight, failed)
    for start in (found[:1] + 0.1, found - 0.05, np.full((1, 4), 40.0)):  # the last leads nowhere
        again, its = logit_regressions(designs, share, weight, failed, start)
        np.testing.assert_allclose(again, found, atol=1e-11)
        np.testing.assert_allclose(its, inverses, atol=1e-11)


def leaving(n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Columns (one that two people have, one person's alone), days until leaving, and who left."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=(n, 3)), rng.random(n) < 0.1, np.arange(n) < 2, np.arange(n) == 5])
    time = rng.exponential(40 * np.exp(-0.3 * x[:, 0] - 0.2 * x[:, 3]))
    return x, np.ceil(np.minimum(time, 70)), time <= 70


@pytest.mark.parametrize("last", [4, 5, 6])
def test_many_people_move_estimates_as_each_left_out_by_itself(
    last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, time, event = leaving(400, 4)
    x = x[:, :last]
    weekly = discrete_time(x, time, event, robust=True).fit
    asked: list[int] = []

    def counted(scores: NDArray[np.float64], *rest: NDArray[np.float64]) -> NDArray[np.float64]:
        asked.append(len(scores))
        return without_each(scores, *rest)

    monkeypatch.setattr("analysis.adherence.models.discrete.MANY", 1)
    monkeypatch.setattr("analysis.adherence.models.discrete.without_each", counted)
    many = discrete_time(x, time, event, robust=True).fit
    np.testing.assert_allclose(many.covariance, weekly.covariance, rtol=1e-10)
    assert 0 < sum(asked) < 400  # those with much leverage, by themselves


@pytest.mark.parametrize("last", [4, 5, 6])
def test_many_clusters_move_estimates_as_each_left_out_by_itself(
    last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = leaving(900, 8)[0][:, :last]
    rng = np.random.default_rng(9)
    residual, weight = rng.normal(size=900), rng.random(900) + 0.5
    residual[x[:, last - 1] > 0] = 0.0 if last == 6 else 1.0
    clusters = Clusters(np.arange(900) // 2, 450)
    one = of_linear_predictor(x, residual, weight, clusters)
    monkeypatch.setattr("analysis.adherence.models.clusters.MANY", 1)
    np.testing.assert_allclose(of_linear_predictor(x, residual, weight, clusters), one, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("width", [7.0, 1.0])
def test_discrete_time_is_the_complementary_log_log_regression_of_all_rows(width: float) -> None:
    x, time, event = leaving(300, 6)
    x = x[:, :4]
    found = discrete_time(x, time, event, width)
    rows = found.rows
    matrix = np.column_stack([rows.baseline, x[rows.person]])
    family = sm.families.Binomial(link=sm.families.links.CLogLog())
    glm = sm.GLM(rows.left.astype(float), matrix, family=family).fit(tol=1e-13, maxiter=300)
    np.testing.assert_allclose(found.fit.coefficients, glm.params, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), glm.bse, rtol=1e-7)
    assert found.fit.log_likelihood == pytest.approx(glm.llf, rel=1e-12)


def test_draws_of_pairs_with_gaps_are_those_of_the_rows_drawn() -> None:
    rng = np.random.default_rng(12)
    values = rng.integers(1, 6, (120, 5)).astype(float)
    values[rng.random(values.shape) < [0.0, 0.05, 0.3, 0.8, 0.1]] = np.nan
    times = np.array([np.bincount(rng.integers(0, 120, 120), minlength=120) for _ in range(7)], dtype=float)
    for row, found in zip(times, PairSums(values).drawn(times), strict=True):
        drawn = pd.DataFrame(values[np.repeat(np.arange(120), row.astype(int))]).corr().to_numpy()
        np.testing.assert_allclose(found, drawn, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("further", [0, 1, 2])
def test_curves_by_row_are_those_of_every_coefficient(further: int) -> None:
    rng = np.random.default_rng(further)
    x, y = rng.normal(size=(80, 3)), rng.random(80)

    def slopes(line: NDArray[np.float64], more: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = line + more.sum() * y  # of sum(sin(inside) + prod(more) * line²)
        by_line = np.cos(inside) + 2 * np.prod(more) * line
        others = [np.cos(inside) * y + np.prod(np.delete(more, j)) * line**2 for j in range(len(more))]
        return np.column_stack([by_line, *others])

    theta = rng.normal(size=3 + further)
    wanted = jacobian_of(lambda at: scores_by_row(x, slopes, at).sum(axis=0), theta)
    np.testing.assert_allclose(curve_by_row(x, slopes, theta), wanted, rtol=1e-7, atol=1e-7)


def test_a_search_with_second_derivatives_ends_where_one_without_does() -> None:
    """From a place where the function curves the other way, and without a maximum."""

    def negative(t: NDArray[np.float64]) -> float:
        return float(100 * (t[1] - t[0] ** 2) ** 2 + (1 - t[0]) ** 2)

    def gradient(t: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([-400 * t[0] * (t[1] - t[0] ** 2) - 2 * (1 - t[0]), 200 * (t[1] - t[0] ** 2)])

    def curve(t: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([[1200 * t[0] ** 2 - 400 * t[1] + 2, -400 * t[0]], [-400 * t[0], 200.0]])

    for start in ([-1.2, 1.0], [0.0, 3.0]):
        found = maximise(negative, gradient, np.array(start), 1, curve=curve)
        assert found.theta == pytest.approx([1.0, 1.0], abs=1e-8)
        assert found.covariance == pytest.approx(np.linalg.inv(curve(np.ones(2))), rel=1e-6)
    endless = maximise(
        lambda t: -float(t.sum()), lambda t: -np.ones(2), np.zeros(2), 1, curve=lambda t: np.zeros((2, 2))
    )
    assert endless.covariance is None and endless.reason == "the likelihood has no interior maximum"


def test_a_search_ends_where_rounding_hides_what_is_left_to_gain() -> None:
    # Slopes of a likelihood in the millions are known to so many digits: here to 1e-4, whatever the place.
    looked: list[float] = []

    def curve(theta: NDArray[np.float64]) -> NDArray[np.float64]:
        looked.append(float(theta[0]))
        return np.array([[1e8]])

    found = maximise(
        lambda theta: 1e10 + 5e7 * float((theta[0] - 1) ** 2),
        lambda theta: np.array([1e8 * np.round(theta[0] - 1, 9) + 1e-4]),
        np.array([0.25]),
        1,
        curve=curve,
    )
    assert found.covariance is not None and len(looked) < 30  # 500 steps of nothing, before
    np.testing.assert_allclose(found.theta, 1.0, atol=1e-9)
    np.testing.assert_allclose(found.covariance, 1e-8)


def test_pairs_of_answers_move_their_correlation_as_each_person_does() -> None:
    rng = np.random.default_rng(14)
    codes = np.clip(np.round(rng.normal(size=(300, 1)) + rng.normal(size=(300, 3))), -1, 2) + 1
    codes[rng.random(codes.shape) < 0.1] = np.nan
    a, b = (ordinal_variable(codes[:, j], str(j), "test") for j in (0, 2))
    owns = [np.linalg.solve(v.scores() @ v.scores().T, v.scores()) for v in (a, b)]
    joint, found = pair_scores(a, b, 0.4)
    by_hand = np.zeros(300)
    by_hand[joint] = found.rho
    by_hand -= (found.first @ found.rho) @ owns[0] + (found.second @ found.rho) @ owns[1]
    moved = _pair_influence(a, b, 0.4, *owns)
    np.testing.assert_allclose(moved, by_hand / (found.rho @ found.rho), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("clustered", [False, True])
def test_curves_of_a_score_have_the_limits_of_the_delta_method(clustered: bool) -> None:
    rng = np.random.default_rng(15)
    score, others, due = rng.normal(3, 1, 250), rng.normal(size=(250, 2)), rng.integers(4, 9, 250) * 1.0
    done = rng.binomial(due.astype(int), expit(0.4 * score - 1 + 0.3 * others[:, 0])).astype(float)
    clusters = Clusters(np.arange(250) % 25, 25) if clustered else None
    made = compare_shapes(score, others, done, due, points=5, clusters=clusters)
    knots = knots_of(score)
    design = np.column_stack([np.ones(250), score, restricted_cubic(score, knots), others])
    fit = quasi_binomial(design, done, due, clusters=clusters)
    for at, told in zip(made.at, np.column_stack([made.fitted, made.lower, made.upper]), strict=True):
        there = design.copy()
        there[:, 1] = at
        there[:, 2:-2] = restricted_cubic(np.full(250, at), knots)

        def share(theta: NDArray[np.float64], there: NDArray[np.float64] = there) -> float:
            return float(logit(np.average(expit(there @ theta), weights=due)))

        middle, _, low, high = delta_interval(share, fit.coefficients, fit.covariance, df=fit.df_resid)
        np.testing.assert_allclose(told, due.mean() * expit([middle, low, high]), rtol=1e-8)


def test_who_is_watched_for_less_than_a_period_is_not_among_the_people_of_the_weekly_model() -> None:
    x, time, event = leaving(300, 16)
    x = x[:, :4]
    soon = np.array([7, 8])  # withdrew on the third day; with a third person they are a category
    time, event = time.copy(), event.copy()
    time[soon], event[soon] = 3.0, False
    time[9], event[9] = 20.0, True
    x[:, 3] = np.isin(np.arange(300), [7, 8, 9])
    found = discrete_time(x, time, event, robust=True)
    without = discrete_time(np.delete(x, soon, 0), np.delete(time, soon), np.delete(event, soon), robust=True)
    np.testing.assert_allclose(found.fit.coefficients, without.fit.coefficients, rtol=1e-9)
    assert found.fit.n == without.fit.n == int((event | (time >= 7)).sum())
    assert found.fit.alone == without.fit.alone == (found.first + 3,)  # it rests on one person
