"""Counts of people and answers in a results tree, and the sums by which one tells another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analysis.report.small_cells import LIMIT, hide_small

Path = tuple[str | int, ...]
BASE, TOTAL = 1, 9
NO_COUNTS = re.compile(
    r"df\w*|n_(items|low|failed|tests|levels|factors|parameters|raters|categories|rules)|position|day|days|week|weeks|time|wave|rank"
    r"|code|level|order|items|factors|rules|lowest_possible|highest_possible|n_models|year"
)
COUNTS = re.compile(
    r"n|n_\w+|at_risk|events|missing|answers|answered|administrations|complete|people|participants"
    r"|stable|never|disengaged|enrolled|analysed|had_left|count|counts|\w+_n|improved|worsened"
    r"|unchanged|deteriorated|respondents"
)


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Counts with the places where they are printed, and the sums that a reader knows."""

    values: list[int] = field(default_factory=list)
    paths: list[list[Path]] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    sums: list[dict[int, float]] = field(default_factory=list)
    where: dict[Path, int] = field(default_factory=dict)

    def add(self, value: float, *paths: Path, weight: int = 0) -> int:
        """Enter a count; a place entered before keeps its count."""
        if paths and paths[0] in self.where:
            return self.where[paths[0]]
        self.values.append(round(value))
        self.paths.append(list(paths))
        self.weights.append(weight)
        self.where.update(dict.fromkeys(paths, len(self.values) - 1))
        return len(self.values) - 1

    def also(self, count: int, path: Path) -> None:
        """Enter a further place where a count is printed."""
        if path in self.where:
            self.same(count, self.where[path])
        else:
            self.paths[count].append(path)
            self.where[path] = count

    def same(self, one: int | None, other: int | None) -> None:
        """Say that two counts are one, if they are."""
        if one is not None and other is not None and one != other:
            self.total([one], other)

    def total(self, parts: Sequence[int], whole: int | None) -> bool:
        """Say that counts add up to another, if they do."""
        if whole is None or not parts or sum(self.values[part] for part in parts) != self.values[whole]:
            return False
        terms: dict[int, float] = {}
        for part in parts:
            terms[part] = terms.get(part, 0.0) + 1.0
        terms[whole] = terms.get(whole, 0.0) - 1.0
        self.sums.append(terms)
        return True

    def rest(self, part: int, whole: int | None) -> None:
        """Protect the rest of a part in its whole, which is printed nowhere."""
        if whole is not None and part != whole and self.values[part] <= self.values[whole]:
            self.total([part, self.add(self.values[whole] - self.values[part])], whole)

    def matrix(self) -> np.ndarray:
        """Give the sums as rows of coefficients."""
        matrix = np.zeros((len(self.sums), len(self.values)))
        for row, terms in enumerate(self.sums):
            for column, coefficient in terms.items():
                matrix[row, column] = coefficient
        return matrix

    def hidden(self) -> set[Path]:
        """Give the places that may not be printed."""
        if not self.values:
            return set()
        mask = hide_small(
            np.array(self.values, dtype=np.int64),
            self.matrix(),
            shown=np.array([bool(paths) for paths in self.paths]),
            weights=np.array(self.weights, dtype=np.int64),
        )
        return {path for count in np.flatnonzero(mask) for path in self.paths[count]}


def is_count(key: str, form: str | None) -> bool:
    """Say whether a column counts people or answers: whole numbers do unless they are known not to."""
    if NO_COUNTS.fullmatch(key):
        return False
    return form == "int" or (form is None and COUNTS.fullmatch(key) is not None)


def forms_of(section: Mapping[str, Any], table: str) -> dict[str, str]:
    """Give the format of each printed column."""
    return {key: column["format"] for key, column in section["captions"][table]["columns"].items()}


