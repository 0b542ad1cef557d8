"""A file without a row of names: its first row is somebody's, and no message shows it."""

from __future__ import annotations

import string
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import dta
from analysis.usage.reading import LogReading
from analysis.usage.summarise_usage import summarise_usage
from instrument.errors import LONGEST_NAME, ResponseDataError, columns_there, name_offenders
from instrument.reading.read_responses import read_responses
from tests.unit.test_responses_reading import SCALE
from tests.unit.test_usage_summary import STUDY

NAMES = st.text(string.ascii_letters + "_ ", min_size=1, max_size=12)
NUMBERS = st.one_of(
    st.integers(-(10**9), 10**9).map(str),
    st.floats(-1e6, 1e6).map(lambda x: f"{x:.2f}"),
    st.floats(0, 1e6).map(lambda x: f"{x:.2f}".replace(".", ",")),
    st.dates().map(str),
    st.dates().map(lambda day: f"{day.day}.{day.month}.{day.year}"),
    st.times().map(lambda at: f"{at:%H:%M:%S}"),
    st.integers(0, 100).map(lambda x: f"{x} %"),
    st.sampled_from(
        ["1e5", "1.5E-3", "−3", "€5", "5 €", "3 1/2", "12:30 PM", "1 234,5", "2026-03-01T12:00Z"]
    ),
)


@given(st.lists(NAMES, max_size=6), NUMBERS, st.integers(0, 6), st.sampled_from([None, ";", "\t", "|"]))
def test_a_row_with_a_number_a_date_or_a_time_is_not_shown(
    names: list[str], value: str, place: int, mark: str | None
) -> None:
    row = [*names[:place], value, *names[place:]]
    told = columns_there(row if mark is None else [mark.join(row)])
    assert told == "numbers or dates stand in its first row, where the names of columns belong"


@given(st.lists(NAMES, min_size=1, max_size=5))
def test_names_are_shown(names: list[str]) -> None:
    assert columns_there(names) == f"it has {name_offenders(names)}"


def test_names_with_figures_are_names_and_long_ones_are_cut() -> None:
    assert columns_there(["q1", "age_2", "2nd"]) == "it has 'q1', 'age_2', '2nd'"
    shown = name_offenders(["x" * 5000])
    assert len(shown) == LONGEST_NAME + 2 and shown.endswith("…'")
    assert name_offenders(["x" * LONGEST_NAME]) == repr("x" * LONGEST_NAME)


@pytest.mark.parametrize("option", ["covariates", "outcomes", "enrolment", "times", "audit", "usage"])
@pytest.mark.parametrize("mark", [",", ";"])
def test_no_command_shows_the_first_row_of_a_file_without_names(
    option: str,
    mark: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    raw = SCALE.model_dump(mode="json", by_alias=True, exclude_none=True)
    Path("scale.yaml").write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    Path("study.yaml").write_text(yaml.safe_dump({**STUDY, "instrument": "scale.yaml"}), encoding="utf-8")
    Path("answers.csv").write_text("participant,wave,a1,a2,a3,b1\nmaria,1,1,2,3,0\n", encoding="utf-8")
    row = mark.join(["maria", "47", "2026-03-01", "female"])
    Path("side.csv").write_text(f"{row}\n{row}\n", encoding="utf-8")
    command = ["validate", "answers.csv", "-i", "scale.yaml", "--out", "out", "--study", "study.yaml"]
    with pytest.raises(SystemExit) as end:
        dta.main([*command, f"--{option}", "side.csv", "--topics", "flow"])
    said = capsys.readouterr()
    words = said.out + said.err
    assert end.value.code == 2 and words.count("Hint: ") == 1
    assert not any(cell in words for cell in ("maria", "47", "2026", "female"))
    assert not Path("out").exists()


def test_no_reading_in_python_shows_it(tmp_path: Path) -> None:
    log = pd.DataFrame([["maria", 3.5, "done"]], columns=["maria", "47", "done"])
    with pytest.raises(ResponseDataError) as error:
        summarise_usage(log, STUDY, reading=LogReading())
    assert "maria" not in str(error.value) and "47" not in str(error.value)
    path = tmp_path / "a.csv"
    path.write_text("maria,47,female\nmaria,47,female\n", encoding="utf-8")
    with pytest.raises(ResponseDataError) as error:
        read_responses(path, SCALE)
    assert "maria" not in str(error.value) and "47" not in str(error.value)


def test_a_file_of_r_whose_packing_is_broken_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.rds"
    path.write_bytes(b"\x1f\x8b\x08" + b"\x00" * 30)
    with pytest.raises(ResponseDataError, match=r"a\.rds: the file is damaged"):
        read_responses(path, SCALE)
