"""The report as PDF through typst, the same bytes each time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis.figures.base import WIDE, to_svg
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
from analysis.report.questions import HIDDEN, QUESTIONS, QuestionRow, hidden_claims, question_rows
from analysis.report.standards import (
    PROPERTIES_SOURCE,
    SHOWN,
    STEPS_SOURCE,
    Evidence,
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

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"


def render_pdf(tree: Tree, extent: Extent = Extent.WHOLE) -> bytes:
    """Render the results tree as PDF.

    Parameters
    ----------
    tree
        The results tree.
    extent
        All of it, or the report and its supplement as two documents.

    Returns
    -------
    bytes
        The file, without a date.
    """
    tree = tree_for_readers(tree)
    import typst

    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        (room / "frame.typ").write_text(TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
        text = "\n".join(_lines(tree, room, extent))
        (room / "report.typ").write_text(text, encoding="utf-8")
        pdf: bytes = typst.compile(str(room / "report.typ"), root=str(room))
    return pdf


def quoted(text: str) -> str:
    """Write a text as a typst string, so nothing in it is markup.

    Examples
    --------
    >>> print(quoted('a "b" \\\\ #c'))
    "a \\"b\\" \\\\ #c"
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _lines(tree: Tree, room: Path, extent: Extent) -> Iterator[str]:
    meta = tree["meta"]
    title = document_title(tree, extent)
    yield '#import "frame.typ": *'
    subtitle = f"Instrument {meta['instrument']['id']} {meta['instrument']['version']}"
    dense = "true" if extent is Extent.MAIN else "false"
    yield f"#show: frame.with({quoted(title)}, {quoted(subtitle)}, dense: {dense})"
    for kind, sentence in notices(tree):
        yield f"#notice({quoted(kind.capitalize())}, {quoted(sentence)})"
    if extent is Extent.SUPPLEMENT:
        yield f"#chapter({quoted(f'{QUESTIONS}, with their sources')})"
        yield from _rule_lines(tree, extent)
        yield from _evidence_lines(tree, extent)
    else:
        yield from _summary_lines(tree, extent)
    sections = ordered(tree["sections"])
    numbers, last = numbered_tables(sections, extent)
    supplement, _ = numbered_tables(sections, Extent.SUPPLEMENT)
    for name, section in sections:
        heads = (section["title"], section["question"], "" if extent is Extent.MAIN else place_line(name))
        yield f"#section({', '.join(map(quoted, heads))})"
        if section["status"] == "ok":
            line = elsewhere_line(name, section, extent, numbers, supplement)
            yield from _section_lines(name, section, meta, room, numbers, extent, line)
        else:
            kind = "notice" if section["status"] == "failed" else "quiet"
            yield f"#{kind}({quoted(STATUS[section['status']])}, {quoted(section['message'])})"
    yield "#chapter[Methods]"
    for label, text in methods_paragraphs(tree)[: 2 if extent is Extent.MAIN else None]:
        yield f"#method({quoted(label)}, {quoted(text)})"
    if last:
        yield "#pagebreak(weak: true)\n#chapter[Long tables]"
    for name, table in last:
        yield _table(table_view(name, tree["sections"][name], table), numbers[name, table])


def _section_lines(
    name: str,
    section: Any,
    meta: Any,
    room: Path,
    numbers: Mapping[tuple[str, str], str],
    extent: Extent,
    elsewhere: str,
) -> Iterator[str]:
    for problem in section["problems"]:
        yield f"#quiet({quoted(PART_NOT_ESTIMATED)}, {quoted(problem)})"
    for line in untested_lines(section):
        yield f"#small({quoted(line)})"
    if extent is Extent.MAIN:
        yield f"#sentence({quoted(' '.join(prose(section)))})"
    elif extent is Extent.WHOLE:
        for sentence in prose(section):
            yield f"#sentence({quoted(sentence)})"
    for warning in section["warnings"]:
        yield f"#notice({quoted('Limit')}, {quoted(warning)})"
    yield from _figure_lines(name, section, meta, room, extent)
    for table in shown_tables(section, extent):
        if not numbers[name, table].startswith("A"):
            yield _table(table_view(name, section, table), numbers[name, table])
    if elsewhere:
        yield f"#small({quoted(elsewhere)})"
    if extent is not Extent.MAIN:
        yield f"#method({quoted('')}, {quoted(method_line(section))})"


