"""Maximum of a likelihood within bounded steps and time, or the reason why there is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

Floats = NDArray[np.float64]
SEARCH_STEPS, NEWTON_STEPS = 500, 30
DECREMENT = 1e-12  # twice the gain in log likelihood that is left
SECONDS = 120.0  # a fit takes well under one; beyond this it is given up, not waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Maximum:
    """Place, log likelihood and covariance of a maximum; `reason` says why there is none (empty: found)."""

    theta: Floats
    log_likelihood: float
    covariance: Floats | None
    reason: str = ""


class _OutOfTimeError(Exception):
    pass


def maximise(
    negative: Callable[[Floats], float],
    gradient: Callable[[Floats], Floats],
    start: Floats,
    people: int,
    *,
    seconds: float = SECONDS,
) -> Maximum:
    """Search by BFGS, then Newton steps.

    Parameters
    ----------
    negative, gradient
        Negative log likelihood of theta, shape (p,), and its exact derivative, shape (p,).
    start : array, shape (p,)
        Where to begin.
    people
        Rows behind the likelihood. The search works on the mean over them: on the sum its first step is as
        long as the sample is large.
    seconds
        Time after which the fit is given up.

    Returns
    -------
    Maximum
        Covariance None, and the reason, where no interior maximum was found.
    """
    deadline = time.monotonic() + seconds
    start = np.asarray(start, dtype=np.float64)

    def value(theta: Floats) -> float:
        if time.monotonic() > deadline:
            raise _OutOfTimeError
        found = negative(theta) / people
        return found if np.isfinite(found) else np.inf

    def slope(theta: Floats) -> Floats:
        found = gradient(theta) / people
        return np.asarray(np.where(np.isfinite(found), found, 0.0), dtype=np.float64)

    try:
        with np.errstate(all="ignore"):
            found = optimize.minimize(
                value, start, jac=slope, method="BFGS", options={"gtol": 1e-7, "maxiter": SEARCH_STEPS}
            )
            return _polished(negative, gradient, np.asarray(found.x, dtype=np.float64), deadline)
    except _OutOfTimeError:
        reason = f"it was given up after {seconds:g} seconds"
        return Maximum(theta=start, log_likelihood=float("nan"), covariance=None, reason=reason)


def _polished(
    negative: Callable[[Floats], float],
    gradient: Callable[[Floats], Floats],
    theta: Floats,
    deadline: float,
) -> Maximum:
    nowhere = "the likelihood has no interior maximum"
    for _ in range(NEWTON_STEPS):
        if time.monotonic() > deadline:
            raise _OutOfTimeError
        curve, slope = jacobian_of(gradient, theta), gradient(theta)
        if not (np.isfinite(curve).all() and np.isfinite(slope).all()):
            break
        if np.linalg.eigvalsh(curve).min() <= 0:
            break
        spread = np.asarray(np.linalg.inv(curve), dtype=np.float64)
        decrement = float(slope @ spread @ slope)
        theta = theta - spread @ slope
        if decrement < DECREMENT:
            return Maximum(theta=theta, log_likelihood=-float(negative(theta)), covariance=spread)
    return Maximum(theta=theta, log_likelihood=-float(negative(theta)), covariance=None, reason=nowhere)


def jacobian_of(function: Callable[[Floats], Floats], point: Floats) -> Floats:
    """Symmetric derivative of a gradient by central differences of an exact score."""
    size = len(point)
    out = np.empty((size, size))
    for j in range(size):
        step = 1e-5 * max(1.0, abs(point[j]))
        high, low = point.copy(), point.copy()
        high[j] += step
        low[j] -= step
        out[:, j] = (function(high) - function(low)) / (2 * step)
    return (out + out.T) / 2
