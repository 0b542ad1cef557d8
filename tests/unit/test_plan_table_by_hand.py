"""The table of the planner counts made-up studies: of which, of how many, and when it asks again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import polygamma

import analysis
from analysis.power import plan_table as module
from analysis.power.expected_sizes import SOURCE
from analysis.power.plan_table import COUNT, HAZARD, OUTCOME, REACHED, REMAINING, Supposed, slope_of
from analysis.power.result import Level
from instrument.study import as_study
from tests.unit.test_usage_summary import STUDY

Made = Callable[[int, int, float], tuple[float, float, float, float]]


def table_of(monkeypatch: pytest.MonkeyPatch, line: Made, **options: Any) -> Any:
    """The table from made-up studies: `line` gives one by its number, its size and the effect supposed."""
    asked: dict[tuple[int, float], int] = {}

    def replicate_many(root: Any, studies: int, n: int, job: tuple[Any, ...]) -> np.ndarray:
        rows = []
        for _ in range(studies):
            asked[n, job[1]] = asked.get((n, job[1]), -1) + 1
            rows.append(line(asked[n, job[1]], n, job[1]))
        return np.array(rows, dtype=float)

    monkeypatch.setattr(module, "replicate_many", replicate_many)
    given = {"correlations": {"own": 0.2}, "replications": 25}
    return analysis.plan_table(STUDY, **(given | options))


def found_in(share: float, error: float = 0.1) -> Made:
    """Pilots whose estimates spread by so much, and a share of 100 studies that find the effect."""

    def line(number: int, size: int, effect: float) -> tuple[float, float, float, float]:
        spread = error * (1 if number % 2 else -1) if size == module.FIRST else 0.0
        significant = effect != 0 and number % 100 < round(100 * share)
        return (effect + spread, error, 0.01 if significant else 0.6, size / 2)

    return line


def test_power_level_and_failures_are_counted_among_all_studies(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = (np.nan, np.nan, np.nan, 30.0)

    def line(number: int, size: int, effect: float) -> tuple[float, float, float, float]:
        if size == module.FIRST and number < module.PILOT:
            return (effect + (0.3 if number % 2 else -0.3), 0.1, 0.5, 90.0)
        k = number % 100
        if effect == 0:
            return nothing if k < 3 else (0.1, 0.2, 0.01 if k < 7 else 0.5, 70.0)
        if k < 10:
            return nothing
        right = math.copysign(0.4, effect) * (1 if k < 90 else -1)
        return (right, 0.2, 0.01, 50.0)

    for row in table_of(monkeypatch, line).table.to_dict("records"):
        assert row["replications"] == 100 and row["failed"] == 10
        assert row["power"] == 0.8 and row["level"] == 0.04
        limits = stats.binomtest(4, 100).proportion_ci(method="wilson")
        assert (row["level_lower"], row["level_upper"]) == (limits.low, limits.high)
        assert row["analysed"] == 0.1 * 30 + 0.9 * 50


def test_people_are_whole_and_rounded_up_from_the_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table_of(monkeypatch, found_in(0.8, error=0.3)).table
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert len(rows) >= 4
    for row in rows.to_dict("records"):
        slope = row["effect"] if row["analysis"] == OUTCOME else math.log(row["effect"])
        sd = float(np.std([-0.3, 0.3] * (module.PILOT // 2), ddof=1))
        expected = max(module.SMALLEST, math.ceil((z * sd * math.sqrt(module.FIRST) / abs(slope)) ** 2))
        assert row["n"] == expected and row["level_state"] == Level.HELD
        assert np.isnan(row["n"]) == bool(row["reason"])


def test_the_search_ends_within_a_hundredth_of_the_power_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[set[int]] = []
    for share in (0.8, 0.78):
        seen: set[int] = set()
        made = found_in(share, error=0.5)

        def line(number: int, size: int, effect: float, seen: Any = seen, made: Made = made) -> Any:
            seen.add(size)
            return made(number, size, effect)

        table_of(monkeypatch, line, replications=250)
        sizes.append(seen - {module.FIRST})
    assert len(sizes[1]) > len(sizes[0])  # .78 is not .80: it is asked again


def test_more_people_than_are_tried_and_pilots_that_fail_have_a_reason_and_no_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    far = table_of(monkeypatch, found_in(0.8, error=50.0)).table
    assert far["n"].isna().all() and set(far["reason"]) == {f"more than {module.MOST} people are needed."}
    half = module.PILOT // 2

    def failing(number: int, size: int, effect: float) -> tuple[float, float, float, float]:
        if number % module.PILOT < half + 1:
            return (np.nan, np.nan, np.nan, 0.0)
        return found_in(0.8)(number, size, effect)

    few = table_of(monkeypatch, failing).table
    assert few["n"].isna().all() and (few["replications"] == 0).all()
    assert set(few["reason"]) == {f"most simulated studies of {module.FIRST} could not be analysed."}


def test_what_is_supposed_is_told_with_what_follows_from_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    study = as_study(STUDY)
    made = table_of(monkeypatch, found_in(0.8))
    said = made.assumptions
    assert said["days"] == 1.5 * said["due_after"] != 1.5 * said["due_before"]
    assert said["read_day"] == study.study_days and said["seed"] == 1 and said["reliability"] == 0.85
    assert made.source != SOURCE and "planner's own" in made.sentence()
    later = table_of(monkeypatch, found_in(0.8), enrolment_days=20.0, days=7.0).assumptions
    assert later["read_day"] == 20 + study.study_days and later["days"] == 7.0
    usual = table_of(monkeypatch, found_in(0.8), correlations=None)
    assert usual.source == SOURCE and SOURCE in usual.sentence()
    without = {key: value for key, value in STUDY.items() if key != "outcome"}
    monkeypatch.setattr("tests.unit.test_plan_table_by_hand.STUDY", without)
    assert OUTCOME not in set(table_of(monkeypatch, found_in(0.8)).table["analysis"])
    monkeypatch.setattr("tests.unit.test_plan_table_by_hand.STUDY", {**without, "outcome": "mood"})
    assert OUTCOME in set(table_of(monkeypatch, found_in(0.8)).table["analysis"])


def test_two_ratings_by_the_landmark_are_as_reliable_as_their_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    waves = [
        {"id": 1, "day": 7, "opens": 5, "closes": 14},
        {"id": 2, "day": 21, "opens": 21, "closes": 28},
    ]
    twice = {**STUDY, "waves": waves, "landmark": {"wave": 2, "day": 28}}
    monkeypatch.setattr("tests.unit.test_plan_table_by_hand.STUDY", twice)
    said = table_of(monkeypatch, found_in(0.8), reliability=0.7).assumptions
    assert said["reliability"] == pytest.approx(2 * 0.7 / 1.7)


def supposed(**changes: Any) -> Supposed:
    given: dict[str, Any] = {
        **{"reliability": 0.81, "answered": 1.0, "left": 0.0, "followed": 1.0, "done": 0.5, "spread": 0.0},
        **{"days": 20.0, "overdispersion": 0.5, "disengaged": 0.4, "habit": 0.0, "before_alliance": 0.0},
        **{
            "enrolment_days": 0.0,
            "read_day": math.inf,
            "due_before": 4,
            "due_after": 8,
            "landmark_day": 28.0,
        },
        **{"use_days": 56.0, "threshold": 0.5, "alpha": 0.05},
    }
    return Supposed(**(given | changes))


def test_a_correlation_becomes_a_slope_on_the_scale_of_each_analysis() -> None:
    rho = 0.27 / 0.9
    plain = rho / math.sqrt(1 - rho**2)
    assert slope_of(0.27, OUTCOME, supposed()) == pytest.approx(plain)
    for kind in (REMAINING, REACHED):
        assert slope_of(0.27, kind, supposed()) == pytest.approx(plain * math.pi / math.sqrt(3))
    assert slope_of(0.27, HAZARD, supposed()) == pytest.approx(-plain * math.pi / math.sqrt(6))
    assert slope_of(0.27, COUNT, supposed()) == pytest.approx(plain * math.sqrt(polygamma(1, 2.0)))


def drawn(monkeypatch: pytest.MonkeyPatch, kind: str, **changes: Any) -> dict[str, Any]:
    """What reaches the model of one analysis, of 4,000 people of one study."""
    told: dict[str, Any] = {}
    names = {
        REMAINING: "logit",
        REACHED: "logistic",
        COUNT: "negative_binomial",
        HAZARD: "cox",
        OUTCOME: "linear",
    }

    def kept(data: Any, *rest: Any) -> np.ndarray:
        told["rest"] = rest
        return np.zeros((1, 4))

    def standardised(columns: Any, here: Any) -> Any:
        told.update(columns=columns, here=here)
        return None

    monkeypatch.setattr(module, names[kind], kept)
    monkeypatch.setattr(module, "standardised", standardised)
    module.replicate_many(np.random.SeedSequence(1), 1, 4000, (kind, 0.0, supposed(**changes)))
    return told


def test_who_is_analysed_answers_or_is_followed_and_was_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = {
        kind: drawn(monkeypatch, kind, answered=0.7, followed=0.4)["here"].mean()
        for kind in (REMAINING, REACHED, COUNT, HAZARD, OUTCOME)
    }
    assert all(abs(share - (0.4 if kind == OUTCOME else 0.7)) < 0.03 for kind, share in shares.items())
    gone = {kind: drawn(monkeypatch, kind, left=0.3)["here"].mean() for kind in (REMAINING, HAZARD, COUNT)}
    assert gone[REMAINING] == gone[COUNT] == 1.0 and abs(gone[HAZARD] - 0.7) < 0.03
    # the log is read on day 100 of 60 days of enrolment: the last to come were watched for 12 days after day 28
    early = {"enrolment_days": 60.0, "read_day": 100.0}
    watched = {kind: drawn(monkeypatch, kind, **early) for kind in (REMAINING, COUNT, HAZARD, OUTCOME)}
    assert len(watched[COUNT]["columns"]) == 4  # with the day of enrolment
    assert watched[COUNT]["here"].all() and watched[HAZARD]["here"].all()
    assert abs(watched[OUTCOME]["here"].mean() - 16 / 60) < 0.03  # followed to the end of use
    assert watched[REMAINING]["rest"][1].min() == 1 and watched[REMAINING]["rest"][1].max() == 8


def test_a_threshold_is_reached_where_the_share_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of eight units is four: who did four has reached it."""
    done = drawn(monkeypatch, REMAINING)["rest"][0]
    reached = drawn(monkeypatch, REACHED)["rest"][0]
    assert (reached == (done >= 4)).all() and (done == 4).sum() > 0
    gone = drawn(monkeypatch, REMAINING, left=1.0 - 1e-12)["rest"][0]
    assert (gone == 0).all()
