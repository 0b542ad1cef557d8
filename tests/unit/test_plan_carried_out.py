"""What a plan does to every table before a topic reads it: one half, without the careless, codes merged."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.common.rules import in_force
from analysis.pipeline.context import Context
from analysis.planning.applying import carry_out, merged_codes
from analysis.planning.definition import DEFAULT, Plan, Split
from analysis.planning.halves import CONFIRMATION, EXPLORATION, half_of
from analysis.planning.loading import Settled, make_plan
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError
from instrument.loading import load

PEOPLE = [f"p{k:03d}" for k in range(60)]
SPLIT = Split(seed=7)
# careless people, chosen by hand: the first three give one code to everything
STRAIGHT = PEOPLE[:3]


@pytest.fixture(scope="module")
def scale() -> Instrument:
    return load("dta")


@pytest.fixture
def context(scale: Instrument) -> Context:
    draw = np.random.default_rng(3)
    codes = [1, 2, 3, 4, 5]
    rows = [(name, wave) for wave in ("1", "2") for name in PEOPLE]
    answers = pd.DataFrame(rows, columns=["participant", "wave"])
    for item in scale.item_ids:
        answers[item] = pd.array(draw.choice(codes, len(rows)), dtype="Int64")
    for item in scale.item_ids:
        answers.loc[answers["participant"].isin(STRAIGHT), item] = codes[-1]
    beside = pd.DataFrame({"participant": PEOPLE, "x": np.arange(60.0)})
    reasons = answers[["participant", "wave"]].assign(item=scale.item_ids[0], reason="skipped")
    return Context(
        responses=answers,
        scale=scale,
        reasons=reasons,
        outcomes=beside,
        covariates=beside,
        times=answers[["participant", "wave"]].assign(seconds=600.0),
        enrolment=beside,
        measures=((answers[["participant", "wave", scale.item_ids[0]]], scale),),
    )


def settled(half: str | None = None, **entries: Any) -> Settled:
    plan = make_plan({"schema": 1, **entries}, "a test")
    return Settled(plan=plan, written=plan, half=half)


def tables(context: Context) -> dict[str, pd.DataFrame]:
    found = {
        name: getattr(context, name)
        for name in ("responses", "reasons", "outcomes", "covariates", "times", "enrolment")
    }
    return {**found, "measure": context.measures[0][0]}


def test_every_table_holds_one_half_of_the_people_and_the_halves_make_the_whole(context: Context) -> None:
    explored = carry_out(context, settled(EXPLORATION, split=SPLIT.model_dump()))
    first = set(half_of(pd.Series(PEOPLE), SPLIT).pipe(lambda half: np.array(PEOPLE)[half == EXPLORATION]))
    assert 20 < len(first) < 40
    for name, table in tables(explored).items():
        assert set(table["participant"]) == first, name
        whole = tables(context)[name]
        expected = whole[whole["participant"].isin(first)].reset_index(drop=True)
        pd.testing.assert_frame_equal(table.reset_index(drop=True), expected)
    assert explored.notes[-1] == f"half exploration: {len(first)} of 60 people, drawn by seed 7"


def test_another_seed_or_share_draws_other_people() -> None:
    names = pd.Series(PEOPLE)
    halves = [half_of(names, Split(seed=seed)) for seed in (1, 2, 3)]
    assert len({tuple(half) for half in halves}) == 3
    few = half_of(names, Split(seed=1, explore=0.2))
    assert (few == EXPLORATION).sum() < (halves[0] == EXPLORATION).sum()
    assert set(names[few == EXPLORATION]) <= set(names[halves[0] == EXPLORATION])
    shares = [int(sha256(f"1\n{name}".encode()).hexdigest()[:16], 16) / 16**16 for name in PEOPLE]
    assert list(halves[0] == EXPLORATION) == [share < 0.5 for share in shares]


def test_a_half_is_refused_where_it_was_not_planned_not_named_or_not_sealed(context: Context) -> None:
    split = SPLIT.model_dump()
    for given, words in [
        (settled(EXPLORATION), "does not split the people"),
        (settled(None, split=split), "say which"),
        (settled("both", split=split), "say which"),
        (settled(CONFIRMATION, split=split), "stays closed until the plan is locked"),
    ]:
        with pytest.raises(DefinitionError, match=words):
            carry_out(context, given)
    with pytest.raises(DefinitionError, match="log of use"):
        carry_out(replace(context, usage=pd.DataFrame()), settled(EXPLORATION, split=split))


def test_the_careless_are_taken_out_of_answers_and_reasons_and_counted(context: Context) -> None:
    quick = context.times.assign(seconds=np.where(context.times["participant"].isin(STRAIGHT), 20.0, 600.0))
    found = carry_out(replace(context, times=quick), settled(exclude_flagged=True))
    out = set(PEOPLE) - set(found.responses["participant"])
    assert set(STRAIGHT) <= out
    assert found.excluded is not None
    assert found.excluded.before == 120
    assert found.excluded.taken_out == 120 - len(found.responses) >= 6
    keys = ["participant", "wave"]
    left = set(map(tuple, found.responses[keys].to_numpy()))
    assert set(map(tuple, found.reasons[keys].to_numpy())) == left
    assert len(found.enrolment) == 60  # they stay enrolled
    assert found.notes[-1] == (
        f"{found.excluded.taken_out} of 120 administrations were taken out as careless; "
        "every n is counted after that"
    )


def test_times_are_among_what_the_screening_reads(context: Context) -> None:
    """Somebody who is quick is taken out by the time that was given beside the answers."""
    quick = context.times.assign(seconds=np.where(context.times["participant"] == "p040", 10.0, 600.0))
    with in_force({"CARELESS_FLAGS": 1}):
        slow = carry_out(context, settled(exclude_flagged=True))
        again = carry_out(replace(context, times=quick), settled(exclude_flagged=True))
    assert set(slow.responses["participant"]) - set(again.responses["participant"]) == {"p040"}


def test_nobody_left_is_refused(context: Context) -> None:
    same = context.responses[context.responses["participant"].isin(STRAIGHT)].reset_index(drop=True)
    times = same[["participant", "wave"]].assign(seconds=5.0)
    with pytest.raises(ResponseDataError, match="all 6 administrations look careless"):
        carry_out(replace(context, responses=same, times=times), settled(exclude_flagged=True))


def test_codes_are_merged_and_the_answers_as_given_are_kept(context: Context, scale: Instrument) -> None:
    first, second = scale.item_ids[:2]
    found = carry_out(context, settled(collapse={"all": {5: 4}, first: {1: 2}}))
    pd.testing.assert_frame_equal(found.as_given, context.responses)
    before, after = context.responses[first], found.responses[first]
    assert list(after) == [2 if code == 1 else code for code in before]
    before, after = context.responses[second], found.responses[second]
    assert list(after) == [4 if code == 5 else code for code in before]


def test_what_is_said_of_one_item_stands_instead_of_what_is_said_of_all(scale: Instrument) -> None:
    first, second = scale.item_ids[:2]
    plan = Plan(collapse={"all": {5: 4}, first: {1: 2}})
    merged = merged_codes(plan, scale)
    assert merged[first] == {1: 2}
    assert merged[second] == {5: 4}
    assert merged_codes(DEFAULT, scale) == {}
