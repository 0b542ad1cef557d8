"""The counts of a results tree, as its topics declare them, and the sums by which one tells another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from analysis.disclosure.kinds import Kind, Of, What, read_kind
from analysis.disclosure.small_cells import LIMIT, hide_small

Path = tuple[str | int, ...]
WHOLE = 9
"""Weight of a count of everyone: the last to go."""


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Counts with the places where they are printed, and the sums that a reader knows."""

    values: list[int] = field(default_factory=list)
    paths: list[list[Path]] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    sums: list[dict[int, float]] = field(default_factory=list)
    where: dict[Path, int] = field(default_factory=dict)
    named: set[int] = field(default_factory=set)
    counted: set[int] = field(default_factory=set)
    """Counts that are printed as whole numbers, not as shares."""
    shut: set[Path] = field(default_factory=set)
    """Places whose whole is not known, so that nobody can say what they tell."""

    def add(self, value: float, path: Path | None = None, *, weight: int = 0, name: str = "") -> int:
        """Enter a count; the same name with the same number is the same count."""
        known: Path = ("known", name)
        count = self.where.get(known, -1) if name else -1
        if count < 0 or self.values[count] != round(value):
            self.values.append(round(value))
            self.paths.append([])
            self.weights.append(weight)
            count = len(self.values) - 1
            if name:
                self.where.setdefault(known, count)
                self.named.add(count)
        self.weights[count] = max(self.weights[count], weight)
        if path is not None:
            self.paths[count].append(path)
            self.where[path] = count
        return count

    def total(self, parts: Sequence[int], whole: int, times: Sequence[int] = ()) -> None:
        """Say that counts add up to another.

        Raises
        ------
        ValueError
            They do not: the topic that says so is wrong, and what it forgets may tell a small number.
        """
        terms: dict[int, float] = {}
        for part, coefficient in zip(parts, times or [1] * len(parts), strict=True):
            terms[part] = terms.get(part, 0.0) + coefficient
        terms[whole] = terms.get(whole, 0.0) - 1.0
        if sum(coefficient * self.values[count] for count, coefficient in terms.items()):
            raise ValueError("counts that are declared to add up do not")
        terms = {count: coefficient for count, coefficient in terms.items() if coefficient}
        if terms:
            self.sums.append(terms)

    def part(self, parts: Sequence[int], whole: int, *, certain: bool = False) -> None:
        """Protect what parts leave of a whole and is printed nowhere; nothing, where `certain`, is no secret.

        Raises
        ------
        ValueError
            The parts are more than the whole.
        """
        rest = self.values[whole] - sum(self.values[part] for part in parts)
        if rest < 0:
            raise ValueError("parts are more than their whole")
        self.total([*parts, *([self.add(rest)] if rest or not certain else [])], whole)

    def matrix(self) -> np.ndarray:
        """Give the sums as rows of coefficients."""
        matrix = np.zeros((len(self.sums), len(self.values)))
        for row, terms in enumerate(self.sums):
            for column, coefficient in terms.items():
                matrix[row, column] = coefficient
        return matrix

    def hide(self) -> Hidden:
        """Give what may not be printed.

        A hidden number goes wherever else it is printed: a count that is not named may be of the same
        people as any other of the same number.
        """
        if not self.values:
            return Hidden(counts=set(), paths=set(self.shut), ledger=self)
        mask = hide_small(
            np.array(self.values, dtype=np.int64),
            self.matrix(),
            shown=np.array([bool(paths) for paths in self.paths]),
            weights=np.array(self.weights, dtype=np.int64),
        )
        counts = set(map(int, np.flatnonzero(mask)))
        gone = {count for count in counts & self.counted if self.paths[count]}
        for count in self.counted - counts:
            alike = {other for other in gone if self.values[other] == self.values[count]}
            if alike - (self.named if count in self.named else set()):
                counts.add(count)
        pairs = [terms.keys() for terms in self.sums if sorted(terms.values()) == [-1.0, 1.0]]
        known = -1
        while known < len(counts):  # what is as many as that which is as many, too, in whatever order
            known = len(counts)
            for pair in pairs:
                if counts & pair:
                    counts |= pair - self.counted  # a share of a whole that is told tells its count
        paths = {path for count in counts for path in self.paths[count]}
        return Hidden(counts=counts, paths=paths | self.shut, ledger=self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """What may not be printed."""

    counts: set[int]
    paths: set[Path]
    ledger: Ledger

    def holds(self, path: Path) -> bool:
        """Say whether the count at a place, or of a population, is hidden."""
        return path in self.paths or self.ledger.where.get(path, -1) in self.counts

    def prints(self, path: Path) -> bool:
        """Say whether the number behind a share is printed as a count, of the same people or maybe so."""
        mine = self.ledger.where.get(path, -1)
        if mine < 0:
            return False
        number = self.ledger.values[mine]
        return any(self.ledger.values[count] == number for count in self.ledger.counted - self.counts)

    def is_small(self, path: Path) -> bool:
        """Say whether the count at a place is of fewer than five people."""
        count = self.ledger.where.get(path, -1)
        return count >= 0 and small(self.ledger.values[count])


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A cell or value: where it stands, what it is, and how the names in its kind are meant."""

    path: Path
    kind: Kind
    value: Any
    row: int
    section: str
    table: str | None = None
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def meant(self, of: Of) -> Path:
        """Give the place that a kind names.

        Raises
        ------
        ValueError
            There is no such column or value.
        """
        if isinstance(of, str):
            if self.table is None:
                return (self.section, "values", of)
            if of not in self.columns:
                raise ValueError(
                    f"{self.section}, {self.table}: a kind names a column {of!r} that is not there"
                )
            return (self.section, "tables", self.table, of, self.row)
        if of and isinstance(of[0], tuple):
            place = of[self.row]
            return located(self.section, place if isinstance(place, tuple) else ())
        return located(self.section, of)

    @property
    def name(self) -> str:
        """Population of this row, or empty."""
        return self.kind.names[self.row] if self.row < len(self.kind.names) else ""

    @property
    def weight(self) -> int:
        """How long this count is kept when some must go."""
        weights = self.kind.weights
        return weights[self.row] if self.row < len(weights) else self.kind.weight


def located(section: str, place: Sequence[Any]) -> Path:
    """Give a place of a section as a place of the tree; populations belong to every section."""
    return tuple(place) if place[0] == "known" else (section, *place)


def kinds_of(section: Mapping[str, Any], table: str) -> dict[str, Kind]:
    """Give the kind of every column of a table.

    Raises
    ------
    ValueError
        A column has none.
    """
    return _read(section["tables"][table], section["captions"][table].get("kinds", {}), table)


def value_kinds_of(section: Mapping[str, Any]) -> dict[str, Kind]:
    """Give the kind of every value of a section.

    Raises
    ------
    ValueError
        A value has none.
    """
    return _read(section["values"], section.get("kinds", {}).get("values", {}), "values")


def option_kinds_of(section: Mapping[str, Any]) -> dict[str, Kind]:
    """Give the kind of every option of a section.

    Raises
    ------
    ValueError
        An option has none.
    """
    return _read(section["method"]["options"], section.get("kinds", {}).get("options", {}), "options")


def n_kind_of(section: Mapping[str, Any]) -> Kind:
    """Give the kind of a section's n.

    Raises
    ------
    ValueError
        It has none.
    """
    return _read({"n": None}, section.get("kinds", {}), "method")["n"]


def _read(keys: Mapping[str, Any], kinds: Mapping[str, Any], where: str) -> dict[str, Kind]:
    if unsaid := [key for key in keys if key not in kinds]:
        raise ValueError(f"{where}: {unsaid[0]!r} has no kind")
    return {key: read_kind(kinds[key]) for key in keys}


def entries(name: str, section: Mapping[str, Any]) -> Iterator[Entry]:
    """Go through n, options, values and cells of a section."""
    here = partial(Entry, row=0, section=name)
    yield here(path=(name, "method", "n"), kind=n_kind_of(section), value=section["method"]["n"])
    for key, kind in option_kinds_of(section).items():
        yield here(path=(name, "method", "options", key), kind=kind, value=section["method"]["options"][key])
    for key, kind in value_kinds_of(section).items():
        yield here(path=(name, "values", key), kind=kind, value=section["values"][key])
    for table, columns in section["tables"].items():
        for key, kind in kinds_of(section, table).items():
            for row, value in enumerate(columns[key]):
                yield Entry(
                    path=(name, "tables", table, key, row),
                    kind=kind,
                    value=value,
                    row=row,
                    section=name,
                    table=table,
                    columns=columns,
                )


def enter(ledger: Ledger, sections: Mapping[str, Mapping[str, Any]]) -> None:
    """Enter the counts of all sections, then shares of them, then what adds up.

    Parameters
    ----------
    ledger
        May hold counts already.
    sections
        Those whose numbers are shown.

    Raises
    ------
    ValueError
        Something has no kind, or what is declared to add up does not.
    """
    found = [entry for name, section in sections.items() for entry in entries(name, section)]
    for section in sections.values():
        for name, number in section["account"]["populations"].items():
            ledger.add(number, name=name)
    for entry in found:
        _enter_count(ledger, entry)
    _enter_shares(ledger, [entry for entry in found if entry.kind.what is What.SHARE])
    for entry in found:
        if entry.kind.what is What.PEOPLE and entry.kind.of is not None and entry.path in ledger.where:
            _enter_part(ledger, entry, entry.kind.of)
    _enter_falls(ledger, found)
    for name, section in sections.items():
        _enter_sums(ledger, name, section)
    _enter_groups(ledger, found)


def _enter_count(ledger: Ledger, entry: Entry) -> None:
    kind = entry.kind
    if kind.what is What.PEOPLE and is_number(entry.value):
        ledger.counted.add(ledger.add(entry.value, entry.path, weight=entry.weight, name=entry.name))
    if kind.what is What.WORDS and entry.row < len(kind.counts):
        before = sum(map(len, kind.counts[: entry.row]))
        for place, number in enumerate(kind.counts[entry.row]):
            name = kind.names[before + place] if kind.names else ""
            ledger.counted.add(ledger.add(number, (*entry.path, place), name=name))


def _enter_shares(ledger: Ledger, waiting: list[Entry]) -> None:
    """Enter the counts behind shares, those of shares of shares as well."""
    waiting = [e for e in waiting if is_number(e.value) and e.row not in e.kind.certain]
    while waiting:
        later = []
        for entry in waiting:
            whole = entry.kind.of
            if whole is None:
                raise ValueError(f"{entry.path}: a share of nothing")
            base = ledger.where.get(entry.meant(whole))
            if base is None:
                later.append(entry)
                continue
            count = share_of(entry.value, ledger.values[base] * entry.kind.times)
            if count is None:
                ledger.shut.add(entry.path)
                continue
            made = ledger.add(count, entry.path, weight=entry.kind.weight)
            _enter_twins(ledger, entry, made)
            if entry.kind.protects_rest and entry.kind.times == 1:
                _enter_part(ledger, entry, whole)
        if len(later) == len(waiting):
            ledger.shut |= {entry.path for entry in later}
            return
        waiting = later


def _enter_twins(ledger: Ledger, entry: Entry, made: int) -> None:
    """Say that a share tells the count it is made of: the one it names, and one of this number in its row."""
    if entry.kind.count is not None:
        named = ledger.where.get(entry.meant(entry.kind.count))
        if named is not None:
            ledger.total([made], named)
    alike = entry.columns if ledger.values[made] >= LIMIT and entry.kind.times == 1 else ()
    for key in alike:
        beside = ledger.where.get((*entry.path[:3], key, entry.row))
        if beside is not None and beside != made and ledger.values[beside] == ledger.values[made]:
            ledger.total([made], beside)


def _enter_part(ledger: Ledger, entry: Entry, of: Of) -> None:
    whole = ledger.where.get(entry.meant(of))
    if whole is None:
        return
    part = ledger.where[entry.path]
    rest = ledger.where.get(entry.meant(entry.kind.rest)) if entry.kind.rest is not None else None
    if rest is None:
        ledger.part([part], whole, certain=entry.kind.open_at_zero)
    else:
        ledger.total([part, rest], whole)


def _enter_falls(ledger: Ledger, found: list[Entry]) -> None:
    """Protect the people between two rows of a count that falls: those who left in the time between."""
    last: dict[tuple[Any, ...], int] = {}
    for entry in found:
        if not entry.kind.falls or entry.path not in ledger.where:
            continue
        group = entry.columns[entry.kind.by][entry.row] if entry.kind.by is not None else None
        key = (*entry.path[:-1], group)
        count = ledger.where[entry.path]
        if key in last:
            ledger.part([count], last[key])
        last[key] = count


def _enter_sums(ledger: Ledger, name: str, section: Mapping[str, Any]) -> None:
    """Enter what the topic says of its counts; what is not there tells nothing."""
    for places in section["account"]["same"]:
        counts = [ledger.where.get(located(name, place)) for place in places]
        known = [count for count in counts if count is not None]
        for other in known[1:]:
            ledger.total([known[0]], other)
        if ledger.named & set(known):
            ledger.named |= set(known)
    for said in section["account"]["sums"]:
        parts = [ledger.where.get(located(name, place)) for place in said["parts"]]
        whole = ledger.where.get(located(name, said["whole"]))
        there = [part for part in parts if part is not None]
        if whole is None or len(there) < len(parts):
            continue
        if said["rest"]:
            ledger.part(there, whole, certain=True)
        else:
            ledger.total(there, whole, said.get("times", ()))
    for table, caption in section["captions"].items():
        for keys, whole_key in caption.get("sums", []):
            for row in range(rows_of(section["tables"][table])):
                cells = [ledger.where.get((name, "tables", table, key, row)) for key in [*keys, whole_key]]
                terms = [count for count in cells if count is not None]
                if len(terms) == len(cells):
                    ledger.total(terms[:-1], terms[-1])


def _enter_groups(ledger: Ledger, found: list[Entry]) -> None:
    """Enter sums that show by themselves: a column that makes up n, parts that make up a whole."""
    sums: dict[tuple[Any, ...], tuple[int, list[int]]] = {}
    for entry in found:
        count = ledger.where.get(entry.path)
        if entry.table is None or count is None:
            continue
        everyone = ledger.where.get((entry.section, "method", "n"))
        if everyone is not None:
            sums.setdefault(entry.path[:-1], (everyone, []))[1].append(count)
        whole = ledger.where.get(entry.meant(entry.kind.of)) if entry.kind.of is not None else None
        if whole is not None and entry.kind.times == 1:
            key = (whole, entry.kind.what, *entry.path[:3], entry.row)
            sums.setdefault(key, (whole, []))[1].append(count)
    for of, parts in sums.values():
        if len(parts) > 1 and sum(ledger.values[part] for part in parts) == ledger.values[of]:
            ledger.total(parts, of)


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


def small(value: Any) -> bool:
    """Say whether a number of people is too small to rest a statistic on."""
    return is_number(value) and value < LIMIT
