"""Models of use and outcome for many simulated studies at once: every array has one row per study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import polygamma, psi

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
STEPS, CLOSE = 40, 1e-8
LARGEST = 15.0
FEWEST = 10  # on the rarer side, as in the report
ROUNDS, SMALLEST_SPREAD = 60, 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Studies:
    """Columns of m studies of n people.

    `x`, shape (m, k, n): constant, score, what is held constant; 0 for those not `here`, shape (m, n).
    """

    x: Floats
    here: Flags


def standardised(columns: list[Floats], here: Flags) -> Studies:
    """Put a constant before columns scaled over those who are here; a column of one value becomes zeros."""
    n = np.maximum(here.sum(axis=1, keepdims=True), 2)
    made = [here.astype(float)]
    for column in columns:
        centred = (column - (column * here).sum(axis=1, keepdims=True) / n) * here
        spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / (n - 1))
        made.append(np.where(spread > 1e-9, centred / np.where(spread > 1e-9, spread, 1.0), 0.0))
    return Studies(x=np.stack(made, axis=1), here=here)


def _solved(x: Floats, weight: Floats) -> Floats:
    """Inverse of X'WX, shape (m, k, k); NaN where there is none. A column of zeros has no part in it."""
    information = np.matmul(x * weight[:, None], x.transpose(0, 2, 1))
    k = x.shape[1]
    empty = ~x.any(axis=2)
    information[:, range(k), range(k)] += empty
    fine: Flags = np.asarray(np.isfinite(information).all(axis=(1, 2)))
    fine[fine] = np.linalg.cond(information[fine]) < 1e12
    inverse = np.full_like(information, np.nan)
    inverse[fine] = np.linalg.inv(information[fine])
    return inverse


def _lines(estimate: Floats, se: Floats, freedom: Floats, n: Floats, fine: Flags) -> Floats:
    """Estimate, error, p value, people: shape (m, 4); NaN where there is no fit."""
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * stats.t.sf(np.abs(estimate / se), freedom)
    lines = np.column_stack([estimate, se, p, n])
    lines[~(fine & np.isfinite(lines[:, :3]).all(axis=1)), :3] = np.nan
    return lines


def logit(data: Studies, done: Floats, due: Floats) -> Floats:
    """Share done of what was due, maximum quasi-likelihood, errors HC3, Student's t.

    Parameters
    ----------
    data
        Columns.
    done, due : array, shape (m, n)
        Units.

    Returns
    -------
    array, shape (m, 4)
        Estimate, error and p value of the score, people.
    """
    beta, _inverse, p, fine = _newton(data, done, due)
    x = data.x
    influence = _moved(x, (done - due * p) * data.here, due * p * (1 - p) * data.here)
    n = data.here.sum(axis=1).astype(float)
    used = x.any(axis=2).sum(axis=1)
    return _lines(beta[:, 1], np.sqrt((influence**2).sum(axis=1)), np.maximum(n - used, 1), n, fine)


def logistic(data: Studies, reached: Flags) -> Floats:
    """Reached or not, maximum likelihood, normal; ten people on each side at least."""
    y = reached & data.here
    beta, inverse, _p, fine = _newton(data, y.astype(float), data.here.astype(float))
    n = data.here.sum(axis=1).astype(float)
    rarer = np.minimum(y.sum(axis=1), n - y.sum(axis=1))
    return _lines(beta[:, 1], np.sqrt(inverse[:, 1, 1]), np.full(len(n), np.inf), n, fine & (rarer >= FEWEST))


def _newton(data: Studies, done: Floats, due: Floats) -> tuple[Floats, Floats, Floats, Flags]:
    x, here = data.x, data.here
    total = (due * here).sum(axis=1)
    share = (done * here).sum(axis=1) / np.maximum(total, 1e-9)
    fine = (share > 0) & (share < 1) & x[:, 1].any(axis=1)
    beta = np.zeros(x.shape[:2])
    beta[fine, 0] = np.log(share[fine] / (1 - share[fine]))

    def moments(line: Floats) -> tuple[Floats, Floats]:
        p = 1 / (1 + np.exp(-np.clip(line, -30, 30)))
        return due * p, due * p * (1 - p)

    beta, inverse, fine = _scored(data, done, beta, moments, fine)
    p = 1 / (1 + np.exp(-np.clip(np.einsum("mk,mkn->mn", beta, x), -30, 30)))
    return beta, inverse, p, fine


