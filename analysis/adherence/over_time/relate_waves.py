"""Repeated ratings: use after each, on the first rating and on each new one, all use so far held constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.design.covariates import coded_columns
from analysis.adherence.design.early_use import early_use, how_many
from analysis.adherence.design.landmark import refuse_names, side_columns
from analysis.adherence.design.windows import Windows, use_by_window
from analysis.adherence.models.clusters import clusters_of
from analysis.adherence.models.families import adjust_within
from analysis.adherence.models.fit import LEAST_ERROR
from analysis.adherence.models.mixed import MixedFit, random_intercept
from analysis.adherence.over_time.sequential import Window, new_rating
from analysis.common.result import Result
from analysis.common.variation import varies
from analysis.reliability.resampling import checked_level
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders
from instrument.reading.people import labels_as_text
from instrument.scoring.scorecard import Scorecard
from instrument.study import Study, as_study

CALLER = "relate_waves"
GROUP = "(cluster)"
Floats = NDArray[np.float64]
FEWEST = 30
FIRST, NEW = "first rating", "new rating"
DESCRIBED = {
    FIRST: "first rating, use before it held constant",
    NEW: "rating, all use and ratings before it held constant",
}
PARTS = ("between people", "within a person")
MEAN_DESCRIBED = ("mean over the ratings", "deviation from it")
WARNING = (
    "an example of what misleads, not a result: the mean over the ratings holds ratings given after the use "
    "it is related to; where use moves ratings it rejects a true null nearly always"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WavesResult(Result):
    """Use after each wave, on the person's level and on the wave's difference from it.

    Attributes
    ----------
    effects : DataFrame
        Two rows per predictor (`rating`: first rating, new rating): `predictor`, `rating`, `described`,
        `n_people`, `n_ratings`, `effect` (percentage points of what was due, per standard deviation of the
        score) with `se`, `ci_lower`, `ci_upper`, `df`, `pvalue`, `p_adjusted`, `p_adjusted_bh`.
    variances : DataFrame
        Per predictor, of the model of the first rating: between people, residual, singular.
    warning_example : DataFrame
        The split by a person's mean, which misleads where use moves ratings: `predictor`, `part` (between
        people, within a person), `described`, numbers as in `effects`, and `warning`.
    windows : DataFrame
        Per wave: `wave`, `from_day`, `to_day`, `due`, and who is in it and who is not: `people`,
        `not_watched` when it opens, `nothing_due`, `no_score`, `no_covariate`, `rated` (with score,
        adjustment and use to come; these and the four before add up to `people`); of those rated `first`
        (also rated at the first wave: in the model of the first rating) and `history` (rated at every wave
        before: in that of the new rating).
    failed : DataFrame
        predictor, rating, reason.
    notes : list of str
        What was assumed.
    confidence : float
        Confidence level of the intervals.
    """

    effects: pd.DataFrame
    variances: pd.DataFrame
    warning_example: pd.DataFrame
    windows: pd.DataFrame
    failed: pd.DataFrame
    notes: list[str]
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """Give the effects, unrounded."""
        return self.effects


def relate_waves(
    scores: pd.DataFrame | Scorecard,
    events: Any,
    study: Study | dict[str, Any] | str | Path,
    outcomes: pd.DataFrame | None = None,
    covariates: pd.DataFrame | None = None,
    *,
    participants: pd.DataFrame | None = None,
    predictors: Sequence[str] | None = None,
    adjust_for: Sequence[str] | None = None,
    engine: Any = None,
    cluster: str | None = None,
    confidence: float = 0.95,
) -> WavesResult:
    """Relate the scores of every main wave to use between its close and the close of the next.

    Use it when alliance was rated several times. Do not read `warning_example` as a result: a person's mean
    holds later ratings, which use may have changed.

    Parameters
    ----------
    scores
        A scorecard, or a DataFrame: participant, wave, one column per score.
    events
        Usage log, as for `summarise_usage`; or use by wave, from `use_by_window`.
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
    cluster
        Column of the covariates that says who belongs together; errors of both effects allow for it. By
        default the study's.
    confidence
        Level of every interval.

    Returns
    -------
    WavesResult
        Effect of the first rating and of each new one, for every predictor.

    Raises
    ------
    NotEstimableError
        Fewer than two waves have use after them, or too few people were rated.
    ResponseDataError
        Columns are missing.

    Notes
    -----
    The share is units done of those due in the window, in percent. No window of use reaches back before its
    rating closed. *First rating*: `share_it = window_t + b first_i + c'z_i + u_i + e_it`, by restricted
    maximum likelihood, `z` early use (logarithms and curves, as in `relate_adherence`) and covariates. *New
    rating*: `share_it = w score_it + c_t'h_it + e_it` over the waves after the first; `h`, with coefficients
    of its own per window, holds a constant, `z`, all earlier ratings, of every earlier window the share and
    the logarithm of units done (uncapped), and the square of the mean logarithm; errors by person
    (`analysis.adherence.over_time.sequential.new_rating`). Where use moves ratings and a lasting habit
    moves use, both keep their level; the split by a person's mean does not, nor does the change since the
    first rating. Neither is safe from a hidden cause that moves ratings *and* use.

    References
    ----------
    Curran & Bauer (2011), doi 10.1146/annurev.psych.093008.100356 (what the person's mean assumes). Robins,
    Hernán & Brumback (2000), doi 10.1097/00001648-200009000-00011. In R: `lme4::lmer`; `lm`, `vcovCL`.

    Examples
    --------
    >>> import instrument
    >>> from analysis.simulation.simulate_study import simulate_study
    >>> data = simulate_study("dta_example", n=200)
    >>> scores = instrument.score(data.responses, instrument.load("dta"))
    >>> result = relate_waves(
    ...     scores, data.usage, data.study, data.outcomes, data.covariates,
    ...     participants=data.enrolment, predictors=["total"],
    ... )
    >>> result.effects["rating"].tolist()
    ['first rating', 'new rating']
    """
    checked_level(confidence, CALLER)
    plan = as_study(study)
    table = scores.scores if isinstance(scores, Scorecard) else scores
    names = list(predictors) if predictors is not None else list(getattr(scores, "names", []))
    if not names:
        raise ResponseDataError(fact_and_hint(CALLER, "no score is named.", "name them with predictors."))
    if absent := [name for name in ("participant", "wave", *names) if name not in table]:
        fact = f"the scores have no column {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "pass what `instrument.score` gives."))
    windows = (
        events
        if isinstance(events, Windows)
        else use_by_window(events, plan, participants=participants, engine=engine)
    )
    notes = list(windows.notes)
    group = cluster or plan.cluster
    frame, adjusters, lost = _rows(
        table, names, windows, plan, outcomes, covariates, adjust_for, notes, group
    )
    effects, variances, example, failed = [], [], [], []
    for name in names:
        for rating in (FIRST, NEW):
            try:
                if rating == FIRST:
                    found, spread = first_effect(frame, name, adjusters, confidence, group)
                    variances.append(spread)
                else:
                    found = new_effect(frame, name, adjusters, confidence, group)
                effects.append(found)
            except NotEstimableError as error:
                reason = str(error).split("\n")[0].removeprefix(f"{CALLER}: ")
                failed.append({"predictor": name, "rating": rating, "reason": reason})
        try:
            example += by_person_mean(frame, name, adjusters, confidence)
        except NotEstimableError:
            continue  # an example only
    if not effects:
        fact = f"no model could be estimated: {failed[0]['reason']}"
        raise NotEstimableError(fact_and_hint(CALLER, fact, "see how many were rated at each wave."))
    done = pd.DataFrame(effects)
    if group is not None:
        notes.append(f"errors take people of one {group} as alike; the warning example does not")
    done["family"] = np.where(done["predictor"] == "total", "total", "themes")
    return WavesResult(
        effects=adjust_within(done, ["rating", "family"]).drop(columns="family"),
        variances=pd.DataFrame(variances),
        warning_example=pd.DataFrame(example).assign(warning=WARNING) if example else pd.DataFrame(),
        windows=_counted(windows, frame, lost),
        failed=pd.DataFrame(failed, columns=["predictor", "rating", "reason"]),
        notes=[
            *notes,
            "ratings of later waves come from those still using the app; of a new rating all use and ratings "
            "before it are held constant, so people who missed an earlier wave do not count for it",
            "an association, not proof: a hidden cause may move ratings and use",
        ],
        confidence=confidence,
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
    cluster: str | None,
) -> tuple[pd.DataFrame, list[str], pd.Series]:
    """One row per person and wave with score, use and adjustment, in wave order; who lacks a covariate."""
    rated = table[["participant", "wave", *names]].copy()
    rated["participant"], rated["wave"] = labels_as_text(rated["participant"]), labels_as_text(rated["wave"])
    if rated.duplicated(["participant", "wave"]).any():
        fact = f"{int(rated.duplicated(['participant', 'wave']).sum())} rows repeat a participant and wave."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "keep one administration each."))
    refuse_names(names, windows.use.columns, "scores")
    frame = windows.use.merge(rated, on=["participant", "wave"]).dropna(subset=list(names))
    extra, wanted = side_columns(plan, outcomes, covariates, adjust_for, notes, frame, cluster)
    if cluster is not None and (extra is None or cluster not in extra):
        fact = f"there is no column {cluster!r} that says who belongs to which cluster."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give it with the covariates."))
    if extra is not None:
        frame = frame.merge(extra, on="participant", how="left")
    labels = None if cluster is None else frame[cluster].astype(object)
    frame, adjusters, _ = coded_columns(frame, wanted, {*plan.baseline, *plan.numbers})
    whole = frame[adjusters].notna().all(axis=1)
    if labels is not None:
        frame, whole = frame.assign(**{GROUP: labels}), whole & labels.notna()
    lost = frame.loc[~whole, "wave"].value_counts()
    frame = frame[whole].reset_index(drop=True)
    frame["order"] = frame["wave"].map({wave: k for k, wave in enumerate(windows.table["wave"])})
    frame = frame.sort_values(["participant", "order"], kind="stable", ignore_index=True)
    people = frame["participant"].nunique()
    if people < FEWEST:
        fact = f"{people} people have a score, adjustment and use to come."
        raise NotEstimableError(fact_and_hint(CALLER, fact, f"at least {FEWEST} are needed."))
    columns = early_use(frame, np.ones(len(frame), dtype=bool), plan.gap_days).columns
    kept = columns.iloc[:, : how_many(columns.shape[1], 1 + len(adjusters), people=people)]
    frame = pd.concat([frame, kept], axis=1)
    steady = [name for name in adjusters if not varies(frame[name])]
    return frame, [*kept, *(name for name in adjusters if name not in steady)], lost


def _counted(windows: Windows, frame: pd.DataFrame, lost: pd.Series) -> pd.DataFrame:
    """Who stands behind each window, and why the others do not."""
    table, waves = windows.table, windows.table["wave"]
    rated = frame.groupby("wave").size().reindex(waves, fill_value=0).to_numpy()
    without = lost.reindex(waves, fill_value=0).to_numpy()
    watched = (table["people"] - table["not_watched"] - table["nothing_due"]).to_numpy()
    asked = [wave for wave, number in zip(waves, rated, strict=True) if number]
    at = frame.assign(rated=1).pivot(index="participant", columns="wave", values="rated")[asked].notna()
    also_first = at[at[asked[0]]].sum()
    whole = at.cummin(axis=1).sum()
    whole[asked[0]] = 0  # nothing was rated before it
    return table.assign(
        no_score=watched - rated - without,
        no_covariate=without,
        rated=rated,
        first=also_first.reindex(waves, fill_value=0).to_numpy(),
        history=whole.reindex(waves, fill_value=0).to_numpy(),
    )


def _standard_score(frame: pd.DataFrame, name: str) -> tuple[Floats, NDArray[np.int64]]:
    """The score in standard deviations, and the number of the person behind each row."""
    score = frame[name].to_numpy(dtype=float)
    if not varies(score):
        fact = f"{name!r} has one value only."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "leave it out."))
    return score / float(score.std(ddof=1)), pd.factorize(frame["participant"])[0].astype(np.int64)


def _common(frame: pd.DataFrame, adjusters: Sequence[str]) -> list[Floats]:
    """Columns of the windows after the first, and the adjustment on a like scale."""
    orders = sorted(frame["order"].unique())
    later = [(frame["order"] == order).to_numpy(float) for order in orders[1:]]
    return [*later, *(_scaled(frame[column].to_numpy(float)) for column in adjusters)]


def first_effect(
    frame: pd.DataFrame, name: str, adjusters: Sequence[str], confidence: float, cluster: str | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Use in every window on the first rating of each person, and the variances of that model."""
    score, person = _standard_score(frame, name)
    _, place = np.unique(person, return_index=True)
    # Somebody whose first rating is of a later wave used the app between: their use before is not all.
    early = frame["order"].to_numpy()[place][person] == frame["order"].min()
    rows, mine = frame[early], score[place][person][early]
    if not varies(mine):
        fact = f"first ratings of {name!r} have one value only."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "leave it out."))
    columns = [np.ones(len(rows)), mine - mine.mean(), *_common(rows, adjusters)]
    fit = random_intercept(
        np.column_stack(columns),
        rows["percent"].to_numpy(float),
        pd.factorize(person[early])[0],
        None if cluster is None else clusters_of(rows[GROUP], cluster),
    )
    spread = {
        "predictor": name,
        "between_people": fit.between_people,
        "residual": fit.residual,
        "singular": fit.singular,
    }
    return {
        "predictor": name,
        "rating": FIRST,
        "described": DESCRIBED[FIRST],
        **_row(fit, 1, confidence),
    }, spread


