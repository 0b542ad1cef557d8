"""Weekly use and leaving in one model: its scores, what leaves it as it is, what is refused, what it says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from analysis import joint_model
from analysis.adherence.claims.claims import Claim
from analysis.adherence.models.clusters import Clusters
from analysis.adherence.over_time import shared_effect
from analysis.adherence.over_time.joint_model import JointResult, sandwich
from analysis.adherence.over_time.shared_effect import Courses, Likelihood, dispersion_of
from analysis.adherence.over_time.weeks_together import Together
from analysis.disclosure.kinds import people, statistic
from analysis.pipeline.topics.use_course_together import (
    ALONE,
    BOTH,
    LOOSE,
    MEANT,
    TIED,
    UNEVEN,
    together_part,
    told,
)
from instrument.common.formatting import fill_prose
from instrument.errors import NotEstimableError, ResponseDataError
from tests.recovery.joint_recovery import drawn


def rows_of(courses: Courses) -> pd.DataFrame:
    n = len(courses.counts)
    rows = [
        {
            "participant": f"p{i:04d}",
            "week": t + 1,
            "days": courses.counts[i, t],
            "score": courses.x[i, 0],
            "other": courses.x[i, 1],
            "left": float(courses.left is not None and courses.left[i] == t + 1),
        }
        for i in range(n)
        for t in range(int(courses.watched[i]))
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return rows_of(drawn(np.random.default_rng(3), 200, hidden=True))


@pytest.fixture(scope="module")
def found(table: pd.DataFrame) -> JointResult:
    return joint_model(table, use="days", predictors=["score"], adjust_for=["other"])


@pytest.mark.parametrize("hidden", [True, False])
@pytest.mark.parametrize("cells", [1, 200, 1_000, 10**6])
def test_numbers_do_not_depend_on_how_many_people_are_held_at_once(
    cells: int, hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    likelihood = Likelihood(drawn(np.random.default_rng(7), 40, hidden=hidden))
    theta = likelihood.start() + 0.1
    own, scores = likelihood.by_person(theta, slopes=True)
    places = likelihood.places(theta)
    monkeypatch.setattr(shared_effect, "CELLS", cells)
    for ours, others in zip((own, scores), likelihood.by_person(theta, slopes=True), strict=True):
        np.testing.assert_allclose(ours, others, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(likelihood.places(theta), places, rtol=1e-12)


@pytest.mark.parametrize("hidden", [True, False])
def test_the_sum_is_that_of_the_place_that_is_asked_for(hidden: bool) -> None:
    likelihood = Likelihood(drawn(np.random.default_rng(8), 40, hidden=hidden))
    theta = likelihood.start()
    for at in (theta, theta, theta + 0.1, theta):  # the same array may be changed in place by a search
        value, slope = likelihood.total(at)
        own, scores = likelihood.by_person(at, slopes=True)
        np.testing.assert_allclose(value, own.sum(), rtol=1e-13)
        np.testing.assert_allclose(slope, scores.sum(axis=0), rtol=1e-10, atol=1e-10)
    theta[0] += 0.2
    np.testing.assert_allclose(likelihood.total(theta)[0], likelihood.by_person(theta, slopes=False)[0].sum())


def test_states_of_leaving_are_those_that_the_data_leave_open() -> None:
    counts = np.array([[1.0, 0, 2, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]])
    watched, x = np.array([5, 4, 5, 1]), np.zeros((4, 1))
    hidden = Likelihood(Courses(counts=counts, watched=watched, x=x, left=None))
    # From the last week with use on, or before the first; 5 stands for not having left.
    assert [hidden.state[hidden.person == i].tolist() for i in range(4)] == [
        [3, 4, 5],
        [0, 1, 2, 3, 5],
        [5],
        [5],
    ]
    seen = Likelihood(Courses(counts=counts, watched=watched, x=x, left=np.array([4, 1, 0, 0])))
    assert seen.state.tolist() == [3, 0, 5, 5] and seen.first.tolist() == [0, 1, 2, 3]


@given(seed=st.integers(0, 10_000), hidden=st.booleans())
@settings(max_examples=12, deadline=None)
def test_scores_are_the_slopes_of_the_likelihood(seed: int, hidden: bool) -> None:
    rng = np.random.default_rng(seed)
    likelihood = Likelihood(drawn(rng, 40, hidden=hidden))
    theta = likelihood.start() + 0.3 * rng.standard_normal(likelihood.size)
    scores = likelihood.by_person(theta, slopes=True)[1]
    assert scores.shape == (40, likelihood.size)
    for j, step in enumerate(1e-5 * np.eye(likelihood.size)):
        high, low = (likelihood.by_person(theta + s, slopes=False)[0] for s in (step, -step))
        np.testing.assert_allclose(scores[:, j], (high - low) / 2e-5, rtol=1e-5, atol=1e-5)


@given(seed=st.integers(0, 10_000), hidden=st.booleans())
@settings(max_examples=8, deadline=None)
def test_curves_are_the_slopes_of_the_scores(seed: int, hidden: bool) -> None:
    rng = np.random.default_rng(seed)
    likelihood = Likelihood(drawn(rng, 40, hidden=hidden))
    theta = likelihood.start() + 0.3 * rng.standard_normal(likelihood.size)
    slopes = [
        (
            likelihood.by_person(theta + step, slopes=True)[1]
            - likelihood.by_person(theta - step, slopes=True)[1]
        )
        for step in 1e-5 * np.eye(likelihood.size)
    ]
    wanted = np.array([slope.sum(axis=0) for slope in slopes]) / 2e-5
    np.testing.assert_allclose(likelihood.curve(theta), wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())


@pytest.mark.parametrize("hidden", [True, False])
def test_a_search_that_begins_with_some_people_ends_where_all_end(
    hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    courses = drawn(np.random.default_rng(11), 300, hidden=hidden)
    whole = shared_effect.fit_shared(courses)[0]
    monkeypatch.setattr(shared_effect, "FEW", 60)
    begun = shared_effect.fit_shared(courses)[0]
    assert whole is not None and begun is not None and not whole.alone
    np.testing.assert_allclose(begun.theta, whole.theta, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(begun.covariance, whole.covariance, rtol=1e-6, atol=1e-10)


def test_a_maximum_that_the_search_passes_by_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that runs off to no spread is asked again from there, where the likelihood rises."""
    courses = drawn(np.random.default_rng(11), 300, hidden=True)
    whole = shared_effect.fit_shared(courses)[0]
    astray = Likelihood(courses).start()
    astray[-2:] = 40.0, np.log(0.005)
    monkeypatch.setattr(shared_effect, "_begun", lambda courses: astray)
    found = shared_effect.fit_shared(courses)[0]
    assert whole is not None and found is not None and not found.alone
    np.testing.assert_allclose(found.theta, whole.theta, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("hidden", [True, False])
def test_the_likelihood_is_the_sum_over_all_ways_to_leave(hidden: bool) -> None:
    """One person at a time, every week of leaving written out, the propensity by scipy's quadrature."""
    courses = drawn(np.random.default_rng(5), 6, hidden=hidden)
    theta = np.array([0.3, -0.04, 0.2, 0.1, -2.0, 0.05, -0.3, 0.2, -0.5, np.log(0.7)])
    own, _ = Likelihood(courses).by_person(theta, slopes=False)
    for i in range(6):
        weeks, x = int(courses.watched[i]), courses.x[i]
        y, t = courses.counts[i, :weeks], np.arange(1, weeks + 1)
        mid = (courses.counts.shape[1] + 1) / 2

        def density(
            b: float, i: int = i, weeks: int = weeks, x: Any = x, y: Any = y, t: Any = t, mid: float = mid
        ) -> float:
            mu = np.exp(theta[0] + theta[1] * (t - mid) + x @ theta[2:4] + b)
            slot = t - 1 if hidden else t
            gone = -np.expm1(-np.exp(theta[4] + theta[5] * (slot - mid) + x @ theta[6:8] + theta[8] * b))
            alive = stats.poisson.pmf(y, mu)
            stays = float(np.prod(alive) * np.prod(1 - gone))
            if not hidden:
                assert courses.left is not None
                ends = courses.left[i] == weeks
                total = stays / (1 - gone[-1]) * gone[-1] if ends else stays
            else:
                last = int((t * (y > 0)).max())
                total = stays + sum(
                    np.prod(alive[:k]) * np.prod(1 - gone[:k]) * gone[k] for k in range(last, weeks)
                )
            return float(total * stats.norm.pdf(b, scale=0.7))

        wanted = integrate.quad(density, -6, 6, limit=400, epsabs=0, epsrel=1e-10)[0]
        # the likelihood leaves out the factorials of the counts
        factorials = float(np.sum([np.sum(np.log(np.arange(1, count + 1))) for count in y]))
        assert own[i] == pytest.approx(np.log(wanted) + factorials, abs=1e-6)


def test_the_truth_lies_near(found: JointResult) -> None:
    rows = found.effects.set_index(["part", "term"])
    sd = found.design["standard_deviations"]["score"]
    for part, truth in (("use", 0.2), ("leaving", -0.3)):
        row = rows.loc[(part, "score")]
        assert abs(row["coefficient"] - truth * sd) < 4 * row["se"]
        assert row["ci_lower"] < row["ratio"] < row["ci_upper"]
    tie = found.shared.iloc[0]
    assert abs(tie["association"] + 0.6) < 4 * tie["se"]
    assert found.dispersion == pytest.approx(1.0, abs=0.15)
    assert found.n_people == 200 and found.n_weeks == 1600
    assert "not how" not in found.summary() and "read off silence" in found.summary()


def test_order_names_and_units_change_nothing(table: pd.DataFrame, found: JointResult) -> None:
    changed = table.sample(frac=1, random_state=1).assign(
        week=lambda t: t["week"] + 5, score=lambda t: 3 * t["score"] - 7, other=lambda t: 2 * t["other"]
    )
    again = joint_model(changed, use="days", predictors=["score"], adjust_for=["other"])
    np.testing.assert_allclose(
        again.effects.set_index(["part", "term"])["coefficient"],
        found.effects.set_index(["part", "term"])["coefficient"] * np.array([1, 0.5, 1, 0.5]),
        rtol=1e-5,
    )
    assert again.design["log_likelihood"] == pytest.approx(found.design["log_likelihood"], abs=1e-6)
    pairs = joint_model(
        table.assign(pair=table["participant"].str[1:].astype(int) // 2),
        use="days",
        predictors=["score"],
        adjust_for=["other"],
        cluster="pair",
    )
    np.testing.assert_allclose(pairs.effects["coefficient"], found.effects["coefficient"], rtol=1e-12)
    assert (pairs.effects["df"] == 99).all() and (found.effects["df"] == 199).all()
    assert (pairs.effects["se"] / found.effects["se"]).between(0.7, 1.4).all()


def test_people_who_do_not_differ_have_both_parts_alone() -> None:
    rng = np.random.default_rng(2)
    even = rows_of(drawn(rng, 120, hidden=True))
    # one or no session every week while there: people differ less than Poisson counts would
    last = even[even["days"] > 0].groupby("participant")["week"].max()
    there = even["week"] <= even["participant"].map(last).fillna(0)
    even["days"] = np.where(there, (even["week"] + even["participant"].str[1:].astype(int)) % 2 + 0.0, 0.0)
    made = joint_model(even, use="days", predictors=["score"])
    assert made.shared.isna().all(axis=None) and np.isfinite(made.effects["se"]).all()
    assert any("stand alone" in note for note in made.notes)
    assert made.dispersion < 0.7 and (made.effects["claim"] == str(Claim.UNTOLD)).all()


def test_counts_that_clump_are_told(found: JointResult) -> None:
    bursts = drawn(np.random.default_rng(4), 300, hidden=True, bursts=1.5)
    assert dispersion_of(bursts, 0.0) > 1.5
    made = joint_model(rows_of(bursts), use="days", predictors=["score"])
    assert (made.effects["claim"] == str(Claim.UNTOLD)).all()
    assert any("times as much from week to week" in note for note in made.notes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.assign(days=t["days"] - 1), "counts from 0"),
        (lambda t: t.assign(days=t["days"] + 0.5), "counts from 0"),
        (lambda t: t[t["week"] != 4], "have gaps"),
        (lambda t: pd.concat([t, t.head(1)]), "come twice"),
        (lambda t: t.assign(score=t["score"] + t["week"]), "changes within people"),
        (lambda t: t.drop(columns="score"), "no column"),
    ],
)
def test_what_cannot_be_read_is_refused(table: pd.DataFrame, change: Any, said: str) -> None:
    with pytest.raises(ResponseDataError, match=said):
        joint_model(change(table), use="days", predictors=["score"])


