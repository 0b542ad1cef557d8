"""Writes data/latent_adherence.csv: nine items of three themes, use before, distress, sessions done of 8.

Run in tests/reference: python scripts/latent_adherence_data.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def main() -> None:
    """Draw 400 people whose sessions follow a second-order factor and earlier use."""
    rng = np.random.default_rng(33)
    n = 400
    alliance = rng.standard_normal(n)
    themes = 0.8 * alliance[:, None] + 0.6 * rng.standard_normal((n, 3))
    loadings = np.tile([0.8, 0.7, 0.75], 3)
    star = np.repeat(themes, 3, axis=1) * loadings
    star += np.sqrt(1 - loadings**2) * rng.standard_normal((n, 9))
    items = np.digitize(star + np.linspace(-0.3, 0.3, 9), [-1.6, -0.8, -0.1, 0.7]) + 1
    before = np.clip(np.rint(2 + 0.4 * alliance + 1.2 * rng.standard_normal(n)), 0, 4)
    distress = np.rint(22 - 1.0 * alliance + 6 * rng.standard_normal(n))
    p = 1 / (1 + np.exp(-(-1.2 + 0.5 * alliance + 0.5 * before)))
    done = rng.binomial(8, rng.beta(3 * p, 3 * (1 - p)))
    frame = pd.DataFrame(items, columns=[f"q{k}" for k in range(1, 10)])
    frame = frame.assign(before=before.astype(int), distress=distress.astype(int), done=done)
    frame.to_csv("data/latent_adherence.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
