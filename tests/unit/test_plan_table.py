"""The planner's table: fits are those of the report, sizes follow the formulas, numbers come out by simulation."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import polygamma
from typer.testing import CliRunner

from analysis.adherence.models.binomial import quasi_binomial
from analysis.adherence.models.counts import count_models
from analysis.adherence.models.survival import cox as cox_of_report
from analysis.adherence.models.threshold import logistic as logistic_of_report
from analysis.power import fits
from analysis.power import plan_table as module
from analysis.power.expected_sizes import SOURCE
from analysis.power.plan_power import plan_power, run_jobs
from analysis.power.plan_table import (
    COUNT,
    HAZARD,
    OUTCOME,
    REACHED,
    REMAINING,
    PlanTable,
    Supposed,
    plan_table,
)
from analysis.simulation.population import load_population
from dta import app
from instrument.errors import DefinitionError, ResponseDataError

PILOT = load_population("dta_example").study
SUPPOSED = Supposed(
    reliability=0.85,
    answered=0.75,
    left=0.15,
    followed=0.6,
    done=0.5,
    spread=0.35,
    days=12.0,
    overdispersion=0.5,
    disengaged=0.4,
    habit=0.4,
    before_alliance=0.2,
    enrolment_days=0.0,
    read_day=float("inf"),
    due_before=4,
    due_after=8,
    landmark_day=28.0,
    use_days=56.0,
    threshold=0.66,
    alpha=0.05,
)
KINDS = [REMAINING, COUNT, HAZARD, REACHED, OUTCOME]


@pytest.fixture(autouse=True)
def small_pilots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer studies before the first number: what is tested here needs no good first number."""
    for name, value in (("PILOT", 50), ("FIRST", 160), ("TRIES", 2), ("PER_ASK", 1)):
        monkeypatch.setattr(module, name, value)


@pytest.fixture(scope="module")
def drawn() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    m, n = 6, 220
    score, other = rng.standard_normal((2, m, n))
    here = rng.random((m, n)) < 0.8
    line = 0.3 * score + 0.4 * other
    p = 1 / (1 + np.exp(-line))
    time = rng.exponential(60 * np.exp(line))
    return {
        "data": fits.standardised([score, other, np.exp(other)], here),
        "done": rng.binomial(8, rng.beta(2 * p, 2 * (1 - p))).astype(float),
        "counts": rng.poisson(np.exp(1.5 + line) * rng.gamma(2, 0.5, (m, n))).astype(float),
        "time": np.minimum(time, 56.0),
        "event": time < 56,
        "due": np.full((m, n), 8.0),
    }


def test_each_fit_is_the_report_s_own(drawn: dict[str, Any]) -> None:
    data, done, due = drawn["data"], drawn["done"], drawn["due"]
    found = {
        REMAINING: fits.logit(data, done, due),
        REACHED: fits.logistic(data, done >= 5),
        COUNT: fits.negative_binomial(data, drawn["counts"]),
        HAZARD: fits.cox(data, drawn["time"], drawn["event"]),
        OUTCOME: fits.linear(data, drawn["counts"]),
    }
    for j in range(len(done)):
        h = data.here[j]
        x = data.x[j][:, h].T
        by_report = {
            REMAINING: (quasi_binomial(x, done[j][h], due[j][h], robust=True), 1, 1e-6),
            REACHED: (logistic_of_report(x, done[j][h] >= 5), 1, 1e-6),
            COUNT: (count_models(x, drawn["counts"][j][h], robust=True).negative_binomial, 1, 1e-3),
            HAZARD: (
                cox_of_report(x[:, 1:], drawn["time"][j][h], drawn["event"][j][h], robust=True),
                0,
                1e-6,
            ),
        }
        for kind, (fit, column, close) in by_report.items():
            estimate, se, p, n = found[kind][j]
            assert estimate == pytest.approx(fit.coefficients[column], rel=1e-5, abs=1e-7), kind
            assert se == pytest.approx(fit.se[column], rel=close), kind
            assert p == pytest.approx(fit.pvalues()[column], rel=20 * close, abs=1e-9), kind
            assert n == h.sum()
        by_hand = sm.OLS(drawn["counts"][j][h], x).fit(cov_type="HC3", use_t=True)
        assert found[OUTCOME][j][:3] == pytest.approx(
            (by_hand.params[1], by_hand.bse[1], by_hand.pvalues[1]), rel=1e-6
        )


