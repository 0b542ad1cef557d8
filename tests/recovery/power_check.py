"""Ask the planner for a number of people, then simulate studies of that number with other means.

Draws by numpy and scipy, fits by statsmodels, from what docs/methods/power.md says of the population; no code of
the planner is used beyond its answer. `python -m tests.recovery.power_check [--replications N]` writes
docs/methods/tables/power_check.csv.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats
from threadpoolctl import threadpool_limits

from analysis.power.plan_power import plan_power
from analysis.simulation.population import load_population

TABLE = Path(__file__).parents[2] / "docs" / "methods" / "tables" / "power_check.csv"
DEFAULTS: dict[str, float] = {
    "odds_ratio": 1.35,
    "reliability": 0.85,
    "answered": 0.75,
    "left": 0.15,
    "done": 0.5,
    "spread": 0.35,
    "earlier_odds_ratio": 2.0,
    "before_alliance": 0.2,
    "cluster_size": 1,
    "cluster_use": 0.05,
    "cluster_alliance": 0.05,
    "enrolment_days": 0.0,
    "read_day": 1e6,
}
SETTINGS: dict[str, dict[str, float]] = {
    "defaults": {},
    "a large effect": {"odds_ratio": 2.0},
    "an effect the other way": {"odds_ratio": 1 / 1.5},
    "early use goes with alliance at .6": {"before_alliance": 0.6},
    "early use and alliance unrelated": {"before_alliance": 0.0},
    "a strong habit": {"earlier_odds_ratio": 5.0},
    "noisy ratings": {"reliability": 0.6, "odds_ratio": 1.5},
    "40 % had left": {"left": 0.4, "odds_ratio": 1.5},
    "half answer": {"answered": 0.5, "odds_ratio": 1.5},
    "little is done": {"done": 0.2, "odds_ratio": 1.5},
    "binomial units": {"spread": 0.0},
    "clinics of 20": {"cluster_size": 20, "odds_ratio": 1.5},
    "enrolment over 100 days, read on day 130": {
        "enrolment_days": 100.0,
        "read_day": 130.0,
        "odds_ratio": 1.5,
    },
}
DUE_BEFORE, DUE_AFTER = 4, 8  # one session a week for 12 weeks, landmark on day 28


def units(
    rng: np.random.Generator, mean: np.ndarray[Any, Any], due: Any, spread: float
) -> np.ndarray[Any, Any]:
    """Counts with intraclass correlation `spread` of the single units."""
    if spread == 0:
        return rng.binomial(due, mean)
    size = 1 / spread - 1
    return stats.betabinom.rvs(due, mean * size, (1 - mean) * size, random_state=rng)


def by_clinic(
    rng: np.random.Generator, own: np.ndarray[Any, Any], share: float, clinic: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Mix a variable with one that people of a clinic share, keeping the variance at 1."""
    if clinic.max() == len(own) - 1:
        return own
    return np.sqrt(1 - share) * own + np.sqrt(share) * rng.normal(size=clinic.max() + 1)[clinic]


def without_each_clinic(
    x: np.ndarray[Any, Any],
    y: np.ndarray[Any, Any],
    trials: np.ndarray[Any, Any],
    clinic: np.ndarray[Any, Any],
    start: np.ndarray[Any, Any],
) -> tuple[float, float]:
    """Jackknife error of the second coefficient by fits without each clinic, and degrees of freedom."""
    found = []
    for left_out in np.unique(clinic):
        keep, b = clinic != left_out, start.copy()
        for _ in range(3):  # from the whole solution three steps are to the last digit
            mean = stats.logistic.cdf(x[keep] @ b)
            w = trials[keep] * mean * (1 - mean)
            b = b + np.linalg.solve(x[keep].T * w @ x[keep], x[keep].T @ (trials[keep] * (y[keep] - mean)))
        found.append(b[1])
    g = len(found)
    return float(np.sqrt((g - 1) / g * np.sum((np.array(found) - start[1]) ** 2))), float(g - 1)


