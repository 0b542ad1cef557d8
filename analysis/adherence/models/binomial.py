"""Bounded counts: done of due, with more spread than a binomial allows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import betaln, expit, gammaln, psi

from analysis.adherence.models.clusters import (
    Clusters,
    covariance_of,
    jackknife,
    of_linear_predictor,
    of_one_cluster,
    of_scores,
)
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.maximum import curve_by_row, maximise, scores_by_row
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
LARGEST_LOG_ODDS = 15.0
MOST_STEPS, SMALLEST_STEP = 100, 1e-9  # in standard errors
NO_INFORMATION = 1e-12  # of the largest eigenvalue
NOTHING_LEFT = 1e-9  # of a person's own part in the fit
LEAST_LOGIT_RHO = -9.0  # an intraclass correlation of 1 in 8,000
SMALLEST_SHARE = 1e-10


def logit_regression(
    design: Floats, share: Floats, weight: Floats, failed: Callable[[str], NotEstimableError]
) -> tuple[Floats, Floats]:
    """Solve `X' weight (share − expit(X b)) = 0` by Newton's method.

    Parameters
    ----------
    design : array, shape (n, p)
        Columns with a constant.
    share, weight : array, shape (n,)
        Shares between 0 and 1, and what each counts.
    failed
        Gives the error for a reason.

    Returns
    -------
    tuple of array
        Coefficients, shape (p,), and the inverse of the information, shape (p, p). Columns that repeat each
        other share their coefficient.
    """
    coefficients, inverses = logit_regressions(design[None], share, weight, failed)
    return coefficients[0], inverses[0]


def logit_regressions(
    designs: Floats,
    share: Floats,
    weight: Floats,
    failed: Callable[[str], NotEstimableError],
    start: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Solve `logit_regression` for several designs at once, each by its own steps of Newton's method.

    Parameters
    ----------
    designs : array, shape (m, n, p)
        Columns with a constant.
    share, weight : array, shape (n,)
        Shares between 0 and 1, and what each counts.
    failed
        Gives the error for a reason.
    start : array, shape (m, p) or (1, p)
        Where to begin, such as what was found for designs much alike; nothing found depends on it.

    Returns
    -------
    tuple of array
        Coefficients, shape (m, p), and inverses of the information, shape (m, p, p).
    """
    if start is not None:
        try:
            return _from_start(designs, share, weight, start, failed)
        except (_Undetermined, NotEstimableError):  # from nothing once more
            start = None
    start = np.zeros((1, designs.shape[2]))
    if len(designs) > 1:  # designs of the same people are much alike: the others start where the first ended
        start = logit_regressions(designs[:1], share, weight, failed)[0]
    try:
        return _from_start(designs, share, weight, start, failed)
    except _Undetermined:  # then what is found depends on the start
        return _from_start(designs, share, weight, np.zeros_like(start), failed)


class _Undetermined(Exception):
    """Columns of a design repeat each other."""


