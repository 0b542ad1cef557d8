"""Simulated people and their answers, drawn as a small population says."""

from __future__ import annotations

from types import SimpleNamespace as Made
from typing import Any

import numpy as np
import pytest

from analysis.simulation import answers, draws, people
from analysis.simulation.simulate_study import simulate_study

WAVE = Made(opens=10, closes=10, retest_of=None, after=None, share=1.0, only_users=False)


def day(left: list[float], withdrawn: list[float], **other: Any) -> list[float]:
    wave = Made(**(vars(WAVE) | other))
    usage = Made(left_day=np.array(left), withdrawn_day=np.array(withdrawn))
    known = {"t1": np.array([5.0, np.inf])}
    return answers._day(wave, usage, known, draws.Draws(1, "wave"), len(left)).tolist()


def test_nobody_answers_on_the_day_of_leaving_the_study_or_later() -> None:
    assert day([99, 99, 99], [11, 10, 9]) == [10, np.inf, np.inf]
    assert day([10, 9], [99, 99], only_users=True) == [10, np.inf]  # there up to the day the wave opens


def test_a_retest_follows_the_own_answer_by_the_days_it_is_given() -> None:
    assert day([99, 99], [99, 99], retest_of="t1", after=(7, 7)) == [12, np.inf]
    later = answers._day(
        Made(**(vars(WAVE) | {"retest_of": "t1", "after": (7, 9)})),
        Made(left_day=np.full(300, 99.0), withdrawn_day=np.full(300, np.inf)),
        {"t1": np.zeros(300)},
        draws.Draws(1, "wave"),
        300,
    )
    assert sorted(set(later.tolist())) == [7, 8, 9]


def coded(**of_answers: float) -> Any:
    scale = Made(
        scale_of=lambda item: Made(codes=(1, 2, 3, 4)),
        item=lambda item: Made(reverse=item == "turned"),
        missing_codes={"skipped": -9},
    )
    population = Made(
        answers=Made(**({"skipped": 0.0, "break_off": 0.0, "declined": 0.0} | of_answers)), items={}
    )
    chosen = {name: np.array([0, 1, 3]) for name in ("plain", "turned", *"abcd")}
    who = Made(ids=list("xyz"), careless=np.zeros(3, dtype=bool))
    return people.coded(chosen, scale, population, who, draws.Draws(1, "codes"))


def test_answers_are_codes_and_reversed_items_are_turned() -> None:
    table = coded()
    assert table["plain"].tolist() == [1, 2, 4] and table["turned"].tolist() == [4, 3, 1]
    assert coded(declined=1.0).isna().all(axis=None)  # no code is given for it
    broken = coded(break_off=1.0)
    assert broken.iloc[:, :5].notna().all(axis=None)  # five items are seen at least


def test_labels_categories_and_counts_are_at_the_right_side_of_their_edges() -> None:
    assert draws.cut(np.array([-1.0, 0.0, 0.1, 2.0]), np.array([0.0, 1.0])).tolist() == [0, 0, 1, 2]
    assert set(draws.Draws(1, "a").one_of({"x": 0.0, "y": 2.0, "z": 0.0}, 50)) == {"y"}
    assert not draws.Draws(1, "a").happens(0.0, 50).any() and draws.Draws(1, "a").happens(1.0, 50).all()
    counts = draws.Draws(1, "a").counts(np.full(40_000, 3.0))
    assert [float((counts == k).mean()) for k in (0, 3)] == pytest.approx([0.0498, 0.2240], abs=0.01)


def test_ten_people_are_enough_and_have_their_own_sessions() -> None:
    study = simulate_study("dta_example", n=10, seed=2)
    done = study.usage[study.usage["kind"] == "session_completed"]
    done = done.drop_duplicates().groupby("participant").size()
    own = study.truth.set_index("participant")["sessions"]
    assert len(own) == 10 and own.to_dict() == done.reindex(own.index, fill_value=0).to_dict()
    assert "10" in study.readme and "600" not in study.readme
