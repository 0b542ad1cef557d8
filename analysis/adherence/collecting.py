"""Gather the models of every predictor into one result."""

from __future__ import annotations

from dataclasses import asdict, fields

import numpy as np
import pandas as pd

from analysis.adherence.claims.claims import Standing
from analysis.adherence.design.ends import CAUSE, incidence_of
from analysis.adherence.design.landmark import CALLER, LandmarkDesign
from analysis.adherence.models.binomial import average_effect, quasi_binomial
from analysis.adherence.models.counts import PLAIN, RULE
from analysis.adherence.models.families import adjust_within
from analysis.adherence.models.run import ModelRun
from analysis.adherence.models.survival import kaplan_meier
from analysis.adherence.result import AdherenceResult
from analysis.usage.summarise_usage import UsageSummary
from instrument.errors import NotEstimableError, fact_and_hint
from instrument.study import Study

THIRDS = ("lowest third", "middle third", "highest third")
TICK_DAYS = 14.0


def collect(
    design: LandmarkDesign,
    runs: dict[str, ModelRun],
    usage: UsageSummary,
    plan: Study,
    confidence: float,
    context: str | None = None,
) -> AdherenceResult:
    """Stack the rows of all predictors, adjust their p values by family, add curves and the naive look."""
    effects = pd.DataFrame([row for run in runs.values() for row in run.effects])
    failed = pd.DataFrame(
        [row for run in runs.values() for row in run.failed], columns=["model", "predictor", "reason"]
    )
    if not len(effects):
        fact = f"none of the models could be estimated: {failed['reason'].iloc[0]}"
        raise NotEstimableError(fact_and_hint(CALLER, fact, "see the participant flow for what is missing."))
    naive, lost = _naive(design, first := next(iter(runs)), usage, confidence)
    failed = pd.concat([failed, lost], ignore_index=True)
    effects["family"] = np.where(effects["predictor"] == "total", "total", "themes")
    effects = adjust_within(effects, ["model", "family"]).drop(columns="family")
    curves = _curves(design, first, confidence)
    return AdherenceResult(
        effects=effects,
        coefficients=pd.DataFrame([row for run in runs.values() for row in run.coefficients]),
        flow=design.flow,
        curves=curves,
        risk_table=risk_table(curves),
        proportional_hazards=_stack([run.proportional for run in runs.values()]),
        count_comparison=_stack([run.comparison for run in runs.values()]),
        discrimination=pd.DataFrame([run.discrimination for run in runs.values() if run.discrimination]),
        calibration=_stack([run.calibration for run in runs.values()]),
        shape=_tested([run.shape for run in runs.values()]),
        shape_curves=_stack([run.curve for run in runs.values()]),
        context=_stack([run.context for run in runs.values()]),
        ends=_stack([run.ends for run in runs.values()]),
        incidence=incidence_of(design.frame, confidence),
        standing=_standing(runs),
        imputation=pd.DataFrame([run.imputation for run in runs.values() if run.imputation]),
        unanswered=_stack([run.unanswered for run in runs.values()]),
        naive=naive,
        failed=failed,
        fits=pd.DataFrame([row for run in runs.values() for row in run.fits]),
        design={
            "wave": design.wave,
            "day": design.day,
            "due": design.due,
            "due_differs": bool((design.frame["due"] < design.due).any()),
            "unit": design.unit,
            "adjusted_for": design.adjusted_for,
            "early": list(design.early),
            "standard_deviations": {name: run.sd for name, run in runs.items()},
            "confidence": confidence,
            "context": context,
            "cluster": design.cluster,
            "clusters": None if design.clusters is None else design.clusters.count,
            "count_rule": RULE,
            "gap_days": plan.gap_days,
            "reasons_known": CAUSE in design.frame,
            "threshold": plan.adherence.threshold,
            "justification": plan.adherence.justification,
        },
        notes=[*usage.notes, *design.notes, *_count_notes(runs), *_unneeded(runs), *_of_clusters(design)],
    )


def _standing(runs: dict[str, ModelRun]) -> pd.DataFrame:
    """What may be said of each score, and the numbers it rests on."""
    rows = [(name, run.standing) for name, run in runs.items() if run.standing is not None]
    found = [
        {"predictor": name, **asdict(mine), "claim": str(mine.claim), "doubts": ", ".join(mine.doubts)}
        for name, mine in rows
    ]
    columns = ["predictor", *(part.name for part in fields(Standing))]
    return pd.DataFrame(found, columns=columns)


def _tested(rows: list[dict[str, object] | None]) -> pd.DataFrame:
    """Tests of curvature with p values adjusted over the themes."""
    table = pd.DataFrame([row for row in rows if row])
    if not len(table):
        return table
    table["family"] = np.where(table["predictor"] == "total", "total", "themes")
    return adjust_within(table, ["family"]).drop(columns="family")