def test_somebody_who_left_and_is_there_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(ResponseDataError, match="after having left"):
        joint_model(
            table.assign(left=1.0 * (table["week"] == 3)), use="days", predictors=["score"], left="left"
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[t["participant"] < "p0020"],
        lambda t: t[t["week"] <= 2],
        lambda t: t.assign(days=t["days"] + 1),
        lambda t: t.assign(score=2.0),
        lambda t: t.assign(score=np.nan),
    ],
)
def test_too_little_is_refused(table: pd.DataFrame, change: Any) -> None:
    with pytest.raises(NotEstimableError):
        joint_model(change(table), use="days", predictors=["score"])


def test_those_who_left_are_those_silent_in_their_last_week(table: pd.DataFrame, found: JointResult) -> None:
    last = table.sort_values("week").groupby("participant")["days"].last()
    assert found.n_left == int((last == 0).sum()) and found.n_left not in (0, 100, 200)


def test_errors_are_summed_over_people_or_clusters_by_hand() -> None:
    """The inverse information times the products of scores, summed by unit, times G/(G - 1)."""
    scores = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [-2.0, -3.0]])
    bread = np.array([[2.0, 0.5], [0.5, 1.0]])
    fit: Any = SimpleNamespace(scores=scores, covariance=bread)
    for codes in ([0, 1, 2, 3], [0, 1, 1, 0]):
        sums = np.array([scores[np.array(codes) == code].sum(axis=0) for code in sorted(set(codes))])
        wanted = bread @ sum(np.outer(one, one) for one in sums) @ bread * len(sums) / (len(sums) - 1)
        made = sandwich(fit, Clusters(np.array(codes, dtype=np.int64), len(sums)))
        np.testing.assert_allclose(made, wanted, rtol=1e-12)


