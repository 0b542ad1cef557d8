"""How well items match the definition they are meant for, and no other (Hinkin & Tracey)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from instrument.answers import table_of
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

CALLER = "definition_correspondence"
KEYS = ("judge", "item", "definition", "rating")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DefinitionCorrespondence:
    """Correspondence of items with definitions.

    Attributes
    ----------
    items : pandas.DataFrame
        One row per item: item, intended, n_judges, correspondence, distinctiveness, rival (the other
        definition rated highest), rival_mean.
    definitions : pandas.DataFrame
        One row per intended definition: definition, n_items, htc, htd (means over its items).
    n_judges, n_options : int
        Judges; options of the rating.
    """

    items: pd.DataFrame
    definitions: pd.DataFrame
    n_judges: int
    n_options: int

    def to_frame(self) -> pd.DataFrame:
        """Table of the items, unrounded."""
        return self.items.copy()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, unrounded."""
        tables = {name: getattr(self, name).to_dict(orient="list") for name in ("items", "definitions")}
        return {**tables, "n_judges": self.n_judges, "n_options": self.n_options}


def definition_correspondence(
    ratings: pd.DataFrame, intended: Mapping[str, str], n_options: int = 7
) -> DefinitionCorrespondence:
    """Give Hinkin and Tracey's correspondence (htc) and distinctiveness (htd) of items and definitions.

    Use it when judges rated how well each item matches each of several definitions. It says whether an item
    looks like what it is meant for and unlike the rest; it is no evidence that answers measure it.

    Parameters
    ----------
    ratings : pandas.DataFrame, one row per judge, item and definition
        judge, item, definition, rating: whole numbers from 1 (does not match) to `n_options`; empty = not
        rated. A judge counts for an item only with a rating of it for every definition.
    intended
        Item to the definition it is meant for.
    n_options
        Options of the rating, two or more.

    Returns
    -------
    DefinitionCorrespondence
        Per item, and the means per definition.

    Raises
    ------
    ResponseDataError
        Columns are absent, a rating is given twice or outside the scale, items or definitions are unknown.
    NotEstimableError
        Fewer than two definitions, or an item that no judge rated for all of them.

    Notes
    -----
    With a options, correspondence = mean rating for the intended definition / a; distinctiveness = mean over
    the other definitions of (rating for the intended - rating for the other) / (a - 1). The first lies
    between 1/a and 1, the second between -1 and 1. htc and htd of a scale are the means over its items. No
    cut-off is applied: published ones are norms of management scales.

    References
    ----------
    Hinkin & Tracey (1999), doi 10.1177/109442819922004; Colquitt, Sabey, Rodell & Hill (2019), doi
    10.1037/apl0000406. No function of base R does this.

    Examples
    --------
    One judge gives 7 for the intended definition, 1 and 4 for two others: 7/7, and (6/6 + 3/6) / 2.

    >>> table = pd.DataFrame(
    ...     {"judge": 1, "item": "q1", "definition": ["bond", "task", "goal"], "rating": [7, 1, 4]})
    >>> found = definition_correspondence(table, {"q1": "bond"})
    >>> found.items.loc[0, ["correspondence", "distinctiveness"]].tolist()
    [1.0, 0.75]
    """
    table = _checked(table_of(ratings, CALLER, "ratings"), intended, n_options)
    definitions = list(pd.unique(table["definition"]))
    if len(definitions) < 2:
        fact = "there is one definition, so nothing to tell an item apart from."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "have every item rated for two or more."))
    wide = table.pivot(index=["item", "judge"], columns="definition", values="rating")
    wide = wide.reindex(columns=definitions).dropna().astype(float)
    rated = set(wide.index.get_level_values("item"))
    if bare := [item for item in intended if item not in rated]:
        fact = f"no judge rated {name_offenders(bare)} for every definition."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "have these rated, or leave them out."))
    rows = [_of_item(item, own, wide.loc[[item]], n_options) for item, own in intended.items()]
    items = pd.DataFrame(rows)
    by = items.groupby("intended", sort=False)
    scales = by[["correspondence", "distinctiveness"]].mean()
    scales = scales.set_axis(["htc", "htd"], axis=1).rename_axis("definition").reset_index()
    scales.insert(1, "n_items", by.size().to_numpy())
    judges = wide.index.get_level_values("judge").nunique()
    return DefinitionCorrespondence(
        items=items, definitions=scales, n_judges=int(judges), n_options=n_options
    )


def _of_item(item: str, own: str, rated: pd.DataFrame, n_options: int) -> dict[str, Any]:
    others = rated.drop(columns=own)
    gaps = (rated[own].to_numpy()[:, None] - others.to_numpy()) / (n_options - 1)
    rivals = others.mean()
    return {
        "item": item,
        "intended": own,
        "n_judges": len(rated),
        "correspondence": float(rated[own].mean() / n_options),
        "distinctiveness": float(gaps.mean()),
        "rival": str(rivals.idxmax()),
        "rival_mean": float(rivals.max()),
    }


def _checked(table: pd.DataFrame, intended: Mapping[str, str], n_options: int) -> pd.DataFrame:
    """Refuse ratings that break the contract; rows without a rating are dropped."""

    def refuse(fact: str, hint: str) -> ResponseDataError:
        return ResponseDataError(fact_and_hint(CALLER, fact, hint))

    if n_options < 2:
        raise refuse(f"n_options is {n_options}.", "give the number of options of the rating.")
    if absent := [name for name in KEYS if name not in table.columns]:
        raise refuse(f"columns are absent: {name_offenders(absent)}.", f"give {', '.join(KEYS)}.")
    kept = table.loc[table["rating"].notna(), list(KEYS)]
    numbers = pd.to_numeric(kept["rating"], errors="coerce")
    wrong = ~numbers.isin(range(1, n_options + 1))
    if wrong.any():
        fact = f"{int(wrong.sum())} of {len(kept)} ratings are no whole number from 1 to {n_options}."
        raise refuse(fact, "mend them, or give n_options.")
    if doubled := int(kept.duplicated(["judge", "item", "definition"]).sum()):
        raise refuse(f"{doubled} ratings are given twice.", "keep one of each.")
    if unknown := sorted(set(map(str, kept["item"])) - set(intended)):
        raise refuse(f"no definition is intended for {name_offenders(unknown)}.", "name it in `intended`.")
    if missing := sorted(set(intended.values()) - set(map(str, kept["definition"]))):
        raise refuse(f"nobody rated for {name_offenders(missing)}.", "check the names of the definitions.")
    return kept.assign(rating=numbers)
