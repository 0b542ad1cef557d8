"""Make tests/reference/data/context_over_time.csv: three dimensions and a context, asked twice.

Run from the repository's root: python tests/reference/scripts/context_data.py
The context at the first wave leads the general factor at the second (0.30), and not the reverse (0).
"""

from pathlib import Path

import numpy as np
import pandas as pd

N = 700
CUTS = np.array([-1.4, -0.6, 0.2, 1.0])
THEMES = {
    "a": ["q1", "q2", "q3"],
    "b": ["q4", "q5", "q6"],
    "c": ["q7", "q8", "q9"],
    "k": ["q10", "q11", "q12"],
}


def main() -> None:
    rng = np.random.default_rng(20240611)
    first = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], N)  # general factor, context
    push = rng.multivariate_normal([0, 0], [[1, 0.2], [0.2, 1]], N)
    general = 0.5 * first[:, 0] + 0.3 * first[:, 1] + np.sqrt(1 - 0.49) * push[:, 0]
    context = 0.6 * first[:, 1] + np.sqrt(1 - 0.36) * push[:, 1]
    second = np.column_stack([general, context])
    lasting = {item: rng.normal(size=N) for items in THEMES.values() for item in items}
    own = {theme: rng.normal(size=N) for theme in "abc"}
    frames = []
    for wave, state in ((1, first), (2, second)):
        table = {"participant": [f"p{k:03d}" for k in range(1, N + 1)], "wave": wave}
        for theme, items in THEMES.items():
            fresh = rng.normal(size=N)
            factor = state[:, 1]
            if theme != "k":
                factor = 0.8 * state[:, 0] + 0.6 * (0.6 * own[theme] + 0.8 * fresh)
            for item in items:
                noise = np.sqrt(0.3) * lasting[item] + np.sqrt(0.7) * rng.normal(size=N)
                table[item] = 1 + np.searchsorted(CUTS, 0.75 * factor + np.sqrt(1 - 0.75**2) * noise)
        frames.append(pd.DataFrame(table))
    frames[1] = frames[1].loc[rng.random(N) < 0.8]
    pd.concat(frames).to_csv(
        Path("tests/reference/data/context_over_time.csv"), index=False, lineterminator="\n"
    )


if __name__ == "__main__":
    main()
