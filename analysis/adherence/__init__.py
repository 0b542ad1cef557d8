"""Does alliance go with staying? Landmark models of use after a rating, and what a naive look would say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.adherence.binomial import average_effect, quasi_binomial
from analysis.adherence.counts import RULE
from analysis.adherence.design import CALLER, LandmarkDesign, assemble, refuse_overlap
from analysis.adherence.families import adjust_within
from analysis.adherence.models import ModelRun
from analysis.adherence.result import AdherenceResult
from analysis.adherence.survival import kaplan_meier
from analysis.usage import UsageSummary
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint
from instrument.study import Study, load_study, make_study

__all__ = ["AdherenceResult", "relate_adherence"]
COUNT_SUFFIXES = ("_n", "_applicable", "_does_not_apply", "_sem")


def relate_adherence(
    scores: Any,
    usage: UsageSummary,
    study: Study | dict[str, Any] | str | Path,
    outcomes: pd.DataFrame | None = None,
    covariates: pd.DataFrame | None = None,
    *,
    predictors: Sequence[str] | None = None,
    adjust_for: Sequence[str] | None = None,
    wave: str | None = None,
    confidence: float = 0.95,
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
    confidence
        Level of every interval.

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
        Fewer than 30 people can be analysed, or no model can be estimated.

    Notes
    -----
    Time zero is the landmark day, the same for everyone. All models adjust for use before it.

    Remaining use: `logit E[done/due] = b'x`, variance `φ p(1 − p)/due`, `φ` by Pearson's statistic,
    intervals by Student's t; beside it the beta-binomial by maximum likelihood, and the first model
    weighted by the inverse probability of having answered (sandwich covariance; the weights count as
    known). Effects on the scale of the intended units are average marginal effects,
    `mean(due · p(1 − p) · b)`, by the delta method.

    Time to disengagement: Cox model (Efron) among those still at risk at the landmark; constancy of
    hazard ratios by the score test of `x · t`. Active days: negative binomial, compared with
    zero-inflated and hurdle models by BIC. Threshold: logistic, area under the curve with DeLong's
    interval. p values of themes are adjusted by Holm and Benjamini-Hochberg within a model; the total is
    not part of that family.

    References
    ----------
    McCullagh & Nelder (1989), doi 10.1201/9780203753736 (quasi-likelihood). Anderson, Cain & Gelber
    (1983), doi 10.1200/JCO.1983.1.11.710 (landmark). Grambsch & Therneau (1994), doi
    10.1093/biomet/81.3.515. DeLong et al. (1988), doi 10.2307/2531595. VanderWeele & Ding (2017), doi
    10.7326/M16-2607. In R: `glm(family = quasibinomial)`, `survival::coxph`, `survival::cox.zph`,
    `MASS::glm.nb`.

    Examples
    --------
    >>> import instrument
    >>> from analysis.simulation import simulate_study
    >>> from analysis.usage import summarise_usage
    >>> data = simulate_study("dta_example", n=200)
    >>> scores = instrument.score(data.responses, instrument.load("dta"))
    >>> usage = summarise_usage(data.usage, data.study, participants=data.enrolment)
    >>> result = relate_adherence(
    ...     scores, usage, data.study, data.outcomes, data.covariates, predictors=["total"]
    ... )
    >>> result.design["due"]
    8.0
    """
    plan = study
    if isinstance(plan, (str, Path)):
        plan = load_study(plan)
    if isinstance(plan, dict):
        plan = make_study(plan)
    chosen = refuse_overlap(plan, usage, wave)
    table = scores.scores if hasattr(scores, "scores") else scores
    names = list(predictors) if predictors is not None else _score_columns(scores, table)
    design = assemble(table, usage, plan, outcomes, covariates, names, adjust_for, chosen)
    outcome = plan.outcome if plan.outcome and plan.outcome in design.frame else None
    runs = {name: ModelRun(design, name, confidence, outcome).run() for name in names}
    return _collect(design, runs, usage, plan, confidence)


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


