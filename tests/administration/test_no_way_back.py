"""People who were erased do not come back without a word: not by import, not by invitation, not by a copy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, select, text

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

import dta
from instrument.reading.read_responses import check_responses
from instrument.store import tables
from instrument.store.audit import broken_line
from instrument.store.backup import back_up, restore
from instrument.store.connect import StoreError, downgrade_store, upgrade_store
from instrument.store.definitions import find_study
from instrument.store.keyed_tables import keep_table
from instrument.store.people import erase_by_code, erase_person, invite, issue_withdrawal_code
from instrument.store.tokens import Keyring, load_keyring


def table(scale: Any, *names: str) -> pd.DataFrame:
    frame = {"participant": list(names), "wave": "first", **dict.fromkeys(scale.item_ids, 3)}
    return check_responses(pd.DataFrame(frame), scale)


def number_of(connection: Any, name: str) -> int:
    query = select(tables.participant.c.id).where(tables.participant.c.pseudonym == name)
    return int(connection.execute(query).scalar_one())


def keep(engine: Engine, keyring: Keyring, answers: pd.DataFrame, **how: bool) -> tuple[int, int]:
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        return keep_table(connection, row, answers, keyring, mode="import", lang="en", enrol=True, **how)


@pytest.mark.parametrize("how", ["by pseudonym", "by code"])
def test_an_import_names_who_was_erased_and_keeps_nothing(engine: Engine, keyring: Keyring, how: str) -> None:
    _, scale, _ = open_study(engine, keyring)
    keep(engine, keyring, table(scale, "anna", "ben"))
    with engine.begin() as connection:
        number = number_of(connection, "anna")
        if how == "by code":
            assert erase_by_code(connection, keyring, issue_withdrawal_code(connection, keyring, number))
        else:
            erase_person(connection, number, keyring)
    with pytest.raises(StoreError, match=r"1 of 2 people were erased from the study: 'anna'") as refused:
        keep(engine, keyring, table(scale, "anna", "ben", "cleo"))
    assert "--readmit" in str(refused.value)
    with engine.connect() as connection:
        names = set(connection.execute(select(tables.participant.c.pseudonym)).scalars())
        assert {"anna", "cleo"} & names == set()
    assert keep(engine, keyring.rotated(), table(scale, "ben", "cleo")) == (1, 1)
    with pytest.raises(StoreError, match="'anna'"):
        keep(engine, keyring.rotated(), table(scale, "anna"))
    assert keep(engine, keyring, table(scale, "anna"), readmit=True) == (1, 0)
    with engine.connect() as connection:
        acts = connection.execute(select(tables.audit_log.c.action)).scalars().all()
        assert acts.count("person.readmit") == 1
        assert broken_line(connection) is None


def test_an_invitation_names_them_too(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    with engine.begin() as connection:
        invite(connection, 1, keyring, ["anna"])
        erase_person(connection, number_of(connection, "anna"), keyring)
    with engine.begin() as connection:
        with pytest.raises(StoreError, match="'anna'"):
            invite(connection, 1, keyring, ["ben", "anna"])
        assert len(invite(connection, 1, keyring, ["Anna", "anna "])) == 2
        assert len(invite(connection, 1, keyring, ["anna"], readmit=True)) == 1


def test_the_same_pseudonym_in_another_study_is_someone_else(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    open_study(engine, keyring, id="other")
    with engine.begin() as connection:
        invite(connection, 1, keyring, ["anna"])
        erase_person(connection, number_of(connection, "anna"), keyring)
        invite(connection, 2, keyring, ["anna"])


def test_the_list_outlives_the_store_and_a_restore(
    engine: Engine, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTA_ERASURES", str(tmp_path / "erasures"))
    _, scale, _ = open_study(engine, keyring)
    keep(engine, keyring, table(scale, "anna", "ben"))
    copy = back_up(engine, tmp_path / "copy")
    with engine.begin() as connection:
        erase_person(connection, number_of(connection, "anna"), keyring)
    listed = (tmp_path / "erasures").read_text()
    assert "anna" not in listed
    downgrade_store(engine, "base")
    upgrade_store(engine)
    open_study(engine, keyring)
    with pytest.raises(StoreError, match="'anna'"):
        keep(engine, keyring, table(scale, "anna"))
    (tmp_path / "erasures").write_text(listed)
    assert restore(copy, engine) == 1
    (tmp_path / "erasures").unlink()
    with pytest.raises(StoreError, match="'anna'"):
        keep(engine, keyring, table(scale, "anna"))


def test_a_list_of_an_older_version_is_still_read(
    engine: Engine, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTA_ERASURES", str(tmp_path / "erasures"))
    _, scale, (token,) = open_study(engine, keyring)
    copy = back_up(engine, tmp_path / "copy")
    line = f"2026-01-01T00:00:00+00:00\t{keyring.hash(token)}\n"
    (tmp_path / "erasures").write_text(line)
    assert restore(copy, engine) == 1
    assert keep(engine, keyring, table(scale, "anna")) == (1, 0)
    assert (tmp_path / "erasures").read_text() == line


def test_the_list_of_erasures_names_no_one_without_the_key(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    with engine.begin() as connection:
        invite(connection, 1, keyring, ["P001"])
        erase_person(connection, number_of(connection, "P001"), keyring)
        (kept,) = connection.execute(text("SELECT person_hash FROM erasure")).scalars()
    other = Keyring({"k2": b"z" * 32})
    with engine.begin() as connection:
        assert kept.startswith("k2:")
        assert len(invite(connection, 1, other, ["P001"])) == 1


def test_the_command_line_says_it_and_takes_the_word(
    engine: Engine,
    store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as stopped:
            dta.main(list(arguments))
        return int(stopped.value.code or 0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    monkeypatch.setenv("DTA_STORE", store_url)
    _, scale, _ = open_study(engine, load_keyring("dta.keys", {}))
    engine.dispose()
    table(scale, "anna", "ben").to_csv("answers.csv", index=False)
    imports = ("import", "answers.csv", "--study", "trial", "--enrol")
    assert run(*imports) == 0
    assert run("study", "erase", "trial", "anna", "--yes") == 0
    capsys.readouterr()
    assert run(*imports) == 2
    assert capsys.readouterr().err == (
        "invite: 1 of 1 people were erased from the study: 'anna'.\n"
        "Hint: take them out; add --readmit only if they asked to come back.\n"
    )
    Path("names").write_text("anna\n")
    invites = ("study", "invite", "trial", "--pseudonyms", "names", "--out", "l.csv")
    assert run(*invites) == 2
    assert not Path("l.csv").exists()
    assert run(*imports, "--readmit") == 0
    assert "1 administrations kept, 1 were there already." in capsys.readouterr().out
