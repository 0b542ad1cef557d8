"""Every view opens: on a sound study, on a poor one, on none, and on a file that is broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from analysis.report.opening import opening
from analysis.report.opening_words import ASK
from analysis.report.questions import question_rows
from analysis.report.standards import evidence_by_property
from analysis.verdicts import State
from dashboard.catalogue import PAGES, pages_of
from dashboard.filters import choices, filtered
from dashboard.services import load_results, results_path

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
    from analysis.verdicts import Verdict
    from dashboard.views.parts import show_verdicts

    entry = {"printed": ".90", "rule": "a rule", "source": "", "note": "", "cause": "too_few"}
    show_verdicts([{**entry, "claim": f"claim {k}"} for k in range(number)], Verdict(verdict))


@pytest.mark.parametrize(
    ("number", "verdict", "folded"), [(15, "met", 0), (16, "met", 1), (40, "not_met", 0)]
)
def test_a_long_list_is_folded_unless_it_is_of_faults(number: int, verdict: str, folded: int) -> None:
    page = AppTest.from_function(
        _verdicts, kwargs={"number": number, "verdict": verdict}, default_timeout=60
    ).run()
    assert not page.exception
    assert len(page.expander) == folded
    assert sum("claim" in line.value for line in page.markdown) == number  # folded, not left out
