"""The Word document as a journal takes it: paper, widths, repeated heads, fields that refer, contents, words."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import docx
import pytest
from docx.enum.section import WD_ORIENT
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph

from analysis.report import word
from analysis.report.extent import Extent
from analysis.report.view import Cell, TableView
from analysis.report.word import one_table, render_docx
from analysis.report.word_parts import MARGIN, POINTS_PER_CM, Paper, column_widths, lies_on_its_side
from analysis.report.writing import check_paper
from instrument.errors import ResponseDataError


def dot() -> bytes:
    """A picture of one point: what is drawn does not matter here."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.fixture(scope="module", params=[Extent.WHOLE, Extent.MAIN])
def document(request: pytest.FixtureRequest, tree: dict[str, Any]) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word, "to_png", lambda figure: dot())
        return docx.Document(io.BytesIO(render_docx(tree, request.param, Paper.LETTER)))


def fields(document: Any) -> list[str]:
    return [code.text.strip() for code in document.element.body.iter(qn("w:instrText"))]


def placed(document: Any) -> list[tuple[Table, Any]]:
    """Every table with the section it stands in."""
    found, waiting, sections = [], [], iter(document.sections)
    for element in document.element.body.iterchildren():
        if element.tag == qn("w:tbl"):
            waiting.append(Table(element, document))
        if element.tag == qn("w:p") and element.find(f"{qn('w:pPr')}/{qn('w:sectPr')}") is not None:
            here = next(sections)
            found += [(table, here) for table in waiting]
            waiting = []
    here = next(sections)
    return found + [(table, here) for table in waiting]


def test_every_table_fits_its_page_and_repeats_its_head(document: Any) -> None:
    every = placed(document)
    assert len(every) == len(document.tables) > 5
    for table, page in every:
        across = page.page_width.pt - page.left_margin.pt - page.right_margin.pt
        widths = [column.width.pt for column in table.columns]
        assert sum(widths) <= across + 0.5
        assert not table.autofit
        for row in table.rows:
            assert [cell.width.pt for cell in row.cells] == pytest.approx(widths, abs=0.1)
            assert row._tr.trPr.find(qn("w:cantSplit")) is not None
        heads = [row._tr.trPr.find(qn("w:tblHeader")) is not None for row in table.rows]
        assert heads == [True] + [False] * (len(table.rows) - 1)
        for place, width in enumerate(widths):
            words = [word for row in table.rows for word in row.cells[place].text.split()]
            size = table.rows[0].cells[0].paragraphs[0].runs[0].font.size.pt
            assert max(map(len, words), default=0) * size * 0.5 <= width


def test_sheets_are_those_asked_for_and_lie_on_their_side_only_for_a_wide_table(document: Any) -> None:
    for page in document.sections:
        sides = sorted((round(page.page_width.cm, 1), round(page.page_height.cm, 1)))
        assert sides == [21.6, 27.9]
        assert (page.orientation == WD_ORIENT.LANDSCAPE) is (page.page_width > page.page_height)
    assert document.sections[0].orientation == WD_ORIENT.PORTRAIT
    for table, page in placed(document):
        if page.orientation == WD_ORIENT.LANDSCAPE:
            assert len(table.columns) > 5


def test_captions_are_fields_and_every_reference_has_its_bookmark(document: Any) -> None:
    codes = fields(document)
    marks = [mark.get(qn("w:name")) for mark in document.element.body.iter(qn("w:bookmarkStart"))]
    ids = [mark.get(qn("w:id")) for mark in document.element.body.iter(qn("w:bookmarkStart"))]
    assert len(marks) == len(set(marks)) and len(ids) == len(set(ids))
    targets = [code.split()[1] for code in codes if code.startswith("REF ")]
    assert sorted(targets) == sorted(name for name in marks if not name.startswith("heading_"))
    counted = [code for code in codes if code.startswith("SEQ ")]
    assert len(counted) == len(document.tables) + len(document.inline_shapes)
    lead = [p.text for p in document.paragraphs if p.style.name == "Caption"]
    for table in document.tables:
        above = table._tbl.getprevious()
        title, number = Paragraph(above, document), Paragraph(above.getprevious(), document)
        assert title.style.name == number.style.name == "Caption"
        assert number.text.startswith("Table ") and title.text in lead


def test_numbers_of_captions_are_what_a_program_would_count(document: Any) -> None:
    counters: dict[str, int] = {}
    for paragraph in document.paragraphs:
        code = next(
            (c.text.split()[1] for c in paragraph._p.iter(qn("w:instrText")) if " SEQ " in c.text), None
        )
        if code is None:
            continue
        counters[code] = counters.get(code, 0) + 1
        assert int("".join(sign for sign in paragraph.text if sign.isdigit())) == counters[code]
    assert counters


