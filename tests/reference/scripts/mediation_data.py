"""Writes data/mediation.csv: context, four themes of alliance, use before, distress, units done, outcome.

Run in tests/reference: python scripts/mediation_data.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def main() -> None:
    """Draw 320 people along a chain with covariates."""
    rng = np.random.default_rng(71)
    n = 320
    before = rng.integers(0, 5, n).astype(float)
    distress = np.round(20 + 6 * rng.standard_normal(n))
    context = 0.2 * (before - 2) + rng.standard_normal(n)
    true = 0.5 * context - 0.03 * (distress - 20) + 0.8 * rng.standard_normal(n)
    themes = 0.8 * true[:, None] + 0.6 * rng.standard_normal((n, 4))
    done = np.round(np.clip(4 + 0.8 * true + 0.6 * (before - 2) + 2 * rng.standard_normal(n), 0, 8))
    outcome = 18 + 0.5 * (distress - 20) - 0.7 * done - 1.0 * true + 4 * rng.standard_normal(n)
    frame = pd.DataFrame(themes.round(4), columns=[f"t{k}" for k in range(1, 5)])
    frame = frame.assign(
        context=context.round(4), before=before, distress=distress, done=done, outcome=outcome.round(3)
    )
    frame.to_csv("data/mediation.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
