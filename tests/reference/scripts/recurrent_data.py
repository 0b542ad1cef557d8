"""Draw tests/reference/data/recurrent.csv: pauses in use of an app that people come back from, or do not.

`python tests/reference/scripts/recurrent_data.py`; days are whole, so that many events are tied.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd


def main() -> None:
    """Draw the pauses of 140 people of twelve clinics."""
    rng = np.random.default_rng(20_261_130)
    rows = []
    for person in range(140):
        alliance, distress = rng.normal(size=2).round(3)
        woman, own, day = int(rng.random() < 0.6), rng.gamma(2.0, 0.5), 28
        while day < 84:
            begins = day + rng.geometric(0.08)
            if begins >= 84:
                break
            away = rng.geometric(min(0.95, 0.05 * own * np.exp(0.4 * alliance - 0.2 * distress)))
            stop = min(begins + away, 84)
            returned = int(begins + away <= 84)
            rows.append(
                (f"p{person:03d}", f"c{person % 12}", begins, stop, returned, alliance, distress, woman)
            )
            day = stop
    columns = ["participant", "clinic", "start", "stop", "event", "alliance", "distress", "woman"]
    out = Path(__file__).parents[1] / "data" / "recurrent.csv"
    pd.DataFrame(rows, columns=columns).to_csv(out, index=False)


if __name__ == "__main__":
    main()
