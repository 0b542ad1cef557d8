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
SHORTEST, LONGEST = 1e-8, 1e8

Indices = NDArray[np.intp]


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


def _flip(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)


def _inner(left: Array, right: Array) -> Array:
    """Inner product of each pair of matrices."""
    return np.asarray((left * right).sum(axis=(-2, -1)))


class _Orthogonal:
    """Rigid rotations: loadings = A T with T'T = I."""

    def turning(self, turns: Array) -> Array:
        """What turns loadings as factors are turned."""
        return turns

    def tangent(
        self, unrotated: Array, turns: Array, turning: Array, loadings: Array, slopes: Array
    ) -> Array:
        gradient = unrotated.T @ slopes
        along = _flip(turns) @ gradient
        return np.asarray(gradient - turns @ (along + _flip(along)) / 2)

    def back(self, moved: Array) -> Array:
        left, _, right = np.linalg.svd(moved)
        return np.asarray(left @ right)


class _Oblique:
    """Correlated factors: loadings = A inv(T)' with columns of T of unit length."""

    def turning(self, turns: Array) -> Array:
        """What turns loadings as factors are turned."""
        return _flip(np.asarray(np.linalg.inv(turns), dtype=np.float64))

    def tangent(
        self, unrotated: Array, turns: Array, turning: Array, loadings: Array, slopes: Array
    ) -> Array:
        gradient = -turning @ (_flip(slopes) @ loadings)
        return np.asarray(gradient - turns * (turns * gradient).sum(axis=-2, keepdims=True))

    def back(self, moved: Array) -> Array:
        return np.asarray(moved / np.linalg.norm(moved, axis=-2, keepdims=True))


@dataclass(slots=True, kw_only=True, eq=False)
class _State:
    """Every start with all that is known where it stands."""

    turns: Array
    loadings: Array
    values: Array
    tangents: Array

    @property
    def slopes(self) -> Array:
        return np.sqrt(_inner(self.tangents, self.tangents))

    def of(self, which: Indices) -> _State:
        parts = {part: getattr(self, part)[which] for part in self.__slots__}
        return _State(**parts)

    def put(self, which: Indices, other: _State) -> None:
        for part in self.__slots__:
            getattr(self, part)[which] = getattr(other, part)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    unrotated: Array
    criterion: Criterion
    manifold: _Orthogonal | _Oblique

    def at(self, turns: Array) -> _State:
        turning = self.manifold.turning(turns)
        loadings = self.unrotated @ turning
        values, slopes = self.criterion(loadings)
        tangents = self.manifold.tangent(self.unrotated, turns, turning, loadings, slopes)
        return _State(turns=turns, loadings=loadings, values=values, tangents=tangents)

    def move(self, state: _State, steps: Array) -> _State:
        return self.at(self.manifold.back(state.turns - steps[:, None, None] * state.tangents))


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
    problem = _Problem(
        unrotated=unrotated, criterion=criterion, manifold=_Oblique() if oblique else _Orthogonal()
    )
    here = problem.at(np.array(rotations, dtype=float))
    steps = 1.0 / np.maximum(here.slopes, 1.0)
    heights = np.full((len(rotations), MEMORY), -np.inf)
    heights[:, 0] = here.values
    pending = np.flatnonzero(here.slopes > tolerance)
    iteration = 0
    while pending.size and iteration < max_iter:
        iteration += 1
        before = here.of(pending)
        moved, arrived = _line_search(problem, before, steps[pending], heights[pending].max(axis=1))
        pending, before, after = pending[moved], before.of(moved), arrived.of(moved)
        steps[pending] = _curvature_steps(before, after, iteration)
        here.put(pending, after)
        heights[pending, iteration % MEMORY] = after.values
        pending = pending[after.slopes > tolerance]
    return Descent(
        rotations=here.turns, loadings=here.loadings, values=here.values, slopes=here.slopes, n_iter=iteration
    )


def _line_search(problem: _Problem, before: _State, steps: Array, ceilings: Array) -> tuple[Indices, _State]:
    """Halve each step until it leads low enough; give the starts that moved, and all states."""
    steps, squared = steps.copy(), before.slopes**2
    after = before.of(np.arange(len(steps)))
    searching = np.arange(len(steps))
    for _ in range(HALVINGS):
        tried = problem.move(before.of(searching), steps[searching])
        lower = tried.values <= ceilings[searching] - ENOUGH * steps[searching] * squared[searching]
        # Where the criterion no longer tells two points apart, the slope does.
        blind = np.abs(tried.values - before.values[searching]) <= ROUNDING * np.abs(before.values[searching])
        fine = np.flatnonzero(lower | (blind & (tried.slopes < 10 * before.slopes[searching])))
        after.put(searching[fine], tried.of(fine))
        searching = np.delete(searching, fine)
        if not searching.size:
            break
        steps[searching] /= 2
    return np.setdiff1d(np.arange(len(steps)), searching), after


def _curvature_steps(before: _State, after: _State, iteration: int) -> Array:
    """Steps from the curvature just seen: the long and the short quotient in turn."""
    moved, turned = after.turns - before.turns, after.tangents - before.tangents
    both = np.abs(_inner(moved, turned))
    top, bottom = (_inner(moved, moved), both) if iteration % 2 else (both, _inner(turned, turned))
    tiny = np.finfo(float).tiny
    return np.clip(top / np.maximum(bottom, tiny), SHORTEST, LONGEST)
