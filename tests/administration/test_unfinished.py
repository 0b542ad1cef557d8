"""Unfinished is not finished: every export says so, and every import keeps it."""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat
import pytest
from sqlalchemy import Engine, select

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

import dta
from instrument.exchange.formats import FORMATS, export_file
from instrument.exchange.redcap_data import from_redcap, redcap_data
from instrument.store import tables
from instrument.store.connect import StoreError, open_store, upgrade_store
from instrument.store.definitions import find_study
from instrument.store.keyed_tables import keep_table
from instrument.store.retrieval import CONSENT, VERSIONS, responses_of
from instrument.store.tokens import Keyring, save_keyring


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        dta.main(list(arguments))
    return int(stopped.value.code or 0)


@pytest.fixture
def kept(engine: Engine, keyring: Keyring) -> tuple[pd.DataFrame, Any]:
    return two_people(engine, keyring)


def two_people(engine: Engine, keyring: Keyring) -> tuple[pd.DataFrame, Any]:
    """A study in which p1 finished and p2 did not."""
    _, scale, _ = open_study(engine, keyring)
    table = pd.DataFrame({item: pd.array([4, 2], dtype="Int64") for item in scale.item_ids})
    table.insert(0, "participant", ["p1", "p2"])
    table.insert(1, "wave", "first")
    table.loc[1, scale.item_ids[10:]] = pd.NA
    table["status"] = ["completed", "open"]
    with engine.begin() as connection:
        row = find_study(connection, "trial")
        assert keep_table(connection, row, table, keyring, mode="import", lang="en", enrol=True) == (2, 0)
    return table, scale


