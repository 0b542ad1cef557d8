"""Make `tests/reference/data/marginal.csv`: made-up people over four weeks, some of whom stop."""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parents[1]


def table(n: int = 240, weeks: int = 4, seed: int = 17) -> pd.DataFrame:
    """Rows of person and week; exposure is missing from the week in which a person stops."""
    rng = np.random.default_rng(seed)
    habit, distress = rng.normal(size=n), rng.normal(size=n)
    sex = rng.choice(["woman", "man"], n)
    alliance, earlier, sessions = np.zeros(n), np.zeros(n), np.zeros(n)
    here, rows = np.ones(n, dtype=bool), []
    for week in range(1, weeks + 1):
        minutes = 10 + 2 * habit + 0.8 * earlier + 0.4 * sessions + rng.normal(size=n)
        if week > 1:
            here = here & (rng.random(n) < 1 / (1 + np.exp(-(2.5 + 0.2 * (minutes - 10)))))
        alliance = 0.4 * alliance + 0.2 * (minutes - 10) - 0.3 * distress + rng.normal(size=n)
        reminded = (rng.random(n) < 1 / (1 + np.exp(-0.25 * (minutes - 10)))).astype(float)
        sessions = 4 + 0.3 * alliance + 0.5 * reminded + 0.5 * habit + rng.normal(size=n)
        earlier = (earlier * (week - 1) + alliance) / week
        columns = {"participant": [f"p{i:03}" for i in range(n)], "week": week, "sex": sex}
        part = pd.DataFrame({**columns, "distress": distress, "minutes": minutes, "alliance": alliance})
        part = part.assign(reminded=reminded, sessions=sessions, active=(sessions > 4.3).astype(float))
        part.loc[~here, ["alliance", "reminded", "sessions", "active"]] = np.nan
        rows.append(part)
    return pd.concat(rows, ignore_index=True).round(4)


if __name__ == "__main__":
    table().to_csv(HERE / "data" / "marginal.csv", index=False)