def _scored(
    data: Studies,
    y: Floats,
    beta: Floats,
    moments: Callable[[Floats], tuple[Floats, Floats]],
    fine: Flags,
) -> tuple[Floats, Floats, Flags]:
    """Newton's steps of a model with its canonical link."""
    x, here = data.x, data.here
    inverse = np.full((len(x), x.shape[1], x.shape[1]), np.nan)
    moved = np.full(len(x), np.inf)
    for _ in range(STEPS):
        mean, weight = moments(np.einsum("mk,mkn->mn", beta, x))
        inverse = _solved(x, weight * here)
        step = np.einsum("mkl,ml->mk", inverse, np.einsum("mkn,mn->mk", x, (y - mean) * here))
        fine = fine & np.isfinite(step).all(axis=1)
        beta = np.where(fine[:, None], beta + np.where(np.isfinite(step), step, 0.0), beta)
        fine = fine & (np.abs(beta).max(axis=1) <= LARGEST)
        moved = np.abs(step).max(axis=1)
        if not (fine & (moved > CLOSE)).any():
            break
    return beta, inverse, fine & (moved <= CLOSE)


def negative_binomial(data: Studies, counts: Floats) -> Floats:
    """Counts with variance `m + a m²`, log link, maximum likelihood of both, errors HC3, normal.

    Parameters
    ----------
    data
        Columns.
    counts : array, shape (m, n)

    Returns
    -------
    array, shape (m, 4)
        As `logit`; NaN where counts spread no more than a Poisson variable does.
    """
    x, here = data.x, data.here
    n = here.sum(axis=1).astype(float)
    y = counts * here
    mean = y.sum(axis=1) / np.maximum(n, 1)
    fine = (mean > 0) & x[:, 1].any(axis=1) & ((y > 0).sum(axis=1) >= FEWEST)
    beta = np.zeros(x.shape[:2])
    beta[fine, 0] = np.log(mean[fine])
    size = np.ones(len(n))  # 1 / a
    inverse = np.zeros((len(n), x.shape[1], x.shape[1]))
    open_ = fine.copy()
    for _ in range(ROUNDS):
        if not open_.any():
            break
        mu = np.exp(np.clip(np.einsum("mk,mkn->mn", beta, x), -30, 30)) * here
        shrunk = 1 / (1 + mu / size[:, None])
        inverse = _solved(x, mu * shrunk * here)
        step = np.einsum("mkl,ml->mk", inverse, np.einsum("mkn,mn->mk", x, (y - mu) * shrunk))
        bad = ~np.isfinite(step).all(axis=1)
        step[bad] = 0.0
        beta = np.where(open_[:, None], beta + np.clip(step, -2, 2), beta)
        mu = np.exp(np.clip(np.einsum("mk,mkn->mn", beta, x), -30, 30)) * here
        more = _size_step(size, y, mu, here)
        size = np.where(open_, np.exp(np.clip(np.log(size) + more, -8, 16)), size)
        fine &= ~bad & (np.abs(beta).max(axis=1) <= LARGEST)
        open_ &= fine & ((np.abs(step).max(axis=1) > CLOSE) | (np.abs(more) > 1e-6))
    fine &= ~open_ & (1 / size > SMALLEST_SPREAD)
    mu = np.exp(np.clip(np.einsum("mk,mkn->mn", beta, x), -30, 30)) * here
    spread = 1 + mu / size[:, None]
    moved = _moved(x, (y - mu) / spread * here, mu * (1 + y / size[:, None]) / spread**2 * here)
    return _lines(beta[:, 1], np.sqrt((moved**2).sum(axis=1)), np.full(len(n), np.inf), n, fine)


def _moved(x: Floats, residual: Floats, weight: Floats) -> Floats:
    """How far each person moves the score's coefficient, residual over one less the leverage (HC3)."""
    towards = np.matmul(_solved(x, weight), x)
    leverage = (x * towards).sum(axis=1) * weight
    return np.asarray(towards[:, 1] * residual / (1 - leverage))


def _size_step(size: Floats, y: Floats, mu: Floats, here: Flags) -> Floats:
    """Newton's step of the logarithm of the size; bounded, and uphill where the curvature is wrong."""
    s = size[:, None]
    slope = (psi(y + s) - psi(s) + np.log(s / (s + mu)) + 1 - (y + s) / (s + mu)) * here
    bend = (polygamma(1, y + s) - polygamma(1, s) + 1 / s - 2 / (s + mu) + (y + s) / (s + mu) ** 2) * here
    g = size * slope.sum(axis=1)
    h = size**2 * bend.sum(axis=1) + g
    step = np.where(h < 0, -g / np.where(h < 0, h, -1.0), np.sign(g))
    return np.asarray(np.clip(step, -1.0, 1.0))


