"""Does the joint model of use and leaving give back what is known? `python -m tests.recovery.joint_recovery`.

Draws people whose weekly use and leaving share a propensity, leaving seen or hidden in silence, and writes
docs/methods/tables/joint_recovery.csv: bias, spread and coverage of both parts, of what ties them, and of the
logarithm of the propensity's standard deviation.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from analysis.adherence.models.clusters import Clusters
from analysis.adherence.over_time.joint_model import sandwich
from analysis.adherence.over_time.shared_effect import Courses, fit_shared

TABLE = Path(__file__).parents[2] / "docs" / "methods" / "tables" / "joint_recovery.csv"
PEOPLE, WEEKS = 300, 8
TRUE = {"use": 0.2, "leaving": -0.3, "association": -0.6, "spread": np.log(0.8)}
PLACES = {"use": 2, "leaving": 6, "association": 8, "spread": 9}
HIDDEN, SEEN = "leaving hidden in silence", "leaving seen"
POPULATIONS = {
    HIDDEN: {"hidden": True},
    SEEN: {"hidden": False},
    "leaving hidden, no effects": {"hidden": True, "use": 0.0, "leaving": 0.0},
    "leaving hidden, use in bursts": {"hidden": True, "bursts": 0.3},
}


def drawn(
    rng: np.random.Generator,
    n: int = PEOPLE,
    *,
    hidden: bool,
    use: float = TRUE["use"],
    leaving: float = TRUE["leaving"],
    bursts: float = 0.0,
) -> Courses:
    """People with a score and a covariate (0/1, centred), weekly counts and leaving."""
    score = rng.standard_normal(n)
    other = (rng.random(n) < 0.5) - 0.5
    own = np.exp(TRUE["spread"]) * rng.standard_normal(n)
    week = np.arange(1, WEEKS + 1) - (WEEKS + 1) / 2
    rate = np.exp(0.4 - 0.05 * week + (use * score + 0.3 * other + own)[:, None])
    if bursts:
        rate = rate * rng.gamma(1 / bursts, bursts, rate.shape)
    counts = rng.poisson(rate).astype(float)
    hazard = np.exp(-2.6 + (leaving * score - 0.2 * other + TRUE["association"] * own)[:, None])
    leaves = rng.random((n, WEEKS)) < -np.expm1(-hazard)
    slot = np.where(leaves.any(axis=1), leaves.argmax(axis=1), WEEKS)
    there = slot if hidden else np.minimum(slot + 1, WEEKS)
    counts[np.arange(WEEKS) >= there[:, None]] = 0
    return Courses(
        counts=counts,
        watched=np.full(n, WEEKS) if hidden else there,
        x=np.column_stack([score, other]),
        left=None if hidden else np.where(slot < WEEKS, slot + 1, 0),
    )


def replicate(name: str, replications: int) -> pd.DataFrame:
    """Estimates and errors of each replication, by quantity."""
    rows = []
    for k, seed in enumerate(np.random.SeedSequence([11, list(POPULATIONS).index(name)]).spawn(replications)):
        courses = drawn(np.random.default_rng(seed), **POPULATIONS[name])
        fit, reason = fit_shared(courses)
        if fit is None or fit.alone:
            rows.append({"replication": k, "failed": reason or "no spread"})
            continue
        n = len(courses.counts)
        se = np.sqrt(np.diag(sandwich(fit, Clusters(np.arange(n), n))))
        model = np.sqrt(np.diag(fit.covariance))
        rows += [
            {"replication": k, "quantity": q, "estimate": fit.theta[j], "se": se[j], "se_model": model[j]}
            for q, j in PLACES.items()
        ]
    return pd.DataFrame(rows)


def table(name: str, found: pd.DataFrame) -> pd.DataFrame:
    """Bias, spread and coverage."""
    limit = stats.t.ppf(0.975, PEOPLE - 1)
    rows = []
    for quantity in PLACES:
        mine = found[found["quantity"] == quantity]
        truth = POPULATIONS[name].get(quantity, TRUE[quantity])
        off = (mine["estimate"] - truth).abs()
        rows.append(
            {
                "population": name,
                "quantity": quantity,
                "truth": truth,
                "mean": mine["estimate"].mean(),
                "sd": mine["estimate"].std(),
                "mean_se": mine["se"].mean(),
                "mean_se_model": mine["se_model"].mean(),
                "coverage": (off <= limit * mine["se"]).mean(),
                "coverage_model": (off <= limit * mine["se_model"]).mean(),
                "replications": len(mine),
                "failed": int(found["replication"].nunique() - len(mine)),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=200)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    parts = []
    for name in [name for name in POPULATIONS if given.only in name]:
        with threadpool_limits(1):
            parts.append(table(name, replicate(name, given.replications)))
        print(parts[-1].round(3).to_string(), flush=True)
        pd.concat(parts).to_csv(TABLE, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
