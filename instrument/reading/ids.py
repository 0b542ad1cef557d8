"""Ids that almost match: the same people, written in another way in another table."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

MOST_LOST = 0.05
"""Share of people that a join may lose before it is refused."""

_ASIDE = re.compile(r"[\s\u200b\ufeff]+|\.0+$|(?<![0-9.])0+(?=[0-9])")
"""Blanks, decimals and leading zeros."""
_ENDING = re.compile(r"^(.*?)0*(\d+)$")


def _without_blanks(name: str) -> str:
    return re.sub(r"[\s\u200b\ufeff]+", "", name)


def _without_decimals(name: str) -> str:
    return re.sub(r"\.0+$", "", _without_blanks(name))


def _without_zeros(name: str) -> str:
    return re.sub(r"(?<![0-9.])0+(?=[0-9])", "", _without_blanks(name).casefold())


def _number(name: str) -> str:
    plain = re.sub(r"\.0+$", "", _without_blanks(name))
    found = _ENDING.fullmatch(plain)
    return found.group(2) if found else ""


ALIKE: dict[str, Callable[[str], str]] = {
    "blanks": _without_blanks,
    "capitals": str.casefold,
    "decimals": lambda name: re.sub(r"\.0+$", "", name),
    "zeros": lambda name: re.sub(r"(?<![0-9.])0+(?=[0-9])", "", name),
}
"""What ids may differ in, by the names that a mapping gives it, and how they are then written."""


def ids_alike(name: str, ways: Iterable[str]) -> str:
    """Write an id without what ids may differ in.

    Parameters
    ----------
    name
        As it stands.
    ways
        Keys of `ALIKE`.

    Returns
    -------
    str
        The same for all ids that are meant to be one.

    Examples
    --------
    >>> ids_alike("P007", ["zeros"]), ids_alike("P007 ", ["capitals", "blanks"])
    ('P7', 'p007')
    """
    for way in ways:
        name = ALIKE[way](name)
    return name


def _in_plain_figures(name: str) -> str:
    """Full-width signs and the figures of other scripts as 0 to 9; capitals and blanks do not count."""
    plain = _without_blanks(unicodedata.normalize("NFKC", name)).casefold()
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in plain)


CAUSES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("blanks", _without_blanks),
    ("capitals", lambda name: _without_blanks(name).casefold()),
    ("the form of their figures or letters", _in_plain_figures),
    ("decimals (1.0 for 1)", _without_decimals),
    ("leading zeros", _without_zeros),
    ("a prefix or leading zeros", _number),
)


# fmt: off
SUMS = frozenset((
    "total", "totals", "grand", "sum", "sums", "subtotal", "mean", "means", "average", "avg", "median",
    "sd", "std", "dev", "deviation", "stdev", "standard", "variance", "overall", "summe", "gesamt",
    "gesamtsumme", "mittelwert", "durchschnitt", "standardabweichung", "moyenne", "somme", "écart",
    "type", "général", "promedio", "suma", "desviación", "estándar", "totale", "somma", "gemiddelde",
    "totaal", "som",
))
# fmt: on
"""Words that say in place of a person that a row sums up others."""
MAY_BE_NAMES = frozenset({"max", "min", "n", "count", "media", "anzahl", "maximum", "minimum"})
"""Such words that could also be the name of somebody."""
_TRIAL = re.compile(r"(?:test|tests|testing|tester|dummy|demo|xxx+)[ _-]?\d*", re.IGNORECASE)


def sums_up(name: str, *, surely: bool = False) -> bool:
    """Say whether a text in place of a person means that the row sums up others.

    Parameters
    ----------
    name
        As it stands.
    surely
        Only words that nobody is called.

    Returns
    -------
    bool
        True for `Total`, `Grand total`, `Mittelwert`, `SD`.

    Examples
    --------
    >>> sums_up("Grand total"), sums_up("Max"), sums_up("Max", surely=True), sums_up("P001")
    (True, True, False, False)
    """
    if re.search(r"\d", name):
        return False
    words = re.findall(r"[^\W\d_]+", name.casefold())
    return bool(words) and all(word in SUMS or (not surely and word in MAY_BE_NAMES) for word in words)


def is_trial(name: str) -> bool:
    """Say whether an id looks like that of somebody who tried the survey out.

    Parameters
    ----------
    name
        As it stands.

    Returns
    -------
    bool
        True for `test`, `TEST 2`, `dummy`.

    Examples
    --------
    >>> is_trial("Test_01"), is_trial("T01"), is_trial("testament")
    (True, False, False)
    """
    return _TRIAL.fullmatch(name.strip()) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How many ids of one table stand in another, and how many almost do.

    Attributes
    ----------
    known, unknown : int
        Ids that stand there, and those that do not.
    near : int
        Of the unknown, those that would stand there if written alike.
    cause : str
        What the near ones differ in; empty where there are none.
    """

    known: int
    unknown: int
    near: int
    cause: str

    @property
    def lost(self) -> float:
        """Share of ids that do not stand in the other table."""
        total = self.known + self.unknown
        return self.unknown / total if total else 0.0

    @property
    def near_share(self) -> float:
        """Share of ids that are only almost there, among those that are or almost are."""
        total = self.known + self.near
        return self.near / total if total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """People who seem to stand in one table under two ids.

    Attributes
    ----------
    pairs : int
        How many.
    people : int
        Distinct ids of the table.
    cause : str
        What the ids of most pairs differ in.
    ids : frozenset of str
        The ids concerned.
    """

    pairs: int
    people: int
    cause: str
    ids: frozenset[str]


