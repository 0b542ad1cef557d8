"""Does alliance go with staying? Landmark models of use after a rating, and what a naive look would say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.collecting import collect
from analysis.adherence.design.ends import CAUSE, ENDED_AFTER
from analysis.adherence.design.landmark import CALLER, LandmarkDesign, assemble, early_rating, refuse_overlap
from analysis.adherence.design.late_answers import late_rows, said_of
from analysis.adherence.models.run import ModelRun, days_watched, filled_tables
from analysis.adherence.over_time.relate_waves import WavesResult, relate_waves
from analysis.adherence.result import AdherenceResult
from analysis.reliability.resampling import checked_level, checked_seed
from analysis.usage.summarise_usage import UsageSummary
from instrument.errors import ResponseDataError, fact_and_hint
from instrument.reading.people import labels_as_text
from instrument.scoring.scorecard import Scorecard
from instrument.study import Study, as_study

__all__ = ["AdherenceResult", "WavesResult", "relate_adherence", "relate_waves"]
COUNT_SUFFIXES = ("_n", "_applicable", "_does_not_apply", "_sem")


def relate_adherence(
    scores: pd.DataFrame | Scorecard,
    usage: UsageSummary,
    study: Study | dict[str, Any] | str | Path,
    outcomes: pd.DataFrame | None = None,
    covariates: pd.DataFrame | None = None,
    *,
    predictors: Sequence[str] | None = None,
    adjust_for: Sequence[str] | None = None,
    wave: str | None = None,
    context: str | None = None,
    cluster: str | None = None,
    times: pd.DataFrame | None = None,
    confidence: float = 0.95,
    seed: int = 1,
) -> AdherenceResult:
    """Relate scores at the landmark wave to use of the app after it.

    Use it with a log summarised by `summarise_usage`. Do not read its figures as effects of alliance: the
    design removes reverse order in time and immortal time, not hidden causes.

    Parameters
    ----------
    scores
        A scorecard from `instrument.score`, or a DataFrame: participant, wave, one column per score.
    usage
        Use by participant and period.
    study
        The study, its file, or what the file would hold: landmark, intended use, adjustment.
    outcomes
        One row per participant; the study's `baseline` columns are adjusted for, its `outcome` is modelled.
    covariates
        One row per participant; the study's `covariates` are adjusted for.
    predictors
        Scores to relate, one model each. By default the total and every theme.
    adjust_for
        Columns to adjust for besides use before the landmark. By default the study's.
    wave
        Wave of the scores. By default that of the landmark.
    context
        Score that is context rather than alliance: beside its own model it is held constant in those of
        the other scores and crossed with them (`context` of the result).
    cluster
        Column of the covariates that says which people belong together (clinic, therapist, site): errors of
        every model allow for it, and a model with a random intercept stands beside the first. By default the
        study's `cluster`. At least 8 clusters.
    times
        participant, wave, day: day of the study on which each was answered. Ratings that came after the
        landmark, when the use they are to predict had begun, are left out as if not given. Without it all are
        taken to have come while their wave was open.
    confidence
        Level of every interval.
    seed
        Seed of the imputations.

    Returns
    -------
    AdherenceResult
        Effects per standard deviation with intervals, coefficients, flow, curves, checks.

    Raises
    ------
    DefinitionError
        The study has no landmark, or the wave closes after it: use would count as outcome while its
        predictor was still being asked.
    ResponseDataError
        Columns are missing, rows repeat, or nobody was rated at the wave.
    NotEstimableError
        Fewer than 30 people or 8 clusters can be analysed, or no model can be estimated.

    Notes
    -----
    Time zero is the landmark day, the same for everyone. All models adjust for use before it, and for the
    time of enrolment: a curve, and days on which later use or a score jumps.

    Remaining use: `logit E[done/due] = b'x`, variance `φ p(1 − p)/due`, `φ` by Pearson's statistic,
    intervals by Student's t; where less was due of some, by the sandwich covariance (HC3); beside it the
    beta-binomial by maximum likelihood, and the first model weighted by the inverse probability of having
    answered (sandwich covariance, HC3; the weights count as known). Effects on the scale of the intended
    units are average marginal effects, `mean(due · p(1 − p) · b)`, by the delta method.

    Where scores or covariates are missing, the first model is also fitted to everyone still watched, with
    the gaps imputed 20 times (predictive mean matching; pooled after Rubin). Curvature: a restricted cubic
    spline with 4 knots against the straight line, F test.

    Time to disengagement: Cox model (Efron) among those still at risk at the landmark; constancy of
    hazard ratios by the score test of `x · t`; by week, a complementary log-log model whose effect is also
    given as change of the share still using the app at the end. Their errors, and those of the hazard of
    each end, come from people left out: each one's score over the information without that person.
    Active days: negative binomial, compared with zero-inflated and hurdle models; the one of smallest AIC is
    reported beside it. Threshold: logistic, area under the curve with DeLong's interval. p values
    of themes are adjusted by Holm and Benjamini-Hochberg within a model; the total stands apart.

    In clusters the covariance is that of a jackknife over them, `(G − 1)/G Σ d_g d_g'` with the Newton step
    `d_g` from the solution without cluster `g`, and Student's t has `G − 1` degrees of freedom. Whole numbers
    of few values are categories unless the study names them under `numbers` or `baseline`; a covariate that
    repeats a score or another one is left out, and a note names it.

    References
    ----------
    McCullagh & Nelder (1989), doi 10.1201/9780203753736 (quasi-likelihood). Anderson, Cain & Gelber
    (1983), doi 10.1200/JCO.1983.1.11.710 (landmark). Lin & Wei (1989), doi
    10.1080/01621459.1989.10478874 (errors of hazards). Grambsch & Therneau (1994), doi
    10.1093/biomet/81.3.515. DeLong et al. (1988), doi 10.2307/2531595. VanderWeele & Ding (2017), doi
    10.7326/M16-2607. In R: `glm(family = quasibinomial)`, `survival::coxph`, `survival::cox.zph`,
    `MASS::glm.nb`.

    Examples
    --------
    >>> import instrument
    >>> from analysis.simulation.simulate_study import simulate_study
    >>> from analysis.usage.summarise_usage import summarise_usage
    >>> data = simulate_study("dta_example", n=200)
    >>> scores = instrument.score(data.responses, instrument.load("dta"))
    >>> usage = summarise_usage(data.usage, data.study, participants=data.enrolment)
    >>> result = relate_adherence(
    ...     scores, usage, data.study, data.outcomes, data.covariates, predictors=["total"]
    ... )
    >>> result.design["due"]
    8.0
    """
    checked_level(confidence, CALLER)
    checked_seed(seed, CALLER)
    plan = as_study(study)
    chosen = refuse_overlap(plan, usage, wave)
    table = scores.scores if isinstance(scores, Scorecard) else scores
    names = list(predictors) if predictors is not None else _score_columns(scores, table)
    late = _too_late(table, times, plan, chosen)
    needed = [*names, *([context] if context is not None and context not in names else [])]
    design = assemble(
        table[~late], usage, plan, outcomes, covariates, needed, adjust_for, chosen, cluster or plan.cluster
    )
    outcome = _outcome_in(design, plan)
    if plan.outcome and outcome is None:
        design.notes.append(f"no model of the outcome: {plan.outcome!r} is not in the data")
    design.notes.extend(said_of(table.loc[late, "wave"]))
    early = early_rating(plan, chosen)
    design.notes.extend(early)
    runs = {
        name: ModelRun(design, name, confidence, outcome, context=context, seed=seed).run() for name in names
    }
    return collect(design, runs, usage, plan, confidence, context)


def analysed_people(
    card: Scorecard,
    usage: UsageSummary,
    study: Study,
    outcomes: pd.DataFrame | None,
    covariates: pd.DataFrame | None,
) -> pd.DataFrame:
    """Give the people of `relate_adherence`, with every score of the card, as its models see them.

    Parameters
    ----------
    card, usage, study, outcomes, covariates
        As there; the card without ratings that came late.

    Returns
    -------
    DataFrame
        One row per person: participant, the scores, the columns held constant, `done`, `due`,
        `active_days_after`, `days_watched`, `adherent_after`, `at_risk`, `disengaged`, `disengaged_after`
        (days from the landmark); `.cause` and `.ended_after` where reasons for leaving are known,
        `.outcome` where the study has one, `.cluster` (numbers) where people come in clusters.

    Raises
    ------
    NotEstimableError
        Too few people.
    """
    names, design = _of_card(card, usage, study, outcomes, covariates)
    frame = design.frame
    used = ("done", "due", "active_days_after", "adherent_after", "at_risk", "disengaged", "disengaged_after")
    columns = dict.fromkeys(["participant", *names, *design.adjusters, *used])
    found = frame[list(columns)].assign(days_watched=days_watched(frame, design.day))
    flags = ["adherent_after", "at_risk", "disengaged"]
    found[flags] = found[flags].astype(bool).astype(int)
    if CAUSE in frame:
        found[".cause"], found[".ended_after"] = frame[CAUSE], frame[ENDED_AFTER]
    if (outcome := _outcome_in(design, study)) is not None:
        found[".outcome"] = frame[outcome].astype("Float64")
    return found if design.clusters is None else found.assign(**{".cluster": design.clusters.of_row})


def analysed_gaps(
    card: Scorecard,
    usage: UsageSummary,
    study: Study,
    outcomes: pd.DataFrame | None,
    covariates: pd.DataFrame | None,
    seed: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give everyone still watched at the landmark, gaps and all, and what the gaps were filled with.

    Parameters
    ----------
    card, usage, study, outcomes, covariates, seed
        As of `relate_adherence`; the card without ratings that came late.

    Returns
    -------
    tuple of pandas.DataFrame
        One row per person: participant, the scores, the columns held constant, `done`, `due`, `at_risk`,
        `answered`, `complete` (whether nothing that is held constant is missing), `.cluster` where people
        come in clusters. And one row for each value filled in: predictor (in whose model), imputation (from
        1), participant, column, value.
    """
    names, design = _of_card(card, usage, study, outcomes, covariates)
    frame = design.watched
    columns = dict.fromkeys(["participant", *names, *design.adjusters, "done", "due", "at_risk", "answered"])
    found = frame[list(columns)].assign(complete=frame["participant"].isin(design.everyone["participant"]))
    flags = ["at_risk", "answered", "complete"]
    found[flags] = found[flags].astype(bool).astype(int)
    if design.watched_clusters is not None:
        found[".cluster"] = design.watched_clusters.of_row
    filled = [
        pd.DataFrame(
            {
                "predictor": name,
                "imputation": number,
                "participant": found["participant"].to_numpy()[rows],
                "column": np.array([name, *design.adjusters])[places],
                "value": table[rows, places],
            }
        )
        for name in names
        if (made := filled_tables(design, name, seed)) is not None
        for rows, places in [np.nonzero(np.isnan(made[0]))]
        for number, table in enumerate(made[1], start=1)
    ]
    empty = pd.DataFrame(columns=["predictor", "imputation", "participant", "column", "value"])
    return found, pd.concat(filled, ignore_index=True) if filled else empty


