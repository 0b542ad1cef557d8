"""What was made quicker gives the numbers of the plain way: sums of products, pairs at once, kept moments."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, ncx2

from analysis.common import noncentrality
from analysis.common.noncentrality import chi_square_noncentrality
from analysis.correlation.bivariate_normal import bivariate_cdf
from analysis.correlation.kept import kept_moments
from analysis.correlation.mixed_pairs import fit_pair, fit_polychorics
from analysis.correlation.moments import ordinal_moments
from analysis.correlation.pairs import fit_pairs
from analysis.correlation.rectangles import Rectangles, Side, distinct
from analysis.correlation.variables import ordinal_variable
from analysis.factors.moments import pearson
from analysis.factors.uniqueness import _curvature
from analysis.reliability.resampling import bootstrap, bootstrap_all
from analysis.structural.inference.modification import discrepancy_of
from analysis.structural.language.syntax import parse_syntax
from analysis.structural.models import cfa
from analysis.validity.htmt import ratios
from analysis.validity.incremental_validity import r_squared, r_squared_drawn
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError

RNG = np.random.default_rng(7)
LATENT = RNG.standard_normal((150, 1)) + RNG.standard_normal((150, 6))
CODES = np.digitize(LATENT, [-1.5, 0.0, 1.0]).astype(float)
GAPS = np.where(RNG.random(CODES.shape) < 0.1, np.nan, CODES)


def by_pandas(values: np.ndarray) -> np.ndarray:
    return np.array(pd.DataFrame(values).corr(min_periods=3), dtype=float)


@pytest.mark.parametrize("shift", [0.0, 0.37, 1e6])
def test_correlations_of_pairs_of_answers_are_those_of_pandas(shift: float) -> None:
    np.testing.assert_allclose(pearson(GAPS + shift), by_pandas(GAPS + shift), rtol=0, atol=1e-9)


def test_an_item_that_does_not_vary_among_common_rows_has_no_correlation() -> None:
    values = GAPS.copy()
    values[:, 0] = np.where(np.isnan(values[:, 1]), values[:, 0], 0.1 + 0.2)
    values[:3, 1] = np.nan
    values[:3, 0] = [1, 2, 4]
    found = pearson(values)
    assert np.isnan(found[0, 1])
    np.testing.assert_allclose(found, by_pandas(values), atol=1e-12)


def test_pairs_of_two_rows_and_items_without_answers_have_no_correlation() -> None:
    values = GAPS.copy()
    values[2:, 0] = np.nan
    values[:, 5] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = pearson(values)
    assert np.isnan(found[0, 1:]).all()
    np.testing.assert_allclose(found, by_pandas(values), atol=1e-12)


def plain_ratios(correlations: np.ndarray, themes: list[list[int]]) -> tuple[list[float], list[float]]:
    strength, first, second = np.abs(correlations), [], []
    for a in range(len(themes)):
        for b in range(a + 1, len(themes)):
            inside = [[strength[i, j] for i in t for j in t if i < j] for t in (themes[a], themes[b])]
            between = [strength[i, j] for i in themes[a] for j in themes[b]]
            first.append(np.mean(between) / np.sqrt(np.mean(inside[0]) * np.mean(inside[1])))
            geometric = [np.exp(np.mean(np.log(x))) for x in (between, *inside)]
            second.append(geometric[0] / np.sqrt(geometric[1] * geometric[2]))
    return first, second


def test_ratios_by_blocks_are_those_of_their_definition() -> None:
    correlations, themes = np.corrcoef(CODES, rowvar=False), [[0, 4], [2, 1, 5], [3, 0]]
    for found, plain in zip(ratios(correlations, themes), plain_ratios(correlations, themes), strict=True):
        np.testing.assert_allclose(found, plain, rtol=1e-12)


def test_a_correlation_of_zero_makes_one_ratio_zero_and_no_other() -> None:
    correlations = np.corrcoef(CODES, rowvar=False)
    correlations[0, 2] = correlations[2, 0] = 0.0
    _, second = ratios(correlations, [[0, 1], [2, 3], [4, 5]])
    assert second[0] == 0.0
    assert (second[1:] > 0).all()


def drawn_rows(n: int, draws: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, n, n) for _ in range(draws)]


def test_explained_variance_of_draws_is_that_of_their_rows() -> None:
    n, draws = 60, 40
    rare = np.zeros(n)
    rare[:2] = 1.0  # in about one draw of seven nobody has it, and the terms are collinear
    design = np.column_stack([np.ones(n), RNG.standard_normal(n) * 1e4 + 1e6, rare])
    outcome = 3 + design[:, 1] / 1e4 + RNG.standard_normal(n)
    rows = drawn_rows(n, draws, seed=3)
    times = np.array([np.bincount(r, minlength=n) for r in rows], dtype=float)
    found = r_squared_drawn(outcome, design, times)
    plain = [r_squared(outcome[r], design[r]) for r in rows]
    assert 0 < np.isnan(plain).sum() < draws / 2
    np.testing.assert_allclose(found, plain, atol=1e-9)
    np.testing.assert_allclose(r_squared_drawn(outcome, design[:, :1], times), 0.0, atol=1e-12)


def test_both_ways_to_draw_people_draw_the_same() -> None:
    values = RNG.standard_normal(30)
    plain = bootstrap(values[:, None], lambda s: (float(s.sum()),), ("sum",), draws=25, seed=5, caller="test")
    found = bootstrap_all(
        values, lambda times: times @ values[:, None], ("sum",), draws=25, seed=5, caller="test"
    )
    np.testing.assert_allclose(found.values, plain.values, rtol=1e-10)
    with pytest.raises(ResponseDataError, match="19 bootstrap draws"):
        bootstrap_all(values, lambda times: times, ("sum",), draws=19, seed=5, caller="test")
    with pytest.raises(NotEstimableError, match="25 of 25"):
        bootstrap_all(
            values, lambda t: np.full((len(t), 1), np.nan), ("sum",), draws=25, seed=5, caller="test"
        )


def test_polychorics_of_all_pairs_at_once_are_those_of_single_pairs() -> None:
    values = GAPS.copy()
    values[:, 0] = np.where(np.isnan(values[:, 0]), np.nan, values[:, 0] > 1)
    values[:, 1] = np.where(values[:, 1] == 3, 2, values[:, 1])
    variables = [ordinal_variable(column, str(k), "test") for k, column in enumerate(values.T)]
    rho, converged = fit_polychorics([(v, str(k)) for k, v in enumerate(variables)], "test")
    pairs = [(a, b) for a in range(6) for b in range(a + 1, 6)]
    single = [fit_pair(variables[a], variables[b], "pair", "test")[0] for a, b in pairs]
    np.testing.assert_allclose(rho, single, atol=1e-10)
    assert converged.all()
    np.testing.assert_allclose(
        rho, [ordinal_moments(values[:, p], acov=False).correlations[0, 1] for p in pairs]
    )


def test_the_last_step_of_a_search_is_left_out_only_where_it_is_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = np.array([[[30.0, 9, 1], [8, 40, 12], [2, 7, 33]], [[400.0, 1, 0], [2, 300, 1], [0, 3, 250]]])
    cuts = np.array([[-0.6, 0.5], [-0.3, 0.6]])
    found = fit_pairs(tables, cuts, cuts)
    monkeypatch.setattr("analysis.correlation.pairs.CLOSE", 0.0)
    np.testing.assert_allclose(found.rho, fit_pairs(tables, cuts, cuts).rho, atol=1e-11)
    assert found.converged.all()


def test_moments_are_kept_for_equal_answers_and_options_only() -> None:
    plain = ordinal_moments(GAPS)
    with kept_moments():
        first = ordinal_moments(GAPS)
        assert ordinal_moments(GAPS.copy()) is first
        assert ordinal_moments(GAPS, missing="listwise") is not first
        assert ordinal_moments(GAPS, zero_add=(0.0, 0.0)) is not first
        assert ordinal_moments(GAPS[:-1]) is not first
        assert ordinal_moments(GAPS[:, ::-1]) is not first
        assert ordinal_moments(GAPS, acov=False).acov is None
        with pytest.raises(ValueError, match="read-only"):
            first.correlations[0, 1] = 0.5
    assert ordinal_moments(GAPS) is not first
    for part in ("correlations", "acov", "independent_acov", "pair_n", "empty_cells"):
        np.testing.assert_array_equal(getattr(plain, part), getattr(first, part))


def test_a_model_read_again_is_a_copy_of_its_own() -> None:
    """Texts are parsed once, and no reader sees what another did to its statements."""
    text = "f =~ x1 + a*x2 + start(0.5)*x3\na > 0"
    first, second = parse_syntax(text), parse_syntax(text)
    assert first == second
    first.statements[1].modifier.labels.append("b")
    first.statements.pop()
    first.constraints.clear()
    assert parse_syntax(text) == second
    for _ in range(2):
        with pytest.raises(DefinitionError, match="sem: model line 1, column 6"):
            parse_syntax("f =~ ?x1", "sem")


def test_curvature_is_the_sum_over_all_pairs_of_vectors() -> None:
    rng = np.random.default_rng(5)
    vectors = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    weights = rng.standard_normal((6, 6))
    weights += weights.T
    for found, chosen in zip(_curvature(vectors, weights), (weights, np.maximum(weights, 0)), strict=True):
        sums = np.zeros((6, 6))
        for v in range(6):
            for w in range(6):
                both = vectors[:, v] * vectors[:, w]
                sums += chosen[v, w] * np.outer(both, both)
        np.testing.assert_allclose(found, sums, atol=1e-14)


def two_sides(seed: int, n_patterns: int, q: int) -> tuple[Side, Side, np.ndarray]:
    rng = np.random.default_rng(seed)
    pattern = rng.integers(0, n_patterns, 300)
    pattern[:n_patterns] = np.arange(n_patterns)
    kinds = rng.standard_normal((n_patterns, q))
    latent = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.5], [0.5, 1.0]], 300)
    sides = []
    for k, cuts in enumerate(([-0.7, 0.2, 1.1], [0.1])):
        slopes = rng.uniform(-0.4, 0.4, q)
        category = np.digitize(latent[:, k] + kinds[pattern] @ slopes, cuts)
        sides.append(Side(category, pattern, np.array(cuts), kinds @ slopes, kinds))
    return sides[0], sides[1], kinds


def chances(a: Side, b: Side, rho: float) -> np.ndarray:
    """Probability of every person's rectangle, one by one."""
    h, k = a.cuts(), b.cuts()
    found = []
    for i, j, w in zip(a.category, b.category, a.pattern, strict=True):
        corners = [
            (h[i + u] - a.pull[w], k[j + v] - b.pull[w], (-1) ** (u + v)) for u in (0, 1) for v in (0, 1)
        ]
        found.append(
            sum(s * float(bivariate_cdf(np.array(x), np.array(y), np.array(rho))) for x, y, s in corners)
        )
    return np.array(found)