def _count_notes(runs: dict[str, ModelRun]) -> list[str]:
    chosen = {
        name: run.comparison.loc[run.comparison["chosen"], "model"].iloc[0]
        for name, run in runs.items()
        if run.comparison is not None
    }
    other = [name for name, model in chosen.items() if model != PLAIN]
    if not other:
        return []
    share = f"{len(other)} of {len(chosen)} scores"
    return [f"active days have more zeros than the negative binomial expects with {share} ({RULE})"]


def _of_clusters(design: LandmarkDesign) -> list[str]:
    if design.clusters is None:
        return []
    return [
        f"errors take people of one {design.cluster} as alike ({design.clusters.count} clusters, jackknife, "
        "Student's t); survival curves, shares that met an end and tests of constant hazard ratios take "
        "people as independent"
    ]


def _unneeded(runs: dict[str, ModelRun]) -> list[str]:
    """Say which models would only repeat the first: no gap is to be filled, nobody is to be stood for."""
    names = dict.fromkeys(name for run in runs.values() for name in run.unneeded)
    return [f"not fitted, since nothing is missing: {name}" for name in names]


def _stack(tables: list[pd.DataFrame | None]) -> pd.DataFrame:
    kept = [table for table in tables if table is not None]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()


def thirds(score: pd.Series, name: str) -> np.ndarray:
    """Label everyone by the third of the score they stand in; ties stay together."""
    cuts = np.quantile(score, [1 / 3, 2 / 3])
    place = np.searchsorted(cuts, score.to_numpy(dtype=float), side="left")
    return np.array([f"{THIRDS[k]} of {name}" for k in place], dtype=object)


def _curves(design: LandmarkDesign, predictor: str, confidence: float) -> pd.DataFrame:
    """Kaplan-Meier by thirds of the score among all analysed, highest first."""
    frame = design.frame.assign(third=thirds(design.frame[predictor], predictor))
    here = frame[frame["at_risk"]].sort_values(predictor, ascending=False, kind="stable")
    if not len(here):
        return pd.DataFrame()
    time, event = here["disengaged_after"].to_numpy(float), here["disengaged"].to_numpy(bool)
    return kaplan_meier(time, event, here["third"].to_numpy(dtype=object), confidence)


def risk_table(curves: pd.DataFrame) -> pd.DataFrame:
    """People still at risk at the start and every 14 days, by group: what stands below the curves."""
    if not len(curves):
        return pd.DataFrame(columns=["group", "time", "at_risk"])
    ticks = np.arange(0.0, float(curves["time"].max()) + 1e-9, TICK_DAYS)
    rows = []
    for group, mine in curves.groupby("group", sort=False):
        times, at_risk = mine["time"].to_numpy(), mine["at_risk"].to_numpy()
        for tick in ticks:
            later = np.nonzero(times >= tick)[0]
            rows.append((group, float(tick), int(at_risk[later[0]]) if len(later) else 0))
    return pd.DataFrame(rows, columns=["group", "time", "at_risk"])


def _naive(
    design: LandmarkDesign, predictor: str, usage: UsageSummary, confidence: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Whole use on the score with neither landmark nor adjustment, the landmark effect, and what failed."""
    frame = design.frame
    measure = usage.rule["measure"]
    whole = frame["intended_whole"].to_numpy(dtype=float)
    after = frame["due"].to_numpy(dtype=float)
    rows: list[dict[str, object]] = []
    lost: list[dict[str, str]] = []
    raw = frame[predictor].to_numpy(dtype=float)
    scaled = np.column_stack([np.ones(len(frame)), (raw - raw.mean()) / raw.std(ddof=1)])
    for label, column, due in (
        ("naive: whole study, unadjusted", np.minimum(frame[f"{measure}_whole"], whole), whole),
        ("after the landmark, unadjusted", frame["done"], after),
    ):
        done = np.asarray(column, dtype=float)
        try:
            fit = quasi_binomial(scaled, done, due)
        except NotEstimableError as error:
            reason = str(error).split("\n")[0].removeprefix("relate_adherence: ")
            lost.append({"model": label, "predictor": predictor, "reason": reason})
            continue
        low, high = fit.interval(confidence)
        effect = average_effect(fit, scaled, due, 1, confidence)
        rows.append(
            {
                "analysis": label,
                "predictor": predictor,
                "n": fit.n,
                "odds_ratio": float(np.exp(fit.coefficients[1])),
                "ci_lower": float(np.exp(low[1])),
                "ci_upper": float(np.exp(high[1])),
                "share_of_intended": effect[0] / due.mean(),
                "share_lower": effect[1] / due.mean(),
                "share_upper": effect[2] / due.mean(),
            }
        )
    return pd.DataFrame(rows), pd.DataFrame(lost, columns=["model", "predictor", "reason"])
