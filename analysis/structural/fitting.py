"""From a model text and answers to a fitted model: options checked, rows, table, estimation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.common.threads import one_thread
from analysis.structural.estimation.bounds import BOUNDS, with_bounds
from analysis.structural.estimation.continuous import fit_continuous
from analysis.structural.estimation.data import (
    ModelData,
    check_variation,
    drop_incomplete,
    drop_unanswered,
    encode_ordered,
    read_data,
)
from analysis.structural.estimation.exploratory_blocks import (
    read_blocks,
    refuse_what_rotation_breaks,
    with_anchors,
)
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.mixed import fit_mixed
from analysis.structural.estimation.ordinal import fit_ordinal
from analysis.structural.inference.improper import faults_of
from analysis.structural.inference.result import StructuralResult, make_result
from analysis.structural.language.auxiliary import (
    check_auxiliary,
    mark_auxiliary,
    with_auxiliary,
    with_random_predictors,
)
from analysis.structural.language.composite_check import check_composites, check_related
from analysis.structural.language.impossible import check_possible
from analysis.structural.language.levels import build_two_level_table, joined_names, level_names
from analysis.structural.language.naming import named
from analysis.structural.language.partable import Names, ParameterTable, TableOptions, build_table, sort_names
from analysis.structural.language.rotation_options import read_rotation
from analysis.structural.language.syntax import Syntax, parse_syntax
from analysis.structural.options import ModelOptions
from analysis.structural.two_level.data import carry_to_rows
from analysis.structural.two_level.estimation import fit_two_level
from analysis.structural.two_level.ordinal_estimation import fit_two_level_ordinal
from instrument.errors import (
    ConvergenceError,
    DefinitionError,
    NotEstimableError,
    UnderidentifiedError,
    fact_and_hint,
    name_offenders,
    warn_user,
)

ORDINAL_ESTIMATORS = ("WLSMV", "ULSMV")
CONTINUOUS_ESTIMATORS = ("ML", "MLR")
FAR = 1e6  # standard deviations from zero, such as seconds since 1970: sums of squares then lose their digits


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model with its rows, ready to be fitted."""

    syntax: Syntax
    table: ParameterTable
    rows: ModelData
    estimator: str
    missing: str


def fit_model(caller: str, model: str, data: pd.DataFrame, asked: ModelOptions) -> StructuralResult:
    """Fit a model in the name of a public function.

    Parameters
    ----------
    caller
        Named in messages.
    model, data
        As `cfa` takes them.
    asked
        How it is to be fitted.

    Returns
    -------
    StructuralResult
        With the faults of its solution.
    """
    caller = named(caller)
    ready = prepare_model(caller, model, data, asked)
    with one_thread():
        fitted = estimate(ready.table, ready.rows, ready.estimator, ready.missing, caller)
        return make_result(fitted, model, faults_of(fitted))


