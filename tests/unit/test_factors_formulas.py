"""Published formulas of factor analysis at points that can be worked out by hand."""

from __future__ import annotations

import importlib
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import ncx2

from analysis.correlation.polychoric import polychoric
from analysis.factors import first_themes as first
from analysis.factors.efa import efa
from analysis.factors.fit import fit_measures, rmsea_interval
from analysis.factors.hull import elbow
from analysis.factors.moments import moments
from analysis.factors.parallel import permuted_curves, reduced_eigenvalues
from analysis.factors.pattern import Pattern, unrotated
from analysis.factors.rotation import promax
from analysis.factors.stopping import acceleration, average_partials, empirical_kaiser
from analysis.factors.uniqueness import maximum_likelihood, minimum_residuals, polish
from analysis.factors.weights import bartlett_weights, determinacy, regression_weights, ten_berge_weights
from instrument.errors import DefinitionError, NotEstimableError, ToolkitWarning

EQUAL = np.full((3, 3), 0.5) + np.eye(3) / 2


def test_rmsea_and_the_noncentralities_at_its_limits() -> None:
    estimate, lower, upper = rmsea_interval(30.0, 10, 101, 0.90)
    assert estimate == pytest.approx(np.sqrt(30 / 1010 - 1 / 100))
    for limit, below in ((lower, 0.95), (upper, 0.05)):
        assert ncx2.cdf(30.0, 10, limit**2 * 10 * 100) == pytest.approx(below, abs=1e-9)
    assert rmsea_interval(5.0, 10, 101, 0.90)[:2] == (0.0, 0.0)
    assert np.isnan(rmsea_interval(30.0, 0, 101, 0.90)).all()
    assert np.isnan(rmsea_interval(float("nan"), 10, 101, 0.90)).all()


def test_fit_without_factors_is_that_of_independence() -> None:
    fit = fit_measures(EQUAL, np.zeros((3, 3)), 0, 100)
    assert fit["objective"] == pytest.approx(np.log(2))  # the determinant is one half
    assert fit["chisq"] == pytest.approx((99 - 11 / 6) * np.log(2))
    assert fit["chisq"] == pytest.approx(fit["null_chisq"])
    assert fit["rmsr"] == pytest.approx(0.5)
    assert fit["crms"] == pytest.approx(0.5)
    assert fit["empirical_chisq"] == pytest.approx(100 * 6 * 0.25)
    assert fit["bic"] == pytest.approx(fit["chisq"] - 3 * np.log(100))
    assert fit["sabic"] == pytest.approx(fit["chisq"] - 3 * np.log(102 / 24))
    assert (fit["cfi"], fit["fit_off"]) == (0.0, 0.0)
    assert fit["tli"] == pytest.approx(0.0, abs=1e-12)


def test_the_hull_bends_where_fit_stops_rising_for_its_price() -> None:
    best, bends = elbow(np.array([0, 0.5, 0.8, 0.82, 0.81]), np.array([66, 54, 43, 33, 24]))
    assert best == 2
    want = [np.nan, (0.5 / 12) / (0.3 / 11), (0.3 / 11) / (0.02 / 10), np.nan, np.nan]
    np.testing.assert_allclose(bends, want)


@pytest.mark.parametrize("fits", [[0.0, 0.1, 0.2, 0.3], [0.0, 0.02, 0.1, 0.3], [0.2, 0.2, 0.1, 0.3]])
def test_a_hull_without_inner_point_suggests_nothing(fits: list[float]) -> None:
    best, bends = elbow(np.array(fits), np.array([10, 8, 6, 4]))
    assert best == 0
    assert np.isnan(bends).all()


def test_stopping_rules_of_equal_correlations() -> None:
    observed = np.array([2.0, 0.5, 0.5])
    # Without its component a pair keeps the covariance -1/6 and each item the variance 1/3.
    np.testing.assert_allclose(average_partials(EQUAL, 2), [0.25, 0.25])
    np.testing.assert_allclose(average_partials(EQUAL, 4), [0.0625, 0.0625])
    inflation = (1 + np.sqrt(3 / 300)) ** 2
    np.testing.assert_allclose(empirical_kaiser(observed, 300), [inflation, 1.0, 1.0])
    np.testing.assert_allclose(acceleration(observed), [np.nan, 1.5, np.nan])
    np.testing.assert_allclose(reduced_eigenvalues(EQUAL), [1.5, 0.0, 0.0], atol=1e-9)


