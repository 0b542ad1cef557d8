"""Incremental validity: what a score adds to the prediction of an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.common.result import Result
from analysis.common.software import used
from analysis.common.variation import varies
from analysis.factors.pattern import Array
from analysis.reliability.resampling import bootstrap_all, checked_level
from instrument.answers import with_numbers
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    name_offenders,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class IncrementalResult(Result):
    """Two nested regressions and their difference.

    Attributes
    ----------
    r_squared_baseline, r_squared_full : float
        Without and with the predictors.
    delta_r_squared : float
        Their difference, with percentile limits `ci_lower` and `ci_upper`.
    delta_r_squared_adjusted : float
        Difference of adjusted R².
    f, df1, df2, pvalue : float
        Test of the difference.
    cohen_f2 : float
        Difference over the unexplained variance of the full model.
    coefficients : pandas.DataFrame
        Index: term of the full model. `estimate`, `se` (HC3), `t`, `pvalue`, `ci_lower`, `ci_upper`,
        `standardized`.
    n_obs, n_dropped : int
        Persons with every column, and those without.
    """

    r_squared_baseline: float
    r_squared_full: float
    delta_r_squared: float
    ci_lower: float
    ci_upper: float
    delta_r_squared_adjusted: float
    f: float
    df1: float
    df2: float
    pvalue: float
    cohen_f2: float
    coefficients: pd.DataFrame
    n_obs: int
    n_dropped: int
    draws: int
    confidence: float
    seed: int

    def to_frame(self) -> pd.DataFrame:
        """One row per term of the full model."""
        return self.coefficients


def r_squared(outcome: Array, design: Array) -> float:
    """Share of variance that columns explain by least squares.

    Parameters
    ----------
    outcome : ndarray, shape (n_persons,)
        Outcome.
    design : ndarray, shape (n_persons, n_terms)
        Terms with a column of ones.

    Returns
    -------
    float
        R²; NaN where the terms are collinear or the outcome does not vary.
    """
    total = float(np.sum((outcome - outcome.mean()) ** 2))
    weights, _, rank, _ = np.linalg.lstsq(design, outcome, rcond=None)
    if rank < design.shape[1] or not varies(outcome):
        return float("nan")
    return 1 - float(np.sum((outcome - design @ weights) ** 2)) / total


DETERMINED = 1e-10
"""Share of the outcome's variance that is rounding."""
FAINT = 1e-9
"""Smallest eigenvalue of the correlations of terms at which sums of products say as much as the rows."""


def r_squared_drawn(outcome: Array, design: Array, times: Array) -> Array:
    """Share of variance that columns explain in samples drawn with replacement, from sums of products.

    Parameters
    ----------
    outcome, design
        As for `r_squared`; the first column of the design holds ones.
    times : ndarray, shape (draws, n_persons)
        How often each person was drawn.

    Returns
    -------
    ndarray, shape (draws,)
        R², as `r_squared` gives it for the rows of each draw.
    """
    columns = np.column_stack([outcome, design[:, 1:]])
    columns = columns - columns.mean(axis=0)  # R² is that of the outcome and terms as they are
    n, p = columns.shape
    size = times.sum(axis=1)
    means = times @ columns / size[:, None]
    products = times @ (columns[:, :, None] * columns[:, None, :]).reshape(n, p * p)
    spread = products.reshape(-1, p, p) - size[:, None, None] * means[:, :, None] * means[:, None, :]
    squares = np.diagonal(spread, axis1=1, axis2=2)
    varies = (squares > FAINT * (columns**2).sum(axis=0)).all(axis=1)
    lengths = np.sqrt(np.where(squares > 0, squares, 1.0))
    scaled = spread / (lengths[:, :, None] * lengths[:, None, :])
    found = np.full(len(times), np.nan)
    clear = varies.copy()
    if p > 1:
        clear[varies] = np.linalg.eigvalsh(scaled[varies][:, 1:, 1:])[:, 0] > FAINT
        weights = np.linalg.solve(scaled[clear][:, 1:, 1:], scaled[clear][:, 1:, :1])[:, :, 0]
        found[clear] = (weights * scaled[clear][:, 1:, 0]).sum(axis=1)
    else:
        found[clear] = 0.0
    for draw in np.flatnonzero(~clear):
        rows = np.repeat(np.arange(n), times[draw].astype(int))
        found[draw] = r_squared(outcome[rows], design[rows])
    return found


