"""What is held constant is held as it works: curves, weekdays, months, products, stretches of enrolment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.adherence.claims.claims import causes_of
from analysis.adherence.design.calendar_steps import gains, steps_in_time
from analysis.adherence.design.further_terms import further_terms, words_of
from analysis.adherence.design.landmark import _groupings

N = 400
EVERYONE = np.ones(N, dtype=bool)
UNKNOWN = np.full(N, np.nan)


def drawn(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "age": rng.uniform(18, 75, N),
        "device:tablet": (rng.random(N) < 0.5).astype(float),
        "early use": rng.standard_normal(N),
        "joined": np.floor(rng.uniform(0, 150, N)),
        "noise": rng.standard_normal(N),
    }


def found_in(target: np.ndarray, d: dict[str, np.ndarray], joined: np.ndarray) -> dict[str, np.ndarray]:
    adjusters = {name: d[name] for name in ("age", "device:tablet")}
    held = np.column_stack([*adjusters.values(), d["early use"]])
    return further_terms(
        adjusters, {"early use": d["early use"]}, joined, EVERYONE, held, [d["noise"], target]
    )


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (lambda d: ((d["age"] - 46) / 17) ** 2, "age as a curve"),
        (lambda d: 1.5 * (d["joined"] % 7 == 5), "the weekday of enrolment"),
        (lambda d: np.sin(2 * np.pi * (d["joined"] + 11) / 30.4375), "the time of the month of enrolment"),
        (lambda d: (d["device:tablet"] - 0.5) * d["early use"] * 2, "early use by device"),
        (lambda d: (d["device:tablet"] - 0.5) * (d["age"] - 46) / 8, "age by device"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_what_a_straight_line_leaves_out_is_found_and_named(shape: object, said: str, seed: int) -> None:
    d = drawn(seed)
    made = found_in(shape(d) + d["noise"][::-1], d, d["joined"])  # type: ignore[operator]
    assert said in words_of(list(made))
    assert all(len(column) == N for column in made.values()) and len(made) <= N // 40


def test_hardly_anything_is_found_in_noise() -> None:
    number = [len(found_in(d["noise"][::-1], d, d["joined"])) for d in map(drawn, range(40))]
    # 19 columns, two targets, p < .01 each: .4 a study
    assert np.mean(number) < 0.8


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-50, 50), scale=st.floats(0.1, 20))
def test_the_unit_of_a_number_and_the_order_of_people_do_not_matter(
    seed: int, shift: float, scale: float
) -> None:
    d = drawn(seed)
    target = ((d["age"] - 46) / 17) ** 2 + d["noise"][::-1]
    first = found_in(target, d, d["joined"])
    other = found_in(target, d | {"age": shift + scale * d["age"]}, d["joined"])
    assert list(first) == list(other)
    order = np.random.default_rng(seed).permutation(N)
    turned = found_in(target[order], {name: c[order] for name, c in d.items()}, d["joined"][order])
    assert list(turned) == list(first)
    for name, column in first.items():
        np.testing.assert_allclose(turned[name], column[order], atol=1e-9)


def test_where_nobody_knows_the_day_no_weekday_is_looked_for() -> None:
    d = drawn(1)
    target = 3.0 * (d["joined"] % 7 == 5) + d["noise"][::-1]
    assert not any("weekday" in name for name in found_in(target, d, UNKNOWN))
    assert any("weekday" in name for name in found_in(target, d, d["joined"]))


def test_columns_of_one_covariate_are_one_cause() -> None:
    names = ["use_before, log", "age", "age, curve 1", "age, curve 2", "joined, weekday 3", "device:tablet"]
    assert causes_of(names, names[:1]) == {
        "use before the landmark": [0],
        "age": [1, 2, 3],
        "the time of enrolment": [4],
        "device": [5],
    }


@pytest.mark.parametrize(("first", "last"), [(40, 52), (70, 95)])
def test_a_stretch_of_days_is_found_where_its_ends_are(first: int, last: int) -> None:
    rng = np.random.default_rng(3)
    joined = np.floor(rng.uniform(0, 150, N))
    inside = (joined >= first) & (joined < last)
    held = np.column_stack([joined, joined**2])
    spans = steps_in_time(joined, held, [1.6 * inside + rng.standard_normal(N)])
    made = sum((joined >= a) & (joined < b) for a, b in spans.values())
    assert np.corrcoef(made, inside)[0, 1] ** 2 > 0.6


def test_a_gain_is_the_f_of_adding_the_column() -> None:
    """Against residual sums of squares of two least squares fits."""
    rng = np.random.default_rng(2)
    known = np.column_stack([np.ones(60), rng.standard_normal((60, 3))])
    columns, target = rng.standard_normal((60, 4)), rng.standard_normal(60)
    rss = [
        float(np.linalg.lstsq(x, target, rcond=None)[1][0])
        for x in (known, *(np.column_stack([known, c]) for c in columns.T))
    ]
    expected = [(rss[0] - r) / (r / (60 - 5)) for r in rss[1:]]
    np.testing.assert_allclose(gains(target, known, columns), expected, rtol=1e-10)


@pytest.mark.parametrize(("size", "asked"), [(2, True), (1, False)])
def test_pairs_that_nobody_declared_are_asked_of_and_names_of_people_are_not(size: int, asked: bool) -> None:
    homes = pd.DataFrame({"household": [f"home {k // size}" for k in range(120)]})
    assert ("household" in _groupings(homes, set())) is asked