def new_effect(
    frame: pd.DataFrame, name: str, adjusters: Sequence[str], confidence: float, cluster: str | None = None
) -> dict[str, Any]:
    """Use in every window after the first on the rating before it, given all that came earlier."""
    score, person = _standard_score(frame, name)
    wide = pd.DataFrame(
        {
            "person": person,
            "order": frame["order"],
            "score": score,
            "use": frame["percent"].to_numpy(float),
            "done": np.log1p(frame["done"].to_numpy(float)),
        }
    ).pivot(index="person", columns="order")
    fixed = np.column_stack([np.ones(len(frame)), *(_scaled(frame[c].to_numpy(float)) for c in adjusters)])
    _, place = np.unique(person, return_index=True)
    fixed = fixed[place]
    orders = sorted(frame["order"].unique())
    ratings, used, done = (wide[name][orders].to_numpy(float) for name in ("score", "use", "done"))
    windows = []
    for k in range(1, len(orders)):
        # Shares are cut at what was due: the logarithm tells those apart who did more.
        past = np.column_stack(
            [ratings[:, :k], used[:, :k] / 100, done[:, :k], done[:, :k].mean(axis=1) ** 2]
        )
        here = np.isfinite(past).all(axis=1) & np.isfinite(ratings[:, k])
        windows.append(
            Window(
                person=np.nonzero(here)[0].astype(np.int64),
                score=ratings[here, k],
                use=used[here, k],
                before=np.column_stack([fixed[here], past[here]]),
            )
        )
    groups = None if cluster is None else pd.factorize(frame[GROUP])[0].astype(np.int64)[place]
    if cluster is not None and groups is not None:
        counted = np.unique(np.concatenate([window.person for window in windows]))
        clusters_of(pd.Series(groups[counted]), cluster)  # too few are refused
    fit, people = new_rating(windows, groups)
    if not fit.se[0] > LEAST_ERROR:
        fact = "use after later ratings has no differences, or all that came before explains them wholly."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "see that the outcome varies."))
    low, high = fit.interval(confidence)
    return {
        "predictor": name,
        "rating": NEW,
        "described": DESCRIBED[NEW],
        "n_people": people,
        "n_ratings": fit.n,
        "effect": float(fit.coefficients[0]),
        "se": float(fit.se[0]),
        "ci_lower": float(low[0]),
        "ci_upper": float(high[0]),
        "df": fit.df_resid,
        "pvalue": float(fit.pvalues()[0]),
    }


