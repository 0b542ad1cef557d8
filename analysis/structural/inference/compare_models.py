"""Compare fitted models: difference tests that suit the estimator, information criteria, equivalence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import null_space
from scipy.stats import chi2

from analysis.common.result import Result
from analysis.common.threads import one_thread
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.information import Block, weigh
from analysis.structural.estimation.ram import Array
from analysis.structural.inference.nested import check_comparable, holds
from analysis.structural.inference.result import StructuralResult
from instrument.errors import DefinitionError, fact_and_hint, name_offenders, warn_user

METHODS = ("auto", "satorra_2000", "satorra_bentler_2001", "standard")
FITS_WORSE = 1e-4  # chi-square: what a nested model may lie below the freer one by chance of the search
SAME_IMPLIED = 1e-4  # largest difference of implied correlations between equivalent models


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ComparisonResult(Result):
    """Models side by side, from the least to the most restricted.

    Attributes
    ----------
    table
        One row per model: model, df, chisq, cfi, rmsea, srmr, aic, bic; then, against the row above,
        nested, chisq_diff, df_diff, pvalue, cfi_diff, rmsea_diff, srmr_diff. Models that are not nested
        have no test of their difference (NaN).
    method
        The difference test: "standard", "satorra_bentler_2001" or "satorra_2000".
    equivalent
        Groups of models with the same degrees of freedom and the same implied moments: no data can tell
        them apart.
    """

    table: pd.DataFrame
    method: str
    equivalent: list[list[str]]

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per model.
        """
        return self.table


def compare_models(
    models: Mapping[str, StructuralResult], method: str = "auto", assume_nested: bool = False
) -> ComparisonResult:
    """Compare models fitted to the same variables of the same rows.

    A difference test asks whether a restriction holds, so it is given only where each model is nested in the
    one above, which is tried (`nested`); information criteria (ML only) need no nesting.

    Parameters
    ----------
    models
        Name to result, at least two.
    method
        "auto": the likelihood-ratio test for ML, Satorra and Bentler (2001) for MLR, Satorra (2000) with
        mean and variance adjustment for WLSMV and ULSMV; or one of "standard", "satorra_bentler_2001",
        "satorra_2000".
    assume_nested
        Leave out the trial, for models that were made from each other by fixing or equating parameters.

    Returns
    -------
    ComparisonResult
        `.table`, `.method`, `.equivalent`.

    Raises
    ------
    DefinitionError
        For models on different variables, rows, groups or estimators.

    Notes
    -----
    Satorra and Bentler (2001): T_d = (T_0 - T_1) / c_d with c_d = (df_0 c_0 - df_1 c_1) / (df_0 - df_1).
    Satorra (2000) takes the first two moments of the difference from the restriction itself.
    The order is by degrees of freedom. R equivalent: `lavaan::lavTestLRT(fit1, fit2)`.

    References
    ----------
    Satorra, A., & Bentler, P. M. (2001). A scaled difference chi-square test statistic for moment
    structure analysis. Psychometrika, 66, 507-514. https://doi.org/10.1007/BF02296192
    Satorra, A. (2000). Scaled and adjusted restricted tests in multi-sample analysis of moment
    structures. https://doi.org/10.1007/978-1-4615-4603-0_17

    Examples
    --------
    >>> from analysis.structural.models import cfa
    >>> import numpy as np, pandas as pd
    >>> i = np.arange(1, 121)
    >>> f, g = np.sin(i), np.sin(i + 1)
    >>> table = pd.DataFrame({
    ...     "x1": f + 0.5 * np.cos(3 * i), "x2": 0.8 * f + 0.6 * np.cos(5 * i),
    ...     "x3": 0.7 * f + 0.7 * np.cos(7 * i), "x4": 0.9 * g + 0.5 * np.cos(11 * i),
    ...     "x5": 0.8 * g + 0.6 * np.cos(13 * i), "x6": 0.6 * g + 0.6 * np.cos(17 * i)})
    >>> model = "f =~ x1 + x2 + x3; g =~ x4 + x5 + x6"
    >>> models = {
    ...     "correlated": cfa(model, table, "ML"), "orthogonal": cfa(model, table, "ML", orthogonal=True)}
    >>> compare_models(models).table["chisq_diff"].round(3).tolist()  # as in R
    [nan, 30.055]
    """
    if not isinstance(models, Mapping) or not all(isinstance(m, StructuralResult) for m in models.values()):
        raise DefinitionError(
            fact_and_hint(
                "compare_models",
                "no mapping of names to fitted models was given.",
                "write {'one': cfa(…), 'two': cfa(…)}.",
            )
        )
    if method not in METHODS:
        raise DefinitionError(
            fact_and_hint(
                "compare_models", f"method {method!r} is unknown.", f"choose one of {list(METHODS)}."
            )
        )
    check_comparable(models)
    ordered = sorted(models, key=lambda name: (models[name].fit["df"], models[name].fit["chisq"]))
    estimator = models[ordered[0]].estimator
    used = method if method != "auto" else _default_method(estimator)
    _check_method(used, estimator)
    rows = [_row(name, models[name]) for name in ordered]
    for k in range(1, len(ordered)):
        free, restricted = models[ordered[k - 1]], models[ordered[k]]
        if assume_nested or holds(free._fitted, restricted._fitted)[0]:
            rows[k] |= {"nested": True, **_difference(free, restricted, used)}
            if restricted._fitted.test.chisq < free._fitted.test.chisq - FITS_WORSE:
                rows[k] |= {"chisq_diff": math.nan, "pvalue": math.nan}
                _warn_fits_worse(ordered[k - 1], ordered[k])
        else:
            rows[k] |= {"nested": False, "df_diff": restricted._fitted.test.df - free._fitted.test.df}
            _warn_not_nested(ordered[k - 1], ordered[k])
        for index in ("cfi", "rmsea", "srmr"):
            rows[k][f"{index}_diff"] = rows[k][index] - rows[k - 1][index]  # type: ignore[operator]
    equivalent = equivalent_models({name: models[name] for name in ordered})
    for group in equivalent:
        warn_user(
            fact_and_hint(
                "compare_models",
                f"equivalent models: {name_offenders(group)} imply the same moments.",
                "choose between them by theory, time order or design, not by fit.",
            )
        )
    return ComparisonResult(table=pd.DataFrame(rows), method=used, equivalent=equivalent)


