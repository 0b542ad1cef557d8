"""Many fits of one factor model to sample moments at once: indices only, no standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.common.threads import one_thread
from analysis.structural.estimation.normal import Moments, NormalDiscrepancy
from analysis.structural.estimation.optimise import Reduction, minimise
from analysis.structural.estimation.ram import Array, GroupModel, vech_places

TOLERANCE = 1e-6  # gradient on unit-curvature scale: the discrepancy is then within about 1e-12
MAX_STEPS = 60  # of all draws together; a draw that needs more is searched for alone
MOST_DAMPING = 1e8
NAMES = ("srmr", "rmsea", "cfi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What every replication needs.

    Attributes
    ----------
    group, reduction
        Template of the stated model, and its parameters without the intercepts.
    start
        Reduced parameters where each search starts, shape (k,).
    roots
        Cholesky factors of the population covariances, the correct one first, shape (levels + 1, p, p).
    n, df
        Rows per sample; degrees of freedom of the model.
    n_moments
        Moments the SRMR averages over.
    """

    group: GroupModel
    reduction: Reduction
    start: Array
    roots: Array
    n: int
    df: int
    n_moments: int


@dataclass(frozen=True, slots=True)
class _Implied:
    sigma: Array  # (r, p, p)
    left: Array  # (r, p, m); dSigma_k = left_k right_k' + right_k left_k'
    right: Array


def replicate_indices(seed: np.random.SeedSequence, size: int, task: Task) -> Array:
    """SRMR, RMSEA and CFI of `size` samples per population, NaN where the search failed.

    Returns
    -------
    ndarray
        Shape (levels + 1, size, 3).
    """
    standard = wishart_roots(np.random.default_rng(seed), size, task.roots.shape[-1], task.n)
    with one_thread():
        return np.stack([_indices_of(root @ standard, task) for root in task.roots])


def wishart_roots(generator: np.random.Generator, size: int, p: int, n: int) -> Array:
    """Roots of sample covariances (divisor n) of n standard normal rows, by Bartlett's decomposition."""
    roots = np.tril(generator.standard_normal((size, p, p)), -1)
    diagonal = np.arange(p)
    roots[:, diagonal, diagonal] = np.sqrt(generator.chisquare(n - 1 - diagonal, (size, p)))
    scaled: Array = roots / np.sqrt(n)
    return scaled


def _indices_of(roots: Array, task: Task) -> Array:
    covariances = roots @ roots.transpose(0, 2, 1)
    value, sigma, converged = fit_moments(covariances, task)
    found = indices(value, sigma, covariances, task)
    found[~converged] = np.nan
    return found


def indices(value: Array, sigma: Array, covariances: Array, task: Task) -> Array:
    """SRMR, RMSEA and CFI from the discrepancy and the implied covariances, shape (r, 3)."""
    p = sigma.shape[-1]
    scale = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    row, column = vech_places(p)
    gaps = (covariances - sigma)[:, row, column] / (scale[:, row] * scale[:, column])
    srmr = np.sqrt(np.sum(gaps**2, axis=1) / task.n_moments)
    excess = np.maximum(task.n * value - task.df, 0.0)
    independent = 2.0 * np.sum(np.log(scale), axis=1) - np.linalg.slogdet(covariances)[1]
    base = np.maximum(task.n * independent - p * (p - 1) / 2, excess)
    cfi = 1.0 - np.divide(excess, base, out=np.zeros_like(base), where=base > 0)
    return np.column_stack([srmr, np.sqrt(excess / (task.n * task.df)), cfi])


def fit_moments(covariances: Array, task: Task) -> tuple[Array, Array, np.ndarray]:
    """Minimise the normal-theory discrepancy for every covariance matrix.

    Parameters
    ----------
    covariances
        Shape (r, p, p), divisor n.
    task
        Model, start and sizes.

    Returns
    -------
    tuple
        Discrepancies (r,), implied covariances (r, p, p) and which searches converged (r,).
    """
    z, converged = _search_together(covariances, task)
    for k in np.flatnonzero(~converged):
        alone = _search_alone(covariances[k], task)
        if alone is not None:
            z[k], converged[k] = alone, True
    sigma = _implied(task, z).sigma
    return _discrepancy(sigma, covariances), sigma, converged