def cox(data: Studies, time: Floats, event: Flags) -> Floats:
    """Time to an end, partial likelihood, errors by people left out, normal.

    There are no ties: times are drawn from a continuum.

    Parameters
    ----------
    data
        Columns; the constant has no part.
    time, event : array, shape (m, n)

    Returns
    -------
    array, shape (m, 4)
        As `logit`, the estimate as logarithm of the hazard ratio.
    """
    order = np.argsort(np.where(data.here, -time, np.inf), axis=1, kind="stable")  # latest first
    x = np.take_along_axis(data.x[:, 1:], order[:, None], axis=2)
    here = np.take_along_axis(data.here, order, axis=1)
    died = np.take_along_axis(event & data.here, order, axis=1)
    k = x.shape[1]
    beta = np.zeros(x.shape[:2])
    fine = (died.sum(axis=1) >= FEWEST) & x[:, 0].any(axis=1)
    empty: Flags = np.asarray(~x.any(axis=2))
    moved = np.full(len(x), np.inf)
    inverse = np.full((len(x), k, k), np.nan)
    for _ in range(STEPS):
        weight = np.exp(np.clip(np.einsum("mk,mkn->mn", beta, x), -30, 30)) * here
        total = np.maximum(np.cumsum(weight, axis=1), 1e-300)
        mean = np.cumsum(x * weight[:, None], axis=2) / total[:, None]
        slope = ((x - mean) * died[:, None]).sum(axis=2)
        information = np.empty((len(x), k, k))
        for a in range(k):
            for b in range(a, k):
                both = np.cumsum(x[:, a] * x[:, b] * weight, axis=1) / total - mean[:, a] * mean[:, b]
                information[:, a, b] = information[:, b, a] = (both * died).sum(axis=1)
        information[:, range(k), range(k)] += empty
        sound: Flags = np.asarray(np.isfinite(information).all(axis=(1, 2)))
        sound[sound] = np.linalg.cond(information[sound]) < 1e12
        inverse = np.full_like(information, np.nan)
        inverse[sound] = np.linalg.inv(information[sound])
        step = np.einsum("mkl,ml->mk", inverse, slope)
        fine &= np.isfinite(step).all(axis=1)
        beta = np.where(fine[:, None], beta + np.where(np.isfinite(step), np.clip(step, -2, 2), 0.0), beta)
        fine &= np.abs(beta).max(axis=1) <= LARGEST
        moved = np.abs(step).max(axis=1)
        if not (fine & (moved > CLOSE)).any():
            break
    n = data.here.sum(axis=1).astype(float)
    fine &= moved <= CLOSE
    se = np.full(len(n), np.nan)
    for j in np.flatnonzero(fine):  # one study at a time: a table of each person's information is large
        real: Flags = np.logical_not(empty[j])
        se[j] = _without_each(x[j][real], here[j], died[j], beta[j][real])
    return _lines(beta[:, 0], se, np.full(len(n), np.inf), n, fine)


def _without_each(x: Floats, here: Flags, died: Flags, beta: Floats) -> float:
    """Error of the first coefficient by people left out, latest first: `Σ d²`, `d = (I − I_i)⁻¹ U_i`."""
    x, died = x[:, here], died[here]
    weight = np.exp(np.clip(beta @ x, -30, 30))
    total = np.cumsum(weight)
    mean = np.cumsum(x * weight, axis=1) / total
    square = np.cumsum(x[:, None] * x * weight, axis=2) / total
    information = ((square - mean[:, None] * mean) * died).sum(axis=2)
    # of each person what the ends up to their own hold: sums from behind
    each = died / total
    one, first, second = (
        np.cumsum(part[..., ::-1], axis=-1)[..., ::-1]
        for part in (each, mean * each, mean[:, None] * mean * each)
    )
    score = (x - mean) * died - weight * (one * x - first)
    crossed = x[:, None] * first
    own = weight * (one * x[:, None] * x - crossed - crossed.transpose(1, 0, 2) + second)
    left = np.moveaxis(information[..., None] - own, 2, 0)
    return float(np.sqrt((np.linalg.solve(left, score.T[..., None])[:, 0, 0] ** 2).sum()))


def linear(data: Studies, outcome: Floats) -> Floats:
    """Outcome by least squares, errors HC3, Student's t.

    Parameters
    ----------
    data
        Columns.
    outcome : array, shape (m, n)

    Returns
    -------
    array, shape (m, 4)
        As `logit`.
    """
    x, here = data.x, data.here
    inverse = _solved(x, here.astype(float))
    y = outcome * here
    beta = np.einsum("mkl,ml->mk", inverse, np.einsum("mkn,mn->mk", x, y))
    moved = np.matmul(inverse, x)
    leverage = (x * moved).sum(axis=1)
    left = (y - np.einsum("mk,mkn->mn", beta, x)) * here / np.maximum(1 - leverage, 1e-12)
    n = here.sum(axis=1).astype(float)
    freedom = np.maximum(n - x.any(axis=2).sum(axis=1), 1)
    se = np.sqrt(((moved[:, 1] * left) ** 2).sum(axis=1))
    return _lines(beta[:, 1], se, freedom, n, x[:, 1].any(axis=1) & (n >= FEWEST))
