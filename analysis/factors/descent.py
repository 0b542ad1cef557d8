"""Gradient projection over rotation matrices, many starting positions at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.factors.criteria import Criterion
from analysis.factors.pattern import Array

HALVINGS = 25
MEMORY = 10
ENOUGH = 1e-4
ROUNDING = 8 * np.finfo(float).eps
STEP_BOUNDS = (1e-8, 1e8)
Indices = NDArray[np.intp]
Flags = NDArray[np.bool_] | Indices


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


@dataclass(slots=True, kw_only=True, eq=False)
class _Points:
    """Rotations with everything computed at them."""

    rotations: Array
    loadings: Array
    values: Array
    tangents: Array
    slopes: Array

    def put(self, where: Indices, other: _Points, which: Flags) -> None:
        """Overwrite the positions `where` by those of another set."""
        self.rotations[where] = other.rotations[which]
        self.loadings[where] = other.loadings[which]
        self.values[where] = other.values[which]
        self.tangents[where] = other.tangents[which]
        self.slopes[where] = other.slopes[which]


def _evaluate(
    manifold: _Oblique | _Orthogonal, unrotated: Array, criterion: Criterion, rotations: Array
) -> _Points:
    loadings = manifold.loadings(unrotated, rotations)
    values, raw = criterion(loadings)
    tangents = manifold.project(rotations, manifold.gradient(unrotated, rotations, loadings, raw))
    return _Points(
        rotations=rotations,
        loadings=loadings,
        values=values,
        tangents=tangents,
        slopes=np.linalg.norm(tangents, axis=(-2, -1)),
    )


def _next_steps(moved: Array, turned: Array, odd: bool) -> Array:
    """Step lengths that mimic the curvature just seen, by the two quotients in turn."""
    inner = np.abs(np.sum(moved * turned, axis=(-2, -1)))
    squares = np.sum(moved**2, axis=(-2, -1)), np.sum(turned**2, axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = inner / squares[1] if odd else squares[0] / inner
    return np.asarray(np.clip(np.nan_to_num(steps, nan=1.0, posinf=1.0), *STEP_BOUNDS))


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

    The step length comes from the curvature just seen (Barzilai and Borwein) and halves until the criterion
    lies below the highest of its last ten values; once differences are below rounding error, the slope may
    not grow tenfold instead.

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

    References
    ----------
    Jennrich, R. I. (2002). A simple general method for oblique rotation. Psychometrika, 67, 7-19.
    https://doi.org/10.1007/BF02294706
    Barzilai, J., & Borwein, J. M. (1988). Two-point step size gradient methods. IMA Journal of Numerical
    Analysis, 8, 141-148. https://doi.org/10.1093/imanum/8.1.141
    """
    manifold = _Oblique() if oblique else _Orthogonal()
    here = _evaluate(manifold, unrotated, criterion, rotations.copy())
    best = _evaluate(manifold, unrotated, criterion, rotations.copy())
    steps = np.ones(len(rotations))
    recent = np.repeat(here.values[:, None], MEMORY, axis=1)
    moving = here.slopes > tolerance
    n_iter = 0
    while moving.any() and n_iter < max_iter:
        n_iter += 1
        began = np.flatnonzero(moving)
        before, tangents = here.rotations[began].copy(), here.tangents[began].copy()
        stuck = _advance(manifold, unrotated, criterion, here, began, steps, recent.max(axis=1))
        recent[began, n_iter % MEMORY] = here.values[began]
        steps[began] = _next_steps(
            here.rotations[began] - before, here.tangents[began] - tangents, n_iter % 2 == 1
        )
        better = began[here.slopes[began] < best.slopes[began]]
        best.put(better, here, better)
        moving[stuck] = False
        moving &= here.slopes > tolerance
    return Descent(
        rotations=best.rotations,
        loadings=best.loadings,
        values=best.values,
        slopes=best.slopes,
        n_iter=n_iter,
    )


def _advance(
    manifold: _Oblique | _Orthogonal,
    unrotated: Array,
    criterion: Criterion,
    here: _Points,
    pending: Indices,
    steps: Array,
    ceilings: Array,
) -> Indices:
    """Move every pending start one accepted step; return those that found none."""
    for _ in range(HALVINGS):
        moved = here.rotations[pending] - steps[pending, None, None] * here.tangents[pending]
        trial = _evaluate(manifold, unrotated, criterion, manifold.retract(moved))
        noise = ROUNDING * np.maximum(1.0, np.abs(here.values[pending]))
        wanted = ENOUGH * here.slopes[pending] ** 2 * steps[pending]
        fall = ceilings[pending] - trial.values
        good = (fall > wanted) | ((fall > -noise) & (trial.slopes < 10 * here.slopes[pending]))
        here.put(pending[good], trial, good)
        pending = pending[~good]
        if not pending.size:
            break
        steps[pending] /= 2
    return pending
