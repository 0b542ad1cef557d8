"""Write a report folder, all or nothing."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.figures.once import built_once
from analysis.report.draft import NAME as DRAFT
from analysis.report.draft import render_draft
from analysis.report.drawing import documents_beside, drawn_by_two
from analysis.report.view import Tree
from analysis.report.word_parts import Paper
from analysis.twins.python_script import python_script
from analysis.twins.script import r_script
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint, name_offenders
from instrument.reading.written_cells import csv_text

MARK = "results.json"
FORMS = ("html", "pdf", "docx", "markdown")
LONG = {"report.html", "report.pdf", "report.docx", "report.md"}
SUPPLEMENTS = {"report_supplement.html", "report_supplement.pdf", "report_supplement.docx"}
SCRIPTS = {"reproduce.R", "reproduce.py"}
KNOWN = {MARK, "tables", DRAFT, *SCRIPTS, *LONG, *SUPPLEMENTS, "report_short.html", "report_short.pdf"}


def write_report(
    tree: Tree,
    folder: str | Path,
    *,
    forms: Sequence[str] = ("html",),
    replace: bool = True,
    source: Mapping[str, Any] | None = None,
    paper: str = "a4",
    workers: int = 1,
) -> list[Path]:
    """Write report, results and tables into a folder; the folder appears whole or not at all.

    Parameters
    ----------
    tree
        The results tree.
    folder
        Created when absent. An earlier report is replaced; any other non-empty folder is refused.
    forms
        Of `html`, `pdf`, `docx`, `markdown`. The first three are a report and its supplement with every
        table; beside the first two lies a short version for app teams. Markdown is one document.
    replace
        Whether an earlier report may be replaced.
    source
        Files and arguments of the command that made the tree, for the scripts that make its numbers again. A
        tree made to be shared gets no script: labels of small groups would stand in it.
    paper
        Sheets of the Word documents: `a4` or `letter`.
    workers
        Processes of this machine: with two or more, a second one draws figures of the page, too, and writes
        the Word documents beside the other forms.

    Returns
    -------
    list of pathlib.Path
        Files written.

    Raises
    ------
    ResponseDataError
        The folder holds something else, or cannot be written.
    """
    forms, sheets = check_forms(forms), check_paper(paper)
    target = Path(folder)
    refuse_foreign(target, replace=replace)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report-", dir=target.parent) as scratch:
            made = Path(scratch) / "report"
            names = _fill(tree, made, forms, source, sheets, workers)
            _exchange(made, target)
    except OSError as error:
        fact = f"{str(target)!r} cannot be written ({error.strerror})."
        raise ResponseDataError(fact_and_hint("write", fact, "choose another folder.")) from None
    return [target / name for name in names]


def check_forms(forms: Sequence[str]) -> list[str]:
    """Check the names of forms of a report.

    Parameters
    ----------
    forms
        Names, perhaps with spaces around them.

    Returns
    -------
    list of str
        Names in the order of `FORMS`, each once.

    Raises
    ------
    DefinitionError
        One of them is unknown.
    """
    wanted = {form.strip().lower() for form in forms if form.strip()}
    if unknown := sorted(wanted - set(FORMS)):
        fact = f"{name_offenders(unknown)} is no form of a report."
        raise DefinitionError(fact_and_hint("write", fact, f"choose of {name_offenders(FORMS)}."))
    return [form for form in FORMS if form in wanted]


def check_paper(paper: str) -> Paper:
    """Give the sheets that a name stands for.

    Raises
    ------
    ResponseDataError
        There are no such sheets.
    """
    try:
        return Paper[paper.strip().upper()]
    except KeyError:
        named = ", ".join(sheet.name.lower() for sheet in Paper)
        fact = f"there is no paper {paper!r}."
        raise ResponseDataError(fact_and_hint("write", fact, f"name one of {named}.")) from None


def refuse_foreign(target: Path, *, replace: bool = True) -> None:
    """Refuse a folder that holds anything but an earlier report.

    Parameters
    ----------
    target
        Where a report is to go.
    replace
        Whether an earlier report may be replaced.

    Raises
    ------
    ResponseDataError
        It is a file, or a folder with other content.
    """
    if target.exists() and not target.is_dir():
        fact = f"{str(target)!r} is a file."
        raise ResponseDataError(fact_and_hint("write", fact, "name a folder."))
    if not target.exists() or not any(target.iterdir()):
        return
    if not (target / MARK).is_file() or not replace:
        fact = f"the folder {str(target)!r} is not empty and holds no earlier report."
        raise ResponseDataError(fact_and_hint("write", fact, "name a new folder, or empty this one."))
    if foreign := sorted({path.name for path in target.iterdir()} - KNOWN):
        fact = f"the folder {str(target)!r} holds {len(foreign)} thing(s) that are no report: {foreign[:5]}."
        raise ResponseDataError(fact_and_hint("write", fact, "name a new folder, or move them."))


def _fill(
    tree: Tree,
    made: Path,
    forms: Sequence[str],
    source: Mapping[str, Any] | None,
    sheets: Paper,
    workers: int,
) -> list[str]:
    (made / "tables").mkdir(parents=True)
    text = json.dumps(tree, ensure_ascii=False, indent=1, allow_nan=False)
    (made / MARK).write_text(text + "\n", encoding="utf-8")
    with built_once(), drawn_by_two(tree, workers if "html" in forms else 1) as finish_drawing:
        for name, section in tree["sections"].items():
            for table, columns in section["tables"].items():
                csv = csv_text(pd.DataFrame(columns))
                (made / "tables" / f"{name}-{table.replace('_', '-')}.csv").write_text(csv, encoding="utf-8")
        (made / DRAFT).write_text(render_draft(tree), encoding="utf-8")
        if "twins" in tree["meta"]:
            (made / "reproduce.R").write_text(r_script(tree, source), encoding="utf-8")
            (made / "reproduce.py").write_text(python_script(tree, source), encoding="utf-8")
        drawings = finish_drawing()
        with documents_beside(tree, sheets, drawings if "docx" in forms else {}) as documents:
            for form in sorted(forms, key="docx".__eq__):  # which the other process may still be at
                _write_form(tree, made, form, documents)
    return sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())


def _write_form(tree: Tree, made: Path, form: str, documents: Callable[[], Mapping[str, bytes]]) -> None:
    from analysis.report.extent import Extent

    parts = (("report", Extent.MAIN), ("report_supplement", Extent.SUPPLEMENT))
    if form == "html":
        from analysis.report.html import render_html
        from analysis.report.short_forms import render_short_html

        for name, extent in parts:
            (made / f"{name}.html").write_text(render_html(tree, extent), encoding="utf-8")
        (made / "report_short.html").write_text(render_short_html(tree), encoding="utf-8")
    elif form == "markdown":
        from analysis.report.markdown import render_markdown

        (made / "report.md").write_text(render_markdown(tree), encoding="utf-8")
    elif form == "docx":
        for file, content in documents().items():
            (made / file).write_bytes(content)
    else:
        from analysis.report.pdf import render_pdf
        from analysis.report.short_forms import render_short_pdf

        for name, extent in parts:
            (made / f"{name}.pdf").write_bytes(render_pdf(tree, extent))
        (made / "report_short.pdf").write_bytes(render_short_pdf(tree))


def _exchange(made: Path, target: Path) -> None:
    """Put the new folder in the place of the old one; the old one comes back when that fails."""
    if not target.exists():
        os.rename(made, target)
        return
    old = made.with_name("old")
    os.rename(target, old)
    try:
        os.rename(made, target)
    except OSError:
        os.rename(old, target)
        raise
    shutil.rmtree(old)
