"""How often the intervals of the g-formula hold the truth: `python -m tests.recovery.g_formula_coverage`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from analysis.adherence.over_time.g_formula import g_formula
from tests.recovery.test_g_formula_recovery import POPULATIONS
from tests.recovery.test_marginal_recovery import BY_USE, FROM_USE, draw

SEED, REPLICATIONS, PEOPLE, DRAWS = 20_261_130, 300, 500, 100
TABLE = Path(__file__).resolve().parents[2] / "docs" / "methods" / "tables" / "g_formula_coverage.csv"


def truth(effect: float, level: int, time: int) -> float:
    """Mean use at a time, were alliance always at a level: by itself, and from the second time on by use."""
    return level * (effect + (BY_USE * FROM_USE if time > 1 else 0.0))


def one(population: str, number: int) -> pd.DataFrame:
    """Means of one study under two strategies, and whether their intervals hold the truth."""
    effect = POPULATIONS[population]
    rng = np.random.default_rng([SEED, list(POPULATIONS).index(population), number])
    data = draw(rng, PEOPLE, effect, True, 0.25)
    made = g_formula(
        data,
        set_to=[0, 1],
        draws=DRAWS,
        seed=number,
        exposure="alliance",
        outcome="after",
        varying=["use"],
    ).effects
    rows = made[made["strategy"].isin(["always 0", "always 1"]) & (made["time"] != "all times")].copy()
    pairs = zip(rows["strategy"], rows["time"].astype(int), strict=True)
    rows["true"] = [truth(effect, int(name[-1]), time) for name, time in pairs]
    rows["covered"] = (rows["ci_lower"] <= rows["true"]) & (rows["true"] <= rows["ci_upper"])
    return rows[["strategy", "time", "mean", "se", "true", "covered"]]


def study(population: str, replications: int = REPLICATIONS, workers: int = 1) -> pd.DataFrame:
    """Bias, errors and coverage of each mean."""
    found = Parallel(n_jobs=workers)(delayed(one)(population, number) for number in range(replications))
    table = pd.concat(found)
    made = table.groupby(["strategy", "time"], sort=False).agg(
        true=("true", "first"),
        mean=("mean", "mean"),
        sd=("mean", "std"),
        mean_se=("se", "mean"),
        coverage=("covered", "mean"),
        replications=("covered", "size"),
    )
    made = made.reset_index()
    made.insert(0, "population", population)
    return made


def main() -> None:
    pd.concat([study(name, workers=2) for name in POPULATIONS]).to_csv(
        TABLE, index=False, float_format="%.5g"
    )


if __name__ == "__main__":
    main()
