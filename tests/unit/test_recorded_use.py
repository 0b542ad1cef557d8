"""What the log says of early use beside how often: held constant where score or later use go with it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.adherence.design.early_use import early_use, most_telling
from analysis.adherence.design.further_terms import further_terms, words_of
from analysis.adherence.design.recorded_use import RECORDED, recorded_use

N = 300
EVERYONE = np.ones(N, dtype=bool)


def frame_of(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "minutes_before": np.exp(rng.normal(3.5, 0.8, N)),
            "longest_gap_before": rng.uniform(1, 28, N),
            "second_week_before": rng.poisson(1.5, N),
            "third_week_before": rng.poisson(1.5, N),
            "logins_before": np.full(N, 3.0),
        }
    )


@pytest.mark.parametrize("name", ["minutes_before", "longest_gap_before", "second_week_before"])
@pytest.mark.parametrize("seed", range(3))
def test_a_measure_that_moves_later_use_is_held(name: str, seed: int) -> None:
    frame, rng = frame_of(seed), np.random.default_rng(seed + 50)
    line = np.log1p(frame[name].to_numpy(dtype=float))
    later = (line - line.mean()) / line.std() + rng.standard_normal(N)
    held = rng.standard_normal((N, 2))
    made = recorded_use(frame, EVERYONE, held, [later, rng.standard_normal(N)])
    assert f"{name}, log" in made
    np.testing.assert_allclose(made[f"{name}, log"], line)


def test_a_pause_that_counts_from_ten_days_on_is_held_as_a_curve() -> None:
    frame, rng = frame_of(4), np.random.default_rng(7)
    later = 2.0 * (frame["longest_gap_before"].to_numpy() > 10) + 0.5 * rng.standard_normal(N)
    made = recorded_use(frame, EVERYONE, rng.standard_normal((N, 1)), [later])
    assert any(name.startswith("longest_gap_before, curve") for name in made)


@given(seed=st.integers(0, 10_000), held=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_what_is_held_already_or_does_not_vary_is_never_added(seed: int, held: int) -> None:
    frame, rng = frame_of(seed), np.random.default_rng(seed)
    lines = [np.log1p(frame[name].to_numpy(dtype=float)) for name in list(frame)[:4]]
    known = np.column_stack([*lines[:held], rng.standard_normal(N)])
    made = recorded_use(frame, EVERYONE, known, [rng.standard_normal(N), known.sum(axis=1)])
    assert not {f"{name}, log" for name in list(frame)[:held]} & set(made)
    assert "logins_before, log" not in made
    assert len(made) <= N // 60 and all(np.isfinite(column).all() for column in made.values())


def test_noise_is_hardly_ever_held() -> None:
    number = []
    for seed in range(60):
        rng = np.random.default_rng(1000 + seed)
        targets = [rng.standard_normal(N), rng.standard_normal(N)]
        number.append(len(recorded_use(frame_of(seed), EVERYONE, rng.standard_normal((N, 1)), targets)))
    # at most a dozen columns, two targets, p < .01 each
    assert np.mean(number) < 0.4


def test_nothing_known_gives_nothing() -> None:
    bare = pd.DataFrame({"participant": np.arange(N)})
    assert recorded_use(bare, EVERYONE, np.ones((N, 1)), [np.arange(N, dtype=float)]) == {}
    assert len(set(RECORDED)) == len(RECORDED)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("place", "said"), [("platform:other", "platform by"), ("early use", "early use by")]
)
def test_a_column_that_works_otherwise_from_one_day_on_is_found(place: str, said: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    joined = np.floor(rng.uniform(0, 200, N))
    columns = {
        "platform:other": (rng.random(N) < 0.5).astype(float),
        "early use": rng.standard_normal(N),
    }
    new = joined >= 90
    later = 1.2 * (columns[place] - columns[place].mean()) * np.where(new, 1, -1) + rng.standard_normal(N)
    adjusters = {"platform:other": columns["platform:other"]}
    early = {"early use": columns["early use"]}
    held = np.column_stack([*columns.values(), joined, new])
    made = further_terms(adjusters, early, joined, EVERYONE, held, [later])
    assert f"{said} the time of enrolment" in words_of(list(made))


@pytest.mark.parametrize("moved", ["score", "use"])
def test_of_few_people_a_column_that_score_or_use_go_with_comes_before_the_others(moved: str) -> None:
    rng = np.random.default_rng(6)
    early = pd.DataFrame(rng.standard_normal((60, 7)), columns=list("abcdefg"))
    told = early["f"].to_numpy() + 0.5 * rng.standard_normal(60)
    noise, held = rng.standard_normal(60), rng.standard_normal((60, 1))
    targets = [noise, told] if moved == "score" else [told, noise]
    assert most_telling(early, held, targets, 4) == ["a", "b", "c", "f"]
    assert most_telling(early, held, targets, 3) == ["a", "b", "f"]
    assert most_telling(early, held, targets, 2) == ["a", "b"]
    assert most_telling(early, held, targets, 7) == list("abcdefg")
    assert most_telling(early, held, [noise], 4) == list("abcd")
    # what is held already says it
    assert most_telling(early, early[["f"]].to_numpy(), targets, 3) == ["a", "b", "c"]
    assert most_telling(early.iloc[:5], held[:5], [told[:5]], 4) == list("abcd")  # too few to ask


def test_what_else_people_did_in_the_app_is_held_and_named() -> None:
    rng = np.random.default_rng(8)
    wrote = (rng.random(N) < 0.25).astype(float)
    frame = pd.DataFrame({"events_of_message, to coach_before": wrote, "events_of_message_after": wrote})
    score = wrote + rng.standard_normal(N)
    made = recorded_use(frame, EVERYONE, rng.standard_normal((N, 2)), [rng.standard_normal(N), score])
    assert list(made) == ["events_of_message, to coach_before, log"]
    np.testing.assert_allclose(made["events_of_message, to coach_before, log"], np.log1p(wrote))
    use = pd.DataFrame({"use_before": rng.poisson(4, N), "active_days_before": 2, "idle_at_landmark": 3.0})
    early = early_use(use, EVERYONE, 14.0, made)
    assert early.described(list(early.columns)) == ["use_before", "events_of_message, to coach_before"]
