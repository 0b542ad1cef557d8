"""Public function: weekly use and leaving in one model, tied by what is not seen of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.claims.claims import Claim
from analysis.adherence.design.covariates import coded_columns
from analysis.adherence.models.clusters import Clusters, clusters_of
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.survival import FEWEST_EVENTS
from analysis.adherence.over_time.shared_effect import Courses, Shared, dispersion_of, fit_shared
from analysis.common.result import Result
from analysis.reliability.resampling import checked_level
from instrument.answers import ColumnFault, column_numbers, numeric_columns, table_of, with_numbers
from instrument.common.formatting import fill_prose
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

Floats = NDArray[np.float64]
CALLER = "joint_model"
FEWEST, FEWEST_WEEKS = 30, 3
CLUMPED = 1.5  # times the variance of Poisson counts, or so much less: silence then means something else
LARGEST = 1000.0  # power of two that is still a number
PARTS = ("use", "leaving")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class JointResult(Result):
    """Weekly use while somebody is there, and leaving, in one model.

    Attributes
    ----------
    effects : DataFrame
        A row per part and column: part (use, leaving), term, coefficient, se (sandwich over people or
        clusters), se_model (were the model true), ratio (of weekly use, or of the rate of leaving; for one
        standard deviation of a predictor, one unit of other columns), ci_lower, ci_upper, df, pvalue, claim
        (of predictors: not found, or cannot be told; empty for others).
    shared : DataFrame
        One row: association (change of the logarithm of the rate of leaving with the logarithm of a person's
        unseen rate of use), se, ratio (of the rate of leaving for twice that rate of use), ci_lower,
        ci_upper, pvalue, spread (standard deviation of the logarithm of the unseen rate), spread_se; NaN
        where people differ no more than chance, so that both parts stand alone.
    n_people, n_weeks, n_left : int
        People, weeks of people, and people who left (where leaving is hidden: who had no use in their last
        week).
    dispersion : float
        How much counts of a person vary from week to week, against Poisson counts (1).
    design : dict
        Columns and their parts, whether leaving was seen, log likelihood, standard deviations, clusters.
    notes : list of str
        What is assumed.
    """

    effects: pd.DataFrame
    shared: pd.DataFrame
    n_people: int
    n_weeks: int
    n_left: int
    dispersion: float
    design: dict[str, Any]
    notes: list[str]

    def to_frame(self) -> pd.DataFrame:
        """Give the effects, unrounded."""
        return self.effects

    def summary(self, digits: int = 2) -> str:
        """Give the ratios of both parts, what ties them, and the notes as text.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        lines = [f"{self.n_people} people, {self.n_weeks} weeks, {self.n_left} left"]
        for row in [*self.effects.to_dict("records"), {"part": "leaving", **self.shared.iloc[0].to_dict()}]:
            said = row.get("term", "twice the unseen rate of use")
            claim = f"; {row['claim']}" if row.get("claim") else ""
            lines.append(
                f"{row['part']}, {said}: ratio {row['ratio']:.{digits}f} "
                f"[{row['ci_lower']:.{digits}f}, {row['ci_upper']:.{digits}f}], "
                + fill_prose("p = {p:p}", {"p": float(row["pvalue"])})
                + claim
            )
        return "\n".join([*lines, *self.notes])


