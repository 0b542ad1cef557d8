"""A step in the outcome at an amount of use: its place, and what searching for it adds to its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
CALLER = "dose_response"
SEARCHED = (0.10, 0.90)
MOST_PLACES = 40
NOTHING_OF_ITS_OWN = 1e-8  # of the step's variance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Threshold:
    """The step that leaves least unexplained.

    `at` with limits from resampling, `apparent` difference above it, `optimism` (how much too large it is on
    average for having been searched for), `lower`, `upper` percentiles of resampled differences, `pvalue` of
    the largest statistic, `residual` (n,).
    """

    at: float
    at_lower: float
    at_upper: float
    apparent: float
    optimism: float
    lower: float
    upper: float
    pvalue: float
    residual: Floats


def places_of(dose: Floats) -> Floats:
    """Values of the dose at which a step may begin: between its 10th and 90th percentile, at most 40."""
    low, high = np.quantile(dose, SEARCHED)
    values = np.unique(dose)
    values = values[(values > max(low, values[0])) & (values <= high)] if low < high else values[1:]
    if len(values) > MOST_PLACES:
        values = values[np.unique(np.linspace(0, len(values) - 1, MOST_PLACES).round().astype(int))]
    return values


def differences(dose: Floats, outcome: Floats, others: Floats, places: Floats) -> tuple[Floats, Floats]:
    """Adjusted difference above each place, and how much of the squares it explains.

    Parameters
    ----------
    dose, outcome : array, shape (n,)
        Of each person.
    others : array, shape (n, p)
        A constant and columns held constant.
    places : array, shape (m,)
        Where a step may begin.

    Returns
    -------
    tuple of array
        Differences and explained squares, shape (m,); NaN and 0 where a step says what covariates say.
    """
    return _told_apart(outcome, *_steps(dose, others, places))[:2]


def _steps(dose: Floats, others: Floats, places: Floats) -> tuple[Floats, Floats, Floats]:
    """Orthonormal columns held constant, what they leave of each step, shape (n, m), and its squares."""
    basis, r = np.linalg.qr(others)
    size = np.abs(np.diag(r))
    basis = basis[:, size > 1e-8 * size.max()]
    steps = (dose[:, None] >= places[None, :]).astype(float)
    own = steps - basis @ (basis.T @ steps)
    return basis, own, (own**2).sum(axis=0)


def _told_apart(
    outcome: Floats, basis: Floats, own: Floats, squares: Floats
) -> tuple[Floats, Floats, Floats]:
    """Differences and explained squares of `differences`, and what is left of the outcome, shape (n,)."""
    left = outcome - basis @ (basis.T @ outcome)
    product = own.T @ left
    there = squares > NOTHING_OF_ITS_OWN * len(outcome)
    safe = np.where(there, squares, 1.0)
    return np.where(there, product / safe, np.nan), np.where(there, product**2 / safe, 0.0), left


def find_threshold(
    dose: Floats, outcome: Floats, others: Floats, *, draws: int, level: float, seed: int
) -> Threshold:
    """Search for the step, and take out of its size what the search put in.

    Parameters
    ----------
    dose, outcome : array, shape (n,)
        Of each person.
    others : array, shape (n, p)
        A constant and columns held constant.
    draws
        Bootstrap samples, and permutations.
    level
        Level of the limits.
    seed
        Seed of both.

    Returns
    -------
    Threshold
        With its optimism.

    Raises
    ------
    NotEstimableError
        The dose has no place for a step.
    """
    places = places_of(dose)
    if not len(places):
        fact = "the dose has too few values for a threshold."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "compare two groups instead."))
    size, explained = differences(dose, outcome, others, places)
    if not (explained > 0).any():
        fact = "what is adjusted for decides on which side of every threshold people are."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "adjust for less."))
    best = int(explained.argmax())
    rng = np.random.default_rng(seed)
    n = len(dose)
    found, sizes, gains = [], [], []
    for _ in range(draws):
        who = rng.integers(0, n, n)
        again, gained = differences(dose[who], outcome[who], others[who], places)
        here = int(gained.argmax())
        # a place that only the sample has tells nothing of the data
        if not gained[here] > 0 or not np.isfinite(size[here]):
            continue
        found.append(places[here])
        sizes.append(again[here])
        gains.append(again[here] - size[here])
    tail = (1 - level) / 2
    low, high = np.quantile(sizes, [tail, 1 - tail])
    first, last = np.quantile(found, [tail, 1 - tail], method="closest_observation")
    fitted = others @ np.linalg.lstsq(others, outcome, rcond=None)[0]
    left = outcome - fitted
    most = explained[best] / (left @ left)
    reached, steps = 0, _steps(dose, others, places)
    for _ in range(draws):
        _, gained, rest = _told_apart(rng.permutation(left), *steps)
        reached += bool(gained.max() / (rest @ rest) >= most * (1 - 1e-12))
    x = np.column_stack([others, dose >= places[best]])
    return Threshold(
        at=float(places[best]),
        at_lower=float(first),
        at_upper=float(last),
        apparent=float(size[best]),
        optimism=float(np.mean(gains)),
        lower=float(low),
        upper=float(high),
        pvalue=(1 + reached) / (1 + draws),
        residual=np.asarray(outcome - x @ np.linalg.lstsq(x, outcome, rcond=None)[0], dtype=np.float64),
    )
