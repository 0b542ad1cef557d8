"""Public functions: confirmatory factor analysis and structural equation models."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.structural.auxiliary import (
    check_auxiliary,
    mark_auxiliary,
    with_auxiliary,
    with_random_predictors,
)
from analysis.structural.bounds import BOUNDS, with_bounds
from analysis.structural.composite_check import check_composites, check_related
from analysis.structural.continuous import fit_continuous
from analysis.structural.data import (
    ModelData,
    check_variation,
    drop_incomplete,
    drop_unanswered,
    encode_ordered,
    read_data,
)
from analysis.structural.exploratory_blocks import read_blocks, refuse_what_rotation_breaks, with_anchors
from analysis.structural.fitted import Fitted
from analysis.structural.impossible import check_possible
from analysis.structural.improper import faults_of
from analysis.structural.levels import build_two_level_table, joined_names, level_names
from analysis.structural.mixed import fit_mixed
from analysis.structural.naming import named
from analysis.structural.ordinal import fit_ordinal
from analysis.structural.partable import Names, ParameterTable, TableOptions, build_table, sort_names
from analysis.structural.result import StructuralResult, make_result
from analysis.structural.rotation_options import read_rotation
from analysis.structural.syntax import Syntax, parse_syntax
from analysis.structural.two_level import fit_two_level
from analysis.threads import one_thread
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ToolkitWarning,
    fact_and_hint,
    name_offenders,
)

ORDINAL_ESTIMATORS = ("WLSMV", "ULSMV")
CONTINUOUS_ESTIMATORS = ("ML", "MLR")


def cfa(
    model: str, data: pd.DataFrame, estimator: str | None = None, ordered: bool | Sequence[str] | None = None,
    missing: str | None = None, group: str | None = None, group_equal: str | Sequence[str] = (),
    group_partial: str | Sequence[str] = (), meanstructure: bool | None = None, std_lv: bool = False,
    orthogonal: bool = False, parameterization: str = "delta", cluster: str | None = None,
    sampling_weights: str | None = None, bounds: str | None = None, rotation: str | None = None,
    rotation_args: Mapping[str, object] | None = None, auxiliary: str | Sequence[str] = (),
    fixed_x: bool = True,
) -> StructuralResult:  # fmt: skip
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
        "ML" where `ordered` is False and for two-level models and composites, which take answers as numbers.
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
        Columns that say something of what is missing but are no part of the model: ML with full information
        lets them covary with all else, so that answers may be missing for reasons these columns show.
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
    return fit_model(
        "cfa", model, data, estimator, ordered, missing, group, group_equal, group_partial, meanstructure,
        std_lv, orthogonal, parameterization, cluster, sampling_weights, bounds=bounds,
        rotation=rotation, rotation_args=rotation_args, auxiliary=auxiliary, fixed_x=fixed_x,
    )  # fmt: skip


def sem(
    model: str, data: pd.DataFrame, estimator: str | None = None, ordered: bool | Sequence[str] | None = None,
    missing: str | None = None, group: str | None = None, group_equal: str | Sequence[str] = (),
    group_partial: str | Sequence[str] = (), meanstructure: bool | None = None, std_lv: bool = False,
    orthogonal: bool = False, parameterization: str = "delta", cluster: str | None = None,
    sampling_weights: str | None = None, bounds: str | None = None, rotation: str | None = None,
    rotation_args: Mapping[str, object] | None = None, auxiliary: str | Sequence[str] = (),
    fixed_x: bool = True,
) -> StructuralResult:  # fmt: skip
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
    return fit_model(
        "sem", model, data, estimator, ordered, missing, group, group_equal, group_partial, meanstructure,
        std_lv, orthogonal, parameterization, cluster, sampling_weights, bounds=bounds,
        rotation=rotation, rotation_args=rotation_args, auxiliary=auxiliary, fixed_x=fixed_x,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model with its rows, ready to be fitted."""

    syntax: Syntax
    table: ParameterTable
    rows: ModelData
    estimator: str
    missing: str


