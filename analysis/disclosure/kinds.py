"""What a column or value is: a count of people, a share of which, a statistic of whom, words, or a given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from instrument.errors import ToolkitError, fact_and_hint

Place = tuple[str | int, ...]
Of = str | Place | tuple[Place, ...]
N: Place = ("method", "n")
"""The number of people a section rests on."""


class KindError(ToolkitError, TypeError):
    """A topic says nothing of one of its numbers: its section fails, and nothing of it is shown."""


class What(StrEnum):
    """What stands in a cell."""

    TEXT = "text"
    FOREIGN = "foreign words"
    PERSON = "person"
    FEW = "words of few people"
    GIVEN = "given"
    PEOPLE = "people"
    SHARE = "share"
    STATISTIC = "statistic"
    OPTION = "option"
    WORDS = "words with counts"


class Moment(StrEnum):
    """What a statistic tells of the answers to an item, where few chose an option."""

    MEAN = "mean"
    SPREAD = "spread"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a column or value is, and the counts by which it could be told or tell another.

    Attributes
    ----------
    what
        Sort of content.
    of
        Whole of a share or of a part: a column of the same row, a value of the same section, a place, or a
        place for each row.
    times
        Answers for each person of the whole.
    count
        The count itself, where a share has it printed beside it.
    rest
        The count that is left of the whole, where that is printed.
    protects_rest
        Whether what is left of the whole is a number of people, too.
    open_at_zero
        Whether it is no secret that nobody is left of the whole.
    on
        Counts of people it rests on: it goes where one of them is small.
    tells
        Counts it would tell: it goes where one of them is hidden.
    ends
        Shares at the ends of the scale: it goes where nearly everyone is at one.
    weight
        How long a count is kept when some must go; the lightest first.
    weights
        The same, row by row.
    fraction
        Whether it is a whole number over the number of people, so that its digits tell that number.
    names
        The people counted, row by row: one name, one population, wherever it is printed.
    falls
        Whether a column falls from row to row by people who left.
    by
        Column of the groups within which it falls.
    certain
        Rows whose number is fixed by what it means.
    code
        Number of the option whose share it is.
    moment
        What it tells of the distribution over options.
    templates
        Words with places for counts, row by row, and `counts` to fill them.
    """

    what: What
    of: Of | None = None
    times: int = 1
    count: Of | None = None
    rest: Of | None = None
    protects_rest: bool = True
    open_at_zero: bool = False
    on: tuple[Of, ...] = ()
    tells: tuple[Of, ...] = ()
    ends: tuple[str, ...] = ()
    weight: int = 0
    weights: tuple[int, ...] = ()
    fraction: bool = False
    names: tuple[str, ...] = ()
    falls: bool = False
    by: str | None = None
    certain: tuple[int, ...] = ()
    code: int | None = None
    moment: Moment | None = None
    templates: tuple[str, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()
    whole: Of | None = None

    def plain(self) -> dict[str, Any]:
        """Give the kind as plain data, without what is not said of it."""
        found: dict[str, Any] = {"what": str(self.what)}
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if value != field.default:
                found[field.name] = _plain(value)
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, StrEnum) else value


def read_kind(plain: Mapping[str, Any]) -> Kind:
    """Read a kind back from plain data.

    Raises
    ------
    ValueError
        No such kind.
    """
    known = {field.name for field in fields(Kind)}
    if unknown := [key for key in plain if key not in known]:
        raise ValueError(f"a kind has no part {unknown[0]!r}")
    parts = {key: _frozen(value) for key, value in plain.items()}
    parts["what"] = What(plain["what"])
    if "moment" in parts:
        parts["moment"] = Moment(parts["moment"])
    return Kind(**parts)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value


TEXT = Kind(what=What.TEXT)
"""Words that the toolkit, the instrument or the study lays down: the same whoever answers."""
FOREIGN = Kind(what=What.FOREIGN)
"""Words made elsewhere, such as a reason or a warning: every number in them is masked."""
PERSON = Kind(what=What.PERSON)
"""A person: the table is not shared."""
FEW = Kind(what=What.FEW)
"""Words that tell of few people, such as answers that hardly anybody gave: left out where they are shared."""
GIVEN = Kind(what=What.GIVEN)
"""A number that no person stands behind: of items, degrees of freedom, days, cut-offs, tests."""


def people(
    of: Of | None = None,
    *,
    weight: int = 0,
    names: Iterable[str] = (),
    tells: Sequence[Of] = (),
    falls: bool = False,
    by: str | None = None,
    rest: Of | None = None,
    open_at_zero: bool = False,
    weights: Iterable[int] = (),
) -> Kind:
    """A count of people, administrations or answers; with `of`, a part of another count.

    Parameters
    ----------
    of
        The whole; what is left of it is protected.
    weight
        How long it is kept when some count must go.
    names
        Populations, row by row.
    tells
        Counts that it would tell.
    falls, by
        Whether it falls from row to row, within the groups of a column.
    rest
        The count that is left, where it is printed.
    open_at_zero
        Whether it is no secret that nobody is left.
    weights
        Weight of each row, where rows differ.

    Returns
    -------
    Kind
        For a column or a value.
    """
    return Kind(
        what=What.PEOPLE,
        of=of,
        weight=weight,
        names=tuple(names),
        tells=tuple(tells),
        falls=falls,
        by=by,
        rest=rest,
        open_at_zero=open_at_zero,
        weights=tuple(weights),
    )


