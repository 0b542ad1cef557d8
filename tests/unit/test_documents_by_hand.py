"""Tables in Markdown and Word, names of a report's files, and waves written in several ways, by hand."""

from __future__ import annotations

from pathlib import Path

import docx
import numpy as np
import pytest
from docx.enum.section import WD_ORIENT

from analysis.report import word_parts
from analysis.report.markdown import table_lines
from analysis.report.view import Cell, TableView
from analysis.report.word_parts import (
    PADDING,
    TYPE,
    Paper,
    add_caption,
    add_references,
    column_widths,
    lies_on_its_side,
    turn_page,
)
from analysis.report.writing import check_forms, check_paper, refuse_foreign
from instrument.errors import DefinitionError, ResponseDataError
from instrument.reading.people import wave_key, waves
from instrument.reading.raw import RawTable
from instrument.recognition.wave_writings import renamed_waves, wave_writings


def view(heads: list[tuple[str, bool]], *rows: list[str], note: str = "") -> TableView:
    cells = [[Cell(value=text, text=text, path="", numeric=False) for text in row] for row in rows]
    return TableView(name="t", title="A table", note=note, heads=heads, rows=cells)


def test_a_table_has_its_number_its_sides_and_its_note() -> None:
    made = view([("Item", False), ("M | SD", True)], ["a\nb", "1.0"], note="Of all.")
    assert list(table_lines(made, 3)) == [
        "**Table 3**\n",
        "*A table*\n",
        "| Item | M \\| SD |",
        "|---|---:|",
        "| a b | 1.0 |",
        "",
        "*Note.* Of all.\n",
    ]
    assert list(table_lines(view([("a", False)], ["b"]), 1))[-1] == ""


WORDS = view([("Item", False), ("n", True)], ["one two three", "1 000"])
# of 10-point type a letter has 5.4 points: 'three' and '1 000' 5 letters; the whole text 13


def test_columns_share_what_is_left_by_what_they_want() -> None:
    least = 5 * 5.4 + PADDING
    wanted = 13 * 5.4 + PADDING
    roomy = [13 * 6.8 + PADDING, 5 * 6.8 + PADDING]
    assert column_widths(WORDS, sum(roomy) + 1, 10) == pytest.approx(roomy)
    both = wanted + least
    assert column_widths(WORDS, both + 11, 10) == pytest.approx(
        [wanted * (1 + 11 / both), least * (1 + 11 / both)]
    )
    assert column_widths(WORDS, both - 10, 10) == pytest.approx(
        [wanted - 10, least]
    )  # the text alone gives way
    assert column_widths(WORDS, 2 * least - 8, 10) == pytest.approx([least - 4, least - 4])


def test_a_long_text_wants_no_more_than_38_letters() -> None:
    long = view([("Item", False), ("n", False)], [" ".join(["abcd"] * 20), "1"])
    full, short = 38 * 5.4 + PADDING, 5.4 + PADDING
    assert column_widths(long, full + short, 10) == pytest.approx([full, short])
    assert column_widths(view([("Answered", False)], ["a"]), 8 * 5.4 + PADDING, 10) == pytest.approx(
        [8 * 5.4 + PADDING]
    )


def test_a_table_lies_on_its_side_where_a_word_would_break_or_a_cell_were_a_tower() -> None:
    upright = word_parts.room(Paper.A4, landscape=False)
    letters = int((upright - PADDING) / (TYPE * 0.54))
    assert not lies_on_its_side(view([("a", False)], ["x" * letters]), Paper.A4)
    assert lies_on_its_side(view([("a", False)], ["x" * (letters + 1)]), Paper.A4)
    texts = ["word " * 8] * 5  # what five columns hold in a few lines
    assert not lies_on_its_side(view([("a", False)] * 5, texts), Paper.A4)
    assert lies_on_its_side(view([("a", False)] * 5, ["word " * 60, *texts[1:]]), Paper.A4)


def test_captions_are_counted_by_kind_and_place_and_named_once() -> None:
    document = docx.Document()
    for number in ("1", "2", "A1", "S1"):
        add_caption(document, "Table", number, "Means")
    xml = document.element.body.xml
    assert xml.count("SEQ Table \\* ARABIC") == 2 and "SEQ Table_at_the_end" in xml
    assert "SEQ Table_of_the_supplement" in xml and 'w:name="table_S1"' in xml
    assert [f'w:id="{k}"' in xml for k in range(6)] == [False, True, True, True, True, False]
    line = document.add_paragraph()
    add_references(line, [("Table", "1"), ("Table", "2"), ("Figure", "S1")])
    assert line.text == "Table 1, Table 2 and Figure S1"


