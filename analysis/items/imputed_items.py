"""Missing answers to items filled several times: alpha, omega and models pooled over the completed tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.adherence.models.imputation import IMPUTATIONS, SWEEPS, Pooled, impute, pool
from analysis.common.result import Result
from analysis.reliability.resampling import checked_level, checked_seed
from instrument.answers import numeric_columns, table_of
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

FEWEST_ITEMS = 2
FACTOR = "general_"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PooledConsistency(Result):
    """Internal consistency over completed tables.

    Attributes
    ----------
    table : pandas.DataFrame
        Index: `alpha`, `omega`; estimate, ci_lower, ci_upper, df, missing_information.
    n_obs, n_items, imputations : int
        Persons, items and completed tables.
    confidence : float
        Confidence level.
    """

    table: pd.DataFrame
    n_obs: int
    n_items: int
    imputations: int
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """One row per coefficient."""
        return self.table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PooledModel(Result):
    """A model over completed tables.

    Attributes
    ----------
    parameters : pandas.DataFrame
        lhs, op, rhs, group, est, se, df, pvalue, ci_lower, ci_upper, missing_information of every free or
        derived row.
    fit : pandas.Series
        Pooled test of fit (D2): statistic, df1, df2, pvalue.
    n_obs, imputations, converged : int
        Persons, completed tables, and fits that converged and are pooled.
    confidence : float
        Confidence level of the intervals.
    """

    parameters: pd.DataFrame
    fit: pd.Series
    n_obs: int
    imputations: int
    converged: int
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter."""
        return self.parameters


def impute_items(
    items: pd.DataFrame, imputations: int = IMPUTATIONS, *, sweeps: int = SWEEPS, seed: int = 1
) -> list[pd.DataFrame]:
    """Fill missing answers several times, each from people who answer the other items alike.

    Use it beside the main rule for missing answers, to see what that rule does. Only codes that somebody
    gave are put in. Do not read a completed table as what people said.

    Parameters
    ----------
    items : pandas.DataFrame, shape (n_persons, n_items)
        Answers, missing as NaN; persons without any answer are dropped.
    imputations, sweeps
        Completed tables, and rounds through the items for each.
    seed
        Seed of every draw.

    Returns
    -------
    list of pandas.DataFrame
        Completed tables.

    Raises
    ------
    ResponseDataError
        Fewer than two items, an item without answers, or fewer persons than items.

    Notes
    -----
    Chained regressions with predictive mean matching (five donors). In R: ``mice(method = "pmm")``.

    References
    ----------
    van Buuren, S., & Groothuis-Oudshoorn, K. (2011). Journal of Statistical Software, 45(3).
    https://doi.org/10.18637/jss.v045.i03
    """
    checked_seed(seed, "impute_items")
    frame = numeric_columns(table_of(items, "impute_items"), "impute_items").astype(float).dropna(how="all")
    if frame.shape[1] < FEWEST_ITEMS or len(frame) <= frame.shape[1]:
        fact = f"{frame.shape[1]} items of {len(frame)} persons cannot be imputed from each other."
        raise ResponseDataError(
            fact_and_hint("impute_items", fact, "give two items or more, and more persons.")
        )
    if empty := [str(name) for name in frame.columns if frame[name].isna().all()]:
        fact = f"nobody answered {name_offenders(empty)}."
        raise ResponseDataError(fact_and_hint("impute_items", fact, "leave it out."))
    completed = impute(frame.to_numpy(), seed, imputations, sweeps)
    return [pd.DataFrame(table, index=frame.index, columns=frame.columns) for table in completed]


def pool_consistency(completed: Sequence[pd.DataFrame], *, confidence: float = 0.95) -> PooledConsistency:
    """Alpha, and omega of one factor, pooled over completed tables.

    Parameters
    ----------
    completed
        From `impute_items`, or other imputations: the same items and persons in each.
    confidence
        Confidence level.

    Returns
    -------
    PooledConsistency
        `.table`; omega is missing for two items.

    Raises
    ------
    NotEstimableError
        Fewer than two tables, or an alpha that cannot be had.

    Notes
    -----
    Alpha is pooled as ln(1 - α), with Bonett's variance 2k/((k - 1)(n - 2)); omega is (Σλ)²/((Σλ)² + Σθ) of
    one factor by maximum likelihood with its delta-method error, pooled as it is. Rubin's rules; degrees of
    freedom (m - 1)/λ². In R: ``mice::pool.scalar``.

    References
    ----------
    Bonett, D. G. (2002). Journal of Educational and Behavioral Statistics, 27, 335-340.
    https://doi.org/10.3102/10769986027004335
    """
    from analysis.reliability.cronbach_alpha import cronbach_alpha

    checked_level(confidence, "pool_consistency")
    n, k = completed[0].shape if completed else (0, 0)
    logs = np.array([np.log(1 - cronbach_alpha(table).estimate) for table in completed])
    alpha = pool(logs, np.full(len(logs), 2 * k / ((k - 1) * (n - 2)) if k > 1 else np.nan))
    high, low = alpha.interval(confidence)
    rows = {"alpha": _row(alpha, 1 - np.exp(alpha.estimate), 1 - np.exp(low), 1 - np.exp(high))}
    if k > FEWEST_ITEMS:
        found = pool_model(
            _omega_model(list(completed[0].columns)),
            completed,
            confidence=confidence,
            estimator="ML",
            std_lv=True,
        )
        row = found.parameters[found.parameters["lhs"] == "omega"].iloc[0]
        rows["omega"] = {
            "estimate": row["est"],
            **{key: row[key] for key in ("ci_lower", "ci_upper", "df", "missing_information")},
        }
    return PooledConsistency(
        table=pd.DataFrame(rows).T, n_obs=n, n_items=k, imputations=len(completed), confidence=confidence
    )


