"""Rounds of rating compared, and what a Delphi judge is told between them."""

from __future__ import annotations

from collections.abc import Collection
from math import comb

import pandas as pd

from instrument.answers import numeric_columns, table_of
from instrument.content.validity_indices import checked_ratings, content_validity_indices
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint

STABLE_BELOW = 0.15  # Scheibe, Skutsch & Schofer (1975): under 15 % change between rounds
FEWEST_OTHERS = 4  # with fewer, a judge could tell who said what


def compare_rounds(
    first: pd.DataFrame,
    second: pd.DataFrame,
    relevant_from: int = 3,
    lowest: int = 1,
    highest: int = 4,
    reworded: Collection[str] = (),
) -> pd.DataFrame:
    """Compare two rounds of relevance ratings item by item, on the judges who rated the item in both.

    Use it after a second round, to see whether opinions have settled. Indices of each round stand on its own
    judges in `content_validity_indices`; here only pairs count, so that a change is not one of panels.

    Parameters
    ----------
    first, second : pandas.DataFrame, shape (n_experts, n_items)
        One row per judge, named by the index; one column per item.
    relevant_from, lowest, highest
        As in `content_validity_indices`.
    reworded
        Items whose wording changed between the rounds: a change there is also one of the item.

    Returns
    -------
    pandas.DataFrame
        One row per item of both rounds: item, reworded, n_both, i_cvi_first, i_cvi_second, gained, lost
        (judges who turned to, and from, relevant), pvalue (exact, of McNemar), moved (share of judges whose
        rating is another one), shift (half the sum of absolute differences of the two distributions, over
        n), stable (shift under 15 %; never where the item was reworded).

    Raises
    ------
    ResponseDataError
        Ratings outside the scale, or a judge stands twice in a round.
    NotEstimableError
        No item was rated by two judges in both rounds.

    Notes
    -----
    The p value is 2 P(X ≤ min(gained, lost)), at most 1, with X ~ Binomial(gained + lost, ½). With five
    turns or fewer it cannot be under .05.

    References
    ----------
    Scheibe, Skutsch & Schofer (1975), in Linstone & Turoff, The Delphi Method, 262-287 (in the words of von
    der Gracht 2012, doi 10.1016/j.techfore.2012.04.013). In R: `binom.test(lost, gained + lost)`.

    Examples
    --------
    >>> one = pd.DataFrame({"q1": [2, 2, 3, 4]}, index=["a", "b", "c", "d"])
    >>> two = pd.DataFrame({"q1": [3, 4, 3, 4]}, index=["a", "b", "c", "d"])
    >>> compare_rounds(one, two)[["i_cvi_first", "i_cvi_second", "gained", "pvalue", "shift"]].values.tolist()
    [[0.5, 1.0, 2.0, 0.5, 0.5]]
    """
    caller = "compare_rounds"
    tables = []
    for what, ratings in (("first", first), ("second", second)):
        table = table_of(ratings, caller, what)
        if table.index.has_duplicates:
            fact = f"{int(table.index.duplicated().sum())} judges stand twice in the {what} round."
            raise ResponseDataError(fact_and_hint(caller, fact, "keep one row for each, named by the index."))
        tables.append(numeric_columns(table, caller))
    one, two = tables
    shared = [name for name in one.columns if name in set(two.columns)]
    pairs = {}
    for name in shared:
        both = pd.DataFrame({"first": one[name], "second": two[name]}).dropna()
        if len(both) >= 2:
            pairs[str(name)] = checked_ratings(both, range(lowest, highest + 1), caller)
    if not pairs:
        fact = f"none of {len(shared)} items of both rounds was rated by two judges in both."
        raise NotEstimableError(fact_and_hint(caller, fact, "check the names of judges and items."))
    changed = set(map(str, reworded))
    rows = [_compared(name, pair, relevant_from, name in changed) for name, pair in pairs.items()]
    return pd.DataFrame(rows)


def _compared(name: str, pair: pd.DataFrame, relevant_from: int, reworded: bool) -> dict[str, object]:
    before, after = pair["first"] >= relevant_from, pair["second"] >= relevant_from
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    turns, n = gained + lost, len(pair)
    tail = sum(comb(turns, k) for k in range(min(gained, lost) + 1)) / 2**turns
    counts = [pair[side].value_counts() for side in ("first", "second")]
    shift = float(counts[0].sub(counts[1], fill_value=0).abs().sum() / 2 / n)
    return {
        "item": name,
        "reworded": reworded,
        "n_both": n,
        "i_cvi_first": float(before.mean()),
        "i_cvi_second": float(after.mean()),
        "gained": gained,
        "lost": lost,
        "pvalue": min(2 * tail, 1.0),
        "moved": float((pair["first"] != pair["second"]).mean()),
        "shift": shift,
        "stable": shift < STABLE_BELOW and not reworded,
    }


def feedback_sheet(
    ratings: pd.DataFrame, judge: object, relevant_from: int = 3, lowest: int = 1, highest: int = 4
) -> pd.DataFrame:
    """Give one judge's own ratings beside those of the others, for the next round of a Delphi study.

    Names and single ratings of others are never in it. Items with fewer than four other ratings show no
    figures of the group, as one could then tell who said what.

    Parameters
    ----------
    ratings : pandas.DataFrame, shape (n_experts, n_items)
        One row per judge, named by the index.
    judge
        Whose sheet it is.
    relevant_from, lowest, highest
        As in `content_validity_indices`.

    Returns
    -------
    pandas.DataFrame
        One row per item: item, own, n_others, median, lower_quartile, upper_quartile, share_relevant (of the
        others), apart (own rating outside their quartiles; missing where there are too few).

    Raises
    ------
    ResponseDataError
        There is no such judge, or ratings are outside the scale.

    References
    ----------
    Dalkey & Helmer (1963), doi 10.1287/mnsc.9.3.458: answers with controlled feedback.

    Examples
    --------
    >>> table = pd.DataFrame({"q1": [2, 4, 4, 3, 4]}, index=["a", "b", "c", "d", "e"])
    >>> feedback_sheet(table, "a")[["own", "n_others", "median", "share_relevant"]].values.tolist()
    [[2.0, 4.0, 4.0, 1.0]]
    """
    caller = "feedback_sheet"
    given = table_of(ratings, caller, "ratings")
    if list(given.index).count(judge) != 1:
        fact = f"judge {judge!r} stands in {list(given.index).count(judge)} of {len(given)} rows."
        raise ResponseDataError(fact_and_hint(caller, fact, "name a judge of the ratings by the index."))
    found = content_validity_indices(given, relevant_from, lowest, highest)
    table = numeric_columns(given, caller)
    place = list(given.index).index(judge)
    rows = []
    for name in found.items["item"]:
        column = table[next(key for key in table.columns if str(key) == name)]
        others = column.drop(column.index[place]).dropna()
        own = column.iloc[place]
        told = len(others) >= FEWEST_OTHERS
        low, middle, high = (others.quantile(q) if told else float("nan") for q in (0.25, 0.5, 0.75))
        rows.append(
            {
                "item": name,
                "own": own,
                "n_others": len(others),
                "median": middle,
                "lower_quartile": low,
                "upper_quartile": high,
                "share_relevant": float((others >= relevant_from).mean()) if told else float("nan"),
                "apart": bool(own < low or own > high) if told and pd.notna(own) else None,
            }
        )
    return pd.DataFrame(rows)
