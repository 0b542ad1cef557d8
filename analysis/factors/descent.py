"""Gradient projection over rotation matrices, many starting positions at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.factors.criteria import Criterion
from analysis.factors.pattern import Array

HALVINGS = 25
ROUNDING = 8 * np.finfo(float).eps


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Descent:
    """Where each starting position ended.

    Attributes
    ----------
    rotations : ndarray, shape (n_starts, n_factors, n_factors)
        Factors as combinations of the unrotated ones, columns of unit length.
    loadings : ndarray, shape (n_starts, n_items, n_factors)
        Rotated loadings.
    values : ndarray, shape (n_starts,)
        Criterion.
    slopes : ndarray, shape (n_starts,)
        Norm of the projected gradient.
    n_iter : int
        Iterations of the slowest start.
    """

    rotations: Array
    loadings: Array
    values: Array
    slopes: Array
    n_iter: int


def _transposed(stack: Array) -> Array:
    return np.asarray(np.swapaxes(stack, -1, -2), dtype=float)


class _Orthogonal:
    """Rigid rotations: loadings = A T with T'T = I."""

    def loadings(self, unrotated: Array, rotations: Array) -> Array:
        return unrotated @ rotations

    def gradient(self, unrotated: Array, rotations: Array, loadings: Array, slopes: Array) -> Array:
        return unrotated.T @ slopes

    def project(self, rotations: Array, gradient: Array) -> Array:
        inner = np.asarray(_transposed(rotations) @ gradient, dtype=float)
        return np.asarray(gradient - rotations @ ((inner + _transposed(inner)) / 2), dtype=float)

    def retract(self, moved: Array) -> Array:
        left, _, right = np.linalg.svd(moved)
        return np.asarray(left @ right)


class _Oblique:
    """Correlated factors: loadings = A inv(T)' with columns of T of unit length."""

    def loadings(self, unrotated: Array, rotations: Array) -> Array:
        inverse = np.asarray(np.linalg.inv(rotations), dtype=float)
        return np.asarray(unrotated @ _transposed(inverse), dtype=float)

    def gradient(self, unrotated: Array, rotations: Array, loadings: Array, slopes: Array) -> Array:
        inner = np.asarray(_transposed(loadings) @ slopes, dtype=float)
        inverse = np.asarray(np.linalg.inv(rotations), dtype=float)
        return -_transposed(np.asarray(inner @ inverse, dtype=float))

    def project(self, rotations: Array, gradient: Array) -> Array:
        return gradient - rotations * np.sum(rotations * gradient, axis=-2, keepdims=True)

    def retract(self, moved: Array) -> Array:
        return moved / np.linalg.norm(moved, axis=-2, keepdims=True)


def descend(
    unrotated: Array,
    rotations: Array,
    criterion: Criterion,
    *,
    oblique: bool,
    tolerance: float = 1e-9,
    max_iter: int = 5000,
) -> Descent:
    """Follow the projected gradient downhill from every starting position.

    The step doubles after each success and halves until the criterion falls enough; once the fall is below
    rounding error the slope of the criterion decides instead.

    Parameters
    ----------
    unrotated : ndarray, shape (n_items, n_factors)
        Loadings to rotate.
    rotations : ndarray, shape (n_starts, n_factors, n_factors)
        Starting positions.
    criterion
        What is made small.
    oblique
        Whether factors may correlate.
    tolerance
        Stop when the norm of the projected gradient is below.
    max_iter
        Iterations allowed.

    Returns
    -------
    Descent
        One entry for each start.
    """
    manifold = _Oblique() if oblique else _Orthogonal()
    rotations = rotations.copy()
    loadings = manifold.loadings(unrotated, rotations)
    values, raw = criterion(loadings)
    tangent = manifold.project(rotations, manifold.gradient(unrotated, rotations, loadings, raw))
    slopes = np.linalg.norm(tangent, axis=(-2, -1))
    steps = np.ones(len(rotations))
    moving = slopes > tolerance
    n_iter = 0
    while moving.any() and n_iter < max_iter:
        n_iter += 1
        steps[moving] *= 2
        pending = np.flatnonzero(moving)
        for _ in range(HALVINGS):
            trial = manifold.retract(rotations[pending] - steps[pending, None, None] * tangent[pending])
            trial_loadings = manifold.loadings(unrotated, trial)
            trial_values, trial_raw = criterion(trial_loadings)
            trial_tangent = manifold.project(
                trial, manifold.gradient(unrotated, trial, trial_loadings, trial_raw)
            )
            trial_slopes = np.linalg.norm(trial_tangent, axis=(-2, -1))
            fall = values[pending] - trial_values
            noise = ROUNDING * np.maximum(1.0, np.abs(values[pending]))
            wanted = 0.5 * slopes[pending] ** 2 * steps[pending]
            good = (fall > np.maximum(wanted, noise)) | (
                (wanted <= noise) & (fall > -noise) & (trial_slopes < slopes[pending])
            )
            taken = pending[good]
            rotations[taken], loadings[taken] = trial[good], trial_loadings[good]
            values[taken], tangent[taken], slopes[taken] = (
                trial_values[good],
                trial_tangent[good],
                trial_slopes[good],
            )
            pending = pending[~good]
            if not pending.size:
                break
            steps[pending] /= 2
        moving[pending] = False
        moving &= slopes > tolerance
    return Descent(rotations=rotations, loadings=loadings, values=values, slopes=slopes, n_iter=n_iter)