def is_number(value: Any) -> bool:
    """Say whether a value of the tree is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def share_of(value: Any, whole: int | None) -> int | None:
    """Give the count behind a share, or None when the share is not one of this whole."""
    if not is_number(value) or whole is None or not 0 <= value <= 1:
        return None
    count = value * whole
    return round(count) if abs(count - round(count)) < 1e-6 * max(whole, 1) else None


def rows_of(table: Mapping[str, Sequence[Any]]) -> int:
    """Give the number of rows."""
    return max((len(column) for column in table.values()), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a table's columns are: shares of which column, parts of which column, resting on which."""

    base: Mapping[str, str] = field(default_factory=dict)
    part: Mapping[str, str] = field(default_factory=dict)
    skip: tuple[str, ...] = ()
    falls: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=lambda: {"n": BASE})


SHAPES: dict[tuple[str, str], Shape] = {
    ("flow", "flow"): Shape(
        part={"complete": "answered"},
        skip=("retained", "missing_rate"),
        weights={"administrations": 4, "answered": TOTAL - 1},
    ),
    ("flow", "reasons"): Shape(base={"rate": "possible"}, skip=("possible",)),
    ("screening", "flags"): Shape(base={"share": "n_judged"}),
    ("screening", "sensitivity"): Shape(part={"n_without": "n"}),
    ("items", "statistics"): Shape(skip=("missing_share", "missing", "floor_share", "ceiling_share")),
    ("scores", "scores"): Shape(skip=("unscored",)),
    ("use", "retention"): Shape(falls={"from_day": ""}),
    ("adherence", "at_risk"): Shape(falls={"at_risk": "third"}),
    ("fairness", "groupings"): Shape(skip=("significant", "flagged")),
    ("adherence", "curves"): Shape(skip=("surviving", "ci_lower", "ci_upper")),
}


NO_PEOPLE = frozenset({"psd_audit", "audit"})  # counts of ratings of apps, given by raters as their work


def enter_tables(ledger: Ledger, name: str, section: Mapping[str, Any]) -> None:
    """Enter the counts and shares of every table, with the rests and sums that show by themselves."""
    whole = method_n(ledger, name, section)
    for table, columns in section["tables"].items():
        forms = forms_of(section, table)
        shape = SHAPES.get((name, table), Shape(**section["captions"][table].get("disclosure", {})))
        if table.startswith("distribution_"):
            continue
        for row in range(rows_of(columns)):
            _enter_row(ledger, (name, "tables", table), columns, forms, shape, row, whole)
        _down(ledger, (name, "tables", table), columns, whole)
        for key, group in shape.falls.items():
            _falling(ledger, (name, "tables", table), columns, key, group)


def method_n(ledger: Ledger, name: str, section: Mapping[str, Any]) -> int | None:
    """Enter the number of people a section rests on."""
    n = section["method"]["n"]
    return ledger.add(n, (name, "method", "n"), weight=TOTAL) if is_number(n) else None


def _enter_row(
    ledger: Ledger,
    at: Path,
    columns: Mapping[str, Sequence[Any]],
    forms: Mapping[str, str],
    shape: Shape,
    row: int,
    whole: int | None,
) -> None:
    cells: dict[str, int] = {}
    for key, column in columns.items():
        if is_count(key, forms.get(key)) and key not in shape.skip and is_number(column[row]):
            cells[key] = ledger.add(column[row], (*at, key, row), weight=shape.weights.get(key, 0))
    for part, of in shape.part.items():
        if part in cells and of in cells:
            ledger.rest(cells[part], cells[of])
    shares: list[int] = []
    for key, column in columns.items():
        if forms.get(key) != "percent" or key in shape.skip:
            continue
        of = shape.base.get(key, "n")
        base = cells.get(of, whole if of not in columns else None)
        total = ledger.values[base] if base is not None else columns[of][row] if of in columns else None
        count = share_of(column[row], total)
        if count is None:
            continue
        share = ledger.add(count, (*at, key, row))
        shares.append(share)
        ledger.rest(share, base)
        for other, cell in cells.items():
            if other != of and ledger.values[cell] == count:
                ledger.same(share, cell)
    base = cells.get("n", whole)
    parts = [cell for key, cell in cells.items() if key != "n" and key not in shape.base.values()]
    for some in (shares, parts):
        if len(some) > 1:
            ledger.total(some, base)


