"""Verdicts, properties, questions and limits of results made by hand: every state, count and edge on paper."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.common import rules
from analysis.common.verdicts import Cause, Property, Question, State, Tally, not_judged, tally_of
from analysis.pipeline import reach
from analysis.pipeline.section import Finding, of_sample
from analysis.report.limits import limits_of, untested_lines
from analysis.report.opening import Point, opening
from analysis.report.questions import counted_questions, hidden_claims, question_line, question_rows
from analysis.report.standards import (
    PLACES,
    evidence_by_step,
    evidence_of,
    ordered,
    states_sentence,
    verdicts_plain,
)
from analysis.structural.inference.improper import Fault
from instrument.common.formatting import fill_prose, format_value
from instrument.errors import DefinitionError, NotEstimableError, UnderidentifiedError
from tests.unit.made_sections import finding, section, tree_of

# verdicts


def test_states_follow_from_counts() -> None:
    tally = tally_of(["met", "met", "not_met", "untested", "hidden", "hidden", "hidden", "does_not_apply"])
    assert tally == Tally(met=2, not_met=1, untested=1, hidden=3, not_applicable=1)
    assert tally.tested == 3
    assert tally.state is State.NOT_SHOWN


# which of these kinds of claims occur, and the state that follows whatever else does not apply
STATES = {
    (): State.NOT_ASKED,
    ("met",): State.SHOWN,
    ("not_met",): State.NOT_SHOWN,
    ("untested",): State.UNTESTABLE,
    ("hidden",): State.LEFT_OUT,
    ("met", "not_met"): State.NOT_SHOWN,
    ("met", "untested"): State.PARTLY,
    ("met", "hidden"): State.PARTLY,
    ("not_met", "untested"): State.NOT_SHOWN,
    ("not_met", "hidden"): State.NOT_SHOWN,
    ("untested", "hidden"): State.LEFT_OUT,
    ("met", "not_met", "untested"): State.NOT_SHOWN,
    ("met", "not_met", "hidden"): State.NOT_SHOWN,
    ("met", "untested", "hidden"): State.PARTLY,
    ("not_met", "untested", "hidden"): State.NOT_SHOWN,
    ("met", "not_met", "untested", "hidden"): State.NOT_SHOWN,
}


@pytest.mark.parametrize("counts", [*itertools.product((0, 1, 2), repeat=5)], ids=str)
def test_every_combination_of_claims_has_the_state_of_the_table(counts: tuple[int, ...]) -> None:
    kinds = ("met", "not_met", "untested", "hidden", "does_not_apply")
    found = tally_of([kind for kind, count in zip(kinds, counts, strict=True) for _ in range(count)])
    occur = tuple(kind for kind, count in zip(kinds, counts, strict=True) if count and kind in kinds[:4])
    expected = STATES[occur]
    if expected is State.NOT_ASKED and counts[4]:
        expected = State.DOES_NOT_APPLY
    assert found.state is expected
    # in words: only what failed is not shown, only what all held is shown, and only what was judged is counted
    assert (found.state is State.NOT_SHOWN) == (counts[1] > 0)
    assert found.state.counts == (counts[0] + counts[1] > 0)
    row = evidence_of({"agreement": section(*claims_of(counts), bears_on=["error"])})[Property.ERROR]
    said = first_page({"agreement": section(*claims_of(counts), bears_on=["error"])}).said
    assert row.state is expected and said.startswith(expected.words)
    assert (f"{counts[0]} of {sum(counts[:3])} rule" in said) == expected.counts
    assert ("could not be judged" in said) == (expected.counts and counts[2] > 0)
    assert (f"{counts[3]} {'is' if counts[3] == 1 else 'are'} left out here" in said) == (
        expected.counts and counts[3] > 0
    )
    for words in (row.words, said):
        assert ("left out here" in words.lower()) == (counts[3] > 0), words


def claims_of(counts: tuple[int, ...]) -> list[dict[str, Any]]:
    kinds = ("met", "not_met", "untested", "hidden", "does_not_apply")
    cause = {"untested": "wide", "does_not_apply": "composite"}
    return [
        finding(kind, cause=cause.get(kind), property="error")
        for kind, count in zip(kinds, counts, strict=True)
        for _ in range(count)
    ]


def first_page(sections: dict[str, Any]) -> Point:
    return opening(tree_of(**sections)).points[list(Property).index(Property.ERROR)]


def test_what_is_left_open_is_told_from_what_could_not_be_tested() -> None:
    assert not_judged([Cause.IMPROPER, Cause.UNDECIDED, Cause.WIDE]) == (
        "Some could not be tested: an improper solution, an interval too wide to tell. "
        "Some are undecided: large enough to matter, but not told from chance."
    )


def test_words_of_states_and_causes_are_told_apart() -> None:
    assert [state.words for state in State] == [
        "Shown",
        "Shown in part",
        "Not shown",
        "Could not be tested",
        "Not asked",
        "Does not apply",
        "Left out here",
    ]
    assert len({cause.words for cause in Cause}) == len(Cause)
    assert Cause.FEW_PEOPLE.words == "too few people"
    assert Cause.FEW_IN_GROUP.words == "too few people in a group"
    assert Cause.WIDE.words == "an interval too wide to tell"
    assert Cause.NOTHING_LEFT.words == "no degree of freedom is left to test it with"


# rules


def test_a_plan_moves_cut_offs_within_its_block_only() -> None:
    with rules.in_force({"ALPHA": 0.8, "CFI": 0.9}):
        assert (rules.ALPHA.cutoff, rules.CFI.cutoff, rules.OMEGA.cutoff) == (0.8, 0.9, 0.7)
        assert not rules.ALPHA.holds(0.79) and rules.ALPHA.holds(0.8)
        assert rules.ALPHA.name == "COSMIN internal consistency, cut-off of the plan"
        assert rules.ALPHA.source == f"the plan; published: ≥ .70 ({rules.COSMIN})"
        assert rules.OMEGA.name == "Internal consistency, read on omega"
        with rules.in_force({"ALPHA": 0.6}):
            assert rules.ALPHA.holds(0.6) and rules.CFI.cutoff == 0.95
        assert rules.ALPHA.cutoff == 0.8
    assert (rules.ALPHA.cutoff, rules.ALPHA.source) == (0.7, rules.COSMIN)
    with pytest.raises(ZeroDivisionError), rules.in_force({"ALPHA": 0.8}):
        raise ZeroDivisionError
    assert rules.ALPHA.cutoff == 0.7


def test_no_plan_moves_what_a_sample_can_bear() -> None:
    moved = set(rules.planned_rules())
    assert moved.isdisjoint({"FEWEST_PEOPLE", "SAMPLE_TOTAL", "SAMPLE_PER_ITEM", "DIF_GROUP"})
    assert moved >= {"ALPHA", "OMEGA", "ICC", "CFI", "TLI", "RMSEA", "SRMR", "HTMT", "DIF_COSMIN"}
    for name in ("FEWEST_PEOPLE", "alpha", "SAMPLE_TOTAL"):
        with pytest.raises(DefinitionError, match="there is no rule"), rules.in_force({name: 1}):
            pass


def test_cut_offs_are_printed_exactly() -> None:
    assert [rule.printed for rule in (rules.ALPHA, rules.CFI, rules.INVARIANCE_CFI, rules.ITEM_CVI)] == [
        ".70",
        ".95",
        "−.01",
        ".777",
    ]
    assert [rule.printed for rule in (rules.FLOOR_CEILING, rules.HYPOTHESES, rules.FEWEST_PEOPLE)] == [
        "15%",
        "75%",
        "30",
    ]
    with rules.in_force({"FLOOR_CEILING": 0.125}):
        assert rules.FLOOR_CEILING.printed == "12.5%"


# numbers


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0.001, "p", ".001"),
        (0.00099, "p", "<\u00a0.001"),
        (1.0, "p", "1.000"),
        (0.0004, "r3", ".000"),
        (-0.0004, "r3", ".000"),
        (-0.004, "d2", "0.00"),
        (-0.006, "d2", "−0.01"),
        (-0.45, "r2", "−.45"),
        (1.0, "r2", "1.00"),
        (-1.0, "r2", "−1.00"),
        (0.1234, "percent", "12.3%"),
        (-0.0001, "percent", "0.0%"),
        (1234.4, "int", "1,234"),
        (1234.56, "d1", "1,234.6"),
        (0.123456, "text", "0.1235"),
        (-3, "text", "−3"),
        (-2.5, "text", "−2.5"),
        (True, "d2", "yes"),
        (False, "int", "no"),
        (None, "p", "–"),
        ("week −1", "d2", "week −1"),
        (True, "text", "yes"),
    ],
)
def test_a_value_in_print(value: Any, form: str, text: str) -> None:
    assert format_value(value, form) == text


def test_a_sentence_is_filled_from_its_values() -> None:
    values = {"p": 0.0001, "q": 0.04, "n": 1200}
    assert fill_prose("({n:int}; p = {p:p}, q = {q:p})", values) == "(1,200; p <\u00a0.001, q = .040)"


# what a sample bears


def test_how_many_people_bear_a_verdict() -> None:
    assert (reach.of_people(29), reach.of_people(30), reach.of_people(None)) == (
        Cause.FEW_PEOPLE,
        None,
        Cause.FEW_PEOPLE,
    )
    assert (reach.of_items(99, 20), reach.of_items(100, 20)) == (Cause.FEW_PEOPLE, None)
    assert (reach.of_items(29, 2), reach.of_items(30, 2), reach.of_items(30, 0)) == (
        Cause.FEW_PEOPLE,
        None,
        None,
    )
    assert (reach.of_response_people(249), reach.of_response_people(250)) == (Cause.FEW_PEOPLE, None)
    table = pd.DataFrame({"q1": [1] * 29})
    context: Any = SimpleNamespace(items=table, responses=pd.concat([table, table]), item_ids=["q1"])
    assert of_sample(context) is Cause.FEW_PEOPLE
    context.items = pd.concat([table, table.head(1)])
    assert of_sample(context) is None


def test_why_a_fit_is_no_ground() -> None:
    def cause(*faults: Fault, groups: int = 1, df: int = 3) -> Cause | None:
        fit: Any = SimpleNamespace(faults=faults, fit={"df": df}, groups=dict.fromkeys(range(groups), 9))
        return reach.of_fit(fit)

    assert cause() is None and cause(df=0) is Cause.NOTHING_LEFT
    assert cause(Fault.FEW_ROWS) is Cause.FEW_PEOPLE
    assert cause(Fault.FEW_ROWS, groups=2) is Cause.FEW_IN_GROUP
    assert cause(Fault.NEGATIVE_VARIANCE) is Cause.IMPROPER
    assert cause(Fault.FEW_ROWS, Fault.NEGATIVE_VARIANCE, df=0) is Cause.IMPROPER


def test_items_that_tell_nobody_apart_explain_only_what_rests_on_them() -> None:
    table = pd.DataFrame({"a": [1, 1, np.nan], "b": [1, 2, np.nan], "c": [np.nan] * 3})
    context: Any = SimpleNamespace(items=table, item_ids=list(table))
    assert reach.stuck_items(context) == ["a", "c"]
    fault = NotEstimableError("x")
    assert reach.explained(context, fault, None) is Cause.NO_VARIATION
    assert reach.explained(context, fault, None, ["b"]) is None
    assert reach.explained(context, fault, Cause.FEW_PEOPLE, ["b"]) is Cause.FEW_PEOPLE
    assert (
        reach.explained(context, UnderidentifiedError("x"), Cause.FEW_PEOPLE, ["b"]) is Cause.NOT_DETERMINED
    )
    assert reach.explained(context, DefinitionError("x"), Cause.FEW_PEOPLE, ["a"]) is None


def test_an_option_that_one_part_never_chose() -> None:
    one = pd.DataFrame({"a": [1, 2, 3, np.nan], "b": [1, 2, 2, 1]})
    alike = pd.DataFrame({"a": [3, 2, 1, 1], "b": [2, 2, 1, np.nan]})
    assert not reach.lacks_option([one, alike])
    assert not reach.lacks_option([one]) and not reach.lacks_option([])
    assert reach.lacks_option([one, alike.assign(a=[1, 2, 2, 1])])
    assert reach.lacks_option([one, alike, alike.assign(b=1)])
    assert reach.worst([None, Cause.WIDE, Cause.IMPROPER]) is Cause.WIDE


def test_a_claim_is_judged_by_its_rule_unless_something_forbids_it() -> None:
    asked = Question(text="Is it enough?", bears_on=Property.CONSISTENCY)

    def made(
        value: float | None, untested: Cause | None = None, rule: rules.Rule = rules.ALPHA
    ) -> dict[str, Any]:
        found = Finding(claim="x", value=value, rule=rule, path="p", question=asked, untested=untested)
        return found.plain()

    said = {key: made(0.7)[key] for key in ("verdict", "passed", "cause", "higher", "cutoff", "property")}
    assert said == {
        "verdict": "met",
        "passed": True,
        "cause": None,
        "higher": True,
        "cutoff": 0.7,
        "property": "consistency",
    }
    assert (made(0.69)["verdict"], made(0.69)["passed"]) == ("not_met", False)
    for value in (None, np.nan, np.inf):
        found = made(value)
        assert (found["verdict"], found["cause"], found["passed"]) == ("untested", "not_estimated", None)
    found = made(0.9, Cause.FEW_PEOPLE)
    assert (found["verdict"], found["cause"], found["passed"]) == ("untested", "few_people", None)
    assert made(0.9, Cause.COMPOSITE)["verdict"] == "does_not_apply"
    assert [made(0.5, rule=r)["higher"] for r in (rules.CFI, rules.RMSEA, rules.FLOOR_CEILING)] == [
        True,
        False,
        False,
    ]
    assert made(0.5, rule=rules.OMEGA)["note"] == rules.OMEGA.note != ""
    own = Finding(claim="x", value=0.5, rule=rules.OMEGA, path="p", question=asked, note="Of ours.")
    assert own.plain()["note"] == "Of ours."


# the nine properties


def test_claims_bear_on_one_property_and_silent_sections_are_untested() -> None:
    sections = {
        "reliability": section(
            finding("met", property="consistency"),
            finding("met", property=None),
            bears_on=["consistency"],
            title="Consistency",
        ),
        "models": section(status="untestable", cause="few_people", message="x", bears_on=["structure"]),
        "retest": section(finding("met", property="reliability"), bears_on=["reliability"]),
        "groups": section(status="not_applicable", message="x", bears_on=["invariance"]),
        "agreement": section(status="failed", message="x", bears_on=["error"]),
        "validity": section(
            finding("not_met", property="hypotheses"),
            finding("untested", None, cause="few_people", property="hypotheses"),
            status="failed",
            bears_on=["hypotheses"],
        ),
    }
    found = evidence_of(sections)
    assert found[Property.CONSISTENCY].tally == Tally(met=1)
    assert found[Property.STRUCTURE].tally == Tally(untested=1)
    assert found[Property.STRUCTURE].causes == (Cause.FEW_PEOPLE,)
    assert found[Property.STRUCTURE].words == "Could not be tested: too few people."
    assert found[Property.ERROR].causes == (Cause.NOT_ESTIMATED,)
    assert found[Property.INVARIANCE].tally == Tally()
    assert found[Property.INVARIANCE].sections == ()
    assert found[Property.INVARIANCE].words == "Not asked. Needs groups, given with the covariates."
    assert found[Property.HYPOTHESES].tally == Tally(not_met=1, untested=1)  # it did give claims
    assert found[Property.HYPOTHESES].words == "Not shown. Some could not be tested: too few people."
    # consistency counts only where the structure was shown: here it could not even be tested
    assert (
        found[Property.CONSISTENCY].words == "Shown. COSMIN counts it only where the structure is shown, too."
    )
    assert [key for key, _ in found[Property.RELIABILITY].sections] == ["retest", "agreement"]
    assert [key for key, _ in found[Property.ERROR].sections] == ["retest", "agreement"]
    assert states_sentence(sections) == [
        "Shown: internal consistency (1 of 1), reliability (1 of 1).",
        "Not shown: hypotheses testing for construct validity (0 of 2).",
        "Could not be tested: structural validity, measurement error.",
        "Not asked: content validity, cross-cultural validity and measurement invariance, criterion validity, "
        "responsiveness.",
    ]
    plain_states = verdicts_plain(sections)
    assert plain_states["hypotheses"]["untested"] == 1 and plain_states["hypotheses"]["sections"] == [
        "validity"
    ]
    sections["models"] = section(finding("met", property="structure"), bears_on=["structure"])
    assert evidence_of(sections)[Property.CONSISTENCY].words == "Shown."
    # COSMIN's indices are joined by "or"; where one of several does not hold here, that is said
    cfi, srmr = (
        {"property": "structure", "rule": f"COSMIN structural validity, {name}: > 1"} for name in "ab"
    )
    for one, other, told in (
        ("met", "not_met", True),
        ("not_met", "met", True),
        ("not_met", "not_met", False),
        ("met", "met", False),
    ):
        both = [finding(one, **cfi), finding(other, **srmr)]
        sections["models"] = section(*both, bears_on=["structure"])
        assert ("asks for one of CFI" in evidence_of(sections)[Property.STRUCTURE].words) is told
    loading = finding("not_met", property="structure", rule="Salient loading: > 1")
    sections["models"] = section(finding("met", **cfi), loading, bears_on=["structure"])
    assert evidence_of(sections)[Property.STRUCTURE].words == "Not shown."
    del sections["models"]
    assert "COSMIN counts it only" in evidence_of(sections)[Property.CONSISTENCY].words


def test_counts_and_words_of_a_property() -> None:
    def words(*verdicts_: str, cause: str | None = None) -> tuple[str, str]:
        claims = [finding(v, cause=cause if v == "untested" else None, property="error") for v in verdicts_]
        claims = [c | {"cause": "composite"} if c["verdict"] == "does_not_apply" else c for c in claims]
        row = evidence_of({"agreement": section(*claims, bears_on=["error"])})[Property.ERROR]
        return row.words, row.counted

    assert words("met", "met", "untested", cause="wide") == (
        "Shown in part. Some could not be tested: an interval too wide to tell.",
        "(2 met, 0 not met, 1 not judged)",
    )
    assert words("untested", cause="undecided")[1] == "(0 met, 0 not met, 1 not judged)"
    senseless = Cause.COMPOSITE.words
    assert words("does_not_apply") == (f"Does not apply: {senseless}.", "")
    assert words("met", "does_not_apply") == (
        f"Shown. Does not apply in 1: {senseless}.",
        "(1 met, 0 not met, 0 not judged)",
    )
    assert words()[0].startswith("Not asked. Described, but no rule bears on it. Needs a second wave")
    hidden = evidence_of({"agreement": section(finding("hidden", None, property="error"))})[Property.ERROR]
    assert hidden.plain()["hidden"] == 1 and hidden.state is State.LEFT_OUT
    assert hidden.counts == ("–", "–", "–")


def test_sections_stand_by_their_steps_as_numbers() -> None:
    names = ["use", "relations", "plan", "models", "content", "flow"]
    assert [name for name, _ in ordered({key: {} for key in names})] == [
        "plan",
        "content",
        "flow",
        "models",
        "relations",
        "use",
    ]
    steps = evidence_by_step({"flow": section(finding("met")), "use": section(finding("not_met"))})
    assert [row.tally.tested for row in steps] == [0, 0, 0, 1, 0, 0, 0, 0, 0]


def test_which_property_a_section_describes() -> None:
    """COSMIN's nine (Mokkink et al. 2024): change over time alone is no responsiveness, adequacy no structure."""
    bearing = {prop: {name for name, (_, props) in PLACES.items() if prop in props} for prop in Property}
    assert bearing == {
        Property.CONTENT: {"content_domain", "content", "pretesting"},
        Property.STRUCTURE: {
            "graded_response",
            "irt",
            "retention",
            "exploration",
            "extracted",
            "models",
            "planned_models",
        },
        Property.CONSISTENCY: {"reliability", "omega"},
        Property.INVARIANCE: {"groups", "fairness"},
        Property.RELIABILITY: {"retest", "agreement"},
        Property.ERROR: {"retest", "agreement"},
        Property.CRITERION: set(),
        Property.HYPOTHESES: {
            "validity",
            "convergent",
            "discriminant",
            "planned_hypotheses",
            "adherence",
            "criterion_items",
            "mechanism",
        },
        Property.RESPONSIVENESS: set(),
    }


