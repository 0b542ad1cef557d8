"""Writes data/many_items.csv: 36 binary and 29 five-point items of 100 people, whose polychorics are indefinite.

Run in tests/reference: python scripts/smoothing_data.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def main() -> None:
    """Draw answers to items of two factors that correlate .4."""
    rng = np.random.default_rng(36)
    factors = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], 100)
    load = 0.7
    spread = np.sqrt(1 - load**2)
    binary = factors[:, np.arange(36) % 2] * load + spread * rng.standard_normal((100, 36))
    likert = factors[:, np.arange(29) % 2] * 0.9 + 0.44 * rng.standard_normal((100, 29))
    frame = pd.DataFrame(
        (binary > np.linspace(-0.9, 0.9, 36)).astype(int), columns=[f"b{k}" for k in range(1, 37)]
    )
    codes = np.digitize(likert + np.linspace(-1, 1, 29), [-1.4, -0.6, 0.3, 1.2]) + 1
    frame = frame.join(pd.DataFrame(codes, columns=[f"m{k}" for k in range(1, 30)]))
    frame.to_csv("data/many_items.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