def some_of(
    card: Scorecard,
    usage: UsageSummary,
    study: Study,
    outcomes: pd.DataFrame | None,
    covariates: pd.DataFrame | None,
    wanted: Mapping[str, Sequence[str]],
    *,
    context: str | None = None,
    seed: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run some of the models of `relate_adherence` for some scores, on the people it would analyse.

    Parameters
    ----------
    card, usage, study, outcomes, covariates, context, seed
        As there, with every score of the card.
    wanted
        Names of models (`analysis.adherence.models.run`) by score.

    Returns
    -------
    tuple of pandas.DataFrame
        Its `effects`, without what is adjusted over scores, and its `context`; a model that cannot be
        estimated has no row.
    """
    names, design = _of_card(card, usage, study, outcomes, covariates)
    outcome = _outcome_in(design, study)
    runs = [
        ModelRun(design, name, 0.95, outcome, context=context, seed=seed).run(wanted[name])
        for name in names
        if wanted.get(name)
    ]
    rows = [row for run in runs for row in run.effects]
    effects = pd.DataFrame(rows) if rows else pd.DataFrame(columns=["model", "predictor"])
    tables = [run.context for run in runs if run.context is not None]
    return effects, pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _of_card(
    card: Scorecard,
    usage: UsageSummary,
    study: Study,
    outcomes: pd.DataFrame | None,
    covariates: pd.DataFrame | None,
) -> tuple[list[str], LandmarkDesign]:
    """Every score of a card, and the people who have them all at the landmark, by the study's decisions."""
    chosen = refuse_overlap(study, usage, None)
    names = _score_columns(card, card.scores)
    given = (usage, study, outcomes, covariates, names, None, chosen, study.cluster)
    return names, assemble(card.scores, *given)


def _outcome_in(design: LandmarkDesign, study: Study) -> str | None:
    return study.outcome if study.outcome and study.outcome in design.frame else None


def _too_late(table: pd.DataFrame, times: pd.DataFrame | None, plan: Study, wave: str) -> NDArray[np.bool_]:
    """Rows of the wave asked of that were answered after the landmark."""
    if times is None or not {"participant", "wave"} <= set(table.columns):
        return np.zeros(len(table), dtype=bool)
    return late_rows(table, times, plan, CALLER) & (labels_as_text(table["wave"]) == wave).to_numpy()


def _score_columns(scores: Any, table: pd.DataFrame) -> list[str]:
    """Total first, then the themes."""
    named = getattr(scores, "names", None)
    if named is None:
        named = [
            column
            for column in table.columns
            if column not in ("participant", "wave")
            and pd.api.types.is_numeric_dtype(table[column])
            and not column.endswith(COUNT_SUFFIXES)
        ]
    if not named:
        fact = "the scores hold no numeric column beside participant and wave."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "pass what `instrument.score` gives."))
    return sorted(named, key=lambda name: name != "total")