def test_shuffled_columns_keep_their_answers() -> None:
    values = np.arange(24.0).reshape(8, 3)
    values[0, 1] = np.nan
    seen: list[np.ndarray] = []

    def keep(shuffled: np.ndarray) -> np.ndarray:
        seen.append(shuffled)
        return EQUAL

    permuted_curves(values, keep, 3, 1)
    for shuffled in seen:
        np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(values, axis=0))
    assert not np.array_equal(seen[0], seen[1], equal_nan=True)
    with pytest.raises(NotEstimableError, match=r"correlations are missing(.|\n)*Hint: "):
        permuted_curves(values, lambda shuffled: np.full((3, 3), np.nan), 1, 1)


def test_weights_of_one_factor_with_equal_loadings() -> None:
    pattern = unrotated(np.full((3, 1), np.sqrt(0.5)))
    structure, sums = np.sqrt(0.5), 2.0  # R times a column of ones is a column of twos
    np.testing.assert_allclose(regression_weights(EQUAL, pattern), np.full((3, 1), structure / sums))
    np.testing.assert_allclose(bartlett_weights(EQUAL, pattern), np.full((3, 1), 1 / (3 * structure)))
    # Unit variance: three weights w give w² times the sum of the six correlations and the diagonal.
    np.testing.assert_allclose(ten_berge_weights(EQUAL, pattern), np.full((3, 1), 1 / np.sqrt(6)))
    np.testing.assert_allclose(determinacy(EQUAL, pattern), [np.sqrt(0.75)])


@pytest.mark.parametrize("discrepancy", [minimum_residuals, maximum_likelihood])
def test_a_minimum_at_the_bound_is_the_one_a_general_optimiser_finds(discrepancy) -> None:  # type: ignore[no-untyped-def]
    # One factor of the loadings 1.2, .7, .6, .5 is improper: the first uniqueness would be negative.
    loadings = np.array([1.2, 0.7, 0.6, 0.5])
    correlations = np.outer(loadings, loadings)
    np.fill_diagonal(correlations, 1.0)
    found = polish(discrepancy, correlations, 1, np.full(4, 0.5))

    def function(point: np.ndarray) -> tuple[float, np.ndarray]:
        here = discrepancy(correlations, 1, point)
        return here.value, here.gradient

    options = {"ftol": 1e-15, "gtol": 1e-10}
    other = minimize(function, np.full(4, 0.5), jac=True, bounds=[(0.005, 1)] * 4, options=options)
    assert found.uniquenesses[0] == 0.005
    assert found.gradient < 1e-9
    assert found.value == pytest.approx(other.fun, abs=1e-10)
    np.testing.assert_allclose(found.uniquenesses, other.x, atol=1e-5)


def test_promax_of_a_perfect_cluster_leaves_it_alone() -> None:
    loadings = np.array([[0.8, 0.0], [0.7, 0.0], [0.0, 0.6], [0.0, 0.5]])
    found = promax(loadings).aligned(loadings)
    np.testing.assert_allclose(found.loadings, loadings, atol=1e-7)
    np.testing.assert_allclose(found.factor_correlations, np.eye(2), atol=1e-7)
    assert isinstance(found, Pattern)
    with pytest.raises(NotEstimableError, match="promax: some factors have no loadings"):
        promax(np.zeros((4, 2)))


def test_an_elbow_needs_a_point_between_two() -> None:
    found, bends = elbow(np.array([0.0, 0.8, 0.9]), np.array([10.0, 6.0, 3.0]))
    assert found == 1 and bends[1] == pytest.approx((0.8 / 4) / (0.1 / 3))
    assert np.isnan(bends[[0, 2]]).all()
    assert elbow(np.array([0.0, 0.8]), np.array([10.0, 6.0]))[0] == 0