def prepare_model(caller: str, model: str, data: pd.DataFrame, asked: ModelOptions) -> Prepared:
    """Read a model and its rows in the name of a public function, and refuse what cannot be fitted.

    Parameters
    ----------
    caller, model, data, asked
        As for `fit_model`.

    Returns
    -------
    Prepared
        What `estimate` takes.
    """
    estimator, ordered, missing = asked.estimator, asked.ordered, asked.missing
    syntax = parse_syntax(model, caller)
    beside = [asked.auxiliary] if isinstance(asked.auxiliary, str) else list(asked.auxiliary)
    if estimator is None:
        numbers = syntax.has_levels or any(s.op == "<~" for s in syntax.statements)
        plain = ordered is False or (numbers and ordered is None)
        estimator = "ML" if plain else "WLSMV"
    _check_choice(caller, "estimator", estimator, (*ORDINAL_ESTIMATORS, *CONTINUOUS_ESTIMATORS))
    _check_choice(caller, "parameterization", asked.parameterization, ("delta", "theta"))
    check_composites(syntax, estimator, caller)
    turn = read_rotation(asked.rotation, asked.rotation_args, read_blocks(syntax, caller), caller)
    ordinal = estimator in ORDINAL_ESTIMATORS
    if asked.bounds is not None and turn is not None:
        fact, hint = "bounds beside exploratory blocks are not supported.", "leave out bounds=."
        raise DefinitionError(fact_and_hint(caller, fact, hint))
    if asked.bounds is not None:
        _check_choice(caller, "bounds", asked.bounds, BOUNDS)
        if ordinal:
            raise DefinitionError(
                fact_and_hint(
                    caller,
                    f"{estimator} takes no bounds: residual variances of ordinal items are derived.",
                    "use estimator='MLR', or constraints such as 'a > 0' on labelled parameters.",
                )
            )
    for what, flag in (("std_lv", asked.std_lv), ("orthogonal", asked.orthogonal)):
        _check_choice(caller, what, flag, (True, False))
    ordinals: list[str] = []
    if ordered is True and not ordinal:
        warn_user(
            fact_and_hint(
                caller,
                f"{estimator} takes the answers as numbers although ordered=True.",
                "leave ordered out, or use estimator='WLSMV'.",
            )
        )
    ordered = ordinal if ordered is None else ordered
    allowed = ("pairwise", "listwise") if ordinal else ("fiml", "listwise")
    if missing is not None:
        _check_choice(caller, f"missing for {estimator}", missing, allowed)
    equal = [asked.group_equal] if isinstance(asked.group_equal, str) else list(asked.group_equal)
    if ordinal and "intercepts" in equal and "thresholds" not in equal:
        equal.append("thresholds")  # intercepts of ordinal items are identified by equal thresholds only
    partial = [asked.group_partial] if isinstance(asked.group_partial, str) else list(asked.group_partial)
    _check_choice(caller, "fixed_x", asked.fixed_x, (True, False))
    random: list[str] = []
    if not asked.fixed_x:
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
        _check_two_level(caller, asked.cluster, asked.sampling_weights)
        names = joined_names(*level_names(syntax, caller))
    rows = read_data(
        data, names.observed, names.latent, asked.group, caller, asked.cluster, asked.sampling_weights
    )
    if estimator == "ML" and rows.sampling and not syntax.has_levels:
        estimator = "MLR"
    ordered = [ordered] if isinstance(ordered, str) else ordered
    _check_listed(caller, ordered, data)
    if ordinal:
        ordinals = _ordered_names(caller, names, ordered)
        if rows.sampling:
            others = [n for n in names.observed if n not in ordinals]
            _refuse_others(caller, [] if syntax.has_levels else others)
    elif ordered is not True and ordered is not False and list(ordered):
        raise DefinitionError(
            fact_and_hint(caller, f"{estimator} takes no ordinal items.", "use estimator='WLSMV'.")
        )
    if syntax.has_levels:
        within, between = (own.observed for own in level_names(syntax, caller))
        rows = carry_to_rows(rows, [names.observed.index(n) for n in between if n not in within])
        # a row without any answer at level 1 says nothing of its cluster
        rows = drop_unanswered(rows, [names.observed.index(name) for name in within])
    rows, used = _handle_missing(rows, missing, ordinals, names, caller)
    needed = asked.growth or ordinal or used == "fiml"
    needed = needed or asked.group is not None or asked.cluster is not None
    means = _mean_structure(syntax, asked.meanstructure, needed)
    options = TableOptions(
        n_groups=len(rows.values),
        ordered={name: len(levels) for name, levels in rows.categories.items()},
        meanstructure=means,
        std_lv=asked.std_lv,
        orthogonal=asked.orthogonal,
        parameterization=asked.parameterization,
        group_equal=equal,
        group_partial=partial,
        growth=asked.growth,
        rotation=turn,
        predictors=random,
    )
    build = build_two_level_table if syntax.has_levels else build_table
    table = build(syntax, options, caller)
    table = mark_auxiliary(table, beside)
    check_possible(table, syntax, caller)
    check_related(table, caller)
    refuse_what_rotation_breaks(table, caller)
    table = with_anchors(table, rows, caller)
    if asked.bounds is not None:
        table = with_bounds(table, rows, asked.bounds, caller)
    return Prepared(syntax, table, rows, estimator, used)


