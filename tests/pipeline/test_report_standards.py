"""Each section names its step and property; what is not shown or failed is as plain as what passed; methods are whole."""

from __future__ import annotations

import copy
import io
import re
from typing import Any

import docx
import pytest

from analysis.pipeline.topics import TOPICS
from analysis.report.html import render_html
from analysis.report.markdown import render_markdown
from analysis.report.standards import (
    PLACES,
    PROPERTIES,
    STEPS,
    Evidence,
    evidence_by_property,
    evidence_by_step,
    ordered,
    place_line,
)
from analysis.report.word import render_docx

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
    assert steps[0].state.startswith("Not asked. Needs") and steps[0].good is None
    alpha = [f["passed"] for f in tree["sections"]["reliability"]["findings"]]
    consistency = properties["Internal consistency"]
    assert (consistency.met, consistency.not_met) == (alpha.count(True), alpha.count(False))
    assert properties["Criterion validity"].state.startswith("Not asked")
    error = properties["Measurement error"]  # the rule on the ICC says nothing about it
    assert (error.met, error.not_met, error.state) == (0, 0, "Described; no rule judges it.")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"status": "failed", "message": "x", "findings": []}, "Failed: no number could be estimated."),
        (
            {"status": "not_applicable", "message": "x", "findings": []},
            "Not asked. Needs answers of a sample.",
        ),
        ({"findings": []}, "Described; no rule judges it."),
    ],
)
def test_a_failure_is_never_counted_as_passed(
    tree: dict[str, Any], change: dict[str, Any], state: str
) -> None:
    made = copy.deepcopy(tree["sections"])
    made["reliability"] |= change
    made.pop("omega", None)
    assert by_name(evidence_by_property(made))["Internal consistency"].state == state


def test_a_rule_not_met_and_a_part_that_failed_are_named(tree: dict[str, Any]) -> None:
    made = copy.deepcopy(tree["sections"])
    made["reliability"]["findings"][0]["passed"] = False
    found = by_name(evidence_by_property(made))["Internal consistency"]
    assert found.good is False and found.not_met >= 1 and found.state == "Some rules not met."
    made["exploration"] |= {"status": "failed", "findings": []}
    structure = by_name(evidence_by_property(made))["Structural validity"]
    assert structure.good is False and structure.state.startswith("Failed in part")


def printed_forms(tree: dict[str, Any]) -> dict[str, str]:
    document = docx.Document(io.BytesIO(render_docx(tree)))
    page = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", render_html(tree), flags=re.S)
    return {
        "html": re.sub(r"<[^>]+>", "", page).replace("&#39;", "'").replace("&amp;", "&"),
        "markdown": render_markdown(tree),
        "docx": "\n".join(paragraph.text for paragraph in document.paragraphs),
    }


def test_every_option_used_is_named_in_the_methods(tree: dict[str, Any]) -> None:
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
                    assert words in part, (form, section["title"], key)
                assert key.replace("_", " ") in part


def test_what_was_not_shown_stands_before_what_was(tree: dict[str, Any]) -> None:
    for form, text in printed_forms(tree).items():
        shown = text.index("What has been shown, and what has not")
        assert shown < text.index("Not met (") < text.index("Met ("), form
        for name in ("Content validity", "Responsiveness", "Criterion validity"):
            assert name in text[shown:], form
        for section in tree["sections"]:
            assert place_line(section) in text, (form, section)
