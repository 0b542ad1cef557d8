"""Exploratory factor analysis of item columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.common.options import is_whole
from analysis.common.rules import LOADING
from analysis.correlation.smoothing import Smooth
from analysis.factors.exploratory_result import EfaResult
from analysis.factors.extraction import ENGINES, EXTRACTIONS, Extraction, extract
from analysis.factors.fit import fit_measures
from analysis.factors.moments import Moments, checked_size, choose, definite_moments
from analysis.factors.pattern import Array, Pattern
from analysis.factors.rotation import ROTATIONS, rotate
from analysis.factors.weights import determinacy
from analysis.reliability.direction import opposed_items, warn_of_opposed
from instrument.errors import DefinitionError, fact_and_hint, name_offenders, warn_user

RANDOM_STARTS = 30
NOT_REPORTED = (
    " Chi-square and what follows from it, and the determinacy of factors, would be those of the floor of its"
    " eigenvalues and are not reported."
)


def _check_options(n_factors: int, extraction: str, rotation: str, n_obs: int | None, engine: str) -> None:
    choose("efa", "extraction", extraction, EXTRACTIONS)
    choose("efa", "engine", engine, ENGINES)
    choose("efa", "rotation", rotation, ("none", *ROTATIONS))
    if not is_whole(n_factors):
        raise DefinitionError(
            fact_and_hint("efa", f"n_factors is {n_factors!r}.", "give a whole number of factors.")
        )
    checked_size("efa", n_obs)


def _warn_heywood(labels: list[str], found: Extraction) -> None:
    if not found.heywood:
        return
    named = name_offenders(labels[position] for position in found.heywood)
    warn_user(
        fact_and_hint(
            "efa",
            f"{len(found.heywood)} of {len(labels)} uniquenesses are at their lower bound: {named}.",
            "extract fewer factors; do not interpret the factors of these items.",
        )
    )


def _variance_table(pattern: Pattern, factors: list[str]) -> pd.DataFrame:
    """Sum of squared loadings, proportions of all variance and of what is explained."""
    table = pd.DataFrame({"ss_loadings": pattern.sums_of_squares}, index=factors)
    sums = table["ss_loadings"]
    for suffix, whole in (("", len(pattern.loadings)), ("_explained", sums.sum())):
        table[f"proportion{suffix}"] = sums / whole
        table[f"cumulative{suffix}"] = sums.cumsum() / whole
    return table


def _complexity(loadings: Array) -> Array:
    """Give Hofmann's index: 1 for an item of one factor, k for equal loadings on k factors."""
    squares = loadings**2
    with np.errstate(invalid="ignore"):  # an item without any loading has none
        return np.asarray(squares.sum(axis=1) ** 2 / (squares**2).sum(axis=1))


