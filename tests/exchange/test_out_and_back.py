"""What the toolkit writes for other programs it reads again: every answer, reason, person, wave and covariate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import dta
from instrument.definition import Instrument
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