def rejected(rng: np.random.Generator, n: int, how: dict[str, float]) -> bool:
    """Whether one study finds an effect in the direction supposed (either, if none is)."""
    clinic = np.arange(n) // int(how["cluster_size"])
    habit = by_clinic(rng, rng.normal(size=n), how["cluster_use"], clinic)
    line = np.log(how["done"] / (1 - how["done"]))
    logistic = stats.logistic.cdf
    before = units(rng, logistic(line + habit), DUE_BEFORE, how["spread"])
    early = stats.zscore(np.log(1 + before), ddof=1)
    r = how["before_alliance"]
    own = by_clinic(rng, rng.normal(size=n), how["cluster_alliance"], clinic)
    alliance = r * early + np.sqrt(1 - r * r) * own
    score = np.sqrt(how["reliability"]) * alliance + np.sqrt(1 - how["reliability"]) * rng.normal(size=n)
    slope, c = np.log(how["odds_ratio"]), np.log(how["earlier_odds_ratio"])
    joined = rng.uniform(0, how["enrolment_days"], size=n) if how["enrolment_days"] else np.zeros(n)
    # one unit for each whole week between the landmark and the reading of the log
    due = np.clip((how["read_day"] - joined - 28) // 7, 0, DUE_AFTER).astype(int)
    after = units(rng, logistic(line + slope * alliance + c * habit), due, how["spread"])
    after[rng.uniform(size=n) < how["left"]] = 0
    rated = (rng.uniform(size=n) < how["answered"]) & (due > 0)
    columns = [score, np.log(1 + before), before, *([joined / 100] if how["enrolment_days"] else [])]
    x = sm.add_constant(np.column_stack(columns)[rated])
    # As shares with weights: with two columns statsmodels forgets the number of trials in the dispersion.
    trials = due[rated].astype(float)
    y = after[rated] / trials
    model = sm.GLM(y, x, family=sm.families.Binomial(), var_weights=trials)
    fit = model.fit(scale="X2")
    error, freedom = fit.bse[1], float(len(x) - x.shape[1])
    if how["cluster_size"] > 1:
        error, freedom = without_each_clinic(x, y, trials, clinic[rated], fit.params)
    else:
        p = fit.fittedvalues
        root = x * np.sqrt(trials * p * (1 - p))[:, None]
        hat = np.sum(np.linalg.qr(root)[0] ** 2, axis=1)
        bread = np.linalg.inv(root.T @ root)
        meat = x * (trials * (y - p) / (1 - hat))[:, None]
        error = np.sqrt((bread @ (meat.T @ meat) @ bread)[1, 1])
    t = fit.params[1] / error
    significant = 2 * stats.t.sf(abs(t), freedom) < 0.05
    return bool(significant and (slope == 0 or t * slope > 0))


def share(name: str, n: int, replications: int, odds_ratio: float | None = None) -> float:
    how = {**DEFAULTS, **SETTINGS[name]}
    if odds_ratio is not None:
        how["odds_ratio"] = odds_ratio
    rng = np.random.default_rng([5, list(SETTINGS).index(name), odds_ratio is None])
    return float(np.mean([rejected(rng, n, how) for _ in range(replications)]))


def check(name: str, replications: int) -> dict[str, Any]:
    study = load_population("dta_example").study
    size = int({**DEFAULTS, **SETTINGS[name]}["cluster_size"])
    sizes = (100, 200, 400) if size == 1 else (8 * size, 16 * size, 32 * size)
    plan = plan_power(study, sizes, **SETTINGS[name])  # type: ignore[arg-type]
    asked = plan.table[plan.table["asked"]].iloc[-1]
    n = int(plan.n_for_target)
    return {
        "setting": name,
        "n_asked": n,
        "power_planned": asked["power"],
        "level_planned": asked["level"],
        "power": share(name, n, replications),
        "level": share(name, n, replications, odds_ratio=1.0),
        "replications": replications,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=4000)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    for name in [name for name in SETTINGS if given.only in name]:
        start = time.perf_counter()
        with threadpool_limits(1):
            line = check(name, given.replications)
        print(line, f"{time.perf_counter() - start:.0f} s", flush=True)
        old = pd.read_csv(TABLE) if TABLE.exists() else pd.DataFrame(columns=list(line))
        whole = pd.concat(
            [old[old["setting"] != name], pd.DataFrame([line])] if len(old) else [pd.DataFrame([line])]
        )
        order = list(SETTINGS)
        whole = whole.sort_values("setting", key=lambda c: c.map(order.index), kind="stable")
        whole.to_csv(TABLE, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
