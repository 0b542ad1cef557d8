"""Three nested models of one item: the matching variable, with the group, with group times matching."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from analysis.fairness.proportional_odds import (
    Array,
    Codes,
    ProportionalOdds,
    category_probabilities,
    fit_growing,
    thresholds_only,
)

MODELS = ("matching", "uniform", "nonuniform")
# Test: smaller and larger of the three models.
TESTS = {"uniform": (0, 1), "nonuniform": (1, 2), "total": (0, 2)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NestedModels:
    """The three models of one item and the model without predictors.

    Attributes
    ----------
    fits
        In the order of `MODELS`.
    null_loglik
        Of the thresholds alone.
    n
        Persons.
    n_groups
        Groups.
    """

    fits: tuple[ProportionalOdds, ProportionalOdds, ProportionalOdds]
    null_loglik: float
    n: int
    n_groups: int

    @property
    def problem(self) -> str:
        """Why an item has no estimate; empty where it has one."""
        return next((fit.problem for fit in self.fits if fit.problem), "")


def fit_nested(
    positions: Codes, matching: Array, group: npt.NDArray[np.integer], n_groups: int
) -> NestedModels:
    """Fit the three models.

    Parameters
    ----------
    positions
        Category of each person, 0 … k − 1, each at least once; shape (n_persons,).
    matching
        Shape (n_persons,).
    group
        Group of each person, 0 … n_groups − 1; group 0 is the reference.
    n_groups
        Groups.

    Returns
    -------
    NestedModels
        Coefficients in the order matching, group 1 …, matching × group 1 ….
    """
    return fit_predicted(positions, matching, (group[:, None] == np.arange(1, n_groups)).astype(float))


def fit_predicted(positions: Codes, matching: Array, predictors: Array) -> NestedModels:
    """Fit the three models with any predictors in the place of groups.

    Parameters
    ----------
    positions
        Category of each person, 0 … k − 1, each at least once; shape (n_persons,).
    matching
        Shape (n_persons,).
    predictors
        Membership in the groups but the first, or a standardised covariate; shape (n_persons, m).

    Returns
    -------
    NestedModels
        Coefficients in the order matching, predictors, matching × predictors.
    """
    m = predictors.shape[1]
    design = np.column_stack([matching, predictors, predictors * matching[:, None]])
    first, second, third = fit_growing(positions, design, [1, 1 + m, 1 + 2 * m])
    return NestedModels(
        fits=(first, second, third),
        null_loglik=thresholds_only(positions),
        n=len(positions),
        n_groups=predictors.shape[1] + 1,
    )


def mcfadden(loglik: float, null_loglik: float) -> float:
    """McFadden's R²: 1 − ℓ/ℓ₀.

    Parameters
    ----------
    loglik, null_loglik
        Log likelihoods of the model and of the one without predictors.

    Returns
    -------
    float
        Share of the log likelihood.
    """
    return 1 - loglik / null_loglik


def nagelkerke(loglik: float, null_loglik: float, n: int) -> float:
    """Nagelkerke's R²: (1 − exp(2(ℓ₀ − ℓ)/n)) / (1 − exp(2ℓ₀/n)).

    Parameters
    ----------
    loglik, null_loglik
        Log likelihoods of the model and of the one without predictors.
    n
        Persons.

    Returns
    -------
    float
        From 0 to 1.
    """
    return float(np.expm1(2 * (null_loglik - loglik) / n) / np.expm1(2 * null_loglik / n))


def compare_nested(models: NestedModels) -> dict[str, float]:
    """Likelihood-ratio tests and effect sizes of one item.

    Parameters
    ----------
    models
        Without a problem.

    Returns
    -------
    dict
        For each test `chisq_…`, `df_…`, `p_…`, `mcfadden_…`, `nagelkerke_…`; and `coefficient_change`,
        β₂/β₁ − 1 of the matching variable between the first two models.
    """
    found: dict[str, float] = {}
    for test, (small, large) in TESTS.items():
        low, high = models.fits[small], models.fits[large]
        # The larger model cannot be worse; a difference below zero is rounding.
        statistic = max(2 * (high.loglik - low.loglik), 0.0)
        df = len(high.coefficients) - len(low.coefficients)
        found |= {f"chisq_{test}": statistic, f"df_{test}": df, f"p_{test}": float(chi2.sf(statistic, df))}
        share = [mcfadden(fit.loglik, models.null_loglik) for fit in (low, high)]
        found[f"mcfadden_{test}"] = share[1] - share[0]
        share = [nagelkerke(fit.loglik, models.null_loglik, models.n) for fit in (low, high)]
        found[f"nagelkerke_{test}"] = share[1] - share[0]
    first, second = models.fits[0].coefficients[0], models.fits[1].coefficients[0]
    return {**found, "coefficient_change": float(second / first - 1)}


def expected_scores(models: NestedModels, matching: Array, codes: npt.NDArray[np.integer]) -> Array:
    """Score that the third model expects of a member of each group.

    Parameters
    ----------
    models
        Without a problem.
    matching
        Values of the matching variable, shape (q,).
    codes
        Code of each category.

    Returns
    -------
    numpy.ndarray
        Shape (n_groups, q).
    """
    fit, more = models.fits[2], models.n_groups - 1
    shift = np.concatenate([[0.0], fit.coefficients[1 : 1 + more]])
    slope = fit.coefficients[0] + np.concatenate([[0.0], fit.coefficients[1 + more :]])
    return np.array(
        [
            category_probabilities(fit.thresholds, a + b * matching) @ codes
            for a, b in zip(shift, slope, strict=True)
        ]
    )


def score_differences(expected: Array) -> dict[tuple[int, int], tuple[float, float]]:
    """Mean signed and unsigned difference of the expected scores of every pair of groups.

    Parameters
    ----------
    expected
        Shape (n_groups, n_persons): what would be expected of each person as a member of each group.

    Returns
    -------
    dict
        Pair to (mean of second minus first, mean of its absolute value).
    """
    found = {}
    for first, second in combinations(range(len(expected)), 2):
        gap = expected[second] - expected[first]
        found[first, second] = (float(gap.mean()), float(np.abs(gap).mean()))
    return found
