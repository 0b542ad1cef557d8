"""Measurement invariance between groups and between waves, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.common import rules
from analysis.common.result import Result
from analysis.common.rules import Rule
from analysis.structural.fitting import CONTINUOUS_ESTIMATORS, ORDINAL_ESTIMATORS
from analysis.structural.inference.compare_models import compare_models
from analysis.structural.inference.result import StructuralResult
from analysis.structural.language.naming import acting_for
from analysis.structural.language.ordinal_levels import ORDINAL_LEVELS, ordinal_syntax, read_measurement
from analysis.structural.models import cfa
from instrument.answers import table_of
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    name_offenders,
)

CONTINUOUS_LEVELS = {
    "configural": (),
    "metric": ("loadings",),
    "scalar": ("loadings", "intercepts"),
    "strict": ("loadings", "intercepts", "residuals"),
}
INDICES = (
    "chisq",
    "df",
    "pvalue",
    "cfi",
    "tli",
    "rmsea",
    "srmr",
    "aic",
    "bic",
    "chisq_scaled",
    "pvalue_scaled",
    "cfi_scaled",
    "tli_scaled",
    "rmsea_scaled",
    "cfi_robust",
    "tli_robust",
    "rmsea_robust",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class InvarianceResult(Result):
    """Levels of invariance, from the freest to the most equal.

    Attributes
    ----------
    table
        One row per level: level, fit indices as in `StructuralResult.fit`, then against the level
        above: testable, cfi_diff, rmsea_diff, srmr_diff, chisq_diff, df_diff, pvalue_diff, and whether the
        two named rules hold (cfi_holds, rmsea_holds). A level is not testable where it restricts nothing,
        such as equal thresholds of items with three categories or fewer; its differences are NaN and its
        rules None, as those of the first row, and the next level is held against it.
    fits
        Level to fitted model.
    group
        Column with the groups, or the waves.
    n_obs
        Rows used.
    rules
        The rules applied to the differences.
    variant
        Which variant of the indices the differences are taken from: naive for ML, scaled otherwise.
    """

    table: pd.DataFrame
    fits: dict[str, StructuralResult]
    group: str
    n_obs: int
    rules: tuple[Rule, Rule]
    variant: str

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per level.
        """
        return self.table

    def highest_level(self) -> str:
        """Name the last testable level up to which both rules hold.

        Returns
        -------
        str
            A level; the first one, such as "configural", when the first step that can be tested fails.
        """
        reached = str(self.table["level"].iloc[0])
        for row in self.table.iloc[1:].itertuples(index=False):
            if not row.testable:
                continue
            if not (row.cfi_holds and row.rmsea_holds):
                break
            reached = str(row.level)
        return reached