# questions


def test_a_question_counts_its_claims_and_names_the_worst() -> None:
    asked = section(
        finding("met", 0.91, claim="First", path="p[0]"),
        finding("not_met", 0.55, claim="Second", path="p[1]"),
        finding("untested", 0.2, claim="Third", cause="few_people"),
        finding("met", 0.75, claim="Fourth", rule="Other: ≥ .60", cutoff=0.6),
        finding("met", 0.02, question="Small?", higher=False, claim="Low", cutoff=0.06, format="r3"),
        finding("met", 0.05, question="Small?", higher=False, claim="High", cutoff=0.06, format="r3"),
        finding("hidden", None, question="Hidden?"),
        finding("hidden", None, question="Hidden?"),
        finding("does_not_apply", 0.3, question="Of composites?", cause="composite"),
        finding("untested", 0.3, question="Open?", cause="undecided"),
        finding("met", question="In part?"),
        finding("untested", None, question="In part?", cause="wide"),
    )
    tree = tree_of(reliability=asked)
    first, other, small, hidden, senseless, left, partly = question_rows(tree)
    assert (partly.hold, partly.rest) == ("1 of 1 holds", "1 not judged (an interval too wide to tell)")
    assert (first.met, first.worst, first.worst_value, first.path) == ("1 of 2", "Second", ".55", "p[1]")
    assert (first.range, first.rest) == (".55 to .91", "1 not judged (too few people)")
    assert first.state is State.NOT_SHOWN and first.hold == "1 of 2 hold"
    assert (other.met, other.worst_value, other.range) == ("1 of 1", ".75", "")
    assert (small.worst, small.worst_value, small.range) == ("High", ".050", ".020 to .050")
    assert (hidden.met, hidden.worst, hidden.rest) == ("–", None, "2 left out here")
    assert (
        senseless.rest == f"1 does not apply ({Cause.COMPOSITE.words})" and senseless.hold == "Does not apply"
    )
    assert left.rest == f"1 undecided ({Cause.UNDECIDED.words})" and left.worst is None
    assert hidden_claims(tree) == 2
    assert counted_questions(tree) == (
        "6 rules were asked: 2 hold everywhere, 1 holds wherever it could be judged, 1 does not, "
        "1 could not be tested, 1 is left out here. 1 does not apply."
    )
    assert question_line(first) == (
        "Rule: ≥ .70 (Paper). Worst: Second, .55. Range: .55 to .91. 1 not judged (too few people)."
    )
    assert question_line(other, sources=False) == "Other: ≥ .60. Worst: Fourth, .75."
    one = tree_of(reliability=section(finding("met")))
    assert counted_questions(one) == "1 rule was asked: 1 holds everywhere, 0 do not, 0 could not be tested."