def _from_start(
    designs: Floats,
    share: Floats,
    weight: Floats,
    start: Floats,
    failed: Callable[[str], NotEstimableError],
) -> tuple[Floats, Floats]:
    """Newton's method for several designs from one start: another than zero only where all is determined."""
    found = np.repeat(start, len(designs) // len(start), axis=0)
    inverses = np.empty((*found.shape, found.shape[1]))
    open_ones = np.arange(len(designs))
    x, b, p = designs, found.copy(), expit((designs @ found[:, :, None])[:, :, 0])
    for _ in range(MOST_STEPS):
        information = np.swapaxes(x, 1, 2) @ (x * (weight * p * (1 - p))[:, :, None])
        size = np.sqrt(np.einsum("mjj->mj", information))
        if not np.isfinite(size).all() or (size == 0).any():
            break
        inverse, determined = _inverse_of(information / (size[:, :, None] * size[:, None, :]))
        if not determined and start.any():
            raise _Undetermined
        inverse = inverse / (size[:, :, None] * size[:, None, :])
        score = (weight * (share - p))[:, None, :] @ x
        step = (inverse @ np.swapaxes(score, 1, 2))[:, :, 0]
        b = b + step
        log_odds = (x @ b[:, :, None])[:, :, 0]
        furthest = np.abs(log_odds).max(axis=1)
        if (furthest > 2 * LARGEST_LOG_ODDS).any():
            break
        arrived = np.abs(step * size).max(axis=1) < SMALLEST_STEP
        if (furthest[arrived] > LARGEST_LOG_ODDS).any():
            break
        if arrived.any():
            found[open_ones[arrived]], inverses[open_ones[arrived]] = b[arrived], inverse[arrived]
            if arrived.all():
                return found, inverses
            going = ~arrived
            open_ones, x, b, log_odds = open_ones[going], x[going], b[going], log_odds[going]
        p = expit(log_odds)
    raise failed("it did not converge, or predictors separate the outcome")


def _inverse_of(scaled: Floats) -> tuple[Floats, bool]:
    """Inverse of symmetric matrices, shape (m, p, p), without directions that have no information, if any."""
    values, vectors = np.linalg.eigh(scaled)
    size = np.abs(values)
    kept = size > NO_INFORMATION * size.max(axis=1, keepdims=True)
    inverted = np.where(kept, 1 / np.where(kept, values, 1.0), 0.0)
    made = (vectors * inverted[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    return np.asarray(made, dtype=np.float64), bool(kept.all())


def quasi_binomial(
    design: Floats,
    done: Floats,
    due: Floats,
    weights: Floats | None = None,
    clusters: Clusters | None = None,
    *,
    robust: bool = False,
) -> Fit:
    """Logit with overdispersion: maximum quasi-likelihood, dispersion by Pearson's statistic.

    With `weights` (inverse probabilities) or `robust` the covariance is the sandwich, residuals divided by
    one less their leverage (HC3): the plain one is too small where few people carry large weights, and where
    a share does not spread as `p(1 − p)/due` with one dispersion for all. Use cut at what is due, or people
    of whom less was due, do not: the plain errors rejected a true null in 7 to 8 % of such studies. With
    `clusters` it is that of a jackknife over them.
    """
    scale = due if weights is None else due * weights
    coefficients, inverse = logit_regression(design, done / due, scale, _failed)
    p = expit(design @ coefficients)
    pearson = float((due * (done / due - p) ** 2 / (p * (1 - p))).sum() / (len(done) - design.shape[1]))
    robust = robust or weights is not None
    fit = Fit(
        coefficients=coefficients,
        covariance=sandwich(design, scale * (done / due - p), scale * p * (1 - p))
        if robust
        else inverse * pearson,
        dispersion=pearson,
        df_resid=float(len(done) - design.shape[1]),
        log_likelihood=float("nan"),
        n=len(done),
        alone=alone_in(design, clusters) if robust or clusters is not None else (),
    )
    if clusters is None:
        return fit
    return jackknife(
        fit, of_linear_predictor(design, scale * (done / due - p), scale * p * (1 - p), clusters)
    )


def quasi_binomials(
    designs: Floats, done: Floats, due: Floats, clusters: Clusters | None = None
) -> tuple[Floats, Floats]:
    """Fit `quasi_binomial` with robust errors to the same people under several designs, all at once.

    Parameters
    ----------
    designs : array, shape (m, n, p)
        Such as tables whose gaps were filled in different ways.
    done, due : array, shape (n,)
        Units done and due.
    clusters
        Clusters of the people; None where they are independent.

    Returns
    -------
    tuple of array
        Coefficients, shape (m, p), and their covariances, shape (m, p, p).
    """
    coefficients = quasi_binomial_coefficients(designs, done, due)
    whole = np.broadcast_to(np.eye(designs.shape[2]), (len(designs), *2 * designs.shape[2:]))
    return coefficients, covariances_towards(designs, done, due, coefficients, whole, clusters)


def quasi_binomial_coefficients(
    designs: Floats, done: Floats, due: Floats, start: Floats | None = None
) -> Floats:
    """Coefficients of `quasi_binomials`, shape (m, p), from a start as of `logit_regressions`."""
    return logit_regressions(designs, done / due, due, _failed, start)[0]


def covariances_towards(
    designs: Floats,
    done: Floats,
    due: Floats,
    coefficients: Floats,
    towards: Floats,
    clusters: Clusters | None = None,
) -> Floats:
    """Robust covariances of sums of coefficients of `quasi_binomials`.

    Parameters
    ----------
    designs, done, due, clusters
        As for `quasi_binomials`.
    coefficients : array, shape (m, p)
        What was found.
    towards : array, shape (m, p, k)
        What each sum takes of each coefficient.

    Returns
    -------
    array, shape (m, k, k)
        Covariances of the k sums.
    """
    p = expit((designs @ coefficients[:, :, None])[:, :, 0])
    residual, information = due * (done / due - p), due * p * (1 - p)
    if clusters is None:
        moved = influences(designs, residual, information, towards)
        return np.swapaxes(moved, 1, 2) @ moved
    parts = zip(designs, residual, information, towards, strict=True)
    moves = [of_linear_predictor(own, left, weight, clusters) @ to for own, left, weight, to in parts]
    return np.stack([covariance_of(own) for own in moves])


def sandwich(design: Floats, residual: Floats, information: Floats) -> Floats:
    """HC3 of a model with scores `residual · x` and information `x x' · information` per person.

    Somebody who alone belongs to a category is fitted exactly (leverage 1) and moves nothing but the
    coefficient of that category: without this person the other errors are the same.
    """
    moved = influences(design, residual, information)
    return np.asarray(moved.T @ moved, dtype=np.float64)


def alone_in(design: Floats, clusters: Clusters | None) -> tuple[int, ...]:
    """Columns whose coefficient rests on one person, or on one cluster where people come in clusters."""
    return of_one_person(design) if clusters is None else of_one_cluster(design, clusters)


def of_one_person(design: Floats) -> tuple[int, ...]:
    """Columns whose coefficient rests on one person, fitted exactly: `sandwich` has no error of it.

    Parameters
    ----------
    design : array, shape (n, p)
        One row a person.

    Returns
    -------
    tuple of int
        Positions, as of a category of one.
    """
    inverse = np.linalg.pinv(design)
    alone = 1 - np.einsum("ij,ji->i", design, inverse) < NOTHING_LEFT
    moved = np.abs(inverse[:, alone]) * np.sqrt((design**2).sum(axis=0))[:, None]
    return tuple(map(int, np.flatnonzero((moved > NOTHING_LEFT).any(axis=1))))


def influences(
    design: Floats, residual: Floats, information: Floats, towards: Floats | None = None
) -> Floats:
    """How far each person moves the coefficients, shape (n, p); their products sum to `sandwich`.

    Several designs may be stacked: shape (m, n, p), with residual and information of shape (m, n). With
    `towards`, shape (p, k), how far each person moves k sums of the coefficients.
    """
    bread = np.linalg.inv(np.swapaxes(design, -1, -2) @ (design * information[..., None]))
    leverage = ((design @ bread) * design).sum(axis=-1) * information
    left = 1 - leverage
    alone = left < NOTHING_LEFT
    scores = design * np.where(alone, 0.0, residual / np.where(alone, 1.0, left))[..., None]
    return np.asarray(scores @ (bread if towards is None else bread @ towards), dtype=np.float64)


def beta_binomial(
    design: Floats, done: Floats, due: Floats, start: Floats, clusters: Clusters | None = None
) -> Fit:
    """Beta-binomial by maximum likelihood; `dispersion` is the intraclass correlation rho."""

    def negative(theta: Floats) -> float:
        return -_beta_binomial_logl(theta, design, done, due)

    def slopes(line: Floats, more: Floats) -> Floats:
        return _beta_binomial_slopes(line, float(more[0]), done, due)

    def rows(theta: Floats) -> Floats:
        return scores_by_row(design, slopes, theta)

    found = maximise(
        negative,
        lambda theta: -rows(theta).sum(axis=0),
        np.append(start, -1.0),
        len(done),
        curve=lambda theta: -curve_by_row(design, slopes, theta),
    )
    if found.covariance is None or found.theta[-1] < LEAST_LOGIT_RHO:
        reason = found.reason or "the likelihood has no interior maximum"
        if found.theta[-1] < LEAST_LOGIT_RHO:
            reason = "people differ no more than a binomial distribution lets them"
        raise _failed(reason, "beta-binomial model")
    k = design.shape[1]
    fit = Fit(
        coefficients=found.theta[:k],
        covariance=found.covariance[:k, :k],
        dispersion=float(expit(found.theta[k])),
        df_resid=np.inf,
        log_likelihood=found.log_likelihood,
        n=len(done),
        alone=() if clusters is None else of_one_cluster(design, clusters),
    )
    if clusters is None:
        return fit
    moved = of_scores(rows, found.theta, clusters)
    return jackknife(fit, moved[:, :k])


def _shapes(line: Floats, logit_rho: float) -> tuple[Floats, Floats, float, Floats]:
    # Away from 0 and 1: beyond, the functions below lose their value, and no estimate lies there.
    p = np.clip(expit(line), SMALLEST_SHARE, 1 - SMALLEST_SHARE)
    rho = float(np.clip(expit(logit_rho), SMALLEST_SHARE, 1 - SMALLEST_SHARE))
    total = (1 - rho) / rho
    return p * total, (1 - p) * total, total, p


def _beta_binomial_logl(theta: Floats, design: Floats, done: Floats, due: Floats) -> float:
    a, b, _, _ = _shapes(design @ theta[:-1], float(theta[-1]))
    choose = gammaln(due + 1) - gammaln(done + 1) - gammaln(due - done + 1)
    return float((choose + betaln(done + a, due - done + b) - betaln(a, b)).sum())


def _beta_binomial_slopes(line: Floats, logit_rho: float, done: Floats, due: Floats) -> Floats:
    """Derivatives of each row's log likelihood by its linear predictor and by logit(rho), shape (n, 2)."""
    a, b, total, p = _shapes(line, logit_rho)
    common = psi(a + b) - psi(due + a + b)
    by_a = psi(done + a) - psi(a) + common
    by_b = psi(due - done + b) - psi(b) + common
    # total = (1 - rho) / rho, so d total / d logit(rho) = -total.
    by_total = by_a * p + by_b * (1 - p)
    return np.column_stack([(by_a - by_b) * total * p * (1 - p), -total * by_total])


def average_effect(
    fit: Fit,
    design: Floats,
    due: Floats,
    column: int,
    level: float = 0.95,
    weights: Floats | None = None,
) -> tuple[float, float, float]:
    """Average marginal effect of one column in units done, with a delta-method interval.

    The derivative `due · p(1 − p) · b` averaged over everyone: what one unit more of the column would
    change, near where each person is. With `weights` the average is over those the weights stand for.
    """
    effect, gradient = average_slope(fit.coefficients, design, due, column, weights)
    se = float(np.sqrt(gradient @ fit.covariance @ gradient))
    half = float(stats.t.ppf(0.5 + level / 2, fit.df_resid)) * se
    return effect, effect - half, effect + half


def average_slope(
    coefficients: Floats, design: Floats, due: Floats, column: int, weights: Floats | None = None
) -> tuple[float, Floats]:
    """Average marginal effect of one column, and how it moves with each coefficient, shape (p,)."""
    p = expit(design @ coefficients)
    share = np.full(len(due), 1 / len(due)) if weights is None else weights / weights.sum()
    slope = share * due * p * (1 - p)
    gradient = (coefficients[column] * slope * (1 - 2 * p)) @ design
    gradient[column] += slope.sum()
    return float(slope.sum() * coefficients[column]), np.asarray(gradient)


def _failed(reason: str, model: str = "logit model") -> NotEstimableError:
    fact = f"the {model} of remaining use failed: {reason}."
    return NotEstimableError(
        fact_and_hint("relate_adherence", fact, "adjust for less, or gather more people.")
    )