def fit_model(
    caller: str, model: str, data: pd.DataFrame, estimator: str | None, ordered: bool | Sequence[str] | None,
    missing: str | None, group: str | None, group_equal: str | Sequence[str],
    group_partial: str | Sequence[str],
    meanstructure: bool | None, std_lv: bool, orthogonal: bool, parameterization: str, cluster: str | None,
    sampling_weights: str | None, growth: bool = False, bounds: str | None = None,
    rotation: str | None = None, rotation_args: Mapping[str, object] | None = None,
    auxiliary: str | Sequence[str] = (), fixed_x: bool = True,
) -> StructuralResult:  # fmt: skip
    """Fit a model in the name of a public function; `growth` moves the means to the latent variables."""
    caller = named(caller)
    ready = prepare_model(
        caller, model, data, estimator, ordered, missing, group, group_equal, group_partial, meanstructure,
        std_lv, orthogonal, parameterization, cluster, sampling_weights, growth, bounds, rotation,
        rotation_args, auxiliary, fixed_x,
    )  # fmt: skip
    with one_thread():
        fitted = estimate(ready.table, ready.rows, ready.estimator, ready.missing, caller)
        return make_result(fitted, model, faults_of(fitted))


def prepare_model(
    caller: str, model: str, data: pd.DataFrame, estimator: str | None, ordered: bool | Sequence[str] | None,
    missing: str | None, group: str | None, group_equal: str | Sequence[str],
    group_partial: str | Sequence[str],
    meanstructure: bool | None, std_lv: bool, orthogonal: bool, parameterization: str, cluster: str | None,
    sampling_weights: str | None, growth: bool = False, bounds: str | None = None,
    rotation: str | None = None, rotation_args: Mapping[str, object] | None = None,
    auxiliary: str | Sequence[str] = (), fixed_x: bool = True,
) -> Prepared:  # fmt: skip
    """Read a model and its rows in the name of a public function, and refuse what cannot be fitted."""
    syntax = parse_syntax(model, caller)
    beside = [auxiliary] if isinstance(auxiliary, str) else list(auxiliary)
    if estimator is None:
        numbers = syntax.has_levels or any(s.op == "<~" for s in syntax.statements)
        plain = ordered is False or (numbers and ordered is None)
        estimator = "ML" if plain else "WLSMV"
    _check_choice(caller, "estimator", estimator, (*ORDINAL_ESTIMATORS, *CONTINUOUS_ESTIMATORS))
    _check_choice(caller, "parameterization", parameterization, ("delta", "theta"))
    check_composites(syntax, estimator, caller)
    turn = read_rotation(rotation, rotation_args, read_blocks(syntax, caller), caller)
    ordinal = estimator in ORDINAL_ESTIMATORS
    if bounds is not None and turn is not None:
        fact, hint = "bounds beside exploratory blocks are not supported.", "leave out bounds=."
        raise DefinitionError(fact_and_hint(caller, fact, hint))
    if bounds is not None:
        _check_choice(caller, "bounds", bounds, BOUNDS)
        if ordinal:
            raise DefinitionError(
                fact_and_hint(
                    caller, f"{estimator} takes no bounds: residual variances of ordinal items are derived.",
                    "use estimator='MLR', or constraints such as 'a > 0' on labelled parameters.",
                )
            )  # fmt: skip
    for what, flag in (("std_lv", std_lv), ("orthogonal", orthogonal)):
        _check_choice(caller, what, flag, (True, False))
    ordinals: list[str] = []
    if ordered is True and not ordinal:
        warnings.warn(
            fact_and_hint(
                caller, f"{estimator} takes the answers as numbers although ordered=True.",
                "leave ordered out, or use estimator='WLSMV'.",
            ),
            ToolkitWarning, stacklevel=4,
        )  # fmt: skip
    ordered = ordinal if ordered is None else ordered
    allowed = ("pairwise", "listwise") if ordinal else ("fiml", "listwise")
    if missing is not None:
        _check_choice(caller, f"missing for {estimator}", missing, allowed)
    equal = [group_equal] if isinstance(group_equal, str) else list(group_equal)
    if ordinal and "intercepts" in equal and "thresholds" not in equal:
        equal.append("thresholds")  # intercepts of ordinal items are identified by equal thresholds only
    partial = [group_partial] if isinstance(group_partial, str) else list(group_partial)
    _check_choice(caller, "fixed_x", fixed_x, (True, False))
    random: list[str] = []
    if not fixed_x:
        if ordinal or syntax.has_levels:
            what = estimator if ordinal else "a two-level model"
            fact, hint = f"{what} conditions on observed predictors.", "leave out fixed_x=."
            raise DefinitionError(fact_and_hint(caller, fact, hint))
        random, syntax = sort_names(syntax).exogenous, with_random_predictors(syntax)
    if beside:
        check_auxiliary(syntax, beside, estimator, missing, caller)
        syntax, missing = with_auxiliary(syntax, beside), "fiml"
    names = sort_names(syntax)
    if syntax.has_levels:
        _check_two_level(caller, estimator, cluster, sampling_weights)
        names = joined_names(*level_names(syntax, caller))
    rows = read_data(data, names.observed, names.latent, group, caller, cluster, sampling_weights)
    if estimator == "ML" and rows.sampling and not syntax.has_levels:
        estimator = "MLR"
    ordered = [ordered] if isinstance(ordered, str) else ordered
    _check_listed(caller, ordered, data)
    if ordinal:
        ordinals = _ordered_names(caller, names, ordered)
        if rows.sampling and len(ordinals) < len(names.observed):
            raise DefinitionError(
                fact_and_hint(
                    caller, "clusters and weights beside ordinal and other variables are not supported.",
                    "use estimator='MLR', or a model of ordinal items only.",
                )
            )  # fmt: skip
    elif ordered is not True and ordered is not False and list(ordered):
        raise DefinitionError(
            fact_and_hint(caller, f"{estimator} takes no ordinal items.", "use estimator='WLSMV'.")
        )
    rows, used = _handle_missing(rows, missing, ordinals, names, caller)
    if syntax.has_levels:  # a row without any answer at level 1 says nothing of its cluster
        within = level_names(syntax, caller)[0].observed
        rows = drop_unanswered(rows, [names.observed.index(name) for name in within])
    needed = growth or ordinal or used == "fiml" or group is not None or cluster is not None
    means = _mean_structure(syntax, meanstructure, needed)
    options = TableOptions(
        n_groups=len(rows.values),
        ordered={name: len(levels) for name, levels in rows.categories.items()},
        meanstructure=means, std_lv=std_lv, orthogonal=orthogonal, parameterization=parameterization,
        group_equal=equal, group_partial=partial, growth=growth, rotation=turn,
    )  # fmt: skip
    build = build_two_level_table if syntax.has_levels else build_table
    table = build(syntax, options, caller)
    table = mark_auxiliary(table, beside)
    table = replace(table, names=replace(table.names, predictors=random)) if random else table
    check_possible(table, syntax, caller)
    check_related(table, caller)
    refuse_what_rotation_breaks(table, caller)
    table = with_anchors(table, rows, caller)
    if bounds is not None:
        table = with_bounds(table, rows, bounds, caller)
    return Prepared(syntax, table, rows, estimator, used)