def two_factors(items: int) -> pd.DataFrame:
    """Answers to the items of two unrelated factors, in halves; the rest belongs to the second."""
    rng = np.random.default_rng(1)
    shared = rng.normal(size=(400, 2))
    of = (np.arange(items) >= items // 2).astype(int)
    answers = np.round(2 * shared[:, of] + rng.normal(0, 1.2, (400, items)))
    return pd.DataFrame(answers, columns=[f"q{number}" for number in range(items)])


def test_an_item_that_opposes_the_others_of_its_own_factor_is_named() -> None:
    answers = two_factors(8).assign(q5=lambda table: -table["q5"])
    with pytest.warns(ToolkitWarning, match=r"efa: 1 item found to oppose the others: 'q5'"):
        efa(answers, 2)


def test_first_themes_have_three_items_each_however_many_are_suggested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = pd.DataFrame({"n_factors": {"parallel_factors": 4}})
    monkeypatch.setattr(first, "factor_retention", lambda *given, **more: SimpleNamespace(table=table))
    for items in (6, 7):
        found = first.first_themes(two_factors(items))
        assert found is not None and found.factors == 2
        assert len(found.place) == items


@pytest.mark.parametrize(("found", "said"), [(2, "no better with one factor more"), (4, "still better at")])
def test_comparison_data_are_drawn_by_the_seed_up_to_one_more_than_the_hull(
    found: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parallel analysis by components suggests three here: hull goes to four factors, comparison data to five."""
    where = importlib.import_module("analysis.factors.factor_retention")
    plain = where._from_eigenvalues

    def three(*given: Any) -> Any:
        return [
            row._replace(n_factors=3) if row.method == "parallel_components" else row for row in plain(*given)
        ]

    seen: list[Any] = []

    def compared(values: Any, most: int, samples: int, seed: int) -> Any:
        seen.append((len(values), most, samples, seed))
        return SimpleNamespace(n_factors=found, distances=[0.4, 0.3, 0.2, 0.1], pvalue=0.41)

    monkeypatch.setattr(where, "_from_eigenvalues", three)
    monkeypatch.setattr(where, "compare", compared)
    items = pd.DataFrame(np.random.default_rng(2).normal(size=(200, 12)))
    result = where.factor_retention(items, correlation="pearson", draws=10, comparison_samples=30, seed=7)
    assert seen == [(200, 5, 30, 7)] and result.hull.index.tolist() == [0, 1, 2, 3, 4]
    assert result.table["detail"]["comparison_data"].startswith(said)
    assert result.table["n_factors"]["comparison_data"] == found


@pytest.mark.parametrize("how", [{"draws": 9}, {"percentile": 0}, {"percentile": 100}])
def test_too_few_draws_and_a_percentile_at_an_end_are_refused(how: dict[str, int]) -> None:
    items = pd.DataFrame(np.random.default_rng(2).normal(size=(50, 4)))
    with pytest.raises(DefinitionError, match="use at least 10 draws and a percentile between 0 and 100"):
        importlib.import_module("analysis.factors.factor_retention").factor_retention(items, **how)


def test_references_of_pairwise_correlations_are_of_the_fewest_rows_behind_any() -> None:
    rng = np.random.default_rng(4)
    items = pd.DataFrame(rng.normal(size=(200, 1)) + rng.normal(size=(200, 5)))
    items = items.mask(rng.random(items.shape) < 0.3)
    answered = items.notna().astype(int)
    fewest = int((answered.T @ answered).to_numpy().min())
    where = importlib.import_module("analysis.factors.factor_retention")
    found = where.factor_retention(items, correlation="pearson", missing="pairwise", draws=10)
    observed = found.eigenvalues["observed"].to_numpy()
    assert fewest < 130 < found.n_obs
    np.testing.assert_allclose(found.eigenvalues["ekc"], empirical_kaiser(observed, fewest))


def test_shuffled_answers_are_smoothed_as_the_answers_were(monkeypatch: pytest.MonkeyPatch) -> None:
    where = importlib.import_module("analysis.factors.factor_retention")
    indefinite = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    unknown = np.where(np.eye(3) == 1, 1.0, np.nan)
    told = SimpleNamespace(correlation="pearson", labels=["a", "b", "c"])
    for matrix, smooth, moved in (
        (indefinite, "nearest", True),
        (indefinite, False, False),
        (unknown, "nearest", False),
    ):
        monkeypatch.setattr(where, "pearson", lambda _, matrix=matrix: matrix)
        made = where._correlate(told, smooth)(np.zeros((4, 3)))
        assert (np.linalg.eigvalsh(made)[0] > 0) if moved else (made is matrix)


def test_a_given_matrix_is_held_against_draws_of_its_own_seed() -> None:
    where = importlib.import_module("analysis.factors.factor_retention")
    matrix = pd.DataFrame(np.full((4, 4), 0.4) + 0.6 * np.eye(4))
    first, again, other = (
        where.factor_retention(matrix, correlation="given", n_obs=150, draws=10, seed=seed).eigenvalues
        for seed in (3, 3, 4)
    )
    drawn = np.random.default_rng(3).standard_normal((10, 150, 4))  # one draw after the other
    largest = [np.linalg.eigvalsh(np.corrcoef(values.T))[-1] for values in drawn]
    assert first["permuted_mean"].iloc[0] == pytest.approx(np.mean(largest))
    pd.testing.assert_frame_equal(first, again)
    assert not np.allclose(first["permuted_mean"], other["permuted_mean"])


def test_scores_of_other_people_bear_their_index_and_stand_on_the_footing_of_those_analysed() -> None:
    rng = np.random.default_rng(6)
    items = pd.DataFrame(rng.normal(size=(200, 1)) + rng.normal(size=(200, 5)), columns=list("abcde"))
    found = efa(items, 1)
    others = items.iloc[[7, 3]].set_axis(["p7", "p3"])[["e", "d", "c", "b", "a"]]
    scores = found.scores(items=others)
    assert scores.index.tolist() == ["p7", "p3"]
    np.testing.assert_allclose(scores.to_numpy(), found.scores().loc[[7, 3]].to_numpy())


def test_a_model_that_fits_no_better_than_a_simpler_one_is_not_on_the_hull() -> None:
    best, bends = elbow(np.array([0.0, 0.8, 0.8, 0.9]), np.array([6.0, 4.0, 2.0, 1.0]))
    # from 0 to 1: .8 for 2 degrees of freedom; from 1 to 3: .1 for 3
    assert best == 1 and bends[1] == pytest.approx((0.8 / 2) / (0.1 / 3)) and np.isnan(bends[2])
    assert elbow(np.array([0.0, 0.8, 0.8]), np.array([6.0, 4.0, 2.0]))[0] == 0  # nor a bend before it


@pytest.mark.parametrize(("weight", "named"), [(-0.8, True), (-0.25, False)])
def test_of_three_items_the_one_that_opposes_is_named_where_it_belongs_to_the_factor(
    weight: float, named: bool
) -> None:
    rng = np.random.default_rng(5)
    shared = np.repeat(rng.normal(size=(400, 2)), 3, axis=1) * [0.8, 0.8, weight, 0.8, 0.8, 0.8]
    items = pd.DataFrame(shared + 0.6 * rng.normal(size=(400, 6)), columns=list("abcdef"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        efa(items, 2)
    told = [str(one.message) for one in caught if "'c'" in str(one.message)]
    assert bool(told) is named and len(told) == len(caught)


def test_thresholds_behind_polychoric_correlations_rest_on_everyone_who_answered_the_item() -> None:
    """Also on people who answered no other item, as R's lavCor and `polychoric` have it; they are no row of n."""
    rng = np.random.default_rng(4)
    codes = np.digitize(rng.normal(size=(200, 1)) + rng.normal(size=(200, 4)), [-1.0, 0.3, 1.2]) + 1.0
    codes[120:, 1:] = np.nan  # eighty people gave the first answer alone, most of them the highest
    codes[120:, 0] = rng.choice([3, 4], 80, p=[0.2, 0.8])
    items = pd.DataFrame(codes, columns=list("abcd"))
    found = moments("efa", items, correlation="polychoric", missing="pairwise")
    whole = polychoric(items.astype("Int64"), missing="pairwise").correlations.to_numpy()
    assert found.n_obs == 120
    assert found.correlations == pytest.approx(whole, abs=1e-10)
    alone = polychoric(items.iloc[:120].astype("Int64")).correlations.to_numpy()
    assert np.abs(found.correlations - alone).max() > 0.01
