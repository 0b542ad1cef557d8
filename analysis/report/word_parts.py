"""What a journal asks of a Word document: paper, fields, captions, and tables that fit their page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from enum import Enum
from typing import TYPE_CHECKING, Any

from analysis.report.view import TableView

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table
    from docx.text.paragraph import Paragraph

INK = "1C2430"
MARGIN = 2.2  # centimetres
TYPE, SMALL_TYPE = 8.5, 7.0  # points
LETTER_WIDTH, WIDE_LETTER = 0.54, 0.68  # of the size of the type, on average: of Calibri, and of the widest
CELL_MARGIN = 3.0  # points left and right of the text of a cell, each
PADDING = 2 * CELL_MARGIN + 2.0  # of both together, and some room for letters wider than most
WIDEST_TEXT = 38  # letters; a longer text is broken into lines before a table is made wider
MOST_DEPTH = 9
"""Lines of a cell beyond which a table is laid on its side."""
POINTS_PER_CM = 28.3465


class Paper(Enum):
    """Sheets of the printed forms: width and height in centimetres."""

    A4 = (21.0, 29.7)
    LETTER = (21.59, 27.94)


def set_paper(document: Document, paper: Paper) -> None:
    """Give the first section its sheet and margins; later ones take them over."""
    from docx.shared import Cm

    page = document.sections[0]
    page.page_width, page.page_height = (Cm(side) for side in paper.value)
    page.left_margin = page.right_margin = page.top_margin = page.bottom_margin = Cm(MARGIN)


def turn_page(document: Document, *, landscape: bool) -> None:
    """Begin a section on a new page that stands upright or lies on its side; none where it does already."""
    from docx.enum.section import WD_ORIENT, WD_SECTION

    page = document.sections[-1]
    if (page.orientation == WD_ORIENT.LANDSCAPE) is landscape:
        return
    width, height = page.page_height, page.page_width
    page = document.add_section(WD_SECTION.NEW_PAGE)
    page.orientation = WD_ORIENT.LANDSCAPE if landscape else WD_ORIENT.PORTRAIT
    page.page_width, page.page_height = width, height


def text_width(document: Document) -> float:
    """Width between the margins of the last section, in points."""
    page = document.sections[-1]
    sides = (page.page_width, page.left_margin, page.right_margin)
    width, left, right = (0.0 if side is None else float(side.pt) for side in sides)
    return width - left - right


def room(paper: Paper, *, landscape: bool) -> float:
    """Width between the margins of a sheet, in points.

    Examples
    --------
    >>> round(room(Paper.A4, landscape=False)), round(room(Paper.LETTER, landscape=True))
    (471, 667)
    """
    return (paper.value[1 if landscape else 0] - 2 * MARGIN) * POINTS_PER_CM


def set_styles(document: Document) -> None:
    """Type of text, captions and headings in one ink, and a style for the lines of the contents."""
    from docx.enum.style import WD_STYLE_TYPE
    from docx.shared import Pt, RGBColor

    ink = RGBColor.from_string(INK)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Calibri", Pt(10.5)
    caption = document.styles["Caption"]
    caption.font.color.rgb, caption.font.bold, caption.font.size = ink, False, Pt(10)
    caption.paragraph_format.keep_with_next = True
    caption.paragraph_format.space_after = Pt(2)
    for name in ("Title", "Heading 1", "Heading 2"):
        document.styles[name].font.color.rgb = ink
        document.styles[name].font.name = "Calibri"
    line = document.styles.add_style("toc 1", WD_STYLE_TYPE.PARAGRAPH)
    line.base_style = normal
    line.paragraph_format.space_after = Pt(2)


def add_field(paragraph: Paragraph, code: str, result: str, *, dirty: bool = False) -> list[Any]:
    """Add a field with the result that stands there until a program works it out anew.

    Parameters
    ----------
    paragraph
        Where to.
    code
        Such as `SEQ Table \\\\* ARABIC`.
    result
        What is printed.
    dirty
        Whether a program should work it out when it opens the document.

    Returns
    -------
    list
        The runs.
    """
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    runs = [paragraph.add_run() for _ in range(3)]
    runs += [paragraph.add_run(result), paragraph.add_run()]
    for run, kind in ((runs[0], "begin"), (runs[2], "separate"), (runs[4], "end")):
        mark = OxmlElement("w:fldChar")
        mark.set(qn("w:fldCharType"), kind)
        if dirty and kind == "begin":
            mark.set(qn("w:dirty"), "true")
        run._r.append(mark)
    asked = OxmlElement("w:instrText")
    asked.set(qn("xml:space"), "preserve")
    asked.text = f" {code} "
    runs[1]._r.append(asked)
    return runs


def add_bookmark(paragraph: Paragraph, name: str, number: int, first: Any, last: Any) -> None:
    """Name what stands from one run to another, so that a field can refer to it."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    start, end = OxmlElement("w:bookmarkStart"), OxmlElement("w:bookmarkEnd")
    for mark in (start, end):
        mark.set(qn("w:id"), str(number))
    start.set(qn("w:name"), name)
    first._r.addprevious(start)
    last._r.addnext(end)


