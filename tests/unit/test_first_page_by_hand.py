"""The first page of results made by hand: themes, counts, the sentence and what to do next, worked out on paper."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.common.verdicts import Property
from analysis.report import opening_words
from analysis.report.opening import Level, Opening, opening
from tests.unit.made_sections import finding, scores, section, tree_of

# the first page


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
        "Shown in part: 1 of 2 rules hold, the rest could not be judged",
        False,
        "retest",
    )
    assert said("met", "not_met", "untested")[0] == "Not shown: 1 of 3 rules hold, some could not be judged"
    assert said("met", "untested", cause="few_people")[1]
    assert said("untested") == ("Could not be tested", False, "retest")
    assert said() == ("Not asked", False, "retest")


def test_more_people_are_not_asked_for_where_a_question_has_one_answer() -> None:
    def first(*causes: str) -> str:
        claims = [finding("untested", None, cause=cause, property="structure") for cause in causes]
        return page_of(models=section(*claims)).steps[0].text

    assert first("no_variation") == first("no_variation", "no_variation") == opening_words.STUCK
    assert first("wide", "no_variation") == first("wide") == opening_words.LACK[Property.STRUCTURE]
    assert first("few_people", "no_variation") == opening_words.MORE_PEOPLE
    met = finding("met", property="structure")
    partly = page_of(
        models=section(met, finding("untested", None, cause="no_variation", property="structure"))
    )
    assert partly.steps[0].text == opening_words.STUCK


def test_what_failed_comes_before_what_was_judged_in_part_and_what_is_left_out_asks_for_nothing() -> None:
    partly = [
        finding("met", property="structure"),
        finding("untested", None, cause="wide", property="structure"),
    ]
    page = page_of(models=section(*partly), reliability=section(finding("not_met", property="consistency")))
    assert [step.text for step in page.steps[:2]] == [
        opening_words.MEND[Property.CONSISTENCY],
        opening_words.LACK[Property.STRUCTURE],
    ]
    claims = [finding("met", property="error"), finding("hidden", None, property="error")]
    assert opening_words.ASK[Property.ERROR] not in [
        s.text for s in page_of(agreement=section(*claims)).steps
    ]
    claims[1] = finding("untested", None, cause="wide", property="error")
    untold = page_of(agreement=section(*claims))
    assert untold.steps[0].text == opening_words.ASK[Property.ERROR]


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
        (opening_words.LACK[Property.CONSISTENCY], "reliability"),
    ]
    assert steps({"synthetic": True}, flow=section(), scores=broken, **many) == [
        (opening_words.FAILED.format("Broken"), "scores"),
        (opening_words.REAL_PEOPLE, ""),
        (opening_words.MORE_PEOPLE, "flow"),
    ]
    # a part that could not be estimated is nothing to mend, and comes after what does not hold
    partly = section(problems=["a week: too few", "another: too few"], title="Course")
    assert steps(use_course=partly, models=many["models"])[:2] == [
        (mend[Property.STRUCTURE], "models"),
        (opening_words.PART.format("Course"), "use_course"),
    ]
    del many["models"], many["reliability"]
    # what could not be tested comes before what was never asked, though content stands first of the nine
    lack = opening_words.LACK
    more = section(finding("untested", None, cause="few_in_group", property="invariance"))
    assert steps(groups=more)[:2] == [(lack[Property.INVARIANCE], "groups"), (ask[Property.CONTENT], "")]
    # an improper solution, or none, may be there however many answer
    for cause in ("improper", "not_found"):
        lost = section(finding("untested", None, cause=cause, property="invariance"))
        assert steps(groups=lost)[0] == (opening_words.FIXED, "groups")
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


@pytest.mark.parametrize(
    ("verdict", "table", "told"),
    [
        ("not_met", "htmt", True),
        ("met", "htmt", False),
        ("hidden", "htmt", False),
        ("not_met", "wider", False),
    ],
)
def test_themes_are_one_only_where_the_ratio_of_two_of_them_says_so(
    verdict: str, table: str, told: bool
) -> None:
    claim = finding(verdict, path=f"sections.validity.tables.{table}.{table}[0]")
    texts = [step.text for step in page_of(validity=section(claim)).steps]
    assert (opening_words.ONE_THEME in texts) is told


def test_nobody_is_told_to_ask_more_people_for_what_a_report_was_not_asked() -> None:
    """`dta adherence` and a plan with topics leave sections out: their answers may lie there in plenty."""
    chosen = {"plan": {"entries": {"topics": {"value": ["flow", "use"], "origin": "overridden"}}}}
    page = page_of(chosen, flow=section(), use=section())
    assert [step.text for step in page.steps] == [
        opening_words.ASK[Property.CONTENT],
        opening_words.REST,
        opening_words.ASK[Property.RESPONSIVENESS],
    ]
    structure = section(finding("met", property="structure"), bears_on=["structure"])
    told = page_of(chosen, models=structure, retest=section(status="not_applicable", message="no retest"))
    assert opening_words.ASK[Property.RELIABILITY] in {step.text for step in told.steps}
    assert opening_words.REST in {step.text for step in told.steps}  # consistency, groups, validity
    whole = {"plan": {"entries": {"topics": {"value": None, "origin": "default"}}}}
    assert page_of(whole, flow=section()).steps == page_of(flow=section()).steps


def test_where_so_few_questions_leave_nothing_to_test_more_people_are_no_help() -> None:
    """Structure needs four items, consistency two: more people were asked for of a scale of one question."""
    none = section(status="not_applicable", message="Needs four items or more.")
    said = [step.text for step in page_of(models=none, reliability=none).steps]
    assert "Add questions to the themes. So few cannot show how they go together." in said
    assert not any("more people" in text for text in said)


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