def joint_model(
    data: Any,
    *,
    use: str,
    predictors: Sequence[str],
    left: str | None = None,
    adjust_for: Sequence[str] = (),
    participant: str = "participant",
    time: str = "week",
    numbers: Sequence[str] = (),
    cluster: str | None = None,
    confidence: float = 0.95,
) -> JointResult:
    """Relate columns to weekly use and to leaving at once, where who uses little may be gone sooner.

    Use it where the weeks that are not seen any more are those of people who used less: weekly use of those
    still there then looks better than it is, and silence may be a pause or the end. Do not use it for a cause
    (nobody was given a score), for minutes (no counts), nor where use comes in bursts (`dispersion`).

    Parameters
    ----------
    data
        A row for each person and week watched, from the same first week on, without gaps.
    use
        Column of counts of the week: units done, active days.
    predictors
        Numbers of interest, one value for each person, each reported for one standard deviation.
    left
        0/1 column: whether the person left at the end of that week, which is then the last one. Without it
        leaving is hidden: anybody may have left for good after the last week with use, and none of the data
        say whether a silence to the end of the watch would have ended.
    adjust_for
        Columns held constant in both parts, one value for each person.
    participant, time
        Columns of people, and of whole numbers of weeks.
    numbers
        Columns of whole numbers that are quantities, not codes.
    cluster
        Column that says which people belong together; at least 8 clusters.
    confidence
        Level of every interval.

    Returns
    -------
    JointResult
        Ratios of weekly use and of the rate of leaving, and what ties them.

    Raises
    ------
    ResponseDataError
        Columns are missing, have two parts or change within a person, weeks have gaps, use is no count, or
        somebody is there after having left.
    NotEstimableError
        Fewer than 30 people, 3 weeks, or 10 people who left or who did not; no maximum.

    Notes
    -----
    A shared-parameter model: given a person's unseen propensity `b ~ N(0, σ²)`

        use in week t:  Poisson, log mean = β₀ + β₁ t + β'x + b, while there
        leaving:        P(leave at the end of t | there) = 1 − exp(−exp(ζ₀ + ζ₁ t + ζ'x + α b))

    by maximum likelihood, b integrated out and, where leaving is hidden, the week of leaving summed out.
    Errors are a sandwich over people or clusters times G/(G − 1), Student's t with G − 1: they allow that
    counts vary otherwise than Poisson counts, the estimates of leaving do not. β and ζ are of one and the
    same person's propensity, not means over people.

    References
    ----------
    Wulfsohn & Tsiatis (1997), doi 10.2307/2533118. Rizopoulos (2012), doi 10.1201/b12208. Albert & Follmann
    (2000), doi 10.1111/j.0006-341X.2000.00667.x (counts with a shared propensity and drop-out). Fader, Hardie
    & Lee (2005), doi 10.1287/mksc.1040.0098 (leaving hidden in silence). In R: the likelihood by `optim`
    (tests/reference/scripts/joint.R).

    Examples
    --------
    >>> rng = np.random.default_rng(4)
    >>> weeks = pd.DataFrame({"participant": np.repeat(range(80), 8), "week": list(range(1, 9)) * 80})
    >>> alliance, own = rng.normal(size=(2, 80))
    >>> weeks["alliance"] = np.repeat(alliance, 8)
    >>> weeks["sessions"] = rng.poisson(np.repeat(np.exp(0.5 * own), 8))
    >>> last = np.repeat(np.where(rng.random(80) < 0.5, rng.integers(1, 8, 80), 8), 8)
    >>> weeks.loc[weeks["week"] > last, "sessions"] = 0
    >>> found = joint_model(weeks, use="sessions", predictors=["alliance"])
    >>> found.effects["part"].tolist()
    ['use', 'leaving']
    """
    checked_level(confidence, CALLER)
    frame, terms, codes, lost = _rows(
        data, use, left, predictors, adjust_for, participant, time, numbers, cluster
    )
    people, courses = _courses(frame, use, left, participant, time, terms)
    n = len(people)
    gone = courses.last < courses.watched if courses.left is None else courses.left > 0
    stayed = ~gone
    if n < FEWEST or courses.counts.shape[1] < FEWEST_WEEKS or min(gone.sum(), stayed.sum()) < FEWEST_EVENTS:
        weeks = courses.counts.shape[1]
        fact = f"{n} people, {weeks} weeks, {int(gone.sum())} left, {int(stayed.sum())} did not."
        hint = (
            f"at least {FEWEST} people, {FEWEST_WEEKS} weeks and {FEWEST_EVENTS} of either kind are needed."
        )
        raise NotEstimableError(fact_and_hint(CALLER, fact, hint))
    x = courses.x
    if flat := [name for name, column in zip(terms, x.T, strict=True) if not np.ptp(column) > 0]:
        fact = f"columns have one value only: {name_offenders(flat)}."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "leave them out."))
    own = x.std(axis=0, ddof=1)
    scaled = (x - x.mean(axis=0)) / own
    if np.linalg.matrix_rank(scaled) < x.shape[1]:
        raise NotEstimableError(
            fact_and_hint(CALLER, "columns repeat each other.", "leave out what says the same.")
        )
    fit, reason = fit_shared(
        Courses(counts=courses.counts, watched=courses.watched, x=scaled, left=courses.left)
    )
    if fit is None:
        fact = f"use and leaving could not be estimated together: {reason}."
        raise NotEstimableError(
            fact_and_hint(CALLER, fact, "hold fewer columns constant, or watch more weeks.")
        )
    units = Clusters(np.arange(n, dtype=np.int64), n)
    if cluster is not None:
        units = clusters_of(people[cluster].reset_index(drop=True), cluster)
    robust = sandwich(fit, units)
    # On the scale of the columns: one standard deviation of a predictor, one unit of others.
    p = len(terms)
    scale = np.array([1.0 if name in predictors else 1 / own[k] for k, name in enumerate(terms)])
    back = np.concatenate([[1.0, 1.0], scale, [1.0, 1.0], scale, [1.0, 1.0]])
    theta, model = fit.theta * back, np.sqrt(np.diag(fit.covariance)) * back
    made = Fit(
        coefficients=theta,
        covariance=robust * np.outer(back, back),
        dispersion=1.0,
        df_resid=float(units.count - 1),
        log_likelihood=fit.log_likelihood,
        n=n,
    )
    low, high = made.interval(confidence)
    clumped = dispersion_of(courses, float(fit.theta[1]))
    rows = []
    for part, first in zip(PARTS, (2, 4 + p), strict=True):
        for k, name in enumerate(terms):
            j = first + k
            found = not low[j] <= 0 <= high[j]
            rows.append(
                {
                    "part": part,
                    "term": name,
                    "coefficient": theta[j],
                    "se": made.se[j],
                    "se_model": model[j],
                    "ratio": np.exp(theta[j]),
                    "ci_lower": np.exp(low[j]),
                    "ci_upper": np.exp(high[j]),
                    "df": made.df_resid,
                    "pvalue": made.pvalues()[j],
                    "claim": _claim(found, clumped) if name in predictors else "",
                }
            )
    shared = {
        "association": theta[-2],
        "se": made.se[-2],
        "ratio": np.exp2(np.minimum(theta[-2], LARGEST)),
        "ci_lower": np.exp2(np.minimum(low[-2], LARGEST)),
        "ci_upper": np.exp2(np.minimum(high[-2], LARGEST)),
        "pvalue": made.pvalues()[-2],
        "spread": np.exp(theta[-1]),
        "spread_se": np.exp(theta[-1]) * made.se[-1],
    }
    return JointResult(
        effects=pd.DataFrame(rows),
        shared=pd.DataFrame([shared]),
        n_people=n,
        n_weeks=int(courses.watched.sum()),
        n_left=int(gone.sum()),
        dispersion=clumped,
        design={
            "use": use,
            "left": left or "",
            "predictors": list(predictors),
            "adjust_for": list(adjust_for),
            "cluster": cluster or "",
            "confidence": confidence,
            "log_likelihood": fit.log_likelihood,
            "standard_deviations": {name: float(own[terms.index(name)]) for name in predictors},
        },
        notes=_notes(codes, lost, left, clumped, alone=fit.alone),
    )


