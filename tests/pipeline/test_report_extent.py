"""The report is short, its supplement whole: what each shows, where it sends the reader, and how long it is."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from analysis.figures.registry import build_figures
from analysis.report.extent import (
    MAIN_COLUMNS,
    MAIN_ROWS,
    TALLEST,
    Extent,
    elsewhere_line,
    numbered_tables,
    row_count,
    shown_figures,
    shown_tables,
)
from analysis.report.html import SUPPLEMENT_PAGE, further_words, render_html
from analysis.report.labels import tree_for_readers
from analysis.report.pdf import render_pdf
from analysis.report.standards import ordered
from analysis.report.view import prose
from analysis.report.writing import refuse_foreign, write_report

pytestmark = pytest.mark.usefixtures("figures_once")


def section(*tables: tuple[str, int, int]) -> dict[str, Any]:
    made = {name: {f"c{k}": list(range(rows)) for k in range(columns)} for name, rows, columns in tables}
    return {"tables": made, "captions": {name: {"title": name} for name in made}}


def test_the_report_shows_the_first_small_table_and_the_supplement_all() -> None:
    edge = section(
        ("tall", MAIN_ROWS + 1, 2),
        ("wide", 2, MAIN_COLUMNS + 1),
        ("fits", MAIN_ROWS, MAIN_COLUMNS),
        ("b", 1, 1),
    )
    assert (MAIN_ROWS, MAIN_COLUMNS) == (10, 9)
    assert shown_tables(edge, Extent.MAIN) == ["fits"]
    assert shown_tables(edge, Extent.SUPPLEMENT) == ["tall", "wide", "fits", "b"]
    assert shown_tables(edge, Extent.WHOLE) == ["tall", "wide", "fits", "b"]
    assert shown_tables(section(("tall", 11, 1)), Extent.MAIN) == []
    assert row_count({}) == 0


def test_tables_are_numbered_as_their_document_needs_it() -> None:
    sections = [("one", section(("a", 3, 2), ("long", 16, 2), ("b", 15, 2))), ("two", section(("c", 1, 1)))]
    whole, last = numbered_tables(sections, Extent.WHOLE)
    assert whole == {("one", "a"): "1", ("one", "long"): "A1", ("one", "b"): "2", ("two", "c"): "3"}
    assert last == [("one", "long")]
    main, none = numbered_tables(sections, Extent.MAIN)
    assert (main, none) == ({("one", "a"): "1", ("two", "c"): "2"}, [])
    more, none = numbered_tables(sections, Extent.SUPPLEMENT)
    assert list(more.values()) == ["S1", "S2", "S3", "S4"]
    assert none == []
    said = elsewhere_line("one", sections[0][1], Extent.MAIN, main, more)
    assert said == "All tables of this section: Tables S1 to S3 of the supplement."
    assert elsewhere_line("two", sections[1][1], Extent.MAIN, main, more).count("Table S4") == 1
    assert elsewhere_line("one", sections[0][1], Extent.WHOLE, whole, more) == "At the end: Table A1 (long)."
    assert elsewhere_line("one", sections[0][1], Extent.SUPPLEMENT, more, more) == ""


@pytest.mark.parametrize(
    ("tables", "figures", "words"),
    [
        (1, 0, "1 table and how it was made"),
        (2, 0, "2 tables and how they were made"),
        (1, 1, "1 table, 1 more figure and how they were made"),
        (4, 2, "4 tables, 2 more figures and how they were made"),
    ],
)
def test_what_is_further_is_counted(tables: int, figures: int, words: str) -> None:
    assert further_words(tables, figures) == words


def test_each_figure_stands_in_one_of_the_two(tree: dict[str, Any]) -> None:
    for _, one in ordered(tree["sections"]):
        if one["status"] != "ok":
            continue
        figures = build_figures(one, tree["meta"])
        main, more = shown_figures(figures, Extent.MAIN), shown_figures(figures, Extent.SUPPLEMENT)
        assert len(main) <= 1
        assert {*main, *more} == set(figures)
        assert not set(main) & set(more)
        assert list(shown_figures(figures, Extent.WHOLE)) == list(figures)
    assert TALLEST == 0.62


def test_the_page_sends_to_places_that_the_supplement_has(tree: dict[str, Any]) -> None:
    page, more = render_html(tree, Extent.MAIN), render_html(tree, Extent.SUPPLEMENT)
    targets = set(re.findall(rf'href="{SUPPLEMENT_PAGE}#([^"]+)"', page))
    ids = set(re.findall(r'id="([^"]+)"', more))
    good = [name for name, one in tree["sections"].items() if one["status"] == "ok"]
    assert {*good, "methods"} <= targets <= ids
    for name in good:
        assert {f"{name}-{table}" for table in tree["sections"][name]["tables"]} <= ids
    own = set(re.findall(r'id="([^"]+)"', page))
    for document, known in ((page, own), (more, ids)):
        assert set(re.findall(r'href="#([^"]+)"', document)) <= known
    assert 'href="report.html"' in more


def test_no_sentence_of_a_section_is_lost(tree: dict[str, Any]) -> None:
    page = re.sub(r"<[^>]+>", "", render_html(tree, Extent.MAIN))
    words = " ".join(unescape(page).split())
    for _, one in ordered(tree_for_readers(tree)["sections"]):
        for sentence in prose(one) + one["warnings"]:
            assert " ".join(sentence.split()) in words


def outside_doors(page: str) -> str:
    """Text of a page before any of its doors is opened."""
    return re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize(("sentences", "rows"), [(6, 6), (7, 6), (8, 7), (12, 10)])
def test_a_long_section_opens_with_its_first_sentences(
    tree: dict[str, Any], sentences: int, rows: int
) -> None:
    name = "scores"
    one = {**tree["sections"][name], "figures": [], "findings": []}
    alone = {**tree, "sections": {name: one}}
    one |= {"prose": [f"Sentence no. {k} ends." for k in range(sentences)], "tables": {}, "captions": {}}
    one["tables"]["means"] = {"title": [f"Row no. {k} ends" for k in range(rows)]}
    one["captions"]["means"] = {
        "title": "Means",
        "note": "",
        "columns": {"title": {"label": "Title", "format": "text"}},
    }
    page = render_html(alone, Extent.MAIN)
    own = page[page.index(f'<section id="{name}"') :]
    open_sentences = sentences if sentences == 7 else min(sentences, 6)  # one alone needs no door
    assert len(re.findall(r"Sentence no\. \d+ ends", own)) == sentences
    assert len(re.findall(r"Sentence no\. \d+ ends", outside_doors(own))) == open_sentences
    assert len(re.findall(r"Row no\. \d+ ends", own)) == rows
    assert len(re.findall(r"Row no\. \d+ ends", outside_doors(own))) == (rows if rows <= 6 else 0)
    assert (f"Read on: {sentences - 6} more sentences" in own) is (sentences > 7)


def test_the_answer_stands_outside_every_door(tree: dict[str, Any]) -> None:
    page = render_html(tree, Extent.MAIN)
    seen = outside_doors(page)
    assert 'class="answer"' in seen and 'class="nine"' in seen and 'id="next"' in seen
    assert page.count("<details") == page.count("</details>")
    for section in tree["sections"].values():
        for warning in section["warnings"]:  # what limits a section is never folded
            assert warning.split(".")[0][:40] in unescape(seen) or "{" in warning
    assert "content_hash" not in seen and tree["meta"]["instrument"]["content_hash"] not in seen


def test_the_folder_holds_both(tree: dict[str, Any], tmp_path: Path) -> None:
    written = {path.name for path in write_report(tree, tmp_path / "r", forms=["html"])}
    assert {"report.html", "report_supplement.html", "report_short.html"} <= written
    main = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    more = (tmp_path / "r" / SUPPLEMENT_PAGE).read_text(encoding="utf-8")
    assert 'class="page main"' in main
    assert 'class="page supplement"' in more
    refuse_foreign(tmp_path / "r")  # a report with its supplement is known as an earlier report


def test_the_report_on_paper_is_short(tree: dict[str, Any], tmp_path: Path) -> None:
    reader = shutil.which("pdfinfo")
    assert reader, "pdfinfo is not installed: apt install poppler-utils"
    pages = {}
    for extent in Extent:
        (tmp_path / "r.pdf").write_bytes(render_pdf(tree, extent))
        told = subprocess.run([reader, str(tmp_path / "r.pdf")], capture_output=True, check=True, text=True)
        pages[extent] = int(re.findall(r"Pages:\s+(\d+)", told.stdout)[0])
    assert pages[Extent.MAIN] <= 15
    assert pages[Extent.MAIN] < pages[Extent.SUPPLEMENT] <= pages[Extent.WHOLE] + 2
