"""Extraction of factors from a correlation matrix: minimum residuals, maximum likelihood, components.

factor_analyzer gives the solution; Newton steps with analytic second derivatives polish it until the
gradient vanishes, and only that gradient decides whether the extraction has converged.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from factor_analyzer import FactorAnalyzer

from analysis.factors.pattern import Array
from analysis.factors.uniqueness import LOWEST, Discrepancy, maximum_likelihood, minimum_residuals, polish
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint, name_offenders

METHODS: dict[str, Discrepancy] = {"minres": minimum_residuals, "ml": maximum_likelihood}
EXTRACTIONS = ("minres", "ml", "principal")
FLAT = 1e-6


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
        Newton steps after factor_analyzer.
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
    return ((n_items - n_factors) ** 2 - (n_items + n_factors)) // 2


def check_correlations(caller: str, correlations: Array, labels: list[str]) -> None:
    """Refuse a matrix no factor can be taken from, and say why.

    Parameters
    ----------
    caller
        The public function that asks.
    correlations : ndarray, shape (n_items, n_items)
        Correlation matrix.
    labels
        Item names.

    Raises
    ------
    NotEstimableError
        For missing entries, or an indefinite or singular matrix.
    """
    if not np.isfinite(correlations).all():
        holes = [labels[i] for i in np.flatnonzero(~np.isfinite(correlations).all(axis=1))]
        raise NotEstimableError(
            fact_and_hint(
                caller, f"correlations are missing for items {name_offenders(holes)}.", "drop these items."
            )
        )
    values = np.linalg.eigvalsh(correlations)
    if values[0] > 1e-10 * values[-1]:
        return
    kind = "singular" if values[0] > -1e-8 else "not positive definite"
    i, j = np.unravel_index(np.argmax(np.abs(np.tril(correlations, -1))), correlations.shape)
    raise NotEstimableError(
        fact_and_hint(
            caller,
            f"the correlation matrix is {kind} (smallest eigenvalue {values[0]:.2e}; items {labels[j]!r} and"
            f" {labels[i]!r} correlate {correlations[i, j]:.2f}).",
            "drop one of them, or gather more complete answers."
            if abs(correlations[i, j]) > 0.95
            else "use complete rows, Pearson correlations or fewer items.",
        )
    )


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
    return np.asarray(1 - 1 / np.diag(np.linalg.inv(correlations)))


def _factor_analyzer_start(correlations: Array, n_factors: int, method: str) -> Array:
    """Uniquenesses at the solution of factor_analyzer."""
    model = FactorAnalyzer(
        n_factors=n_factors, rotation=None, method=method, is_corr_matrix=True, bounds=(LOWEST, 1)
    )
    with warnings.catch_warnings():
        # scikit-learn renamed an argument that factor_analyzer still passes by its old name.
        warnings.filterwarnings("ignore", message=".*force_all_finite.*", category=FutureWarning)
        # Its complaint about convergence is about its own tolerance: the polished gradient decides here.
        warnings.filterwarnings("ignore", message="Failed to converge", category=UserWarning)
        model.fit(correlations.copy())
    return np.asarray(1 - np.sum(model.loadings_**2, axis=1))


def _components(correlations: Array, n_factors: int) -> Extraction:
    values, vectors = np.linalg.eigh(correlations)
    loadings = vectors[:, ::-1][:, :n_factors] * np.sqrt(values[::-1][:n_factors])
    return Extraction(
        loadings=_positive(loadings),
        uniquenesses=1 - np.sum(loadings**2, axis=1),
        heywood=(),
        gradient=0.0,
        n_iter=0,
    )


def _positive(loadings: Array) -> Array:
    return loadings * np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)


def extract(
    correlations: Array, n_factors: int, method: str = "minres", *, from_scratch: bool = False
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
        Start only at the squared multiple correlations, without factor_analyzer's solution: many times
        faster, for simulations. Otherwise both starts are polished and the lower minimum is kept.

    Returns
    -------
    Extraction
        Unrotated loadings, factors in order of variance.

    Raises
    ------
    DefinitionError
        For an unknown method or an impossible number of factors.
    NotEstimableError
        When the gradient does not vanish.

    References
    ----------
    Harman, H. H., & Jones, W. H. (1966). Psychometrika, 31, 351-368. https://doi.org/10.1007/BF02289468
    Jöreskog, K. G. (1967). Psychometrika, 32, 443-482. https://doi.org/10.1007/BF02289658
    """
    if method not in EXTRACTIONS:
        raise DefinitionError(
            fact_and_hint(
                "extract", f"there is no extraction {method!r}.", f"choose one of {', '.join(EXTRACTIONS)}."
            )
        )
    n_items = len(correlations)
    if not 1 <= n_factors < n_items:
        raise DefinitionError(
            fact_and_hint(
                "extract",
                f"n_factors is {n_factors}, the correlation matrix has {n_items} items.",
                "ask for at least one factor and fewer factors than items.",
            )
        )
    if method == "principal":
        return _components(correlations, n_factors)
    if degrees_of_freedom(n_items, n_factors) < 0:
        most = max(k for k in range(n_items) if degrees_of_freedom(n_items, k) >= 0)
        raise DefinitionError(
            fact_and_hint(
                "extract",
                f"{n_factors} factors need more parameters than {n_items} items have correlations.",
                f"ask for at most {most}.",
            )
        )
    discrepancy = METHODS[method]
    starts = [1 - squared_multiple_correlations(correlations)]
    if not from_scratch:
        starts.insert(0, _factor_analyzer_start(correlations, n_factors, method))
    minima = [polish(discrepancy, correlations, n_factors, start) for start in starts]
    found = min(minima, key=lambda m: (m.gradient > FLAT, round(m.value, 10)))
    if found.gradient > FLAT:
        raise NotEstimableError(
            fact_and_hint(
                "extract",
                f"{method} stopped after {found.n_iter} steps, largest gradient {found.gradient:.1e}"
                f" > {FLAT:.0e}.",
                "extract fewer factors.",
            )
        )
    loadings = discrepancy(correlations, n_factors, found.uniquenesses).loadings
    return Extraction(
        loadings=_positive(loadings),
        uniquenesses=found.uniquenesses,
        heywood=tuple(int(i) for i in np.flatnonzero(found.uniquenesses <= LOWEST * (1 + 1e-9))),
        gradient=found.gradient,
        n_iter=found.n_iter,
    )
