"""Public function: the same question at a landmark every week, with a band that holds at all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.claims.claims import Claim, Doubt, standing
from analysis.adherence.design.landmark import LandmarkDesign, assemble
from analysis.adherence.design.late_answers import with_labels
from analysis.adherence.dose.dose_response import largest_t
from analysis.adherence.models.binomial import quasi_binomial
from analysis.adherence.models.clusters import Clusters
from analysis.adherence.models.fit import Fit
from analysis.adherence.over_time.joint_landmarks import Landmarked, equal_effects, joint_effects
from analysis.common.result import Result
from analysis.common.variation import varies
from analysis.reliability.resampling import checked_level, checked_seed
from analysis.usage.course import UseCourse, use_course
from analysis.usage.people import due_after
from analysis.usage.reading import LogReading
from analysis.usage.summarise_usage import UsageSummary
from instrument.answers import table_of, with_numbers
from instrument.common.formatting import fill_prose
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    ToolkitError,
    fact_and_hint,
    name_offenders,
)
from instrument.study import Landmark, Study, as_study

Floats = NDArray[np.float64]
CALLER = "landmark_scan"
WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ScanResult(Result):
    """Effect of the last rating on the use still due, at landmark after landmark.

    Attributes
    ----------
    effects : DataFrame
        A row per landmark: day, n (people analysed), later_answers (people whose first rating came after this
        day, so that it cannot count here), due, estimate (percentage points of what was still due, per
        standard deviation of the score), se, ci_lower, ci_upper (this landmark alone), band_lower,
        band_upper (all landmarks at once), pvalue (of the largest over all landmarks), claim, doubts.
    tests : DataFrame
        question, f, df1, df2, pvalue: whether the effects are one and the same.
    left_out : DataFrame
        day, reason: landmarks at which nothing could be estimated.
    design : dict
        Score, its standard deviation, days, critical value, whether answers had dates.
    notes : list of str
        What is assumed.
    """

    effects: pd.DataFrame
    tests: pd.DataFrame
    left_out: pd.DataFrame
    design: dict[str, Any]
    notes: list[str]

    def to_frame(self) -> pd.DataFrame:
        """Give the effects, unrounded."""
        return self.effects

    def summary(self, digits: int = 1) -> str:
        """Give each landmark with its band and claim as text.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        lines = [
            f"day {row['day']:g}: {row['estimate']:.{digits}f} points of what was due, all landmarks at once "
            f"[{row['band_lower']:.{digits}f}, {row['band_upper']:.{digits}f}]; {row['claim']}"
            for row in self.effects.to_dict("records")
        ]
        lines += [
            f"{row['question']}: " + fill_prose("p = {p:p}", {"p": float(row["pvalue"])})
            for row in self.tests.to_dict("records")
        ]
        return "\n".join([*lines, *self.notes])