def invariance(
    model: str,
    data: pd.DataFrame,
    group: str,
    ordered: bool = True,
    estimator: str | None = None,
    levels: Sequence[str] | None = None,
    partial: Sequence[str] = (),
    missing: str | None = None,
) -> InvarianceResult:
    """Test whether a scale measures the same in every group.

    Use it before means of groups are compared; equal loadings justify comparing relations, equal
    thresholds or intercepts justify comparing means. Small groups rarely have the power to show a
    difference: read the estimates, too.

    Parameters
    ----------
    model
        Measurement model in lavaan's language; `=~` and `~~` only.
    data
        Shape (n_persons, n_variables), with the column of the groups.
    group
        Name of that column; rows without a group are left out.
    ordered
        True: ordinal items, identified as Wu and Estabrook (2016), theta parameterisation.
        False: continuous items.
    estimator
        "WLSMV" for ordinal items; "MLR" (default) or "ML" for continuous ones.
    levels
        Levels to fit, in their order; all by default. Ordinal: configural, thresholds, metric, scalar,
        strict. Continuous: configural, metric, scalar, strict.
    partial
        Parameters left free between groups, such as "f=~x2", "x3|t2", "x3~1" or "x3~~x3".
    missing
        As in `cfa`.

    Returns
    -------
    InvarianceResult
        `.table`, `.fits`, `.highest_level()`.

    Raises
    ------
    DefinitionError
        For unknown levels, models with more than `=~` and `~~`, and parameters that do not exist.
    NotEstimableError
        For a group that lacks a category, and for whatever `cfa` refuses.

    Notes
    -----
    Ordinal levels: thresholds equal, with intercepts and residual variances free but for the first group;
    then loadings equal and latent variances free; then intercepts 0 everywhere and latent means free;
    then residual variances 1 everywhere. With three categories equal thresholds restrict nothing; with two,
    thresholds and loadings are tested together with the intercepts. Differences of fit are those of the
    scaled indices for WLSMV and MLR and of the plain ones for ML; the chi-square difference is that of
    `compare_models`.

    References
    ----------
    Wu, H., & Estabrook, R. (2016). Identification of confirmatory factor analysis models of different
    levels of invariance for ordered categorical outcomes. Psychometrika, 81, 1014-1045.
    https://doi.org/10.1007/s11336-016-9506-0
    Chen, F. F. (2007). Sensitivity of goodness of fit indexes to lack of measurement invariance.
    https://doi.org/10.1080/10705510701301834

    R equivalent: `semTools::measEq.syntax(..., ID.cat = "Wu.Estabrook.2016")`, then `lavaan::cfa`.

    Examples
    --------
    >>> from analysis.simulation.simulate_study import simulate_study
    >>> study = simulate_study("dta_example", n=400, seed=2)
    >>> first = study.responses[study.responses["wave"] == "week3"].merge(study.covariates)
    >>> items = study.instrument.theme_items(study.instrument.dimension_themes[0])[:4]
    >>> result = invariance("f =~ " + " + ".join(items), first, group="language", ordered=False)
    >>> result.table["level"].tolist()
    ['configural', 'metric', 'scalar', 'strict']
    """
    known = tuple(ORDINAL_LEVELS) if ordered else tuple(CONTINUOUS_LEVELS)
    chosen = _chosen_levels(levels, known)
    data = table_of(data, "invariance", "data")
    _check_columns(model, data, group)
    if data[group].nunique() < 2:  # rows without a group are left out by every fit
        fact = f"column {group!r} holds {data[group].nunique()} group(s)."
        raise NotEstimableError(fact_and_hint("invariance", fact, "two groups or more are needed."))
    used = suited_estimator(estimator, ordered, "invariance")
    with acting_for("invariance"):
        fits = {
            level: _fit_level(model, data, group, level, ordered, used, tuple(partial), missing)
            for level in chosen
        }
    variant = "naive" if used == "ML" else "scaled"
    pair = (
        (rules.INVARIANCE_CFI_ORDINAL, rules.INVARIANCE_RMSEA_ORDINAL)
        if ordered
        else (rules.INVARIANCE_CFI, rules.INVARIANCE_RMSEA)
    )
    first = next(iter(fits.values()))
    return InvarianceResult(
        table=level_table(fits, variant, pair),
        fits=fits,
        group=group,
        n_obs=int(first.n_obs),
        rules=pair,
        variant=variant,
    )


def suited_estimator(estimator: str | None, ordered: bool, caller: str) -> str:
    """Give the estimator wanted, or the usual one; refuse one that does not suit the kind of items.

    Parameters
    ----------
    estimator
        As given; None for the usual one.
    ordered
        Whether items are ordinal.
    caller
        Function that was called, for the message.

    Returns
    -------
    str
        Its name.

    Raises
    ------
    DefinitionError
        For an estimator of the other kind of items.
    """
    used = estimator or ("WLSMV" if ordered else "MLR")
    suited = ORDINAL_ESTIMATORS if ordered else CONTINUOUS_ESTIMATORS
    if used not in suited:
        fact = f"estimator {used!r} does not suit {'ordinal' if ordered else 'continuous'} items."
        raise DefinitionError(fact_and_hint(caller, fact, f"choose one of {list(suited)}."))
    return used


