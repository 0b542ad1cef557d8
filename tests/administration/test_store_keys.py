"""A key file that is missing or another one is refused where the store knows its key; none is ever remade."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

import dta
from instrument.administer.application import create_app
from instrument.store.connect import downgrade_store, upgrade_store
from instrument.store.keys import faults_of_keys, keys_for
from instrument.store.people import by_token
from instrument.store.tokens import Keyring, SecretKeyError, load_keyring, save_keyring


def test_the_first_key_is_made_and_never_again(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "dta.keys"
    keyring = keys_for(engine, file, {})
    assert keys_for(engine, file, {}) == keyring
    file.unlink()
    with pytest.raises(SecretKeyError, match=r"no key file dta.keys, and the store knows its key \(k1\)"):
        keys_for(engine, file, {})
    assert not file.exists()
    load_keyring(file, {})  # as another program would make it
    with pytest.raises(SecretKeyError, match="k1 is another key"):
        keys_for(engine, file, {})
    with pytest.raises(SecretKeyError, match="k1 is another key"):
        create_app(engine, load_keyring(file, {}))
    save_keyring(keyring.rotated(), file)
    assert list(keys_for(engine, file, {}).keys) == ["k1", "k2"]
    save_keyring(keyring, file)
    with pytest.raises(SecretKeyError, match="k2 is missing"):
        keys_for(engine, file, {})


def test_a_key_in_the_environment_is_known_again_too(engine: Engine, tmp_path: Path) -> None:
    first, other = {"DTA_SECRET_KEY": "a" * 40}, {"DTA_SECRET_KEY": "b" * 40}
    keys_for(engine, tmp_path / "none", first)
    keys_for(engine, tmp_path / "none", first)
    with pytest.raises(SecretKeyError, match="env is another key") as refused:
        keys_for(engine, tmp_path / "none", other)
    assert "bbbb" not in str(refused.value)
    with pytest.raises(SecretKeyError, match="no key file none"):
        keys_for(engine, tmp_path / "none", {})


def test_a_store_of_an_older_version_knows_its_key_by_its_hashes(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "dta.keys"
    keyring = load_keyring(file, {})
    _, _, (token,) = open_study(engine, keyring)
    downgrade_store(engine, "0001")
    upgrade_store(engine)
    whole = file.read_bytes()
    file.unlink()
    with pytest.raises(SecretKeyError, match="no key file"):
        keys_for(engine, file, {})
    save_keyring(Keyring({"k7": b"x" * 32}), file)
    with pytest.raises(SecretKeyError, match="k1 is missing"):
        keys_for(engine, file, {})
    file.write_bytes(whole)
    with engine.connect() as connection:
        assert by_token(connection, keys_for(engine, file, {}), token) is not None


def test_two_programs_that_start_at_once_make_one_key(tmp_path: Path) -> None:
    script = (
        "import sys; from instrument.store.tokens import load_keyring as l; print(l(sys.argv[1], {}).keys)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "dta.keys")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    said = {process.communicate()[0] for process in started}
    assert len(said) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["dta.keys"]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        dta.main(list(arguments))
    return int(stopped.value.code or 0)


def test_commands_refuse_and_a_lost_key_is_given_up_by_word(
    engine: Engine,
    store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    monkeypatch.setenv("DTA_STORE", store_url)
    assert run("store", "rotate-key") == 2
    assert not Path("dta.keys").exists()
    _, _, (token,) = open_study(engine, load_keyring("dta.keys", {}))
    assert run("store", "rotate-key") == 0
    assert run("study", "invite", "trial", "--people", "1", "--out", "l.csv") == 0
    Path("dta.keys").unlink()
    capsys.readouterr()
    for command in (
        ("study", "invite", "trial", "--people", "1", "--out", "m.csv"),
        ("study", "key", "trial"),
        ("serve", "--no-dashboard", "--port", "1"),
        ("store", "rotate-key"),
    ):
        assert run(*command) == 2
        error = capsys.readouterr().err
        assert "key file dta.keys" in error
        assert error.count("Hint: ") == 1
        assert not Path("dta.keys").exists()
    assert run("store", "rotate-key", "--lost") == 0
    assert list(load_keyring("dta.keys", {}).keys) == ["k3"]
    assert run("store", "rotate-key", "--lost") == 2
    assert run("study", "invite", "trial", "--people", "1", "--out", "m.csv") == 0
    fresh = Path("m.csv").read_text().splitlines()[1].rsplit("/", 1)[1]
    with engine.connect() as connection:
        keyring = load_keyring("dta.keys", {})
        assert by_token(connection, keyring, token) is None
        assert by_token(connection, keyring, fresh) is not None
        assert faults_of_keys(connection, keyring) == []
    engine.dispose()


def test_a_mark_tells_nothing_of_the_key(engine: Engine, keyring: Keyring) -> None:
    create_app(engine, keyring)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, mark FROM store_key")).all()
    assert {name for name, _ in rows} == {"k1", "k2"}
    for name, mark in rows:
        assert len(mark) == 64
        assert keyring.keys[name].hex() not in mark
