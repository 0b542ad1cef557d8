"""Forms in which known columns are held constant where score or use ask for it: curves and products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.design.calendar_steps import LARGEST_BY_CHANCE, gains
from analysis.adherence.models.shape import knots_of, restricted_cubic
from analysis.usage.words import DAYS_WATCHED, JOINED, WATCHABLE
from instrument.errors import NotEstimableError

Floats = NDArray[np.float64]
TIME, EARLY, AS_CURVE = "the time of enrolment", "early use", " as a curve"
BY_WEEKDAY, BY_MONTH = "the weekday of enrolment", "the time of the month of enrolment"
BY_CHANCE = 0.01  # p value of one column below which it is held constant
PEOPLE_PER_TERM = 40
EITHER_SIDE = 8  # people who have, and who have not, what a column of two values says
FEWEST_VALUES = 5
WEEK, MONTH, WEEKS_TO_TELL, MONTHS_TO_TELL = 7, 30.4375, 3, 2
WAVES = 3  # a month: waves of a whole, a half and a third month
MOST_COVARIATES = 6  # products of more of them with each other are too many to look through
CURVE, PRODUCT, WEEKDAY, OF_MONTH = ", curve ", " by ", ", weekday ", ", wave of a month "
SINCE = ", from day "
DAYS_TO_TURN = np.linspace(0.1, 0.9, 17)  # shares of the people after which a column may work otherwise
EITHER_SIDE_IN_TIME = 20


def further_terms(
    adjusters: Mapping[str, Floats],
    early: Mapping[str, Floats],
    joined: Floats,
    analysed: NDArray[np.bool_],
    held: Floats,
    targets: Sequence[Floats],
) -> dict[str, Floats]:
    """Give the columns that a straight line leaves out and that score or later use go with.

    Parameters
    ----------
    adjusters : mapping of array, shape (N,)
        Covariates held constant, as numbers or 0/1.
    early : mapping of array, shape (N,)
        Use before the landmark, as a logarithm, by the name that readers see.
    joined : array, shape (N,)
        Days after the first who was enrolled; NaN where it is not known.
    analysed : array, shape (N,)
        Rows of the analysis, n of them.
    held : array, shape (n, p)
        What is held constant already.
    targets : sequence of array, shape (n,)
        Later use, and every score.

    Returns
    -------
    dict
        Columns by name, one value for each of the N rows; at most one for 40 people analysed.

    Notes
    -----
    Candidates: restricted cubic splines of numbers; each day of the week of enrolment, and waves of a month;
    products of early use with every covariate, and of up to six covariates with each other; products of early
    use and of up to six covariates with the time of enrolment, as a line and from each of 17 days on (a
    version that reaches one platform first). One at a time that with the largest F, while its p value is
    below .01 (for days: while F is above what the best of all places reaches by chance), for use and for
    each score (double selection):
    what moves only one of the two needs no holding, but held it does no harm. Age that works in a curve,
    people who enrol themselves at weekends, a device on which early use means something else make score and
    use alike although each is "held constant".

    References
    ----------
    Belloni, Chernozhukov & Hansen (2014), doi 10.1093/restud/rdt044. Harrell (2015), doi
    10.1007/978-3-319-19425-7, chapter 2 (splines of covariates).

    Examples
    --------
    >>> age = np.linspace(-2, 2, 200)
    >>> noise = np.random.default_rng(1).normal(size=200)
    >>> everyone, unknown = np.ones(200, dtype=bool), np.full(200, np.nan)
    >>> list(further_terms({"age": age}, {}, unknown, everyone, age[:, None], [noise + age**2]))
    ['age, curve 1']
    """
    offered = _candidates(adjusters, early, joined, analysed)
    names = list(offered)
    if not names:
        return {}
    columns = np.column_stack([offered[name][analysed] for name in names])
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    n = len(columns)
    basis = np.column_stack([np.ones(n), held])
    of_days = np.array([SINCE in name for name in names])
    found: list[int] = []
    for target in targets:
        while len(found) < n // PEOPLE_PER_TERM:
            known = np.column_stack([basis, columns[:, found]])
            f = gains(target, known, columns)
            free = n - known.shape[1] - 1
            if free < 1:
                break
            limits = np.where(of_days, LARGEST_BY_CHANCE, stats.f.isf(BY_CHANCE, 1, free))
            best = int((f - limits).argmax())
            if not f[best] > limits[best]:
                break
            found.append(best)
    return {names[k]: offered[names[k]] for k in sorted(found)}


def words_of(names: Sequence[str]) -> list[str]:
    """What these columns stand for, as readers call it: each once."""
    said: list[str] = []
    for name in names:
        if CURVE in name:
            said.append(f"{_said(name.split(CURVE)[0])}{AS_CURVE}")
        elif WEEKDAY in name:
            said.append(BY_WEEKDAY)
        elif OF_MONTH in name:
            said.append(BY_MONTH)
        else:
            said.append(PRODUCT.join(map(_said, name.split(PRODUCT))))
    return list(dict.fromkeys(said))


def says_no_covariate(name: str) -> bool:
    """Whether what these words stand for is made of use, enrolment and the days watched alone."""
    if name in (BY_WEEKDAY, BY_MONTH):
        return True
    return set(name.removesuffix(AS_CURVE).split(PRODUCT)) <= {EARLY, TIME, DAYS_WATCHED}


def _said(name: str) -> str:
    if name == JOINED or name.startswith(f"{JOINED}, "):
        return TIME
    return DAYS_WATCHED if name == WATCHABLE else name.split(":")[0]


def cause_of(name: str) -> str:
    """The measured cause that a column of adjustment belongs to."""
    return name.split(CURVE)[0] if CURVE in name else words_of([name])[0]


def _candidates(
    adjusters: Mapping[str, Floats], early: Mapping[str, Floats], joined: Floats, analysed: NDArray[np.bool_]
) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for name, column in adjusters.items():
        found |= _curves(name, column, analysed)
    found |= _days_of_the_week(joined, analysed) | _waves_of_a_month(joined, analysed)
    centred = {name: _centred(column, analysed) for name, column in {**early, **adjusters}.items()}
    listed = list(centred)
    for k, name in enumerate(listed):
        for other in listed[k + 1 :]:
            if name in early and other in early:
                continue  # curves of early use are held for themselves
            if name not in early and len(adjusters) > MOST_COVARIATES:
                continue
            if name.split(":")[0] == other.split(":")[0]:
                continue
            found[f"{name}{PRODUCT}{other}"] = centred[name] * centred[other]
    turning = {name: centred[name] for name in [*early, *list(adjusters)[:MOST_COVARIATES]]}
    found |= _otherwise_since(turning, joined, analysed)
    return {name: column for name, column in found.items() if _spread(column[analysed])}


def _curves(name: str, column: Floats, analysed: NDArray[np.bool_]) -> dict[str, Floats]:
    here = column[analysed]
    if len(np.unique(here)) < FEWEST_VALUES:
        return {}
    try:
        knots = knots_of(here)
    except NotEstimableError:
        return {}
    curved = restricted_cubic(column, knots)
    return {f"{name}{CURVE}{k + 1}": curved[:, k] for k in range(curved.shape[1])}


def _days_of_the_week(joined: Floats, analysed: NDArray[np.bool_]) -> dict[str, Floats]:
    if not np.isfinite(joined).all() or np.ptp(joined[analysed]) < WEEK * WEEKS_TO_TELL:
        return {}
    day = np.floor(joined) % WEEK
    return {f"{JOINED}{WEEKDAY}{k + 1}": (day == k).astype(float) for k in range(WEEK)}


def _waves_of_a_month(joined: Floats, analysed: NDArray[np.bool_]) -> dict[str, Floats]:
    if not np.isfinite(joined).all() or np.ptp(joined[analysed]) < MONTH * MONTHS_TO_TELL:
        return {}
    turn = 2 * np.pi * joined / MONTH
    return {
        f"{JOINED}{OF_MONTH}{2 * k + j + 1}": f((k + 1) * turn)
        for k in range(WAVES)
        for j, f in enumerate((np.sin, np.cos))
    }


def _otherwise_since(
    turning: Mapping[str, Floats], joined: Floats, analysed: NDArray[np.bool_]
) -> dict[str, Floats]:
    """Columns that work otherwise by when people joined: along a line, or from one day on."""
    here = joined[analysed]
    if not np.isfinite(joined).all() or not np.ptp(here) >= 1:
        return {}
    times = {JOINED: joined}
    for day in np.unique(np.quantile(here, DAYS_TO_TURN, method="higher")):
        if EITHER_SIDE_IN_TIME <= (here >= day).sum() <= len(here) - EITHER_SIDE_IN_TIME:
            times[f"{JOINED}{SINCE}{day:g}"] = (joined >= day).astype(float)
    return {
        f"{name}{PRODUCT}{when}": column * _centred(time, analysed)
        for name, column in turning.items()
        for when, time in times.items()
    }


def _centred(column: Floats, analysed: NDArray[np.bool_]) -> Floats:
    here = column[analysed]
    return np.asarray((column - here.mean()) / (here.std() or 1.0))


def _spread(here: Floats) -> bool:
    """Whether the column varies, and eight people or more stand on either side where it has two values."""
    if not np.isfinite(here).all() or not here.std() > 1e-9:
        return False
    values, number = np.unique(here, return_counts=True)
    return len(values) > 2 or int(number.min()) >= EITHER_SIDE