def test_undecided_beside_other_causes_is_not_judged() -> None:
    asked = [finding("untested", 0.3, cause="undecided"), finding("untested", 0.3, cause="wide")]
    (row,) = question_rows(tree_of(fairness=section(*asked)))
    assert row.rest == f"2 not judged ({Cause.UNDECIDED.words}, {Cause.WIDE.words})"


def test_what_does_not_apply_is_no_cause_of_what_could_not_be_tested() -> None:
    asked = [finding("untested", 0.3, cause="wide"), finding("does_not_apply", 0.3, cause="composite")]
    (row,) = question_rows(tree_of(fairness=section(*asked)))
    assert row.rest == f"1 not judged ({Cause.WIDE.words}); 1 does not apply ({Cause.COMPOSITE.words})"


def test_values_and_cut_off_on_one_line() -> None:
    """From .5 to .9 with a tenth of that beyond either end: .46 to .94, so that .7 stands in the middle."""
    asked = section(finding("not_met", 0.5), finding("met", 0.9))
    (row,) = question_rows(tree_of(reliability=asked))
    assert row.places == pytest.approx((0.04 / 0.48, 0.44 / 0.48)) and row.cut == pytest.approx(0.5)
    (row,) = question_rows(tree_of(reliability=section(finding("met", 0.9))))
    assert (row.cut, *row.places) == pytest.approx((1 / 12, 11 / 12))
    (row,) = question_rows(tree_of(reliability=section(finding("met", 0.7))))
    assert (row.cut, *row.places) == pytest.approx((1 / 12, 1 / 12))
    (row,) = question_rows(tree_of(reliability=section(finding("untested", None, cause="wide"))))
    assert (row.places, row.cut) == ((), 0.5)


