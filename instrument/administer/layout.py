"""Which item is shown where: order by policy and stored seed, a few items a page."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from instrument.definition import Instrument
from instrument.store.answers import Placement
from instrument.study import ItemOrder


def order_items(scale: Instrument, policy: str, seed: int) -> list[str]:
    """Order the items.

    Parameters
    ----------
    scale
        The instrument.
    policy
        `fixed`, `within_theme` or `overall`.
    seed
        Kept with the administration, so that the order can be made again.

    Returns
    -------
    list of str
        Item ids.
    """
    draw = random.Random(seed)
    if policy == "overall":
        return draw.sample(scale.item_ids, len(scale.item_ids))
    if policy == "within_theme":
        themes = [[item.id for item in theme.items] for theme in scale.themes]
        return [item for items in themes for item in draw.sample(items, len(items))]
    return list(scale.item_ids)


def page_sizes(n_items: int, per_page: int) -> list[int]:
    """Split items into pages of like size, none above the limit.

    Parameters
    ----------
    n_items, per_page
        How many in all, and at most on a page.

    Returns
    -------
    list of int
        Items on each page.

    Examples
    --------
    >>> page_sizes(13, 6)
    [5, 4, 4]
    """
    pages = math.ceil(n_items / per_page)
    return [n_items // pages + (k < n_items % pages) for k in range(pages)]


def lay_out(scale: Instrument, numbers: Mapping[str, int], order: ItemOrder, seed: int) -> list[Placement]:
    """Place every item.

    Parameters
    ----------
    scale
        The instrument.
    numbers
        Item id to its number in the store.
    order
        Policy and page size of the study.
    seed
        Of this administration.

    Returns
    -------
    list of Placement
        In the order shown.
    """
    pages = [
        page
        for page, size in enumerate(page_sizes(len(scale.item_ids), order.per_page), start=1)
        for _ in range(size)
    ]
    ordered = order_items(scale, order.policy, seed)
    return [
        Placement(numbers[item], place, page)
        for place, (item, page) in enumerate(zip(ordered, pages, strict=True), start=1)
    ]
