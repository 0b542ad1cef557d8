"""Days in the time of enrolment on which ratings or use jump: a new version, a price, a holiday."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.usage.words import JOINED

Floats = NDArray[np.float64]
PLACES = np.linspace(0.02, 0.98, 145)  # shares of the people at which a jump is looked for
PEOPLE_PER_STEP = 40
LARGEST_BY_CHANCE = 9.84  # F of the best of all places, exceeded in about 5 % where nothing jumps
EITHER_SIDE = 12
OWN = 1e-10  # of the largest singular value


def steps_in_time(joined: Floats, held: Floats, targets: Sequence[Floats]) -> dict[str, float]:
    """Give a 0/1 column for each day of enrolment from which on the ratings or later use lie elsewhere.

    Parameters
    ----------
    joined : array, shape (n,)
        Days after the first who was enrolled, of the people analysed.
    held : array, shape (n, p)
        What is held constant already: curves of the time of enrolment, covariates.
    targets : sequence of array, shape (n,)
        Later use, and every score: a jump of either is held constant (double selection), since what moves
        both on one day makes them alike.

    Returns
    -------
    dict
        Days by name; a person is 1 who joined on that day or later. At most one for 40 people.

    Notes
    -----
    One at a time, at the place of the largest F, while that is above what the best of all places reaches by
    chance. A smooth curve cannot follow a jump: of what is left of it rating and use would share a part.

    References
    ----------
    Belloni, Chernozhukov & Hansen (2014), doi 10.1093/restud/rdt044 (double selection). Andrews (1993), doi
    10.2307/2951764 (the best of all places).

    Examples
    --------
    >>> day = np.arange(200.0)
    >>> noise = np.random.default_rng(1).normal(size=200)
    >>> steps_in_time(day, day[:, None], [noise + 3 * (day >= 120)])
    {'joined, from day 120': 120.0}
    """
    n = len(joined)
    days = np.unique(np.quantile(joined, PLACES, method="higher"))
    since = joined[:, None] >= days
    sides = np.minimum(since.sum(axis=0), (~since).sum(axis=0))
    days = days[sides >= EITHER_SIDE]
    later = since[:, sides >= EITHER_SIDE].astype(np.float64)
    basis = np.column_stack([np.ones(n), held])
    found: list[int] = []
    for target in targets:
        while len(found) < n // PEOPLE_PER_STEP:
            known = np.column_stack([basis, later[:, found]])
            best, f = _largest(target, known, later)
            if best is None or f <= LARGEST_BY_CHANCE:
                break
            found.append(best)
    return {f"{JOINED}, from day {days[k]:g}": float(days[k]) for k in sorted(found)}


def _largest(target: Floats, known: Floats, steps: Floats) -> tuple[int | None, float]:
    """Place of the step that explains most of what is left, and its F."""
    scaled = known / np.maximum(np.linalg.norm(known, axis=0), 1e-300)
    parts = np.linalg.svd(scaled, full_matrices=False)
    sizes = np.asarray(parts.S)
    q = np.asarray(parts.U)[:, sizes / sizes[0] > OWN]
    left = target - q @ (q.T @ target)
    own = steps - q @ (q.T @ steps)
    size = (own**2).sum(axis=0)
    free = len(target) - q.shape[1] - 1
    total = float(left @ left)
    usable = size > 0.01 * (steps.var(axis=0) * len(target))
    if not usable.any() or free < 1 or not total > 0:
        return None, 0.0
    gain = np.where(usable, (own.T @ left) ** 2 / np.where(usable, size, 1.0), -1.0)
    best = int(gain.argmax())
    rest = total - float(gain[best])
    return best, float(gain[best] * free / rest) if rest > 1e-12 * total else np.inf