def bookmark_of(kind: str, number: str) -> str:
    """Name of the bookmark of a caption.

    Examples
    --------
    >>> bookmark_of("Table", "S3")
    'table_S3'
    """
    return f"{kind.lower()}_{number}"


def add_caption(document: Document, kind: str, number: str, title: str) -> None:
    """Number in bold, title in italics below, as APA style asks; the number is a field with a bookmark."""
    line = document.add_paragraph(style="Caption")
    lead = number.rstrip("0123456789")
    first = line.add_run(f"{kind} {lead}")
    first.bold = True
    counter = {"": kind, "A": f"{kind}_at_the_end", "S": f"{kind}_of_the_supplement"}[lead]
    runs = add_field(line, f"SEQ {counter} \\* ARABIC", number.removeprefix(lead))
    for run in runs:
        run.bold = True
    add_bookmark(line, bookmark_of(kind, number), _bookmarks(document) + 1, first, runs[-1])
    document.add_paragraph(style="Caption").add_run(title).italic = True


def _bookmarks(document: Document) -> int:
    """Number of the last bookmark; captions alone have one, and stand outside of tables."""
    from docx.oxml.ns import qn

    lines = document.element.body.iterchildren(qn("w:p"), reversed=True)
    marks = (mark for line in lines for mark in line.iter(qn("w:bookmarkStart")))
    return next((int(mark.get(qn("w:id"))) for mark in marks), 0)


def add_references(paragraph: Paragraph, named: Iterable[tuple[str, str]]) -> None:
    """Write the numbers of tables and figures as fields that follow the captions.

    Parameters
    ----------
    paragraph
        Where to.
    named
        Kind and number of each.
    """
    every = list(named)
    for place, (kind, number) in enumerate(every):
        if place:
            paragraph.add_run(" and " if place == len(every) - 1 else ", ")
        add_field(paragraph, f"REF {bookmark_of(kind, number)} \\h", f"{kind} {number}")


def add_contents(document: Document) -> Paragraph:
    """Add the place of the contents; `fill_contents` writes them once every heading is there."""
    document.add_heading("Contents", 1)
    return document.add_paragraph(style="toc 1")


def fill_contents(document: Document, place: Paragraph) -> None:
    """List the headings as links, within a field that a program fills with their pages."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    heading = document.styles["Heading 1"].style_id
    heads = [p for p in document.paragraphs if p._p.style == heading][1:]
    begin = add_field(place, 'TOC \\o "1-1" \\h \\z \\u', "", dirty=True)
    end = begin.pop()
    lines = [place]
    for _ in heads[1:]:
        made = OxmlElement("w:p")
        lines[-1]._p.addnext(made)
        lines.append(type(place)(made, place._parent))
        lines[-1].style = "toc 1"
    for number, (line, head) in enumerate(zip(lines, heads, strict=True), start=1):
        name = f"heading_{number}"
        add_bookmark(head, name, 5000 + number, head.runs[0], head.runs[-1])
        link = OxmlElement("w:hyperlink")
        link.set(qn("w:anchor"), name)
        link.append(line.add_run(head.text)._r)
        line._p.append(link)
    lines[-1]._p.append(end._r)


def add_page_numbers(document: Document) -> None:
    """Put the number of the page at its foot; later sections take it over."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    foot = document.sections[0].footer.paragraphs[0]
    foot.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    add_field(foot, "PAGE", "")


def column_widths(view: TableView, width: float, size: float) -> list[float]:
    """Share a width among the columns by what they hold.

    Parameters
    ----------
    view
        The table.
    width
        In points, of all columns together.
    size
        Of the type, in points.

    Returns
    -------
    list of float
        In points. No word is broken where the width allows it; what is left goes to the longest texts.
    """
    roomy = _needs(view, size, WIDE_LETTER)[1]
    if sum(roomy) <= width:  # where Calibri is not there, another type stands for it that may be wider
        return roomy
    least, wanted = _needs(view, size)
    if sum(wanted) <= width:
        return [want + (width - sum(wanted)) * want / sum(wanted) for want in wanted]
    if sum(least) >= width:
        return [width * need / sum(least) for need in least]
    more = [want - need for want, need in zip(wanted, least, strict=True)]
    share = (width - sum(least)) / sum(more)
    return [need + extra * share for need, extra in zip(least, more, strict=True)]


