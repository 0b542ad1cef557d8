"""Two latent variables of 400 people, three indicators each at four waves, with drop-out; writes data/panel_latent.csv.

usage: python scripts/panel_latent_data.py   (from tests/reference)
"""

from __future__ import annotations

import numpy as np
import pandas as pd

N, WAVES = 400, 4
LOADINGS = (1.0, 0.8, 1.1)


def main() -> None:
    """Draw and write."""
    rng = np.random.default_rng(11)
    between = rng.multivariate_normal([0, 0], [[0.6, -0.2], [-0.2, 0.5]], N)
    within = rng.multivariate_normal([0, 0], [[1, -0.25], [-0.25, 1]], N)
    own = rng.normal(size=(2, 3, N)) * 0.4
    columns = {}
    for t in range(1, WAVES + 1):
        for v, name in enumerate("ad"):
            level = between[:, v] + within[:, v]
            for j, loading in enumerate(LOADINGS):
                answer = 2 + loading * level + own[v, j] + 0.5 * rng.normal(size=N)
                columns[f"{name}{j + 1}_{t}"] = np.round(answer, 4)
        push = rng.multivariate_normal([0, 0], [[0.8, -0.15], [-0.15, 0.85]], N)
        within = within @ np.array([[0.35, -0.12], [-0.15, 0.3]]) + push
    table = pd.DataFrame(columns)
    for t in range(2, WAVES + 1):
        gone = rng.random(N) < 0.08 * (t - 1)
        table.loc[gone, [name for name in table if name.endswith(f"_{t}")]] = np.nan
    table.to_csv("data/panel_latent.csv", index=False)


if __name__ == "__main__":
    main()
