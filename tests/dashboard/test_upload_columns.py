"""Columns of a file that is dropped in: which are answers, which may be chosen, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest
from small_study import SCALE

from dashboard.upload_columns import Columns, arranged, header_of, others
from dashboard.uploads import Upload
from instrument.definition import Instrument


def _file(text: str, name: str = "a.csv") -> Upload:
    return Upload(name=name, content=text.encode())


def test_items_go_by_their_ids_and_by_the_columns_that_the_instrument_names() -> None:
    raw: dict[str, Any] = {**SCALE, "themes": [dict(theme) for theme in SCALE["themes"]]}
    first = raw["themes"][0]["items"][0]
    raw["themes"][0]["items"] = [{**first, "column": ["FIRST_1", "F1"]}, *raw["themes"][0]["items"][1:]]
    scale = Instrument.model_validate(raw)
    header = ["participant", "wave", first["id"], "FIRST_1", "F1", "F2", "at", "sex"]
    assert others(header, scale) == ("participant", "wave", "F2", "sex")


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("p,w,q1\n1,1,3\n", "a.csv", ("p", "w", "q1")),
        ("p;w;q1\n1;1;3\n", "a.csv", ("p", "w", "q1")),
        ("p\tw\tq1\n", "a.tsv", ("p", "w", "q1")),
        ("\ufeffp,w\r\n", "a.csv", ("p", "w")),
        ('p,"w;x"\n', "a.csv", ("p", "w;x")),
        ("p,w,p\n", "a.csv", ()),
        ("p,,q\n", "a.csv", ()),
        ("p, w\n", "a.csv", ()),
        ("only\n", "a.csv", ()),
    ],
)
def test_the_first_line_names_columns_or_nothing(text: str, name: str, found: tuple[str, ...]) -> None:
    assert header_of(_file(text, name)) == found


def test_columns_are_renamed_and_left_out_and_cells_stay_as_they_are() -> None:
    given = _file('who;t;q1;x\n"a;b";1;3;9\n007;2;;\n', "a.csv")
    made = arranged(given, Columns(who="who", wave="t", left_out=("x",)))
    assert made.content.decode() == 'participant;wave;q1\n"a;b";1;3\n007;2;\n'
    same = _file("participant,wave,q1\n1,1,3\n")
    assert arranged(same, Columns()) is same
    short = arranged(_file("who,t,q1\n1,1\n"), Columns(who="who", wave="t"))
    assert short.content.decode() == "participant,wave,q1\n1,1\n", "its reader says which line is short"
