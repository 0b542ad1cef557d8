"""Counts by quasi-likelihood: a logarithmic mean, any spread around it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.models.binomial import alone_in, sandwich
from analysis.adherence.models.clusters import Clusters, jackknife, of_linear_predictor
from analysis.adherence.models.fit import Fit
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
MOST_STEPS, MOST_HALVINGS, SMALLEST_STEP = 100, 30, 1e-9  # steps in standard errors
LARGEST_LOG_MEAN = 15.0
ROUNDING = 1e-10  # of the quasi-likelihood


def quasi_poisson(
    design: Floats, counts: Floats, clusters: Clusters | None = None, *, robust: bool = False
) -> Fit:
    """Log-linear mean with variance `φ m`: maximum quasi-likelihood, φ by Pearson's statistic.

    Parameters
    ----------
    design : array, shape (n, p)
        Columns with a constant.
    counts : array, shape (n,)
        Counts from 0.
    clusters
        Clusters of the rows; None where rows are independent.
    robust
        The covariance is HC3, which asks nothing of the spread; days cannot be more than were watched, so
        that they spread less where the mean is high.

    Returns
    -------
    Fit
        `dispersion` is φ: below 1 where people vary less than Poisson counts would.

    Raises
    ------
    NotEstimableError
        There is no maximum: all counts are 0, or columns tell those of 0 apart.

    Notes
    -----
    In R: `glm(family = quasipoisson)`.

    References
    ----------
    McCullagh & Nelder (1989), doi 10.1201/9780203753736. Ver Hoef & Boveng (2007), doi 10.1890/07-0043.1.
    """
    coefficients = np.zeros(design.shape[1])
    if not np.ptp(counts) > 0:
        raise _failed(f"every count is {counts[0]:g}")
    coefficients[:1] = np.log(counts.mean())
    value = _quasi_likelihood(design, counts, coefficients)
    for _ in range(MOST_STEPS):
        mean = np.exp(design @ coefficients)
        information = design.T @ (design * mean[:, None])
        size = np.sqrt(np.diag(information))
        inverse = np.linalg.pinv(information / np.outer(size, size), 1e-12, hermitian=True)
        inverse = np.asarray(inverse / np.outer(size, size), dtype=np.float64)
        step = inverse @ (design.T @ (counts - mean))
        small = np.abs(step * size).max() < SMALLEST_STEP
        for _ in range(MOST_HALVINGS):
            tried = _quasi_likelihood(design, counts, coefficients + step)
            # Near the maximum a step gains less than sums of so many terms can tell.
            if small or tried >= value - ROUNDING * max(1.0, abs(value)):
                break
            step = step / 2
        coefficients, value = coefficients + step, tried
        if np.abs(design @ coefficients).max() > LARGEST_LOG_MEAN:
            break
        if small:
            mean = np.exp(design @ coefficients)
            freedom = len(counts) - design.shape[1]
            dispersion = float(((counts - mean) ** 2 / mean).sum() / freedom)
            fit = Fit(
                coefficients=coefficients,
                covariance=inverse * dispersion,
                dispersion=dispersion,
                df_resid=float(freedom),
                log_likelihood=float("nan"),
                n=len(counts),
            )
            if clusters is None and not robust:
                return fit
            fit = replace(fit, alone=alone_in(design, clusters))
            if clusters is not None:
                return jackknife(fit, of_linear_predictor(design, counts - mean, mean, clusters))
            return replace(fit, covariance=sandwich(design, counts - mean, mean))
    raise _failed("it did not converge, or predictors tell apart who used the app")


def excess_spread(design: Floats, counts: Floats, fit: Fit) -> float:
    """Standardised score of spread beyond Poisson's, `Σ((y − m)² − y) / √(2 Σ m²)`.

    Where it is not above 0 the likelihood of a negative binomial falls from its edge, at which it is a
    Poisson distribution, and has no maximum inside.

    Parameters
    ----------
    design : array, shape (n, p)
        Columns with a constant.
    counts : array, shape (n,)
        Counts.
    fit
        The log-linear fit, whose coefficients are those of Poisson's distribution.

    Returns
    -------
    float
        About standard normal for Poisson counts; negative where they vary less.

    References
    ----------
    Dean & Lawless (1989), doi 10.1080/01621459.1989.10478792.
    """
    mean = np.exp(design @ fit.coefficients)
    return float(((counts - mean) ** 2 - counts).sum() / np.sqrt(2 * (mean**2).sum()))


def _quasi_likelihood(design: Floats, counts: Floats, coefficients: Floats) -> float:
    line = np.clip(design @ coefficients, -700.0, 700.0)
    return float((counts * line - np.exp(line)).sum())


def _failed(reason: str) -> NotEstimableError:
    fact = f"the log-linear model of the counts failed: {reason}."
    return NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less, or watch for longer."))