def _summary_lines(tree: Tree, extent: Extent) -> Iterator[str]:
    yield "#chapter[Summary]"
    yield from _opening_lines(tree)
    for limit in limits_of(tree):
        yield f"#quiet({quoted(limit.heading)}, {quoted(limit.text)})"
    for failure in verdicts(tree)["failed"]:
        yield f"#notice({quoted('Failed: ' + failure['title'])}, {quoted(failure['message'])})"
    for part in verdicts(tree)["partial"]:
        yield f"#quiet({quoted(f'{NOT_ESTIMATED}: ' + part['title'])}, {quoted(part['message'])})"
    yield from _evidence_lines(tree, extent)
    yield f"#subheading({quoted(QUESTIONS)})"
    yield from _rule_lines(tree, extent)


def _opening_lines(tree: Tree) -> Iterator[str]:
    page = opening(tree)
    yield f"#answer({quoted(page.sentence)})"
    yield f"#subheading({quoted(words.NEXT)})"
    yield f"#steps(({', '.join(quoted(step.text) for step in page.steps)},))"
    cells = [(p.name, p.plain, p.said, p.state.value) for p in page.points]
    points = ", ".join(f"({', '.join(map(quoted, cell))})" for cell in cells)
    yield f"#subheading({quoted(words.HEADING)})"
    yield f"#nine(({points},))"
    if page.levels:
        yield f"#subheading({quoted(words.LEVELS)})"
        bars = (", ".join(f"{end:.4f}" for end in level.bar) for level in page.levels)
        rows = ", ".join(
            f"({quoted(level.label)}, {quoted(level.text)}, ({bar}))"
            for level, bar in zip(page.levels, bars, strict=True)
        )
        yield f"#levels({quoted(page.scale_line)}, ({rows},))"
    yield f"#small({quoted(page.counted)})"


def _evidence_lines(tree: Tree, extent: Extent) -> Iterator[str]:
    sections = tree["sections"]
    yield f"#subheading({quoted(SHOWN)})"
    tables = (
        ("Measurement property", PROPERTIES_SOURCE, evidence_by_property(sections)),
        ("Step of scale development", STEPS_SOURCE, evidence_by_step(sections)),
    )
    for heading, source, rows in tables[: 1 if extent is Extent.MAIN else None]:
        lines = ", ".join(_evidence(row) for row in rows)
        yield f"#evidence({quoted(heading)}, {quoted(source)}, ({lines},))"


def _rule_lines(tree: Tree, extent: Extent) -> Iterator[str]:
    if count := hidden_claims(tree):
        yield f"#sentence({quoted(f'{HIDDEN}: {count}.')})"
    lines = ", ".join(_question(row, extent) for row in question_rows(tree))
    yield f"#questions(({lines},))" if lines else ""


def _evidence(row: Evidence) -> str:
    titles = ", ".join(title for _, title in row.sections)
    cells = (row.name, row.words, *row.counts, titles, row.state.value)
    return f"({', '.join(quoted(cell) for cell in cells)})"


def _question(row: QuestionRow, extent: Extent) -> str:
    source = "" if extent is Extent.MAIN else f" · {row.source}"
    worst = "" if row.worst is None else f"{row.worst}: {row.worst_value}."
    more = f" {row.range}." if row.range else ""
    rest = f" {row.rest[0].upper()}{row.rest[1:]}." if row.rest else ""
    cells = (
        row.question,
        f"{row.rule}{source}",
        row.met,
        f"{worst}{more}{rest}".strip(),
        row.state.value,
    )
    return f"({', '.join(quoted(cell) for cell in cells)})"


def _figure_lines(name: str, section: Any, meta: Any, room: Path, extent: Extent) -> Iterator[str]:
    for number, figure in enumerate(shown_figures(build_figures(section, meta), extent).values()):
        file = f"{name}-{number}.svg"
        (room / file).write_text(to_svg(figure, WIDE), encoding="utf-8")
        yield f"#drawing({quoted(file)}, {quoted(figure.title)}, {quoted(figure.alt)})"


def _table(view: TableView, number: str) -> str:
    heads = ", ".join(quoted(head) for head, _ in view.heads)
    sides = ", ".join("right" if numeric else "left" for _, numeric in view.heads)
    cells = ", ".join(quoted(cell.text) for row in view.rows for cell in row)
    return (
        f"#apa({quoted(number)}, {quoted(view.title)}, {quoted(view.note)}, ({sides},), ({heads},), "
        f"({cells + ',' if cells else ''}))"
    )
