"""Imputed gaps: only values somebody has, nothing else touched, and no bias where the reason is in the table."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.adherence.models.imputation import impute, pool
from instrument.errors import NotEstimableError


def gappy(rng: np.random.Generator, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Two related columns; the first is missing more often where the second is high."""
    second = rng.standard_normal(n)
    first = 0.6 * second + 0.8 * rng.standard_normal(n)
    whole = np.column_stack([first, second])
    holes = whole.copy()
    holes[rng.random(n) < 1 / (1 + np.exp(-1.5 * second)), 0] = np.nan
    return whole, holes


def test_only_gaps_change_and_only_to_values_that_are_there() -> None:
    _, holes = gappy(np.random.default_rng(1))
    seen = ~np.isnan(holes)
    for filled in impute(holes, seed=2, imputations=3):
        assert np.isfinite(filled).all()
        np.testing.assert_array_equal(filled[seen], holes[seen])
        assert np.isin(filled[:, 0], holes[seen[:, 0], 0]).all()


def test_a_seed_gives_the_same_tables_and_imputations_differ() -> None:
    _, holes = gappy(np.random.default_rng(1))
    one, other = impute(holes, seed=5, imputations=2), impute(holes, seed=5, imputations=2)
    np.testing.assert_array_equal(one, other)
    assert (one[0] != one[1]).any()
    assert (impute(holes, seed=6, imputations=1)[0] != one[0]).any()


def test_the_mean_is_recovered_where_complete_cases_miss_it() -> None:
    rng = np.random.default_rng(3)
    errors, naive = [], []
    for k in range(60):
        whole, holes = gappy(rng)
        filled = impute(holes, seed=k, imputations=5)
        errors.append(np.mean([table[:, 0].mean() for table in filled]) - whole[:, 0].mean())
        naive.append(np.nanmean(holes[:, 0]) - whole[:, 0].mean())
    assert abs(np.mean(errors)) < 0.05
    assert np.mean(naive) < -0.2


def test_one_table_is_not_pooled() -> None:
    with pytest.raises(NotEstimableError, match="cannot be pooled"):
        pool(np.array([1.0]), np.array([0.1]))


def test_without_gaps_nothing_is_lost() -> None:
    found = pool(np.full(5, 0.3), np.full(5, 0.04), 50.0)
    assert (found.estimate, found.between, found.missing_information) == pytest.approx(
        (0.3, 0.0, 0.0), abs=0.05
    )
    assert found.total == pytest.approx(0.04)