@pytest.mark.parametrize(("n_patterns", "q"), [(1, 0), (6, 2), (200, 1)])
def test_rectangles_are_those_of_each_person(n_patterns: int, q: int) -> None:
    a, b, _ = two_sides(n_patterns, n_patterns, q)
    cells = Rectangles(a, b)
    for rho in (
        0.1,
        0.15,
        0.16,
        0.1601,
        0.1601,
        -0.3,
        0.7,
        0.79,
        0.83,
        0.9,
        0.79,
    ):  # near, far, and the same again
        np.testing.assert_allclose(
            cells.probability(rho)[cells.member], chances(a, b, rho), rtol=0, atol=1e-13
        )


@pytest.mark.parametrize(("n_patterns", "q"), [(1, 0), (6, 2), (200, 1)])
def test_scores_of_rectangles_are_slopes_of_the_likelihood(n_patterns: int, q: int) -> None:
    a, b, kinds = two_sides(n_patterns, n_patterns, q)
    rho, small = 0.42, 1e-5
    by_rho, *products = Rectangles(a, b).scores(rho)

    def log_chance(moved: int, place: int, step: float) -> np.ndarray:
        """Log probabilities with one parameter of a first step moved: thresholds, then slopes."""
        sides = [a, b]
        own = sides[moved]
        thresholds, pull = own.thresholds.copy(), own.pull.copy()
        if place < len(thresholds):
            thresholds[place] += step
        else:
            pull = pull + step * kinds[:, place - len(thresholds)]
        sides[moved] = replace(own, thresholds=thresholds, pull=pull)
        return np.log(chances(sides[0], sides[1], rho))

    slope = (np.log(chances(a, b, rho + small)) - np.log(chances(a, b, rho - small))) / (2 * small)
    np.testing.assert_allclose(by_rho, slope, atol=1e-6)
    for moved, own in enumerate((a, b)):
        assert products[moved].shape == (len(own.thresholds) + q,)
        for place, found in enumerate(products[moved]):
            each = (log_chance(moved, place, small) - log_chance(moved, place, -small)) / (2 * small)
            assert found == pytest.approx(by_rho @ each, abs=2e-4)


