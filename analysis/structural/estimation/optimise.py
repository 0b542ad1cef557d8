"""Minimise a discrepancy: scoring steps with damping, then Newton steps, to a tight gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from analysis.structural.estimation.constrained import (
    FEWER_ITERATIONS,
    MOST_ITERATIONS,
    Limit,
    scattered_starts,
    search_within,
)
from analysis.structural.estimation.ram import Array

GRADIENT_TOLERANCE = 1e-9
MAX_STEPS = 400
FURTHER_STEPS = 100  # of a search for another minimum
LOWER = 1e-9  # what a minimum must be lower by to be another one
HOPELESS = 4  # starts from which constraints could not be met before no further one is tried
NEAR = 0.2  # scaled gradient below which Newton steps are tried


class Discrepancy(Protocol):
    """What can be minimised."""

    def value(self, x: Array) -> float:
        """Give the discrepancy, infinite outside its domain."""

    def gradient(self, x: Array) -> Array:
        """Give first derivatives."""

    def expected(self, x: Array) -> Array:
        """Give a non-negative definite approximation of the second derivatives."""

    def observed(self, x: Array) -> Array:
        """Give the second derivatives."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """Where the search ended; under constraints with the directions that are left and what is violated."""

    z: Array
    value: float
    gradient: float
    n_iter: int
    converged: bool
    tangent: Array | None = None
    held: int = 0
    violated: tuple[str, ...] = ()
    lost: bool = False  # the search ran off beyond what the caller takes for possible
    lower: bool = False  # a drawn start led lower than the usual one


@dataclass(frozen=True, slots=True)
class Reduction:
    """Linear equality constraints as x = offset + basis z, with what else constrains a search.

    Attributes
    ----------
    basis, offset
        The linear equalities.
    limits
        Bounds, inequalities and nonlinear equalities.
    held
        Inequalities that hold with equality where the search ended: `basis` leaves them out, but they count
        as parameters.
    joint
        Of a model with composites: the basis with the covariances of components, which are taken from the
        sample, as further parameters.
    bend, joint_bend
        What the curvature of implied entries adds to second derivatives in the directions of either basis.
    """

    basis: Array
    offset: Array
    limits: tuple[Limit, ...] = ()
    held: int = 0
    joint: Array | None = None
    bend: Array | None = None
    joint_bend: Array | None = None

    @property
    def given(self) -> int:
        """Moments that are taken from the sample and neither explained nor counted."""
        return 0 if self.joint is None else int(self.joint.shape[1] - self.basis.shape[1])

    @property
    def whole(self) -> Array:
        """The basis with the moments that are taken from the sample."""
        return self.basis if self.joint is None else self.joint

    @property
    def n_parameters(self) -> int:
        """Parameters after equality constraints."""
        return int(self.basis.shape[1]) + self.held

    def expand(self, z: Array) -> Array:
        """Give the full parameter vector."""
        full: Array = self.offset + self.basis @ z
        return full

    def contract(self, x: Array) -> Array:
        """Give the nearest reduced vector."""
        return np.linalg.lstsq(self.basis, x - self.offset, rcond=None)[0]


def minimise(
    target: Discrepancy,
    reduction: Reduction,
    start: Array,
    tolerance: float = GRADIENT_TOLERANCE,
    max_steps: int = MAX_STEPS,
    near: bool = False,
    lost: Callable[[Array], bool] | None = None,
) -> Minimum:
    """Minimise over the reduced parameters.

    Parameters
    ----------
    target
        The discrepancy with its derivatives.
    reduction
        Equality constraints.
    start
        Start of the reduced vector.
    tolerance
        Largest gradient element, on parameters scaled by the square root of the curvature.
    max_steps
        Most steps allowed.
    near
        Whether the start is close, so that Newton steps are tried at once.
    lost
        Says of a full parameter vector that the search has run off and need not go on.

    Returns
    -------
    Minimum
        `converged` is False when the gradient did not reach the tolerance.
    """
    basis = reduction.basis
    if reduction.limits:
        return _minimise_within(target, reduction, start, tolerance, max_steps)
    z, damping = start.copy(), 1e-3
    value = target.value(reduction.expand(z))
    size = np.inf
    scale = np.zeros(0)
    for step in range(1, max_steps + 1):
        x = reduction.expand(z)
        if lost is not None and lost(x):
            return Minimum(z, value, size, step, False, lost=True)
        slope = basis.T @ target.gradient(x)
        if near and len(scale) and (done := float(np.max(np.abs(slope / scale)))) < tolerance:
            return Minimum(z, value, done, step - 1, True)
        if near:
            second = basis.T @ target.observed(x) @ basis
            scale = np.sqrt(np.maximum(np.abs(np.diag(second)), 1e-12))
            size = float(np.max(np.abs(slope / scale), initial=0.0))
            newton = _newton(second, slope, scale) if size >= tolerance else None
            if size < tolerance:
                return Minimum(z, value, size, step - 1, True)
            if newton is not None:
                trial = target.value(reduction.expand(z + newton))
                if np.isfinite(trial) and trial <= value + 1e-13 * max(1.0, abs(value)):
                    z, value = z + newton, trial
                    continue
        curve = basis.T @ target.expected(x) @ basis
        scale = np.sqrt(np.maximum(np.diag(curve), 1e-12))
        size = float(np.max(np.abs(slope / scale), initial=0.0))
        if size < tolerance:
            return Minimum(z, value, size, step - 1, True)
        found = _damped(target, reduction, z, value, slope, curve, scale, damping)
        if found is None:
            return Minimum(z, value, size, step, size < 1e3 * tolerance)
        z, value, damping = found
        near = size < NEAR
    return Minimum(z, value, size, max_steps, False)


def _minimise_within(
    target: Discrepancy, reduction: Reduction, start: Array, tolerance: float, max_steps: int
) -> Minimum:
    """Search under constraints; where one is not linear from several starts, of which the lowest end counts.

    The minimum without these constraints comes first among them: the point nearest to it that fulfils them
    is most often the lowest.
    """
    basis, offset, limits = reduction.basis, reduction.offset, reduction.limits
    starts = [start]
    if any(one.curved for one in limits):
        free = minimise(target, Reduction(basis, offset), start, tolerance, max_steps)
        starts = [free.z, start] if free.converged else [start]
        starts += scattered_starts(limits, basis, offset, starts[0])
    found: list[Minimum] = []
    for one in starts:
        if not np.isfinite(target.value(offset + basis @ one)):
            continue
        if len(found) == HOPELESS and all(other.violated for other in found):
            break
        most = FEWER_ITERATIONS if found else MOST_ITERATIONS
        own = search_within(target, limits, basis, offset, one, tolerance, most)
        found.append(
            Minimum(
                own.z,
                own.value,
                own.gradient,
                own.n_iter,
                own.converged,
                own.tangent,
                own.held,
                own.violated,
            )
        )
    if not found:
        return Minimum(start, np.inf, np.inf, 0, False)
    settled = [one for one in found if one.converged]
    return min(settled or found, key=lambda one: one.value)


def minimise_from(
    target: Discrepancy,
    reduction: Reduction,
    starts: Iterator[Array],
    beyond: Callable[[Array], Array | None],
    lost: Callable[[Array], bool] | None = None,
    further: Iterable[Array] = (),
) -> Minimum:
    """Search from one start after the other until the gradient vanishes.

    Parameters
    ----------
    target
        The discrepancy with its derivatives.
    reduction
        Equality constraints.
    starts
        Full parameter vectors; a later one is drawn only when every earlier search failed.
    beyond
        Gives a further start from where a search failed, if there is one.
    lost
        As for `minimise`.
    further
        Starts of a model that may have several minima: all are tried once a search has converged.

    Returns
    -------
    Minimum
        Of the first search that converged, or of a further one that ended lower; else the failed one that
        came lowest.
    """
    failed: list[Minimum] = []
    for start in starts:
        point: Array | None = start
        for _ in range(2):
            if point is None:
                break
            found = minimise(target, reduction, reduction.contract(point), lost=lost)
            if found.converged:
                return lowest_of(target, reduction, found, further)
            failed.append(found)
            if found.violated:
                return found
            if found.lost:
                break
            point = beyond(reduction.expand(found.z))
    return min(failed, key=lambda one: one.value if np.isfinite(one.value) else np.inf)


def lowest_of(
    target: Discrepancy,
    reduction: Reduction,
    found: Minimum,
    further: Iterable[Array],
    lost: Callable[[Array], bool] | None = None,
) -> Minimum:
    """Give the lowest minimum that the further starts lead to, the first one where none is lower.

    Parameters
    ----------
    target, reduction, lost
        As for `minimise`.
    found
        Where the usual start led.
    further
        Full parameter vectors.
    """
    for start in further:
        other = minimise(target, reduction, reduction.contract(start), max_steps=FURTHER_STEPS, lost=lost)
        if other.converged and other.value < found.value - LOWER * max(1.0, abs(found.value)):
            found = replace(other, lower=True)
    return found


def settle(reduction: Reduction, minimum: Minimum) -> tuple[Reduction, Minimum]:
    """Take constraints that hold with equality into the linear ones, as inference needs them.

    Parameters
    ----------
    reduction
        Constraints of the search.
    minimum
        Where it ended.
    """
    if minimum.tangent is None:
        return reduction, minimum
    local = Reduction(
        reduction.basis @ minimum.tangent, reduction.expand(minimum.z), reduction.limits, minimum.held
    )
    return local, replace(minimum, z=np.zeros(minimum.tangent.shape[1]))


def _newton(curve: Array, slope: Array, scale: Array) -> Array | None:
    try:
        factor = np.linalg.cholesky(curve / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return None
    half = np.linalg.solve(factor, slope / scale)
    step: Array = -np.linalg.solve(factor.T, half) / scale
    return step


def _damped(
    target: Discrepancy,
    reduction: Reduction,
    z: Array,
    value: float,
    slope: Array,
    curve: Array,
    scale: Array,
    damping: float,
) -> tuple[Array, float, float] | None:
    """Take one scoring step, with more damping until the discrepancy falls."""
    scaled = curve / np.outer(scale, scale)
    eye = np.eye(len(z))
    while damping < 1e10:
        step = -np.linalg.solve(scaled + damping * eye, slope / scale) / scale
        trial = target.value(reduction.expand(z + step))
        gain = value - trial
        if (
            np.isfinite(trial)
            and gain > -1e-14 * max(1.0, abs(value))
            and gain >= 1e-4 * -(slope @ step) * 0.5
        ):
            good = gain > 0.5 * -(slope @ step) * 0.5
            return z + step, trial, max(damping * (0.1 if good else 1.0), 1e-12)
        damping *= 10.0
    return None
