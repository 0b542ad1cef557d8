"""A rating that came after the use it is to predict had begun does not count, wherever ratings are read."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.design.late_answers import late_rows, said_of
from analysis.adherence.models.context import REMAINING
from analysis.adherence.relate_adherence import relate_adherence
from analysis.pipeline.in_time import answers_in_time, card_in_time, days_of
from instrument.errors import ResponseDataError
from instrument.study import as_study
from tests.recovery.held_populations import base_study
from tests.recovery.held_recovery import batch
from tests.recovery.held_strangers import STRANGERS

STUDY = as_study(base_study())
TABLE = pd.DataFrame({"participant": list("abcdef"), "wave": ["1", "1", "1", "1", "9", "1"]})
DAYS = pd.DataFrame(
    {"participant": list("abcde"), "wave": ["1", "1", "1", 1, "9"], "day": [21, 28.9, 29, 40.0, 80.0]}
)


def test_late_is_a_day_after_the_close_of_the_wave_and_nothing_else() -> None:
    # of f nobody knows the day; the study has no wave 9
    assert late_rows(TABLE, DAYS, STUDY, "x").tolist() == [False, False, True, True, False, False]


def test_the_wave_of_the_landmark_may_be_answered_up_to_it_and_each_wave_has_a_day_of_its_own() -> None:
    waves = [
        {"id": 1, "label": "Start", "day": 14, "opens": 14, "closes": 20},
        {"id": 2, "label": "Later", "day": 40, "opens": 40, "closes": 45},
    ]
    plan = as_study(base_study() | {"waves": waves, "landmark": {"wave": 1, "day": 22}})
    table = pd.DataFrame({"participant": list("aabbccd"), "wave": [1, 2, 1, 2, 1, 2, 2]})
    days = [22.9, 46, 23, 45.5, 15, None, 21]
    times = table.assign(day=days).sample(frac=1, random_state=1)
    assert late_rows(table, times, plan, "x").tolist() == [False, True, True, False, False, False, False]
    # two rows of which nothing is known repeat nobody
    gaps = pd.DataFrame({"participant": [None, None, "c"], "wave": [1, 1, 2], "day": [1.0, 2.0, 60.0]})
    assert late_rows(table, gaps, plan, "x").tolist() == [False] * 5 + [True, False]


def test_waves_with_late_answers_are_told_in_their_order_and_counted() -> None:
    told = said_of(pd.Series(["3", "1", "3", "3", "2", "2"]))
    assert [(line.split()[3], line.rsplit(" ", 1)[1]) for line in told] == [
        ("1", "1"),
        ("2", "2"),
        ("3", "3"),
    ]


def test_decimals_of_ids_and_waves_hide_no_late_answer() -> None:
    """A cell without a wave or a person makes 1 to 1.0 in pandas."""
    whole = pd.DataFrame({"participant": [7, 8, 9], "wave": [1, 1, 1]})
    gaps = pd.DataFrame({"participant": [7, 8, 9, None], "wave": [1, 1, None, 1], "day": [40, 20, 40, 40]})
    assert late_rows(whole, gaps, STUDY, "x").tolist() == [True, False, False]
    assert late_rows(whole.astype(float), gaps.dropna().astype(int), STUDY, "x").tolist() == [
        True,
        False,
        False,
    ]
    with pytest.raises(ResponseDataError, match="1 times repeat a participant and wave"):
        late_rows(whole, gaps.astype(object).iloc[[0, 0]].assign(wave=[1, 1.0]), STUDY, "x")


@pytest.mark.parametrize(
    ("times", "fact"),
    [
        (DAYS.drop(columns="day"), "have no column 'day'"),
        (pd.concat([DAYS, DAYS.iloc[:1]]), "1 times repeat a participant and wave"),
    ],
)
def test_times_that_cannot_be_used_are_refused(times: pd.DataFrame, fact: str) -> None:
    with pytest.raises(ResponseDataError, match=fact):
        late_rows(TABLE, times, STUDY, "relate_adherence")


def test_what_is_told_counts_by_wave_and_names_nobody() -> None:
    said = said_of(pd.Series(["2", "1", "1"]))
    assert [line.rsplit(": ", 1)[1] for line in said] == ["2", "1"] and "wave 1" in said[0]


@dataclass(frozen=True)
class SimpleCard:
    scores: pd.DataFrame


@pytest.fixture(scope="module")
def leaking() -> dict[str, Any]:
    """One study of 300 in which a quarter answer on day 42, by what they did meanwhile; truth: nothing."""
    held = STRANGERS["a quarter answer two weeks after the landmark"]
    drawn, usage, plan = batch(held, np.random.SeedSequence(4), 1)
    score, late = drawn.score.copy(), np.arange(held.n) % 4 == 0
    done = drawn.sessions_after.astype(float)
    score[late] = 2.0 * (done[late] - done.mean()) / done.std()
    ids = usage.people["participant"]
    scores = pd.DataFrame({"participant": ids, "wave": "1", "total": score})
    times = pd.DataFrame({"participant": ids, "wave": "1", "day": np.where(late, 42.0, 23.5)})
    return {"scores": scores, "usage": usage, "plan": plan, "times": times, "late": late}


def test_late_ratings_are_left_out_as_if_not_given(leaking: dict[str, Any]) -> None:
    scores, late = leaking["scores"], leaking["late"]
    given = (leaking["usage"], leaking["plan"])
    blind = relate_adherence(scores, *given)
    dated = relate_adherence(scores, *given, times=leaking["times"])
    by_hand = relate_adherence(scores[~late], *given)
    pd.testing.assert_frame_equal(dated.effects, by_hand.effects)
    pd.testing.assert_frame_equal(dated.flow, by_hand.flow)
    assert f"left out as if not given: {late.sum()}" in "\n".join(dated.notes)
    assert "left out as if not given" not in "\n".join(blind.notes)
    first = blind.effects.set_index("model").loc[REMAINING]
    assert first["pvalue"] < 1e-6 and dated.effects.set_index("model").loc[REMAINING]["n"] == (~late).sum()


def test_every_section_reads_ratings_in_time() -> None:
    """Scores lose the rows; answers lose what was answered and keep their rows, so that reasons still fit."""
    card = SimpleCard(scores=TABLE.assign(total=1.0))
    answers = TABLE.assign(q1=1, q2=2)
    answers.attrs["reasons"] = "kept"
    context: Any = SimpleNamespace(
        card=card,
        answers=answers,
        item_ids=["q1", "q2"],
        study=STUDY,
        times=DAYS,
        waves=["1"],
        enrolment=None,
    )
    assert card_in_time(context).scores["participant"].tolist() == ["a", "b", "e", "f"]
    kept = answers_in_time(context)
    assert kept["q1"].isna().tolist() == [False, False, True, True, False, False]
    assert kept["participant"].tolist() == answers["participant"].tolist() and kept.attrs == answers.attrs
    assert answers["q1"].notna().all()
    for times in (None, DAYS.drop(columns="day"), DAYS.assign(day=20.0)):
        context.times = times
        assert card_in_time(context) is card and answers_in_time(context) is answers
    assert days_of(context) is context.times