def _claim(found: bool, clumped: float) -> str:
    return str(Claim.UNTOLD if found or not 1 / CLUMPED <= clumped <= CLUMPED else Claim.NOT_FOUND)


def _notes(codes: list[str], lost: int, left: str | None, clumped: float, *, alone: bool) -> list[str]:
    notes = [f"taken as categories: {', '.join(codes)}"] if codes else []
    if lost:
        who, do = ("1 person lacks", "does") if lost == 1 else (f"{lost} people lack", "do")
        notes.append(f"{who} a column and {do} not count")
    if alone:
        notes.append(
            "people differ in weekly use no more than chance and what is held constant say: nothing unseen "
            "can tie use to leaving, and both parts stand alone"
        )
    if left is None:
        notes.append(
            "leaving is read off silence: no week says of a silence to the end whether it was the end"
        )
    if not 1 / CLUMPED <= clumped <= CLUMPED:
        notes.append(
            f"use of a person varies {clumped:.1f} times as much from week to week as Poisson counts do: a "
            "silence is then read as leaving too often or too seldom, and nothing can be told"
        )
    notes.append(
        "associations, given one lasting propensity that moves use and leaving: other causes that nobody "
        "measured can make them"
    )
    return notes


def sandwich(fit: Shared, units: Clusters) -> Floats:
    """Covariance of all parameters, shape (q, q), from scores summed over people or clusters."""
    q = fit.scores.shape[1]
    bread, summed = fit.covariance[:q, :q], units.sums(fit.scores)
    found = np.full_like(fit.covariance, np.nan)
    found[:q, :q] = bread @ (summed.T @ summed) @ bread * units.count / (units.count - 1)
    return found


