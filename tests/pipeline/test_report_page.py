"""The page: self-contained, and every printed number is that of the tree at its path."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from analysis.report.html import render_html
from analysis.report.labels import tree_for_readers
from analysis.report.view import notices, verdicts
from instrument.common.formatting import fill_prose, format_value


class Page(HTMLParser):
    """Collects tags with their attributes, and the text of elements that carry a path."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.printed: list[tuple[str, str]] = []
        self._path: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._path = dict(attrs).get("data-path")
        if self._path is not None:
            self.printed.append((self._path, ""))

    def handle_data(self, data: str) -> None:
        if self._path is not None:
            self.printed[-1] = (self._path, self.printed[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        self._path = None


@pytest.fixture(scope="module")
def page(tree: dict[str, Any]) -> str:
    return render_html(tree)


@pytest.fixture(scope="module")
def parsed(page: str) -> Page:
    found = Page()
    found.feed(page)
    return found


def test_the_page_asks_nothing_of_the_network(page: str, parsed: Page) -> None:
    assert not {tag for tag, _ in parsed.tags} & {"script", "link", "iframe", "object", "embed"}
    for tag, attrs in parsed.tags:
        for key in ("src", "href", "xlink:href", "srcset", "data", "action"):
            value = attrs.get(key) or ""
            assert value == "" or value.startswith(("#", "data:")), (tag, value)
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style and "@import" not in style


def test_the_same_tree_gives_the_same_bytes(tree: dict[str, Any], page: str) -> None:
    assert render_html(copy.deepcopy(tree)) == page


def test_every_printed_number_is_the_one_at_its_path(
    tree: dict[str, Any], parsed: Page, at_path: Callable[[Any, str], Any]
) -> None:
    tree = dict(tree_for_readers(tree))
    cells = values = 0
    for path, text in parsed.printed:
        value = at_path(tree, path)
        table = re.fullmatch(r"sections\.(\w+)\.tables\.(\w+)\.(.+)\[\d+\]", path)
        if table:
            section, name, column = table.groups()
            columns = tree["sections"][section]["captions"][name]["columns"]
            caption = columns.get(
                column, {"format": "d2"}
            )  # ends of an interval stand on the first page only
            findings = [f for f in tree["sections"][section]["findings"] if f["path"] == path]
            forms = {caption["format"], *(finding["format"] for finding in findings)}
            forms |= {kind + form[1] for form in forms if form[0] == "b" for kind in "rd"}
            forms = {form for form in forms if form[0] != "b"}
            assert text in {format_value(value, form) for form in forms}, path
            cells += 1
        else:
            forms = {"text", "int", "percent", "p", "d1", "d2", "d3", "r2", "r3"}
            numeric = isinstance(value, int | float)
            allowed = {format_value(value, form) for form in forms} if numeric else {format_value(value)}
            assert text in allowed, path
            values += 1
    assert cells > 300
    assert values > 20


def test_every_table_of_the_tree_is_on_the_page(tree: dict[str, Any], parsed: Page) -> None:
    ids = {attrs.get("id") for _, attrs in parsed.tags}
    for name, section in tree["sections"].items():
        assert name in ids
        assert {f"{name}-{table}" for table in section["tables"]} <= ids


def test_ids_are_unique_and_links_lead_somewhere(parsed: Page) -> None:
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {attrs["href"][1:] for tag, attrs in parsed.tags if tag == "a" and attrs.get("href")}
    assert targets <= set(ids)


def test_notices_come_before_any_number(page: str, parsed: Page) -> None:
    assert page.index("simulated by a program") < page.index("data-path")
    assert page.index("Made up for testing.") < page.index("data-path")
    assert "Candidate." in page


def test_a_notice_names_its_kind_once() -> None:
    """The example's page once opened with "Synthetic. SYNTHETIC: every person"."""

    def told(status: str, notice: str, said: str | None) -> list[tuple[str, str]]:
        instrument = {"status": status, "notice": notice}
        return notices({"meta": {"synthetic": True, "study": {"notice": said}, "instrument": instrument}})

    assert told("candidate", "Candidate: draft.", "SYNTHETIC: every answer.") == [
        ("synthetic", "Every answer."),
        ("candidate", "Draft."),
    ]
    assert told("validated", "", "Synthetic answers.") == [("synthetic", "Synthetic answers.")]
    assert told("validated", "", "synthetic: ") == [("synthetic", "Synthetic: ")]
    assert told("validated", "", None)[0][1].startswith("Every person in this report was simulated")


def test_every_figure_has_words(parsed: Page) -> None:
    drawings = [attrs for tag, attrs in parsed.tags if tag == "svg"]
    assert len(drawings) >= 10
    for attrs in drawings:
        assert attrs.get("role") == "img"
        assert len(attrs.get("aria-label") or "") > 30


def test_tables_have_scoped_heads(parsed: Page) -> None:
    heads = [attrs for tag, attrs in parsed.tags if tag == "th"]
    assert heads
    assert {attrs.get("scope") for attrs in heads} == {"col", "row"}


def test_a_failure_is_shown_in_the_summary_and_in_its_place(tree: dict[str, Any]) -> None:
    broken = copy.deepcopy(tree)
    section = broken["sections"]["exploration"]
    message = "efa: the correlation matrix is singular.\nHint: drop one <b>."
    section |= {"status": "failed", "message": message, "prose": [], "tables": {}, "captions": {}}
    section |= {"findings": [], "figures": [], "values": {}}
    page = render_html(broken)
    assert page.count("the correlation matrix is singular") == 2
    assert "<b>.</p>" not in page
    assert verdicts(broken)["failed"][0]["title"] == section["title"]


def test_words_from_the_data_are_escaped(tree: dict[str, Any]) -> None:
    evil = copy.deepcopy(tree)
    evil["sections"]["flow"]["tables"]["flow"]["wave"][0] = "<script>alert(1)</script>"
    evil["sections"]["flow"]["values"]["first_wave"] = "<img src=x>"
    page = render_html(evil)
    assert "<script>" not in page
    assert "<img" not in page


def test_prose_is_filled_from_values() -> None:
    assert fill_prose("A {a:d1} and {b}.", {"a": 0.25, "b": "x"}) == "A 0.2 and x."
    with pytest.raises(KeyError):
        fill_prose("{c}", {})


@pytest.mark.parametrize(
    ("value", "form", "printed"),
    [
        (-0.0004, "d2", "0.00"),
        (-0.006, "d2", "−0.01"),
        (True, "text", "yes"),
        (0, "int", "0"),
        (1234.5, "d1", "1,234.5"),
        (1.0, "percent", "100.0%"),
        (0.0421, "p", ".042"),
        (None, "p", "–"),
    ],
)
def test_formats(value: Any, form: str, printed: str) -> None:
    assert format_value(value, form) == printed


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="no such format"):
        format_value(1.0, "roman")
