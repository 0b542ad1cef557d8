"""Suspicions about answers: reversed before the toolkit does it, or codes that mark missing answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import fact_and_hint, name_offenders, warn_user
from instrument.reading.raw import count_of
from instrument.scoring.keying import keyed_numbers

Array = npt.NDArray[np.float64]

STRENGTH = 4.0
"""An item-rest correlation below −STRENGTH/√n is called negative: chance gives that once in 30,000 items."""
LEAST = 0.1
"""A correlation nearer to zero than this is never called negative, however many the people."""


def keying_suspicions(responses: pd.DataFrame, scale: Instrument) -> list[str]:
    """Say which items run against their theme although they are keyed.

    Parameters
    ----------
    responses
        Wide frame of codes; what it knows to be keyed is taken as keyed.
    scale
        The instrument.

    Returns
    -------
    list of str
        Suspicions in words; empty when there are none.

    Notes
    -----
    Each item, keyed as the instrument says, is correlated with the mean of the other items of its
    theme (all waves together, answered pairs only). Reversed items are left out of that mean where at
    least two others remain, so that several items reversed alike cannot hide one another.
    """
    return _in_words(*_opposing(responses, scale))


def warn_of_keying(caller: str, responses: pd.DataFrame, scale: Instrument) -> list[str]:
    """Warn where answers do not say that they are keyed and look as if they were.

    Parameters
    ----------
    caller
        Public function that the message names.
    responses
        Wide frame of codes.
    scale
        The instrument.

    Returns
    -------
    list of str
        What was warned of: reversed items that run against their theme after keying. What reading the table
        said already is not said again.

    Warns
    -----
    ToolkitWarning
        There is such a suspicion.
    """
    said = responses.attrs.get("suspicions", ())
    found = [words for words in _in_words(_opposing(responses, scale)[0], []) if words not in said]
    for suspicion in found:
        hint = "give the answers as they were given, or as reverse_key gave them; nothing was changed."
        warn_user(fact_and_hint(caller, f"{suspicion}.", hint))
    return found


def _opposing(responses: pd.DataFrame, scale: Instrument) -> tuple[list[str], list[str]]:
    """Items that run against their theme: those that the instrument reverses, and the others."""
    names = set(responses.columns)
    reversed_before: list[str] = []
    unmarked: list[str] = []
    for theme in scale.themes:
        present = [item.id for item in theme.items if item.id in names]
        members = [item for item in present if scale.scale_of(item).n_options > 1]
        if len(members) < 3:
            continue
        keyed = _keyed(responses, scale, members)
        anchors = [i for i, member in enumerate(members) if not scale.item(member).reverse]
        for i, member in enumerate(members):
            rest = [j for j in (anchors if len(anchors) > 2 else range(len(members))) if j != i]
            if not _runs_against(keyed[:, i], keyed[:, rest]):
                continue
            (reversed_before if scale.item(member).reverse else unmarked).append(member)
    return reversed_before, unmarked


def _keyed(responses: pd.DataFrame, scale: Instrument, members: list[str]) -> np.ndarray:
    """Answers as shares of their range, keyed; shape (n_rows, n_items)."""
    keyed = keyed_numbers(responses, scale, members).to_numpy()
    ends = [(scale.scale_of(member).minimum, scale.scale_of(member).maximum) for member in members]
    lowest, highest = np.array(ends, dtype=float).T
    return np.asarray((keyed - lowest) / (highest - lowest))


def _runs_against(item: np.ndarray, rest: np.ndarray) -> bool:
    answered = ~np.isnan(rest)
    n_rest = answered.sum(axis=1)
    mean_rest = np.where(answered, rest, 0).sum(axis=1) / np.maximum(n_rest, 1)
    both = ~np.isnan(item) & (n_rest > 0)
    n = int(both.sum())
    if n < 3 or np.ptp(item[both]) == 0 or np.ptp(mean_rest[both]) == 0:
        return False
    correlation = np.corrcoef(item[both], mean_rest[both])[0, 1]
    return bool(correlation < -max(LEAST, STRENGTH / np.sqrt(n)))


def _in_words(reversed_before: list[str], unmarked: list[str]) -> list[str]:
    found = []
    if reversed_before:
        found.append(
            f"{name_offenders(reversed_before)}: negative item-rest correlation after reverse keying, "
            "as if these answers had been reversed before"
        )
    if unmarked:
        found.append(
            f"{name_offenders(unmarked)}: negative item-rest correlation, as if worded against the theme "
            "but not marked reverse in the instrument"
        )
    return found


MOST_CATEGORIES = 40
"""A column of more distinct answers is no rating; only far and customary codes are suspected there."""
CUSTOMARY = frozenset(
    float(sign * int(digit * length)) for digit in "789" for length in (1, 2, 3, 4) for sign in (1, -1)
) | frozenset({96.0, 97.0, 98.0, 996.0, 997.0, 998.0, 9997.0, 9998.0, -1.0, -97.0, -98.0, -998.0})
"""Codes by which files mark missing answers."""
_CUSTOMARY = np.array(sorted(CUSTOMARY))
FEWEST = 20
"""With fewer answers a code that nobody chose between others is no surprise."""
FAR = 5.0
"""A single cell is suspected when it lies this many ranges of the other answers away from them."""


@dataclass(frozen=True, slots=True)
class _Column:
    """Distinct answers of a column, their counts, and the run of codes that most answers lie in."""

    distinct: Array
    counts: npt.NDArray[np.int64]
    step: float
    low: float
    high: float
    is_rating: bool

    def outside(self) -> Array:
        """Distinct answers beyond the run on either side."""
        return self.distinct[(self.distinct < self.low) | (self.distinct > self.high)]

    def distance(self, code: float) -> float:
        """From the nearer end of the run."""
        return max(self.low - code, code - self.high)

    def count(self, code: float) -> int:
        """Cells with this answer."""
        return int(self.counts[self.distinct == code].sum())


def suspicious_codes(values: Array) -> dict[float, dict[int, int]]:
    """Codes that look like marks of a missing answer: isolated, far from the others and repeated.

    Parameters
    ----------
    values
        Answers, NaN for missing, shape (n_rows, n_columns).

    Returns
    -------
    dict
        Code to cells by column number.

    Notes
    -----
    The answers of a column are cut into runs of codes one step apart; most answers lie in one run. A code
    outside of it is isolated when no answer to any column of a like run lies between. It is far when it is
    at least the range of the run away, or two steps where it is a customary code such as 9, 99 or −9; and it
    must occur twice in the table, or lie five ranges away. Where several codes lie outside on one side, as
    with counts, only customary ones twice as far as these are suspected; in a column of more than 40 answers
    or with fractions only customary ones that lie the whole range away and occur three times.

    Examples
    --------
    >>> suspicious_codes(np.array([[1.0, 2], [2, 3], [3, 1], [99, 2], [2, 99]]))
    {99.0: {0: 1, 1: 1}}
    """
    described = [_column_of(column) for column in values.T]
    found: dict[float, dict[int, int]] = {}
    for k, own in enumerate(described):
        if own is None:
            continue
        for code in own.outside():
            if _is_far(own, float(code)) and not _is_filled(own, float(code), described):
                found.setdefault(float(code), {})[k] = own.count(code)
    return {code: cells for code, cells in found.items() if _is_repeated(code, cells, described)}


def _is_repeated(code: float, cells: dict[int, int], described: list[_Column | None]) -> bool:
    owns = [own for k in cells if (own := described[k]) is not None]
    least = 2 if any(own.is_rating for own in owns) else 3
    alone = any(own.is_rating and own.distance(code) >= FAR * (own.high - own.low) > 0 for own in owns)
    return sum(cells.values()) >= least or alone


def _column_of(values: Array) -> _Column | None:
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    if (known != np.floor(known)).any() and not np.isin(known, _CUSTOMARY).any():
        return None  # numbers with fractions, no customary code among them
    distinct, counts = _counted(known)
    whole = bool((distinct == np.floor(distinct)).all())
    if whole and 2 <= len(distinct) <= MOST_CATEGORIES:
        steps = np.diff(distinct)
        step = float(steps.min())
        run = np.concatenate([[0], np.cumsum(steps > 1.5 * step)])
        main = run == np.argmax(np.bincount(run, weights=counts))
        if counts[main].sum() > counts.sum() / 2:
            return _Column(distinct, counts, step, distinct[main].min(), distinct[main].max(), True)
        return None
    ordinary = distinct[~np.isin(distinct, list(CUSTOMARY)) | (counts < 3)]
    if len(distinct) <= 2 or not ordinary.size:
        return None
    return _Column(distinct, counts, 0.0, ordinary.min(), ordinary.max(), False)


def _counted(known: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    """Distinct values with their counts; whole numbers of a small range are counted without sorting."""
    low, high = known.min(), known.max()
    if high - low < 10_000 and low == np.floor(low):
        shifted = (known - low).astype(np.int64)
        if (shifted == known - low).all():
            counts = np.bincount(shifted)
            present = np.flatnonzero(counts)
            return present + low, counts[present]
    distinct, counts = np.unique(known, return_counts=True)
    return distinct, counts


def _is_far(own: _Column, code: float) -> bool:
    distance, spread = own.distance(code), own.high - own.low
    if not own.is_rating:
        return code in CUSTOMARY and (distance >= spread or code < 0 <= own.low)
    side = own.outside()[(own.outside() > own.high) == (code > own.high)]
    others = side[~np.isin(side, [*CUSTOMARY, code])]
    if len(others) > 1:  # a count with a long tail: only what lies beyond all of it
        reach = max(abs(others - own.low).max(), abs(others - own.high).max())
        return code in CUSTOMARY and distance >= 2 * reach
    if code in CUSTOMARY and distance >= (3 if code == 7 else 2) * own.step:
        return True
    enough = own.counts.sum() >= FEWEST and spread > 0
    return bool(enough and distance >= max(2 * own.step, spread))


def _is_filled(own: _Column, code: float, others: list[_Column | None]) -> bool:
    """Whether a like column has answers between the run and the code, or holds the code in its run."""
    edge = own.high if code > own.high else own.low
    low, high = min(edge, code), max(edge, code)
    for other in others:
        if other is None or not other.is_rating or not own.is_rating or other is own:
            continue
        reached = max(
            2 * max(own.high - own.low, own.step), max(abs(code - own.low), abs(code - own.high)) + own.step
        )
        if other.high - other.low > reached:  # of another kind
            continue
        reach = max(2 * other.step, other.high - other.low)
        close = (other.distinct > other.low - reach) & (other.distinct < other.high + reach)
        usual = other.distinct[close & ~np.isin(other.distinct, list(CUSTOMARY))]
        near = usual.size and usual.min() <= own.high and usual.max() >= own.low
        if near and (other.low <= code <= other.high or ((usual > low) & (usual < high)).any()):
            return True
    return False


def warn_of_codes(caller: str, answers: pd.DataFrame) -> None:
    """Warn of codes that look like marks of a missing answer, with counts.

    Parameters
    ----------
    caller
        Public function that the message names.
    answers
        Floats, NaN for missing.

    Warns
    -----
    ToolkitWarning
        There are such codes; nothing is changed.
    """
    names = [str(name) for name in answers.columns]
    for code, cells in sorted(suspicious_codes(answers.to_numpy()).items()):
        number = sum(cells.values())
        where = name_offenders([names[k] for k in cells])
        fact = f"{count_of(number, 'cell')} with {code:g}, far from the other codes, in {where}"
        hint = "recode marks of missing answers to NA; nothing was changed."
        warn_user(fact_and_hint(caller, f"{fact}: taken as answers.", hint))
