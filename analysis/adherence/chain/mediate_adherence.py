"""Mechanism: context, alliance, use and outcome as a chain in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.adherence.chain.claims import STEP_NOT_FOUND
from analysis.adherence.chain.effects import CHAIN, Chain, chain_tables
from analysis.adherence.claims.claims import Claim
from analysis.adherence.design.landmark import BOOKKEEPING, FEWEST, LandmarkDesign, assemble, refuse_overlap
from analysis.adherence.design.steps import LABELS, Step
from analysis.adherence.design.time_order import refuse_disorder
from analysis.adherence.models.context import REMAINING
from analysis.adherence.models.run import ModelRun
from analysis.adherence.priorities.several_scores import standardized
from analysis.common.options import checked_level, checked_seed
from analysis.common.result import Result
from analysis.common.variation import varies
from analysis.reliability.resampling import FEWEST_DRAWS
from analysis.usage.summarise_usage import UsageSummary
from instrument.definition import Instrument
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    name_offenders,
)
from instrument.reading.people import labels_as_text
from instrument.scoring.score import score
from instrument.study import Study, as_study

CALLER = "mediate_adherence"
TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MediationResult(Result):
    """How much of a tie runs along which route of the chain.

    Attributes
    ----------
    effects : DataFrame
        One row per route and sum of routes: `kind` (direct, indirect, all indirect, total), `start`, `end`,
        `route`, `estimate`, `se`, Monte-Carlo limits `mc_lower`, `mc_upper`, percentile bootstrap limits
        `boot_lower`, `boot_upper`, `bca_lower`, `bca_upper`, `standardized` and, for routes to the outcome,
        `e_value`. Scores are per standard deviation, use in units done, the outcome in its points.
    latent : DataFrame
        The same with alliance as a latent variable above its theme scores: `estimate`, `se`, Monte-Carlo
        limits; empty where there are fewer than three.
    latent_fit : dict
        chisq, df, pvalue, cfi, rmsea, srmr of that model.
    simple : DataFrame
        Alliance, use and outcome by pingouin: path, estimate, se, pvalue, ci_lower, ci_upper.
    sensitivity : DataFrame
        Indirect effect by the supposed correlation of two error terms: `route`, `rho`, `estimate`, limits.
    robustness : DataFrame
        `route`, `rho_at_zero`, `rho_at_limit`, `shared` (product of the shares a hidden cause must explain),
        `bound` (correlation of errors that a hidden cause as strong as `bound_cause` makes), `claim`,
        `doubts`.
    four_way : DataFrame
        Four parts of the total of the last three steps, and their sums: `route`, `part`, `estimate`, `se`,
        percentile bootstrap limits, `share`. The direct part is told at no later use (at the mean, where the
        middle is a score).
    order : DataFrame
        What was measured when: `step`, `from_day`, `to_day`, `before_next`.
    flow : DataFrame
        Participant flow: id, step, n.
    failed : DataFrame
        Parts that could not be estimated: `part`, `reason`.
    design : dict
        Chain, wave, landmark, adjusters, level, draws, seed.
    notes : list of str
        What was assumed or left out.
    """

    effects: pd.DataFrame
    latent: pd.DataFrame
    latent_fit: dict[str, float]
    simple: pd.DataFrame
    sensitivity: pd.DataFrame
    robustness: pd.DataFrame
    four_way: pd.DataFrame
    order: pd.DataFrame
    flow: pd.DataFrame
    failed: pd.DataFrame
    design: dict[str, Any]
    notes: list[str]

    def to_frame(self) -> pd.DataFrame:
        """Give the effects, unrounded."""
        return self.effects


def mediate_adherence(
    responses: pd.DataFrame,
    scale: Instrument,
    usage: UsageSummary,
    study: Study | dict[str, Any] | str | Path,
    outcomes: pd.DataFrame | None = None,
    covariates: pd.DataFrame | None = None,
    *,
    context: str | None = None,
    alliance: str | None = None,
    wave: str | None = None,
    context_wave: str | None = None,
    outcome_day: float | None = None,
    cluster: str | None = None,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 1,
) -> MediationResult:
    """Follow the chain from context over alliance and later use to the outcome.

    Use it to see which routes the ties take, if the chain is true. Do not use it to show that it is true: the
    same figures come from other orders and from hidden causes, and the tables on both say how little that
    takes.

    Parameters
    ----------
    responses
        Answers as `instrument.read_responses` gives them.
    scale
        Their instrument.
    usage
        Use by participant and period, from `analysis.summarise_usage`.
    study
        The study, its file, or what the file would hold; its `outcome` ends the chain.
    outcomes, covariates
        One row per participant, with outcome, `baseline` columns and `covariates`.
    context
        Theme that starts the chain. By default the instrument's first theme of the role context; without one
        the chain starts with alliance.
    alliance
        Score of alliance. By default the total, or the first theme where there is none.
    wave
        Wave of alliance. By default that of the landmark.
    context_wave
        Wave of the context. By default that of alliance, which leaves their order open: an earlier one is
        better.
    outcome_day
        Day the outcome was measured; refused before the end of the study. Not given, it is taken on trust.
    cluster
        Column of the covariates that says who belongs together: whole clusters are drawn and left out in the
        bootstrap, and errors are those of its draws. By default the study's. Monte-Carlo limits, the latent
        model and pingouin's take people as independent; a note says so.
    confidence
        Level of every interval.
    draws, seed
        Bootstrap and Monte-Carlo draws, and their seed.

    Returns
    -------
    MediationResult
        `.effects`, `.latent`, `.sensitivity`, `.order`.

    Raises
    ------
    DefinitionError
        Steps out of their order in time, no landmark, an unknown theme, or fewer than three steps.
    ResponseDataError
        As `relate_adherence`, or too few draws.
    NotEstimableError
        Fewer than 30 complete people, or a step that does not vary.

    Notes
    -----
    Path model by maximum likelihood (`analysis.sem`): each step on all earlier ones and on the adjustment of
    `relate_adherence`; use is the units done after the landmark, taken as linear. Standard errors by the
    delta method, of sums of routes by simulation. Monte-Carlo limits are percentiles of products of normal
    slopes; bootstrap limits percentiles of resampled persons, plain and bias-corrected and accelerated. The
    latent model puts alliance above the scores of its themes; standard deviations of latent variables count
    as known in its intervals. E-values take the effect in standard deviations of the outcome as the risk
    ratio `exp(0.91 d)`.

    References
    ----------
    MacKinnon, Lockwood & Williams (2004), doi 10.1207/s15327906mbr3901_4. Imai, Keele & Yamamoto (2010), doi
    10.1214/10-STS321. Smith & VanderWeele (2019), doi 10.1097/EDE.0000000000001064. In R:
    `lavaan::sem` with `:=`; `boot::boot.ci(type = "bca")`.

    Examples
    --------
    >>> import instrument
    >>> from analysis.simulation.simulate_study import simulate_study
    >>> from analysis.usage.summarise_usage import summarise_usage
    >>> data, scale = simulate_study("dta_example", n=250), instrument.load("dta")
    >>> usage = summarise_usage(data.usage, data.study, participants=data.enrolment)
    >>> found = mediate_adherence(data.responses, scale, usage, data.study, data.outcomes, draws=50)
    >>> found.design["chain"]
    ['context', 'alliance', 'later use', 'outcome']
    """
    checked_level(confidence, CALLER)
    checked_seed(seed, CALLER)
    if draws < FEWEST_DRAWS:
        fact = f"{draws} draws asked for."
        raise ResponseDataError(fact_and_hint(CALLER, fact, f"ask for at least {FEWEST_DRAWS}."))
    plan = as_study(study)
    names = _names(scale, context, alliance)
    chosen = refuse_overlap(plan, usage, wave, CALLER)
    sides = [table for table in (outcomes, covariates) if table is not None]
    ends = plan.outcome is not None and any(plan.outcome in table for table in sides)
    order, notes = refuse_disorder(
        plan, chosen, context_wave, outcome_day, context="context" in names, outcome=ends
    )
    if plan.outcome is not None and not ends:
        notes.append(f"the chain ends with later use: {plan.outcome!r} is not in the data")
    table = score(responses, scale, rescale="0-100").scores
    table = _with_earlier(table, names, chosen, context_wave)
    design = assemble(
        table,
        usage,
        plan,
        outcomes,
        covariates,
        list(names.values()),
        None,
        chosen,
        cluster or plan.cluster,
    )
    doubts = _doubts(design, names["alliance"], confidence)
    chain = _chain(design, names, plan, _parts(scale, names), table, chosen, doubts)
    if chain.clusters is not None:
        notes.append(
            f"whole clusters ({design.cluster}, {chain.clusters.count}) are drawn in the bootstrap, on which "
            "what is said rests; Monte-Carlo limits, the latent model and pingouin's limits take people as "
            "independent"
        )
    if chain.parts is None:
        notes.append(
            "alliance is not modelled as a latent variable, which takes a total of three theme scores or "
            "more, the context not among them"
        )
    tables = chain_tables(chain, confidence, draws, seed)
    return MediationResult(
        **tables,
        order=order,
        flow=_flow(design.flow, len(chain.people), plan.outcome if ends else None),
        design={
            "chain": chain.nodes,
            "names": {**names, **({"outcome": str(plan.outcome)} if "outcome" in chain.nodes else {})},
            "wave": chosen,
            "context_wave": context_wave or chosen,
            "day": design.day,
            "due": design.due,
            "unit": design.unit,
            "adjusted_for": chain.held_names,
            "n": len(chain.people),
            "cluster": design.cluster,
            "confidence": confidence,
            "draws": draws,
            "seed": seed,
        },
        notes=[*usage.notes, *design.notes, *notes],
    )


def _doubts(design: LandmarkDesign, alliance: str, confidence: float) -> tuple[str, ...]:
    """Why the step from alliance to later use may have no reason of its own; `step`: not found."""
    run = ModelRun(design, alliance, confidence, None).run((REMAINING,))
    if run.standing is None or run.standing.claim is Claim.NOT_FOUND:
        return (STEP_NOT_FOUND,)
    return tuple(map(str, run.standing.doubts))


def _names(scale: Instrument, context: str | None, alliance: str | None) -> dict[str, str]:
    """Scores that start the chain: context where there is one, and alliance."""
    themes = [theme.id for theme in scale.themes]
    contexts = [theme.id for theme in scale.themes if theme.role == "context"]
    start = context if context is not None else next(iter(contexts), None)
    scores = [*([TOTAL] if scale.total_themes else []), *themes]
    chosen = (
        alliance if alliance is not None else next((name for name in scores if name != start), str(start))
    )
    unknown = [name for name in (start, chosen) if name is not None and name not in scores]
    if unknown or start == chosen:
        fact = f"no score is called {name_offenders(unknown)}." if unknown else f"{start!r} is named twice."
        raise DefinitionError(fact_and_hint(CALLER, fact, f"choose two of {', '.join(scores)}."))
    return {**({"context": start} if start is not None else {}), "alliance": chosen}


def _parts(scale: Instrument, names: dict[str, str]) -> list[str]:
    """Theme scores that measure a latent alliance; none where fewer than three would."""
    parts = list(scale.total_themes) if names["alliance"] == TOTAL else []
    return parts if len(parts) > 2 and names.get("context") not in parts else []


def _with_earlier(
    table: pd.DataFrame, names: dict[str, str], wave: str, context_wave: str | None
) -> pd.DataFrame:
    """Put the context of an earlier wave into the rows of the wave of alliance."""
    if context_wave is None or context_wave == wave or "context" not in names:
        return table
    waves = labels_as_text(table["wave"])
    earlier = table[waves == str(context_wave)].drop_duplicates("participant").set_index("participant")
    taken = table["participant"].map(earlier[names["context"]])
    return table.assign(**{names["context"]: taken.where(waves == wave)})


def _chain(
    design: LandmarkDesign,
    names: dict[str, str],
    plan: Study,
    parts: Sequence[str],
    table: pd.DataFrame,
    wave: str,
    doubts: tuple[str, ...],
) -> Chain:
    """Complete people with chain, themes and adjustment under plain names."""
    frame, adjusters = design.frame, design.adjusters
    here = table[labels_as_text(table["wave"]) == wave]
    here = here.assign(participant=labels_as_text(here["participant"]))[["participant", *parts]]
    people = frame[["participant"]].merge(here, on="participant", how="left", validate="one_to_one")
    columns = {key: frame[name].astype(float) for key, name in names.items()}
    # Units of those due of anybody: where less was due of a person, the share of it.
    columns["later use"] = frame["done"] / frame["due"] * frame["due"].max()
    if plan.outcome is not None and plan.outcome in frame and plan.outcome not in BOOKKEEPING:
        columns["outcome"] = frame[plan.outcome].astype("Float64").astype(float)
    nodes = [name for name in CHAIN if name in columns]
    if len(nodes) < 3:
        fact = f"the chain has {len(nodes)} steps: {', '.join(nodes)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name a context, or an outcome in the study file."))
    whole = pd.DataFrame(columns)
    complete = whole.notna().all(axis=1)
    if complete.sum() < FEWEST:
        fact = f"{int(complete.sum())} people have every step of the chain."
        raise NotEstimableError(fact_and_hint(CALLER, fact, f"at least {FEWEST} are needed."))
    clusters = None if design.clusters is None else design.clusters.among(complete.to_numpy(dtype=bool))
    people = people[complete].reset_index(drop=True)
    whole = whole[complete].reset_index(drop=True)
    held = frame.loc[complete, list(adjusters)].reset_index(drop=True)
    held = held.loc[:, varies(held)]
    if steady := [node for node in nodes if not varies(whole[node])]:
        fact = f"{steady[0]} has one value only."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "gather more people."))
    for node in ("context", "alliance"):
        if node in whole:
            whole[node] = standardized(whole[node].to_numpy())
    return Chain(
        people=whole[nodes],
        nodes=nodes,
        held=standardized(held.to_numpy(dtype=float)) if held.shape[1] else np.empty((len(held), 0)),
        held_names=list(held.columns),
        parts=standardized(people[list(parts)].to_numpy(dtype=float)) if parts else None,
        clusters=clusters,
        early=tuple(design.early),
        doubts=doubts,
    )


def _flow(flow: pd.DataFrame, n: int, outcome: str | None) -> pd.DataFrame:
    step = LABELS[Step.CHAIN] + (f", {outcome} too" if outcome else "")
    last = pd.DataFrame({"id": [str(Step.CHAIN)], "step": [step], "n": [n]})
    return pd.concat([flow, last], ignore_index=True)