def _rows(
    data: Any,
    use: str,
    left: str | None,
    predictors: Sequence[str],
    adjust_for: Sequence[str],
    participant: str,
    time: str,
    numbers: Sequence[str],
    cluster: str | None,
) -> tuple[pd.DataFrame, list[str], list[str], int]:
    """Complete rows, columns of people, what was taken as categories, people who lack a column."""
    if isinstance(predictors, str) or not list(predictors):
        raise ResponseDataError(
            fact_and_hint(CALLER, "no predictor is named.", "name columns as predictors=[…].")
        )
    extra = [name for name in (left, cluster) if name is not None]
    wanted = [participant, time, use, *predictors, *adjust_for, *extra]
    if twice := sorted({name for name in wanted if wanted.count(name) > 1}):
        fact = f"columns have two parts at once: {name_offenders(twice)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give each one part."))
    table = table_of(data, CALLER, "data")
    if absent := [name for name in wanted if name not in table]:
        fact = f"the data have no column {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give one row for each person and week."))
    given = [time, use, *([left] if left is not None else []), *predictors]
    frame = with_numbers(table, CALLER, given)[wanted]
    for name in adjust_for:
        found = column_numbers(frame[name])
        if found is ColumnFault.ENDLESS:
            numeric_columns(frame, CALLER, [name])  # refuses it by name
        if not isinstance(found, ColumnFault):
            frame[name] = found
    frame, adjusters, codes = coded_columns(frame.reset_index(drop=True), adjust_for, numbers)
    terms = [*predictors, *adjusters]
    needed = [participant, time, use, *terms, *extra]
    short = frame[needed].isna().any(axis=1)
    # Whoever lacks a column in one week lacks it: a course with a hole has no place here.
    lacking = frame[participant].isin(frame.loc[short, participant]) | frame[participant].isna()
    kept = frame[~lacking].reset_index(drop=True)
    if not len(kept):
        raise NotEstimableError(fact_and_hint(CALLER, "nobody has all columns.", "see the data."))
    kept[participant] = kept[participant].astype(str)
    return kept, terms, codes, int(frame.loc[lacking, participant].nunique())


def _courses(
    frame: pd.DataFrame, use: str, left: str | None, participant: str, time: str, terms: list[str]
) -> tuple[pd.DataFrame, Courses]:
    ordered = frame.sort_values([participant, time], kind="stable", ignore_index=True)
    week, count = (ordered[name].to_numpy(dtype=float) for name in (time, use))
    who, first = np.unique(ordered[participant].to_numpy(dtype=str), return_index=True)
    code = np.repeat(np.arange(len(who)), np.diff([*first, len(ordered)]))
    if not (np.isfinite(count).all() and (count >= 0).all() and (count == np.floor(count)).all()):
        fact = f"{use!r} holds other values than counts from 0 on."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give units done or active days of each week."))
    place = week - week.min()
    if not (place == np.arange(len(ordered)) - first[code]).all():
        fact = "weeks of some people begin later than the first, have gaps, or come twice."
        raise ResponseDataError(
            fact_and_hint(CALLER, fact, "give a row for each week watched, those without use too.")
        )
    for name in terms:
        column = ordered[name].to_numpy(dtype=float)
        if not (column == column[first[code]]).all():
            fact = f"{name!r} changes within people."
            raise ResponseDataError(fact_and_hint(CALLER, fact, "give one value for each person."))
    watched = np.bincount(code)
    counts = np.zeros((len(who), int(watched.max())))
    counts[code, place.astype(int)] = count
    gone = None
    if left is not None:
        flag = ordered[left].to_numpy(dtype=float)
        last = np.arange(len(ordered)) == (first + watched - 1)[code]
        if not np.isin(flag, (0.0, 1.0)).all() or (flag[~last] == 1).any():
            fact = f"{left!r} holds other values than 0 and 1, or somebody is there after having left."
            raise ResponseDataError(fact_and_hint(CALLER, fact, "say 1 in the last week of those who left."))
        gone = np.where(flag[last] == 1, watched, 0).astype(np.int64)
    x = ordered[terms].to_numpy(dtype=float)[first]
    return ordered.iloc[first].reset_index(drop=True), Courses(
        counts=counts, watched=watched.astype(np.int64), x=x, left=gone
    )