def _warn_not_nested(free: str, restricted: str) -> None:
    warn_user(
        fact_and_hint(
            "compare_models",
            f"{restricted!r} is not nested in {free!r}: their difference is not tested.",
            "compare their indices or AIC, or fit models that restrict each other.",
        )
    )


def _warn_fits_worse(free: str, restricted: str) -> None:
    warn_user(
        fact_and_hint(
            "compare_models",
            f"{free!r} frees what {restricted!r} holds and fits worse: its search ended in a minimum that "
            "is not the lowest, and their difference is not tested.",
            "give it other starting values with start(), or bounds='pos.var'.",
        )
    )


def _default_method(estimator: str) -> str:
    return {"ML": "standard", "MLR": "satorra_bentler_2001"}.get(estimator, "satorra_2000")


def _check_method(method: str, estimator: str) -> None:
    ordinal = estimator in ("WLSMV", "ULSMV")
    fits = {
        "standard": estimator == "ML",
        "satorra_2000": ordinal,
        "satorra_bentler_2001": estimator == "MLR",
    }
    if not fits[method]:
        raise DefinitionError(
            fact_and_hint("compare_models", f"{method!r} does not suit {estimator}.", "use method='auto'.")
        )


def _row(name: str, result: StructuralResult) -> dict[str, object]:
    fit = result.fit
    best = {index: fit.get(f"{index}_scaled", fit[index]) for index in ("cfi", "rmsea")}
    empty: dict[str, object] = {"nested": None}
    empty |= dict.fromkeys(
        ("chisq_diff", "df_diff", "pvalue", "cfi_diff", "rmsea_diff", "srmr_diff"), float("nan")
    )
    return {
        "model": name,
        "df": int(fit["df"]),
        "chisq": fit["chisq"],
        "chisq_scaled": fit.get("chisq_scaled", math.nan),
        "cfi": best["cfi"],
        "rmsea": best["rmsea"],
        "srmr": fit["srmr"],
        "aic": fit.get("aic", math.nan),
        "bic": fit.get("bic", math.nan),
        **empty,
    }


