"""Every view opens: on a sound study, on a poor one, on none, and on a file that is broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from analysis.common.verdicts import Cause, State
from analysis.report.limits import Limit
from analysis.report.opening import opening
from analysis.report.opening_words import ASK, HEADING, LEVELS, NEXT
from analysis.report.questions import question_rows
from analysis.report.standards import SHOWN, evidence_by_property
from dashboard.catalogue import PAGES, pages_of
from dashboard.filters import choices, filtered
from dashboard.services import load_results, results_path
from dashboard.views.links import escaped

OTHERS = ("overview", "exports", "provenance")
PATHS = [page.path for page in PAGES]


def _view(path: str) -> None:
    import importlib

    from dashboard.catalogue import pages_of
    from dashboard.views import parts, topics

    if path in ("overview", "exports", "provenance"):
        importlib.import_module(f"dashboard.views.{path}").show()
        return
    tree = parts.loaded().tree or {"sections": {}}
    topics.show(next(page for page in pages_of(tree) if page.path == path))


def opened(path: str, **query: str) -> AppTest:
    test = AppTest.from_function(_view, kwargs={"path": path}, default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception, (path, [entry.message for entry in test.exception])
    return test


@pytest.mark.parametrize("path", [*OTHERS, *PATHS])
def test_every_view_opens(path: str, placed: Any, results_tree: dict[str, Any]) -> None:
    placed(results_tree)
    assert opened(path).title


def test_the_first_page_states_the_counts_of_the_tree(placed: Any, results_tree: dict[str, Any]) -> None:
    placed(results_tree)
    findings = [f for section in results_tree["sections"].values() for f in section["findings"]]
    page = opened("overview")
    text = " ".join(entry.value for entry in page.markdown)
    for row in evidence_by_property(results_tree["sections"]):
        assert f"**{row.name}**: {row.words}" in text
    first = opening(results_tree)
    assert f"{results_tree['meta']['participants']:,} people, 2 waves, 12 items." in text
    assert f"## {first.sentence}" in text
    for point in first.points:
        assert point.said in text and point.plain in text
    unasked = [point for point in first.points if point.state is State.NOT_ASKED and point.prop in ASK]
    behind = [entry.value for door in page.expander for entry in door.markdown]
    assert unasked and [text for text in behind if "was not asked" in text] == [
        f":small[{point.name} was not asked. {ASK[point.prop]}]" for point in unasked
    ]  # the nine fit the first screen: what to do about each waits behind the door
    bars = " ".join(entry.body for entry in page.get("html"))
    for level in first.levels:
        assert level.text in bars
    table = next(entry.value for entry in page.dataframe if "Hold" in entry.value.columns)
    rows = question_rows(results_tree)
    assert table["Hold"].tolist() == [row.met for row in rows]
    assert len(rows) < len(findings)


def test_what_to_do_stands_before_the_nine_and_a_long_notice_in_one_line_and_behind_a_door(
    placed: Any, results_tree: dict[str, Any]
) -> None:
    tree = json.loads(json.dumps(results_tree))
    notice = "Candidate items, not yet validated in people. " + "The wording is a proposal of ours. " * 5
    tree["meta"]["instrument"]["notice"] = notice.strip()
    placed(tree)
    page = opened("overview")
    assert [entry.value for entry in page.subheader][:3] == [NEXT, HEADING, LEVELS]
    texts = [entry.value for entry in page.main.markdown]
    assert texts.count(":small[:orange[**Candidate**] items, not yet validated in people.]") == 1
    door = next(entry for entry in page.expander if entry.label == SHOWN)
    assert door.markdown[0].value == f":small[:orange[**Candidate.**] {notice.strip()}]"


def test_a_topic_of_which_several_parts_are_lacking_has_one_box(
    placed: Any, results_tree: dict[str, Any]
) -> None:
    tree = json.loads(json.dumps(results_tree))
    tree["sections"]["longitudinal"]["problems"] = ["North stood still.", "South too.", "West too."]
    tree["sections"]["scores"]["problems"] = ["Nobody answered."]
    tree["sections"]["groups"] |= {"status": "failed", "message": "It broke.", "problems": []}
    placed(tree)
    names = ("longitudinal", "scores")
    many, one = (f"**Could not be estimated: {tree['sections'][name]['title']}**" for name in names)
    page = opened("overview")
    assert [entry.value for entry in page.error] == [
        f"**Failed: {tree['sections']['groups']['title']}**  \nIt broke."
    ]
    assert sorted(entry.value for entry in page.info if "Could not be" in entry.value) == sorted(
        [
            f"{many} (the first of 3 parts; its page tells of each)  \nNorth stood still.",
            f"{one}  \nNobody answered.",
        ]
    )
    on_its_page = " ".join(entry.value for entry in opened("change", tab="longitudinal").info)
    assert all(words in on_its_page for words in ("North stood still.", "South too.", "West too."))


def _told_short(notices: list[tuple[str, str]]) -> None:
    import streamlit as st

    from dashboard.views.parts import show_notices_short

    st.text(str(show_notices_short(notices)))


LONG = "It is so, as said before in many words. " * 4


@pytest.mark.parametrize(
    ("notices", "line", "more"),
    [
        ([], "", False),
        ([("synthetic", "Nobody was asked. All of it was made up.")], None, False),
        ([("candidate", "Candidate items.")], ":small[:orange[**Candidate**] items.]", False),
        (
            [("synthetic", LONG)],
            ":small[:orange[**Synthetic.**] It is so, as said before in many words.]",
            True,
        ),
        (
            [("candidate", "For trials. Never for the care of anybody. " + LONG)],
            ":small[:orange[**Candidate.**] For trials. Never for the care of anybody.]",
            True,
        ),
        ([("candidate", "Made of five sources, e.g. interviews, " + "and others " * 20)], None, False),
        ([("shared", LONG), ("candidate", "Trial [x].")], None, True),
    ],
)
def test_a_notice_is_shortened_to_a_whole_sentence_or_not_at_all(
    notices: list[tuple[str, str]], line: str | None, more: bool
) -> None:
    page = AppTest.from_function(_told_short, kwargs={"notices": notices}, default_timeout=60).run()
    assert not page.exception
    assert page.text[0].value == str(more)
    told = page.markdown[0].value if page.markdown else ""
    if line is not None:
        assert told == line
    elif not more:
        assert all(escaped(sentence) in told for _, sentence in notices)
    else:
        assert told.endswith(r"words. :orange[**Candidate.**] Trial \[x\].]")


@pytest.mark.parametrize("change", ["no answer", "one respondent", "one wave", "missing item"])
def test_a_poor_study_opens_on_every_page(change: str, placed: Any, poor_tree: Any) -> None:
    placed(poor_tree(change))
    for path in (*OTHERS, *PATHS):
        opened(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"schema": 1, "meta": {', "cannot be read"),
        ('{"schema": 99, "meta": {}, "sections": {}}', "schema 99"),
        ("[]", "no results file"),
        ('{"schema": 2, "meta": {}, "sections": {"items": {"title": "Items"}}}', "incomplete"),
        ('{"schema": 1, "meta": {}, "sections": {}}', "schema 1"),
    ],
)
def test_a_broken_file_is_explained(content: str, words: str, placed: Any) -> None:
    placed(content)
    for path in (*OTHERS, *PATHS):
        test = opened(path)
        assert words in test.error[0].value
        assert "dta validate" in test.markdown[0].value


def test_without_results_the_page_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DTA_RESULTS", raising=False)
    assert results_path() is None
    for path in (*OTHERS, *PATHS):
        assert "dta validate" in opened(path).markdown[0].value


def test_a_missing_topic_says_what_to_do(placed: Any, results_tree: dict[str, Any]) -> None:
    rest = {name: part for name, part in results_tree["sections"].items() if name != "items"}
    placed({**results_tree, "sections": rest})
    assert "dta validate" in opened("items").info[0].value


def test_a_topic_unknown_to_the_dashboard_gets_a_page(placed: Any, results_tree: dict[str, Any]) -> None:
    made = {**results_tree["sections"]["items"], "title": "A later topic"}
    tree = {**results_tree, "sections": {**results_tree["sections"], "later_topic": made}}
    placed(tree)
    assert [page.path for page in pages_of(tree)] == [*PATHS, "later-topic"]
    assert opened("later-topic").title[0].value == "A later topic"


def test_a_filter_stands_in_the_address(placed: Any, results_tree: dict[str, Any]) -> None:
    placed(results_tree)
    offered = choices(results_tree, ("scores",))
    assert set(offered) == {"wave"}
    wave = offered["wave"][1]
    test = opened("change", wave=wave)
    assert test.selectbox[0].value == wave
    kept = filtered(results_tree["sections"]["scores"], {"wave": wave})["tables"]["scores"]
    assert set(map(str, kept["wave"])) == {wave}
    test.selectbox[0].select("All").run()
    assert "wave" not in test.query_params


def test_a_large_count_is_printed_with_a_comma(placed: Any, results_tree: dict[str, Any]) -> None:
    tree = json.loads(json.dumps(results_tree))
    tree["meta"]["participants"] = 20_000
    placed(tree)
    assert any("20,000 people" in entry.value for entry in opened("overview").markdown)
    assert load_results(results_path()).tree is not None


def _verdicts(number: int, verdict: str) -> None:
    from analysis.common.verdicts import Verdict
    from dashboard.views.parts import show_verdicts

    entry = {"printed": ".90", "rule": "a rule", "source": "", "note": "", "cause": "too_few"}
    show_verdicts([{**entry, "claim": f"claim {k}"} for k in range(number)], Verdict(verdict))


@pytest.mark.parametrize(("number", "verdict", "folded"), [(3, "met", 0), (4, "met", 1), (40, "not_met", 0)])
def test_a_long_list_is_folded_unless_it_is_of_faults(number: int, verdict: str, folded: int) -> None:
    page = AppTest.from_function(
        _verdicts, kwargs={"number": number, "verdict": verdict}, default_timeout=60
    ).run()
    assert not page.exception
    assert len(page.expander) == folded
    told = " ".join(line.value for line in page.markdown)
    assert all(f"claim {k}" in told for k in range(number))  # folded, not left out
    assert told.count("a rule") == 1  # said once, whatever the number of its claims


def test_what_a_scale_is_waits_behind_a_door_and_what_these_answers_lack_does_not(
    placed: Any, results_tree: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [
        Limit(cause=cause, heading=f"About {cause}", lines=("First.", "Second."))
        for cause in (Cause.COMPOSITE, Cause.FEW_PEOPLE)
    ]
    monkeypatch.setattr("dashboard.services.limits_of", lambda tree: limits)
    placed(results_tree)
    page = opened("overview")
    whole = [f"**About {cause}.** First.  \nSecond." for cause in (Cause.COMPOSITE, Cause.FEW_PEOPLE)]
    shown = next(door for door in page.expander if door.label == SHOWN)
    behind = [entry.value for entry in shown.info]
    assert behind == whole[:1]
    told = [entry.value for entry in page.info if not entry.value.startswith("**Could not be estimated")]
    assert [value for value in told if value not in behind] == whole[1:]
