"""The order of waves: declared, named, plain from times or from names; otherwise it is not known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.reading.clock import option_of
from instrument.reading.people import as_label
from instrument.reading.side_columns import Place, points_in_time


class OrderSource(Enum):
    """Where the order of the waves comes from."""

    DECLARED = "declared"
    NAMED = "named"
    TIMES = "times"
    NUMBERS = "numbers"
    WORDS = "words"
    ONE = "one"
    UNKNOWN = "unknown"


_BEFORE, _DURING, _AFTER, _LATER = range(4)
_WORDS = {
    **dict.fromkeys(
        ("pre", "pretest", "baseline", "base", "before", "intake", "bl", "prä", "prae", "vorher"), _BEFORE
    ),
    **dict.fromkeys(("mid", "midpoint", "midtest", "interim", "during"), _DURING),
    **dict.fromkeys(("post", "posttest", "after", "discharge", "nachher"), _AFTER),
    **dict.fromkeys(("followup", "fu", "fup", "katamnese", "catamnesis"), _LATER),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveOrder:
    """Waves in their order, and how it is known.

    Attributes
    ----------
    waves : tuple
        As they stand in the answers; in order of appearance where no order is known.
    source : OrderSource
        Where the order comes from.
    """

    waves: tuple[Any, ...]
    source: OrderSource

    @property
    def known(self) -> bool:
        """Whether change from one to the next means anything."""
        return self.source is not OrderSource.UNKNOWN


def order_of_waves(
    present: Sequence[Any],
    declared: Sequence[str] = (),
    named: Sequence[str] = (),
    caller: str = "validate",
    times: pd.DataFrame | None = None,
) -> WaveOrder:
    """Put waves in order by what is declared or named, else by times, by their numbers or by known words.

    Parameters
    ----------
    present
        Distinct waves of the answers, in order of appearance.
    declared
        Names in the order of a study file; empty without one.
    named
        Names in the order that the caller gives; empty where none is given.
    caller
        Named in messages.
    times
        When each administration was: `participant`, `wave`, and `at` (points in time) or `day` (numbers).

    Returns
    -------
    WaveOrder
        Waves, and the source of their order.

    Raises
    ------
    ResponseDataError
        The named waves are not those of the answers, or stand in another order than the study file's.

    Notes
    -----
    Times give an order when everybody who answered two waves answered the same one first (see
    `waves_in_time`); where the names are plain and say another order, none is known. Numbers give an order
    when the names are alike but for one number (`week2` < `week10`), whole numbers too. Words do when each
    says before, during, after or follow-up (numbered follow-ups by their number); a word for before may stand
    beside numbered waves. Everything else has no order: the alphabet gives none.

    Examples
    --------
    >>> order_of_waves(["week10", "week2"]).waves
    ('week2', 'week10')
    >>> order_of_waves(["post", "pre"]).waves
    ('pre', 'post')
    >>> order_of_waves(["winter", "autumn"]).known
    False
    """
    by_name = {as_label(wave): wave for wave in present}
    if len(named):
        named = [as_label(name) for name in named]  # 1 and "1" are one wave
        _check_named(by_name, declared, named, caller)
        return WaveOrder(waves=tuple(by_name[name] for name in named), source=OrderSource.NAMED)
    if declared:
        first = [name for name in declared if name in by_name]
        rest = [name for name in by_name if name not in first]
        waves = tuple(by_name[name] for name in (*first, *rest))
        return WaveOrder(
            waves=waves, source=OrderSource.UNKNOWN if rest and len(by_name) > 1 else OrderSource.DECLARED
        )
    if len(present) == 1:
        return WaveOrder(waves=tuple(present), source=OrderSource.ONE)
    timed = waves_in_time(times, present, caller)
    named_order = _by_name(by_name)
    if timed is not None:
        contradicted = named_order is not None and named_order.waves != timed
        source = OrderSource.UNKNOWN if contradicted else OrderSource.TIMES
        return WaveOrder(waves=tuple(present) if contradicted else timed, source=source)
    return named_order or WaveOrder(waves=tuple(present), source=OrderSource.UNKNOWN)


def _by_name(by_name: dict[str, Any]) -> WaveOrder | None:
    for source, keys in ((OrderSource.NUMBERS, _numbers(by_name)), (OrderSource.WORDS, _words(by_name))):
        if keys is not None and len(set(keys.values())) == len(keys):
            waves = tuple(by_name[name] for name in sorted(keys, key=lambda name: keys[name]))
            return WaveOrder(waves=waves, source=source)
    return None


def waves_in_time(
    times: pd.DataFrame | None, present: Sequence[Any], caller: str = "validate"
) -> tuple[Any, ...] | None:
    """Put waves in the order in which everybody answered them.

    Parameters
    ----------
    times
        `participant`, `wave`, and `at` (points in time) or `day` (numbers); None where no times are known.
    present
        Distinct waves of the answers.
    caller
        Named in messages.

    Returns
    -------
    tuple or None
        The waves in order; None where there is no such column, two neighbours share nobody, or one person
        answered two waves in the other order or at one time.

    Examples
    --------
    >>> times = pd.DataFrame({"participant": ["a", "a"], "wave": ["autumn", "spring"], "day": [200, 20]})
    >>> waves_in_time(times, ["autumn", "spring"])
    ('spring', 'autumn')
    """
    if times is None or len(present) < 2 or not {"participant", "wave"} <= set(times.columns):
        return None
    moments = _moments(times, caller)
    if moments is None:
        return None
    known = pd.DataFrame({"person": times["participant"].astype(str), "wave": times["wave"].astype(str)})
    known = known.reset_index(drop=True).assign(moment=moments).dropna()
    names = [str(wave) for wave in present]
    if known.duplicated(["person", "wave"]).any() or set(known["wave"]) != set(names):
        return None
    table = known.pivot_table(index="person", columns="wave", values="moment")[names].to_numpy()
    ahead = np.array([[(one < other).sum() for other in table.T] for one in table.T])
    level = np.array([[(one == other).sum() for other in table.T] for one in table.T])
    np.fill_diagonal(level, 0)
    before = (ahead > 0).astype(int)
    for _ in names:  # whoever is before one that is before another is before that one, too
        before = np.minimum(before + before @ before, 1)
    if level.any() or (before * before.T).any():
        return None
    order = np.argsort(before.sum(axis=0), kind="stable")
    if not all(ahead[one, other] for one, other in pairwise(order)):
        return None
    return tuple(present[k] for k in order)


def _moments(times: pd.DataFrame, caller: str) -> np.ndarray | None:
    """When each administration was, as numbers; NaN where that is not known."""
    if "at" in times.columns:
        column = times["at"].reset_index(drop=True)
        place = Place(caller=caller, source="the table of times", lines=np.arange(1, len(times) + 1))
        stamps = column if is_datetime64_any_dtype(column.dtype) else points_in_time(column, "at", place)[0]
        whole = pd.Series(stamps).to_numpy(dtype="datetime64[us]")
        return np.where(np.isnat(whole), np.nan, whole.astype(np.int64).astype(float))
    if "day" in times.columns and is_numeric_dtype(times["day"].dtype):
        return times["day"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    return None


def _check_named(by_name: dict[str, Any], declared: Sequence[str], named: Sequence[str], caller: str) -> None:
    if len(set(named)) < len(named):
        raise ResponseDataError(fact_and_hint(caller, "a wave is named twice.", "name each wave once."))
    if set(named) != set(by_name):
        absent = [name for name in named if name not in by_name]
        left = [name for name in by_name if name not in named]
        said = [f"{name_offenders(absent)} in no answer"] if absent else []
        said += [f"{name_offenders(left)} not named"] if left else []
        fact = f"the waves named are not those of the answers: {'; '.join(said)}."
        hint = f"name every wave once, in order, such as {option_of(caller, 'waves', ','.join(by_name))}."
        raise ResponseDataError(fact_and_hint(caller, fact, hint))
    if declared and [name for name in declared if name in by_name] != [
        name for name in named if name in declared
    ]:
        fact = "the waves named stand in another order than in the study file."
        raise ResponseDataError(fact_and_hint(caller, fact, "leave one of the two out."))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _numbers(names: Sequence[str] | dict[str, Any]) -> dict[str, float] | None:
    """Number of each name, where names differ in one number alone."""
    found, frames = {}, set()
    for name in names:
        parts = (
            re.split(r"(-?\d+(?:\.\d+)?)", name)
            if name.lstrip("-")[:1].isdigit()
            else re.split(r"(\d+)", name)
        )
        if len(parts) != 3:
            return None
        frames.add((_plain(parts[0]), _plain(parts[2])))
        found[name] = float(parts[1])
    return found if len(frames) == 1 else None


def _words(names: Sequence[str] | dict[str, Any]) -> dict[str, tuple[float, float]] | None:
    """Rank of each name by known words; a word for before may stand beside numbered waves."""
    ranks: dict[str, tuple[float, float]] = {}
    others = []
    for name in names:
        found = re.fullmatch(r"([^\W\d]+?)(\d*)", re.sub(r"[\W_]+|test$", "", name.casefold()))
        rank = _WORDS.get(found.group(1)) if found else None
        if found is None or rank is None:
            others.append(name)
            continue
        ranks[name] = (float(rank), float(found.group(2) or 0))
    if not others:
        return ranks
    numbers = _numbers(others)
    if numbers is None or any(rank != _BEFORE for rank, _ in ranks.values()) or not ranks:
        return None
    return ranks | {name: (float(_DURING), number) for name, number in numbers.items()}
