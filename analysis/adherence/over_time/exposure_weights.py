"""Stabilised weights of an exposure that changes over time: what was likely without its causes, over with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from analysis.adherence.models.binomial import logit_regression
from analysis.common.variation import varies
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
CALLER = "marginal_structural"
FEWEST_EACH = 10
NO_SPREAD = 1e-10  # of the exposure's variance
NOTHING_OF_ITS_OWN = 1e-10  # of a column's variance


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Weights of one point in time.

    `ratio` (n,): likelihood of what was seen without the causes of the exposure over that with them.
    `explained`: share of what the history leaves open of the exposure that its causes explain (numbers).
    `least`: smallest likelihood of what was seen, given the causes (0/1). `moves`, `pulls`, both (n, q): how
    the logarithm of the ratio moves with each parameter of both models, and how each person moves these.
    """

    ratio: Floats
    explained: float
    least: float
    moves: Floats
    pulls: Floats


def basis_of(columns: Sequence[Floats], n: int) -> Floats:
    """A constant and those columns, centred and scaled, that say something the ones before them do not.

    Parameters
    ----------
    columns : sequence of array, shape (n,)
        In the order in which they are kept.
    n
        Number of rows.

    Returns
    -------
    array, shape (n, p)
        What is left spans what all columns span.
    """
    kept, orthogonal = [np.ones(n)], [np.ones(n) / np.sqrt(n)]
    for column in columns:
        if not varies(column):
            continue
        scaled = (column - column.mean()) / column.std()
        left = scaled.copy()
        for _ in range(2):  # twice, or rounding stays
            for known in orthogonal:
                left = left - known * (known @ left)
        size = left @ left
        if size > NOTHING_OF_ITS_OWN * n:
            kept.append(scaled)
            orthogonal.append(left / np.sqrt(size))
    return np.column_stack(kept)


def number_ratio(exposure: Floats, without: Floats, given: Floats) -> Ratio:
    """Ratio of normal densities around two linear regressions.

    Parameters
    ----------
    exposure : array, shape (n,)
        Exposure at one point in time.
    without, given : array, shape (n, p)
        Columns of the history alone, and with the causes of the exposure.

    Returns
    -------
    Ratio
        Densities by each regression's residual standard deviation (n − p degrees of freedom).

    Raises
    ------
    NotEstimableError
        Too few people, or the causes leave no spread of the exposure.
    """
    n = len(exposure)
    if n < given.shape[1] + FEWEST_EACH:
        fact = f"{n} people at one point in time are too few for {given.shape[1]} columns of the exposure."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "name fewer causes, or gather more people."))
    logs, squares, moves, pulls = [], [], [], []
    for sign, x in ((1, without), (-1, given)):
        left = exposure - x @ np.linalg.lstsq(x, exposure, rcond=None)[0]
        variance = float(left @ left) / (n - x.shape[1])
        if not variance > NO_SPREAD * float(exposure.var()):
            fact = "the exposure follows from its history and causes without any spread."
            raise NotEstimableError(fact_and_hint(CALLER, fact, "leave out what decides it."))
        logs.append(stats.norm.logpdf(left, scale=np.sqrt(variance)))
        squares.append(float(left @ left))
        own = x * left[:, None]
        moves += [sign * own / variance, sign * ((left**2 / variance - 1) / (2 * variance))[:, None]]
        pulls += [own @ np.linalg.inv(x.T @ x), ((left**2 - variance) / n)[:, None]]
    return Ratio(
        ratio=np.exp(logs[0] - logs[1]),
        explained=1 - squares[1] / squares[0],
        least=float("nan"),
        moves=np.column_stack(moves),
        pulls=np.column_stack(pulls),
    )


def choice_ratio(chosen: NDArray[np.bool_], without: Floats, given: Floats, what: str) -> Ratio:
    """Ratio of the probabilities of what was seen by two logits.

    Parameters
    ----------
    chosen : array, shape (n,)
        Which of two things was seen.
    without, given : array, shape (n, p)
        Columns of the history alone, and with the causes.
    what
        Names the two sides, for messages.

    Returns
    -------
    Ratio
        For everybody, of the side that was seen.

    Raises
    ------
    NotEstimableError
        Fewer than 10 on one side, or columns tell the sides apart.
    """
    few = min(int(chosen.sum()), int((~chosen).sum()))
    if few < FEWEST_EACH:
        fact = f"{few} of {len(chosen)} people are on the rarer side ({what})."
        raise NotEstimableError(fact_and_hint(CALLER, fact, f"{FEWEST_EACH} on each are needed."))

    def failed(reason: str) -> NotEstimableError:
        fact = f"the model of {what} failed: {reason}."
        return NotEstimableError(fact_and_hint(CALLER, fact, "name fewer causes."))

    seen, moves, pulls = [], [], []
    for sign, x in ((1, without), (-1, given)):
        p = expit(x @ logit_regression(x, chosen.astype(float), np.ones(len(chosen)), failed)[0])
        seen.append(np.where(chosen, p, 1 - p))
        own = x * (chosen - p)[:, None]
        moves.append(sign * own)
        pulls.append(own @ np.linalg.inv(x.T @ (x * (p * (1 - p))[:, None])))
    return Ratio(
        ratio=seen[0] / seen[1],
        explained=float("nan"),
        least=float(seen[1].min()),
        moves=np.column_stack(moves),
        pulls=np.column_stack(pulls),
    )


def effective(weights: Floats) -> float:
    """How many people of equal weight would tell as much (Kish): `(Σw)²/Σw²`.

    Kish (1965), Survey Sampling.
    """
    return float(weights.sum() ** 2 / (weights**2).sum())


def cut(weights: Floats, share: float) -> Floats:
    """Set weights below the `share` quantile and above `1 − share` to these quantiles."""
    if share == 0:
        return weights
    low, high = np.quantile(weights, [share, 1 - share])
    return np.clip(weights, low, high)
