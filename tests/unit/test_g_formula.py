"""The g-formula: saturated models give what is summed by hand, the natural course is met, bad input is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import g_formula, marginal_structural
from analysis.adherence.over_time import g_formula as module
from analysis.adherence.over_time.g_formula import NATURAL, OVER, GFormulaResult
from analysis.adherence.over_time.marginal_structural import Told
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError


def binary(n: int = 4_000, seed: int = 3) -> pd.DataFrame:
    """Two times; a cause moved by earlier exposure, everything crossed with everything."""
    rng = np.random.default_rng(seed)

    def coin(p: np.ndarray) -> np.ndarray:
        return (rng.random(n) < p).astype(float)

    l1 = coin(np.full(n, 0.4))
    a1 = coin(0.3 + 0.3 * l1)
    y1 = coin(0.2 + 0.2 * a1 + 0.3 * l1 * a1)
    l2 = coin(0.2 + 0.3 * a1 + 0.2 * l1 - 0.2 * a1 * l1)
    a2 = coin(0.25 + 0.3 * l2 + 0.2 * a1)
    y2 = coin(0.2 + 0.25 * a2 + 0.2 * l2 - 0.2 * a1 * l2 + 0.15 * a1 * a2 * l1)
    parts = [{"l": l1, "a": a1, "y": y1}, {"l": l2, "a": a2, "y": y2}]
    rows = [
        pd.DataFrame({"participant": np.arange(n), "time": k + 1, **part}) for k, part in enumerate(parts)
    ]
    return pd.concat(rows, ignore_index=True)


def by_hand(table: pd.DataFrame, a: float) -> tuple[float, float]:
    """Sums over the cells: E[Y1(a)], E[Y2(a, a)]."""
    wide = table.pivot(index="participant", columns="time", values=["l", "a", "y"])
    wide.columns = [f"{name}{time}" for name, time in wide.columns]
    first = second = 0.0
    for l1, people in wide.groupby("l1"):
        share = len(people) / len(wide)
        given = people[people["a1"] == a]
        first += share * given["y1"].mean()
        for l2 in (0.0, 1.0):
            cell = given[(given["l2"] == l2) & (given["a2"] == a)]
            second += share * (given["l2"] == l2).mean() * cell["y2"].mean()
            assert len(cell) > 20, l1
    return first, second


def test_saturated_models_give_the_sum_over_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIMULATED", 200_000)
    table = binary()
    made = g_formula(table, exposure="a", outcome="y", varying=["l"], products=4, draws=20)
    means = made.effects.set_index(["strategy", "time"])["mean"]
    for a in (0.0, 1.0):
        first, second = by_hand(table, a)
        # no step is drawn before the first outcome; the second rests on 200,000 drawn causes
        assert means[f"always {a:g}", 1] == pytest.approx(first, abs=1e-10)
        assert means[f"always {a:g}", 2] == pytest.approx(second, abs=4 * 0.5 * 0.3 / 200_000**0.5)
        assert means[f"always {a:g}", OVER] == pytest.approx(
            (means[f"always {a:g}", 1] + means[f"always {a:g}", 2]) / 2, abs=1e-12
        )
    seen = table.groupby("time")["y"].mean()
    assert means[NATURAL, 1] == pytest.approx(seen[1], abs=0.005)
    assert means[NATURAL, 2] == pytest.approx(seen[2], abs=0.005)
    plain = g_formula(table, exposure="a", outcome="y", varying=["l"], draws=20)
    other = plain.effects.set_index(["strategy", "time"])["mean"]
    assert abs(other["always 1", 2] - by_hand(table, 1.0)[1]) > 0.005  # without products it is another model


def weeks(n: int = 400, times: int = 3, seed: int = 5, stops: bool = False) -> pd.DataFrame:
    """Use moves alliance, alliance moves the use after it."""
    rng = np.random.default_rng(seed)
    use, alliance, rows, here = np.zeros(n), np.zeros(n), [], np.ones(n, dtype=bool)
    for time in range(1, times + 1):
        use = 0.4 * use + 0.4 * alliance + rng.normal(size=n)
        if stops and time > 1:
            here &= rng.random(n) < 1 / (1 + np.exp(-(1.0 + 1.2 * use)))
        alliance = 0.4 * use + rng.normal(size=n)
        after = 0.3 * alliance + 0.5 * use + rng.normal(size=n)
        columns = {"participant": np.arange(n), "time": time, "use": use}
        part = pd.DataFrame({**columns, "alliance": alliance, "after": after})
        part.loc[~here, ["alliance", "after"]] = np.nan
        rows.append(part)
    return pd.concat(rows, ignore_index=True)


def fitted(table: pd.DataFrame, **changes: Any) -> GFormulaResult:
    given = {"exposure": "alliance", "outcome": "after", "varying": ["use"], "draws": 20, **changes}
    return g_formula(table, **given)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return weeks()


@pytest.fixture(scope="module")
def found(table: pd.DataFrame) -> GFormulaResult:
    return fitted(table, set_to=[0, 1])


def test_the_natural_course_meets_what_was_seen(found: GFormulaResult) -> None:
    assert found.sound and found.course["holds"].all()
    assert set(found.course["variable"]) == {"alliance", "use", "after"}
    seen = found.course.query("variable == 'after' and time == 1").iloc[0]
    assert seen["simulated"] == pytest.approx(seen["observed"], abs=0.02)


def test_where_low_use_stops_those_who_go_on_are_met_and_everybody_is_followed() -> None:
    made = fitted(weeks(n=3_000, stops=True, seed=1))
    last = made.course.query("variable == 'after' and time == 3").iloc[0]
    everybody = made.effects.query("strategy == @NATURAL and time == 3")["mean"].iloc[0]
    assert last["holds"] and last["distance"] < 0.05
    # nobody leaves in the means: the truth is 0, those who stayed did more
    assert last["observed"] > 0.25 and abs(everybody) < 0.1


def test_leavers_who_cannot_be_modelled_are_told_and_stop_nothing() -> None:
    """All who leave are told apart by their use: a logit has no maximum."""
    table = weeks(n=300, seed=2)
    wide = table[table["time"] == 2].set_index("participant")["use"]
    gone = set(wide.index[wide < wide.quantile(0.1)])
    late = (table["time"] >= 2) & table["participant"].isin(gone)
    table.loc[late, ["alliance", "after"]] = np.nan
    made = fitted(table)
    assert any("who goes on at 2 could not be modelled" in note for note in made.notes)
    assert made.effects["mean"].notna().all()


def test_linear_models_shift_by_their_coefficients(table: pd.DataFrame, found: GFormulaResult) -> None:
    """First time: a shift moves the outcome by its coefficient, and no random number remains."""
    first = table[table["time"] == 1]
    x = np.column_stack([np.ones(len(first)), first["use"], first["alliance"]])
    slope = float(np.linalg.lstsq(x, first["after"], rcond=None)[0][2])
    rows = found.effects.set_index(["strategy", "time"])
    sd = found.design["sd_exposure"]
    assert rows.loc[("higher by 0.5 SD", 1), "difference"] == pytest.approx(0.5 * sd * slope, abs=1e-10)
    apart = rows.loc[("always 1", 1), "mean"] - rows.loc[("always 0", 1), "mean"]
    assert apart == pytest.approx(slope, abs=1e-10)
    double = fitted(table, shift=1.0).effects.set_index(["strategy", "time"])
    assert double.loc[("higher by 1 SD", 1), "difference"] == pytest.approx(sd * slope, abs=1e-10)


def test_weighting_and_simulation_find_the_same_effect() -> None:
    """Two models with different parts right: effects of always one more, over the times."""
    table = weeks(n=4_000, seed=9)
    rows = fitted(table, set_to=[0, 1]).effects.set_index(["strategy", "time"])["mean"]
    weighed = marginal_structural(table, exposure="alliance", outcome="after", varying=["use"])
    mine = weighed.effects[weighed.effects["model"] == "weighted"]
    now, earlier = mine["estimate"]
    # of a rating the one before acts by use: .5 · .4; the mean of two earlier ones holds the one before half
    assert rows["always 1", 2] - rows["always 0", 2] == pytest.approx(0.5, abs=0.06)
    assert now + earlier == pytest.approx(
        (rows["always 1", 3] - rows["always 0", 3] + rows["always 1", 2] - rows["always 0", 2]) / 2, abs=0.08
    )


def test_nobody_is_let_fall_under_the_level(table: pd.DataFrame) -> None:
    made = fitted(table, at_least=0.7)
    given = made.exposures.set_index(["strategy", "time"])["mean"]
    assert (given["at least 0.7"] > 0.7).all() and (given[NATURAL] < 0.3).all()
    low = fitted(table, at_least=-100.0).effects.set_index(["strategy", "time"])
    np.testing.assert_allclose(low.loc["at least -100", "difference"], 0.0, atol=1e-12)
    assert low.loc[("at least -100", OVER), "claim"] == str(Told.NOT_FOUND)


def test_a_strategy_beyond_what_anybody_did_claims_nothing(table: pd.DataFrame) -> None:
    made = fitted(table, set_to=[9.0])
    whole = made.effects[made.effects["time"] == OVER].set_index("strategy")["claim"]
    assert whole["always 9"] == str(Told.UNTOLD) and whole["higher by 0.5 SD"] == str(Told.ASSUMED)
    assert made.exposures.query("strategy == 'always 9'")["beyond"].eq(1.0).all()
    assert not made.sound and "does not hold" in made.summary()


def test_fewer_points_and_their_order_are_as_asked(table: pd.DataFrame) -> None:
    one, all_of_them = fitted(table, lags=1), fitted(table)
    first, second = (made.effects.query("time == 3")["mean"].to_numpy() for made in (one, all_of_them))
    assert np.abs(first - second).max() > 1e-6
    words = table.assign(time=table["time"].map({1: "b", 2: "a", 3: "c"}))
    ordered = fitted(words, times=["b", "a", "c"])
    np.testing.assert_allclose(ordered.effects["mean"], all_of_them.effects["mean"])
    with pytest.raises(ResponseDataError, match="without an order"):
        fitted(words)


def test_the_same_seed_gives_the_same(table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(fitted(table).effects, fitted(table).effects)


@pytest.mark.parametrize(
    ("changes", "error", "fact"),
    [
        ({"varying": []}, ResponseDataError, "no cause of the exposure"),
        ({"lags": 0}, ResponseDataError, "lags is 0"),
        ({"products": 5}, ResponseDataError, "products is 5"),
        ({"draws": 19}, ResponseDataError, "draws is 19"),
        ({"varying": ["nowhere"]}, ResponseDataError, "no column 'nowhere'"),
        ({"confidence": 2.0}, (ResponseDataError, DefinitionError), "confidence"),
    ],
)
def test_what_cannot_be_is_refused(
    table: pd.DataFrame, changes: dict[str, Any], error: Any, fact: str
) -> None:
    with pytest.raises(error, match=fact) as caught:
        fitted(table, **changes)
    assert str(caught.value).startswith("g_formula: ") and "Hint:" in str(caught.value)


def test_few_people_are_refused() -> None:
    with pytest.raises(NotEstimableError, match="29 people are followed"):
        fitted(weeks(n=29))
    with pytest.raises(NotEstimableError, match="too few for"):
        fitted(weeks(n=30, times=12))
    steady = weeks(n=60).assign(alliance=1.0)
    with pytest.raises(NotEstimableError, match="one value only"):
        fitted(steady)
