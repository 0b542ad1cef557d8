"""Waves have an order that is declared, named or plain; otherwise nothing is said about change."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from analysis.pipeline import validate
from instrument.definition import Instrument
from instrument.errors import ResponseDataError
from instrument.reading.wave_order import OrderSource, order_of_waves

PLAIN = {
    ("week2", "week10"): OrderSource.NUMBERS,
    ("week_3", "week 6", "Week-12"): OrderSource.NUMBERS,
    ("week03", "week12"): OrderSource.NUMBERS,
    ("T0", "T1", "T2", "T10"): OrderSource.NUMBERS,
    ("1", "2", "11"): OrderSource.NUMBERS,
    ("3 months", "12 months"): OrderSource.NUMBERS,
    ("pre", "post"): OrderSource.WORDS,
    ("Pre-Test", "Mid", "Post-Test", "Follow-up 1", "follow_up 2"): OrderSource.WORDS,
    ("baseline", "post", "FU"): OrderSource.WORDS,
    ("vorher", "nachher", "katamnese"): OrderSource.WORDS,
    ("baseline", "week2", "week10"): OrderSource.WORDS,
}
NONE = [
    ("autumn", "winter"),
    ("a", "b"),
    ("pre", "baseline"),
    ("week2", "month1"),
    ("week2", "post"),
    ("week03", "week3"),
    ("2026-1", "2026-2"),
    ("first", "second"),
]


@pytest.mark.parametrize("waves", PLAIN)
def test_plain_names_have_one_order_however_they_come(waves: tuple[str, ...]) -> None:
    for shuffled in permutations(waves):
        found = order_of_waves(shuffled)
        assert (found.waves, found.source) == (waves, PLAIN[waves])


@pytest.mark.parametrize("waves", NONE)
def test_other_names_have_none(waves: tuple[str, ...]) -> None:
    for shuffled in permutations(waves):
        found = order_of_waves(shuffled)
        assert not found.known
        assert found.waves == shuffled


def test_whole_numbers_are_in_order_and_keep_their_type() -> None:
    assert order_of_waves([10, 2, 1]).waves == (1, 2, 10)
    assert order_of_waves(["only"]).source is OrderSource.ONE


def test_waves_beside_the_declared_ones_have_no_order_unless_there_is_only_one() -> None:
    assert order_of_waves(["x"], declared=["a", "b"]).known
    for present in (["x", "a"], ["a", "x"], ["x", "y"]):
        assert not order_of_waves(present, declared=["a", "b"]).known


def test_a_study_file_declares_the_order_of_all_its_waves() -> None:
    found = order_of_waves(["b", "c", "a"], declared=["c", "a", "later", "b"])
    assert (found.waves, found.source) == (("c", "a", "b"), OrderSource.DECLARED)
    found = order_of_waves(["b", "extra", "a"], declared=["a", "b"])
    assert (found.waves, found.known) == (("a", "b", "extra"), False)


def test_named_waves_are_those_of_the_answers() -> None:
    for present, named in ((["1", "2"], [2, 1]), ([1.0, 2.0], ["2", "1"]), ([1, 2], [2.0, 1.0])):
        # a wave is the same whether its number is a number or a text
        assert [str(wave)[0] for wave in order_of_waves(present, named=named).waves] == ["2", "1"]  # type: ignore[arg-type]
    found = order_of_waves(["b", "a"], named=["b", "a"])
    assert (found.waves, found.source) == (("b", "a"), OrderSource.NAMED)
    with pytest.raises(ResponseDataError, match=r"'z' in no answer; 'b' not named\.\n.*--waves b,a"):
        order_of_waves(["b", "a"], named=["a", "z"], caller="dta validate")
    with pytest.raises(ResponseDataError, match="a wave is named twice"):
        order_of_waves(["b", "a"], named=["a", "b", "a"])
    with pytest.raises(ResponseDataError, match="another order than in the study file"):
        order_of_waves(["b", "a"], declared=["a", "b"], named=["b", "a"])
    assert order_of_waves(["b", "x", "a"], declared=["a", "b"], named=["a", "x", "b"]).known


SCALE = Instrument.model_validate(
    {
        "schema": 1,
        "id": "mini",
        "version": "1",
        "title": "Mini",
        "response_scales": {"agree": {"options": {k: str(k) for k in range(1, 6)}}},
        "themes": [
            {"id": "t", "title": "T", "items": [{"id": f"q{k}", "text": f"Item {k}."} for k in range(1, 4)]}
        ],
    }
)


def answers(early: str, late: str, n: int = 120) -> pd.DataFrame:
    """Everyone answers a point higher at the later wave, which stands first in the file."""
    rng = np.random.default_rng(4)
    person = rng.normal(size=n)
    parts = []
    for wave, shift in ((late, 1.0), (early, 0.0)):
        codes = np.clip(np.round(2.5 + person[:, None] + shift + 0.6 * rng.normal(size=(n, 3))), 1, 5).astype(
            int
        )
        part = pd.DataFrame(codes, columns=SCALE.item_ids)
        part.insert(0, "wave", wave)
        part.insert(0, "participant", [f"p{k}" for k in range(n)])
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(("early", "late"), [("pre", "post"), ("week2", "week10")])
def test_scores_rise_from_the_earlier_to_the_later_wave(early: str, late: str) -> None:
    tree = validate(answers(early, late), SCALE, topics=("flow", "longitudinal")).tree
    assert tree["meta"]["waves"] == [early, late]
    assert tree["meta"]["structure_wave"] == early
    table = pd.DataFrame(tree["sections"]["longitudinal"]["tables"]["trajectories"])
    everyone = table[table["who"].str.startswith("everyone")]
    means = everyone.groupby("wave")["mean"].mean()
    assert means[f"wave {late}"] - means[f"wave {early}"] > 0.7
    said = " ".join(tree["sections"]["flow"]["prose"])
    assert "declared" not in said
    assert ("by its name" in said) == (early == "pre")


def test_waves_without_an_order_give_no_change_until_they_are_named() -> None:
    frame = answers("winter", "autumn")
    tree = validate(frame, SCALE, topics=("flow", "longitudinal")).tree
    section = tree["sections"]["longitudinal"]
    assert section["status"] == "not_applicable"
    assert "The order of the waves 'autumn' and 'winter' is not known" in section["message"]
    assert "--waves a,b,c" in section["message"]
    assert tree["meta"]["wave_order"] == "unknown"
    assert not any("also answered" in sentence for sentence in tree["sections"]["flow"]["prose"])
    named = validate(frame, SCALE, waves=("winter", "autumn"), topics=("flow", "longitudinal")).tree
    assert named["sections"]["longitudinal"]["status"] == "ok"
    assert named["meta"]["structure_wave"] == "winter"
    assert "the first wave named" in " ".join(named["sections"]["flow"]["prose"])


def test_the_first_wave_is_the_first_with_answers() -> None:
    frame = answers("week2", "week10")
    frame[SCALE.item_ids] = frame[SCALE.item_ids].astype("Int64")
    frame.loc[frame["wave"] == "week2", SCALE.item_ids] = pd.NA
    tree = validate(frame, SCALE, topics=("flow",)).tree
    assert tree["meta"]["structure_wave"] == "week10"
    assert tree["sections"]["flow"]["values"]["first_n"] == 120


def timed(moments: dict[str, list[float | str]], name: str = "day") -> pd.DataFrame:
    rows = [(f"p{k}", wave, moment) for wave, cells in moments.items() for k, moment in enumerate(cells)]
    return pd.DataFrame(rows, columns=["participant", "wave", name])


@pytest.mark.parametrize("name", ["day", "at"])
def test_times_of_answering_order_waves_whose_names_say_nothing(name: str) -> None:
    days = {"autumn": [200.0, 210.0, np.nan], "spring": [20.0, 25.0, 22.0], "winter": [290.0, np.nan, 300.0]}
    start = pd.Timestamp("2026-01-01")
    if name == "at":
        days = {
            w: [str(start + pd.Timedelta(days=d)) if d == d else None for d in c] for w, c in days.items()
        }
    for shuffled in permutations(days):
        found = order_of_waves(shuffled, times=timed(days, name))
        assert (found.waves, found.source) == (("spring", "autumn", "winter"), OrderSource.TIMES)


@pytest.mark.parametrize(
    ("moments", "why"),
    [
        ({"a": [1.0, 2.0], "b": [5.0, 1.0]}, "one person answered them the other way round"),
        ({"a": [1.0, 2.0], "b": [5.0, 2.0]}, "one person answered both at one time"),
        ({"a": [1.0, np.nan], "b": [np.nan, 9.0]}, "nobody answered both"),
        ({"a": [1.0, 2.0]}, "a wave has no times"),
        (
            {"a": [1.0, np.nan, 3.0], "b": [2.0, 5.0, np.nan], "c": [np.nan, 6.0, 1.0]},
            "the times go in a ring",
        ),
    ],
)
def test_times_that_disagree_or_are_too_few_give_no_order(moments: dict[str, list[float]], why: str) -> None:
    present = ["a", "b", *(["c"] if "c" in moments else [])]
    found = order_of_waves(present, times=timed(moments))
    assert not found.known, why
    assert found.waves == tuple(present)


def test_times_against_plain_names_leave_the_order_open_and_a_declared_one_stands() -> None:
    times = timed({"post": [1.0, 2.0], "pre": [5.0, 6.0]})
    assert not order_of_waves(["pre", "post"], times=times).known
    assert order_of_waves(["pre", "post"], named=["pre", "post"], times=times).source is OrderSource.NAMED
    declared = order_of_waves(["pre", "post"], declared=["pre", "post"], times=times)
    assert declared.source is OrderSource.DECLARED


def test_a_validation_takes_the_order_from_its_times() -> None:
    frame = answers("winter", "autumn")
    times = frame[["participant", "wave"]].assign(
        day=np.where(frame["wave"] == "winter", 10, 100), seconds=90
    )
    tree = validate(frame, SCALE, times=times, topics=("flow", "longitudinal")).tree
    assert (tree["meta"]["wave_order"], tree["meta"]["waves"]) == ("times", ["winter", "autumn"])
    assert "by the times of answering" in " ".join(tree["sections"]["flow"]["prose"])
    table = pd.DataFrame(tree["sections"]["longitudinal"]["tables"]["trajectories"])
    means = table[table["who"].str.startswith("everyone")].groupby("wave")["mean"].mean()
    assert means["wave autumn"] - means["wave winter"] > 0.7


def test_days_that_are_no_numbers_tell_no_order() -> None:
    """A column `day` of texts or dates is not read as days since enrolment; `at` holds moments."""
    days = timed({"autumn": ["day two hundred"], "spring": ["day twenty"]})
    assert order_of_waves(["autumn", "spring"], times=days).source is OrderSource.UNKNOWN
    dates = timed({"autumn": [200.0], "spring": [20.0]}).assign(day=pd.Timestamp("2026-01-01"))
    assert order_of_waves(["autumn", "spring"], times=dates).source is OrderSource.UNKNOWN
    assert order_of_waves(["autumn", "spring"], times=dates.drop(columns="day")).source is OrderSource.UNKNOWN


def test_waves_named_agree_with_a_study_that_has_further_waves() -> None:
    declared = ("first", "between", "last", "later")
    found = order_of_waves(["last", "first"], declared, ("first", "last"))
    assert (found.waves, found.known) == (("first", "last"), True)
    with pytest.raises(ResponseDataError, match="stand in another order than in the study file"):
        order_of_waves(["last", "first"], declared, ("last", "first"))
