"""Every number printed is a rendering of a number in the tree, in each form of the report, and none is lost."""

from __future__ import annotations

import copy
import html
import io
import re
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
from printed import asked, cells, expected, numbers, rendered, words_of_drawing, words_of_page

import instrument
from analysis.figures.base import WIDE, to_svg
from analysis.figures.registry import build_figures
from analysis.pipeline import validate
from analysis.report.extent import Extent
from analysis.report.html import render_html
from analysis.report.labels import tree_for_readers
from analysis.report.limits import limits_of
from analysis.report.markdown import render_markdown
from analysis.report.pdf import render_pdf
from analysis.report.standards import (
    PLACES,
    PROPERTIES,
    PROPERTIES_SOURCE,
    STEPS,
    STEPS_SOURCE,
    evidence_by_property,
    evidence_by_step,
    ordered,
    place_line,
    states_sentence,
)
from analysis.report.view import LONG_TABLE
from analysis.report.word import render_docx
from analysis.simulation.simulate_study import simulate_study

FORMS = ("html", "markdown", "docx", "pdf")
pytestmark = pytest.mark.usefixtures("figures_once")


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


def evidence_numbers(tree: Mapping[str, Any]) -> Counter[str]:
    """Numbers of the nine steps, of the words of each step and property, and of the two sources."""
    words: list[Any] = [PROPERTIES_SOURCE, STEPS_SOURCE, *STEPS]
    words += [place_line(name) for name in tree["sections"]]
    rows = [*evidence_by_step(tree["sections"]), *evidence_by_property(tree["sections"])]
    words += [f"{limit.heading} {limit.text}" for limit in limits_of(tree)]
    return summed(words) + summed(row.words for row in rows)


def tallies(tree: Mapping[str, Any]) -> list[tuple[int, int, int]]:
    """Claims met, not met and untested of each step, then of each property, counted from the tree."""
    made = []
    sections = tree["sections"]
    for step in STEPS:
        own = [s for k, s in sections.items() if PLACES.get(k, ("10",))[0] == step]
        made.append(_tally([f for s in own for f in s["findings"]], own))
    for name in PROPERTIES:
        own = [s for s in sections.values() if name.value in s["bears_on"]]
        claims = [f for s in sections.values() for f in s["findings"] if f["property"] == name.value]
        made.append(_tally(claims, own))
    return made


def _tally(claims: list[Mapping[str, Any]], own: list[Mapping[str, Any]]) -> tuple[int, int, int]:
    """A section that was asked and gave no claim counts as one that could not be tested."""
    passed = [claim["passed"] for claim in claims if claim["verdict"] != "hidden"]
    silent = sum(s["status"] in ("failed", "untestable") and not s["findings"] for s in own)
    return passed.count(True), passed.count(False), passed.count(None) + silent


def own_numbers(tree: Mapping[str, Any], form: str) -> Counter[str]:
    """Numbers that stand in the report beside those of the sections, each kind with its reason."""
    meta, sections = tree["meta"], tree["sections"]
    good = [section for section in sections.values() if section["status"] == "ok"]
    words = [meta["instrument"]["notice"] or ""]  # what a reader must know before any number
    if meta["synthetic"]:
        words.append(meta["study"]["notice"] or "")
    count = summed(words) + evidence_numbers(tree)
    count += summed(number for three in tallies(tree) if any(three) for number in three)
    count += opening_numbers(tree)
    if form == "html":
        return count + _of_the_page(tree)
    lengths = [
        len(next(iter(table.values()), [])) for section in good for table in section["tables"].values()
    ]
    if form == "markdown":
        return count + summed(range(1, len(lengths) + 1))  # Table 1 to N
    n_long = sum(length > LONG_TABLE for length in lengths)  # these are A1 to AN, named in their section too
    count += summed(range(1, len(lengths) - n_long + 1)) + summed([*range(1, n_long + 1)] * 2)
    captions = [(section, name) for section in good for name in section["tables"]]
    count += summed(
        s["captions"][n]["title"] for (s, n), k in zip(captions, lengths, strict=True) if k > LONG_TABLE
    )
    figures = [figure for section in good for figure in build_figures(section, meta).values()]
    count += summed(figure.title for figure in figures)
    if form == "docx":  # references and the contents, beside captions and headings
        count += summed(range(1, len(lengths) - n_long + 1)) + summed(range(1, n_long + 1))
        count += summed([*range(1, len(figures) + 1)] * 2)
        count += summed(section["title"] for section in sections.values())
    if form == "pdf":  # numbers of figures, and the labels inside the drawings, tested as figures
        count += summed(range(1, len(figures) + 1))
        count += summed(words_of_drawing(to_svg(figure, WIDE)) for figure in figures)
        count += summed([meta["instrument"]["id"], meta["instrument"]["version"]])
    return count


