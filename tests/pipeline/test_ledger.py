"""Every number, verdict and kind of the small validation is the one that was written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.ledger import differing


def test_every_number_is_that_of_the_ledger(unlike: Callable[..., list[str]], tree: dict[str, Any]) -> None:
    assert unlike("three_themes", tree["sections"]) == []


def test_a_ledger_names_what_differs() -> None:
    wanted = {"a": [1.0, 2, "x"], "b": {"c": None}, "d": True}
    assert list(differing(wanted, wanted, "")) == []
    assert list(differing({**wanted, "a": [1.001, 2, "x"]}, wanted)) == [".a[0]: 1.001, was 1.0"]
    assert list(differing({**wanted, "a": [1.0, 2]}, wanted)) == [".a: [1.0, 2], was [1.0, 2, 'x']"]
    assert list(differing({**wanted, "d": 1}, wanted)) == [".d: 1, was True"]
    assert list(differing({"a": [1.0, 3, "x"], "b": {}, "e": 1}, wanted)) == [
        ".a[1]: 3, was 2",
        ".b.c: gone",
        ".d: gone",
        ".e: new",
    ]
