"""Tables beside the answers: every cell is read or refused with its line, and they speak of the same people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.commands.reading import SideReading, read_side_table
from analysis.commands.reading_options import ReadingOptions
from analysis.commands.reading_study import read_study
from analysis.commands.study_files import StudyFiles
from instrument.errors import DefinitionError, ResponseDataError
from instrument.study_data import StudyData

SCALE = """schema: 1
id: mini
version: "1.0"
title: Mini scale
response_scales:
  agreement: {options: {1: no, 2: rather no, 3: neither, 4: rather yes, 5: yes}}
themes:
  - id: bond
    title: Bond
    items:
      - {id: q1, text: First.}
      - {id: q2, text: Second.}
"""
STUDY = """schema: 1
id: mini_study
title: Mini study
instrument: INSTRUMENT
waves:
- {id: w1, day: 21, opens: 21, closes: 28}
study_days: 84
intended_use: {unit: sessions, amount: 12, weeks: 12, justification: One session a week for all.}
adherence: {metric: sessions, threshold: 0.66, justification: Eight of twelve sessions hold all.}
landmark: {wave: w1, day: 28}
"""
IDS = [f"P{k:03d}" for k in range(1, 41)]


def saved(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def columns(folder: Path, name: str, **cells: Any) -> Path:
    pd.DataFrame(cells).to_csv(folder / name, index=False)
    return folder / name


def answers(folder: Path, ids: list[str] = IDS, waves: tuple[str, ...] = ("w1",)) -> Path:
    rows = [(name, wave, 1 + k % 5, 1 + k % 4) for wave in waves for k, name in enumerate(ids)]
    frame = pd.DataFrame(rows, columns=["participant", "wave", "q1", "q2"])
    frame.to_csv(folder / "answers.csv", index=False)
    saved(folder, "mini.yaml", SCALE)
    return folder / "answers.csv"


def inputs_of(folder: Path, how: ReadingOptions | None = None, **tables: Any) -> StudyData:
    path = tables.pop("responses", None) or answers(folder)
    return read_study(StudyFiles(responses=path, instrument=str(folder / "mini.yaml"), **tables), how)


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize(
    ("what", "column", "cells", "how", "words"),
    [
        ("enrolment", "enrolled", ["46089", "46090"], {}, "Excel counts days"),
        (
            "enrolment",
            "enrolled",
            ["08.03.2026", "31.03.2026"],
            {},
            r"1 can only be day first, 0 only .*\n.*--dates D\.M\.Y",
        ),
        (
            "enrolment",
            "enrolled",
            ["03/08/2026", "03/09/2026"],
            {},
            r"2 either.*\n.*--dates D/M/Y or --dates M/D/Y",
        ),
        (
            "enrolment",
            "enrolled",
            ["2026-03-08", "soon"],
            {},
            "not read as dates: of 2 looked at, 1 as ISO 8601, 1 as",
        ),
        (
            "enrolment",
            "enrolled",
            ["2026-03-08", "2026-02-31"],
            {},
            r"1 cell cannot be read as dates .*ROW 2",
        ),
        ("enrolment", "withdrawn", ["2026-03-08", "2026-03-08T00:00Z"], {}, "1 cell holds no offset"),
        (
            "enrolment",
            "withdrawn_day",
            ["no", "3"],
            {},
            r"1 cell holds text where a number is expected \(ROW 1\)",
        ),
        ("enrolment", "withdrawn_day", ["3", "-99"], {}, r"1 cell lies before enrolment \(ROW 2\)"),
        ("enrolment", "withdrawn_day", ["3", "4,5"], {}, r"1 cell holds a comma \(ROW 2\)"),
        (
            "times",
            "seconds",
            ["0:01:12", "0:02:00"],
            {},
            r"2 cells hold hours and minutes.*\n.*--times-in h:mm:ss",
        ),
        ("times", "seconds", ["53,5", "60"], {}, r"1 cell holds a comma \(ROW 1\)\.\n.*--decimal ','"),
        (
            "times",
            "seconds",
            ["53000", "61000"],
            {},
            r"longer than two hours.*\n.*--times-in ms or --times-in s",
        ),
        ("times", "seconds", ["53.5", "60"], {"decimal": ","}, r"1 cell holds a point, .*\(ROW 1\)"),
        ("times", "seconds", ["-3", "60"], {}, r"1 cell lies below 0 \(ROW 1\)"),
        ("covariates", "age", ["30", "40,5", "41"], {}, r"1 cell holds a comma \(ROW 2\)"),
        ("covariates", "age", ["30", "41", "n/a", "32"], {}, r"1 cell holds an undeclared mark .*\(ROW 3\)"),
        ("covariates", "age", ["30", "41", "old", "32"], {}, r"1 cell holds text .*\(ROW 3\)"),
        (
            "covariates",
            "income",
            ["1,000.5", "41", "2", "32"],
            {},
            r"1 cell holds a thousands mark \(ROW 1\)",
        ),
        ("covariates", "share", ["10 %", "41", "2", "32"], {}, r"1 cell holds a percent sign \(ROW 1\)"),
        ("covariates", "sex", ["woman", "Woman", "woman", "man"], {}, r"1 cell holds a category .*\(ROW 2\)"),
        ("covariates", "sex", ["woman", "null", "woman", "man"], {}, r"undeclared mark .*\(ROW 2\)"),
        ("outcomes", "distress", ["12", "1:30:00", "9"], {}, r"1 cell holds .*\(ROW 2\)"),
    ],
)
def test_a_cell_that_would_be_guessed_is_refused_with_its_line(
    what: str, column: str, cells: list[str], how: dict[str, Any], words: str, parquet: bool, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"participant": IDS[: len(cells)], "wave": "w1", column: cells})
    path = tmp_path / ("side.parquet" if parquet else "side.csv")
    frame.to_parquet(path) if parquet else frame.to_csv(path, index=False)
    row = "row" if parquet else "line"
    for number in (1, 2, 3):
        words = words.replace(f"ROW {number}", f"{row} {number if parquet else number + 1}")
    with pytest.raises(ResponseDataError, match=f"(?s)column '{column}'.*{words}") as caught:
        read_side_table(path, what, how=SideReading(**how))
    shown = str(caught.value).split("\n")[0]
    assert not any(cell in shown for cell in cells if len(cell) > 3)


def test_what_is_named_is_read(tmp_path: Path) -> None:
    enrolment = columns(
        tmp_path,
        "e.csv",
        participant=IDS[:3],
        enrolled=["08.03.2026", "", "31.03.2026"],
        withdrawn_day=["4,5", "", "NA"],
    )
    found = read_side_table(enrolment, "enrolment", how=SideReading(dates="D.M.Y", decimal=","))
    assert found["enrolled"].tolist()[::2] == [pd.Timestamp("2026-03-08"), pd.Timestamp("2026-03-31")]
    assert pd.isna(found["enrolled"][1])
    np.testing.assert_array_equal(found["withdrawn_day"], [4.5, np.nan, np.nan])
    exported = columns(tmp_path, "x.csv", participant=IDS[:2], enrolled_on=["2026-03-08", "2026-03-09"])
    stamps = read_side_table(exported, "enrolment")["enrolled"]
    assert stamps.tolist() == [pd.Timestamp("2026-03-08"), pd.Timestamp("2026-03-09")]
    both = columns(tmp_path, "x.csv", participant=IDS[:1], enrolled_on=["no date"], enrolled=["2026-03-08"])
    assert read_side_table(both, "enrolment")["enrolled"].tolist() == [pd.Timestamp("2026-03-08")]
    serial = columns(tmp_path, "s.csv", participant=IDS[:2], enrolled=[46_089, 46_090.5])
    stamps = read_side_table(serial, "enrolment", how=SideReading(dates="excel"))["enrolled"]
    assert stamps.tolist() == [pd.Timestamp("2026-03-08"), pd.Timestamp("2026-03-09 12:00")]
    for unit, cells in (
        ("ms", [53_000, 61_500]),
        ("min", [53 / 60, 61.5 / 60]),
        ("h:mm:ss", ["0:00:53", "00:01:01.5"]),
        ("s", [53, 61.5]),
    ):
        times = columns(tmp_path, "t.csv", participant=IDS[:2], wave="w1", seconds=cells)
        seconds = read_side_table(times, "times", how=SideReading(times_in=unit))["seconds"]
        np.testing.assert_allclose(seconds, [53.0, 61.5], rtol=1e-12)
    side = columns(
        tmp_path,
        "c.csv",
        participant=["007", "8", " 9 "],
        age=[30, 41, 52],
        plz=["01234", "99999", "12345"],
        band=["18-24", "25+", ""],
        height=["1.5", "1.7", ""],
    )
    found = read_side_table(side, "covariates")
    assert found["participant"].tolist() == ["007", "8", "9"]
    assert found["age"].tolist() == [30, 41, 52]
    assert found["plz"].tolist() == ["01234", "99999", "12345"]
    assert found["band"].tolist()[:2] == ["18-24", "25+"]
    assert pd.isna(found["band"][2])
    np.testing.assert_array_equal(found["height"], [1.5, 1.7, np.nan])


@pytest.mark.parametrize(
    ("cells", "how", "numbers"),
    [
        (["1,234", "12", "1,234,567.5"], {"thousands": ","}, [1234, 12, 1234567.5]),
        (["1.234", "12,5", "1.234.567"], {"thousands": ".", "decimal": ","}, [1234, 12.5, 1234567]),
        (["1 234", "12", "1\u202f234\u00a0567"], {"thousands": "space"}, [1234, 12, 1234567]),
        (["1'234", "12", "-1’234.5"], {"thousands": "'"}, [1234, 12, -1234.5]),
        (["45 %", "50%", "7.5 %"], {"percent": True}, [45, 50, 7.5]),
        (["45", "50", "7.5"], {"percent": True}, [45, 50, 7.5]),
        (["1.045,5 %", "50%", "7 %"], {"percent": True, "thousands": ".", "decimal": ","}, [1045.5, 50, 7]),
    ],
)
def test_marks_of_numbers_that_are_named_are_read(
    cells: list[str], how: dict[str, Any], numbers: list[float], tmp_path: Path
) -> None:
    side = columns(tmp_path, "s.csv", participant=[*IDS], x=[*cells, *[cells[0]] * (len(IDS) - 3)])
    read = inputs_of(tmp_path, ReadingOptions(**how), covariates=str(side)).covariates["x"]
    assert list(read[:3]) == numbers


@pytest.mark.parametrize(
    ("cells", "how", "words"),
    [
        (["1,234", "12"], {}, r"1 cell holds a comma \(line 2\)\.\n.*--decimal ',', or .* --thousands ','"),
        (["1,234,567", "12"], {}, r"1 cell holds a thousands mark \(line 2\)\.\n.*--thousands ','"),
        (["1.234,5", "12"], {}, r"thousands mark \(line 2\)\.\n.*--thousands \. and --decimal ','"),
        (["1 234", "12"], {}, r"thousands mark \(line 2\)\.\n.*--thousands space"),
        (["1,5", "12"], {"thousands": ","}, r"1 cell holds the mark of thousands elsewhere .*\(line 2\)"),
        (
            ["1.23", "1.234"],
            {"thousands": ".", "decimal": ","},
            r"1 cell holds the mark of thousands .*line 2",
        ),
        (["1.5", "1'234"], {"thousands": "'", "decimal": ","}, r"1 cell holds a point, .*\(line 2\)"),
        (["45 %", "12"], {}, r"1 cell holds a percent sign \(line 2\)\.\n.*--percent"),
        (["45 %", "0.45"], {"percent": True}, r"cells hold no percent sign where others do \(lines 3"),
    ],
)
def test_marks_of_numbers_that_are_not_named_are_refused(
    cells: list[str], how: dict[str, Any], words: str, tmp_path: Path
) -> None:
    side = columns(tmp_path, "s.csv", participant=IDS, x=[*cells, *["12"] * (len(IDS) - 2)])
    with pytest.raises(ResponseDataError, match=words):
        inputs_of(tmp_path, ReadingOptions(**how), covariates=str(side))


def test_tables_that_are_written_otherwise_have_marks_of_their_own(tmp_path: Path) -> None:
    german = saved(tmp_path, "c.csv", "participant;x\n" + "".join(f"{name};4,5\n" for name in IDS))
    plain = columns(tmp_path, "o.csv", participant=IDS, y=["2.5"] * len(IDS))
    times = columns(tmp_path, "e.csv", participant=IDS, enrolled=["31.03.2026"] * len(IDS))
    tables = {"covariates": str(german), "outcomes": plain, "enrolment": times}
    for decimal in (", outcomes=.", "covariates=,", ". covariates=,"):
        how = ReadingOptions(decimal=decimal, delimiter=";", dates="enrolment=D.M.Y")
        read = inputs_of(tmp_path, how, **tables)
        assert set(read.covariates["x"]) == {4.5}
        assert set(read.outcomes["y"]) == {2.5}
        assert set(read.enrolment["enrolled"].dt.strftime("%m-%d")) == {"03-31"}
    with pytest.raises(ResponseDataError, match=r"o\.csv: .* hold a point, .*\n.*--decimal ', outcomes=\.'"):
        inputs_of(tmp_path, ReadingOptions(decimal=",", delimiter=";", dates="D.M.Y"), **tables)
    with pytest.raises(DefinitionError, match="'cov' is no table"):
        inputs_of(tmp_path, ReadingOptions(decimal="cov=,"), **tables)
    assert ReadingOptions(decimal=", usage=.").log("a.csv").decimal == "."
    assert ReadingOptions(decimal=", usage=.").side().of("times").decimal == ","
    assert ReadingOptions(delimiter="covariates=;").answers()["delimiter"] is None


def test_one_mark_cannot_be_both(tmp_path: Path) -> None:
    side = columns(tmp_path, "s.csv", participant=IDS, x=["1"] * len(IDS))
    for how, words in (
        ({"thousands": "."}, "'.' is the decimal mark too"),
        ({"thousands": "_"}, "'_' is no mark between thousands"),
        ({"decimal": "x"}, "the decimal mark is 'x'"),
    ):
        with pytest.raises(ResponseDataError, match=words):
            inputs_of(tmp_path, ReadingOptions(**how), covariates=str(side))


def test_joins_say_how_many_people_they_match(tmp_path: Path) -> None:
    side = columns(tmp_path, "s.csv", participant=IDS, age=range(40))
    notes = inputs_of(tmp_path, covariates=str(side)).responses.attrs["notes"]
    assert "all 40 people who answered are in the table of covariates" in notes


def test_a_separator_that_is_named_serves_only_files_that_have_it(tmp_path: Path) -> None:
    semi = saved(tmp_path, "s.csv", "participant;age\nP001;30\n")
    plain = saved(tmp_path, "p.csv", "participant,age\nP001,30\n")
    for path in (semi, plain):
        assert read_side_table(path, "covariates", how=SideReading(delimiter=";"))["age"].tolist() == [30]
    with pytest.raises(ResponseDataError, match="--delimiter ';'"):
        read_side_table(semi, "covariates")


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_decimal_commas_do_not_hide_which_sign_separates_fields(mark: str, tmp_path: Path) -> None:
    """Each line had "2 fields of 1", and nothing said that the fields stand apart by another sign."""
    path = saved(tmp_path, "s.csv", mark.join(["participant", "income"]) + f"\nP001{mark}30,5\n")
    with pytest.raises(ResponseDataError, match=r"the header holds .* but none of the commas"):
        read_side_table(path, "covariates")
    ragged = saved(tmp_path, "r.csv", "participant\nP001,30\n")
    with pytest.raises(ResponseDataError, match="not of the 1 fields of the header"):
        read_side_table(ragged, "covariates")


def test_marks_of_missing_values_are_suspected_aloud(tmp_path: Path) -> None:
    ages = [21 + k % 30 for k in range(38)]
    side = columns(tmp_path, "c.csv", participant=IDS, age=[*ages, -99, 999], score=[*range(60, 98), 98, 99])
    found = inputs_of(tmp_path, covariates=str(side))
    said = [note for note in found.responses.attrs["notes"] if "suspicion" in note]
    assert said == [
        "suspicion: c.csv: column 'age': 2 cells look like marks of a missing value (lines 40, 41)"
    ]


@pytest.mark.parametrize(
    ("write", "cause"),
    [
        (str.lower, "capitals"),
        (lambda name: str(int(name[1:])), "a prefix or leading zeros"),
        (lambda name: f"study-{int(name[1:])}", "a prefix or leading zeros"),
    ],
)
@pytest.mark.parametrize("what", ["enrolment", "covariates", "outcomes", "times"])
def test_a_join_that_loses_people_names_the_likely_cause(
    what: str, write: Callable[[str], str], cause: str, tmp_path: Path
) -> None:
    side = columns(
        tmp_path, "s.csv", participant=[write(name) for name in IDS], wave="w1", seconds=40, x=range(40)
    )
    with pytest.raises(ResponseDataError, match=f"40 of 40 people .*; 40 would match but for {cause}"):
        inputs_of(tmp_path, **{what: str(side) if what == "covariates" else side})


def test_few_lost_people_are_said_and_many_refused(tmp_path: Path) -> None:
    some = columns(tmp_path, "some.csv", participant=IDS[2:], age=range(38))
    notes = inputs_of(tmp_path, covariates=str(some)).responses.attrs["notes"]
    assert "2 of 40 people who answered are not in the table of covariates" in notes
    few = columns(tmp_path, "few.csv", participant=IDS[3:], age=range(37))
    with pytest.raises(
        ResponseDataError, match="3 of 40 people who answered are not in the table of covariates"
    ):
        inputs_of(tmp_path, covariates=str(few))
    left = columns(tmp_path, "left.csv", participant=IDS[:10], distress=range(10))
    assert len(inputs_of(tmp_path, outcomes=left).outcomes) == 10


def test_one_person_under_two_ids_is_refused(tmp_path: Path) -> None:
    path = answers(tmp_path, waves=("w1", "w2"))
    for write, cause in ((str.lower, "capitals"), (lambda name: name.replace("P0", "P"), "leading zeros")):
        frame = pd.read_csv(path)
        late = frame["wave"] == "w2"
        frame["participant"] = frame["participant"].where(~late, frame["participant"].map(write))
        frame.to_csv(tmp_path / "twice.csv", index=False)
        with pytest.raises(
            ResponseDataError, match=f"40 pairs of participant ids, of 80 ids, differ in {cause} alone"
        ):
            inputs_of(tmp_path, responses=tmp_path / "twice.csv")
    frame = pd.read_csv(path)
    frame.loc[45, "participant"] = "p006"
    frame.to_csv(tmp_path / "one.csv", index=False)
    notes = inputs_of(tmp_path, responses=tmp_path / "one.csv").responses.attrs["notes"]
    assert any("1 pair of participant ids, of 41 ids, differ in capitals alone" in note for note in notes)


def test_an_event_without_the_form_is_no_administration(tmp_path: Path) -> None:
    frame = pd.read_csv(answers(tmp_path, waves=("enrolment", "w1")))
    frame.loc[frame["wave"] == "enrolment", ["q1", "q2"]] = np.nan
    frame.loc[41, ["q1", "q2"]] = np.nan
    frame.to_csv(tmp_path / "events.csv", index=False)
    found = inputs_of(tmp_path, responses=tmp_path / "events.csv").responses
    assert found["wave"].unique().tolist() == ["w1"]
    assert len(found) == 40
    assert (
        "40 rows of 'enrolment', where nobody answered, left out: no administrations" in found.attrs["notes"]
    )
    assert "1 of 40 rows hold no answer: kept (line 43)" in found.attrs["notes"]


def test_times_fit_the_administrations(tmp_path: Path) -> None:
    twice = columns(tmp_path, "t.csv", participant=[*IDS, "P001"], wave="w1", seconds=50)
    with pytest.raises(ResponseDataError, match="1 rows of the table of times repeat"):
        inputs_of(tmp_path, times=twice)
    other = columns(tmp_path, "o.csv", participant=IDS, wave="1", seconds=50)
    with pytest.raises(ResponseDataError, match="names waves that the answers do not: '1'; they have 'w1'"):
        inputs_of(tmp_path, times=other)


def test_the_instrument_of_a_study_is_found_from_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from instrument.loading import load_beside

    path = answers(tmp_path)
    folder = tmp_path / "studies"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("../mini.yaml", "mini"):
        study = saved(tmp_path if name == "mini" else folder, "study.yaml", STUDY.replace("INSTRUMENT", name))
        assert load_beside(name, study.parent).id == "mini"
        assert inputs_of(tmp_path, responses=path, study=study).study.id == "mini_study"
    study = saved(folder, "study.yaml", STUDY.replace("INSTRUMENT", "dta"))
    with pytest.raises(DefinitionError, match="about instrument 'dta', not 'mini'"):
        inputs_of(tmp_path, responses=path, study=study)
    with pytest.raises(
        DefinitionError, match=r"names instrument 'other\.yaml', which is neither shipped nor beside"
    ):
        load_beside("other.yaml", folder)


def test_a_log_is_read_when_the_inputs_are(tmp_path: Path) -> None:
    path = answers(tmp_path)
    study = saved(tmp_path, "study.yaml", STUDY.replace("INSTRUMENT", "mini"))
    enrolment = columns(tmp_path, "e.csv", participant=IDS, enrolled="2026-03-02")
    log = columns(tmp_path, "log.csv", participant=IDS, at="13.03.2026 10:00", kind="session_completed")
    with pytest.raises(ResponseDataError, match=r"dta validate: log\.csv: column 'at'.*\n.*--dates D\.M\.Y"):
        inputs_of(tmp_path, responses=path, study=study, enrolment=enrolment, usage=log)
    how = ReadingOptions(dates="D.M.Y")
    found = inputs_of(tmp_path, how, responses=path, study=study, enrolment=enrolment, usage=log)
    assert found.usage.people["completed_whole"].tolist() == [1] * 40
    assert found.usage.people["first_use_whole"].tolist() == [11 + 10 / 24] * 40


def test_constant_and_collinear_covariates_are_named(tmp_path: Path) -> None:
    path = answers(tmp_path)
    age = [20 + 3 * k % 31 for k in range(40)]
    side = columns(
        tmp_path,
        "c.csv",
        participant=IDS,
        site="north",
        age=age,
        born=[2026 - a for a in age],
        sex=["woman", "man"] * 20,
    )
    text = STUDY.replace("INSTRUMENT", "mini")
    study = saved(tmp_path, "study.yaml", text + "covariates: [site, age, sex]\n")
    notes = inputs_of(tmp_path, responses=path, study=study, covariates=str(side)).responses.attrs["notes"]
    assert "covariate 'site' has one value for everyone: nothing is adjusted for by it" in notes
    study = saved(tmp_path, "study.yaml", text + "covariates: [age, sex, born]\n")
    with pytest.raises(ResponseDataError, match="covariate 'born' follows exactly from 'age': both cannot"):
        inputs_of(tmp_path, responses=path, study=study, covariates=str(side))


def test_labels_in_other_words_are_suspected_and_at_other_codes_refused(tmp_path: Path) -> None:
    import pyreadstat

    saved(tmp_path, "mini.yaml", SCALE)
    frame = pd.DataFrame({"participant": ["a", "b"], "wave": 1.0, "q1": [1.0, 5.0], "q2": [2.0, 3.0]})
    words = ["no", "rather no", "neither", "rather yes", "yes"]
    for labels, shift in ((words, 0), (words, -1), ([f"other {k}" for k in range(5)], 0)):
        told = {float(k + 1 + shift): label for k, label in enumerate(labels)}
        pyreadstat.write_sav(frame, str(tmp_path / "a.sav"), variable_value_labels={"q1": told, "q2": told})
        if shift:
            with pytest.raises(ResponseDataError, match=r"value labels of 2 columns .* stand at other codes"):
                inputs_of(tmp_path, responses=tmp_path / "a.sav")
            continue
        notes = inputs_of(tmp_path, responses=tmp_path / "a.sav").responses.attrs["notes"]
        assert any("value labels of 2 columns" in note for note in notes) == (labels is not words)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (
            ["woman", "Woman", "man", "man"],
            "10 cells hold a category that another cell writes with other capitals",
        ),
        (["woman", ".", "man", "man"], "10 cells hold an undeclared mark of a missing value"),
        (["31", "n/a", "40", "52"], "10 cells hold an undeclared mark of a missing value"),
    ],
)
def test_covariates_among_the_answers_are_read_as_a_table_of_their_own_is(
    column: list[str], said: str, tmp_path: Path
) -> None:
    """Of a table they were refused; among the answers "Woman" and "." were groups, and ages beside n/a words."""
    plain = pd.read_csv(answers(tmp_path)).to_dict("list")
    columns(tmp_path, "answers.csv", **plain, extra=column * 10)
    files = {"responses": tmp_path / "answers.csv", "covariates": "extra"}
    with pytest.raises(ResponseDataError, match=said):
        inputs_of(tmp_path, **files)
    columns(tmp_path, "answers.csv", **plain, extra=range(40))
    found = inputs_of(tmp_path, **files).covariates
    assert found is not None and found["extra"].tolist() == list(range(40))


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_no_option_is_named_that_does_not_concern_the_table(encoding: str, tmp_path: Path) -> None:
    """The hint named --encoding, which is of the answers alone, and led nowhere."""
    (tmp_path / "covariates.csv").write_bytes("participant,town\nP001,Köln\n".encode(encoding))
    with pytest.raises(ResponseDataError, match='save it as "CSV UTF-8"') as caught:
        read_side_table(tmp_path / "covariates.csv", "covariates")
    assert "encoding" not in str(caught.value).replace("UTF-8", "")