# limits


def test_what_so_few_people_allow() -> None:
    few = {"cause": "few_people"}
    tree = tree_of(
        flow=section(finding("not_met"), subject="people"),
        models=section(finding("untested", 0.9, **few), subject="structure"),
        irt=section(finding("untested", None, **few), subject="response model"),
        groups=section(status="untestable", **few, subject="groups", message="x"),
        fairness=section(status="untestable", cause="few_in_group", subject="fairness", message="x"),
        retest=section(finding("untested", 0.9, **few), finding("met"), subject="agreement"),
        agreement=section(
            finding("untested", None, **few), finding("untested", 0.3, **few), subject="agreement"
        ),
        omega=section(finding("untested", None, **few), finding("untested", 0.3, **few), subject="omega"),
        convergent=section(finding("untested", None, **few), subject="structure"),
        validity=section(finding("untested", None, cause="wide"), subject="validity"),
        items=section(finding("untested", None, **few)),
        scores=section(finding("met"), subject="people"),
    )
    (limit,) = limits_of(tree)
    assert limit.cause is Cause.FEW_PEOPLE and limit.heading == "What so few people allow"
    assert limit.lines == (
        "Enough for a verdict: people and agreement.",
        "Enough for numbers, not for a verdict: structure and omega.",
        "Out of reach: response model, groups and fairness.",
    )
    assert limits_of(tree_of(flow=section(finding("met"), subject="people"))) == []
    apart = section(finding("met"), subject="relations to other things")
    beyond = section(finding("met", property="hypotheses"), subject="relations to other things")
    short_of = section(finding("untested", None, cause="few_people"), subject="structure")
    for judged, told in ((apart, "themes told apart"), (beyond, "relations to other things")):
        (limit,) = limits_of(tree_of(models=short_of, validity=judged))
        assert limit.lines[0] == f"Enough for a verdict: {told}."
    grouped = section(status="untestable", cause="few_in_group", subject="fairness", message="x")
    assert limits_of(tree_of(fairness=grouped)) == []


