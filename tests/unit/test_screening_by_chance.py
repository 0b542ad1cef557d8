"""Indices that careful people would often meet judge nobody: long runs and twins of few items or options."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from analysis.reliability.inputs import Array
from analysis.screening import kernels
from analysis.screening.kernels import DRAWS, Chance, chance_of
from analysis.screening.screen import ScreeningResult, screen
from instrument.definition import Instrument


def scale_of(items: int, options: int) -> Instrument:
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "mini",
            "version": "1",
            "title": "Mini",
            "response_scales": {"agree": {"options": {code: f"o{code}" for code in range(options)}}},
            "themes": [
                {
                    "id": "t",
                    "title": "T",
                    "items": [{"id": f"i{number}", "text": f"Words {number}."} for number in range(items)],
                }
            ],
        }
    )


def screened(answers: Array, options: int) -> ScreeningResult:
    frame = pd.DataFrame(answers, columns=[f"i{number}" for number in range(answers.shape[1])])
    frame.insert(0, "participant", [f"p{number}" for number in range(len(frame))])
    frame.insert(1, "wave", 1)
    return screen(frame, scale_of(answers.shape[1], options))


def careful(n: int, items: int, cuts: list[float]) -> Array:
    """Answers of one factor, loadings .7, given with care."""
    rng = np.random.default_rng(3)
    latent = 0.7 * rng.normal(size=(n, 1)) + np.sqrt(0.51) * rng.normal(size=(n, items))
    return np.digitize(latent, cuts).astype(float)


def _different(n: int) -> Array:
    given = careful(300, 4, [0.0])
    return given[given.std(axis=1) > 0][:n]


def is_half(share: float) -> bool:
    return share >= 0.5


def test_chance_of_unrelated_coins_is_that_of_counting() -> None:
    every = np.array(
        list(product([0.0, 1.0], repeat=6))
    )  # each answer pattern once: no relation, half and half
    found = chance_of(every, 101, is_half)
    # of 64 patterns 26 have no run of three, and 62 are not all alike
    error = 4 * np.sqrt(0.59375 * 0.40625 / DRAWS)
    assert found.long_run == pytest.approx(1 - 26 / 64, abs=error)
    assert found.twins == pytest.approx(100 * 62 / 64**2, rel=0.03)
    assert chance_of(every, 1, is_half).twins == 0  # nobody else is there to meet


def test_chance_follows_how_common_options_are_and_how_items_go_together() -> None:
    rng = np.random.default_rng(1)
    even, rare = ((rng.random((4000, 6)) < share).astype(float) for share in (0.5, 0.1))
    assert chance_of(rare, 2, is_half).long_run > chance_of(even, 2, is_half).long_run + 0.15
    together = careful(4000, 6, [-1.2, -0.4, 0.4, 1.2])
    varied = together[together.std(axis=1) > 0]
    seen = np.mean(kernels.runs_of_identical_answers(varied).longest / 6 >= 0.5)
    assert chance_of(together, 2, is_half).long_run == pytest.approx(seen, abs=0.03)
    apart = np.column_stack([rng.permutation(column) for column in together.T])
    seen = kernels.runs_of_identical_answers(together).longest / 6
    assert chance_of(together, 2, is_half).long_run == pytest.approx(np.mean(seen >= 0.5), abs=0.05)
    assert chance_of(apart, 2, is_half).long_run < chance_of(together, 2, is_half).long_run - 0.1


def test_an_item_without_variance_and_one_without_answers_are_no_obstacle() -> None:
    answers = careful(200, 5, [0.0])
    answers[:, 1], answers[:, 3] = 1.0, np.nan
    found = chance_of(answers, 200, is_half)
    assert 0 <= found.long_run <= 1 and found.twins > 0
    assert chance_of(np.full((30, 2), np.nan), 30, is_half) == Chance(long_run=0.0, twins=0.0)
    # a run of two of seven items is no half, though of the three that were answered it is most
    three = np.column_stack([careful(200, 3, [0.0]), np.full((200, 4), np.nan)])
    assert chance_of(three, 200, is_half).long_run == 0.0


def test_many_who_press_one_button_do_not_pass_for_chance() -> None:
    answers = careful(400, 24, [-1.2, -0.4, 0.4, 1.2])
    few = chance_of(answers, 400, is_half)
    answers[:160] = np.arange(160)[:, None] % 5
    many = chance_of(answers, 400, is_half)
    assert many.long_run == pytest.approx(few.long_run, abs=0.02) and many.long_run < 0.05
    assert screened(answers, 5).table["flag_longstring"].iloc[:160].all()
    assert chance_of(answers[:160], 160, is_half) == Chance(long_run=0.0, twins=0.0)


@pytest.mark.parametrize(("varied", "known"), [(9, False), (10, True)])
def test_ten_people_with_different_answers_say_what_chance_is(varied: int, known: bool) -> None:
    answers = np.zeros((30, 4))
    answers[:varied] = _different(varied)
    assert (chance_of(answers, 30, is_half).long_run > 0) == known


@pytest.mark.parametrize(
    ("items", "cuts"), [(6, [0.0]), (4, [-1.2, -0.4, 0.4, 1.2]), (9, [-0.2, 0.6, 1.4]), (10, [0.8])]
)
@pytest.mark.parametrize("n", [20, 300])
def test_careful_people_of_a_short_scale_are_not_called_careless(
    n: int, items: int, cuts: list[float]
) -> None:
    found = screened(careful(n, items, cuts), len(cuts) + 1)
    assert found.n_flagged <= 0.02 * n
    assert found.flags.loc["longstring", "n_judged"] == 0
    assert not found.table["flag_longstring"].any()
    assert any(note.startswith("Long runs are not judged: with") for note in found.notes)


def test_people_who_copy_or_press_one_button_are_found_where_chance_does_not_do_it() -> None:
    answers = careful(500, 24, [-1.2, -0.4, 0.4, 1.2])
    answers[:25] = np.arange(25)[:, None] % 5
    answers[30:34] = answers[499]
    found = screened(answers, 5)
    assert found.flags.loc[["longstring", "copy"], "n_judged"].tolist() == [500, 500]
    assert set(np.flatnonzero(found.table["flag_longstring"])) >= set(range(25))
    assert np.flatnonzero(found.table["flag_copy"]).tolist() == [30, 31, 32, 33, 499]
    assert not any("not judged: with" in note for note in found.notes)


@pytest.mark.parametrize(
    ("chance", "judged", "words"),
    [
        (Chance(long_run=0.1, twins=0.1), [40, 40], []),
        (Chance(long_run=0.101, twins=0.1), [0, 40], ["10% of people who answer with care have one."]),
        (Chance(long_run=0.1, twins=0.25), [40, 0], ["25% of people who answer with care give the answers"]),
        (Chance(long_run=0.0, twins=3.0), [40, 0], ["many people who answer with care give the answers"]),
    ],
)
def test_one_in_ten_is_the_most(
    chance: Chance, judged: list[int], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(kernels, "chance_of", lambda answers, people, is_long: asked.append(people) or chance)
    answers = careful(40, 12, [-1.2, -0.4, 0.4, 1.2])
    answers[0], answers[1] = 2.0, answers[2]
    found = screened(answers, 5)
    assert asked == [40]
    assert found.flags.loc[["longstring", "copy"], "n_judged"].tolist() == judged
    assert found.table["flag_longstring"].iloc[0] == bool(judged[0])
    assert found.table["flag_copy"].iloc[1] == bool(judged[1])
    told = [note for note in found.notes if "not judged: with" in note]
    assert len(told) == len(words) and all(word in note for word, note in zip(words, told, strict=True))


def test_one_answer_is_no_long_run() -> None:
    """Of a scale of one question everybody has the same answer over half of the items and more."""
    found = screened(np.array([0.0, 1, 2, 3, 4] * 8)[:, None], 5)
    assert found.flags.loc["longstring", "n_judged"] == 0 and found.n_flagged == 0
    assert any(note.startswith("Long runs are not judged: with 1 item and") for note in found.notes)
