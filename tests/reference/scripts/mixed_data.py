"""Ordinal and continuous indicators of two factors with two covariates and two groups; writes data/mixed.csv.

usage: python scripts/mixed_data.py   (from tests/reference)
"""

from __future__ import annotations

import numpy as np
import pandas as pd

N = 420


def main() -> None:
    """Draw and write; a tenth of the answers is missing in the columns that end in `m`."""
    rng = np.random.default_rng(53)
    age, woman = np.round(rng.normal(40, 12, N), 1), (rng.random(N) < 0.6).astype(int)
    first = 0.03 * (age - 40) - 0.3 * woman + 0.8 * rng.normal(size=N)
    second = 0.5 * first + 0.2 * woman + 0.7 * rng.normal(size=N)
    table = {"age": age, "woman": woman, "site": np.where(rng.random(N) < 0.45, "north", "south")}
    for k, loading in enumerate((1.0, 0.8, 0.9, 0.7), start=1):
        direct = 0.4 * woman if k == 3 else 0.0
        response = loading * first + direct + 0.7 * rng.normal(size=N)
        table[f"q{k}"] = 1 + np.searchsorted([-1.1, -0.1, 0.9], response)
    for k, loading in enumerate((1.2, 1.0, 0.8), start=1):
        table[f"y{k}"] = np.round(k + loading * second + 0.9 * rng.normal(size=N), 3)
    frame = pd.DataFrame(table)
    for name in ("q1", "q2", "q3", "q4", "y1", "y2", "y3"):
        frame[f"{name}m"] = frame[name].where(rng.random(N) > 0.1)
        if name.startswith("q"):
            frame[f"{name}m"] = frame[f"{name}m"].astype("Int64")
    frame.to_csv("data/mixed.csv", index=False)


if __name__ == "__main__":
    main()
