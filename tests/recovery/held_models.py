"""How often every model of later use finds an effect where there is none, not the report's first alone.

Populations of `held_populations` in which the first model keeps its level: what it holds constant is enough there.
`python -m tests.recovery.held_models [--replications N --every K]` writes docs/methods/tables/held_models.csv after
each population.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from analysis.adherence.models import run as m
from tests.recovery.held_recovery import TABLE as OF_THE_FIRST
from tests.recovery.held_recovery import replicate

TABLE = Path(__file__).parents[2] / "docs" / "methods" / "tables" / "held_models.csv"
MODELS = (
    *(m.REMAINING, m.INTERCEPT, m.BETA, m.WEIGHTED, m.HAZARD),
    *(m.DISCRETE, m.COUNT, m.OF_DAYS, m.REACHED),
)
HELD, MOST_PEOPLE, CHUNK = 0.085, 1000, 3  # share rejected by the first model; people; seed of these draws


def populations() -> list[str]:
    """Those without an effect in which the first model keeps its level."""
    rows = pd.read_csv(OF_THE_FIRST)
    kept = (rows["model"] == m.REMAINING) & (rows["truth"] == 0) & (rows["rejected"] <= HELD)
    return list(dict.fromkeys(rows.loc[kept & (rows["n"] <= MOST_PEOPLE), "population"]))


def levels(name: str, replications: int) -> pd.DataFrame:
    """Give, for each model, the studies in which it could be fitted and the share of these with p < .05."""
    lines = replicate(name, replications, chunk=CHUNK, models=MODELS)
    fitted = lines[lines["failed"] == ""]
    by_model = fitted.groupby("model", sort=False)
    return pd.DataFrame(
        {
            "population": name,
            "n": by_model["n"].mean().round(1),
            "rejected": by_model["pvalue"].agg(lambda p: float((p < 0.05).mean())),
            "sd": by_model["coefficient"].std(),
            "mean_se": by_model["se"].mean(),
            "studies": by_model.size(),
        }
    ).reset_index()


def main() -> None:
    """Run the populations that were asked for; rows of each are replaced."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--replications", type=int, default=200)
    asked.add_argument("--every", type=int, default=5, help="Every so many of the populations.")
    asked.add_argument("--from", type=int, default=0, dest="start", help="From which of them on.")
    options = asked.parse_args()
    for name in populations()[options.start :: options.every]:
        found = levels(name, options.replications)
        before = pd.read_csv(TABLE) if TABLE.exists() else found.iloc[:0]
        rows = pd.concat([before[before["population"] != name], found], ignore_index=True)
        rows.to_csv(TABLE, index=False, lineterminator="\n")
        print(found.to_string(), flush=True)


if __name__ == "__main__":
    main()
