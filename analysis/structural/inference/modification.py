"""Score tests for parameters that a model leaves out or fixes, with expected parameter changes."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from analysis.common.threads import one_thread
from analysis.structural.estimation.categorical import build_ordinal_group
from analysis.structural.estimation.continuous_groups import ExogenousValues
from analysis.structural.estimation.fiml import FimlDiscrepancy
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.least_squares import LeastSquaresDiscrepancy
from analysis.structural.estimation.normal import Moments, NormalDiscrepancy
from analysis.structural.estimation.optimise import Discrepancy
from analysis.structural.estimation.ram import Array, build_group
from analysis.structural.inference.standardised import group_pieces, scaling_factors
from analysis.structural.language.partable import ParameterTable, Row
from analysis.structural.two_level.likelihood import sum_of_groups
from analysis.structural.two_level.ordinal_model import TwoLevelLeastSquares, build_two_level_group


def candidates(fitted: Fitted) -> list[Row]:
    """Rows that could be freed: fixed ones, and loadings, covariances and regressions not in the model.

    Fixed exogenous variables become no outcomes: their moments are the sample's, not the model's.
    """
    table = fitted.table
    found: list[Row] = []
    for group in range(table.options.n_groups):
        names = table.names_of(group)
        block = [r for r in table.rows if r.group == group]
        taken = {_place(r.lhs, r.op, r.rhs) for r in block}
        found += [
            replace(r, label="", fixed=np.nan, start=r.fixed)
            for r in block
            if r.free < 0 and not r.computed and not r.exogenous and not _centred(table, r)
        ]
        extra = [(latent, "=~", item) for latent in names.latent for item in names.indicators]
        random = [n for n in names.observed if n not in names.exogenous]
        extra += [(one, "~~", two) for one, two in combinations(random, 2)]
        extra += [(one, "~~", two) for one, two in combinations(names.latent, 2)]
        extra += [path for path in _regressions(block) if path[0] not in names.exogenous]
        if fitted.mixed or fitted.two_level_moments:  # direct effects are differential item functioning
            extra += [(item, "~", x) for item in names.indicators for x in names.exogenous]
        for lhs, op, rhs in extra:
            place = _place(lhs, op, rhs)
            if place not in taken:
                taken.add(place)
                found.append(Row(lhs, op, rhs, group, start=0.0))
    return found


def _centred(table: ParameterTable, row: Row) -> bool:
    """Whether a mean within clusters is zero because that between them is its place."""
    own = row.op == "~1" and table.level_of(row.group) == 1
    return own and (row.lhs in table.level_names[1].observed or row.lhs in table.level_names[0].latent)


def _place(lhs: str, op: str, rhs: str) -> tuple[str, str, str]:
    """One name for each place in the matrices: f =~ x is x ~ f, and covariances have no direction."""
    if op == "=~":
        return rhs, "~", lhs
    return (min(lhs, rhs), op, max(lhs, rhs)) if op == "~~" else (lhs, op, rhs)


def _regressions(block: list[Row]) -> list[tuple[str, str, str]]:
    paths = list(dict.fromkeys([r.lhs for r in block if r.op == "~"] + [r.rhs for r in block if r.op == "~"]))
    return [(y, "~", x) for y in paths for x in paths if x != y]


def extend(fitted: Fitted, extra: list[Row]) -> tuple[ParameterTable, Array]:
    """Append free rows to a table; fixed twins give way. Values are those of the fitted model."""
    table = fitted.table
    taken = {(r.lhs, r.op, r.rhs, r.group) for r in extra}
    rows = [r for r in table.rows if r.free >= 0 or (r.lhs, r.op, r.rhs, r.group) not in taken]
    added = [replace(row, free=table.n_free + k) for k, row in enumerate(extra)]
    values = np.concatenate([fitted.x, [row.start for row in extra]])
    return replace(table, rows=[*rows, *added]), values


def discrepancy_of(fitted: Fitted, table: ParameterTable, n_free: int) -> Discrepancy:
    """Discrepancy of the fitted model's data for another table."""
    n_groups = table.options.n_groups
    if fitted.ordinal and table.level_names:
        own = [build_two_level_group(table, g) for g in range(n_groups // 2)]
        weights = [b.weight for b in fitted.blocks]
        return TwoLevelLeastSquares(own, fitted.two_level_moments, weights, fitted.totals, n_free)
    if fitted.ordinal:
        groups = [build_ordinal_group(table, g) for g in range(n_groups)]
        p = len(table.names.observed)
        row, column = np.triu_indices(p, 1)[::-1]
        sample = fitted.sample_moments or [
            np.concatenate([t, c[row, column]])
            for t, c in zip(fitted.sample_thresholds, fitted.sample_covariances, strict=True)
        ]
        weights = [b.weight for b in fitted.blocks]
        return LeastSquaresDiscrepancy(groups, sample, weights, fitted.totals, n_free)
    fixed: list[ExogenousValues] = fitted.exogenous_values
    models = [build_group(table, g, fixed[g]) for g in range(n_groups)]
    if fitted.clusters:
        return sum_of_groups(fitted.clusters, models, n_free)
    if fitted.missing == "fiml":
        return FimlDiscrepancy(
            models,
            [s.patterns for s in fitted.samples],
            [(s.mean, s.covariance) for s in fitted.samples],
            n_free,
        )
    moments = [Moments(s.n, s.mean, s.covariance) for s in fitted.samples]
    return NormalDiscrepancy(models, moments, n_free, table.options.meanstructure)


@one_thread()
def modification_table(fitted: Fitted) -> pd.DataFrame:
    """Score test, expected change and standardised expected change of every candidate, largest first."""
    extra = candidates(fitted)
    table, values = extend(fitted, extra)
    target = discrepancy_of(fitted, table, len(values))
    q, n = fitted.table.n_free, fitted.n_obs
    score = -0.5 * n * target.gradient(values)[q:]
    if isinstance(target, (LeastSquaresDiscrepancy, TwoLevelLeastSquares)):  # rows, not less one, in its own
        target.shares = [size / n for size in fitted.totals]
    information = 0.5 * n * target.expected(values)
    basis = fitted.reduction.basis
    inner = basis.T @ information[:q, :q] @ basis
    cross = basis.T @ information[:q, q:]
    own = np.diag(information)[q:]
    spread = own - np.einsum("ij,ij->j", cross, np.linalg.solve(inner, cross))
    usable = spread > 1e-7 * np.maximum(own, 1e-12)
    safe = np.where(usable, spread, 1.0)
    frame = pd.DataFrame(
        {
            "lhs": [r.lhs for r in extra],
            "op": [r.op for r in extra],
            "rhs": [r.rhs for r in extra],
            "group": [fitted.table.label_of(r.group, fitted.data.group_labels) for r in extra],
            "mi": score**2 / safe,
            "epc": score / safe,
        }
    )
    if fitted.table.level_names:
        frame.insert(4, "level", [fitted.table.level_of(r.group) for r in extra])
    for kind in ("lv", "all"):
        frame[f"sepc_{kind}"] = _rescale(fitted, extra, frame["epc"].to_numpy(), kind)
    frame = frame[usable]
    return frame.sort_values("mi", ascending=False, kind="stable").reset_index(drop=True)


def _rescale(fitted: Fitted, extra: list[Row], changes: Array, kind: str) -> Array:
    pieces = [group_pieces(fitted, g) for g in range(fitted.table.options.n_groups)]
    result = changes.copy()
    for k, row in enumerate(extra):
        own = fitted.table.names_of(row.group)
        names = set(own.latent) if kind == "lv" else {*own.latent, *own.observed}
        for variance, _, power in scaling_factors(row, pieces[row.group], names):
            result[k] *= variance ** (power / 2.0) if variance > 0 else np.nan
    return result
