"""Where the search starts: loadings by the instrumental-variable formula, half the variance as error.

A marker that hardly loads makes that formula erratic; the second start takes one factor of each
latent variable's own indicators instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np

from analysis.structural.estimation.ram import Array
from analysis.structural.language.partable import Names, ParameterTable, Row, compact, same_block

AXES = 25  # steps of the principal axes: a start needs no more
LARGEST_SHARE = 0.95
LEAST_LOADING = 0.05  # of a marker, so that ratios to it stay finite
DRAWN = (0.1, 0.8)  # standardised loadings of a drawn start
FURTHER = 10  # drawn starts of a model that may have several minima
VANISHED = 1e-2  # of the variance that such a loading gives


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


def one_factor_loadings(covariance: Array, members: list[int]) -> Array:
    """Loadings of the indicators on one common factor, by principal axes.

    Parameters
    ----------
    covariance
        Shape (p, p).
    members
        Places of the indicators.
    """
    own = covariance[np.ix_(members, members)]
    deviations = np.sqrt(np.diag(own))
    correlation = own / np.outer(deviations, deviations)
    shared = np.abs(correlation - np.eye(len(own))).max(axis=1)
    loadings = np.sqrt(shared)
    for _ in range(AXES):
        roots, vectors = np.linalg.eigh(correlation - np.diag(1.0 - shared))
        loadings = vectors[:, -1] * math.sqrt(max(float(roots[-1]), 1e-4))
        shared = np.minimum(loadings**2, LARGEST_SHARE)
    least = LEAST_LOADING * (1.0 if loadings[0] >= 0 else -1.0)
    if abs(loadings[0]) < LEAST_LOADING:
        loadings[0] = least
    return np.asarray(loadings * deviations)


def start_values(
    table: ParameterTable,
    covariances: list[Array],
    means: list[Array],
    thresholds: list[dict[str, Array]],
    *,
    one_factor: bool = False,
    drawn: np.random.Generator | None = None,
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
    one_factor
        Take loadings from one common factor of the indicators, not from the instrumental-variable formula.
    drawn
        Draws standardised loadings between .1 and .8 instead.
    """
    places = [{name: k for k, name in enumerate(table.names_of(g).observed)} for g in range(len(covariances))]
    x = np.zeros(table.n_free)
    loading: dict[tuple[int, str, str], float] = {}
    spread: dict[tuple[int, str], float] = {}
    for group, covariance in enumerate(covariances):
        at = places[group]
        for latent in table.names_of(group).latent:
            rows = [r for r in table.rows if r.group == group and r.op == "=~" and r.lhs == latent]
            members = [at[r.rhs] for r in rows if r.rhs in at]
            if len(members) != len(rows):
                continue
            variance = float(covariance[members[0], members[0]])
            if one_factor or drawn is not None:
                found = (
                    one_factor_loadings(covariance, members)
                    if drawn is None
                    else drawn.uniform(*DRAWN, len(members)) * np.sqrt(np.diag(covariance)[members])
                )
                ratios, unit, spread[group, latent] = found / found[0], float(found[0]), float(found[0] ** 2)
            else:
                ratios, unit = factor_ratios(covariance, members), math.sqrt(0.5 * variance)
                spread[group, latent] = 0.4 * variance
            if not _variance_fixed(table, group, latent):
                unit = 1.0
            for row, ratio in zip(rows, ratios, strict=True):
                loading[group, latent, row.rhs] = float(ratio) * unit
    for row in table.rows:
        if row.free < 0:
            continue
        value = row.start
        if math.isnan(value):
            at = places[row.group]
            value = _default_start(table, row.free, covariances, means, thresholds, loading, spread, at)
        x[row.free] = value
    return x


def drawn_starts(
    table: ParameterTable,
    covariances: list[Array],
    means: list[Array],
    thresholds: list[dict[str, Array]],
) -> Iterator[Array]:
    """Give seeded starts for a model that may have several minima, none for others.

    Where an indicator loads on two factors that are kept uncorrelated, as in a bifactor model, either factor
    can take the other's part: on data in which one theme hardly differs from the general factor the search
    may settle on a minimum that is not the lowest.

    Parameters
    ----------
    table, covariances, means, thresholds
        As for `start_values`.
    """
    if may_have_several_minima(table):
        yield from scattered(table, covariances, means, thresholds, FURTHER)


def scattered(
    table: ParameterTable,
    covariances: list[Array],
    means: list[Array],
    thresholds: list[dict[str, Array]],
    count: int,
) -> Iterator[Array]:
    """Give seeded starts with drawn loadings, of any model.

    Parameters
    ----------
    table, covariances, means, thresholds
        As for `start_values`.
    count
        How many.
    """
    rng = np.random.default_rng(1)
    for _ in range(count):
        yield start_values(table, covariances, means, thresholds, drawn=rng)


def may_have_several_minima(table: ParameterTable) -> bool:
    """Tell whether an indicator loads on two factors with estimated loadings that are kept uncorrelated.

    Factors of one exploratory block are kept so by its rotation only.
    """
    groups = range(table.options.n_groups)
    return any(_crossed([r for r in table.rows if r.group == g], table.names) for g in groups)


def _crossed(rows: list[Row], names: Names) -> bool:
    apart = {
        frozenset((row.lhs, row.rhs))
        for row in rows
        if row.op == "~~" and row.lhs != row.rhs and row.free < 0 and row.fixed == 0.0
        if not same_block(names, row.lhs, row.rhs)
    }
    if not apart:
        return False
    estimated = {row.lhs for row in rows if row.op == "=~" and row.free >= 0}
    on: dict[str, list[str]] = {}
    for row in rows:
        if row.op == "=~" and row.lhs in estimated and (row.free >= 0 or row.fixed != 0.0):
            on.setdefault(row.rhs, []).append(row.lhs)
    return any(frozenset(pair) in apart for factors in on.values() for pair in combinations(factors, 2))


