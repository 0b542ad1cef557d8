"""What a topic says of its counts: which are one number, and which add up to which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.disclosure.kinds import Place


def cell(table: str, column: str, row: int) -> Place:
    """Place of a cell of a table in the same section."""
    return ("tables", table, column, row)


def value(key: str) -> Place:
    """Place of a value in the same section."""
    return ("values", key)


def known(*name: object) -> Place:
    """Place of a population that several topics count, such as everyone at a wave."""
    return ("known", "/".join(map(str, name)))


@dataclass(slots=True, kw_only=True)
class Account:
    """Sums between the counts of a section, and numbers of populations that are counted elsewhere.

    A place in it is a count, a share (then the count behind it), or a population by `known`.
    """

    same_counts: list[tuple[Place, ...]] = field(default_factory=list)
    sums: list[dict[str, Any]] = field(default_factory=list)
    populations: dict[str, int] = field(default_factory=dict)

    def population(self, name: Place, number: int) -> Place:
        """Enter the number of a population; give its place."""
        self.populations[str(name[1])] = int(number)
        return name

    def same(self, *places: Place) -> None:
        """Say that these places tell one number."""
        self.same_counts.append(places)

    def total(self, parts: Sequence[Place], whole: Place, times: Sequence[int] = ()) -> None:
        """Say that parts add up to a whole, each taken so many times."""
        self._sum(parts, whole, False, times)

    def part(self, whole: Place, *parts: Place) -> None:
        """Say that these are parts of a whole, and protect those in none of them."""
        self._sum(parts, whole, True, ())

    def _sum(self, parts: Sequence[Place], whole: Place, rest: bool, times: Sequence[int]) -> None:
        said = {"parts": [list(part) for part in parts], "whole": list(whole), "rest": rest}
        self.sums.append(said | ({"times": list(times)} if times else {}))

    def plain(self) -> dict[str, Any]:
        """Give the account as plain data."""
        return {
            "same": [[list(place) for place in places] for places in self.same_counts],
            "sums": list(self.sums),
            "populations": dict(self.populations),
        }
