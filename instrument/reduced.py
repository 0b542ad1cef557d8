"""An instrument without some of its items: what is left, checked whole."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from instrument.definition import Instrument
from instrument.errors import DefinitionError, fact_and_hint, name_offenders


def without_items(scale: Instrument, left_out: Collection[str]) -> Instrument:
    """Give the instrument without some items, to see what a result owes to them.

    Do not administer it: leaving items out changes what the others are read against.

    Parameters
    ----------
    scale
        The instrument.
    left_out
        Ids of items.

    Returns
    -------
    Instrument
        The others in their order. A theme that no item is left of is gone, from the total also; the version
        says how many items are left out.

    Raises
    ------
    DefinitionError
        An id is none of an item, or no item is left.

    Examples
    --------
    >>> import instrument
    >>> scale = instrument.load("dta")
    >>> shorter = without_items(scale, scale.near_criterion("use"))
    >>> len(scale.items) - len(shorter.items)
    3
    """
    if unknown := sorted(set(left_out) - set(scale.item_ids)):
        fact = f"{name_offenders(unknown)} is no item of instrument {scale.id!r}."
        raise DefinitionError(fact_and_hint("without_items", fact, "see scale.item_ids."))
    if not set(scale.item_ids) - set(left_out):
        fact = f"no item of instrument {scale.id!r} is left."
        raise DefinitionError(fact_and_hint("without_items", fact, "leave fewer out."))
    content = scale.model_dump(mode="json", by_alias=True)
    for theme in content["themes"]:
        theme["items"] = [item for item in theme["items"] if item["id"] not in left_out]
    counted = {
        theme
        for other in content["themes"]
        for item in other["items"]
        for theme in (other["id"], *item["also_in"])
    }
    content["themes"] = [theme for theme in content["themes"] if theme["id"] in counted]
    content["scoring"] = _scoring_of(content["scoring"], counted, scale)
    for wording in content["translations"].values():
        wording["items"] = {key: text for key, text in wording["items"].items() if key not in left_out}
    content["version"] = f"{scale.version} without {len(set(left_out))} items"
    return Instrument.model_validate(content)


def without_themes(scale: Instrument, left_out: Collection[str]) -> Instrument:
    """Give the instrument without some themes; an item that another theme counts too goes over to it.

    Parameters
    ----------
    scale
        The instrument.
    left_out
        Ids of themes.

    Returns
    -------
    Instrument
        The other themes in their order.

    Raises
    ------
    DefinitionError
        An id is none of a theme, or no theme is left.

    Examples
    --------
    >>> import instrument
    >>> [theme.id for theme in without_themes(instrument.load("dta"), ["flexibility"]).themes]
    ['humanness', 'meaningfulness', 'progression', 'using']
    """
    known = [theme.id for theme in scale.themes]
    if unknown := sorted(set(left_out) - set(known)):
        fact = f"{name_offenders(unknown)} is no theme of instrument {scale.id!r}."
        raise DefinitionError(fact_and_hint("without_themes", fact, f"choose among {', '.join(known)}."))
    if not set(known) - set(left_out):
        fact = f"no theme of instrument {scale.id!r} is left."
        raise DefinitionError(fact_and_hint("without_themes", fact, "leave fewer out."))
    content = scale.model_dump(mode="json", by_alias=True)
    kept = {theme["id"]: theme for theme in content["themes"] if theme["id"] not in left_out}
    for theme in content["themes"]:
        for item in list(theme["items"]):
            others = [other for other in item["also_in"] if other in kept]
            if theme["id"] in kept:
                item["also_in"] = others
            elif others:
                kept[others[0]]["items"].append({**item, "also_in": others[1:], "facet": None})
    content["themes"] = list(kept.values())
    left = {item["id"] for theme in content["themes"] for item in theme["items"]}
    content["scoring"] = _scoring_of(content["scoring"], set(kept), scale)
    for wording in content["translations"].values():
        wording["items"] = {key: text for key, text in wording["items"].items() if key in left}
    content["version"] = f"{scale.version} without {', '.join(left_out)}"
    return Instrument.model_validate(content)


def _scoring_of(scoring: dict[str, Any], counted: set[str], scale: Instrument) -> dict[str, Any]:
    total = [theme for theme in scale.total_themes if theme in counted]
    if not total:
        return {**scoring, "total": "none", "total_themes": None}
    named = scoring["total_themes"] is not None
    return {**scoring, "total_themes": total if named else None}
