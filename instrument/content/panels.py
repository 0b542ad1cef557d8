"""How many judges a panel needs, by exact probabilities."""

from __future__ import annotations

from collections.abc import Iterable
from math import comb

import pandas as pd

from instrument.content.validity_indices import aiken_limits, critical_votes, relevant_votes
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders

CALLER = "plan_panel"
MOST_JUDGES = 200


def plan_panel(
    sizes: Iterable[int] = range(3, 21),
    good: float = 0.95,
    poor: float = 0.60,
    n_options: int = 4,
    expected_v: float = 0.85,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Say what panels of several sizes can tell of an item.

    Use it before judges are asked. Small panels pass poor items by luck; a panel whose `passes_poor` is high
    cannot tell that an item is relevant.

    Parameters
    ----------
    sizes
        Numbers of judges, 2 to 200.
    good, poor
        Share of all such judges who would call a good, and a poor, item relevant.
    n_options
        Options of the relevance rating.
    expected_v
        Aiken's V expected, for the width of its interval.
    confidence
        Level of that interval.

    Returns
    -------
    pandas.DataFrame
        One row per size: n, votes_needed and i_cvi_needed (criterion of I-CVI), passes_good, passes_poor
        (exact probability that such an item meets it), cvr_votes (of Lawshe's ratio, missing where nothing
        suffices), cvr_good, v_lower, v_upper (interval of Aiken's V where it comes out as expected).

    Raises
    ------
    ResponseDataError
        Shares outside 0 to 1, `good` not above `poor`, or sizes out of range.

    Notes
    -----
    Judges count as independent draws: passes = P(X ≥ votes_needed), X ~ Binomial(n, share). The criterion is
    that of `content_validity_indices`: all up to five judges, .78 of more.

    References
    ----------
    Lynn (1986), doi 10.1097/00006199-198611000-00017; Polit & Beck (2006), doi 10.1002/nur.20147; Ayre &
    Scally (2014), doi 10.1177/0748175613513808. In R: `1 - pbinom(votes_needed - 1, n, share)`.

    Examples
    --------
    Three judges of whom each would say yes with 60 % pass such an item in .6³ of cases; eight need seven.

    >>> plan_panel([3, 8])[["n", "votes_needed", "passes_poor"]].round(3).values.tolist()
    [[3.0, 3.0, 0.216], [8.0, 7.0, 0.106]]
    """
    wanted = list(sizes)
    _check(wanted, good, poor, n_options, expected_v, confidence)
    rows = []
    for n in wanted:
        needed = relevant_votes(n)
        essential = critical_votes(n)
        lower, upper = aiken_limits(expected_v, n * (n_options - 1), confidence)
        rows.append(
            {
                "n": n,
                "votes_needed": needed,
                "i_cvi_needed": needed / n,
                "passes_good": at_least(needed, n, good),
                "passes_poor": at_least(needed, n, poor),
                "cvr_votes": essential,
                "cvr_good": 0.0 if essential is None else at_least(essential, n, good),
                "v_lower": lower,
                "v_upper": upper,
            }
        )
    return pd.DataFrame(rows).astype({"cvr_votes": "Int64"})


def smallest_panel(panels: pd.DataFrame, power: float = 0.80, error: float = 0.20) -> int | None:
    """Give the smallest size from which on good items pass, and poor ones fail, often enough.

    Parameters
    ----------
    panels : pandas.DataFrame
        As `plan_panel` gives it.
    power
        Least probability that a good item passes.
    error
        Greatest probability that a poor item passes.

    Returns
    -------
    int or None
        The size; None where no size of the table, and all larger ones in it, hold both.

    Examples
    --------
    >>> smallest_panel(plan_panel(range(3, 31)))
    10
    """
    ordered = panels.sort_values("n")
    holds = (ordered["passes_good"] >= power) & (ordered["passes_poor"] <= error)
    failing = ordered.loc[~holds, "n"]
    beyond = ordered.loc[ordered["n"] > (failing.max() if len(failing) else 0), "n"]
    return int(beyond.min()) if len(beyond) else None


def at_least(votes: int, n: int, share: float) -> float:
    """Probability of `votes` or more of `n` where each comes with `share`."""
    terms = [comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(votes, n + 1)]
    return min(float(sum(terms)), 1.0)


def _check(
    sizes: list[int], good: float, poor: float, n_options: int, expected_v: float, confidence: float
) -> None:
    def refuse(fact: str, hint: str) -> ResponseDataError:
        return ResponseDataError(fact_and_hint(CALLER, fact, hint))

    if wrong := [n for n in sizes if isinstance(n, bool) or n != int(n) or not 2 <= n <= MOST_JUDGES]:
        raise refuse(f"sizes are {name_offenders(wrong)}.", f"give whole numbers from 2 to {MOST_JUDGES}.")
    if not sizes:
        raise refuse("there is no size.", "give at least one number of judges.")
    if not 0 <= poor < good <= 1:
        raise refuse(f"good is {good:g} and poor {poor:g}.", "give shares, the good one above the poor one.")
    if n_options < 2 or not 0 <= expected_v <= 1 or not 0 < confidence < 1:
        fact = f"n_options {n_options}, expected_v {expected_v:g}, confidence {confidence:g}."
        raise refuse(fact, "give two options or more, and shares.")
