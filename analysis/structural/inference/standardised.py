"""Standardised solutions with delta-method standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.categorical import build_ordinal_group, evaluate_ordinal, residual_slopes
from analysis.structural.estimation.expressions import define
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.mixed import with_covariates
from analysis.structural.estimation.ram import Array, build_group, evaluate, slopes, variable_order
from analysis.structural.language.partable import Row


@dataclass(frozen=True, slots=True)
class RowEstimates:
    """Values of all rows with their derivatives by the free parameters; definitions come last."""

    values: Array  # (rows + definitions,)
    by_free: Array  # (rows + definitions, q)


@dataclass(frozen=True, slots=True)
class GroupPieces:
    """Total and residual variances of all variables of one group, with derivatives."""

    at: dict[str, int]
    variance: Array
    variance_by: Array
    residual: Array
    residual_by: Array
    scales: Array
    scales_by: Array


def group_pieces(fitted: Fitted, group: int) -> GroupPieces:
    """Collect total and residual variances of all variables of one group."""
    table, q = fitted.table, fitted.table.n_free
    order = variable_order(table, group)
    at = {name: k for k, name in enumerate(order)}
    p = len(table.names_of(group).observed)
    scales: Array = np.ones(p)
    scales_by: Array = np.zeros((p, q))
    ordinal = bool(table.ordered_of(group))
    if ordinal:
        template = build_ordinal_group(table, group)
        state = evaluate_ordinal(template, fitted.x)
        base, model = state.base, template.base
        scales = state.scales
        if len(template.covariates):
            observed = table.names_of(group).observed
            base = with_covariates(base, fitted.exogenous_values[group], observed)
    else:
        model = build_group(table, group, fitted.exogenous_values[group])
        base = evaluate(model, fitted.x)
    parts = slopes(model, base, everything=True)
    by: Array = np.zeros((len(order), q))
    by[:, parts.index] = 2.0 * parts.left * parts.right
    residual_by = np.zeros((len(order), q))
    s = model.free_symmetric
    own = s.row == s.column
    residual_by[s.row[own], s.index[own]] = 1.0
    if ordinal:
        if table.options.parameterization == "delta":
            computed, scales_by = residual_slopes(template, state, q)
            residual_by[template.ordinal] = computed[template.ordinal]  # others have parameters of their own
            by = by + base.total[:, :p] ** 2 @ computed
        else:
            own = template.ordinal  # the scale is that given the covariates
            given = slopes(model, state.base)
            spread = 2.0 * given.left[own] * given.right[own]
            scales_by[np.ix_(own, given.index)] = -0.5 * scales[own, None] ** 3 * spread
    return GroupPieces(
        at,
        np.diag(base.covariance).copy(),
        by,
        np.diag(base.symmetric).copy(),
        residual_by,
        scales,
        scales_by,
    )


def all_pieces(fitted: Fitted) -> list[GroupPieces]:
    """Total and residual variances of all groups."""
    return [group_pieces(fitted, g) for g in range(fitted.table.options.n_groups)]


def row_estimates(fitted: Fitted, pieces: list[GroupPieces] | None = None) -> RowEstimates:
    """Unstandardised values of all rows and definitions."""
    table = fitted.table
    q = table.n_free
    values = np.zeros(len(table.rows))
    by = np.zeros((len(values), q))
    pieces = pieces or all_pieces(fitted)
    for k, row in enumerate(table.rows):
        piece = pieces[row.group]
        if row.role == "block":
            values[k] = fitted.states[row.group].covariance[piece.at[row.lhs], piece.at[row.rhs]]
        elif row.free >= 0:
            values[k], by[k, row.free] = fitted.x[row.free], 1.0
        elif row.exogenous:
            values[k] = fitted.exogenous_values[row.group][row.lhs, row.op, row.rhs]
        elif row.op == "~*~" and row.computed:
            values[k], by[k] = piece.scales[piece.at[row.lhs]], piece.scales_by[piece.at[row.lhs]]
        elif row.computed:
            values[k], by[k] = piece.residual[piece.at[row.lhs]], piece.residual_by[piece.at[row.lhs]]
        else:
            values[k] = row.fixed
    return with_definitions(fitted, values, by)


def with_definitions(fitted: Fitted, values: Array, by: Array, strict: bool = True) -> RowEstimates:
    """Append the defined parameters; without `strict` those that are no real numbers are NaN."""
    defined, defined_by = define(fitted.table, values, fitted.caller, strict)
    return RowEstimates(np.concatenate([values, defined]), np.vstack([by, defined_by @ by]))


def standardise(
    fitted: Fitted,
    estimates: RowEstimates,
    kind: str,
    pieces: list[GroupPieces] | None = None,
    values_only: bool = False,
) -> RowEstimates:
    """Rescale rows to unit variances.

    Parameters
    ----------
    fitted
        The fitted model.
    estimates
        Unstandardised rows.
    kind
        "all": observed and latent variables have variance 1; "lv": latent variables only.
    pieces
        From `all_pieces`, where they are known.
    values_only
        Leave the derivatives as they are.
    """
    table = fitted.table
    pieces = pieces or all_pieces(fitted)
    scaled_names = [
        set(table.names_of(g).latent if kind == "lv" else variable_order(table, g))
        for g in range(len(pieces))
    ]
    values = estimates.values[: len(table.rows)].copy()
    by = estimates.by_free[: len(table.rows)].copy()
    for k, row in enumerate(table.rows):
        piece = pieces[row.group]
        log_by: Array | float = 0.0
        factor = 1.0
        factors = scaling_factors(row, piece, scaled_names[row.group])
        whole_response = table.level_of(row.group) == 2 and row.lhs in table.level_names[0].observed
        if row.op == "|" and whole_response and factors:  # a threshold is one of the whole response
            inner, at = pieces[row.group - 1], pieces[row.group - 1].at[row.lhs]
            whole, whole_by, power = factors[0]
            factors = [(whole + inner.variance[at], whole_by + inner.variance_by[at], power)]
        for variance, variance_by, power in factors:
            if variance <= 0.0:  # what a constant passes on is 0; nothing can be divided by its spread
                constant = variance == 0.0 and power > 0.0 and not variance_by.any()
                factor = factor * 0.0 if constant else np.nan
                continue
            factor *= variance ** (power / 2.0)
            if values_only:
                continue
            log_by = log_by + power / 2.0 * variance_by / variance
        if not values_only:
            by[k] = factor * (by[k] + values[k] * log_by)
        values[k] *= factor
        if row.op == "~*~" and kind == "all":  # the scale of a standardised response, given covariates or not
            values[k], by[k] = 1.0, 0.0
    return with_definitions(fitted, values, by, strict=False)


def scaling_factors(row: Row, piece: GroupPieces, names: set[str]) -> list[tuple[float, Array, float]]:
    """Variances (with derivatives) whose powers of one half multiply a row."""

    def total(name: str, power: float) -> list[tuple[float, Array, float]]:
        if name not in names:
            return []
        k = piece.at[name]
        return [(piece.variance[k], piece.variance_by[k], power)]

    def residual(name: str) -> list[tuple[float, Array, float]]:
        if name not in names:
            return []
        k = piece.at[name]
        return [(piece.residual[k], piece.residual_by[k], -1.0)]

    if row.op == "<~":
        return total(row.rhs, 1.0) + total(row.lhs, -1.0)
    if row.role == "block" and row.lhs != row.rhs:
        return total(row.lhs, -1.0) + total(row.rhs, -1.0)
    if row.op == "=~":
        return total(row.lhs, 1.0) + total(row.rhs, -1.0)
    if row.op == "~":
        return total(row.rhs, 1.0) + total(row.lhs, -1.0)
    if row.op == "~~":
        return total(row.lhs, -2.0) if row.lhs == row.rhs else residual(row.lhs) + residual(row.rhs)
    if row.op in ("~1", "|"):
        return total(row.lhs, -1.0)
    return total(row.lhs, 1.0)


def explained(fitted: Fitted, pieces: list[GroupPieces] | None = None) -> list[dict[str, object]]:
    """R-squared of every variable that others predict, per group; NaN where a variance is negative."""
    found: list[dict[str, object]] = []
    table = fitted.table
    for group, piece in enumerate(pieces or all_pieces(fitted)):
        own = [r for r in table.rows if r.group == group]
        targets = {r.rhs for r in own if r.op == "=~"} | {r.lhs for r in own if r.op == "~"}
        level = {"level": table.level_of(group)} if table.level_names else {}
        for name in variable_order(table, group):
            if name in targets:
                k = piece.at[name]
                known = piece.residual[k] >= 0.0 and piece.variance[k] > 0.0
                found.append(
                    {
                        "group": table.label_of(group, fitted.data.group_labels),
                        **level,
                        "variable": name,
                        "r_squared": 1.0 - piece.residual[k] / piece.variance[k] if known else np.nan,
                    }
                )
    return found