def landmark_scan(
    scores: Any,
    events: Any,
    study: Study | dict[str, Any] | str | Path,
    *,
    predictor: str = "total",
    times: pd.DataFrame | None = None,
    participants: pd.DataFrame | None = None,
    outcomes: pd.DataFrame | None = None,
    covariates: pd.DataFrame | None = None,
    days: Sequence[int] | None = None,
    engine: Any = None,
    reading: LogReading | None = None,
    confidence: float = 0.95,
    seed: int = 1,
) -> ScanResult:
    """Relate the last rating before each of many landmarks to the use still due after it.

    Use it to ask when in a study a rating goes with what follows, without choosing the week that looks best.
    Do not read a landmark's effect as that of its week: the rating may be old, and use before is held
    constant at each.

    Parameters
    ----------
    scores
        A scorecard, or participant, wave, and a column of the score.
    events
        Usage log, as for `summarise_usage`.
    study
        The study: waves, intended use, adjustment. Its own landmark is not needed.
    predictor
        Column of the score.
    times
        participant, wave, day: day of the study on which each was answered. Without it a rating counts from
        the day its wave closes.
    participants, outcomes, covariates
        As for `relate_adherence`.
    days
        Landmarks. By default every week from the first close of a wave on, while use is due.
    engine, reading
        As for `summarise_usage`.
    confidence
        Level of intervals and band.
    seed
        Seed of the band.

    Returns
    -------
    ScanResult
        Effects with a simultaneous band, a test of their being equal, and the landmarks left out.

    Raises
    ------
    DefinitionError
        No main wave closes while use is due, or a landmark lies outside the study.
    ResponseDataError
        Columns are missing, rows or times repeat.
    NotEstimableError
        Nothing can be estimated at two landmarks.

    Notes
    -----
    At each landmark: people still watched, their last rating given on that day or before, the model of
    remaining use of `relate_adherence` (logit, early use up to that day, HC3), average marginal effect.
    Covariance over landmarks by the influence of each person on all of them (summed over clusters). Band:
    `± c se`, `c` the quantile of the largest absolute t with the correlation of the effects, 20,000 draws.
    Found is what the band excludes zero of; claim and doubts are then those of `relate_adherence`: supported
    where nothing is doubted, and cannot be told, found or not, where the estimate itself is in doubt.

    References
    ----------
    Van Houwelingen (2007), doi 10.1111/j.1467-9469.2006.00529.x (dynamic prediction by landmarking). Hernán &
    Robins (2016), doi 10.1093/aje/kwv254 (target trials). Montiel Olea & Plagborg-Møller (2019), doi
    10.1002/jae.2656. In R: `glm(family = quasibinomial)` at each, influences by hand, `mvtnorm::qmvt`.

    Examples
    --------
    >>> import instrument
    >>> from analysis.simulation.simulate_study import simulate_study
    >>> data = simulate_study("dta_example", n=150)
    >>> scores = instrument.score(data.responses, instrument.load("dta"))
    >>> found = landmark_scan(scores, data.usage, data.study, participants=data.enrolment, days=[28, 42])
    >>> found.effects["day"].tolist()
    [28, 42]
    """
    checked_level(confidence, CALLER)
    checked_seed(seed, CALLER)
    plan = as_study(study)
    wanted = landmarks_of(plan, days)
    checked_ratings(scores, predictor, plan, times)
    course = use_course(
        events, plan, wanted, longest=plan.gap_days, participants=participants, engine=engine, reading=reading
    )
    return scan_course(
        scores,
        course,
        plan,
        predictor=predictor,
        times=times,
        outcomes=outcomes,
        covariates=covariates,
        confidence=confidence,
        seed=seed,
    )


