"""A shared copy says how many enrolled, and no small step of those who left on the way can be worked out."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from test_disclosure_trees import Attacker
from test_disclosure_wording import example

from analysis.adherence.design.steps import Step
from analysis.disclosure.shared import shared_tree
from analysis.disclosure.small_cells import LIMIT

FLOW = ("withdrawn", "unwatched", "nothing_due", "no_score", "no_covariate", "analysed")
STEPS_TOLD = ("withdrawn", "unwatched", "had_left", "analysed")


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    """The sections on use and later use of the example, as their topics declare them."""
    tree = example(["use", "adherence"])
    for name, kept in (("use", ()), ("adherence", ("flow",))):
        part = tree["sections"][name]
        for table in [table for table in part["tables"] if table not in kept]:
            del part["tables"][table], part["captions"][table]
        part["account"]["sums"] = [
            told
            for told in part["account"]["sums"]
            if not any(place[0] == "tables" for place in told["parts"])
        ]
    return tree


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, int]:
    few, many = st.integers(0, 9), st.integers(20, 90)
    made = {step: draw(few) for step in ("withdrawn", "unwatched", "nothing_due", "no_covariate")}
    made |= {step: draw(many) for step in ("no_score", "analysed")}
    made["enrolled"] = sum(made[step] for step in FLOW)
    made["no_score_left"] = draw(st.integers(0, made["no_score"]))
    made["analysed_left"] = draw(st.integers(0, made["analysed"]))
    made["left_absent"] = draw(st.integers(0, made["no_covariate"]))
    made["had_left"] = made["no_score_left"] + made["analysed_left"] + made["left_absent"]
    made["came_back"] = draw(st.integers(0, made["had_left"]))
    made["analysed_time"] = made["analysed"] - made["analysed_left"]
    made["disengaged"] = draw(st.integers(0, made["analysed_time"]))
    made["strangers"] = draw(few)
    made["at_risk"] = made["enrolled"] - made["withdrawn"] - made["unwatched"] - made["had_left"]
    made["judged"] = made["enrolled"] - draw(st.one_of(st.just(0), st.integers(0, 7)))
    made["never"] = draw(st.integers(0, made["had_left"]))
    made["stopped"] = draw(st.integers(0, made["at_risk"]))
    return made


def with_numbers(real: dict[str, Any], made: dict[str, int]) -> dict[str, Any]:
    tree = copy.deepcopy(real)
    use, later = tree["sections"]["use"], tree["sections"]["adherence"]
    use["values"] |= {key: made[key] for key in ("judged", "never", "at_risk")}
    use["values"] |= {"people": made["enrolled"], "disengaged": made["stopped"]}
    use["values"]["adherent_share"] = made["analysed_left"] / made["judged"]
    use["method"]["n"] = made["enrolled"]
    later["values"] |= {key: made[key] for key in ("enrolled", *STEPS_TOLD)}
    later["method"]["n"] = made["analysed"]
    flow = later["tables"]["flow"]
    flow["n"] = [made[str(Step(name))] for name in flow["id"]]
    populations = later["account"]["populations"]
    populations |= {"step/left, a covariate is missing": made["left_absent"]}
    populations |= {"at risk at the landmark": made["at_risk"]}
    return tree


@settings(deadline=None, max_examples=40)
@given(made=numbers())
def test_no_step_of_few_people_can_be_worked_out(real: dict[str, Any], made: dict[str, int]) -> None:
    seen = shared_tree(with_numbers(real, made))
    use, later = seen["sections"]["use"], seen["sections"]["adherence"]
    told = dict(zip(later["tables"]["flow"]["id"], later["tables"]["flow"]["n"], strict=True))
    values = {**told, **{key: use["values"][key] for key in ("judged", "never", "at_risk")}}
    values["stopped"] = use["values"]["disengaged"]
    attacker = Attacker()
    attacker.knows({**dict.fromkeys(FLOW, 1.0), "enrolled": -1}, 0)
    attacker.knows({"analysed_left": 1, "analysed_time": 1, "analysed": -1}, 0)
    attacker.knows({"no_score_left": 1, "analysed_left": 1, "left_absent": 1, "had_left": -1}, 0)
    attacker.knows({"withdrawn": 1, "unwatched": 1, "had_left": 1, "at_risk": 1, "enrolled": -1}, 0)
    for part, whole in (
        ("came_back", "had_left"),
        ("no_score_left", "no_score"),
        ("left_absent", "no_covariate"),
        ("disengaged", "analysed_time"),
        ("judged", "enrolled"),
        ("never", "enrolled"),
        ("stopped", "at_risk"),
    ):
        attacker.knows({part: 1, f"{whole} without {part}": 1, whole: -1}, 0)
    for places in (use["values"]["people"], use["method"]["n"], later["values"]["enrolled"]):
        if places is not None:
            attacker.knows({"enrolled": 1}, places)
    for key in STEPS_TOLD:
        if later["values"][key] is not None:
            attacker.knows({key: 1}, later["values"][key])
    for name, number in values.items():
        if number is not None:
            assert number >= LIMIT, name
            attacker.knows({name: 1}, number)
    for name, number in values.items():
        if number is None and made[name] < LIMIT and name != "strangers":
            low, high = attacker.range_of(name)
            assert low == 0, name
            assert high >= LIMIT - 1, name
    rest = made["enrolled"] - made["judged"]
    if 0 < rest < LIMIT:
        low, high = attacker.range_of("enrolled without judged")
        assert low == 0
        assert high >= LIMIT - 1


@pytest.mark.parametrize(
    ("judged", "adherent", "is_told"), [(100, 2, False), (100, 30, True), (600, 12, True)]
)
def test_the_share_that_counts_as_adherent_is_one_of_those_judged(
    real: dict[str, Any], judged: int, adherent: int, is_told: bool
) -> None:
    """Two of a hundred judged are two people, and not twelve of the six hundred enrolled."""
    tree = copy.deepcopy(real)
    values = tree["sections"]["use"]["values"]
    values |= {"judged": judged, "adherent_share": adherent / judged, "never": 60, "disengaged": 60}
    shown = shared_tree(tree)["sections"]["use"]["values"]["adherent_share"]
    assert (shown is not None) is is_told


def test_the_number_enrolled_is_told_where_nothing_follows_from_it(real: dict[str, Any]) -> None:
    seen = shared_tree(real)
    assert seen["sections"]["use"]["values"]["people"] == 600
    assert seen["sections"]["adherence"]["values"]["enrolled"] == 600
    assert seen["sections"]["adherence"]["tables"]["flow"]["n"][0] == 600


def test_notes_on_a_log_lose_their_numbers(real: dict[str, Any]) -> None:
    """How many ids fail to match is a count of few people, and was once printed in a shared copy."""
    notes = [key for key in real["sections"]["use"]["values"] if key.startswith("note_")]
    assert any("would match" in real["sections"]["use"]["values"][key] for key in notes)
    assert not any(
        sign.isdigit() for key in notes for sign in shared_tree(real)["sections"]["use"]["values"][key]
    )