def estimate(table: ParameterTable, rows: ModelData, estimator: str, missing: str, caller: str) -> Fitted:
    """Fit a completed table to prepared rows.

    Raises
    ------
    NotEstimableError
        Also where a matrix of the model turns singular on the way.
    """
    try:
        if estimator in ORDINAL_ESTIMATORS:
            if len(table.options.ordered) < len(table.names.observed):
                return fit_mixed(table, rows, estimator, missing, caller)
            return fit_ordinal(table, rows, estimator, missing, caller)
        if table.level_names:
            return fit_two_level(table, rows, estimator, missing == "fiml", caller)
        return fit_continuous(table, rows, estimator, missing == "fiml", caller)
    except np.linalg.LinAlgError as error:
        raise NotEstimableError(
            fact_and_hint(
                caller, f"a matrix of the model is singular ({error}); nothing is reported.",
                "check for redundant variables and paths that form loops, or simplify the model.",
            )
        ) from error  # fmt: skip


def _check_two_level(caller: str, estimator: str, cluster: str | None, weights: str | None) -> None:
    if cluster is None:
        fact, hint = (
            "the model has level blocks but no clusters.",
            "name the column of clusters with cluster=.",
        )
    elif estimator in ORDINAL_ESTIMATORS:
        fact, hint = f"{estimator} takes no level blocks.", "use estimator='MLR', or cluster= without blocks."
    elif weights is not None:
        fact, hint = "two-level models take no sampling weights.", "leave out sampling_weights=."
    else:
        return
    raise DefinitionError(fact_and_hint(caller, fact, hint))