def test_what_cannot_be_fitted_is_not_a_number(drawn: dict[str, Any]) -> None:
    data = drawn["data"]
    nothing, all_alike = np.zeros_like(drawn["counts"]), np.full_like(drawn["counts"], 3.0)
    assert np.isnan(fits.negative_binomial(data, nothing)[:, 0]).all()
    assert np.isnan(fits.negative_binomial(data, all_alike)[:, 0]).all()  # no spread beyond Poisson
    assert np.isnan(fits.logit(data, nothing, drawn["due"])[:, 0]).all()
    assert np.isnan(fits.logistic(data, nothing > 0)[:, 0]).all()
    assert np.isnan(fits.cox(data, drawn["time"], np.zeros_like(drawn["event"]))[:, 0]).all()
    constant = fits.standardised([np.ones_like(nothing)], data.here)
    assert np.isnan(fits.linear(constant, drawn["counts"])[:, 0]).all()


def test_sizes_are_those_of_the_latent_answer() -> None:
    made = plan_table(PILOT, {"a": 0.3}, 20, reliability=0.81, overdispersion=0.25)
    rho = 0.3 / 0.9
    step = rho / math.sqrt(1 - rho**2)
    effect = dict(zip(made.table["analysis"], made.table["effect"], strict=True))
    assert effect[REMAINING] == effect[REACHED] == pytest.approx(math.exp(step * math.pi / math.sqrt(3)))
    assert effect[COUNT] == pytest.approx(math.exp(step * math.sqrt(polygamma(1, 4.0))))
    assert effect[HAZARD] == pytest.approx(math.exp(-step * math.pi / math.sqrt(6)))
    assert effect[OUTCOME] == pytest.approx(step)
    assert made.table["analysis"].tolist() == KINDS
    without = plan_table({key: value for key, value in PILOT.items() if key != "outcome"}, {"a": 0.5}, 20)
    assert without.table["analysis"].tolist() == KINDS[:-1]


def test_a_smaller_effect_asks_for_more_people_and_the_published_sizes_are_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[str, float]] = []

    def row(name: str, r: float, kind: str, *_: Any) -> dict[str, Any]:
        seen.append((name, r))
        return {"component": name, "analysis": kind, "reason": ""}

    monkeypatch.setattr(module, "_row", row)
    plan_table(PILOT)
    assert dict(seen) == {"Total": 0.21, "Task": 0.25, "Goal": 0.19, "Bond": 0.12}
    monkeypatch.undo()
    without = {key: value for key, value in PILOT.items() if key != "outcome"}
    made = plan_table(without, {"large": 0.55, "small": 0.35}, 60).table
    n = made.set_index(["analysis", "component"])["n"].unstack().dropna()
    assert (n["small"] > n["large"]).all()


def test_figures_do_not_depend_on_processes_and_are_drawn_again_by_their_seed() -> None:
    jobs = [(part, 4, 60, (COUNT, 0.2, SUPPOSED)) for part in np.random.SeedSequence(3).spawn(3)]
    one, two = (run_jobs(module.replicate_many, jobs, scheduler=None, workers=w, caller="x") for w in (1, 2))
    np.testing.assert_array_equal(np.concatenate(one), np.concatenate(two))


@pytest.mark.parametrize("kind", KINDS)
def test_rolling_enrolment_and_leaving_leave_less_to_find(kind: str) -> None:
    root = np.random.SeedSequence(4)
    worse = replace(SUPPOSED, enrolment_days=100.0, read_day=115.0, left=0.4)
    plain, cut = (
        module.replicate_many(root, 40, 300, (kind, module.slope_of(0.3, kind, of), of))
        for of in (SUPPOSED, worse)
    )
    assert np.isfinite(plain).all() and np.nanmean(cut[:, 3]) < np.mean(plain[:, 3]) + 1
    t_plain, t_cut = (np.nanmean(np.abs(part[:, 0] / part[:, 1])) for part in (plain, cut))
    assert t_cut < t_plain


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"correlations": {"a": 0.95}}, "correlation of a"),
        ({"correlations": {"a": 0.0}}, "correlation of a"),
        ({"answered": 0.0}, "answered"),
        ({"left": 1.0}, "left"),
        ({"days": 0.0}, "days"),
        ({"disengaged": 1.0}, "disengaged"),
        ({"read_day": 20.0, "enrolment_days": 10.0}, "read_day"),
        ({"read_day": 90.0}, "read_day without enrolment_days"),
        ({"target": 1.0}, "target"),
    ],
)
def test_assumptions_outside_their_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(DefinitionError, match=named):
        plan_table(PILOT, **options)


