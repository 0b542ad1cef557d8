"""Repeated ratings: use after each, on being higher than others and on being higher than usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.covariates import coded_columns
from analysis.adherence.design import side_columns
from analysis.adherence.families import adjust_within
from analysis.adherence.mixed import MixedFit, random_intercept
from analysis.adherence.windows import Windows, use_by_window
from analysis.reliability.resampling import checked_level
from analysis.result import Result
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders
from instrument.study import Study, as_study

CALLER = "relate_waves"
Floats = NDArray[np.float64]
FEWEST = 30
SPLITS = {
    "person mean": ("mean over the ratings", "deviation from it"),
    "first rating": ("first rating", "change since it"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WavesResult(Result):
    """Use after each wave, on the person's level and on the wave's difference from it.

    Attributes
    ----------
    effects : DataFrame
        Per predictor and split: `predictor`, `split`, `part` (between people, within a person),
        `described`, `n_people`, `n_ratings`, `effect` (percentage points of what was due, per standard
        deviation of the score) with `se`, `ci_lower`, `ci_upper`, `df`, `pvalue`, `p_holm`, `p_bh`.
    variances : DataFrame
        Per predictor and split: between people, residual, singular.
    windows : DataFrame
        Per wave: `wave`, `from_day`, `to_day`, `due`, `rated`.
    failed : DataFrame
        predictor, split, reason.
    notes : list of str
        What was assumed.
    """

    effects: pd.DataFrame
    variances: pd.DataFrame
    windows: pd.DataFrame
    failed: pd.DataFrame
    notes: list[str]

    def to_frame(self) -> pd.DataFrame:
        """Give the effects, unrounded."""
        return self.effects


def relate_waves(
    scores: Any,
    events: Any,
    study: Study | dict[str, Any] | str | Path,
    outcomes: pd.DataFrame | None = None,
    covariates: pd.DataFrame | None = None,
    *,
    participants: pd.DataFrame | None = None,
    predictors: Sequence[str] | None = None,
    adjust_for: Sequence[str] | None = None,
    engine: Any = None,
    confidence: float = 0.95,
) -> WavesResult:
    """Relate the scores of every main wave to use between its close and the close of the next.

    Use it when alliance was rated several times. Do not read the split by person means as an order in
    time: the mean holds later ratings, which use may have changed; the split by the first rating does not.

    Parameters
    ----------
    scores
        A scorecard, or a DataFrame: participant, wave, one column per score.
    events
        Usage log, as for `summarise_usage`.
    study
        The study: waves, intended use, adjustment.
    outcomes, covariates
        One row per participant; `baseline` and `covariates` of the study are adjusted for.
    participants
        Everyone enrolled.
    predictors
        Scores. By default the total and every theme.
    adjust_for
        Columns to adjust for besides use before the first wave's close. By default the study's.
    engine
        As for `summarise_usage`.
    confidence
        Level of every interval.

    Returns
    -------
    WavesResult
        Both splits for every predictor.

    Raises
    ------
    NotEstimableError
        Fewer than two waves have use after them, or too few people were rated.
    ResponseDataError
        Columns are missing.

    Notes
    -----
    `share_it = window_t + b level_i + w difference_it + c'z_i + u_i + e_it`, by restricted maximum
    likelihood; the share is units done of those due in the window, in percent. No window of use reaches
    back before its rating closed. Later ratings exist only for those still there.

    References
    ----------
    Curran & Bauer (2011), doi 10.1146/annurev.psych.093008.100356. In R: `lme4::lmer`.

    Examples
    --------
    >>> import instrument
    >>> from analysis.simulation import simulate_study
    >>> data = simulate_study("dta_example", n=200)
    >>> scores = instrument.score(data.responses, instrument.load("dta"))
    >>> result = relate_waves(
    ...     scores, data.usage, data.study, data.outcomes, data.covariates,
    ...     participants=data.enrolment, predictors=["total"],
    ... )
    >>> result.effects["part"].unique().tolist()
    ['between people', 'within a person']
    """
    checked_level(confidence, CALLER)
    plan = as_study(study)
    table = scores.scores if hasattr(scores, "scores") else scores
    names = list(predictors) if predictors is not None else list(getattr(scores, "names", []))
    if not names:
        raise ResponseDataError(fact_and_hint(CALLER, "no score is named.", "name them with predictors."))
    if absent := [name for name in ("participant", "wave", *names) if name not in table]:
        fact = f"the scores have no column {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "pass what `instrument.score` gives."))
    windows = use_by_window(events, plan, participants=participants, engine=engine)
    notes = list(windows.notes)
    frame, adjusters = _rows(table, names, windows, plan, outcomes, covariates, adjust_for, notes)
    effects, variances, failed = [], [], []
    for name in names:
        for split in SPLITS:
            try:
                found, spread = _fit(frame, name, split, adjusters, confidence)
            except NotEstimableError as error:
                reason = str(error).split("\n")[0].removeprefix(f"{CALLER}: ")
                failed.append({"predictor": name, "split": split, "reason": reason})
                continue
            effects += found
            variances.append(spread)
    if not effects:
        fact = f"no model could be estimated: {failed[0]['reason']}"
        raise NotEstimableError(fact_and_hint(CALLER, fact, "see how many were rated at each wave."))
    done = pd.DataFrame(effects)
    done["family"] = np.where(done["predictor"] == "total", "total", "themes")
    return WavesResult(
        effects=adjust_within(done, ["split", "part", "family"]).drop(columns="family"),
        variances=pd.DataFrame(variances),
        windows=windows.table.assign(
            rated=[int((frame["wave"] == wave).sum()) for wave in windows.table["wave"]]
        ),
        failed=pd.DataFrame(failed, columns=["predictor", "split", "reason"]),
        notes=[
            *notes,
            "ratings of later waves come from those still using the app; the person mean holds ratings given "
            "after the use it is related to, the first rating does not",
        ],
    )


def _rows(
    table: pd.DataFrame,
    names: Sequence[str],
    windows: Windows,
    plan: Study,
    outcomes: pd.DataFrame | None,
    covariates: pd.DataFrame | None,
    adjust_for: Sequence[str] | None,
    notes: list[str],
) -> tuple[pd.DataFrame, list[str]]:
    """One row per person and wave with its score, the use after it and the adjustment, in wave order."""
    rated = table[["participant", "wave", *names]].copy()
    rated["participant"], rated["wave"] = rated["participant"].astype(str), rated["wave"].astype(str)
    if rated.duplicated(["participant", "wave"]).any():
        fact = f"{int(rated.duplicated(['participant', 'wave']).sum())} rows repeat a participant and wave."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "keep one administration each."))
    frame = windows.use.merge(rated, on=["participant", "wave"]).dropna(subset=list(names))
    extra, wanted = side_columns(plan, outcomes, covariates, adjust_for, notes)
    if extra is not None:
        frame = frame.merge(extra, on="participant", how="left")
    quantities = {"use_before", *plan.baseline, *plan.numbers}
    frame, adjusters, _ = coded_columns(frame, ["use_before", *wanted], quantities)
    frame = frame.dropna(subset=adjusters)
    frame["order"] = frame["wave"].map({wave: k for k, wave in enumerate(windows.table["wave"])})
    frame = frame.sort_values(["participant", "order"], kind="stable", ignore_index=True)
    people = frame["participant"].nunique()
    if people < FEWEST:
        fact = f"{people} people have a score, adjustment and use to come."
        raise NotEstimableError(fact_and_hint(CALLER, fact, f"at least {FEWEST} are needed."))
    return frame, [name for name in adjusters if np.ptp(frame[name].to_numpy(dtype=float)) > 0]


def split_score(score: Floats, person: NDArray[np.int64], split: str) -> tuple[Floats, Floats]:
    """Level of each person and each rating's difference from it; rows are in the order of time."""
    if split == "person mean":
        level = (np.bincount(person, weights=score) / np.bincount(person))[person]
    else:
        _, first = np.unique(person, return_index=True)
        level = score[first][person]
    return level, score - level


