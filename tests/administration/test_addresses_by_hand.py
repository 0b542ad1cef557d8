"""Addresses of people: numbers by their length, studies apart, one person forgotten without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine

from instrument.store.addresses import (
    Contact,
    address_file,
    addresses_of,
    forget_address,
    keep_addresses,
    number_in,
)


def test_a_telephone_number_has_seven_to_fifteen_digits_and_a_country() -> None:
    taken = [n for n in range(20) if number_in("+" + "4" * n) == "+" + "4" * n and n]
    assert taken == list(range(7, 16))
    assert number_in("+0123456789") is None  # no country begins with nought
    assert number_in("0049 171 1234567") is None


def test_studies_keep_their_addresses_apart_and_one_person_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three addresses of two studies one goes, from the bytes of the file too; the namesake's stays."""
    monkeypatch.delenv("DTA_ADDRESSES", raising=False)
    engine = create_engine(f"sqlite:///{tmp_path / 'store.db'}")
    beside = address_file(engine)
    assert beside == tmp_path / "store.db.addresses"
    ben, anna = (
        Contact("ben", "ben@one.example", "t1"),
        Contact("anna", "anna@one.example", "t2", "+49171123456"),
    )
    namesake = Contact("ben", "ben@two.example", "t3")
    assert keep_addresses(engine, "one", [ben, anna]) == 2
    assert keep_addresses(engine, "two", [namesake]) == 1
    assert addresses_of(engine, "one") == [anna, ben]
    assert addresses_of(engine, "two") == [namesake]
    moved = Contact("anna", "new@one.example", "t4")
    keep_addresses(engine, "one", [moved])
    assert addresses_of(engine, "one") == [moved, ben]
    forget_address(engine, "one", "ben")
    assert addresses_of(engine, "one") == [moved]
    assert addresses_of(engine, "two") == [namesake]
    left = beside.read_bytes()
    assert b"ben@one.example" not in left and b"anna@one.example" not in left
    assert b"ben@two.example" in left
    monkeypatch.setenv("DTA_ADDRESSES", str(tmp_path / "elsewhere"))
    assert address_file(engine) == tmp_path / "elsewhere"
    assert addresses_of(engine, "one") == []
    assert beside.stat().st_mode & 0o077 == 0
