"""Planned power: the same bits for any number of workers, the right size without an effect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.adherence.models.binomial import quasi_binomial
from analysis.adherence.models.clusters import clusters_of
from analysis.power.draws import Assumptions, _analyse, _draw, _inverse, analyse_spread, replicate
from analysis.power.plan_power import PowerResult, plan_power
from analysis.power.result import Level, judge_level, needed, why_not
from analysis.simulation.population import load_population
from instrument.errors import DefinitionError
from instrument.study import as_study

STUDY = load_population("dta_example").study
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def serial() -> PowerResult:
    return plan_power(STUDY, n=(60, 120), replications=60)


def bits(table: pd.DataFrame) -> dict[str, list[str]]:
    return {name: [repr(value) for value in table[name].tolist()] for name in table}


def test_two_workers_give_the_same_bits_as_one(serial: PowerResult) -> None:
    assert bits(plan_power(STUDY, n=(60, 120), replications=60, workers=2).table) == bits(serial.table)


def test_another_seed_gives_other_figures(serial: PowerResult) -> None:
    other = plan_power(STUDY, n=(60, 120), replications=60, seed=2)
    assert bits(other.table) != bits(serial.table)


def test_the_small_kernel_equals_the_full_model() -> None:
    rng = np.random.default_rng(2)
    shape = (3, 150)
    score, before = rng.standard_normal(shape), rng.binomial(4, 0.5, shape).astype(float)
    before[1] = np.minimum(before[1], 1.0)
    before[2] = 2.0
    done = rng.binomial(8, 1 / (1 + np.exp(-0.4 * score))).astype(float)
    here = rng.random(shape) < 0.8
    lines = _analyse(score, before, done, here, 8.0)
    early = ([np.log1p(before[0]), before[0]], [before[1]], [])
    for j, columns in enumerate(early):
        z = [(v[here[j]] - v[here[j]].mean()) / v[here[j]].std(ddof=1) for v in (score[j], *columns)]
        n = int(here[j].sum())
        x = np.column_stack([np.ones(n), *z])
        fit = quasi_binomial(x, done[j][here[j]], np.full(n, 8.0), robust=True)
        # Both solve the same equations to 1e-10.
        assert lines[j, 0] == pytest.approx(fit.coefficients[1], rel=1e-8)
        assert lines[j, 1] == pytest.approx(fit.se[1], rel=1e-8)
        assert lines[j, 2] == pytest.approx(fit.pvalues()[1], rel=1e-7)
        assert lines[j, 3] == n


@pytest.mark.parametrize("clustered", [True, False])
def test_clusters_and_unlike_due_are_analysed_as_in_the_report(clustered: bool) -> None:
    rng = np.random.default_rng(6)
    shape = (3, 160)
    score, joined = rng.standard_normal(shape), rng.random(shape) * 90
    before = rng.binomial(4, 0.5, shape).astype(float)
    due = rng.integers(1, 9, shape).astype(float)
    done = rng.binomial(due.astype(int), 1 / (1 + np.exp(-0.4 * score))).astype(float)
    here = rng.random(shape) < 0.8
    place = np.arange(160) // 10
    columns = [np.log1p(before), before, joined]
    lines = analyse_spread(score, columns, done, here, due, place if clustered else None)
    for j, h in enumerate(here):
        z = [(v[h] - v[h].mean()) / v[h].std(ddof=1) for v in (score[j], *(c[j] for c in columns))]
        x = np.column_stack([np.ones(int(h.sum())), *z])
        groups = clusters_of(pd.Series(place[h]), "clinic") if clustered else None
        fit = quasi_binomial(x, done[j][h], due[j][h], clusters=groups, robust=True)
        assert lines[j, 0] == pytest.approx(fit.coefficients[1], rel=1e-8)
        assert lines[j, 1] == pytest.approx(fit.se[1], rel=1e-8)
        assert lines[j, 2] == pytest.approx(fit.pvalues()[1], rel=1e-7)
        assert lines[j, 3] == h.sum()
    # fewer than eight clusters are refused by the report: no estimate here
    few = analyse_spread(score, columns, done, here, due, np.arange(160) // 30)
    assert np.isnan(few[:, :3]).all() and (few[:, 3] == here.sum(axis=1)).all()


def supposed(**changes: Any) -> Assumptions:
    """Assumptions as `plan_power` makes them; without an effect no number of people is looked for."""
    effect = float(np.log(changes.pop("odds_ratio", 1.5)))
    plan = plan_power(STUDY, n=(200,), replications=1, odds_ratio=1.0, **changes)
    left_out = ("odds_ratio", "seed", "effect")
    return Assumptions(**{k: v for k, v in plan.assumptions.items() if k not in left_out}, effect=effect)


def test_what_is_drawn_of_clusters_and_rolling_enrolment() -> None:
    truth = supposed(
        cluster_size=10, cluster_alliance=0.4, cluster_use=0.3, before_alliance=0.0, reliability=1.0
    )
    score, before, _, _, due, _ = _draw(np.random.default_rng(1), 40_000, truth)
    means = score.reshape(-1, 10).mean(axis=1)
    # variance of means of ten: 0.4 + 0.6/10
    assert score.var() == pytest.approx(1, abs=0.03) and means.var() == pytest.approx(0.46, abs=0.03)
    assert (due == 8).all() and before.max() <= 4
    late = supposed(enrolment_days=100.0, read_day=130.0)
    _, _, done, here, due, joined = _draw(np.random.default_rng(1), 5_000, late)
    weeks = np.minimum(np.floor((130 - joined - 28) / 7), 8)
    np.testing.assert_array_equal(due, np.maximum(weeks, 0))
    assert (done <= due).all() and not here[due == 0].any() and (due == 0).any()


def test_clusters_and_a_log_read_early_cost_power() -> None:
    seeds = np.random.SeedSequence(4).spawn(150)

    def power(truth: Assumptions) -> tuple[float, float]:
        lines = replicate(seeds, 200, truth)
        return float((lines[:, 2] < 0.05).mean()), float(lines[:, 3].mean())

    alone, everyone = power(supposed())
    clinics, _ = power(supposed(cluster_size=20, cluster_use=0.3, cluster_alliance=0.3))
    early, analysed = power(supposed(enrolment_days=100.0, read_day=110.0))
    assert clinics < alone - 0.05 and early < alone - 0.05
    assert analysed < 0.9 * everyone
    assert supposed(enrolment_days=100.0).read_day == 184.0


def test_studies_that_cannot_be_analysed_stand_beside_others() -> None:
    rng = np.random.default_rng(3)
    score, before = rng.standard_normal((4, 40)), rng.binomial(4, 0.5, (4, 40)).astype(float)
    done = rng.binomial(8, 0.5, (4, 40)).astype(float)
    done[1] = 0.0
    done[2] = 8.0 * (score[2] > 0)
    here = np.ones((4, 40), dtype=bool)
    here[3, 9:] = False
    lines = _analyse(score, before, done, here, 8.0)
    assert np.isfinite(lines[0]).all()
    assert np.isnan(lines[1:, :3]).all()
    assert lines[:, 3].tolist() == [40.0, 40.0, 40.0, 9.0]


def test_inverse_by_elimination() -> None:
    matrix = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
    inverse = _inverse(np.array([matrix, np.ones((3, 3))]))
    np.testing.assert_allclose(inverse[0] @ matrix, np.eye(3), atol=1e-14)
    assert np.isnan(inverse[1]).any()


# 99.9 % of binomial counts at 5 %: a true level of 5 % leaves them once in a thousand seeds.
def within_limits(level: float, replications: int) -> bool:
    low, high = stats.binom.ppf([0.0005, 0.9995], replications, 0.05)
    return bool(low <= round(level * replications) <= high)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"before_alliance": 0.7, "earlier_odds_ratio": 5.0},
        {"left": 0.5, "done": 0.3, "reliability": 0.5},
    ],
    ids=str,
)
def test_the_level_is_kept_whatever_is_supposed_of_what_is_measured(changed: dict[str, float]) -> None:
    row = plan_power(STUDY, n=(120,), replications=800, odds_ratio=1.0, **changed).table.iloc[0]
    assert within_limits(row["level"], 800)
    assert row["level_state"] != Level.OFF
    assert row["level_lower"] < row["level"] < row["level_upper"]
    assert abs(row["null_estimate"]) < 4 * row["sd_estimate"] / np.sqrt(800)
    assert row["power"] == row["level"]


@pytest.mark.parametrize("odds_ratio", [1.0, 1.35, 1 / 1.35])
def test_a_hidden_cause_makes_no_design_adequate(odds_ratio: float) -> None:
    plan = plan_power(STUDY, n=(400,), replications=200, hidden_cause=0.3, odds_ratio=odds_ratio)
    assert not plan.adequate
    assert np.isnan(plan.n_for_target)
    assert plan.table["level_state"].iloc[-1] == Level.OFF
    assert plan.table["level"].iloc[-1] > 0.15
    # With confounding alone the estimate is far from nothing.
    assert plan.table["null_estimate"].iloc[-1] > 0.08
    assert not plan.table["asked"].any()
    assert len(plan.sensitivity) == 0
    worst = f"{plan.table['level'].iloc[-1]:.1%} of those with 400 people find one, where 5.0% may"
    assert worst in plan.sentence()
    assert "counts confounding" in plan.summary()


def test_the_level_does_not_depend_on_the_effect_supposed() -> None:
    levels = [
        plan_power(STUDY, n=(60,), replications=50, odds_ratio=ratio).table["level"].iloc[0]
        for ratio in (1.0, 3.0)
    ]
    assert levels[0] == levels[1] > 0


def test_an_effect_the_wrong_way_round_is_not_found() -> None:
    # The hidden cause makes harm look like help: significant, but not what was asked for.
    how = {"n": (400,), "replications": 100, "hidden_cause": 0.8}
    harm = plan_power(STUDY, odds_ratio=1 / 1.1, **how).table.iloc[0]
    assert harm["mean_estimate"] > 0 and harm["power"] == 0
    assert harm["level"] > 0.9


def test_the_level_is_judged_by_chance_and_by_size() -> None:
    # Of 1,000 at 5 %: 995 of 1,000 counts are at most 69; 1.1 times the level is 55.
    assert stats.binom.ppf(0.995, 1000, 0.05) == 69
    assert judge_level(70, 1000, 0.05) == Level.OFF
    assert judge_level(69, 1000, 0.05) == Level.UNDECIDED
    assert judge_level(58, 1000, 0.05) == Level.HELD
    assert judge_level(0, 1000, 0.05) == Level.HELD
    # Chance explains no 5.4 % of a million, but so little does no harm.
    assert judge_level(54_000, 1_000_000, 0.05) == Level.HELD
    assert judge_level(56_000, 1_000_000, 0.05) == Level.OFF
    assert judge_level(1, 20, 0.05) == Level.UNDECIDED
    assert judge_level(150, 1000, 0.10) == Level.OFF
    assert judge_level(100, 1000, 0.10) == Level.HELD


def test_too_few_replications_name_no_number() -> None:
    plan = plan_power(STUDY, n=(100,), replications=10, odds_ratio=3.0)
    assert plan.table["asked"].any()
    assert plan.table["level_state"].iloc[-1] == Level.UNDECIDED
    assert not plan.adequate and np.isnan(plan.n_for_target)
    assert "40 simulated studies are too few" in plan.sentence()


def test_a_design_of_impossible_size_is_not_adequate() -> None:
    plan = plan_power(STUDY, n=(60,), replications=200, odds_ratio=1.01)
    assert not plan.adequate and not plan.table["asked"].any()
    assert "none of these numbers finds it" in plan.sentence()


def test_reasons_come_from_the_rows() -> None:
    row = {"n": 100, "asked": True, "replications": 40, "level": 0.05, "level_state": Level.HELD}
    asked = pd.DataFrame([row])
    assert why_not(asked, alpha=0.05, odds_ratio=1.5, most=100) == ""
    assert "level only" in why_not(asked, alpha=0.05, odds_ratio=1.0, most=100)
    off = pd.DataFrame([{**row, "asked": False, "level": 0.2, "level_state": Level.OFF}, row])
    assert why_not(off, alpha=0.05, odds_ratio=1.5, most=100).startswith(
        "of studies without an effect, 20.0%"
    )
    assert "more than 100 are needed" in why_not(off.iloc[:0], alpha=0.05, odds_ratio=1.5, most=100)


def test_the_first_number_comes_from_the_normal_curve() -> None:
    z = stats.norm.ppf(0.975)
    n = np.array([100.0, 300.0])
    power = stats.norm.cdf(0.16 * np.sqrt(n) - z)
    rows = pd.DataFrame({"n": n, "power": power, "ci_lower": power - 0.02, "replications": 1000})
    expected = ((stats.norm.ppf(0.8) + z) / 0.16) ** 2
    assert needed(rows, 0.05, 0.8) == pytest.approx(expected, rel=1e-9)
    assert np.isnan(needed(rows.assign(ci_lower=0.04), 0.05, 0.8))
    assert needed(rows.assign(power=1.0), 0.05, 0.8) == 50.0


def test_power_rises_with_people_effect_and_reliability(serial: PowerResult) -> None:
    given = serial.table[~serial.table["asked"]]
    assert given["power"].is_monotonic_increasing
    how = {"n": (120,), "replications": 60}
    strong, noisy, weak = (
        plan_power(STUDY, odds_ratio=ratio, reliability=reliability, **how).table["power"].iloc[0]
        for ratio, reliability in ((3.0, 0.85), (3.0, 0.3), (1.5, 0.85))
    )
    assert strong > noisy > weak


def test_several_ratings_by_the_landmark_are_averaged() -> None:
    study = {**STUDY, "waves": [{"id": "week1", "day": 7, "opens": 7, "closes": 10}, *STUDY["waves"]]}
    plan = plan_power(study, n=(60,), replications=25, reliability=0.6)
    assert plan.assumptions["reliability"] == pytest.approx(2 * 0.6 / 1.6)
    assert (plan.assumptions["due_before"], plan.assumptions["due_after"]) == (4, 8)
    form = {"id": "f", "title": {"en": "F"}, "waves": ["week1"]}
    form["questions"] = [{"id": "n", "kind": "number", "text": {"en": "?"}}]
    formal = [{**study["waves"][0], "scale": False}, *STUDY["waves"]]
    plan = plan_power({**study, "waves": formal, "forms": [form]}, n=(60,), replications=25, reliability=0.6)
    assert plan.assumptions["reliability"] == pytest.approx(0.6)  # forms alone rate nothing


def test_the_number_asked_for_is_itself_simulated() -> None:
    plan = plan_power(STUDY, n=(100, 300), replications=300, odds_ratio=1.6)
    given = plan.table[~plan.table["asked"]]
    below, above = given["power"]
    assert below < 0.8 < above
    assert plan.adequate and plan.reason == ""
    assert 100 < plan.n_for_target < 300
    asked = plan.table[plan.table["asked"]].iloc[-1]
    assert asked["n"] == plan.n_for_target
    assert asked["replications"] == 1200
    assert asked["power"] == pytest.approx(0.8, abs=0.03)  # 2.6 standard errors of 1,200 studies
    assert asked["level_state"] == Level.HELD
    assert plan.sensitivity["hidden_cause"].tolist() == [0.1, 0.2, 0.3]
    assert plan.sensitivity["level"].is_monotonic_increasing
    said = plan.sentence()
    assert f"About {plan.n_for_target:.0f} people enrolled are needed" in said
    assert f"{asked['power']:.1%}, and found something in {asked['level']:.1%}" in said
    assert f"would be {plan.sensitivity['level'].iloc[-1]:.1%}." in said


def test_fewer_than_the_fewest_are_not_asked_for() -> None:
    plan = plan_power(STUDY, n=(60,), replications=100, odds_ratio=1e4, reliability=1.0, target=0.2)
    assert plan.table["n"].min() >= 20


@pytest.mark.parametrize(
    "name, value",
    [
        ("reliability", 0.0),
        ("odds_ratio", -1.0),
        ("left", 1.0),
        ("done", 1.0),
        ("hidden_cause", 1.0),
        ("cluster_size", 0),
        ("cluster_size", 2.5),
        ("enrolment_days", -1.0),
        ("enrolment_days", float("inf")),
    ],
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
    with pytest.raises(DefinitionError, match="read_day is given, but all start together"):
        plan_power(STUDY, read_day=100.0)
    for name, value in (("cluster_use", 1.0), ("cluster_alliance", -0.1)):
        with pytest.raises(DefinitionError, match=f"outside their range: {name}"):
            plan_power(STUDY, cluster_size=5, **{name: value})
    with pytest.raises(DefinitionError, match="give n from 160"):
        plan_power(STUDY, cluster_size=20)
    with pytest.raises(DefinitionError, match="outside their range: read_day"):
        plan_power(STUDY, enrolment_days=50.0, read_day=20.0)
    refused = r"^plan_power: no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'(?s:.)*leave scheduler out"
    with pytest.raises(DefinitionError, match=refused):
        plan_power(STUDY, n=(60,), replications=1, scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize(
    ("feature", "rating", "said"),
    [
        (
            "",
            "",
            "does not name a feature .* .unrelated_kind. or a rating .* .unrelated_rating., as this one",
        ),
        ("", "weather", "does not name a feature that alliance has no reason to move .unrelated_kind., as"),
        ("radio", "", "does not name a rating that has no reason to move use .unrelated_rating., as this"),
        (
            "radio played",
            "weather",
            "apart from use of radio played, from the rating of weather and from use",
        ),
    ],
)
def test_the_number_asked_for_is_told_from_what_lets_a_claim_be_supported(
    feature: str, rating: str, said: str
) -> None:
    row = {"n": 200, "asked": True, "power": 0.8, "level": 0.05}
    made = PowerResult(
        table=pd.DataFrame([row]),
        n_for_target=200.0,
        target=0.8,
        adequate=True,
        reason="",
        sensitivity=pd.DataFrame([{"hidden_cause": 0.3, "level": 0.2}]),
        assumptions={"odds_ratio": 1.5, "alpha": 0.05},
        feature=feature,
        rating=rating,
    )
    assert re.search(said, made.sentence()) and "To find it is not to have it supported" in made.sentence()


def test_the_feature_is_that_of_the_study_file(serial: PowerResult) -> None:
    study = as_study(STUDY)
    named = study.model_copy(update={"unrelated_kind": "radio_played", "unrelated_rating": "the_weather"})
    made = plan_power(named, n=(60,), replications=20)
    assert (made.feature, made.rating) == ("radio played", "the weather")
    assert serial.feature == (study.unrelated_kind or "").replace("_", " ")


def test_a_level_that_is_off_at_one_number_names_none_at_all() -> None:
    """At 40 people chance hides the confounding that 800 show."""
    found = plan_power(STUDY, n=(40, 800), replications=200, hidden_cause=0.3)
    states = found.table.set_index("n")["level_state"]
    assert states[800] == "off" and states[40] != "off"
    assert np.isnan(found.n_for_target) and not found.table["asked"].any()


def test_ten_people_of_a_simulated_study_can_be_analysed_and_nine_cannot() -> None:
    rng = np.random.default_rng(2)
    score, before, done = (
        rng.normal(size=(1, 12)),
        rng.integers(1, 5, (1, 12)).astype(float),
        rng.integers(1, 6, (1, 12)),
    )
    for n in (9, 10):
        here = (np.arange(12) < n)[None, :]
        found = _analyse(score, before, done.astype(float), here, 8.0)
        assert np.isfinite(found[0, 0]) == (n == 10)
