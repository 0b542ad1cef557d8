"""Files to take away from a shared dashboard: made from what is shown, not from what lies on the disk."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass

import pandas as pd

from analysis.report.view import Tree
from instrument.reading.written_cells import csv_text

NOTICE = (
    "shared",
    "Numbers of fewer than five people, and what would tell them, are left out (–). "
    "Sentences, claims and figures that rest on them are left out too.",
)
LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handout:
    """A file made for the reader."""

    name: str
    kind: str
    purpose: str
    content: bytes


def handouts(tree: Tree) -> list[Handout]:
    """Make the files that need no drawing.

    Parameters
    ----------
    tree
        The results without small numbers.

    Returns
    -------
    list of Handout
        Results, tables, and tables for a manuscript.
    """
    from analysis.report.markdown import render_markdown
    from analysis.report.short_forms import render_short_html

    text = json.dumps(tree, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return [
        Handout(
            name="report_short.html",
            kind="text/html",
            purpose="the short version in plain words",
            content=render_short_html(tree).encode(),
        ),
        Handout(
            name="report.md",
            kind="text/markdown",
            purpose="tables for a manuscript",
            content=render_markdown(tree).encode(),
        ),
        tables_zip(tree),
        Handout(
            name="results.json",
            kind="application/json",
            purpose="every number that is shown, with how it was made",
            content=text.encode(),
        ),
    ]


DRAWN = ("report.html", "report.pdf", "report.docx")
"""Forms with figures: made when they are asked for, since drawing takes some seconds."""
_KINDS = {
    "report.html": ("text/html", "the whole report in one file, to read or print"),
    "report.pdf": ("application/pdf", "the whole report on paper"),
    "report.docx": (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "the whole report for a word processor",
    ),
}


def drawn(tree: Tree, name: str) -> Handout:
    """Make a form of the whole report; drawing its figures takes some seconds.

    Parameters
    ----------
    tree
        The results as the reader may see them.
    name
        One of `DRAWN`.

    Returns
    -------
    Handout
        One file.
    """
    kind, purpose = _KINDS[name]
    if name == "report.pdf":
        from analysis.report.pdf import render_pdf

        content = render_pdf(tree)
    elif name == "report.docx":
        from analysis.report.word import render_docx

        content = render_docx(tree)
    else:
        from analysis.report.html import render_html

        content = render_html(tree).encode()
    return Handout(name=name, kind=kind, purpose=purpose, content=content)


def tables_zip(tree: Tree) -> Handout:
    """Pack every table as CSV."""
    return Handout(
        name="tables.zip", kind="application/zip", purpose="every table as CSV", content=_tables(tree)
    )


def _tables(tree: Tree) -> bytes:
    """Pack every table; times are fixed, so the same tables give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, section in tree["sections"].items():
            for table, columns in section["tables"].items():
                text = csv_text(pd.DataFrame(columns, dtype=object))
                place = zipfile.ZipInfo(f"{name}-{table.replace('_', '-')}.csv", date_time=LONG_AGO)
                archive.writestr(place, text)
    return packed.getvalue()
