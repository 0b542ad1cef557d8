"""How many people each analysis of a study needs, in one table, from published sizes or a pilot's."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, polygamma

from analysis.common.options import checked_seed
from analysis.common.result import Result
from analysis.power.expected_sizes import ALLIANCE_OUTCOME, SOURCE
from analysis.power.fits import cox, linear, logistic, logit, negative_binomial, standardised
from analysis.power.plan_power import run_jobs, share_found, units_due
from analysis.power.result import Level, judge_level
from instrument.errors import DefinitionError, fact_and_hint, name_offenders
from instrument.study import Study, as_study

CALLER = "plan_table"
OWN = "the planner's own"
Floats = NDArray[np.float64]
CHUNK, PILOT, TRIES = 50, 400, 4
SMALLEST, FIRST, MOST = 40, 400, 20_000
CLOSE, PER_ASK = 0.008, 4  # of the target power; times the replications at every number that is tried
REMAINING, COUNT = "remaining use, logit", "active days, negative binomial"
HAZARD, REACHED = "time to disengagement, Cox", "threshold, logistic"
OUTCOME = "outcome at follow-up, linear"
MEASURES = {
    REMAINING: "odds ratio",
    REACHED: "odds ratio",
    COUNT: "ratio of days",
    HAZARD: "hazard ratio",
    OUTCOME: "standardised slope",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """What is supposed of a study that has not been done, for every analysis.

    `reliability` of the mean rating; `answered`, `left`, `followed`: shares with a rating, who had left by
    the landmark, and with the outcome; `done` share of due units of an average person; `spread` intraclass
    correlation of units; `days` active days of an average person after the landmark and `overdispersion` of
    them; `disengaged` share of average people at risk who stop by the end; `habit` in standard deviations of
    what is left of each outcome; `before_alliance` correlation of use before with alliance.
    """

    reliability: float
    answered: float
    left: float
    followed: float
    done: float
    spread: float
    days: float
    overdispersion: float
    disengaged: float
    habit: float
    before_alliance: float
    enrolment_days: float
    read_day: float
    due_before: int
    due_after: int
    landmark_day: float
    use_days: float
    threshold: float
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PlanTable(Result):
    """People that each analysis needs for each supposed size.

    Attributes
    ----------
    table : DataFrame
        component, correlation (supposed, of the score with what the analysis is about), analysis, measure and
        effect (per standard deviation of true alliance), n (enrolled; NaN where none is named), analysed
        (mean of those who can be), replications, failed, power with Wilson's ci_lower, ci_upper, level with
        level_lower, level_upper and level_state, reason (why no n is named).
    target : float
        Power aimed at.
    assumptions : dict
        What was supposed.
    source : str
        Where the correlations are from.
    """

    table: pd.DataFrame
    target: float
    assumptions: dict[str, Any]
    source: str

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded."""
        return self.table

    def summary(self, digits: int = 3) -> str:
        """Give the table and what it rests on.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        names = ["component", "correlation", "analysis", "measure", "effect", "n", "power", "level"]
        shown = self.table[[*names, "level_state"]].round(digits).to_string(index=False)
        reasons = [
            f"{row['component']}, {row['analysis']}: {row['reason']}"
            for row in self.table.to_dict("records")
            if row["reason"]
        ]
        supposed = ", ".join(f"{name} {value:.6g}" for name, value in self.assumptions.items())
        return "\n".join([shown, *reasons, self.sentence(), f"Supposed, not known: {supposed}."])

    def sentence(self) -> str:
        """Say what the numbers are for, and what they are not for."""
        sizes = (
            f"The correlations are of alliance with outcome, mostly with a guide ({SOURCE}); that use goes "
            "with alliance as outcome does is an assumption."
            if self.source == SOURCE
            else "The correlations are the planner's own."
        )
        return (
            f"Each n is the number of people enrolled with which {self.target:.0%} of simulated studies "
            f"found the effect, if everything supposed holds. {sizes} To find an effect is not to have it "
            "supported."
        )


def plan_table(
    study: Study | dict[str, Any] | str | Path,
    correlations: Mapping[str, float] | None = None,
    replications: int = 1000,
    *,
    reliability: float = 0.85,
    answered: float = 0.75,
    left: float = 0.15,
    followed: float = 0.6,
    done: float = 0.5,
    spread: float = 0.35,
    days: float | None = None,
    overdispersion: float = 0.5,
    disengaged: float = 0.4,
    habit: float = 0.4,
    before_alliance: float = 0.2,
    enrolment_days: float = 0.0,
    read_day: float | None = None,
    alpha: float = 0.05,
    target: float = 0.8,
    seed: int = 1,
    scheduler: str | None = None,
    workers: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> PlanTable:
    """Simulate every analysis of use after the landmark, and of the outcome, and ask each for its people.

    Use it to see which analyses a study of a given size can bear. Do not use it for clinics, which
    `plan_power` knows, nor after the study.

    Parameters
    ----------
    study
        The study, its file, or what the file would hold: landmark, intended use, threshold, outcome.
    correlations
        Supposed correlations of the score with use or outcome by a name of their own; None: the published
        ones, .21 in all, .25 task, .19 goal, .12 bond.
    replications
        A quarter of the simulated studies with the effect, and without it, at every number that is tried: one
        power of 4,000 studies is known to 1.2 points either way.
    reliability, answered, left, done, spread, before_alliance
        As for `plan_power`.
    followed
        Share of the enrolled with rating and outcome.
    days
        Active days of an average person after the landmark; None: one and a half for each unit due.
    overdispersion
        `a` in the variance `m + a m²` of active days.
    disengaged
        Share of average people still there at the landmark who disengage by the end.
    habit
        Work of the habit behind use before, in standard deviations of what is left of each outcome.
    enrolment_days, read_day
        Days over which people enrol evenly, and the day after the first on which the log is read (None: when
        the last person's study has ended).
    alpha, target, seed
        Two-sided level, power aimed at, seed.
    scheduler, workers
        Address of a Dask scheduler; processes on this machine. Figures do not depend on them.
    progress
        Called with what, done, total.

    Returns
    -------
    PlanTable
        One row for each size and analysis.

    Raises
    ------
    DefinitionError
        An assumption is outside its range, or the study has no landmark.

    Notes
    -----
    Every analysis has a latent answer of which what habit and alliance leave has variance 1, and which
    correlates `ρ = r / √reliability` with true alliance: alliance works with `ρ / √(1 − ρ²)`, habit with
    `habit`. In units of the models that is times π/√3 for odds, −π/√6 for hazards (extreme values), √ψ'(1/a)
    for logarithms of counts (ψ' trigamma: spread of the logarithm of a gamma variable), 1 for the outcome.
    Habit, use before, alliance and score are those of `plan_power`. Who had left does nothing, is not at risk
    and has not reached the threshold. Analysed as the report does, with logarithm and number of units before,
    and the day of joining, held constant: quasi-binomial logit and negative binomial with HC3, Cox with
    errors by people left out, logistic, least squares with HC3.

    The number is first taken from mean and spread of the estimates of 400 studies of 400, then simulated,
    until its power is within .8 points of the target. No number is named where the level is off, or cannot
    be told.

    References
    ----------
    McKelvey & Zavoina (1975), doi 10.1080/0022250X.1975.9989847. Morris, White & Crowther (2019), doi
    10.1002/sim.8086. Bradley (1978), doi 10.1111/j.2044-8317.1978.tb00581.x.

    Examples
    --------
    >>> from analysis.simulation.population import load_population
    >>> plan = plan_table(load_population("dta_example").study, {"large": 0.5}, replications=100)
    >>> plan.table["analysis"].tolist()[:2]
    ['remaining use, logit', 'active days, negative binomial']
    """
    design = as_study(study)
    before, after, landmark_day, use_days, ratings = units_due(design, CALLER)
    sizes = dict(ALLIANCE_OUTCOME if correlations is None else correlations)
    checked_seed(seed, CALLER)
    if wrong := [name for name, size in sizes.items() if not isinstance(size, numbers.Real)]:
        fact = f"the correlation of {name_offenders(wrong)} is no number."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give one such as 0.21."))
    supposed = Supposed(
        reliability=ratings * reliability / (1 + (ratings - 1) * reliability),
        answered=answered,
        left=left,
        followed=followed,
        done=done,
        spread=spread,
        days=1.5 * after if days is None else days,
        overdispersion=overdispersion,
        disengaged=disengaged,
        habit=habit,
        before_alliance=before_alliance,
        enrolment_days=enrolment_days,
        read_day=float("inf") if read_day is None else read_day,
        due_before=before,
        due_after=after,
        landmark_day=landmark_day,
        use_days=use_days,
        threshold=design.adherence.threshold,
        alpha=alpha,
    )
    _refuse_unlikely(supposed, sizes, replications, target)
    analyses = [REMAINING, COUNT, HAZARD, REACHED, *([OUTCOME] if design.outcome is not None else [])]
    cells = [(name, r, kind) for name, r in sizes.items() for kind in analyses]
    roots = np.random.SeedSequence(seed).spawn(len(cells))

    def run(jobs: list[Any]) -> list[Floats]:
        return run_jobs(replicate_many, jobs, scheduler=scheduler, workers=workers, caller=CALLER)

    rows = []
    for k, ((name, r, kind), root) in enumerate(zip(cells, roots, strict=True)):
        rows.append(_row(name, r, kind, supposed, root, replications, target, run))
        if progress is not None:
            progress(f"{name}, {kind}", k + 1, len(cells))
    said = {**asdict(supposed), "seed": seed}
    if read_day is None:
        said["read_day"] = enrolment_days + design.study_days
    source = SOURCE if correlations is None else OWN
    return PlanTable(table=pd.DataFrame(rows), target=target, assumptions=said, source=source)


def _refuse_unlikely(
    supposed: Supposed, sizes: Mapping[str, float], replications: int, target: float
) -> None:
    inside = {
        name: getattr(supposed, name)
        for name in ("answered", "followed", "done", "disengaged", "reliability", "alpha")
    }
    faults = [name for name, value in inside.items() if not 0 < value <= 1]
    faults += [name for name in ("done", "disengaged", "alpha") if getattr(supposed, name) >= 1]
    faults += [name for name in ("left", "spread") if not 0 <= getattr(supposed, name) < 1]
    faults += [name for name in ("days", "overdispersion") if not 0 < getattr(supposed, name) < np.inf]
    faults += [] if np.isfinite(supposed.habit) else ["habit"]
    faults += [] if -1 < supposed.before_alliance < 1 else ["before_alliance"]
    faults += [] if 0 <= supposed.enrolment_days < np.inf else ["enrolment_days"]
    faults += [] if supposed.read_day > supposed.landmark_day else ["read_day"]
    faults += [] if replications >= 1 else ["replications"]
    faults += [] if 0 < target < 1 else ["target"]
    faults += [f"correlation of {name}" for name, r in sizes.items() if not 0 < r**2 < supposed.reliability]
    if supposed.read_day < np.inf and not supposed.enrolment_days:
        faults.append("read_day without enrolment_days")
    if faults or not sizes:
        fact = f"these assumptions are outside their range: {', '.join(dict.fromkeys(faults)) or 'sizes'}."
        hint = "shares lie between 0 and 1; squared correlations between 0 and the reliability."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))


def slope_of(r: float, kind: str, supposed: Supposed) -> float:
    """What one standard deviation of true alliance does in the units of a model.

    Parameters
    ----------
    r
        Correlation of the score with the latent answer.
    kind
        Analysis.
    supposed
        Assumptions.

    Returns
    -------
    float
        Log odds, log ratio of days, log hazard ratio, or standard deviations.
    """
    rho = r / math.sqrt(supposed.reliability)
    return rho / math.sqrt(1 - rho**2) * _scale(kind, supposed)


def _scale(kind: str, supposed: Supposed) -> float:
    if kind in (REMAINING, REACHED):
        return math.pi / math.sqrt(3)
    if kind == COUNT:
        return float(np.sqrt(polygamma(1, 1 / supposed.overdispersion)))
    return -math.pi / math.sqrt(6) if kind == HAZARD else 1.0


def replicate_many(root: np.random.SeedSequence, studies: int, n: int, job: tuple[Any, ...]) -> Floats:
    """Draw and analyse studies side by side.

    Parameters
    ----------
    root
        Seed of these studies.
    studies, n
        How many, of how many people enrolled.
    job
        Analysis, work of alliance in its units, and assumptions.

    Returns
    -------
    array, shape (studies, 4)
        Estimate, error, p value, people analysed.
    """
    kind, effect, of = job
    rng = np.random.default_rng(root)
    shape = (studies, n)
    habit = rng.standard_normal(shape)
    base = np.log(of.done / (1 - of.done))
    before = _units(rng, base + habit, np.full(shape, of.due_before), of.spread)
    early = np.log1p(before)
    early = (early - early.mean(axis=1, keepdims=True)) / np.maximum(early.std(axis=1, keepdims=True), 1e-9)
    r = of.before_alliance
    alliance = r * early + np.sqrt(1 - r**2) * rng.standard_normal(shape)
    score = np.sqrt(of.reliability) * alliance + np.sqrt(1 - of.reliability) * rng.standard_normal(shape)
    work = effect * alliance + of.habit * _scale(kind, of) * habit
    joined, seen = np.zeros(shape), np.full(shape, of.use_days)
    if of.enrolment_days:
        joined = rng.random(shape) * of.enrolment_days
        seen = np.clip(of.read_day - joined - of.landmark_day, 0, of.use_days)
    gone = rng.random(shape) < of.left
    here = rng.random(shape) < (of.followed if kind == OUTCOME else of.answered)
    held = [np.log1p(before), before, *([joined] if of.enrolment_days else [])]
    if kind in (REMAINING, REACHED):
        due = np.floor(of.due_after * seen / of.use_days + 1e-9)
        here &= due > 0
        done = np.where(gone, 0.0, _units(rng, base + work, due.astype(np.int64), of.spread))
        data = standardised([score, *held], here)
        if kind == REMAINING:
            return logit(data, done, due)
        return logistic(data, done >= of.threshold * np.maximum(due, 1))
    if kind == COUNT:
        here &= seen > 0
        frailty = rng.gamma(1 / of.overdispersion, of.overdispersion, shape)
        mean = of.days * seen / of.use_days * np.exp(work) * frailty
        return negative_binomial(
            standardised([score, *held], here), np.where(gone, 0, rng.poisson(mean)).astype(float)
        )
    if kind == HAZARD:
        here &= (seen > 0) & ~gone
        rate = -np.log(1 - of.disengaged) / of.use_days * np.exp(work)
        time = rng.exponential(1.0, shape) / rate
        return cox(standardised([score, *held], here), np.minimum(time, seen), time < seen)
    here &= seen >= of.use_days
    return linear(standardised([score, *held], here), work + rng.standard_normal(shape))


def _units(rng: np.random.Generator, line: Floats, due: NDArray[np.int64], spread: float) -> Floats:
    p = expit(line)
    if spread > 0:
        total = (1 - spread) / spread
        p = rng.beta(np.maximum(p * total, 1e-9), np.maximum((1 - p) * total, 1e-9))
    return rng.binomial(due, p).astype(float)


def _row(
    name: str,
    r: float,
    kind: str,
    supposed: Supposed,
    root: np.random.SeedSequence,
    replications: int,
    target: float,
    run: Callable[[list[Any]], list[Floats]],
) -> dict[str, Any]:
    """Ask one analysis for its people."""
    slope = slope_of(r, kind, supposed)
    shown = slope if kind == OUTCOME else math.exp(slope)
    row = {"component": name, "correlation": r, "analysis": kind, "measure": MEASURES[kind], "effect": shown}
    seeds = iter(root.spawn(2 * TRIES + 1))

    def studies(effect: float, size: int, number: int) -> Floats:
        job = (kind, effect, supposed)
        parts = next(seeds).spawn(-(-number // CHUNK))
        counts = [min(CHUNK, number - CHUNK * k) for k in range(len(parts))]
        return np.concatenate(
            run([(part, count, size, job) for part, count in zip(parts, counts, strict=True)])
        )

    z, wanted = float(stats.norm.ppf(1 - supposed.alpha / 2)), float(stats.norm.ppf(target))
    pilot = studies(slope, FIRST, PILOT)
    pilot = pilot[np.isfinite(pilot[:, 2])]
    nothing = {
        **dict.fromkeys(("n", "analysed", "power", "ci_lower", "ci_upper"), float("nan")),
        **dict.fromkeys(("level", "level_lower", "level_upper"), float("nan")),
        **{"replications": 0, "failed": 0, "level_state": ""},
    }
    if len(pilot) < PILOT / 2:
        return {**row, **nothing, "reason": f"most simulated studies of {FIRST} could not be analysed."}
    d = abs(float(pilot[:, 0].mean())) / float(pilot[:, 0].std(ddof=1)) / math.sqrt(FIRST)
    guess = ((z + wanted) / d) ** 2 if d > 0 else np.inf
    found: dict[str, Any] = {}
    for _ in range(TRIES):
        if not guess <= MOST:
            return {**row, **nothing, "reason": f"more than {MOST} people are needed."}
        size = max(SMALLEST, math.ceil(guess))
        found = _simulated(studies, slope, size, PER_ASK * replications, supposed.alpha)
        enough = size == SMALLEST and found["power"] > target
        if enough or abs(found["power"] - target) <= CLOSE:
            break
        power = min(max(found["power"], 0.02), 0.999)
        guess = size * ((z + wanted) / (z + float(stats.norm.ppf(power)))) ** 2
    reason = {
        Level.OFF: "the test does not keep its level in studies without the effect.",
        Level.UNDECIDED: "too few simulated studies to tell whether the test keeps its level.",
    }.get(found["level_state"], "")
    return {**row, **found, **({"n": float("nan")} if reason else {}), "reason": reason}


def _simulated(
    studies: Callable[[float, int, int], Floats], slope: float, size: int, replications: int, alpha: float
) -> dict[str, Any]:
    with_it, without = studies(slope, size, replications), studies(0.0, size, replications)
    right = (with_it[:, 2] < alpha) & (np.sign(with_it[:, 0]) == np.sign(slope))
    by_chance = int((without[:, 2] < alpha).sum())
    power, level = share_found(int(right.sum()), replications), share_found(by_chance, replications)
    return {
        "n": float(size),
        "analysed": float(with_it[:, 3].mean()),
        "replications": replications,
        "failed": int((~np.isfinite(with_it[:, 2])).sum()),
        **dict(zip(("power", "ci_lower", "ci_upper"), power, strict=True)),
        **dict(zip(("level", "level_lower", "level_upper"), level, strict=True)),
        "level_state": judge_level(by_chance, replications, alpha),
    }
