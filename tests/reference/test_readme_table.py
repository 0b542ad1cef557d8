"""The README says what the reference tests compare, no more and no less."""

from __future__ import annotations

import importlib.util
from pathlib import Path

HERE = Path(__file__).resolve().parent


def test_the_table_is_that_of_the_tests_and_every_test_file_is_in_it() -> None:
    spec = importlib.util.spec_from_file_location("compared", HERE / "compared.py")
    assert spec is not None
    assert spec.loader is not None
    compared = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(compared)
    text = compared.README.read_text(encoding="utf-8")
    assert compared.renewed(text) == text
    named = {row[3] for row in compared.rows()}
    assert named == {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}
    assert len(text.splitlines()) <= 150