def test_the_contents_link_to_every_heading(document: Any) -> None:
    heads = [p.text for p in document.paragraphs if p.style.name == "Heading 1"]
    assert heads[0] == "Contents"
    lines = [p for p in document.paragraphs if p.style.name == "toc 1"]
    assert [line.text for line in lines] == heads[1:]
    marks = {mark.get(qn("w:name")) for mark in document.element.body.iter(qn("w:bookmarkStart"))}
    assert {link.get(qn("w:anchor")) for line in lines for link in line._p.iter(qn("w:hyperlink"))} <= marks
    assert sum(code.startswith("TOC ") for code in fields(document)) == 1
    kinds = [mark.get(qn("w:fldCharType")) for mark in document.element.body.iter(qn("w:fldChar"))]
    assert kinds.count("begin") == kinds.count("separate") == kinds.count("end") == len(fields(document))


def test_every_picture_has_words(document: Any) -> None:
    told = [properties.get("descr") for properties in document.element.body.iter(qn("wp:docPr"))]
    assert len(told) == len(document.inline_shapes) > 0
    assert all(len(words or "") > 30 for words in told)


def a_table(columns: int, text: str) -> TableView:
    cells = [Cell(value=text, text=text, path="", numeric=False) for _ in range(columns)]
    return TableView(
        name="t", title="T", note="", heads=[(f"Head {k}", False) for k in range(columns)], rows=[cells]
    )


@pytest.mark.parametrize("paper", Paper)
def test_a_table_is_turned_where_words_would_break_and_not_before(paper: Paper) -> None:
    few, many = a_table(3, "a word"), a_table(11, "unbreakable")
    assert not lies_on_its_side(few, paper) and lies_on_its_side(many, paper)
    for view, turned in ((few, False), (many, True)):
        page = docx.Document(io.BytesIO(one_table(view, "1", paper))).sections[0]
        width, height = sorted(paper.value, reverse=turned)
        assert (page.page_width.cm, page.page_height.cm) == pytest.approx((width, height), abs=0.01)


def test_widths_follow_what_stands_in_the_columns() -> None:
    cells = [Cell(value=None, text=text, path="", numeric=False) for text in ("yes", "a longer answer " * 6)]
    view = TableView(name="t", title="", note="", heads=[("A", False), ("B", False)], rows=[cells])
    narrow, wide = column_widths(view, 200.0, 8.5)
    assert narrow < 40 < wide and narrow + wide <= 200
    tight = column_widths(a_table(12, "unbreakable"), 300.0, 8.5)
    assert sum(tight) == pytest.approx(300.0) and len(set(tight)) == 1


CALIBRI_DIGIT = 0.507
"""Width of a digit, of the size of the type."""


def test_no_number_is_broken_by_the_edges_of_its_cell(document: Any) -> None:
    """Cells have room beside their text: with that of the word processor, three digits stood in two lines."""
    tables = [table for table, _ in placed(document)]
    assert tables
    for table in tables:
        margins = {
            one.tag.rpartition("}")[2]: int(one.get(qn("w:w"))) / 20
            for one in table._tbl.tblPr.find(qn("w:tblCellMar"))
        }
        for row in table.rows[1:]:
            for cell in row.cells:
                text = cell.text.strip()
                if not text.replace(",", "").isdigit():
                    continue
                size = cell.paragraphs[0].runs[0].font.size.pt
                assert len(text) * CALIBRI_DIGIT * size <= cell.width.pt - sum(margins.values()), text


def test_the_room_of_a_sheet_is_what_its_margins_leave() -> None:
    from analysis.report.word_parts import room

    assert room(Paper.LETTER, landscape=False) == pytest.approx((21.59 - 2 * MARGIN) * POINTS_PER_CM)
    assert room(Paper.LETTER, landscape=True) > room(Paper.A4, landscape=False)


def test_an_unknown_paper_is_refused_by_name() -> None:
    assert check_paper("Letter") is Paper.LETTER
    with pytest.raises(ResponseDataError, match="no paper 'a5'"):
        check_paper("a5")


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_rows_copied_are_those_laid_out_one_by_one(rows: int) -> None:
    odd = ["", "two\nlines", "a\ttab", " blanks ", "<&>", "x" * 60, "-1.5"]
    heads = [("Text", False), ("Number", True)]
    cells = [
        [
            Cell(value=0, text=odd[row], path="", numeric=False),
            Cell(value=0, text=f"{row}.5", path="", numeric=True),
        ]
        for row in range(rows)
    ]
    view = TableView(name="t", title="T", note="", heads=heads, rows=cells)
    made = docx.Document(io.BytesIO(one_table(view, "1"))).tables[0]
    by_hand = docx.Document()
    word.set_paper(by_hand, Paper.A4)
    table = by_hand.add_table(rows=rows + 1, cols=2)
    for row, texts in zip(
        table.rows, [[head for head, _ in heads], *[[c.text for c in r] for r in view.rows]], strict=True
    ):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    word.lay_out(table, view, word.text_width(by_hand))
    assert made._tbl.xml == table._tbl.xml