def scan_course(
    scores: Any,
    course: UseCourse,
    plan: Study,
    *,
    predictor: str,
    times: pd.DataFrame | None = None,
    outcomes: pd.DataFrame | None = None,
    covariates: pd.DataFrame | None = None,
    confidence: float = 0.95,
    seed: int = 1,
) -> ScanResult:
    """Scan the landmarks of a log that was read already.

    Parameters
    ----------
    scores, predictor, times, outcomes, covariates, confidence, seed
        As for `landmark_scan`.
    course
        Use at every landmark.
    plan
        The study.

    Returns
    -------
    ScanResult
        As of `landmark_scan`.
    """
    wanted = list(course.at)
    rated, dated = checked_ratings(scores, predictor, plan, times)
    spread = float(rated["rating"].std(ddof=1))
    if not varies(rated["rating"]):
        fact = f"{predictor!r} has one value only."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "leave it out."))
    designs: dict[int, LandmarkDesign] = {}
    left_out = []
    for day in wanted:
        try:
            designs[day] = _at(rated, course.at[day], plan, day, outcomes, covariates)
            _model(designs[day], spread)
        except NotEstimableError as error:
            designs.pop(day, None)
            reason = str(error).split("\n")[0].split(": ", 1)[-1]
            left_out.append((day, reason))
    if len(designs) < 2:
        fact = f"the effect can be estimated at {len(designs)} of {len(wanted)} landmarks."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "use relate_adherence for one."))
    everyone = sorted({name for design in designs.values() for name in design.frame["participant"]})
    number = pd.Index(everyone)
    rows = [_rows(design, spread, number) for design in designs.values()]
    clusters = _clusters(designs.values(), number)
    joint = joint_effects(rows, len(everyone), clusters)
    se = np.sqrt(np.diag(joint.covariance))
    drawn = largest_t(joint.covariance / np.outer(se, se), joint.df, seed)
    critical = float(np.quantile(drawn, confidence))
    half = float(stats.t.ppf(0.5 + confidence / 2, joint.df))
    largest = [float((drawn >= abs(t)).mean()) for t in joint.effects / se]
    first = rated.groupby("participant")["day"].min()
    told = [
        _claim(design, one, fit, confidence, away=bool(abs(effect) > critical * error))
        for design, one, fit, effect, error in zip(
            designs.values(), rows, joint.fits, joint.effects, se, strict=True
        )
    ]
    effects = pd.DataFrame(
        {
            "day": list(designs),
            "n": [len(design.frame) for design in designs.values()],
            "later_answers": [int((first > day).sum()) for day in designs],
            "due": [design.due for design in designs.values()],
            "estimate": joint.effects,
            "se": se,
            "ci_lower": joint.effects - half * se,
            "ci_upper": joint.effects + half * se,
            "band_lower": joint.effects - critical * se,
            "band_upper": joint.effects + critical * se,
            "pvalue": largest,
            "claim": [str(claim) for claim, _ in told],
            "doubts": [", ".join(doubts) for _, doubts in told],
        }
    )
    notes = ["the score of a landmark is the last rating given on that day or before"]
    if not dated:
        notes.append("no days of answers are known: a rating counts from the day on which its wave closes")
    notes += sorted({note for design in designs.values() for note in design.notes})
    return ScanResult(
        effects=effects,
        tests=pd.DataFrame([{"question": "the same effect at all landmarks", **equal_effects(joint)}]),
        left_out=pd.DataFrame(left_out, columns=["day", "reason"]),
        design={
            "predictor": predictor,
            "standard_deviation": spread,
            "days": list(designs),
            "critical": critical,
            "df": joint.df,
            "dated": dated,
            "unit": plan.intended_use.unit,
            "cluster": plan.cluster or "",
            "confidence": confidence,
            "seed": seed,
        },
        notes=notes,
    )


def checked_ratings(
    scores: Any, predictor: str, plan: Study, times: pd.DataFrame | None
) -> tuple[pd.DataFrame, bool]:
    """Ratings with the day from which each counts, and whether the days are those of the answers."""
    table = scores.scores if hasattr(scores, "scores") else table_of(scores, CALLER, "scores")
    if absent := [name for name in ("participant", "wave", predictor) if name not in table]:
        fact = f"the scores have no column {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "pass what `instrument.score` gives."))
    frame = with_numbers(table, CALLER, [predictor])[["participant", "wave", predictor]]
    frame = with_labels(frame.dropna()).rename(columns={predictor: "rating"})
    closes = {wave.name: float(wave.closes) for wave in plan.rated_waves}
    frame = frame[frame["wave"].isin(closes)].reset_index(drop=True)
    if frame.duplicated(["participant", "wave"]).any():
        fact = f"{int(frame.duplicated(['participant', 'wave']).sum())} rows repeat a participant and wave."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "keep one administration each."))
    frame["day"] = frame["wave"].map(closes)
    if times is None:
        return frame, False
    if absent := [name for name in ("participant", "wave", "day") if name not in times]:
        fact = f"the times have no column {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give participant, wave, day."))
    known = with_numbers(times, CALLER, ["day"])[["participant", "wave", "day"]].dropna()
    known = with_labels(known)
    if known.duplicated(["participant", "wave"]).any():
        fact = f"{int(known.duplicated(['participant', 'wave']).sum())} times repeat a participant and wave."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "keep one each."))
    frame = frame.drop(columns="day").merge(known, on=["participant", "wave"], how="left")
    # An answer without a day might be late: it counts nowhere.
    frame = frame[frame["day"].notna()].reset_index(drop=True)
    return frame.assign(day=np.floor(frame["day"])), True  # the day, at whatever time of it


