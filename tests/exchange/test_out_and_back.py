"""What the toolkit writes for other programs it reads again: every answer, reason, person, wave and covariate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest
import yaml

import dta
from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.exchange.spss import sav_bytes
from instrument.exchange.stata import dta_bytes
from instrument.reading.read_responses import check_responses, read_responses
from instrument.recognition.answers import read_answer_texts
from tests.exchange.conftest import definition

IDS = (
    "007",
    "7",
    "A b",
    "x,y",
    "ü-1",
    "=1+1",
    "O'Neil",
    "1e5",
    "2024-01-02",
    "TRUE",
    "-5",
    'ß"q',
    "1.0",
    "日本",
)
WAVES = ("T1", "T10", "T2", "pre, x", "1.5")
KEYS = ["participant", "wave"]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        dta.main(list(arguments))
    return int(stopped.value.code or 0)


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Odd people, odd waves, each kind of missing answer, covariates that look like formulas and lists."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    Path("scale.yaml").write_text(yaml.safe_dump(definition(), allow_unicode=True), encoding="utf-8")
    keys = pd.MultiIndex.from_product([IDS, WAVES], names=KEYS).to_frame(index=False)
    n = len(keys)
    answers = keys.assign(
        a1=rng.choice([0, 1, 96, 97, 98, 99], n),
        A_2=rng.choice([0, 1, 96, 97, 98, 99], n),
        b1=rng.choice([*range(11), 96, 99], n),
        site=rng.choice(["Köln", "a;b", "=cmd", "10"], n),
        age=rng.normal(40, 9, n).round(1),
    )
    answers.to_csv("answers.csv", index=False)
    return answers.astype(str).sort_values(KEYS, ignore_index=True)


@pytest.mark.filterwarnings("ignore:.*suspicion")
@pytest.mark.parametrize(
    ("name", "file", "source", "further"),
    [
        ("csv-wide", "out.csv", "table", "site,age"),
        ("csv-long", "out.csv", "table", ""),
        ("spss", "out.sav", "table", "site,age"),
        ("stata", "out.dta", "table", "site,age"),
        ("fhir-r4-answers", "out.json", "fhir", ""),
        ("fhir-r5-answers", "out.json", "fhir", ""),
    ],
)
def test_answers_go_out_and_come_back_whole(
    name: str, file: str, source: str, further: str, sent: pd.DataFrame
) -> None:
    """A long table of our own had "no columns" of answers, and Stata's `.a` lost their reasons."""
    scale = ["--instrument", "scale.yaml"]
    beside = ["--covariates", further] if further else []
    assert (
        run("export", name, *scale, "--responses", "answers.csv", "--covariates", "site,age", "--out", file)
        == 0
    )
    assert run("import", file, "--from", source, *scale, *beside, "--out", "back.csv", "--yes") == 0
    back = pd.read_csv("back.csv", dtype=str, keep_default_na=False)
    for column in (*KEYS, "site"):  # a mark before what a spreadsheet would take for a formula
        if column in back:
            back[column] = back[column].str.replace(r"^'(?=[=@+-])", "", regex=True)
    columns = [*KEYS, "a1", "A_2", "b1", *filter(None, further.split(","))]
    back = back.sort_values(KEYS, ignore_index=True)
    pd.testing.assert_frame_equal(back[columns], sent[columns], check_dtype=False)


def test_a_mark_means_a_reason_where_the_file_says_so_of_all_items_alike() -> None:
    scale = Instrument.model_validate(definition())
    cells = {name: pd.Series([0, ".a", 1, ".b", ".c"], dtype=object) for name in ("a1", "A_2")}
    told = {".a": "not seen", ".b": "I'd rather not say; NO", ".c": 'Yes & "always"'}

    def meanings(other: dict[str, str]) -> dict[str, int | None]:
        found = read_answer_texts(cells, scale, "stata", {"a1": told, "A_2": other}, {})["yes_no"]
        return dict(found.meanings)

    # a mark that bears the words of an answer is no answer
    assert meanings(told) == {".a": 99, ".b": 98, ".c": None}
    assert meanings(told | {".a": "Skipped"}) == {".a": None, ".b": 98, ".c": None}
    assert meanings({".b": told[".b"]}) == {".a": 99, ".b": 98, ".c": None}
    assert meanings(told | {".a": "lost"}) == {".a": None, ".b": 98, ".c": None}


