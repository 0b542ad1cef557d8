"""What a file holds is recognised by rules that can be told, and what they leave open is called unsure."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError
from instrument.reading.read_responses import read_responses
from instrument.recognition import Mapping, load_mapping, mapping_text, recognise
from instrument.recognition.items import Ground, match_items
from instrument.recognition.opening import encoding_of, separator_of

SCALE = Instrument.model_validate(
    {
        "schema": 1,
        "id": "mini",
        "version": "1",
        "title": "Mini",
        "response_scales": {"agree": {"options": {1: "Not at all", 2: "Partly", 3: "Very much"}}},
        "missing_codes": {"declined": 9},
        "themes": [
            {
                "id": "t",
                "title": "T",
                "items": [
                    {"id": "a1", "text": "The app listens to me."},
                    {"id": "a2", "text": "I trust what it says."},
                    {"id": "a3", "text": "I know what comes next."},
                ],
            }
        ],
    }
)


def saved(
    folder: Path, *rows: list[Any], name: str = "f.csv", mark: str = ",", encoding: str = "utf-8"
) -> Path:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=mark).writerows(rows)
    (folder / name).write_bytes(text.getvalue().encode(encoding))
    return folder / name


def matched(*labels: str, below: tuple[str, ...] = ()) -> dict[str, tuple[str, Ground, str]]:
    headers = [(label, *below[k : k + 1]) for k, label in enumerate(labels)]
    return {m.item: (m.column, m.ground, m.doubt) for m in match_items(labels, headers, SCALE)[0]}


@pytest.mark.parametrize(
    ("label", "ground"),
    [
        ("a1", Ground.ID),
        ("A1", Ground.ID),
        (" a1\u200b", Ground.ID),
        ("scale[a1]", Ground.PART),
        ("bond-a1", Ground.PART),
        ("bond/a1", Ground.PART),
        ("form.a1", Ground.PART),
        ("a1_1", Ground.PART),
        ("The app listens to me.", Ground.WORDING),
        ("THE APP\xa0listens to me", Ground.WORDING),
        ("How far do you agree? [The app listens to me.]", Ground.WORDING),
        ("How far do you agree? - The app listens to me.", Ground.WORDING),
        ("1. The app listens to me.", Ground.WORDING),
        ("dta[a9]. The app listens to me.", Ground.WORDING),
        ("<b>The app</b> listens to me.", Ground.WORDING),
        ("The app listened to me.", Ground.ALIKE),
    ],
)
def test_a_column_is_found_by_id_or_wording(label: str, ground: Ground) -> None:
    found = matched("x", label, "a2")
    assert found["a1"][:2] == (label, ground)
    assert found["a2"][0] == "a2"


@pytest.mark.parametrize("label", ["a11", "ba1", "a1_2", "xa1x", "listens", "The app helps me.", "1", ""])
def test_other_columns_are_no_item(label: str) -> None:
    assert "a1" not in matched("x", label, "a2")


def test_an_exact_id_comes_before_everything_else() -> None:
    assert matched("The app listens to me.", "A1", "a1")["a1"][:2] == ("a1", Ground.ID)


def test_a_column_named_by_one_item_and_worded_as_another_is_doubted(tmp_path: Path) -> None:
    found = matched("a1", "a2", "a3", below=("The app listens to me.", "I know what comes next.", ""))
    assert found["a1"][2] == ""
    assert found["a2"][2] == "named 'a2', worded as 'a3'"
    path = saved(
        tmp_path,
        ["participant", "a1", "a2", "a3"],
        ["", "I trust what it says.", "The app listens to me.", "I know what comes next."],
        ["p1", 1, 2, 3],
    )
    mapping = recognise(path, SCALE).mapping
    assert (mapping.file.header_rows, mapping.file.names_row) == (2, 1)
    assert [entry.partition(":")[0] for entry in mapping.unsure] == ["items.a1", "items.a2"]


@pytest.mark.parametrize("names", [("a1", "a1"), ("A1", "A1 "), ("x[a1]", "y[a1]")])
def test_two_columns_that_could_be_one_item_are_unsure(names: tuple[str, str], tmp_path: Path) -> None:
    path = saved(tmp_path, ["participant", *names, "a2", "a3"], ["p1", 1, 2, 3, 1])
    assert any(entry.startswith("items.a1: 2 columns") for entry in recognise(path, SCALE).mapping.unsure)


@pytest.mark.parametrize(
    ("first", "second"), [("{}", "{}_2"), ("{}", "{}.t2"), ("{}", "T2_{}"), ("t1_{}", "t2_{}")]
)
def test_waves_side_by_side_are_never_left_out_in_silence(first: str, second: str, tmp_path: Path) -> None:
    names = [form.format(item) for form in (first, second) for item in SCALE.item_ids]
    path = saved(tmp_path, ["participant", *names], ["p1", 1, 2, 3, 3, 2, 1])
    mapping = recognise(path, SCALE).mapping
    if mapping.waves:
        assert [column for items in mapping.waves.values() for column in items.values()] == names
        assert mapping.unsure == ("waves: 't1', 't2' by the names of columns",)
    else:
        assert any("may hold items at another wave" in entry for entry in mapping.unsure)


def test_a_number_behind_the_id_is_no_part_of_it_where_a_second_follows(tmp_path: Path) -> None:
    assert matched("a1_1", "a2_1", "a3_1").keys() == {"a1", "a2", "a3"}
    assert matched("a1_1", "a1_2", "a2_1", "a2_2", "a3_1", "a3_2") == {}


def test_encoding_and_separator_are_seen() -> None:
    text = "participant;a1\nMüller;1\n"
    for encoding, name, is_sure in (
        ("utf-8", "utf-8", True),
        ("utf-8-sig", "utf-8", True),
        ("utf-16", "utf-16", True),
        ("utf-16-le", "utf-16-le", True),
        ("utf-16-be", "utf-16-be", True),
        ("cp1252", "cp1252", False),
    ):
        assert encoding_of(text.encode(encoding)) == (name, is_sure)
    assert separator_of("a;b\n1,5;2,5\n", ",") == ";"
    assert separator_of("a\tb\n1;2\t3\n", ",") == "\t"
    assert separator_of("sep=|\na|b\n1|2\n", ",") == "|"
    assert separator_of("a,b\n1,2\n", ",") == ","
    assert separator_of("a\n1\n", ",") == ","


@pytest.mark.parametrize(
    ("cells", "codes", "n_unsure"),
    [
        (["Not at all", "PARTLY ", "very  much"], [1, 2, 3], 1),  # beside bare codes of somebody else
        (["1 - Not at all", "Partly (2)", "3: Very much"], [1, 2, 3], 0),
        (['="1"', "2.0", "3"], [1, 2, 3], 0),
        (["A1", "AO02", "A03"], [1, 2, 3], 3),
        (["1", "n/a", "3"], [1, None, 3], 1),
        (["1", "", "9"], [1, None, None], 0),
    ],
)
def test_texts_of_answers_get_their_codes(
    cells: list[str], codes: list[int | None], n_unsure: int, tmp_path: Path
) -> None:
    path = saved(tmp_path, ["participant", "a1", "a2", "a3"], ["p1", *cells], ["p2", 1, 1, 1])
    found = recognise(path, SCALE)
    assert len(found.mapping.unsure) == n_unsure
    read = read_responses(path, SCALE, mapping=found.mapping.accepted())
    row = read.loc[0, SCALE.item_ids]
    assert [None if code is None else code for code in codes] == [
        None if v != v or v is None else v for v in row.astype(object).where(row.notna(), None)
    ]


def test_a_code_beside_the_label_of_another_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, ["participant", "a1", "a2", "a3"], ["p1", "1 - Partly", 2, 3])
    found = recognise(path, SCALE)
    with pytest.raises(ResponseDataError, match=r"1 cell holds text .*\(column 'a1'; line 2\)"):
        read_responses(path, SCALE, mapping=found.mapping.accepted())


def test_decimal_commas_of_whole_answers_are_read(tmp_path: Path) -> None:
    path = saved(tmp_path, ["participant", "a1", "a2", "a3"], ["p1", "1,0", "2,0", "3,0"], mark=";")
    found = recognise(path, SCALE)
    assert (found.mapping.file.decimal, found.mapping.file.delimiter) == (",", ";")
    assert read_responses(path, SCALE, mapping=found.mapping).loc[0, SCALE.item_ids].tolist() == [1, 2, 3]
    halves = saved(tmp_path, ["participant", "a1", "a2", "a3"], ["p1", "1,5", "2,0", "3,0"], mark=";")
    with pytest.raises(ResponseDataError, match=r"1 cell holds a decimal comma \(column 'a1'; line 2\)"):
        read_responses(halves, SCALE, mapping=recognise(halves, SCALE).mapping)


def test_previews_are_left_out_and_counted(tmp_path: Path) -> None:
    head = ["StartDate", "EndDate", "Status", "RecordedDate", "ResponseId", "a1", "a2", "a3"]
    imports = ['{"ImportId":"startDate"}', *[f'{{"ImportId":"x{k}"}}' for k in range(7)]]
    rows = [["d", "d", status, "d", f"R_{k}", 1, 2, 3] for k, status in enumerate(("0", "1", "0"))]
    path = saved(tmp_path, head, head, imports, *rows)
    found = recognise(path, SCALE)
    read = read_responses(path, SCALE, mapping=found.mapping)
    assert read["participant"].tolist() == ["R_0", "R_2"]
    assert "1 row left out by 'Status' (line 5)" in read.attrs["notes"]


def test_columns_that_are_not_needed_are_listed_and_those_named_are_kept(tmp_path: Path) -> None:
    path = saved(tmp_path, ["participant", "IP", "a1", "sex", "a2", "a3"], ["p1", "::1", 1, "f", 2, 3])
    found = recognise(path, SCALE, covariates=["sex"])
    assert found.mapping.left_out == ("IP",)
    read = read_responses(path, SCALE, mapping=found.mapping)
    assert list(read.columns) == ["participant", "wave", "a1", "a2", "a3", "sex"]
    assert "::1" not in found.summary() and "left out: IP" in found.summary()
    frame = found.to_frame()
    assert frame["n"].tolist() == [1, 1, 1, 1, 1]
    with pytest.raises(ResponseDataError, match="1 covariate not among the columns: 'age'"):
        recognise(path, SCALE, covariates=["age"])


def test_a_mapping_survives_its_file_and_is_checked(tmp_path: Path) -> None:
    path = saved(tmp_path, ["participant", "a1", "a2", "a3"], ["p1", "Partly", "n/a", 3])
    mapping = recognise(path, SCALE).mapping
    where = tmp_path / "mapping.yaml"
    where.write_text(mapping_text(mapping, "f.csv"), encoding="utf-8")
    assert load_mapping(where) == mapping
    where.write_text(
        mapping_text(mapping, "f.csv").replace("header_rows: 1", "header_rows: none"), encoding="utf-8"
    )
    with pytest.raises(DefinitionError, match=r"mapping.yaml: file.header_rows"):
        load_mapping(where)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"instrument": "other"}, "the mapping is about instrument 'other', not 'mini'"),
        ({"items": {"a1": "a1", "a2": "a1", "a3": "a3"}}, "takes 'a1' for several things"),
        ({"items": {"a1": "a1", "a9": "a2"}}, "names 'a9', no items of instrument 'mini'"),
        ({"unsure": ["items.a1: …"]}, r"1 entry of the mapping is unsure: items.a1"),
        ({"wave": "visit"}, "1 column of the mapping not in the file: 'visit'"),
        ({"items": {"a1": "a1", "a2": "a2"}}, "1 of 3 item columns of instrument 'mini' 1 are absent: 'a3'"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = saved(tmp_path, ["participant", "a1", "a2", "a3"], ["p1", 1, 2, 3])
    content = {"instrument": "mini", "participant": "participant", "items": {i: i for i in SCALE.item_ids}}
    mapping = Mapping.model_validate(content | change)
    with pytest.raises((DefinitionError, ResponseDataError), match=words):
        read_responses(path, SCALE, mapping=mapping)


def test_what_a_mapping_says_is_not_said_beside_it(tmp_path: Path) -> None:
    path = saved(tmp_path, ["participant", "a1", "a2", "a3"], ["p1", 1, 2, 3])
    mapping = recognise(path, SCALE).mapping
    with pytest.raises(ResponseDataError, match="'labels', 'wave' named beside a mapping"):
        read_responses(path, SCALE, mapping=mapping, labels=True, wave="visit")


def test_a_file_of_another_questionnaire_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, ["id", "b1", "b2"], ["p1", 1, 2])
    with pytest.raises(
        ResponseDataError, match=r"no column is any of the 3 items .*\nHint: check the instrument"
    ):
        recognise(path, SCALE)


def test_a_file_is_taken_apart_once_to_be_recognised_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import instrument.reading.files as files

    taken_apart: list[str] = []
    read = files.read_delimited

    def counted(path: Path, *given: Any) -> Any:
        taken_apart.append(path.name)
        return read(path, *given)

    monkeypatch.setattr(files, "read_delimited", counted)
    path = saved(tmp_path, ["participant", "a1", "a2", "a3"], ["p1", 1, 2, 3], ["p2", 3, 2, 1])
    found = recognise(path, SCALE)
    first = read_responses(path, SCALE, mapping=found.mapping)
    assert taken_apart == ["f.csv"]
    with pytest.raises(ResponseDataError, match=r"^dta import: f\.csv: 1 answer is no code .*line 2"):
        saved(tmp_path, ["participant", "a1", "a2", "a3"], ["p1", 7, 2, 3], ["p2", 3, 2, 1])
        read_responses(path, SCALE, mapping=found.mapping, caller="dta import")
    saved(tmp_path, ["participant", "a1", "a2", "a3"], ["p1", 1, 2, 3], ["p2", 3, 2, 1])
    mapping = found.mapping
    del found  # who no longer holds what was recognised holds no table either
    again = read_responses(path, SCALE, mapping=mapping)
    assert taken_apart == ["f.csv"] * 3
    assert again.equals(first)
    assert again.attrs["checksum"] == first.attrs["checksum"]


def test_columns_of_options_are_no_waves_and_waves_are_no_options(tmp_path: Path) -> None:
    ids = ["a1", "a2", "a3"]
    boxes = [f"{item}_{option}" for option in (1, 2, 3) for item in ids]
    ticked = [[1 if (p + i) % 3 == option else "" for option in range(3) for i in range(3)] for p in range(6)]
    path = saved(tmp_path, ["participant", *boxes], *([f"p{k}", *row] for k, row in enumerate(ticked)))
    with pytest.raises(ResponseDataError, match=r"hold ticks: a column for each option"):
        recognise(path, SCALE)
    once = [[*row[:-1], 2] for row in ticked]  # another mark: codes, of people who came to one wave each
    path = saved(tmp_path, ["participant", *boxes], *([f"p{k}", *row] for k, row in enumerate(once)))
    assert set(recognise(path, SCALE).mapping.waves) == {"1", "2", "3"}
    twice = [[1] * 9 for _ in ticked]  # everybody chose the same at every wave
    path = saved(tmp_path, ["participant", *boxes], *([f"p{k}", *row] for k, row in enumerate(twice)))
    assert set(recognise(path, SCALE).mapping.waves) == {"1", "2", "3"}
