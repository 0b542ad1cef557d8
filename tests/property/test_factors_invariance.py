"""What must hold for any factor solution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.factors import rotation as rotations
from analysis.factors.efa import efa
from analysis.factors.extraction import extract
from analysis.factors.parallel import reduced_eigenvalues
from analysis.factors.uniqueness import maximum_likelihood, minimum_residuals

pytestmark = pytest.mark.filterwarnings("ignore:efa. .* oppose the others")  # reversed items, as given

ITEMS = pd.read_csv(Path(__file__).resolve().parents[1] / "reference" / "data" / "likert.csv").filter(
    regex=r"^q\d+$"
)
METHODS = sorted(rotations.ROTATIONS)


def population(seed: int, n_items: int = 10, n_factors: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Loadings of a random model with clear factors, and its correlations."""
    rng = np.random.default_rng(seed)
    loadings = rng.uniform(-0.15, 0.15, (n_items, n_factors))
    loadings[np.arange(n_items), np.arange(n_items) % n_factors] = rng.uniform(0.5, 0.8, n_items)
    correlations = loadings @ loadings.T
    np.fill_diagonal(correlations, 1.0)
    return loadings, correlations


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_rotation_keeps_what_the_factors_reproduce(method: str, seed: int) -> None:
    loadings, _ = population(seed)
    pattern = rotations.ROTATIONS[method](loadings, random_starts=3).arranged()
    common = loadings @ loadings.T
    np.testing.assert_allclose(pattern.common, common, atol=1e-10)
    np.testing.assert_allclose(pattern.communalities, np.diag(common), atol=1e-10)
    np.testing.assert_allclose(loadings @ np.linalg.inv(pattern.rotation).T, pattern.loadings, atol=1e-10)
    np.testing.assert_allclose(pattern.rotation.T @ pattern.rotation, pattern.factor_correlations, atol=1e-10)
    np.testing.assert_allclose(np.diag(pattern.factor_correlations), 1.0, atol=1e-12)
    np.testing.assert_allclose(pattern.sums_of_squares.sum(), np.trace(common), atol=1e-10)
    assert (np.diff(pattern.sums_of_squares) <= 1e-12).all()
    assert (pattern.loadings.sum(axis=0) >= 0).all()
    if method not in rotations.OBLIQUE:
        np.testing.assert_allclose(pattern.factor_correlations, np.eye(3), atol=1e-12)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_rotation_does_not_depend_on_where_it_starts(seed: int) -> None:
    loadings, _ = population(seed)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    for method in ("oblimin", "varimax"):
        straight = rotations.rotate(loadings, method, random_starts=5)
        turned = rotations.rotate(loadings @ turn, method, random_starts=5).aligned(straight.loadings)
        np.testing.assert_allclose(turned.loadings, straight.loadings, atol=1e-6)
        np.testing.assert_allclose(turned.factor_correlations, straight.factor_correlations, atol=1e-6)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_rearranging_changes_all_matrices_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pattern = rotations.oblimin(population(seed)[0])
    order, signs = rng.permutation(3), rng.choice([-1.0, 1.0], 3)
    moved = pattern.rearranged(order, signs)
    np.testing.assert_allclose(moved.common, pattern.common, atol=1e-12)
    np.testing.assert_allclose(moved.structure, (pattern.structure * signs)[:, order], atol=1e-12)
    back = moved.aligned(pattern.loadings)
    np.testing.assert_array_equal(back.loadings, pattern.loadings)
    np.testing.assert_array_equal(back.factor_correlations, pattern.factor_correlations)


@pytest.mark.parametrize("method", ["minres", "ml"])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_a_population_is_recovered_exactly(method: str, seed: int) -> None:
    loadings, correlations = population(seed)
    found = extract(correlations, 3, method, from_scratch=True)
    np.testing.assert_allclose(found.uniquenesses, 1 - np.sum(loadings**2, axis=1), atol=1e-6)
    np.testing.assert_allclose(found.loadings @ found.loadings.T, loadings @ loadings.T, atol=1e-6)