def _down(ledger: Ledger, at: Path, columns: Mapping[str, Sequence[Any]], whole: int | None) -> None:
    """Relate a column to the section's number of people when it adds up to it."""
    for key in columns:
        cells = [ledger.where.get((*at, key, row)) for row in range(rows_of(columns))]
        found = [cell for cell in cells if cell is not None]
        if len(found) > 1 and len(found) == len(cells):
            ledger.total(found, whole)


def _falling(ledger: Ledger, at: Path, columns: Mapping[str, Sequence[Any]], key: str, group: str) -> None:
    """Protect the people between two rows of a count that falls: those who left in the time between."""
    last: dict[Any, int] = {}
    for row in range(rows_of(columns)):
        cell = ledger.where.get((*at, key, row))
        if cell is None:
            continue
        label = columns[group][row] if group in columns else None
        if label in last:
            ledger.rest(cell, last[label])
        last[label] = cell


def enter_values(ledger: Ledger, name: str, section: Mapping[str, Any], shares: Iterable[str]) -> None:
    """Enter what the sentences of a section count; `shares` are the values written as percentages."""
    whole = method_n(ledger, name, section)
    total = ledger.values[whole] if whole is not None else None
    for key, value in section["values"].items():
        if isinstance(value, int) and is_number(value) and is_count(key, None):
            ledger.add(value, (name, "values", key), weight=3)
    for key in shares:
        count = share_of(section["values"].get(key), total)
        if count is not None and not re.search("cutoff|threshold|prorate|level", key):
            ledger.rest(ledger.add(count, (name, "values", key), weight=3), whole)


def siblings(sections: Mapping[str, Any], hidden: set[Path]) -> set[Path]:
    """Find hidden counts that are printed elsewhere: same column, same label, same number.

    Parameters
    ----------
    sections
        Sections of the tree, with every number.
    hidden
        What is taken out.

    Returns
    -------
    set of tuple
        Further places, and values of sentences that repeat a hidden count of their section.
    """
    gone: dict[tuple[str, int], list[tuple[set[str], set[str]]]] = {}
    for path in hidden:
        if len(path) == 5 and isinstance(value := _cell(sections, path), int):
            gone.setdefault((str(path[3]), value), []).append(_labels(sections, path))
    found: set[Path] = set()
    for name, section in sections.items():
        for table, columns in section["tables"].items():
            for key, column in columns.items():
                for row, value in enumerate(column):
                    if not isinstance(value, int) or (key, value) not in gone:
                        continue
                    labels, _ = _labels(sections, (name, "tables", table, key, row))
                    if any(labels & others and waves <= labels for others, waves in gone[key, value]):
                        found.add((name, "tables", table, key, row))
    for path in hidden | found:
        value = _cell(sections, path) if len(path) == 5 else None
        if isinstance(value, int) and not small(value):
            values = sections[str(path[0])]["values"]
            same = [key for key, other in values.items() if other == value and is_count(key, None)]
            found |= {(path[0], "values", key) for key in same}
    return found - hidden


def _cell(sections: Mapping[str, Any], path: Path) -> Any:
    return sections[str(path[0])]["tables"][path[2]][path[3]][path[4]]


def _labels(sections: Mapping[str, Any], path: Path) -> tuple[set[str], set[str]]:
    """Give the words of a row, and its wave."""
    columns, row = sections[str(path[0])]["tables"][path[2]], path[4]
    words = {key: column[row].strip() for key, column in columns.items() if isinstance(column[row], str)}
    return set(words.values()) - {""}, {word for key, word in words.items() if key == "wave"}


def small(value: Any) -> bool:
    """Say whether a number of people is too small to rest a statistic on."""
    return is_number(value) and value < LIMIT
