"""Tables in APA style as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.report import opening_words as words
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
    filled_tables,
    method_line,
    notices,
    prose,
    table_view,
    verdicts,
)


def render_markdown(tree: Tree) -> str:
    """Render the results tree as Markdown: sentences, numbered tables, what passed and what did not.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    str
        One document.
    """
    tree = tree_for_readers(tree)
    return "\n".join(_lines(tree)) + "\n"


def _lines(tree: Tree) -> Iterator[str]:
    meta = tree["meta"]
    yield f"# {meta['instrument']['title']}: validation report"
    for kind, sentence in notices(tree):
        yield f"\n> **{kind.capitalize()}.** {sentence}"
    yield from _summary_lines(tree)
    number = 0
    for name, section in ordered(tree["sections"]):
        yield f"\n## {section['title']}\n"
        yield f"*{section['question']}* {place_line(name)}\n"
        if section["status"] != "ok":
            yield f"**{STATUS[section['status']]}.** {section['message']}"
            continue
        for problem in section["problems"]:
            yield f"**{PART_NOT_ESTIMATED}.** {problem}\n"
        for line in untested_lines(section):
            yield line + "\n"
        for sentence in prose(section):
            yield sentence + "\n"
        for warning in section["warnings"]:
            yield f"**Limit.** {warning}\n"
        for table in filled_tables(section):
            number += 1
            yield from table_lines(table_view(name, section, table), number)
        yield f"*{method_line(section)}*"
    yield "\n## Methods\n"
    for label, text in methods_paragraphs(tree):
        yield f"**{label}.** {text}\n"


def _opening_lines(tree: Tree) -> Iterator[str]:
    page = opening(tree)
    yield f"**{page.sentence}**\n\n**{words.NEXT}**\n"
    yield from (f"- {step.text}" for step in page.steps)
    yield f"\n**{words.HEADING}**\n"
    for point in page.points:
        yield f"- {point.asks}: {point.said}"
    if page.levels:
        yield f"\n**{words.LEVELS}**\n\n{page.scale_line}\n"
    yield from (f"- {level.label}: {level.text}" for level in page.levels)
    yield f"\n{page.counted}\n"


def _summary_lines(tree: Tree) -> Iterator[str]:
    yield "\n## Summary\n"
    yield from _opening_lines(tree)
    for limit in limits_of(tree):
        yield f"- **{limit.heading}.** {limit.text}"
    for failure in verdicts(tree)["failed"]:
        yield f"- **Failed:** {failure['title']}. {failure['message']}"
    for part in verdicts(tree)["partial"]:
        yield f"- **{NOT_ESTIMATED}:** {part['title']}. {part['message']}"
    yield f"\n**{SHOWN}**\n"
    for source, rows in (
        (PROPERTIES_SOURCE, evidence_by_property(tree["sections"])),
        (STEPS_SOURCE, evidence_by_step(tree["sections"])),
    ):
        for row in rows:
            titles = ", ".join(title for _, title in row.sections)
            see = f" See {titles}." if titles else ""
            yield f"- {row.name}: **{row.words}** {row.counted}".rstrip() + see
        yield f"\n{source}\n"
    yield f"\n**{QUESTIONS}**\n"
    if count := hidden_claims(tree):
        yield f"{HIDDEN}: {count}.\n"
    for question in question_rows(tree):
        yield f"- {question.question} **{question.hold}.** {question_line(question)}"


def table_lines(view: TableView, number: int) -> Iterator[str]:
    """Write one table in APA style: number, caption, rows, note."""
    yield f"**Table {number}**\n"
    yield f"*{view.title}*\n"
    yield "| " + " | ".join(_cell(head) for head, _ in view.heads) + " |"
    yield "|" + "|".join("---:" if numeric else "---" for _, numeric in view.heads) + "|"
    for row in view.rows:
        yield "| " + " | ".join(_cell(cell.text) for cell in row) + " |"
    yield ""
    if view.note:
        yield f"*Note.* {view.note}\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
