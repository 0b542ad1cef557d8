"""What expert judges say of the content of items: relevance indices and Lawshe's ratio."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, sqrt
from statistics import NormalDist
from typing import Any

import pandas as pd

from instrument.answers import numeric_columns, table_of
from instrument.common.formatting import format_value
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

# Lynn (1986) and Polit & Beck (2006) ask for all judges to agree when there are five or fewer.
I_CVI_ALL_UP_TO = 5
S_CVI_AVE_AT_LEAST = 0.90
KAPPA_ABOVE = 0.74


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContentValidity:
    """Content validity of a set of items.

    Attributes
    ----------
    items : pandas.DataFrame
        One row per item: item, n_experts, n_relevant, i_cvi, chance_agreement, kappa, aiken_v,
        aiken_v_lower, aiken_v_upper, i_cvi_met, kappa_met.
    s_cvi_ave, s_cvi_ua : float
        Mean of the I-CVI; share of items that every judge calls relevant.
    n_experts, n_items : int
        Judges with at least one rating; items.
    relevant_from, lowest, highest : int
        Ratings from `relevant_from` up count as relevant; ends of the rating scale.
    confidence : float
        Level of the interval of Aiken's V.
    """

    items: pd.DataFrame
    s_cvi_ave: float
    s_cvi_ua: float
    n_experts: int
    n_items: int
    relevant_from: int
    lowest: int
    highest: int
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """Table of the items, unrounded."""
        return self.items.copy()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, unrounded."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "items"}
        return {**plain, "items": self.items.to_dict(orient="list")}

    def summary(self) -> str:
        """Indices of the scale and the number of items that meet the cited criteria, rounded."""
        i_met, k_met = int(self.items["i_cvi_met"].sum()), int(self.items["kappa_met"].sum())
        verdict = "met" if self.s_cvi_ave >= S_CVI_AVE_AT_LEAST else "not met"
        return "\n".join(
            [
                f"Content validity of {self.n_items} items by {self.n_experts} judges",
                f"S-CVI/Ave {format_value(self.s_cvi_ave, 'r2')} "
                f"(≥ {format_value(S_CVI_AVE_AT_LEAST, 'r2')} {verdict}), "
                f"S-CVI/UA {format_value(self.s_cvi_ua, 'r2')}",
                f"I-CVI met by {i_met}, modified kappa > {format_value(KAPPA_ABOVE, 'r2')} by {k_met} of "
                f"{self.n_items} items",
            ]
        )


def content_validity_indices(
    ratings: pd.DataFrame,
    relevant_from: int = 3,
    lowest: int = 1,
    highest: int = 4,
    confidence: float = 0.95,
) -> ContentValidity:
    """Summarise how relevant judges find each item: I-CVI, modified kappa, S-CVI, Aiken's V.

    Use it when three or more experts (or people with lived experience) rated each item. It says whether
    items look relevant to judges, not whether answers measure the construct.

    Parameters
    ----------
    ratings : pandas.DataFrame, shape (n_experts, n_items)
        One row per judge, one column per item, whole numbers from `lowest` to `highest`; empty = not
        rated. Each item is judged on those who rated it.
    relevant_from
        Lowest rating that means relevant (3 on a scale of 4).
    lowest, highest
        Ends of the rating scale.
    confidence
        Level of the interval of Aiken's V, between 0 and 1.

    Returns
    -------
    ContentValidity
        Indices per item and for the scale.

    Raises
    ------
    ResponseDataError
        Ratings are no numbers, no whole numbers, outside the scale, or columns share a name.
    NotEstimableError
        An item has fewer than two ratings.

    Notes
    -----
    With A of N judges who call an item relevant: I-CVI = A / N; chance agreement
    p_c = C(N, A) 0.5^N; modified kappa = (I-CVI − p_c) / (1 − p_c). S-CVI/Ave is the mean of the I-CVI and
    S-CVI/UA the share of items with I-CVI = 1. Aiken's V = (mean − lowest) / k with k = highest − lowest;
    its score interval is (2NkV + z² ∓ z √(4NkV(1 − V) + z²)) / (2(Nk + z²)). The criteria are I-CVI ≥ .78
    (seven of nine, as Lynn has it; 1 with up to five judges) and kappa > .74.

    References
    ----------
    Polit, Beck & Owen (2007), doi 10.1002/nur.20199; Polit & Beck (2006), doi 10.1002/nur.20147;
    Aiken (1985), doi 10.1177/0013164485451012; Penfield & Giacobbi (2004),
    doi 10.1207/s15327841mpee0804_3. No function of base R does this.

    Examples
    --------
    Five of six judges agree: I-CVI .83, chance .094, kappa .81 in Polit, Beck & Owen (2007).

    >>> result = content_validity_indices(pd.DataFrame({"q1": [4, 4, 3, 4, 3, 2]}))
    >>> result.items.loc[0, ["i_cvi", "chance_agreement", "kappa"]].astype(float).round(3).tolist()
    [0.833, 0.094, 0.816]
    """
    caller = "content_validity_indices"
    if not lowest < relevant_from <= highest:
        fact = f"relevant_from {relevant_from} is not above lowest {lowest} and up to highest {highest}."
        raise ResponseDataError(fact_and_hint(caller, fact, "give the ends of the rating scale used."))
    if not 0 < confidence < 1:
        fact = f"confidence is {confidence}, not between 0 and 1."
        raise ResponseDataError(fact_and_hint(caller, fact, "give a share such as 0.95."))
    checked = checked_ratings(ratings, range(lowest, highest + 1), caller)
    rows = [
        {
            "item": str(name),
            **_relevance(checked[name].dropna() >= relevant_from),
            **_aiken(checked[name].dropna() - lowest, highest - lowest, confidence),
        }
        for name in checked.columns
    ]
    items = pd.DataFrame(rows)
    items["i_cvi_met"] = items["n_relevant"] >= items["n_experts"].map(relevant_votes)
    items["kappa_met"] = items["kappa"] > KAPPA_ABOVE
    return ContentValidity(
        items=items,
        s_cvi_ave=float(items["i_cvi"].mean()),
        s_cvi_ua=float((items["n_relevant"] == items["n_experts"]).mean()),
        n_experts=int(checked.notna().any(axis=1).sum()),
        n_items=len(items),
        relevant_from=relevant_from,
        lowest=lowest,
        highest=highest,
        confidence=confidence,
    )


def content_validity_ratio(essential: pd.DataFrame, alpha: float = 0.05) -> pd.DataFrame:
    """Lawshe's content validity ratio per item, with its exact critical value.

    Use it when judges said of each item whether it is essential. The ratio is 0 when half of them do.

    Parameters
    ----------
    essential : pandas.DataFrame, shape (n_experts, n_items)
        One row per judge; 1 or True = essential, 0 or False = useful only, or not needed; empty = not rated.
    alpha
        One-sided level of the binomial test with chance one half.

    Returns
    -------
    pandas.DataFrame
        item, n_experts, n_essential, cvr, critical_n, critical_cvr (missing when no number of judges
        suffices), met.

    Raises
    ------
    ResponseDataError
        Values other than 0 and 1, or columns that share a name.
    NotEstimableError
        An item has fewer than two ratings.

    Notes
    -----
    CVR = (n_e − N/2) / (N/2). The critical number is the smallest c with P(X ≥ c) ≤ `alpha` for
    X ~ Binomial(N, ½). The table of 1975 is not used: its entries do not follow from its rule.

    References
    ----------
    Lawshe (1975), doi 10.1111/j.1744-6570.1975.tb01393.x; Ayre & Scally (2014),
    doi 10.1177/0748175613513808. In R: `qbinom(0.95, N, 0.5) + 1`.

    Examples
    --------
    Eight judges need seven votes, a ratio of .75 (Ayre & Scally 2014).

    >>> content_validity_ratio(pd.DataFrame({"q1": [1, 1, 1, 1, 1, 1, 1, 0]}))[["cvr", "critical_n"]]
        cvr  critical_n
    0  0.75           7
    """
    caller = "content_validity_ratio"
    checked = checked_ratings(essential, (0, 1), caller)
    rows = []
    for name in checked.columns:
        votes = checked[name].dropna()
        n, agreed = len(votes), int(votes.sum())
        needed = critical_votes(n, alpha)
        rows.append(
            {
                "item": str(name),
                "n_experts": n,
                "n_essential": agreed,
                "cvr": 2 * agreed / n - 1,
                "critical_n": needed,
                "critical_cvr": None if needed is None else 2 * needed / n - 1,
                "met": needed is not None and agreed >= needed,
            }
        )
    frame = pd.DataFrame(rows)
    return frame.astype({"critical_n": "Int64", "critical_cvr": "float64"})


def relevant_votes(n: int) -> int:
    """Judges of n who must call an item relevant: all of five or fewer, else the least share printed as .78.

    In Lynn's table that is seven of nine, so 7 / 9 = .778 meets it.

    Examples
    --------
    >>> [relevant_votes(n) for n in (5, 6, 8, 9, 10)]
    [5, 5, 7, 7, 8]
    """
    return n if n <= I_CVI_ALL_UP_TO else -(-7 * n // 9)


def critical_votes(n: int, significance: float = 0.05) -> int | None:
    """Smallest number of n votes that chance (one half each) reaches with at most this probability.

    Parameters
    ----------
    n
        Number of judges.
    significance
        One-sided level, between 0 and 1.

    Returns
    -------
    int or None
        None when even n votes are too probable.

    Examples
    --------
    >>> critical_votes(20), critical_votes(4)
    (15, None)
    """
    tail, needed = 0.0, None
    for votes in range(n, -1, -1):
        tail += comb(n, votes) * 0.5**n
        if tail > significance:
            break
        needed = votes
    return needed


def checked_ratings(ratings: pd.DataFrame, allowed: range | tuple[int, ...], caller: str) -> pd.DataFrame:
    """Ratings as floats, refused when they are not what the scale allows.

    Parameters
    ----------
    ratings : pandas.DataFrame, shape (n_experts, n_items)
        One row per judge.
    allowed
        Codes that a rating may have.
    caller
        Public function named in a message.

    Returns
    -------
    pandas.DataFrame
        The same table as floats, NaN where not rated.

    Raises
    ------
    ResponseDataError
        Not a table, no columns, doubled names, texts, or codes that are not allowed.
    NotEstimableError
        An item has fewer than two ratings.
    """
    ratings = table_of(ratings, caller, "ratings")
    if ratings.shape[1] == 0:
        fact = "ratings are no table with a column for each item."
        raise ResponseDataError(fact_and_hint(caller, fact, "give a DataFrame: a row per judge."))
    if doubled := ratings.columns[ratings.columns.duplicated()].unique().tolist():
        fact = f"{len(doubled)} item names are used twice: {name_offenders(doubled)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "give each item one column."))
    table = numeric_columns(ratings, caller)
    if wrong := [name for name in table if not table[name].dropna().isin(allowed).all()]:
        fact = f"{len(wrong)} of {table.shape[1]} items have ratings outside {min(allowed)}–{max(allowed)}"
        fact += f" or between its codes: {name_offenders(wrong)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "mend the ratings or give the right scale."))
    if few := [name for name in table if table[name].notna().sum() < 2]:
        fact = f"{len(few)} of {table.shape[1]} items have fewer than two ratings: {name_offenders(few)}."
        raise NotEstimableError(fact_and_hint(caller, fact, "leave these items out, or ask more judges."))
    return table


def _relevance(relevant: pd.Series) -> dict[str, float | int]:
    n, agreed = len(relevant), int(relevant.sum())
    index = agreed / n
    chance = comb(n, agreed) * 0.5**n
    return {
        "n_experts": n,
        "n_relevant": agreed,
        "i_cvi": index,
        "chance_agreement": chance,
        "kappa": (index - chance) / (1 - chance),
    }


def _aiken(above_lowest: pd.Series, span: int, confidence: float) -> dict[str, float]:
    trials = len(above_lowest) * span
    v = float(above_lowest.sum()) / trials
    lower, upper = aiken_limits(v, trials, confidence)
    return {"aiken_v": v, "aiken_v_lower": lower, "aiken_v_upper": upper}


def aiken_limits(v: float, trials: int, confidence: float) -> tuple[float, float]:
    """Score interval of Aiken's V, `trials` being judges times steps of the rating."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    half = z * sqrt(4 * trials * v * (1 - v) + z**2)
    middle, scale = 2 * trials * v + z**2, 2 * (trials + z**2)
    # At V = 0 and V = 1 a limit equals V; rounding must not carry it to either side.
    lower, upper = min((middle - half) / scale, v), max((middle + half) / scale, v)
    return max(lower, 0.0), min(upper, 1.0)
