"""Keys are kept from other eyes and never lost by rotation."""

from __future__ import annotations

from pathlib import Path

import pytest

from instrument.store.tokens import (
    Keyring,
    SecretKeyError,
    first_keyring,
    load_keyring,
    new_token,
    next_name,
    plain_code,
    save_keyring,
)


def test_a_token_carries_at_least_128_bits_and_none_repeats() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert min(len(token) for token in tokens) * 6 >= 128


def test_a_withdrawal_code_survives_handwriting() -> None:
    keyring = Keyring({"k1": b"a" * 32})
    code = keyring.code_for("1")
    assert code == keyring.rotated().code_for("1", "k1")
    assert len({keyring.code_for(str(k)) for k in range(500)}) == 500
    assert plain_code(f" {code.lower().replace('-', ' ')} ") == plain_code(code)
    assert not set("01OIL") & set(code.replace("-", ""))


def test_a_withdrawal_code_is_four_groups_of_four_and_belongs_to_its_subject_and_key() -> None:
    one = Keyring({"k1": b"1" * 32})
    code = one.code_for("subject")
    groups = code.split("-")
    assert [len(group) for group in groups] == [4, 4, 4, 4]
    assert set(code) - {"-"} <= set("23456789ABCDEFGHJKMNPQRSTUVWXYZ")
    two = one.rotated()
    assert two.code_for("subject", "k1") == code
    assert len({code, one.code_for("another"), two.code_for("subject")}) == 3


def test_rotation_keeps_old_hashes_valid() -> None:
    old = Keyring({"k1": b"a" * 32})
    new = old.rotated()
    assert new.newest == "k2"
    assert old.hash("t") in new.candidates("t")
    assert new.hash("t") not in old.candidates("t")
    assert old.subkey("cookie") != old.subkey("other")


def test_the_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first = load_keyring(file, {})
    assert file.stat().st_mode & 0o077 == 0
    assert load_keyring(file, {}) == first
    save_keyring(first.rotated(), file)
    assert list(load_keyring(file, {}).keys) == ["k1", "k2"]
    file.chmod(0o644)
    with pytest.raises(SecretKeyError, match="can be read by others"):
        load_keyring(file, {})


@pytest.mark.parametrize("content", ["", "k1", "k1 zz", "k1 abcd", "\xe9\xe9"])
def test_a_damaged_key_file_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys"
    file.write_text(content, encoding="latin-1")
    file.chmod(0o600)
    with pytest.raises(SecretKeyError, match="holds no key"):
        load_keyring(file, {})
    assert file.read_text(encoding="latin-1") == content


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    keyring = load_keyring(tmp_path / "keys", {"DTA_SECRET_KEY": "s" * 32})
    assert list(keyring.keys) == ["env"]
    assert not (tmp_path / "keys").exists()
    with pytest.raises(SecretKeyError, match="has 3 characters"):
        load_keyring(tmp_path / "keys", {"DTA_SECRET_KEY": "abc"})


def test_a_secret_is_looked_for_under_every_key_the_newest_first() -> None:
    keyring = first_keyring().rotated().rotated()
    candidates = keyring.candidates("secret")
    assert [one.partition(":")[0] for one in candidates] == ["k3", "k2", "k1"]
    assert candidates == [keyring.hash("secret", name) for name in ("k3", "k2", "k1")]


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602])
def test_a_key_file_that_a_group_or_anyone_may_open_is_refused(mode: int, tmp_path: Path) -> None:
    file = tmp_path / "dta.keys"
    keyring = load_keyring(file, {})
    file.chmod(mode)
    with pytest.raises(SecretKeyError, match="can be read by others"):
        load_keyring(file, {})
    file.chmod(0o400)
    assert load_keyring(file, {}) == keyring


def test_names_of_keys_count_keys_alone_and_a_code_is_cut_to_a_bounded_length() -> None:
    assert next_name(["k1", "x9", "env"]) == "k2" and next_name([]) == "k1"
    assert plain_code("ab-" * 100) == ("AB" * 32)
