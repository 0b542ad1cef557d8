"""Where tables and figures stand, and the sentences around the numbers, in reports of results made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.common.verdicts import Verdict
from analysis.pipeline.topics import TOPICS
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
from analysis.report.methods import methods_paragraphs
from analysis.report.view import method_line, notices, option_words, table_view, verdicts
from tests.unit.made_sections import finding, section, tree_of

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
    # a part that these answers cannot tell is no failure of the whole
    assert [(f["title"], f["message"]) for f in found["failed"]] == [("B", "boom")]
    assert [(f["title"], f["message"], f["section"]) for f in found["partial"]] == [
        ("A", "one", "a"),
        ("A", "two", "a"),
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
    assert "\nA part of this could not be estimated: omega: no convergence." in text
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