@one_thread()
def _difference(free: StructuralResult, restricted: StructuralResult, method: str) -> dict[str, object]:
    one, two = free._fitted, restricted._fitted
    df = two.test.df - one.test.df
    if df == 0:
        return {"chisq_diff": math.nan, "df_diff": 0, "pvalue": math.nan}
    gap = two.test.chisq - one.test.chisq
    if method == "satorra_bentler_2001" and (one.test.uncorrectable or two.test.uncorrectable):
        gap = math.nan
    elif method == "satorra_bentler_2001":
        # a saturated model has no scaling factor and contributes nothing
        scales = [0.0 if f.test.df == 0 else f.test.df * f.test.factor for f in (one, two)]
        factor = (scales[1] - scales[0]) / df
        gap = gap / factor if factor > 0 else math.nan
    elif method == "satorra_2000":
        gap = adjusted_difference(one, two, gap, df)
    return {"chisq_diff": gap, "df_diff": df, "pvalue": float(chi2.sf(gap, df)) if gap == gap else math.nan}


def adjusted_difference(free: Fitted, restricted: Fitted, gap: float, df: int) -> float:
    """Mean and variance adjusted difference of two least-squares statistics (Satorra 2000)."""
    blocks = [Block(b.delta @ free.reduction.basis, b.gamma, b.weight, b.share) for b in free.blocks]
    inner = [_aligned(free, restricted, b.delta) @ restricted.reduction.basis for b in restricted.blocks]
    bread = np.sum([b.share * b.delta.T @ weigh(b, b.delta) for b in blocks], axis=0)
    meat = np.zeros_like(bread)
    for block in blocks:
        pulled = weigh(block, block.delta)
        meat += block.share * pulled.T @ block.gamma @ pulled
    within = np.linalg.lstsq(np.vstack([b.delta for b in blocks]), np.vstack(inner), rcond=None)[0]
    restriction = null_space(within.T).T
    inverse = np.linalg.inv(bread)
    through = inverse @ restriction.T
    middle = through @ np.linalg.solve(restriction @ through, through.T) @ meat
    first, second = float(np.trace(middle)), float(np.sum(middle * middle.T))
    scale = math.sqrt(df / second)
    return gap * scale + df - scale * first


def _aligned(free: Fitted, restricted: Fitted, delta: Array) -> Array:
    """Bring the moments of the restricted model into the order of the free one."""
    names, others = free.table.names.observed, restricted.table.names.observed
    if names == others:
        return delta
    if free.two_level_moments:
        fact = "the models name the items of level 1 in different orders."
        hint = "write both with the items in one order."
        raise DefinitionError(fact_and_hint("compare_models", fact, hint))
    where = {name: k for k, name in enumerate(others)}
    counts = [restricted.table.options.ordered[name] - 1 for name in others]
    begin = np.concatenate([[0], np.cumsum(counts)])
    rows = [np.arange(begin[where[n]], begin[where[n] + 1]) for n in names]
    p = len(names)
    place = np.zeros((p, p), dtype=int)
    column, row = np.triu_indices(p, 1)
    place[row, column] = place[column, row] = begin[-1] + np.arange(len(row))
    order = [where[n] for n in names]
    pairs = place[np.ix_(order, order)][row, column]
    return delta[np.concatenate([*rows, pairs])]


def equivalent_models(models: Mapping[str, StructuralResult]) -> list[list[str]]:
    """Group models with equal degrees of freedom and equal implied moments; only groups of several."""
    groups: list[list[str]] = []
    for name in models:
        fitted = models[name]._fitted
        for group in groups:
            if _same_implied(models[group[0]]._fitted, fitted):
                group.append(name)
                break
        else:
            groups.append([name])
    return [group for group in groups if len(group) > 1]


def _same_implied(one: Fitted, two: Fitted) -> bool:
    close = abs(one.test.chisq - two.test.chisq) <= 1e-4 * max(1.0, one.test.chisq)
    if one.test.df != two.test.df or not close:
        return False
    for block, (a, b) in enumerate(zip(one.states, two.states, strict=True)):
        own, theirs = one.table.names_of(block).observed, two.table.names_of(block).observed
        if set(own) != set(theirs):
            return False
        order = [theirs.index(n) for n in own]
        first, second = a.sigma, b.sigma[np.ix_(order, order)]
        scale = np.sqrt(np.outer(np.diag(first), np.diag(first)))
        other = np.sqrt(np.outer(np.diag(second), np.diag(second)))
        if np.max(np.abs(first / scale - second / other)) > SAME_IMPLIED:
            return False
    return True
