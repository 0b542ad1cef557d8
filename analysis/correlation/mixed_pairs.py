"""One pair of a mixed set: its correlation and the derivatives of its likelihood."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from analysis.correlation.bivariate_normal import normal_density, rectangle_probabilities
from analysis.correlation.continuous_pairs import (
    PairScores,
    fit_moment,
    fit_polyserial,
    moment_scores,
    polyserial_scores,
)
from analysis.correlation.counts import pair_indices
from analysis.correlation.empty_cells import fill_empty_cells
from analysis.correlation.pairs import SMALLEST_PROBABILITY, cell_derivative, fit_pairs
from analysis.correlation.variables import Variable
from instrument.errors import ResponseDataError, fact_and_hint

Array = npt.NDArray[np.float64]


def fit_pair(a: Variable, b: Variable, label: str, caller: str) -> tuple[float, bool]:
    """Estimate the correlation of two variables, their first-step estimates held.

    Parameters
    ----------
    a, b
        The variables.
    label
        Their names, for messages.
    caller
        The public function that complains.

    Returns
    -------
    tuple
        ρ and whether the search converged.

    Raises
    ------
    ResponseDataError
        Fewer than two persons answered both, or one variable is constant among them.
    """
    joint = _joint(a, b, label, caller)
    if a.ordered and b.ordered:
        return _fit_polychoric(a, b, joint)
    if a.ordered:
        return fit_polyserial(a.category[joint], b.z[joint], a.thresholds)
    if b.ordered:
        return fit_polyserial(b.category[joint], a.z[joint], b.thresholds)
    return fit_moment(a.z[joint], b.z[joint])


def _joint(a: Variable, b: Variable, label: str, caller: str) -> npt.NDArray[np.bool_]:
    """Who answered both; refused where they do not vary in both."""
    joint = a.answered & b.answered
    varying = (
        all(np.ptp(v.category[joint] if v.ordered else v.z[joint]) > 0 for v in (a, b))
        if joint.any()
        else False
    )
    if not varying:
        fact = f"the joint answers to {label} ({int(joint.sum())} persons) do not vary in both."
        raise ResponseDataError(fact_and_hint(caller, fact, "drop one of the two."))
    return joint


def fit_polychorics(
    variables: list[tuple[Variable, str]], caller: str
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Estimate the correlations of all pairs of ordinal variables at once.

    Parameters
    ----------
    variables
        Ordinal variables with their names.
    caller
        The public function that complains.

    Returns
    -------
    tuple
        ρ and whether the search converged, in the order of `pair_indices`.

    Raises
    ------
    ResponseDataError
        As `fit_pair`.
    """
    first, second = pair_indices(len(variables))
    sizes = np.array([variable.n_parameters + 1 for variable, _ in variables])
    k = int(sizes.max())
    tables = np.empty((len(first), k, k))
    for table, i, j in zip(tables, first, second, strict=True):
        (a, of_a), (b, of_b) = variables[i], variables[j]
        joint = _joint(a, b, f"{of_a}–{of_b}", caller)
        table[:] = np.bincount(a.category[joint] * k + b.category[joint], minlength=k * k).reshape(k, k)
    filled = fill_empty_cells(tables, sizes, (0.5, 0.0), keep_margins=True)
    cuts = np.concatenate([_padded(variable, k) for variable, _ in variables])
    fit = fit_pairs(filled, cuts[first], cuts[second])
    return fit.rho, fit.converged


def pair_scores(a: Variable, b: Variable, rho: float) -> tuple[npt.NDArray[np.bool_], PairScores]:
    """Differentiate a pair's log likelihood by its correlation and its variables' parameters.

    Parameters
    ----------
    a, b
        The variables.
    rho
        Their correlation.

    Returns
    -------
    tuple
        Who answered both, shape (n,), and the derivatives for those.
    """
    joint = a.answered & b.answered
    if a.ordered and b.ordered:
        return joint, _polychoric_scores(a, b, joint, rho)
    if a.ordered:
        return joint, polyserial_scores(a.category[joint], b.z[joint], a.thresholds, b.deviation, rho)
    if b.ordered:
        turned = polyserial_scores(b.category[joint], a.z[joint], b.thresholds, a.deviation, rho)
        return joint, PairScores(rho=turned.rho, first=turned.second, second=turned.first)
    return joint, moment_scores(a.z[joint], b.z[joint], (a.deviation, b.deviation), rho)


def _fit_polychoric(a: Variable, b: Variable, joint: npt.NDArray[np.bool_]) -> tuple[float, bool]:
    sizes = np.array([a.n_parameters + 1, b.n_parameters + 1])
    k = int(sizes.max())
    cells = a.category[joint] * k + b.category[joint]
    table = np.bincount(cells, minlength=k * k).reshape(1, k, k).astype(float)
    filled = fill_empty_cells(table, sizes, (0.5, 0.0), keep_margins=True)
    fit = fit_pairs(filled, _padded(a, k), _padded(b, k))
    return float(fit.rho[0]), bool(fit.converged[0])


def _padded(variable: Variable, k: int) -> Array:
    cuts = np.full((1, k - 1), np.inf)
    cuts[0, : len(variable.thresholds)] = variable.thresholds
    return cuts


def _polychoric_scores(a: Variable, b: Variable, joint: npt.NDArray[np.bool_], rho: float) -> PairScores:
    k = max(a.n_parameters, b.n_parameters) + 1
    rows, columns, r = _padded(a, k), _padded(b, k), np.array([rho])
    p = np.maximum(rectangle_probabilities(rows, columns, r)[0], SMALLEST_PROBABILITY)
    by_rho = cell_derivative(rows, columns, r)[0] / p
    i, j = a.category[joint], b.category[joint]
    own = _threshold_slopes(a.thresholds, b.thresholds, i, j, rho) / p[i, j]
    other = _threshold_slopes(b.thresholds, a.thresholds, j, i, rho) / p[i, j]
    return PairScores(rho=by_rho[i, j], first=own, second=other)


def _threshold_slopes(
    own: Array, other: Array, own_at: npt.NDArray[np.intp], other_at: npt.NDArray[np.intp], rho: float
) -> Array:
    """∂π/∂τ of each person's cell, shape (len(own), n)."""
    cuts = np.concatenate(([-np.inf], other, [np.inf]))
    share = np.diff(ndtr((cuts[None, :] - rho * own[:, None]) / np.sqrt(1 - rho * rho)), axis=1)
    slope = normal_density(own)[:, None] * share[:, other_at]
    step = np.arange(len(own))[:, None]
    return slope * ((own_at == step).astype(float) - (own_at == step + 1))
