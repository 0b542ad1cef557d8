"""Extraction of factors from a correlation matrix: minimum residuals, maximum likelihood, components.

Newton steps with analytic second derivatives go on until the gradient vanishes, from two starts, and
only that gradient decides whether the extraction has converged. factor_analyzer's solution can
be asked for instead.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from analysis.common.software import used
from analysis.factors.pattern import Array
from analysis.factors.uniqueness import (
    LOWEST,
    Discrepancy,
    Minimum,
    maximum_likelihood,
    minimum_residuals,
    polish,
    steepness,
)
from instrument.common.extras import naming_extras
from instrument.errors import ConvergenceError, DefinitionError, fact_and_hint

METHODS: dict[str, Discrepancy] = {"minres": minimum_residuals, "ml": maximum_likelihood}
EXTRACTIONS = (*METHODS, "principal")
ENGINES = ("newton", "factor_analyzer")
FLAT = 1e-6
FLAT_ELSEWHERE = 1e-2
"""Slope at which a search that stops early, as L-BFGS-B of factor_analyzer does, counts as having arrived."""
AT_BOUND = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extraction:
    """Unrotated loadings and how they were reached.

    Attributes
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Loadings of uncorrelated factors in order of variance.
    uniquenesses : ndarray, shape (n_items,)
        Variance not explained.
    heywood : tuple of int
        Positions of items whose uniqueness lies at its lower bound.
    gradient : float
        Largest slope left among the free uniquenesses.
    n_iter : int
        Newton steps; 0 where factor_analyzer's solution was asked for.
    """

    loadings: Array
    uniquenesses: Array
    heywood: tuple[int, ...]
    gradient: float
    n_iter: int


def degrees_of_freedom(n_items: int, n_factors: int) -> int:
    """Count correlations minus free parameters of an exploratory model.

    Parameters
    ----------
    n_items, n_factors
        Size of the model.

    Returns
    -------
    int
        ((p - k)² - (p + k)) / 2.

    Examples
    --------
    >>> degrees_of_freedom(25, 5)
    185
    """
    return ((n_items - n_factors) ** 2 - n_items - n_factors) // 2


def squared_multiple_correlations(correlations: Array) -> Array:
    """Give the share of each item's variance that the other items explain.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Positive definite correlation matrix.

    Returns
    -------
    ndarray, shape (n_items,)
        1 - 1 / diag(inv(R)).
    """
    return 1 - 1 / np.diag(np.linalg.inv(correlations))


def _reflected(loadings: Array) -> Array:
    """Point every factor to where its loadings add up to a positive number."""
    return np.asarray(loadings * np.where(loadings.sum(axis=0) < 0, -1.0, 1.0))


def _components(correlations: Array, n_factors: int) -> Extraction:
    """Principal components scaled to the variance of their scores."""
    roots, vectors = np.linalg.eigh(correlations)
    largest = np.arange(len(roots))[::-1][:n_factors]
    loadings = vectors[:, largest] * np.sqrt(roots[largest])
    return Extraction(
        loadings=_reflected(loadings),
        uniquenesses=1 - np.sum(loadings**2, axis=1),
        heywood=(),
        gradient=0.0,
        n_iter=0,
    )


def _refuse_impossible(n_items: int, n_factors: int, method: str) -> None:
    if method not in EXTRACTIONS:
        fact, hint = f"there is no extraction {method!r}.", f"choose one of {', '.join(EXTRACTIONS)}."
    elif not 1 <= n_factors < n_items:
        fact = f"n_factors is {n_factors}, the correlation matrix has {n_items} items."
        hint = "ask for at least one factor and fewer factors than items."
    elif method in METHODS and degrees_of_freedom(n_items, n_factors) < 0:
        most = max((k for k in range(n_items) if degrees_of_freedom(n_items, k) >= 0), default=0)
        fact = f"{n_factors} factors need more parameters than {n_items} items have correlations."
        hint = f"ask for at most {most}."
    else:
        return
    raise DefinitionError(fact_and_hint("extract", fact, hint))


def _solution_of_factor_analyzer(correlations: Array, n_factors: int, method: str) -> Minimum:
    """Where factor_analyzer stops, with the value and the slope that are left there."""
    with naming_extras("efa"):
        from factor_analyzer import FactorAnalyzer  # loads scikit-learn, which takes a second

    used("factor_analyzer", "scikit-learn")
    analyzer = FactorAnalyzer(n_factors=n_factors, rotation=None, method=method, is_corr_matrix=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether it converged is judged by the slope
        analyzer.fit(correlations)
    uniquenesses = np.clip(np.asarray(analyzer.get_uniquenesses(), dtype=float), LOWEST, 1.0)
    there = METHODS[method](correlations, n_factors, uniquenesses)
    slope = steepness(uniquenesses, there)
    return Minimum(uniquenesses=uniquenesses, value=there.value, gradient=slope, n_iter=0)


FURTHER_STARTS, LEAST_START, MOST_START = 18, 0.05, 0.95
"""In few people, or with a factor too many, there are several minima, one at a Heywood case of each item."""


def _starts(correlations: Array) -> list[Array]:
    """Uniquenesses to start at: what the other items leave, one half of everything, and drawn ones."""
    n_items = len(correlations)
    found = [1 - squared_multiple_correlations(correlations), np.full(n_items, 0.5)]
    drawn = np.random.default_rng(1).uniform(LEAST_START, MOST_START, (FURTHER_STARTS, n_items))
    return [*found, *drawn]


def _lowest_minimum(
    correlations: Array, n_factors: int, method: str, from_scratch: bool, engine: str
) -> Minimum:
    if engine == "factor_analyzer":
        minima, flat = [_solution_of_factor_analyzer(correlations, n_factors, method)], FLAT_ELSEWHERE
    else:
        starts, flat = _starts(correlations)[: 1 if from_scratch else None], FLAT
        minima = [polish(METHODS[method], correlations, n_factors, start) for start in starts]
    converged = [minimum for minimum in minima if minimum.gradient <= flat]
    if not converged:
        slope = min(minimum.gradient for minimum in minima)
        raise ConvergenceError(
            fact_and_hint(
                "extract",
                f"the {method} extraction of {n_factors} factors did not converge (slope {slope:.1e}).",
                "extract fewer factors, or leave out items that are nearly sums of others.",
            )
        )
    return min(converged, key=lambda minimum: minimum.value)


def extract(
    correlations: Array,
    n_factors: int,
    method: str = "minres",
    *,
    from_scratch: bool = False,
    engine: str = "newton",
) -> Extraction:
    """Extract uncorrelated factors.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Positive definite correlation matrix.
    n_factors
        Number of factors.
    method
        "minres" (unweighted least squares), "ml", or "principal" for components.
    from_scratch
        Start only at the squared multiple correlations: faster, for simulations. Otherwise two starts and
        eighteen more drawn by a fixed seed are followed, and the lowest minimum is kept.
    engine
        "newton", or "factor_analyzer" for the uniquenesses at which that library stops.

    Returns
    -------
    Extraction
        Unrotated loadings, factors in order of variance.

    Raises
    ------
    DefinitionError
        For an unknown method or an impossible number of factors.
    ConvergenceError
        When the gradient does not vanish.

    References
    ----------
    Harman, H. H., & Jones, W. H. (1966). Psychometrika, 31, 351-368. https://doi.org/10.1007/BF02289468
    Jöreskog, K. G. (1967). Psychometrika, 32, 443-482. https://doi.org/10.1007/BF02289658
    """
    _refuse_impossible(len(correlations), n_factors, method)
    if method == "principal":
        return _components(correlations, n_factors)
    found = _lowest_minimum(correlations, n_factors, method, from_scratch, engine)
    loadings = METHODS[method](correlations, n_factors, found.uniquenesses).loadings
    # Residuals off the diagonal leave the diagonal to the uniquenesses; likelihood has them as parameters.
    complements = 1 - np.sum(loadings**2, axis=1)
    at_bound = np.flatnonzero(found.uniquenesses <= LOWEST + AT_BOUND)
    return Extraction(
        loadings=_reflected(loadings),
        uniquenesses=complements if method == "minres" else found.uniquenesses,
        heywood=tuple(at_bound.tolist()),
        gradient=found.gradient,
        n_iter=found.n_iter,
    )
