"""Which call of R gives which numbers of a section, and why the others have none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from analysis.common.result import to_plain
from instrument.errors import ToolkitError, fact_and_hint

VALUES = "values"
"""In place of a table: the single values of a section."""
METHOD = "method"
"""In place of a table: the number of people a section rests on."""
Address = tuple[str, str, int]
"""Table, column and row of a number; single values stand in row 0."""


class TwinError(ToolkitError, ValueError):
    """Two calls claim the same number, or one claims a number that is not there."""


class Reason(StrEnum):
    """Why a number has no equivalent in R."""

    GIVEN = "given by the instrument, the study or the analyst; nothing is computed"
    SEEDED = "rests on seeded draws (bootstrap, permutation or simulation): another generator draws otherwise"
    OWN = "by rules of this toolkit's own; no call of R is written for it"
    SEARCH = "the end of a search of this toolkit among models or items, which R's functions do not make"
    READ = "counted while the files are read and joined"
    CARELESS = "flags for careless answers by this toolkit's rules; package careless has other ones"
    SCORES = "rests on response-model scores of a purified set of items (lordif makes other choices)"
    WORDS = "counts what the report says, not what people answered"
    ELSEWHERE = "the same number as in another section, which is made again there"
    IMPROPER = (
        "an improper solution or an unfinished search, which is shown and not judged, or levels that "
        "semTools writes otherwise"
    )
    CONSTRAINED = "robust indices of ordinal items under equality constraints, which lavaan does not give"
    LOG = (
        "rests on days of use, counted in the log by the windows of the study, which is not done again in R; "
        "its models are held against glm, survival, MASS, lme4 and cmprsk in the toolkit's tests"
    )
    ITEMS_LEFT = (
        "the same relations without some items: those with use rest on the log, the others are made again "
        "with every item in the sections they are from"
    )
    COMPOSITE = "weights of a composite (`<~`), held against lavaan in the toolkit's tests"
    PLACED = (
        "counts by place of the response model's scores and steps, which follow from parameters that are "
        "compared where package mirt is"
    )
    OTHERWISE = (
        "follows other decisions; a plan that takes one of them has a script of its own, which makes it again"
    )
    NOT_WRITTEN = "nobody has written a call of R for it yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """One call of R and the numbers it gives.

    Attributes
    ----------
    call
        Function of the library in `analysis/twins/library`, without its prefix `twin_`.
    arguments
        What it is given: text, numbers, lists and mappings of them.
    numbers
        Column of the table (or name of the value) to the name of the number in what the function returns.
    table
        Name of the table; `VALUES` or `METHOD` for what stands in none.
    rows
        Rows that the returned vectors fill, in their order; None for every row of the table.
    exact
        Whether both programs evaluate one formula, so that they must agree in six digits; else both search
        for an optimum, and the digits printed must agree.
    """

    call: str
    numbers: Mapping[str, str]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    table: str = VALUES
    rows: tuple[int, ...] | None = None
    exact: bool = True

    def plain(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "call": self.call,
            "arguments": to_plain(self.arguments),
            "table": self.table,
            "rows": None if self.rows is None else list(self.rows),
            "numbers": dict(self.numbers),
            "exact": self.exact,
        }


@dataclass(kw_only=True)
class Twins:
    """What can be made again of one section, and why the rest cannot.

    `own` gives the reason of a column or value for which no call is named, by table.
    """

    calls: list[Twin] = field(default_factory=list)
    own: dict[str, dict[str, Reason]] = field(default_factory=dict)

    def add(
        self,
        call: str,
        numbers: Mapping[str, str] | str,
        *,
        table: str = VALUES,
        rows: Iterable[int] | None = None,
        exact: bool = True,
        **arguments: Any,
    ) -> None:
        """Add a call; names given as one text are the same in the table and in R.

        Parameters
        ----------
        call, table, exact
            As in `Twin`.
        numbers
            Column to name in R, or columns with one space between.
        rows
            Rows filled.
        **arguments
            Given to the function of R.
        """
        named = {name: name for name in numbers.split()} if isinstance(numbers, str) else numbers
        place = None if rows is None else tuple(int(row) for row in rows)
        self.calls.append(
            Twin(call=call, numbers=named, arguments=arguments, table=table, rows=place, exact=exact)
        )

    def leave(self, reason: Reason, columns: str, table: str = VALUES) -> None:
        """Give the reason of columns or values without an equivalent.

        Parameters
        ----------
        reason
            Why.
        columns
            Names with one space between; `*` for every column of which nothing else is said.
        table
            Where they stand.
        """
        self.own.setdefault(table, {}).update(dict.fromkeys(columns.split(), reason))

    def plain(self) -> dict[str, Any]:
        """Give them as plain data."""
        return {
            "calls": [call.plain() for call in self.calls],
            "own": {
                table: {name: why.name for name, why in told.items()} for table, told in self.own.items()
            },
        }


def is_number(value: Any) -> bool:
    """Whether a plain value is a number; yes and no are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def numbers_of(section: Mapping[str, Any]) -> Iterator[tuple[Address, float]]:
    """Go through every number of a section of the results tree.

    Parameters
    ----------
    section
        As it stands in `results.json`.

    Yields
    ------
    tuple
        Address and number, tables first; numbers within texts and lists are none of their own.
    """
    for table, columns in section["tables"].items():
        for column, cells in columns.items():
            for row, cell in enumerate(cells):
                if is_number(cell):
                    yield (table, column, row), cell
    for name, value in section["values"].items():
        if is_number(value):
            yield (VALUES, name, 0), value
    if is_number(section["method"]["n"]):
        yield (METHOD, "n", 0), section["method"]["n"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """The numbers of a section, each with its call or with a reason.

    Attributes
    ----------
    calls
        Plain calls with `rows` spelled out; those that give no number of the section are left out.
    reasons
        Reason to the addresses it holds for.
    """

    calls: Sequence[Mapping[str, Any]]
    reasons: Mapping[Reason, Sequence[Address]]


def sort_numbers(section: Mapping[str, Any]) -> Sorted:
    """Sort the numbers of a section into those that a call of R gives and those without, each once.

    Parameters
    ----------
    section
        As it stands in `results.json`, with its `twins`.

    Returns
    -------
    Sorted
        Nothing is left out and nothing stands twice.

    Raises
    ------
    TwinError
        Two calls claim one number.
    """
    told = section.get("twins") or {"calls": [], "own": {}}
    numbers = dict(numbers_of(section))
    open_ = dict.fromkeys(numbers)
    kept = []
    for call in told["calls"]:
        rows = call["rows"] if call["rows"] is not None else _every_row(section, call["table"])
        found = [(call["table"], column, row) for column in call["numbers"] for row in rows]
        claimed = [address for address in found if address in numbers]
        for address in claimed:
            if address not in open_:
                fact = f"two calls of R claim {'.'.join(map(str, address))}."
                raise TwinError(fact_and_hint("reproduce", fact, "name one of them in the topic."))
            del open_[address]
        if claimed:
            kept.append({**call, "rows": list(rows)})
    reasons: dict[Reason, list[Address]] = {}
    for address in open_:
        reasons.setdefault(_reason(section, told["own"], address), []).append(address)
    return Sorted(calls=kept, reasons=reasons)


def _every_row(section: Mapping[str, Any], table: str) -> range:
    if table in (VALUES, METHOD):
        return range(1)
    columns = section["tables"].get(table) or {}
    return range(max((len(cells) for cells in columns.values()), default=0))


def _reason(section: Mapping[str, Any], own: Mapping[str, Mapping[str, str]], address: Address) -> Reason:
    """Reason that the topic gives; what is given by its kind needs none."""
    table, column, _ = address
    told = own.get(table, {})
    if column in told:
        return Reason[told[column]]
    if table == METHOD:
        kind = section.get("kinds", {}).get("n", {})
    elif table == VALUES:
        kind = section.get("kinds", {}).get("values", {}).get(column, {})
    else:
        kind = section["captions"].get(table, {}).get("kinds", {}).get(column, {})
    if kind.get("what") == "given":
        return Reason.GIVEN
    return Reason[told["*"]] if "*" in told else Reason.NOT_WRITTEN
