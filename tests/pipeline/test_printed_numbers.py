"""Every number printed is a rendering of a number in the tree, in each form of the report, and none is lost."""

from __future__ import annotations

import copy
import io
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import docx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from printed import cells, expected, numbers, rendered, words_of_drawing, words_of_page

import instrument
from analysis.figures.base import WIDE, to_svg
from analysis.figures.registry import build_figures
from analysis.pipeline import validate
from analysis.report.html import LONG_TABLE, render_html
from analysis.report.markdown import render_markdown
from analysis.report.pdf import render_pdf
from analysis.report.word import render_docx
from analysis.simulation import simulate_study

FORMS = ("html", "markdown", "docx", "pdf")


def text_of_pdf(raw: bytes) -> str:
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("pdftotext is not installed: apt install poppler-utils")
    return subprocess.run(
        [reader, "-raw", "-", "-"], input=raw, capture_output=True, check=True
    ).stdout.decode()


def text_of_docx(raw: bytes) -> str:
    document = docx.Document(io.BytesIO(raw))
    lines = [paragraph.text for paragraph in document.paragraphs]
    for table in document.tables:
        lines += [cell.text for row in table.rows for cell in row.cells]
    return "\n".join(lines)


PRINT: dict[str, Callable[[Any], str]] = {
    "html": lambda tree: words_of_page(render_html(tree)),
    "markdown": render_markdown,
    "docx": lambda tree: text_of_docx(render_docx(tree)),
    "pdf": lambda tree: text_of_pdf(render_pdf(tree)),
}


def summed(texts: Any) -> Counter[str]:
    return sum((numbers(str(text)) for text in texts), Counter())


def verdict_counts(tree: Mapping[str, Any]) -> list[int]:
    passed = [finding["passed"] for part in tree["sections"].values() for finding in part["findings"]]
    return [passed.count(False), passed.count(True)]


def own_numbers(tree: Mapping[str, Any], form: str) -> Counter[str]:
    """Numbers that stand in the report beside those of the sections, each kind with its reason."""
    meta, sections = tree["meta"], tree["sections"]
    good = [section for section in sections.values() if section["status"] == "ok"]
    words = [meta["instrument"]["notice"] or ""]  # what a reader must know before any number
    if meta["synthetic"]:
        words.append(meta["study"]["notice"] or "")
    n_tables = sum(len(section["tables"]) for section in good)
    if form == "html":
        return summed(words) + _of_the_page(tree)
    count = summed(words) + summed(verdict_counts(tree)) + summed(range(1, n_tables + 1))  # Table 1 to N
    if form == "pdf":
        figures = [
            figure for section in good for figure in build_figures(section, meta).values()
        ]  # captions, numbers of figures, and the labels inside the drawings, tested as figures
        count += summed(range(1, len(figures) + 1)) + summed(figure.title for figure in figures)
        count += summed(words_of_drawing(to_svg(figure, WIDE)) for figure in figures)
        count += summed([meta["instrument"]["id"], meta["instrument"]["version"]])
    if form == "docx":
        count += summed(f.title for section in good for f in build_figures(section, meta).values())
    return count


def _of_the_page(tree: Mapping[str, Any]) -> Counter[str]:
    meta, sections = tree["meta"], tree["sections"]
    good = [section for section in sections.values() if section["status"] == "ok"]
    titles = [(meta["study"] or {}).get("title", ""), meta["instrument"]["id"], meta["instrument"]["version"]]
    cards = [rendered(meta["participants"], "int"), len(meta["waves"]), len(meta["instrument"]["items"])]
    failed = sum(
        bool(s["message"]) or len(s["problems"]) for s in sections.values() if s["status"] != "not_applicable"
    )
    words = [*titles, *cards, failed, *verdict_counts(tree) * 2]
    words += [f["note"] for section in sections.values() for f in section["findings"]]
    words += [warning for section in sections.values() for warning in section["warnings"]]
    for section in good:
        words += [figure.title for figure in build_figures(section, meta).values()]
        for name, caption in section["captions"].items():  # a folded table says its title and length
            length = max(len(column) for column in section["tables"][name].values())
            words += [caption["title"], length] if length > LONG_TABLE else []
    about = meta["instrument"]
    words += [about["id"], about["version"], about["content_hash"], *meta["checksums"].values(), "SHA-256"]
    words += ["SHA-256"] * (len(meta["checksums"]) - 1)
    if meta["study"]:
        words += [meta["study"]["id"], meta["study"]["content_hash"]]
    words += [meta["seed"], meta["structure_wave"], *meta["notes"]]
    words += [f"{name} {version}" for name, version in meta["versions"].items()]
    return summed(words)


