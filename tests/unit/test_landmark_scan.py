"""A landmark every week: which answers count, the band over all of them, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import landmark_scan, relate_adherence, summarise_usage
from analysis.adherence.claims.claims import Claim
from analysis.adherence.over_time.joint_landmarks import Landmarked, equal_effects, joint_effects
from analysis.adherence.over_time.landmark_scan import ScanResult, checked_ratings
from analysis.usage.reading import LogReading
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError
from instrument.study import as_study
from tests.recovery.held_populations import base_study

PEOPLE, DAYS = 160, (28, 42, 56)


def study(**changes: Any) -> dict[str, Any]:
    return base_study(
        waves=[
            {"id": 1, "day": 21, "opens": 21, "closes": 28},
            {"id": 2, "day": 42, "opens": 36, "closes": 42},
        ],
        **changes,
    )


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    rate = rng.gamma(4.0, 0.03, PEOPLE)
    days = [np.sort(rng.uniform(0, 84, rng.poisson(84 * r))) for r in rate]
    who = np.repeat(np.arange(PEOPLE), [len(mine) for mine in days])
    return pd.DataFrame(
        {"participant": who, "day": np.concatenate(days), "kind": "session_completed", "duration": 9.0}
    )


@pytest.fixture(scope="module")
def everybody() -> pd.DataFrame:
    return pd.DataFrame({"participant": np.arange(PEOPLE)})


@pytest.fixture(scope="module")
def ratings() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    first = pd.DataFrame({"participant": np.arange(PEOPLE), "wave": 1, "total": rng.normal(size=PEOPLE)})
    second = first.iloc[: PEOPLE - 30].assign(wave=2, total=lambda t: t["total"] + rng.normal(size=len(t)))
    return pd.concat([first.iloc[10:], second], ignore_index=True)


@pytest.fixture(scope="module")
def found(log: pd.DataFrame, everybody: pd.DataFrame, ratings: pd.DataFrame) -> ScanResult:
    return landmark_scan(ratings, log, study(), participants=everybody, days=DAYS)


def test_each_landmark_is_the_landmark_model(
    found: ScanResult, log: pd.DataFrame, everybody: pd.DataFrame, ratings: pd.DataFrame
) -> None:
    """At day 28 the first rating; at day 56 the second, or the first of those without a second."""
    latest = ratings.drop_duplicates("participant", keep="last").assign(wave=1)
    for day, scores in ((28, ratings[ratings["wave"] == 1]), (56, latest)):
        plan = study(landmark={"wave": 1, "day": day})
        usage = summarise_usage(log, plan, participants=everybody)
        alone = relate_adherence(scores, usage, plan).effects.iloc[0]
        mine = found.effects.set_index("day").loc[day]
        sd = scores["total"].std()
        assert mine["n"] == alone["n"]
        expected = 100 * alone["effect"] / mine["due"] * found.design["standard_deviation"] / sd
        assert mine["estimate"] == pytest.approx(expected, rel=1e-6)


def test_people_are_counted_from_the_day_they_answered(found: ScanResult) -> None:
    rows = found.effects.set_index("day")
    assert rows["later_answers"].to_dict() == {28: 10, 42: 0, 56: 0}
    assert rows["n"].to_dict() == {28: 150, 42: 160, 56: 160}


def test_the_band_holds_more_than_each_interval(found: ScanResult) -> None:
    rows = found.effects
    assert (rows["band_upper"] > rows["ci_upper"]).all() and (rows["band_lower"] < rows["ci_lower"]).all()
    bonferroni = 2.44  # two-sided .05/3 by the normal, Student's t a little more
    assert 1.96 < found.design["critical"] < bonferroni
    outside = (rows["band_lower"] > 0) | (rows["band_upper"] < 0)
    assert ((rows["pvalue"] < 0.05) == outside).all()
    assert (rows.loc[~outside, "claim"] == str(Claim.NOT_FOUND)).all()
    assert "all landmarks at once" in found.summary()


def test_late_answers_do_not_leak(log: pd.DataFrame, everybody: pd.DataFrame) -> None:
    """Ratings given on day 50 say how much was used from day 28 on; by their days they cannot say it."""
    between = log[(log["day"] > 28) & (log["day"] < 50)].groupby("participant").size()
    rng = np.random.default_rng(9)
    late = everybody.assign(wave=1, total=rng.normal(size=PEOPLE))
    tardy = np.arange(PEOPLE) % 2 == 0
    late.loc[tardy, "total"] += 1.5 * between.reindex(late["participant"], fill_value=0).to_numpy()[tardy]
    times = late[["participant", "wave"]].assign(day=np.where(tardy, 50, 25))
    leaked = landmark_scan(late, log, study(), participants=everybody, days=[28, 35])
    dated = landmark_scan(late, log, study(), participants=everybody, days=[28, 35], times=times)
    assert (leaked.effects["band_lower"] > 0).all()
    assert (dated.effects["claim"] == str(Claim.NOT_FOUND)).all()
    assert (dated.effects["n"] == PEOPLE / 2).all()
    assert (leaked.design["dated"], dated.design["dated"]) == (False, True)
    assert any("no days of answers" in note for note in leaked.notes)


def test_ratings_and_their_days_join_whatever_pandas_made_of_ids_and_waves(ratings: pd.DataFrame) -> None:
    plan, times = as_study(study()), ratings[["participant", "wave"]].assign(day=25)
    whole, _ = checked_ratings(ratings, "total", plan, times)
    gap = pd.DataFrame({"participant": [np.nan], "wave": [np.nan], "day": [25]})
    odd, _ = checked_ratings(ratings.astype(float), "total", plan, pd.concat([times, gap]))
    assert len(whole) == len(ratings)
    pd.testing.assert_frame_equal(odd, whole)


def test_the_time_of_day_of_an_answer_does_not_move_it_to_the_next_day(
    log: pd.DataFrame, everybody: pd.DataFrame, ratings: pd.DataFrame
) -> None:
    """Answers of the landmark's own day counted as later where their times were known, and not in `relate_adherence`."""
    times = ratings[["participant", "wave"]].assign(day=np.where(ratings["wave"] == 1, 28, 42))
    exact = times.assign(day=times["day"] + np.arange(len(times)) / len(times))
    given: dict[str, Any] = {"participants": everybody, "days": [28, 42]}
    days, moments = (landmark_scan(ratings, log, study(), times=t, **given) for t in (times, exact))
    assert days.effects["n"].tolist() == [150, 160] and days.effects["later_answers"].tolist() == [10, 0]
    pd.testing.assert_frame_equal(days.effects, moments.effects)