def incremental_validity(
    data: pd.DataFrame,
    outcome: str,
    predictors: str | Sequence[str],
    *,
    baseline: str | Sequence[str] = (),
    adjust_for: str | Sequence[str] = (),
    draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 1,
) -> IncrementalResult:
    """Test what scores add to the prediction of an outcome beyond measures that exist already.

    Use it when a new score overlaps with an established one. It speaks of prediction, not of causes; an
    unreliable baseline measure leaves room that the new score may fill spuriously.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per person; persons with a missing value in any column used are dropped and counted.
    outcome
        Numeric column.
    predictors
        Columns whose contribution is asked for.
    baseline
        Established measures in both models.
    adjust_for
        Covariates in both models; words become indicators of all levels but the first to appear.
    draws
        Bootstrap samples of persons for the interval of ΔR².
    confidence
        Confidence level.
    seed
        Seed of the bootstrap.

    Returns
    -------
    IncrementalResult
        ΔR² with interval and test, coefficients of the full model with HC3 standard errors.

    Raises
    ------
    DefinitionError
        For columns that are absent or used twice.
    ResponseDataError
        For an outcome or measure that is not a number, or too few persons.
    NotEstimableError
        For collinear terms, an outcome without variance or one that the terms determine.

    Notes
    -----
    ΔR² = R²(full) - R²(baseline), F = (ΔR²/q) / ((1 - R²(full))/(n - p)). ΔR² cannot be negative, so its
    percentile interval lies above 0 even when nothing is added: judge that by the F test or the adjusted
    difference.

    References
    ----------
    Hunsley, J., & Meyer, G. J. (2003). Psychological Assessment, 15, 446-455.
    https://doi.org/10.1037/1040-3590.15.4.446

    In R: ``anova(lm(y ~ a), lm(y ~ a + b))``.

    Examples
    --------
    Two uncorrelated predictors: y = 2a + b exactly, so b adds 1/5 of the variance beside noise-free a.

    >>> frame = pd.DataFrame({"a": [1, 1, -1, -1] * 5, "b": [1, -1, 1, -1] * 5, "e": [1, -1, -1, 1] * 5})
    >>> frame["y"] = 2 * frame.a + frame.b + frame.e
    >>> found = incremental_validity(frame, "y", "b", baseline="a", draws=50)
    >>> round(found.r_squared_baseline, 6), round(found.delta_r_squared, 6)
    (0.666667, 0.166667)
    """
    checked_level(confidence, "incremental_validity")
    added, before = _names(predictors), [*_names(baseline), *_names(adjust_for)]
    measures = [outcome, *added, *_names(baseline)]
    data = with_numbers(data, "incremental_validity", measures)
    complete = _complete(data, [outcome, *added, *before], added)
    y = complete[outcome].to_numpy(dtype=float)
    small = _design(complete, before)
    full = pd.concat([small, _design(complete, added).drop(columns="intercept")], axis=1)
    _refuse_collinear(full, len(complete))
    _refuse_certain(outcome, y, full.to_numpy(dtype=float))
    used("statsmodels")
    from statsmodels.regression.linear_model import OLS

    fits = [OLS(y, terms).fit() for terms in (small, full)]
    f, pvalue, df1 = fits[1].compare_f_test(fits[0])
    delta = float(fits[1].rsquared - fits[0].rsquared)
    width = small.shape[1]

    terms = full.to_numpy(dtype=float)

    def gains(times: Array) -> Array:
        return (
            r_squared_drawn(y, terms, times)[:, None] - r_squared_drawn(y, terms[:, :width], times)[:, None]
        )

    drawn = bootstrap_all(
        y,
        gains,
        ("delta",),
        draws=draws,
        seed=seed,
        caller="incremental_validity",
    )
    interval = drawn.interval("delta", confidence)
    return IncrementalResult(
        r_squared_baseline=float(fits[0].rsquared),
        r_squared_full=float(fits[1].rsquared),
        delta_r_squared=delta,
        ci_lower=interval.lower,
        ci_upper=interval.upper,
        delta_r_squared_adjusted=float(fits[1].rsquared_adj - fits[0].rsquared_adj),
        f=float(f),
        df1=float(df1),
        df2=float(fits[1].df_resid),
        pvalue=float(pvalue),
        cohen_f2=delta / (1 - float(fits[1].rsquared)),
        coefficients=_coefficients(fits[1], full, y, confidence),
        n_obs=len(complete),
        n_dropped=len(data) - len(complete),
        draws=draws,
        confidence=confidence,
        seed=seed,
    )