def test_small_numbers_of_people_and_of_leavers_hide_what_rests_on_them(found: JointResult) -> None:
    one = Together(made={"score": found}, failed=[], left_out=[], weeks=8)
    table = together_part(one, {"score": "Total"}, 28).tables["together"]
    assert table.frame[["n_people", "n_left"]].drop_duplicates().values.tolist() == [[200, found.n_left]]
    for name in ("ratio", "ci_lower", "ci_upper", "pvalue", "coefficient", "se"):
        assert table.kinds[name] == statistic("n_people", "n_left"), name
    assert table.kinds["n_left"] == people("n_people")


def test_people_who_lack_a_column_are_counted(table: pd.DataFrame) -> None:
    some = table.assign(score=table["score"].where(table["participant"] != "p0007"))
    made = joint_model(some, use="days", predictors=["score"], adjust_for=["other"])
    assert made.n_people == 199 and "1 person lacks a column and does not count" in made.summary()


def test_sentences_say_what_was_found(found: JointResult) -> None:
    one = Together(made={"score": found}, failed=[], left_out=[], weeks=8)
    said, values = told(one, "score", {"score": "Total"}, 28)
    assert BOTH in said and TIED in said and UNEVEN not in said and ALONE not in said
    text = " ".join(fill_prose(line, values) for line in said)
    row = found.effects.set_index(["part", "term"]).loc[("leaving", "score")]
    assert f"{row['ratio']:.2f} times the rate of leaving" in text and "{" not in text
    assert str(Claim.SUPPORTED) not in text.replace("not found", "")
    untold = any(values[f"{key}_claim"] == str(Claim.UNTOLD) for key in ("joint_use", "joint_leave"))
    assert (MEANT in said) == untold
    wide = found.shared.assign(ci_lower=1e-9, ci_upper=1e9)
    loose = JointResult(**{**{k: getattr(found, k) for k in found.__dataclass_fields__}, "shared": wide})
    said, values = told(
        Together(made={"score": loose}, failed=[], left_out=[], weeks=8), "score", {"score": "T"}, 28
    )
    assert LOOSE in said and TIED not in said and "joint_tie" not in values
