"""How often models of people in clinics find an effect where there is none.

Ratings and use differ between clinics, and have nothing to do with each other beyond use before, which is held
constant. `python -m tests.recovery.cluster_level [--replications N --only TEXT]` writes
docs/methods/tables/clusters_level.csv.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit
from threadpoolctl import threadpool_limits

from analysis.adherence.models.binomial import beta_binomial, quasi_binomial
from analysis.adherence.models.clusters import clusters_of
from analysis.adherence.models.counts import count_models
from analysis.adherence.models.mixed import random_intercept
from analysis.adherence.models.survival import cox
from analysis.adherence.models.threshold import logistic
from instrument.errors import NotEstimableError

TABLE = Path(__file__).parents[2] / "docs" / "methods" / "tables" / "clusters_level.csv"
DUE, DAYS, RHO = 8.0, 56.0, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Number of people and clinics; share of the variance of ratings that lies between clinics."""

    people: int
    clinics: int
    between: float
    unequal: bool = False


SETTINGS = {
    "8 clinics, 160 people": Setting(people=160, clinics=8, between=0.25),
    "10 clinics, 200 people": Setting(people=200, clinics=10, between=0.25),
    "20 clinics, 300 people": Setting(people=300, clinics=20, between=0.25),
    "20 clinics, ratings mostly of the clinic": Setting(people=300, clinics=20, between=0.8),
    "20 clinics of unequal size": Setting(people=300, clinics=20, between=0.25, unequal=True),
    "50 clinics, 500 people": Setting(people=500, clinics=50, between=0.25),
}


def draw(rng: np.random.Generator, how: Setting) -> dict[str, Any]:
    """Score, early use, units, active days, time to leaving: clinics differ in all of them."""
    share = rng.dirichlet(np.full(how.clinics, 2.0)) if how.unequal else None
    clinic = rng.choice(how.clinics, how.people, p=share)
    ratings, use = rng.standard_normal(how.clinics)[clinic], rng.standard_normal(how.clinics)[clinic]
    before = rng.poisson(np.exp(1.2 + 0.3 * use) * rng.gamma(2.5, 0.4, how.people))
    early = stats.zscore(np.log1p(before))
    own = np.sqrt(1 - how.between) * rng.standard_normal(how.people)
    score = stats.zscore(np.sqrt(how.between) * ratings + own + 0.3 * early)
    line = 0.6 * use + 0.5 * early
    total = (1 - RHO) / RHO
    p = np.clip(expit(line), 1e-6, 1 - 1e-6)
    time = rng.exponential(70 * np.exp(-0.7 * line))
    return {
        "clinic": pd.Series(clinic),
        "x": np.column_stack([np.ones(how.people), score, early]),
        "done": rng.binomial(int(DUE), rng.beta(p * total, (1 - p) * total)).astype(float),
        "days": rng.poisson(np.exp(1.8 + 0.5 * line) * rng.gamma(2.0, 0.5, how.people)).astype(float),
        "time": np.minimum(time, DAYS),
        "event": time < DAYS,
    }


def pvalues(data: dict[str, Any], only: str = "") -> dict[str, float]:
    """Give p of the score in each model whose name starts so; NaN where it cannot be estimated."""
    x, done, due = data["x"], data["done"], np.full(len(data["x"]), DUE)
    clusters = clusters_of(data["clinic"], "clinic")
    models = {
        "remaining use, logit, people independent": lambda: quasi_binomial(x, done, due).pvalues()[1],
        "remaining use, logit": lambda: quasi_binomial(x, done, due, clusters=clusters).pvalues()[1],
        "remaining use, random intercept": lambda: random_intercept(x, done, clusters.of_row).pvalues()[1],
        "remaining use, beta-binomial": lambda: beta_binomial(
            x, done, due, quasi_binomial(x, done, due).coefficients, clusters
        ).pvalues()[1],
        "time to disengagement, Cox": lambda: cox(x[:, 1:], data["time"], data["event"], clusters).pvalues()[
            0
        ],
        "active days, negative binomial": lambda: count_models(
            x, data["days"], clusters
        ).negative_binomial.pvalues()[1],
        "threshold, logistic": lambda: logistic(x, done >= DUE / 2, clusters=clusters).pvalues()[1],
    }
    found = {}
    for name, model in models.items():
        if not name.startswith(only):
            continue
        try:
            found[name] = float(model())
        except NotEstimableError:
            found[name] = float("nan")
    return found


def level(name: str, replications: int, seed: int = 20_261_130, only: str = "") -> pd.DataFrame:
    """Share of studies in which each model rejects at 5 %."""
    streams = np.random.SeedSequence([seed, list(SETTINGS).index(name)]).spawn(replications)
    with threadpool_limits(1):
        found = pd.DataFrame([pvalues(draw(np.random.default_rng(s), SETTINGS[name]), only) for s in streams])
    rejected = (found < 0.05).sum() / found.notna().sum()
    return pd.DataFrame(
        {
            "setting": name,
            "model": found.columns,
            "rejected": rejected.to_numpy(),
            "replications": found.notna().sum().to_numpy(),
            "failed": found.isna().sum().to_numpy(),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    for name in [name for name in SETTINGS if given.only in name]:
        lines = level(name, given.replications)
        print(lines.to_string(index=False), flush=True)
        old = pd.read_csv(TABLE) if TABLE.exists() else lines.iloc[:0]
        kept = old[old["setting"] != name]
        whole = pd.concat([kept, lines]) if len(kept) else lines
        order = list(SETTINGS)
        whole = whole.sort_values("setting", key=lambda c: c.map(order.index), kind="stable")
        whole.to_csv(TABLE, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