def _chosen_levels(levels: Sequence[str] | None, known: tuple[str, ...]) -> list[str]:
    chosen = list(known if levels is None else levels)
    if unknown := [level for level in chosen if level not in known]:
        fact = f"unknown levels: {name_offenders(unknown)}."
        raise DefinitionError(fact_and_hint("invariance", fact, f"choose from {name_offenders(known)}."))
    if not chosen:
        raise DefinitionError(
            fact_and_hint("invariance", "no levels are named.", f"choose from {name_offenders(known)}.")
        )
    return sorted(set(chosen), key=known.index)


def _check_columns(model: str, data: pd.DataFrame, group: str) -> None:
    """Refuse what has no such groups, or holds a column twice."""
    columns = list(data.columns)
    if group not in columns:
        fact = f"there is no column {group!r}."
        raise DefinitionError(fact_and_hint("invariance", fact, "name the column that holds the groups."))
    named = [group, *read_measurement(model).items]
    if twice := [name for name in named if columns.count(name) > 1]:
        fact = f"columns appear twice: {name_offenders(twice)}."
        raise ResponseDataError(fact_and_hint("invariance", fact, "keep one of each."))


def _fit_level(
    model: str,
    rows: pd.DataFrame,
    group: str,
    level: str,
    ordered: bool,
    estimator: str,
    partial: tuple[str, ...],
    missing: str | None,
) -> StructuralResult:
    if ordered:
        syntax = ordinal_syntax(model, rows, group, level, partial)
        return cfa(syntax, rows, estimator=estimator, group=group, parameterization="theta", missing=missing)
    equal = CONTINUOUS_LEVELS[level]
    return cfa(
        model,
        rows,
        estimator=estimator,
        ordered=False,
        group=group,
        group_equal=equal,
        group_partial=partial if equal else (),
        missing=missing,
    )


def level_table(fits: dict[str, StructuralResult], variant: str, pair: tuple[Rule, Rule]) -> pd.DataFrame:
    """Put levels side by side with their differences.

    Parameters
    ----------
    fits
        Level to model, freest first.
    variant
        `naive` or `scaled`: the indices the differences are taken from.
    pair
        Rules for the change of CFI and of RMSEA.

    Returns
    -------
    pandas.DataFrame
        One row per level.
    """
    end = "" if variant == "naive" else "_scaled"
    rows: list[dict[str, object]] = []
    previous: tuple[str, StructuralResult] | None = None
    for level, fit in fits.items():
        row: dict[str, object] = {"level": level}
        row |= {name: float(fit.fit[name]) for name in INDICES if name in fit.fit.index}
        change: dict[str, object] = dict.fromkeys(
            ("cfi_diff", "rmsea_diff", "srmr_diff", "chisq_diff", "df_diff", "pvalue_diff"), float("nan")
        )
        change |= {"testable": None, "cfi_holds": None, "rmsea_holds": None}
        if previous is not None and fit.fit["df"] == previous[1].fit["df"]:
            change |= {"testable": False, "df_diff": 0.0}
        elif previous is not None:
            before = previous[1].fit
            two = {previous[0]: previous[1], level: fit}
            step = compare_models(two, assume_nested=True).table.iloc[-1]
            cfi, rmsea = (float(fit.fit[k + end] - before[k + end]) for k in ("cfi", "rmsea"))
            change = {
                "testable": True,
                "cfi_diff": cfi,
                "rmsea_diff": rmsea,
                "srmr_diff": float(fit.fit["srmr"] - before["srmr"]),
                "chisq_diff": float(step["chisq_diff"]),
                "df_diff": float(step["df_diff"]),
                "pvalue_diff": float(step["pvalue"]),
                "cfi_holds": pair[0].holds(cfi),
                "rmsea_holds": pair[1].holds(rmsea),
            }
        rows.append(row | change)
        previous = (level, fit)
    return pd.DataFrame(rows)