def by_person_mean(
    frame: pd.DataFrame, name: str, adjusters: Sequence[str], confidence: float
) -> list[dict[str, Any]]:
    """The split that misleads where use moves ratings: the mean of a person's ratings, and what is left."""
    score, person = _standard_score(frame, name)
    level = (np.bincount(person, weights=score) / np.bincount(person))[person]
    columns = [np.ones(len(frame)), level - level.mean(), score - level, *_common(frame, adjusters)]
    fit = random_intercept(np.column_stack(columns), frame["percent"].to_numpy(float), person)
    return [
        {
            "predictor": name,
            "part": part,
            "described": MEAN_DESCRIBED[k],
            **_row(fit, 1 + k, confidence),
        }
        for k, part in enumerate(PARTS)
    ]


def _row(fit: MixedFit, column: int, confidence: float) -> dict[str, Any]:
    low, high = fit.interval(confidence)
    return {
        "n_people": fit.n_people,
        "n_ratings": fit.n,
        "effect": float(fit.coefficients[column]),
        "se": float(fit.se[column]),
        "ci_lower": float(low[column]),
        "ci_upper": float(high[column]),
        "df": float(fit.df[column]),
        "pvalue": float(fit.pvalues()[column]),
    }


def _scaled(column: Floats) -> Floats:
    return np.asarray((column - column.mean()) / column.std(ddof=1)) if varies(column) else column
