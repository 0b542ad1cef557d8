"""No file we write holds a formula that someone typed, and our readers give back what was there."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

import instrument
from analysis.commands.reading import read_side_table
from analysis.usage.sources import connect, events_table, quiet_driver
from dashboard.scoring_service import codebook_files, score_upload, scores_csv, scores_workbook
from dashboard.sharing import _tables
from instrument.exchange.formats import FORMATS, export_file
from instrument.exchange.redcap_data import from_redcap
from instrument.reading.read_responses import read_responses
from instrument.reading.written_cells import csv_text, marked, unmarked, without_marks

RUN = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
NASTY = [
    "=1+1",
    "+SUM(A1)",
    "-cmd|x",
    "@a",
    "'=a",
    "''+b",
    '=HYPERLINK("http://x","y")',
    '=a,b;"c"',
    "-5",
    "+1",
    "'tis",
]
texts = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.text("=+-@'\",;\t\r\n 1a", max_size=8),
)


def runs(cell: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return cell.startswith(RUN)
    return False


@given(text=texts)
@example(text="'-5")
@example(text="''")
def test_a_mark_comes_off_as_it_went_on(text: str) -> None:
    assert unmarked(marked(text)) == text
    assert not runs(marked(text))


@given(column=st.lists(st.one_of(texts, st.none(), st.integers(-9, 9)), min_size=1, max_size=5), name=texts)
def test_a_table_comes_back_from_its_csv(column: list[Any], name: str) -> None:
    written = csv_text(pd.DataFrame({name: column, "n": range(len(column))}, dtype=object))
    rows = list(csv.reader(io.StringIO(written, newline=""), strict=True))
    assert not any(runs(cell) for row in rows for cell in row)
    back = without_marks(pd.DataFrame(rows[1:], columns=rows[0], dtype=object))
    assert back.columns.to_list() == [name, "n"]
    assert back[name].to_list() == ["" if cell is None else str(cell) for cell in column]
    assert written.endswith("\n")
    assert len(rows) == len(column) + 1


def test_numbers_are_written_as_before() -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, -9], dtype="Int64"),
            "broken": [0.1, float("nan"), -2.5e-7],
            "mixed": pd.Series([1, None, "-3"], dtype=object),
            "sure": [True, False, True],
            "day": pd.to_datetime(["2026-01-01", "2026-01-02", None]),
            "group": pd.Categorical(["a", "-b", None]),
        }
    )
    plain = frame.assign(group=pd.Series(["a", "'-b", None], dtype=object))
    assert csv_text(frame) == plain.to_csv(index=False, lineterminator="\n")


def nasty_answers(scale: Any) -> pd.DataFrame:
    names = [name for name in NASTY if name != "'tis"]
    return pd.DataFrame(
        {
            "participant": names,
            "wave": "-first",
            **dict.fromkeys(scale.item_ids, 2),
            "=site": [f"@{name}" for name in names],
        }
    )


@pytest.mark.parametrize("form", ["csv-wide", "psych-ds"])
def test_answers_come_back_from_an_export(tmp_path: Path, form: str) -> None:
    scale = instrument.load("psd_audit")
    given_ = nasty_answers(scale)
    file = export_file(form, tmp_path / "out.csv", scale, given_)
    if file.is_dir():
        (file,) = (file / "data").iterdir()
    back = read_responses(file, scale, covariates=("=site",))
    for name in ("participant", "wave", "=site"):
        assert back[name].astype(str).to_list() == given_[name].to_list()


def test_answers_come_back_from_redcaps_file() -> None:
    scale = instrument.load("psd_audit")
    written = FORMATS["redcap-data"].make(scale, nasty_answers(scale), None)
    assert isinstance(written, str)
    table = pd.read_csv(io.StringIO(written), dtype=str, keep_default_na=False, na_values=[""])
    back = from_redcap(without_marks(table), scale)
    assert back["participant"].to_list() == nasty_answers(scale)["participant"].to_list()


@pytest.mark.parametrize("form", [name for name in FORMATS if name not in ("spss", "stata")])
def test_no_export_holds_a_formula(tmp_path: Path, form: str) -> None:
    scale = nasty_scale(tmp_path)
    answers = nasty_answers(scale)
    if form == "bids":  # it takes letters and digits only
        answers["participant"] = [f"p{k}" for k in range(len(answers))]
    made = export_file(form, tmp_path / "made", scale, answers)
    for file in [made] if made.is_file() else [path for path in made.rglob("*") if path.is_file()]:
        refuse_formulas(file.name if made.is_dir() else f"made.{kind_of(form)}", file.read_bytes())


def kind_of(form: str) -> str:
    return {"xlsform": "xlsx"}.get(
        form, "csv" if "csv" in form or "redcap" in form or form == "framework" else "other"
    )


def nasty_scale(folder: Path) -> Any:
    """A shipped instrument whose texts a spreadsheet would run."""
    scale = instrument.load("psd_audit")
    raw = scale.model_dump(mode="json", by_alias=True)
    for theme in raw["themes"]:
        for item in theme["items"]:
            item["text"] = "=" + item["text"]
    for options in raw["response_scales"].values():
        for option in [*options["options"], *options.get("outside", [])]:
            option["label"] = "+" + option["label"]
    return type(scale).model_validate(raw)


def refuse_formulas(name: str, content: bytes) -> None:
    if name.endswith((".csv", ".tsv")):
        separator = "\t" if name.endswith(".tsv") else ","
        for row in csv.reader(io.StringIO(content.decode(), newline=""), delimiter=separator):
            assert not [cell for cell in row if runs(cell)]
    elif name.endswith(".xlsx"):
        for sheet in load_workbook(io.BytesIO(content)).worksheets:
            assert not [cell.coordinate for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    elif name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.namelist():
                refuse_formulas(entry, archive.read(entry))


def test_what_the_dashboard_hands_out_holds_no_formula() -> None:
    from dashboard.uploads import Upload

    scale = instrument.load("psd_audit")
    content = csv_text(nasty_answers(scale).drop(columns="=site")).encode()
    scored = score_upload(Upload(name="a.csv", content=content), "psd_audit")
    for name, content in {
        "scores.csv": scores_csv(scored),
        "scores.xlsx": scores_workbook(scored),
        **{name: made for name, (_, made) in codebook_files(scored).items()},
    }.items():
        refuse_formulas(name, content)
    assert "'=1+1" in scores_csv(scored).decode()


def test_shared_tables_hold_no_formula() -> None:
    tree: Any = {"sections": {"groups": {"tables": {"by_site": {"=site": ["@a", "b"], "n": [5, -6]}}}}}
    refuse_formulas("tables.zip", _tables(tree))


MISSING = {"NA", "nan", "NaN", "", "N/A", "null", "None"}


def number_or_text(cell: Any) -> str:
    """A covariate of numbers may come back as numbers."""
    try:
        return repr(float(cell))
    except ValueError:
        return str(cell)


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_tables_beside_the_answers_come_back(tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame({"participant": NASTY, "kind": "-session", "day": range(len(NASTY))})
    file = tmp_path / f"usage.{ending}"
    file.write_text(csv_text(frame, separator="\t" if ending == "tsv" else ","), encoding="utf-8")
    assert read_side_table(file, "usage")["participant"].to_list() == NASTY
    with quiet_driver():
        back = events_table(str(file), connect()).execute()
    assert sorted(back["participant"]) == sorted(NASTY)
    assert set(back["kind"]) == {"-session"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(names=st.lists(texts.filter(lambda t: t.strip() == t and t), min_size=1, max_size=4, unique=True))
def test_covariates_come_back_whatever_they_hold(tmp_path: Path, names: list[str]) -> None:
    scale = instrument.load("psd_audit")
    frame = pd.DataFrame(
        {"participant": [f"p{k}" for k in range(len(names))], "wave": 1, **dict.fromkeys(scale.item_ids, 2)}
    )
    frame["site"] = names
    file = export_file("csv-wide", tmp_path / "out.csv", scale, frame)
    back = read_responses(file, scale, covariates=("site",))["site"]
    for cell, name in zip(back, names, strict=True):
        assert (number_or_text(cell) if pd.notna(cell) else "") == (
            number_or_text(name) if name not in MISSING else ""
        )
