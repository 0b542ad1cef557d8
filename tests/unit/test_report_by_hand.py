"""What a report says of results made by hand: every state, count, edge and sentence worked out on paper."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.common import rules
from analysis.common.verdicts import Cause, Property, Question, State, Tally, Verdict, not_judged, tally_of
from analysis.pipeline import reach
from analysis.pipeline.section import Finding, of_sample
from analysis.pipeline.topics import TOPICS
from analysis.report import opening_words, short_words
from analysis.report.about_app import to_the_point
from analysis.report.claims import beside_each_other, claimed
from analysis.report.draft import render_draft
from analysis.report.extent import (
    Extent,
    elsewhere_line,
    numbered_tables,
    row_count,
    shown_figures,
    shown_tables,
    span,
)
from analysis.report.limits import limits_of, untested_lines
from analysis.report.methods import methods_paragraphs
from analysis.report.opening import Level, Opening, opening
from analysis.report.questions import counted_questions, hidden_claims, question_line, question_rows
from analysis.report.short import honest_lines, short_parts
from analysis.report.short_forms import plain
from analysis.report.standards import (
    PLACES,
    evidence_by_step,
    evidence_of,
    ordered,
    states_sentence,
    verdicts_plain,
)
from analysis.report.view import method_line, notices, option_words, table_view, verdicts
from analysis.structural.inference.improper import Fault
from instrument.common.formatting import fill_prose, format_value
from instrument.errors import DefinitionError, NotEstimableError, UnderidentifiedError


def finding(verdict: str, value: float | None = 0.8, **more: Any) -> dict[str, Any]:
    made = {"claim": "a claim", "value": value, "rule": "Rule: ≥ .70", "source": "Paper", "note": ""}
    made |= {"verdict": verdict, "cause": None, "question": "Does it hold?", "property": None, "cutoff": 0.7}
    made |= {"passed": {"met": True, "not_met": False}.get(verdict), "higher": True, "format": "r2"}
    return made | {"path": "a.path"} | more


def section(*findings: dict[str, Any], **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"title": "A section", "question": "What?", "status": "ok", "cause": None}
    made |= {"message": "", "problems": [], "warnings": [], "untested": [], "bears_on": [], "subject": ""}
    method = {"estimator": "Counting", "n": 40, "missing": "left out", "seed": None, "options": {}}
    made |= {"method": method | {"software": {"numpy": "2"}, "data": "0123456789abcdef"}}
    made |= {"prose": [], "values": {}, "tables": {}, "captions": {}, "figures": []}
    return made | {"findings": list(findings)} | more


def tree_of(meta: dict[str, Any] | None = None, **sections: dict[str, Any]) -> dict[str, Any]:
    themes = [
        {"id": "a", "title": "First", "role": "dimension", "items": ["q1", "q2"]},
        {"id": "b", "title": "Second", "role": "criterion", "items": ["q3"]},
        {"id": "c", "title": "Third", "role": "context", "items": ["q4"]},
    ]
    scale = {
        "id": "s",
        "version": "1",
        "title": "Scale",
        "status": "validated",
        "notice": "",
        "themes": themes,
    }
    scale["items"] = {f"q{k}": f"Words of q{k}" for k in range(1, 5)}
    made: dict[str, Any] = {"synthetic": False, "participants": 40, "administrations": 75, "waves": [1, 2]}
    made |= {"instrument": scale, "study": None, "checksums": {"responses": "0123456789abcdef"}, "seed": 7}
    made |= {"versions": {"python": "3"}, "structure_wave": 1, "without_variation": ["q3"]}
    return {"meta": made | (meta or {}), "sections": sections}


# verdicts


def test_states_follow_from_counts() -> None:
    tally = tally_of(["met", "met", "not_met", "untested", "hidden", "hidden", "hidden", "does_not_apply"])
    assert tally == Tally(met=2, not_met=1, untested=1, hidden=3, not_applicable=1)
    assert tally.tested == 3
    assert Tally(met=1, untested=1).state is State.NOT_SHOWN
    assert Tally(met=1, hidden=1).state is State.SHOWN
    assert Tally(hidden=1).state is Tally(untested=1).state is State.UNTESTABLE


def test_what_is_left_open_is_told_from_what_could_not_be_tested() -> None:
    assert not_judged([Cause.IMPROPER, Cause.UNDECIDED, Cause.WIDE]) == (
        "Some could not be tested: an improper solution, an interval too wide to tell. "
        "Some are undecided: large enough to matter, but not told from chance."
    )


def test_words_of_states_and_causes_are_told_apart() -> None:
    assert [state.words for state in State] == [
        "Shown",
        "Not shown",
        "Could not be tested",
        "Not asked",
        "Does not apply",
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
    del sections["models"]
    assert "COSMIN counts it only" in evidence_of(sections)[Property.CONSISTENCY].words


def test_counts_and_words_of_a_property() -> None:
    def words(*verdicts_: str, cause: str | None = None) -> tuple[str, str]:
        claims = [finding(v, cause=cause if v == "untested" else None, property="error") for v in verdicts_]
        claims = [c | {"cause": "composite"} if c["verdict"] == "does_not_apply" else c for c in claims]
        row = evidence_of({"agreement": section(*claims, bears_on=["error"])})[Property.ERROR]
        return row.words, row.counted

    assert words("met", "met", "untested", cause="wide") == (
        "Not shown. Some could not be tested: an interval too wide to tell.",
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
    assert hidden.plain()["hidden"] == 1 and hidden.state is State.UNTESTABLE
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
    )
    tree = tree_of(reliability=asked)
    first, other, small, hidden, senseless, left = question_rows(tree)
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
        "5 rules were asked: 2 hold everywhere, 1 do not, 2 could not be tested. 1 does not apply."
    ).replace("1 do not,", "1 does not,")
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
        scores=section(title="Scores"),
        irt=section(status="untestable", cause="few_people", subject="response model", message="x"),
    )
    few, stuck, improper = limits_of(tree)
    assert few.lines == ("Out of reach: response model.",)
    assert stuck.lines == (
        "Nobody answered them at the first wave, or everybody alike: q3.",
        "What needs them could not be tested: Items and Omega.",
    )
    assert improper.cause is Cause.IMPROPER and improper.lines[1] == "It is named in: Models."


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


# the first page


def scores(**more: Any) -> dict[str, Any]:
    table = {
        "wave": [1, 1, 1, 1, 2],
        "score": ["total", "a", "b", "c", "a"],
        "title": ["Total", "First", "Second", "Third", "First"],
        "mean": [3.0, 2.0, 3.0, 4.0, 2.5],
        "mean_lower": [2.8, 1.5, 2.5, 3.9, 2.0],
        "mean_upper": [3.2, 2.5, 3.5, 5.2, 3.0],
        "lowest_possible": [1, 1, 1, 1, 1],
        "highest_possible": [5, 5, 5, 5, 5],
        "n": [40, 39, 38, 37, 36],
    }
    return section(values={"first_wave": 1}, tables={"scores": table}, title="Scores", **more)


def page_of(meta: dict[str, Any] | None = None, **sections: dict[str, Any]) -> Opening:
    return opening(tree_of(meta, **sections))


def test_themes_of_the_first_page() -> None:
    page = page_of(scores=scores())
    assert [(level.title, level.row, level.n) for level in page.levels] == [
        ("First", 1, 39),
        ("Second", 2, 38),
        ("Third", 3, 37),
    ]
    assert [level.label for level in page.levels] == ["First", "Second", "Third (counted apart)"]
    assert page.levels[0].text == "2.00 (1.50 to 2.50)"
    assert page.levels[0].bar == (0.125, 0.375, 0.25)
    assert page.levels[2].bar == (
        pytest.approx(0.725),
        1.0,
        0.75,
    )  # an interval may leave the scale, a bar not
    low = Level(row=0, title="x", apart=False, mean=0.5, lower=-0.5, upper=1, lowest=0, highest=4, n=None)
    assert low.bar == (0.0, 0.25, 0.125)
    assert page.scale_line == "Mean scores at 1, from 1 to 5, with 95% intervals."
    unlike = scores()
    unlike["tables"]["scores"]["highest_possible"] = [5, 5, 7, 5, 5]
    assert page_of(scores=unlike).scale_line == "Mean scores at 1, with 95% intervals."
    unlike["tables"]["scores"]["mean_upper"][2] = None
    assert [level.row for level in page_of(scores=unlike).levels] == [1, 3]


def test_who_and_what_is_counted() -> None:
    assert page_of().counted == "40 people, 2 waves, 4 items."
    assert page_of({"participants": 1, "waves": [1]}).counted == "1 person, 1 wave, 4 items."
    assert page_of().sentence == (
        "These answers show none of nine things a set of questions must do; nine were not asked."
    )
    assert page_of({"synthetic": True}).sentence.startswith("These made-up answers show none")


def test_the_sentence_counts_what_is_shown_and_what_is_not() -> None:
    claims = [finding("met", property="structure")]
    claims += [finding("not_met", property=name) for name in ("consistency", "reliability")]
    assert page_of(models=section(*claims)).sentence == (
        "These answers show one of nine things a set of questions must do; two are not shown, six were not asked."
    )
    assert page_of(models=section(*claims[:2])).sentence.endswith("; one is not shown, seven were not asked.")
    claims = [finding("untested", None, cause="wide", property="structure")]
    claims += [finding("does_not_apply", property="consistency", cause="composite")]
    assert page_of(models=section(*claims)).sentence.endswith(
        "show none of nine things a set of questions must do; one could not be tested, seven were not asked, "
        "one does not apply."
    )


def test_a_point_says_how_many_of_its_rules_hold() -> None:
    def said(*verdicts_: str, cause: str = "wide") -> tuple[str, bool, str]:
        claims = [
            finding(v, cause=cause if v == "untested" else None, property="reliability") for v in verdicts_
        ]
        page = page_of(retest=section(*claims, bears_on=["reliability"]), agreement=section())
        point = page.points[list(Property).index(Property.RELIABILITY)]
        return point.said, point.few, point.section

    assert said("met", "met", "met") == ("Shown: 3 of 3 rules hold", False, "retest")
    assert said("met") == ("Shown: 1 of 1 rule holds", False, "retest")
    assert said("met", "not_met") == ("Not shown: 1 of 2 rules hold", False, "retest")
    assert said("met", "untested") == (
        "Not shown: 1 of 2 rules hold, the rest could not be judged",
        False,
        "retest",
    )
    assert said("met", "not_met", "untested")[0] == "Not shown: 1 of 3 rules hold, some could not be judged"
    assert said("met", "untested", cause="few_people")[1]
    assert said("untested") == ("Could not be tested", False, "retest")
    assert said() == ("Not asked", False, "retest")


def test_steps_in_their_order() -> None:
    def steps(meta: dict[str, Any] | None = None, **sections: dict[str, Any]) -> list[tuple[str, str]]:
        return [(step.text, step.section) for step in page_of(meta, **sections).steps]

    mend, ask = opening_words.MEND, opening_words.ASK
    broken = section(status="failed", message="x", title="Broken")
    many = {
        "models": section(finding("not_met", property="structure"), bears_on=["structure"]),
        "reliability": section(
            finding("met", property="consistency"),
            finding("untested", None, cause="few_people", property="consistency"),
        ),
        "groups": section(finding("untested", None, cause="improper", property="invariance")),
    }
    assert steps(**many) == [
        (opening_words.MORE_PEOPLE, ""),
        (mend[Property.STRUCTURE], "models"),
        (ask[Property.CONSISTENCY], "reliability"),
    ]
    assert steps({"synthetic": True}, flow=section(), scores=broken, **many) == [
        (opening_words.FAILED.format("Broken"), "scores"),
        (opening_words.REAL_PEOPLE, ""),
        (opening_words.MORE_PEOPLE, "flow"),
    ]
    del many["models"], many["reliability"]
    # what could not be tested comes before what was never asked, though content stands first of the nine
    lack = opening_words.LACK
    assert steps(**many)[:2] == [(lack[Property.INVARIANCE], "groups"), (ask[Property.CONTENT], "")]
    # groups were given: nobody is told to note them, neither where all nor where some could be compared
    partly = section(
        finding("met", property="invariance"),
        finding("untested", None, cause="empty_option", property="invariance"),
    )
    assert steps(groups=partly)[0] == (lack[Property.INVARIANCE], "groups")
    broken_too = section(*partly["findings"], finding("not_met", property="invariance"))
    assert steps(groups=broken_too)[0] == (mend[Property.INVARIANCE], "groups")
    assert (ask[Property.INVARIANCE], "") in steps(content=section(finding("met", property="content")))
    untestable = section(status="untestable", message="too few", title="Not broken", cause="wide")
    assert steps(scores=untestable)[0] == (ask[Property.CONTENT], "")
    alike = steps(
        models=section(finding("untested", None, cause="wide", property="structure")),
        reliability=section(finding("untested", None, cause="wide", property="consistency")),
    )
    assert alike[0] == ("Ask more people, so that the themes can be tested.", "models")
    assert len({text for text, _ in alike}) == len(alike) == 3
    small = {"models": section(finding("untested", None, cause="few_people", property="structure"))}
    assert steps(**small)[:2] == [(opening_words.MORE_PEOPLE, ""), (ask[Property.CONTENT], "")]


def test_a_theme_to_look_at_is_the_one_placed_so() -> None:
    themes = {"title": ["First", "Second", "Third"], "place": ["keep", "look at first", None]}
    page = page_of(priority=section(tables={"themes": themes}))
    assert page.steps[0].text == opening_words.LOOK_AT.format("Second")
    assert not any("Third" in step.text or "First" in step.text for step in page.steps)


def test_all_shown_leaves_nothing_to_do() -> None:
    claims = section(*[finding("met", property=prop.value) for prop in Property])
    page = page_of(models=claims)
    assert page.sentence == "These answers show nine of nine things a set of questions must do."
    assert [step.text for step in page.steps] == [opening_words.NOTHING]


# the short report


def part(tree: dict[str, Any], heading: str) -> Any:
    return next(p for p in short_parts(tree) if p.heading == heading)


def rows(grid: Any) -> list[tuple[str, ...]]:
    return [tuple(plain(cell) for cell in row) for row in grid.rows]


def test_people_who_left_are_told_of_only_where_the_order_of_the_waves_is_known() -> None:
    flow = section(
        values={"participants": 20}, tables={"flow": {"wave": ["one", "two"], "answered": [20, 20]}}
    )
    for source, told in (("words", True), ("unknown", False)):
        lines = part(tree_of({"wave_order": source}, flow=flow), "Who answered").lines
        assert ([short_words.STAYED] in lines) is told
    assert "left" not in short_words.STAYED  # all twenty came back


def test_properties_in_plain_words() -> None:
    tree = tree_of(
        models=section(
            finding("met", property="structure"), finding("untested", 0.1, cause="wide", property="structure")
        ),
        groups=section(finding("untested", 0.1, cause="few_in_group", property="invariance")),
        retest=section(finding("untested", 0.1, cause="wide", property="reliability")),
    )
    found = dict(rows(part(tree, opening_words.HEADING).grid))
    assert found[opening_words.POINTS[Property.STRUCTURE]] == (
        "Not shown: 1 of 2 checks passed, the rest could not be judged"
    )
    assert found[opening_words.POINTS[Property.INVARIANCE]] == (
        "Could not be tested: too few people in a group"
    )
    assert found[opening_words.POINTS[Property.RELIABILITY]] == "Could not be worked out"
    assert found[opening_words.POINTS[Property.ERROR]] == "Not asked"


def test_honest_lines_say_what_holds() -> None:
    few = finding("untested", None, cause="few_people", property="structure")
    draft = tree_of()["meta"]["instrument"] | {"status": "candidate"}
    assert honest_lines(tree_of()) == []
    assert honest_lines(tree_of({"synthetic": True, "instrument": draft})) == [
        short_words.MADE_UP,
        short_words.DRAFT,
    ]
    assert honest_lines(tree_of({"instrument": draft})) == [short_words.DRAFT_ASKED]
    assert "real people" not in short_words.DRAFT_ASKED  # they were asked
    assert honest_lines(tree_of(models=section(few))) == [short_words.FEW]
    judged = section(few, finding("met", property="reliability"))
    assert honest_lines(tree_of(models=judged)) == [short_words.FEW_FOR_SOME]


def weak(*correlations: float, n: int = 30) -> dict[str, Any]:
    table = {"item": [f"q{k}" for k in range(1, 5)], "item_rest_r": list(correlations), "n": [n] * 4}
    return tree_of(items=section(tables={"statistics": table}))


def test_the_weakest_questions() -> None:
    heading = "The weakest questions"
    assert rows(part(weak(0.5, 0.29, 0.3, 0.1), heading).grid) == [
        ("“Words of q4”", ".10"),
        ("“Words of q2”", ".29"),
    ]
    strong = part(weak(0.5, 0.4, 0.3, 0.6), heading)
    assert strong.lines[0] == [short_words.WEAK_NONE]
    assert rows(strong.grid) == [("“Words of q3”", ".30"), ("“Words of q2”", ".40"), ("“Words of q1”", ".50")]
    for tree in (weak(0.5, 0.29, 0.3, 0.1, n=29), weak(0.5, 0.29, 0.3, None)):  # type: ignore[arg-type]
        assert heading not in [p.heading for p in short_parts(tree)]


def priority(**values: Any) -> dict[str, Any]:
    table = {
        "title": ["First", "Second", "Third", "Fourth", "Fifth"],
        "effect": [0.3, -0.4, 0.2, 0.1, -0.2],
        "effect_lower": [0.1, -0.7, -0.1, None, -0.5],
        "effect_upper": [0.5, -0.1, 0.4, None, 0.1],
        "place": ["keep", "look at first", "look at first", None, None],
        "level_side": ["higher", "middle", "lower", None, None],
    }
    held = {"due": 8, "unit": "sessions", "needed": 900, "analysed": 120} | values
    return section(tables={"themes": table}, values=held)


APP = {"study": {"id": "trial", "notice": ""}}


def test_themes_that_go_with_staying() -> None:
    tree = tree_of(APP, priority=priority(), scores=scores())
    found = part(tree, "Which theme goes with staying")
    assert rows(found.grid) == [
        ("First", "0.30 (likely 0.10 to 0.50)", "goes with staying"),
        ("Second", "−0.40 (likely −0.70 to −0.10)", "goes with leaving"),
        ("Third", "0.20 (likely −0.10 to 0.40)", "we cannot tell"),
        ("Fifth", "−0.20 (likely −0.50 to 0.10)", "we cannot tell"),
    ]
    assert plain(found.lines[1]) == "The table shows how many more of the last 8 sessions that person did."
    assert [plain(line) for line in found.after] == [
        "Rated low, and close to staying: “Second” and “Third”. Look there first.",
        short_words.NOT_CAUSE,
    ]
    assert [plain(line) for line in part(tree, opening_words.LEVELS).after] == [
        "“First” is rated above the rest.",
        "“Third” is rated below the rest.",
    ]
    changes = [plain(line) for line in part(tree, "What would change this picture").points]
    assert changes[0] == (
        "More people. It would take about 900 to see which theme matters most; there were 120."
    )
    assert changes[1:] == [short_words.CHANGE_LOT, short_words.CHANGE_READ]
    for gone in ({"due": None},):
        made = tree_of(APP, priority=priority(**gone))
        assert "Which theme goes with staying" not in [p.heading for p in short_parts(made)]


def test_an_app_is_spoken_of_only_where_there_is_one() -> None:
    log = {"checksums": {"usage": "0" * 64}}
    for meta, app in ((None, False), (APP, True), (log, True)):
        tree = tree_of(meta)
        asked = plain(part(tree, "What was asked").lines[0])
        assert asked == f"{'People who use the app' if app else 'People'} were asked 4 questions."
        unknown = [plain(line) for line in part(tree, "What we do not know").points]
        assert len(unknown) == (2 if app else 1)
        changes = [plain(line) for line in part(tree, "What would change this picture").points]
        assert changes[0] == (short_words.CHANGE_USE if app else short_words.CHANGE_ASK)


def test_counts_and_waves_in_the_short_report() -> None:
    flow = section(
        values={"participants": 40},
        tables={"flow": {"wave": [1, 2], "answered": [40, 35]}},
    )
    tree = tree_of({"participants": 1}, flow=flow, scores=scores())
    assert plain(part(tree, "In one sentence").lines[1]) == "1 person, 2 times, 4 questions."
    none = tree_of({"participants": 0})
    assert plain(part(none, "In one sentence").lines[1]).startswith("0 people")
    answered = part(tree, "Who answered")
    assert [plain(line) for line in answered.lines] == ["40 people gave answers.", short_words.STAYED]
    assert rows(answered.grid) == [("1", "40"), ("2", "35")]
    line = plain(part(tree, opening_words.LEVELS).lines[0])
    assert line == "Each theme gets a mean score from 1 (low) to 5 (high), at 1."
    once = copy.deepcopy(tree)
    once["meta"]["waves"] = [1]
    once["sections"]["flow"]["tables"]["flow"] = {"wave": [1], "answered": [40]}
    assert plain(part(once, opening_words.LEVELS).lines[0]).endswith("to 5 (high).")
    assert [plain(line) for line in part(once, "Who answered").lines] == ["40 people gave answers."]


# what stands where


def tables_of(*shapes: tuple[int, int]) -> dict[str, Any]:
    made = {f"t{k}": {f"c{j}": [0] * n for j in range(m)} for k, (n, m) in enumerate(shapes)}
    captions = {name: {"title": name.upper(), "note": "", "columns": {}} for name in made}
    return section(tables=made, captions=captions)


def test_the_first_table_that_fits_is_shown() -> None:
    assert shown_tables(tables_of((11, 2), (10, 9), (1, 1)), Extent.MAIN) == ["t1"]
    assert shown_tables(tables_of((10, 10), (11, 9)), Extent.MAIN) == []
    assert shown_tables(tables_of((99, 10), (1, 1)), Extent.SUPPLEMENT) == ["t0", "t1"]
    assert row_count({"a": [1, 2], "b": [1, 2]}) == 2 and row_count({}) == 0


def test_numbers_of_tables() -> None:
    sections = [("a", tables_of((15, 1), (16, 1))), ("b", tables_of((16, 1), (1, 1)))]
    numbers, last = numbered_tables(sections, Extent.WHOLE)
    assert numbers == {("a", "t0"): "1", ("a", "t1"): "A1", ("b", "t0"): "A2", ("b", "t1"): "2"}
    assert last == [("a", "t1"), ("b", "t0")]
    assert elsewhere_line(*sections[1], Extent.WHOLE, numbers, {}) == "At the end: Table A2 (T0)."
    assert elsewhere_line("c", tables_of((1, 1)), Extent.WHOLE, {("c", "t0"): "1"}, {}) == ""
    further, none = numbered_tables(sections, Extent.SUPPLEMENT)
    assert (list(further.values()), none) == (["S1", "S2", "S3", "S4"], [])
    line = elsewhere_line(*sections[1], Extent.MAIN, {}, further)
    assert line == "All tables of this section: Tables S3 to S4 of the supplement."
    assert span(["S1", "S2", "S3"]) == "Tables S1 to S3"


def test_figures_of_report_and_supplement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.report.extent.proportion", lambda figure: figure)
    figures: Any = {"tall": 0.63, "fits": 0.62, "flat": 0.2}
    assert list(shown_figures(figures, Extent.MAIN)) == ["fits"]
    assert list(shown_figures(figures, Extent.SUPPLEMENT)) == ["tall", "flat"]
    assert list(shown_figures(figures, Extent.WHOLE)) == ["tall", "fits", "flat"]


# sentences around the numbers


def test_options_and_methods_in_words() -> None:
    assert option_words(0.95, "level") == ".95" and option_words(0.05, "alpha") == ".05"
    assert option_words(0.95, "factor") == "0.95" and option_words([-3.0, "w"], "x") == "−3, w"
    made = section(title="Reliability")
    made["method"] |= {"seed": 0, "options": {"max_draws": 200, "level": 0.95}}
    assert method_line(made) == (
        "Estimator: Counting; n = 40; missing answers: left out; max draws: 200; level: .95; seed 0; "
        "software: numpy 2; data 0123456789ab."
    )
    none = section(status="not_applicable", message="x", title="Not there")
    paragraphs = methods_paragraphs(tree_of(reliability=made, groups=none))
    assert paragraphs == [
        (
            "Data",
            "75 administrations of the instrument s 1 (validated) to 40 people were analysed; the structure of the "
            "scale was estimated on wave 1. The data are those with SHA-256 checksums that begin with: "
            "responses 0123456789ab.",
        ),
        ("Software", "python 3. Everything random starts from seed 7."),
        (
            "Reliability",
            "Counting. n = 40. Missing answers: left out. Options: max draws: 200; level: .95. Seed 0.",
        ),
    ]


def test_claims_sorted_by_verdict_and_failures_named() -> None:
    tree = tree_of(
        a=section(*[finding(v.value) for v in Verdict], problems=["one", "two"], title="A"),
        b=section(status="failed", message="boom", title="B"),
        c=section(status="untestable", message="few", title="C", cause="few_people"),
        d=section(status="not_applicable", message="no groups", title="D"),
    )
    found = verdicts(tree)
    assert {v.value: len(found[v.value]) for v in Verdict} == dict.fromkeys((v.value for v in Verdict), 1)
    assert found["met"][0]["printed"] == ".80" and found["met"][0]["section"] == "a"
    assert [(f["title"], f["message"]) for f in found["failed"]] == [
        ("A", "one"),
        ("A", "two"),
        ("B", "boom"),
    ]
    assert [f["title"] for f in found["untestable"]] == ["C"]
    assert [f["message"] for f in found["not_applicable"]] == ["no groups"]


def test_notices_before_any_number() -> None:
    def of(status: str = "validated", notice: str = "", **meta: Any) -> list[tuple[str, str]]:
        scale = tree_of()["meta"]["instrument"] | {"status": status, "notice": notice}
        return notices(tree_of({"instrument": scale} | meta))

    made_up = ("synthetic", "Every person in this report was simulated by a program.")
    candidate = ("candidate", "Candidate items: this questionnaire is not yet validated in people.")
    assert of() == [] and of("candidate") == [candidate]
    assert of(synthetic=True) == [made_up]
    assert of("candidate", synthetic=True) == [made_up, candidate]
    told = {"notice": "SYNTHETIC: nobody took part."}
    assert of(synthetic=True, study=told) == [("synthetic", "Nobody took part.")]
    assert of("validated", "Validated: in 30 people.") == [("validated", "In 30 people.")]


def test_cells_have_the_format_of_their_row() -> None:
    table = {"name": ["CFI", "chi"], "value": [0.951, 12.3], "share": [0.5, 0.25], "bounded": [True, False]}
    columns = {"name": ("", "text"), "value": ("Value", "b2"), "share": ("", "percent")}
    shown = {key: {"label": label, "format": form} for key, (label, form) in columns.items()}
    made = section(tables={"t": table}, captions={"t": {"title": "T", "note": "", "columns": shown}})
    view = table_view("models", made, "t")
    assert view.heads == [("Name", False), ("Value", True), ("Value, share", True)]
    assert [[cell.text for cell in row] for row in view.rows] == [
        ["CFI", ".95", "50.0%"],
        ["chi", "12.30", "25.0%"],
    ]
    assert [cell.numeric for cell in view.rows[0]] == [False, True, True]
    assert view.rows[1][1].path == "sections.models.tables.t.value[1]"


def test_the_draft_counts_what_was_tested() -> None:
    asked = section(
        finding("met"),
        finding("met"),
        finding("not_met"),
        finding("untested", None, cause="wide"),
        finding("untested", None, question="Another?", cause="few_people"),
        title="Part",
        prose=["Alpha is {a:r2}."],
        values={"a": 0.5},
        warnings=["a few rows were left out."],
        problems=["omega: no convergence."],
    )
    text = render_draft(tree_of(reliability=asked))
    assert (
        "Does it hold? By the rule Rule: ≥ .70 (Paper), 2 of 3 claims tested were met and 1 could not be tested."
        in (text.replace("(Paper) 2", "(Paper), 2"))
    )
    assert "Another? By the rule Rule: ≥ .70 (Paper) this could not be judged here (too few people)." in text
    assert "Alpha is .50." in text
    assert "\nA part of this failed: omega: no convergence." in text
    assert "\nLimit: a few rows were left out." in text
    assert "*Data.* 75 administrations" in text and "*Software.* python 3" in text


def test_what_is_claimed_of_use_at_the_end() -> None:
    values = {"claim": 1, "unit": "sessions"}
    measured = {
        "title": ["First", "First", "Other"],
        "told": ["as observed", "without error", "x"],
        "n": [9, 8, 7],
    }
    measured |= {"estimate": [1.234, 2.345, 9], "ci_lower": [0.5, 0.6, 9], "ci_upper": [2.5, 3.6, 9]}
    waves = {
        "title": ["First", "Other"],
        "described": ["rated twice", "x"],
        "n_people": [1200, 3],
        "n": [1, 1],
    }
    waves |= {"effect": [4.56, 9], "ci_lower": [-1.25, 9], "ci_upper": [9.15, 9]}
    held = section(
        prose=["One.", "No cause.", "Three."], values=values, tables={"measured": measured, "waves": waves}
    )
    assert claimed(tree_of(adherence=held)) == ["One.", "No cause."]
    assert claimed(tree_of()) == claimed(tree_of(adherence=held | {"values": {}})) == []
    assert claimed(tree_of(adherence=held | {"status": "failed"})) == []
    lines = beside_each_other(tree_of(adherence=held))
    assert lines[:3] == [
        "First, one standard deviation more: sessions (95% interval), people",
        "  as observed    1.23 (0.50 to 2.50), 9",
        "  without error  2.35 (0.60 to 3.60), 8",
    ]
    assert lines[4:6] == [
        "First, one standard deviation more: percentage points (95% interval), people",
        "  rated twice  4.6 (−1.2 to 9.2), 1,200",
    ]
    assert len(lines) == 7


# a scale of something else than an app


def test_sections_on_use_are_beside_the_point_where_there_is_no_app() -> None:
    tree = tree_of(
        use=section(status="not_applicable", message="x", of_use=True),
        adherence=section(status="failed", message="x", of_use=True),
        retest=section(status="not_applicable", message="x", of_use=False),
        earlier=section(status="not_applicable", message="x"),  # of a report from before topics said so
        scores=section(),
    )
    assert set(to_the_point(tree)) == {"adherence", "retest", "earlier", "scores"}
    of_use = {topic.name for topic in TOPICS if topic.of_use}
    chain = {"use_course", "criterion_items", "mechanism", "priority"}
    assert of_use == {"use", "adherence", "psd_audit", *chain}
    tree["meta"]["checksums"] = {"usage": "1"}
    assert list(to_the_point(tree)) == list(tree["sections"])
    tree["meta"] |= {"checksums": {}, "study": {"id": "s"}}
    assert list(to_the_point(tree)) == list(tree["sections"])
