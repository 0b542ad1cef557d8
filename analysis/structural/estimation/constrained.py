"""Search under constraints that are no linear equalities: bounds, inequalities, nonlinear equalities.

Sequential quadratic programming finds which constraints hold with equality; Newton steps on these bring the
gradient of the Lagrangian to the tolerance of every other search.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import linprog, minimize

from analysis.structural.estimation.ram import Array

if TYPE_CHECKING:
    from analysis.structural.estimation.optimise import Discrepancy

OUTSIDE = 1e6  # in place of infinity, which the quadratic programmes cannot take
TOUCHED = 1e-5  # nearer than this a constraint holds with equality
STEP = 1e-30
UNMET, KEPT = 1e-3, 1e-8  # by more than this a constraint is violated: where programming ended, at the end
MOST_ITERATIONS, FEWER_ITERATIONS = 1000, 150  # of programming: from the first start, from further ones
MOST_STEPS = 60
MOST_CHANGES = 40  # of the set of constraints that hold with equality


@dataclass(frozen=True, slots=True)
class Limit:
    """One constraint: `gap(x)` is zero (`equal`), or not below zero; `curved` where it is not linear."""

    gap: Callable[[np.ndarray], complex]
    equal: bool
    text: str
    curved: bool = False

    def value(self, x: Array) -> float:
        """Distance from the constraint, NaN where it is no real number."""
        found = complex(self.gap(x))
        return found.real if found.imag == 0.0 else float("nan")

    def broken(self, x: Array, slack: float) -> bool:
        """Whether it fails to hold by more than `slack`, or is no real number."""
        gap = self.value(x)
        return not (abs(gap) <= slack if self.equal else -gap <= slack)

    def slope(self, x: Array) -> Array:
        """Derivatives by the parameters (complex step)."""
        found = np.zeros(len(x))
        for k in range(len(x)):
            point = x.astype(complex)
            point[k] += 1j * STEP
            found[k] = np.imag(self.gap(point)) / STEP
        return found


@dataclass(frozen=True, slots=True)
class Constrained:
    """Where a constrained search ended.

    Attributes
    ----------
    z, value, gradient, n_iter, converged
        As of any search; the gradient is that of the Lagrangian.
    tangent
        Directions in which no constraint that holds with equality changes, shape (q, r).
    held
        Inequalities that hold with equality: they count as parameters.
    violated
        Constraints that do not hold, as written.
    """

    z: Array
    value: float
    gradient: float
    n_iter: int
    converged: bool
    tangent: Array
    held: int
    violated: tuple[str, ...]


def search_within(
    target: Discrepancy,
    limits: tuple[Limit, ...],
    basis: Array,
    offset: Array,
    start: Array,
    tolerance: float,
    most: int = MOST_ITERATIONS,
) -> Constrained:
    """Minimise over x = offset + basis z under constraints.

    Parameters
    ----------
    target
        The discrepancy with its derivatives.
    limits
        The constraints on x.
    basis, offset
        Linear equalities, which hold throughout.
    start
        Start of z.
    tolerance
        Largest gradient element, on parameters scaled by the square root of the curvature.
    most
        Most iterations of the programming.
    """

    def at(z: Array) -> Array:
        return np.asarray(offset + basis @ z)

    def value(z: Array) -> float:
        found = target.value(at(z))
        return found if np.isfinite(found) else OUTSIDE

    def slope_of(z: Array) -> Array:
        try:
            return np.asarray(basis.T @ target.gradient(at(z)))
        except np.linalg.LinAlgError:  # outside, where the search only passes
            return np.zeros(len(z))

    def broken(z: Array, slack: float) -> tuple[str, ...]:
        return tuple(one.text for one in limits if one.broken(at(z), slack))

    apart = _contradictions(limits, basis, offset, start)
    if apart:
        return Constrained(start, np.inf, np.inf, 0, False, np.eye(len(start)), 0, apart)
    start = _where_all_lead_somewhere(limits, basis, offset, start)
    scale = np.sqrt(np.maximum(np.diag(basis.T @ target.expected(at(start)) @ basis), 1e-12))
    conditions: list[Any] = [_condition(one, at, basis, scale) for one in limits]
    rough = minimize(
        lambda u: value(u / scale),
        start * scale,
        jac=lambda u: slope_of(u / scale) / scale,
        method="SLSQP",
        options={"maxiter": most, "ftol": 1e-13},
        constraints=conditions,
    )  # type: ignore[call-overload]
    z, steps = rough.x / scale, int(rough.nit)
    if not np.isfinite(target.value(at(z))) or broken(z, UNMET):
        return Constrained(z, np.inf, np.inf, steps, False, np.eye(len(z)), 0, broken(z, UNMET))
    active = [one for one in limits if one.equal or one.value(at(z)) < TOUCHED]
    for _ in range(MOST_CHANGES):
        z, size, done = _on_edges(target, active, basis, offset, z, tolerance)
        steps += done
        pull = _multipliers(target, active, basis, at(z))
        off = [(p, one) for p, one in zip(pull, active, strict=True) if not one.equal and p < -tolerance]
        crossed = [one for one in limits if one not in active and one.value(at(z)) < -1e-9]
        if not off and not crossed:
            break
        if off:
            active.remove(min(off, key=lambda pair: pair[0])[1])
        active += crossed
    unmet = broken(z, KEPT)
    slopes = np.array([one.slope(at(z)) @ basis for one in active]).reshape(-1, len(z))
    tangent = null_space(slopes) if active else np.eye(len(z))
    return Constrained(
        z,
        target.value(at(z)),
        size,
        steps,
        size < tolerance and not unmet and not off,
        tangent,
        np.linalg.matrix_rank(slopes) - sum(one.equal for one in active) if active else 0,
        unmet,
    )


def uneven_points(size: int) -> list[Array]:
    """Four points between .3 and 1.7, drawn once and for all, none of which is another one shifted.

    Where points share a coordinate a product looks linear, (a - .5)(b - .5) where b is .5; where they are
    shifted by one number a difference of squares does.
    """
    return list(np.random.default_rng(20).uniform(0.3, 1.7, (4, size)))


def scattered_starts(limits: tuple[Limit, ...], basis: Array, offset: Array, start: Array) -> list[Array]:
    """Draw further starts for constraints that are not linear, whose minima may be several.

    Parameters that these constraints speak of take sizes between .3 and 1.7 of either sign.
    """
    points = uneven_points(len(offset))
    curved = [one for one in limits if one.curved]
    moved = np.any([np.nan_to_num(one.slope(point)) != 0.0 for one in curved for point in points], axis=0)
    signs = np.random.default_rng(21)
    found = []
    for point in points:
        x = np.where(moved, point * signs.choice([-1.0, 1.0], len(point)), offset + basis @ start)
        found.append(np.linalg.lstsq(basis, x - offset, rcond=None)[0])
    return found


def _where_all_lead_somewhere(limits: tuple[Limit, ...], basis: Array, offset: Array, start: Array) -> Array:
    """Move the parameters of constraints that lead nowhere from the start, as log(a) and a*b do from 0."""
    lost = [one for one in limits if _without_direction(one, offset + basis @ start)]
    if not lost:
        return start
    points = [sign * point for point in uneven_points(len(offset)) for sign in (1.0, -1.0)]
    moved = np.any([np.nan_to_num(one.slope(point)) != 0.0 for one in lost for point in points], axis=0)
    for point in points:
        x = np.where(moved, point, offset + basis @ start)
        z = np.linalg.lstsq(basis, x - offset, rcond=None)[0]
        if not any(_without_direction(one, offset + basis @ z) for one in limits):
            return np.asarray(z)
    return start


def _contradictions(limits: tuple[Limit, ...], basis: Array, offset: Array, start: Array) -> tuple[str, ...]:
    """Name linear constraints without a point in common: those that must be missed, by the least there is."""
    linear = [one for one in limits if not one.curved]
    if len(linear) < 2 or not any(one.broken(offset + basis @ start, KEPT) for one in linear):
        return ()
    slopes = np.array([one.slope(offset) @ basis for one in linear])
    gaps = np.array([one.value(offset) for one in linear])
    if not (np.isfinite(slopes).all() and np.isfinite(gaps).all()):
        return ()
    n, q = slopes.shape
    equal = np.array([one.equal for one in linear])
    missed = np.eye(n)
    # slope z + missed >= -gap, and for equalities the same turned round
    upper = np.vstack([np.hstack([-slopes, -missed]), np.hstack([slopes, -missed])[equal]])
    found = linprog(
        np.concatenate([np.zeros(q), np.ones(n)]),
        upper,
        np.concatenate([gaps, -gaps[equal]]),
        bounds=[(None, None)] * q + [(0.0, None)] * n,
    )
    if found.status != 0 or found.x is None:
        return ()
    return tuple(one.text for one, by in zip(linear, found.x[q:], strict=True) if by > UNMET)


def _without_direction(one: Limit, x: Array) -> bool:
    """Whether a constraint is no real number, or is not met and has no slope towards where it is."""
    return bool(np.isnan(one.value(x)) or (one.broken(x, KEPT) and not np.any(one.slope(x))))


def _condition(one: Limit, at: Callable[[Array], Array], basis: Array, scale: Array) -> dict[str, Any]:
    """Write a constraint as SciPy takes it, on scaled parameters."""
    return {
        "type": "eq" if one.equal else "ineq",
        "fun": lambda u: np.nan_to_num(one.value(at(u / scale)), nan=-OUTSIDE),
        "jac": lambda u: np.nan_to_num(one.slope(at(u / scale))) @ basis / scale,
    }


def _multipliers(target: Discrepancy, active: list[Limit], basis: Array, x: Array) -> Array:
    """Pull of each constraint on the gradient, positive where an inequality is needed."""
    if not active:
        return np.zeros(0)
    slopes = np.array([one.slope(x) @ basis for one in active])
    return np.linalg.lstsq(slopes.T, basis.T @ target.gradient(x), rcond=None)[0]


def _on_edges(
    target: Discrepancy, active: list[Limit], basis: Array, offset: Array, z: Array, tolerance: float
) -> tuple[Array, float, int]:
    """Newton steps with the given constraints as equalities; gives z, scaled gradient and steps."""
    size = np.inf
    for step in range(MOST_STEPS):
        x = offset + basis @ z
        slope = basis.T @ target.gradient(x)
        slopes = np.array([one.slope(x) @ basis for one in active]).reshape(-1, len(z))
        gaps = np.array([one.value(x) for one in active])
        tangent = null_space(slopes) if active else np.eye(len(z))
        curve = basis.T @ target.observed(x) @ basis
        pull = np.linalg.lstsq(slopes.T, slope, rcond=None)[0] if active else np.zeros(0)
        for p, one in zip(pull, active, strict=True):
            curve -= p * basis.T @ _bend(one, x) @ basis
        inner = tangent.T @ curve @ tangent
        if inner.size and np.linalg.eigvalsh(inner)[0] <= 0.0:
            curve = basis.T @ target.expected(x) @ basis
            inner = tangent.T @ curve @ tangent
        spread = np.sqrt(np.maximum(np.abs(np.diag(inner)), 1e-12))
        size = float(np.max(np.abs(tangent.T @ slope / spread), initial=0.0))
        if size < tolerance and np.max(np.abs(gaps), initial=0.0) < 1e-10:
            return z, size, step
        toward = -np.linalg.lstsq(slopes, gaps, rcond=None)[0] if active else np.zeros(len(z))
        along = tangent @ np.linalg.lstsq(inner, -tangent.T @ (slope + curve @ toward), rcond=None)[0]
        share, old = 1.0, target.value(x)
        allowed = 1e-12 * max(1.0, abs(old)) + 10.0 * float(np.abs(pull) @ np.abs(gaps))
        while (
            share > 1e-6 and not target.value(offset + basis @ (z + toward + share * along)) <= old + allowed
        ):
            share /= 2.0
        z = z + toward + share * along
    return z, size, MOST_STEPS


def _bend(one: Limit, x: Array) -> Array:
    """Second derivatives of a constraint: central differences of its slope."""
    found = np.zeros((len(x), len(x)))
    for k in np.flatnonzero(one.slope(x)):
        step = np.zeros(len(x))
        step[k] = 1e-5 * max(1.0, abs(x[k]))
        found[k] = (one.slope(x + step) - one.slope(x - step)) / (2.0 * step[k])
    return (found + found.T) / 2.0