def test_boxes_for_items_and_improper_solutions() -> None:
    tree = tree_of(
        models=section(title="Models", untested=[{"what": "CFA", "cause": "improper"}]),
        items=section(title="Items", untested=[{"what": "a", "cause": "no_variation"}]),
        omega=section(finding("untested", None, cause="no_variation"), title="Omega"),
        reliability=section(title="Bifactor", untested=[{"what": "general", "cause": "not_found"}]),
        scores=section(title="Scores"),
        irt=section(status="untestable", cause="few_people", subject="response model", message="x"),
    )
    few, stuck, improper, unfound = limits_of(tree)
    assert few.lines == ("Out of reach: response model.",)
    assert stuck.lines == (
        "Nobody answered them at the first wave, or everybody alike: q3.",
        "Could not be tested in part: Items and Omega.",
    )
    assert improper.cause is Cause.IMPROPER and improper.lines[1] == "It is named in: Models."
    assert unfound.cause is Cause.NOT_FOUND and unfound.lines[1] == "It is named in: Bifactor."


def test_what_does_not_apply_to_a_list_is_told_once() -> None:
    lists = [{"what": what, "cause": "composite"} for what in ("North", "Ratios: North")]
    tree = tree_of(
        models=section(title="Models", untested=lists),
        items=section(title="Items", untested=lists[1:]),
        irt=section(title="Curves", status="untestable", cause="few_in_group", untested=lists),
    )
    assert limits_of(tree) == [], "no theme of that name"
    tree["meta"]["instrument"]["themes"] = [{"title": "North"}, {"title": "South"}]
    (limit,) = limits_of(tree)
    assert limit.heading == "A list of items"
    assert limit.lines == (
        f"“North” is a list: {Cause.COMPOSITE.words}.",
        "What supposes one thing behind the items does not apply to it, in: Items and Models.",
    )


def test_lines_of_what_could_not_be_asked() -> None:
    parts = [("A", "wide"), ("B", "composite"), ("C", "wide"), ("D", "few_people"), ("E", "composite")]
    asked = section(untested=[{"what": what, "cause": cause} for what, cause in parts])
    rest = [
        "Could not be tested (an interval too wide to tell): A; C.",
        "Could not be tested (too few people): D.",
    ]
    assert untested_lines(asked) == rest
    assert untested_lines(asked, alone=True) == ["Does not apply: B; E.", *rest]
    many = section(untested=[{"what": what, "cause": "few_people"} for what in "ABCDE"])
    assert untested_lines(many) == ["Could not be tested (too few people): A; B; C; and 2 more."]
    four = section(untested=[{"what": what, "cause": "few_people"} for what in "ABCD"])
    assert untested_lines(four) == ["Could not be tested (too few people): A; B; C; D."]
    assert untested_lines(section()) == []
