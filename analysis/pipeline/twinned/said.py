"""What a script that makes numbers again must know of instrument and options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.pipeline.context import Context
from analysis.planning.definition import ORDINAL
from instrument.reading.cells import REASONS

if TYPE_CHECKING:
    from analysis.twins import Twins


def first_wave(context: Context) -> dict[str, str]:
    """The people of the wave on which the structure is estimated."""
    return {"wave": str(context.first_wave)}


def said_of_answers(context: Context) -> dict[str, Any]:
    """Items with their options, codes of missing answers, and the rule of scoring.

    Parameters
    ----------
    context
        The validation, before composite themes are set aside.

    Returns
    -------
    dict
        Plain data; nobody's answers.
    """
    scale, rule = context.scale, context.card.rule
    return {
        "items": {
            item: {
                "reversed": scale.item(item).reverse,
                "codes": list(scale.scale_of(item).codes),
            }
            for item in context.item_ids
        },
        "missing": context.plan.missing,
        "ordinal": context.plan.estimator if context.plan.estimator in ORDINAL else "WLSMV",
        "codes": {str(reason): code for reason, code in scale.missing_codes.items()},
        "reasons": list(REASONS),
        "scoring": {
            "method": rule.method,
            "prorate": rule.prorate_at,
            "rescale": rule.rescale,
            "themes": dict(context.themes),
            "total": list(rule.total_themes),
        },
    }


def add_extremes(
    found: Twins,
    named: dict[str, tuple[str, str, str]],
    rows: Sequence[int] | None = None,
    *,
    exact: bool = False,
) -> None:
    """Add values that are the lowest or highest of a column made again.

    Parameters
    ----------
    found
        Of the section.
    named
        Value to how (`min`, `max`, `largest` in size, `count`), table and column.
    rows
        Rows of the column, all by default.
    exact
        As in `Twin`.
    """
    for value, (how, table, column) in named.items():
        place = None if rows is None else [row + 1 for row in rows]
        found.add("derived", {value: "value"}, exact=exact, how=how, of=table, column=column, at=place)
