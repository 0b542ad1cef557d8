"""Parallel analysis: eigenvalues of the data against those of the same data without any association."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.factors.moments import pearson
from analysis.factors.pattern import Array
from analysis.factors.stopping import eigenvalues
from analysis.factors.uniqueness import minimum_residuals, polish
from instrument.errors import NotEstimableError, fact_and_hint

FLAT = 1e-6
START = 0.6  # uniqueness of every item: needs no inverse, which correlations of shuffled data may lack

Correlate = Callable[[Array], Array]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curves:
    """Eigenvalues of permuted data.

    Attributes
    ----------
    components : ndarray, shape (n_draws, n_items)
        Of the correlation matrices.
    factors : ndarray, shape (n_draws, n_items)
        Of the matrices with the communalities of one factor on the diagonal.
    """

    components: Array
    factors: Array


def reduced_eigenvalues(correlations: Array) -> Array:
    """Eigenvalues with the communalities of a one-factor solution on the diagonal.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Correlation matrix.

    Returns
    -------
    ndarray, shape (n_items,)
        From largest to smallest; some are negative.
    """
    if not np.isfinite(correlations).all():
        raise NotEstimableError(
            fact_and_hint(
                "factor_retention",
                "some correlations are missing, observed or of permuted data.",
                "leave out items with few answers.",
            )
        )
    one_factor = polish(minimum_residuals, correlations, 1, np.full(len(correlations), START))
    if one_factor.gradient > FLAT:
        raise NotEstimableError(
            fact_and_hint(
                "factor_retention",
                f"the one-factor solution has a slope of {one_factor.gradient:.1e} left.",
                "leave out items that hardly correlate with any other.",
            )
        )
    return eigenvalues(correlations - np.diag(one_factor.uniquenesses))


def permuted_curves(values: Array, correlate: Correlate, draws: int, seed: int) -> Curves:
    """Shuffle every column by itself and take eigenvalues, many times.

    Shuffling keeps each item's distribution, categories and number of missing answers.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_items)
        Answers, NaN where missing.
    correlate
        From values to correlations.
    draws
        How many times.
    seed
        Seed of the shuffling.

    Returns
    -------
    Curves
        One row per draw.
    """
    rng = np.random.default_rng(seed)
    return _curves([correlate(rng.permuted(values, axis=0)) for _ in range(draws)])


def normal_curves(n_obs: int, n_items: int, draws: int, seed: int) -> Curves:
    """Take eigenvalues of Pearson correlations of independent normal variables, many times.

    Parameters
    ----------
    n_obs, n_items
        Persons and variables of each draw.
    draws
        How many times.
    seed
        Seed of the draws.

    Returns
    -------
    Curves
        One row per draw.
    """
    rng = np.random.default_rng(seed)
    drawn = (rng.standard_normal((n_obs, n_items)) for _ in range(draws))
    return _curves([pearson(values) for values in drawn])


def _curves(unrelated: list[Array]) -> Curves:
    factors = [reduced_eigenvalues(correlations) for correlations in unrelated]  # refuses what is missing
    return Curves(components=eigenvalues(np.stack(unrelated)), factors=np.stack(factors))
