"""Where earlier use moves the rating and ratings move use: simulation of what follows finds the effect.

`python -m tests.recovery.test_g_formula_recovery` writes docs/methods/tables/g_formula_recovery.csv.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.over_time.g_formula import g_formula
from analysis.adherence.over_time.marginal_structural import HELD, UNWEIGHTED, WEIGHTED, marginal_structural
from tests.recovery.test_marginal_recovery import BY_USE, FROM_USE, WEEKS, draw

SEED, REPLICATIONS, PEOPLE = 20_261_130, 150, 1_000
TABLE = Path(__file__).resolve().parents[2] / "docs" / "methods" / "tables" / "g_formula_recovery.csv"
# people stop who use little; the effect of this week's alliance
POPULATIONS = {"effect, low use stops": 0.3, "this week's alliance does nothing, low use stops": 0.0}
BY_COURSES = "g-formula"


def truth(effect: float) -> float:
    """One more at all times, at the last of them: by itself, and by use."""
    return effect + BY_USE * FROM_USE


def study(population: str, replications: int = REPLICATIONS, draws: int = 60) -> pd.DataFrame:
    """Estimates of what always one more does to the last outcome, by model."""
    effect = POPULATIONS[population]
    rng = np.random.default_rng([SEED, list(POPULATIONS).index(population)])
    rows = []
    for number in range(replications):
        data = draw(rng, PEOPLE, effect, True, 0.25)
        given = {"exposure": "alliance", "outcome": "after", "varying": ["use"]}
        made = g_formula(data, set_to=[0, 1], draws=draws, seed=number, **given)
        last = made.effects[made.effects["time"] == WEEKS].set_index("strategy")
        one, none = last.loc["always 1"], last.loc["always 0"]
        rows.append((BY_COURSES, one["mean"] - none["mean"], made.course["holds"].all()))
        weighed = marginal_structural(data, **given).effects
        rows += [
            (name, weighed.loc[weighed["model"] == name, "estimate"].sum(), True)
            for name in (WEIGHTED, UNWEIGHTED, HELD)
        ]
    table = pd.DataFrame(rows, columns=["model", "estimate", "met"])
    found = table.groupby("model", sort=False).agg(
        mean=("estimate", "mean"), sd=("estimate", "std"), met=("met", "mean"), replications=("met", "size")
    )
    true = truth(effect)
    found = found.assign(truth=true, bias=(found["mean"] - true) / true).reset_index()
    found.insert(0, "population", population)
    return found


def test_the_committed_table_holds_what_was_asked() -> None:
    """Plain models are off by about half and more, simulation and weights by less than 3 %."""
    rows = pd.read_csv(TABLE)
    assert set(rows["population"]) == set(POPULATIONS) and (rows["replications"] >= 100).all()
    error = rows["sd"] / rows["replications"] ** 0.5 / rows["truth"]
    for model in (BY_COURSES, WEIGHTED):
        mine = rows["model"] == model
        assert (rows.loc[mine, "bias"].abs() < 0.03 + 2 * error[mine]).all()
    plain = rows[rows["model"].isin([UNWEIGHTED, HELD])]
    assert (plain["bias"].abs() > 0.48).all() and (plain["bias"].abs() > 0.5).sum() == 3
    assert (rows.loc[rows["model"] == BY_COURSES, "bias"].abs() < 0.03).all()
    assert (rows["met"] > 0.95).all()


@pytest.mark.parametrize("population", POPULATIONS)
def test_a_few_studies_agree_with_the_table(population: str) -> None:
    made = study(population, 6, draws=20).set_index("model")
    table = pd.read_csv(TABLE).query("population == @population").set_index("model")
    assert made.loc[BY_COURSES, "mean"] == pytest.approx(
        table.loc[BY_COURSES, "mean"], abs=4 * table.loc[BY_COURSES, "sd"] / 6**0.5
    )


def main() -> None:
    parts = [study(population, draws=20) for population in POPULATIONS]
    pd.concat(parts).to_csv(TABLE, index=False, float_format="%.5g")


if __name__ == "__main__":
    main()