def share(
    of: Of,
    *,
    times: int = 1,
    count: Of | None = None,
    rest: Of | None = None,
    protects_rest: bool = True,
    tells: Sequence[Of] = (),
    certain: Sequence[int] = (),
    weight: int = 0,
    falls: bool = False,
    by: str | None = None,
) -> Kind:
    """A share of a count: with the whole it tells the part, and what is left.

    Parameters
    ----------
    of
        The whole.
    times
        Answers for each person of the whole.
    count
        The count of which it is the share, where it is printed.
    rest
        The count that is left, where it is printed.
    protects_rest
        False where what is left is no number of people.
    tells
        Counts that it would tell.
    certain
        Rows whose share is fixed by what it means.
    weight
        How long the part is kept when some count must go.
    falls, by
        Whether it falls from row to row, within the groups of a column.

    Returns
    -------
    Kind
        For a column or a value.
    """
    return Kind(
        what=What.SHARE,
        of=of,
        times=times,
        count=count,
        rest=rest,
        protects_rest=protects_rest,
        tells=tuple(tells),
        certain=tuple(certain),
        weight=weight,
        falls=falls,
        by=by,
    )


def statistic(
    *on: Of,
    tells: Sequence[Of] = (),
    ends: Sequence[str] = (),
    moment: Moment | None = None,
    fraction: bool = False,
) -> Kind:
    """A number estimated from people; without `on` from those of the whole section.

    Parameters
    ----------
    *on
        Counts it rests on.
    tells
        Counts that it would tell.
    ends
        Columns with the shares at the ends of the scale.
    moment
        What it tells of the answers to an item.
    fraction
        Whether it is a mean or share, so that its digits tell how many people it rests on.

    Returns
    -------
    Kind
        For a column or a value.
    """
    return Kind(
        what=What.STATISTIC,
        on=on or (N,),
        tells=tuple(tells),
        ends=tuple(ends),
        moment=moment,
        fraction=fraction or moment is not None or bool(ends),
    )


def option(code: int, of: Of) -> Kind:
    """The share of one option among the answers to an item."""
    return Kind(what=What.OPTION, code=code, of=of)


def words(
    templates: Iterable[str],
    counts: Iterable[Iterable[int]],
    *,
    whole: Of | None = None,
    names: Iterable[str] = (),
) -> Kind:
    """Words with counts of people in them, row by row.

    Parameters
    ----------
    templates
        Such as `woman ({0}), man ({1})`; other braces are doubled.
    counts
        What fills them.
    whole
        The count of which these are groups; those in none of them are protected.
    names
        Populations of the counts, one after another through all rows.

    Returns
    -------
    Kind
        For a column of such words, or for one value (one row).
    """
    return Kind(
        what=What.WORDS,
        templates=tuple(templates),
        counts=tuple(tuple(int(count) for count in row) for row in counts),
        whole=whole,
        names=tuple(names),
    )


def each(kind: Kind, *keys: str) -> dict[str, Kind]:
    """Say the same of several columns or values; names without spaces may stand in one text.

    Examples
    --------
    >>> list(each(TEXT, "item text", "title"))
    ['item', 'text', 'title']
    """
    return {name: kind for key in keys for name in key.split()}


def notes(found: Iterable[str]) -> tuple[list[str], dict[str, str], dict[str, Kind]]:
    """Give what an analysis notes as sentences, whose words are masked where they are shared.

    Parameters
    ----------
    found
        Notes without a full stop.

    Returns
    -------
    tuple
        Sentences with places, the values that fill them, and their kinds.

    Examples
    --------
    >>> notes(["one row is left out"])[:2]
    (['{note_1}'], {'note_1': 'One row is left out.'})
    """
    return sentences([f"{note[0].upper()}{note[1:]}." for note in found], FOREIGN)


def sentences(found: Iterable[str], kind: Kind) -> tuple[list[str], dict[str, str], dict[str, Kind]]:
    """Give ready sentences as places, the values that fill them, and what these are."""
    values = {f"note_{k}": text for k, text in enumerate(found, start=1)}
    return [f"{{{key}}}" for key in values], values, dict.fromkeys(values, kind)


def refuse_unsaid(where: str, keys: Iterable[str], kinds: Mapping[str, Kind]) -> None:
    """Refuse what has no kind.

    Parameters
    ----------
    where
        Table or section.
    keys
        Columns, values or options.
    kinds
        What is said of them.

    Raises
    ------
    KindError
        Nothing is said of one of them.
    """
    if unsaid := [key for key in keys if key not in kinds]:
        fact = f"{where}: {unsaid[0]!r} has no kind, so nobody can say whether it may be shared."
        hint = "declare it in the topic (docs/dashboard.md, what a topic declares)."
        raise KindError(fact_and_hint("validate", fact, hint))
