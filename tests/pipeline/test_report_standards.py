"""Each section names its step and property; what is not shown or failed is as plain as what passed; methods are whole."""

from __future__ import annotations

import copy
import io
import re
from typing import Any

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.common.verdicts import Property, State, Tally, Verdict, tally_of
from analysis.pipeline.topics import TOPICS
from analysis.report.html import render_html
from analysis.report.labels import tree_for_readers
from analysis.report.markdown import render_markdown
from analysis.report.questions import QUESTIONS
from analysis.report.standards import (
    PLACES,
    PROPERTIES,
    STEPS,
    Evidence,
    evidence_by_property,
    evidence_by_step,
    evidence_of,
    ordered,
    place_line,
)
from analysis.report.word import render_docx

pytestmark = pytest.mark.usefixtures("figures_once")

USES = {"use", "priority", "audit", "psd_audit"}  # what the scale is used for, beyond its development


def by_name(rows: list[Evidence]) -> dict[str, Evidence]:
    return {row.name: row for row in rows}


def test_every_topic_has_its_place() -> None:
    assert {topic.name for topic in TOPICS} & set(PLACES) >= {"flow", "models", "retest", "adherence"}
    assert not USES & set(PLACES)
    assert place_line("a later topic").startswith("Beyond the steps of scale development")
    for step, properties in PLACES.values():
        assert step in STEPS and set(properties) <= set(PROPERTIES)


def test_sections_stand_in_the_order_of_the_steps(tree: dict[str, Any]) -> None:
    steps = [int(PLACES.get(name, ("10",))[0]) for name, _ in ordered(tree["sections"])]
    assert steps == sorted(steps)
    assert {name for name, _ in ordered(tree["sections"])} == set(tree["sections"])


def test_states_come_from_the_tree(tree: dict[str, Any]) -> None:
    steps, properties = evidence_by_step(tree["sections"]), by_name(evidence_by_property(tree["sections"]))
    assert [row.name.split(".")[0] for row in steps] == list("123456789")
    assert steps[0].state is State.NOT_ASKED and steps[0].words.startswith("Not asked. Needs")
    claims = [f for f in tree["sections"]["reliability"]["findings"] if f["rule"].startswith("COSMIN")]
    alpha = [f["passed"] for f in claims]
    assert len(alpha) == 3
    consistency = properties["Internal consistency"].tally
    assert (consistency.met, consistency.not_met, consistency.untested) == (
        alpha.count(True),
        alpha.count(False),
        0,
    )
    for name in ("Criterion validity", "Responsiveness", "Hypotheses testing for construct validity"):
        assert properties[name].state is State.NOT_ASKED, name
    error = properties["Measurement error"]  # the rule on the ICC says nothing about it
    assert error.tally == Tally() and error.state is State.NOT_ASKED
    assert error.words.startswith("Not asked. Described, but no rule bears on it. Needs a second wave")


def test_results_json_holds_the_same_states(tree: dict[str, Any]) -> None:
    found = {key: (part["state"], part["met"]) for key, part in tree["properties"].items()}
    rows = evidence_of(tree["sections"])
    assert found == {key.value: (row.state.value, row.tally.met) for key, row in rows.items()}


def test_a_property_is_judged_only_by_rules_that_bear_on_it(tree: dict[str, Any]) -> None:
    """Invariance over time is no responsiveness, HTMT between own themes no hypothesis about other measures."""
    bearing = {
        (name, f["rule"].split(":")[0]): f["property"]
        for name, section in tree["sections"].items()
        for f in section["findings"]
    }
    assert bearing["reliability", "COSMIN internal consistency"] == "consistency"
    assert bearing["reliability", "Internal consistency, read on omega"] is None
    assert bearing["models", "COSMIN structural validity, CFI"] == "structure"
    assert bearing["models", "Average variance extracted"] is None
    assert bearing["retest", "COSMIN reliability"] == "reliability"
    assert bearing["validity", "Discriminant validity, HTMT"] is None
    assert bearing["longitudinal", "Invariance of ordinal items, change of CFI"] is None
    assert bearing["flow", "COSMIN sample, in all"] is None


