"""Columns of a file that is dropped in: which are answers, which may be chosen, and what becomes of them."""

from __future__ import annotations

import io
import zipfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from small_study import SCALE

from dashboard import uploads
from dashboard.upload_columns import Columns, arranged, header_of, others
from dashboard.uploads import Reading, Upload
from instrument.definition import Instrument
from instrument.errors import ResponseDataError


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


def test_a_file_is_taken_up_to_the_limit_packed_and_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST_MB", 1)
    monkeypatch.setattr(uploads, "LARGEST_UNPACKED_MB", 2)
    uploads.check_size(Upload(name="a.csv", content=b"x" * uploads.MEGABYTE))
    with pytest.raises(ResponseDataError, match=r"a\.csv has 1\.0 MB; the page takes 1 MB"):
        uploads.check_size(Upload(name="a.csv", content=b"x" * (uploads.MEGABYTE + 1)))
    for megabytes, fine in ((2, True), (3, False)):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for part in range(megabytes):  # of nothing but noughts: packed it is a few thousand bytes
                archive.writestr(f"sheet{part}.xml", bytes(uploads.MEGABYTE))
        upload = Upload(name="a.xlsx", content=packed.getvalue())
        assert len(upload.content) < 10_000
        with nullcontext() if fine else pytest.raises(ResponseDataError, match=r"a\.xlsx unpacks to 3 MB"):
            uploads._unpacks(upload)


@pytest.mark.parametrize("take_unsure", [False, True])
def test_what_is_unsure_is_taken_where_that_was_asked_for_and_what_is_left_out_is_noted(
    take_unsure: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sure: Any = SimpleNamespace(left_out=("comment", "device"), sure=True)
    unsure: Any = SimpleNamespace(left_out=(), sure=False, accepted=lambda: sure)
    entry = SimpleNamespace(column="q1", meaning="item a", why="its wording")
    found = SimpleNamespace(mapping=unsure, columns=[entry], notes=["noted"], answers=["codes"])
    asked: list[Any] = []

    def recognised(*given: Any, **named: Any) -> Any:
        asked.append(named)
        return found

    def read(path: Path, scale: Any, mapping: Any, caller: str) -> pd.DataFrame:
        frame = pd.DataFrame({"a": [1]})
        frame.attrs["notes"] = [f"sure {mapping.sure}"]
        return frame

    monkeypatch.setattr(uploads, "recognise", recognised)
    monkeypatch.setattr(uploads, "read_responses", read)
    scale: Any = None
    how = Reading(recognise=True, take_unsure=take_unsure, participant="code")
    notes = uploads._recognised(tmp_path / "a.csv", scale, how).attrs["notes"]
    assert notes[:4] == [
        f"sure {take_unsure}",
        "noted",
        "codes",
        "column 'q1' is taken for item a (its wording)",
    ]
    assert notes[4:] == (["left out: comment, device"] if take_unsure else [])
    assert (asked[0]["participant"], asked[0]["wave"]) == ("code", None)