def _fit(
    frame: pd.DataFrame, name: str, split: str, adjusters: Sequence[str], confidence: float
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    score = frame[name].to_numpy(dtype=float)
    sd = float(score.std(ddof=1))
    if not sd > 0:
        fact = f"{name!r} has one value only."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "leave it out."))
    person = pd.factorize(frame["participant"])[0].astype(np.int64)
    level, difference = split_score(score / sd, person, split)
    orders = sorted(frame["order"].unique())
    later = [(frame["order"] == order).to_numpy(float) for order in orders[1:]]
    others = [_scaled(frame[column].to_numpy(float)) for column in adjusters]
    columns = [np.ones(len(frame)), level - level.mean(), difference, *later, *others]
    fit = random_intercept(np.column_stack(columns), frame["percent"].to_numpy(float), person)
    return _effects(fit, name, split, confidence), {
        "predictor": name,
        "split": split,
        "between_people": fit.between_people,
        "residual": fit.residual,
        "singular": fit.singular,
    }


def _effects(fit: MixedFit, name: str, split: str, confidence: float) -> list[dict[str, Any]]:
    low, high = fit.interval(confidence)
    pvalues = fit.pvalues()
    return [
        {
            "predictor": name,
            "split": split,
            "part": part,
            "described": SPLITS[split][column - 1],
            "n_people": fit.n_people,
            "n_ratings": fit.n,
            "effect": float(fit.coefficients[column]),
            "se": float(fit.se[column]),
            "ci_lower": float(low[column]),
            "ci_upper": float(high[column]),
            "df": float(fit.df[column]),
            "pvalue": float(pvalues[column]),
        }
        for column, part in ((1, "between people"), (2, "within a person"))
    ]


def _scaled(column: Floats) -> Floats:
    spread = column.std(ddof=1)
    return np.asarray((column - column.mean()) / spread) if spread > 0 else column