@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        ({"status": "failed", "message": "x", "findings": []}, State.UNTESTABLE, ": no estimate."),
        (
            {"status": "untestable", "cause": "few_people", "message": "x", "findings": []},
            State.UNTESTABLE,
            ": too few people.",
        ),
        (
            {"status": "not_applicable", "message": "x", "findings": []},
            State.NOT_ASKED,
            ". Needs the section on reliability, of themes of two items or more.",
        ),
        (
            {"findings": []},
            State.NOT_ASKED,
            ". Described, but no rule bears on it. Needs the section on reliability, of themes of two items or "
            "more.",
        ),
    ],
)
def test_what_gave_no_claim_is_never_counted_as_passed(
    tree: dict[str, Any], change: dict[str, Any], state: State, words: str
) -> None:
    made = copy.deepcopy(tree["sections"])
    made["reliability"] |= change
    found = by_name(evidence_by_property(made))["Internal consistency"]
    assert found.state is state and found.words == state.words + words
    assert found.tally.met == found.tally.not_met == 0


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        (["met", "met", "met"], State.SHOWN),
        (["met", "met", "untested"], State.PARTLY),  # two of three is not all
        (["met", "not_met", "untested"], State.NOT_SHOWN),
        (["not_met"], State.NOT_SHOWN),
        (["untested", "untested"], State.UNTESTABLE),
        (["hidden"], State.LEFT_OUT),
        (["met", "hidden"], State.PARTLY),
        ([], State.NOT_ASKED),
        (["does_not_apply"], State.DOES_NOT_APPLY),
        (["does_not_apply", "met"], State.SHOWN),
        (["does_not_apply", "untested"], State.UNTESTABLE),
        (["does_not_apply", "not_met"], State.NOT_SHOWN),
    ],
)
def test_the_states_follow_from_the_counts(verdicts: list[str], state: State) -> None:
    assert tally_of(verdicts).state is state


@settings(deadline=None)
@given(st.lists(st.sampled_from([verdict.value for verdict in Verdict])))
def test_shown_needs_every_claim_that_applies_tested_and_met(verdicts: list[str]) -> None:
    seen = [verdict for verdict in verdicts if verdict != "does_not_apply"]
    shown = tally_of(verdicts).state is State.SHOWN
    assert shown == (bool(seen) and set(seen) == {"met"})


def test_alpha_is_told_to_hang_on_the_structure(tree: dict[str, Any]) -> None:
    made = copy.deepcopy(tree["sections"])
    assert evidence_of(made)[Property.STRUCTURE].state is State.SHOWN
    assert "structure" not in evidence_of(made)[Property.CONSISTENCY].words
    claim = next(f for f in made["models"]["findings"] if f["property"] == "structure")
    claim |= {"verdict": "not_met", "passed": False}
    found = evidence_of(made)
    assert found[Property.STRUCTURE].state is State.NOT_SHOWN
    assert found[Property.CONSISTENCY].words.endswith(
        "COSMIN counts it only where the structure is shown, too."
    )


def printed_forms(tree: dict[str, Any]) -> dict[str, str]:
    document = docx.Document(io.BytesIO(render_docx(tree)))
    page = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", render_html(tree), flags=re.S)
    return {
        "html": re.sub(r"<[^>]+>", "", page).replace("&#39;", "'").replace("&amp;", "&"),
        "markdown": render_markdown(tree),
        "docx": "\n".join(paragraph.text for paragraph in document.paragraphs),
    }


def test_every_option_used_is_named_in_the_methods(tree: dict[str, Any]) -> None:
    tree = dict(tree_for_readers(tree))
    for form, text in printed_forms(tree).items():
        methods = text[text.rindex("Methods\n") :]
        assert str(tree["meta"]["seed"]) in methods
        for name, version in tree["meta"]["versions"].items():
            assert f"{name} {version}" in methods, form
        for section in tree["sections"].values():
            if section["status"] != "ok":
                continue
            how = section["method"]
            part = methods[methods.index(f"{section['title']}.") :]
            for words in (how["estimator"], f"n = {how['n']:,}", f"Missing answers: {how['missing']}"):
                assert words in part, (form, section["title"], words)
            for key, value in how["options"].items():
                members = value if isinstance(value, list) else [value]
                for member in members:
                    words = f"{member:.4g}" if isinstance(member, float) else str(member)
                    if key in ("level", "confidence"):
                        words = words.removeprefix("0")
                    assert words.replace("-", "−") in part.replace("-", "−"), (form, section["title"], key)
                assert key.replace("_", " ") in part


def test_what_was_not_shown_stands_before_what_was(tree: dict[str, Any]) -> None:
    for form, text in printed_forms(tree).items():
        shown = text.index("What has been shown, and what has not")
        assert shown < text.index(QUESTIONS), form
        for name in ("Content validity", "Responsiveness", "Criterion validity"):
            assert name in text[shown:], form
        for section in tree["sections"]:
            assert place_line(section) in text, (form, section)
