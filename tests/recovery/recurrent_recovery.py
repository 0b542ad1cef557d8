"""Returns after a pause in known populations: level, coverage, bias of the rate ratio.

`python -m tests.recovery.recurrent_recovery [--replications N]` writes docs/methods/tables/recurrent_recovery.csv.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import recurrent_events

TABLE = Path(__file__).parents[2] / "docs" / "methods" / "tables" / "recurrent_recovery.csv"
SEED = 20_261_130
# effect on the log rate of coming back per standard deviation, people, spread of a person's own rate
POPULATIONS = {
    "no effect, all alike": (0.0, 100, 0.0),
    "no effect, some come back often": (0.0, 100, 1.0),
    "no effect, some come back often, 400 people": (0.0, 400, 1.0),
    "true effect, all alike": (0.4, 100, 0.0),
    "true effect, all alike, 400 people": (0.4, 400, 0.0),
}


def draw(rng: np.random.Generator, effect: float, n: int, spread: float) -> pd.DataFrame:
    """Pauses from day 28 to 84; a person's rate of coming back is gamma with variance `spread`."""
    score = rng.standard_normal(n)
    own = rng.gamma(1 / spread, spread, n) + 0.02 if spread else np.ones(n)
    rows = []
    for person in range(n):
        day = 28.0
        while True:
            start = day + rng.exponential(12)
            if start >= 84:
                break
            stop = start + rng.exponential(8 / (own[person] * np.exp(effect * score[person])))
            rows.append((person, start, min(stop, 84.0), float(stop <= 84), score[person]))
            day = stop
    return pd.DataFrame(rows, columns=["participant", "from", "to", "back", "alliance"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=500)
    given = parser.parse_args()
    lines = []
    for k, (name, (effect, n, spread)) in enumerate(POPULATIONS.items()):
        rng = np.random.default_rng([SEED, k])
        found = []
        for _ in range(given.replications):
            made = recurrent_events(
                draw(rng, effect, n, spread), start="from", stop="to", event="back", predictors=["alliance"]
            )
            row = made.effects.iloc[0]
            true = effect * made.design["standard_deviations"]["alliance"]
            inside = np.log(row["ci_lower"]) <= true <= np.log(row["ci_upper"])
            plain = abs(row["coefficient"] / row["se_plain"]) > 1.96
            found.append((row["coefficient"] - true, row["se"], inside, row["pvalue"] < 0.05, plain))
        bias, se, covered, rejected, plainly = np.array(found, dtype=float).mean(axis=0)
        lines.append(
            {
                "population": name,
                "n": n,
                "true": effect,
                "bias": bias,
                "sd": float(np.std([row[0] for row in found])),
                "mean_se": se,
                "coverage": covered,
                "rejected": rejected,
                "rejected_as_if_independent": plainly,
                "replications": given.replications,
            }
        )
        print(pd.DataFrame(lines[-1:]).round(3).to_string(index=False, header=k == 0), flush=True)
    pd.DataFrame(lines).to_csv(TABLE, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
