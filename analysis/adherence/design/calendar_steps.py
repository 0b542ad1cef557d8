"""Days and stretches of enrolment in which ratings or use lie elsewhere: a new version, holidays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.usage.words import JOINED

Floats = NDArray[np.float64]
PLACES = np.linspace(0.02, 0.98, 145)  # shares of the people at which a jump is looked for
EDGES = np.linspace(0.0, 1.0, 61)  # shares of the people at which a stretch may begin and end
PEOPLE_PER_STEP = 40
LARGEST_BY_CHANCE = 9.84  # F of the best of all places, exceeded in about 5 % where nothing jumps
# Of the best of all stretches, exceeded by chance in about one study of four: a column that was not needed
# costs one degree of freedom, a fortnight that was overlooked makes rating and use alike.
LARGEST_OF_STRETCHES = 10.0
EITHER_SIDE, FEWEST_INSIDE = 12, 8
LONGEST_STRETCH = 1 / 3  # of the people; a longer one is two jumps
OWN = 1e-10  # of the largest singular value
LEAST_OF_ITS_OWN = 0.01  # of a column's variance that columns held already leave unsaid


def steps_in_time(joined: Floats, held: Floats, targets: Sequence[Floats]) -> dict[str, tuple[float, float]]:
    """Give the days of enrolment from which on, and the stretches in which, ratings or use lie elsewhere.

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
        First day and the day after the last (infinite for a jump that stays) by name; a person is 1 who
        joined between them. At most one for 40 people.

    Notes
    -----
    One at a time, at the place of the largest F, while that is above what the best of all places reaches by
    chance (in one study of 20 for days, of four for stretches): of single days, or of stretches of up to a
    third of the people (holidays), whichever lies further above its own limit. A smooth curve cannot follow a
    jump: of what is left of it rating and use would share a part. The two ends of a short stretch are found
    together where neither would be alone.

    References
    ----------
    Belloni, Chernozhukov & Hansen (2014), doi 10.1093/restud/rdt044 (double selection). Andrews (1993), doi
    10.2307/2951764 (the best of all places).

    Examples
    --------
    >>> day = np.arange(200.0)
    >>> noise = np.random.default_rng(1).normal(size=200)
    >>> steps_in_time(day, day[:, None], [noise + 3 * (day >= 120)])
    {'joined, from day 120': (120.0, inf)}
    """
    n = len(joined)
    spans = [*_jumps(joined), *_stretches(joined)]
    columns = np.array([(joined >= first) & (joined < end) for first, end in spans], dtype=np.float64).T
    if not len(spans):
        return {}
    limits = np.where([np.isinf(end) for _, end in spans], LARGEST_BY_CHANCE, LARGEST_OF_STRETCHES)
    basis = np.column_stack([np.ones(n), held])
    found: list[int] = []
    for target in targets:
        while len(found) < n // PEOPLE_PER_STEP:
            known = np.column_stack([basis, columns[:, found]])
            f = gains(target, known, columns)
            best = int((f - limits).argmax())
            if not f[best] > limits[best]:
                break
            found.append(best)
    return {_name(*spans[k]): spans[k] for k in sorted(found, key=lambda k: spans[k])}


def _jumps(joined: Floats) -> list[tuple[float, float]]:
    days = np.unique(np.quantile(joined, PLACES, method="higher"))
    later = np.array([int((joined >= day).sum()) for day in days])
    sides = np.minimum(later, len(joined) - later)
    return [(float(day), float("inf")) for day in days[sides >= EITHER_SIDE]]


def _stretches(joined: Floats) -> list[tuple[float, float]]:
    """From one edge up to another one, neither the first nor the last day: those are jumps."""
    days = np.unique(np.quantile(joined, EDGES, method="higher"))[1:-1]
    before = np.array([int((joined < day).sum()) for day in days])
    inside = before[None, :] - before[:, None]
    first, end = np.nonzero((inside >= FEWEST_INSIDE) & (inside <= LONGEST_STRETCH * len(joined)))
    return [(float(days[a]), float(days[b])) for a, b in zip(first, end, strict=True)]


def _name(first: float, end: float) -> str:
    if np.isinf(end):
        return f"{JOINED}, from day {first:g}"
    return f"{JOINED}, from day {first:g} to before day {end:g}"


def gains(target: Floats, known: Floats, columns: Floats) -> Floats:
    """F of each column that is added to what is known; 0 where it says nothing of its own.

    Parameters
    ----------
    target : array, shape (n,)
    known : array, shape (n, p)
        Columns held already, the constant among them.
    columns : array, shape (n, k)
        One of them is added at a time.

    Returns
    -------
    array, shape (k,)
        With 1 and n - p - 1 degrees of freedom.
    """
    scaled = known / np.maximum(np.linalg.norm(known, axis=0), 1e-300)
    parts = np.linalg.svd(scaled, full_matrices=False)
    sizes = np.asarray(parts.S)
    q = np.asarray(parts.U)[:, sizes / sizes[0] > OWN]
    left = target - q @ (q.T @ target)
    own = columns - q @ (q.T @ columns)
    size = (own**2).sum(axis=0)
    free = len(target) - q.shape[1] - 1
    total = float(left @ left)
    usable = size > LEAST_OF_ITS_OWN * (columns.var(axis=0) * len(target))
    if not usable.any() or free < 1 or not total > 0:
        return np.zeros(columns.shape[1])
    gain = np.where(usable, (own.T @ left) ** 2 / np.where(usable, size, 1.0), 0.0)
    rest = total - gain
    some = rest > 1e-12 * total
    return np.asarray(np.where(some, gain * free / np.where(some, rest, 1.0), np.inf))
