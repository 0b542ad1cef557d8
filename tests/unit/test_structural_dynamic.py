"""Dynamic cut-offs: populations of the levels, fits of many samples, cut-offs, refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.structural.inference.dynamic_cutoffs import choose_cutoff, dynamic_cutoffs, make_task
from analysis.structural.inference.dynamic_fits import fit_moments, indices
from analysis.structural.inference.dynamic_levels import (
    coefficient_h,
    cross_loading,
    pairs_per_level,
    wrong_levels,
)
from analysis.structural.inference.dynamic_models import checked_model
from analysis.structural.models import cfa, sem
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning

THREE = "a =~ x1 + x2 + x3 + x4\nb =~ x5 + x6 + x7 + x8\nc =~ x9 + x10 + x11 + x12"
ONE = "f =~ x1 + x2 + x3 + x4 + x5 + x6 + x7"


def exact(correlations: np.ndarray, n: int) -> pd.DataFrame:
    """Rows whose covariance (divisor n) is the given matrix."""
    rows = np.random.default_rng(3).normal(size=(n, len(correlations)))
    rows -= rows.mean(axis=0)
    root = np.linalg.cholesky(rows.T @ rows / n)
    rows = rows @ np.linalg.inv(root).T @ np.linalg.cholesky(correlations).T
    return pd.DataFrame(rows, columns=[f"x{k + 1}" for k in range(len(correlations))])


def three_factors() -> np.ndarray:
    pattern = np.zeros((12, 3))
    loadings = [0.7, 0.5, 0.6, 0.8, 0.75, 0.65, 0.45, 0.8, 0.9, 0.8, 0.7, 0.6]
    pattern[np.arange(12), np.repeat([0, 1, 2], 4)] = loadings
    factors = np.array([[1.0, 0.3, 0.4], [0.3, 1.0, 0.5], [0.4, 0.5, 1.0]])
    found = pattern @ factors @ pattern.T
    np.fill_diagonal(found, 1.0)
    return found


def one_factor() -> np.ndarray:
    loadings = np.linspace(0.5, 0.8, 7)
    found = np.outer(loadings, loadings)
    np.fill_diagonal(found, 1.0)
    return found


@pytest.fixture(scope="module")
def several():
    return cfa(THREE, exact(three_factors(), 300), "ML")


@pytest.fixture(scope="module")
def single():
    return cfa(ONE, exact(one_factor(), 300), "ML")


def population(result):
    fitted, model = checked_model(result, "dynamic_cutoffs")
    levels = wrong_levels(model)
    return make_task(fitted, model, levels), model, levels


def test_weak_items_load_on_the_most_reliable_other_factor(several):
    _, model, levels = population(several)
    assert len(levels) == 2
    # x7 (.45 on b) is the weakest, x2 (.5 on a) the next; c has the highest coefficient H
    assert [(path.item, path.other) for path in levels[1].added] == [(6, 2), (1, 2)]
    assert [path.magnitude for path in levels[1].added] == pytest.approx([0.45, 0.5], abs=1e-6)
    assert levels[0].added == levels[1].added[:1]
    assert np.diag(levels[1].correlations) == pytest.approx(np.ones(12))
    # the correlation of x7 with x9 rises by the cross-loading times the loading of x9
    rise = (levels[0].correlations - model.correlations())[6, 8]
    assert rise == pytest.approx(0.45 * 0.9, abs=1e-6)


def test_neighbours_in_the_order_of_loadings_share_residuals(single):
    _, model, levels = population(single)
    assert (
        pairs_per_level(7) == [1, 2, 3] and pairs_per_level(10) == [1, 3, 5] and pairs_per_level(4) == [1, 2]
    )
    assert [(path.item, path.other) for path in levels[2].added] == [(0, 1), (2, 3), (4, 5)]
    gap = levels[0].correlations - model.correlations()
    residual = np.sqrt(1 - model.loadings**2)
    assert gap[0, 1] == pytest.approx(0.3 * residual[0] * residual[1])
    assert np.count_nonzero(np.abs(gap) > 1e-12) == 2


def test_a_cross_loading_leaves_residual_variance():
    assert cross_loading(0.4, 0.3) == pytest.approx(0.4)
    assert cross_loading(-0.4, 0.3) == pytest.approx(-0.4)
    assert cross_loading(0.4, -0.3) == pytest.approx(-0.4)
    second = cross_loading(0.8, 0.6)
    left = 1 - 0.8**2 - second**2 - 2 * 0.8 * second * 0.6
    assert left == pytest.approx(0.05 * (1 - 0.8**2))
    assert coefficient_h(np.array([0.5, 0.5])) == pytest.approx(2 / 3 / (1 + 2 / 3))


@pytest.mark.parametrize("name", ["several", "single"])
def test_a_wrong_population_misfits_as_a_large_sample_of_it(name, request):
    result = request.getfixturevalue(name)
    task, _, levels = population(result)
    text = THREE if name == "several" else ONE
    covariances = task.roots @ task.roots.transpose(0, 2, 1)
    large = replace(task, n=100_000)
    value, sigma, converged = fit_moments(covariances, large)
    assert converged.all()
    found = indices(value, sigma, covariances, large)
    for k, level in enumerate(levels, 1):
        slow = cfa(text, exact(level.correlations, 100_000), "ML").fit
        # both are at the minimum to 1e-9 of the discrepancy; rmsea of a root of that size to 1e-6
        assert found[k] == pytest.approx(slow[["srmr", "rmsea", "cfi"]].to_numpy(), abs=1e-6)


def test_many_fits_equal_single_fits_of_the_same_samples(several):
    task, _, _ = population(several)
    rows = [exact(three_factors(), 300).sample(300, replace=True, random_state=k) for k in range(5)]
    covariances = np.stack([np.cov(r.to_numpy().T, bias=True) for r in rows])
    value, sigma, _ = fit_moments(covariances, task)
    found = indices(value, sigma, covariances, task)
    for k, table in enumerate(rows):
        slow = cfa(THREE, table, "ML").fit
        assert found[k] == pytest.approx(slow[["srmr", "rmsea", "cfi"]].to_numpy(), abs=1e-6)


def test_more_misfit_gives_a_more_lenient_cutoff(single):
    found = analysis.dynamic_cutoffs(single, replications=100)
    wide = found.table.pivot(index="level", columns="index", values="wrong")
    assert wide["rmsea"].is_monotonic_increasing and wide["srmr"].is_monotonic_increasing
    assert wide["cfi"].is_monotonic_decreasing
    assert found.to_frame().shape == (9, 9)
    assert (found.table.groupby("index")["correct"].nunique() == 1).all()
    # the data are the model: it meets every cut-off there is
    assert set(found.table["met"][found.table["cutoff"].notna()]) == {True}
    assert found.draws["not_converged"].sum() == 0
    assert found.to_dict()["replications"] == 100
    assert "x1" in found.summary() and "left out: 0 of 400" in found.summary()


def test_the_seed_decides_whoever_draws(single):
    one, two = (dynamic_cutoffs(single, replications=120, seed=5, workers=jobs) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one.table, two.table)
    other = dynamic_cutoffs(single, replications=120, seed=6)
    assert not np.allclose(one.table["wrong"], other.table["wrong"])


def test_no_cutoff_where_right_and_wrong_overlap():
    low = np.linspace(0.0, 1.0, 101)
    high = low + 0.88  # its 5th percentile .93 lies below the 95th of `low`, its 10th .98 above the 90th
    found = choose_cutoff(low, high, False)
    assert found["rule"] == "90/10"
    assert [found[name] for name in ("cutoff", "correct", "wrong")] == pytest.approx([0.98, 0.95, 0.93])
    assert choose_cutoff(low, low + 0.5, False)["rule"] == "none"
    assert np.isnan(choose_cutoff(low, low + 0.5, False)["cutoff"])
    right = choose_cutoff(high + 1, low, True)
    assert right["rule"] == "95/5" and right["cutoff"] == pytest.approx(0.95)


def test_missing_answers_and_mlr_compare_robust_indices(single):
    table = exact(one_factor(), 300)
    table.iloc[:30, 0] = np.nan
    found = dynamic_cutoffs(cfa(ONE, table, "MLR"), replications=40)
    complete = dynamic_cutoffs(single, replications=40)
    assert list(found.table["source"][:3]) == ["srmr", "rmsea_robust", "cfi_robust"]
    assert list(complete.table["source"][:3]) == ["srmr", "rmsea", "cfi"]
    # means count among the moments of the SRMR: 28 of 35 residuals are of covariances
    ratio = found.table["wrong"][0] / complete.table["wrong"][0]
    assert ratio == pytest.approx(np.sqrt(28 / 35), abs=0.05)


def test_equal_loadings_stay_equal(single):
    text = "f =~ NA*x1 + a*x1 + a*x2 + a*x3 + a*x4 + x5 + x6 + x7\nf ~~ 1*f"
    table = exact(one_factor(), 300) * np.arange(1, 8)
    table.iloc[:9, 2] = np.nan
    found = dynamic_cutoffs(cfa(text + "\na == 1.5", table, "ML"), replications=20)
    assert found.draws["not_converged"].sum() == 0


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        ("f =~ x1 + x2 + x3", {}, NotEstimableError, "no degrees of freedom"),
        (ONE + "\nx1 ~~ x2", {}, DefinitionError, "x1 ~~ x2"),
        ("f =~ x1 + x2 + x3 + x4\ng =~ x5 + x6 + x8 + x4", {}, DefinitionError, "g =~ x4"),
        (ONE + "\nx1 ~ 0*1", {"meanstructure": True}, DefinitionError, "means of the model"),
        (ONE, {"group": "who"}, DefinitionError, "2 groups"),
    ],
)
def test_other_models_are_refused(model, options, error, message):
    table = exact(three_factors(), 200).assign(who=["u", "v"] * 100)
    with pytest.raises(error, match=message):
        dynamic_cutoffs(cfa(model, table, "ML", **options), replications=20)


def test_paths_ordinal_and_unfinished_models_are_refused(single):
    table = exact(one_factor(), 200)
    with pytest.raises(DefinitionError, match="x7 ~ f"):
        dynamic_cutoffs(sem("f =~ x1 + x2 + x3 + x4\nx7 ~ f", table, "ML"))
    ordinal = (table > 0).astype(int) + (table > 1).astype(int)
    with pytest.raises(DefinitionError, match="WLSMV fits ordinal items"):
        dynamic_cutoffs(cfa(ONE, ordinal, "WLSMV"))
    with pytest.raises(NotEstimableError, match="did not converge"):
        dynamic_cutoffs(replace(single, converged=False))
    with pytest.raises(DefinitionError, match="DataFrame is no fitted model"):
        dynamic_cutoffs(table)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"replications": 10}, DefinitionError, "replications is 10"),
        ({"replications": 30.5}, DefinitionError, "replications is 30.5"),
        ({"workers": 0}, DefinitionError, "workers is 0"),
        ({"seed": -1}, ResponseDataError, "seed is -1"),
    ],
)
def test_options_are_checked(single, options, error, message):
    with pytest.raises(error, match=message):
        dynamic_cutoffs(single, **options)


def test_an_improper_solution_is_no_population():
    correlations = np.full((4, 4), 0.45)
    correlations[0, 1:] = correlations[1:, 0] = 0.75  # a loading of x1 with the square .75² / .45 > 1
    np.fill_diagonal(correlations, 1.0)
    with pytest.warns(ToolkitWarning, match="negative"):
        result = cfa("f =~ x1 + x2 + x3 + x4", exact(correlations, 300), "ML")
    with pytest.raises(NotEstimableError, match="residual variances are not positive"):
        dynamic_cutoffs(result)