@pytest.mark.parametrize("discrepancy", [minimum_residuals, maximum_likelihood])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_derivatives_are_those_of_the_discrepancy(discrepancy, seed: int) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    correlations = np.corrcoef(rng.standard_normal((40, 6)) + rng.standard_normal((40, 1)), rowvar=False)
    point, width = rng.uniform(0.3, 0.9, 6), 1e-6
    here = discrepancy(correlations, 2, point)
    for i, step in enumerate(width * np.eye(6)):
        up, down = discrepancy(correlations, 2, point + step), discrepancy(correlations, 2, point - step)
        assert here.gradient[i] == pytest.approx((up.value - down.value) / (2 * width), abs=1e-6, rel=1e-5)
        np.testing.assert_allclose(
            here.hessian[i], (up.gradient - down.gradient) / (2 * width), rtol=1e-4, atol=1e-4
        )


@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_order_of_persons_and_items_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shuffled = ITEMS.sample(frac=1, random_state=seed)[list(rng.permutation(ITEMS.columns))]
    plain, moved = efa(ITEMS, 3, random_starts=2), efa(shuffled, 3, random_starts=2)
    pd.testing.assert_frame_equal(moved.loadings.loc[list(ITEMS.columns)], plain.loadings, atol=1e-7)
    pd.testing.assert_frame_equal(moved.factor_correlations, plain.factor_correlations, atol=1e-7)
    pd.testing.assert_series_equal(moved.fit, plain.fit, rtol=1e-8)


@given(column=st.sampled_from(sorted(ITEMS.columns)), scale=st.floats(0.1, 50), shift=st.floats(-20, 20))
@settings(max_examples=8, deadline=None)
def test_units_do_not_matter_and_a_reversed_item_changes_sign(
    column: str, scale: float, shift: float
) -> None:
    plain = efa(ITEMS, 3, random_starts=2)
    rescaled = efa(ITEMS.assign(**{column: scale * ITEMS[column] + shift}), 3, random_starts=2)
    pd.testing.assert_frame_equal(rescaled.loadings, plain.loadings, atol=1e-7)
    reversed_ = efa(ITEMS.assign(**{column: 6 - ITEMS[column]}), 3, random_starts=2)
    np.testing.assert_allclose(reversed_.loadings.abs(), plain.loadings.abs(), atol=1e-7)
    assert reversed_.fit["chisq"] == pytest.approx(plain.fit["chisq"], rel=1e-8)


def test_more_factors_never_fit_worse_and_a_saturated_model_is_exact() -> None:
    values = [efa(ITEMS, k, extraction="ml", rotation="none").fit["objective"] for k in range(1, 4)]
    assert np.diff(values).max() < 0
    three = efa(ITEMS[["q1", "q2", "q3"]], 1)
    assert three.fit["df"] == 0
    np.testing.assert_allclose(three.residuals.to_numpy(), np.diag(three.uniquenesses), atol=1e-8)


def test_reduced_eigenvalues_add_up_to_the_communalities() -> None:
    correlations = ITEMS.corr().to_numpy()
    communalities = extract(correlations, 1).loadings ** 2
    assert reduced_eigenvalues(correlations).sum() == pytest.approx(communalities.sum(), abs=1e-8)


def test_ten_berge_scores_correlate_as_the_factors_and_anderson_rubin_not_at_all() -> None:
    found = efa(ITEMS, 3)
    np.testing.assert_allclose(found.scores("ten_berge").corr(), found.factor_correlations, atol=1e-8)
    np.testing.assert_allclose(found.scores("anderson_rubin").corr(), np.eye(3), atol=1e-8)
    regression = found.scores("regression")
    np.testing.assert_allclose(regression.std(), found.determinacy, atol=1e-8)
