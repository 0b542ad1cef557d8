"""Bounds that keep a search inside what variances and loadings can be."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from analysis.structural.estimation.data import ModelData
from analysis.structural.estimation.ram import Array
from analysis.structural.language.partable import ParameterTable, Row, compact
from instrument.errors import DefinitionError, fact_and_hint

BOUNDS = ("pos.var", "standard")
LEAST_RELIABILITY = 0.1  # of a marker (De Jonckere & Rosseel 2022)
LEAST_DISTURBANCE = 0.005  # of a latent outcome


def with_bounds(table: ParameterTable, data: ModelData, kind: str, caller: str) -> ParameterTable:
    """Give every free variance, and with "standard" loadings and covariances, a range.

    Parameters
    ----------
    table
        The completed table.
    data
        The rows, for the variances of observed variables.
    kind
        "pos.var": no variance below zero. "standard": variances of observed variables between zero and the
        sample's, markers at least a tenth reliable, loadings and covariances as large as these allow
        (De Jonckere & Rosseel 2022).
    caller
        The public function named in messages.
    """
    if kind == "standard" and table.level_names:
        raise DefinitionError(
            fact_and_hint(
                caller,
                "bounds='standard' needs variances of each level, which two-level data do not show.",
                "use bounds='pos.var'.",
            )
        )
    rows = [replace(row) for row in table.rows]
    for block in range(table.options.n_groups):
        own = [row for row in rows if row.group == block]
        if kind == "pos.var":
            for row in own:
                if row.op == "~~" and row.lhs == row.rhs and row.is_free:
                    row.lower = 0.0
        else:
            observed = table.names_of(block).observed
            spread = dict(zip(observed, np.nanvar(data.values[block], axis=0), strict=True))
            _standard(own, spread, table)
    return compact(table, rows)


def _standard(rows: list[Row], spread: dict[str, Array], table: ParameterTable) -> None:
    latent = table.names.latent
    variance: dict[str, tuple[float, float]] = {}
    markers: set[str] = set()
    for name in latent:
        fixed = next(r for r in rows if r.op == "~~" and r.lhs == r.rhs == name)
        marker = next((r.rhs for r in rows if r.op == "=~" and r.lhs == name and r.fixed == 1.0), None)
        if not math.isnan(fixed.fixed):
            variance[name] = fixed.fixed, fixed.fixed
        elif marker in spread:
            markers.add(marker)
            variance[name] = LEAST_RELIABILITY * float(spread[marker]), float(spread[marker])
        else:
            variance[name] = 0.0, float(max(spread.values()))
    ranges: dict[str, tuple[float, float]] = {}
    for row in rows:
        if row.op == "~~" and row.lhs == row.rhs:
            if row.lhs in spread:
                share = 1.0 - LEAST_RELIABILITY if row.lhs in markers else 1.0
                ranges[row.lhs] = 0.0, share * float(spread[row.lhs])
            else:
                low, high = variance[row.lhs]
                ranges[row.lhs] = (
                    (low if row.lhs in table.names.latent_exogenous else LEAST_DISTURBANCE),
                    high,
                )
    for row in rows:
        if not row.is_free:
            continue
        if row.op == "~~" and row.lhs == row.rhs:
            row.lower, row.upper = ranges[row.lhs]
        elif row.op == "=~" and row.rhs in spread and variance[row.lhs][0] > 0.0:
            row.upper = math.sqrt(float(spread[row.rhs]) / variance[row.lhs][0])
            row.lower = -row.upper
        elif row.op == "~~":
            row.upper = math.sqrt(ranges[row.lhs][1] * ranges[row.rhs][1])
            row.lower = -row.upper