def opening_numbers(tree: Mapping[str, Any]) -> Counter[str]:
    """Numbers of the first page: rules of each property, themes at the first wave, and counts."""
    meta, words = tree["meta"], []
    for name, (met, not_met, untested) in zip(PROPERTIES, tallies(tree)[-len(PROPERTIES) :], strict=True):
        if met + not_met:
            words += [met, met + not_met + untested]
        assert tree["properties"][name.value]["met"] == met
    scores = tree["sections"].get("scores")
    if scores is not None and scores["status"] == "ok":
        table, first = scores["tables"]["scores"], scores["values"]["first_wave"]
        rows = [
            row for row, wave in enumerate(table["wave"]) if wave == first and table["score"][row] != "total"
        ]
        ends = {(table["lowest_possible"][row], table["highest_possible"][row]) for row in rows}
        words += [first, "95%", *(f"{end:g}" for pair in ends if len(ends) == 1 for end in pair)]
        for row in rows:
            words += [table["title"][row]]
            words += [rendered(table[key][row], "d2") for key in ("mean", "mean_lower", "mean_upper")]
    return summed(words) + summed(
        [rendered(meta["participants"], "int"), len(meta["waves"]), len(meta["instrument"]["items"])]
    )


def _of_the_page(tree: Mapping[str, Any]) -> Counter[str]:
    meta, sections = tree["meta"], tree["sections"]
    good = [section for section in sections.values() if section["status"] == "ok"]
    titles = [(meta["study"] or {}).get("title", ""), meta["instrument"]["id"], meta["instrument"]["version"]]
    words = [*titles]
    words += [found[0]["note"] for found in asked(tree).values()]
    for section in good:
        for figure in build_figures(section, meta).values():  # its title, and links to its tables
            words += [figure.title, *(section["captions"][name]["title"] for name in figure.tables)]
        for name, caption in section["captions"].items():  # a folded table says its title and length
            length = max(len(column) for column in section["tables"][name].values())
            words += [caption["title"], length] if length > LONG_TABLE else []
    about = meta["instrument"]
    words += [about["id"], about["version"], about["content_hash"], *meta["checksums"].values()]
    words += ["SHA-256"] * len(meta["checksums"])
    if meta["study"]:
        words += [meta["study"]["id"], meta["study"]["content_hash"]]
    words += [meta["seed"], meta["structure_wave"], *meta["notes"]]
    words += [f"{name} {version}" for name, version in meta["versions"].items()]
    return summed(words)


def differences(tree: Mapping[str, Any], text: str, form: str) -> tuple[Counter[str], Counter[str]]:
    """Numbers that should be printed and are not, and those printed that nothing explains."""
    wanted = expected(tree) + own_numbers(tree, form)
    found = numbers(text)
    if form == "pdf":
        wanted += summed(range(1, text.count("\f") + 1))  # numbers of pages
        for number in _heads(tree):  # a table that runs over a page repeats its heads
            found[number] = min(found[number], wanted[number])
    return wanted - found, found - wanted


def _heads(tree: Mapping[str, Any]) -> Counter[str]:
    captions = [caption for section in tree["sections"].values() for caption in section["captions"].values()]
    return summed(column["label"] for caption in captions for column in caption["columns"].values())


@pytest.fixture(scope="module")
def tree(tree: dict[str, Any]) -> Any:
    """The results as readers see them: ids hold numbers that are printed in no form."""
    return tree_for_readers(tree)


@pytest.fixture(scope="module")
def use_results() -> dict[str, Any]:
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
def use_tree(use_results: dict[str, Any]) -> Any:
    """The same as readers see them."""
    return tree_for_readers(use_results)


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