LONG = (90071992547409931, None, 90071992547409933)


def beside(cells: list[str]) -> pd.Series:
    """A covariate as it is read from a text file."""
    text = "participant,a1,A_2,b1,card\n" + "".join(f"p{k},1,0,3,{cell}\n" for k, cell in enumerate(cells))
    Path("side.csv").write_text(text, encoding="utf-8")
    scale = Instrument.model_validate(definition())
    return read_responses("side.csv", scale, covariates=("card",))["card"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["90071992547409931", "", "90071992547409933"], LONG),  # both were …936
        (["90071992547409931.0", "7", "-90071992547409933"], (90071992547409931, 7, -90071992547409933)),
        (["9e18", "1", "2"], (9 * 10**18, 1, 2)),
        (["1e19", "1", ""], (1e19, 1.0, None)),  # these two ended in a TypeError
        (["1e300", "1.5", "2"], (1e300, 1.5, 2.0)),
        (["90071992547409931", "1.5", ""], ("90071992547409931", "1.5", None)),
        (["3", "1.5", ""], (3.0, 1.5, None)),
        (["1234567890123456789", "5", ""], ("1234567890123456789", "5", None)),
    ],
)
def test_numbers_of_many_digits_keep_them_all(
    cells: list[str], expected: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = [None if pd.isna(value) else value for value in beside(cells)]
    assert found == list(expected) and all(
        type(a) is type(b) or isinstance(a, (int, np.integer)) for a, b in zip(found, expected, strict=True)
    )


def test_whole_numbers_beside_an_empty_cell_of_a_table_in_memory_stay_whole() -> None:
    frame = pd.DataFrame({"participant": list("abc"), "wave": 1, "a1": 1, "A_2": 0, "b1": 3})
    frame["card"] = pd.Series(LONG, dtype=object)
    found = check_responses(frame, Instrument.model_validate(definition()), covariates=("card",))["card"]
    assert [None if pd.isna(value) else value for value in found] == list(LONG)


@pytest.mark.parametrize("write", [sav_bytes, dta_bytes])
def test_what_decimals_would_change_goes_out_as_text(write: Any, tmp_path: Path) -> None:
    """SPSS and Stata rounded the digits and dropped the zone, without a word; read back by pyreadstat."""
    scale = Instrument.model_validate(definition())
    at = pd.to_datetime(["2026-01-01T01:30+01:00", None, "2026-07-01T02:00+01:00"]).tz_convert(
        "Europe/Berlin"
    )
    frame = pd.DataFrame({"participant": list("abc"), "wave": 1, "a1": 1, "A_2": 0, "b1": 3})
    frame["card"], frame["moment"], frame["age"] = pd.array(LONG, dtype="Int64"), at, [31, 40, 52]
    checked = check_responses(frame, scale, covariates=("card", "moment", "age"))
    path = tmp_path / f"out.{'sav' if write is sav_bytes else 'dta'}"
    path.write_bytes(write(checked, scale))
    read = pyreadstat.read_sav if write is sav_bytes else pyreadstat.read_dta
    back, _ = read(str(path))
    assert back["card"].tolist() == ["90071992547409931", "", "90071992547409933"]
    assert back["moment"].tolist() == ["2026-01-01T01:30:00+01:00", "", "2026-07-01T03:00:00+02:00"]
    assert back["age"].tolist() == [31, 40, 52]


def test_a_number_that_stata_takes_for_none_is_refused() -> None:
    scale = Instrument.model_validate(definition())
    frame = pd.DataFrame({"participant": ["a"], "wave": 1, "a1": 1, "A_2": 0, "b1": 3, "size": [1e308]})
    with pytest.raises(DefinitionError, match="'size' holds a number that is larger than Stata's"):
        dta_bytes(check_responses(frame, scale, covariates=("size",)), scale)
