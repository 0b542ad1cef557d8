"""`dta export` and `dta import`: out in every format, back in without loss, all or nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import raw_study

import analysis
import dta
import instrument
from instrument.exchange.formats import FORMATS

WAVES = {"week3": "first", "week12": "second"}


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        dta.main(list(arguments))
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    """A synthetic response file with every kind of missing answer."""
    drawn = analysis.simulate_study("dta_example", n=30, seed=5).response_file
    kept = drawn[drawn["wave"].isin(WAVES)]
    return kept.assign(wave=kept["wave"].map(WAVES))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: pd.DataFrame) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(raw_study(), allow_unicode=True), encoding="utf-8")
    answers.to_csv(tmp_path / "answers.csv", index=False)
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 0
    return tmp_path


def test_keyed_answers_go_through_the_store_and_come_back_the_same(
    folder: Path, answers: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", "answers.csv", "--study", "trial", "--enrol", "--paper") == 0
    assert f"{len(answers)} administrations kept, 0 were there already" in capsys.readouterr().out
    assert run("import", "answers.csv", "--study", "trial") == 0
    assert f"0 administrations kept, {len(answers)} were there already" in capsys.readouterr().out
    assert run("export", "csv-wide", "--study", "trial", "--out", "back.csv") == 0
    keys = ["participant", "wave"]
    scale = instrument.load("dta")
    back = pd.read_csv(folder / "back.csv").sort_values(keys).reset_index(drop=True)
    sent = pd.read_csv(folder / "answers.csv").sort_values(keys).reset_index(drop=True)
    pd.testing.assert_frame_equal(back[[*keys, *scale.item_ids]], sent[[*keys, *scale.item_ids]])
    assert set(back["mode"]) == {"paper"}


def test_one_conflict_keeps_everything_out(
    folder: Path, answers: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", "answers.csv", "--study", "trial", "--enrol") == 0
    changed = answers.copy()
    first = changed.columns[2]
    changed.iloc[0, 2] = 1 if changed.iloc[0][first] != 1 else 2
    new = changed.iloc[[1]].assign(participant="someone_new")
    pd.concat([new, changed]).to_csv("changed.csv", index=False)
    assert run("import", "changed.csv", "--study", "trial", "--enrol") == 2
    error = capsys.readouterr().err
    assert "1 administrations are in the store with other answers" in error
    assert run("export", "csv-wide", "--study", "trial", "--out", "back.csv") == 0
    assert "someone_new" not in (folder / "back.csv").read_text()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_is_written_from_the_command_line(folder: Path, name: str) -> None:
    options = ["--responses", "answers.csv"] if FORMATS[name].answers else []
    assert run("export", name, "--instrument", "dta", "--out", "made.file", *options) == 0
    made = folder / "made.file"
    assert made.is_dir() or made.stat().st_size > 100


@pytest.mark.parametrize(
    ("form", "reader"), [("redcap-data", "redcap"), ("fhir-r4-answers", "fhir"), ("fhir-r5-answers", "fhir")]
)
def test_redcap_and_fhir_answers_come_back(folder: Path, form: str, reader: str) -> None:
    assert run("export", form, "--instrument", "dta", "--responses", "answers.csv", "--out", "other") == 0
    assert run("import", "other", "--from", reader, "--instrument", "dta", "--out", "back.csv") == 0
    keys = ["participant", "wave"]
    scale = instrument.load("dta")
    back, sent = (
        pd.read_csv(name, dtype={"wave": str})
        .sort_values(keys)[[*keys, *scale.item_ids]]
        .reset_index(drop=True)
        for name in ("back.csv", "answers.csv")
    )
    pd.testing.assert_frame_equal(back, sent)


def test_a_redcap_file_with_a_byte_order_mark_is_read(folder: Path) -> None:
    assert (
        run("export", "redcap-data", "--instrument", "dta", "--responses", "answers.csv", "--out", "r") == 0
    )
    pd.read_csv("r", dtype=str).to_csv("marked.csv", index=False, encoding="utf-8-sig")
    assert run("import", "marked.csv", "--from", "redcap", "--instrument", "dta", "--out", "back.csv") == 0
    sent, back = pd.read_csv("answers.csv"), pd.read_csv("back.csv")
    assert set(back["participant"]) == set(sent["participant"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "zz", "--instrument", "dta", "--out", "o"), "format 'zz' is not known"),
        (("export", "spss", "--instrument", "dta", "--out", "o"), "writes answers, and there are none"),
        (("export", "spss", "--out", "o"), "neither an instrument nor a study"),
        (("export", "spss", "--instrument", "dta"), "no place to write to"),
        (("export", "csv-wide", "--study", "zz", "--out", "o"), "there is no study 'zz'"),
        (("import", "answers.csv", "--instrument", "dta", "--from", "fhir"), "one place to put the answers"),
        (
            ("import", "answers.csv", "--from", "zz", "--instrument", "dta", "--out", "o"),
            "reader 'zz' is not known",
        ),
        (
            ("import", "none.json", "--from", "fhir", "--instrument", "dta", "--out", "o"),
            "cannot be read as fhir",
        ),
        (
            ("import", "answers.csv", "--from", "fhir", "--instrument", "dta", "--out", "o"),
            "cannot be read as fhir",
        ),
        (("import", "answers.csv", "--study", "trial"), "people are not in the study"),
    ],
)
def test_bad_requests_end_with_status_2_and_write_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("Hint: ") == 1
    assert not (folder / "o").exists()


def test_formats_list_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "list") == 0
    assert len(capsys.readouterr().out.splitlines()) == len(FORMATS)
