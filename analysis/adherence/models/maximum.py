"""Maximum of a likelihood within bounded steps and time, or the reason why there is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

Floats = NDArray[np.float64]
SEARCH_STEPS, NEWTON_STEPS = 500, 30
FLAT = 1e-7  # slope of the mean log likelihood at which a search ends
LONGEST, MOST_HALVINGS, ENOUGH = 2.0, 40, 1e-4  # of a step: largest change, part of the promised fall
ROUNDING = 8.0  # steps of the number that is made smaller
FAINTEST = 1e-9  # of the largest curvature
DIFFERENCE = 1e-5  # step of a derivative of exact slopes
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
    curve: Callable[[Floats], Floats] | None = None,
    seconds: float = SECONDS,
) -> Maximum:
    """Search by BFGS, or by Newton's method where second derivatives are known; then plain Newton steps.

    Parameters
    ----------
    negative, gradient
        Negative log likelihood of theta, shape (p,), and its exact derivative, shape (p,).
    start : array, shape (p,)
        Where to begin.
    people
        Rows behind the likelihood. The search works on the mean over them: on the sum its first step is as
        long as the sample is large.
    curve
        Second derivative of `negative`, shape (p, p). Without it the last steps take differences of
        `gradient`.
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
            if curve is not None:
                place = _descended(value, slope, lambda theta: curve(theta) / people, start)
                return _polished(negative, gradient, place, curve, deadline)
            found = optimize.minimize(
                value, start, jac=slope, method="BFGS", options={"gtol": FLAT, "maxiter": SEARCH_STEPS}
            )
            by_differences = partial(jacobian_of, gradient)
            place = np.asarray(found.x, dtype=np.float64)
            return _polished(negative, gradient, place, by_differences, deadline)
    except _OutOfTimeError:
        reason = f"it was given up after {seconds:g} seconds"
        return Maximum(theta=start, log_likelihood=float("nan"), covariance=None, reason=reason)


def _descended(
    value: Callable[[Floats], float],
    slope: Callable[[Floats], Floats],
    curve: Callable[[Floats], Floats],
    theta: Floats,
) -> Floats:
    """Newton steps, turned downhill where the function does not curve up and halved until it falls."""
    now = value(theta)
    for _ in range(SEARCH_STEPS):
        downhill, bent = slope(theta), curve(theta)
        if np.abs(downhill).max() < FLAT or not np.isfinite(bent).all():
            break
        roots, vectors = np.linalg.eigh(bent)
        size = np.abs(roots)
        step = -vectors @ ((vectors.T @ downhill) / np.maximum(size, FAINTEST * size.max()))
        step /= max(1.0, float((np.abs(step) / np.maximum(1.0, np.abs(theta))).max()) / LONGEST)
        if -float(downhill @ step) <= ROUNDING * np.spacing(abs(now)):
            break  # what is left to gain is lost in rounding, as with counts in the thousands
        for _ in range(MOST_HALVINGS):
            found = value(theta + step)
            if found <= now + ENOUGH * (downhill @ step):
                break
            step /= 2
        else:
            break
        theta, now = theta + step, found
    return theta


def _polished(
    negative: Callable[[Floats], float],
    gradient: Callable[[Floats], Floats],
    theta: Floats,
    curve_at: Callable[[Floats], Floats],
    deadline: float,
) -> Maximum:
    nowhere = "the likelihood has no interior maximum"
    for _ in range(NEWTON_STEPS):
        if time.monotonic() > deadline:
            raise _OutOfTimeError
        curve, slope = curve_at(theta), gradient(theta)
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


def scores_by_row(design: Floats, slopes: Callable[[Floats, Floats], Floats], theta: Floats) -> Floats:
    """Slopes of each row's log likelihood that hangs on a linear predictor and a few further parameters.

    Parameters
    ----------
    design : array, shape (n, k)
        Columns.
    slopes
        Of the linear predictor, shape (n,), and the further parameters, shape (m,): derivatives of each row's
        log likelihood by both, shape (n, 1 + m).
    theta : array, shape (k + m,)
        Coefficients, then the further parameters.

    Returns
    -------
    array, shape (n, k + m)
        Scores.
    """
    k = design.shape[1]
    each = slopes(design @ theta[:k], theta[k:])
    return np.hstack([design * each[:, :1], each[:, 1:]])


def curve_by_row(design: Floats, slopes: Callable[[Floats, Floats], Floats], theta: Floats) -> Floats:
    """Second derivative of the summed log likelihood of `scores_by_row`, shape (k + m, k + m).

    A row's curve is that of 1 + m numbers: these alone are differenced, not every coefficient.
    """
    k = design.shape[1]
    line, more = design @ theta[:k], theta[k:]
    step = DIFFERENCE * np.maximum(1.0, np.abs(line))
    parts = [(slopes(line + step, more) - slopes(line - step, more)) / (2 * step[:, None])]
    for j, own in enumerate(more):
        away = np.zeros(len(more))
        away[j] = DIFFERENCE * max(1.0, abs(float(own)))
        parts.append((slopes(line, more + away) - slopes(line, more - away)) / (2 * away[j]))
    bent = np.stack(parts, axis=1)
    crossed = design.T @ ((bent[:, 0, 1:] + bent[:, 1:, 0]) / 2)
    further = bent[:, 1:, 1:].sum(axis=0)
    by_line = design.T @ (design * bent[:, 0, :1])
    return np.block([[by_line, crossed], [crossed.T, (further + further.T) / 2]])


def jacobian_of(function: Callable[[Floats], Floats], point: Floats) -> Floats:
    """Symmetric derivative of a gradient by central differences of an exact score."""
    size = len(point)
    out = np.empty((size, size))
    for j in range(size):
        step = DIFFERENCE * max(1.0, abs(point[j]))
        high, low = point.copy(), point.copy()
        high[j] += step
        low[j] -= step
        out[:, j] = (function(high) - function(low)) / (2 * step)
    return (out + out.T) / 2
