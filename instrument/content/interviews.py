"""What interviews about the items showed: problems by item and round, saturation, agreement of coders."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from instrument.content.krippendorff import Agreement, krippendorff_alpha
from instrument.content.records import CLEAR, WHOLE, ContentRecords
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint

CALLER = "saturation"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Saturation:
    """When interviews ceased to bring new problems.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per interview in order: interview, new (problems not met before), known (all so far), and
        share (new problems of the run that ends here over those of the base; missing before there is one).
    reached_at : str or None
        Interview at which the share first fell to the threshold.
    base, run : int
        Interviews of the base; interviews of a run.
    threshold : float
        Share at which it counts as reached.
    """

    table: pd.DataFrame
    reached_at: str | None
    base: int
    run: int
    threshold: float


def saturation(
    codes: pd.DataFrame, order: list[str], base: int = 4, run: int = 2, threshold: float = 0.05
) -> Saturation:
    """Say when new interviews ceased to bring new problems.

    A problem is one code at one item. The rule is about what was found with this guide, by these coders, in
    these people: others may still meet problems that nobody here did.

    Parameters
    ----------
    codes : pandas.DataFrame
        interview, item, code; `clear` is no problem.
    order
        Interviews in the order in which they were held.
    base, run
        Interviews of the base, and of a run of new ones.
    threshold
        Share at which it counts as reached.

    Returns
    -------
    Saturation
        The count, and where it was reached.

    Raises
    ------
    ResponseDataError
        Sizes under one, a threshold outside 0 to 1, or codes of interviews that are not in the order.

    Notes
    -----
    share = problems first met in the last `run` interviews / problems met in the first `base`; 0 where
    neither holds any, and not defined where only the base is empty.

    References
    ----------
    Guest, Namey & Chen (2020), doi 10.1371/journal.pone.0232076.

    Examples
    --------
    >>> table = pd.DataFrame({"interview": ["a", "b", "c"], "item": "q1", "code": ["x", "y", "clear"]})
    >>> saturation(table, ["a", "b", "c"], base=2, run=1).reached_at
    'c'
    """
    if base < 1 or run < 1 or not 0 <= threshold < 1:
        fact = f"base is {base}, run {run}, threshold {threshold:g}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give sizes of one or more, and a share."))
    if unknown := int((~codes["interview"].isin(order)).sum()):
        fact = f"{unknown} codes are of interviews that are not in the order."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "name every interview in the order."))
    problems = codes[codes["code"] != CLEAR]
    of = {
        name: set(zip(rows["item"], rows["code"], strict=True))
        for name, rows in problems.groupby("interview")
    }
    met: set[tuple[str, str]] = set()
    rows: list[dict[str, object]] = []
    new: list[int] = []
    reached = None
    for place, name in enumerate(order, start=1):
        fresh = of.get(name, set()) - met
        met |= fresh
        new.append(len(fresh))
        share = math.nan
        if place >= base + run:
            late, early = sum(new[-run:]), sum(new[:base])
            share = late / early if early else (math.nan if late else 0.0)
            reached = name if reached is None and share <= threshold else reached
        rows.append({"interview": name, "new": len(fresh), "known": len(met), "share": share})
    table = pd.DataFrame(rows, columns=["interview", "new", "known", "share"])
    return Saturation(table=table, reached_at=reached, base=base, run=run, threshold=threshold)


def problems_by_item(records: ContentRecords) -> pd.DataFrame:
    """Count, for each item and round, who was asked and who met a problem; codes only, no words of anybody.

    Parameters
    ----------
    records
        The work on content.

    Returns
    -------
    pandas.DataFrame
        item, round, n_asked, n_problem (interviews in which any coder saw a problem), codes (with counts of
        interviews), decision. Items that nobody was asked about in any round are not in it.
    """
    rounds = records.interviews.set_index("interview")["round"]
    codes = records.codes.assign(round=records.codes["interview"].map(rounds))
    decided = records.decisions.set_index(["round", "item"])["decision"].to_dict()
    rows = []
    for item in (*records.items, *WHOLE):
        for number in sorted(set(codes.loc[codes["item"] == item, "round"])):
            here = codes[(codes["item"] == item) & (codes["round"] == number)]
            bad = here[here["code"] != CLEAR]
            counts = bad.groupby("code")["interview"].nunique().sort_values(ascending=False, kind="stable")
            rows.append(
                {
                    "item": item,
                    "round": int(number),
                    "n_asked": int(here["interview"].nunique()),
                    "n_problem": int(bad["interview"].nunique()),
                    "codes": ", ".join(f"{code} {count}" for code, count in counts.items()),
                    "decision": decided.get((number, item), ""),
                }
            )
    return pd.DataFrame(rows, columns=["item", "round", "n_asked", "n_problem", "codes", "decision"])


def agreement_of_coders(records: ContentRecords) -> Agreement | None:
    """Krippendorff's alpha of whether an item of an interview was a problem; None where it is not defined.

    Parameters
    ----------
    records
        The work on content.

    Returns
    -------
    Agreement or None
        None where no item of an interview was coded twice, or all codes are alike.
    """
    seen = records.codes.assign(problem=(records.codes["code"] != CLEAR).astype(float))
    seen = seen.groupby(["coder", "interview", "item"])["problem"].max().unstack(["interview", "item"])
    if seen.empty:
        return None
    try:
        return krippendorff_alpha(seen.set_axis(range(seen.shape[1]), axis=1), "nominal")
    except NotEstimableError:
        return None


def people_asked(records: ContentRecords, item: str) -> int:
    """Interviews about an item, or a part of the whole, as it now stands: after its last change."""
    changed = records.decisions[records.decisions["decision"].isin(["reword", "add"])]
    last = changed.loc[changed["item"] == item, "round"].max()
    rounds = records.interviews.set_index("interview")["round"]
    asked = records.codes.loc[records.codes["item"] == item, "interview"]
    since = asked if pd.isna(last) else asked[asked.map(rounds) > last]
    return int(since.nunique())


def undecided(records: ContentRecords) -> list[tuple[str, int]]:
    """Items and rounds in which two interviews or more met a problem and nothing was decided."""
    table = problems_by_item(records)
    left = table[(table["n_problem"] >= 2) & (table["decision"] == "")]
    return list(zip(left["item"].astype(str), left["round"].astype(int), strict=True))


def reworded_and_not_asked_again(records: ContentRecords) -> list[str]:
    """Items whose last wording was asked about in no later round, and which still stand in the scale."""
    changed = records.decisions[records.decisions["decision"].isin(["reword", "add"])]
    last = changed.groupby("item")["round"].max()
    rounds = records.interviews.set_index("interview")["round"]
    asked = records.codes["interview"].map(rounds).groupby(records.codes["item"]).max()
    return [
        str(item)
        for item, number in last.items()
        if item in records.items and not asked.get(item, 0) > number
    ]
