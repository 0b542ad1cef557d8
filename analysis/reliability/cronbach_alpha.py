"""Cronbach's alpha with intervals, if-dropped and item-total statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analysis.common.result import Result
from analysis.reliability import alpha_kernels as kernels
from analysis.reliability.direction import opposed_items, warn_of_opposed
from analysis.reliability.inputs import (
    Array,
    Interval,
    ItemTable,
    Missing,
    checked_covariance,
    correlation_of,
    covariances_without_each,
    item_table,
    pairwise_covariance,
)
from analysis.reliability.resampling import (
    Draws,
    bootstrap,
    checked_level,
    checked_seed,
    jackknife_half,
)
from instrument.errors import (
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
)

CALLER = "cronbach_alpha"
MOST_CATEGORIES = 11
LARGEST_BLOCK = 1_000_000  # covariances that are held at once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AlphaResult(Result):
    """Cronbach's alpha of one set of items.

    Attributes
    ----------
    estimate
        Alpha from the covariances.
    ci
        Its interval: Feldt's, by the jackknife, or percentiles of bootstrap draws; see `interval`.
    normal_ci
        Estimate ± z × `ase`.
    standardized
        Alpha from the correlations.
    lambda6
        Guttman's lambda 6; NaN when the correlation matrix is singular.
    average_r, median_r, var_r
        Mean, median and variance of the inter-item correlations.
    signal_noise
        Ratio of signal to noise, k r / (1 - r).
    ase
        Large-sample standard error of alpha.
    one_factor_fit
        Share of squared correlations, the diagonal among them, that their mean reproduces (psych's Unidim).
    mean, sd
        Of the persons' mean answers.
    if_dropped
        One row per item left out: `alpha`, `standardized`, `lambda6`, `average_r`, `signal_noise`, `ase`,
        `var_r`, `median_r`. With two items nothing is left and all are NaN.
    item_statistics
        One row per item: `n`, `raw_r`, `standardized_r`, `corrected_r`, `item_rest_r`, `mean`, `sd`.
    category_shares
        Share of each answer among those who answered, and `missing` among all rows; None when the items
        hold more than eleven different values.
    correlations
        Inter-item correlations, in item order.
    suspected_reversed
        Items whose sign on the first principal component opposes the majority; never reversed.
    n_obs
        Rows used, after dropping.
    n_dropped
        Rows left out by the rule.
    n_pair_least
        Fewest people behind any covariance.
    draws
        Bootstrap draws that gave an alpha, None without bootstrap.
    """

    estimate: float
    ci: Interval
    normal_ci: Interval
    confidence: float
    interval: str
    missing: str
    standardized: float
    lambda6: float
    average_r: float
    median_r: float
    var_r: float
    signal_noise: float
    ase: float
    one_factor_fit: float
    mean: float
    sd: float
    if_dropped: pd.DataFrame
    item_statistics: pd.DataFrame
    category_shares: pd.DataFrame | None
    correlations: pd.DataFrame
    suspected_reversed: tuple[str, ...]
    n_obs: int
    n_items: int
    n_dropped: int
    n_pair_least: int
    draws: Draws | None

    def to_frame(self) -> pd.DataFrame:
        """Give estimate, interval and companions as one row."""
        row = {
            "alpha": self.estimate,
            "ci_lower": self.ci.lower,
            "ci_upper": self.ci.upper,
            "standardized": self.standardized,
            "lambda6": self.lambda6,
            "average_r": self.average_r,
            "median_r": self.median_r,
            "signal_noise": self.signal_noise,
            "ase": self.ase,
            "mean": self.mean,
            "sd": self.sd,
            "n_obs": self.n_obs,
            "n_items": self.n_items,
        }
        return pd.DataFrame([row])


def cronbach_alpha(
    items: pd.DataFrame,
    missing: Missing = "listwise",
    confidence: float = 0.95,
    *,
    interval: Literal["feldt", "jackknife", "bootstrap"] = "feldt",
    draws: int = 1000,
    seed: int = 1,
) -> AlphaResult:
    """Internal consistency of items that measure one thing (Cronbach's alpha).

    Use it for one unidimensional theme whose items are keyed in the same direction. It is a lower bound of
    reliability only when errors are uncorrelated, and equals it only under equal loadings: report `omega`
    beside it. Not for a total over several themes, and not evidence of one dimension.

    Parameters
    ----------
    items
        Shape (n_persons, n_items): numeric codes, NA for missing, reversed items already reversed.
    missing
        `"listwise"`: complete rows only. `"pairwise"`: each covariance over the people who answered both
        items; people without any answer are dropped.
    confidence
        Coverage of the intervals.
    interval
        `"feldt"` (exact under normal items of equal covariances), `"jackknife"` (asks nothing of how answers
        are distributed) or `"bootstrap"` (percentiles over people).
    draws, seed
        Bootstrap draws and their seed.

    Returns
    -------
    AlphaResult
        `.estimate`, `.ci`, `.if_dropped` and companions.

    Raises
    ------
    ResponseDataError
        Text, constant, empty or repeated columns, fewer than two items, an unknown option.
    NotEstimableError
        Too few rows left, a pair of items that nobody answered, or a total score without variance.

    Warns
    -----
    ToolkitWarning
        Items keyed against the others (named, not reversed), items that correlate 1.00, lost draws.

    Notes
    -----
    Alpha = k / (k - 1) × (1 - tr C / 1'C1). The estimate agrees with pingouin, whose limits are rounded to
    three decimals and count people before they are dropped. `ase` is the large-sample formula of van Zyl,
    Neudecker and Nel. Under the pairwise rule, intervals use the number of rows with any answer, as psych
    does; they are a little too narrow, and the jackknife or the bootstrap is preferable.

    Feldt's interval covers too seldom where answers are skewed: .78 to .81 where the loadings are .8 and
    seven in ten choose the highest of five answers, of 30 as of 200 people. The jackknife of
    `log(1 − alpha)`, Student's t, covers .89, .90 and .94 there, and .95 to .96 of symmetric answers.

    In R: `psych::alpha(items, check.keys = FALSE)` for pairwise, on `na.omit(items)` for listwise.

    References
    ----------
    Cronbach, L. J. (1951). doi:10.1007/BF02310555
    Feldt, L. S., Woodruff, D. J., & Salih, F. A. (1987). doi:10.1177/014662168701100107
    van Zyl, J. M., Neudecker, H., & Nel, D. G. (2000). doi:10.1007/BF02296146
    Efron, B., & Stein, C. (1981). doi:10.1214/aos/1176345462 (jackknife)
    Maydeu-Olivares, A., Coffman, D. L., & Hartmann, W. M. (2007). doi:10.1037/1082-989X.12.2.157
    Duhachek, A., & Iacobucci, D. (2004). doi:10.1037/0021-9010.89.5.792

    Examples
    --------
    Ratings of Shrout and Fleiss (1979), the judges as items; numbers from `psych::alpha`.

    >>> ratings = pd.DataFrame(
    ...     [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    ...     columns=["j1", "j2", "j3", "j4"],
    ... )
    >>> result = cronbach_alpha(ratings)
    >>> print(f"{result.estimate:.4f}, standardised {result.standardized:.4f}, n = {result.n_obs}")
    0.9093, standardised 0.9269, n = 6
    >>> print(result.if_dropped["alpha"].round(4).to_string())
    j1    0.8834
    j2    0.8665
    j3    0.8715
    j4    0.9179
    """
    checked_level(confidence, CALLER)
    if interval not in ("feldt", "jackknife", "bootstrap"):
        fact = f"interval is {interval!r}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, 'choose "feldt", "jackknife" or "bootstrap".'))
    table = item_table(items, missing, CALLER)
    covariance = checked_covariance(table, CALLER)
    _refuse_total_without_variance(covariance, table)
    resampled = (
        _resample(table.values, draws, checked_seed(seed, CALLER)) if interval == "bootstrap" else None
    )
    result = _result(table, covariance, missing, confidence, interval, resampled)
    warn_of_opposed(CALLER, result.suspected_reversed)
    return result


def _refuse_total_without_variance(covariance: Array, table: ItemTable) -> None:
    if covariance.sum() > 1e-10 * np.trace(covariance):
        return
    fact = f"the sum of {len(table.names)} items has no variance over {len(table.values)} rows."
    hint = "look for items that oppose each other and reverse them."
    raise NotEstimableError(fact_and_hint(CALLER, fact, hint))


def _resample(values: Array, draws: int, seed: int) -> Draws:
    def statistic(drawn: Array) -> tuple[float, ...]:
        covariance = pairwise_covariance(drawn)
        usable = np.isfinite(covariance).all() and covariance.sum() > 0
        return (kernels.alpha_of(covariance) if usable else float("nan"),)

    return bootstrap(values, statistic, ("alpha",), draws=draws, seed=seed, caller=CALLER)


def _by_jackknife(values: Array, alpha: float, confidence: float) -> Interval:
    n, k = values.shape
    at_once = max(1, LARGEST_BLOCK // (k * k))
    left_out = []
    for first in range(0, n, at_once):
        covariance = covariances_without_each(values, slice(first, first + at_once))
        total = covariance.sum(axis=(1, 2))
        total[total <= 0] = np.nan  # the sum of the items does not vary without this person
        own = np.einsum("njj->n", covariance)
        left_out.append(1 - k / (k - 1) * (1 - own / total))
    rest = np.concatenate(left_out)
    logs = np.log(np.where(rest > 0, rest, np.nan))
    half = float(jackknife_half(logs, confidence))
    return Interval(1 - (1 - alpha) * np.exp(half), 1 - (1 - alpha) * np.exp(-half))


def _result(
    table: ItemTable,
    covariance: Array,
    missing: str,
    confidence: float,
    interval: str,
    resampled: Draws | None,
) -> AlphaResult:
    parts = kernels.alpha_parts(covariance)
    n = len(table.values)
    estimate = parts.alpha
    ase = float(np.sqrt(parts.variance / n))
    if resampled is not None:
        ci = resampled.interval("alpha", confidence)
    elif interval == "jackknife":
        ci = _by_jackknife(table.values, estimate, confidence)
    else:
        ci = kernels.feldt_interval(estimate, n, len(table.names), confidence)
    correlation = correlation_of(covariance)
    person_means = np.nanmean(table.values, axis=1)
    answered = np.isfinite(table.values).astype(np.float64)
    return AlphaResult(
        estimate=estimate,
        ci=ci,
        normal_ci=kernels.normal_interval(estimate, ase, confidence),
        confidence=confidence,
        interval=interval,
        missing=missing,
        standardized=parts.standardized,
        lambda6=parts.lambda6,
        average_r=parts.average_r,
        median_r=parts.median_r,
        var_r=parts.var_r,
        signal_noise=parts.signal_noise,
        ase=ase,
        one_factor_fit=parts.one_factor_fit,
        mean=float(person_means.mean()),
        sd=float(person_means.std(ddof=1)),
        if_dropped=_if_dropped(covariance, table.names, n),
        item_statistics=_item_statistics(table, covariance, person_means),
        category_shares=category_shares(table),
        correlations=pd.DataFrame(correlation, index=list(table.names), columns=list(table.names)),
        suspected_reversed=opposed_items(correlation, table.names),
        n_obs=n,
        n_items=len(table.names),
        n_dropped=table.n_dropped,
        n_pair_least=int((answered.T @ answered).min()),
        draws=resampled,
    )


def _if_dropped(covariance: Array, names: tuple[str, ...], n: int) -> pd.DataFrame:
    columns = {
        "alpha": "alpha",
        "standardized": "standardized",
        "lambda6": "lambda6",
        "average_r": "average_r",
        "signal_noise": "signal_noise",
        "ase": "variance",
        "var_r": "var_r",
        "median_r": "median_r",
    }
    table = pd.DataFrame(np.nan, index=pd.Index(names), columns=list(columns))
    if len(names) == 2:
        return table
    for position, name in enumerate(names):
        parts = kernels.alpha_parts(np.delete(np.delete(covariance, position, 0), position, 1))
        table.loc[name] = [getattr(parts, field) for field in columns.values()]
    return table.assign(ase=np.sqrt(table["ase"] / n))


def _item_statistics(table: ItemTable, covariance: Array, person_means: Array) -> pd.DataFrame:
    plain, corrected = kernels.item_total_correlations(correlation_of(covariance))
    columns = {
        "n": np.isfinite(table.values).sum(axis=0),
        "raw_r": _correlation_with(table.values, person_means),
        "standardized_r": plain,
        "corrected_r": corrected,
        "item_rest_r": kernels.item_rest_correlations(covariance),
        "mean": np.nanmean(table.values, axis=0),
        "sd": np.nanstd(table.values, axis=0, ddof=1),
    }
    return pd.DataFrame(columns, index=pd.Index(table.names))


def _correlation_with(values: Array, other: Array) -> Array:
    """Correlate each column with one score over the rows that answered it."""
    correlations = np.empty(values.shape[1])
    for column, answers in enumerate(values.T):
        there = np.isfinite(answers)
        correlations[column] = np.corrcoef(answers[there], other[there])[0, 1]
    return correlations


def category_shares(table: ItemTable) -> pd.DataFrame | None:
    """Share of each answer per item, and of missing answers among the rows.

    Parameters
    ----------
    table
        Checked answers.

    Returns
    -------
    pandas.DataFrame or None
        One row per item, one column per value in rising order, then `missing`; None above eleven values.
    """
    given = np.unique(table.values[np.isfinite(table.values)])
    if len(given) > MOST_CATEGORIES:
        return None
    counts = (table.values[:, :, None] == given).sum(axis=0)
    answered = np.isfinite(table.values).sum(axis=0)
    shares = pd.DataFrame(
        counts / answered[:, None],
        index=pd.Index(table.names),
        columns=[f"{value:g}" for value in given],
    )
    return shares.assign(missing=1.0 - answered / len(table.values))
