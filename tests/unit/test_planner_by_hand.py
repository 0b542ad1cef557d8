"""The planner counts what simulated studies found: of which studies, of how many, and when it asks again.

What is simulated is held elsewhere; here studies are made up, so that each count can be worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

import analysis
from analysis.power import plan_power as module
from analysis.power.draws import Assumptions
from analysis.power.plan_power import share_found, units_due
from analysis.power.result import Level, PowerResult
from instrument.errors import NotEstimableError
from instrument.study import Study, as_study
from tests.unit.test_usage_summary import STUDY

Line = tuple[float, float, float, float]
"""Estimate, error, p value and people analysed of one study."""
Made = Callable[[int, int, Assumptions], Line]


def planned(monkeypatch: pytest.MonkeyPatch, line: Made, **options: Any) -> PowerResult:
    """Plan with studies that are made up: `line` gives one by its number, its size and what is supposed."""
    asked: dict[tuple[int, float, float], int] = {}

    def replicate(seeds: Sequence[Any], size: int, truth: Assumptions) -> np.ndarray:
        rows = []
        for _ in seeds:
            key = (size, truth.effect, truth.hidden_cause)
            asked[key] = asked.get(key, -1) + 1
            rows.append(line(asked[key], size, truth))
        return np.array(rows, dtype=float)

    monkeypatch.setattr(module, "replicate", replicate)
    given = {"n": [100], "replications": 50, "odds_ratio": 1.5}
    return analysis.plan_power(STUDY, **(given | options))


def found_in(share: float, of: int = 50) -> Made:
    """Studies of which a share finds the effect, and none finds one that is not there."""

    def line(number: int, size: int, truth: Assumptions) -> Line:
        significant = truth.effect != 0 and number % of < round(share * of)
        return (truth.effect, 0.1, 0.01 if significant else 0.5, size - 10)

    return line


def test_power_and_level_are_shares_of_all_studies_and_errors_of_those_that_were_estimated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = (np.nan, np.nan, np.nan, 40.0)

    def line(number: int, size: int, truth: Assumptions) -> Line:
        if truth.effect:
            if number < 10:
                return nothing
            return (0.4 if number % 2 else 0.6, 0.2, 0.01 if number < 30 else 0.4, 60.0)
        return nothing if number < 5 else (0.1, 0.3, 0.01 if number < 8 else 0.7, 70.0)

    row = planned(monkeypatch, line).table.iloc[0]
    assert (row["n"], row["replications"], row["failed"]) == (100, 50, 10)
    assert row["power"] == 20 / 50 and row["level"] == 3 / 50
    for kind, count in (("ci", 20), ("level", 3)):
        interval = stats.binomtest(count, 50).proportion_ci(method="wilson")
        assert (row[f"{kind}_lower"], row[f"{kind}_upper"]) == (interval.low, interval.high)
    assert row["analysed"] == (10 * 40 + 40 * 60) / 50
    assert row["mean_estimate"] == pytest.approx(0.5) and row["mean_se"] == pytest.approx(0.2)
    assert row["sd_estimate"] == pytest.approx(np.std([0.4, 0.6] * 20, ddof=1))
    assert row["null_estimate"] == pytest.approx(0.1)


def test_a_share_has_the_interval_of_wilson() -> None:
    z, n, p = stats.norm.ppf(0.975), 40, 0.1
    middle, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    expected = (p, (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n))
    assert share_found(4, 40) == pytest.approx(expected, abs=1e-12)


def test_an_effect_the_other_way_round_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for odds_ratio, right in ((1.5, 1.0), (1 / 1.5, -1.0)):
        signs = lambda number, size, truth, right=right: (  # noqa: E731
            (right if number < 10 else -right, 0.1, 0.01 if truth.effect else 0.6, 50.0)
        )
        row = planned(monkeypatch, signs, odds_ratio=odds_ratio).table.iloc[0]
        assert row["power"] == 10 / 50 and row["level"] == 0


def test_where_no_study_could_be_analysed_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotEstimableError, match="none of 50 simulated studies of 100 could be analysed"):
        planned(monkeypatch, lambda number, size, truth: (np.nan, np.nan, np.nan, 0.0))


def test_the_number_is_simulated_itself_with_four_times_the_studies(monkeypatch: pytest.MonkeyPatch) -> None:
    found = planned(monkeypatch, found_in(0.8), n=[100, 300])
    asked = found.table[found.table["asked"]]
    assert len(asked) == 1 and asked["replications"].item() == 200
    assert found.n_for_target == asked["n"].item() == found.table["n"].iloc[-1]
    assert list(found.table["asked"]) == [False, False, True]
    rest = found.sensitivity
    assert rest["hidden_cause"].tolist() == [0.1, 0.2, 0.3] and (rest["level"] == 0).all()


def test_what_was_tried_first_gives_way_to_the_same_number_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """80 of 100 find it at 100 people, so 100 are asked for: one row stands for them, of more studies."""
    found = planned(monkeypatch, found_in(0.8), n=[100])
    assert found.table["n"].is_unique
    one = found.table[found.table["n"] == found.n_for_target]
    assert len(one) == 1 and one["asked"].item() and one["replications"].item() == 200


def test_people_are_whole_and_rounded_up(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[float] = []
    monkeypatch.setattr(module, "needed", lambda table, alpha, target: 230.2)
    found = planned(monkeypatch, lambda k, n, truth: (sizes.append(n), found_in(0.8)(k, n, truth))[1])
    assert found.n_for_target == 231 and set(sizes) == {100, 231}


def test_fewer_than_the_fewest_are_never_asked_for_and_end_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = planned(monkeypatch, found_in(1.0))
    assert found.table["n"].tolist() == [100, 50, 25, 20] and found.n_for_target == module.FEWEST == 20
    assert found.table["power"].iloc[-1] == 1.0


def test_no_number_is_named_where_the_level_is_off_or_no_effect_is_supposed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    off = planned(monkeypatch, lambda k, n, truth: (0.5, 0.1, 0.01 if k % 2 else 0.5, 80.0))
    assert off.table["level_state"].tolist() == [Level.OFF] and not off.adequate
    assert np.isnan(off.n_for_target) and not len(off.sensitivity)
    none = planned(monkeypatch, found_in(0.8), odds_ratio=1.0)
    assert np.isnan(none.n_for_target) and none.reason and not none.table["asked"].any()


def test_without_clusters_nothing_is_shared_and_with_them_what_is_given_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Assumptions] = []

    def line(number: int, size: int, truth: Assumptions) -> Line:
        seen.append(truth)
        return found_in(0.8)(number, size, truth)

    own: dict[str, Any] = {"cluster_use": 0.3, "cluster_alliance": 0.2}
    planned(monkeypatch, line, **own)
    assert {(one.cluster_size, one.cluster_use, one.cluster_alliance) for one in seen} == {(1, 0.0, 0.0)}
    seen.clear()
    planned(monkeypatch, line, n=[400], cluster_size=4, **own)
    assert {(one.cluster_size, one.cluster_use, one.cluster_alliance) for one in seen} == {(4, 0.3, 0.2)}


def test_under_a_hidden_cause_no_effect_is_supposed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Assumptions] = []

    def line(number: int, size: int, truth: Assumptions) -> Line:
        seen.append(truth)
        return found_in(0.8)(number, size, truth)

    found = planned(monkeypatch, line)
    assert {one.hidden_cause for one in seen if one.hidden_cause} == {0.1, 0.2, 0.3}
    assert {one.effect for one in seen if one.hidden_cause} == {0.0}
    assert found.assumptions["read_day"] == as_study(STUDY).study_days
    later = planned(monkeypatch, found_in(0.8), enrolment_days=30.0)
    assert later.assumptions["read_day"] == 30 + as_study(STUDY).study_days


def due_of(**changes: Any) -> tuple[int, int, float, float, int]:
    raw: dict[str, Any] = {**STUDY, "study_days": 84, "landmark": {"wave": 1, "day": 28}}
    raw |= {"waves": [{"id": 1, "day": 21, "opens": 18, "closes": 28}], "gap_days": 14}
    use = {
        "unit": "sessions",
        "amount": 36,
        "weeks": 12,
        "justification": "As the makers of the app intend it.",
    }
    raw |= {"intended_use": use | changes.pop("use", {})}
    return units_due(Study.model_validate({**raw, **changes}))


def test_what_is_due_before_and_after_the_landmark_adds_up() -> None:
    assert due_of() == (12, 24, 28.0, 56.0, 1)  # 28 of 84 days have gone
    assert due_of(use={"weeks": 6}) == (24, 12, 28.0, 14.0, 1)  # the use ends with the sixth week
    assert due_of(use={"unit": "active_days", "amount": 60}) == (4, 8, 28.0, 56.0, 1)  # weeks, not days
    twice = [{"id": 1, "day": 21, "opens": 18, "closes": 28}, {"id": 2, "day": 22, "opens": 20, "closes": 28}]
    assert due_of(waves=twice)[-1] == 2  # both have closed by the landmark
    twice[1] |= {"closes": 29}
    assert due_of(waves=twice)[-1] == 1
    retest = [*twice[:1], {**twice[1], "closes": 28, "role": "retest"}]
    assert due_of(waves=retest)[-1] == 1