def test_counting_and_sorting_find_the_same_keys() -> None:
    key = RNG.integers(0, 40, 60)
    for most in (40, 41, 10_000):
        own, member = distinct(key, most)
        assert own.tolist() == sorted(set(key.tolist()))
        assert (own[member] == key).all()


@pytest.mark.parametrize("probability", [0.95, 0.05, 0.975, 0.025])
@pytest.mark.parametrize(("statistic", "df"), [(0.4, 1), (30.0, 10), (700.0, 24), (9_000.0, 350), (12.0, 90)])
def test_noncentralities_solve_their_equation(statistic: float, df: int, probability: float) -> None:
    found = chi_square_noncentrality(statistic, df, probability)
    assert found >= 0.0
    if found:
        assert ncx2.cdf(statistic, df, found) == pytest.approx(probability, abs=1e-10)
    else:
        assert chi2.cdf(statistic, df) <= probability


def test_an_inexact_quick_function_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = chi_square_noncentrality(30.0, 10, 0.05)
    monkeypatch.setattr(noncentrality, "chndtr", lambda x, df, nc: ncx2.cdf(x, df, nc) + 1e-6)
    assert chi_square_noncentrality(30.0, 10, 0.05) == pytest.approx(wanted, abs=1e-9)
    assert ncx2.cdf(30.0, 10, wanted) == pytest.approx(0.05, abs=1e-12)


@pytest.mark.parametrize("options", [{}, {"parameterization": "theta"}])
def test_a_discrepancy_that_keeps_its_point_says_the_same_elsewhere(options: dict[str, str]) -> None:
    frame = pd.DataFrame(CODES, columns=[f"q{k}" for k in range(6)])
    fit = cfa("f =~ q0 + q1 + q2 + q3 + q4 + q5", frame, **options)._fitted
    kept, x = discrepancy_of(fit, fit.table, len(fit.x)), fit.x
    others = [x, x * 0.9, x, x * 1.1]
    for point in others:
        fresh = discrepancy_of(fit, fit.table, len(fit.x))
        assert kept.value(point) == fresh.value(point)
        np.testing.assert_array_equal(kept.gradient(point), fresh.gradient(point))
        np.testing.assert_array_equal(kept.expected(point), fresh.expected(point))
