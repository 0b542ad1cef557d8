"""Public function: growth curves, where the means belong to the latent variables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.structural.fitting import CONTINUOUS_ESTIMATORS, ORDINAL_ESTIMATORS, fit_model
from analysis.structural.inference.result import StructuralResult
from analysis.structural.language.curve_syntax import ordinal_curve
from analysis.structural.options import ModelOptions
from instrument.answers import table_of
from instrument.errors import DefinitionError, fact_and_hint, name_offenders, warn_user


def growth(
    model: str,
    data: pd.DataFrame,
    estimator: str | None = None,
    missing: str | None = None,
    group: str | None = None,
    group_equal: str | Sequence[str] = (),
    group_partial: str | Sequence[str] = (),
    orthogonal: bool = False,
    cluster: str | None = None,
    sampling_weights: str | None = None,
    ordered: bool | Sequence[str] = False,
) -> StructuralResult:
    """Fit a latent growth curve: as `sem`, with the means in the latent variables.

    Use it for a score measured three times or more, to ask how fast people change on average, how much they
    differ in that, and what goes with it. Do not use it to ask whether one thing goes before another
    (`panel_model`), nor for items whose meaning may change between waves (`longitudinal_invariance` first).

    Parameters
    ----------
    model
        As in `sem`. Loadings of the growth factors are the times: `i =~ 1*t1 + 1*t2 + 1*t3` for the level at
        time 0, `s =~ 0*t1 + 1*t2 + 3*t3` for the change per unit of time.
    data
        Shape (n_persons, n_variables): wide, one column per variable and wave; missing as NA.
    estimator
        "ML" (None) or "MLR"; of ordinal answers "WLSMV" (None) or "ULSMV".
    missing, group, group_equal, group_partial, orthogonal, cluster, sampling_weights
        As in `sem`: None is full information where answers are missing (of ordinal answers all pairs).
    ordered
        Ordinal answers, one item at each wave: True, or names of the columns.

    Returns
    -------
    StructuralResult
        Rows `i ~1` and `s ~1` of `.parameters` hold mean level and mean change, `~~` their variances.

    Raises
    ------
    DefinitionError
        For estimators that do not go with `ordered`, categories that differ between waves, and as `sem`.
    ResponseDataError, NotEstimableError
        As `sem`.

    Notes
    -----
    y_t = i + s·time_t + e_t: intercepts of observed variables are fixed at 0, those of latent variables are
    free; everything else is as in `sem`. Intercepts of other modelled variables (an outcome of the curve, a
    predictor with `x ~~ x`) are 0 too, as in lavaan, and a warning names them.
    R equivalent: `lavaan::growth(model, data)`.

    One ordinal item at each wave has no mean to follow. With `ordered` thresholds that are equal at all waves
    (and groups) carry the curve: the mean level is 0 in the first group, the unit is the residual standard
    deviation of its first wave (`~~` of later waves are free, with two categories all are 1), and `s ~1` is
    the mean change in that unit. What the model says itself of thresholds, means and residuals is kept. Not
    where what a category means may move between waves. R: `sem` with these lines,
    `parameterization = "theta"` (Mehta, Neale & Flay, 2004).

    References
    ----------
    Meredith, W., & Tisak, J. (1990). Latent curve analysis. Psychometrika, 55, 107-122.
    https://doi.org/10.1007/BF02294746
    Mehta, P. D., Neale, M. C., & Flay, B. R. (2004). Squeezing interval change from ordinal panel data.
    Psychological Methods, 9, 301-333. https://doi.org/10.1037/1082-989X.9.3.301

    Examples
    --------
    Level 3 and change 0.5 per wave, without people who differ in their change by more than 0.2.

    >>> import numpy as np
    >>> draw = np.random.default_rng(5).normal
    >>> level, change = 3 + draw(size=400), 0.5 + 0.2 * draw(size=400)
    >>> waves = {f"t{k}": level + k * change + 0.5 * draw(size=400) for k in range(4)}
    >>> fit = growth("i =~ 1*t0 + 1*t1 + 1*t2 + 1*t3; s =~ 0*t0 + 1*t1 + 2*t2 + 3*t3", pd.DataFrame(waves))
    >>> means = fit.parameters.query("op == '~1' and lhs in ('i', 's')").set_index("lhs")
    >>> bool((abs(means["est"] - [3, 0.5]) < 3 * means["se"]).all())
    True
    >>> fit.fit["df"].item()
    5.0
    """
    if "=~" not in model:
        fact = "the model has no growth factor (=~), so that every mean would be 0."
        raise DefinitionError(fact_and_hint("growth", fact, "write i =~ 1*t1 + 1*t2 + 1*t3, or use sem."))
    ordinal = bool(ordered) if isinstance(ordered, bool | str) else len(ordered) > 0
    known = ORDINAL_ESTIMATORS if ordinal else CONTINUOUS_ESTIMATORS
    if estimator is not None and estimator not in known:
        taken = "numbers" if estimator in ORDINAL_ESTIMATORS else "ordinal"
        fact = f"estimator {estimator!r} does not take answers as {taken}."
        hint = f"use {known[0]!r} or {known[1]!r}" + (
            ", or name ordinal answers with ordered=." if taken == "numbers" else "."
        )
        raise DefinitionError(fact_and_hint("growth", fact, hint))
    names: bool | list[str] = False
    if ordinal:
        data = table_of(data, "growth", "data")
        model, names = ordinal_curve(model, data, ordered, group)
    options = ModelOptions(
        estimator=estimator or known[0],
        ordered=names,
        missing=missing,
        group=group,
        group_equal=group_equal,
        group_partial=group_partial,
        meanstructure=True,
        orthogonal=orthogonal,
        cluster=cluster,
        sampling_weights=sampling_weights,
        parameterization="theta" if ordinal else "delta",
        growth=not ordinal,  # the text of an ordinal curve says of all means what they are
    )
    fit = fit_model("growth", model, data, options)
    if not ordinal:
        _warn_of_zero_means(fit)
    return fit


def _warn_of_zero_means(fit: StructuralResult) -> None:
    """Say that variables that show no growth factor have their means held at zero, which data seldom bear."""
    table = fit._fitted.table
    shown = {row.rhs for row in table.rows if row.op in ("=~", "<~")}
    held = [
        row.lhs
        for row in table.rows
        if row.op == "~1" and not (row.user or row.exogenous or row.role) and row.fixed == 0.0
    ]
    names = [n for n in dict.fromkeys(held) if n in table.names.observed and n not in shown]
    if names:
        fact = (
            f"intercepts of variables that no factor is measured by are held at 0: {name_offenders(names)}."
        )
        hint = f"write '{names[0]} ~ 1' to free one, or '{names[0]} ~ 0*1' to say that it is meant."
        warn_user(fact_and_hint("growth", fact, hint))
