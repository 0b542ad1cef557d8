"""The report as a Word document with tables in APA style, the same bytes each time."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.common.verdicts import State
from analysis.figures.base import Figure, to_png
from analysis.figures.registry import build_figures
from analysis.report import opening_words as words
from analysis.report.extent import (
    Extent,
    document_title,
    elsewhere_line,
    numbered_tables,
    shown_figures,
    shown_tables,
)
from analysis.report.labels import tree_for_readers
from analysis.report.limits import limits_of, untested_lines
from analysis.report.methods import methods_paragraphs
from analysis.report.opening import opening
from analysis.report.questions import HIDDEN, QUESTIONS, hidden_claims, question_line, question_rows
from analysis.report.standards import (
    PROPERTIES_SOURCE,
    SHOWN,
    STEPS_SOURCE,
    evidence_by_property,
    evidence_by_step,
    ordered,
    place_line,
)
from analysis.report.view import (
    NOT_ESTIMATED,
    PART_NOT_ESTIMATED,
    STATUS,
    TableView,
    Tree,
    method_line,
    notices,
    prose,
    table_view,
    verdicts,
)
from analysis.report.word_parts import (
    Paper,
    add_caption,
    add_contents,
    add_page_numbers,
    add_references,
    fill_contents,
    lay_out,
    lies_on_its_side,
    repeat_row,
    set_paper,
    set_styles,
    text_width,
    turn_page,
)

if TYPE_CHECKING:
    from docx.document import Document

FIXED = dt.datetime(2000, 1, 1)  # a report says which data it is about, not when it was printed
FIXED_ZIP = (1980, 1, 1, 0, 0, 0)


def render_docx(tree: Tree, extent: Extent = Extent.WHOLE, paper: Paper = Paper.A4) -> bytes:
    """Render the results tree as a Word document.

    Parameters
    ----------
    tree
        The results tree.
    extent
        All of it, or the report and its supplement as two documents.
    paper
        Its sheets.

    Returns
    -------
    bytes
        The file; dates inside are fixed, so the same tree gives the same bytes.
    """
    tree = tree_for_readers(tree)
    import docx

    document = docx.Document()
    set_paper(document, paper)
    set_styles(document)
    add_page_numbers(document)
    properties = document.core_properties
    properties.created = properties.modified = FIXED
    properties.author, properties.title = "", document_title(tree, extent)
    document.add_heading(properties.title, 0)
    for kind, sentence in notices(tree):
        _labelled(document, f"{kind.capitalize()}. ", sentence)
    contents = add_contents(document)
    if extent is Extent.SUPPLEMENT:
        document.add_heading(f"{QUESTIONS}, with their sources", 1)
        _add_rules(document, tree, extent)
        _add_evidence(document, tree, extent)
    else:
        _add_summary(document, tree, extent)
    sections = ordered(tree["sections"])
    numbers, last = numbered_tables(sections, extent)
    supplement, _ = numbered_tables(sections, Extent.SUPPLEMENT)
    paged = _Paged(paper=paper, numbers=numbers, extent=extent)
    for name, section in sections:
        turn_page(document, landscape=False)
        document.add_heading(section["title"], 1)
        place = "" if extent is Extent.MAIN else f" {place_line(name)}"
        document.add_paragraph().add_run(f"{section['question']}{place}").italic = True
        if section["status"] == "ok":
            elsewhere = elsewhere_line(name, section, extent, numbers, supplement)
            _add_section(document, tree, name, paged, elsewhere)
        else:
            _labelled(document, f"{STATUS[section['status']]}. ", section["message"])
    turn_page(document, landscape=False)
    document.add_heading("Methods", 1)
    for label, text in methods_paragraphs(tree)[: 2 if extent is Extent.MAIN else None]:
        _labelled(document, f"{label}. ", text)
    if last:
        document.add_page_break()
        document.add_heading("Long tables", 1)
    for name, table in last:
        _add_table(document, table_view(name, tree["sections"][name], table), numbers[name, table], paper)
    fill_contents(document, contents)
    return _fixed_times(document)


def both_documents(tree: Tree, paper: Paper) -> dict[str, bytes]:
    """Write the report and its supplement.

    Parameters
    ----------
    tree
        The results tree.
    paper
        Its sheets.

    Returns
    -------
    dict
        The documents by the names of their files.
    """
    return {
        "report.docx": render_docx(tree, Extent.MAIN, paper),
        "report_supplement.docx": render_docx(tree, Extent.SUPPLEMENT, paper),
    }


def one_table(view: TableView, number: str, paper: Paper = Paper.A4) -> bytes:
    """Write one table as a document of its own.

    Parameters
    ----------
    view
        The table.
    number
        Of the table.
    paper
        Its sheet; it lies on its side where the table needs that.

    Returns
    -------
    bytes
        The file, the same each time.
    """
    import docx
    from docx.enum.section import WD_ORIENT

    document = docx.Document()
    set_paper(document, paper)
    set_styles(document)
    properties = document.core_properties
    properties.created = properties.modified = FIXED
    properties.author, properties.title = "", view.title
    page = document.sections[0]
    if lies_on_its_side(view, paper):
        page.orientation = WD_ORIENT.LANDSCAPE
        page.page_width, page.page_height = page.page_height, page.page_width
    _put_table(document, view, number)
    return _fixed_times(document)


def _labelled(document: Document, label: str, text: str) -> None:
    paragraph = document.add_paragraph()
    paragraph.add_run(label).bold = True
    paragraph.add_run(text)


def _add_summary(document: Document, tree: Tree, extent: Extent) -> None:
    document.add_heading("Summary", 1)
    _add_opening(document, tree)
    for limit in limits_of(tree):
        _labelled(document, f"{limit.heading}. ", limit.text)
    for failure in verdicts(tree)["failed"]:
        _labelled(document, f"Failed: {failure['title']}. ", failure["message"])
    for part in verdicts(tree)["partial"]:
        _labelled(document, f"{NOT_ESTIMATED}: {part['title']}. ", part["message"])
    _add_evidence(document, tree, extent)
    document.add_heading(QUESTIONS, 2)
    _add_rules(document, tree, extent)


def _add_opening(document: Document, tree: Tree) -> None:
    page = opening(tree)
    document.add_paragraph().add_run(page.sentence).bold = True
    document.add_heading(words.NEXT, 2)
    for step in page.steps:
        document.add_paragraph(step.text, style="List Number")
    document.add_heading(words.HEADING, 2)
    for point in page.points:
        paragraph = document.add_paragraph(f"{point.asks}: ", style="List Bullet")
        paragraph.add_run(point.said).bold = point.state is State.NOT_SHOWN
    if page.levels:
        document.add_heading(words.LEVELS, 2)
        document.add_paragraph(page.scale_line)
    for level in page.levels:
        document.add_paragraph(f"{level.label}: {level.text}", style="List Bullet")
    document.add_paragraph(page.counted)


def _add_evidence(document: Document, tree: Tree, extent: Extent) -> None:
    document.add_heading(SHOWN, 2)
    tables = (
        (PROPERTIES_SOURCE, evidence_by_property(tree["sections"])),
        (STEPS_SOURCE, evidence_by_step(tree["sections"])),
    )
    for source, rows in tables[: 1 if extent is Extent.MAIN else None]:
        for row in rows:
            paragraph = document.add_paragraph(f"{row.name}: ", style="List Bullet")
            paragraph.add_run(row.words).bold = row.state is State.NOT_SHOWN
            paragraph.add_run(f" {row.counted}".rstrip())
        document.add_paragraph().add_run(source).italic = True


def _add_rules(document: Document, tree: Tree, extent: Extent) -> None:
    if count := hidden_claims(tree):
        document.add_paragraph(f"{HIDDEN}: {count}.")
    for question in question_rows(tree):
        paragraph = document.add_paragraph(f"{question.question} ", style="List Bullet")
        paragraph.add_run(f"{question.hold}. ").bold = True
        paragraph.add_run(question_line(question, sources=extent is not Extent.MAIN))


@dataclass(slots=True, kw_only=True)
class _Paged:
    """What the sections of a document share, and how many figures stand in it so far."""

    paper: Paper
    numbers: Mapping[tuple[str, str], str]
    extent: Extent
    n_figures: int = 0


def _add_section(document: Document, tree: Tree, name: str, paged: _Paged, elsewhere: str) -> None:
    section, extent = tree["sections"][name], paged.extent
    for problem in section["problems"]:
        _labelled(document, f"{PART_NOT_ESTIMATED}. ", problem)
    for line in untested_lines(section):
        document.add_paragraph(line)
    if extent is Extent.MAIN:
        document.add_paragraph(" ".join(prose(section)))
    elif extent is Extent.WHOLE:
        for sentence in prose(section):
            document.add_paragraph(sentence)
    for warning in section["warnings"]:
        _labelled(document, "Limit. ", warning)
    figures = shown_figures(build_figures(section, tree["meta"]), extent)
    here = {table: paged.numbers[name, table] for table in shown_tables(section, extent)}
    _refer(document, paged.n_figures, len(figures), list(here.values()))
    for figure in figures.values():
        paged.n_figures += 1
        _add_figure(document, figure, str(paged.n_figures), 11.5 if extent is Extent.MAIN else 15.5)
    for table, number in here.items():
        if not number.startswith("A"):
            _add_table(document, table_view(name, section, table), number, paged.paper)
    turn_page(document, landscape=False)
    if elsewhere:
        document.add_paragraph(elsewhere)
    if extent is not Extent.MAIN:
        document.add_paragraph().add_run(method_line(section)).italic = True


def _refer(document: Document, before: int, n_figures: int, tables: Sequence[str]) -> None:
    """Name the figures and tables of a section before they come, by fields."""
    named = [("Figure", str(before + place)) for place in range(1, n_figures + 1)]
    named += [("Table", number) for number in tables]
    if not named:
        return
    line = document.add_paragraph("See ")
    add_references(line, named)
    line.add_run(".")


def _add_figure(document: Document, figure: Figure, number: str, width: float) -> None:
    from docx.shared import Cm

    add_caption(document, "Figure", number, figure.title)
    picture = document.add_picture(io.BytesIO(to_png(figure)), width=Cm(width))
    for properties in picture._inline.iter("{*}docPr"):
        properties.set("descr", figure.alt)


def _add_table(document: Document, view: TableView, number: str, paper: Paper) -> None:
    turn_page(document, landscape=lies_on_its_side(view, paper))
    _put_table(document, view, number)


def _put_table(document: Document, view: TableView, number: str) -> None:
    add_caption(document, "Table", number, view.title)
    table = document.add_table(rows=1, cols=len(view.heads))
    for cell, (head, _) in zip(table.rows[0].cells, view.heads, strict=True):
        cell.text = head
    for row in view.rows if len(view.rows) < 3 else (view.rows[0], view.rows[-1]):
        for cell, content in zip(table.add_row().cells, row, strict=True):
            cell.text = content.text
    lay_out(table, view, text_width(document))
    repeat_row(table, [[content.text for content in row] for row in view.rows[1:-1]])
    if view.note:
        paragraph = document.add_paragraph()
        paragraph.add_run("Note. ").italic = True
        paragraph.add_run(view.note)


def _fixed_times(document: Document) -> bytes:
    """Save with fixed times in the archive."""
    raw, fixed = io.BytesIO(), io.BytesIO()
    document.save(raw)
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            info = zipfile.ZipInfo(entry.filename, FIXED_ZIP)
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, old.read(entry.filename))
    return fixed.getvalue()
