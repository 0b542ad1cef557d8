"""Files of R, SAS and portable SPSS, and text with tabs, give the answers that were saved."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from dashboard.uploads import ANSWER_KINDS
from instrument.definition import Instrument
from instrument.errors import ResponseDataError
from instrument.loading import load
from instrument.reading.files import KNOWN, read_raw
from instrument.reading.read_responses import missing_reasons, read_responses
from instrument.recognition import recognise

DATA = Path(__file__).resolve().parent / "data"
ITEMS = [f"q{k}" for k in range(1, 7)]
ANSWERS = pd.DataFrame(
    [[1, 5, 3, 1, 2, None], [2, None, 3, 5, 2, 1], [None, 3, 3, 1, 4, 2]], columns=ITEMS
).astype("Int64")
"""What made_by.R saves, keyed again by hand."""


@pytest.fixture(scope="module")
def scale() -> Instrument:
    return load(str(DATA / "cases" / "mini.yaml"))


def same(given: pd.DataFrame, answers: pd.DataFrame = ANSWERS) -> None:
    assert given["participant"].tolist() == ["a", "b", "c"]
    assert given["wave"].astype(str).tolist() == ["1", "1", "2"]
    pd.testing.assert_frame_equal(given[ITEMS].astype("Int64").reset_index(drop=True), answers)


@pytest.mark.parametrize("name", ["codes.rds", "packed.rds", "plain.rds", "one.rda"])
def test_frames_of_r_are_read_however_they_were_packed(name: str, scale: Instrument) -> None:
    same(read_responses(DATA / "r" / name, scale))


def test_factors_are_read_by_their_levels_and_moments_as_iso_text(scale: Instrument) -> None:
    path = DATA / "r" / "factors.rds"
    found = recognise(path, scale, ("day", "at"))
    assert found.mapping.tool == "r"
    given = read_responses(path, scale, mapping=found.mapping, covariates=("day", "at"))
    same(given)
    same(read_responses(path, scale, labels=True, covariates=("day", "at")))
    assert given["day"].fillna("").tolist() == ["2026-03-01", "", "1969-12-31"]
    assert given["at"].fillna("").tolist() == ["2026-03-01T15:00:00Z", "2026-07-01T14:00:00Z", ""]


def test_labels_and_missing_codes_of_haven_come_with_the_frame(scale: Instrument) -> None:
    raw = read_raw(DATA / "r" / "labelled.rds", None, "utf-8", None, "read")
    assert raw.value_labels["q1"][9] == "Prefer not to answer"
    assert raw.user_missing["q1"] == [(9, 9)]
    given = read_responses(DATA / "r" / "labelled.rds", scale)
    answers = ANSWERS.copy()
    answers.loc[1, "q1"] = pd.NA
    same(given, answers)
    reasons = missing_reasons(given).set_index(["participant", "item"])["reason"]
    assert reasons["b", "q1"] == "declined"
    with pytest.raises(ResponseDataError, match="stand at other codes"):
        read_responses(DATA / "r" / "turned.rds", scale)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two.RData", "holds 2 data frames.\nHint: save the one"),
        ("matrix.rds", "holds no data frame."),
        ("list.rds", "holds no data frame."),
        ("nested.rds", "column 'more' holds other than one value"),
        ("without_id.rds", "participant is missing in 1 row"),
    ],
)
def test_what_is_no_frame_of_answers_is_refused(name: str, words: str, scale: Instrument) -> None:
    with pytest.raises(ResponseDataError, match=words):
        read_responses(DATA / "r" / name, scale)


def test_damaged_and_giant_files_of_r_end_in_one_message(
    scale: Instrument, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (DATA / "r" / "codes.rds").read_bytes()
    bare = gzip.decompress(whole)
    path = tmp_path / "x.rds"
    for content in (whole[:-30], b"\x1f\x8bxx", b"no file of R", bare[: len(bare) // 2], b"BZh9" + whole):
        path.write_bytes(content)
        with pytest.raises(ResponseDataError, match=r"x\.rds: the file is (damaged|no readable file of R)"):
            read_responses(path, scale)
    monkeypatch.setattr("instrument.reading.r_files.MOST_UNPACKED", 100)
    path.write_bytes(whole)
    with pytest.raises(ResponseDataError, match="unpacks to more"):
        read_responses(path, scale)


@pytest.mark.parametrize("suffix", [".por", ".xpt", ".txt", ".zsav"])
def test_portable_spss_sas_and_text_with_tabs(suffix: str, scale: Instrument, tmp_path: Path) -> None:
    path = tmp_path / f"answers{suffix}"
    frame = ANSWERS.astype(float).assign(pid=["a", "b", "c"], wave=[1.0, 1.0, 2.0])
    if suffix == ".por":
        pyreadstat.write_por(frame.rename(columns=str.upper), str(path))
    elif suffix == ".xpt":
        pyreadstat.write_xport(frame, str(path))
    elif suffix == ".zsav":
        pyreadstat.write_sav(frame, str(path), compress=True)
    else:
        frame.to_csv(path, sep="\t", index=False)
    found = recognise(path, scale)
    assert found.mapping.unsure == ()
    same(read_responses(path, scale, mapping=found.mapping))
    path.write_bytes(b"\x00\x01" * 50)
    with pytest.raises(ResponseDataError, match="Hint: "):
        read_responses(path, scale)


def test_the_page_takes_every_ending_that_the_reader_takes() -> None:
    assert {f".{kind}" for kind in ANSWER_KINDS} == set(KNOWN)
