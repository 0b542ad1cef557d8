"""Public function: growth curves, where the means belong to the latent variables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.structural.fitting import CONTINUOUS_ESTIMATORS, fit_model
from analysis.structural.inference.result import StructuralResult
from analysis.structural.options import ModelOptions
from instrument.errors import DefinitionError, fact_and_hint, name_offenders, warn_user


def growth(
    model: str,
    data: pd.DataFrame,
    estimator: str = "ML",
    missing: str | None = None,
    group: str | None = None,
    group_equal: str | Sequence[str] = (),
    group_partial: str | Sequence[str] = (),
    orthogonal: bool = False,
    cluster: str | None = None,
    sampling_weights: str | None = None,
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
        "ML" or "MLR".
    missing, group, group_equal, group_partial, orthogonal, cluster, sampling_weights
        As in `sem`: None is full information where answers are missing.

    Returns
    -------
    StructuralResult
        Rows `i ~1` and `s ~1` of `.parameters` hold mean level and mean change, `~~` their variances.

    Raises
    ------
    DefinitionError
        For ordinal estimators, and as `sem`.
    ResponseDataError, NotEstimableError
        As `sem`.

    Notes
    -----
    y_t = i + s·time_t + e_t: intercepts of observed variables are fixed at 0, those of latent variables are
    free; everything else is as in `sem`. Intercepts of other modelled variables (an outcome of the curve, a
    predictor with `x ~~ x`) are 0 too, as in lavaan, and a warning names them.
    R equivalent: `lavaan::growth(model, data)`.

    References
    ----------
    Meredith, W., & Tisak, J. (1990). Latent curve analysis. Psychometrika, 55, 107-122.
    https://doi.org/10.1007/BF02294746

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
    if estimator not in CONTINUOUS_ESTIMATORS:
        fact = f"estimator {estimator!r} does not take answers as numbers."
        raise DefinitionError(
            fact_and_hint("growth", fact, "use 'ML' or 'MLR', with scores in place of single ordinal items.")
        )
    if "=~" not in model:
        fact = "the model has no growth factor (=~), so that every mean would be 0."
        raise DefinitionError(fact_and_hint("growth", fact, "write i =~ 1*t1 + 1*t2 + 1*t3, or use sem."))
    options = ModelOptions(
        estimator=estimator,
        ordered=False,
        missing=missing,
        group=group,
        group_equal=group_equal,
        group_partial=group_partial,
        meanstructure=True,
        orthogonal=orthogonal,
        cluster=cluster,
        sampling_weights=sampling_weights,
        growth=True,
    )
    fit = fit_model("growth", model, data, options)
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
