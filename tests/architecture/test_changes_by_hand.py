"""Wrong changes written by hand still mean something: their text stands once in a file that is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
ROOMS = sorted((ROOT / "tests" / "mutation" / "by_hand").glob("*.yaml"))


def stale(file: str, pairs: list[list[str]], source: str | None) -> Iterator[str]:
    """Name the changes that cannot be made, or would change nothing."""
    for old, new in pairs:
        if source is None or source.count(old) != 1 or old == new:
            yield f"{file}: {old}"


def test_every_change_can_be_made_and_its_tests_are_there() -> None:
    found: list[str] = []
    counted = 0
    for room in ROOMS:
        for file, entry in yaml.safe_load(room.read_text("utf-8")).items():
            path = ROOT / file
            found += stale(file, entry["changes"], path.read_text("utf-8") if path.is_file() else None)
            found += [
                f"{room.name}: {test}"
                for test in entry.get("tests", [])
                if not list(ROOT.glob(test.split("::")[0]))
            ]
            counted += len(entry["changes"])
    assert counted > 800
    assert not found


def test_a_change_that_stands_nowhere_twice_or_changes_nothing_is_found() -> None:
    pairs = [["a < b", "a <= b"], ["b", "c"], ["d", "e"], ["< b", "< b"]]
    assert list(stale("x.py", pairs, "a < b; b")) == ["x.py: b", "x.py: d", "x.py: < b"]
    assert len(list(stale("x.py", pairs, None))) == 4