def _check_choice(caller: str, what: str, value: object, allowed: Sequence[object]) -> None:
    if value not in allowed:
        raise DefinitionError(
            fact_and_hint(caller, f"{what} {value!r} is unknown.", f"choose one of {list(allowed)}.")
        )


def _check_listed(caller: str, ordered: bool | Sequence[str], data: pd.DataFrame) -> None:
    unknown = [] if isinstance(ordered, bool) else [name for name in ordered if name not in data.columns]
    if unknown:
        raise DefinitionError(
            fact_and_hint(
                caller, f"names in ordered are not in the data: {name_offenders(unknown)}.",
                "check the spelling.",
            )
        )  # fmt: skip


def _ordered_names(caller: str, names: Names, ordered: bool | Sequence[str]) -> list[str]:
    """Name the ordinal variables; observed predictors are conditioned on and never ordinal."""
    rest = [name for name in names.observed if name not in names.exogenous]
    listed = rest if ordered is True else ([] if ordered is False else list(ordered))
    if predictors := [name for name in names.exogenous if name in listed]:
        raise DefinitionError(
            fact_and_hint(
                caller, f"observed predictors are named as ordinal: {name_offenders(predictors)}.",
                "leave them out of ordered, or write x ~~ x to treat a predictor x as ordinal.",
            )
        )  # fmt: skip
    if not (found := [name for name in rest if name in listed]):
        raise DefinitionError(
            fact_and_hint(
                caller, "no variable of the model is ordinal.",
                "use estimator='MLR', or name the ordinal items with ordered=.",
            )
        )  # fmt: skip
    return found


def _handle_missing(
    rows: ModelData, missing: str | None, ordinals: list[str], names: Names, caller: str
) -> tuple[ModelData, str]:
    """Apply the rule for missing answers and encode ordinal items."""
    if ordinals:
        used = missing or "pairwise"
        if used == "listwise":
            rows = drop_incomplete(rows)
        elif names.exogenous:
            rows = drop_incomplete(rows, [names.observed.index(n) for n in names.exogenous])
        check_variation(rows, caller)
        return encode_ordered(rows, ordinals, caller), used
    incomplete = any(np.isnan(values).any() for values in rows.values)
    used = missing or ("fiml" if incomplete else "listwise")
    if used == "listwise":
        rows = drop_incomplete(rows)
    elif names.exogenous:
        rows = drop_incomplete(rows, [names.observed.index(n) for n in names.exogenous])
    check_variation(rows, caller)
    return rows, used


def _mean_structure(syntax: Syntax, asked: bool | None, needed: bool) -> bool:
    mentioned = any(s.op == "~1" for s in syntax.statements)
    return bool(asked) or needed or mentioned
