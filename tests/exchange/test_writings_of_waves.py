"""Waves in several writings: asked about, told as one where the mapping says so, never joined unasked."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError
from instrument.loading import load
from instrument.reading.read_responses import read_responses
from instrument.recognition import load_mapping, mapping_text, recognise
from instrument.recognition.mapping import Mapping
from instrument.recognition.wave_writings import wave_writings

CASES = Path(__file__).resolve().parent / "data" / "cases"
SCALE: Instrument = load(str(CASES / "mini.yaml"))
ITEMS = [f"q{k}" for k in range(1, 7)]
WAVES = ["T1", "t1 ", "Baseline", "T1", "T2", "T2", "T2 ", "t2"]


def file_of(folder: Path, waves: list[str], people: list[str]) -> Path:
    pairs = enumerate(zip(people, waves, strict=True))
    rows = [[who, wave, *[1 + (k + j) % 5 for j in range(6)]] for k, (who, wave) in pairs]
    path = folder / "a.csv"
    pd.DataFrame(rows, columns=["participant", "wave", *ITEMS]).to_csv(path, index=False)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return file_of(tmp_path, WAVES, ["a", "b", "c", "d"] * 2)


def test_writings_are_offered_and_asked_and_two_names_are_noted(path: Path) -> None:
    found = recognise(path, SCALE)
    assert found.mapping.wave_names == {"t1": "T1", "t2": "T2"}
    assert found.mapping.unsure == ("wave_names: 't2' is 'T2' (1 row)", "wave_names: 't1' is 'T1' (1 row)")
    assert any("'Baseline' and 'T1' may be one, as no person has both" in note for note in found.notes)
    with pytest.raises(DefinitionError, match="2 entries of the mapping are unsure"):
        read_responses(path, SCALE, mapping=found.mapping)
    with pytest.raises(ResponseDataError, match=r"write each wave in one way"):
        read_responses(path, SCALE)


def test_what_the_mapping_says_is_one_wave_is_one(path: Path, tmp_path: Path) -> None:
    mapping = recognise(path, SCALE).mapping.accepted()
    read = read_responses(path, SCALE, mapping=mapping)
    assert list(read["wave"]) == ["T1", "T1", "Baseline", "T1", "T2", "T2", "T2", "T2"]
    where = tmp_path / "m.yaml"
    where.write_text(
        mapping_text(mapping.model_copy(update={"wave_names": {**mapping.wave_names, "Baseline": "T1"}}), "a")
    )
    read = read_responses(path, SCALE, mapping=load_mapping(where))
    assert list(read["wave"]) == ["T1"] * 4 + ["T2"] * 4
    assert list(read["participant"]) == ["a", "b", "c", "d"] * 2
    assert read[ITEMS].to_numpy().tolist() == [[1 + (k + j) % 5 for j in range(6)] for k in range(8)]
    assert (
        "3 rows of waves written otherwise ('t1', 'Baseline', 't2') renamed, as the mapping says"
        in read.attrs["notes"]
    )


def test_one_person_at_both_is_two_waves_and_joining_them_is_refused(tmp_path: Path) -> None:
    path = file_of(tmp_path, ["T1", "Baseline", "T2"], ["a", "a", "a"])
    found = recognise(path, SCALE)
    assert not any("may be one" in note for note in found.notes)
    mapping = found.mapping.model_copy(update={"wave_names": {"Baseline": "T1"}})
    with pytest.raises(ResponseDataError, match=r"is not unique: 2 rows share one \(lines 2, 3\)"):
        read_responses(path, SCALE, mapping=mapping)


def test_a_mapping_that_renames_without_a_column_of_waves_is_refused(tmp_path: Path) -> None:
    where = tmp_path / "m.yaml"
    where.write_text("mapping: 1\ninstrument: mini\nitems: {q1: q1}\nwave_names: {t1: T1}\n")
    with pytest.raises(DefinitionError, match="wave names none"):
        load_mapping(where)
    assert Mapping(instrument="m", wave="w", items={"a": "a"}, wave_names={1: 2, " x ": "y"}).wave_names == {
        "1": "2",
        "x": "y",
    }


@pytest.mark.parametrize(
    ("texts", "meant"),
    [
        (["week 3", "Week-3", "Week 3", "Week 3"], {"week 3": "Week 3", "Week-3": "Week 3"}),
        (["1", "1.0", "2"], {}),
        (["1", "10", "100"], {}),
        (["pre", "post", ""], {}),
        (["Prä", "prä", "Prä"], {"prä": "Prä"}),
    ],
)
def test_only_capitals_blanks_and_marks_are_taken_for_a_writing(
    texts: list[str], meant: dict[str, str]
) -> None:
    assert wave_writings(texts, None)[0] == meant
