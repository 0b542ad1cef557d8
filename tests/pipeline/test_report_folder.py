"""The folder: whole or not at all, nothing foreign touched, the same numbers in every form."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import docx
import pandas as pd
import pytest

from analysis.pipeline import Validation
from analysis.report import html
from analysis.report.labels import tree_for_readers
from analysis.report.markdown import render_markdown
from analysis.report.pdf import render_pdf
from analysis.report.questions import question_rows
from analysis.report.standards import ordered
from analysis.report.view import LONG_TABLE, table_view
from analysis.report.word import render_docx
from analysis.report.writing import write_report
from instrument.errors import DefinitionError, ResponseDataError


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def same(value: Any) -> Any:
    """Reading of a cell that does not depend on how a number is spelt."""
    try:
        return str(value) if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return "" if value is None else str(value)


def test_results_and_tables_hold_the_tree(
    validation: Validation, tree: dict[str, Any], tmp_path: Path
) -> None:
    written = validation.write(tmp_path / "new" / "report")
    assert json.loads((tmp_path / "new" / "report" / "results.json").read_text("utf-8")) == tree
    names = {path.name for path in written}
    for name, section in tree["sections"].items():
        for table, columns in section["tables"].items():
            file = f"{name}-{table.replace('_', '-')}.csv"
            assert file in names
            path = tmp_path / "new" / "report" / "tables" / file
            read = pd.read_csv(path, dtype=str, keep_default_na=False)
            assert list(read.columns) == list(columns)
            for column, values in columns.items():
                assert [same(text) for text in read[column]] == [same(value) for value in values]
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_writing_again_replaces_with_the_same_bytes(validation: Validation, tmp_path: Path) -> None:
    validation.write(tmp_path / "r")
    before = contents(tmp_path / "r")
    validation.write(tmp_path / "r")
    assert contents(tmp_path / "r") == before


def test_a_foreign_folder_is_left_alone(tree: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(ResponseDataError, match="not empty"):
        write_report(tree, tmp_path / "mine")
    write_report(tree, tmp_path / "r")
    (tmp_path / "r" / "notes.txt").write_text("keep")
    before = contents(tmp_path / "r")
    with pytest.raises(ResponseDataError, match="1 thing"):
        write_report(tree, tmp_path / "r")
    assert contents(tmp_path / "r") == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(ResponseDataError, match="is a file"):
        write_report(tree, tmp_path / "file")


def test_a_failure_in_the_middle_leaves_the_old_report(
    tree: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(tree, tmp_path / "r")
    before = contents(tmp_path / "r")

    def fail(*_: Any) -> str:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(html, "render_html", fail)
    for target in ("r", "other"):
        with pytest.raises(RuntimeError):
            write_report(tree, tmp_path / target)
    assert contents(tmp_path / "r") == before
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_an_unknown_form_is_refused(tree: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="'papyrus' is no form"):
        write_report(tree, tmp_path / "r", forms=["papyrus"])
    assert list(tmp_path.iterdir()) == []


def test_the_word_document_holds_every_table(tree: dict[str, Any]) -> None:
    raw = render_docx(tree)
    assert render_docx(tree) == raw
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    document = docx.Document(io.BytesIO(raw))
    wanted = [
        table_view(name, section, table)
        for name, section in ordered(tree_for_readers(tree)["sections"])
        for table in section["tables"]
    ]
    wanted.sort(key=lambda view: len(view.rows) > LONG_TABLE)  # long ones stand at the end
    assert len(document.tables) == len(wanted)
    for table, view in zip(document.tables, wanted, strict=True):
        printed = [[cell.text for cell in row.cells] for row in table.rows]
        assert printed == [
            [head for head, _ in view.heads],
            *([cell.text for cell in row] for row in view.rows),
        ]
    words = [p.get("descr") for shape in document.inline_shapes for p in shape._inline.iter("{*}docPr")]
    assert words and all(words)


def test_markdown_holds_every_table_and_verdict(tree: dict[str, Any]) -> None:
    text = render_markdown(tree)
    assert text.count("**Table ") == sum(len(section["tables"]) for section in tree["sections"].values())
    for row in question_rows(tree_for_readers(tree)):
        assert f"- {row.question} **{row.hold}.** {row.rule}" in text
        assert row.worst is None or f"{row.worst}, {row.worst_value}." in text
    assert re.search(r"\| \.\d\d \|", text), "bounded statistics are written without the zero"
    assert "| 0." in text, "unbounded ones keep it"


def test_the_pdf_is_whole_and_repeatable(tree: dict[str, Any]) -> None:
    pdf = render_pdf(tree)
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")
    assert len(pdf) > 50_000
    assert render_pdf(tree) == pdf
    assert b"/CreationDate" not in pdf