def _row(found: Pooled, estimate: float, lower: float, upper: float) -> dict[str, float]:
    ends = {"ci_lower": float(min(lower, upper)), "ci_upper": float(max(lower, upper))}
    return {
        "estimate": float(estimate),
        **ends,
        "df": found.df,
        "missing_information": found.missing_information,
    }


def _omega_model(items: list[str]) -> str:
    loadings = [f"l{k}" for k in range(len(items))]
    errors = [f"e{k}" for k in range(len(items))]
    common = f"({' + '.join(loadings)})^2"
    return "\n".join(
        [
            f"{FACTOR} =~ "
            + " + ".join(f"{name}*{item}" for name, item in zip(loadings, items, strict=True)),
            *(f"{item} ~~ {name}*{item}" for name, item in zip(errors, items, strict=True)),
            f"omega := {common} / ({common} + {' + '.join(errors)})",
        ]
    )


def pool_model(
    model: str, completed: Sequence[pd.DataFrame], *, confidence: float = 0.95, **options: Any
) -> PooledModel:
    """Fit a model to every completed table and pool its parameters and its test of fit.

    Parameters
    ----------
    model
        In lavaan's language.
    completed
        From `impute_items`, or other imputations.
    confidence
        Confidence level.
    **options
        As for `sem`: `estimator`, `ordered`, `std_lv`, …

    Returns
    -------
    PooledModel
        `.parameters`, `.fit`.

    Raises
    ------
    ResponseDataError
        `confidence` does not lie between 0 and 1.
    NotEstimableError
        Fewer than two of the fits converged.

    Notes
    -----
    Rubin's rules for each parameter; the χ² (scaled, where the estimator scales it) is pooled as D2. In R:
    ``mice::pool.scalar``, ``semTools::lavTestLRT.mi``.

    References
    ----------
    Li, K. H., Meng, X. L., Raghunathan, T. E., & Rubin, D. B. (1991). Statistica Sinica, 1, 65-92.
    """
    from analysis.structural.models import sem

    checked_level(confidence, "pool_model")
    fits = []
    for table in completed:
        try:
            fits.append(sem(model, table, **options))
        except NotEstimableError:
            continue
    if len(fits) < 2:
        fact = f"{len(fits)} of {len(completed)} fits to completed tables converged."
        raise NotEstimableError(fact_and_hint("pool_model", fact, "give more tables, or a simpler model."))
    first = fits[0].parameters
    rows = []
    for place in np.flatnonzero(first["se"].to_numpy() > 0):
        estimates = np.array([float(fit.parameters["est"].iloc[place]) for fit in fits])
        errors = np.array([float(fit.parameters["se"].iloc[place]) for fit in fits])
        found = pool(estimates, errors**2)
        lower, upper = found.interval(confidence)
        row = {name: first[name].iloc[place] for name in ("lhs", "op", "rhs", "group")}
        row |= {"est": found.estimate, "se": found.se, "df": found.df, "pvalue": found.pvalue}
        rows.append(
            row | {"ci_lower": lower, "ci_upper": upper, "missing_information": found.missing_information}
        )
    return PooledModel(
        parameters=pd.DataFrame(rows),
        fit=_pooled_test(fits),
        n_obs=fits[0].n_obs,
        imputations=len(completed),
        converged=len(fits),
        confidence=confidence,
    )


def _pooled_test(fits: Sequence[Any]) -> pd.Series:
    """D2 of the tests of fit."""
    name = "chisq_scaled" if "chisq_scaled" in fits[0].fit.index else "chisq"
    values = np.array([float(fit.fit[name]) for fit in fits])
    k, m = float(fits[0].fit["df"]), len(fits)
    if k == 0:
        return pd.Series({"statistic": 0.0, "df1": 0.0, "df2": np.inf, "pvalue": np.nan})
    increase = (1 + 1 / m) * float(np.var(np.sqrt(values), ddof=1))
    statistic = (float(values.mean()) / k - (m + 1) / (m - 1) * increase) / (1 + increase)
    df2 = np.inf if increase == 0 else k ** (-3 / m) * (m - 1) * (1 + 1 / increase) ** 2
    pvalue = (
        float(stats.f.sf(statistic, k, df2)) if np.isfinite(df2) else float(stats.chi2.sf(statistic * k, k))
    )
    return pd.Series({"statistic": statistic, "df1": k, "df2": df2, "pvalue": pvalue})