def test_what_only_one_interval_leaves_out_is_not_found(log: pd.DataFrame, everybody: pd.DataFrame) -> None:
    after = log[log["day"] >= 28].groupby("participant").size().reindex(range(PEOPLE), fill_value=0)
    noise = np.random.default_rng(12).normal(size=PEOPLE)
    scores = everybody.assign(wave=1, total=noise + 0.3 * after.to_numpy() / after.std())
    rows = landmark_scan(scores, log, study(), participants=everybody, days=DAYS).effects
    alone = (rows["ci_lower"] > 0) & (rows["band_lower"] < 0)
    assert alone.any()
    assert (rows.loc[alone, "claim"] == str(Claim.NOT_FOUND)).all()


def test_order_of_rows_does_not_matter(
    found: ScanResult, log: pd.DataFrame, everybody: pd.DataFrame, ratings: pd.DataFrame
) -> None:
    mixed = landmark_scan(
        ratings.sample(frac=1, random_state=1),
        log.sample(frac=1, random_state=2),
        study(),
        participants=everybody.sample(frac=1, random_state=3),
        days=DAYS,
    )
    pd.testing.assert_frame_equal(mixed.effects, found.effects, rtol=1e-7)


def test_two_landmarks_of_the_same_rows_have_one_effect() -> None:
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(90), rng.normal(size=(90, 2))])
    due = rng.integers(2, 9, 90).astype(float)
    done = rng.binomial(due.astype(int), 0.4).astype(float)
    one = Landmarked(person=np.arange(90), design=x, done=done, due=due)
    flipped = Landmarked(person=np.arange(90), design=x, done=due - done, due=due)
    joint = joint_effects([one, one, flipped], 90)
    assert joint.effects[0] == pytest.approx(joint.effects[1]) == pytest.approx(-joint.effects[2])
    np.testing.assert_allclose(joint.covariance[0, 1], joint.covariance[0, 0], rtol=1e-9)
    np.testing.assert_allclose(joint.covariance[0, 2], -joint.covariance[0, 0], rtol=1e-6)
    assert equal_effects(joint_effects([one, flipped], 90))["df1"] == 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"days": [28, 90]}, DefinitionError, "outside the 84 days"),
        ({"days": [28]}, NotEstimableError, "1 of 1 landmarks"),
        ({"predictor": "trust"}, ResponseDataError, "no column 'trust'"),
        ({"times": pd.DataFrame({"participant": [1], "wave": [1]})}, ResponseDataError, "no column 'day'"),
        (
            {"times": pd.DataFrame({"participant": [1, 1], "wave": [1, 1], "day": [20, 22]})},
            ResponseDataError,
            "1 times repeat",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(
    change: dict[str, Any],
    error: type[Exception],
    message: str,
    log: pd.DataFrame,
    everybody: pd.DataFrame,
    ratings: pd.DataFrame,
) -> None:
    with pytest.raises(error, match=message):
        landmark_scan(ratings, log, study(), participants=everybody, **{"days": DAYS, **change})


def test_the_level_sets_intervals_and_band_and_nothing_else(
    found: ScanResult, log: pd.DataFrame, everybody: pd.DataFrame, ratings: pd.DataFrame
) -> None:
    wider = landmark_scan(ratings, log, study(), participants=everybody, days=DAYS, confidence=0.99)
    same = ["day", "n", "estimate", "se", "pvalue", "claim"]
    pd.testing.assert_frame_equal(wider.effects[same], found.effects[same])
    for one, level in ((found, 0.95), (wider, 0.99)):
        rows = one.effects
        half = stats.t.ppf(0.5 + level / 2, one.design["df"]) * rows["se"]
        np.testing.assert_allclose(rows["ci_upper"] - rows["estimate"], half, rtol=1e-10)
        np.testing.assert_allclose(rows["estimate"] - rows["ci_lower"], half, rtol=1e-10)
        band = one.design["critical"] * rows["se"]
        np.testing.assert_allclose(rows["band_upper"] - rows["estimate"], band, rtol=1e-10)
        # p of the band: the share of drawn largest t beyond the one found
        assert ((rows["band_lower"] > 0) | (rows["band_upper"] < 0)).tolist() == (
            rows["pvalue"] < 1 - level
        ).tolist()
    assert wider.design["critical"] > found.design["critical"] > stats.t.ppf(0.975, found.design["df"])


def test_a_table_of_an_engine_with_durations_in_seconds_gives_the_same(
    found: ScanResult, log: pd.DataFrame, everybody: pd.DataFrame, ratings: pd.DataFrame, tmp_path: Path
) -> None:
    address = f"duckdb://{tmp_path / 'log.duckdb'}"
    con = ibis.connect(address)
    log.assign(duration=log["duration"] * 60).to_parquet(tmp_path / "log.parquet")
    con.raw_sql(f"CREATE TABLE app_events AS SELECT * FROM read_parquet('{tmp_path / 'log.parquet'}')")
    con.disconnect()
    given: dict[str, Any] = {"participants": everybody, "days": DAYS, "engine": address}
    again = landmark_scan(ratings, "app_events", study(), reading=LogReading(durations="s"), **given)
    pd.testing.assert_frame_equal(again.effects, found.effects, rtol=1e-9)
    with pytest.raises(ResponseDataError, match="duration"):
        landmark_scan(ratings, "app_events", study(), **given)