def other_side(table: ParameterTable, x: Array, covariances: list[Array]) -> Array | None:
    """Turn round the factors that a search left without variance because their marker loads the other way.

    With the marker's loading fixed at one, a factor to which the marker relates with the opposite sign can
    only be reached through a variance of zero, where the other loadings grow without limit.

    Parameters
    ----------
    table
        The parameter table.
    x
        Where the search ended.
    covariances
        Sample covariances per group.

    Returns
    -------
    numpy.ndarray or None
        The same factors, reversed, with a small loading of the marker; None when none has vanished.
    """
    turned = x.copy()
    found = False
    for group, covariance in enumerate(covariances):
        names = table.names_of(group)
        at = {name: k for k, name in enumerate(names.observed)}
        rows = [r for r in table.rows if r.group == group]
        for latent in names.latent:
            marker = next((r for r in rows if r.op == "=~" and r.lhs == latent and r.free < 0), None)
            own = next((r for r in rows if r.op == "~~" and r.lhs == r.rhs == latent and r.free >= 0), None)
            if marker is None or own is None or marker.rhs not in at:
                continue
            small = LEAST_LOADING**2 * float(covariance[at[marker.rhs], at[marker.rhs]])
            variance = float(x[own.free])
            if not 0 < variance < VANISHED * small:
                continue
            found, factor = True, -math.sqrt(small / variance)
            for row in rows:
                if row.free < 0:
                    continue
                powers = scale_power(row.op, row.lhs, row.rhs, latent)
                turned[row.free] *= factor**powers
    return turned if found else None


def scale_power(op: str, left: str, right: str, latent: str) -> int:
    """How often the scale of a factor enters a parameter."""
    if op == "=~":
        return (right == latent) - (left == latent)
    if op == "~":
        return (left == latent) - (right == latent)
    return (left == latent) + (right == latent and op == "~~")


def _variance_fixed(table: ParameterTable, group: int, latent: str) -> bool:
    return any(
        r.group == group and r.op == "~~" and r.lhs == r.rhs == latent and r.free < 0 for r in table.rows
    )


def _default_start(
    table: ParameterTable,
    free: int,
    covariances: list[Array],
    means: list[Array],
    thresholds: list[dict[str, Array]],
    loading: dict[tuple[int, str, str], float],
    spread: dict[tuple[int, str], float],
    at: dict[str, int],
) -> float:
    row = table.free_rows()[free]
    covariance = covariances[row.group]
    if row.op == "=~":
        return loading.get((row.group, row.lhs, row.rhs), 1.0 if row.rhs in at else 0.7)
    if row.op == "~~" and row.lhs == row.rhs:
        if row.lhs in at:
            return 0.5 * float(covariance[at[row.lhs], at[row.lhs]])
        return spread.get((row.group, row.lhs), 0.5)
    if row.op == "~1" and row.lhs in at and row.lhs not in table.options.ordered:
        return float(means[row.group][at[row.lhs]])
    if row.op == "|":
        return float(thresholds[row.group][row.lhs][int(row.rhs[1:]) - 1])
    return 1.0 if row.op == "~*~" else 0.0


def free_markers(table: ParameterTable) -> tuple[ParameterTable, dict[tuple[int, str], int]] | None:
    """Give the same model with unit variances in place of unit markers, where that is the same model.

    A marker that hardly loads makes every other loading of its factor huge, and a search gets stuck in that
    valley; with unit variances there is no such valley. One group without shared labels only: elsewhere
    equalities would mean something else.

    Parameters
    ----------
    table
        The parameter table.

    Returns
    -------
    tuple or None
        The other table and, for each factor (of a level) whose scale moved, the row of its marker.
    """
    if table.options.n_groups > table.n_levels or table.constraints or any(row.label for row in table.rows):
        return None
    rows = [replace(row) for row in table.rows]
    markers: dict[tuple[int, str], int] = {}
    for block in range(table.n_levels):
        for latent in table.names_of(block).latent:
            mine = [k for k, r in enumerate(rows) if r.group == block]
            loadings = [k for k in mine if rows[k].op == "=~" and rows[k].lhs == latent]
            own = next(k for k in mine if rows[k].op == "~~" and rows[k].lhs == rows[k].rhs == latent)
            fixed = [k for k in loadings if rows[k].free < 0]
            if len(loadings) > 1 and len(fixed) == 1 and rows[fixed[0]].fixed == 1.0 and rows[own].is_free:
                markers[block, latent] = fixed[0]
                rows[fixed[0]].fixed, rows[own].fixed = math.nan, 1.0
    return (compact(table, rows), markers) if markers else None


def on_markers(
    table: ParameterTable, other: ParameterTable, markers: dict[tuple[int, str], int], x: Array
) -> Array:
    """Bring the values of `free_markers`' table to the scale of the markers.

    Parameters
    ----------
    table, other
        The table with unit markers, and that with unit variances.
    markers
        Factor (of a level) to row of its marker.
    x
        Values of the other table.
    """
    scale = {key: float(x[other.rows[k].free]) for key, k in markers.items()}
    found = np.zeros(table.n_free)
    for row, twin in zip(table.rows, other.rows, strict=True):
        if row.free < 0:
            continue
        value = float(x[twin.free]) if twin.free >= 0 else twin.fixed
        for (block, latent), unit in scale.items():
            if block == row.group:
                value *= unit ** scale_power(row.op, row.lhs, row.rhs, latent)
        found[row.free] = value
    return found
