"""What a priority map says to the people who make the app."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.common.standing import Place, Side

LEVEL_OF_TEST = 0.05


def told(
    themes: pd.DataFrame, items: pd.DataFrame, equality: pd.DataFrame, more: dict[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """Say in plain sentences what the map shows, and what would change it.

    Parameters
    ----------
    themes, items, equality
        As in `PriorityMap`.
    more
        Units due, their name, how far the farthest theme is, and titles of the themes that stand apart.

    Returns
    -------
    tuple
        Sentences with places, and the values for them.
    """
    rows = themes.to_dict("records")
    strongest = max(rows, key=lambda row: abs(row["effect"]))
    lowest, highest = (pick(rows, key=lambda row: row["level"]) for pick in (min, max))
    values = {
        "analysed": more["analysed"],
        "needed": more["needed"],
        "farthest": rows[more["farthest"]]["title"],
        "due": more["due"],
        "confidence": 100 * more["confidence"],
        "unit": str(more["unit"]).replace("_", " "),
        "strongest": strongest["title"],
        **{f"strongest_{name}": strongest[name] for name in ("effect", "effect_lower", "effect_upper")},
        "p_level": float(equality["pvalue"].iloc[0]),
        "p_importance": float(equality["pvalue"].iloc[1]),
        "lowest": lowest["title"],
        "lowest_level": lowest["level"],
        "highest": highest["title"],
        "highest_level": highest["level"],
    }
    if more["apart"]:
        values["apart"] = _quoted(more["apart"])
    sentences = [
        *_levels(themes),
        *_importance(themes, values),
        *_places(themes),
        *_items(items, values),
        *(["Not on the map, since more of it need not be better: {apart}."] if more["apart"] else []),
        *_what_would_change_it(values),
    ]
    return sentences, values


def _titles(themes: pd.DataFrame, chosen: pd.Series) -> str:
    return _quoted(list(themes.loc[chosen, "title"]))


def _quoted(titles: list[str]) -> str:
    names = [f"“{title}”" for title in titles]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _levels(themes: pd.DataFrame) -> list[str]:
    said = [
        "People rate the app lowest on “{lowest}” ({lowest_level:d1} of 100) and highest on “{highest}” "
        "({highest_level:d1})."
    ]
    for side, word in ((Side.LOWER, "below"), (Side.HIGHER, "above")):
        chosen = themes["level_side"] == side
        if chosen.any():
            said.append(f"Clearly {word} the average of the themes: {_titles(themes, chosen)}.")
    if (themes["level_side"] == Side.UNCLEAR).all():
        said.append("No theme can be told from the average of the themes.")
    return said


def _importance(themes: pd.DataFrame, values: dict[str, Any]) -> list[str]:
    alone = themes["p_adjusted"] < LEVEL_OF_TEST
    if not alone.any():
        said = [
            "For no theme can these data show that people who rate it higher use the app more afterwards."
        ]
    else:
        more = "more" if (themes.loc[alone, "effect"] > 0).all() else "more or fewer"
        said = [
            f"Taken one at a time, people who rate higher {_titles(themes, alone)} did {more} of the "
            "{due:int} {unit} still due afterwards; the largest difference is {strongest_effect:d2} {unit} "
            "per standard deviation of “{strongest}” ({confidence:int}% interval {strongest_effect_lower:d2} "
            "to {strongest_effect_upper:d2})."
        ]
    sides = {
        word: themes["importance_side"] == side
        for side, word in ((Side.HIGHER, "more"), (Side.LOWER, "less"))
    }
    unlike = values["p_importance"] < LEVEL_OF_TEST
    if unlike:
        said.append("The themes do not go with later use alike (p = {p_importance:p}).")
    elif any(chosen.any() for chosen in sides.values()):
        said.append(
            "As a whole, the differences between the themes are no larger than chance makes them "
            "(p = {p_importance:p}); what follows is a hint at most."
        )
    else:
        said.append(
            "Which theme matters more for staying cannot be told: as a whole, the differences between the "
            "themes are no larger than chance makes them (p = {p_importance:p})."
        )
    for word, chosen in sides.items():
        if chosen.any():
            said.append(
                f"Tied to later use {word} closely than the average theme: {_titles(themes, chosen)}."
            )
    return said


def _places(themes: pd.DataFrame) -> list[str]:
    placed = themes["place"] != Place.UNCLEAR
    if not placed.any():
        return [
            "So the map names no theme to work on first: for none do the intervals allow a place in both "
            "directions. Choose by cost, safety and what people say, not by the order of the points."
        ]
    first = themes["place"] == Place.FIRST
    said = []
    if first.any():
        said.append(
            f"Look first at {_titles(themes, first)}: rated below the average and tied to later use more "
            "closely than the average."
        )
    for place in (Place.KEEP, Place.WAIT, Place.ENOUGH):
        chosen = themes["place"] == place
        if chosen.any():
            said.append(f"{place[0].upper()}{place[1:]}: {_titles(themes, chosen)}.")
    if (~placed).any():
        said.append("The other themes have no sure place on the map.")
    return said


def _items(items: pd.DataFrame, values: dict[str, Any]) -> list[str]:
    values["items"] = len(items)
    sure = items[items["p_adjusted"] < LEVEL_OF_TEST]
    values["items_sure"] = len(sure)
    if sure.empty:
        return ["Of the {items:int} single questions none stands out, after allowing for the number tried."]
    best = max(sure.to_dict("records"), key=lambda row: abs(row["effect"]))
    values.update({"item": best["item"], "item_effect": best["effect"], "item_level": best["level"]})
    return [
        "Single questions that go with later use, after allowing for the {items:int} that were tried: "
        "{items_sure:int}. The closest is {item} ({item_effect:d2} {unit} per standard deviation, level "
        "{item_level:d1} of 100). Questions of one theme go together, so this points to the theme rather "
        "than to the one question."
    ]


def _what_would_change_it(values: dict[str, Any]) -> list[str]:
    said = [
        "These are differences between people, not what a change of the app would bring: people who stay for "
        "other reasons may also rate it higher. A version in which one theme was changed for some people by "
        "lot would show that.",
    ]
    if values["needed"] is not None:
        said.append(
            "What would change this picture: more people. If “{farthest}” is as far from the average "
            "importance as it looks here, about {needed:int} analysed people would show it in four of five "
            "such studies; these are {analysed:int}."
        )
    return said
