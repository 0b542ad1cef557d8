"""Weighted models of an exposure that changes over time: weights by hand, who counts, claims, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import marginal_structural
from analysis.adherence.over_time.marginal_structural import HELD, UNWEIGHTED, WEIGHTED, MarginalResult, Told
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError


def weeks(n: int = 200, times: int = 3, cause: float = 0.4, seed: int = 5) -> pd.DataFrame:
    """Use moves alliance, alliance moves the use after it; everybody stays."""
    rng = np.random.default_rng(seed)
    use, alliance, rows = np.zeros(n), np.zeros(n), []
    person = np.arange(n)
    site = np.where(person % 2, "x", "y")
    for time in range(1, times + 1):
        use = 0.4 * use + 0.4 * alliance + rng.normal(size=n)
        alliance = cause * use + rng.normal(size=n)
        after = 0.3 * alliance + 0.5 * use + rng.normal(size=n)
        columns = {"participant": person, "time": time, "site": site, "use": use}
        rows.append(pd.DataFrame({**columns, "alliance": alliance, "after": after}))
    return pd.concat(rows, ignore_index=True)


def fitted(table: pd.DataFrame, **changes: Any) -> MarginalResult:
    given = {"exposure": "alliance", "outcome": "after", "varying": ["use"], **changes}
    return marginal_structural(table, **given)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return weeks()


@pytest.fixture(scope="module")
def found(table: pd.DataFrame) -> MarginalResult:
    return fitted(table, baseline=["site"])


def test_weights_of_two_exposures_and_two_causes_are_ratios_of_counts() -> None:
    # people by cause and exposure at the first time
    cells = {(0, 0): 30, (0, 1): 12, (1, 0): 16, (1, 1): 42}
    first = pd.DataFrame([cell for cell, count in cells.items() for _ in range(count)], columns=["low", "a"])
    first["participant"] = np.arange(len(first))
    rng = np.random.default_rng(2)
    second = first.assign(a=rng.integers(0, 2, len(first)), low=rng.integers(0, 2, len(first)))
    both = pd.concat([first.assign(time=1), second.assign(time=2)])
    both["y"] = rng.normal(size=len(both))
    made = marginal_structural(both, exposure="a", outcome="y", varying=["low"])
    got = made.weights[made.weights["time"] == 1].reset_index(drop=True)["weight"]
    exposed, people = 54, 100
    by_hand = {
        (0, 0): (people - exposed) / people / (30 / 42),
        (0, 1): exposed / people / (12 / 42),
        (1, 0): (people - exposed) / people / (16 / 58),
        (1, 1): exposed / people / (42 / 58),
    }
    wanted = [by_hand[cell] for cell in zip(first["low"], first["a"], strict=True)]
    np.testing.assert_allclose(got, wanted, rtol=1e-9)
    place = made.positivity.iloc[0]
    assert place["mean_weight"] == pytest.approx(1, abs=1e-9) and place["least"] == pytest.approx(16 / 58)
    assert place["largest_share"] == pytest.approx(max(by_hand.values()) / sum(wanted))
    # in the weighted people the cause is as frequent with the exposure as without
    before, after = made.balance.iloc[0][["before", "after"]]
    assert before > 0.4 and abs(after) < 1e-9


def test_weights_move_the_estimate_from_the_plain_towards_the_true_one(found: MarginalResult) -> None:
    rows = found.effects.set_index(["model", "term"])["estimate"]
    assert abs(rows[WEIGHTED, "this time"] - 0.3) < abs(rows[UNWEIGHTED, "this time"] - 0.3)
    assert rows[HELD, "earlier times"] < rows[WEIGHTED, "earlier times"]
    worst = found.balance[["before", "after"]].abs().max()
    assert worst["after"] < worst["before"] / 2
    assert found.truncation["used"].sum() == 2 and found.truncation["largest"].is_monotonic_decreasing
    assert found.flow.set_index("step")["n"]["in the model of the outcome"] == 200
    assert "assumed" in found.summary() and found.to_frame() is found.effects


def test_order_of_rows_and_units_do_not_matter(table: pd.DataFrame, found: MarginalResult) -> None:
    mixed = table.sample(frac=1, random_state=1).assign(use=lambda t: 3 - 7 * t["use"])
    again = fitted(mixed, baseline=["site"])
    numbers = ["estimate", "se", "ci_lower", "ci_upper"]
    np.testing.assert_allclose(again.effects[numbers], found.effects[numbers], rtol=1e-8)
    np.testing.assert_allclose(again.balance["after"], -found.balance["after"], atol=1e-8)
    tens = fitted(table.assign(alliance=10 * table["alliance"]), baseline=["site"])
    np.testing.assert_allclose(10 * tens.effects[numbers], found.effects[numbers], rtol=1e-8)


def test_a_cause_that_says_nothing_leaves_the_plain_estimate(table: pd.DataFrame) -> None:
    made = fitted(table.assign(use=1.0))
    weighted, plain = (made.effects[made.effects["model"] == m] for m in (WEIGHTED, UNWEIGHTED))
    np.testing.assert_allclose(weighted["estimate"], plain["estimate"], rtol=1e-10)
    assert (made.weights["weight"] == 1).all() and made.balance.empty


def test_people_count_up_to_the_first_gap_and_those_who_stop_are_stood_for() -> None:
    table = weeks(400)
    gone = (table["time"] >= 2) & (table["participant"] % 8 == 0)
    table.loc[gone, ["alliance", "after"]] = np.nan
    gap = (table["time"] == 2) & (table["participant"] % 8 == 1)
    table.loc[gap, "alliance"] = np.nan
    table.loc[(table["time"] == 1) & (table["participant"] == 3), "use"] = np.nan
    made = fitted(table)
    steps = made.flow.set_index("step")["n"]
    assert steps["people in the data"] == 400 and steps["nothing known at the first time"] == 1
    assert steps["followed from the first time"] == 399 and steps["followed to the last time"] == 299
    assert any("52 later rows come after a gap" in note for note in made.notes)
    assert made.effects["n_rows"].iloc[0] == 399 + 2 * 299
    alone = fitted(table, leaving=False)
    assert any("not stood for" in note for note in alone.notes)
    # stopping hangs on nothing here, yet the weights of those who go on differ a little
    assert 0 < abs(alone.effects["estimate"][0] - made.effects["estimate"][0]) < 0.05


def test_few_who_stop_are_told_of_and_not_modelled() -> None:
    table = weeks()
    table.loc[(table["time"] == 3) & (table["participant"] < 4), "alliance"] = np.nan
    assert any("4 people who stopped at 3 are not stood for" in note for note in fitted(table).notes)


def test_an_outcome_of_the_last_time_only() -> None:
    table = weeks(times=4)
    table.loc[table["time"] < 4, "after"] = np.nan
    made = fitted(table, history="mean")
    assert made.effects["n_rows"].tolist() == [200] * 3
    assert made.effects["term"].tolist() == ["mean so far"] * 3


def test_no_effect_is_claimed_where_causes_decide_the_exposure() -> None:
    made = fitted(weeks(cause=1.6))
    checks = made.checks.set_index("check")["holds"]
    assert not checks["exposure explained by its causes, most"] and not made.positive
    mine = made.effects[made.effects["model"] == WEIGHTED]
    assert (mine["claim"] == str(Told.UNTOLD)).all()
    assert not mine["ci_lower"].between(-np.inf, 0).all()  # an interval away from nothing is not enough


def test_claims_follow_the_interval_where_checks_hold(found: MarginalResult) -> None:
    assert found.positive
    for row in found.effects[found.effects["model"] == WEIGHTED].to_dict("records"):
        inside = row["ci_lower"] <= 0 <= row["ci_upper"]
        assert row["claim"] == str(Told.NOT_FOUND if inside else Told.ASSUMED)
    assert (found.effects.loc[found.effects["model"] != WEIGHTED, "claim"] == "").all()


def test_clusters_make_the_errors_those_of_their_number() -> None:
    table = weeks().assign(clinic=lambda t: t["participant"] % 10)
    made = fitted(table, cluster="clinic")
    assert (made.effects["df"] == 9).all()
    assert made.effects["estimate"][0] == pytest.approx(fitted(table).effects["estimate"][0])


BAD: list[tuple[dict[str, Any], str]] = [
    ({"exposure": "nothing"}, "no column 'nothing'"),
    ({"outcome": "alliance"}, "two parts at once: 'alliance'"),
    ({"varying": []}, "no cause of the exposure"),
    ({"varying": "use"}, "varying is a str"),
    ({"baseline": ["use"], "varying": ["after2"]}, "baseline columns change within a person: 'use'"),
    ({"lags": 0}, "lags is 0"),
    ({"history": "all"}, "no history 'all'"),
    ({"truncate": 0.5}, "truncate is 0.5"),
    ({"truncate": float("nan")}, "truncate is nan"),
    ({"times": [1, 9]}, "a point twice, or one that is not in the data"),
    ({"time": "word"}, "words without an order"),
    ({"outcome": "word"}, "not numeric: 'word'"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_what_cannot_be_read_in_one_way_is_refused(
    table: pd.DataFrame, changes: dict[str, Any], message: str
) -> None:
    more = table.assign(after2=table["after"], word=table["time"].map({1: "one", 2: "two", 3: "three"}))
    with pytest.raises(
        (DefinitionError, ResponseDataError), match=rf"^marginal_structural: .*{message}.*\.\nHint: "
    ):
        fitted(more, **changes)


@pytest.mark.parametrize("column", ["use", "alliance", "after"])
def test_infinite_numbers_are_refused_and_not_taken_as_missing(table: pd.DataFrame, column: str) -> None:
    with pytest.raises(ResponseDataError, match=f"infinite values in '{column}'"):
        fitted(table.assign(**{column: table[column].where(table.index > 0, np.inf)}))


def test_rows_that_repeat_are_refused(table: pd.DataFrame) -> None:
    with pytest.raises(ResponseDataError, match="1 rows repeat a participant and time"):
        fitted(pd.concat([table, table.iloc[:1]]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(alliance=2.0), "'alliance' has one value only"),
        (lambda t: t.assign(after=2.0), "the outcome has one value only"),
        (lambda t: t.assign(alliance=t["use"]), "without any spread"),
        (lambda t: t[t["participant"] < 20], "20 people are followed"),
        (lambda t: t[t["time"] == 1], "over 1 points in time"),
        (
            lambda t: t.assign(alliance=(t["participant"] < 4).astype(float)),
            "4 of 200 people are on the rarer",
        ),
    ],
)
def test_what_cannot_be_estimated_is_refused(table: pd.DataFrame, change: Any, message: str) -> None:
    with pytest.raises(NotEstimableError, match=rf"^marginal_structural: .*{message}.*\.\nHint: "):
        fitted(change(table))


def test_words_of_time_have_the_order_they_are_given(table: pd.DataFrame, found: MarginalResult) -> None:
    named = table.assign(time=table["time"].map({1: "late", 2: "later", 3: "end"}))
    made = fitted(named, baseline=["site"], times=["late", "later", "end"])
    np.testing.assert_allclose(made.effects["estimate"], found.effects["estimate"], rtol=1e-10)
    turned = fitted(named, baseline=["site"], times=["end", "later", "late"])
    assert abs(turned.effects["estimate"][0] - found.effects["estimate"][0]) > 1e-6