_OF_ONE_AT_MOST = (
    r"(?:alphas?|omegas?|CFI|TLI|RMSEA|SRMR|SRMSR|HTMT2?|ICC\S*|KMO|kappa|AC1|PABAK|AVE|ECV|R²|rho|"
    r"correlations?|correlate|reliability|level)"
)
SECOND_FORMS = {
    "no space after the sign of a p": re.compile(r"[<>≤≥=]\.\d"),
    "an equal and a below": re.compile(r"= ?<"),
    "a hyphen for a minus": re.compile(r"(?:^|[\s(\[:])-\.?\d", re.MULTILINE),
    "a zero before a p": re.compile(r"\bp\)? ?(?:=|<|of|is) ?0\.\d"),
    "a zero before a statistic that cannot pass 1": re.compile(
        rf"\b{_OF_ONE_AT_MOST}(?: is| of| by|:)? ?(?:to|from|[≤≥<>=±])? ?−?0\.\d"
    ),
    "more than one of one": re.compile(
        r"(?<![\w.,])1 (?:rules|people|persons|items|questions|themes|waves|answers|factors|relations|days|weeks|apps)\b"
    ),
    "no number": re.compile(r"\b(?:nan|NaN|inf)\b"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", ["tree", "use_tree"])
def test_each_kind_of_number_has_one_form(which: str, form: str, printed: Any) -> None:
    """A p, a minus and a correlation are written alike wherever they stand, alternative texts included."""
    tree, text = printed(which, form)
    if form == "html":
        text += "\n".join(html.unescape(words) for words in _LABELS.findall(render_html(tree)))
    found = {what: pattern.findall(text) for what, pattern in SECOND_FORMS.items()}
    assert not {what: hits for what, hits in found.items() if hits}


_LABELS = re.compile(r'aria-label="([^"]*)"')
BOUNDED_NAMES = re.compile(
    r"^(?:alpha|omega|htmt|icc|kmo|kappa|ac1|pabak|cfi|tli|rmsea|srmr|srmsr|ecv|ave|sqrt_ave|r|rho|r_squared|"
    r"communality|loading|item_rest_r|average_r|composite_reliability|reliability|nagelkerke|mcfadden|delta|"
    r"dominance|habit_lower|shared|F\d)(?:_|$)"
)
INTERVAL_HEADS = ("95% from", "90% from", "to")


@pytest.mark.parametrize("which", ["tree", "use_tree"])
def test_a_column_is_printed_as_its_kind_and_its_interval_as_the_estimate(which: str, printed: Any) -> None:
    tree = printed(which, "markdown")[0]
    kinds: dict[str, set[str]] = {}
    seen = 0
    for section in tree["sections"].values():
        for caption in section["captions"].values():
            before = ""
            for key, column in caption["columns"].items():
                form = column["format"]
                if BOUNDED_NAMES.match(key) and form not in ("text", "int", "percent"):
                    assert form[0] in "rp", (caption["title"], key)
                    seen += 1
                if column["label"] in INTERVAL_HEADS:
                    assert form == before, (caption["title"], key)
                else:
                    kinds.setdefault(column["label"], set()).add(
                        "" if form in ("text", "int", "percent") else form[0]
                    )
                    before = form
        for finding in section["findings"]:
            assert not BOUNDED_NAMES.match(finding["path"].rpartition(".")[2].partition("[")[0]) or (
                finding["format"][0] in "rp"
            ), finding["path"]
    assert seen >= 2
    unlike = {label: forms for label, forms in kinds.items() if len(forms & {"r", "d", "p"}) > 1}
    assert not unlike, unlike


def test_a_second_form_is_found_out() -> None:
    wrong = {
        "no space after the sign of a p": "(p <.001)",
        "an equal and a below": "p = < .001",
        "a hyphen for a minus": "from -0.12 to 3",
        "a zero before a p": "p = 0.041",
        "a zero before a statistic that cannot pass 1": "CFI is 0.951",
        "more than one of one": "1 rules were asked",
        "no number": "alpha nan",
    }
    assert set(wrong) == set(SECOND_FORMS)
    for what, text in wrong.items():
        assert SECOND_FORMS[what].search(text), what
    right = "p < .001; −.12; CFI is .951, aged 18-29, doi:10.1/0.2, week-3; 11 rules, 1 rule, 0.45 more"
    assert not [what for what, pattern in SECOND_FORMS.items() if pattern.search(right)]


BY_EXTENT: dict[str, Callable[[Any, Extent], str]] = {
    "html": lambda tree, extent: words_of_page(render_html(tree, extent)),
    "docx": lambda tree, extent: text_of_docx(render_docx(tree, extent)),
    "pdf": lambda tree, extent: text_of_pdf(render_pdf(tree, extent)),
}


@pytest.fixture(scope="module")
def split(tree: dict[str, Any]) -> dict[tuple[str, Extent], Counter[str]]:
    """Numbers of the report and of its supplement in each form."""
    return {
        (form, extent): numbers(show(tree, extent))
        for form, show in BY_EXTENT.items()
        for extent in (Extent.MAIN, Extent.SUPPLEMENT)
    }


@pytest.mark.parametrize("form", BY_EXTENT)
def test_the_report_and_its_supplement_print_every_number_and_no_other(
    form: str, tree: dict[str, Any], split: Any, printed: Any
) -> None:
    whole = numbers(printed("tree", form)[1])
    main, supplement = split[form, Extent.MAIN], split[form, Extent.SUPPLEMENT]
    lost = {number for number in whole if number not in main and number not in supplement}
    assert {number for number in lost if not _counts_of_the_whole(number)} == set()
    wanted = set(whole) | set(summed(states_sentence(tree["sections"])))
    n_tables = sum(len(section["tables"]) for section in tree["sections"].values())
    wanted |= {str(number) for number in range(1, n_tables + 1)}  # of tables, figures and pages
    assert {number for number in set(main) | set(supplement) if number not in wanted} == set()


def _counts_of_the_whole(number: str) -> bool:
    """Numbers of pages and of tables at the end are other ones in two documents."""
    return number.isdigit() and int(number) < 100


@pytest.mark.parametrize("where", ["cell", "value", "finding", "method"])
@pytest.mark.parametrize("form", BY_EXTENT)
def test_one_altered_number_of_the_two_documents_is_found_out(form: str, where: str, tree: Any) -> None:
    extents = {"cell": [Extent.SUPPLEMENT], "method": [Extent.SUPPLEMENT]}.get(where, [Extent.MAIN])
    for extent in extents:
        text = BY_EXTENT[form](_changed(tree, where), extent)
        assert {"0.43", "43.2%", "0.432", ".43", ".432", "4,321"} & set(numbers(text)), extent


def _changed(tree: Any, where: str) -> dict[str, Any]:
    """Alter one number: of a table, of a sentence, of a judged claim, of a method."""
    made = copy.deepcopy(tree)
    section = made["sections"]["reliability"]
    if where == "cell":
        section["tables"]["alpha"]["alpha"][1] = 0.4321
    elif where == "value":
        section["values"]["alpha_lowest"] = 0.4321
    elif where == "finding":
        section["findings"][0]["value"] = 0.4321  # now the worst of its question
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
    wanted = [cells(section, name) for _, section in ordered(tree["sections"]) for name in section["tables"]]
    last = [table for table in wanted if len(table) > LONG_TABLE]
    document = docx.Document(io.BytesIO(render_docx(tree)))
    word = [[[cell.text for cell in row.cells] for row in table.rows][1:] for table in document.tables]
    assert word == [table for table in wanted if len(table) <= LONG_TABLE] + last
    blocks, rows = [], []
    for line in render_markdown(tree).splitlines():
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").replace("\\|", "¦").split("|")])
        elif rows:
            blocks.append([[cell.replace("¦", "|") for cell in row] for row in rows[2:]])
            rows = []
    assert blocks == wanted


@pytest.mark.parametrize(
    ("value", "form", "printed"),
    [
        (0.125, "d2", "0.12"),
        (0.375, "d2", "0.38"),
        (-0.004, "d2", "0.00"),
        (-0.914, "r2", "−.91"),
        (1234.5, "int", "1,234"),
        (0.125, "r2", ".12"),
        (1.0, "r2", "1.00"),
        (0.0361, "percent", "3.6%"),
        (0.0004, "p", "<\u00a0.001"),
        (0.25, "p", ".250"),
    ],
)
def test_the_second_renderer(value: float, form: str, printed: str) -> None:
    assert rendered(value, form) == printed


def test_every_number_is_that_of_the_ledger(
    unlike: Callable[..., list[str]], use_results: dict[str, Any]
) -> None:
    assert unlike("use", use_results["sections"]) == []
