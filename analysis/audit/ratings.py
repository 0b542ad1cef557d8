"""The audit table: who rated which principle of which app, checked and set side by side."""

from __future__ import annotations

import pandas as pd

from instrument.answers import table_of
from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders

NEEDED = ("app", "rater", "principle", "rating")
UNIT = ["app", "version", "principle"]


def paired_ratings(audit: pd.DataFrame, principles: Instrument, caller: str) -> pd.DataFrame:
    """Set the two ratings of each principle of each app side by side.

    Parameters
    ----------
    audit
        Long: `app`, `version`, `rater`, `principle`, `rating` (label or code of the instrument's options),
        `evidence`.
    principles
        Instrument whose items are the principles.
    caller
        Function that messages name.

    Returns
    -------
    DataFrame
        `app`, `version`, `principle`, `first`, `second`: codes from 0 in the order of the options, NaN where
        one rater gave none. Raters of an app are taken in the order of their names.

    Raises
    ------
    ResponseDataError
        A column is absent, a principle or rating unknown, a rating given twice, or raters are not two.
    """
    table = _checked(audit, principles, caller)
    raters: dict[tuple[str, str], list[str]] = {}
    for app, version, name in zip(table["app"], table["version"], table["rater"], strict=True):
        seen = raters.setdefault((app, version), [])
        seen += [] if name in seen else [name]
    if odd := [" ".join(key).strip() for key, who in raters.items() if len(who) != 2]:
        fact = f"{len(odd)} of {len(raters)} apps were not rated by two raters: {name_offenders(odd)}."
        raise ResponseDataError(
            fact_and_hint(caller, fact, "give the ratings of exactly two raters per app.")
        )
    place = {(*key, name): at for key, who in raters.items() for at, name in enumerate(sorted(who))}
    seats = [place[row] for row in zip(table["app"], table["version"], table["rater"], strict=True)]
    wide = table.assign(seat=seats).pivot(index=UNIT, columns="seat", values="code")
    wide = wide.rename(columns={0: "first", 1: "second"}).reset_index()
    order = {name: at for at, name in enumerate(principles.item_ids)}
    sorted_rows = wide.sort_values(
        ["app", "version", "principle"], key=lambda c: c.map(order) if c.name == "principle" else c
    )
    sorted_rows.columns.name = None
    return sorted_rows.reset_index(drop=True)


def _checked(audit: pd.DataFrame, principles: Instrument, caller: str) -> pd.DataFrame:
    audit = table_of(audit, caller, "audit")
    if absent := [name for name in NEEDED if name not in audit]:
        fact = f"the audit has no column {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(caller, fact, f"give {', '.join(NEEDED)}, version, evidence."))
    table = audit.copy()
    table["version"] = table["version"].fillna("").astype(str) if "version" in table else ""
    for name in ("app", "rater", "principle"):
        if table[name].isna().any():
            fact = f"{int(table[name].isna().sum())} of {len(table)} rows have no {name}."
            raise ResponseDataError(fact_and_hint(caller, fact, "name it in every row."))
        table[name] = table[name].astype(str).str.strip()
    known = set(principles.item_ids)
    if unknown := sorted(set(table["principle"]) - known):
        fact = f"unknown principles: {name_offenders(unknown)}."
        raise ResponseDataError(fact_and_hint(caller, fact, f"use the items of {principles.id!r}."))
    table["code"] = codes_of(table["rating"], principles, caller)
    if table.duplicated([*UNIT, "rater"]).any():
        fact = f"{int(table.duplicated([*UNIT, 'rater']).sum())} ratings are given twice."
        raise ResponseDataError(fact_and_hint(caller, fact, "keep one rating per rater and principle."))
    return table


def codes_of(ratings: pd.Series, principles: Instrument, caller: str) -> pd.Series:
    """Place of each rating among the options; labels and codes are both read."""
    options = principles.scale_of(principles.item_ids[0]).options
    places: dict[str, int] = {}
    for at, option in enumerate(options):
        places[option.label.lower()], places[str(option.code)] = at, at
    text = ratings.map(_as_text)
    codes = text.map(places)
    strange = sorted(set(text[text.notna() & codes.isna()]))
    if strange:
        fact = f"{len(strange)} ratings are none of the options: {name_offenders(strange)}."
        labels = ", ".join(option.label.lower() for option in options)
        raise ResponseDataError(fact_and_hint(caller, fact, f"use {labels}, or their codes."))
    return codes.astype(float)


def _as_text(rating: object) -> str | None:
    if rating is None or rating is pd.NA or (isinstance(rating, float) and rating != rating):
        return None
    if isinstance(rating, float) and rating.is_integer():
        return str(int(rating))
    text = str(rating).strip().lower()
    return text or None


def labels_of(principles: Instrument) -> list[str]:
    """Labels of the options, in order."""
    return [option.label.lower() for option in principles.scale_of(principles.item_ids[0]).options]


def name_of(principles: Instrument, principle: str) -> str:
    """Short name of a principle: the words before the colon of its text."""
    return principles.item(principle).text.split(":")[0]
