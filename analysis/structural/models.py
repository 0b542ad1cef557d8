"""Public functions: confirmatory factor analysis and structural equation models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from analysis.structural.fitting import fit_model
from analysis.structural.inference.result import StructuralResult
from analysis.structural.options import ModelOptions


def cfa(
    model: str,
    data: pd.DataFrame,
    estimator: str | None = None,
    ordered: bool | Sequence[str] | None = None,
    missing: str | None = None,
    group: str | None = None,
    group_equal: str | Sequence[str] = (),
    group_partial: str | Sequence[str] = (),
    meanstructure: bool | None = None,
    std_lv: bool = False,
    orthogonal: bool = False,
    parameterization: str = "delta",
    cluster: str | None = None,
    sampling_weights: str | None = None,
    bounds: str | None = None,
    rotation: str | None = None,
    rotation_args: Mapping[str, object] | None = None,
    auxiliary: str | Sequence[str] = (),
    fixed_x: bool = True,
) -> StructuralResult:
    """Fit a confirmatory factor model.

    Use it to test a structure that was stated beforehand; to find one, use `efa`.

    Parameters
    ----------
    model
        The model in lavaan's language: `=~` (is measured by), `<~` (is made up of), `~`, `~~`, `~1`,
        `|`, `~*~`, `:=`, `==`, `<`, `>` (also nonlinear), with fixed values (`0.5*x`), `NA*x`,
        labels (`a*x`), `start(0.8)*x` and one value per group (`c(a, b)*x`). Blocks
        `level: 1` (within clusters) and `level: 2` (between them) make a two-level model, which needs
        `cluster`.
    data
        Shape (n_persons, n_variables): one column per observed variable; missing as NA.
    estimator
        "WLSMV" or "ULSMV" for ordinal items, "ML" or "MLR" for continuous variables. None: "WLSMV", or
        "ML" where `ordered` is False and for two-level models and composites, which take answers as numbers
        unless `ordered` says otherwise (two-level models too: ordinal items, continuous ones, covariates).
    ordered
        None: what the estimator asks for, all observed variables but predictors, or none; True: all of
        them; or the names of the ordinal ones, where others are continuous. ML and MLR take answers as
        numbers: items declared ordinal are refused by name, and `ordered=True` warns.
    missing
        None: "pairwise" for WLSMV and ULSMV, "fiml" for ML and MLR when answers are missing;
        "listwise" on request.
    group
        Column with the groups.
    group_equal
        What is equal between groups: loadings, intercepts, means, thresholds, regressions, residuals,
        residual.covariances, lv.variances, lv.covariances. For ordinal items equal thresholds free
        intercepts and scales of later groups (Wu & Estabrook 2016); intercepts imply thresholds.
    group_partial
        Parameters exempt from `group_equal`, such as "f=~x2" or "x3~1".
    meanstructure
        Whether means are modelled; None: where missing data, groups, ordinal items or `~1` ask for it.
    std_lv
        Fix latent variances to 1 instead of the first loading.
    orthogonal
        Fix the covariances of exogenous latent variables to 0.
    parameterization
        "delta" or "theta", for ordinal items.
    cluster
        Column with the cluster of each row (app, clinic, therapist; or the person, where rows are repeated
        measures). Without level blocks the model is one of all rows, whose standard errors and test hold
        although rows of a cluster are alike; ML becomes MLR, and means are modelled. With level blocks
        clusters are the units of level 2. Twenty clusters or more, better fifty.
    sampling_weights
        Column with the weight of each row, such as the inverse of its chance to be drawn; rescaled to sum to
        the number of rows. ML becomes MLR.
    bounds
        For ML and MLR. "pos.var": no variance below zero; "standard": variances, loadings and covariances
        within what the sample's variances allow. A parameter at its bound has standard error 0. For small
        samples and level 2 of few clusters, where a free search may find no maximum; p-values are
        approximate where a bound is reached.
    rotation
        Of exploratory blocks, written `efa("block")*f1 + efa("block")*f2 =~ x1 + x2 + …`: "geomin" (None),
        "oblimin", "quartimin", "varimax", "quartimax", "equamax", "target", "bigeomin" or "biquartimin"
        (a general factor, the first, and group factors).
    rotation_args
        "orthogonal" (True for varimax, quartimax and equamax), "epsilon" of geomin (0.001), "gamma" of
        oblimin (0), "target" (a table of items by factors, NaN where free; or one for each block),
        "standardized"
        (True: items count with variance one), "starts" (30 random ones), "errors" ("delta"; "lavaan" for the
        standard errors that lavaan gives by default, which hold for uncorrelated factors only).
    auxiliary
        Columns that say something of what is missing but are no part of the model: ML and MLR with full
        information let them covary with all else, so that answers may be missing for reasons they show.
    fixed_x
        False: observed predictors are random like everything else (ML and MLR), so that full information
        keeps rows whose predictors are missing; True drops those rows.

    Returns
    -------
    StructuralResult
        `.fit`, `.parameters`, `.r_squared`; `.standardized()`, `.modification_indices()`,
        `.residuals()`, `.factor_scores()`.

    Raises
    ------
    DefinitionError
        For a model that cannot be read, unknown variables, groups or options.
    ResponseDataError
        For columns that are not numbers.
    NotEstimableError
        For models that are not identified, constant items, empty categories, too few rows, a singular
        matrix or a search that does not converge.

    Notes
    -----
    With B = (I - A)^-1 the moments of the observed part F of all variables are Sigma = F B S B' F' and
    mu = F B m. ML minimises log|Sigma| + tr(T Sigma^-1) - log|S| - p, T = S + (m - mu)(m - mu)'; WLSMV
    minimises (r - rho)'W(r - rho) over thresholds and polychoric correlations with W the inverse of the
    diagonal of their asymptotic covariance.

    References
    ----------
    Joreskog, K. G. (1994). On the estimation of polychoric correlations and their asymptotic covariance
    matrix. Psychometrika, 59, 381-389. https://doi.org/10.1007/BF02296131
    Yuan, K.-H., & Bentler, P. M. (2000). Three likelihood-based methods for mean and covariance structure
    analysis with nonnormal missing data. https://doi.org/10.1111/0081-1750.00078
    Wu, H., & Estabrook, R. (2016). Identification of confirmatory factor analysis models of different
    levels of invariance for ordered categorical outcomes. https://doi.org/10.1007/s11336-016-9506-0
    Asparouhov, T., & Muthen, B. (2007). Computationally efficient estimation of multilevel high-dimensional
    latent variable models. Joint Statistical Meetings, 2531-2535 (ordinal items at two levels).
    Savalei, V. (2021). Improving fit indices in structural equation modeling with categorical data.
    https://doi.org/10.1080/00273171.2020.1717922

    R equivalent: `lavaan::cfa(model, data, ordered = TRUE)`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> i = np.arange(1, 121)
    >>> f, g = np.sin(i), np.sin(i + 1)
    >>> table = pd.DataFrame({
    ...     "x1": f + 0.5 * np.cos(3 * i), "x2": 0.8 * f + 0.6 * np.cos(5 * i),
    ...     "x3": 0.7 * f + 0.7 * np.cos(7 * i), "x4": 0.9 * g + 0.5 * np.cos(11 * i),
    ...     "x5": 0.8 * g + 0.6 * np.cos(13 * i), "x6": 0.6 * g + 0.6 * np.cos(17 * i)})
    >>> result = cfa("f =~ x1 + x2 + x3; g =~ x4 + x5 + x6", table, estimator="ML")
    >>> result.fit[["chisq", "df", "cfi", "srmr"]].round(5).tolist()  # as in R
    [0.12879, 8.0, 1.0, 0.00523]
    >>> result.parameters["est"].head(3).round(4).tolist()
    [1.0, 0.7682, 0.7388]
    """
    options = ModelOptions(
        estimator=estimator,
        ordered=ordered,
        missing=missing,
        group=group,
        group_equal=group_equal,
        group_partial=group_partial,
        meanstructure=meanstructure,
        std_lv=std_lv,
        orthogonal=orthogonal,
        parameterization=parameterization,
        cluster=cluster,
        sampling_weights=sampling_weights,
        bounds=bounds,
        rotation=rotation,
        rotation_args=rotation_args,
        auxiliary=auxiliary,
        fixed_x=fixed_x,
    )
    return fit_model("cfa", model, data, options)


def sem(
    model: str,
    data: pd.DataFrame,
    estimator: str | None = None,
    ordered: bool | Sequence[str] | None = None,
    missing: str | None = None,
    group: str | None = None,
    group_equal: str | Sequence[str] = (),
    group_partial: str | Sequence[str] = (),
    meanstructure: bool | None = None,
    std_lv: bool = False,
    orthogonal: bool = False,
    parameterization: str = "delta",
    cluster: str | None = None,
    sampling_weights: str | None = None,
    bounds: str | None = None,
    rotation: str | None = None,
    rotation_args: Mapping[str, object] | None = None,
    auxiliary: str | Sequence[str] = (),
    fixed_x: bool = True,
) -> StructuralResult:
    """Fit a structural equation model: as `cfa`, with regressions, paths and defined parameters.

    Exogenous observed variables (only ever on the right of `~`) keep their sample moments; beside ordinal
    items they are conditioned on and never ordinal.

    Parameters
    ----------
    model, data, estimator, ordered, missing, group, group_equal, group_partial, meanstructure, std_lv
        As in `cfa`.
    orthogonal, parameterization, cluster, sampling_weights, bounds
        As in `cfa`.
    rotation, rotation_args, auxiliary, fixed_x
        As in `cfa`.

    Returns
    -------
    StructuralResult
        As `cfa`.

    Raises
    ------
    DefinitionError, ResponseDataError, NotEstimableError
        As `cfa`.

    Notes
    -----
    R equivalent: `lavaan::sem(model, data)`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> i = np.arange(1, 121)
    >>> f, g = np.sin(i), np.sin(i + 1)
    >>> table = pd.DataFrame({
    ...     "x1": f + 0.5 * np.cos(3 * i), "x2": 0.8 * f + 0.6 * np.cos(5 * i),
    ...     "x3": 0.7 * f + 0.7 * np.cos(7 * i), "x4": 0.9 * g + 0.5 * np.cos(11 * i),
    ...     "x5": 0.8 * g + 0.6 * np.cos(13 * i), "x6": 0.6 * g + 0.6 * np.cos(17 * i)})
    >>> model = "f =~ x1 + x2 + x3; x4 ~ a*f; x5 ~ b*x4; via := a*b"
    >>> result = sem(model, table, estimator="ML")
    >>> result.parameters[["lhs", "est", "se"]].tail(1).round(4).to_numpy().tolist()  # as in R
    [['via', 0.3298, 0.0715]]
    """
    options = ModelOptions(
        estimator=estimator,
        ordered=ordered,
        missing=missing,
        group=group,
        group_equal=group_equal,
        group_partial=group_partial,
        meanstructure=meanstructure,
        std_lv=std_lv,
        orthogonal=orthogonal,
        parameterization=parameterization,
        cluster=cluster,
        sampling_weights=sampling_weights,
        bounds=bounds,
        rotation=rotation,
        rotation_args=rotation_args,
        auxiliary=auxiliary,
        fixed_x=fixed_x,
    )
    return fit_model("sem", model, data, options)
