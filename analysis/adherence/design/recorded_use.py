"""What else the log says of use before the landmark: time, pauses, single weeks, other counts, jumps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.design.calendar_steps import EITHER_SIDE, LARGEST_BY_CHANCE, gains
from analysis.adherence.models.shape import knots_of, restricted_cubic
from analysis.common.variation import varies
from analysis.usage.words import EARLY_USE, is_early_use
from instrument.errors import NotEstimableError

Floats = NDArray[np.float64]
RECORDED = (
    *("minutes_before", "longest_gap_before", "second_week_before", "third_week_before"),
    *("sessions_before", "logins_before", "events_before"),
)
SHARES = (
    *("night_before", "morning_before", "afternoon_before"),
    *(f"weekday_{k + 1}_before" for k in range(7)),
)
BY_CHANCE = 0.01  # p value of one column below which it is held constant
PEOPLE_PER_COLUMN = 60
FEWEST_VALUES = 5
JUMPING, FROM = ("use_before", "active_days_before"), ", from "
PLACES = np.linspace(0.02, 0.98, 49)  # shares of the people at which a jump is looked for


def recorded_use(
    frame: pd.DataFrame, analysed: NDArray[np.bool_], held: Floats, targets: Sequence[Floats]
) -> dict[str, Floats]:
    """Give the measures of early use, beyond those held always, that score or later use go with.

    Parameters
    ----------
    frame
        Rows of everyone, with those of `RECORDED` and the kinds of event that are known.
    analysed : array, shape (N,)
        Rows of the analysis, n of them.
    held : array, shape (n, p)
        What is held constant already.
    targets : sequence of array, shape (n,)
        Later use, and every score.

    Returns
    -------
    dict
        `log(1 + x)` and columns of its restricted cubic spline by name, the same of the share of units done
        in hours and on weekdays, and for units and active days whether somebody reached a number of them, one
        value for each of the N rows; at most one for 60 people analysed.

    Notes
    -----
    How often people came does not tell how long they stayed, nor who went away for a while and came back, nor
    what was done in one of the weeks between the first and the last, nor when (by night, at weekends), nor
    what else people did in the app (read, wrote to a coach). All of
    it comes before the rating and lies in the log. Held where later use or a score goes with it (p < .01;
    double selection): what moves both makes a true null an association, and an unrelated feature need not
    show it.

    A curve cannot follow a jump: where the fifth session wins a badge, or opens a part of the app, ratings
    and later use lie elsewhere from there on. Looked for at the numbers that people at 49 places along the
    row reached, and held where F is above 9.84, which the best of so many places reaches by chance in about
    5 % (as for days of enrolment).

    References
    ----------
    Belloni, Chernozhukov & Hansen (2014), doi 10.1093/restud/rdt044.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> known = pd.DataFrame({"minutes_before": np.exp(rng.normal(3, 1, 200))})
    >>> everyone, line = np.ones(200, dtype=bool), rng.normal(size=(200, 1))
    >>> later = np.log(known["minutes_before"].to_numpy()) + rng.normal(size=200)
    >>> list(recorded_use(known, everyone, line, [later]))
    ['minutes_before, log']
    """
    columns: dict[str, Floats] = {}
    kinds = [str(name) for name in frame if is_early_use(str(name)) and name not in EARLY_USE]
    for name in (*RECORDED, *kinds):
        if name in frame:
            line = np.log1p(np.maximum(frame[name].to_numpy(dtype=float), 0.0))
            columns |= {f"{name}, log": line, **_curves(name, line, analysed)}
    for name in SHARES:
        if name in frame and "use_before" in frame:
            part = frame[name].to_numpy(dtype=float) / np.maximum(frame["use_before"].to_numpy(float), 1.0)
            columns |= {f"{name}, share": part, **_curves(name, part, analysed)}
    for name in JUMPING:
        if name in frame:
            columns |= _jumps(name, frame[name].to_numpy(dtype=float), analysed)
    offered = {
        name: column
        for name, column in columns.items()
        if np.isfinite(column).all() and varies(column[analysed])
    }
    names = list(offered)
    if not names:
        return {}
    n = int(analysed.sum())
    here = np.column_stack([offered[name][analysed] for name in names])
    here = (here - here.mean(axis=0)) / here.std(axis=0)
    basis = np.column_stack([np.ones(n), held])
    jumps = np.array([FROM in name for name in names])
    found: list[int] = []
    for target in targets:
        while len(found) < min(n // PEOPLE_PER_COLUMN, len(names)):
            known = np.column_stack([basis, here[:, found]])
            f, free = gains(target, known, here), n - known.shape[1] - 1
            if free < 1:
                break
            limits = np.where(jumps, LARGEST_BY_CHANCE, stats.f.isf(BY_CHANCE, 1, free))
            best = int((f - limits).argmax())
            if not f[best] > limits[best]:
                break
            found.append(best)
    return {names[k]: offered[names[k]] for k in sorted(found)}


def _jumps(name: str, count: Floats, analysed: NDArray[np.bool_]) -> dict[str, Floats]:
    """Whether somebody reached a number, for numbers that 12 people or more did and did not reach."""
    here = count[analysed]
    if not np.isfinite(count).all():
        return {}
    reached = np.unique(np.quantile(here, PLACES, method="higher"))
    return {
        f"{name}{FROM}{number:g}": (count >= number).astype(float)
        for number in reached
        if EITHER_SIDE <= (here >= number).sum() <= len(here) - EITHER_SIDE
    }


def _curves(name: str, line: Floats, analysed: NDArray[np.bool_]) -> dict[str, Floats]:
    here = line[analysed]
    if not np.isfinite(line).all() or len(np.unique(here)) < FEWEST_VALUES:
        return {}
    try:
        curved = restricted_cubic(line, knots_of(here))
    except NotEstimableError:
        return {}
    return {f"{name}, curve {k + 1}": curved[:, k] for k in range(curved.shape[1])}
