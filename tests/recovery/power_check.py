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

from analysis.power import plan_power
from analysis.simulation import load_population

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
}
DUE_BEFORE, DUE_AFTER = 4, 8  # one session a week for 12 weeks, landmark on day 28


def units(
    rng: np.random.Generator, mean: np.ndarray[Any, Any], due: int, spread: float
) -> np.ndarray[Any, Any]:
    """Counts with intraclass correlation `spread` of the single units."""
    if spread == 0:
        return rng.binomial(due, mean)
    size = 1 / spread - 1
    return stats.betabinom.rvs(due, mean * size, (1 - mean) * size, random_state=rng)


def rejected(rng: np.random.Generator, n: int, how: dict[str, float]) -> bool:
    """Whether one study finds an effect in the direction supposed (either, if none is)."""
    habit = rng.normal(size=n)
    line = np.log(how["done"] / (1 - how["done"]))
    logistic = stats.logistic.cdf
    before = units(rng, logistic(line + habit), DUE_BEFORE, how["spread"])
    early = stats.zscore(np.log(1 + before), ddof=1)
    r = how["before_alliance"]
    alliance = r * early + np.sqrt(1 - r * r) * rng.normal(size=n)
    score = np.sqrt(how["reliability"]) * alliance + np.sqrt(1 - how["reliability"]) * rng.normal(size=n)
    slope, c = np.log(how["odds_ratio"]), np.log(how["earlier_odds_ratio"])
    after = units(rng, logistic(line + slope * alliance + c * habit), DUE_AFTER, how["spread"])
    after[rng.uniform(size=n) < how["left"]] = 0
    rated = rng.uniform(size=n) < how["answered"]
    x = sm.add_constant(np.column_stack([score, np.log(1 + before), before])[rated])
    # As shares with weights: with two columns statsmodels forgets the number of trials in the dispersion.
    trials = np.full(len(x), float(DUE_AFTER))
    fit = sm.GLM(after[rated] / DUE_AFTER, x, family=sm.families.Binomial(), var_weights=trials).fit(
        scale="X2"
    )
    t = fit.params[1] / fit.bse[1]
    significant = 2 * stats.t.sf(abs(t), len(x) - x.shape[1]) < 0.05
    return bool(significant and (slope == 0 or t * slope > 0))


def share(name: str, n: int, replications: int, odds_ratio: float | None = None) -> float:
    how = {**DEFAULTS, **SETTINGS[name]}
    if odds_ratio is not None:
        how["odds_ratio"] = odds_ratio
    rng = np.random.default_rng([5, list(SETTINGS).index(name), odds_ratio is None])
    return float(np.mean([rejected(rng, n, how) for _ in range(replications)]))


def check(name: str, replications: int) -> dict[str, Any]:
    study = load_population("dta_example").study
    plan = plan_power(study, **SETTINGS[name])  # type: ignore[arg-type]
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
