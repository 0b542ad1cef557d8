"""The short report as one HTML file and as PDF."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from analysis.report.labels import tree_for_readers
from analysis.report.pdf import quoted
from analysis.report.short import Grid, Number, Words, for_whom, honest_lines, short_parts
from analysis.report.templating import TEMPLATES, page_templates
from analysis.report.view import Tree


def render_short_html(tree: Tree) -> str:
    """Render the short report as a self-contained page.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    str
        HTML that asks nothing of the network; fits a phone and two sheets of paper.
    """
    tree = tree_for_readers(tree)
    return (
        page_templates("marked", _marked)
        .get_template("short.html.jinja")
        .render(
            title=tree["meta"]["instrument"]["title"],
            study=(tree["meta"]["study"] or {}).get("title", ""),
            whom=for_whom(tree),
            honest=honest_lines(tree),
            parts=short_parts(tree),
            source=_source(tree["meta"]),
        )
    )


def _marked(words: Words) -> Markup:
    pieces = (
        f'<span data-path="{escape(piece.path)}">{escape(piece.text)}</span>'
        if isinstance(piece, Number)
        else str(escape(piece))
        for piece in words
    )
    return Markup("".join(pieces))


def _source(meta: Any) -> str:
    about = meta["instrument"]
    return (
        f"Where the numbers come from: results.json, made from the answers with checksum "
        f"{meta['checksums']['responses'][:12]}, questions {about['id']} {about['version']}. The long report "
        f"says how each was made."
    )


def plain(words: Words) -> str:
    """Give words and numbers as one text."""
    return "".join(piece.text if isinstance(piece, Number) else piece for piece in words)


def render_short_pdf(tree: Tree) -> bytes:
    """Render the short report as PDF.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    bytes
        The file, without a date.
    """
    tree = tree_for_readers(tree)
    import typst

    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        (room / "frame.typ").write_text((TEMPLATES / "short.typ").read_text("utf-8"), encoding="utf-8")
        (room / "short.typ").write_text("\n".join(_lines(tree)), encoding="utf-8")
        pdf: bytes = typst.compile(str(room / "short.typ"), root=str(room))
    return pdf


def _lines(tree: Tree) -> Iterator[str]:
    title, study = tree["meta"]["instrument"]["title"], (tree["meta"]["study"] or {}).get("title", "")
    yield '#import "frame.typ": *'
    named = (title, study, _source(tree["meta"]), for_whom(tree))
    yield f"#show: frame.with({', '.join(map(quoted, named))})"
    for line in honest_lines(tree):
        yield f"#honest({quoted(line)})"
    for part in short_parts(tree):
        yield f"#part({quoted(part.heading)})"
        for words in part.lines:
            kept = "lead" if part.grid is not None else "line-of"  # stays on the page of its table
            yield f"#{kept}({quoted(plain(words))})"
        if part.points:
            yield f"#points(({', '.join(quoted(plain(words)) for words in part.points)},))"
        if part.grid is not None:
            yield _grid(part.grid)
        for words in part.after:
            yield f"#line-of({quoted(plain(words))})"


def _grid(grid: Grid) -> str:
    heads = ", ".join(map(quoted, grid.heads))
    rows = ", ".join("(" + ", ".join(quoted(plain(cell)) for cell in row) + ",)" for row in grid.rows)
    bars = "".join(f"({low:.4f}, {high:.4f}, {middle:.4f})," for low, high, middle in grid.bars)
    return f"#grid-of(({heads},), ({rows},), ({bars}))"