def estimate(table: ParameterTable, rows: ModelData, estimator: str, missing: str, caller: str) -> Fitted:
    """Fit a completed table to prepared rows.

    Raises
    ------
    NotEstimableError
        Also where a matrix of the model turns singular on the way.
    """
    try:
        return _estimated(table, rows, estimator, missing, caller)
    except (ConvergenceError, UnderidentifiedError) as error:
        _tell_what_lies_far(rows, caller, error)
        raise
    except np.linalg.LinAlgError as error:
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"a matrix of the model is singular ({error}); nothing is reported.",
                "check for redundant variables and paths that form loops, or simplify the model.",
            )
        ) from error


def _estimated(table: ParameterTable, rows: ModelData, estimator: str, missing: str, caller: str) -> Fitted:
    """Fit by the way that suits the kind of variables."""
    if estimator in ORDINAL_ESTIMATORS:
        if table.level_names:
            return fit_two_level_ordinal(table, rows, estimator, missing, caller)
        if len(table.options.ordered) < len(table.names.observed):
            return fit_mixed(table, rows, estimator, missing, caller)
        return fit_ordinal(table, rows, estimator, missing, caller)
    if table.level_names:
        return fit_two_level(table, rows, estimator, missing == "fiml", caller)
    return fit_continuous(table, rows, estimator, missing == "fiml", caller)


def _tell_what_lies_far(rows: ModelData, caller: str, error: NotEstimableError) -> None:
    """Raise anew where a variable lies so far from zero that its mean takes the digits of its spread."""
    values = np.vstack(rows.values).astype(np.float64)
    mean, spread = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    far = [name for name, m, s in zip(rows.variables, mean, spread, strict=True) if abs(m) > FAR * s]
    if far:
        fact = (
            f"variables lie too far from zero for their spread: {name_offenders(far)}; nothing is reported."
        )
        raise ConvergenceError(fact_and_hint(caller, fact, "subtract their means.")) from error


def _check_two_level(caller: str, cluster: str | None, weights: str | None) -> None:
    if cluster is None:
        fact, hint = (
            "the model has level blocks but no clusters.",
            "name the column of clusters with cluster=.",
        )
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
                caller,
                f"names in ordered are not in the data: {name_offenders(unknown)}.",
                "check the spelling.",
            )
        )


def _ordered_names(caller: str, names: Names, ordered: bool | Sequence[str]) -> list[str]:
    """Name the ordinal variables; observed predictors are conditioned on and never ordinal."""
    rest = [name for name in names.observed if name not in names.exogenous]
    listed = rest if ordered is True else ([] if ordered is False else list(ordered))
    if predictors := [name for name in names.exogenous if name in listed]:
        raise DefinitionError(
            fact_and_hint(
                caller,
                f"observed predictors are named as ordinal: {name_offenders(predictors)}.",
                "leave them out of ordered, or write x ~~ x to treat a predictor x as ordinal.",
            )
        )
    if not (found := [name for name in rest if name in listed]):
        raise DefinitionError(
            fact_and_hint(
                caller,
                "no variable of the model is ordinal.",
                "use estimator='MLR', or name the ordinal items with ordered=.",
            )
        )
    return found


def _refuse_others(caller: str, others: list[str]) -> None:
    """Refuse continuous variables and covariates beside ordinal items of rows in clusters."""
    if others:
        fact = "clusters and weights beside ordinal and other variables are not supported."
        hint = "use estimator='MLR', or a model of ordinal items only."
        raise DefinitionError(fact_and_hint(caller, fact, hint))


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
