"""How many people a study of alliance and adherence needs, by simulating it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.common.options import checked_seed
from analysis.power.draws import FEWEST_CLUSTERS, Assumptions, replicate
from analysis.power.result import Level, PowerResult, judge_level, needed, why_not
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint
from instrument.study import Study, as_study

CALLER = "plan_power"
CHUNK = 25
ASKS, PER_ASK = 6, 4  # numbers tried for the target; times the replications of each
FEWEST, MOST = 20, 20_000
CLOSE, SAME = 0.01, 0.005  # of the target power; share of a number
HIDDEN = (0.1, 0.2, 0.3)
Floats = NDArray[np.float64]
Job = tuple[list[np.random.SeedSequence], int, Assumptions]


def plan_power(
    study: Study | dict[str, Any] | str | Path,
    n: Sequence[int] = (100, 200, 400),
    replications: int = 1000,
    scheduler: str | None = None,
    *,
    odds_ratio: float = 1.35,
    reliability: float = 0.85,
    answered: float = 0.75,
    left: float = 0.15,
    done: float = 0.5,
    spread: float = 0.35,
    earlier_odds_ratio: float = 2.0,
    before_alliance: float = 0.2,
    hidden_cause: float = 0.0,
    cluster_size: int = 1,
    cluster_use: float = 0.05,
    cluster_alliance: float = 0.05,
    enrolment_days: float = 0.0,
    read_day: float | None = None,
    alpha: float = 0.05,
    target: float = 0.8,
    seed: int = 1,
    workers: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> PowerResult:
    """Simulate the study's landmark analysis with the effect and without it, and ask for a number of people.

    Use it before a study, with assumptions from a pilot. Do not use it after one: power of the effect
    that was found says nothing the p value does not. A design whose test does not keep its level under the
    same assumptions is not called adequate, and no number is given for it.

    Parameters
    ----------
    study
        The study, its file, or what the file would hold: intended use, landmark and waves.
    n
        Numbers enrolled.
    replications
        Simulated studies per number with the effect, and as many without; four times as many of each at
        the number that is asked for.
    scheduler
        Address of a Dask scheduler (`tcp://host:8786`); None for this machine.
    odds_ratio
        True odds ratio of a due unit per standard deviation of true alliance.
    reliability
        Reliability of one rating. Ratings of all main waves that close by the landmark are averaged.
    answered, left
        Share of the enrolled who answer at the landmark; share of those who had left by then.
    done
        Share of due units done by an average person who has not left.
    spread
        Intraclass correlation of units within a person: 0 is binomial.
    earlier_odds_ratio
        Odds ratio per standard deviation of the habit behind use before the landmark.
    before_alliance
        Correlation of use before the landmark, as it is measured, with true alliance: it is held constant.
    hidden_cause
        Correlation of the habit itself with what alliance has beside that. Nothing that is measured takes
        it away, so that the level does not hold where it is not 0.
    cluster_size
        People of each clinic, therapist or site; 1 where people are independent. The analysis then has the
        report's errors by cluster, which ask for 8 clusters at least.
    cluster_use, cluster_alliance
        Shares of the variance of habit, and of alliance, that lie between clusters.
    enrolment_days
        Days over which people enrol, evenly; 0 where all start together.
    read_day
        Day after the first enrolment on which the log is read; None: when the last person's study has ended.
    alpha, target
        Two-sided level; power aimed at.
    seed
        Seed. Each replication has its own stream, so results do not depend on `workers` or `scheduler`.
    workers
        Processes on this machine.
    progress
        Called with what, done, total.

    Returns
    -------
    PowerResult
        Table of power and level, number asked for, and why there is none.

    Raises
    ------
    DefinitionError
        An assumption is outside its range, or the study has no landmark.
    NotEstimableError
        No replication could be analysed.

    Notes
    -----
    With habit `H`, units before the landmark `B` (beta-binomial, `logit = a + H`), their standardised
    logarithm `E = log(1 + B)`, alliance is `T = r E + √(1 − r²) (h H + √(1 − h²) e)` with `r` before_alliance
    and `h` hidden_cause, the score `S = √ρ T + √(1 − ρ) e`. Units after the landmark are beta-binomial with
    `logit = a + b T + c H`, and 0 for those who had left. Each study is analysed by the quasi-binomial logit
    with HC3 on the observed score, `log(1 + B)` and `B`. With `k` ratings the reliability is
    `k ρ / (1 + (k − 1) ρ)`. In clusters `H` and `e` of alliance are `√(1 − s) own + √s shared`, and errors
    are those of the jackknife over clusters. With rolling enrolment units are due while a person was watched,
    and the day of joining is held constant. A study finds the effect where the test is
    significant and the estimate has its direction; failed replications find nothing. The level is simulated
    with `b = 0` and all else alike.

    The number asked for is first taken from `power = Φ(d √n − z)` and then simulated, until its power is
    within one point of the target.

    References
    ----------
    Morris, White & Crowther (2019), doi 10.1002/sim.8086 (simulation studies). Bradley (1978), doi
    10.1111/j.2044-8317.1978.tb00581.x (when a level holds). Wilson (1927), doi
    10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> from analysis.simulation.population import load_population
    >>> plan = plan_power(load_population("dta_example").study, n=(60, 120), replications=50)
    >>> plan.table["power"].is_monotonic_increasing
    True
    """
    checked_seed(seed, CALLER)
    design = as_study(study)
    truth = _assumptions(
        design,
        effect=np.log(odds_ratio) if odds_ratio > 0 else np.nan,
        reliability=reliability,
        answered=answered,
        left=left,
        done=done,
        spread=spread,
        earlier=np.log(earlier_odds_ratio) if earlier_odds_ratio > 0 else np.nan,
        before_alliance=before_alliance,
        hidden_cause=hidden_cause,
        cluster_size=cluster_size,
        cluster_use=cluster_use if cluster_size > 1 else 0.0,
        cluster_alliance=cluster_alliance if cluster_size > 1 else 0.0,
        enrolment_days=enrolment_days,
        read_day=float("inf") if read_day is None else read_day,
        alpha=alpha,
    )
    sizes = tuple(int(size) for size in n)
    if replications < 1 or min(sizes) < FEWEST or len(set(sizes)) < len(sizes) or not 0 < target < 1:
        fact = f"n = {sizes}, replications = {replications}, target = {target}."
        hint = f"give different n from {FEWEST}, replications from 1, a target in (0, 1)."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    fewest = max(FEWEST, FEWEST_CLUSTERS * truth.cluster_size)
    if truth.cluster_size > 1 and min(sizes) < fewest:
        fact = f"{min(sizes)} people are {-(-min(sizes) // truth.cluster_size)} clusters of {cluster_size}."
        hint = f"errors by cluster ask for {FEWEST_CLUSTERS} clusters: give n from {fewest}."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    roots = np.random.SeedSequence(seed).spawn(len(sizes) + ASKS)
    simulator = _Simulator(truth=truth, scheduler=scheduler, workers=workers, progress=progress)
    table = pd.DataFrame(
        [simulator.row(size, root, replications) for size, root in zip(sizes, roots, strict=False)]
    )
    supposed = {"odds_ratio": odds_ratio, **asdict(truth), "seed": seed}
    if read_day is None:
        supposed["read_day"] = enrolment_days + design.study_days
    guess = needed(table, alpha, target)
    if truth.effect and guess <= MOST and not (table["level_state"] == Level.OFF).any():
        asked = _ask(simulator, guess, roots[len(sizes) :], replications * PER_ASK, target, fewest)
        table = pd.concat([table[~table["n"].isin(asked["n"])], asked], ignore_index=True)
    reason = why_not(table, alpha=alpha, odds_ratio=odds_ratio, most=MOST)
    need = float("nan") if reason else float(table["n"].iloc[-1])
    sensitivity = pd.DataFrame(columns=["hidden_cause", "level", "level_lower", "level_upper"])
    if not reason:
        sensitivity = pd.DataFrame(
            [simulator.level_under(own, int(need), roots[-1], replications) for own in HIDDEN]
        )
    return PowerResult(
        table=table,
        n_for_target=need,
        target=target,
        adequate=not reason,
        reason=reason,
        sensitivity=sensitivity,
        assumptions=supposed,
        feature=(design.unrelated_kind or "").replace("_", " "),
        rating=(design.unrelated_rating or "").replace("_", " "),
    )


def units_due(design: Study, caller: str = CALLER) -> tuple[int, int, float, float, int]:
    """Units due before and after the landmark, its day, days of use after it, ratings that close by it."""
    if design.landmark is None:
        fact = "the study names no landmark, so no use lies after it."
        raise DefinitionError(fact_and_hint(caller, fact, "add `landmark` to the study file."))
    day = design.landmark.day
    ratings = max(1, sum(wave.closes <= day for wave in design.rated_waves))
    days = min(7 * design.intended_use.weeks, design.study_days)
    bounded = design.intended_use.unit in ("sessions", "modules")
    amount = design.intended_use.amount if bounded else design.intended_use.weeks
    after = int(np.floor(amount * max(0, days - day) / days + 1e-9))
    if after < 1:
        fact = "no intended use is left after the landmark."
        raise DefinitionError(fact_and_hint(caller, fact, "choose an earlier landmark."))
    return max(1, round(amount) - after), after, float(day), float(days - day), ratings


def _assumptions(design: Study, **given: float) -> Assumptions:
    if design.landmark is None:
        fact = "the study names no landmark, so no use lies after it."
        raise DefinitionError(fact_and_hint(CALLER, fact, "add `landmark` to the study file."))
    open_shares = {"reliability", "answered", "done"}
    faults = [name for name in open_shares if not 0 < given[name] <= 1]
    faults += [name for name in ("left", "spread") if not 0 <= given[name] < 1]
    faults += [name for name in ("effect", "earlier") if not np.isfinite(given[name])]
    faults += [name for name in ("before_alliance", "hidden_cause") if not -1 < given[name] < 1]
    faults += [name for name in ("alpha", "done") if not 0 < given[name] < 1]
    faults += [name for name in ("cluster_use", "cluster_alliance") if not 0 <= given[name] < 1]
    faults += [] if given["cluster_size"] >= 1 and given["cluster_size"] % 1 == 0 else ["cluster_size"]
    faults += [] if 0 <= given["enrolment_days"] < np.inf else ["enrolment_days"]
    faults += [] if given["read_day"] > design.landmark.day else ["read_day"]
    if faults:
        fact = f"these assumptions are outside their range: {', '.join(sorted(set(faults)))}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "shares lie between 0 and 1, odds ratios above 0."))
    before, after, day, use_days, ratings = units_due(design)
    reliability = ratings * given["reliability"] / (1 + (ratings - 1) * given["reliability"])
    if given["read_day"] < np.inf and not given["enrolment_days"]:
        fact = "read_day is given, but all start together: the log is read when their study ends."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give enrolment_days too."))
    values: dict[str, Any] = {**given, "reliability": float(reliability)}
    values["cluster_size"] = int(given["cluster_size"])
    return Assumptions(
        **values,
        landmark_day=day,
        use_days=use_days,
        due_before=before,
        due_after=after,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Simulator:
    """Simulates studies of one set of assumptions, here or elsewhere; results do not depend on where."""

    truth: Assumptions
    scheduler: str | None
    workers: int
    progress: Callable[[str, int, int], None] | None

    def row(
        self, size: int, root: np.random.SeedSequence, replications: int, *, asked: bool = False
    ) -> dict[str, Any]:
        """Power and level of one number of people, from the same streams."""
        truths = (self.truth, replace(self.truth, effect=0.0))
        lines, null = self._lines(truths, size, root, replications)
        estimated, alike = (part[np.isfinite(part[:, 2])] for part in (lines, null))
        if not len(estimated) or not len(alike):
            fact = f"none of {len(lines)} simulated studies of {size} could be analysed."
            raise NotEstimableError(fact_and_hint(CALLER, fact, "enrol more, or suppose more use."))
        alpha, effect = self.truth.alpha, self.truth.effect
        significant = estimated[:, 2] < alpha
        if effect:
            # An effect found the wrong way round is not found.
            significant &= np.sign(estimated[:, 0]) == np.sign(effect)
        found, by_chance = int(significant.sum()), int((alike[:, 2] < alpha).sum())
        power, power_lower, power_upper = share_found(found, len(lines))
        level, level_lower, level_upper = share_found(by_chance, len(null))
        return {
            "n": size,
            "asked": asked,
            "analysed": float(lines[:, 3].mean()),
            "replications": len(lines),
            "failed": len(lines) - len(estimated),
            "power": power,
            "ci_lower": power_lower,
            "ci_upper": power_upper,
            "level": level,
            "level_lower": level_lower,
            "level_upper": level_upper,
            "level_state": judge_level(by_chance, len(null), alpha),
            "mean_estimate": float(estimated[:, 0].mean()),
            "null_estimate": float(alike[:, 0].mean()),
            "mean_se": float(estimated[:, 1].mean()),
            "sd_estimate": float(estimated[:, 0].std(ddof=1)) if len(estimated) > 1 else float("nan"),
        }

    def level_under(
        self, hidden_cause: float, size: int, root: np.random.SeedSequence, replications: int
    ) -> dict[str, float]:
        """Level if a habit that early use does not show went with alliance."""
        truth = replace(self.truth, effect=0.0, hidden_cause=hidden_cause)
        (lines,) = self._lines((truth,), size, root, replications)
        shares = share_found(int((lines[:, 2] < truth.alpha).sum()), len(lines))
        names = ("level", "level_lower", "level_upper")
        return {"hidden_cause": hidden_cause, **dict(zip(names, shares, strict=True))}

    def _lines(
        self, truths: Sequence[Assumptions], size: int, root: np.random.SeedSequence, replications: int
    ) -> list[Floats]:
        """One array of lines per truth, in the order of the seeds, whoever ran them."""
        # The same children however often they are asked for: `spawn` counts on.
        key = root.spawn_key
        seeds = [np.random.SeedSequence(root.entropy, spawn_key=(*key, k)) for k in range(replications)]
        jobs = [
            (seeds[k : k + CHUNK], size, truth) for truth in truths for k in range(0, replications, CHUNK)
        ]
        parts = self._run(jobs)
        each = len(jobs) // len(truths)
        return [np.concatenate(parts[k : k + each]) for k in range(0, len(jobs), each)]

    def _run(self, jobs: list[Job]) -> list[Floats]:
        if self.scheduler is not None or self.workers > 1:
            return run_jobs(replicate, jobs, scheduler=self.scheduler, workers=self.workers, caller=CALLER)
        results = []
        for k, job in enumerate(jobs):
            results.append(replicate(*job))
            if self.progress is not None:
                self.progress(f"simulating studies of {job[1]}", k + 1, len(jobs))
        return results


def run_jobs(
    function: Callable[..., Floats],
    jobs: Sequence[tuple[Any, ...]],
    *,
    scheduler: str | None,
    workers: int,
    caller: str,
) -> list[Floats]:
    """Call a function with every job, here or elsewhere; results come back in their places."""
    if scheduler is not None:
        return _on_cluster(function, jobs, scheduler, caller)
    if workers > 1:
        from joblib import Parallel, delayed

        return list(Parallel(n_jobs=workers)(delayed(function)(*job) for job in jobs))
    return [function(*job) for job in jobs]


def _on_cluster(
    function: Callable[..., Floats], jobs: Sequence[tuple[Any, ...]], address: str, caller: str
) -> list[Floats]:
    from distributed import Client

    try:
        # A port that refuses is told at once: Dask would knock at it for the whole of its patience.
        place = urlsplit(address)
        if place.scheme in ("tcp", "tls") and place.hostname and place.port:
            socket.create_connection((place.hostname, place.port), timeout=20).close()
        client = Client(address, timeout="20s")
    except (OSError, ValueError) as error:
        fact = f"no Dask scheduler answers at {address!r} ({type(error).__name__})."
        hint = "start one with `dask scheduler`, or leave scheduler out."
        raise DefinitionError(fact_and_hint(caller, fact, hint)) from None
    with client:
        futures = [client.submit(function, *job, pure=False) for job in jobs]
        return list(client.gather(futures))


def share_found(found: int, total: int) -> tuple[float, float, float]:
    """Share of simulated studies, with the limits of Wilson's 95 % interval."""
    interval = stats.binomtest(found, total).proportion_ci(method="wilson")
    return found / total, float(interval.low), float(interval.high)


def _ask(
    simulator: _Simulator,
    guess: float,
    roots: Sequence[np.random.SeedSequence],
    replications: int,
    target: float,
    fewest: int,
) -> pd.DataFrame:
    """Simulate the number that the formula gives, and mend it until its power is that aimed at."""
    close = max(CLOSE, float(np.sqrt(target * (1 - target) / replications)))
    rows: list[dict[str, Any]] = []
    for root in roots:
        size = min(MOST, max(fewest, int(np.ceil(guess))))
        if any(row["n"] == size for row in rows):
            break
        rows.append(simulator.row(size, root, replications, asked=True))
        # Fewer than the fewest are not asked for, however large the effect.
        enough = size == fewest and rows[-1]["power"] > target
        if enough or abs(rows[-1]["power"] - target) <= close:
            break
        guess = needed(pd.DataFrame(rows), simulator.truth.alpha, target)
        # All rows together point at this number: its own power differs by chance.
        if not abs(guess / size - 1) > SAME:
            break
    return pd.DataFrame(rows)
