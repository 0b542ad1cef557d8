"""How many people a study of alliance and adherence needs, by simulating it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.power_draws import Assumptions, replicate
from analysis.result import Result
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint
from instrument.study import Study, as_study

CALLER = "plan_power"
CHUNK = 25
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PowerResult(Result):
    """Power by number enrolled.

    Attributes
    ----------
    table : DataFrame
        n (enrolled), analysed (mean), replications, failed, power with Wilson's interval `ci_lower`,
        `ci_upper`, mean_estimate (log odds ratio per standard deviation of the observed score), mean_se,
        sd_estimate.
    n_for_target : float
        Number enrolled for the target power, interpolated on `power = Φ(d √n − z)`; NaN where no n
        shows an effect.
    target : float
        Target power.
    assumptions : dict
        What was supposed.
    """

    table: pd.DataFrame
    n_for_target: float
    target: float
    assumptions: dict[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded."""
        return self.table

    def summary(self, digits: int = 3) -> str:
        """Give table, number needed and assumptions in words.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        need = "no number tried shows an effect"
        if np.isfinite(self.n_for_target):
            need = f"about {np.ceil(self.n_for_target):.0f} enrolled"
        supposed = ", ".join(f"{name} {value}" for name, value in self.assumptions.items())
        table = self.table.round(digits).to_string(index=False)
        return f"{table}\npower {self.target:.0%}: {need}\nsupposed: {supposed}"


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
    alpha: float = 0.05,
    target: float = 0.8,
    seed: int = 1,
    workers: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> PowerResult:
    """Simulate the study's landmark analysis and count how often it finds the effect.

    Use it before a study, with assumptions from a pilot. Do not use it after one: power of the effect
    that was found says nothing the p value does not.

    Parameters
    ----------
    study
        The study, its file, or what the file would hold: intended use, landmark and waves.
    n
        Numbers enrolled.
    replications
        Simulated studies per number.
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
        Correlation of that habit with true alliance.
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
        Table and interpolated number.

    Raises
    ------
    DefinitionError
        An assumption is outside its range, or the study has no landmark.
    NotEstimableError
        No replication could be analysed.

    Notes
    -----
    With true alliance `T`, habit `H` and score `S = √ρ T + √(1 − ρ) e`, the units done after the
    landmark are beta-binomial with `logit = a + b T + c H`, and 0 for those who had left. Each study is
    analysed by the logit with overdispersion on the observed score and use before. With `k` ratings the
    reliability is `k ρ / (1 + (k − 1) ρ)`. Failed replications count as not finding the effect.

    References
    ----------
    Morris, White & Crowther (2019), doi 10.1002/sim.8086 (simulation studies). Wilson (1927), doi
    10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> from analysis.simulation import load_population
    >>> plan = plan_power(load_population("dta_example").study, n=(60, 120), replications=50)
    >>> plan.table["power"].is_monotonic_increasing
    True
    """
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
        alpha=alpha,
    )
    if replications < 1 or min(n) < 20 or len(set(n)) < len(n) or not 0 < target < 1:
        fact = f"n = {tuple(n)}, replications = {replications}, target = {target}."
        hint = "give different n from 20, replications from 1, a target in (0, 1)."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    roots = np.random.SeedSequence(seed).spawn(len(n))
    jobs = []
    for size, root in zip(n, roots, strict=True):
        seeds = root.spawn(replications)
        jobs += [(seeds[k : k + CHUNK], int(size)) for k in range(0, replications, CHUNK)]
    parts = _run(jobs, truth, scheduler, workers, progress)
    rows = []
    for size in n:
        lines = np.concatenate([part for part, (_, m) in zip(parts, jobs, strict=True) if m == int(size)])
        rows.append(_row(int(size), lines, alpha))
    table = pd.DataFrame(rows)
    supposed = {"odds_ratio": odds_ratio, **asdict(truth), "seed": seed}
    return PowerResult(
        table=table, n_for_target=_needed(table, alpha, target), target=target, assumptions=supposed
    )


def _assumptions(design: Study, **given: float) -> Assumptions:
    if design.landmark is None:
        fact = "the study names no landmark, so no use lies after it."
        raise DefinitionError(fact_and_hint(CALLER, fact, "add `landmark` to the study file."))
    open_shares = {"reliability", "answered", "done"}
    faults = [name for name in open_shares if not 0 < given[name] <= 1]
    faults += [name for name in ("left", "spread") if not 0 <= given[name] < 1]
    faults += [name for name in ("effect", "earlier") if not np.isfinite(given[name])]
    faults += [name for name in ("before_alliance",) if not -1 < given[name] < 1]
    faults += [name for name in ("alpha", "done") if not 0 < given[name] < 1]
    if faults:
        fact = f"these assumptions are outside their range: {', '.join(sorted(set(faults)))}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "shares lie between 0 and 1, odds ratios above 0."))
    day = design.landmark.day
    ratings = sum(wave.role == "main" and wave.closes <= day for wave in design.waves)
    ratings = max(1, ratings)
    reliability = ratings * given["reliability"] / (1 + (ratings - 1) * given["reliability"])
    days = min(7 * design.intended_use.weeks, design.study_days)
    bounded = design.intended_use.unit in ("sessions", "modules")
    amount = design.intended_use.amount if bounded else design.intended_use.weeks
    after = int(np.floor(amount * max(0, days - day) / days + 1e-9))
    if after < 1:
        fact = "no intended use is left after the landmark."
        raise DefinitionError(fact_and_hint(CALLER, fact, "choose an earlier landmark."))
    return Assumptions(
        **{**given, "reliability": float(reliability)},
        due_before=max(1, round(amount) - after),
        due_after=after,
    )


def _run(
    jobs: list[tuple[list[np.random.SeedSequence], int]],
    truth: Assumptions,
    scheduler: str | None,
    workers: int,
    progress: Callable[[str, int, int], None] | None,
) -> list[Floats]:
    """Results in the order of the jobs, whoever ran them."""
    if scheduler is not None:
        return _on_cluster(jobs, truth, scheduler)
    if workers > 1:
        from joblib import Parallel, delayed

        return list(Parallel(n_jobs=workers)(delayed(replicate)(seeds, size, truth) for seeds, size in jobs))
    results = []
    for k, (seeds, size) in enumerate(jobs):
        results.append(replicate(seeds, size, truth))
        if progress is not None:
            progress(f"simulating studies of {size}", k + 1, len(jobs))
    return results


def _on_cluster(
    jobs: list[tuple[list[np.random.SeedSequence], int]], truth: Assumptions, address: str
) -> list[Floats]:
    from distributed import Client

    try:
        client = Client(address, timeout="20s")
    except (OSError, ValueError) as error:
        fact = f"no Dask scheduler answers at {address!r} ({type(error).__name__})."
        hint = "start one with `dask scheduler`, or leave --scheduler out."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint)) from None
    with client:
        futures = [client.submit(replicate, seeds, size, truth, pure=False) for seeds, size in jobs]
        return list(client.gather(futures))


def _row(size: int, lines: Floats, alpha: float) -> dict[str, Any]:
    estimated = lines[np.isfinite(lines[:, 2])]
    if not len(estimated):
        fact = f"none of {len(lines)} simulated studies of {size} could be analysed."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "enrol more, or suppose more use."))
    found = int((estimated[:, 2] < alpha).sum())
    total = len(lines)
    interval = stats.binomtest(found, total).proportion_ci(method="wilson")
    return {
        "n": size,
        "analysed": float(lines[:, 3].mean()),
        "replications": total,
        "failed": total - len(estimated),
        "power": found / total,
        "ci_lower": float(interval.low),
        "ci_upper": float(interval.high),
        "mean_estimate": float(estimated[:, 0].mean()),
        "mean_se": float(estimated[:, 1].mean()),
        "sd_estimate": float(estimated[:, 0].std(ddof=1)) if len(estimated) > 1 else float("nan"),
    }


def _needed(table: pd.DataFrame, alpha: float, target: float) -> float:
    """Number for the target, from `power = Φ(d √n − z)` with `d` averaged over the table by precision."""
    z = stats.norm.ppf(1 - alpha / 2)
    inside = table[(table["power"] > alpha) & (table["power"] < 1)]
    if not (table["ci_lower"] > alpha).any() or not len(inside):
        return float("nan")
    probit = stats.norm.ppf(inside["power"])
    slope = (probit + z) / np.sqrt(inside["n"])
    # Variance of a probit of a proportion, by the delta method.
    variance = inside["power"] * (1 - inside["power"]) / stats.norm.pdf(probit) ** 2 / inside["n"]
    weight = 1 / variance
    d = float((slope * weight).sum() / weight.sum())
    return float(((stats.norm.ppf(target) + z) / d) ** 2) if d > 0 else float("nan")