def differences(tree: Mapping[str, Any], text: str, form: str) -> tuple[Counter[str], Counter[str]]:
    """Numbers that should be printed and are not, and those printed that nothing explains."""
    wanted = expected(tree, bare_zero=form == "html") + own_numbers(tree, form)
    found = numbers(text)
    if form == "pdf":
        wanted += summed(range(1, text.count("\f") + 1))  # numbers of pages
        for number in _heads(tree):  # a table that runs over a page repeats its heads
            found[number] = min(found[number], wanted[number])
    return wanted - found, found - wanted


def _heads(tree: Mapping[str, Any]) -> Counter[str]:
    captions = [caption for section in tree["sections"].values() for caption in section["captions"].values()]
    return summed(column["label"] for caption in captions for column in caption["columns"].values())


@pytest.fixture(scope="session")
def use_tree() -> dict[str, Any]:
    """Sections that need a usage log."""
    data = simulate_study("dta_example", n=250, seed=3)
    return validate(
        data.responses,
        instrument.load("dta"),
        usage=data.usage,
        outcomes=data.outcomes,
        covariates=data.covariates,
        study=data.study,
        enrolment=data.enrolment,
        topics=("flow", "use", "adherence"),
    ).to_dict()


@pytest.fixture(scope="module")
def printed(tree: dict[str, Any], use_tree: dict[str, Any]) -> Callable[[str, str], tuple[Any, str]]:
    """Give a tree and its report as text; each is made once."""
    trees, made = {"tree": tree, "use_tree": use_tree}, {}

    def text(which: str, form: str) -> tuple[Any, str]:
        if (which, form) not in made:
            made[which, form] = PRINT[form](trees[which])
        return trees[which], made[which, form]

    return text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", ["tree", "use_tree"])
def test_every_number_is_explained_by_the_tree(which: str, form: str, printed: Any) -> None:
    lost, unexplained = differences(*printed(which, form), form)
    assert not lost, f"not printed: {dict(lost)}"
    assert not unexplained, f"in no part of the tree: {dict(unexplained)}"


def _changed(tree: Any, where: str) -> dict[str, Any]:
    """Alter one number: of a table, of a sentence, of a judged claim, of a method."""
    made = copy.deepcopy(tree)
    section = made["sections"]["reliability"]
    if where == "cell":
        section["tables"]["alpha"]["alpha"][1] = 0.4321
    elif where == "value":
        section["values"]["alpha_lowest"] = 0.4321
    elif where == "finding":
        section["findings"][0]["value"] = 0.4321
    else:
        section["method"]["n"] = 4321
    return made


@pytest.mark.parametrize("where", ["cell", "value", "finding", "method"])
@pytest.mark.parametrize("form", FORMS)
def test_one_altered_number_is_found_out(form: str, where: str, printed: Any) -> None:
    tree, text = printed("tree", form)
    lost, unexplained = differences(_changed(tree, where), text, form)
    assert lost and unexplained


def test_each_cell_stands_in_its_place(tree: dict[str, Any]) -> None:
    wanted = [
        cells(section, name, bare_zero=False)
        for section in tree["sections"].values()
        for name in section["tables"]
    ]
    document = docx.Document(io.BytesIO(render_docx(tree)))
    word = [[[cell.text for cell in row.cells] for row in table.rows][1:] for table in document.tables]
    assert word == wanted
    blocks, rows = [], []
    for line in render_markdown(tree).splitlines():
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").replace("\\|", "¦").split("|")])
        elif rows:
            blocks.append([[cell.replace("¦", "|") for cell in row] for row in rows[2:]])
            rows = []
    assert blocks == wanted


@pytest.mark.parametrize(
    ("value", "form", "bare_zero", "printed"),
    [
        (0.125, "d2", True, "0.12"),
        (0.375, "d2", True, "0.38"),
        (-0.004, "d2", True, "0.00"),
        (-0.914, "r2", False, "−.91"),
        (1234.5, "int", True, "1,234"),
        (0.0361, "percent", True, "3.6%"),
        (0.0004, "p", True, "<.001"),
        (0.25, "p", True, ".250"),
    ],
)
def test_the_second_renderer(value: float, form: str, bare_zero: bool, printed: str) -> None:
    assert rendered(value, form, bare_zero=bare_zero) == printed
