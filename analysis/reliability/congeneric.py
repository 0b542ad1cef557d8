"""Omega of one theme with one factor, and composite reliability from loadings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.common.result import Result
from analysis.correlation.definite import check_correlations, definite_correlations
from analysis.correlation.smoothing import Smooth, Smoothing, checked_smooth, smoothed
from analysis.factors.extraction import extract
from analysis.reliability.inputs import (
    Array,
    Interval,
    Missing,
    checked_covariance,
    correlation_of,
    item_table,
    pairwise_covariance,
)
from analysis.reliability.resampling import Draws, bootstrap, checked_level
from instrument.errors import (
    ResponseDataError,
    ToolkitError,
    fact_and_hint,
    name_offenders,
    warn_user,
)

CALLER = "congeneric_omega"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CongenericResult(Result):
    """Omega of a one-factor model.

    Attributes
    ----------
    estimate, ci
        Omega and its percentile interval (None without draws).
    ave
        Average variance extracted: mean communality weighted by item variance.
    maximal
        Reliability of the best weighted sum (coefficient H); NaN when an item has no unique variance.
    loadings
        One row per item: `loading` in units of the answers, `standardized`, `uniqueness` (standardised).
    denominator
        `"observed"` or `"model"` variance of the sum.
    srmr
        Root mean square of residual correlations: does one factor describe the items?
    negative_items
        Items that load against the others.
    n_obs, n_items, n_dropped
        As in `cronbach_alpha`.
    smoothing, draws_smoothed
        How far the correlations were moved to become positive definite (None where they are as estimated),
        and in how many draws of the bootstrap they were.
    """

    estimate: float
    ci: Interval | None
    confidence: float
    ave: float
    maximal: float
    loadings: pd.DataFrame
    extraction: str
    denominator: str
    srmr: float
    negative_items: tuple[str, ...]
    missing: str
    n_obs: int
    n_items: int
    n_dropped: int
    draws: Draws | None
    smoothing: Smoothing | None
    draws_smoothed: int

    def to_frame(self) -> pd.DataFrame:
        """Give estimate, interval and companions as one row."""
        lower, upper = self.ci if self.ci is not None else (float("nan"), float("nan"))
        return pd.DataFrame(
            {
                "omega": [self.estimate],
                "ci_lower": [lower],
                "ci_upper": [upper],
                "ave": [self.ave],
                "maximal": [self.maximal],
                "srmr": [self.srmr],
                "n_obs": [self.n_obs],
                "n_items": [self.n_items],
                "n_dropped": [self.n_dropped],
            }
        )


def congeneric_omega(
    items: pd.DataFrame,
    missing: Missing = "listwise",
    *,
    extraction: Literal["ml", "minres"] = "ml",
    denominator: Literal["observed", "model"] = "observed",
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 1,
    smooth: Smooth = False,
) -> CongenericResult:
    """Reliability of the sum of items that share one factor, loadings free (omega of one theme).

    Parameters
    ----------
    items
        Shape (n_persons, n_items), at least three: numeric codes, NA for missing, reversed items reversed.
    missing
        `"listwise"` or `"pairwise"`.
    extraction
        `"ml"` or `"minres"`.
    denominator
        Variance of the sum: `"observed"`, or `"model"` as implied by the factor.
    confidence
        Coverage.
    draws, seed
        Bootstrap draws over people (0: no interval) and seed.
    smooth
        What becomes of correlations by pairs that are not positive definite: `False` refuses them,
        `"nearest"` takes the nearest correlation matrix, `"truncated"` raises eigenvalues to a floor;
        variances stay. A warning and `.smoothing` say what was done.

    Returns
    -------
    CongenericResult
        `.estimate`, `.ci`, `.loadings`, `.srmr`.

    Raises
    ------
    ResponseDataError
        An unusable table or an unknown option.
    NotEstimableError
        Too few rows, a singular matrix, or an extraction that does not converge.

    Warns
    -----
    ToolkitWarning
        Items that load against the others, lost draws, or a smoothed matrix.

    Notes
    -----
    omega = (Σλ)² / variance of the sum, λ in units of the answers: a factor of the correlations times the
    standard deviations, the same as maximum likelihood on covariances. The interval is a percentile
    bootstrap, as Kelley and Pornprasertmanit advise.

    In R: `semTools::compRelSEM(lavaan::cfa("f =~ …"))` with the observed variance.

    References
    ----------
    McDonald, R. P. (1999). Test theory: A unified treatment. doi:10.4324/9781410601087
    Kelley, K., & Pornprasertmanit, S. (2016). doi:10.1037/a0040086

    Examples
    --------
    Loadings .9, .8 and .7, in data with exactly these correlations: 2.4² / (2.4² + .19 + .36 + .51) = .8446.

    >>> correlations = np.array([[1, 0.72, 0.63], [0.72, 1, 0.56], [0.63, 0.56, 1]])
    >>> raw = np.random.default_rng(1).standard_normal((100, 3))
    >>> exact = np.linalg.qr(raw - raw.mean(axis=0))[0] @ np.linalg.cholesky(correlations).T
    >>> print(f"{congeneric_omega(pd.DataFrame(exact), draws=0).estimate:.4f}")
    0.8446
    """
    checked_level(confidence, CALLER)
    for option, given, known in (
        ("extraction", extraction, ("ml", "minres")),
        ("denominator", denominator, ("observed", "model")),
    ):
        if given not in known:
            raise ResponseDataError(
                fact_and_hint(CALLER, f"{option} is {given!r}.", f"choose one of {name_offenders(known)}.")
            )
    table = item_table(items, missing, CALLER, least=3)
    covariance = checked_covariance(table, CALLER)
    method = checked_smooth(CALLER, smooth)
    correlation, smoothing = definite_correlations(
        CALLER, correlation_of(covariance), list(table.names), smooth, table.values
    )
    covariance = _covariance_of(correlation, covariance) if smoothing is not None else covariance
    standardized = extract(correlation, 1, extraction).loadings[:, 0]
    negative = tuple(name for name, one in zip(table.names, standardized, strict=True) if one < 0)
    _warn_of_negative(negative)
    resampled, repaired = (
        _resample(table.values, list(table.names), extraction, denominator, method, draws, seed)
        if draws
        else (None, 0)
    )
    variance = np.diag(covariance)
    explained = standardized**2
    unique = 1 - explained
    residual = correlation - np.outer(standardized, standardized)
    below = residual[np.tril_indices(len(residual), -1)]
    return CongenericResult(
        estimate=_share(covariance, standardized, denominator),
        ci=resampled.interval("omega", confidence) if resampled else None,
        confidence=confidence,
        ave=float((explained * variance).sum() / variance.sum()),
        maximal=_maximal(explained, unique),
        loadings=pd.DataFrame(
            {"loading": standardized * np.sqrt(variance), "standardized": standardized, "uniqueness": unique},
            index=list(table.names),
        ),
        extraction=extraction,
        denominator=denominator,
        srmr=float(np.sqrt((below**2).mean())),
        negative_items=negative,
        missing=missing,
        n_obs=len(table.values),
        n_items=len(table.names),
        n_dropped=table.n_dropped,
        draws=resampled,
        smoothing=smoothing,
        draws_smoothed=repaired,
    )


def _covariance_of(correlation: Array, covariance: Array) -> Array:
    """Covariances with these correlations and the variances there were."""
    scale = np.sqrt(np.diag(covariance))
    return np.asarray(correlation * np.outer(scale, scale))


def _share(covariance: Array, standardized: Array, denominator: str) -> float:
    variance = np.diag(covariance)
    common = float((standardized * np.sqrt(variance)).sum() ** 2)
    if denominator == "observed":
        return common / float(covariance.sum())
    return common / (common + float((variance * (1 - standardized**2)).sum()))


def _maximal(explained: Array, unique: Array) -> float:
    if (unique < 0.0051).any():
        return float("nan")
    ratio = float((explained / unique).sum())
    return ratio / (1 + ratio)


def _warn_of_negative(negative: tuple[str, ...]) -> None:
    if negative:
        warn_user(
            fact_and_hint(
                CALLER,
                f"{len(negative)} {'item loads' if len(negative) == 1 else 'items load'} against the others: "
                f"{name_offenders(negative)}; nothing was reversed.",
                "if they are keyed negatively, reverse them first.",
            )
        )


def _resample(
    values: Array,
    names: list[str],
    extraction: str,
    denominator: str,
    method: str | None,
    draws: int,
    seed: int,
) -> tuple[Draws, int]:
    repaired = 0

    def statistic(rows: Array) -> tuple[float, ...]:
        nonlocal repaired
        covariance = pairwise_covariance(rows)
        if not np.isfinite(covariance).all() or (np.diag(covariance) <= 0).any():
            return (float("nan"),)
        correlation = correlation_of(covariance)
        try:
            if method is not None and (moved := smoothed(correlation, method)) is not correlation:
                repaired += 1
                correlation, covariance = moved, _covariance_of(moved, covariance)
            check_correlations(CALLER, correlation, names)
            found = extract(correlation, 1, extraction, from_scratch=True)
        except ToolkitError:
            return (float("nan"),)  # counted by `bootstrap`, which warns or refuses
        return (_share(covariance, found.loadings[:, 0], denominator),)

    drawn = bootstrap(values, statistic, ("omega",), draws=draws, seed=seed, caller=CALLER)
    return drawn, repaired


def composite_reliability(
    loadings: npt.ArrayLike, uniquenesses: npt.ArrayLike, factor_correlations: npt.ArrayLike | None = None
) -> float:
    """Reliability of the sum of items from the loadings of any model.

    Parameters
    ----------
    loadings
        Shape (n_items,) or (n_items, n_factors).
    uniquenesses
        Residual variances, shape (n_items,).
    factor_correlations
        Shape (n_factors, n_factors); uncorrelated when left out.

    Returns
    -------
    float
        Common over total variance implied by the model.

    Raises
    ------
    ResponseDataError
        Shapes that do not fit, or a negative residual variance.

    Notes
    -----
    1'ΛΦΛ'1 / (1'ΛΦΛ'1 + Σθ).

    References
    ----------
    Raykov, T. (1997). doi:10.1177/01466216970212006

    Examples
    --------
    >>> round(composite_reliability([0.9, 0.8, 0.7], [0.19, 0.36, 0.51]), 4)
    0.8446
    """
    pattern = _numbers(loadings, "loadings")
    pattern = pattern[:, None] if pattern.ndim == 1 else pattern
    theta = _numbers(uniquenesses, "uniquenesses")
    phi = np.eye(pattern.shape[1])
    if factor_correlations is not None:
        phi = _numbers(factor_correlations, "factor_correlations")
    if theta.shape != (len(pattern),) or phi.shape != (pattern.shape[1], pattern.shape[1]):
        raise ResponseDataError(
            fact_and_hint(
                "composite_reliability",
                f"loadings are {pattern.shape}, uniquenesses {theta.shape}, factor correlations {phi.shape}.",
                "give one uniqueness per item and a square matrix of the factors.",
            )
        )
    if not (theta >= 0).all():
        raise ResponseDataError(
            fact_and_hint(
                "composite_reliability", "a residual variance is negative or NaN.", "mend the model first."
            )
        )
    total = pattern.sum(axis=0)
    common = float(total @ phi @ total)
    return common / (common + float(theta.sum()))


def _numbers(values: npt.ArrayLike, name: str) -> Array:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        fact = f"{name} holds something that is no number."
        raise ResponseDataError(
            fact_and_hint("composite_reliability", fact, "give one number per item.")
        ) from None