def _search_together(covariances: Array, task: Task) -> tuple[Array, np.ndarray]:
    """Take damped scoring steps for all draws that are not done yet."""
    r = len(covariances)
    z = np.tile(task.start, (r, 1))
    value = _discrepancy(_implied(task, z).sigma, covariances)
    damping, converged = np.full(r, 1e-4), np.zeros(r, dtype=bool)
    active = np.arange(r)
    for _ in range(MAX_STEPS):
        slope, curve = _derivatives(task, z[active], covariances[active])
        scale = np.sqrt(np.maximum(np.diagonal(curve, axis1=1, axis2=2), 1e-12))
        scaled = slope / scale
        done = np.max(np.abs(scaled), axis=1) < TOLERANCE
        converged[active[done]] = True
        keep = ~done & (damping[active] < MOST_DAMPING)
        active, curve, scale, scaled = active[keep], curve[keep], scale[keep], scaled[keep]
        if not len(active):
            break
        matrix = curve / (scale[:, :, None] * scale[:, None, :])
        matrix = matrix + damping[active, None, None] * np.eye(matrix.shape[-1])
        trial = z[active] - np.linalg.solve(matrix, scaled[:, :, None])[:, :, 0] / scale
        reached = _discrepancy(_implied(task, trial).sigma, covariances[active])
        better = reached <= value[active] + 1e-14
        z[active[better]], value[active[better]] = trial[better], reached[better]
        damping[active] = np.where(better, np.maximum(damping[active] * 0.1, 1e-12), damping[active] * 10)
    return z, converged


def _search_alone(covariance: Array, task: Task) -> Array | None:
    moments = Moments(task.n, np.zeros(len(covariance)), covariance)
    target = NormalDiscrepancy([task.group], [moments], len(task.reduction.offset), with_means=False)
    try:
        found = minimise(target, task.reduction, task.start)
    except np.linalg.LinAlgError:
        return None
    return found.z if found.converged and np.isfinite(found.value) else None


def _implied(task: Task, z: Array) -> _Implied:
    """Implied covariances and their derivatives; items only depend on factors, so B = I + A."""
    group, p = task.group, len(task.group.observed)
    x = z @ task.reduction.basis.T + task.reduction.offset
    a, s = group.free_directed, group.free_symmetric
    directed = np.tile(group.directed, (len(x), 1, 1))
    symmetric = np.tile(group.symmetric, (len(x), 1, 1))
    directed[:, a.row, a.column] = x[:, a.index]
    symmetric[:, s.row, s.column] = x[:, s.index]
    symmetric[:, s.column, s.row] = x[:, s.index]
    total = np.eye(len(group.directed)) + directed
    rows = total[:, :p]
    covariance = rows @ symmetric @ total.transpose(0, 2, 1)
    half = np.where(s.row == s.column, 0.5, 1.0)
    left = np.concatenate([rows[:, :, a.row], rows[:, :, s.row] * half], axis=2)
    right = np.concatenate([covariance[:, :, a.column], rows[:, :, s.column]], axis=2)
    sigma = covariance[:, :, :p]
    return _Implied((sigma + sigma.transpose(0, 2, 1)) / 2, left, right)


def _discrepancy(sigma: Array, covariances: Array) -> Array:
    """log|Sigma| + tr(S Sigma^-1) - log|S| - p, infinite where Sigma is not positive definite."""
    roots = np.linalg.eigvalsh(sigma)
    bad = ~(roots[:, 0] > 1e-12 * roots[:, -1])
    safe = np.where(bad[:, None, None], np.eye(sigma.shape[-1]), sigma)
    trace = np.sum(np.linalg.inv(safe) * covariances, axis=(1, 2))
    log_det = np.sum(np.log(np.where(bad[:, None], 1.0, roots)), axis=1)
    value: Array = log_det + trace - np.linalg.slogdet(covariances)[1] - sigma.shape[-1]
    value[bad] = np.inf
    return value


def _derivatives(task: Task, z: Array, covariances: Array) -> tuple[Array, Array]:
    """Gradient and expected second derivatives by the reduced parameters."""
    parts = _implied(task, z)
    inverse = np.linalg.inv(parts.sigma)
    by_sigma = inverse - inverse @ covariances @ inverse
    index = np.concatenate([task.group.free_directed.index, task.group.free_symmetric.index])
    basis = task.reduction.basis[index]
    slope = 2.0 * np.sum(parts.left * (by_sigma @ parts.right), axis=1) @ basis
    left_in, right_in = inverse @ parts.left, inverse @ parts.right
    back = parts.right.transpose(0, 2, 1)
    mixed = back @ left_in
    curve = mixed * mixed.transpose(0, 2, 1)
    curve = 2.0 * (curve + (back @ right_in) * (parts.left.transpose(0, 2, 1) @ left_in))
    return slope, basis.T @ curve @ basis
