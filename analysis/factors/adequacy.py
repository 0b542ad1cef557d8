"""Whether a correlation matrix is worth factoring: Kaiser-Meyer-Olkin and Bartlett's test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from analysis.common.result import Result
from analysis.correlation.smoothing import Smooth, Smoothing
from analysis.factors.moments import definite_moments
from analysis.factors.pattern import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class KmoResult(Result):
    """Sampling adequacy.

    Attributes
    ----------
    overall : float
        Of the whole matrix, between 0 and 1.
    per_item : pandas.Series, shape (n_items,)
        Of each item.
    n_obs : int
        Rows used.
    correlation, missing : str
        How the correlations were made.
    smoothing : Smoothing, optional
        How far they were moved to become positive definite.
    """

    overall: float
    per_item: pd.Series
    n_obs: int
    correlation: str
    missing: str
    smoothing: Smoothing | None

    def to_frame(self) -> pd.DataFrame:
        """One row per item and a last row "overall"."""
        frame = self.per_item.to_frame("kmo")
        frame.loc["overall"] = self.overall
        return frame.rename_axis("item")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BartlettResult(Result):
    """Test that all items are uncorrelated.

    Attributes
    ----------
    chisq, df, pvalue : float
        Statistic, degrees of freedom, p-value.
    n_obs : int
        Sample size in the statistic.
    correlation, missing : str
        How the correlations were made.
    """

    chisq: float
    df: int
    pvalue: float
    n_obs: int
    correlation: str
    missing: str

    def to_frame(self) -> pd.DataFrame:
        """One row."""
        row = {name: getattr(self, name) for name in ("chisq", "df", "pvalue", "n_obs")}
        return pd.DataFrame([row])


def sampling_adequacy(correlations: Array) -> tuple[float, Array]:
    """Compare squared correlations with squared partial correlations.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Positive definite correlation matrix.

    Returns
    -------
    tuple of float and ndarray, shape (n_items,)
        Overall and for each item.
    """
    inverse = np.linalg.inv(correlations)
    scale = np.sqrt(np.diag(inverse))
    shared, partial = correlations**2, (inverse / np.outer(scale, scale)) ** 2
    np.fill_diagonal(shared, 0.0)
    np.fill_diagonal(partial, 0.0)
    pairs, left_over = shared.sum(axis=0), partial.sum(axis=0)
    with np.errstate(invalid="ignore"):  # an item that correlates with no other has none
        return float(pairs.sum() / (pairs + left_over).sum()), pairs / (pairs + left_over)


def sphericity(correlations: Array, n_obs: int) -> tuple[float, int, float]:
    """Bartlett's statistic from a correlation matrix.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Positive definite correlation matrix.
    n_obs
        Sample size.

    Returns
    -------
    tuple
        Chi-square, degrees of freedom, p-value.
    """
    n_items = len(correlations)
    _, log_determinant = np.linalg.slogdet(correlations)
    chisq = -(n_obs - 1 - (2 * n_items + 5) / 6) * float(log_determinant)
    df = n_items * (n_items - 1) // 2
    return chisq, df, float(chi2.sf(chisq, df))


def kmo(
    items: pd.DataFrame,
    *,
    correlation: str = "pearson",
    missing: str = "listwise",
    n_obs: int | None = None,
    smooth: Smooth = False,
) -> KmoResult:
    """Measure of sampling adequacy of Kaiser, Meyer and Olkin.

    Use it before an exploratory factor analysis: items that share little with the others beyond what pairs
    explain have low values. It says nothing about how many factors there are.

    Parameters
    ----------
    items : pandas.DataFrame, shape (n_persons, n_items)
        One numeric column per item; with `correlation="given"` the square matrix of their correlations.
    correlation : {"pearson", "polychoric", "given"}
        Which correlations.
    missing : {"listwise", "pairwise"}
        Complete rows, or all rows with pairs of answers.
    n_obs
        Number of persons behind a given matrix.
    smooth : {False, "nearest", "truncated"}
        What becomes of a matrix that is not positive definite, as polychoric correlations of many items and
        few people give it: refused; the nearest correlation matrix; or eigenvalues raised to a floor. A
        warning and `.smoothing` say how far the matrix was moved. Items that repeat others or follow from
        them are refused all the same.

    Returns
    -------
    KmoResult
        `.overall` and `.per_item`.

    Raises
    ------
    ResponseDataError
        For columns that are not numbers, or too few rows.
    NotEstimableError
        For items without variance or a matrix that is not positive definite.

    Notes
    -----
    With r the correlations and a the partial correlations given all other items, KMO is the sum of r²
    over pairs divided by the sum of r² + a². Of a smoothed matrix KMO does not depend on the floor of its
    eigenvalues, but partial correlations of items whose shared directions have no variance left are large,
    so it is low.

    References
    ----------
    Kaiser, H. F. (1974). An index of factorial simplicity. Psychometrika, 39, 31-36.
    https://doi.org/10.1007/BF02291575
    Higham, N. J. (2002). IMA Journal of Numerical Analysis, 22, 329-343.
    https://doi.org/10.1093/imanum/22.3.329

    In R: ``psych::KMO(cor(items))``.

    Examples
    --------
    Three items that correlate .5 have partial correlations of 1/3, so KMO is .25 / (.25 + 1/9).

    >>> a, b, c = np.array([1, 1, 1, 1, -1, -1, -1, -1]), np.array([1, 1, -1, -1] * 2), np.array([1, -1] * 4)
    >>> mixed = pd.DataFrame({"x": a + b, "y": b + c, "z": a + c})
    >>> round(kmo(mixed).overall, 6)
    0.692308
    """
    found = definite_moments(
        "kmo", items, correlation=correlation, missing=missing, smooth=smooth, n_obs=n_obs
    )
    overall, per_item = sampling_adequacy(found.correlations)
    return KmoResult(
        overall=overall,
        per_item=pd.Series(per_item, index=found.labels),
        n_obs=found.n_obs,
        correlation=correlation,
        missing=found.missing,
        smoothing=found.smoothing,
    )


def bartlett_sphericity(
    items: pd.DataFrame,
    *,
    correlation: str = "pearson",
    missing: str = "listwise",
    n_obs: int | None = None,
) -> BartlettResult:
    """Bartlett's test that the correlation matrix is an identity matrix.

    Significant in any sample worth analysing; report it, but do not choose anything by it.

    Parameters
    ----------
    items : pandas.DataFrame, shape (n_persons, n_items)
        One numeric column per item; with `correlation="given"` the square matrix of their correlations.
    correlation : {"pearson", "polychoric", "given"}
        Which correlations; the chi-square distribution holds for Pearson correlations of normal variables.
    missing : {"listwise", "pairwise"}
        Complete rows, or all rows with pairs of answers.
    n_obs
        Sample size in the statistic; by default the smallest number of rows behind any correlation.

    Returns
    -------
    BartlettResult
        `.chisq`, `.df`, `.pvalue`.

    Notes
    -----
    chisq = -(n - 1 - (2p + 5)/6) log det R with p(p - 1)/2 degrees of freedom. There is no option to smooth
    an indefinite matrix: its determinant, and with it the statistic, would be that of a floor.

    References
    ----------
    Bartlett, M. S. (1951). The effect of standardization on a chi-square approximation in factor analysis.
    Biometrika, 38, 337-344. https://doi.org/10.1093/biomet/38.3-4.337

    In R: ``psych::cortest.bartlett(cor(items), n = nrow(items))``.

    Examples
    --------
    The determinant of three correlations of .5 is .5, so chisq is -(8 - 1 - 11/6) log .5.

    >>> a, b, c = np.array([1, 1, 1, 1, -1, -1, -1, -1]), np.array([1, 1, -1, -1] * 2), np.array([1, -1] * 4)
    >>> test = bartlett_sphericity(pd.DataFrame({"x": a + b, "y": b + c, "z": a + c}))
    >>> round(test.chisq, 4), test.df
    (3.5813, 3)
    """
    found = definite_moments(
        "bartlett_sphericity",
        items,
        correlation=correlation,
        missing=missing,
        smooth=None,
        n_obs=n_obs,
    )
    size = found.n_pairs if n_obs is None else n_obs
    chisq, df, pvalue = sphericity(found.correlations, size)
    return BartlettResult(
        chisq=chisq, df=df, pvalue=pvalue, n_obs=size, correlation=correlation, missing=found.missing
    )