def _collect(
    design: LandmarkDesign, runs: dict[str, ModelRun], usage: UsageSummary, plan: Study, confidence: float
) -> AdherenceResult:
    effects = pd.DataFrame([row for run in runs.values() for row in run.effects])
    failed = pd.DataFrame(
        [row for run in runs.values() for row in run.failed], columns=["model", "predictor", "reason"]
    )
    if not len(effects):
        fact = f"none of the models could be estimated: {failed['reason'].iloc[0]}"
        raise NotEstimableError(fact_and_hint(CALLER, fact, "see the participant flow for what is missing."))
    effects["family"] = np.where(effects["predictor"] == "total", "total", "themes")
    effects = adjust_within(effects, ["model", "family"]).drop(columns="family")
    first = next(iter(runs))
    return AdherenceResult(
        effects=effects,
        coefficients=pd.DataFrame([row for run in runs.values() for row in run.coefficients]),
        flow=design.flow,
        curves=_curves(design, first, confidence),
        proportional_hazards=_stack([run.proportional for run in runs.values()]),
        count_comparison=_stack([run.comparison for run in runs.values()]),
        discrimination=pd.DataFrame([run.discrimination for run in runs.values() if run.discrimination]),
        naive=_naive(design, first, usage, confidence),
        failed=failed,
        design={
            "wave": design.wave,
            "day": design.day,
            "due": design.due,
            "unit": design.unit,
            "adjusted_for": design.adjusters,
            "standard_deviations": {name: run.sd for name, run in runs.items()},
            "confidence": confidence,
            "count_rule": RULE,
            "gap_days": plan.gap_days,
            "threshold": plan.adherence.threshold,
            "justification": plan.adherence.justification,
        },
        notes=[*usage.notes, *design.notes, *_count_notes(runs)],
    )


def _count_notes(runs: dict[str, ModelRun]) -> list[str]:
    chosen = {
        name: run.comparison.loc[run.comparison["chosen"], "model"].iloc[0]
        for name, run in runs.items()
        if run.comparison is not None
    }
    other = [name for name, model in chosen.items() if model != "negative binomial"]
    if not other:
        return []
    return [
        f"active days have more zeros than the negative binomial shown expects: {', '.join(other)} ({RULE})"
    ]


def _stack(tables: list[pd.DataFrame | None]) -> pd.DataFrame:
    kept = [table for table in tables if table is not None]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()


def _curves(design: LandmarkDesign, predictor: str, confidence: float) -> pd.DataFrame:
    here = design.frame[design.frame["at_risk"]]
    if not len(here):
        return pd.DataFrame()
    middle = design.frame[predictor].median()
    upper, lower = f"{predictor} above the median", f"{predictor} at or below the median"
    group = np.where(here[predictor] > middle, upper, lower).astype(object)
    time, event = here["disengaged_after"].to_numpy(float), here["disengaged"].to_numpy(bool)
    return kaplan_meier(time, event, group, confidence)


def _naive(design: LandmarkDesign, predictor: str, usage: UsageSummary, confidence: float) -> pd.DataFrame:
    """Whole use on the score with neither landmark nor adjustment, and the landmark effect beside it."""
    frame = design.frame
    measure, whole = usage.rule["measure"], float(usage.rule["intended_whole"])
    rows = []
    raw = frame[predictor].to_numpy(dtype=float)
    scaled = np.column_stack([np.ones(len(frame)), (raw - raw.mean()) / raw.std(ddof=1)])
    for label, column, due in (
        ("naive: whole study, unadjusted", np.minimum(frame[f"{measure}_whole"], whole), whole),
        ("after the landmark, unadjusted", frame["done"], design.due),
    ):
        done = np.asarray(column, dtype=float)
        try:
            fit = quasi_binomial(scaled, done, np.full(len(done), due))
        except NotEstimableError:
            continue
        low, high = fit.interval(confidence)
        effect = average_effect(fit, scaled, np.full(len(done), due), 1, confidence)
        rows.append(
            {
                "analysis": label,
                "predictor": predictor,
                "n": fit.n,
                "odds_ratio": float(np.exp(fit.coefficients[1])),
                "ci_lower": float(np.exp(low[1])),
                "ci_upper": float(np.exp(high[1])),
                "share_of_intended": effect[0] / due,
                "share_lower": effect[1] / due,
                "share_upper": effect[2] / due,
            }
        )
    return pd.DataFrame(rows)
