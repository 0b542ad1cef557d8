"""Where the search starts: loadings by the instrumental-variable formula, half the variance as error."""

from __future__ import annotations

import math

import numpy as np

from analysis.structural.partable import ParameterTable
from analysis.structural.ram import Array


def factor_ratios(covariance: Array, members: list[int]) -> Array:
    """Loadings relative to the first indicator by Hagglund's FABIN 3 (two-stage least squares).

    Parameters
    ----------
    covariance
        Shape (p, p).
    members
        Places of the indicators, first one the marker.
    """
    ratios = np.ones(len(members))
    if len(members) < 3:
        return ratios
    for k in range(1, len(members)):
        others = [m for j, m in enumerate(members) if j not in (0, k)]
        tools = covariance[np.ix_(others, others)]
        with_marker = covariance[others, members[0]]
        try:
            weights = np.linalg.solve(tools, with_marker)
        except np.linalg.LinAlgError:
            continue
        below = float(weights @ with_marker)
        if abs(below) > 1e-8:
            ratios[k] = float(np.clip(weights @ covariance[others, members[k]] / below, -4.0, 4.0))
    return ratios


def start_values(
    table: ParameterTable, covariances: list[Array], means: list[Array], thresholds: list[dict[str, Array]]
) -> Array:
    """Give a start for every free parameter.

    Parameters
    ----------
    table
        The parameter table.
    covariances, means
        Sample moments per group.
    thresholds
        Sample thresholds of ordinal items per group.
    """
    at = {name: k for k, name in enumerate(table.names.observed)}
    x = np.zeros(table.n_free)
    loading: dict[tuple[int, str, str], float] = {}
    marker: dict[tuple[int, str], int] = {}
    for group, covariance in enumerate(covariances):
        for latent in table.names.latent:
            rows = [r for r in table.rows if r.group == group and r.op == "=~" and r.lhs == latent]
            members = [at[r.rhs] for r in rows if r.rhs in at]
            if len(members) != len(rows):
                continue
            ratios = factor_ratios(covariance, members)
            spread = 0.5 * covariance[members[0], members[0]]
            marker[group, latent] = members[0]
            unit = math.sqrt(spread) if _variance_fixed(table, group, latent) else 1.0
            for row, ratio in zip(rows, ratios, strict=True):
                loading[group, latent, row.rhs] = float(ratio) * unit
    for row in table.rows:
        if row.free < 0:
            continue
        value = row.start
        if math.isnan(value):
            value = _default_start(table, row.free, covariances, means, thresholds, loading, marker, at)
        x[row.free] = value
    return x


def _variance_fixed(table: ParameterTable, group: int, latent: str) -> bool:
    return any(
        r.group == group and r.op == "~~" and r.lhs == r.rhs == latent and r.free < 0 for r in table.rows
    )


def _default_start(
    table: ParameterTable, free: int, covariances: list[Array], means: list[Array],
    thresholds: list[dict[str, Array]], loading: dict[tuple[int, str, str], float],
    marker: dict[tuple[int, str], int], at: dict[str, int],
) -> float:  # fmt: skip
    row = table.free_rows()[free]
    covariance = covariances[row.group]
    if row.op == "=~":
        return loading.get((row.group, row.lhs, row.rhs), 1.0 if row.rhs in at else 0.7)
    if row.op == "~~" and row.lhs == row.rhs:
        if row.lhs in at:
            return 0.5 * float(covariance[at[row.lhs], at[row.lhs]])
        place = marker.get((row.group, row.lhs))
        return 0.5 if place is None else 0.4 * float(covariance[place, place])
    if row.op == "~1" and row.lhs in at and row.lhs not in table.options.ordered:
        return float(means[row.group][at[row.lhs]])
    if row.op == "|":
        return float(thresholds[row.group][row.lhs][int(row.rhs[1:]) - 1])
    return 1.0 if row.op == "~*~" else 0.0