def landmarks_of(plan: Study, days: Sequence[int] | None = None) -> list[int]:
    """Landmarks asked for, or every week from the first close of a wave on, while use is due."""
    last = min(plan.study_days, WEEK * plan.intended_use.weeks)
    closes = [wave.closes for wave in plan.rated_waves if 0 < wave.closes < last]
    first = min(closes, default=last)
    weekly = [day for day in range(first, last, WEEK) if due_after(plan, day, plan.study_days) > 0]
    if not weekly:
        fact = "no main wave closes while use is still due."
        raise DefinitionError(fact_and_hint(CALLER, fact, "rate earlier, or intend use for longer."))
    if days is None:
        return weekly
    if beyond := [day for day in days if not 0 < day < last]:
        fact = f"landmarks lie outside the {last} days in which use is due: {name_offenders(beyond)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name days inside."))
    return sorted(set(days))


def _at(
    rated: pd.DataFrame,
    usage: UsageSummary,
    plan: Study,
    day: int,
    outcomes: pd.DataFrame | None,
    covariates: pd.DataFrame | None,
) -> LandmarkDesign:
    """The landmark design of one day: use split there, and the last rating that was given by then."""
    given = rated[rated["day"] <= day].sort_values("day", kind="stable")
    latest = given.drop_duplicates("participant", keep="last")[["participant", "rating"]]
    wave = plan.rated_waves[0]
    moved = plan.model_copy(update={"landmark": Landmark(wave=wave.id, day=day)})
    if not len(latest):
        fact = f"nobody was rated by day {day}."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "choose later landmarks."))
    scores = latest.assign(wave=wave.name)
    return assemble(scores, usage, moved, outcomes, covariates, ["rating"], None, wave.name, plan.cluster)


def _model(design: LandmarkDesign, spread: float) -> Floats:
    """Constant, score in its standard deviations, adjustment on a like scale."""
    frame = design.frame
    raw = frame["rating"].to_numpy(dtype=float)
    columns = [frame[name].to_numpy(dtype=float) for name in design.adjusters]
    scaled = [(c - c.mean()) / c.std(ddof=1) for c in columns]
    x = np.column_stack([np.ones(len(raw)), (raw - raw.mean()) / spread, *scaled])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        fact = "the rating says nothing that the adjustment does not."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "adjust for less."))
    done, due = (frame[name].to_numpy(dtype=float) for name in ("done", "due"))
    quasi_binomial(x, done, due, robust=True)
    return x


def _rows(design: LandmarkDesign, spread: float, number: pd.Index) -> Landmarked:
    frame = design.frame
    return Landmarked(
        person=number.get_indexer(pd.Index(frame["participant"])).astype(np.int64),
        design=_model(design, spread),
        done=frame["done"].to_numpy(dtype=float),
        due=frame["due"].to_numpy(dtype=float),
    )


def _clusters(designs: Any, number: pd.Index) -> Clusters | None:
    """Cluster of everybody at any landmark; None where none are declared."""
    of = pd.Series(index=number, dtype=object)
    for design in designs:
        if design.clusters is None or design.cluster is None:
            return None
        of[design.frame["participant"]] = design.frame[design.cluster].astype(str).to_numpy()
    codes = pd.factorize(of)[0]
    return Clusters(codes.astype(np.int64), int(codes.max()) + 1)


def _claim(
    design: LandmarkDesign, rows: Landmarked, fit: Fit, level: float, *, away: bool
) -> tuple[Claim, tuple[Doubt, ...]]:
    """What may be said at one landmark, where the band over all decides whether anything was found."""
    try:
        mine = standing(design, rows.design, fit, level, found=away)
    except ToolkitError:
        # No doubt could be asked but what the log itself shows.
        doubts = (Doubt.LOST,) if design.lost else ()
        return Claim.UNTOLD if away or doubts else Claim.NOT_FOUND, doubts
    return mine.claim, mine.doubts