def efa(
    items: pd.DataFrame,
    n_factors: int,
    *,
    extraction: str = "minres",
    rotation: str = "oblimin",
    correlation: str = "pearson",
    missing: str = "listwise",
    n_obs: int | None = None,
    random_starts: int = RANDOM_STARTS,
    seed: int = 1,
    smooth: Smooth = False,
    engine: str = "newton",
) -> EfaResult:
    """Exploratory factor analysis: extract, rotate, put in order.

    Use it to see which items go together when no structure is fixed beforehand; use `cfa` to test one.
    Do not read loadings of items whose uniqueness is at its lower bound (a warning names them).

    Parameters
    ----------
    items : pandas.DataFrame, shape (n_persons, n_items)
        One numeric column per item; with `correlation="given"` the square matrix of their correlations.
    n_factors
        Number of factors; see `factor_retention`.
    extraction : {"minres", "ml", "principal"}
        Unweighted least squares, maximum likelihood, or components (no factor model).
    rotation
        "none", "varimax", "quartimax", "equamax" (orthogonal), "oblimin" (= "quartimin"), "geomin",
        "promax", "biquartimin" (oblique).
    correlation : {"pearson", "polychoric", "given"}
        Polychoric correlations suit items of few ordered categories. With a matrix that is given, `n_obs` is
        needed and people have no scores.
    missing : {"listwise", "pairwise"}
        Complete rows, or all rows with pairs of answers. Nothing is imputed.
    n_obs
        Sample size in the fit measures; by default the smallest number of rows behind any correlation.
    random_starts
        Random starting positions of the rotation beside the unrotated one; the lowest minimum is kept.
    seed
        Seed of the random starts.
    smooth : {False, "nearest", "truncated"}
        What becomes of a matrix that is not positive definite, as polychoric correlations of many items and
        few people give it: refused; the nearest correlation matrix; or eigenvalues raised to a floor. A
        warning and `.smoothing` say how far the matrix was moved. Items that repeat others or follow from
        them are refused all the same.
    engine : {"newton", "factor_analyzer"}
        Who extracts: Newton steps to the minimum, or the library factor_analyzer as far as its search goes
        (its uniquenesses; rotation, order of factors, scores and fit are ours in both).

    Returns
    -------
    EfaResult
        Loadings, factor correlations, structure, communalities, variance, fit and `.scores()`. Factors are
        ordered by the variance they account for and reflected to a positive sum of loadings.

    Raises
    ------
    ResponseDataError
        For columns that are not numbers, or too few rows.
    DefinitionError
        For unknown options, or more factors than the items can carry.
    NotEstimableError
        For items without variance, singular correlations, indefinite ones unless `smooth` says what to do
        with them, or no convergence.

    Warns
    -----
    ToolkitWarning
        Uniquenesses at their bound; a matrix that was smoothed; items that oppose the others of their factor,
        as reversed items do that were not keyed.

    Notes
    -----
    The model is R = L Phi L' + Psi. Minimum residuals minimises the sum of squared off-diagonal residuals,
    maximum likelihood log|Sigma| + tr(inv(Sigma) R). Newton steps go on until the gradient is below 1e-6;
    factor_analyzer stops earlier, and a slope above .01 where it stops is refused.
    The chi-square test assumes multivariate normal items: with
    `correlation="polychoric"` it is descriptive only. Of a smoothed matrix it would be a number about the
    floor of its eigenvalues, so chi-square, TLI, CFI, RMSEA, BIC and determinacy are NaN; what rests on
    residuals is reported.

    References
    ----------
    Harman, H. H., & Jones, W. H. (1966). Psychometrika, 31, 351-368. https://doi.org/10.1007/BF02289468
    Jennrich, R. I. (2002). Psychometrika, 67, 7-19. https://doi.org/10.1007/BF02294706

    Higham, N. J. (2002). IMA Journal of Numerical Analysis, 22, 329-343.
    https://doi.org/10.1093/imanum/22.3.329

    In R: ``psych::fa(items, nfactors, fm = "minres", rotate = "oblimin")``; for indefinite matrices
    ``Matrix::nearPD(R, corr = TRUE)`` and ``psych::cor.smooth(R)`` before it.

    Examples
    --------
    A matrix of one factor with loadings .9, .8, .7, .6 is reproduced exactly. The items below have exactly
    these correlations.

    >>> loadings = np.array([0.9, 0.8, 0.7, 0.6])
    >>> target = np.outer(loadings, loadings)
    >>> np.fill_diagonal(target, 1.0)
    >>> basis, _ = np.linalg.qr(np.column_stack([np.ones(50), np.random.default_rng(1).random((50, 4))]))
    >>> items = pd.DataFrame(basis[:, 1:] @ np.linalg.cholesky(target).T, columns=list("abcd"))
    >>> efa(items, 1).loadings["F1"].round(6).tolist()
    [0.9, 0.8, 0.7, 0.6]
    """
    _check_options(n_factors, extraction, rotation, n_obs, engine)
    found = definite_moments(
        "efa",
        items,
        correlation=correlation,
        missing=missing,
        smooth=smooth,
        n_obs=n_obs,
        consequence=NOT_REPORTED,
    )
    raw = extract(found.correlations, n_factors, extraction, engine=engine)
    _warn_heywood(found.labels, raw)
    pattern = rotate(raw.loadings, rotation, random_starts=random_starts, seed=seed).arranged()
    warn_of_opposed("efa", _opposed(found, pattern))
    return _labelled(
        found,
        raw,
        pattern,
        {"extraction": extraction, "rotation": rotation, "seed": seed, "n_obs_fit": n_obs or found.n_pairs},
    )


def _opposed(found: Moments, pattern: Pattern) -> list[str]:
    """Items that oppose the others of the factor on which they load most and saliently."""
    size = np.abs(pattern.loadings)
    own = np.where(size.max(axis=1) >= LOADING.cutoff, size.argmax(axis=1), -1)
    opposed: list[str] = []
    for factor in range(size.shape[1]):
        block = np.flatnonzero(own == factor)
        if len(block) > 2:
            table = found.correlations[np.ix_(block, block)]
            opposed += opposed_items(table, [found.labels[place] for place in block])
    return opposed


def _labelled(found: Moments, raw: Extraction, pattern: Pattern, asked: dict[str, Any]) -> EfaResult:
    """Name items and factors of every matrix."""
    labels, observed, loadings = found.labels, found.correlations, pattern.loadings
    factors = [f"F{position}" for position in range(1, loadings.shape[1] + 1)]
    sound = found.smoothing is None
    measures = fit_measures(observed, pattern.common, len(factors), asked["n_obs_fit"], invertible=sound)
    best = determinacy(observed, pattern) if sound else np.full(len(factors), np.nan)
    return EfaResult(
        loadings=pd.DataFrame(loadings, index=labels, columns=factors),
        factor_correlations=pd.DataFrame(pattern.factor_correlations, index=factors, columns=factors),
        structure=pd.DataFrame(pattern.structure, index=labels, columns=factors),
        communalities=pd.Series(pattern.communalities, index=labels),
        uniquenesses=pd.Series(raw.uniquenesses, index=labels),
        complexity=pd.Series(_complexity(loadings), index=labels),
        variance=_variance_table(pattern, factors),
        fit=pd.Series(measures),
        determinacy=pd.Series(best, index=factors),
        residuals=pd.DataFrame(observed - pattern.common, index=labels, columns=labels),
        correlations=pd.DataFrame(observed, index=labels, columns=labels),
        heywood=tuple(labels[position] for position in raw.heywood),
        correlation=found.correlation,
        missing=found.missing,
        n_obs=found.n_obs,
        smoothing=found.smoothing,
        rotation_starts=pattern.starts,
        rotation_agreeing=pattern.agreeing,
        _pattern=pattern,
        _values=found.values,
        **asked,
    )
