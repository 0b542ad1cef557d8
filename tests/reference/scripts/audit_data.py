"""Writes data/audit.csv (two raters, 12 apps, 28 principles) and data/audit_people.csv (people within apps).

Run in tests/reference: python scripts/audit_data.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import instrument

LABELS = np.array(["absent", "unclear", "present"])


def main() -> None:
    """Draw a true state per app and principle, two ratings of it, and people whose scores follow the app."""
    rng = np.random.default_rng(91)
    names = instrument.load("psd_audit").item_ids
    apps = [f"app{k:02d}" for k in range(1, 13)]
    common = rng.beta(1.2, 0.8, len(names))
    true = np.where(rng.random((len(apps), len(names))) < common, 2, 0)
    rows = []
    for rater, slip in (("r1", 0.08), ("r2", 0.14)):
        other = rng.integers(0, 3, true.shape)
        rated = np.where(rng.random(true.shape) < slip, other, true)
        rows += [
            (app, "1.0", rater, name, LABELS[rated[i, j]], "screen" if rated[i, j] else "")
            for i, app in enumerate(apps)
            for j, name in enumerate(names)
        ]
    columns = ["app", "version", "rater", "principle", "rating", "evidence"]
    pd.DataFrame(rows, columns=columns).to_csv("data/audit.csv", index=False, lineterminator="\n")
    sizes = rng.integers(8, 30, len(apps))
    app = np.repeat(np.arange(len(apps)), sizes)
    level = 2 + 1.0 * true.mean(axis=1) / 2 + 0.3 * rng.standard_normal(len(apps))
    age = np.round(35 + 10 * rng.standard_normal(len(app)))
    total = level[app] + 0.01 * (age - 35) + 0.6 * rng.standard_normal(len(app))
    people = pd.DataFrame({"app": [apps[k] for k in app], "age": age.astype(int), "total": total.round(4)})
    people.insert(0, "participant", [f"p{k:03d}" for k in range(len(people))])
    people.to_csv("data/audit_people.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