def test_a_page_is_turned_once() -> None:
    document = docx.Document()
    word_parts.set_paper(document, Paper.LETTER)
    turn_page(document, landscape=False)
    assert len(document.sections) == 1
    upright = word_parts.text_width(document)
    assert upright == pytest.approx(word_parts.room(Paper.LETTER, landscape=False), abs=0.1)
    for _ in range(2):
        turn_page(document, landscape=True)
    assert len(document.sections) == 2 and document.sections[-1].orientation == WD_ORIENT.LANDSCAPE
    assert word_parts.text_width(document) == pytest.approx(
        word_parts.room(Paper.LETTER, landscape=True), abs=0.1
    )


def test_forms_and_paper_are_named_in_any_case_and_each_once() -> None:
    assert check_forms(["docx", " PDF", "html", "pdf", ""]) == ["html", "pdf", "docx"]
    with pytest.raises(DefinitionError, match="'doc' is no form of a report"):
        check_forms(["html", "doc"])
    assert check_paper(" Letter ") is Paper.LETTER
    with pytest.raises(ResponseDataError, match="there is no paper 'a5'"):
        check_paper("a5")


def test_only_an_earlier_report_is_replaced(tmp_path: Path) -> None:
    refuse_foreign(tmp_path), refuse_foreign(tmp_path / "absent")
    (tmp_path / "report.html").write_text("")
    with pytest.raises(ResponseDataError, match="holds no earlier report"):
        refuse_foreign(tmp_path)
    (tmp_path / "results.json").write_text("{}")
    refuse_foreign(tmp_path)
    with pytest.raises(ResponseDataError, match="is not empty"):
        refuse_foreign(tmp_path, replace=False)
    (tmp_path / "thesis.docx").write_text("")
    with pytest.raises(ResponseDataError, match="holds 1 thing"):
        refuse_foreign(tmp_path)
    with pytest.raises(ResponseDataError, match="is a file"):
        refuse_foreign(tmp_path / "thesis.docx")


def test_the_commonest_writing_of_a_wave_is_meant() -> None:
    meant, unsure, said = wave_writings(["t1", "T1", "T1", "", "T2", "T 1"], None)
    assert meant == {"t1": "T1", "T 1": "T1"} and said == []
    assert unsure[0] == "wave_names: 't1' is 'T1' (1 row)"
    assert wave_writings(["1.0", "1", "1"], None)[0] == {}
    assert wave_writings(["1,5", "1.5", "1.5"], None)[0] == {"1,5": "1.5"}


def test_two_first_waves_may_be_one_where_no_person_has_both() -> None:
    texts, people = ["T1", "T1", "T2", "Baseline"], ["a", "b", "a", "c"]
    said = wave_writings(texts, people)[2]
    assert said[0].endswith("`wave_names: {'Baseline': 'T1'}`")  # the rarer is called as the commoner
    assert wave_writings(texts, ["a", "b", "a", "b"])[2] == []
    assert wave_writings(texts, None)[2] == []
    assert (
        wave_writings(["T1", "T1", "Baseline"], ["a", "b", "c"])[2] == []
    )  # a second wave under its name, maybe
    assert wave_writings(["T1", "", "Baseline"], ["a", "b", "c"])[2] == []  # an empty cell is no wave
    three = wave_writings([*texts, "pre"], [*people, "d"])[2]
    assert three == []


def test_waves_are_renamed_and_counted_where_their_name_changed() -> None:
    made, said = renamed_waves(["T1", "pre", "pre", "T2"], {"pre": "T1", "T2": "T2"})
    assert made == ["T1", "T1", "T1", "T2"] and said.startswith("2 rows of waves written otherwise ('pre')")
    assert renamed_waves(["T1"], {"pre": "T1"}) == (["T1"], "")


APART = [("week_1.1", "week_11"), ("1.5", "15"), ("T1.0", "T10"), ("2,1", "21")]
ALIKE = [("Week 3", "week-3"), ("T1.", "t1"), ("1,5", "1.5"), ("1.0", "1"), ("v.2", "V2"), ("w_1", "W1")]


@pytest.mark.parametrize(("one", "other"), APART)
def test_a_point_between_digits_makes_another_wave(one: str, other: str) -> None:
    """An event and its repetition are joined by a point: the first of week 1 is not week 11."""
    assert wave_key(one) != wave_key(other)
    assert wave_writings([one, other, other], None)[:2] == ({}, [])
    cells = [np.array([one, other, "T", other], dtype=object)]
    raw = RawTable(caller="f", source="a", columns=["wave"], cells=cells, lines=np.arange(4))
    assert waves(raw, "wave", []).tolist() == [one, other, "T", other]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_other_marks_blanks_and_capitals_make_none(one: str, other: str) -> None:
    assert wave_key(one) == wave_key(other)
