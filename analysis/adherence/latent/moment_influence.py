"""Each person's influence on the correlations of ordinal items with complete continuous variables."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.correlation.counts import pair_indices
from analysis.correlation.mixed import mixed_moments
from analysis.correlation.mixed_pairs import pair_scores
from analysis.correlation.variables import Variable, continuous_variable, ordinal_variable

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InfluenceTable:
    """Correlations and how much each person moves them.

    Attributes
    ----------
    correlations
        Items first, then continuous variables, shape (p + m, p + m).
    deviations
        Standard deviations of the continuous variables (dividing by n), shape (m,).
    items
        By thresholds item by item, then polychorics column by column, shape (n_moments, n).
    polyserial
        Shape (m, p, n).
    continuous
        By the correlations of continuous variables column by column, shape (m(m − 1)/2, n).
    deviation
        By the standard deviation of the first continuous variable, shape (n,).
    """

    correlations: Floats
    deviations: Floats
    items: Floats
    polyserial: Floats
    continuous: Floats
    deviation: Floats


def influence_table(codes: Floats, others: Floats, caller: str) -> InfluenceTable:
    """Estimate correlations in two steps and differentiate them by persons.

    Parameters
    ----------
    codes
        Answers, NaN for none, shape (n, p).
    others
        Continuous variables without gaps, shape (n, m).
    caller
        The public function that complains.

    Returns
    -------
    InfluenceTable
        The sum of two rows' products over persons estimates the covariance of the two moments.

    Notes
    -----
    Moments of continuous variables have the influence of plain means of squares and products, so their
    shape does not matter; the conditional models of the items are taken as right.
    """
    p, m = codes.shape[1], others.shape[1]
    kinds = np.arange(p + m) < p
    found = mixed_moments(np.column_stack([codes, others]), kinds, "pairwise", False, caller=caller)
    variables = [ordinal_variable(column, str(k), caller) for k, column in enumerate(codes.T)]
    variables += [continuous_variable(column, str(k), caller) for k, column in enumerate(others.T)]
    own = [_own_influence(variable) for variable in variables]
    rho = found.correlations
    first, second = pair_indices(p)
    polychoric = [
        _pair_influence(variables[a], variables[b], rho[a, b], own[a], own[b])
        for a, b in zip(first, second, strict=True)
    ]
    polyserial = [
        [_pair_influence(variables[j], variables[p + k], rho[j, p + k], own[j], own[p + k]) for j in range(p)]
        for k in range(m)
    ]
    z = np.array([variable.z for variable in variables[p:]])
    first, second = pair_indices(m)
    r = rho[p + first, p + second][:, None]
    products = z[first] * z[second] - r * (z[first] ** 2 + z[second] ** 2) / 2
    deviations = np.sqrt(found.variances[p:])
    return InfluenceTable(
        correlations=rho,
        deviations=deviations,
        items=np.vstack([*own[:p], *polychoric]),
        polyserial=np.array(polyserial),
        continuous=products / len(codes),
        deviation=deviations[0] * (z[0] ** 2 - 1) / (2 * len(codes)),
    )


def _own_influence(variable: Variable) -> Floats:
    """Thresholds, or mean and variance, per person."""
    if variable.ordered:
        scores = variable.scores()
        return np.asarray(np.linalg.solve(scores @ scores.T, scores))
    z, sd, n = variable.z, variable.deviation, len(variable.z)
    return np.array([sd * z, sd**2 * (z**2 - 1)]) / n


def _pair_influence(a: Variable, b: Variable, rho: float, own_a: Floats, own_b: Floats) -> Floats:
    """The correlation of one pair, first-step estimates moving with it."""
    if not (a.ordered and b.ordered):
        return _influence(a, b, rho, own_a, own_b, np.ones(len(a.answered)))
    # People with the same two answers move it alike: one of each stands for all.
    cell = (a.category + 1) * (len(b.thresholds) + 2) + b.category + 1
    counts = np.bincount(cell)
    one = np.zeros(len(counts), dtype=np.intp)
    one[cell] = np.arange(len(cell))
    present = counts > 0
    some = one[present]
    of_cells = np.zeros(len(counts))
    of_cells[present] = _influence(
        _some_of(a, some),
        _some_of(b, some),
        rho,
        own_a[:, some],
        own_b[:, some],
        counts[present].astype(float),
    )
    return np.asarray(of_cells[cell])


def _some_of(variable: Variable, rows: NDArray[np.intp]) -> Variable:
    parts = {name: getattr(variable, name)[rows] for name in ("answered", "category", "z")}
    return replace(variable, **parts)


def _influence(a: Variable, b: Variable, rho: float, own_a: Floats, own_b: Floats, times: Floats) -> Floats:
    """Influence of each row that stands for so many people."""
    joint, found = pair_scores(a, b, rho)
    weighted = times[joint] * found.rho
    total = np.zeros(len(joint))
    total[joint] = found.rho
    total -= (found.first @ weighted) @ own_a + (found.second @ weighted) @ own_b
    return np.asarray(total / (weighted @ found.rho))
