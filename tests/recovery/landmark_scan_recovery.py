"""The band over landmarks in known populations: how often it holds everything, and one interval each does not.

`python -m tests.recovery.landmark_scan_recovery [--replications N]` writes
docs/methods/tables/landmark_scan_recovery.csv.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from analysis.adherence.dose.dose_response import sup_t
from analysis.adherence.over_time.joint_landmarks import Landmarked, equal_effects, joint_effects

TABLE = Path(__file__).parents[2] / "docs" / "methods" / "tables" / "landmark_scan_recovery.csv"
SEED, MANY, WEEKS, FIRST, NEW_RATING = 20_261_131, 200_000, 12, 4, 7
# effect of the last rating on the logit of weekly use: before and after the new rating, and people
POPULATIONS = {
    "no effect, 150 people": (0.0, 0.0, 150),
    "no effect, 400 people": (0.0, 0.0, 400),
    "the same effect, 300 people": (0.3, 0.3, 300),
    "only later, 300 people": (0.0, 0.5, 300),
}


def draw(rng: np.random.Generator, n: int, early: float, late: float) -> list[Landmarked]:
    """Weekly use from a cause that is held constant, a habit that is not, and the last rating."""
    known, habit = rng.standard_normal((2, n))
    first = 0.5 * known + rng.standard_normal(n)
    second = 0.7 * first + 0.2 * known + 0.7 * rng.standard_normal(n)
    use = np.empty((n, WEEKS))
    for week in range(WEEKS):
        line = early * first if week < NEW_RATING else late * second
        use[:, week] = rng.random(n) < expit(-0.2 + 0.8 * known + 0.7 * habit + line)
    made = []
    for week in range(FIRST, WEEKS - 1):
        score = first if week < NEW_RATING else second
        x = np.column_stack([np.ones(n), score - score.mean(), known])
        due = np.full(n, float(WEEKS - week))
        made.append(Landmarked(person=np.arange(n), design=x, done=use[:, week:].sum(axis=1), due=due))
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=1000)
    given = parser.parse_args()
    lines = []
    for k, (name, (early, late, n)) in enumerate(POPULATIONS.items()):
        truth = joint_effects(draw(np.random.default_rng([SEED, k]), MANY, early, late), MANY).effects
        truth = np.zeros_like(truth) if early == late == 0 else truth
        rng = np.random.default_rng([SEED, k, 1])
        found = []
        for _ in range(given.replications):
            joint = joint_effects(draw(rng, n, early, late), n)
            se = np.sqrt(np.diag(joint.covariance))
            critical = sup_t(joint.covariance / np.outer(se, se), joint.df, 0.95, 1)
            t = np.abs(joint.effects - truth) / se
            from_none = np.abs(joint.effects) / se
            one = stats.t.ppf(0.975, joint.df)
            found.append(
                (
                    (t <= critical).all(),
                    (t <= one).all(),
                    (t <= one).mean(),
                    (from_none > critical).any(),
                    equal_effects(joint)["pvalue"] < 0.05,
                    np.abs(joint.effects - truth).mean(),
                    critical,
                )
            )
        means = np.array(found, dtype=float).mean(axis=0)
        names = ("band_holds_all", "intervals_hold_all", "coverage_of_one", "any_found", "found_unequal")
        row = {"population": name, "n": n, **dict(zip(names, means, strict=False)), "critical": means[-1]}
        lines.append({**row, "replications": given.replications})
        print(pd.DataFrame(lines[-1:]).round(3).to_string(index=False, header=k == 0), flush=True)
    pd.DataFrame(lines).to_csv(TABLE, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
