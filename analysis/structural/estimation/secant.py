"""Rough searches: which of several starts may lead lower than a minimum that is known.

Where second derivatives are dear, a search that has to tell whether a start is worth the whole way learns
them from the gradients that it meets (Broyden, Fletcher, Goldfarb and Shanno, damped as in Powell 1978).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.optimise import FURTHER_STEPS, Discrepancy, Minimum, Reduction, minimise
from analysis.structural.estimation.ram import Array

ROUGH = 1e-3  # largest scaled gradient where a rough search ends
HIGHER = 1e-4  # above a known minimum: what a rough search cannot have left to fall
SAME = 0.01  # of a parameter: as near leads to the same minimum
LEAST_CURVATURE = 0.2  # of what was foretold: less is raised to it


@dataclass(slots=True)
class Secant:
    """A discrepancy whose second derivatives are learnt on the way, from its first approximation of them."""

    target: Discrepancy
    _matrix: Array | None = None
    _x: Array | None = None
    _slope: Array | None = None

    def value(self, x: Array) -> float:
        """Give the discrepancy."""
        return self.target.value(x)

    def gradient(self, x: Array) -> Array:
        """Give first derivatives."""
        return self.target.gradient(x)

    def expected(self, x: Array) -> Array:
        """Give a positive definite approximation of the second derivatives."""
        slope = self.target.gradient(x)
        if self._matrix is None or self._x is None or self._slope is None:
            self._matrix = self.target.expected(x)
        else:
            self._learn(x - self._x, slope - self._slope)
        self._x, self._slope = x.copy(), slope
        return self._matrix

    def observed(self, x: Array) -> Array:
        """Give the same."""
        return self.expected(x)

    def _learn(self, step: Array, change: Array) -> None:
        matrix = self._matrix
        if matrix is None or not step.any():
            return
        pulled = matrix @ step
        foretold = float(step @ pulled)
        if foretold <= 0.0:
            return
        found = float(step @ change)
        if found < LEAST_CURVATURE * foretold:
            share = (1.0 - LEAST_CURVATURE) * foretold / (foretold - found)
            change = share * change + (1.0 - share) * pulled
            found = float(step @ change)
        self._matrix = matrix - np.outer(pulled, pulled) / foretold + np.outer(change, change) / found


def promising(
    target: Discrepancy,
    reduction: Reduction,
    found: Minimum,
    starts: Iterable[Array],
    lost: Callable[[Array], bool] | None = None,
) -> Iterator[Array]:
    """Give where rough searches ended that may end lower than a known minimum.

    Parameters
    ----------
    target, reduction, lost
        As for `minimise`.
    found
        The known minimum.
    starts
        Full parameter vectors.

    Yields
    ------
    ndarray
        Full parameter vectors.
    """
    if reduction.limits:
        yield from starts
        return
    known = reduction.expand(found.z)
    for start in starts:
        z = reduction.contract(start)
        rough = minimise(Secant(target), reduction, z, tolerance=ROUGH, max_steps=FURTHER_STEPS, lost=lost)
        x = reduction.expand(rough.z)
        if rough.lost or not np.isfinite(rough.value):
            continue
        if rough.converged and rough.value > found.value + HIGHER * max(1.0, abs(found.value)):
            continue
        if np.max(np.abs(x - known) / (1.0 + np.abs(known)), initial=0.0) < SAME:
            continue
        yield x