def test_what_is_no_number_and_no_seed_is_told_in_words() -> None:
    with pytest.raises(DefinitionError, match="the correlation of 'a' is no number"):
        plan_table(PILOT, {"a": "large"})  # type: ignore[dict-item]
    for plan in (plan_table, plan_power):
        for seed in (-1, 1.5):
            with pytest.raises(ResponseDataError, match=r"seed is (-1|1\.5)\.\nHint: give a whole number"):
                plan(PILOT, seed=seed)


def test_few_studies_name_no_number() -> None:
    made = plan_table(PILOT, {"a": 0.5}, 20)
    assert made.table["n"].isna().all() and made.table["reason"].str.contains("too few").all()
    tiny = plan_table(PILOT, {"a": 0.004}, 20).table
    assert (tiny["reason"] != "").all() and tiny["n"].isna().all()


def test_the_command_prints_the_table_and_writes_it(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(json.dumps(PILOT), encoding="utf-8")
    out = tmp_path / "table.json"
    said = CliRunner().invoke(
        app, ["plan", "table", str(study), "--size", "large=0.5", "-r", "60", "-o", str(out)]
    )
    assert said.exit_code == 0, said.output
    assert all(kind in said.output for kind in KINDS) and "planner's own" in said.output
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["table"]["analysis"] == KINDS
    wrong = CliRunner().invoke(app, ["plan", "table", str(study), "--size", "large"])
    assert isinstance(wrong.exception, DefinitionError)


def test_a_table_says_what_it_rests_on() -> None:
    made = plan_table(PILOT, {"a": 0.5}, 60)
    assert isinstance(made, PlanTable)
    text = made.summary()
    assert "The correlations are the planner's own" in text and "reliability 0.85" in text
    assert list(made.to_frame()) == list(made.table)
    published = replace(made, source=SOURCE)
    assert "2,864" in published.sentence() and "is an assumption" in published.sentence()


def test_a_seed_draws_again_what_it_drew_another_draws_anew_and_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    sized: dict[str, Any] = {"correlations": {"a": 0.5}, "replications": 20}
    first = plan_table(PILOT, seed=1, progress=lambda *call: told.append(call), **sized).table
    again, other = (plan_table(PILOT, seed=seed, **sized).table for seed in (1, 2))
    drawn = ["analysis", "n", "analysed", "power", "level"]
    assert first[drawn].equals(again[drawn]) and not first[drawn].equals(other[drawn])
    assert first["effect"].equals(other["effect"])
    assert told and told[-1][1] == told[-1][2]
    refused = r"^plan_table: no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'(?s:.)*leave scheduler out"
    with pytest.raises(DefinitionError, match=refused):
        plan_table(PILOT, scheduler="tcp://127.0.0.1:9", **sized)


def test_what_is_supposed_unless_somebody_says_otherwise() -> None:
    supposed = plan_table(PILOT, {"a": 0.5}, 20).assumptions
    said = {name: getattr(SUPPOSED, name) for name in ("answered", "left", "followed", "done", "spread")}
    said |= {"overdispersion": 0.5, "disengaged": 0.4, "habit": 0.4, "before_alliance": 0.2}
    assert {name: supposed[name] for name in said} == said


def test_the_table_on_a_cluster_is_the_table_here() -> None:
    from distributed import LocalCluster

    sized: dict[str, Any] = {"correlations": {"a": 0.5}, "replications": 20}
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster:
        there = plan_table(PILOT, scheduler=cluster.scheduler_address, **sized).table
    assert there.equals(plan_table(PILOT, **sized).table)
