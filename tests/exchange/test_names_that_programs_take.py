"""Names of columns that SPSS or Stata do not take are refused in words; all others come back as they were."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.exchange.spss import sav_bytes
from instrument.exchange.stata import dta_bytes
from tests.unit.test_content_records import MINI

SIGNS = [
    *string.punctuation,
    " ",
    "\t",
    "\n",
    "\u00a0",
    "\u200b",
    "ä",
    "語",
    "²",
    "½",
    "٣",
    "🙂",
    "0",
    "e\u0301",
]
NAMES = [
    *(sign.join(parts) for sign in SIGNS for parts in (("q", ""), ("", "q"), ("q", "r"))),
    *("if", "using", "str5", "_all", "with", "By", "q1x", "a" * 31, "a" * 32, "a" * 33, "a" * 64, "a" * 65),
    *("ä" * 16, "ä" * 32, "ä" * 33, "語" * 21, "語" * 22, "语" * 40),
]
PROGRAMS = {"sav": (sav_bytes, pyreadstat.read_sav), "dta": (dta_bytes, pyreadstat.read_dta)}


def scale_with(name: str) -> Instrument:
    themes = [{"id": "a", "title": "A", "items": [{"id": name, "text": "T."}, {"id": "r", "text": "U."}]}]
    return Instrument.model_validate({**MINI, "themes": themes, "translations": {}})


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_column_comes_back_by_its_name_or_is_refused(program: str, name: str, tmp_path: Path) -> None:
    write: Callable[..., bytes] = PROGRAMS[program][0]
    answers = pd.DataFrame({"participant": ["p"], "wave": [1], "q": [1], "r": [2], name: ["v"]})
    answers = answers if name not in ("q", "r") else answers.drop(columns=name)
    try:
        content = write(answers, scale_with("q"))
    except DefinitionError as error:
        assert "\nHint: " in str(error)
        return
    path = tmp_path / f"a.{program}"
    path.write_bytes(content)
    frame, _ = PROGRAMS[program][1](path)
    assert list(frame.columns) == ["participant", "wave", "q", "r", name]
    assert frame[name].tolist() == ["v"]


@pytest.mark.parametrize(
    ("program", "taken", "refused"),
    [
        ("sav", ["größe", "a.b", "a$", "if", "a" * 64, "ä" * 32], ["a b", "1x", "_x", "q-1", "By", "a" * 65]),
        (
            "dta",
            ["größe", "_x", "by", "a" * 32, "語" * 5],
            ["a b", "1x", "q-1", "a.b", "if", "str5", "a" * 33],
        ),
    ],
)
def test_what_each_takes(program: str, taken: list[str], refused: list[str]) -> None:
    write = PROGRAMS[program][0]
    for name in (*taken, *refused):
        answers = pd.DataFrame({"participant": ["p"], "wave": [1], "q": [1], "r": [2], name: ["v"]})
        if name in taken:
            assert write(answers, scale_with("q"))
        else:
            with pytest.raises(DefinitionError, match=r"rename|shorten"):
                write(answers, scale_with("q"))


@pytest.mark.parametrize(("length", "fits"), [(31, True), (32, False)])
def test_an_item_in_stata_has_one_letter_less_since_its_labels_bear_its_name(
    length: int, fits: bool, tmp_path: Path
) -> None:
    name = "q" * length
    answers = pd.DataFrame({"participant": ["p"], "wave": [1], name: [1], "r": [2]})
    if not fits:
        with pytest.raises(DefinitionError, match=r"at most 32 characters, that of an item 31\."):
            dta_bytes(answers, scale_with(name))
        return
    (tmp_path / "a.dta").write_bytes(dta_bytes(answers, scale_with(name)))
    _, meta = pyreadstat.read_dta(tmp_path / "a.dta")
    assert meta.variable_value_labels[name] == {1: "No", 2: "Yes"}
