"""Stata files read back by pyreadstat and by pandas."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.exchange.codebook import codebook
from instrument.exchange.stata import LETTERS, dta_bytes


@pytest.fixture
def path(answers: pd.DataFrame, awkward: Instrument, tmp_path: Path) -> Path:
    path = tmp_path / "answers.dta"
    path.write_bytes(dta_bytes(answers, awkward))
    return path


def test_codes_come_back_with_every_kind_of_missing_apart(path: Path) -> None:
    frame, _ = pyreadstat.read_dta(path, user_missing=True)
    assert frame["A_2"].tolist() == [0, "d", 1, "a"]
    assert frame["b1"].tolist() == [10, 0, "b", 7]
    assert frame["a1"].tolist()[:3] == [1, 0, "c"]
    assert pd.isna(frame["a1"].tolist()[3])
    assert frame["site"].tolist() == ["Zürich", "Zürich", "B, C", "D"]


def test_pandas_reads_answers_and_leaves_the_missing_out(path: Path, answers: pd.DataFrame) -> None:
    read = pd.read_stata(path, convert_categoricals=False)
    for item in ("a1", "A_2", "b1"):
        assert read[item].astype("Int64").tolist() == answers[item].tolist()
    assert read["age"].tolist() == [31.5, 31.5, 40.0, 52.0]


def test_every_label_comes_back(path: Path, awkward: Instrument) -> None:
    _, meta = pyreadstat.read_dta(path, user_missing=True)
    for variable in codebook(awkward)["variables"]:
        labels = {LETTERS.get(x["reason"], x["code"]): x["label"] for x in variable["values"]}
        assert meta.variable_value_labels[variable["variable"]] == labels
        shown = meta.column_names_to_labels[variable["variable"]]
        assert variable["text"].startswith(shown.removesuffix("…"))
        assert len(shown) <= 80
        assert shown.endswith("…") == (len(variable["text"]) > 80)
    assert meta.file_label == 'awkward_1 2.0: Scale of "A & B" <test>'


def test_names_that_stata_cannot_hold_are_refused(answers: pd.DataFrame, awkward: Instrument) -> None:
    renamed = answers.rename(columns={"site": "s" * 33})
    renamed.attrs = answers.attrs
    with pytest.raises(DefinitionError, match="at most 32 characters"):
        dta_bytes(renamed, awkward)