def statuses(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        read = responses_of(connection, "trial")
        whole = responses_of(connection, "trial", completed_only=True)
    assert set(whole["participant"]) == set(read.loc[read["status"] == "completed", "participant"])
    return dict(zip(read["participant"], read["status"], strict=True))


def test_an_open_administration_stays_open_and_what_was_not_reached_was_not_seen(
    engine: Engine, kept: tuple[pd.DataFrame, Any]
) -> None:
    assert statuses(engine) == {"p1": "completed", "p2": "open"}
    with engine.connect() as connection:
        reasons = responses_of(connection, "trial").attrs["reasons"]
    assert reasons["participant"].tolist() == ["p2"] * 30
    assert set(reasons["reason"]) == {"not_seen"}


@pytest.mark.parametrize("name", sorted(name for name, known in FORMATS.items() if known.answers))
def test_every_format_says_which_administration_was_not_finished(
    engine: Engine, kept: tuple[pd.DataFrame, Any], tmp_path: Path, name: str
) -> None:
    _, scale = kept
    with engine.connect() as connection:
        answers = responses_of(connection, "trial")
    made = export_file(name, tmp_path / f"out.{name}", scale, answers)
    if name.startswith("fhir"):
        entries = json.loads(made.read_text(encoding="utf-8"))["entry"]
        read = [entry["resource"]["status"] for entry in entries]
        assert read == ["completed", "in-progress"]
        return
    if name == "redcap-data":
        assert pd.read_csv(made)["dta_complete"].tolist() == [2, 0]
        return
    if name == "spss":
        table, _ = pyreadstat.read_sav(str(made))
    elif name == "stata":
        table, _ = pyreadstat.read_dta(str(made))
    else:
        files = {"bids": "phenotype/dta.tsv", "psych-ds": "data/study-dta_data.csv"}
        path = made / files[name] if name in files else made
        table = pd.read_csv(path, sep="\t" if name == "bids" else ",")
    person = "participant_id" if name == "bids" else "participant"
    found = table.drop_duplicates(person)["status"].tolist()
    assert found == ["completed", "open"]


def test_the_same_open_row_is_known_and_a_later_import_carries_it_on(
    engine: Engine, keyring: Keyring, kept: tuple[pd.DataFrame, Any]
) -> None:
    table, scale = kept

    def keep(given: pd.DataFrame) -> tuple[int, int]:
        with engine.begin() as connection:
            row = find_study(connection, "trial")
            return keep_table(connection, row, given, keyring, mode="import", lang="en")

    assert keep(table) == (0, 2)
    further = table.copy()
    further.loc[1, scale.item_ids[10:20]] = 3
    assert keep(further) == (1, 1)
    with pytest.raises(
        StoreError,
        match="1 administrations are in the store with other answers or another day: 'p2 at first'",
    ):
        keep(table)  # it would take answers back
    done = further.assign(status="completed")
    assert keep(done) == (1, 1)
    assert keep(done) == (0, 2)
    assert statuses(engine) == {"p1": "completed", "p2": "completed"}
    with pytest.raises(StoreError, match="other answers or another day: 'p1 at first'"):
        keep(table.assign(status="open"))
    with engine.connect() as connection:
        history = connection.execute(select(tables.response_history.c.state)).scalars().all()
    assert history == []  # nothing was answered twice


def test_answers_that_came_by_the_pages_are_known_to_an_import_of_their_export(
    engine: Engine, keyring: Keyring, kept: tuple[pd.DataFrame, Any]
) -> None:
    with engine.begin() as connection:
        connection.execute(tables.administration.update().values(mode="web"))
        answers = responses_of(connection, "trial").drop(
            columns=["day", "in_window", "mode", *CONSENT, *VERSIONS]
        )
        row = find_study(connection, "trial")
        assert keep_table(connection, row, answers, keyring, mode="import", lang="en") == (0, 2)
        open_row = answers.iloc[[1]].assign(hum1=pd.array([5], dtype="Int64"))
        open_row.attrs = {}
        with pytest.raises(StoreError, match="other answers or another day: 'p2 at first'"):
            keep_table(connection, row, open_row, keyring, mode="import", lang="en")


def test_status_goes_through_files_and_the_command_line(
    keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = open_store("dta.sqlite")
    upgrade_store(made)
    two_people(made, keyring)
    made.dispose()
    save_keyring(keyring, "dta.keys")
    for form, reader in [("csv-wide", "table"), ("redcap-data", "redcap"), ("fhir-r5-answers", "fhir")]:
        assert run("export", form, "--study", "trial", "--out", f"{form}.csv") == 0
        assert run("import", f"{form}.csv", "--from", reader, "--study", "trial") == 0
        assert "0 administrations kept, 2 were there already" in capsys.readouterr().out
        assert (
            run("import", f"{form}.csv", "--from", reader, "--instrument", "dta", "--out", f"{form}.back")
            == 0
        )
        assert pd.read_csv(f"{form}.back")["status"].tolist() == ["completed", "open"]
    wrong = pd.read_csv("csv-wide.csv", dtype=str).assign(status="finished")
    wrong.to_csv("wrong.csv", index=False)
    capsys.readouterr()
    assert run("import", "wrong.csv", "--study", "trial") == 2
    assert "neither 'completed' nor 'open' in 2 of 2 rows" in capsys.readouterr().err


def redcap(scale: Any, states: list[str], column: str = "dta_complete") -> pd.DataFrame:
    n = len(states)
    table = pd.DataFrame({"record_id": [f"p{k}" for k in range(n)], **{i: ["4"] * n for i in scale.item_ids}})
    return table.assign(**{column: states})


def test_redcaps_states_are_read_and_an_untouched_form_is_no_administration(
    kept: tuple[pd.DataFrame, Any],
) -> None:
    _, scale = kept
    table = redcap(scale, ["0", "1", "2", "Incomplete", "Unverified", "Complete", "", "2"])
    table.loc[[3, 7], scale.item_ids] = None
    read = from_redcap(table, scale)
    assert dict(zip(read["participant"], read["status"], strict=True)) == {
        "p0": "open",
        "p1": "open",
        "p2": "completed",
        "p4": "open",
        "p5": "completed",
        "p6": "open",
        "p7": "completed",
    }
    assert "1 of 8 rows without the form left out" in read.attrs["notes"]
    again = pd.read_csv(StringIO(redcap_data(read, scale)), dtype=str)
    assert again["dta_complete"].tolist() == ["0", "0", "2", "0", "2", "0", "2"]


def test_redcaps_form_of_another_name_and_its_own_columns_are_read(kept: tuple[pd.DataFrame, Any]) -> None:
    from instrument.errors import ResponseDataError

    _, scale = kept
    table = redcap(scale, ["2", "0"], "alliance_complete").assign(
        alliance_timestamp=["2026-03-01 09:10", "[not completed]"], redcap_data_access_group="site_a"
    )
    assert from_redcap(table, scale)["status"].tolist() == ["completed", "open"]
    two = redcap(scale, ["2", "0"]).assign(enrolment_complete=["0", "2"])
    assert from_redcap(two, scale)["status"].tolist() == ["completed", "open"]
    with pytest.raises(ResponseDataError, match="column 'dta_complete' holds none of 0, 1, 2 in 1 of 2 rows"):
        from_redcap(redcap(scale, ["2", "9"]), scale)
    with pytest.raises(ResponseDataError, match="none of 2 rows holds an answer"):
        empty = redcap(scale, ["0", "0"])
        empty[scale.item_ids] = None
        from_redcap(empty, scale)
    without = from_redcap(redcap(scale, ["2", "2"]).drop(columns="dta_complete"), scale)
    assert "no column dta_complete: every row counts as completed" in without.attrs["notes"]
    assert "status" not in without