def _names(columns: str | Sequence[str]) -> list[str]:
    return [columns] if isinstance(columns, str) else list(columns)


def _complete(data: pd.DataFrame, used: list[str], added: list[str]) -> pd.DataFrame:
    """Check the columns and drop persons who miss one."""
    absent = [column for column in used if column not in data.columns]
    twice = sorted({column for column in used if used.count(column) > 1})
    if absent or twice or not added:
        fact = (
            f"columns are not in the data: {name_offenders(absent)}."
            if absent
            else f"columns are used twice: {name_offenders(twice)}."
            if twice
            else "no predictor was named."
        )
        raise DefinitionError(
            fact_and_hint("incremental_validity", fact, "name each column of data in one role.")
        )
    return data[used].dropna().reset_index(drop=True)


def _design(complete: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Columns with ones; words as indicators of all levels but the first to appear."""
    parts = [pd.DataFrame({"intercept": np.ones(len(complete))})]
    for column in columns:
        if pd.api.types.is_numeric_dtype(complete[column]):
            parts.append(complete[[column]].astype(float))
        else:
            for label in complete[column].unique()[1:]:
                parts.append(pd.DataFrame({f"{column}[{label}]": (complete[column] == label).astype(float)}))
    return pd.concat(parts, axis=1)


def _refuse_collinear(full: pd.DataFrame, n: int) -> None:
    if n <= full.shape[1] + 1:
        raise ResponseDataError(
            fact_and_hint(
                "incremental_validity",
                f"{n} persons have every column, the model has {full.shape[1]} terms.",
                "use fewer columns or more persons.",
            )
        )
    values = full.to_numpy(dtype=float)
    scaled = values / np.maximum(np.linalg.norm(values, axis=0), 1e-300)
    if np.linalg.matrix_rank(scaled, tol=1e-10) < full.shape[1]:
        raise NotEstimableError(
            fact_and_hint(
                "incremental_validity",
                f"the terms {name_offenders(full.columns[1:])} are collinear or constant.",
                "drop one that the others determine.",
            )
        )


def _refuse_certain(outcome: str, y: Array, terms: Array) -> None:
    """Refuse an outcome that all share, or that the terms determine: nothing is left to test against."""
    if not varies(y):
        fact = f"all {len(y)} persons who have every column have one value of {outcome!r}."
        raise NotEstimableError(
            fact_and_hint("incremental_validity", fact, "take an outcome in which people differ.")
        )
    if 1 - r_squared(y, terms) < DETERMINED:
        fact = f"the terms determine {outcome!r} exactly."
        hint = "leave out what the outcome was computed from."
        raise NotEstimableError(fact_and_hint("incremental_validity", fact, hint))


def _coefficients(fit: Any, full: pd.DataFrame, y: Array, confidence: float) -> pd.DataFrame:
    robust = fit.get_robustcov_results(cov_type="HC3", use_t=True)
    limits = np.asarray(robust.conf_int(alpha=1 - confidence))
    spread = full.std(ddof=1).to_numpy(dtype=float) / np.std(y, ddof=1)
    estimates = np.asarray(robust.params, dtype=float)
    return pd.DataFrame(
        {
            "estimate": estimates,
            "se": np.asarray(robust.bse),
            "t": np.asarray(robust.tvalues),
            "pvalue": np.asarray(robust.pvalues),
            "ci_lower": limits[:, 0],
            "ci_upper": limits[:, 1],
            "standardized": np.where(spread > 0, estimates * spread, np.nan),
        },
        index=pd.Index(full.columns, name="term"),
    )
