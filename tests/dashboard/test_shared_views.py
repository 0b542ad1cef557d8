"""What a dashboard shows to others: nothing that tells a small number, and every page still opens."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_study import SCALE, small_validation
from streamlit.testing.v1 import AppTest

from analysis.disclosure.shared import shared_tree, to_share
from analysis.figures.live import live_chart
from analysis.figures.maps import maps_of
from analysis.figures.registry import build_figures
from analysis.pipeline import validate
from analysis.report.opening import opening
from analysis.report.view import table_view, verdicts
from dashboard.catalogue import PAGES
from dashboard.services import is_shared, load_results, results_path
from dashboard.sharing import drawn, handouts
from instrument.definition import Instrument

PATHS = ["overview", "exports", "provenance", *(page.path for page in PAGES)]


def _view(path: str) -> None:
    import importlib

    from dashboard.catalogue import pages_of
    from dashboard.views import parts, topics

    if path in ("overview", "exports", "provenance"):
        importlib.import_module(f"dashboard.views.{path}").show()
        return
    tree = parts.loaded().tree or {"sections": {}}
    topics.show(next(page for page in pages_of(tree) if page.path == path))


def opened(path: str) -> AppTest:
    test = AppTest.from_function(_view, kwargs={"path": path}, default_timeout=60)
    test.run()
    assert not test.exception, (path, [entry.message for entry in test.exception])
    return test


def few(tree: dict[str, Any]) -> dict[str, Any]:
    """The study with three answers on the lowest option of its first item, and a warning with names."""
    made: dict[str, Any] = json.loads(json.dumps(tree))
    items = made["sections"]["items"]
    table = items["tables"]["distribution_agree"]
    n = table["n"][0]
    table["share_1"][0] = 3 / n
    table["share_2"][0] = 1 - sum(table[f"share_{code}"][0] for code in (1, 3, 4, 5))
    made["meta"]["notes"] = ["2 rows were dropped: participants ['p17', 'p23']."]
    return made


@pytest.fixture
def shared(placed: Any, monkeypatch: pytest.MonkeyPatch, results_tree: dict[str, Any]) -> dict[str, Any]:
    tree = few(results_tree)
    placed(tree)
    monkeypatch.delenv("DTA_SHARED", raising=False)
    return tree


def test_a_dashboard_is_shared_unless_the_operator_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DTA_SHARED", raising=False)
    assert is_shared()
    for word in ("no", "No", "0", "false"):
        monkeypatch.setenv("DTA_SHARED", word)
        assert not is_shared()
    monkeypatch.setenv("DTA_SHARED", "perhaps")
    assert is_shared()


@pytest.mark.parametrize("path", ["overview", "items", "exports", "provenance"])
def test_every_view_opens_without_small_numbers(path: str, shared: dict[str, Any]) -> None:
    assert opened(path).title


def test_the_small_share_is_neither_shown_nor_handed_out(shared: dict[str, Any]) -> None:
    test = opened("items")
    table = next(frame.value for frame in test.dataframe if frame.value.shape == (12, 7))  # item, n, shares
    assert table.iloc[0].isna().sum() >= 3
    state = load_results(results_path(), shared=True)
    assert state.tree is not None
    assert state.reduced
    share = repr(shared["sections"]["items"]["tables"]["distribution_agree"]["share_1"][0])
    for file in handouts(state.tree):
        assert share.encode() not in file.content
        assert b"p17" not in file.content


def _labels(test: AppTest) -> list[str]:
    return [str(getattr(button, "label", "")) for button in test.get("download_button")]


def test_files_on_the_disk_are_not_handed_out_unless_they_are_shared_too(
    shared: dict[str, Any], placed: Any
) -> None:
    path = results_path()
    assert path is not None
    (path.parent / "report.html").write_text("everything", encoding="utf-8")
    names = _labels(opened("exports"))
    assert names == [
        "Download report_short.html",
        "Download report.md",
        "Download tables.zip",
        "Download results.json",
    ]
    placed(shared_tree(shared))
    names = _labels(opened("exports"))
    assert names == ["Download report.html", "Download results.json", "Download tables.zip"]


def test_handouts_hold_what_is_shown(shared: dict[str, Any]) -> None:
    tree = shared_tree(shared)
    files = {file.name: file.content for file in handouts(tree)}
    assert json.loads(files["results.json"]) == tree
    with zipfile.ZipFile(io.BytesIO(files["tables.zip"])) as archive:
        lines = archive.read("items-distribution-agree.csv").decode().splitlines()
    assert lines[1].startswith("q1,Words of q1,")
    assert ",," in lines[1]
    sections = {name: part for name, part in tree["sections"].items() if name in ("flow", "items")}
    assert b"<svg" in drawn({**tree, "sections": sections}, "report.html").content
    assert drawn({**tree, "sections": sections}, "report.pdf").content.startswith(b"%PDF")
    with zipfile.ZipFile(io.BytesIO(drawn({**tree, "sections": sections}, "report.docx").content)) as word:
        assert "word/document.xml" in word.namelist()


def test_four_people_open_as_nobody(placed: Any, monkeypatch: pytest.MonkeyPatch, poor_tree: Any) -> None:
    placed(poor_tree("one respondent"))
    monkeypatch.delenv("DTA_SHARED", raising=False)
    for path in PATHS:
        opened(path)
    assert any("– people" in entry.value for entry in opened("overview").markdown)


def test_a_report_to_share_says_so_in_every_file(tmp_path: Path) -> None:
    made = to_share(small_validation(topics=("flow", "items")))
    made.write(tmp_path / "report", forms=["markdown"])
    state = load_results(tmp_path / "report" / "results.json", shared=True)
    assert state.tree == made.tree
    assert not state.reduced
    assert state.tree["meta"]["shared"] == {"smallest": 5}
    assert any("Made to be shared" in note for note in made.tree["meta"]["notes"])


def test_a_tree_that_cannot_be_reduced_is_not_shown(placed: Any, results_tree: dict[str, Any]) -> None:
    made = json.loads(json.dumps(results_tree))
    del made["sections"]["items"]["captions"]["statistics"]
    placed(made)
    state = load_results(results_path(), shared=True)
    assert state.tree is None
    assert "nothing is shown" in state.problem
    assert load_results(Path(state.source)).tree is not None


def cells(tree: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    """Value and print of every cell, by its path."""
    views = [
        table_view(name, section, table)
        for name, section in tree["sections"].items()
        for table in section["tables"]
        if table in section["captions"]
    ]
    return {cell.path: (cell.value, cell.text) for view in views for row in view.rows for cell in row}


def test_no_more_digits_are_printed_than_a_shared_copy_holds(tmp_path: Path) -> None:
    """Two people without a score: its number of people is left out, and digits that would tell it."""
    scale = Instrument.model_validate(SCALE)
    rng = np.random.default_rng(6)
    codes = np.clip(np.rint(3.4 + rng.normal(size=(120, 1)) + rng.normal(size=(120, 12))), 1, 5).astype(int)
    answers = pd.DataFrame(codes, columns=scale.item_ids).astype("Int64")
    answers[["q4", "q9"]] = 6 - answers[["q4", "q9"]]
    answers.insert(0, "participant", [f"p{k}" for k in range(120)])
    answers.insert(1, "wave", 1)
    answers.loc[:1, ["q1", "q2", "q3", "q4"]] = pd.NA
    whole = validate(answers, scale, seed=3, topics=["flow", "scores", "items"]).to_dict()
    scores = whole["sections"]["scores"]["tables"]["scores"]
    row = scores["score"].index("north")
    assert scores["n"][row] == 118
    made = shared_tree(whole)
    kept = made["sections"]["scores"]["tables"]["scores"]
    assert kept["n"][row] is None
    assert kept["mean"][row] == round(scores["mean"][row], 1) != round(scores["mean"][row], 2)
    coarse = {
        f"sections.{name}.tables.{table}.{key}[{place}]"
        for name, section in made["sections"].items()
        for table, columns in (section.get("coarse") or {}).items()
        for key, places in columns.items()
        for place in places
    }
    printed, usual = cells(made), cells(whole)
    assert 0 < len(coarse) < len(printed)
    assert f"sections.scores.tables.scores.mean[{row}]" in coarse
    for path, (value, text) in printed.items():
        if path in coarse:
            assert len(text.rstrip("%").partition(".")[2]) <= (0 if "%" in text else 1), path
            told = float(text.rstrip("%").replace("−", "-"))
            assert told == pytest.approx(value * (100 if "%" in text else 1)), path
        elif isinstance(value, float):
            assert text == usual[path][1], path
    texts = [level.text for level in opening(made).levels]
    assert any(f"{kept['mean'][row]:.1f} (" in text for text in texts)
    file = tmp_path / "results.json"
    file.write_text(json.dumps(made), "utf-8")
    read = load_results(file, shared=True)
    assert read.tree is not None
    assert cells(dict(read.tree)) == printed
    assert [level.text for level in opening(read.tree).levels] == texts
    claims = [[one["printed"] for one in verdicts(held)["met"]] for held in (made, read.tree)]
    assert claims[0] == claims[1] and any("%" in claim and "." not in claim for claim in claims[0])
    held = [
        words
        for name, section in read.tree["sections"].items()
        for words in words_of_figures(name, section, made)
    ]
    told = {number for words in held for number in re.findall(r"\d*\.?\d+%?", words)}
    short = {printed[path][1] for path in coarse & printed.keys()}
    full = {text for path, (_, text) in printed.items() if path not in coarse}
    padded = {f"{text[:-1]}.0%" if text.endswith("%") else f"{text}0" for text in short} - full
    assert told & short and not told & padded
    assert f"{kept['mean'][row]:.1f}" in told and f"{kept['mean'][row]:.1f}0" in padded


def words_of_figures(name: str, section: dict[str, Any], tree: dict[str, Any]) -> list[str]:
    """Every text of a section's figures: their titles, what is said of them, and what each mark tells."""
    if section["status"] != "ok":
        return []
    figures = [*build_figures(section, tree["meta"]).values(), *maps_of(name, section, tree["meta"])]
    live = [json.dumps(live_chart(figure, section, {}).to_dict(), ensure_ascii=False) for figure in figures]
    texts = [text for spec in live for text in re.findall(r'"((?:told_\w+|printed|told)": "[^"]*)"', spec)]
    return [*texts, *(text for figure in figures for text in (figure.title, figure.alt))]
