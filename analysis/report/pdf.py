"""The report as PDF through typst, the same bytes each time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analysis.figures.base import WIDE, to_svg
from analysis.figures.registry import build_figures
from analysis.report.view import TableView, Tree, method_line, notices, prose, table_view, verdicts

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"


def render_pdf(tree: Tree) -> bytes:
    """Render the results tree as PDF.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    bytes
        The file, without a date.
    """
    import typst

    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        (room / "frame.typ").write_text(TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
        text = "\n".join(_lines(tree, room))
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


def _lines(tree: Tree, room: Path) -> Iterator[str]:
    meta = tree["meta"]
    title = f"{meta['instrument']['title']}: validation report"
    yield '#import "frame.typ": *'
    subtitle = f"Instrument {meta['instrument']['id']} {meta['instrument']['version']}"
    yield f"#show: frame.with({quoted(title)}, {quoted(subtitle)})"
    for kind, sentence in notices(tree):
        yield f"#notice({quoted(kind.capitalize())}, {quoted(sentence)})"
    yield from _verdict_lines(verdicts(tree))
    number = 0
    for name, section in tree["sections"].items():
        yield f"#section({quoted(section['title'])}, {quoted(section['question'])})"
        if section["status"] != "ok":
            status = section["status"].replace("_", " ").capitalize()
            yield f"#notice({quoted(status)}, {quoted(section['message'])})"
            continue
        for problem in section["problems"]:
            yield f"#notice({quoted('A part of this failed')}, {quoted(problem)})"
        for sentence in prose(section):
            yield f"#sentence({quoted(sentence)})"
        yield from _figure_lines(name, section, meta, room)
        for table in section["tables"]:
            number += 1
            yield _table(table_view(name, section, table), number)
        yield f"#method({quoted(method_line(section))})"


def _verdict_lines(found: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    for failure in found["failed"]:
        yield f"#notice({quoted('Failed: ' + failure['title'])}, {quoted(failure['message'])})"
    for key, heading in (("not_met", "Not met"), ("met", "Met")):
        yield f"#subheading({quoted(f'{heading} ({len(found[key])})')})"
        for entry in found[key]:
            rule = f"{entry['rule']} · {entry['source']}"
            yield f"#verdict({quoted(entry['claim'])}, {quoted(entry['printed'])}, {quoted(rule)})"


def _figure_lines(name: str, section: Any, meta: Any, room: Path) -> Iterator[str]:
    for number, figure in enumerate(build_figures(section, meta).values()):
        file = f"{name}-{number}.svg"
        (room / file).write_text(to_svg(figure, WIDE), encoding="utf-8")
        yield f"#drawing({quoted(file)}, {quoted(figure.title)}, {quoted(figure.alt)})"


def _table(view: TableView, number: int) -> str:
    heads = ", ".join(quoted(head) for head, _ in view.heads)
    sides = ", ".join("right" if numeric else "left" for _, numeric in view.heads)
    cells = ", ".join(quoted(cell.apa) for row in view.rows for cell in row)
    return (
        f"#apa({number}, {quoted(view.title)}, {quoted(view.note)}, ({sides},), ({heads},), "
        f"({cells + ',' if cells else ''}))"
    )