def _needs(
    view: TableView, size: float, letter_width: float = LETTER_WIDTH
) -> tuple[list[float], list[float]]:
    """Width of the longest word of each column, and of its longest text up to a limit."""
    letter = size * letter_width
    least, wanted = [], []
    for place, (head, numeric) in enumerate(view.heads):
        texts = [row[place].text for row in view.rows]
        longest = max((len(word) for text in (head, *texts) for word in text.split()), default=1)
        # a number is never broken, whatever blanks it holds
        whole = max((len(text) for text in texts), default=1) if numeric else 0
        full = min(max((len(text) for text in texts), default=1), WIDEST_TEXT)
        least.append(max(longest, whole) * letter + PADDING)
        wanted.append(max(longest, whole, full) * letter + PADDING)
    return least, wanted


def lies_on_its_side(view: TableView, paper: Paper) -> bool:
    """Say whether a table needs the long side: a word would be broken, or texts become towers."""
    upright = room(paper, landscape=False)
    least, wanted = _needs(view, TYPE)
    if sum(least) > upright:
        return True
    if sum(wanted) <= upright:
        return False
    widths = column_widths(view, upright, TYPE)
    letters = [(width - PADDING) / (TYPE * LETTER_WIDTH) for width in widths]
    depth = max(len(row[place].text) / letters[place] for row in view.rows for place in range(len(letters)))
    return depth > MOST_DEPTH


def lay_out(table: Table, view: TableView, width: float) -> None:
    """Give a table its widths, a heading that is repeated on every page, rows that stay whole, APA lines.

    Parameters
    ----------
    table
        Filled already; its first row is the heading.
    view
        What it holds.
    width
        Of the page, in points.
    """
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Pt

    size = TYPE if sum(_needs(view, TYPE)[0]) <= width else SMALL_TYPE
    widths = column_widths(view, width, size)
    table.autofit = False
    _set_margins(table)
    for column, points in zip(table.columns, widths, strict=True):
        column.width = Pt(points)
    last = len(table.rows) - 1
    for position, row in enumerate(table.rows):
        properties = row._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if position == 0:
            head = OxmlElement("w:tblHeader")
            head.set(qn("w:val"), "true")
            properties.append(head)
        edges = [
            edge for edge, wanted in (("top", position == 0), ("bottom", position in (0, last))) if wanted
        ]
        for cell, points, (_, numeric) in zip(row.cells, widths, view.heads, strict=True):
            cell.width = Pt(points)
            _border(cell, edges)
            for paragraph in cell.paragraphs:
                paragraph.paragraph_format.space_after = Pt(0)
                paragraph.paragraph_format.keep_with_next = position == 0 or None
                if numeric:
                    paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
                for run in paragraph.runs:
                    run.font.size = Pt(size)


def repeat_row(table: Table, rows: Sequence[Sequence[str]]) -> None:
    """Put rows before the last one that look like the first below the heading.

    A row that is copied with its layout takes a tenth of the time of one that is laid out.

    Parameters
    ----------
    table
        Laid out already.
    rows
        Texts of their cells.
    """
    from docx.oxml.ns import qn

    if not rows:
        return
    pattern, last, run = table.rows[1]._tr, table.rows[-1]._tr, qn("w:r")
    for texts in rows:
        made = deepcopy(pattern)
        for place, text in zip(list(made.iter(run)), texts, strict=True):
            place.text = text
        last.addprevious(made)


def _set_margins(table: Table) -> None:
    """Leave less room beside the text of a cell than the word processor would: numbers would not fit."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        one = OxmlElement(f"w:{side}")
        one.set(qn("w:w"), str(round(20 * CELL_MARGIN)))  # twentieths of a point
        one.set(qn("w:type"), "dxa")
        margins.append(one)
    properties = table._tbl.tblPr
    look = properties.find(qn("w:tblLook"))
    if look is None:
        properties.append(margins)
    else:
        look.addprevious(margins)  # the order of the schema


def _border(cell: Any, edges: Sequence[str]) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    if not edges:
        return
    borders = OxmlElement("w:tcBorders")
    for edge in edges:
        line = OxmlElement(f"w:{edge}")
        line.set(qn("w:val"), "single")
        line.set(qn("w:sz"), "6")
        borders.append(line)
    cell._tc.get_or_add_tcPr().append(borders)