def alike_ids(ids: pd.Series) -> int:
    """Count the ids of a table that another id is but for blanks, capitals, decimals or leading zeros.

    Parameters
    ----------
    ids : Series of shape (n,)
        Participant of each row.

    Returns
    -------
    int
        Distinct ids.

    Examples
    --------
    >>> alike_ids(pd.Series(["1", "1.0", "001", "2", "2", "p3", "P3"]))
    5
    """
    plain = pd.Series([_ASIDE.sub("", name.casefold()) for name in ids.astype(str).unique()], dtype=object)
    return int(plain.duplicated(keep=False).sum())


def split_people(ids: pd.Series, waves: pd.Series) -> Split:
    """Find ids that are one but for blanks, capitals, decimals or leading zeros, and never share a wave.

    Parameters
    ----------
    ids : Series of shape (n,)
        Participant of each row.
    waves : Series of shape (n,)
        Wave of each row.

    Returns
    -------
    Split
        Pairs and their cause.

    Examples
    --------
    >>> split_people(pd.Series(["0001", "1", "0002"]), pd.Series(["a", "b", "a"])).cause
    'leading zeros'
    """
    seen: dict[str, set[object]] = {}
    for name, wave in zip(ids.astype(str), waves, strict=True):
        seen.setdefault(name, set()).add(wave)
    causes: Counter[str] = Counter()
    involved: set[str] = set()
    for cause, plain in CAUSES[:-1]:
        groups: dict[str, list[str]] = {}
        for name in seen:
            if name not in involved:
                groups.setdefault(plain(name), []).append(name)
        for names in groups.values():
            if len(names) > 1 and len(set().union(*(seen[n] for n in names))) == sum(
                len(seen[n]) for n in names
            ):
                causes[cause] += len(names) - 1
                involved |= set(names)
    cause = causes.most_common(1)[0][0] if causes else ""
    return Split(pairs=sum(causes.values()), people=len(seen), cause=cause, ids=frozenset(involved))


def compare_ids(these: Iterable[str], others: Iterable[str]) -> Match:
    """Look up the ids of one table in another, and say what those that are absent differ in.

    Parameters
    ----------
    these
        Ids to look up.
    others
        Ids of the other table.

    Returns
    -------
    Match
        Counts, and the commonest cause.

    Notes
    -----
    An id almost matches when it equals an id that is not matched already, once blanks, capitals, a `.0`
    at the end, leading zeros or all before the last digits are left out (the first that does counts), and
    when no two ids become the same by that.

    Examples
    --------
    >>> compare_ids(["p001", "P002"], ["P001", "P002"])
    Match(known=1, unknown=1, near=1, cause='capitals')
    >>> compare_ids(["1", "2"], ["0001", "0002"]).cause
    'leading zeros'
    """
    mine, theirs = set(these), set(others)
    unknown = mine - theirs
    free = theirs - mine
    causes: Counter[str] = Counter()
    left = set(unknown)
    for cause, plain in CAUSES if unknown else ():
        targets, ours = (Counter(filter(None, map(plain, names))) for names in (free, left))
        hit = {name for name in left if targets[plain(name)] == 1 and ours[plain(name)] == 1}
        causes[cause] += len(hit)
        left -= hit
        taken = {plain(name) for name in hit}
        free = {name for name in free if plain(name) not in taken}
    near = sum(causes.values())
    cause = causes.most_common(1)[0][0] if near else ""
    return Match(known=len(mine) - len(unknown), unknown=len(unknown), near=near, cause=cause)
