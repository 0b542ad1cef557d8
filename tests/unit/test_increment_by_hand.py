"""What a score adds, from least squares by hand: shares, F, errors, people counted, and outcomes without an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import incremental_validity
from analysis.validity.incremental_validity import r_squared, r_squared_drawn
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError

N = 50


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(12)
    made = pd.DataFrame(rng.standard_normal((N, 4)), columns=["old", "new", "age", "unused"])
    made["place"] = pd.Series(["south", "north", "west", "north", "south"] * 10)
    made["y"] = made["old"] + 0.5 * made["new"] + (made["place"] == "west") + rng.standard_normal(N)
    made.loc[[3, 7], "age"] = np.nan
    made.loc[7, "new"] = np.nan
    made.loc[40:, "unused"] = np.nan
    return made


def test_every_number_is_that_of_two_regressions_by_hand(frame: pd.DataFrame) -> None:
    found = incremental_validity(
        frame, "y", ["new"], baseline="old", adjust_for=["age", "place"], draws=60, confidence=0.9, seed=4
    )
    kept = frame.drop(index=[3, 7]).reset_index(drop=True)
    n = len(kept)
    # words: all levels but the first to appear; a column that is not asked for drops nobody
    small = np.column_stack(
        [np.ones(n), kept["old"], kept["age"], kept["place"] == "north", kept["place"] == "west"]
    ).astype(float)
    x = np.column_stack([small, kept["new"]])
    y = kept["y"].to_numpy()

    def fit(design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        b = np.linalg.solve(design.T @ design, design.T @ y)
        return b, y - design @ b

    (_, e0), (b, e) = fit(small), fit(x)
    total = ((y - y.mean()) ** 2).sum()
    r0, r1 = 1 - e0 @ e0 / total, 1 - e @ e / total
    assert (found.n_obs, found.n_dropped) == (n, 2) == (48, 2)
    assert (found.r_squared_baseline, found.r_squared_full) == pytest.approx((r0, r1))
    assert found.delta_r_squared == pytest.approx(r1 - r0)
    f = (r1 - r0) / ((1 - r1) / (n - 6))
    assert (found.f, found.df1, found.df2) == pytest.approx((f, 1, n - 6))
    assert found.pvalue == pytest.approx(stats.f.sf(f, 1, n - 6))
    assert found.cohen_f2 == pytest.approx((r1 - r0) / (1 - r1))
    adjusted = [1 - (1 - r) * (n - 1) / (n - p) for r, p in ((r0, 5), (r1, 6))]
    assert found.delta_r_squared_adjusted == pytest.approx(adjusted[1] - adjusted[0])
    bread = np.linalg.inv(x.T @ x)
    hat = np.einsum("ij,jk,ik->i", x, bread, x)
    se = np.sqrt(np.diag(bread @ (x.T * (e / (1 - hat)) ** 2 @ x) @ bread))
    table = found.coefficients
    assert table.index.tolist() == ["intercept", "old", "age", "place[north]", "place[west]", "new"]
    np.testing.assert_allclose(table["estimate"], b)
    np.testing.assert_allclose(table["se"], se)
    np.testing.assert_allclose(table["t"], b / se)
    np.testing.assert_allclose(table["pvalue"], 2 * stats.t.sf(np.abs(b / se), n - 6))
    half = stats.t.ppf(0.95, n - 6) * se
    np.testing.assert_allclose(table["ci_lower"], b - half)
    np.testing.assert_allclose(table["ci_upper"], b + half)
    np.testing.assert_allclose(table["standardized"][1:], (b * x.std(axis=0) / y.std())[1:])
    assert np.isnan(table.loc["intercept", "standardized"])
    assert (found.draws, found.confidence, found.seed) == (60, 0.9, 4)
    assert 0 < found.ci_lower < found.delta_r_squared < found.ci_upper
    wider = incremental_validity(
        frame, "y", "new", baseline="old", adjust_for=["age", "place"], draws=60, confidence=0.99, seed=4
    )
    assert wider.ci_lower < found.ci_lower and wider.ci_upper > found.ci_upper
    alone = incremental_validity(frame, "y", ["new", "old"], draws=20)
    assert alone.r_squared_baseline == pytest.approx(0, abs=1e-12) and (alone.df1, alone.n_dropped) == (2, 1)


@pytest.mark.parametrize(
    ("changes", "error", "fact"),
    [
        ({"y": 1.0}, NotEstimableError, "all 49 persons who have every column have one value of 'y'"),
        ({"y": 2.1}, NotEstimableError, "have one value of 'y'"),
        ({"y": "sum"}, NotEstimableError, "the terms determine 'y' exactly"),
        ({"y": "old"}, NotEstimableError, "the terms determine 'y' exactly"),
        ({"old": 2.1}, NotEstimableError, "'new'.* are collinear or constant"),
        ({"old": "new"}, NotEstimableError, "are collinear or constant"),
    ],
)
def test_where_nothing_is_left_to_test_it_is_said_why(
    frame: pd.DataFrame, changes: dict[str, Any], error: type[Exception], fact: str
) -> None:
    """An outcome that is a sum of the scores ended in a ZeroDivisionError, a constant one in a call for more people."""
    made = frame.assign(sum=3 * frame["old"] - frame["new"])
    for name, value in changes.items():
        made[name] = made[value] if isinstance(value, str) else value
    with pytest.raises(error, match=fact):
        incremental_validity(made, "y", "new", baseline="old", draws=20)


def test_too_few_people_and_columns_in_two_roles_are_refused(frame: pd.DataFrame) -> None:
    ask = lambda data, **given: incremental_validity(data, "y", "new", draws=20, **given)  # noqa: E731
    three = {"baseline": "old"}
    with pytest.raises(ResponseDataError, match="4 persons have every column, the model has 3 terms"):
        ask(frame.iloc[10:14], **three)
    assert ask(frame.iloc[10:15], **three).df2 == 2
    with pytest.raises(DefinitionError, match="used twice: 'new'"):
        ask(frame, baseline="new")
    with pytest.raises(DefinitionError, match="used twice: 'y'"):
        ask(frame, baseline="y")
    with pytest.raises(DefinitionError, match="not in the data: 'absent'"):
        ask(frame, adjust_for="absent")
    with pytest.raises(DefinitionError, match="no predictor was named"):
        incremental_validity(frame, "y", [], baseline="old")


@pytest.mark.parametrize("terms", [0, 1, 3])
def test_shares_in_drawn_samples_are_those_of_the_rows_themselves(terms: int) -> None:
    rng = np.random.default_rng(5)
    n = 12
    x = np.column_stack([np.ones(n), rng.integers(0, 2, (n, terms)) + 5.0])
    y = rng.standard_normal(n) + 100
    drawn = rng.integers(0, n, (40, n))
    drawn[0], drawn[1] = 3, np.where(x[:, -1] == 5, np.arange(n), int(np.argmax(x[:, -1] == 5)))
    times = np.stack([np.bincount(rows, minlength=n) for rows in drawn]).astype(float)
    expected = [r_squared(y[rows], x[rows]) for rows in drawn]
    np.testing.assert_allclose(r_squared_drawn(y, x, times), expected, atol=1e-9)
    assert np.isnan(expected[0]) and (terms == 0 or np.isnan(expected[1]))
