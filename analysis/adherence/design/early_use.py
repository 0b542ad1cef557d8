"""Use before the landmark as columns to adjust for: as it was, uncapped, and not as a straight line only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.design.calendar_steps import gains
from analysis.adherence.models.binomial import quasi_binomial
from analysis.adherence.models.shape import knots_of, restricted_cubic
from analysis.common.variation import varies
from analysis.usage.words import EARLY_USE, JOINED, is_early_use
from instrument.errors import NotEstimableError

Floats = NDArray[np.float64]
PEOPLE_PER_COLUMN = 15
EVENTS_PER_COLUMN = 10
FEWEST_COLUMNS = 2
FEWEST_VALUES = 3
BEGUN_LATE = 7.0  # days after enrolment: whoever begins later has a newer app at the landmark
FEWEST_NEVER = 8  # who never came before the landmark: they may be unlike all who did
DAYS_OF_A_YEAR, LONGEST_WITHOUT_SEASONS = 365.25, 300.0
BY_CHANCE = 0.01  # p value of a column below which it is held before others
LEAST_OF_ITS_OWN = 0.01  # of a column's variance that the columns before it leave unsaid


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyUse:
    """Columns of early use, most needed first; one row per row of the frame they were asked for."""

    columns: pd.DataFrame

    def described(self, names: Sequence[str]) -> list[str]:
        """Variables that columns of these names stand for."""
        known = [variable for variable in EARLY_USE if any(name.startswith(variable) for name in names)]
        kinds = [name.rsplit(", ", 1)[0] for name in names]
        return [*known, *dict.fromkeys(k for k in kinds if is_early_use(k) and k not in EARLY_USE)]


def early_use(
    frame: pd.DataFrame,
    analysed: NDArray[np.bool_],
    gap_days: float,
    recorded: Mapping[str, Floats] | None = None,
) -> EarlyUse:
    """Give logarithms and curves of use before the landmark.

    Parameters
    ----------
    frame
        `use_before` (units done, uncapped), `active_days_before`, `idle_at_landmark` (days without use), and
        where known `first_use_before` (day of the first use; missing where there was none),
        `first_week_before` and `last_week_before` (units done in those weeks).
    analysed : array, shape (n,)
        Rows whose percentiles place the knots.
    gap_days
        Days without use that count as having left: idle days are counted up to here.
    recorded : mapping of array, optional
        Further measures of early use that score or later use go with (`recorded_use`); they come right after
        the logarithms of units and of idle days.

    Returns
    -------
    EarlyUse
        `log(1 + x)` of units, of active days and of idle days, the day of the first use (where 8 people or
        more began a week or more after day 0), `log(1 + x)` of units of the last and the first week, whether
        there was any use (where 8 had none); then the curved
        columns of restricted cubic splines in the logarithms of units and active days (the plain count where
        a spline has too few values). Columns that say what others have said already are left out.

    Notes
    -----
    What people did before the rating makes rating and later use alike. A count cut at the intended amount
    says of everyone above it that they did the same; a straight line says that the tenth session means as
    much as the first. Neither removes the confounding. Nor does a sum tell who began late: what is new is
    rated otherwise, and used otherwise for a while; nor whose use rises and whose falls, nor that a week
    shortly before the rating or that of the first steps may move rating and later use for itself.
    """
    count = frame["use_before"].to_numpy(dtype=float)
    days = frame["active_days_before"].to_numpy(dtype=float)
    idle = np.minimum(frame["idle_at_landmark"].to_numpy(dtype=float), gap_days)
    bent = _curves("use_before", count, analysed)
    other = _curves("active_days_before", days, analysed)
    ordered = {"use_before, log": np.log1p(count), "idle_at_landmark, log": np.log1p(idle)}
    ordered |= recorded or {}
    if (begun := _begun(frame)) is not None and (begun[analysed] >= BEGUN_LATE).sum() >= FEWEST_NEVER:
        ordered["first_use_before, day"] = begun
    ordered |= {
        f"{week}, log": np.log1p(frame[week].to_numpy(dtype=float))
        for week in ("last_week_before", "first_week_before")
        if week in frame
    }
    ordered |= dict(list(bent.items())[:1])
    never = (count == 0) & (days == 0)
    if min(never[analysed].sum(), (~never)[analysed].sum()) >= FEWEST_NEVER:
        ordered["use_before, none"] = never.astype(float)
    ordered["active_days_before, log"] = np.log1p(days)
    ordered |= {**bent, **other}
    kept: dict[str, Floats] = {}
    basis = np.ones((int(analysed.sum()), 1))
    for name, column in ordered.items():
        here = column[analysed]
        if not varies(here):
            continue
        wider = np.column_stack([basis, (here - here.mean()) / here.std()])
        left = wider[:, -1] - basis @ np.linalg.lstsq(basis, wider[:, -1], rcond=None)[0]
        if left @ left > LEAST_OF_ITS_OWN * len(left):
            kept[name], basis = column, wider
    return EarlyUse(columns=pd.DataFrame(kept, index=frame.index))


def _begun(frame: pd.DataFrame) -> Floats | None:
    """Day of the first use; of those who never came the landmark, up to which they were idle."""
    if "first_use_before" not in frame:
        return None
    first = frame["first_use_before"].to_numpy(dtype=float)
    idle = frame["idle_at_landmark"].to_numpy(dtype=float)
    return np.asarray(np.where(np.isnan(first), idle, first))


def _curves(name: str, count: Floats, analysed: NDArray[np.bool_]) -> dict[str, Floats]:
    """Columns beside the logarithm: those of a spline, or the plain count where there are few values."""
    line = np.log1p(count)
    here = line[analysed]
    if len(np.unique(here)) < FEWEST_VALUES:
        return {}
    try:
        knots = knots_of(here)
    except NotEstimableError:
        return {f"{name}, plain": count}
    curved = restricted_cubic(line, knots)
    return {f"{name}, curve {k + 1}": curved[:, k] for k in range(curved.shape[1])}


def bearable(early: pd.DataFrame, others: Floats, done: Floats, due: Floats) -> tuple[list[str], list[str]]:
    """Columns of early use with which the model of remaining use has a maximum.

    Parameters
    ----------
    early : DataFrame, shape (n, k)
        Columns of early use of those analysed, most needed first.
    others : array, shape (n, p)
        Other columns of adjustment.
    done, due : array, shape (n,)
        Units done and due.

    Returns
    -------
    tuple of list
        Columns kept, and the last ones that were left out because with them no maximum exists: they tell
        some people who did nothing (or everything) apart from all others.
    """
    names = list(early.columns)
    for k in range(len(names), 0, -1):
        columns = np.column_stack([early.to_numpy(dtype=float)[:, :k], others])
        spread = columns.std(axis=0)
        scaled = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        try:
            quasi_binomial(np.column_stack([np.ones(len(done)), scaled]), done, due)
        except NotEstimableError:
            continue
        return names[:k], names[k:]
    return names, []


def calendar(joined: Floats, analysed: NDArray[np.bool_], *, bent: bool) -> dict[str, Floats]:
    """Give columns of when people joined: apps, prices and ratings change while a study enrols.

    Parameters
    ----------
    joined : array, shape (n,)
        Days after the first who was enrolled; NaN where it is not known.
    analysed : array, shape (n,)
        Rows whose percentiles place the knots.
    bent
        Whether a curve is wanted beside the straight line.

    Returns
    -------
    dict
        Columns by name; none where not everybody's day is known or all joined together. Enrolment over more
        than ten months adds a yearly wave: a curve with four knots cannot turn often enough for two winters.
    """
    here = joined[analysed]
    if not np.isfinite(joined).all() or not np.ptp(here) >= 1:
        return {}
    columns = {JOINED: joined}
    if bent:
        try:
            curved = restricted_cubic(joined, knots_of(here))
        except NotEstimableError:
            return columns
        columns |= {f"{JOINED}, curve {k + 1}": curved[:, k] for k in range(curved.shape[1])}
    if bent and np.ptp(here) >= LONGEST_WITHOUT_SEASONS:
        turn = 2 * np.pi * joined / DAYS_OF_A_YEAR
        columns |= {f"{JOINED}, season {k + 1}": f(turn) for k, f in enumerate((np.sin, np.cos))}
    return columns


def most_telling(early: pd.DataFrame, held: Floats, targets: Sequence[Floats], number: int) -> list[str]:
    """Names of so many columns of early use: the first two, what score or use go with, then as they come.

    Parameters
    ----------
    early : DataFrame, shape (n, k)
        Columns of early use of those analysed, most needed first.
    held : array, shape (n, p)
        Other columns that are held constant.
    targets : sequence of array, shape (n,)
        Later use, and every score.
    number
        How many columns the data bear.

    Returns
    -------
    list of str
        In the order of `early`.

    Notes
    -----
    Of few people not all columns can be held. A curve that stands last in their order may be what moves
    rating and use: a column that goes with one of them (p < .01), what is held given, comes before others.
    """
    names = list(early.columns)
    if number >= len(names):
        return names
    columns = early.to_numpy(dtype=float)
    basis = np.column_stack([np.ones(len(early)), held])
    chosen = list(range(FEWEST_COLUMNS))
    while len(chosen) < number:
        known = np.column_stack([basis, columns[:, chosen]])
        free = len(early) - known.shape[1] - 1
        if free < 1:
            break
        f = np.max([gains(target, known, columns) for target in targets], axis=0)
        f[chosen] = 0.0
        best = int(f.argmax())
        if not f[best] > stats.f.isf(BY_CHANCE, 1, free):
            break
        chosen.append(best)
    others = [k for k in range(len(names)) if k not in chosen]
    return [names[k] for k in sorted([*chosen, *others[: number - len(chosen)]])]


def how_many(n_early: int, n_others: int, *, people: int, events: int | None = None) -> int:
    """How many columns of early use the data bear, at least two.

    Parameters
    ----------
    n_early, n_others
        Columns of early use there are; columns of other adjustment and the score.
    people
        People analysed: one column for every 15.
    events
        Where events are counted, one column for every 10 of the rarer kind.

    Returns
    -------
    int
        Columns of early use to keep, from the front.

    References
    ----------
    Peduzzi et al. (1996), doi 10.1016/S0895-4356(96)00236-3 (ten events per variable).
    """
    room = people // PEOPLE_PER_COLUMN
    if events is not None:
        room = min(room, events // EVENTS_PER_COLUMN)
    return min(n_early, max(FEWEST_COLUMNS, room - n_others))
