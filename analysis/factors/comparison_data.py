"""Comparison data: the fewest factors whose populations resemble the eigenvalues of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu

from analysis.factors.extraction import degrees_of_freedom
from analysis.factors.moments import pearson
from analysis.factors.pattern import Array
from analysis.factors.stopping import eigenvalues
from analysis.factors.uniqueness import minimum_residuals, polish

POPULATION = 10_000
TRIALS = 5
ALPHA = 0.30
START = 0.6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """How far eigenvalues of samples lie from the observed ones.

    Attributes
    ----------
    n_factors : int
        Suggested number.
    distances : ndarray, shape (n_models, n_samples)
        Root mean square differences with 1, 2, … factors, one row more than suggested where there is one.
    pvalue : float
        Of the last improvement that was tried.
    """

    n_factors: int
    distances: Array
    pvalue: float


def _loadings(correlations: Array, n_factors: int) -> Array:
    """Least-squares loadings; the search may go on from an imperfect fit."""
    found = polish(minimum_residuals, correlations, n_factors, np.full(len(correlations), START), max_iter=50)
    return minimum_residuals(correlations, n_factors, found.uniquenesses).loadings


def _dress(shape: Array, marginals: Array) -> Array:
    """Give each column the marginal distribution, keeping its order of persons."""
    dressed = np.empty_like(shape)
    for j in range(shape.shape[1]):
        dressed[np.argsort(shape[:, j]), j] = marginals[:, j]
    return dressed


def population(values: Array, n_factors: int, rng: np.random.Generator) -> Array:
    """Make a large population with the items' distributions and correlations of so many factors.

    The correlations handed to the factor model are adjusted until those of the finished, non-normal
    population come closest to the observed ones.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_items)
        Complete answers.
    n_factors
        Factors of the population.
    rng
        Generator.

    Returns
    -------
    ndarray, shape (10000, n_items)
        Population.

    References
    ----------
    Ruscio, J., & Kaczetow, W. (2008). Multivariate Behavioral Research, 43, 355-381.
    https://doi.org/10.1080/00273170802285693
    """
    n_items = values.shape[1]
    target = pearson(values)
    marginals = np.sort(
        values[rng.integers(0, len(values), (POPULATION, n_items)), np.arange(n_items)], axis=0
    )
    factors = rng.standard_normal((POPULATION, n_factors))
    errors = rng.standard_normal((POPULATION, n_items))
    best, best_residual, closest = target, np.zeros_like(target), np.inf
    made, step, stale, intermediate = np.empty_like(errors), 1.0, 0, target
    while stale < TRIALS:
        loadings = _loadings(intermediate, n_factors)
        unique = np.sqrt(np.maximum(1 - np.sum(loadings**2, axis=1), 0.0))
        candidate = _dress(factors @ loadings.T + errors * unique, marginals)
        residual = target - pearson(candidate)
        distance = float(np.sqrt(np.mean(residual[np.tril_indices(n_items, -1)] ** 2)))
        if distance < closest:
            closest, best, best_residual, made = distance, intermediate, residual, candidate
            step, stale = 1.0, 0
        else:
            step, stale = step / 2, stale + 1
        intermediate = np.clip(best + step * best_residual, -0.995, 0.995)
        np.fill_diagonal(intermediate, 1.0)
    return made


def compare(values: Array, most: int, samples: int, seed: int) -> Comparison:
    """Add factors as long as samples from the population resemble the data better.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_items)
        Complete answers.
    most
        Largest number of factors tried.
    samples
        Samples drawn from each population.
    seed
        Seed of all draws.

    Returns
    -------
    Comparison
        Suggested number and distances.

    References
    ----------
    Ruscio, J., & Roche, B. (2012). Psychological Assessment, 24, 282-292. https://doi.org/10.1037/a0025697
    """
    rng = np.random.default_rng(seed)
    n, p = values.shape
    observed = eigenvalues(pearson(values))
    distances: list[Array] = []
    pvalue = float("nan")
    for n_factors in range(1, most + 1):
        if degrees_of_freedom(p, n_factors) < 0:
            break
        everyone = population(values, n_factors, rng)
        drawn = np.array(
            [eigenvalues(pearson(everyone[rng.integers(0, POPULATION, n)])) for _ in range(samples)]
        )
        distances.append(np.sqrt(np.mean((drawn - observed) ** 2, axis=1)))
        if n_factors == 1:
            continue
        pvalue = float(mannwhitneyu(distances[-1], distances[-2], alternative="less").pvalue)
        if pvalue >= ALPHA:
            return Comparison(n_factors=n_factors - 1, distances=np.array(distances), pvalue=pvalue)
    return Comparison(n_factors=len(distances), distances=np.array(distances), pvalue=pvalue)
