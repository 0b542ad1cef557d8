"""Planned power: the same bits for any number of workers, the right size without an effect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.adherence.binomial import quasi_binomial
from analysis.power import PowerResult, plan_power
from analysis.power_draws import _analyse, _inverse
from analysis.simulation import load_population
from instrument.errors import DefinitionError

STUDY = load_population("dta_example").study
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, sys
from distributed import LocalCluster
from analysis.power import plan_power
if __name__ == "__main__":
    study = json.loads(sys.argv[1])
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        plan = plan_power(study, n=(60, 120), replications=60, scheduler=cluster.scheduler_address)
    print(json.dumps({name: [value.hex() for value in plan.table[name].astype(float)] for name in plan.table}))
"""


@pytest.fixture(scope="module")
def serial() -> PowerResult:
    return plan_power(STUDY, n=(60, 120), replications=60)


def bits(table: pd.DataFrame) -> dict[str, list[str]]:
    return {name: [float(value).hex() for value in table[name]] for name in table}


def test_two_workers_give_the_same_bits_as_one(serial: PowerResult) -> None:
    assert bits(plan_power(STUDY, n=(60, 120), replications=60, workers=2).table) == bits(serial.table)


def test_a_dask_cluster_of_two_gives_the_same_bits(serial: PowerResult, tmp_path: Path) -> None:
    program = tmp_path / "plan.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), json.dumps(STUDY)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.strip().splitlines()[-1]) == bits(serial.table)


def test_another_seed_gives_other_figures(serial: PowerResult) -> None:
    other = plan_power(STUDY, n=(60, 120), replications=60, seed=2)
    assert bits(other.table) != bits(serial.table)


def test_the_small_kernel_equals_the_full_model() -> None:
    rng = np.random.default_rng(2)
    score, before = rng.standard_normal(150), rng.binomial(4, 0.5, 150).astype(float)
    done = rng.binomial(8, 1 / (1 + np.exp(-0.4 * score))).astype(float)
    estimate, se, pvalue, n = _analyse(score, before, done, 8.0)
    z = [(v - v.mean()) / v.std(ddof=1) for v in (score, before)]
    fit = quasi_binomial(np.column_stack([np.ones(150), *z]), done, np.full(150, 8.0))
    # Both solve the same equations to 1e-10.
    assert estimate == pytest.approx(fit.coefficients[1], rel=1e-8)
    assert se == pytest.approx(fit.se[1], rel=1e-8)
    assert pvalue == pytest.approx(fit.pvalues()[1], rel=1e-7)
    assert n == 150


def test_inverse_by_elimination() -> None:
    matrix = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
    inverse = _inverse(matrix)
    assert inverse is not None
    np.testing.assert_allclose(inverse @ matrix, np.eye(3), atol=1e-14)
    assert _inverse(np.ones((2, 2))) is None


def test_without_an_effect_the_level_is_kept() -> None:
    plan = plan_power(STUDY, n=(150,), replications=1500, odds_ratio=1.0, before_alliance=0.0)
    found = round(plan.table["power"].item() * 1500)
    # 99.9 % of binomial counts at 5 %: a true level of 5 % fails once in a thousand seeds.
    low, high = stats.binom.ppf([0.0005, 0.9995], 1500, 0.05)
    assert low <= found <= high


def test_power_rises_with_people_effect_and_reliability(serial: PowerResult) -> None:
    assert serial.table["power"].is_monotonic_increasing
    strong = plan_power(STUDY, n=(120,), replications=200, odds_ratio=2.0).table["power"].item()
    noisy = (
        plan_power(STUDY, n=(120,), replications=200, odds_ratio=2.0, reliability=0.3).table["power"].item()
    )
    weak = plan_power(STUDY, n=(120,), replications=200, odds_ratio=1.2).table["power"].item()
    assert strong > noisy > weak


def test_several_ratings_by_the_landmark_are_averaged() -> None:
    study = {**STUDY, "waves": [{"id": "week1", "day": 7, "opens": 7, "closes": 10}, *STUDY["waves"]]}
    plan = plan_power(study, n=(60,), replications=25, reliability=0.6)
    assert plan.assumptions["reliability"] == pytest.approx(2 * 0.6 / 1.6)
    assert (plan.assumptions["due_before"], plan.assumptions["due_after"]) == (4, 8)


def test_the_number_needed_lies_where_power_crosses_the_target() -> None:
    plan = plan_power(STUDY, n=(100, 300), replications=300, odds_ratio=1.6)
    below, above = plan.table["power"]
    assert below < 0.8 < above
    assert 100 < plan.n_for_target < 300
    assert "enrolled" in plan.summary()


@pytest.mark.parametrize(
    "name, value", [("reliability", 0.0), ("odds_ratio", -1.0), ("left", 1.0), ("done", 1.0)]
)
def test_impossible_assumptions_are_named(name: str, value: float) -> None:
    with pytest.raises(DefinitionError, match="outside their range"):
        plan_power(STUDY, replications=1, **{name: value})


def test_impossible_designs_are_refused() -> None:
    with pytest.raises(DefinitionError, match="names no landmark"):
        plan_power({k: v for k, v in STUDY.items() if k != "landmark"})
    with pytest.raises(DefinitionError, match="different n from 20"):
        plan_power(STUDY, n=(5,))
    with pytest.raises(DefinitionError, match="different n from 20"):
        plan_power(STUDY, n=(60, 60))
