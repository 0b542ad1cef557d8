"""Krippendorff's alpha: agreement of any number of judges, on any scale, with ratings left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from instrument.answers import numeric_columns, table_of
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

CALLER = "krippendorff_alpha"
Level = Literal["nominal", "ordinal", "interval"]
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """Krippendorff's alpha with the sums behind it.

    Attributes
    ----------
    alpha : float
        1: judges agree wholly; 0: as chance; below 0: less than chance.
    level : str
        Nominal, ordinal or interval.
    observed, expected : float
        Mean squared difference within units, and between all values that can be paired.
    n_units, n_judges, n_values : int
        Units rated twice or more; judges with a rating of such a unit; ratings of these units.
    n_units_left_out : int
        Units with fewer than two ratings, which say nothing of agreement.
    coincidences : pandas.DataFrame, shape (n_categories, n_categories)
        How often each value met each other within a unit, weighted so that rows sum to counts of values.
    """

    alpha: float
    level: str
    observed: float
    expected: float
    n_units: int
    n_judges: int
    n_values: int
    n_units_left_out: int
    coincidences: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Table of coincidences, unrounded."""
        return self.coincidences.copy()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, unrounded."""
        names = [name for name in self.__dataclass_fields__ if name != "coincidences"]
        return {name: getattr(self, name) for name in names}

    def summary(self) -> str:
        """Alpha with its counts, rounded."""
        left = f"; {self.n_units_left_out} with one rating or none left out" if self.n_units_left_out else ""
        counts = f"{self.n_values} ratings of {self.n_units} units by {self.n_judges} judges"
        return f"Krippendorff's alpha ({self.level}) {self.alpha:.2f}: {counts}{left}"


def krippendorff_alpha(ratings: pd.DataFrame, level: Level = "nominal") -> Agreement:
    """Give Krippendorff's alpha of ratings or codes.

    Use it for judges' ratings with gaps, or for two or more people who coded the same interviews. Few
    categories that nearly everybody chooses make it low however well judges agree: read it beside the share
    of equal ratings.

    Parameters
    ----------
    ratings : pandas.DataFrame, shape (n_judges, n_units)
        One row per judge, one column per unit; empty = not rated. Names are allowed at the nominal level;
        the other levels need numbers.
    level : {"nominal", "ordinal", "interval"}
        What the differences of values mean.

    Returns
    -------
    Agreement
        Alpha and its counts. No interval: too few judges and units for one that could be trusted.

    Raises
    ------
    ResponseDataError
        No such level, no columns, names used twice, or texts where numbers are needed.
    NotEstimableError
        No unit was rated twice, or every rating is the same.

    Notes
    -----
    Coincidences o_ck = Σ_u (pairs of c and k in unit u) / (m_u − 1), n_c = Σ_k o_ck, n = Σ n_c.
    α = 1 − (n − 1) Σ o_ck δ²_ck / Σ n_c n_k δ²_ck. δ² is 1 for unequal names; (c − k)² for intervals; for
    ranks (Σ_{g from c to k} n_g − (n_c + n_k) / 2)².

    References
    ----------
    Krippendorff (2004), Content Analysis, 2nd ed., ch. 11; Krippendorff (2011), Computing Krippendorff's
    alpha-reliability. In R: `irr::kripp.alpha(as.matrix(ratings), method = level)`.

    Examples
    --------
    Two observers, ten units, binary: .095 in Krippendorff (2011).

    >>> first, second = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    >>> round(krippendorff_alpha(pd.DataFrame([first, second])).alpha, 3)
    0.095
    """
    if level not in LEVELS:
        fact = f"level is {level!r}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, f"choose {', '.join(LEVELS)}."))
    table = table_of(ratings, CALLER, "ratings")
    if doubled := table.columns[table.columns.duplicated()].unique().tolist():
        fact = f"{len(doubled)} names of units are used twice: {name_offenders(doubled)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give each unit one column."))
    codes = _named(table) if level == "nominal" else numeric_columns(table, CALLER)
    pairable = codes.loc[:, codes.notna().sum() >= 2]
    found = sorted(pd.unique(pairable.to_numpy().ravel()[pairable.notna().to_numpy().ravel()]))
    if len(found) < 2:
        fact = f"{pairable.shape[1]} of {codes.shape[1]} units were rated twice, with {len(found)} values."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "report the share of equal ratings instead."))
    counts = np.array([[(pairable[unit] == value).sum() for value in found] for unit in pairable], float)
    together, observed, expected = _sums(counts, _distances(level, found, counts.sum(axis=0)))
    return Agreement(
        alpha=1 - observed / expected,
        level=level,
        observed=observed,
        expected=expected,
        n_units=pairable.shape[1],
        n_judges=int(pairable.notna().any(axis=1).sum()),
        n_values=int(counts.sum()),
        n_units_left_out=codes.shape[1] - pairable.shape[1],
        coincidences=pd.DataFrame(together, index=found, columns=found),
    )


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Names as they stand; whole numbers alike whether they are held as 1 or 1.0."""
    kept = table.astype(object).where(table.notna(), None)
    return kept.map(lambda value: None if value is None else _name(value))


def _name(value: Any) -> str:
    try:
        return f"{float(value):g}" if not isinstance(value, str) else value.strip()
    except (TypeError, ValueError):
        return str(value)


def _sums(counts: np.ndarray, distances: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Coincidences of values (n_values, n_values); mean squared difference observed, and expected."""
    raters = counts.sum(axis=1)
    pairs = counts[:, :, None] * counts[:, None, :]
    own = np.arange(counts.shape[1])
    pairs[:, own, own] -= counts
    together = (pairs / (raters - 1)[:, None, None]).sum(axis=0)
    sums = counts.sum(axis=0)
    n = sums.sum()
    return (
        together,
        float((together * distances).sum() / n),
        float((np.outer(sums, sums) * distances).sum() / (n * (n - 1))),
    )


def _distances(level: Level, values: list[Any], sums: np.ndarray) -> np.ndarray:
    """Squared differences of values (n_values, n_values)."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    # ordinal: the middle of each value's ranks, so that their difference is the sum between, ends halved
    places = np.asarray(values, dtype=float) if level == "interval" else np.cumsum(sums) - sums / 2
    squared: np.ndarray = (places[:, None] - places[None, :]) ** 2
    return squared
